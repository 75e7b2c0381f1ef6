/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making certificates (RFC 5280): what all that this CA issues have in common.
 * A spec says everything that goes in; nothing is copied from a request.
 */
#ifndef CA_X509_H
#define CA_X509_H

#include <stdbool.h>

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <tpmiot/public.h>

#include "ca/store/store.h"

enum ca_san_kind { CA_SAN_DNS, CA_SAN_IP, CA_SAN_URI };

struct ca_x509_spec {
	X509_NAME *subject;    /* borrowed; ca_x509_name() makes one */
	GENERAL_NAMES *san;    /* borrowed; NULL: none. Critical when the subject is empty. */
	int is_ca;             /* CA:TRUE, else CA:FALSE; critical both times */
	int path_len;          /* of a CA; -1: no limit */
	const char *key_usage; /* as in openssl.cnf: "digitalSignature,keyAgreement"; critical */
	const char *ext_key_usage; /* "clientAuth,serverAuth" or dotted; NULL: none */
	const char *crl_url;       /* crlDistributionPoints; NULL: none */
	int64_t not_before;
	int64_t not_after;
	uint8_t serial[CA_SERIAL_MAX]; /* ca_x509_serial() makes one */
	size_t serial_len;
	const struct tpmiot_public *key; /* a TPM's key to be certified; NULL: the argument `key` */
};

/* A random serial of 16 bytes, positive, no leading zero (RFC 5280 section 4.1.2.2). */
TPMIOT_MUST_USE enum tpmiot_rc ca_x509_serial(
    uint8_t serial[CA_SERIAL_MAX], size_t *serial_len, struct tpmiot_err *err);

/* Seconds since the epoch. TPMIOT_E_FORMAT: not a time. */
TPMIOT_MUST_USE enum tpmiot_rc ca_x509_time(
    const ASN1_TIME *time, int64_t *out, struct tpmiot_err *err);

/* The name CN=cn (UTF8String). The caller owns *out. */
TPMIOT_MUST_USE enum tpmiot_rc ca_x509_name(
    const char *cn, X509_NAME **out, struct tpmiot_err *err);

/* Adds one name to *san, which is made when NULL. IP: the address as people write it. */
TPMIOT_MUST_USE enum tpmiot_rc ca_x509_san_add(
    GENERAL_NAMES **san, enum ca_san_kind kind, const char *value, struct tpmiot_err *err);

/* NULL for keys that hash by themselves (Ed25519). */
const EVP_MD *ca_x509_digest(EVP_PKEY *key);
/* The authority key identifier for what `issuer` signs. The caller owns *out. */
TPMIOT_MUST_USE enum tpmiot_rc ca_x509_authority(
    X509 *issuer, AUTHORITY_KEYID **out, struct tpmiot_err *err);

/* The same for a directoryName, which is copied. */
TPMIOT_MUST_USE enum tpmiot_rc ca_x509_san_add_name(
    GENERAL_NAMES **san, const X509_NAME *value, struct tpmiot_err *err);

/*
 * Builds and signs a certificate for `key` (or spec->key; one is NULL), with subject and authority
 * key identifiers. issuer NULL: self-signed by issuer_key, which is `key`'s private half. The
 * digest fits the signing key: SHA-384 for P-384, SHA-512 for P-521, none for Ed25519, else
 * SHA-256. The caller owns *out.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_x509_issue(const struct ca_x509_spec *spec, EVP_PKEY *key,
    X509 *issuer, EVP_PKEY *issuer_key, X509 **out, struct tpmiot_err *err);

#endif
