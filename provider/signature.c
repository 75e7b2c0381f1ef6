/* SPDX-License-Identifier: Apache-2.0 */
/* Signature operations: init, update, final, and the two dispatch tables. */
#include "sig.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include <tpmiot/alg.h>

#include "tables.h"

static OSSL_FUNC_signature_sign_init_fn sig_sign_init;
static OSSL_FUNC_signature_verify_init_fn sig_verify_init;
static OSSL_FUNC_signature_digest_sign_init_fn sig_digest_sign_init;
static OSSL_FUNC_signature_digest_sign_fn sig_digest_sign;
static OSSL_FUNC_signature_digest_verify_init_fn sig_digest_verify_init;
static OSSL_FUNC_signature_set_ctx_params_fn sig_set_params;
static OSSL_FUNC_signature_gettable_ctx_params_fn rsa_gettable, ecdsa_gettable;
static OSSL_FUNC_signature_settable_ctx_params_fn rsa_settable, ecdsa_settable;

void *
prov_sig_new(void *provctx, const char *propq)
{
	struct prov_sig *sig = OPENSSL_zalloc(sizeof(*sig));

	(void)propq; /* what is fetched is fetched in our own library context */
	if (sig != NULL)
		sig->prov = provctx;
	return sig;
}

void
prov_sig_free(void *vsig)
{
	struct prov_sig *sig = vsig;

	if (sig == NULL)
		return;
	prov_pkey_unref(sig->key);
	EVP_PKEY_CTX_free(sig->soft);
	EVP_MD_CTX_free(sig->hash);
	tpmiot_buf_free(&sig->message);
	tpmiot_buf_free(&sig->to_verify);
	OPENSSL_free(sig);
}

void *
prov_sig_dup(void *vsig)
{
	const struct prov_sig *from = vsig;
	struct prov_sig *sig = prov_sig_new(from->prov, NULL);

	if (sig == NULL)
		return NULL;
	sig->signing = from->signing;
	sig->fixed_md = from->fixed_md;
	sig->messages = from->messages;
	sig->by_message = from->by_message;
	if (from->key != NULL)
		sig->key = prov_pkey_ref(from->key);
	tpmiot_buf_put(&sig->message, from->message.data, from->message.len);
	tpmiot_buf_put(&sig->to_verify, from->to_verify.data, from->to_verify.len);
	if (sig->message.failed || sig->to_verify.failed ||
	    (from->soft != NULL && (sig->soft = EVP_PKEY_CTX_dup(from->soft)) == NULL) ||
	    (from->hash != NULL && ((sig->hash = EVP_MD_CTX_new()) == NULL ||
	                               !EVP_MD_CTX_copy_ex(sig->hash, from->hash)))) {
		prov_sig_free(sig);
		return NULL;
	}
	return sig;
}

/* ---- Init ------------------------------------------------------------------ */

static int
soft_init(const struct prov_sig *sig)
{
	if (sig->signing && sig->key->tpm == NULL)
		return EVP_PKEY_sign_init(sig->soft) > 0;
	return EVP_PKEY_verify_init(sig->soft) > 0;
}

/* key NULL: the one of the last time. Parameters are for the caller to set. */
int
prov_sig_init(struct prov_sig *sig, struct prov_pkey *key, bool signing)
{
	if (key != NULL) {
		prov_pkey_ref(key);
		prov_pkey_unref(sig->key);
		sig->key = key;
	}
	if (sig->key == NULL || sig->key->soft == NULL)
		return prov_raise(sig->prov, TPMIOT_E_USAGE, "no key to sign or verify with");
	if (signing && (sig->key->has & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0)
		return prov_raise(sig->prov, TPMIOT_E_USAGE, "this is a public key: it can't sign");
	if (signing && sig->key->tpm != NULL && !prov_pkey_is(sig->key, TPMA_OBJECT_SIGN_ENCRYPT))
		return prov_raise(sig->prov, TPMIOT_E_UNSUPPORTED,
		    "this key was made to decrypt, not to sign: make another one");
	sig->signing = signing;
	sig->by_message = sig->messages = false;
	tpmiot_buf_reset(&sig->message);
	tpmiot_buf_reset(&sig->to_verify);
	EVP_MD_CTX_free(sig->hash);
	sig->hash = NULL;
	EVP_PKEY_CTX_free(sig->soft);
	sig->soft = EVP_PKEY_CTX_new_from_pkey(prov_libctx(sig->prov), sig->key->soft, NULL);
	return sig->soft != NULL && soft_init(sig) && prov_scheme_init(sig);
}

static int
sig_sign_init(void *vsig, void *key, const OSSL_PARAM params[])
{
	return prov_sig_init(vsig, key, true) && sig_set_params(vsig, params);
}

static int
sig_verify_init(void *vsig, void *key, const OSSL_PARAM params[])
{
	return prov_sig_init(vsig, key, false) && sig_set_params(vsig, params);
}

int
prov_sig_set_digest(struct prov_sig *sig, const char *name)
{
	char copy[64];
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, copy, strlen(name)),
		OSSL_PARAM_END,
	};

	if (OPENSSL_strlcpy(copy, name, sizeof(copy)) >= sizeof(copy) ||
	    !prov_scheme_takes_digest(sig, name))
		return 0;
	return EVP_PKEY_CTX_set_params(sig->soft, params) > 0;
}

