/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/cmd/ekarg.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <tpmiot/b64.h>
#include <tpmiot/ekcert.h>

#include "ca/file.h"

/* PEM of a certificate at its largest, with text around it. */
#define FILE_MAX (4 * (size_t)TPMIOT_EKCERT_MAX)

static enum tpmiot_rc
from_cert(const uint8_t *der, size_t len, EVP_PKEY **out, struct tpmiot_err *err)
{
	X509 *cert = NULL;
	enum tpmiot_rc rc = tpmiot_ekcert_parse(NULL, der, len, &cert, err);

	if (rc == TPMIOT_OK)
		rc = tpmiot_ekcert_pubkey(NULL, cert, out, err);
	X509_free(cert);
	return rc;
}

static enum tpmiot_rc
from_spki(const uint8_t *der, size_t len, EVP_PKEY **out, struct tpmiot_err *err)
{
	const uint8_t *p = der;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)len);

	if (key == NULL || p != der + len) {
		EVP_PKEY_free(key);
		return tpmiot_err_crypto(err, "not a public key");
	}
	*out = key;
	return TPMIOT_OK;
}

static enum tpmiot_rc
from_tpm2b(const uint8_t *data, size_t len, EVP_PKEY **out, struct tpmiot_err *err)
{
	struct tpmiot_public pub;
	enum tpmiot_rc rc = tpmiot_public_parse(NULL, data, len, &pub, err);

	return rc == TPMIOT_OK ? tpmiot_public_to_pkey(NULL, &pub, out, err) : rc;
}

/* The first PEM block, whatever text is around it. */
static enum tpmiot_rc
from_pem(const uint8_t *data, size_t len, EVP_PKEY **out, struct tpmiot_err *err)
{
	BIO *bio = BIO_new_mem_buf(data, (int)len);
	char *name = NULL, *header = NULL;
	unsigned char *der = NULL;
	long der_len = 0;
	enum tpmiot_rc rc;

	if (bio == NULL || PEM_read_bio(bio, &name, &header, &der, &der_len) != 1)
		rc = tpmiot_err_crypto(err, "damaged PEM");
	else if (strcmp(name, PEM_STRING_X509) == 0)
		rc = from_cert(der, (size_t)der_len, out, err);
	else if (strcmp(name, PEM_STRING_PUBLIC) == 0)
		rc = from_spki(der, (size_t)der_len, out, err);
	else
		rc = tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "PEM of a %.40s; a CERTIFICATE or PUBLIC KEY is wanted", name);
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(der);
	BIO_free(bio);
	return rc;
}

static bool
contains(const uint8_t *data, size_t len, const char *what)
{
	size_t n = strlen(what);

	for (size_t i = 0; i + n <= len; i++) {
		if (memcmp(data + i, what, n) == 0)
			return true;
	}
	return false;
}

enum tpmiot_rc
ca_ekarg_bytes(const uint8_t *data, size_t len, uint8_t ek_spki[TPMIOT_SPKI_SHA256_LEN],
    struct tpmiot_err *err)
{
	EVP_PKEY *key = NULL;
	enum tpmiot_rc rc;

	ERR_clear_error();
	if (contains(data, len, "-----BEGIN ")) {
		rc = from_pem(data, len, &key, err);
	} else {
		rc = from_tpm2b(data, len, &key, NULL);
		if (rc != TPMIOT_OK)
			rc = from_spki(data, len, &key, NULL);
		if (rc != TPMIOT_OK)
			rc = from_cert(data, len, &key, NULL);
		if (rc != TPMIOT_OK)
			rc = tpmiot_err_set(err, TPMIOT_E_FORMAT,
			    "neither an EK certificate nor a public key (PEM or DER) nor a "
			    "TPM2B_PUBLIC");
	}
	if (rc == TPMIOT_OK)
		rc = tpmiot_spki_sha256(NULL, key, ek_spki, err);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return rc;
}

enum tpmiot_rc
ca_ekarg_parse(const char *arg, uint8_t ek_spki[TPMIOT_SPKI_SHA256_LEN], struct tpmiot_err *err)
{
	struct tpmiot_buf data = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	if (strlen(arg) == 2 * TPMIOT_SPKI_SHA256_LEN &&
	    tpmiot_hex_decode(arg, ek_spki, TPMIOT_SPKI_SHA256_LEN, NULL) == TPMIOT_OK)
		return TPMIOT_OK;
	rc = ca_file_read(arg, FILE_MAX, &data, err);
	if (rc == TPMIOT_E_NOT_FOUND)
		rc = tpmiot_err_set(err, rc,
		    "--ek=%.200s: no such file, and not the 64 hexadecimal digits of a SHA-256",
		    arg);
	if (rc == TPMIOT_OK) {
		rc = ca_ekarg_bytes(data.data, data.len, ek_spki, err);
		if (rc != TPMIOT_OK)
			rc = tpmiot_err_prefix(err, "%s", arg);
	}
	tpmiot_buf_free(&data);
	return rc;
}
