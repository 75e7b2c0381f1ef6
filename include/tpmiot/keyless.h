/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate requests read without decoding their key. OpenSSL 3.0 asks all decoders that it has
 * about every key, which takes longer than verifying what the key signed; and whoever has the
 * TPM's public area has the key already, and only compares.
 */
#ifndef TPMIOT_KEYLESS_H
#define TPMIOT_KEYLESS_H

#include <openssl/x509.h>

/*
 * As d2i_X509_REQ(NULL, ...): NULL if it is none, and *p behind it if it is; but
 * X509_REQ_get0_pubkey() is NULL. The caller owns it.
 */
X509_REQ *tpmiot_keyless_req(const uint8_t **p, size_t len);

/* The key after all; NULL if libcrypto cannot read it. The caller owns it. */
EVP_PKEY *tpmiot_keyless_pubkey(OSSL_LIB_CTX *libctx, const X509_PUBKEY *spki);

#endif
