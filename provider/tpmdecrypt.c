/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RSA decryption by the TPM: one TPM2_RSA_Decrypt without a padding, which is
 * taken off in software. So any digest and label will do for OAEP, and nobody
 * learns from the TPM's answer whether a PKCS #1 padding was right.
 */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include <tpmiot/alg.h>
#include <tpmiot/rsapad.h>

#include "cipher.h"

#define NAME_MAX_LEN 64

static bool
get_padding(const struct prov_cipher *op, int *padding)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_int(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, padding),
		OSSL_PARAM_END,
	};

	return EVP_PKEY_CTX_get_params(op->soft, params) > 0;
}

bool
prov_cipher_is_tls(const struct prov_cipher *op)
{
	int padding = 0;

	return get_padding(op, &padding) && padding == RSA_PKCS1_WITH_TLS_PADDING;
}

/* ---- The secret behind wrong paddings ------------------------------------------ */

/*
 * Only who has the key knows it, and it is the same in every process: what the
 * bare RSA operation makes of a number that nobody chose (and that fits).
 */
static enum tpmiot_rc
derive_secret(const struct prov_pkey *key, TPM2B_DIGEST *out, struct tpmiot_err *err)
{
	OSSL_LIB_CTX *libctx = prov_libctx(key->prov);
	const TPM2B_PUBLIC_KEY_RSA *n = &tpmiot_key_public(key->tpm)->area.unique.rsa;
	const struct tpmiot_bytes modulus = { n->buffer, n->size }, none = { NULL, 0 };
	struct tpmiot_buf made = TPMIOT_BUF_INIT;
	uint8_t number[TPMIOT_RSA_MAX_BYTES];
	struct tpmiot_bytes in = { number, (size_t)n->size - 1 };
	enum tpmiot_rc rc = tpmiot_kdfa(libctx, TPM2_ALG_SHA256, modulus, "IMPLICIT REJECTION",
	    none, none, number, in.len, err);

	if (rc == TPMIOT_OK)
		rc = tpmiot_key_rsa_private(key->tpm, true, in, &made, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_alg_digest(libctx, TPM2_ALG_SHA256, made.data, made.len, out, err);
	tpmiot_buf_free(&made);
	return rc;
}

/* Made once a key. Two threads may make it at once: they make the same, and one is kept. */
static enum tpmiot_rc
get_secret(struct prov_pkey *key, TPM2B_DIGEST *out, struct tpmiot_err *err)
{
	TPM2B_DIGEST *made, *known = atomic_load(&key->reject);
	enum tpmiot_rc rc;

	if (known != NULL) {
		*out = *known;
		return TPMIOT_OK;
	}
	rc = derive_secret(key, out, err);
	if (rc != TPMIOT_OK)
		return rc;
	made = OPENSSL_memdup(out, sizeof(*out));
	if (made == NULL)
		return tpmiot_err_memory(err);
	if (!atomic_compare_exchange_strong(&key->reject, &known, made))
		OPENSSL_clear_free(made, sizeof(*made));
	return TPMIOT_OK;
}

/* ---- Paddings ---------------------------------------------------------------------- */

static enum tpmiot_rc
decrypt_pkcs1(
    struct prov_cipher *op, struct tpmiot_bytes in, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	struct tpmiot_buf em = TPMIOT_BUF_INIT, ciphertext = TPMIOT_BUF_INIT;
	size_t size = tpmiot_key_public(op->key->tpm)->area.unique.rsa.size;
	TPM2B_DIGEST secret = { .size = 0 };
	enum tpmiot_rc rc = get_secret(op->key, &secret, err);

	if (rc == TPMIOT_OK)
		rc = tpmiot_key_rsa_private(op->key->tpm, true, in, &em, err);
	if (rc == TPMIOT_OK) {
		(void)tpmiot_buf_grow(&ciphertext, size - in.len);
		tpmiot_buf_put(&ciphertext, in.data, in.len);
		rc = tpmiot_buf_done(&ciphertext, err);
	}
	if (rc == TPMIOT_OK)
		rc = tpmiot_rsapad_pkcs1_decode(prov_libctx(op->prov),
		    (struct tpmiot_bytes){ secret.buffer, secret.size },
		    (struct tpmiot_bytes){ ciphertext.data, ciphertext.len },
		    (struct tpmiot_bytes){ em.data, em.len }, out, err);
	OPENSSL_cleanse(&secret, sizeof(secret));
	tpmiot_buf_free(&ciphertext);
	tpmiot_buf_free(&em);
	return rc;
}

static enum tpmiot_rc
decrypt_tls(
    struct prov_cipher *op, struct tpmiot_bytes in, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	unsigned int version = 0, alternative = 0;
	OSSL_PARAM params[] = {
		OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, &version),
		OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION, &alternative),
		OSSL_PARAM_END,
	};
	struct tpmiot_buf em = TPMIOT_BUF_INIT;
	uint8_t premaster[TPMIOT_TLS_PREMASTER_LEN];
	enum tpmiot_rc rc;

	if (EVP_PKEY_CTX_get_params(op->soft, params) <= 0 || version == 0)
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "TLS padding needs the client's version (tls-client-version)");
	rc = tpmiot_key_rsa_private(op->key->tpm, true, in, &em, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_rsapad_tls_decode(prov_libctx(op->prov),
		    (struct tpmiot_bytes){ em.data, em.len }, version, alternative, premaster, err);
	if (rc == TPMIOT_OK) {
		tpmiot_buf_put(out, premaster, sizeof(premaster));
		rc = tpmiot_buf_done(out, err);
	}
	OPENSSL_cleanse(premaster, sizeof(premaster));
	tpmiot_buf_free(&em);
	return rc;
}

