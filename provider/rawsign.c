/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RSA signatures whose padding is made in software, and the bare operation by
 * TPM2_RSA_Decrypt: any digest, any salt. Only keys that may decrypt can do it.
 */
#include "sig.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include <tpmiot/alg.h>
#include <tpmiot/rsapad.h>

struct asked {
	int padding;
	char md[PROV_SIG_NAME_LEN], mgf1[PROV_SIG_NAME_LEN], salt[PROV_SIG_NAME_LEN];
};

static bool
get_asked(const struct prov_sig *sig, struct asked *asked)
{
	memset(asked, 0, sizeof(*asked));
	if (!prov_sig_get_padding(sig, &asked->padding) ||
	    !prov_sig_get_string(sig, OSSL_SIGNATURE_PARAM_DIGEST, asked->md))
		return false;
	if (asked->padding != RSA_PKCS1_PSS_PADDING)
		return true;
	if (!prov_sig_get_string(sig, OSSL_SIGNATURE_PARAM_MGF1_DIGEST, asked->mgf1) ||
	    !prov_sig_get_string(sig, OSSL_SIGNATURE_PARAM_PSS_SALTLEN, asked->salt))
		return false;
	if (asked->mgf1[0] == '\0')
		memcpy(asked->mgf1, asked->md, sizeof(asked->mgf1));
	return true;
}

bool
prov_raw_possible(const struct prov_sig *sig)
{
	return sig->key->type == PROV_RSA && prov_pkey_is(sig->key, TPMA_OBJECT_DECRYPT) &&
	       !prov_pkey_is(sig->key, TPMA_OBJECT_RESTRICTED) &&
	       prov_pkey_fixed_scheme(sig->key) == TPM2_ALG_NULL;
}

/* Whether the salt's length is one of a digest, which TPM2_Sign makes. */
static bool
is_digest_salt(const struct asked *asked, TPMI_ALG_HASH hash)
{
	return strcmp(asked->salt, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST) == 0 ||
	       strtol(asked->salt, NULL, 10) == (long)tpmiot_alg_md_size(hash);
}

bool
prov_raw_wanted(const struct prov_sig *sig)
{
	struct asked asked;
	TPMI_ALG_HASH hash;

	if (!prov_raw_possible(sig) || !get_asked(sig, &asked))
		return false;
	hash = tpmiot_alg_from_md_name(asked.md);
	switch (asked.padding) {
	case RSA_PKCS1_PADDING:
		return hash == TPM2_ALG_ERROR;
	case RSA_PKCS1_PSS_PADDING:
		return hash == TPM2_ALG_ERROR || tpmiot_alg_from_md_name(asked.mgf1) != hash ||
		       !is_digest_salt(&asked, hash) || atomic_load(&sig->key->odd_salt);
	default:
		return asked.padding == RSA_NO_PADDING;
	}
}

/* ---- Paddings ---------------------------------------------------------------------- */

static size_t
salt_length(const struct asked *asked, size_t digest_len, size_t bits)
{
	if (strcmp(asked->salt, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST) == 0)
		return digest_len;
	if (strcmp(asked->salt, OSSL_PKEY_RSA_PSS_SALT_LEN_MAX) == 0)
		return (bits - 1 + 7) / 8 - digest_len - 2;
	return (size_t)strtoul(asked->salt, NULL, 10);
}

/* A digest without a name is signed as it is (RFC 8017, section 9.2, without DigestInfo). */
static enum tpmiot_rc
pad(const struct prov_sig *sig, const struct asked *asked, struct tpmiot_bytes digest,
    struct tpmiot_buf *out, struct tpmiot_err *err)
{
	OSSL_LIB_CTX *libctx = prov_libctx(sig->prov);
	size_t bits = (size_t)EVP_PKEY_get_bits(sig->key->soft);
	EVP_MD *md = NULL, *mgf1 = NULL;
	enum tpmiot_rc rc;

	if (asked->padding == RSA_NO_PADDING) {
		tpmiot_buf_put(out, digest.data, digest.len);
		return digest.len == (bits + 7) / 8
		           ? tpmiot_buf_done(out, err)
		           : tpmiot_err_set(err, TPMIOT_E_USAGE,
		                 "without a padding exactly %zu bytes are signed", (bits + 7) / 8);
	}
	if (asked->md[0] != '\0')
		md = EVP_MD_fetch(libctx, asked->md, NULL);
	if (asked->padding == RSA_PKCS1_PADDING) {
		rc = tpmiot_rsapad_pkcs1_encode(md, digest, bits, out, err);
	} else {
		mgf1 = EVP_MD_fetch(libctx, asked->mgf1, NULL);
		rc = md == NULL || mgf1 == NULL
		         ? tpmiot_err_set(err, TPMIOT_E_USAGE,
		               "PSS has to know which digest it signs: say it (-pkeyopt "
		               "digest:sha256)")
		         : tpmiot_rsapad_pss_encode(libctx, md, mgf1, digest,
		               salt_length(asked, digest.len, bits), bits, out, err);
	}
	EVP_MD_free(md);
	EVP_MD_free(mgf1);
	return rc;
}

/* What a TPM answers is not authenticated, and a faulty RSA signature gives the key away. */
static bool
is_right(const struct prov_sig *sig, const struct tpmiot_buf *signature, struct tpmiot_bytes digest)
{
	bool ok;

	ERR_set_mark();
	ok = EVP_PKEY_verify(sig->soft, signature->data, signature->len, digest.data, digest.len) ==
	     1;
	ERR_pop_to_mark();
	return ok;
}

int
prov_raw_sign(struct prov_sig *sig, unsigned char *out, size_t *out_len, size_t out_size,
    const unsigned char *digest, size_t len)
{
	struct tpmiot_buf em = TPMIOT_BUF_INIT, made = TPMIOT_BUF_INIT;
	struct tpmiot_bytes in = { digest, len };
	struct asked asked;
	struct tpmiot_err err;
	int ok = 0;

	if (!get_asked(sig, &asked))
		return 0;
	if (pad(sig, &asked, in, &em, &err) != TPMIOT_OK ||
	    tpmiot_key_rsa_private(sig->key->tpm, false, (struct tpmiot_bytes){ em.data, em.len },
	        &made, &err) != TPMIOT_OK)
		prov_raise_use(sig->key, &err);
	else if (!is_right(sig, &made, in))
		prov_raise(sig->prov, TPMIOT_E_TPM, "TPM2_RSA_Decrypt: the signature is wrong");
	else if (made.len > out_size)
		prov_raise(sig->prov, TPMIOT_E_USAGE,
		    "%zu bytes are too few for the signature, of %zu", out_size, made.len);
	else
		ok = 1;
	if (ok) {
		memcpy(out, made.data, made.len);
		*out_len = made.len;
	}
	tpmiot_buf_free(&em);
	tpmiot_buf_free(&made);
	return ok;
}
