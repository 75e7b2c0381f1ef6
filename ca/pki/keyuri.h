/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys and certificates by name: a file, or any URI that an OpenSSL store loader knows. */
#ifndef CA_KEYURI_H
#define CA_KEYURI_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <tpmiot/err.h>

#include "ca/config/config.h"

/*
 * Loads config->providers (a comma-separated list) into the default library
 * context, and with them "default", which OpenSSL leaves out when one is named. What is not
 * with a key of theirs is computed by "default" from then on.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_providers_load(const char *providers, struct tpmiot_err *err);

/*
 * The private key at uri (relative file names are dir's). passphrase_file: its
 * first line; "" or NULL: the key has none, and nobody is asked. The caller owns *out.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_key_load(const char *dir, const char *uri,
    const char *passphrase_file, EVP_PKEY **out, struct tpmiot_err *err);

/* All certificates of a PEM file, at least one, in their order. The caller owns *out. */
TPMIOT_MUST_USE enum tpmiot_rc ca_certs_load(
    const char *dir, const char *file, STACK_OF(X509) **out, struct tpmiot_err *err);

/* What a running CA signs with: checked to belong together. */
struct ca_signer {
	EVP_PKEY *key;
	X509 *cert;
	STACK_OF(X509)
	*chain; /* what else stood in ca_cert, then `chain`; may be empty, never NULL */
};
/*
 * Whether each of the certificates behind `cert` leads from it towards a root, in whichever order
 * they are; the path need not be whole. TPMIOT_E_VERIFY names the one that does not.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_signer_check_chain(
    X509 *cert, const STACK_OF(X509) *chain, struct tpmiot_err *err);
/* Loads config->providers, too. */
TPMIOT_MUST_USE enum tpmiot_rc ca_signer_load(
    const struct ca_config *config, struct ca_signer *out, struct tpmiot_err *err);
void ca_signer_free(struct ca_signer *signer);

#endif
