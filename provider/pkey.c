/* SPDX-License-Identifier: Apache-2.0 */
#include "pkey.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include <tpmiot/alg.h>

static const char *const TYPE_NAMES[] = { "RSA", "RSA-PSS", "EC" }; /* by enum prov_type */

#define TYPES (sizeof(TYPE_NAMES) / sizeof(TYPE_NAMES[0]))

const char *
prov_type_name(enum prov_type type)
{
	return TYPE_NAMES[type];
}

bool
prov_type_of(const TPMT_PUBLIC *area, enum prov_type *out)
{
	switch (area->type) {
	case TPM2_ALG_RSA:
		*out = area->parameters.rsaDetail.scheme.scheme == TPM2_ALG_RSAPSS ? PROV_RSA_PSS
		                                                                   : PROV_RSA;
		return true;
	case TPM2_ALG_ECC:
		*out = PROV_EC;
		return true;
	default:
		return false;
	}
}

struct prov_pkey *
prov_pkey_new(struct prov_ctx *prov, enum prov_type type)
{
	struct prov_pkey *key = OPENSSL_zalloc(sizeof(*key));

	if (key == NULL)
		return NULL;
	atomic_init(&key->refs, 1);
	key->prov = prov;
	key->type = type;
	return key;
}

struct prov_pkey *
prov_pkey_ref(struct prov_pkey *key)
{
	atomic_fetch_add(&key->refs, 1);
	return key;
}

void
prov_pkey_unref(struct prov_pkey *key)
{
	if (key == NULL || atomic_fetch_sub(&key->refs, 1) > 1)
		return;
	EVP_PKEY_free(key->soft);
	tpmiot_key_unref(&key->tpm);
	OPENSSL_clear_free(atomic_load(&key->reject), sizeof(TPM2B_DIGEST));
	OPENSSL_free(key);
}

struct prov_pkey *
prov_pkey_from_soft(struct prov_ctx *prov, EVP_PKEY **soft, int has)
{
	struct prov_pkey *key;
	size_t type = 0;

	while (type < TYPES && !EVP_PKEY_is_a(*soft, TYPE_NAMES[type]))
		type++;
	if (type == TYPES) {
		prov_raise(prov, TPMIOT_E_UNSUPPORTED,
		    "keys of type %s need OpenSSL's own provider: add -provider default",
		    EVP_PKEY_get0_type_name(*soft));
		return NULL;
	}
	key = prov_pkey_new(prov, (enum prov_type)type);
	if (key == NULL)
		return NULL;
	key->soft = *soft;
	*soft = NULL;
	key->has = has;
	return key;
}

struct prov_pkey *
prov_pkey_from_tpm(struct prov_ctx *prov, struct tpmiot_key **tpm)
{
	EVP_PKEY *soft =
	    prov_soft_from_area(prov, &tpmiot_key_public(*tpm)->area, tpmiot_key_pkey(*tpm));
	struct prov_pkey *key;

	if (soft == NULL)
		return NULL;
	key = prov_pkey_from_soft(prov, &soft, OSSL_KEYMGMT_SELECT_ALL);
	if (key == NULL) {
		EVP_PKEY_free(soft);
		return NULL;
	}
	key->tpm = *tpm;
	*tpm = NULL;
	return key;
}

EVP_PKEY *
prov_soft_from_params(
    struct prov_ctx *prov, enum prov_type type, int selection, const OSSL_PARAM params[])
{
	OSSL_LIB_CTX *libctx = prov_libctx(prov);
	EVP_PKEY_CTX *ctx = NULL;
	EVP_PKEY *soft = NULL;

	if (libctx == NULL)
		return NULL;
	ctx = EVP_PKEY_CTX_new_from_name(libctx, prov_type_name(type), NULL);
	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) <= 0 ||
	    EVP_PKEY_fromdata(ctx, &soft, selection, prov_params_unconst(params)) <= 0)
		soft = NULL;
	EVP_PKEY_CTX_free(ctx);
	return soft;
}

