/* SPDX-License-Identifier: Apache-2.0 */
#include "certkit.h"
#include "unit.h"

#include <openssl/x509.h>

#include <tpmiot/keyless.h>

static void
test_request(void **state)
{
	static const char *const curves[] = { "P-256", "P-384", "P-521" };

	(void)state;
	for (size_t i = 0; i < COUNT(curves); i++) {
		struct tpmiot_buf der = TPMIOT_BUF_INIT;
		EVP_PKEY *key = EVP_EC_gen(curves[i]), *read;
		const uint8_t *p;
		X509_REQ *csr;

		certkit_request(key, "x", &der);
		p = der.data;
		csr = tpmiot_keyless_req(&p, der.len);
		assert_non_null(csr);
		assert_ptr_equal(p, der.data + der.len);
		assert_null(X509_REQ_get0_pubkey(csr));
		read = tpmiot_keyless_pubkey(NULL, X509_REQ_get_X509_PUBKEY(csr));
		assert_int_equal(EVP_PKEY_eq(read, key), 1);
		assert_int_equal(X509_REQ_verify_ex(csr, read, NULL, NULL), 1);
		EVP_PKEY_free(read);
		EVP_PKEY_free(key);
		X509_REQ_free(csr);
		tpmiot_buf_free(&der);
	}
}

/* Cut anywhere it is none; what stands behind it is left. */
static void
test_request_cut(void **state)
{
	struct tpmiot_buf der = TPMIOT_BUF_INIT;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	const uint8_t *p;
	X509_REQ *csr;
	size_t len;

	(void)state;
	certkit_request(key, "x", &der);
	len = der.len;
	for (size_t n = 0; n < len; n++) {
		p = der.data;
		assert_null(tpmiot_keyless_req(&p, n));
	}
	tpmiot_buf_put(&der, "rest", 4);
	p = der.data;
	csr = tpmiot_keyless_req(&p, der.len);
	assert_non_null(csr);
	assert_ptr_equal(p, der.data + len);
	X509_REQ_free(csr);
	EVP_PKEY_free(key);
	tpmiot_buf_free(&der);
}

/* A request whose key is nonsense is one all the same: that it has no key shows when asked for. */
static void
test_request_without_a_key(void **state)
{
	struct tpmiot_buf der = TPMIOT_BUF_INIT;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	unsigned char *point = NULL;
	const uint8_t *p;
	X509_REQ *csr;
	size_t len;

	(void)state;
	certkit_request(key, "x", &der);
	len = EVP_PKEY_get1_encoded_public_key(key, &point);
	for (size_t i = 0; i + len <= der.len; i++)
		if (memcmp(der.data + i, point, len) == 0)
			der.data[i + len - 1] ^= 1; /* off the curve */
	p = der.data;
	csr = tpmiot_keyless_req(&p, der.len);
	assert_non_null(csr);
	assert_null(tpmiot_keyless_pubkey(NULL, X509_REQ_get_X509_PUBKEY(csr)));
	X509_REQ_free(csr);
	OPENSSL_free(point);
	EVP_PKEY_free(key);
	tpmiot_buf_free(&der);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_request_cut),
		cmocka_unit_test(test_request_without_a_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