struct oaep {
	char md[NAME_MAX_LEN], mgf1[NAME_MAX_LEN];
	void *label;
	size_t label_len;
};

static enum tpmiot_rc
get_oaep(const struct prov_cipher *op, struct oaep *oaep, struct tpmiot_err *err)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, oaep->md, NAME_MAX_LEN),
		OSSL_PARAM_utf8_string(
		    OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, oaep->mgf1, NAME_MAX_LEN),
		OSSL_PARAM_octet_ptr(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, &oaep->label, 0),
		OSSL_PARAM_END,
	};

	memset(oaep, 0, sizeof(*oaep));
	if (EVP_PKEY_CTX_get_params(op->soft, params) <= 0)
		return tpmiot_err_crypto(err, "parameters of OAEP");
	if (params[2].return_size != OSSL_PARAM_UNMODIFIED)
		oaep->label_len = params[2].return_size;
	if (oaep->md[0] == '\0')
		OPENSSL_strlcpy(oaep->md, "SHA1", NAME_MAX_LEN); /* RFC 8017, annex A.2.1 */
	if (oaep->mgf1[0] == '\0')
		OPENSSL_strlcpy(oaep->mgf1, oaep->md, NAME_MAX_LEN);
	return TPMIOT_OK;
}

/* A key with OAEP as its own scheme: the TPM takes it off, and knows one digest and no label. */
static enum tpmiot_rc
decrypt_fixed_oaep(struct prov_cipher *op, const struct oaep *oaep, struct tpmiot_bytes in,
    struct tpmiot_buf *out, struct tpmiot_err *err)
{
	const TPMT_RSA_SCHEME *own =
	    &tpmiot_key_public(op->key->tpm)->area.parameters.rsaDetail.scheme;
	static const TPMT_RSA_DECRYPT as_it_is = { .scheme = TPM2_ALG_NULL };
	TPMI_ALG_HASH hash = own->details.oaep.hashAlg;

	if (tpmiot_alg_from_md_name(oaep->md) != hash ||
	    tpmiot_alg_from_md_name(oaep->mgf1) != hash || oaep->label_len != 0)
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "this key decrypts OAEP with %s for everything and without a label only "
		    "(rsa_oaep_md:%s)",
		    tpmiot_alg_md_name(hash), tpmiot_alg_md_name(hash));
	return tpmiot_key_rsa_decrypt(op->key->tpm, &as_it_is, in, out, err);
}

