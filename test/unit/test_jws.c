/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Web Signatures: RFC 7515's own example, what each algorithm fits, bytes that are none. */
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <tpmiot/b64.h>
#include <tpmiot/jws.h>

#include "unit.h"

/* RFC 7515 appendix A.3 */
#define RFC_INPUT                                                                                  \
	"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"    \
	"cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
#define RFC_SIGNATURE                                                                              \
	"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
static const char RFC[] = RFC_INPUT "." RFC_SIGNATURE;
static const char RFC_X[] = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
static const char RFC_Y[] = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

static EVP_PKEY *
rfc_key(void)
{
	struct tpmiot_buf point = TPMIOT_BUF_INIT;
	OSSL_PARAM params[3] = { OSSL_PARAM_END, OSSL_PARAM_END, OSSL_PARAM_END };
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	char group[] = "P-256";
	EVP_PKEY *key = NULL;
	struct tpmiot_err err;

	tpmiot_buf_put_u8(&point, 4);
	assert_ok(tpmiot_b64url_decode(RFC_X, strlen(RFC_X), &point, &err), &err);
	assert_ok(tpmiot_b64url_decode(RFC_Y, strlen(RFC_Y), &point, &err), &err);
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
	params[1] =
	    OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data, point.len);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
	EVP_PKEY_CTX_free(ctx);
	tpmiot_buf_free(&point);
	return key;
}

static void
test_verify_rfc7515(void **state)
{
	const struct tpmiot_jws_alg *alg = tpmiot_jws_alg_find("ES256");
	struct tpmiot_jws jws = { .text = NULL };
	EVP_PKEY *key = rfc_key();
	char changed[sizeof(RFC)];
	struct tpmiot_err err;

	(void)state;
	assert_ok(tpmiot_jws_parse(RFC, strlen(RFC), &jws, &err), &err);
	assert_int_equal(jws.input_len, strlen(RFC_INPUT));
	assert_memory_equal(jws.header.data, "{\"alg\":\"ES256\"}", jws.header.len);
	assert_int_equal(jws.signature.len, 64);
	assert_ok(tpmiot_jws_verify(&jws, alg, key, &err), &err);
	/* Another letter in header or payload: the same bytes are signed, and not these. */
	memcpy(changed, RFC, sizeof(RFC));
	changed[40] = changed[40] == 'A' ? 'B' : 'A';
	assert_ok(tpmiot_jws_parse(changed, strlen(changed), &jws, &err), &err);
	assert_refused(
	    tpmiot_jws_verify(&jws, alg, key, &err), TPMIOT_E_VERIFY, &err, "does not hold");
	/* The header chooses nothing: other algorithms are none of this key's. */
	assert_ok(tpmiot_jws_parse(RFC, strlen(RFC), &jws, &err), &err);
	for (size_t i = 0; i < 3; i++) {
		static const char *const others[] = { "ES384", "RS256", "PS256" };

		assert_refused(tpmiot_jws_verify(&jws, tpmiot_jws_alg_find(others[i]), key, &err),
		    TPMIOT_E_VERIFY, &err, "none of this key");
	}
	tpmiot_jws_clear(&jws);
	EVP_PKEY_free(key);
}

/* Cut off anywhere, it is no JWS or one that does not hold. */
static void
test_verify_truncated(void **state)
{
	const struct tpmiot_jws_alg *alg = tpmiot_jws_alg_find("ES256");
	EVP_PKEY *key = rfc_key();
	struct tpmiot_err err;

	(void)state;
	for (size_t len = 0; len < strlen(RFC); len++) {
		struct tpmiot_jws jws = { .text = NULL };
		char *copy = (char *)exact_copy(RFC, len);
		enum tpmiot_rc rc = tpmiot_jws_parse(copy, len, &jws, &err);

		if (rc == TPMIOT_OK)
			assert_int_equal(tpmiot_jws_verify(&jws, alg, key, &err), TPMIOT_E_VERIFY);
		else
			assert_int_equal(rc, TPMIOT_E_FORMAT);
		tpmiot_jws_clear(&jws);
		free(copy);
	}
	EVP_PKEY_free(key);
}

static void
test_parse_refused(void **state)
{
	static const struct {
		const char *text, *word;
	} cases[] = {
		{ "", "three parts" },
		{ "e30", "three parts" },
		{ "e30.e30", "three parts" },
		{ "e30.e30.AA.AA", "three parts" },
		{ "e30.e30.AA.", "three parts" },
		{ ".e30.AA", "header is missing" },
		{ "e30.e30.", "signature is missing" },
		{ "e30=.e30.AA", "header is not base64url" },
		{ "e30.e3+.AA", "payload is not base64url" },
		{ "e30.e3 .AA", "payload is not base64url" },
		{ "e30.e30.AB", "signature is not base64url" }, /* loose bits */
		{ "e30.e30.A", "signature is not base64url" },
		{ "e30.e30.AA\n", "signature is not base64url" },
	};
	struct tpmiot_jws jws = { .text = "untouched" };
	struct tpmiot_err err;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_refused(tpmiot_jws_parse(cases[i].text, strlen(cases[i].text), &jws, &err),
		    TPMIOT_E_FORMAT, &err, cases[i].word);
	assert_refused(tpmiot_jws_parse("", (size_t)TPMIOT_JWS_MAX + 1, &jws, &err),
	    TPMIOT_E_FORMAT, &err, "more than");
	assert_string_equal(jws.text, "untouched");
	assert_ok(tpmiot_jws_parse("e30..AA", 7, &jws, &err), &err);
	assert_int_equal(jws.payload.len, 0);
	tpmiot_jws_clear(&jws);
}

