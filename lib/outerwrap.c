/* SPDX-License-Identifier: Apache-2.0 */
#include "outerwrap.h"

#include <openssl/crypto.h>

#include <tpmiot/alg.h>

static const struct tpmiot_bytes NOTHING = { NULL, 0 };

/* The symmetric definition of a storage key stands first in both parameter structures. */
static const TPMT_SYM_DEF_OBJECT *
symmetric_of(const TPMT_PUBLIC *area)
{
	switch (area->type) {
	case TPM2_ALG_RSA:
		return &area->parameters.rsaDetail.symmetric;
	case TPM2_ALG_ECC:
		return &area->parameters.eccDetail.symmetric;
	default:
		return NULL;
	}
}

enum tpmiot_rc
outerwrap_check_key(
    const TPMT_PUBLIC *area, const char *what, const char *role, struct tpmiot_err *err)
{
	const TPMA_OBJECT wanted = TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT;
	const TPMT_SYM_DEF_OBJECT *sym = symmetric_of(area);
	unsigned int bits;

	if (sym == NULL || (area->objectAttributes & wanted) != wanted)
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "%s: the %s is no restricted decryption key", what, role);
	if (sym->algorithm != TPM2_ALG_AES || sym->mode.aes != TPM2_ALG_CFB)
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "%s: the %s's symmetric algorithm is not AES in CFB mode", what, role);
	bits = sym->keyBits.aes;
	if (bits != 128 && bits != 192 && bits != 256)
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "%s: the %s has an AES key of %u bits", what, role, bits);
	if (tpmiot_alg_md_size(area->nameAlg) == 0)
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "%s: the %s's nameAlg 0x%04x is not known", what, role, area->nameAlg);
	return TPMIOT_OK;
}

/* AES-CFB with a zero IV (Part 1, clause 24.4): the key is good for this Name and seed only. */
static enum tpmiot_rc
encrypt(OSSL_LIB_CTX *libctx, const TPMT_PUBLIC *key, struct tpmiot_bytes seed,
    struct tpmiot_bytes name, struct tpmiot_buf *content, struct tpmiot_err *err)
{
	static const uint8_t iv[16];
	size_t len = symmetric_of(key)->keyBits.aes / 8;
	uint8_t aes[32];
	enum tpmiot_rc rc;

	rc = tpmiot_kdfa(libctx, key->nameAlg, seed, "STORAGE", name, NOTHING, aes, len, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_aes_cfb(libctx, true, (struct tpmiot_bytes){ aes, len }, iv,
		    content->data, content->len, err);
	OPENSSL_cleanse(aes, sizeof(aes));
	return rc;
}

/* outerHMAC (Part 1, clause 24.5) over the encrypted content and the Name. */
static enum tpmiot_rc
protect(OSSL_LIB_CTX *libctx, TPMI_ALG_HASH alg, struct tpmiot_bytes seed, struct tpmiot_bytes name,
    const struct tpmiot_buf *content, uint8_t *hmac, size_t *hmac_len, struct tpmiot_err *err)
{
	const struct tpmiot_bytes parts[] = { { content->data, content->len }, name };
	uint8_t key[TPM2_SHA512_DIGEST_SIZE];
	size_t key_len = tpmiot_alg_md_size(alg);
	enum tpmiot_rc rc;

	rc = tpmiot_kdfa(libctx, alg, seed, "INTEGRITY", NOTHING, NOTHING, key, key_len, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_hmac(libctx, alg, (struct tpmiot_bytes){ key, key_len }, parts, 2, hmac,
		    hmac_len, err);
	OPENSSL_cleanse(key, sizeof(key));
	return rc;
}

enum tpmiot_rc
outerwrap_put(OSSL_LIB_CTX *libctx, const TPMT_PUBLIC *key, const TPM2B_DIGEST *seed,
    const TPM2B_NAME *name, struct tpmiot_buf *content, struct tpmiot_buf *out,
    struct tpmiot_err *err)
{
	struct tpmiot_bytes seed_bytes = { seed->buffer, seed->size };
	struct tpmiot_bytes name_bytes = { name->name, name->size };
	uint8_t hmac[TPM2_SHA512_DIGEST_SIZE];
	enum tpmiot_rc rc = tpmiot_buf_done(content, err);
	size_t hmac_len = 0;

	if (rc == TPMIOT_OK)
		rc = encrypt(libctx, key, seed_bytes, name_bytes, content, err);
	if (rc == TPMIOT_OK)
		rc = protect(
		    libctx, key->nameAlg, seed_bytes, name_bytes, content, hmac, &hmac_len, err);
	if (rc != TPMIOT_OK)
		return rc;
	tpmiot_buf_put_u16(out, (uint16_t)(2 + hmac_len + content->len));
	tpmiot_buf_put_u16(out, (uint16_t)hmac_len);
	tpmiot_buf_put(out, hmac, hmac_len);
	tpmiot_buf_put(out, content->data, content->len);
	return tpmiot_buf_done(out, err);
}

void
outerwrap_put_secret(const TPM2B_ENCRYPTED_SECRET *encrypted, struct tpmiot_buf *out)
{
	tpmiot_buf_put_u16(out, encrypted->size);
	tpmiot_buf_put(out, encrypted->secret, encrypted->size);
}