static enum tpmiot_rc
decrypt_oaep(struct prov_cipher *op, TPMI_ALG_RSA_SCHEME fixed, struct tpmiot_bytes in,
    struct tpmiot_buf *out, struct tpmiot_err *err)
{
	OSSL_LIB_CTX *libctx = prov_libctx(op->prov);
	struct tpmiot_buf em = TPMIOT_BUF_INIT;
	EVP_MD *md = NULL, *mgf1 = NULL;
	struct oaep oaep;
	enum tpmiot_rc rc = get_oaep(op, &oaep, err);

	if (rc != TPMIOT_OK || fixed == TPM2_ALG_OAEP)
		return rc != TPMIOT_OK ? rc : decrypt_fixed_oaep(op, &oaep, in, out, err);
	md = EVP_MD_fetch(libctx, oaep.md, NULL);
	mgf1 = EVP_MD_fetch(libctx, oaep.mgf1, NULL);
	if (md == NULL || mgf1 == NULL)
		rc = tpmiot_err_crypto(err, "OAEP with %s and %s", oaep.md, oaep.mgf1);
	if (rc == TPMIOT_OK)
		rc = tpmiot_key_rsa_private(op->key->tpm, true, in, &em, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_rsapad_oaep_decode(md, mgf1,
		    (struct tpmiot_bytes){ oaep.label, oaep.label_len },
		    (struct tpmiot_bytes){ em.data, em.len }, out, err);
	EVP_MD_free(md);
	EVP_MD_free(mgf1);
	tpmiot_buf_free(&em);
	return rc;
}

static enum tpmiot_rc
decrypt(
    struct prov_cipher *op, struct tpmiot_bytes in, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	TPMI_ALG_RSA_SCHEME fixed = prov_pkey_fixed_scheme(op->key);
	int padding = 0;

	if (!get_padding(op, &padding))
		return tpmiot_err_crypto(err, "padding");
	if (fixed == TPM2_ALG_OAEP && padding != RSA_PKCS1_OAEP_PADDING)
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "this key decrypts OAEP only: use rsa_padding_mode:oaep");
	if (fixed == TPM2_ALG_RSAES)
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "with this key the TPM takes PKCS #1 padding off itself and tells everybody "
		    "whether it was right, which gives messages away: make a key without a scheme");
	switch (padding) {
	case RSA_NO_PADDING:
		return tpmiot_key_rsa_private(op->key->tpm, true, in, out, err);
	case RSA_PKCS1_PADDING:
		return decrypt_pkcs1(op, in, out, err);
	case RSA_PKCS1_WITH_TLS_PADDING:
		return decrypt_tls(op, in, out, err);
	case RSA_PKCS1_OAEP_PADDING:
		return decrypt_oaep(op, fixed, in, out, err);
	default:
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "nothing is decrypted with this padding: use rsa_padding_mode:oaep");
	}
}

int
prov_tpm_decrypt(struct prov_cipher *op, unsigned char *out, size_t *out_len, size_t out_size,
    const unsigned char *in, size_t len)
{
	struct tpmiot_buf message = TPMIOT_BUF_INIT;
	struct tpmiot_err err;
	int ok = 0;

	if (!prov_pkey_check_auth(op->key))
		return 0;
	if (decrypt(op, (struct tpmiot_bytes){ in, len }, &message, &err) != TPMIOT_OK) {
		prov_raise_use(op->key, &err);
	} else if (message.len > out_size) {
		prov_raise(
		    op->prov, TPMIOT_E_USAGE, "%zu bytes are too few for the message", out_size);
	} else {
		if (message.len > 0)
			memcpy(out, message.data, message.len);
		*out_len = message.len;
		ok = 1;
	}
	tpmiot_buf_free(&message);
	return ok;
}
