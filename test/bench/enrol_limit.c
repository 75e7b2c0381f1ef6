/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this machine needs at least for one enrolment, on one core: the public-key
 * operations that the CA cannot do without (TLS 1.3 handshake, credential, EK certificate,
 * certification, CSR, certificate; all P-256, the key exchange X25519), by libcrypto alone,
 * with everything fetched and parsed before. Prints microseconds of CPU time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/ec.h>
#include <openssl/evp.h>

#define VERIFICATIONS 3 /* EK certificate, certification, CSR */
#define SIGNATURES 2    /* handshake, certificate */

static void
need(int ok, const char *what)
{
	if (ok != 1) {
		fprintf(stderr, "enrol_limit: %s failed\n", what);
		exit(1);
	}
}

/* A fresh share, and the secret that it and the peer's make. */
static void
exchange_keys(EVP_PKEY_CTX *maker, EVP_PKEY *peer)
{
	EVP_PKEY *share = NULL;
	EVP_PKEY_CTX *ctx;
	unsigned char z[64];
	size_t len = sizeof(z);

	need(EVP_PKEY_generate(maker, &share), "key generation");
	ctx = EVP_PKEY_CTX_new(share, NULL);
	need(ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
	         EVP_PKEY_derive_set_peer_ex(ctx, peer, 0) == 1 &&
	         EVP_PKEY_derive(ctx, z, &len) == 1,
	    "key agreement");
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(share);
}

struct tools {
	EVP_PKEY *p256, *x25519;
	EVP_PKEY_CTX *p256_maker, *x25519_maker, *signer, *verifier;
	unsigned char digest[32], sig[128];
	size_t sig_len;
};

static EVP_PKEY_CTX *
maker_of(EVP_PKEY *key)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);

	need(ctx != NULL && EVP_PKEY_keygen_init(ctx) == 1, "key generation");
	return ctx;
}

static void
prepare(struct tools *t)
{
	memset(t, 0x42, sizeof(*t));
	t->p256 = EVP_EC_gen("P-256");
	t->x25519 = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	need(t->p256 != NULL && t->x25519 != NULL, "key generation");
	t->p256_maker = maker_of(t->p256);
	need(EVP_PKEY_CTX_set_group_name(t->p256_maker, "P-256"), "P-256");
	t->x25519_maker = maker_of(t->x25519);
	t->signer = EVP_PKEY_CTX_new(t->p256, NULL);
	t->verifier = EVP_PKEY_CTX_new(t->p256, NULL);
	t->sig_len = sizeof(t->sig);
	need(EVP_PKEY_sign_init(t->signer) == 1 && EVP_PKEY_verify_init(t->verifier) == 1 &&
	         EVP_PKEY_sign(t->signer, t->sig, &t->sig_len, t->digest, 32) == 1,
	    "signature");
}

static void
one_enrolment(struct tools *t)
{
	unsigned char sig[128];
	size_t len;

	exchange_keys(t->x25519_maker, t->x25519); /* handshake */
	exchange_keys(t->p256_maker, t->p256);     /* credential */
	for (int i = 0; i < VERIFICATIONS; i++)
		need(EVP_PKEY_verify(t->verifier, t->sig, t->sig_len, t->digest, 32),
		    "verification");
	for (int i = 0; i < SIGNATURES; i++) {
		len = sizeof(sig);
		need(EVP_PKEY_sign(t->signer, sig, &len, t->digest, 32), "signature");
	}
}

static double
cpu_seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int
main(int argc, char **argv)
{
	const double length = argc == 2 ? strtod(argv[1], NULL) : 2.0;
	double began, took;
	struct tools t;
	long n = 0;

	prepare(&t);
	one_enrolment(&t);
	began = cpu_seconds();
	do {
		one_enrolment(&t);
		n++;
		took = cpu_seconds() - began;
	} while (took < length);
	printf("%.0f\n", took / (double)n * 1e6);
	EVP_PKEY_CTX_free(t.p256_maker);
	EVP_PKEY_CTX_free(t.x25519_maker);
	EVP_PKEY_CTX_free(t.signer);
	EVP_PKEY_CTX_free(t.verifier);
	EVP_PKEY_free(t.p256);
	EVP_PKEY_free(t.x25519);
	return 0;
}
