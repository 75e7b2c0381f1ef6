/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include <tpmiot/alg.h>
#include <tpmiot/kdf.h>

#include "curve.h"

EVP_MAC_CTX *
tpmiot_hmac_new(OSSL_LIB_CTX *libctx, TPMI_ALG_HASH alg, struct tpmiot_bytes key)
{
	const char *md = tpmiot_alg_md_name(alg);
	static const uint8_t none[1];
	EVP_MAC_CTX *ctx = NULL;
	EVP_MAC *mac = NULL;
	OSSL_PARAM params[2];

	if (md == NULL)
		return NULL;
	params[0] =
	    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)md, 0);
	params[1] = OSSL_PARAM_construct_end();
	mac = EVP_MAC_fetch(libctx, "HMAC", NULL);
	ctx = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;
	EVP_MAC_free(mac);
	/* An empty key is a key: EVP wants a pointer all the same. */
	if (ctx != NULL && EVP_MAC_init(ctx, key.len != 0 ? key.data : none, key.len, params) == 1)
		return ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

enum tpmiot_rc
tpmiot_hmac(OSSL_LIB_CTX *libctx, TPMI_ALG_HASH alg, struct tpmiot_bytes key,
    const struct tpmiot_bytes *parts, size_t n, uint8_t *out, size_t *out_len,
    struct tpmiot_err *err)
{
	enum tpmiot_rc rc = TPMIOT_OK;
	EVP_MAC_CTX *ctx;
	bool ok;

	if (tpmiot_alg_md_name(alg) == NULL)
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED, "HMAC with hash 0x%04x", alg);
	ctx = tpmiot_hmac_new(libctx, alg, key);
	ok = ctx != NULL;
	for (size_t i = 0; ok && i < n; i++)
		ok = parts[i].len == 0 || EVP_MAC_update(ctx, parts[i].data, parts[i].len) == 1;
	if (!ok || EVP_MAC_final(ctx, out, out_len, tpmiot_alg_md_size(alg)) != 1)
		rc = tpmiot_err_crypto(err, "HMAC with %s", tpmiot_alg_md_name(alg));
	EVP_MAC_CTX_free(ctx);
	return rc;
}

static void
store_be32(uint8_t out[4], uint32_t v)
{
	out[0] = (uint8_t)(v >> 24);
	out[1] = (uint8_t)(v >> 16);
	out[2] = (uint8_t)(v >> 8);
	out[3] = (uint8_t)v;
}

/* The label's NUL is part of both derivations. */
static struct tpmiot_bytes
label_bytes(const char *label)
{
	return (struct tpmiot_bytes){ label, strlen(label) + 1 };
}

enum tpmiot_rc
tpmiot_kdfa(OSSL_LIB_CTX *libctx, TPMI_ALG_HASH alg, struct tpmiot_bytes key, const char *label,
    struct tpmiot_bytes context_u, struct tpmiot_bytes context_v, uint8_t *out, size_t out_len,
    struct tpmiot_err *err)
{
	uint8_t counter[4], bits[4], block[TPM2_SHA512_DIGEST_SIZE];
	struct tpmiot_bytes parts[] = { { counter, 4 }, label_bytes(label), context_u, context_v,
		{ bits, 4 } };
	enum tpmiot_rc rc = TPMIOT_OK;
	size_t size = 0;

	store_be32(bits, (uint32_t)(out_len * 8));
	for (size_t done = 0, i = 1; rc == TPMIOT_OK && done < out_len; done += size, i++) {
		store_be32(counter, (uint32_t)i);
		rc = tpmiot_hmac(libctx, alg, key, parts, 5, block, &size, err);
		if (rc == TPMIOT_OK)
			memcpy(out + done, block, size < out_len - done ? size : out_len - done);
	}
	OPENSSL_cleanse(block, sizeof(block));
	return rc;
}

