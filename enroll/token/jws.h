/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON Web Signature by a key in the TPM: the header, and one signature. */
#ifndef ENROLL_TOKEN_JWS_H
#define ENROLL_TOKEN_JWS_H

#include <jansson.h>

#include <tpmiot/jws.h>
#include <tpmiot/key.h>

/*
 * What --alg says, or what fits the key if it says nothing. TPMIOT_E_USAGE: unknown, or
 * none of this key's; the text says what fits.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_jws_alg(const char *name, const EVP_PKEY *key,
    const struct tpmiot_jws_alg **out, struct tpmiot_err *err);

/*
 * Appends the compact serialization. alg and kid, the hexadecimal SHA-256 of the key's SPKI, come
 * first in the header, then what is in `more` (borrowed). Sends what tpmiot_key_sign_message()
 * does: two commands for a wrapped key under a persistent parent, and the flush. What the TPM
 * answers is verified as the reader will: TPMIOT_E_UNSUPPORTED for a PS256 of a TPM that salts
 * otherwise than RFC 7518 wants.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_jws_sign(struct tpmiot_key *key,
    const struct tpmiot_jws_alg *alg, json_t *more, const void *payload, size_t len,
    struct tpmiot_buf *out, struct tpmiot_err *err);

#endif
