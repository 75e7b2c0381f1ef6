/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key management, the same for RSA, RSA-PSS and EC: what a key has and is, and how it
 * goes from one provider to another. Questions about the public half are
 * answered by the private library context.
 */
#include "keymgmt.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <tpmiot/alg.h>

#include "tables.h"

#define SELECT_KEYPAIR (OSSL_KEYMGMT_SELECT_PUBLIC_KEY | OSSL_KEYMGMT_SELECT_PRIVATE_KEY)

static OSSL_FUNC_keymgmt_new_fn rsa_new, pss_new, ec_new;
static OSSL_FUNC_keymgmt_load_fn rsa_load, pss_load, ec_load;
static OSSL_FUNC_keymgmt_free_fn key_free;
static OSSL_FUNC_keymgmt_has_fn key_has;
static OSSL_FUNC_keymgmt_match_fn key_match;
static OSSL_FUNC_keymgmt_validate_fn key_validate;
static OSSL_FUNC_keymgmt_dup_fn key_dup;
static OSSL_FUNC_keymgmt_import_fn key_import;
static OSSL_FUNC_keymgmt_export_fn key_export;
static OSSL_FUNC_keymgmt_get_params_fn key_get_params;
static OSSL_FUNC_keymgmt_set_params_fn key_set_params;
static OSSL_FUNC_keymgmt_query_operation_name_fn pss_operation_name, ec_operation_name;

static void *
rsa_new(void *provctx)
{
	return prov_pkey_new(provctx, PROV_RSA);
}

static void *
pss_new(void *provctx)
{
	return prov_pkey_new(provctx, PROV_RSA_PSS);
}

static void *
ec_new(void *provctx)
{
	return prov_pkey_new(provctx, PROV_EC);
}

static void *
rsa_load(const void *reference, size_t len)
{
	return prov_pkey_accept(PROV_RSA, reference, len);
}

static void *
pss_load(const void *reference, size_t len)
{
	return prov_pkey_accept(PROV_RSA_PSS, reference, len);
}

static void *
ec_load(const void *reference, size_t len)
{
	return prov_pkey_accept(PROV_EC, reference, len);
}

static void
key_free(void *keydata)
{
	prov_pkey_unref(keydata);
}

static int
key_has(const void *keydata, int selection)
{
	const struct prov_pkey *key = keydata;

	if (key == NULL)
		return 0;
	if (key->type != PROV_EC) /* has no domain parameters: none is missing */
		selection &= SELECT_KEYPAIR;
	selection &= SELECT_KEYPAIR | OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS;
	return (key->has & selection) == selection;
}

static int
key_match(const void *keydata1, const void *keydata2, int selection)
{
	const struct prov_pkey *a = keydata1, *b = keydata2;

	if (a->soft == NULL || b->soft == NULL)
		return 0;
	/* Private halves need no comparison: they follow from the public ones. */
	if ((selection & SELECT_KEYPAIR) != 0)
		return EVP_PKEY_eq(a->soft, b->soft) == 1;
	return EVP_PKEY_parameters_eq(a->soft, b->soft) == 1;
}

/* The private half: in the TPM there is nothing to check, the TPM made or accepted it. */
static int
validate_private(const struct prov_pkey *key, EVP_PKEY_CTX *ctx, int selection)
{
	if (key->tpm != NULL)
		return 1;
	return (selection & SELECT_KEYPAIR) == SELECT_KEYPAIR ? EVP_PKEY_pairwise_check(ctx) == 1
	                                                      : EVP_PKEY_private_check(ctx) == 1;
}

