/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making keys: in the TPM, or in software by the private library context.
 *
 * libcrypto asks the first provider it finds for every key, also for those of
 * a TLS key exchange, and does not say what for. So openssl.cnf does: with
 * `keygen = software` a key is made in the TPM only if one of our own options
 * asks for it (parent, parent-auth, user-auth, digest).
 */
#include "keymgmt.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include <tpmiot/alg.h>
#include <tpmiot/template.h>

/* As in tpm2-openssl. */
#define PARAM_DIGEST "digest"
#define PARAM_PARENT "parent"
#define PARAM_PARENT_AUTH "parent-auth"
#define PARAM_USER_AUTH "user-auth"

#define RSA_EXPONENT 65537

struct keygen {
	struct prov_ctx *prov;
	enum prov_type type;
	bool in_tpm;
	EVP_PKEY_CTX *soft; /* NULL where software keys are out of the question */
	/* what was asked of a TPM key */
	size_t bits;
	TPMI_ECC_CURVE curve;
	TPMI_ALG_HASH hash;
	TPM2_HANDLE parent;
	struct tpmiot_buf parent_auth;
	struct tpmiot_buf user_auth;
};

static EVP_PKEY_CTX *
soft_keygen_new(struct keygen *gen, bool params_only)
{
	OSSL_LIB_CTX *libctx = prov_libctx(gen->prov);
	EVP_PKEY_CTX *ctx;

	if (libctx == NULL)
		return NULL;
	ctx = EVP_PKEY_CTX_new_from_name(libctx, prov_type_name(gen->type), NULL);
	if (ctx != NULL &&
	    (params_only ? EVP_PKEY_paramgen_init(ctx) : EVP_PKEY_keygen_init(ctx)) <= 0) {
		EVP_PKEY_CTX_free(ctx);
		ctx = NULL;
	}
	return ctx;
}

