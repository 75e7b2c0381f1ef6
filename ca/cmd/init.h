/* SPDX-License-Identifier: Apache-2.0 */
/* One run of `init`, between its two files. */
#ifndef CA_INIT_H
#define CA_INIT_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "ca/cmd/cli.h"

/* Files that it makes in DIR, beside the store and, last, the configuration. */
#define CA_INIT_CA_KEY "ca.key"
#define CA_INIT_CA_CERT "ca.crt"
#define CA_INIT_TLS_KEY "tls.key"
#define CA_INIT_TLS_CERT "tls.crt"

struct ca_init {
	struct ca_cli *cli;
	const char *name;
	struct ca_cli_list hosts;
	struct ca_config config;
	EVP_PKEY *ca_key, *tls_key;
	X509 *ca_cert, *tls_cert;
	STACK_OF(X509) *above; /* behind ca_cert in its file */
	int lock; /* the directory, which no other run works on meanwhile; -1: not yet */
};

/* The CA's key and certificate: what is there, or new ones. Fills ca_key, ca_cert, above. */
TPMIOT_MUST_USE enum tpmiot_rc ca_init_ca(struct ca_init *in, struct tpmiot_err *err);
/* The server's, issued by that CA. Fills tls_key, tls_cert. */
TPMIOT_MUST_USE enum tpmiot_rc ca_init_tls(struct ca_init *in, struct tpmiot_err *err);

#endif