/* One block of KDFe: H(counter ‖ Z ‖ label ‖ U ‖ V). */
static bool
kdfe_block(EVP_MD *md, EVP_MD_CTX *ctx, const struct tpmiot_bytes *parts, size_t n, uint8_t *out)
{
	if (EVP_DigestInit_ex2(ctx, md, NULL) != 1)
		return false;
	for (size_t i = 0; i < n; i++)
		if (EVP_DigestUpdate(ctx, parts[i].data, parts[i].len) != 1)
			return false;
	return EVP_DigestFinal_ex(ctx, out, NULL) == 1;
}

enum tpmiot_rc
tpmiot_kdfe(OSSL_LIB_CTX *libctx, TPMI_ALG_HASH alg, struct tpmiot_bytes z, const char *label,
    struct tpmiot_bytes party_u, struct tpmiot_bytes party_v, uint8_t *out, size_t out_len,
    struct tpmiot_err *err)
{
	uint8_t counter[4], block[TPM2_SHA512_DIGEST_SIZE];
	struct tpmiot_bytes parts[] = { { counter, 4 }, z, label_bytes(label), party_u, party_v };
	size_t size = tpmiot_alg_md_size(alg);
	enum tpmiot_rc rc = TPMIOT_OK;
	EVP_MD_CTX *ctx = NULL;
	EVP_MD *md = NULL;

	if (size == 0)
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED, "KDFe with hash 0x%04x", alg);
	md = EVP_MD_fetch(libctx, tpmiot_alg_md_name(alg), NULL);
	ctx = EVP_MD_CTX_new();
	for (size_t done = 0, i = 1; rc == TPMIOT_OK && done < out_len; done += size, i++) {
		store_be32(counter, (uint32_t)i);
		if (md == NULL || ctx == NULL || !kdfe_block(md, ctx, parts, 5, block))
			rc = tpmiot_err_crypto(err, "KDFe");
		else
			memcpy(out + done, block, size < out_len - done ? size : out_len - done);
	}
	OPENSSL_cleanse(block, sizeof(block));
	EVP_MD_CTX_free(ctx);
	EVP_MD_free(md);
	return rc;
}

static const char *
aes_cfb_name(size_t key_len)
{
	switch (key_len) {
	case 16:
		return "AES-128-CFB";
	case 24:
		return "AES-192-CFB";
	case 32:
		return "AES-256-CFB";
	default:
		return NULL;
	}
}

enum tpmiot_rc
tpmiot_aes_cfb(OSSL_LIB_CTX *libctx, bool encrypt, struct tpmiot_bytes key, const uint8_t iv[16],
    uint8_t *data, size_t len, struct tpmiot_err *err)
{
	const char *name = aes_cfb_name(key.len);
	enum tpmiot_rc rc = TPMIOT_OK;
	EVP_CIPHER_CTX *ctx = NULL;
	EVP_CIPHER *cipher = NULL;
	int done = 0;

	if (name == NULL || len > INT32_MAX)
		return tpmiot_err_set(
		    err, TPMIOT_E_UNSUPPORTED, "AES-CFB with a key of %zu bytes", key.len);
	cipher = EVP_CIPHER_fetch(libctx, name, NULL);
	ctx = EVP_CIPHER_CTX_new();
	if (cipher == NULL || ctx == NULL ||
	    EVP_CipherInit_ex2(ctx, cipher, key.data, iv, encrypt, NULL) != 1 ||
	    EVP_CipherUpdate(ctx, data, &done, data, (int)len) != 1 || (size_t)done != len)
		rc = tpmiot_err_crypto(err, "AES-CFB");
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(cipher);
	return rc;
}

/* ---- a secret shared with a restricted decryption key -------------------- */