static int
key_validate(const void *keydata, int selection, int checktype)
{
	const struct prov_pkey *key = keydata;
	EVP_PKEY_CTX *ctx = NULL;
	int ok;

	if (key->soft == NULL)
		return 0;
	ctx = EVP_PKEY_CTX_new_from_pkey(prov_libctx(key->prov), key->soft, NULL);
	ok = ctx != NULL;
	if (ok && key->type == PROV_EC && (selection & OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS) != 0)
		ok = EVP_PKEY_param_check(ctx) == 1;
	if (ok && (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0)
		ok = checktype == OSSL_KEYMGMT_VALIDATE_QUICK_CHECK
		         ? EVP_PKEY_public_check_quick(ctx) == 1
		         : EVP_PKEY_public_check(ctx) == 1;
	if (ok && (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0)
		ok = validate_private(key, ctx, selection);
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

/* A copy of the parts that are not private, by way of their parameters. */
static EVP_PKEY *
copy_public(const struct prov_pkey *key, int selection)
{
	OSSL_PARAM *params = NULL;
	EVP_PKEY *copy = NULL;

	if (EVP_PKEY_todata(key->soft, selection, &params) == 1)
		copy = prov_soft_from_params(key->prov, key->type, selection, params);
	OSSL_PARAM_free(params);
	return copy;
}

static void *
key_dup(const void *keydata, int selection)
{
	const struct prov_pkey *from = keydata;
	struct prov_pkey *key = prov_pkey_new(from->prov, from->type);
	bool whole = (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0;

	if (key == NULL)
		return NULL;
	key->has = from->has & selection;
	if (from->soft != NULL) {
		key->soft = whole ? EVP_PKEY_dup(from->soft) : copy_public(from, selection);
		if (key->soft == NULL) {
			prov_pkey_unref(key);
			return NULL;
		}
	}
	if (whole && from->tpm != NULL)
		key->tpm = tpmiot_key_ref(from->tpm);
	return key;
}

/* What is really there: whoever imports "everything" may have a public key only. */
static int
parts_of(enum prov_type type, int selection, const OSSL_PARAM params[])
{
	const char *pub = type == PROV_EC ? OSSL_PKEY_PARAM_PUB_KEY : OSSL_PKEY_PARAM_RSA_N;
	const char *priv = type == PROV_EC ? OSSL_PKEY_PARAM_PRIV_KEY : OSSL_PKEY_PARAM_RSA_D;

	if (OSSL_PARAM_locate_const(params, pub) == NULL)
		selection &= ~OSSL_KEYMGMT_SELECT_PUBLIC_KEY;
	if (OSSL_PARAM_locate_const(params, priv) == NULL)
		selection &= ~OSSL_KEYMGMT_SELECT_PRIVATE_KEY;
	return selection;
}

static int
key_import(void *keydata, int selection, const OSSL_PARAM params[])
{
	struct prov_pkey *key = keydata;
	EVP_PKEY *soft = prov_soft_from_params(key->prov, key->type, selection, params);

	if (soft == NULL)
		return 0;
	EVP_PKEY_free(key->soft);
	key->soft = soft;
	key->has = parts_of(key->type, selection, params);
	return 1;
}

/*
 * A TPM key is never whole outside the TPM. libcrypto asks for all of a key
 * when it would like to use it in another provider, and comes back to us when
 * that fails; so this is no error to be reported.
 */
static int
key_export(void *keydata, int selection, OSSL_CALLBACK *cb, void *arg)
{
	const struct prov_pkey *key = keydata;

	if (key->soft == NULL)
		return 0;
	if (key->tpm != NULL && (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0)
		return 0;
	return EVP_PKEY_export(key->soft, selection, cb, arg);
}

static int
key_get_params(void *keydata, OSSL_PARAM params[])
{
	const struct prov_pkey *key = keydata;
	TPMI_ALG_HASH fixed = prov_pkey_fixed_hash(key);
	OSSL_PARAM *p;

	if (key->soft == NULL || !EVP_PKEY_get_params(key->soft, params))
		return 0;
	if (fixed == TPM2_ALG_NULL)
		return 1;
	p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_MANDATORY_DIGEST);
	if (p != NULL && !OSSL_PARAM_set_utf8_string(p, tpmiot_alg_md_name(fixed)))
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_DEFAULT_DIGEST);
	return p == NULL || OSSL_PARAM_set_utf8_string(p, tpmiot_alg_md_name(fixed));
}

/*
 * How an EC key's public half is written is a matter of software; the rest of a TPM key is what it
 * is. The public half may be another key object's as well (key_dup), and is copied first.
 */
static int
set_form(struct prov_pkey *key, const OSSL_PARAM params[])
{
	static const char *const forms[] = { OSSL_PKEY_PARAM_EC_ENCODING,
		OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, OSSL_PKEY_PARAM_EC_INCLUDE_PUBLIC };
	EVP_PKEY *copy;
	int with_public;

	for (const OSSL_PARAM *p = params; p->key != NULL; p++) {
		size_t i = 0;

		while (i < sizeof(forms) / sizeof(forms[0]) && strcmp(p->key, forms[i]) != 0)
			i++;
		if (key->type != PROV_EC || i == sizeof(forms) / sizeof(forms[0]))
			return prov_raise(
			    key->prov, TPMIOT_E_UNSUPPORTED, "a key in the TPM can't be changed");
		if (strcmp(p->key, OSSL_PKEY_PARAM_EC_INCLUDE_PUBLIC) == 0 &&
		    (!OSSL_PARAM_get_int(p, &with_public) || !with_public))
			return prov_raise(key->prov, TPMIOT_E_UNSUPPORTED,
			    "a TPM key's file always has its public half: leave out -no_public");
	}
	copy = EVP_PKEY_dup(key->soft);
	if (copy == NULL || !EVP_PKEY_set_params(copy, prov_params_unconst(params))) {
		EVP_PKEY_free(copy);
		return 0;
	}
	EVP_PKEY_free(key->soft);
	key->soft = copy;
	return 1;
}

static int
key_set_params(void *keydata, const OSSL_PARAM params[])
{
	struct prov_pkey *key = keydata;

	if (params == NULL || params[0].key == NULL)
		return 1;
	if (key->tpm != NULL)
		return set_form(key, params);
	if (key->soft == NULL || !EVP_PKEY_set_params(key->soft, prov_params_unconst(params)))
		return 0;
	if (OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY) != NULL)
		key->has |= OSSL_KEYMGMT_SELECT_PUBLIC_KEY;
	return 1;
}

/* Their operations are RSA's, which look at the key's restrictions. */
static const char *
pss_operation_name(int operation)
{
	(void)operation;
	return "RSA";
}

static const char *
ec_operation_name(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? "ECDSA"
	       : operation == OSSL_OP_KEYEXCH ? "ECDH"
	                                      : "EC";
}

#define COMMON                                                                                     \
	PROV_FN(KEYMGMT_FREE, key_free), PROV_FN(KEYMGMT_HAS, key_has),                            \
	    PROV_FN(KEYMGMT_MATCH, key_match), PROV_FN(KEYMGMT_VALIDATE, key_validate),            \
	    PROV_FN(KEYMGMT_DUP, key_dup), PROV_FN(KEYMGMT_IMPORT, key_import),                    \
	    PROV_FN(KEYMGMT_EXPORT, key_export), PROV_FN(KEYMGMT_GET_PARAMS, key_get_params),      \
	    PROV_FN(KEYMGMT_SET_PARAMS, key_set_params),                                           \
	    PROV_FN(KEYMGMT_GEN_SET_TEMPLATE, prov_gen_set_template),                              \
	    PROV_FN(KEYMGMT_GEN_SET_PARAMS, prov_gen_set_params), PROV_FN(KEYMGMT_GEN, prov_gen),  \
	    PROV_FN(KEYMGMT_GEN_CLEANUP, prov_gen_cleanup)

const OSSL_DISPATCH prov_keymgmt_rsa[] = {
	COMMON,
	PROV_FN(KEYMGMT_NEW, rsa_new),
	PROV_FN(KEYMGMT_LOAD, rsa_load),
	PROV_FN(KEYMGMT_IMPORT_TYPES, prov_rsa_types),
	PROV_FN(KEYMGMT_EXPORT_TYPES, prov_rsa_types),
	PROV_FN(KEYMGMT_GETTABLE_PARAMS, prov_rsa_gettable),
	PROV_FN(KEYMGMT_SETTABLE_PARAMS, prov_rsa_settable),
	PROV_FN(KEYMGMT_GEN_INIT, prov_rsa_gen_init),
	PROV_FN(KEYMGMT_GEN_SETTABLE_PARAMS, prov_rsa_gen_settable),
	{ 0, NULL },
};

const OSSL_DISPATCH prov_keymgmt_pss[] = {
	COMMON,
	PROV_FN(KEYMGMT_NEW, pss_new),
	PROV_FN(KEYMGMT_LOAD, pss_load),
	PROV_FN(KEYMGMT_IMPORT_TYPES, prov_pss_types),
	PROV_FN(KEYMGMT_EXPORT_TYPES, prov_pss_types),
	PROV_FN(KEYMGMT_GETTABLE_PARAMS, prov_rsa_gettable),
	PROV_FN(KEYMGMT_SETTABLE_PARAMS, prov_rsa_settable),
	PROV_FN(KEYMGMT_GEN_INIT, prov_pss_gen_init),
	PROV_FN(KEYMGMT_GEN_SETTABLE_PARAMS, prov_pss_gen_settable),
	PROV_FN(KEYMGMT_QUERY_OPERATION_NAME, pss_operation_name),
	{ 0, NULL },
};

const OSSL_DISPATCH prov_keymgmt_ec[] = {
	COMMON,
	PROV_FN(KEYMGMT_NEW, ec_new),
	PROV_FN(KEYMGMT_LOAD, ec_load),
	PROV_FN(KEYMGMT_IMPORT_TYPES, prov_ec_types),
	PROV_FN(KEYMGMT_EXPORT_TYPES, prov_ec_types),
	PROV_FN(KEYMGMT_GETTABLE_PARAMS, prov_ec_gettable),
	PROV_FN(KEYMGMT_SETTABLE_PARAMS, prov_ec_settable),
	PROV_FN(KEYMGMT_GEN_INIT, prov_ec_gen_init),
	PROV_FN(KEYMGMT_GEN_SETTABLE_PARAMS, prov_ec_gen_settable),
	PROV_FN(KEYMGMT_QUERY_OPERATION_NAME, ec_operation_name),
	{ 0, NULL },
};
