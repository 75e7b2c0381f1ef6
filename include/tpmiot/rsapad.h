/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RSA padding in software (RFC 8017), around the bare RSA operation of a TPM
 * (TPM2_RSA_Decrypt without a scheme): for what the TPM does not pad itself, and
 * so that nobody learns from a TPM's answer whether a padding was right.
 */
#ifndef TPMIOT_RSAPAD_H
#define TPMIOT_RSAPAD_H

#include <openssl/evp.h>

#include <tpmiot/buf.h>
#include <tpmiot/kdf.h>

/* Largest modulus that is served, in bytes. */
#define TPMIOT_RSA_MAX_BYTES 512

#define TPMIOT_TLS_PREMASTER_LEN 48

/*
 * Appends the message of a block of PKCS #1 v1.5 (section 7.2.2). A wrong padding
 * is no error: it gives a message that looks like any other and is the same each
 * time for the same ciphertext (implicit rejection). `secret` is known to the
 * key's holder alone, 32 bytes; em and ciphertext are as long as the modulus.
 * Takes the same time and memory accesses whatever the padding is; the message's
 * length shows.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_rsapad_pkcs1_decode(OSSL_LIB_CTX *libctx,
    struct tpmiot_bytes secret, struct tpmiot_bytes ciphertext, struct tpmiot_bytes em,
    struct tpmiot_buf *out, struct tpmiot_err *err);

/*
 * The same for a TLS premaster secret (RFC 5246, section 7.4.7.1): what is not one,
 * or was made for another version than `version` (or `alternative`, if that is
 * not 0), becomes random. Nothing shows.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_rsapad_tls_decode(OSSL_LIB_CTX *libctx,
    struct tpmiot_bytes em, unsigned int version, unsigned int alternative,
    uint8_t out[TPMIOT_TLS_PREMASTER_LEN], struct tpmiot_err *err);

/*
 * Appends the message of an OAEP block (section 7.1.2, step 3). One error, and one
 * time, for all that can be wrong (TPMIOT_E_VERIFY).
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_rsapad_oaep_decode(const EVP_MD *md, const EVP_MD *mgf1,
    struct tpmiot_bytes label, struct tpmiot_bytes em, struct tpmiot_buf *out,
    struct tpmiot_err *err);

/*
 * Appends the block that a PSS signature is made of (section 9.1.1), as long as
 * a modulus of `bits` bits, with a random salt of salt_len bytes.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_rsapad_pss_encode(OSSL_LIB_CTX *libctx, const EVP_MD *md,
    const EVP_MD *mgf1, struct tpmiot_bytes digest, size_t salt_len, size_t bits,
    struct tpmiot_buf *out, struct tpmiot_err *err);

/* Appends the block of a PKCS #1 v1.5 signature (section 9.2); md NULL: of `digest` as it is. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_rsapad_pkcs1_encode(const EVP_MD *md,
    struct tpmiot_bytes digest, size_t bits, struct tpmiot_buf *out, struct tpmiot_err *err);

#endif
