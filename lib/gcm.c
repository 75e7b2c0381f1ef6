/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <openssl/rand.h>

#include <tpmiot/gcm.h>

enum tpmiot_rc
tpmiot_gcm(OSSL_LIB_CTX *libctx, bool encrypt, const uint8_t key[TPMIOT_GCM_KEY_LEN],
    const uint8_t iv[TPMIOT_GCM_IV_LEN], struct tpmiot_bytes aad, uint8_t *data, size_t len,
    uint8_t tag[TPMIOT_GCM_TAG_LEN], struct tpmiot_err *err)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(libctx, "AES-256-GCM", NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	enum tpmiot_rc rc = TPMIOT_OK;
	int n;

	if (cipher == NULL || ctx == NULL || len > INT32_MAX || aad.len > INT32_MAX ||
	    EVP_CipherInit_ex2(ctx, cipher, key, iv, encrypt, NULL) != 1 ||
	    (aad.len > 0 && EVP_CipherUpdate(ctx, NULL, &n, aad.data, (int)aad.len) != 1) ||
	    EVP_CipherUpdate(ctx, data, &n, data, (int)len) != 1 ||
	    (!encrypt &&
	        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TPMIOT_GCM_TAG_LEN, tag) != 1))
		rc = tpmiot_err_crypto(err, "AES-256-GCM failed");
	else if (EVP_CipherFinal_ex(ctx, data + len, &n) != 1)
		rc = tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "AES-256-GCM: it was sealed with another key, or changed");
	else if (encrypt &&
	         EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TPMIOT_GCM_TAG_LEN, tag) != 1)
		rc = tpmiot_err_crypto(err, "AES-256-GCM failed");
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(cipher);
	return rc;
}

enum tpmiot_rc
tpmiot_gcm_seal(OSSL_LIB_CTX *libctx, const uint8_t key[TPMIOT_GCM_KEY_LEN],
    struct tpmiot_bytes aad, struct tpmiot_bytes text, struct tpmiot_buf *out,
    struct tpmiot_err *err)
{
	struct tpmiot_buf made = TPMIOT_BUF_INIT;
	uint8_t iv[TPMIOT_GCM_IV_LEN], tag[TPMIOT_GCM_TAG_LEN];
	enum tpmiot_rc rc;

	if (RAND_bytes_ex(libctx, iv, sizeof(iv), 0) != 1)
		return tpmiot_err_crypto(err, "no random bytes");
	tpmiot_buf_put(&made, iv, sizeof(iv));
	tpmiot_buf_put(&made, text.data, text.len);
	rc = tpmiot_buf_done(&made, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_gcm(
		    libctx, true, key, iv, aad, made.data + sizeof(iv), text.len, tag, err);
	if (rc == TPMIOT_OK) {
		tpmiot_buf_put(out, made.data, made.len);
		tpmiot_buf_put(out, tag, sizeof(tag));
		rc = tpmiot_buf_done(out, err);
	}
	tpmiot_buf_free(&made);
	return rc;
}

enum tpmiot_rc
tpmiot_gcm_open(OSSL_LIB_CTX *libctx, const uint8_t key[TPMIOT_GCM_KEY_LEN],
    struct tpmiot_bytes aad, struct tpmiot_bytes sealed, struct tpmiot_buf *out,
    struct tpmiot_err *err)
{
	struct tpmiot_buf made = TPMIOT_BUF_INIT;
	const uint8_t *at = sealed.data;
	uint8_t tag[TPMIOT_GCM_TAG_LEN];
	enum tpmiot_rc rc;
	size_t len;

	if (sealed.len <= TPMIOT_GCM_OVERHEAD)
		return tpmiot_err_set(err, TPMIOT_E_VERIFY, "AES-256-GCM: it is cut short");
	len = sealed.len - TPMIOT_GCM_OVERHEAD;
	tpmiot_buf_put(&made, at + TPMIOT_GCM_IV_LEN, len);
	memcpy(tag, at + sealed.len - sizeof(tag), sizeof(tag));
	rc = tpmiot_buf_done(&made, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_gcm(libctx, false, key, at, aad, made.data, len, tag, err);
	if (rc == TPMIOT_OK) {
		tpmiot_buf_put(out, made.data, made.len);
		rc = tpmiot_buf_done(out, err);
	}
	tpmiot_buf_free(&made);
	return rc;
}
