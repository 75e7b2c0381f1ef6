/* SPDX-License-Identifier: Apache-2.0 */
/* X.509 as a device needs it: what the CA issued, believed only after a look. */
#ifndef ENROLL_CERTS_H
#define ENROLL_CERTS_H

#include <openssl/x509.h>

#include <tpmiot/device_id.h>
#include <tpmiot/kdf.h>

#define ENROLL_CERTS_MAX 8

/* Every certificate of a PEM text, at least one and at most ENROLL_CERTS_MAX; anything that is not
 * one is refused. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_certs_parse(
    struct tpmiot_bytes pem, STACK_OF(X509) **out, struct tpmiot_err *err);
/* The same without an upper limit, for what somebody trusts. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_certs_parse_bundle(
    struct tpmiot_bytes pem, STACK_OF(X509) **out, struct tpmiot_err *err);

/*
 * Splits DER certificates in a row, as NV holds them, with padding (0x00 or
 * 0xFF) at the end; the stack holds at most ENROLL_CERTS_MAX.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_certs_split(
    struct tpmiot_bytes der, STACK_OF(X509) **out, struct tpmiot_err *err);

/*
 * Whether a reply of the CA may be kept: the first certificate is for key and
 * not out of date at `now`, and leads over the others to one of `ca`, which are
 * CA certificates. The beginning of validity is not looked at: clocks differ.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_certs_check_issued(STACK_OF(X509) *issued, STACK_OF(X509) *ca,
    const EVP_PKEY *key, int64_t now, struct tpmiot_err *err);

/* The first certificate of NAME.crt in the state directory. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_certs_read_leaf(
    const char *dir, const char *name, X509 **out, struct tpmiot_err *err);

/* Whether cert is for key and, at `now`, not out of date. */
bool enroll_certs_usable(const X509 *cert, const EVP_PKEY *key, int64_t now);

/* Whether cert is made out to another device than id, by its SAN `urn:tpmiot:device:…`. */
bool enroll_certs_is_others(const X509 *cert, const char *id);
/* Whom it is made out to by that SAN; false if it has none, or no device id in it. */
bool enroll_certs_device_id(const X509 *cert, char out[TPMIOT_DEVICE_ID_MAX + 1]);

/* How long it is valid from beginning to end, in seconds; 0 if it cannot be told. */
int64_t enroll_certs_lifetime(const X509 *cert);

/* Seconds since the epoch; 0 if it cannot be told. */
int64_t enroll_certs_not_before(const X509 *cert);
int64_t enroll_certs_not_after(const X509 *cert);

/* "2026-01-31T12:00:00Z"; subject as RFC 2253 has it. */
void enroll_certs_put_time(int64_t t, struct tpmiot_buf *out);
void enroll_certs_put_name(const X509_NAME *name, struct tpmiot_buf *out);

/* Appends the PEM form. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_certs_put_pem(
    STACK_OF(X509) *certs, struct tpmiot_buf *out, struct tpmiot_err *err);

#endif
