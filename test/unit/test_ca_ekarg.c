/* SPDX-License-Identifier: Apache-2.0 */
#include "ca_test.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "ca/cmd/ekarg.h"
#include "ca/pki/ident.h"
#include "ca/pki/x509.h"

/* One key in all its forms. */
struct fixture {
	EVP_PKEY *key;
	uint8_t spki[TPMIOT_SPKI_SHA256_LEN];
	unsigned char *cert, *pub;
	int cert_len, pub_len;
	struct tpmiot_buf tpm2b;
};

static void
put_tpm2b(struct fixture *f)
{
	uint8_t point[65];
	size_t len = 0;

	assert_int_equal(
	    EVP_PKEY_get_octet_string_param(f->key, "pub", point, sizeof(point), &len), 1);
	assert_int_equal(len, 65);
	tpmiot_buf_put_u16(&f->tpm2b, 8 + 2 + 2 + 2 + 2 + 2 + 2 + 2 + 2 * 34);
	tpmiot_buf_put_u16(&f->tpm2b, TPM2_ALG_ECC);
	tpmiot_buf_put_u16(&f->tpm2b, TPM2_ALG_SHA256);
	tpmiot_buf_put_u32(&f->tpm2b, 0x000300b2);
	tpmiot_buf_put_u16(&f->tpm2b, 0); /* authPolicy */
	tpmiot_buf_put_u16(&f->tpm2b, TPM2_ALG_AES);
	tpmiot_buf_put_u16(&f->tpm2b, 128);
	tpmiot_buf_put_u16(&f->tpm2b, TPM2_ALG_CFB);
	tpmiot_buf_put_u16(&f->tpm2b, TPM2_ALG_NULL);
	tpmiot_buf_put_u16(&f->tpm2b, TPM2_ECC_NIST_P256);
	tpmiot_buf_put_u16(&f->tpm2b, TPM2_ALG_NULL);
	tpmiot_buf_put_u16(&f->tpm2b, 32);
	tpmiot_buf_put(&f->tpm2b, point + 1, 32);
	tpmiot_buf_put_u16(&f->tpm2b, 32);
	tpmiot_buf_put(&f->tpm2b, point + 33, 32);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct ca_x509_spec spec = {
		.key_usage = "keyAgreement", .serial = { 1 }, .serial_len = 1
	};
	struct tpmiot_err err = { 0 };
	X509 *cert = NULL;

	assert_non_null(f);
	f->key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	assert_ok(tpmiot_spki_sha256(NULL, f->key, f->spki, &err));
	assert_ok(ca_x509_name("ek", &spec.subject, &err));
	assert_ok(ca_x509_issue(&spec, f->key, NULL, f->key, &cert, &err));
	f->cert_len = i2d_X509(cert, &f->cert);
	f->pub_len = i2d_PUBKEY(f->key, &f->pub);
	put_tpm2b(f);
	X509_free(cert);
	X509_NAME_free(spec.subject);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	EVP_PKEY_free(f->key);
	OPENSSL_free(f->cert);
	OPENSSL_free(f->pub);
	tpmiot_buf_free(&f->tpm2b);
	free(f);
	return 0;
}

/* Whole: the fingerprint. Cut anywhere, or with something behind it: refused. */
static void
check_form(const struct fixture *f, const uint8_t *data, size_t len)
{
	uint8_t got[TPMIOT_SPKI_SHA256_LEN] = { 0 }, longer[4096];
	struct tpmiot_err err = { 0 };

	assert_ok(ca_ekarg_bytes(data, len, got, &err));
	assert_memory_equal(got, f->spki, sizeof(got));
	memset(got, 0x5a, sizeof(got));
	for (size_t n = 0; n < len; n++)
		assert_fails(ca_ekarg_bytes(data, n, got, &err), TPMIOT_E_FORMAT, "neither");
	assert_true(len < sizeof(longer));
	memcpy(longer, data, len);
	longer[len] = 'A';
	assert_fails(ca_ekarg_bytes(longer, len + 1, got, &err), TPMIOT_E_FORMAT, "neither");
	for (size_t i = 0; i < sizeof(got); i++)
		assert_int_equal(got[i], 0x5a); /* untouched */
}

static void
test_bytes_cert(void **state)
{
	const struct fixture *f = *state;

	check_form(f, f->cert, (size_t)f->cert_len);
}

static void
test_bytes_spki(void **state)
{
	const struct fixture *f = *state;

	check_form(f, f->pub, (size_t)f->pub_len);
}

static void
test_bytes_tpm2b(void **state)
{
	const struct fixture *f = *state;

	check_form(f, f->tpm2b.data, f->tpm2b.len);
}

static void
test_bytes_tpm2b_damaged(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_err err = { 0 };
	uint8_t got[TPMIOT_SPKI_SHA256_LEN];

	f->tpm2b.data[1]++; /* size */
	assert_fails(
	    ca_ekarg_bytes(f->tpm2b.data, f->tpm2b.len, got, &err), TPMIOT_E_FORMAT, "neither");
	f->tpm2b.data[1]--;
	f->tpm2b.data[3] ^= 0x40; /* algorithm */
	assert_fails(
	    ca_ekarg_bytes(f->tpm2b.data, f->tpm2b.len, got, &err), TPMIOT_E_FORMAT, "neither");
	f->tpm2b.data[3] ^= 0x40;
	f->tpm2b.data[f->tpm2b.len - 1] ^= 1; /* off the curve */
	assert_fails(
	    ca_ekarg_bytes(f->tpm2b.data, f->tpm2b.len, got, &err), TPMIOT_E_FORMAT, "neither");
}

static void
test_parse_hex(void **state)
{
	const struct fixture *f = *state;
	char hex[CA_HEX_SPKI_MAX];
	uint8_t got[TPMIOT_SPKI_SHA256_LEN];
	struct tpmiot_err err = { 0 };

	ca_hex(f->spki, sizeof(f->spki), hex);
	assert_ok(ca_ekarg_parse(hex, got, &err));
	assert_memory_equal(got, f->spki, sizeof(got));
	hex[63] = 'g';
	assert_fails(ca_ekarg_parse(hex, got, &err), TPMIOT_E_NOT_FOUND, "SHA-256");
	hex[63] = '\0';
	assert_fails(ca_ekarg_parse(hex, got, &err), TPMIOT_E_NOT_FOUND, "SHA-256");
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_bytes_cert),
		TEST(test_bytes_spki),
		TEST(test_bytes_tpm2b),
		TEST(test_bytes_tpm2b_damaged),
		TEST(test_parse_hex),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
