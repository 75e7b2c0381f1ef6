/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What OpenSSL itself takes for one enrolment on this machine, on one core, used as its manual
 * pages say: a TLS 1.3 handshake and two requests with their replies through memory; EK
 * certificate, certification and request read and verified, a secret shared with the EK, a
 * certificate issued (all P-256, the key exchange X25519). No socket, HTTP, JSON, store, and none
 * of the CA's rules. Prints microseconds of the server's CPU time; enrol_limit.c has the
 * operations alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#define POINT_MAX 133

/* Bytes of an enrolment's requests and replies, as tpmiot-enroll and tpmiot-ca exchange them. */
static const int requests[] = { 2500, 2900 }, replies[] = { 1600, 2000 };

/* What devices and TPM makers did before. */
struct evidence {
	EVP_PKEY *maker, *ek, *ak, *key, *ca;
	unsigned char *ek_cert, *csr;
	int ek_cert_len, csr_len;
	unsigned char ak_point[POINT_MAX], attest[129], sig[128];
	size_t ak_point_len, sig_len;
	SSL_CTX *server, *client;
};

static double spent; /* by the server, in seconds */

static void
need(int ok, const char *what)
{
	if (ok != 1) {
		fprintf(stderr, "enrol_bare: %s failed\n", what);
		exit(1);
	}
}

static double
cpu_seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- Before the clock runs ----------------------------------------------------------- */

static X509 *
make_cert(const char *subject, const char *issuer, EVP_PKEY *key, EVP_PKEY *issuer_key)
{
	X509 *cert = X509_new();

	need(cert != NULL && X509_set_version(cert, X509_VERSION_3) == 1 &&
	         ASN1_INTEGER_set(X509_get_serialNumber(cert), 42) == 1 &&
	         X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
	             (const unsigned char *)subject, -1, -1, 0) == 1 &&
	         X509_NAME_add_entry_by_txt(X509_get_issuer_name(cert), "CN", MBSTRING_UTF8,
	             (const unsigned char *)issuer, -1, -1, 0) == 1 &&
	         X509_gmtime_adj(X509_getm_notBefore(cert), 0) != NULL &&
	         X509_gmtime_adj(X509_getm_notAfter(cert), 86400) != NULL &&
	         X509_set_pubkey(cert, key) == 1 && X509_sign(cert, issuer_key, EVP_sha256()) > 0,
	    "certificate");
	return cert;
}

static void
make_tls(struct evidence *e)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = make_cert("localhost", "CA", key, e->ca);

	e->server = SSL_CTX_new(TLS_server_method());
	e->client = SSL_CTX_new(TLS_client_method());
	need(e->server != NULL && e->client != NULL &&
	         SSL_CTX_use_certificate(e->server, cert) == 1 &&
	         SSL_CTX_use_PrivateKey(e->server, key) == 1 &&
	         SSL_CTX_set_num_tickets(e->server, 0) == 1,
	    "TLS");
	(void)SSL_CTX_set_session_cache_mode(e->server, SSL_SESS_CACHE_OFF);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void
make_evidence(struct evidence *e)
{
	X509_REQ *csr = X509_REQ_new();
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	X509 *cert;

	memset(e, 0x42, sizeof(*e));
	e->maker = EVP_EC_gen("P-256");
	e->ek = EVP_EC_gen("P-256");
	e->ak = EVP_EC_gen("P-256");
	e->key = EVP_EC_gen("P-256");
	e->ca = EVP_EC_gen("P-256");
	cert = make_cert("EK", "maker", e->ek, e->maker);
	e->ek_cert = NULL;
	e->ek_cert_len = i2d_X509(cert, &e->ek_cert);
	X509_free(cert);
	e->csr = NULL;
	need(csr != NULL && X509_REQ_set_pubkey(csr, e->key) == 1 &&
	         X509_REQ_sign(csr, e->key, EVP_sha256()) > 0 &&
	         (e->csr_len = i2d_X509_REQ(csr, &e->csr)) > 0,
	    "request");
	X509_REQ_free(csr);
	e->sig_len = sizeof(e->sig);
	need(md != NULL && EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, e->ak) == 1 &&
	         EVP_DigestSign(md, e->sig, &e->sig_len, e->attest, sizeof(e->attest)) == 1 &&
	         EVP_PKEY_get_octet_string_param(e->ak, OSSL_PKEY_PARAM_PUB_KEY, e->ak_point,
	             sizeof(e->ak_point), &e->ak_point_len) == 1,
	    "certification");
	EVP_MD_CTX_free(md);
	make_tls(e);
}

/* ---- TLS ------------------------------------------------------------------------------- */

/* Handshake by turns; only the server's are counted. */
static void
shake_hands(SSL *server, SSL *client)
{
	double began;
	int done;

	do {
		(void)SSL_connect(client);
		began = cpu_seconds();
		done = SSL_accept(server) == 1;
		spent += cpu_seconds() - began;
	} while (!done || !SSL_is_init_finished(client));
}

