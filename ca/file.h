/* SPDX-License-Identifier: Apache-2.0 */
/* Files that the CA's commands read and make. */
#ifndef CA_FILE_H
#define CA_FILE_H

#include <sys/types.h>

#include <tpmiot/buf.h>

/* Appends a whole file of at most max bytes; TPMIOT_E_FORMAT if it is larger. */
TPMIOT_MUST_USE enum tpmiot_rc ca_file_read(
    const char *path, size_t max, struct tpmiot_buf *out, struct tpmiot_err *err);

/*
 * Replaces DIR/name as a whole or not at all, durably. Root leaves it to the directory's owner.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_file_write(const char *dir, const char *name,
    const struct tpmiot_buf *data, mode_t mode, struct tpmiot_err *err);

/* Takes away what interrupted runs of the above left; only where nobody writes the file now. */
void ca_file_clean(const char *dir, const char *name);

/* Whether DIR/name is there. */
bool ca_file_exists(const char *dir, const char *name);

#endif
