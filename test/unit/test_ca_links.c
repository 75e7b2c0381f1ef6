/* SPDX-License-Identifier: Apache-2.0 */
#include "ca_test.h"
#include "certkit.h"

#include "ca/pki/links.h"

static EVP_PKEY *key;

/* The n-th of many. */
static X509 *
make(unsigned n, struct tpmiot_buf *der)
{
	char name[16], serial[16];
	struct certkit_spec spec = {
		.subject = name, .key = key, .serial = serial, .extensions = CERTKIT_CA
	};
	X509 *cert;

	snprintf(name, sizeof(name), "link %u", n);
	snprintf(serial, sizeof(serial), "%u", 100 + n);
	cert = certkit_issue(&spec);
	certkit_put(cert, der);
	return cert;
}

static X509 *
read_all(struct ca_links *links, const struct tpmiot_buf *der)
{
	const uint8_t *p = der->data;
	X509 *cert = ca_links_read(links, &p, der->len);

	if (cert != NULL)
		assert_ptr_equal(p, der->data + der->len);
	return cert;
}

static void
test_read(void **state)
{
	struct ca_links links = { .next = 0 };
	struct tpmiot_buf der = TPMIOT_BUF_INIT;
	X509 *cert = make(0, &der), *read, *again;

	(void)state;
	read = read_all(&links, &der);
	assert_int_equal(X509_cmp(read, cert), 0);
	again = read_all(&links, &der);
	assert_ptr_not_equal(again, read); /* not kept yet */
	X509_free(again);
	ca_links_keep(&links, read);
	ca_links_keep(&links, read);
	assert_int_equal(links.next, 1);
	again = read_all(&links, &der);
	assert_ptr_equal(again, read);
	X509_free(again);
	X509_free(read);
	X509_free(cert);
	ca_links_free(&links);
	tpmiot_buf_free(&der);
}

#define ROW 3

/* Certificates in a row are read one after the other, known ones as well as others. */
static void
test_read_row(void **state)
{
	struct ca_links links = { .next = 0 };
	struct tpmiot_buf der = TPMIOT_BUF_INIT;
	X509 *certs[ROW], *read;
	const uint8_t *p;

	(void)state;
	for (unsigned i = 0; i < ROW; i++)
		certs[i] = make(i, &der);
	ca_links_keep(&links, certs[1]);
	p = der.data;
	for (size_t i = 0; i < ROW; i++) {
		read = ca_links_read(&links, &p, (size_t)(der.data + der.len - p));
		assert_int_equal(X509_cmp(read, certs[i]), 0);
		assert_true((read == certs[1]) == (i == 1));
		X509_free(read);
	}
	assert_ptr_equal(p, der.data + der.len);
	for (size_t i = 0; i < ROW; i++)
		X509_free(certs[i]);
	ca_links_free(&links);
	tpmiot_buf_free(&der);
}

/* A kept one that was cut or changed is not that one. */
static void
test_read_broken(void **state)
{
	struct ca_links links = { .next = 0 };
	struct tpmiot_buf der = TPMIOT_BUF_INIT;
	X509 *cert = make(0, &der), *read;
	const uint8_t *p = der.data;

	(void)state;
	ca_links_keep(&links, cert);
	assert_null(ca_links_read(&links, &p, der.len - 1));
	p = der.data;
	assert_null(ca_links_read(&links, &p, 0));
	der.data[der.len - 1] ^= 1; /* of the signature */
	read = read_all(&links, &der);
	assert_non_null(read);
	assert_ptr_not_equal(read, cert);
	X509_free(read);
	X509_free(cert);
	ca_links_free(&links);
	tpmiot_buf_free(&der);
}

/* There is an end to what is kept: the oldest goes. */
static void
test_keep_many(void **state)
{
	struct ca_links links = { .next = 0 };
	struct tpmiot_buf der[CA_LINKS_MAX + 1] = { { .len = 0 } };
	X509 *cert[CA_LINKS_MAX + 1], *read;

	(void)state;
	for (unsigned i = 0; i <= CA_LINKS_MAX; i++) {
		cert[i] = make(i, &der[i]);
		ca_links_keep(&links, cert[i]);
	}
	for (unsigned i = 0; i <= CA_LINKS_MAX; i++) {
		read = read_all(&links, &der[i]);
		assert_true((read == cert[i]) == (i > 0));
		X509_free(read);
	}
	for (unsigned i = 0; i <= CA_LINKS_MAX; i++) {
		X509_free(cert[i]);
		tpmiot_buf_free(&der[i]);
	}
	ca_links_free(&links);
}

static int
make_key(void **state)
{
	(void)state;
	key = EVP_EC_gen("P-256");
	return key == NULL;
}

static int
free_key(void **state)
{
	(void)state;
	EVP_PKEY_free(key);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_read_row),
		cmocka_unit_test(test_read_broken),
		cmocka_unit_test(test_keep_many),
	};

	return cmocka_run_group_tests(tests, make_key, free_key);
}
