/* SPDX-License-Identifier: Apache-2.0 */
/* For fuzz targets of the provider: library contexts, made once. */
#ifndef TPMIOT_TEST_FUZZ_WORLD_H
#define TPMIOT_TEST_FUZZ_WORLD_H

#include <openssl/evp.h>
#include <openssl/provider.h>

#include "fuzz.h"
#include "provider/builtin.h"

/* tpmiot, alone or beside the default provider. There is no TPM behind it. */
static inline OSSL_LIB_CTX *
new_world(int with_default)
{
	OSSL_LIB_CTX *libctx = OSSL_LIB_CTX_new();

	FUZZ_ASSERT(setenv("TPMIOT_TCTI", "none", 1) == 0);
	FUZZ_ASSERT(OSSL_PROVIDER_add_builtin(libctx, "tpmiot", OSSL_provider_init) == 1);
	FUZZ_ASSERT(OSSL_PROVIDER_load(libctx, "tpmiot") != NULL);
	FUZZ_ASSERT(!with_default || OSSL_PROVIDER_load(libctx, "default") != NULL);
	return libctx;
}

static inline OSSL_LIB_CTX *
world_alone(void)
{
	static OSSL_LIB_CTX *libctx;

	return libctx != NULL ? libctx : (libctx = new_world(0));
}

static inline OSSL_LIB_CTX *
world_beside(void)
{
	static OSSL_LIB_CTX *libctx;

	return libctx != NULL ? libctx : (libctx = new_world(1));
}

#endif