static int
oaep_setup(EVP_PKEY_CTX *ctx, const char *md, const char *label)
{
	size_t len = strlen(label) + 1;
	char *owned;

	if (EVP_PKEY_encrypt_init(ctx) != 1 ||
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) != 1 ||
	    EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, md, NULL) != 1 ||
	    EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, md, NULL) != 1)
		return 0;
	owned = OPENSSL_memdup(label, len);
	if (owned == NULL || EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, owned, (int)len) != 1) {
		OPENSSL_free(owned);
		return 0;
	}
	return 1;
}

/* Part 1, annex B.10.2: OAEP with the key's nameAlg and the label with its NUL. */
static enum tpmiot_rc
share_rsa(OSSL_LIB_CTX *libctx, const struct tpmiot_public *pub, EVP_PKEY *key, const char *label,
    TPM2B_DIGEST *secret, TPM2B_ENCRYPTED_SECRET *encrypted, struct tpmiot_err *err)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, key, NULL);
	size_t out_len = sizeof(encrypted->secret);
	enum tpmiot_rc rc = TPMIOT_OK;

	secret->size = (UINT16)tpmiot_alg_md_size(pub->area.nameAlg);
	if (ctx == NULL || RAND_priv_bytes_ex(libctx, secret->buffer, secret->size, 0) != 1 ||
	    !oaep_setup(ctx, tpmiot_alg_md_name(pub->area.nameAlg), label) ||
	    EVP_PKEY_encrypt(ctx, encrypted->secret, &out_len, secret->buffer, secret->size) != 1)
		rc = tpmiot_err_crypto(err, "encrypting a secret to an RSA key");
	else
		encrypted->size = (UINT16)out_len;
	EVP_PKEY_CTX_free(ctx);
	return rc;
}

