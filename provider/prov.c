/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The module's one exported function, and what the provider offers.
 *
 * Nothing here or behind it talks to a TPM: a machine without one runs every
 * program that has this provider in its openssl.cnf.
 */
#include "prov.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "capabilities.h"
#include "config.h"
#include "peers.h"
#include "tables.h"

#define PROPS "provider=tpmiot"

static const OSSL_ALGORITHM keymgmts[] = {
	{ "RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPS, prov_keymgmt_rsa,
	    "RSA keys, also in the TPM" },
	{ "RSA-PSS:RSASSA-PSS:1.2.840.113549.1.1.10", PROPS, prov_keymgmt_pss,
	    "RSA keys for PSS signatures only, also in the TPM" },
	{ "EC:id-ecPublicKey:1.2.840.10045.2.1", PROPS, prov_keymgmt_ec,
	    "EC keys, also in the TPM" },
	{ NULL, NULL, NULL, NULL },
};

static const OSSL_ALGORITHM signatures[] = {
	{ "RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPS, prov_signature_rsa,
	    "RSA signatures by the TPM" },
	{ "ECDSA", PROPS, prov_signature_ecdsa, "ECDSA signatures by the TPM" },
#ifdef OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_INIT
	/* The names that OpenSSL 3.4 has for them. */
	{ "RSA-SHA2-256:RSA-SHA256:sha256WithRSAEncryption:1.2.840.113549.1.1.11", PROPS,
	    prov_sigalg_rsa_sha256, NULL },
	{ "RSA-SHA2-384:RSA-SHA384:sha384WithRSAEncryption:1.2.840.113549.1.1.12", PROPS,
	    prov_sigalg_rsa_sha384, NULL },
	{ "RSA-SHA2-512:RSA-SHA512:sha512WithRSAEncryption:1.2.840.113549.1.1.13", PROPS,
	    prov_sigalg_rsa_sha512, NULL },
	{ "ECDSA-SHA2-256:ECDSA-SHA256:ecdsa-with-SHA256:1.2.840.10045.4.3.2", PROPS,
	    prov_sigalg_ecdsa_sha256, NULL },
	{ "ECDSA-SHA2-384:ECDSA-SHA384:ecdsa-with-SHA384:1.2.840.10045.4.3.3", PROPS,
	    prov_sigalg_ecdsa_sha384, NULL },
	{ "ECDSA-SHA2-512:ECDSA-SHA512:ecdsa-with-SHA512:1.2.840.10045.4.3.4", PROPS,
	    prov_sigalg_ecdsa_sha512, NULL },
#endif
	{ NULL, NULL, NULL, NULL },
};

static const OSSL_ALGORITHM asymciphers[] = {
	{ "RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPS, prov_asymcipher_rsa,
	    "RSA decryption by the TPM" },
	{ NULL, NULL, NULL, NULL },
};

static const OSSL_ALGORITHM exchanges[] = {
	{ "ECDH", PROPS, prov_exchange_ecdh, "key agreement by the TPM" },
	{ NULL, NULL, NULL, NULL },
};

static const OSSL_ALGORITHM rands[] = {
	{ "TPMIOT", PROPS, prov_rand_seed, "seeds from the TPM" },
	{ NULL, NULL, NULL, NULL },
};

/* clang-format off */
#define ENCODERS(name) \
	{ name, PROPS ",output=der,structure=SubjectPublicKeyInfo", prov_encoder_spki_der, NULL }, \
	{ name, PROPS ",output=pem,structure=SubjectPublicKeyInfo", prov_encoder_spki_pem, NULL }, \
	{ name, PROPS ",output=der,structure=PrivateKeyInfo", prov_encoder_private_der, NULL }, \
	{ name, PROPS ",output=pem,structure=PrivateKeyInfo", prov_encoder_private_pem, NULL }, \
	{ name, PROPS ",output=text", prov_encoder_text, NULL }

#define PKCS1_ENCODERS(name) \
	{ name, PROPS ",output=der,structure=pkcs1", prov_encoder_pkcs1_der, NULL }, \
	{ name, PROPS ",output=pem,structure=pkcs1", prov_encoder_pkcs1_pem, NULL }
/* clang-format on */

static const OSSL_ALGORITHM encoders[] = {
	ENCODERS("RSA"),
	PKCS1_ENCODERS("RSA"),
	ENCODERS("RSA-PSS"),
	PKCS1_ENCODERS("RSA-PSS"),
	ENCODERS("EC"),
	{ "EC", PROPS ",output=der,structure=type-specific", prov_encoder_params_der, NULL },
	{ "EC", PROPS ",output=pem,structure=type-specific", prov_encoder_params_pem, NULL },
	{ NULL, NULL, NULL, NULL },
};

/* Two answers to some questions: the longer one while nobody else opens files (peers.h). */
/* clang-format off */
#define KEY_DECODERS \
	{ "DER", PROPS ",input=pem", prov_decoder_pem, NULL }, \
	{ "RSA", PROPS ",input=der,structure=TSS2", prov_decoder_rsa, NULL }, \
	{ "RSA-PSS", PROPS ",input=der,structure=TSS2", prov_decoder_pss, NULL }, \
	{ "EC", PROPS ",input=der,structure=TSS2", prov_decoder_ec, NULL }
