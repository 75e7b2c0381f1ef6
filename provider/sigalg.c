/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signature algorithms that name their digest ("RSA-SHA256", "ECDSA-SHA384"), for
 * EVP_PKEY_sign_message_init() and its like, since OpenSSL 3.4. They are the operations of
 * signature.c with the digest (and PKCS#1 v1.5 padding) fixed.
 */
#include "sig.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "tables.h"

#ifdef OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_INIT

static OSSL_FUNC_signature_sign_init_fn alg_sign_init;
static OSSL_FUNC_signature_sign_fn alg_sign;
static OSSL_FUNC_signature_verify_init_fn alg_verify_init;
static OSSL_FUNC_signature_verify_fn alg_verify;
static OSSL_FUNC_signature_sign_message_init_fn alg_sign_message_init;
static OSSL_FUNC_signature_verify_message_init_fn alg_verify_message_init;
static OSSL_FUNC_signature_verify_message_final_fn alg_verify_message_final;
static OSSL_FUNC_signature_set_ctx_params_fn alg_set_params;
static OSSL_FUNC_signature_settable_ctx_params_fn alg_settable;
static OSSL_FUNC_signature_gettable_ctx_params_fn alg_gettable;
static OSSL_FUNC_signature_query_key_types_fn rsa_key_types, ec_key_types;

static void *
new_with(void *provctx, const char *md)
{
	struct prov_sig *sig = prov_sig_new(provctx, NULL);

	if (sig != NULL)
		sig->fixed_md = md;
	return sig;
}

static int
alg_sign_init(void *vsig, void *key, const OSSL_PARAM params[])
{
	struct prov_sig *sig = vsig;

	return prov_sig_init(sig, key, true) && prov_sig_set_digest(sig, sig->fixed_md) &&
	       alg_set_params(sig, params);
}

static int
alg_verify_init(void *vsig, void *key, const OSSL_PARAM params[])
{
	struct prov_sig *sig = vsig;

	return prov_sig_init(sig, key, false) && prov_sig_set_digest(sig, sig->fixed_md) &&
	       alg_set_params(sig, params);
}

static int
alg_sign_message_init(void *vsig, void *key, const OSSL_PARAM params[])
{
	struct prov_sig *sig = vsig;

	return prov_sig_init_digest(sig, sig->fixed_md, key, true) && alg_set_params(sig, params);
}

static int
alg_verify_message_init(void *vsig, void *key, const OSSL_PARAM params[])
{
	struct prov_sig *sig = vsig;

	return prov_sig_init_digest(sig, sig->fixed_md, key, false) && alg_set_params(sig, params);
}

/* At once: what comes is a digest or a message, as it was begun. */
static int
alg_sign(void *vsig, unsigned char *out, size_t *out_len, size_t out_size, const unsigned char *tbs,
    size_t len)
{
	const struct prov_sig *sig = vsig;

	if (out == NULL || !sig->messages)
		return prov_sig_sign(vsig, out, out_len, out_size, tbs, len);
	return prov_sig_update(vsig, tbs, len) && prov_sig_sign_final(vsig, out, out_len, out_size);
}

static int
alg_verify(void *vsig, const unsigned char *signature, size_t signature_len,
    const unsigned char *tbs, size_t len)
{
	const struct prov_sig *sig = vsig;

	if (!sig->messages)
		return prov_sig_verify(vsig, signature, signature_len, tbs, len);
	return prov_sig_update(vsig, tbs, len) &&
	       prov_sig_verify_final(vsig, signature, signature_len);
}

static int
alg_verify_message_final(void *vsig)
{
	struct prov_sig *sig = vsig;

	if (sig->to_verify.len == 0)
		return prov_raise(sig->prov, TPMIOT_E_USAGE,
		    "no signature to verify: EVP_PKEY_CTX_set_signature() comes first");
	return prov_sig_verify_final(sig, sig->to_verify.data, sig->to_verify.len);
}

static int
alg_set_params(void *vsig, const OSSL_PARAM params[])
{
	struct prov_sig *sig = vsig;
	const OSSL_PARAM *p =
	    params == NULL ? NULL : OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_SIGNATURE);

	if (p == NULL)
		return 1;
	if (p->data_type != OSSL_PARAM_OCTET_STRING || (p->data == NULL && p->data_size != 0))
		return 0;
	tpmiot_buf_reset(&sig->to_verify);
	tpmiot_buf_put(&sig->to_verify, p->data, p->data_size);
	return !sig->to_verify.failed;
}

