/* SPDX-License-Identifier: Apache-2.0 */
/* Paddings of signatures put on; and MGF1. */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#include "rsapad.h"

/* 00 01, at least eight bytes ff, 00. */
#define PKCS1_SIGN_OVERHEAD 11

bool
rsapad_mgf1_xor(const EVP_MD *md, struct tpmiot_bytes seed, uint8_t *data, size_t len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t block[EVP_MAX_MD_SIZE], counter[4];
	unsigned int size = 0;
	bool ok = ctx != NULL;

	for (uint32_t n = 0; ok && len > 0; n++) {
		for (int i = 0; i < 4; i++)
			counter[i] = (uint8_t)(n >> (24 - 8 * i));
		ok = EVP_DigestInit_ex2(ctx, md, NULL) &&
		     EVP_DigestUpdate(ctx, seed.data, seed.len) &&
		     EVP_DigestUpdate(ctx, counter, sizeof(counter)) &&
		     EVP_DigestFinal_ex(ctx, block, &size);
		for (size_t i = 0; ok && i < size && len > 0; i++, len--)
			*data++ ^= block[i];
	}
	OPENSSL_cleanse(block, sizeof(block));
	EVP_MD_CTX_free(ctx);
	return ok;
}

/* ---- PSS ------------------------------------------------------------------------------------- */

/* H = Hash(00 00 00 00 00 00 00 00 ‖ digest ‖ salt). */
static bool
pss_hash(const EVP_MD *md, struct tpmiot_bytes digest, const uint8_t *salt, size_t salt_len,
    uint8_t *out)
{
	static const uint8_t zeros[8] = { 0 };
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx != NULL && EVP_DigestInit_ex2(ctx, md, NULL) &&
	          EVP_DigestUpdate(ctx, zeros, sizeof(zeros)) &&
	          EVP_DigestUpdate(ctx, digest.data, digest.len) &&
	          EVP_DigestUpdate(ctx, salt, salt_len) && EVP_DigestFinal_ex(ctx, out, NULL);

	EVP_MD_CTX_free(ctx);
	return ok;
}

/* em: zeros, len bytes; the salt is drawn into its place and masked there. */
static bool
pss_fill(OSSL_LIB_CTX *libctx, const EVP_MD *md, const EVP_MD *mgf1, struct tpmiot_bytes digest,
    size_t salt_len, size_t em_bits, uint8_t *em, size_t len)
{
	size_t db_len = len - digest.len - 1;
	uint8_t *salt = em + db_len - salt_len, *hash = em + db_len;
	struct tpmiot_bytes seed = { hash, digest.len };

	if ((salt_len > 0 && RAND_bytes_ex(libctx, salt, salt_len, 0) != 1) ||
	    !pss_hash(md, digest, salt, salt_len, hash))
		return false;
	salt[-1] = 1;
	if (!rsapad_mgf1_xor(mgf1, seed, em, db_len))
		return false;
	em[0] &= (uint8_t)(0xff >> (8 * len - em_bits));
	em[len - 1] = 0xbc;
	return true;
}

enum tpmiot_rc
tpmiot_rsapad_pss_encode(OSSL_LIB_CTX *libctx, const EVP_MD *md, const EVP_MD *mgf1,
    struct tpmiot_bytes digest, size_t salt_len, size_t bits, struct tpmiot_buf *out,
    struct tpmiot_err *err)
{
	size_t em_bits = bits - 1, len = (em_bits + 7) / 8, size = (bits + 7) / 8;
	uint8_t em[TPMIOT_RSA_MAX_BYTES] = { 0 };

	if (bits < 512 || size > sizeof(em) || digest.len != (size_t)EVP_MD_get_size(md))
		return tpmiot_err_set(err, TPMIOT_E_USAGE, "PSS of a %s digest of %zu bytes",
		    EVP_MD_get0_name(md), digest.len);
	if (len < digest.len + 2 || salt_len > len - digest.len - 2)
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "a salt of %zu bytes does not fit into a PSS signature of %zu bits with %s",
		    salt_len, bits, EVP_MD_get0_name(md));
	if (!pss_fill(libctx, md, mgf1, digest, salt_len, em_bits, em + (size - len), len))
		return tpmiot_err_crypto(err, "PSS");
	tpmiot_buf_put(out, em, size);
	return tpmiot_buf_done(out, err);
}

/* ---- PKCS #1 v1.5 ------------------------------------------------------------------------------
 */

/* DigestInfo. */
static int
put_digest_info(const EVP_MD *md, struct tpmiot_bytes digest, uint8_t **der)
{
	X509_SIG *info = X509_SIG_new();
	X509_ALGOR *alg = NULL;
	ASN1_OCTET_STRING *value = NULL;
	int len = -1;

	if (info != NULL)
		X509_SIG_getm(info, &alg, &value);
	if (info != NULL && EVP_MD_get_type(md) != NID_undef &&
	    X509_ALGOR_set0(alg, OBJ_nid2obj(EVP_MD_get_type(md)), V_ASN1_NULL, NULL) &&
	    ASN1_OCTET_STRING_set(value, digest.data, (int)digest.len))
		len = i2d_X509_SIG(info, der);
	X509_SIG_free(info);
	return len;
}

/* 00 01 ff … ff 00, and what is signed. */
static enum tpmiot_rc
put_block(struct tpmiot_bytes content, size_t size, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	uint8_t *em;

	if (content.len > size || size - content.len < PKCS1_SIGN_OVERHEAD)
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "a key of %zu bits is too small for a PKCS #1 signature of %zu bytes", size * 8,
		    content.len);
	em = tpmiot_buf_grow(out, size);
	if (em != NULL) {
		memset(em, 0xff, size);
		em[0] = 0;
		em[1] = 1;
		em[size - content.len - 1] = 0;
		if (content.len > 0)
			memcpy(em + size - content.len, content.data, content.len);
	}
	return tpmiot_buf_done(out, err);
}

enum tpmiot_rc
tpmiot_rsapad_pkcs1_encode(const EVP_MD *md, struct tpmiot_bytes digest, size_t bits,
    struct tpmiot_buf *out, struct tpmiot_err *err)
{
	struct tpmiot_bytes content = digest;
	uint8_t *der = NULL;
	enum tpmiot_rc rc;
	int len;

	if (md != NULL && digest.len != (size_t)EVP_MD_get_size(md))
		return tpmiot_err_set(err, TPMIOT_E_USAGE, "a %s digest of %zu bytes",
		    EVP_MD_get0_name(md), digest.len);
	/* TLS before 1.2: two digests, and no DigestInfo (RFC 4346, section 7.4.8) */
	if (md != NULL && EVP_MD_get_type(md) != NID_md5_sha1) {
		len = put_digest_info(md, digest, &der);
		if (len < 0)
			return tpmiot_err_crypto(err, "PKCS #1 padding");
		content = (struct tpmiot_bytes){ der, (size_t)len };
	}
	rc = put_block(content, (bits + 7) / 8, out, err);
	OPENSSL_free(der);
	return rc;
}
