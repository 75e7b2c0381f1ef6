/* SPDX-License-Identifier: Apache-2.0 */
/* What --server may be. */
#ifndef ENROLL_URL_H
#define ENROLL_URL_H

#include <tpmiot/err.h>

/*
 * Whether it is an https:// URL to which the protocol's paths can be added: no
 * user, query or fragment. TPMIOT_E_USAGE says what is wrong with it, and why.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_url_check(const char *server, struct tpmiot_err *err);

#endif
