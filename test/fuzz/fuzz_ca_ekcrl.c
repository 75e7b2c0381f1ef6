/* SPDX-License-Identifier: Apache-2.0 */
/* Revocation lists of TPM makers, as they lie in files: parsed, and asked about a certificate. */
#include <openssl/x509.h>

#include "ca/pki/ekcrls.h"
#include "fuzz.h"

#define NOW 1767225600

/* Of the issuer "maker", with a key of this run: what a list says of it is not believed. */
static X509 *
certificate(void)
{
	static X509 *cert;
	EVP_PKEY *key;

	if (cert != NULL)
		return cert;
	key = EVP_EC_gen("P-256");
	cert = X509_new();
	FUZZ_ASSERT(X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
	                (const unsigned char *)"maker", -1, -1, 0) == 1);
	FUZZ_ASSERT(X509_set_issuer_name(cert, X509_get_subject_name(cert)) == 1);
	FUZZ_ASSERT(ASN1_INTEGER_set(X509_get_serialNumber(cert), 4711) == 1);
	FUZZ_ASSERT(ASN1_TIME_set(X509_getm_notBefore(cert), NOW - 1000) != NULL);
	FUZZ_ASSERT(ASN1_TIME_set(X509_getm_notAfter(cert), NOW + 1000) != NULL);
	FUZZ_ASSERT(X509_set_pubkey(cert, key) == 1 && X509_sign(cert, key, EVP_sha256()) > 0);
	EVP_PKEY_free(key);
	return cert;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tpmiot_ekcert_crls crls = { sk_X509_CRL_new_null(), (size & 1) != 0 };
	struct tpmiot_buf file = TPMIOT_BUF_INIT;
	X509_STORE *roots = X509_STORE_new();
	struct tpmiot_err err = { .text = "" };
	enum tpmiot_rc rc;

	tpmiot_buf_put(&file, data, size);
	rc = ca_ekcrls_parse(&file, crls.lists, &err);
	FUZZ_ASSERT(rc == TPMIOT_OK || err.text[0] != '\0');
	FUZZ_ASSERT(rc != TPMIOT_OK || sk_X509_CRL_num(crls.lists) > 0);
	FUZZ_ASSERT(X509_STORE_add_cert(roots, certificate()) == 1);
	rc = tpmiot_ekcert_check_path_crls(NULL, certificate(), NULL, roots, &crls, NOW, &err);
	FUZZ_ASSERT(rc == TPMIOT_OK || err.text[0] != '\0');
	X509_STORE_free(roots);
	tpmiot_buf_free(&file);
	ca_ekcrls_free(&crls);
	return 0;
}
