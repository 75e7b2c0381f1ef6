/* SPDX-License-Identifier: Apache-2.0 */
/* What a token says, and by which clock it is signed. */
#include <openssl/x509.h>

#include "enroll/token/claims.h"
#include "enroll/token/clock.h"
#include "enroll/token/jws.h"
#include "unit.h"

#define NOW ((int64_t)1800000000)

static enum tpmiot_rc
put(const char *const *more, size_t n, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	struct enroll_words words = { .n = n };
	const struct enroll_claims claims = {
		.audience = "a", .subject = "d", .issued = NOW, .expires = NOW + 60, .more = &words
	};

	for (size_t i = 0; i < n; i++)
		words.items[i] = more[i];
	return enroll_claims_put(&claims, out, err);
}

static void
test_claims_put(void **state)
{
	static const char *const more[] = { "fw=1=2", "n:=[1,{\"a\":null}]", "e=", "s:=\"x\"" };
	struct tpmiot_buf out = TPMIOT_BUF_INIT;
	struct tpmiot_err err;

	(void)state;
	assert_ok(put(more, COUNT(more), &out, &err), &err);
	assert_string_equal(tpmiot_buf_cstr(&out),
	    "{\"aud\":\"a\",\"iat\":1800000000,\"exp\":1800000060,\"fw\":\"1=2\","
	    "\"n\":[1,{\"a\":null}],\"e\":\"\",\"s\":\"x\",\"sub\":\"d\"}");
	tpmiot_buf_free(&out);
}

static void
test_claims_refused(void **state)
{
	static const struct {
		const char *claim, *word;
	} cases[] = {
		{ "x", "NAME=TEXT" },
		{ "=x", "NAME=TEXT" },
		{ ":=1", "NAME=TEXT" },
		{ "x:=", "NAME=TEXT" },
		{ "x:={", "NAME=TEXT" },
		{ "x:={\"a\":1,\"a\":2}", "NAME=TEXT" },
		{ "x=\xff", "NAME=TEXT" },
		{ "\xff=x", "not UTF-8" },
		{ "aud=x", "option of its own" },
		{ "sub=x", "option of its own" },
		{ "exp:=1", "option of its own" },
		{ "iat:=1", "option of its own" },
	};
	static const char *const twice[] = { "x=1", "x=2" };
	struct tpmiot_buf out = TPMIOT_BUF_INIT;
	struct tpmiot_err err;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_refused(
		    put(&cases[i].claim, 1, &out, &err), TPMIOT_E_USAGE, &err, cases[i].word);
	assert_refused(put(twice, 2, &out, &err), TPMIOT_E_USAGE, &err, "said already");
	assert_int_equal(out.len, 0);
	tpmiot_buf_free(&out);
}

static X509 *
cert_of(int64_t begins, int64_t ends)
{
	X509 *cert = X509_new();

	assert_non_null(cert);
	assert_non_null(ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)begins));
	assert_non_null(ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)ends));
	return cert;
}

static void
test_clock_check(void **state)
{
	X509 *cert = cert_of(NOW, NOW + 100);
	struct tpmiot_err err;

	(void)state;
	assert_ok(enroll_clock_check(cert, NOW, &err), &err);
	assert_ok(enroll_clock_check(cert, NOW + 99, &err), &err);
	assert_refused(enroll_clock_check(cert, NOW - 1, &err), TPMIOT_E_POLICY, &err,
	    "the key's certificate begins 2027-01-15T08:00:00Z: set the clock");
	assert_refused(enroll_clock_check(cert, NOW + 100, &err), TPMIOT_E_POLICY, &err, "ended");
	assert_refused(enroll_clock_check(cert, 0, &err), TPMIOT_E_POLICY, &err,
	    "clock says 1970-01-01T00:00:00Z");
	assert_ok(enroll_clock_check(NULL, NOW, &err), &err);
	assert_refused(
	    enroll_clock_check(NULL, 86400, &err), TPMIOT_E_POLICY, &err, "which is before 2026");
	X509_free(cert);
}

static void
test_clock_compare(void **state)
{
	struct tpmiot_err err;

	(void)state;
	assert_ok(enroll_clock_compare(NOW, NOW, &err), &err);
	assert_ok(enroll_clock_compare(NOW, NOW + ENROLL_CLOCK_OFF, &err), &err);
	assert_ok(enroll_clock_compare(NOW, NOW - ENROLL_CLOCK_OFF, &err), &err);
	assert_refused(enroll_clock_compare(NOW, NOW + ENROLL_CLOCK_OFF + 1, &err), TPMIOT_E_POLICY,
	    &err, "and the CA's");
	assert_refused(enroll_clock_compare(NOW, NOW - ENROLL_CLOCK_OFF - 1, &err), TPMIOT_E_POLICY,
	    &err, "and the CA's");
	assert_refused(
	    enroll_clock_compare(NOW, 0, &err), TPMIOT_E_TRUST, &err, "does not say what time");
}

static void
test_jws_alg(void **state)
{
	EVP_PKEY *p256 = EVP_EC_gen("P-256"), *p521 = EVP_EC_gen("P-521");
	const struct tpmiot_jws_alg *alg = NULL;
	struct tpmiot_err err;

	(void)state;
	assert_ok(enroll_jws_alg(NULL, p256, &alg, &err), &err);
	assert_string_equal(tpmiot_jws_alg_name(alg), "ES256");
	assert_ok(enroll_jws_alg("ES256", p256, &alg, &err), &err);
	assert_refused(
	    enroll_jws_alg("RS256", p256, &alg, &err), TPMIOT_E_USAGE, &err, "with it, use ES256");
	assert_refused(enroll_jws_alg("HS256", p256, &alg, &err), TPMIOT_E_USAGE, &err,
	    "RS256, PS256, ES256 and ES384 there are");
	assert_refused(
	    enroll_jws_alg(NULL, p521, &alg, &err), TPMIOT_E_UNSUPPORTED, &err, "P-256 or P-384");
	/* A key for HMACs has no public half. */
	assert_refused(
	    enroll_jws_alg(NULL, NULL, &alg, &err), TPMIOT_E_UNSUPPORTED, &err, "needs an RSA key");
	EVP_PKEY_free(p256);
	EVP_PKEY_free(p521);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_claims_put),
		cmocka_unit_test(test_claims_refused),
		cmocka_unit_test(test_clock_check),
		cmocka_unit_test(test_clock_compare),
		cmocka_unit_test(test_jws_alg),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
