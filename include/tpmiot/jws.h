/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Web Signatures in their compact form (RFC 7515 section 7.1), as far as no JSON is
 * involved: the algorithms (RFC 7518 section 3) that a TPM has, the signature's bytes, and
 * whether one holds. What the header and the payload say is their reader's to look at.
 */
#ifndef TPMIOT_JWS_H
#define TPMIOT_JWS_H

#include <openssl/evp.h>
#include <tss2/tss2_tpm2_types.h>

#include <tpmiot/buf.h>

#define TPMIOT_JWS_MAX (1024 * 1024) /* of the whole text; a message may be signed, too */

/* "ES256" and the like. There is no "none" and no algorithm with a shared secret. */
struct tpmiot_jws_alg;

/* NULL: none of ours. */
const struct tpmiot_jws_alg *tpmiot_jws_alg_find(const char *name);
const char *tpmiot_jws_alg_name(const struct tpmiot_jws_alg *alg);

/* Whether alg is one of those of the key: its type, for EC its very curve (RFC 7518 section 3.4).
 */
bool tpmiot_jws_alg_fits(const struct tpmiot_jws_alg *alg, const EVP_PKEY *key);
/* What fits a key ("RS256 or PS256"), for messages; NULL: nothing does. */
const char *tpmiot_jws_algs_of(const EVP_PKEY *key);
/* What to sign with where nobody says; NULL: nothing fits. */
const struct tpmiot_jws_alg *tpmiot_jws_alg_default(const EVP_PKEY *key);

/* The TPM's scheme for it. */
TPMT_SIG_SCHEME tpmiot_jws_scheme(const struct tpmiot_jws_alg *alg);

/*
 * Appends "HEADER.PAYLOAD", which is what is signed; "." and the signature follow
 * (tpmiot_jws_put_signature()). Both are bytes that become base64url.
 */
void tpmiot_jws_put_input(const void *header, size_t header_len, const void *payload,
    size_t payload_len, struct tpmiot_buf *out);
/* Appends "." and what the TPM answered: RSA octets, or R and S side by side in the curve's size.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_jws_put_signature(const struct tpmiot_jws_alg *alg,
    const TPMT_SIGNATURE *sig, struct tpmiot_buf *out, struct tpmiot_err *err);

struct tpmiot_jws {
	const char *text; /* borrowed: what is signed are its first input_len bytes */
	size_t input_len;
	struct tpmiot_buf header; /* JSON, not looked at */
	struct tpmiot_buf payload;
	struct tpmiot_buf signature;
};

/*
 * Takes a compact serialization apart: three parts of strict base64url, none but the payload
 * empty. TPMIOT_E_FORMAT. *out starts as { 0 }; tpmiot_jws_clear() it.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_jws_parse(
    const char *text, size_t len, struct tpmiot_jws *out, struct tpmiot_err *err);
void tpmiot_jws_clear(struct tpmiot_jws *jws);

/*
 * Whether key signed it by alg. TPMIOT_E_VERIFY: alg is none of the key's (which is looked at
 * first, so that no header chooses how a key is used), or the signature does not hold.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_jws_verify(const struct tpmiot_jws *jws,
    const struct tpmiot_jws_alg *alg, EVP_PKEY *key, struct tpmiot_err *err);

#endif