static void *
gen_init(struct prov_ctx *prov, enum prov_type type, int selection, const OSSL_PARAM params[])
{
	bool params_only = (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0;
	struct keygen *gen;

	if (prov->keygen == PROV_KEYGEN_UNKNOWN) {
		prov_raise(prov, TPMIOT_E_USAGE,
		    "openssl.cnf: keygen of the provider tpmiot is either software or tpm");
		return NULL;
	}
	gen = OPENSSL_zalloc(sizeof(*gen));
	if (gen == NULL)
		return NULL;
	gen->prov = prov;
	gen->type = type;
	gen->bits = 2048;
	gen->curve = TPM2_ECC_NIST_P256;
	gen->hash = TPM2_ALG_NULL;
	gen->in_tpm = !params_only && prov->keygen == PROV_KEYGEN_TPM;
	if (!gen->in_tpm)
		gen->soft = soft_keygen_new(gen, params_only);
	if ((!gen->in_tpm && gen->soft == NULL) || !prov_gen_set_params(gen, params)) {
		prov_gen_cleanup(gen);
		return NULL;
	}
	return gen;
}

void *
prov_rsa_gen_init(void *provctx, int selection, const OSSL_PARAM params[])
{
	return gen_init(provctx, PROV_RSA, selection, params);
}

void *
prov_ec_gen_init(void *provctx, int selection, const OSSL_PARAM params[])
{
	return gen_init(provctx, PROV_EC, selection, params);
}

void
prov_gen_cleanup(void *genctx)
{
	struct keygen *gen = genctx;

	if (gen == NULL)
		return;
	EVP_PKEY_CTX_free(gen->soft);
	tpmiot_buf_free(&gen->parent_auth);
	tpmiot_buf_free(&gen->user_auth);
	OPENSSL_free(gen);
}

/* Only EC keys have something to take over from another key: the group. */
int
prov_gen_set_template(void *genctx, void *templ)
{
	struct keygen *gen = genctx;
	const struct prov_pkey *key = templ;
	char group[64];
	size_t len = 0;
	OSSL_PARAM params[2] = { OSSL_PARAM_END, OSSL_PARAM_END };

	if (gen->type != PROV_EC || key->soft == NULL ||
	    !EVP_PKEY_get_group_name(key->soft, group, sizeof(group), &len))
		return 0;
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
	return prov_gen_set_params(gen, params);
}

static int
set_bits(struct keygen *gen, const OSSL_PARAM *p)
{
	if (!OSSL_PARAM_get_size_t(p, &gen->bits))
		return 0;
	return 1;
}

static int
set_exponent(struct keygen *gen, const OSSL_PARAM *p)
{
	unsigned long e = 0;

	if (!OSSL_PARAM_get_ulong(p, &e))
		return 0;
	if (gen->in_tpm && e != RSA_EXPONENT)
		return prov_raise(gen->prov, TPMIOT_E_UNSUPPORTED,
		    "RSA keys in the TPM have the public exponent %d only", RSA_EXPONENT);
	return 1;
}

static int
set_group(struct keygen *gen, const OSSL_PARAM *p)
{
	const char *name = NULL;

	if (!OSSL_PARAM_get_utf8_string_ptr(p, &name))
		return 0;
	gen->curve = tpmiot_alg_from_group_name(name);
	if (gen->in_tpm && gen->curve == TPM2_ECC_NONE)
		return prov_raise(gen->prov, TPMIOT_E_UNSUPPORTED,
		    "the TPM has no curve %s: take P-256 or P-384", name);
	return 1;
}

static int
set_hash(struct keygen *gen, const OSSL_PARAM *p)
{
	const char *name = NULL;

	if (!OSSL_PARAM_get_utf8_string_ptr(p, &name))
		return 0;
	gen->in_tpm = true;
	gen->hash = tpmiot_alg_from_md_name(name);
	if (gen->hash == TPM2_ALG_ERROR)
		return prov_raise(gen->prov, TPMIOT_E_UNSUPPORTED,
		    "digest:%s: a key in the TPM can be fixed to SHA256, SHA384 or SHA512", name);
	return 1;
}

static int
set_parent(struct keygen *gen, const OSSL_PARAM *p)
{
	gen->in_tpm = true;
	return OSSL_PARAM_get_uint32(p, &gen->parent);
}

static int
set_auth(struct keygen *gen, const OSSL_PARAM *p, struct tpmiot_buf *out)
{
	gen->in_tpm = true;
	if (p->data_type != OSSL_PARAM_UTF8_STRING && p->data_type != OSSL_PARAM_OCTET_STRING)
		return 0;
	tpmiot_buf_reset(out);
	tpmiot_buf_put(out, p->data, p->data_size);
	return !out->failed;
}

static int
set_parent_auth(struct keygen *gen, const OSSL_PARAM *p)
{
	return set_auth(gen, p, &gen->parent_auth);
}

static int
set_user_auth(struct keygen *gen, const OSSL_PARAM *p)
{
	return set_auth(gen, p, &gen->user_auth);
}

/* Our own options first: they may make a TPM key of it, which the others look at. */
static const struct {
	const char *name;
	int (*set)(struct keygen *gen, const OSSL_PARAM *p);
} OPTIONS[] = {
	{ PARAM_DIGEST, set_hash },
	{ PARAM_PARENT, set_parent },
	{ PARAM_PARENT_AUTH, set_parent_auth },
	{ PARAM_USER_AUTH, set_user_auth },
	{ OSSL_PKEY_PARAM_RSA_BITS, set_bits },
	{ OSSL_PKEY_PARAM_RSA_E, set_exponent },
	{ OSSL_PKEY_PARAM_GROUP_NAME, set_group },
};

int
prov_gen_set_params(void *genctx, const OSSL_PARAM params[])
{
	struct keygen *gen = genctx;

	if (params == NULL || params[0].key == NULL)
		return 1;
	for (size_t i = 0; i < sizeof(OPTIONS) / sizeof(OPTIONS[0]); i++) {
		const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OPTIONS[i].name);

		if (p != NULL && !OPTIONS[i].set(gen, p))
			return 0;
	}
	return gen->in_tpm || EVP_PKEY_CTX_set_params(gen->soft, params) > 0;
}

/* clang-format off */
#define TPM_OPTIONS \
	OSSL_PARAM_utf8_string(PARAM_DIGEST, NULL, 0), \
	OSSL_PARAM_uint32(PARAM_PARENT, NULL), \
	OSSL_PARAM_utf8_string(PARAM_PARENT_AUTH, NULL, 0), \
	OSSL_PARAM_utf8_string(PARAM_USER_AUTH, NULL, 0), \
	OSSL_PARAM_END
/* clang-format on */

