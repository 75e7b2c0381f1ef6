/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endorsement-key certificates (TCG EK Credential Profile 2.5): taken out of
 * NV content, held against the profile's rules, chained to a TPM maker's root.
 */
#ifndef TPMIOT_EKCERT_H
#define TPMIOT_EKCERT_H

#include <openssl/x509.h>

#include <tpmiot/public.h>

#define TPMIOT_EKCERT_MAX 8192    /* bytes of one certificate or NV index */
#define TPMIOT_EKCERT_CHAIN_MAX 8 /* certificates a device may send along */

/*
 * Finds the certificate in what an NV index holds: a header `10 01 00 len len`
 * (TCG PC Client, "TCG_PCCLIENT_STORED_CERT") and padding of 0xFF or 0x00
 * behind it are taken off; anything else behind it is TPMIOT_E_FORMAT. *der
 * points into nv.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_ekcert_strip(
    const uint8_t *nv, size_t len, const uint8_t **der, size_t *der_len, struct tpmiot_err *err);

/* Strips and parses. The caller owns *out. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_ekcert_parse(
    OSSL_LIB_CTX *libctx, const uint8_t *nv, size_t len, X509 **out, struct tpmiot_err *err);

/*
 * The certificate's public key, RSAES-OAEP (RFC 4055 section 4.1) in its
 * SubjectPublicKeyInfo included, which libcrypto does not take. The caller owns *out.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_ekcert_pubkey(
    OSSL_LIB_CTX *libctx, const X509 *cert, EVP_PKEY **out, struct tpmiot_err *err);

/* What the certificate says of the TPM: in the SAN's directoryName, or, without SAN, its subject.
 */
struct tpmiot_ekcert_info {
	char manufacturer[64]; /* 2.23.133.2.1, "id:53544D20" */
	char model[64];        /* 2.23.133.2.2 */
	char version[64];      /* 2.23.133.2.3 */
};

/*
 * The profile's rules for an EK certificate by itself: version 3, positive
 * serial, issuer, CA:FALSE, key usage for its key type, EKU with 2.23.133.8.1
 * when there is an EKU (an empty one is refused), SAN critical when the subject
 * is empty, all three TPM attributes in the SAN, or, without SAN, in the subject, no unknown
 * critical extension, not a platform certificate. *info may be NULL. TPMIOT_E_VERIFY cites the
 * clause.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_ekcert_check_profile(
    X509 *cert, struct tpmiot_ekcert_info *info, struct tpmiot_err *err);

/* Whether the certificate is for this EK (by public key). TPMIOT_E_VERIFY if not. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_ekcert_check_key(
    OSSL_LIB_CTX *libctx, const X509 *cert, const struct tpmiot_public *ek, struct tpmiot_err *err);

/*
 * Path from cert over `untrusted` (may be NULL) to a certificate in `roots`, at
 * time `now` (seconds since the epoch). Nothing is fetched; the system's trust
 * store is not looked at. TPMIOT_E_VERIFY says at which certificate and why.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_ekcert_check_path(OSSL_LIB_CTX *libctx, X509 *cert,
    STACK_OF(X509) *untrusted, X509_STORE *roots, int64_t now, struct tpmiot_err *err);

/* Revocation lists of TPM makers. */
struct tpmiot_ekcert_crls {
	STACK_OF(X509_CRL) *lists; /* NULL: revocation is not looked at */
	bool missing_ok;           /* an issuer of which no list is in force vouches all the same */
};

/*
 * The same, and no certificate of the path is revoked (RFC 5280 section 6.3). Every issuer below
 * the trusted one needs a list in force, unless missing_ok; a list that has ended still counts for
 * what it has revoked, and one whose signature does not hold refuses in any case. Nothing is
 * fetched. TPMIOT_E_POLICY: revoked; TPMIOT_E_VERIFY: anything else.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_ekcert_check_path_crls(OSSL_LIB_CTX *libctx, X509 *cert,
    STACK_OF(X509) *untrusted, X509_STORE *roots, const struct tpmiot_ekcert_crls *crls,
    int64_t now, struct tpmiot_err *err);

/*
 * The same. The certificates of `untrusted` that the path goes over are put into `used` (may be
 * NULL), which has a reference to each; on failure some may be there.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_ekcert_find_path(OSSL_LIB_CTX *libctx, X509 *cert,
    STACK_OF(X509) *untrusted, X509_STORE *roots, const struct tpmiot_ekcert_crls *crls,
    int64_t now, STACK_OF(X509) *used, struct tpmiot_err *err);

/*
 * As tpmiot_ekcert_check_path_crls(), for a certificate that was accepted before: that it, or one
 * on its path, has ended meanwhile does not count.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_ekcert_check_not_revoked(OSSL_LIB_CTX *libctx, X509 *cert,
    STACK_OF(X509) *untrusted, X509_STORE *roots, const struct tpmiot_ekcert_crls *crls,
    int64_t now, struct tpmiot_err *err);

#endif
