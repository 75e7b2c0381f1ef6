/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One RSA encryption or decryption. `soft` is an operation in the private
 * library context, as with signatures (sig.h): it holds the parameters,
 * encrypts, and decrypts with software keys.
 */
#ifndef PROVIDER_CIPHER_H
#define PROVIDER_CIPHER_H

#include "pkey.h"

struct prov_cipher {
	struct prov_ctx *prov;
	struct prov_pkey *key;
	EVP_PKEY_CTX *soft;
	bool decrypting;
};

/* Whether the private half is in the TPM and asked for. */
static inline bool
prov_cipher_in_tpm(const struct prov_cipher *op)
{
	return op->decrypting && op->key->tpm != NULL;
}

/* Whether this is RSA key exchange in TLS: 48 bytes come out, whatever went in. */
bool prov_cipher_is_tls(const struct prov_cipher *op);

/* Decrypts by the TPM; see OSSL_FUNC_asym_cipher_decrypt. */
int prov_tpm_decrypt(struct prov_cipher *op, unsigned char *out, size_t *out_len, size_t out_size,
    const unsigned char *in, size_t len);

#endif
