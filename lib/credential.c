/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/crypto.h>

#include <tpmiot/alg.h>
#include <tpmiot/credential.h>
#include <tpmiot/kdf.h>

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

static enum tpmiot_rc
check_ek(const TPMT_PUBLIC *area, size_t *aes_len, struct tpmiot_err *err)
{
	const TPMA_OBJECT wanted = TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT;
	const TPMT_SYM_DEF_OBJECT *sym = symmetric_of(area);
	unsigned int bits;

	if (sym == NULL || (area->objectAttributes & wanted) != wanted)
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "credential: the EK is no restricted decryption key");
	if (sym->algorithm != TPM2_ALG_AES || sym->mode.aes != TPM2_ALG_CFB)
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "credential: the EK's symmetric algorithm is not AES in CFB mode");
	bits = sym->keyBits.aes;
	if (bits != 128 && bits != 192 && bits != 256)
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "credential: the EK has an AES key of %u bits", bits);
	*aes_len = bits / 8;
	return TPMIOT_OK;
}

static enum tpmiot_rc
check_arguments(
    const TPMT_PUBLIC *ek, const TPM2B_NAME *name, size_t secret_len, struct tpmiot_err *err)
{
	size_t digest_len = tpmiot_alg_md_size(ek->nameAlg);

	if (digest_len == 0)
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "credential: the EK's nameAlg 0x%04x is not known", ek->nameAlg);
	if (secret_len == 0 || secret_len > digest_len)
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "credential: a secret of %zu bytes; this EK takes 1 to %zu", secret_len,
		    digest_len);
	if (name->size == 0 || name->size > sizeof(name->name))
		return tpmiot_err_set(
		    err, TPMIOT_E_USAGE, "credential: a Name of %u bytes", name->size);
	return TPMIOT_OK;
}

/* encIdentity (Part 1, clause 24.4): the secret as a TPM2B_DIGEST under AES-CFB with a zero IV. */
static enum tpmiot_rc
encrypt_identity(OSSL_LIB_CTX *libctx, TPMI_ALG_HASH alg, size_t aes_len, struct tpmiot_bytes seed,
    struct tpmiot_bytes name, struct tpmiot_buf *identity, struct tpmiot_err *err)
{
	static const uint8_t iv[16];
	uint8_t key[32];
	enum tpmiot_rc rc;

	rc = tpmiot_kdfa(libctx, alg, seed, "STORAGE", name, NOTHING, key, aes_len, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_aes_cfb(libctx, true, (struct tpmiot_bytes){ key, aes_len }, iv,
		    identity->data, identity->len, err);
	OPENSSL_cleanse(key, sizeof(key));
	return rc;
}

/* outerHMAC (Part 1, clause 24.5) over the encrypted secret and the Name. */
static enum tpmiot_rc
protect_integrity(OSSL_LIB_CTX *libctx, TPMI_ALG_HASH alg, struct tpmiot_bytes seed,
    struct tpmiot_bytes name, const struct tpmiot_buf *identity, uint8_t *hmac, size_t *hmac_len,
    struct tpmiot_err *err)
{
	const struct tpmiot_bytes parts[] = { { identity->data, identity->len }, name };
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

/* TPM2B_ID_OBJECT: a TPM2B of integrityHMAC (a TPM2B) and encIdentity. */
static void
put_id_object(struct tpmiot_bytes hmac, const struct tpmiot_buf *identity, struct tpmiot_buf *out)
{
	tpmiot_buf_put_u16(out, (uint16_t)(2 + hmac.len + identity->len));
	tpmiot_buf_put_u16(out, (uint16_t)hmac.len);
	tpmiot_buf_put(out, hmac.data, hmac.len);
	tpmiot_buf_put(out, identity->data, identity->len);
}

enum tpmiot_rc
tpmiot_credential_make(OSSL_LIB_CTX *libctx, const struct tpmiot_public *ek, const TPM2B_NAME *name,
    const void *secret, size_t secret_len, struct tpmiot_credential *out, struct tpmiot_err *err)
{
	struct tpmiot_credential made = { TPMIOT_BUF_INIT, TPMIOT_BUF_INIT };
	struct tpmiot_bytes name_bytes = { name->name, name->size };
	struct tpmiot_buf identity = TPMIOT_BUF_INIT;
	TPMI_ALG_HASH alg = ek->area.nameAlg;
	uint8_t hmac[TPM2_SHA512_DIGEST_SIZE];
	TPM2B_ENCRYPTED_SECRET encrypted;
	struct tpmiot_bytes seed_bytes;
	size_t aes_len = 0, hmac_len = 0;
	TPM2B_DIGEST seed;
	enum tpmiot_rc rc;

	if ((rc = check_ek(&ek->area, &aes_len, err)) != TPMIOT_OK ||
	    (rc = check_arguments(&ek->area, name, secret_len, err)) != TPMIOT_OK ||
	    (rc = tpmiot_secret_share(libctx, ek, "IDENTITY", &seed, &encrypted, err)) != TPMIOT_OK)
		return rc;
	seed_bytes = (struct tpmiot_bytes){ seed.buffer, seed.size };
	tpmiot_buf_put_u16(&identity, (uint16_t)secret_len);
	tpmiot_buf_put(&identity, secret, secret_len);
	if ((rc = tpmiot_buf_done(&identity, err)) != TPMIOT_OK ||
	    (rc = encrypt_identity(libctx, alg, aes_len, seed_bytes, name_bytes, &identity, err)) !=
	        TPMIOT_OK ||
	    (rc = protect_integrity(libctx, alg, seed_bytes, name_bytes, &identity, hmac, &hmac_len,
	         err)) != TPMIOT_OK)
		goto out;
	put_id_object((struct tpmiot_bytes){ hmac, hmac_len }, &identity, &made.blob);
	tpmiot_buf_put_u16(&made.encrypted_secret, encrypted.size);
	tpmiot_buf_put(&made.encrypted_secret, encrypted.secret, encrypted.size);
	if ((rc = tpmiot_buf_done(&made.blob, err)) == TPMIOT_OK &&
	    (rc = tpmiot_buf_done(&made.encrypted_secret, err)) == TPMIOT_OK) {
		*out = made;
		made = (struct tpmiot_credential){ TPMIOT_BUF_INIT, TPMIOT_BUF_INIT };
	}
out:
	OPENSSL_cleanse(&seed, sizeof(seed));
	tpmiot_buf_free(&identity);
	tpmiot_credential_free(&made);
	return rc;
}

void
tpmiot_credential_free(struct tpmiot_credential *cred)
{
	tpmiot_buf_free(&cred->blob);
	tpmiot_buf_free(&cred->encrypted_secret);
}
