/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/http/tls.h"

#include <openssl/x509v3.h>

/* Of a client: a device's certificate and some links, not libssl's 100 KiB. */
#define MAX_CLIENT_CHAIN (16 * 1024)

static enum tpmiot_rc
use_certs(
    SSL_CTX *ctx, STACK_OF(X509) *certs, const struct ca_config *config, struct tpmiot_err *err)
{
	if (SSL_CTX_use_certificate(ctx, sk_X509_value(certs, 0)) != 1)
		return tpmiot_err_crypto(err, "tls_cert (%s) cannot be used", config->tls_cert);
	for (int i = 1; i < sk_X509_num(certs); i++)
		if (SSL_CTX_add1_chain_cert(ctx, sk_X509_value(certs, i)) != 1)
			return tpmiot_err_crypto(
			    err, "tls_cert (%s): its chain cannot be used", config->tls_cert);
	return TPMIOT_OK;
}

/*
 * A device may know this CA by its certificate's fingerprint only (tpmiot-enroll
 * --ca-fingerprint), and has to see that certificate: what the file leaves out at its end, the
 * root above all, is shown where it is one of our own.
 */
static enum tpmiot_rc
show_own(
    SSL_CTX *ctx, STACK_OF(X509) *certs, const struct ca_signer *signer, struct tpmiot_err *err)
{
	X509 *top = sk_X509_value(certs, sk_X509_num(certs) - 1), *next = signer->cert;

	for (int i = 0; next != NULL; next = sk_X509_value(signer->chain, i++)) {
		if (X509_self_signed(top, 0) == 1 || X509_check_issued(next, top) != X509_V_OK)
			continue;
		if (SSL_CTX_add1_chain_cert(ctx, next) != 1)
			return tpmiot_err_crypto(err, "cannot set up TLS");
		top = next;
	}
	return TPMIOT_OK;
}

static enum tpmiot_rc
use_key(SSL_CTX *ctx, const struct ca_config *config, struct tpmiot_err *err)
{
	EVP_PKEY *key = NULL;
	enum tpmiot_rc rc;

	rc = ca_key_load(config->dir, config->tls_key, config->tls_key_passphrase_file, &key, err);
	if (rc != TPMIOT_OK)
		return tpmiot_err_prefix(err, "tls_key");
	if (SSL_CTX_use_PrivateKey(ctx, key) != 1)
		rc = tpmiot_err_crypto(err, "tls_key (%s) is not the key of tls_cert (%s)",
		    config->tls_key, config->tls_cert);
	EVP_PKEY_free(key);
	return rc;
}

/* The certificates that we issued are in the store, to the byte (client.c): no chain is looked at.
 */
static int
accept_any(X509_STORE_CTX *ctx, void *arg)
{
	(void)arg;
	X509_STORE_CTX_set_error(ctx, X509_V_OK);
	return 1;
}

static enum tpmiot_rc
ask_clients(SSL_CTX *ctx, const struct ca_signer *signer, struct tpmiot_err *err)
{
	if (SSL_CTX_add_client_CA(ctx, signer->cert) != 1)
		return tpmiot_err_crypto(err, "cannot set up TLS");
	SSL_CTX_set_max_cert_list(ctx, MAX_CLIENT_CHAIN);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, accept_any, NULL);
	return TPMIOT_OK;
}

enum tpmiot_rc
ca_tls_new(const struct ca_config *config, const struct ca_signer *signer, SSL_CTX **out,
    struct tpmiot_err *err)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	STACK_OF(X509) *certs = NULL;
	enum tpmiot_rc rc;

	if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1) {
		rc = tpmiot_err_crypto(err, "cannot set up TLS");
		goto out;
	}
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
	                             SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_TICKET);
	/* A device comes once in months: nothing to resume, so nothing to remember. */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	if ((rc = ca_certs_load(config->dir, config->tls_cert, &certs, err)) != TPMIOT_OK ||
	    (rc = use_certs(ctx, certs, config, err)) != TPMIOT_OK ||
	    (rc = show_own(ctx, certs, signer, err)) != TPMIOT_OK ||
	    (rc = use_key(ctx, config, err)) != TPMIOT_OK ||
	    (rc = ask_clients(ctx, signer, err)) != TPMIOT_OK)
		goto out;
	*out = ctx;
	ctx = NULL;
out:
	sk_X509_pop_free(certs, X509_free);
	SSL_CTX_free(ctx);
	return rc;
}
