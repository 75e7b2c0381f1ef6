/* SPDX-License-Identifier: Apache-2.0 */
/* A key in the TPM as a TLS client's: by the provider, which is built into this program. */
#ifndef ENROLL_MTLS_H
#define ENROLL_MTLS_H

#include <openssl/x509.h>

#include <tpmiot/tpm.h>

struct enroll_mtls;

/*
 * The key and the certificates of NAME, over the connection that is there. tpm is borrowed
 * and outlives it. The key is loaded when it signs.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_mtls_new(struct tpmiot_tpm *tpm, const char *dir,
    const char *name, struct enroll_mtls **out, struct tpmiot_err *err);
void enroll_mtls_free(struct enroll_mtls **mtls);

/* Borrowed. The first certificate is the key's, the others are its issuers. */
EVP_PKEY *enroll_mtls_key(const struct enroll_mtls *mtls);
STACK_OF(X509) *enroll_mtls_certs(const struct enroll_mtls *mtls);

#endif
