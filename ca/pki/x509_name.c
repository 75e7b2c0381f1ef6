/* SPDX-License-Identifier: Apache-2.0 */
/* The parts a certificate is made of: serial, times, names. */
#include "ca/pki/x509.h"

#include <string.h>
#include <time.h>

#include <openssl/rand.h>

enum tpmiot_rc
ca_x509_serial(uint8_t serial[CA_SERIAL_MAX], size_t *serial_len, struct tpmiot_err *err)
{
	if (RAND_bytes(serial, 16) != 1)
		return tpmiot_err_crypto(err, "no random numbers for a serial");
	/* Positive, and 16 bytes long whatever the dice said. */
	serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40);
	*serial_len = 16;
	return TPMIOT_OK;
}

enum tpmiot_rc
ca_x509_time(const ASN1_TIME *time, int64_t *out, struct tpmiot_err *err)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(time, &tm) != 1)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT, "not a time that RFC 5280 knows");
	*out = (int64_t)timegm(&tm);
	return TPMIOT_OK;
}

enum tpmiot_rc
ca_x509_name(const char *cn, X509_NAME **out, struct tpmiot_err *err)
{
	X509_NAME *name = X509_NAME_new();

	if (name == NULL || X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
	                        (const unsigned char *)cn, -1, -1, 0) != 1) {
		X509_NAME_free(name);
		return tpmiot_err_crypto(err, "\"%s\" cannot be a common name", cn);
	}
	*out = name;
	return TPMIOT_OK;
}

static GENERAL_NAME *
san_make(enum ca_san_kind kind, const char *value)
{
	static const int types[] = {
		[CA_SAN_DNS] = GEN_DNS, [CA_SAN_IP] = GEN_IPADD, [CA_SAN_URI] = GEN_URI
	};
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_STRING *str = NULL;

	if (kind == CA_SAN_IP)
		str = a2i_IPADDRESS(value);
	else if ((str = ASN1_IA5STRING_new()) != NULL && ASN1_STRING_set(str, value, -1) != 1) {
		ASN1_STRING_free(str);
		str = NULL;
	}
	if (name == NULL || str == NULL) {
		ASN1_STRING_free(str);
		GENERAL_NAME_free(name);
		return NULL;
	}
	GENERAL_NAME_set0_value(name, types[kind], str);
	return name;
}

/* Takes the reference to name. */
static enum tpmiot_rc
san_push(GENERAL_NAMES **san, GENERAL_NAME *name, struct tpmiot_err *err)
{
	GENERAL_NAMES *names = *san != NULL ? *san : GENERAL_NAMES_new();

	if (names == NULL || name == NULL || sk_GENERAL_NAME_push(names, name) <= 0) {
		GENERAL_NAME_free(name);
		if (names != *san)
			GENERAL_NAMES_free(names);
		return tpmiot_err_crypto(err, "this cannot be a subject alternative name");
	}
	*san = names;
	return TPMIOT_OK;
}

enum tpmiot_rc
ca_x509_san_add(
    GENERAL_NAMES **san, enum ca_san_kind kind, const char *value, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = san_push(san, san_make(kind, value), err);

	return rc == TPMIOT_OK || err == NULL ? rc : tpmiot_err_prefix(err, "\"%s\"", value);
}

enum tpmiot_rc
ca_x509_san_add_name(GENERAL_NAMES **san, const X509_NAME *value, struct tpmiot_err *err)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	X509_NAME *copy = X509_NAME_dup(value);

	if (name == NULL || copy == NULL) {
		GENERAL_NAME_free(name);
		X509_NAME_free(copy);
		return tpmiot_err_memory(err);
	}
	GENERAL_NAME_set0_value(name, GEN_DIRNAME, copy);
	return san_push(san, name, err);
}
