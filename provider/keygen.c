/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making keys: in the TPM, or in software by the private library context.
 *
 * libcrypto asks the first provider it finds for every key, also for those of
 * a TLS key exchange, and does not say what for. So openssl.cnf does: with
 * `keygen = software` a key is made in the TPM only if one of our own options
 * asks for it (parent, parent-auth, user-auth, digest). Options come in any order, so
 * that whether the TPM can do what they say is asked when the key is made (keygen_tpm.c).
 */
#include "keygen.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include "keymgmt.h"

/* As in tpm2-openssl. */
#define PARAM_DIGEST "digest"
#define PARAM_PARENT "parent"
#define PARAM_PARENT_AUTH "parent-auth"
#define PARAM_USER_AUTH "user-auth"

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
	gen->exponent = KEYGEN_EXPONENT;
	gen->primes = KEYGEN_PRIMES;
	gen->salt = KEYGEN_SALT_UNSAID;
	OPENSSL_strlcpy(gen->group, "P-256", sizeof(gen->group));
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
prov_pss_gen_init(void *provctx, int selection, const OSSL_PARAM params[])
{
	return gen_init(provctx, PROV_RSA_PSS, selection, params);
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
	return OSSL_PARAM_get_size_t(p, &gen->bits);
}

static int
set_exponent(struct keygen *gen, const OSSL_PARAM *p)
{
	if (!OSSL_PARAM_get_ulong(p, &gen->exponent))
		gen->exponent = 0; /* too large: a software key may have it */
	return 1;
}

static int
set_primes(struct keygen *gen, const OSSL_PARAM *p)
{
	return OSSL_PARAM_get_size_t(p, &gen->primes);
}

static int
set_name(const OSSL_PARAM *p, char out[KEYGEN_NAME_LEN])
{
	const char *name = NULL;

	return OSSL_PARAM_get_utf8_string_ptr(p, &name) && name != NULL &&
	       OPENSSL_strlcpy(out, name, KEYGEN_NAME_LEN) < KEYGEN_NAME_LEN;
}

static int
set_group(struct keygen *gen, const OSSL_PARAM *p)
{
	return set_name(p, gen->group);
}

/* OpenSSL's own RSA-PSS keys have a parameter of that name, too. */
static int
set_hash(struct keygen *gen, const OSSL_PARAM *p)
{
	if (gen->type != PROV_RSA_PSS)
		gen->in_tpm = true;
	return set_name(p, gen->md);
}

static int
set_mgf1_hash(struct keygen *gen, const OSSL_PARAM *p)
{
	return set_name(p, gen->mgf1_md);
}

static int
set_salt(struct keygen *gen, const OSSL_PARAM *p)
{
	return OSSL_PARAM_get_int(p, &gen->salt);
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
	if ((p->data_type != OSSL_PARAM_UTF8_STRING && p->data_type != OSSL_PARAM_OCTET_STRING) ||
	    (p->data == NULL && p->data_size != 0))
		return 0;
	tpmiot_buf_reset(out);
	tpmiot_buf_put(out, p->data, p->data_size);
	return !out->failed;
}

static int
set_parent_auth(struct keygen *gen, const OSSL_PARAM *p)
{
	gen->parent_auth_said = true;
	return set_auth(gen, p, &gen->parent_auth);
}

static int
set_user_auth(struct keygen *gen, const OSSL_PARAM *p)
{
	return set_auth(gen, p, &gen->user_auth);
}

static const struct {
	const char *name;
	int (*set)(struct keygen *gen, const OSSL_PARAM *p);
} OPTIONS[] = {
	{ PARAM_PARENT, set_parent },
	{ PARAM_PARENT_AUTH, set_parent_auth },
	{ PARAM_USER_AUTH, set_user_auth },
	{ PARAM_DIGEST, set_hash },
	{ OSSL_PKEY_PARAM_RSA_BITS, set_bits },
	{ OSSL_PKEY_PARAM_RSA_E, set_exponent },
	{ OSSL_PKEY_PARAM_RSA_PRIMES, set_primes },
	{ OSSL_PKEY_PARAM_RSA_MGF1_DIGEST, set_mgf1_hash },
	{ OSSL_PKEY_PARAM_RSA_PSS_SALTLEN, set_salt },
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

#define RSA_OPTIONS \
	OSSL_PARAM_size_t(OSSL_PKEY_PARAM_RSA_BITS, NULL), \
	OSSL_PARAM_size_t(OSSL_PKEY_PARAM_RSA_PRIMES, NULL), \
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0)
/* clang-format on */

const OSSL_PARAM *
prov_rsa_gen_settable(void *genctx, void *provctx)
{
	static const OSSL_PARAM settable[] = { RSA_OPTIONS, TPM_OPTIONS };

	(void)genctx;
	(void)provctx;
	return settable;
}

/* The digest is among the TPM's options. */
const OSSL_PARAM *
prov_pss_gen_settable(void *genctx, void *provctx)
{
	static const OSSL_PARAM settable[] = {
		RSA_OPTIONS,
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_RSA_MASKGENFUNC, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_RSA_MGF1_DIGEST, NULL, 0),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_RSA_PSS_SALTLEN, NULL),
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
	struct prov_pkey *key;

	(void)cb; /* a TPM does not tell how far it got */
	(void)arg;
	ERR_set_mark();
	key = gen->in_tpm ? keygen_in_tpm(gen) : gen_in_software(gen);
	ERR_clear_last_mark();
	return key;
}