static void
exchange(SSL *server, SSL *client, int request_len, int reply_len)
{
	static char buf[4096];
	double began;

	need(SSL_write(client, buf, request_len) == request_len, "request");
	began = cpu_seconds();
	need(SSL_read(server, buf, sizeof(buf)) == request_len &&
	         SSL_write(server, buf, reply_len) == reply_len,
	    "reply");
	spent += cpu_seconds() - began;
	need(SSL_read(client, buf, sizeof(buf)) == reply_len, "reply");
}

static void
talk(const struct evidence *e)
{
	SSL *client = SSL_new(e->client), *server;
	BIO *ours = NULL, *theirs = NULL;
	double began;

	need(client != NULL && BIO_new_bio_pair(&ours, 0, &theirs, 0) == 1, "TLS");
	SSL_set_bio(client, theirs, theirs);
	began = cpu_seconds();
	server = SSL_new(e->server);
	need(server != NULL, "TLS");
	SSL_set_bio(server, ours, ours);
	spent += cpu_seconds() - began;
	shake_hands(server, client);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		exchange(server, client, requests[i], replies[i]);
	began = cpu_seconds();
	SSL_free(server);
	spent += cpu_seconds() - began;
	SSL_free(client);
}

/* ---- The CA's part ------------------------------------------------------------------- */

/* The EK certificate's signature, and a secret shared with its key. */
static void
first_step(const struct evidence *e)
{
	const unsigned char *p = e->ek_cert;
	X509 *cert = d2i_X509(NULL, &p, e->ek_cert_len);
	EVP_PKEY *share = EVP_EC_gen("P-256");
	EVP_PKEY_CTX *ctx = NULL;
	unsigned char z[64];
	size_t len = sizeof(z);

	need(cert != NULL && X509_verify(cert, e->maker) == 1, "EK certificate");
	need(share != NULL && (ctx = EVP_PKEY_CTX_new(share, NULL)) != NULL &&
	         EVP_PKEY_derive_init(ctx) == 1 &&
	         EVP_PKEY_derive_set_peer(ctx, X509_get0_pubkey(cert)) == 1 &&
	         EVP_PKEY_derive(ctx, z, &len) == 1,
	    "key agreement");
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(share);
	X509_free(cert);
}

/* The AK, which comes as a TPM's structure. */
static EVP_PKEY *
read_ak(const struct evidence *e)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *ak = NULL;

	need(
	    bld != NULL && ctx != NULL &&
	        OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1 &&
	        OSSL_PARAM_BLD_push_octet_string(
	            bld, OSSL_PKEY_PARAM_PUB_KEY, e->ak_point, e->ak_point_len) == 1 &&
	        (params = OSSL_PARAM_BLD_to_param(bld)) != NULL &&
	        EVP_PKEY_fromdata_init(ctx) == 1 &&
	        EVP_PKEY_fromdata(ctx, &ak, EVP_PKEY_PUBLIC_KEY, params) == 1,
	    "AK");
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(ctx);
	return ak;
}

/* Certification and request verified, the certificate issued. */
static void
second_step(const struct evidence *e)
{
	const unsigned char *p = e->csr;
	X509_REQ *csr = d2i_X509_REQ(NULL, &p, e->csr_len);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_PKEY *ak = read_ak(e);
	unsigned char *der = NULL;
	X509 *cert;

	need(md != NULL && EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, ak) == 1 &&
	         EVP_DigestVerify(md, e->sig, e->sig_len, e->attest, sizeof(e->attest)) == 1,
	    "certification");
	need(csr != NULL && X509_REQ_verify(csr, X509_REQ_get0_pubkey(csr)) == 1, "request");
	cert = make_cert("device", "CA", X509_REQ_get0_pubkey(csr), e->ca);
	need(i2d_X509(cert, &der) > 0, "certificate");
	OPENSSL_free(der);
	X509_free(cert);
	EVP_PKEY_free(ak);
	EVP_MD_CTX_free(md);
	X509_REQ_free(csr);
}

static void
one_enrolment(const struct evidence *e)
{
	double began;

	talk(e);
	began = cpu_seconds();
	first_step(e);
	second_step(e);
	spent += cpu_seconds() - began;
}

static void
free_evidence(struct evidence *e)
{
	EVP_PKEY_free(e->maker);
	EVP_PKEY_free(e->ek);
	EVP_PKEY_free(e->ak);
	EVP_PKEY_free(e->key);
	EVP_PKEY_free(e->ca);
	OPENSSL_free(e->ek_cert);
	OPENSSL_free(e->csr);
	SSL_CTX_free(e->server);
	SSL_CTX_free(e->client);
}

int
main(int argc, char **argv)
{
	const double length = argc == 2 ? strtod(argv[1], NULL) : 2.0;
	struct evidence e;
	long n = 0;

	make_evidence(&e);
	one_enrolment(&e);
	for (spent = 0; spent < length; n++)
		one_enrolment(&e);
	printf("%.0f\n", spent / (double)n * 1e6);
	free_evidence(&e);
	return 0;
}