/* clang-format on */

#define SPKI ",input=der,structure=SubjectPublicKeyInfo"

static const OSSL_ALGORITHM decoders[] = {
	KEY_DECODERS,
	{ NULL, NULL, NULL, NULL },
};

static const OSSL_ALGORITHM decoders_alone[] = {
	KEY_DECODERS,
	{ "RSA", PROPS SPKI, prov_decoder_spki_rsa, NULL },
	{ "RSA-PSS", PROPS SPKI, prov_decoder_spki_pss, NULL },
	{ "EC", PROPS SPKI, prov_decoder_spki_ec, NULL },
	{ NULL, NULL, NULL, NULL },
};

/* clang-format off */
#define KEY_STORES \
	{ "tpmiot", PROPS, prov_store_key, "keys in the state directory and in the TPM" }, \
	{ "handle", PROPS, prov_store_key, "persistent keys, as in tpm2-openssl" }, \
	{ "object", PROPS, prov_store_key, "key files, as in tpm2-openssl" }
/* clang-format on */

static const OSSL_ALGORITHM stores[] = {
	KEY_STORES,
	{ NULL, NULL, NULL, NULL },
};

static const OSSL_ALGORITHM stores_alone[] = {
	KEY_STORES,
	{ "file", PROPS, prov_store_file, "files, while nobody else opens them" },
	{ NULL, NULL, NULL, NULL },
};

static OSSL_FUNC_provider_query_operation_fn prov_query;
static OSSL_FUNC_provider_gettable_params_fn prov_gettable_params;
static OSSL_FUNC_provider_get_params_fn prov_get_params;
static OSSL_FUNC_provider_get_reason_strings_fn prov_get_reasons;
static OSSL_FUNC_provider_teardown_fn prov_teardown;

static const OSSL_ALGORITHM *
prov_query(void *provctx, int operation, int *no_cache)
{
	bool alone = !prov_peers_open_files(provctx);

	*no_cache = 0;
	switch (operation) {
	case OSSL_OP_KEYMGMT:
		return keymgmts;
	case OSSL_OP_SIGNATURE:
		return signatures;
	case OSSL_OP_ASYM_CIPHER:
		return asymciphers;
	case OSSL_OP_KEYEXCH:
		return exchanges;
	case OSSL_OP_RAND:
		return rands;
	case OSSL_OP_ENCODER:
		return encoders;
	case OSSL_OP_DECODER:
		*no_cache = alone; /* another provider may come */
		return alone ? decoders_alone : decoders;
	case OSSL_OP_STORE:
		*no_cache = alone;
		return alone ? stores_alone : stores;
	default:
		return NULL;
	}
}

static const OSSL_PARAM *
prov_gettable_params(void *provctx)
{
	static const OSSL_PARAM gettable[] = {
		OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_NAME, NULL, 0),
		OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_VERSION, NULL, 0),
		OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_BUILDINFO, NULL, 0),
		OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, NULL),
		OSSL_PARAM_END,
	};

	(void)provctx;
	return gettable;
}

static int
prov_get_params(void *provctx, OSSL_PARAM params[])
{
	OSSL_PARAM *p;

	(void)provctx;
	p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_NAME);
	if (p != NULL && !OSSL_PARAM_set_utf8_ptr(p, "TPM 2.0 keys (tpmiot)"))
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_VERSION);
	if (p != NULL && !OSSL_PARAM_set_utf8_ptr(p, PACKAGE_VERSION))
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_BUILDINFO);
	if (p != NULL && !OSSL_PARAM_set_utf8_ptr(p, PACKAGE_STRING))
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS);
	return p == NULL || OSSL_PARAM_set_int(p, 1);
}

static const OSSL_ITEM *
prov_get_reasons(void *provctx)
{
	(void)provctx;
	return prov_reasons();
}

static void
prov_teardown(void *provctx)
{
	prov_ctx_free(provctx);
}

static const OSSL_DISPATCH provider[] = {
	PROV_FN(PROVIDER_QUERY_OPERATION, prov_query),
	PROV_FN(PROVIDER_GETTABLE_PARAMS, prov_gettable_params),
	PROV_FN(PROVIDER_GET_PARAMS, prov_get_params),
	PROV_FN(PROVIDER_GET_CAPABILITIES, prov_get_capabilities),
	PROV_FN(PROVIDER_GET_REASON_STRINGS, prov_get_reasons),
	PROV_FN(PROVIDER_TEARDOWN, prov_teardown),
	{ 0, NULL },
};

__attribute__((visibility("default"))) OSSL_provider_init_fn OSSL_provider_init;

int
OSSL_provider_init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
    void **provctx)
{
	struct prov_ctx *prov = prov_ctx_new(core, in);

	if (prov == NULL)
		return 0;
	*out = provider;
	*provctx = prov;
	return 1;
}
