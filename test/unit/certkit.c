/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/bn.h>
#include <openssl/conf.h>
#include <openssl/x509v3.h>

#include <tpmiot/public.h>

#include "certkit.h"

#define DAY (24L * 3600)
#define YEAR (365 * DAY)

long certkit_now = CERTKIT_NOW;

static void
add_common_name(X509_NAME *name, const char *text)
{
	if (text != NULL)
		assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
		                     (const unsigned char *)text, -1, -1, 0),
		    1);
}

static void
set_serial(ASN1_INTEGER *serial, const char *decimal)
{
	BIGNUM *n = NULL;

	assert_true(BN_dec2bn(&n, decimal) > 0);
	assert_non_null(BN_to_ASN1_INTEGER(n, serial));
	BN_free(n);
}

static void
set_time(ASN1_TIME *field, long offset)
{
	assert_non_null(ASN1_TIME_set(field, (time_t)certkit_now + offset));
}

static void
set_key(X509 *cert, const struct certkit_spec *spec)
{
	X509_ALGOR *algorithm;

	assert_int_equal(X509_set_pubkey(cert, spec->key), 1);
	if (!spec->oaep)
		return;
	assert_int_equal(
	    X509_PUBKEY_get0_param(NULL, NULL, NULL, &algorithm, X509_get_X509_PUBKEY(cert)), 1);
	assert_int_equal(
	    X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_rsaesOaep), V_ASN1_NULL, NULL), 1);
}

static void
add_extensions(X509 *cert, X509 *issuer, const char *text)
{
	BIO *bio = BIO_new_mem_buf(text, -1);
	CONF *conf = NCONF_new(NULL);
	X509V3_CTX ctx;
	long line = 0;

	assert_int_equal(NCONF_load_bio(conf, bio, &line), 1);
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	X509V3_set_nconf(&ctx, conf);
	assert_int_equal(X509V3_EXT_add_nconf(conf, &ctx, "ext", cert), 1);
	NCONF_free(conf);
	BIO_free(bio);
}

/* What was built in memory and what is read from DER are not quite the same to libcrypto. */
static X509 *
reread(X509 *built)
{
	struct tpmiot_buf der = TPMIOT_BUF_INIT;
	const unsigned char *p;
	X509 *cert;

	certkit_put(built, &der);
	X509_free(built);
	p = der.data;
	cert = d2i_X509(NULL, &p, (long)der.len);
	assert_non_null(cert);
	tpmiot_buf_free(&der);
	return cert;
}

X509 *
certkit_issue(const struct certkit_spec *spec)
{
	X509 *cert = X509_new(), *issuer = spec->issuer != NULL ? spec->issuer : cert;
	X509_NAME *name = X509_NAME_new();
	EVP_PKEY *signer = spec->issuer_key != NULL ? spec->issuer_key : spec->key;
	const EVP_MD *md = EVP_get_digestbyname(spec->digest != NULL ? spec->digest : "SHA256");

	assert_non_null(cert);
	assert_int_equal(
	    X509_set_version(cert, spec->version != 0 ? spec->version - 1 : X509_VERSION_3), 1);
	set_serial(X509_get_serialNumber(cert), spec->serial != NULL ? spec->serial : "4097");
	add_common_name(name, spec->subject);
	for (size_t i = 0; spec->attributes != NULL && spec->attributes[i] != NULL; i += 2)
		assert_int_equal(
		    X509_NAME_add_entry_by_txt(name, spec->attributes[i], MBSTRING_UTF8,
		        (const unsigned char *)spec->attributes[i + 1], -1, -1, 0),
		    1);
	assert_int_equal(X509_set_subject_name(cert, name), 1);
	X509_NAME_free(name);
	if (!spec->no_issuer)
		assert_int_equal(X509_set_issuer_name(cert, X509_get_subject_name(issuer)), 1);
	set_time(X509_getm_notBefore(cert), spec->not_before != 0 ? spec->not_before : -YEAR);
	set_time(X509_getm_notAfter(cert), spec->not_after != 0 ? spec->not_after : YEAR);
	set_key(cert, spec);
	if (spec->extensions != NULL)
		add_extensions(cert, issuer, spec->extensions);
	assert_true(X509_sign(cert, signer, md) > 0);
	return reread(cert);
}

void
certkit_put(const X509 *cert, struct tpmiot_buf *out)
{
	unsigned char *der = NULL;
	int len = i2d_X509(cert, &der);

	assert_true(len > 0);
	tpmiot_buf_put(out, der, (size_t)len);
	OPENSSL_free(der);
}

static void
add_revoked(X509_CRL *crl, const char *serial, ASN1_TIME *since)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_INTEGER *number = ASN1_INTEGER_new();

	assert_non_null(entry);
	set_serial(number, serial);
	assert_int_equal(X509_REVOKED_set_serialNumber(entry, number), 1);
	assert_int_equal(X509_REVOKED_set_revocationDate(entry, since), 1);
	assert_int_equal(X509_CRL_add0_revoked(crl, entry), 1);
	ASN1_INTEGER_free(number);
}

X509_CRL *
certkit_crl(const X509 *issuer, EVP_PKEY *key, const char *serial, long ends)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *begin = ASN1_TIME_set(NULL, (time_t)certkit_now - DAY);
	ASN1_TIME *end = ASN1_TIME_set(NULL, (time_t)certkit_now + (ends != 0 ? ends : DAY));

	assert_non_null(crl);
	assert_int_equal(X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer)), 1);
	assert_int_equal(X509_CRL_set1_lastUpdate(crl, begin), 1);
	assert_int_equal(X509_CRL_set1_nextUpdate(crl, end), 1);
	if (serial != NULL)
		add_revoked(crl, serial, begin);
	assert_true(X509_CRL_sign(crl, key, EVP_sha256()) > 0);
	ASN1_TIME_free(begin);
	ASN1_TIME_free(end);
	return crl;
}

void
certkit_request(EVP_PKEY *key, const char *common_name, struct tpmiot_buf *out)
{
	X509_REQ *req = X509_REQ_new();
	X509_NAME *name = X509_NAME_new();
	unsigned char *der = NULL;
	struct tpmiot_err err;
	int len;

	assert_non_null(req);
	add_common_name(name, common_name);
	assert_int_equal(X509_REQ_set_subject_name(req, name), 1);
	X509_NAME_free(name);
	/* X509_REQ_set_pubkey() looks for an encoder, which takes a simulated device too long. */
	assert_int_equal(tpmiot_spki_set(X509_REQ_get_X509_PUBKEY(req), key, &err), TPMIOT_OK);
	assert_true(X509_REQ_sign(req, key, EVP_sha256()) > 0);
	len = i2d_X509_REQ(req, &der);
	assert_true(len > 0);
	tpmiot_buf_put(out, der, (size_t)len);
	OPENSSL_free(der);
	X509_REQ_free(req);
}
