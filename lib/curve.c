/* SPDX-License-Identifier: Apache-2.0 */
#include "curve.h"

#include <stdint.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Kept as long as the process lives, as the library context that they belong to is. */
static struct {
	const char *group;
	EVP_PKEY *key;
} curves[] = { { "prime256v1", NULL }, { "secp384r1", NULL } };

static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;

static EVP_PKEY *
make(const char *group)
{
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(
		                    OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)group, 0),
		OSSL_PARAM_construct_end() };
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;

	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEY_PARAMETERS, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static void
make_all(void)
{
	for (size_t i = 0; i < COUNT(curves); i++)
		curves[i].key = make(curves[i].group);
}

EVP_PKEY *
curve_key(OSSL_LIB_CTX *libctx, const char *group)
{
	if (libctx != NULL || CRYPTO_THREAD_run_once(&once, make_all) != 1)
		return NULL;
	for (size_t i = 0; i < COUNT(curves); i++)
		if (strcmp(curves[i].group, group) == 0)
			return curves[i].key;
	return NULL;
}
