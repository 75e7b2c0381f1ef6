/* SPDX-License-Identifier: Apache-2.0 */
#include "fewdecoders.h"

#include <stdbool.h>
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/provider.h>

#define FEW 8

/*
 * The context's only provider hands on some of the default provider's algorithms, as they are:
 * with that one's own context, to which its functions belong.
 */
static OSSL_PROVIDER *whole;
static OSSL_ALGORITHM decoders[FEW + 1], keys[FEW + 1]; /* the last one is the end */

static OSSL_LIB_CTX *few;
static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;

/* The first of its names decides: "EC:id-ecPublicKey:1.2.840.10045.2.1". */
static bool
is_named(const OSSL_ALGORITHM *alg, const char *name)
{
	const size_t len = strlen(name);

	return strncmp(alg->algorithm_names, name, len) == 0 &&
	       strchr(":", alg->algorithm_names[len]) != NULL;
}

static bool
is_wanted(const OSSL_ALGORITHM *alg, const char *property)
{
	return (is_named(alg, "RSA") || is_named(alg, "EC")) &&
	       strstr(alg->property_definition, property) != NULL;
}

static bool
pick(int operation, const char *property, OSSL_ALGORITHM out[FEW + 1])
{
	int no_cache = 0;
	const OSSL_ALGORITHM *alg = OSSL_PROVIDER_query_operation(whole, operation, &no_cache);
	size_t n = 0;

	for (; alg != NULL && alg->algorithm_names != NULL; alg++) {
		if (!is_wanted(alg, property))
			continue;
		if (n == FEW)
			return false;
		out[n++] = *alg;
	}
	return n > 0 && no_cache == 0;
}

static const OSSL_ALGORITHM *
query(void *provctx, int operation, int *no_cache)
{
	(void)provctx;
	*no_cache = 0;
	switch (operation) {
	case OSSL_OP_DECODER:
		return decoders;
	case OSSL_OP_KEYMGMT:
		return keys;
	default:
		return NULL;
	}
}

static int
init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
    void **provctx)
{
	static const OSSL_DISPATCH functions[] = {
		{ OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query },
		{ 0, NULL },
	};

	(void)handle;
	(void)in;
	*out = functions;
	*provctx = OSSL_PROVIDER_get0_provider_ctx(whole);
	return 1;
}

/* Whether decoders come from the default provider, which is then held. */
static bool
hold_default(void)
{
	OSSL_DECODER *decoder =
	    OSSL_DECODER_fetch(NULL, "EC", "input=der,structure=SubjectPublicKeyInfo");

	if (decoder != NULL &&
	    strcmp(OSSL_PROVIDER_get0_name(OSSL_DECODER_get0_provider(decoder)), "default") == 0)
		whole = OSSL_PROVIDER_try_load(NULL, "default", 1);
	OSSL_DECODER_free(decoder);
	return whole != NULL;
}

static void
make(void)
{
	OSSL_LIB_CTX *libctx;

	if (!hold_default() || !pick(OSSL_OP_DECODER, "structure=SubjectPublicKeyInfo", decoders) ||
	    !pick(OSSL_OP_KEYMGMT, "", keys) || (libctx = OSSL_LIB_CTX_new()) == NULL)
		return;
	if (OSSL_PROVIDER_add_builtin(libctx, "few", init) == 1 &&
	    OSSL_PROVIDER_load(libctx, "few") != NULL)
		few = libctx;
	else
		OSSL_LIB_CTX_free(libctx);
}

OSSL_LIB_CTX *
fewdecoders_ctx(void)
{
	return CRYPTO_THREAD_run_once(&once, make) == 1 ? few : NULL;
}