const OSSL_PARAM *
prov_rsa_gen_settable(void *genctx, void *provctx)
{
	static const OSSL_PARAM settable[] = {
		OSSL_PARAM_size_t(OSSL_PKEY_PARAM_RSA_BITS, NULL),
		OSSL_PARAM_size_t(OSSL_PKEY_PARAM_RSA_PRIMES, NULL),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
		TPM_OPTIONS,
	};

	(void)genctx;
	(void)provctx;
	return settable;
}

const OSSL_PARAM *
prov_ec_gen_settable(void *genctx, void *provctx)
{
	static const OSSL_PARAM settable[] = {
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_ENCODING, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, NULL, 0),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_USE_COFACTOR_ECDH, NULL),
		TPM_OPTIONS,
	};

	(void)genctx;
	(void)provctx;
	return settable;
}

/* The house's template for device keys, with the size, curve and hash that were asked for. */
static bool
rsa_area(const struct keygen *gen, TPMT_PUBLIC *area)
{
	TPMS_RSA_PARMS *rsa = &area->parameters.rsaDetail;

	if (gen->bits < 2048 || gen->bits > 4096 || gen->bits % 1024 != 0)
		return prov_raise(gen->prov, TPMIOT_E_UNSUPPORTED,
		    "bits:%zu: RSA keys in the TPM have 2048 bits, in many TPMs also 3072 or 4096",
		    gen->bits);
	tpmiot_template_key(TPMIOT_KEY_RSA_2048, area);
	rsa->keyBits = (UINT16)gen->bits;
	if (gen->hash == TPM2_ALG_NULL) { /* with a scheme of its own a key can do one thing only */
		area->objectAttributes |= TPMA_OBJECT_DECRYPT;
	} else {
		rsa->scheme.scheme = TPM2_ALG_RSASSA;
		rsa->scheme.details.rsassa.hashAlg = gen->hash;
	}
	return true;
}

static bool
ec_area(const struct keygen *gen, TPMT_PUBLIC *area)
{
	TPMS_ECC_PARMS *ecc = &area->parameters.eccDetail;

	tpmiot_template_key(TPMIOT_KEY_EC_P256, area);
	ecc->curveID = gen->curve;
	if (gen->hash == TPM2_ALG_NULL) {
		area->objectAttributes |= TPMA_OBJECT_DECRYPT;
	} else {
		ecc->scheme.scheme = TPM2_ALG_ECDSA;
		ecc->scheme.details.ecdsa.hashAlg = gen->hash;
	}
	return true;
}

static struct prov_pkey *
gen_in_tpm(struct keygen *gen)
{
	struct tpmiot_bytes parent_auth = { gen->parent_auth.data, gen->parent_auth.len };
	struct tpmiot_bytes user_auth = { gen->user_auth.data, gen->user_auth.len };
	struct tpmiot_tpm *tpm = prov_tpm(gen->prov);
	struct tpmiot_key *created = NULL;
	struct prov_pkey *key = NULL;
	struct tpmiot_err err;
	TPMT_PUBLIC area;

	if (tpm == NULL || !(gen->type == PROV_RSA ? rsa_area(gen, &area) : ec_area(gen, &area)))
		return NULL;
	if (tpmiot_key_create(tpm, gen->parent, parent_auth, &area, user_auth, &created, &err) !=
	    TPMIOT_OK)
		prov_raise_err(gen->prov, &err);
	else
		key = prov_pkey_from_tpm(gen->prov, &created);
	tpmiot_key_unref(&created);
	return key;
}

static struct prov_pkey *
gen_in_software(struct keygen *gen)
{
	int has = EVP_PKEY_CTX_get_operation(gen->soft) == EVP_PKEY_OP_PARAMGEN
	              ? OSSL_KEYMGMT_SELECT_ALL_PARAMETERS
	              : OSSL_KEYMGMT_SELECT_ALL;
	EVP_PKEY *soft = NULL;
	struct prov_pkey *key;

	if (EVP_PKEY_generate(gen->soft, &soft) <= 0)
		return NULL;
	key = prov_pkey_from_soft(gen->prov, &soft, has);
	EVP_PKEY_free(soft);
	return key;
}

void *
prov_gen(void *genctx, OSSL_CALLBACK *cb, void *arg)
{
	struct keygen *gen = genctx;

	(void)cb; /* a TPM does not tell how far it got */
	(void)arg;
	return gen->in_tpm ? gen_in_tpm(gen) : gen_in_software(gen);
}