static EVP_PKEY *
new_key(OSSL_LIB_CTX *libctx, const char *group)
{
	EVP_PKEY *curve = curve_key(libctx, group), *key = NULL;
	EVP_PKEY_CTX *ctx;

	if (curve == NULL)
		return EVP_PKEY_Q_keygen(libctx, NULL, "EC", group);
	ctx = EVP_PKEY_CTX_new_from_pkey(libctx, curve, NULL);
	if (ctx == NULL || EVP_PKEY_keygen_init(ctx) != 1 || EVP_PKEY_generate(ctx, &key) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/*
 * Both points are on their curve: one was just made, and of the other libcrypto saw it when the
 * key was made of the public area. So the peer is not validated once more, which would multiply it
 * by the group's order: these curves have no small subgroups.
 */
static bool
ecdh(OSSL_LIB_CTX *libctx, EVP_PKEY *ours, EVP_PKEY *theirs, uint8_t *z, size_t *len)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, ours, NULL);
	bool ok = ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
	          EVP_PKEY_derive_set_peer_ex(ctx, theirs, 0) == 1 &&
	          EVP_PKEY_derive(ctx, z, len) == 1;

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

/* A key's point, uncompressed: 0x04, x and y. */
static bool
get_point(EVP_PKEY *key, size_t size, uint8_t point[1 + 2 * TPM2_MAX_ECC_KEY_BYTES])
{
	unsigned char *encoded = NULL;
	const bool ok = EVP_PKEY_get1_encoded_public_key(key, &encoded) == 1 + 2 * size;

	if (ok)
		memcpy(point, encoded, 1 + 2 * size);
	OPENSSL_free(encoded);
	return ok;
}

/* Part 1, annex C.6.3: an ephemeral point, and KDFe over the shared x and both x-coordinates. */
static enum tpmiot_rc
share_ecc(OSSL_LIB_CTX *libctx, const struct tpmiot_public *pub, EVP_PKEY *key, const char *label,
    TPM2B_DIGEST *secret, TPM2B_ENCRYPTED_SECRET *encrypted, struct tpmiot_err *err)
{
	TPMI_ECC_CURVE curve = pub->area.parameters.eccDetail.curveID;
	size_t size = tpmiot_alg_group_size(curve), z_len = TPM2_MAX_ECC_KEY_BYTES;
	uint8_t u[1 + 2 * TPM2_MAX_ECC_KEY_BYTES], v[1 + 2 * TPM2_MAX_ECC_KEY_BYTES];
	uint8_t z[TPM2_MAX_ECC_KEY_BYTES];
	struct tpmiot_buf point = TPMIOT_BUF_INIT;
	EVP_PKEY *ours = new_key(libctx, tpmiot_alg_group_name(curve));
	enum tpmiot_rc rc;

	if (ours == NULL || !ecdh(libctx, ours, key, z, &z_len) || z_len != size ||
	    !get_point(ours, size, u) || !get_point(key, size, v)) {
		rc = tpmiot_err_crypto(err, "sharing a secret with an ECC key");
		goto out;
	}
	secret->size = (UINT16)tpmiot_alg_md_size(pub->area.nameAlg);
	rc = tpmiot_kdfe(libctx, pub->area.nameAlg, (struct tpmiot_bytes){ z, size }, label,
	    (struct tpmiot_bytes){ u + 1, size }, (struct tpmiot_bytes){ v + 1, size },
	    secret->buffer, secret->size, err);
	if (rc != TPMIOT_OK)
		goto out;
	tpmiot_buf_put_u16(&point, (uint16_t)size);
	tpmiot_buf_put(&point, u + 1, size);
	tpmiot_buf_put_u16(&point, (uint16_t)size);
	tpmiot_buf_put(&point, u + 1 + size, size);
	rc = tpmiot_buf_done(&point, err);
	if (rc == TPMIOT_OK) {
		memcpy(encrypted->secret, point.data, point.len);
		encrypted->size = (UINT16)point.len;
	}
out:
	OPENSSL_cleanse(z, sizeof(z));
	tpmiot_buf_free(&point);
	EVP_PKEY_free(ours);
	return rc;
}

enum tpmiot_rc
tpmiot_secret_share(OSSL_LIB_CTX *libctx, const struct tpmiot_public *pub, const char *label,
    TPM2B_DIGEST *secret, TPM2B_ENCRYPTED_SECRET *encrypted, struct tpmiot_err *err)
{
	TPM2B_ENCRYPTED_SECRET made = { 0 };
	TPM2B_DIGEST plain = { 0 };
	EVP_PKEY *key = NULL;
	enum tpmiot_rc rc;

	if (tpmiot_alg_md_size(pub->area.nameAlg) == 0)
		return tpmiot_err_set(
		    err, TPMIOT_E_UNSUPPORTED, "key with nameAlg 0x%04x", pub->area.nameAlg);
	rc = tpmiot_public_to_pkey(libctx, pub, &key, err);
	if (rc != TPMIOT_OK)
		return rc;
	if (pub->area.type == TPM2_ALG_RSA)
		rc = share_rsa(libctx, pub, key, label, &plain, &made, err);
	else
		rc = share_ecc(libctx, pub, key, label, &plain, &made, err);
	if (rc == TPMIOT_OK) {
		*secret = plain;
		*encrypted = made;
	}
	OPENSSL_cleanse(&plain, sizeof(plain));
	EVP_PKEY_free(key);
	return rc;
}

enum tpmiot_rc
tpmiot_ecdh_secret(const TPMS_ECC_POINT *made, TPMI_ECC_CURVE curve, struct tpmiot_buf *out,
    struct tpmiot_err *err)
{
	const TPM2B_ECC_PARAMETER *x = &made->x, *y = &made->y;
	size_t size = tpmiot_alg_group_size(curve);
	uint8_t *at;

	if (x->size == 0 || x->size > size || y->size == 0 || y->size > size)
		return tpmiot_err_set(err, TPMIOT_E_TPM,
		    "TPM2_ECDH_ZGen: coordinates of %u and %u bytes, on a curve of %zu", x->size,
		    y->size, size);
	at = tpmiot_buf_grow(out, size);
	if (at != NULL)
		memcpy(at + size - x->size, x->buffer, x->size);
	return tpmiot_buf_done(out, err);
}
