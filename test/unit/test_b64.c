/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <tpmiot/b64.h>

/* RFC 4648 section 10. */
static const struct {
	const char *plain, *encoded;
} RFC4648[] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
};

static void
test_b64_rfc4648(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(RFC4648); i++) {
		struct tpmiot_buf out = TPMIOT_BUF_INIT;
		struct tpmiot_err err;

		tpmiot_b64_encode(RFC4648[i].plain, strlen(RFC4648[i].plain), &out);
		assert_string_equal(tpmiot_buf_cstr(&out), RFC4648[i].encoded);
		assert_int_equal(out.len, strlen(RFC4648[i].encoded));
		tpmiot_buf_reset(&out);
		assert_ok(
		    tpmiot_b64_decode(RFC4648[i].encoded, strlen(RFC4648[i].encoded), &out, &err),
		    &err);
		assert_string_equal(tpmiot_buf_cstr(&out), RFC4648[i].plain);
		assert_int_equal(out.len, strlen(RFC4648[i].plain));
		tpmiot_buf_free(&out);
	}
}

/* Both append: what is there stays. */
static void
test_b64_appends(void **state)
{
	struct tpmiot_buf out = TPMIOT_BUF_INIT;
	struct tpmiot_err err;

	(void)state;
	tpmiot_buf_put_str(&out, "x:");
	tpmiot_b64_encode("foo", 3, &out);
	tpmiot_b64_encode("f", 1, &out);
	assert_ok(tpmiot_b64_decode("Zm9v", 4, &out, &err), &err);
	assert_string_equal(tpmiot_buf_cstr(&out), "x:Zm9vZg==foo");
	tpmiot_buf_free(&out);
}

static void
test_b64_round_trip(void **state)
{
	uint8_t bytes[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(255 - i);
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		struct tpmiot_buf text = TPMIOT_BUF_INIT, out = TPMIOT_BUF_INIT;
		struct tpmiot_err err;

		tpmiot_b64_encode(bytes, len, &text);
		assert_int_equal(text.len, (len + 2) / 3 * 4);
		assert_ok(tpmiot_b64_decode((const char *)text.data, text.len, &out, &err), &err);
		assert_int_equal(out.len, len);
		assert_memory_equal(out.data, bytes, len);
		tpmiot_buf_free(&text);
		tpmiot_buf_free(&out);
	}
}

static void
test_b64_decode_refused(void **state)
{
	static const char *const cases[] = { "Z", "Zg", "Zg=", "Z===", "====", "=Zg=", "Zg=v",
		"Zm9vZg", "Zg==Zg==", "Zm9v\n", "Zm 9", " Zm9", "Zm9-", "Zm9_", "Zm9\x80", "Zm9.",
		"Zh==", "Zm9=", "Zn9=", "Z/==", "Zm9vZg==\n\n\n\n" };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tpmiot_buf out = TPMIOT_BUF_INIT;
		struct tpmiot_err err = { 0 };

		tpmiot_buf_put_str(&out, "x");
		assert_refused(tpmiot_b64_decode(cases[i], strlen(cases[i]), &out, &err),
		    TPMIOT_E_FORMAT, &err, "not base64");
		assert_string_equal(tpmiot_buf_cstr(&out), "x");
		tpmiot_buf_free(&out);
	}
}

/* The length counts, not a NUL: one within is a character outside the alphabet. */
/* RFC 4648 section 5, without padding: RFC 7515 appendix C has the first one. */
static void
test_b64url(void **state)
{
	static const uint8_t bytes[] = { 3, 236, 255, 224, 193 };
	static const char *const bad[] = { "A-z_4ME=", "A+z/4ME", "A", "AAAAA", "A-z_4MF",
		"A-z 4ME", "A-z_4ME\n" };
	struct tpmiot_buf text = TPMIOT_BUF_INIT, out = TPMIOT_BUF_INIT;
	struct tpmiot_err err;

	(void)state;
	tpmiot_b64url_encode(bytes, sizeof(bytes), &text);
	assert_string_equal(tpmiot_buf_cstr(&text), "A-z_4ME");
	assert_ok(tpmiot_b64url_decode("A-z_4ME", 7, &out, &err), &err);
	assert_int_equal(out.len, sizeof(bytes));
	assert_memory_equal(out.data, bytes, sizeof(bytes));
	tpmiot_buf_reset(&out);
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_refused(tpmiot_b64url_decode(bad[i], strlen(bad[i]), &out, &err),
		    TPMIOT_E_FORMAT, &err, "not base64");
	assert_ok(tpmiot_b64url_decode("", 0, &out, &err), &err);
	assert_int_equal(out.len, 0);
	tpmiot_buf_free(&text);
	tpmiot_buf_free(&out);
}

static void
test_b64_decode_nul(void **state)
{
	struct tpmiot_buf out = TPMIOT_BUF_INIT;
	struct tpmiot_err err = { 0 };

	(void)state;
	assert_refused(
	    tpmiot_b64_decode("Zm9\0", 4, &out, &err), TPMIOT_E_FORMAT, &err, "alphabet");
	tpmiot_buf_free(&out);
}

static void
test_hex(void **state)
{
	static const uint8_t bytes[] = { 0x00, 0x0f, 0xa9, 0xff };
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	struct tpmiot_err err;
	uint8_t out[4];

	(void)state;
	tpmiot_hex_encode(bytes, sizeof(bytes), &text);
	assert_string_equal(tpmiot_buf_cstr(&text), "000fa9ff");
	assert_ok(tpmiot_hex_decode("000fa9ff", out, sizeof(out), &err), &err);
	assert_memory_equal(out, bytes, sizeof(out));
	memset(out, 0, sizeof(out));
	assert_ok(tpmiot_hex_decode("000FA9fF", out, sizeof(out), &err), &err);
	assert_memory_equal(out, bytes, sizeof(out));
	assert_ok(tpmiot_hex_decode("", out, 0, &err), &err);
	tpmiot_buf_free(&text);
}

static void
test_hex_decode_refused(void **state)
{
	static const char *const cases[] = { "", "000fa9f", "000fa9ff0", "000fa9ff00", "0x0fa9ff",
		"000fa9fg", "000fa9f ", "000fa9f/", "000fa9f:", "000fa9f@", "000fa9f`" };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t out[4] = { 0x55, 0x55, 0x55, 0x55 };
		struct tpmiot_err err = { 0 };

		assert_refused(tpmiot_hex_decode(cases[i], out, sizeof(out), &err), TPMIOT_E_FORMAT,
		    &err, "hexadecimal");
		assert_memory_equal(out, "\x55\x55\x55\x55", 4);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_b64_rfc4648),
		cmocka_unit_test(test_b64_appends),
		cmocka_unit_test(test_b64_round_trip),
		cmocka_unit_test(test_b64_decode_refused),
		cmocka_unit_test(test_b64_decode_nul),
		cmocka_unit_test(test_b64url),
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_hex_decode_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