static int
start_hash(struct prov_sig *sig, const char *name)
{
	EVP_MD *md = EVP_MD_fetch(prov_libctx(sig->prov), name, NULL);
	int ok;

	sig->hash = EVP_MD_CTX_new();
	ok = md != NULL && sig->hash != NULL && EVP_DigestInit_ex2(sig->hash, md, NULL);
	EVP_MD_free(md);
	return ok;
}

static const char *
default_digest(const struct prov_sig *sig)
{
	TPMI_ALG_HASH fixed = prov_pkey_fixed_hash(sig->key);

	return fixed == TPM2_ALG_NULL ? "SHA256" : tpmiot_alg_md_name(fixed);
}

int
prov_sig_init_digest(struct prov_sig *sig, const char *name, struct prov_pkey *key, bool signing)
{
	if (!prov_sig_init(sig, key, signing))
		return 0;
	if (name == NULL || *name == '\0')
		name = default_digest(sig);
	sig->messages = true;
	sig->by_message = prov_sig_in_tpm(sig) && prov_pkey_is(sig->key, TPMA_OBJECT_RESTRICTED);
	return prov_sig_set_digest(sig, name) && (sig->by_message || start_hash(sig, name));
}

static int
sig_digest_sign_init(void *vsig, const char *name, void *key, const OSSL_PARAM params[])
{
	return prov_sig_init_digest(vsig, name, key, true) && sig_set_params(vsig, params);
}

static int
sig_digest_verify_init(void *vsig, const char *name, void *key, const OSSL_PARAM params[])
{
	return prov_sig_init_digest(vsig, name, key, false) && sig_set_params(vsig, params);
}

/* ---- Update and final ---------------------------------------------------------- */

int
prov_sig_update(void *vsig, const unsigned char *data, size_t len)
{
	struct prov_sig *sig = vsig;

	if (sig->by_message) {
		tpmiot_buf_put(&sig->message, data, len);
		return !sig->message.failed;
	}
	return sig->hash != NULL && EVP_DigestUpdate(sig->hash, data, len);
}

int
prov_sig_sign(void *vsig, unsigned char *out, size_t *out_len, size_t out_size,
    const unsigned char *tbs, size_t len)
{
	struct prov_sig *sig = vsig;

	if (out == NULL) {
		*out_len = (size_t)EVP_PKEY_get_size(sig->key->soft);
		return 1;
	}
	if (prov_sig_in_tpm(sig))
		return prov_tpm_sign_digest(sig, out, out_len, out_size, tbs, len);
	*out_len = out_size;
	return EVP_PKEY_sign(sig->soft, out, out_len, tbs, len) > 0;
}

int
prov_sig_verify(void *vsig, const unsigned char *signature, size_t signature_len,
    const unsigned char *tbs, size_t len)
{
	struct prov_sig *sig = vsig;

	return EVP_PKEY_verify(sig->soft, signature, signature_len, tbs, len) == 1;
}

int
prov_sig_sign_final(void *vsig, unsigned char *out, size_t *out_len, size_t out_size)
{
	struct prov_sig *sig = vsig;
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	if (out == NULL)
		return prov_sig_sign(sig, NULL, out_len, 0, NULL, 0);
	if (sig->by_message)
		return prov_tpm_sign_message(sig, out, out_len, out_size);
	return sig->hash != NULL && EVP_DigestFinal_ex(sig->hash, digest, &len) &&
	       prov_sig_sign(sig, out, out_len, out_size, digest, len);
}

int
prov_sig_verify_final(void *vsig, const unsigned char *signature, size_t signature_len)
{
	struct prov_sig *sig = vsig;
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	return sig->hash != NULL && EVP_DigestFinal_ex(sig->hash, digest, &len) &&
	       prov_sig_verify(sig, signature, signature_len, digest, len);
}

/* At once: libcrypto need not copy the operation to keep it open for more. */
static int
sig_digest_sign(void *vsig, unsigned char *out, size_t *out_len, size_t out_size,
    const unsigned char *data, size_t len)
{
	return (out == NULL || prov_sig_update(vsig, data, len)) &&
	       prov_sig_sign_final(vsig, out, out_len, out_size);
}

/* ---- Parameters ----------------------------------------------------------------- */

int
prov_sig_get_params(void *vsig, OSSL_PARAM params[])
{
	struct prov_sig *sig = vsig;

	return sig->soft != NULL && EVP_PKEY_CTX_get_params(sig->soft, params) > 0;
}

/*
 * A digest that is under way can't be exchanged for another. To say it again is no change:
 * libssl does so since OpenSSL 4.0.
 */
