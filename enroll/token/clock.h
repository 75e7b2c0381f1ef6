/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether this device's clock is one to sign by. A token with a wrong time in it is refused by
 * whom it is for, who cannot say why; so it is said here, and not signed.
 */
#ifndef ENROLL_TOKEN_CLOCK_H
#define ENROLL_TOKEN_CLOCK_H

#include <openssl/x509.h>

#include "enroll/cmd/cli.h"
#include "enroll/net/server.h"

#define ENROLL_CLOCK_OFF 60 /* seconds that nobody minds */

/*
 * By what is here: the time of the key's certificate (NULL: it has none), and that it cannot be
 * earlier than this program. TPMIOT_E_POLICY, saying what to do. No network.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_clock_check(
    const X509 *leaf, int64_t now, struct tpmiot_err *err);

/* The same by a time that the device was given: it cannot be earlier by now. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_clock_check_since(
    int64_t since, int64_t now, struct tpmiot_err *err);

/* By the clock of the CA that the device enrolled with, which is asked. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_clock_ask(
    const struct enroll_env *env, int64_t now, struct tpmiot_err *err);

/* The same of another server. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_clock_ask_server(
    const char *dir, struct enroll_server *server, int64_t now, struct tpmiot_err *err);

/* Pure: the comparison, `theirs` 0 for a CA that did not say. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_clock_compare(
    int64_t now, int64_t theirs, struct tpmiot_err *err);

#endif
