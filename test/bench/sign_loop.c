/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign_loop PROVIDER KEY SECONDS [THREADS]: signatures a second of a provider, SHA-256 digests
 * by EVP_PKEY_sign() with one key that stays loaded, in this many threads. KEY is a file or URI.
 * sign_loop PROVIDER KEY times N: instead, the milliseconds of each of a process's first N ones.
 */
#include <config.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/store.h>

/* Some providers sign with the wrong half of the key where nothing says which one is meant. */
static char properties[80];

#define THREADS_MAX 64

struct work {
	EVP_PKEY *key;
	double until;
	unsigned long n;
	int failed;
};

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static EVP_PKEY *
load_key(const char *uri)
{
	OSSL_STORE_CTX *store = OSSL_STORE_open(uri, NULL, NULL, NULL, NULL);
	EVP_PKEY *key = NULL;

	while (store != NULL && key == NULL && !OSSL_STORE_eof(store)) {
		OSSL_STORE_INFO *info = OSSL_STORE_load(store);

		if (info != NULL)
			key = OSSL_STORE_INFO_get1_PKEY(info);
		OSSL_STORE_INFO_free(info);
	}
	OSSL_STORE_close(store);
	return key;
}

static EVP_PKEY_CTX *
signer(EVP_PKEY *key)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, properties);

	if (ctx != NULL && EVP_PKEY_sign_init(ctx) == 1 &&
	    (!EVP_PKEY_is_a(key, "RSA") ||
	        EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1) &&
	    EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1)
		return ctx;
	EVP_PKEY_CTX_free(ctx);
	return NULL;
}

static int
sign_once(EVP_PKEY_CTX *ctx)
{
	unsigned char digest[32], signature[512];
	size_t len = sizeof(signature);

	memset(digest, 0x5a, sizeof(digest));
	return EVP_PKEY_sign(ctx, signature, &len, digest, sizeof(digest)) == 1;
}

static void *
sign_loop(void *arg)
{
	struct work *work = arg;
	EVP_PKEY_CTX *ctx = signer(work->key);

	for (; ctx != NULL && now() < work->until; work->n++)
		if (!sign_once(ctx))
			break;
	work->failed = ctx == NULL || now() < work->until;
	if (work->failed)
		ERR_print_errors_fp(stderr);
	EVP_PKEY_CTX_free(ctx);
	return NULL;
}

/*
 * What comes once is not counted: the first signature loads the key, and with tpmiot one after
 * 64 may start a session. What that costs, "times" says.
 */
#define WARM_UP 70

static int
warm_up(EVP_PKEY *key)
{
	EVP_PKEY_CTX *ctx = signer(key);
	int n = 0;

	while (ctx != NULL && n < WARM_UP && sign_once(ctx))
		n++;
	EVP_PKEY_CTX_free(ctx);
	return n == WARM_UP;
}

static int
run(EVP_PKEY *key, double seconds, size_t n_threads)
{
	struct work work[THREADS_MAX] = { 0 };
	pthread_t thread[THREADS_MAX];
	unsigned long n = 0;
	int failed = 0;
	double start = now();

	/* One is the main one: the C library spares a process without threads its locks, and so
	 * does ESYS alone, which this is held against. */
	for (size_t i = 0; i < n_threads; i++) {
		work[i].key = key;
		work[i].until = start + seconds;
		if (i > 0 && pthread_create(&thread[i], NULL, sign_loop, &work[i]) != 0)
			abort();
	}
	(void)sign_loop(&work[0]);
	for (size_t i = 0; i < n_threads; i++) {
		if (i > 0)
			pthread_join(thread[i], NULL);
		n += work[i].n;
		failed |= work[i].failed;
	}
	printf("%.1f\n", (double)n / (now() - start));
	return failed;
}

static int
times(EVP_PKEY *key, size_t n)
{
	EVP_PKEY_CTX *ctx = signer(key);
	int ok = ctx != NULL;

	for (size_t i = 0; ok && i < n; i++) {
		double start = now();

		ok = sign_once(ctx);
		printf("%.3f\n", (now() - start) * 1e3);
	}
	EVP_PKEY_CTX_free(ctx);
	return !ok;
}

int
main(int argc, char **argv)
{
	size_t n = argc > 4 ? strtoul(argv[4], NULL, 10) : 1;
	int one_by_one = argc == 5 && strcmp(argv[3], "times") == 0, status = 1;
	EVP_PKEY *key = NULL;

	if (argc < 4 || argc > 5 || n < 1 ||
	    (!one_by_one && (atof(argv[3]) <= 0 || n > THREADS_MAX))) {
		fprintf(stderr, "usage: sign_loop PROVIDER KEY SECONDS [THREADS]\n"
		                "       sign_loop PROVIDER KEY times N\n");
		return 2;
	}
	snprintf(properties, sizeof(properties), "?provider=%s", argv[1]);
	if (OSSL_PROVIDER_load(NULL, "default") != NULL &&
	    OSSL_PROVIDER_load(NULL, argv[1]) != NULL && (key = load_key(argv[2])) != NULL &&
	    (one_by_one || warm_up(key)))
		status = one_by_one ? times(key, n) : run(key, atof(argv[3]), n);
	if (status != 0)
		ERR_print_errors_fp(stderr);
	EVP_PKEY_free(key);
	return status;
}
