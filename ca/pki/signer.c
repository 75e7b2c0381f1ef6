/* SPDX-License-Identifier: Apache-2.0 */
/* The CA's key, certificate and chain, held against each other once at start. */
#include "ca/pki/keyuri.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

static enum tpmiot_rc
check(const struct ca_signer *signer, const struct ca_config *config, struct tpmiot_err *err)
{
	if (EVP_PKEY_eq(X509_get0_pubkey(signer->cert), signer->key) != 1)
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "ca_key (%s) is not the key of ca_cert (%s); set the pair that belongs "
		    "together",
		    config->ca_key, config->ca_cert);
	if (X509_check_ca(signer->cert) != 1)
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "ca_cert (%s) is not a CA certificate (RFC 5280 section 4.2.1.9)",
		    config->ca_cert);
	if ((X509_get_key_usage(signer->cert) & KU_KEY_CERT_SIGN) == 0)
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "ca_cert (%s) may not sign certificates: its key usage lacks keyCertSign",
		    config->ca_cert);
	return TPMIOT_OK;
}

static bool
issued(X509 *issuer, X509 *cert)
{
	return X509_check_issued(issuer, cert) == X509_V_OK && X509_check_ca(issuer) != 0 &&
	       X509_verify(cert, X509_get0_pubkey(issuer)) == 1;
}

/* Whether one of those on the path was issued by it. A certificate that stands there twice, too. */
static bool
leads_to(const STACK_OF(X509) *path, X509 *link)
{
	for (int i = 0; i < sk_X509_num(path); i++)
		if (X509_cmp(sk_X509_value(path, i), link) == 0 ||
		    issued(link, sk_X509_value(path, i)))
			return true;
	return false;
}

/* Moves from rest to path what leads on; false if nothing did. */
static bool
go_on(STACK_OF(X509) *path, STACK_OF(X509) *rest)
{
	for (int i = 0; i < sk_X509_num(rest); i++)
		if (leads_to(path, sk_X509_value(rest, i)))
			return sk_X509_push(path, sk_X509_delete(rest, i)) > 0;
	return false;
}

enum tpmiot_rc
ca_signer_check_chain(X509 *cert, const STACK_OF(X509) *chain, struct tpmiot_err *err)
{
	STACK_OF(X509) *path = sk_X509_new_null(), *rest = sk_X509_dup(chain);
	enum tpmiot_rc rc = TPMIOT_OK;
	char subject[128];

	if (path == NULL || rest == NULL || sk_X509_push(path, cert) <= 0) {
		rc = tpmiot_err_memory(err);
		goto out;
	}
	while (go_on(path, rest))
		;
	if (sk_X509_num(rest) > 0) {
		X509_NAME_oneline(
		    X509_get_subject_name(sk_X509_value(rest, 0)), subject, sizeof(subject));
		rc = tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "the certificate of %s did not issue the CA's, nor one above it; leave it out "
		    "of ca_cert and chain, or put the right one there",
		    subject);
	}
	ERR_clear_error(); /* of signatures that are others' */
out:
	sk_X509_free(path);
	sk_X509_free(rest);
	return rc;
}

/* Behind what stood in ca_cert's own file. */
static enum tpmiot_rc
add_chain(const struct ca_config *config, struct ca_signer *signer, struct tpmiot_err *err)
{
	STACK_OF(X509) *certs = NULL;
	enum tpmiot_rc rc;

	if (config->chain[0] == '\0')
		return TPMIOT_OK;
	rc = ca_certs_load(config->dir, config->chain, &certs, err);
	if (rc == TPMIOT_OK && X509_add_certs(signer->chain, certs, X509_ADD_FLAG_UP_REF) != 1)
		rc = tpmiot_err_memory(err);
	sk_X509_pop_free(certs, X509_free);
	return rc;
}

enum tpmiot_rc
ca_signer_load(const struct ca_config *config, struct ca_signer *out, struct tpmiot_err *err)
{
	struct ca_signer signer = { NULL, NULL, NULL };
	enum tpmiot_rc rc;

	rc = ca_providers_load(config->providers, err);
	if (rc == TPMIOT_OK)
		rc = ca_certs_load(config->dir, config->ca_cert, &signer.chain, err);
	if (rc == TPMIOT_OK)
		signer.cert = sk_X509_shift(signer.chain);
	if (rc == TPMIOT_OK)
		rc = add_chain(config, &signer, err);
	if (rc == TPMIOT_OK)
		rc = ca_key_load(
		    config->dir, config->ca_key, config->ca_key_passphrase_file, &signer.key, err);
	if (rc == TPMIOT_OK)
		rc = check(&signer, config, err);
	if (rc == TPMIOT_OK)
		rc = ca_signer_check_chain(signer.cert, signer.chain, err);
	if (rc == TPMIOT_OK)
		*out = signer;
	else
		ca_signer_free(&signer);
	return rc;
}

void
ca_signer_free(struct ca_signer *signer)
{
	EVP_PKEY_free(signer->key);
	X509_free(signer->cert);
	sk_X509_pop_free(signer->chain, X509_free);
	signer->key = NULL;
	signer->cert = NULL;
	signer->chain = NULL;
}
