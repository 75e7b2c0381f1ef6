/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who else may read or write the files that a CA is made of. As sshd does with its host keys, what
 * is not kept to its owner is refused and not warned of: a key that anybody could have read is no
 * CA's, and who may write the configuration is the CA.
 */
#ifndef CA_GUARD_H
#define CA_GUARD_H

#include "ca/config/config.h"

/*
 * The configuration at `path`, its directory, and all that it includes. TPMIOT_E_PERM: others may
 * write to one of them. TPMIOT_E_NOT_FOUND: there is none. TPMIOT_E_FORMAT: a .include that does
 * not name a file or directory by its whole path, so that it could be looked at.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_guard_config(const char *path, struct tpmiot_err *err);

/*
 * The n-th of the values that name files with secrets; NULL behind the last. They may be empty, or
 * URIs.
 */
const char *ca_guard_secret(const struct ca_config *config, size_t n);

/*
 * TPMIOT_E_PERM: it is a file, relative to `dir`, that others than its owner may write or others
 * than owner and group read. What is no file, or not there, is not for us to judge.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_guard_private(
    const char *dir, const char *value, struct tpmiot_err *err);

/* TPMIOT_E_PERM: others may write to this program. */
TPMIOT_MUST_USE enum tpmiot_rc ca_guard_program(const char *path, struct tpmiot_err *err);

/* All that a server relies on but the configuration: secrets, hook. */
TPMIOT_MUST_USE enum tpmiot_rc ca_guard_all(const struct ca_config *config, struct tpmiot_err *err);

#endif