static bool
changes_digest(const struct prov_sig *sig, const OSSL_PARAM params[])
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_DIGEST);
	char current[PROV_SIG_NAME_LEN];
	const char *name = NULL;
	EVP_MD *md = NULL;
	bool same;

	if (!sig->messages || p == NULL)
		return false;
	if (prov_sig_get_string(sig, OSSL_SIGNATURE_PARAM_DIGEST, current))
		md = EVP_MD_fetch(prov_libctx(sig->prov), current, NULL);
	same = md != NULL && OSSL_PARAM_get_utf8_string_ptr(p, &name) && name != NULL &&
	       EVP_MD_is_a(md, name);
	EVP_MD_free(md);
	return !same;
}

static int
sig_set_params(void *vsig, const OSSL_PARAM params[])
{
	struct prov_sig *sig = vsig;

	if (params == NULL || params[0].key == NULL)
		return prov_scheme_settle(sig);
	if (changes_digest(sig, params))
		return prov_raise(sig->prov, TPMIOT_E_USAGE,
		    "the digest can't be changed after the operation began");
	return sig->soft != NULL && prov_scheme_takes(sig, params) &&
	       EVP_PKEY_CTX_set_params(sig->soft, params) > 0 && prov_scheme_settle(sig);
}

#define RSA_SETTINGS                                                                               \
	OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),                              \
	    OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),                        \
	    OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),                     \
	    OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0), OSSL_PARAM_END

static const OSSL_PARAM *
rsa_gettable(void *vsig, void *provctx)
{
	static const OSSL_PARAM gettable[] = {
		OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
		RSA_SETTINGS,
	};

	(void)vsig;
	(void)provctx;
	return gettable;
}

static const OSSL_PARAM *
rsa_settable(void *vsig, void *provctx)
{
	static const OSSL_PARAM settable[] = {
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PROPERTIES, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_PROPERTIES, NULL, 0),
		RSA_SETTINGS,
	};

	(void)vsig;
	(void)provctx;
	return settable;
}

static const OSSL_PARAM *
ecdsa_gettable(void *vsig, void *provctx)
{
	static const OSSL_PARAM gettable[] = {
		OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
		OSSL_PARAM_size_t(OSSL_SIGNATURE_PARAM_DIGEST_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)vsig;
	(void)provctx;
	return gettable;
}

static const OSSL_PARAM *
ecdsa_settable(void *vsig, void *provctx)
{
	static const OSSL_PARAM settable[] = {
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PROPERTIES, NULL, 0),
		OSSL_PARAM_size_t(OSSL_SIGNATURE_PARAM_DIGEST_SIZE, NULL),
		OSSL_PARAM_END,
	};

	(void)vsig;
	(void)provctx;
	return settable;
}

#define OPERATIONS                                                                                 \
	PROV_FN(SIGNATURE_NEWCTX, prov_sig_new), PROV_FN(SIGNATURE_FREECTX, prov_sig_free),        \
	    PROV_FN(SIGNATURE_DUPCTX, prov_sig_dup), PROV_FN(SIGNATURE_SIGN_INIT, sig_sign_init),  \
	    PROV_FN(SIGNATURE_SIGN, prov_sig_sign),                                                \
	    PROV_FN(SIGNATURE_VERIFY_INIT, sig_verify_init),                                       \
	    PROV_FN(SIGNATURE_VERIFY, prov_sig_verify),                                            \
	    PROV_FN(SIGNATURE_DIGEST_SIGN_INIT, sig_digest_sign_init),                             \
	    PROV_FN(SIGNATURE_DIGEST_SIGN_UPDATE, prov_sig_update),                                \
	    PROV_FN(SIGNATURE_DIGEST_SIGN_FINAL, prov_sig_sign_final),                             \
	    PROV_FN(SIGNATURE_DIGEST_SIGN, sig_digest_sign),                                       \
	    PROV_FN(SIGNATURE_DIGEST_VERIFY_INIT, sig_digest_verify_init),                         \
	    PROV_FN(SIGNATURE_DIGEST_VERIFY_UPDATE, prov_sig_update),                              \
	    PROV_FN(SIGNATURE_DIGEST_VERIFY_FINAL, prov_sig_verify_final),                         \
	    PROV_FN(SIGNATURE_GET_CTX_PARAMS, prov_sig_get_params),                                \
	    PROV_FN(SIGNATURE_SET_CTX_PARAMS, sig_set_params)

const OSSL_DISPATCH prov_signature_rsa[] = {
	OPERATIONS,
	PROV_FN(SIGNATURE_GETTABLE_CTX_PARAMS, rsa_gettable),
	PROV_FN(SIGNATURE_SETTABLE_CTX_PARAMS, rsa_settable),
	{ 0, NULL },
};

const OSSL_DISPATCH prov_signature_ecdsa[] = {
	OPERATIONS,
	PROV_FN(SIGNATURE_GETTABLE_CTX_PARAMS, ecdsa_gettable),
	PROV_FN(SIGNATURE_SETTABLE_CTX_PARAMS, ecdsa_settable),
	{ 0, NULL },
};
