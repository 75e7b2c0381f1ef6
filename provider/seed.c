/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TPM as a source of seeds for OpenSSL's own random generators: `seed = TPMIOT`
 * in the section of openssl.cnf that `random` names. Under a name of its own, so
 * that nobody gets it who did not ask for it. Nothing is asked of the TPM
 * before the first seed.
 */
#include <pthread.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "prov.h"
#include "tables.h"

#define STRENGTH 256
#define MAX_REQUEST 1024

struct seed {
	struct prov_ctx *prov;
	int state; /* EVP_RAND_STATE_… */
	pthread_mutex_t lock;
};

static OSSL_FUNC_rand_newctx_fn seed_new;
static OSSL_FUNC_rand_freectx_fn seed_free;
static OSSL_FUNC_rand_instantiate_fn seed_instantiate;
static OSSL_FUNC_rand_uninstantiate_fn seed_uninstantiate;
static OSSL_FUNC_rand_generate_fn seed_generate;
static OSSL_FUNC_rand_reseed_fn seed_reseed;
static OSSL_FUNC_rand_get_seed_fn seed_get;
static OSSL_FUNC_rand_clear_seed_fn seed_clear;
static OSSL_FUNC_rand_enable_locking_fn seed_enable_locking;
static OSSL_FUNC_rand_lock_fn seed_lock;
static OSSL_FUNC_rand_unlock_fn seed_unlock;
static OSSL_FUNC_rand_gettable_ctx_params_fn seed_gettable;
static OSSL_FUNC_rand_get_ctx_params_fn seed_get_params;

/* It is the root: there is no parent. */
static void *
seed_new(void *provctx, void *parent, const OSSL_DISPATCH *parent_calls)
{
	struct seed *seed;

	(void)parent_calls;
	if (parent != NULL) {
		prov_raise(
		    provctx, TPMIOT_E_USAGE, "TPMIOT is a source of seeds and has no parent");
		return NULL;
	}
	seed = OPENSSL_zalloc(sizeof(*seed));
	if (seed == NULL)
		return NULL;
	seed->prov = provctx;
	seed->state = EVP_RAND_STATE_UNINITIALISED;
	pthread_mutex_init(&seed->lock, NULL);
	return seed;
}

static void
seed_free(void *vseed)
{
	struct seed *seed = vseed;

	if (seed != NULL)
		pthread_mutex_destroy(&seed->lock);
	OPENSSL_free(seed);
}

static int
seed_instantiate(void *vseed, unsigned int strength, int prediction_resistance,
    const unsigned char *personal, size_t personal_len, const OSSL_PARAM params[])
{
	struct seed *seed = vseed;

	(void)prediction_resistance; /* always: every byte is fresh */
	(void)personal;
	(void)personal_len;
	(void)params;
	if (strength > STRENGTH)
		return prov_raise(
		    seed->prov, TPMIOT_E_UNSUPPORTED, "a TPM has %d bits of strength", STRENGTH);
	seed->state = EVP_RAND_STATE_READY;
	return 1;
}

static int
seed_uninstantiate(void *vseed)
{
	struct seed *seed = vseed;

	seed->state = EVP_RAND_STATE_UNINITIALISED;
	return 1;
}

static int
seed_generate(void *vseed, unsigned char *out, size_t len, unsigned int strength,
    int prediction_resistance, const unsigned char *more, size_t more_len)
{
	struct seed *seed = vseed;
	struct tpmiot_tpm *tpm = prov_tpm(seed->prov);
	struct tpmiot_buf made = TPMIOT_BUF_INIT;
	struct tpmiot_err err;
	int ok = 0;

	(void)prediction_resistance;
	(void)more;
	(void)more_len;
	if (tpm == NULL || strength > STRENGTH)
		return 0;
	ERR_set_mark();
	if (tpmiot_tpm_random(tpm, len, &made, &err) != TPMIOT_OK) {
		prov_raise_err(seed->prov, &err);
	} else {
		memcpy(out, made.data, len);
		ok = 1;
	}
	ERR_clear_last_mark();
	tpmiot_buf_free(&made);
	return ok;
}

