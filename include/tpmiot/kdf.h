/* SPDX-License-Identifier: Apache-2.0 */
/* Key derivation and the AES mode that TPM 2.0 builds its protections from (Part 1, clause 11.4).
 */
#ifndef TPMIOT_KDF_H
#define TPMIOT_KDF_H

#include <openssl/evp.h>
#include <tss2/tss2_tpm2_types.h>

#include <tpmiot/buf.h>
#include <tpmiot/public.h>

/* A borrowed piece of bytes. */
struct tpmiot_bytes {
	const void *data;
	size_t len;
};

/* KDFa (Part 1, clause 11.4.10.2): out_len bytes; label without its NUL. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_kdfa(OSSL_LIB_CTX *libctx, TPMI_ALG_HASH alg,
    struct tpmiot_bytes key, const char *label, struct tpmiot_bytes context_u,
    struct tpmiot_bytes context_v, uint8_t *out, size_t out_len, struct tpmiot_err *err);

/* KDFe (Part 1, clause 11.4.10.3). */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_kdfe(OSSL_LIB_CTX *libctx, TPMI_ALG_HASH alg,
    struct tpmiot_bytes z, const char *label, struct tpmiot_bytes party_u,
    struct tpmiot_bytes party_v, uint8_t *out, size_t out_len, struct tpmiot_err *err);

/* HMAC over up to n pieces. out has room for TPM2_SHA512_DIGEST_SIZE; *out_len is what it took. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_hmac(OSSL_LIB_CTX *libctx, TPMI_ALG_HASH alg,
    struct tpmiot_bytes key, const struct tpmiot_bytes *parts, size_t n, uint8_t *out,
    size_t *out_len, struct tpmiot_err *err);

/*
 * An HMAC keyed once and used often: after the first use EVP_MAC_init() without a key starts the
 * next one. The caller frees it. NULL: unknown hash, or libcrypto failed.
 */
EVP_MAC_CTX *tpmiot_hmac_new(OSSL_LIB_CTX *libctx, TPMI_ALG_HASH alg, struct tpmiot_bytes key);

/*
 * The secret of a point that TPM2_ECDH_ZGen gave: appends its x coordinate (SP 800-56A, section
 * 5.7.1.2), in the curve's size. TPMIOT_E_TPM for a point without coordinates, which to tpm2-tss
 * an answer that makes no sense may be, or with some that are too long.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_ecdh_secret(const TPMS_ECC_POINT *made, TPMI_ECC_CURVE curve,
    struct tpmiot_buf *out, struct tpmiot_err *err);

/* AES-CFB-128 in place; key of 16, 24 or 32 bytes, iv of 16. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_aes_cfb(OSSL_LIB_CTX *libctx, bool encrypt,
    struct tpmiot_bytes key, const uint8_t iv[16], uint8_t *data, size_t len,
    struct tpmiot_err *err);

/*
 * A secret shared with the holder of the restricted decryption key pub
 * (Part 1, annexes B.10.2 and C.6.3): RSA-OAEP of a random secret, or an
 * ephemeral ECDH share, each with the label ("SECRET" for a session's salt,
 * "IDENTITY" for MakeCredential, "DUPLICATE"). The secret is as long as the
 * key's nameAlg; `encrypted` is the content of a TPM2B_ENCRYPTED_SECRET.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_secret_share(OSSL_LIB_CTX *libctx,
    const struct tpmiot_public *pub, const char *label, TPM2B_DIGEST *secret,
    TPM2B_ENCRYPTED_SECRET *encrypted, struct tpmiot_err *err);

#endif
