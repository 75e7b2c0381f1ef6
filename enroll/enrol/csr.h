/* SPDX-License-Identifier: Apache-2.0 */
/* A PKCS #10 request (RFC 2986) that a TPM key signs itself. */
#ifndef ENROLL_CSR_H
#define ENROLL_CSR_H

#include <tpmiot/key.h>

/*
 * Appends the DER of a request for key, signed by it. The subject is empty:
 * the CA's policy decides it (doc/PROTOCOL.md). ECDSA with SHA-256 or, for
 * P-384, SHA-384; RSA as PKCS #1 v1.5 with SHA-256. One TPM2_Sign.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_csr_make(
    struct tpmiot_key *key, struct tpmiot_buf *out, struct tpmiot_err *err);

/* ---- Its two halves, apart from the TPM, for the tests ---------------------- */

/* What a key of this kind signs its request with, for the TPM and for X.509. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_csr_scheme(
    const TPMT_PUBLIC *area, TPMT_SIG_SCHEME *scheme, int *nid, struct tpmiot_err *err);

/* Signs msg; appends the signature in OpenSSL's form. */
typedef enum tpmiot_rc enroll_csr_sign_fn(
    void *arg, const void *msg, size_t len, struct tpmiot_buf *signature, struct tpmiot_err *err);

TPMIOT_MUST_USE enum tpmiot_rc enroll_csr_build(EVP_PKEY *pkey, int nid, enroll_csr_sign_fn *sign,
    void *arg, struct tpmiot_buf *out, struct tpmiot_err *err);

#endif
