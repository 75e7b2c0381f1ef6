/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates and requests for tests, good and bad. What cannot be made fails
 * the test (cmocka) that runs.
 */
#ifndef TEST_CERTKIT_H
#define TEST_CERTKIT_H

#include <stdbool.h>

#include <openssl/x509.h>

#include <tpmiot/buf.h>

/* 2026-01-01 00:00:00 UTC: what tests take for now. */
#define CERTKIT_NOW 1767225600

/* What the offsets below count from: CERTKIT_NOW, until a test of a running server moves it. */
extern long certkit_now;

/* Extensions, as openssl.cnf has them in its section [ext]. */
#define CERTKIT_CA                                                                                 \
	"[ext]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
#define CERTKIT_EK(usage)                                                                          \
	"[ext]\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical," usage                      \
	"\nextendedKeyUsage=2.23.133.8.1\nsubjectAltName=critical,dirName:tpm\n" CERTKIT_TPM
#define CERTKIT_EK_RSA CERTKIT_EK("keyEncipherment")
#define CERTKIT_EK_ECC CERTKIT_EK("keyAgreement")
/* The section that dirName:tpm refers to. OpenSSL skips up to the first dot of a name. */
#define CERTKIT_TPM                                                                                \
	"[tpm]\na.2.23.133.2.1=id:54534554\nb.2.23.133.2.2=softtpm\nc.2.23.133.2.3=id:00010002\n"

/* Zeroed members mean what is usual. */
struct certkit_spec {
	const char *subject;           /* common name; NULL: the empty name */
	const char *const *attributes; /* of the subject besides: OID, value, ..., NULL; or NULL */
	EVP_PKEY *key;                 /* the subject's, borrowed */
	X509 *issuer;                  /* NULL: self-issued, or nameless if no_issuer */
	EVP_PKEY *issuer_key;          /* NULL: key */
	bool no_issuer;
	const char *serial;     /* decimal; NULL: 4097 */
	long not_before;        /* seconds from certkit_now; 0: a year before */
	long not_after;         /* the same; 0: a year after */
	long version;           /* 0: 3 */
	const char *digest;     /* NULL: SHA256 */
	bool oaep;              /* RSAES-OAEP as the key's algorithm */
	const char *extensions; /* CERTKIT_…; NULL: none */
};

/* The certificate, decoded again from its DER. The caller owns it. */
X509 *certkit_issue(const struct certkit_spec *spec);

/* Appends its DER. */
void certkit_put(const X509 *cert, struct tpmiot_buf *out);

/*
 * A list by this issuer, of a day ago: with this serial number (decimal; NULL: none) on it, until
 * `ends` seconds from certkit_now (0: a day). The caller owns it.
 */
X509_CRL *certkit_crl(const X509 *issuer, EVP_PKEY *key, const char *serial, long ends);

/* Appends a PKCS#10 request in DER, signed by key. */
void certkit_request(EVP_PKEY *key, const char *common_name, struct tpmiot_buf *out);

#endif
