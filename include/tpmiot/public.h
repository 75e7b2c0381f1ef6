/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TPM public area: the bytes as they came, what they mean, and their Name.
 *
 * The Name (TPM 2.0 Part 1, clause 16) is always computed here, over the raw
 * bytes, and never taken from anybody. The outer size of a TPM2B is checked
 * against what is there and what is consumed, because Tss2_MU does not.
 */
#ifndef TPMIOT_PUBLIC_H
#define TPMIOT_PUBLIC_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <tss2/tss2_tpm2_types.h>

#include <tpmiot/buf.h>

#define TPMIOT_SPKI_SHA256_LEN 32

/* Plain data: may be copied. */
struct tpmiot_public {
	TPMT_PUBLIC area;
	TPM2B_NAME name; /* nameAlg ‖ digest over raw */
	uint16_t raw_len;
	uint8_t raw[sizeof(TPMT_PUBLIC)]; /* TPMT_PUBLIC, marshalled, no size field */
};

/*
 * Parses a whole TPM2B_PUBLIC, its 2-byte size included. TPMIOT_E_FORMAT for a
 * wrong size, trailing bytes or an unknown structure; TPMIOT_E_UNSUPPORTED for
 * a nameAlg we cannot compute.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_public_parse(OSSL_LIB_CTX *libctx, const uint8_t *tpm2b,
    size_t len, struct tpmiot_public *out, struct tpmiot_err *err);

/* Marshals an area that we (or the TPM) made, and computes its Name. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_public_from_area(OSSL_LIB_CTX *libctx,
    const TPMT_PUBLIC *area, struct tpmiot_public *out, struct tpmiot_err *err);

/* Appends the TPM2B_PUBLIC, with its size. */
void tpmiot_public_put(const struct tpmiot_public *pub, struct tpmiot_buf *out);

/*
 * The public key for use in software. Refuses points that are not on their
 * curve and exponents that are even or below 3 (0 means 65537: Part 2, clause
 * 12.2.3.5). The caller owns *out.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_public_to_pkey(
    OSSL_LIB_CTX *libctx, const struct tpmiot_public *pub, EVP_PKEY **out, struct tpmiot_err *err);

/* Whether pub and pkey are the same public key. */
bool tpmiot_public_is_key(
    OSSL_LIB_CTX *libctx, const struct tpmiot_public *pub, const EVP_PKEY *pkey);

/*
 * Its SubjectPublicKeyInfo (into a new one, or a certificate's), points uncompressed, and the
 * fingerprint of that: tpmiot_spki_sha256() of the key, without making the key. Nor is looked
 * whether a point is on its curve: that is for tpmiot_public_to_pkey() and keyrules.h.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_public_set_spki(
    const struct tpmiot_public *pub, X509_PUBKEY *out, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_public_spki_sha256(OSSL_LIB_CTX *libctx,
    const struct tpmiot_public *pub, uint8_t out[TPMIOT_SPKI_SHA256_LEN], struct tpmiot_err *err);

/*
 * Whether that is this SubjectPublicKeyInfo, to the byte: then it is the same key. If not, it may
 * be written in another way (a compressed point): tpmiot_public_is_key() says.
 */
bool tpmiot_public_has_spki(const struct tpmiot_public *pub, const X509_PUBKEY *spki);

/* Whether it is a key for HMACs, which has no public half: only its Name says which one. */
bool tpmiot_public_is_hmac_key(const struct tpmiot_public *pub);

/*
 * Fills a SubjectPublicKeyInfo (a new one, or a certificate's) with an RSA or EC key, its point
 * uncompressed. TPMIOT_E_UNSUPPORTED: a key of another kind; *out may be half filled then.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_spki_set(
    X509_PUBKEY *out, const EVP_PKEY *pkey, struct tpmiot_err *err);

/* SHA-256 of the key's SubjectPublicKeyInfo (DER): how devices and keys are referred to. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_spki_sha256(OSSL_LIB_CTX *libctx, const EVP_PKEY *pkey,
    uint8_t out[TPMIOT_SPKI_SHA256_LEN], struct tpmiot_err *err);

#endif
