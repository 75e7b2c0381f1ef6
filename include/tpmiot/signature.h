/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures: the TPM's form (TPMT_SIGNATURE), OpenSSL's form, and whether one holds. */
#ifndef TPMIOT_SIGNATURE_H
#define TPMIOT_SIGNATURE_H

#include <openssl/evp.h>
#include <tss2/tss2_tpm2_types.h>

#include <tpmiot/buf.h>
#include <tpmiot/public.h>

/* Parses a TPMT_SIGNATURE of RSASSA, RSAPSS or ECDSA, exactly (no trailing bytes). */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_signature_parse(
    const uint8_t *data, size_t len, TPMT_SIGNATURE *out, struct tpmiot_err *err);

/* Appends the marshalled TPMT_SIGNATURE. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_signature_put(
    const TPMT_SIGNATURE *sig, struct tpmiot_buf *out, struct tpmiot_err *err);

/*
 * Appends what OpenSSL calls the signature: ECDSA-Sig-Value in DER (RFC 3279
 * section 2.2.3), or the RSA octets.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_signature_put_openssl(
    const TPMT_SIGNATURE *sig, struct tpmiot_buf *out, struct tpmiot_err *err);

/*
 * Whether sig is the key's signature over msg. The key's own scheme and hash
 * (area.parameters) must be the ones of the signature; a key without a scheme
 * takes any of its type. TPMIOT_E_VERIFY when it does not hold, with the reason.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_signature_verify(OSSL_LIB_CTX *libctx,
    const struct tpmiot_public *key, const TPMT_SIGNATURE *sig, const void *msg, size_t len,
    struct tpmiot_err *err);

/*
 * The same over a digest, for a TPM's own answer: any scheme will do that the signature names.
 *
 * Setting OpenSSL up takes about as long as verifying an RSA signature, so it is kept: in *kept,
 * for the caller to hand in again with this key, and with no other; NULL at first. The next one is
 * made with it, or if that is of another scheme or hash, it is set up anew. By one thread at a
 * time.
 */
struct tpmiot_verifier;
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_signature_verify_digest(OSSL_LIB_CTX *libctx, EVP_PKEY *key,
    const TPMT_SIGNATURE *sig, const TPM2B_DIGEST *digest, struct tpmiot_verifier **kept,
    struct tpmiot_err *err);
void tpmiot_verifier_free(struct tpmiot_verifier **verifier); /* and NULLs it */

#endif