long
prov_pss_largest_salt(size_t bits, size_t hash_size)
{
	return (long)((bits - 1 + 7) / 8) - (long)hash_size - 2;
}

long
prov_pss_tpm_salt(size_t bits, size_t hash_size)
{
	long largest = prov_pss_largest_salt(bits, hash_size);

	return largest < (long)hash_size ? largest : (long)hash_size;
}

/* The same modulus, restricted as the TPM restricts it: RFC 4055, section 3.1. */
static EVP_PKEY *
restrict_to_pss(struct prov_ctx *prov, TPMI_ALG_HASH hash, const EVP_PKEY *plain)
{
	char *md = (char *)(uintptr_t)tpmiot_alg_md_name(hash);
	int salt =
	    (int)prov_pss_tpm_salt((size_t)EVP_PKEY_get_bits(plain), tpmiot_alg_md_size(hash));
	OSSL_PARAM *numbers = NULL, *all = NULL;
	EVP_PKEY *soft = NULL;
	OSSL_PARAM restrictions[] = {
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_RSA_DIGEST, md, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_RSA_MGF1_DIGEST, md, 0),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_RSA_PSS_SALTLEN, &salt),
		OSSL_PARAM_END,
	};

	if (md == NULL) {
		prov_raise(prov, TPMIOT_E_UNSUPPORTED,
		    "the key signs with PSS and the hash 0x%04x, which OpenSSL does not know",
		    hash);
		return NULL;
	}
	restrictions[0].data_size = restrictions[1].data_size = strlen(md);
	if (EVP_PKEY_todata(plain, EVP_PKEY_PUBLIC_KEY, &numbers) == 1)
		all = OSSL_PARAM_merge(numbers, restrictions);
	if (all != NULL)
		soft = prov_soft_from_params(prov, PROV_RSA_PSS, EVP_PKEY_PUBLIC_KEY, all);
	OSSL_PARAM_free(all);
	OSSL_PARAM_free(numbers);
	return soft;
}

static TPMI_ALG_ASYM_SCHEME
scheme_of(const TPMT_PUBLIC *area)
{
	return area->type == TPM2_ALG_RSA ? area->parameters.rsaDetail.scheme.scheme
	                                  : area->parameters.eccDetail.scheme.scheme;
}

static TPMI_ALG_HASH
hash_of(const TPMT_PUBLIC *area)
{
	switch (scheme_of(area)) {
	case TPM2_ALG_RSASSA:
	case TPM2_ALG_RSAPSS:
		return area->parameters.rsaDetail.scheme.details.anySig.hashAlg;
	case TPM2_ALG_ECDSA:
		return area->parameters.eccDetail.scheme.details.anySig.hashAlg;
	default:
		return TPM2_ALG_NULL;
	}
}

EVP_PKEY *
prov_soft_from_area(struct prov_ctx *prov, const TPMT_PUBLIC *area, EVP_PKEY *plain)
{
	enum prov_type type = PROV_RSA;

	if (plain == NULL) {
		(void)prov_raise(prov, TPMIOT_E_UNSUPPORTED, PROV_NO_HMAC_KEYS);
		return NULL;
	}
	if (hash_of(area) != TPM2_ALG_NULL && tpmiot_alg_md_name(hash_of(area)) == NULL) {
		(void)prov_raise(prov, TPMIOT_E_UNSUPPORTED,
		    "this key signs with the hash 0x%04x only, which is not known here: make "
		    "another key, for SHA256",
		    hash_of(area));
		return NULL;
	}
	if (prov_type_of(area, &type) && type == PROV_RSA_PSS)
		return restrict_to_pss(prov, hash_of(area), plain);
	return EVP_PKEY_up_ref(plain) ? plain : NULL;
}