static void
test_alg_fits(void **state)
{
	EVP_PKEY *rsa = EVP_RSA_gen(2048), *small = EVP_RSA_gen(1024);
	EVP_PKEY *p256 = EVP_EC_gen("P-256"), *p384 = EVP_EC_gen("P-384");
	EVP_PKEY *p521 = EVP_EC_gen("P-521");

	(void)state;
	assert_string_equal(tpmiot_jws_algs_of(rsa), "RS256 or PS256");
	assert_string_equal(tpmiot_jws_algs_of(p256), "ES256");
	assert_string_equal(tpmiot_jws_algs_of(p384), "ES384");
	assert_null(tpmiot_jws_algs_of(p521));
	assert_null(tpmiot_jws_algs_of(small));
	assert_string_equal(tpmiot_jws_alg_name(tpmiot_jws_alg_default(rsa)), "RS256");
	assert_string_equal(tpmiot_jws_alg_name(tpmiot_jws_alg_default(p384)), "ES384");
	assert_true(tpmiot_jws_alg_fits(tpmiot_jws_alg_find("PS256"), rsa));
	assert_false(tpmiot_jws_alg_fits(tpmiot_jws_alg_find("ES256"), p384));
	assert_false(tpmiot_jws_alg_fits(tpmiot_jws_alg_find("ES256"), rsa));
	for (size_t i = 0; i < 5; i++) {
		static const char *const none[] = { "none", "HS256", "es256", "ES256 ", "" };

		assert_null(tpmiot_jws_alg_find(none[i]));
	}
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(small);
	EVP_PKEY_free(p256);
	EVP_PKEY_free(p384);
	EVP_PKEY_free(p521);
}

/* R and S come with zeros in front missing, or too many: in a JWS they have the curve's size. */
static void
test_put_signature(void **state)
{
	const struct tpmiot_jws_alg *alg = tpmiot_jws_alg_find("ES256");
	TPMT_SIGNATURE sig = { .sigAlg = TPM2_ALG_ECDSA };
	TPMS_SIGNATURE_ECDSA *ecdsa = &sig.signature.ecdsa;
	struct tpmiot_buf text = TPMIOT_BUF_INIT, raw = TPMIOT_BUF_INIT;
	struct tpmiot_err err;
	uint8_t expected[64] = { 0 };

	(void)state;
	ecdsa->hash = TPM2_ALG_SHA256;
	ecdsa->signatureR.size = 2;
	memcpy(ecdsa->signatureR.buffer, "\x01\x02", 2);
	ecdsa->signatureS.size = 34;
	memset(ecdsa->signatureS.buffer + 2, 0xaa, 32);
	memcpy(expected + 30, "\x01\x02", 2);
	memset(expected + 32, 0xaa, 32);
	assert_ok(tpmiot_jws_put_signature(alg, &sig, &text, &err), &err);
	assert_int_equal(text.data[0], '.');
	assert_ok(tpmiot_b64url_decode((char *)text.data + 1, text.len - 1, &raw, &err), &err);
	assert_int_equal(raw.len, 64);
	assert_memory_equal(raw.data, expected, 64);

	ecdsa->signatureS.buffer[0] = 1; /* longer than the curve */
	assert_refused(tpmiot_jws_put_signature(alg, &sig, &text, &err), TPMIOT_E_FORMAT, &err,
	    "no signature of ES256");
	ecdsa->signatureS.size = UINT16_MAX;
	assert_refused(tpmiot_jws_put_signature(alg, &sig, &text, &err), TPMIOT_E_FORMAT, &err,
	    "no signature of ES256");
	assert_refused(tpmiot_jws_put_signature(tpmiot_jws_alg_find("RS256"), &sig, &text, &err),
	    TPMIOT_E_FORMAT, &err, "no signature of RS256");
	sig.sigAlg = TPM2_ALG_RSASSA;
	sig.signature.rsassa.sig.size = UINT16_MAX;
	assert_refused(tpmiot_jws_put_signature(tpmiot_jws_alg_find("RS256"), &sig, &text, &err),
	    TPMIOT_E_FORMAT, &err, "no signature of RS256");
	tpmiot_buf_free(&text);
	tpmiot_buf_free(&raw);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verify_rfc7515),
		cmocka_unit_test(test_verify_truncated),
		cmocka_unit_test(test_parse_refused),
		cmocka_unit_test(test_alg_fits),
		cmocka_unit_test(test_put_signature),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