static int
seed_reseed(void *vseed, int prediction_resistance, const unsigned char *entropy,
    size_t entropy_len, const unsigned char *more, size_t more_len)
{
	(void)vseed;
	(void)prediction_resistance;
	(void)entropy;
	(void)entropy_len;
	(void)more;
	(void)more_len;
	return 1;
}

/* Every bit of the TPM's is taken for one of entropy. */
static size_t
seed_get(void *vseed, unsigned char **out, int entropy, size_t min_len, size_t max_len,
    int prediction_resistance, const unsigned char *more, size_t more_len)
{
	size_t len = entropy > 0 ? ((size_t)entropy + 7) / 8 : 0;
	unsigned char *made;

	if (len < min_len)
		len = min_len;
	if (len == 0 || len > max_len)
		return 0;
	made = OPENSSL_secure_malloc(len);
	if (made == NULL)
		return 0;
	if (!seed_generate(vseed, made, len, 0, prediction_resistance, more, more_len)) {
		OPENSSL_secure_clear_free(made, len);
		return 0;
	}
	*out = made;
	return len;
}

static void
seed_clear(void *vseed, unsigned char *out, size_t len)
{
	(void)vseed;
	OPENSSL_secure_clear_free(out, len);
}

static int
seed_enable_locking(void *vseed)
{
	(void)vseed;
	return 1;
}

static int
seed_lock(void *vseed)
{
	struct seed *seed = vseed;

	return pthread_mutex_lock(&seed->lock) == 0;
}

static void
seed_unlock(void *vseed)
{
	struct seed *seed = vseed;

	pthread_mutex_unlock(&seed->lock);
}

static const OSSL_PARAM *
seed_gettable(void *vseed, void *provctx)
{
	static const OSSL_PARAM gettable[] = {
		OSSL_PARAM_int(OSSL_RAND_PARAM_STATE, NULL),
		OSSL_PARAM_uint(OSSL_RAND_PARAM_STRENGTH, NULL),
		OSSL_PARAM_size_t(OSSL_RAND_PARAM_MAX_REQUEST, NULL),
		OSSL_PARAM_END,
	};

	(void)vseed;
	(void)provctx;
	return gettable;
}

static int
seed_get_params(void *vseed, OSSL_PARAM params[])
{
	const struct seed *seed = vseed;
	OSSL_PARAM *p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_STATE);

	if (p != NULL && !OSSL_PARAM_set_int(p, seed->state))
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_STRENGTH);
	if (p != NULL && !OSSL_PARAM_set_uint(p, STRENGTH))
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_MAX_REQUEST);
	return p == NULL || OSSL_PARAM_set_size_t(p, MAX_REQUEST);
}

const OSSL_DISPATCH prov_rand_seed[] = {
	PROV_FN(RAND_NEWCTX, seed_new),
	PROV_FN(RAND_FREECTX, seed_free),
	PROV_FN(RAND_INSTANTIATE, seed_instantiate),
	PROV_FN(RAND_UNINSTANTIATE, seed_uninstantiate),
	PROV_FN(RAND_GENERATE, seed_generate),
	PROV_FN(RAND_RESEED, seed_reseed),
	PROV_FN(RAND_GET_SEED, seed_get),
	PROV_FN(RAND_CLEAR_SEED, seed_clear),
	PROV_FN(RAND_ENABLE_LOCKING, seed_enable_locking),
	PROV_FN(RAND_LOCK, seed_lock),
	PROV_FN(RAND_UNLOCK, seed_unlock),
	PROV_FN(RAND_GETTABLE_CTX_PARAMS, seed_gettable),
	PROV_FN(RAND_GET_CTX_PARAMS, seed_get_params),
	{ 0, NULL },
};