/* Digest and padding are the algorithm's. */
static const OSSL_PARAM *
alg_settable(void *vsig, void *provctx)
{
	static const OSSL_PARAM settable[] = {
		OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_SIGNATURE, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)vsig;
	(void)provctx;
	return settable;
}

static const OSSL_PARAM *
alg_gettable(void *vsig, void *provctx)
{
	static const OSSL_PARAM gettable[] = {
		OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)vsig;
	(void)provctx;
	return gettable;
}

static const char **
rsa_key_types(void)
{
	static const char *types[] = { "RSA", NULL };

	return types;
}

static const char **
ec_key_types(void)
{
	static const char *types[] = { "EC", NULL };

	return types;
}

#define SIGALG(alg, md, key_types)                                                                 \
	static OSSL_FUNC_signature_newctx_fn alg##_new;                                            \
                                                                                                   \
	static void *alg##_new(void *provctx, const char *propq)                                   \
	{                                                                                          \
		(void)propq;                                                                       \
		return new_with(provctx, md);                                                      \
	}                                                                                          \
                                                                                                   \
	const OSSL_DISPATCH prov_sigalg_##alg[] = {                                                \
		PROV_FN(SIGNATURE_NEWCTX, alg##_new),                                              \
		PROV_FN(SIGNATURE_FREECTX, prov_sig_free),                                         \
		PROV_FN(SIGNATURE_DUPCTX, prov_sig_dup),                                           \
		PROV_FN(SIGNATURE_SIGN_INIT, alg_sign_init),                                       \
		PROV_FN(SIGNATURE_SIGN, alg_sign),                                                 \
		PROV_FN(SIGNATURE_VERIFY_INIT, alg_verify_init),                                   \
		PROV_FN(SIGNATURE_VERIFY, alg_verify),                                             \
		PROV_FN(SIGNATURE_SIGN_MESSAGE_INIT, alg_sign_message_init),                       \
		PROV_FN(SIGNATURE_SIGN_MESSAGE_UPDATE, prov_sig_update),                           \
		PROV_FN(SIGNATURE_SIGN_MESSAGE_FINAL, prov_sig_sign_final),                        \
		PROV_FN(SIGNATURE_VERIFY_MESSAGE_INIT, alg_verify_message_init),                   \
		PROV_FN(SIGNATURE_VERIFY_MESSAGE_UPDATE, prov_sig_update),                         \
		PROV_FN(SIGNATURE_VERIFY_MESSAGE_FINAL, alg_verify_message_final),                 \
		PROV_FN(SIGNATURE_GET_CTX_PARAMS, prov_sig_get_params),                            \
		PROV_FN(SIGNATURE_GETTABLE_CTX_PARAMS, alg_gettable),                              \
		PROV_FN(SIGNATURE_SET_CTX_PARAMS, alg_set_params),                                 \
		PROV_FN(SIGNATURE_SETTABLE_CTX_PARAMS, alg_settable),                              \
		PROV_FN(SIGNATURE_QUERY_KEY_TYPES, key_types),                                     \
		{ 0, NULL },                                                                       \
	}

SIGALG(rsa_sha256, "SHA256", rsa_key_types);
SIGALG(rsa_sha384, "SHA384", rsa_key_types);
SIGALG(rsa_sha512, "SHA512", rsa_key_types);
SIGALG(ecdsa_sha256, "SHA256", ec_key_types);
SIGALG(ecdsa_sha384, "SHA384", ec_key_types);
SIGALG(ecdsa_sha512, "SHA512", ec_key_types);

#else

/* No empty file, in C. */
typedef int prov_no_sigalgs;

#endif
