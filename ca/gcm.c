/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/gcm.h"

#include <openssl/evp.h>

enum tpmiot_rc
ca_gcm(OSSL_LIB_CTX *libctx, const uint8_t key[CA_GCM_KEY_LEN], const uint8_t iv[CA_GCM_IV_LEN],
    struct tpmiot_bytes aad, uint8_t *data, size_t len, uint8_t tag[CA_GCM_TAG_LEN], bool encrypt,
    struct tpmiot_err *err)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(libctx, "AES-256-GCM", NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	enum tpmiot_rc rc = TPMIOT_OK;
	int n;

	if (cipher == NULL || ctx == NULL || len > INT32_MAX || aad.len > INT32_MAX ||
	    EVP_CipherInit_ex2(ctx, cipher, key, iv, encrypt, NULL) != 1 ||
	    EVP_CipherUpdate(ctx, NULL, &n, aad.data, (int)aad.len) != 1 ||
	    EVP_CipherUpdate(ctx, data, &n, data, (int)len) != 1 ||
	    (!encrypt && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, CA_GCM_TAG_LEN, tag) != 1))
		rc = tpmiot_err_crypto(err, "AES-256-GCM failed");
	else if (EVP_CipherFinal_ex(ctx, data + len, &n) != 1)
		rc = tpmiot_err_set(
		    err, TPMIOT_E_VERIFY, "it was not encrypted with this key, or was changed");
	else if (encrypt &&
	         EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, CA_GCM_TAG_LEN, tag) != 1)
		rc = tpmiot_err_crypto(err, "AES-256-GCM failed");
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(cipher);
	return rc;
}
