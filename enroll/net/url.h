/* SPDX-License-Identifier: Apache-2.0 */
/* What --server may be. */
#ifndef ENROLL_URL_H
#define ENROLL_URL_H

#include <stdbool.h>

#include <tpmiot/err.h>

/*
 * Whether it is an https:// URL to which the protocol's paths can be added: no
 * user, query or fragment. TPMIOT_E_USAGE says what is wrong with it, and why.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_url_check(const char *server, struct tpmiot_err *err);

/* Whether two such URLs name one server: case, the default port and a slash at the end apart. */
bool enroll_url_same(const char *a, const char *b);

#endif