static const TPMT_PUBLIC *
area_of(const struct prov_pkey *key)
{
	return key->tpm == NULL ? NULL : &tpmiot_key_public(key->tpm)->area;
}

TPMI_ALG_ASYM_SCHEME
prov_pkey_fixed_scheme(const struct prov_pkey *key)
{
	const TPMT_PUBLIC *area = area_of(key);

	return area == NULL ? TPM2_ALG_NULL : scheme_of(area);
}

TPMI_ALG_HASH
prov_pkey_fixed_hash(const struct prov_pkey *key)
{
	const TPMT_PUBLIC *area = area_of(key);

	return area == NULL ? TPM2_ALG_NULL : hash_of(area);
}

bool
prov_pkey_is(const struct prov_pkey *key, TPMA_OBJECT attributes)
{
	const TPMT_PUBLIC *area = area_of(key);

	return area != NULL && (area->objectAttributes & attributes) == attributes;
}

static int
refuse_without_password(const struct prov_pkey *key)
{
	return prov_raise(key->prov, TPMIOT_E_AUTH,
	    "this key has a password and none was given: answer OpenSSL's prompt or use -passin, "
	    "or name the key with ;auth-file=FILE or ;auth-env=VARIABLE behind it");
}

bool
prov_pkey_check_auth(const struct prov_pkey *key)
{
	if (!tpmiot_key_needs_auth(key->tpm) || prov_pkey_is(key, TPMA_OBJECT_NODA))
		return true;
	return refuse_without_password(key);
}

int
prov_raise_use(const struct prov_pkey *key, const struct tpmiot_err *err)
{
	if (err->rc == TPMIOT_E_AUTH && tpmiot_key_needs_auth(key->tpm))
		return refuse_without_password(key);
	if (err->rc == TPMIOT_E_AUTH && tpmiot_key_handle(key->tpm) != 0 &&
	    !tpmiot_key_has_auth(key->tpm))
		return prov_raise(key->prov, TPMIOT_E_AUTH,
		    "%s; none was given: a persistent key that has a password is named with ?pass "
		    "(for OpenSSL's prompt or -passin), ;auth-file=FILE or ;auth-env=VARIABLE "
		    "behind it",
		    err->text);
	if (err->rc == TPMIOT_E_AUTH && err->tss != 0)
		return prov_raise(key->prov, TPMIOT_E_AUTH, "%s; it was tried once%s", err->text,
		    tpmiot_tpm_counts(err)
		        ? " and is not again: with a few more the TPM may lock itself"
		        : "");
	return prov_raise_err(key->prov, err);
}

int
prov_pkey_deliver(struct prov_pkey *key, OSSL_CALLBACK *cb, void *arg)
{
	int object_type = OSSL_OBJECT_PKEY, ret;
	char name[8];
	OSSL_PARAM params[] = {
		OSSL_PARAM_int(OSSL_OBJECT_PARAM_TYPE, &object_type),
		OSSL_PARAM_utf8_string(
		    OSSL_OBJECT_PARAM_DATA_TYPE, name, strlen(prov_type_name(key->type))),
		/* The reference is the pointer's own bytes: load sets the pointer to NULL. */
		OSSL_PARAM_octet_string(OSSL_OBJECT_PARAM_REFERENCE, &key, sizeof(key)),
		OSSL_PARAM_END,
	};

	OPENSSL_strlcpy(name, prov_type_name(key->type), sizeof(name));
	ret = cb(params, arg);
	prov_pkey_unref(key);
	return ret;
}

struct prov_pkey *
prov_pkey_accept(enum prov_type type, const void *reference, size_t len)
{
	struct prov_pkey **slot = (struct prov_pkey **)(uintptr_t)reference;
	struct prov_pkey *key;

	if (reference == NULL || len != sizeof(*slot) || *slot == NULL || (*slot)->type != type)
		return NULL;
	key = *slot;
	*slot = NULL;
	return key;
}
