/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON Web Token taken apart (RFC 7519), and what its claims allow. Pure. */
#ifndef CA_JWT_H
#define CA_JWT_H

#include <jansson.h>

#include <tpmiot/jws.h>

#include "ca/token/bearer.h"

/* The header of a JWS, as far as a reader of ours looks at it. Nothing in it is a key. */
struct ca_jose {
	const struct tpmiot_jws_alg *alg;
	bool has_key; /* kid is the SHA-256 of a key's SPKI, as tpmiot-enroll writes it */
	uint8_t key_spki[CA_SHA256_LEN];
	char typ[8]; /* "" if it is not said, or is longer than any of ours */
	bool has_typ;
	int64_t issued; /* "iat" in the header (RFC 7519 section 5.3); -1: not said */
};

/*
 * TPMIOT_E_FORMAT: no JSON, no alg. TPMIOT_E_VERIFY: an alg that is none of ours ("none", HS256: a
 * public key is no shared secret), or something critical that nobody here understands.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_jose_parse(
    const struct tpmiot_buf *header, struct ca_jose *out, struct tpmiot_err *err);

/* Starts as { 0 }; ca_jwt_clear() it. */
struct ca_jwt {
	struct tpmiot_jws jws;
	struct ca_jose jose;
	json_t *claims;
	const char *sub; /* borrowed from claims; NULL: not said */
	int64_t iat, exp;
	int64_t nbf; /* iat if it is not said */
};

/*
 * The text is borrowed as long as *out is used. TPMIOT_E_FORMAT: no JWT, or one without iat or exp;
 * TPMIOT_E_VERIFY as ca_jose_parse(), or a JWS that says it is something else than a JWT: what a
 * device signs as a message must not become a token (RFC 8725 section 3.11). The signature has not
 * been looked at then.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_jwt_parse(
    struct tpmiot_bytes text, struct ca_jwt *out, struct tpmiot_err *err);
void ca_jwt_clear(struct ca_jwt *jwt);

/* Times and audience (RFC 7519 section 4.1). TPMIOT_E_POLICY, which names the claim. */
TPMIOT_MUST_USE enum tpmiot_rc ca_jwt_check_claims(
    const struct ca_jwt *jwt, const struct ca_bearer_asked *asked, struct tpmiot_err *err);

#endif
