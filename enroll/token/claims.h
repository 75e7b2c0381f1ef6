/* SPDX-License-Identifier: Apache-2.0 */
/* What a JWT says (RFC 7519 section 4). Pure. */
#ifndef ENROLL_TOKEN_CLAIMS_H
#define ENROLL_TOKEN_CLAIMS_H

#include <stddef.h>

#include <tpmiot/buf.h>

#include "enroll/cmd/opts.h"

struct enroll_claims {
	const char *audience;
	const char *subject; /* NULL or "": not said */
	int64_t issued;
	int64_t expires;
	const struct enroll_words *more; /* NAME=TEXT, or NAME:=JSON; may be NULL */
};

/*
 * Appends the JSON. TPMIOT_E_USAGE: one of `more` has neither form, repeats a name, or is a claim
 * that has an option of its own.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_claims_put(
    const struct enroll_claims *claims, struct tpmiot_buf *out, struct tpmiot_err *err);

#endif
