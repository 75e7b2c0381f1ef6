/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <tpmiot/uri.h>

#define HEX32 "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F"
#define NAME64 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

static struct tpmiot_uri
parse(const char *str)
{
	struct tpmiot_uri uri;
	struct tpmiot_err err;

	assert_ok(tpmiot_uri_parse(str, &uri, &err), &err);
	return uri;
}

static void
assert_buf_str(struct tpmiot_buf *buf, const char *str)
{
	assert_string_equal(tpmiot_buf_cstr(buf), str);
	assert_int_equal(buf->len, strlen(str));
}

static void
test_uri_parse_name(void **state)
{
	static const char *const names[] = { "device", "d", "a.b", "-", "_", "x..y", "handle",
		NAME64 };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		char str[128];
		struct tpmiot_uri uri;

		(void)snprintf(str, sizeof(str), "tpmiot:%s", names[i]);
		uri = parse(str);
		assert_int_equal(uri.kind, TPMIOT_URI_NAME);
		assert_string_equal(uri.name, names[i]);
		assert_int_equal(uri.auth, TPMIOT_URI_AUTH_NONE);
		tpmiot_uri_free(&uri);
	}
}

static void
test_uri_parse_nv(void **state)
{
	static const char *const names[] = { "tpmiot:nv=0x01c00002", "handle:0x1c00002",
		"tpmiot:nv=01C00002;auth=x" };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		struct tpmiot_uri uri = { 0 };
		struct tpmiot_err err;

		assert_ok(tpmiot_uri_parse(names[i], &uri, &err), &err);
		assert_int_equal(uri.kind, TPMIOT_URI_NV);
		assert_int_equal(uri.handle, 0x01c00002);
		tpmiot_uri_free(&uri);
	}
}

static void
test_uri_parse_handle(void **state)
{
	static const struct {
		const char *str;
		TPM2_HANDLE handle;
	} cases[] = {
		{ "tpmiot:handle=0x81000010", 0x81000010 },
		{ "handle:0x81000010", 0x81000010 },
		{ "handle:0X81ffFFff", 0x81ffffff },
		{ "handle:81000000", 0x81000000 },
		{ "handle:0x81000001", 0x81000001 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tpmiot_uri uri = parse(cases[i].str);

		assert_int_equal(uri.kind, TPMIOT_URI_HANDLE);
		assert_int_equal(uri.handle, cases[i].handle);
		assert_int_equal(uri.auth, TPMIOT_URI_AUTH_NONE);
		tpmiot_uri_free(&uri);
	}
}

static void
test_uri_parse_spki(void **state)
{
	struct tpmiot_uri uri = parse("tpmiot:spki-sha256=" HEX32);

	(void)state;
	assert_int_equal(uri.kind, TPMIOT_URI_SPKI);
	for (uint8_t i = 0; i < sizeof(uri.spki); i++)
		assert_int_equal(uri.spki[i], i);
	tpmiot_uri_free(&uri);
}

static void
test_uri_parse_object(void **state)
{
	struct tpmiot_uri uri = parse("object:/etc/tpm/a%3Bb%3fc%25=&d.key?pass");

	(void)state;
	assert_int_equal(uri.kind, TPMIOT_URI_OBJECT);
	assert_buf_str(&uri.path, "/etc/tpm/a;b?c%=&d.key");
	tpmiot_uri_free(&uri);
	assert_null(uri.path.data);
}

static void
test_uri_parse_auth(void **state)
{
	static const struct {
		const char *str;
		enum tpmiot_uri_auth auth;
		const char *arg;
	} cases[] = {
		{ "handle:0x81000001?pass", TPMIOT_URI_AUTH_ASK, "" },
		{ "tpmiot:device;auth=abc", TPMIOT_URI_AUTH_VALUE, "abc" },
		{ "tpmiot:device?auth=abc", TPMIOT_URI_AUTH_VALUE, "abc" },
		{ "tpmiot:device?auth=", TPMIOT_URI_AUTH_VALUE, "" },
		{ "tpmiot:device;auth=a=b?c%3b%26%25", TPMIOT_URI_AUTH_VALUE, "a=b?c;&%" },
		{ "handle:81000001;auth-file=/run/a%20b", TPMIOT_URI_AUTH_FILE, "/run/a b" },
		{ "object:x?pass&auth-env=KEY_AUTH", TPMIOT_URI_AUTH_ENV, "KEY_AUTH" },
		{ "tpmiot:handle=0x81000001?auth-env=A;pass", TPMIOT_URI_AUTH_ENV, "A" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tpmiot_uri uri = parse(cases[i].str);

		assert_int_equal(uri.auth, cases[i].auth);
		assert_buf_str(&uri.auth_arg, cases[i].arg);
		tpmiot_uri_free(&uri);
		assert_null(uri.auth_arg.data);
	}
}

static void
test_uri_parse_refused(void **state)
{
	static const struct {
		const char *str, *word;
	} cases[] = {
		{ "", "begins with none" },
		{ "device", "begins with none" },
		{ "TPMIOT:device", "begins with none" },
		{ "file:/x", "begins with none" },
		{ "pkcs11:token=x", "begins with none" },
		{ "tpmiot:", "nor a name" },
		{ "tpmiot:.hidden", "nor a name" },
		{ "tpmiot:..", "nor a name" },
		{ "tpmiot:a/b", "nor a name" },
		{ "tpmiot:a%2fb", "nor a name" },
		{ "tpmiot:a b", "nor a name" },
		{ "tpmiot:\xc3\xa4", "nor a name" },
		{ "tpmiot:" NAME64 "x", "nor a name" },
		{ "tpmiot:handle:0x81000001", "nor a name" },
		{ "tpmiot:device&auth=x", "nor a name" },
		{ "handle:", "persistent" },
		{ "handle:0x", "persistent" },
		{ "handle:0x80ffffff", "persistent" },
		{ "handle:0x82000000", "persistent" },
		{ "tpmiot:nv=", "NV index" },
		{ "tpmiot:nv=0x81000001", "NV index" },
		{ "tpmiot:nv=0x02000000", "NV index" },
		{ "tpmiot:nv=0x01c0000g", "NV index" },
		{ "tpmiot:handle=0x01c00002", "persistent" },
		{ "handle:0x0081000001", "persistent" },
		{ "handle:0x181000001", "persistent" },
		{ "handle:0x8100000g", "persistent" },
		{ "handle: 81000001", "persistent" },
		{ "handle:-7effffff", "persistent" },
		{ "handle:0x0x810001", "persistent" },
		{ "tpmiot:handle=", "persistent" },
		{ "tpmiot:spki-sha256=", "64 hexadecimal" },
		{ "tpmiot:spki-sha256=" HEX32 "00", "64 hexadecimal" },
		{ "tpmiot:spki-sha256=0001", "64 hexadecimal" },
		{ "tpmiot:spki-sha256=zz0102030405060708090a0b0c0d0e0f"
		  "101112131415161718191A1B1C1D1E1F",
		    "64 hexadecimal" },
		{ "object:", "without a file" },
		{ "object:?pass", "without a file" },
		{ "object:a%", "%" },
		{ "object:a%2", "%" },
		{ "object:a%2x", "%" },
		{ "object:a%00b", "%00" },
		{ "tpmiot:device;", "unknown attribute" },
		{ "tpmiot:device;auth=x;", "unknown attribute" },
		{ "tpmiot:device;pin=x", "unknown attribute" },
		{ "tpmiot:device;AUTH=x", "unknown attribute" },
		{ "tpmiot:device;pass=x", "unknown attribute" },
		{ "tpmiot:device;auth", "auth= has no value" },
		{ "tpmiot:device;auth-file=", "auth-file= has no value" },
		{ "tpmiot:device;auth-env=", "auth-env= has no value" },
		{ "tpmiot:device;auth=x;auth=x", "second" },
		{ "tpmiot:device;auth=x;auth-file=y", "second" },
		{ "tpmiot:device;auth=%4", "auth has a %" },
		{ "tpmiot:device;auth=%00", "%00" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tpmiot_uri uri = { .handle = 0x55 };
		struct tpmiot_err err = { 0 };

		print_message("%s\n", cases[i].str);
		assert_refused(tpmiot_uri_parse(cases[i].str, &uri, &err), TPMIOT_E_FORMAT, &err,
		    cases[i].word);
		assert_int_equal(uri.handle, 0x55);
	}
}

/* With a mistyped separator the password stands where something else should. */
static void
test_uri_parse_errors_quote_no_secret(void **state)
{
	static const char *const cases[] = { "tpmiot:device&auth=hunter2",
		"tpmiot:device;auth=x;hunter2", "tpmiot:device;auth=hunter2&more",
		"tpmiot:handle=0x81000001 auth=hunter2", "object:?auth=hunter2" };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tpmiot_uri uri;
		struct tpmiot_err err;

		assert_int_equal(tpmiot_uri_parse(cases[i], &uri, &err), TPMIOT_E_FORMAT);
		assert_null(strstr(err.text, "hunter2"));
	}
}

static void
test_key_name_valid(void **state)
{
	(void)state;
	assert_true(tpmiot_key_name_valid("device"));
	assert_true(tpmiot_key_name_valid(NAME64));
	assert_false(tpmiot_key_name_valid(""));
	assert_false(tpmiot_key_name_valid(NAME64 "x"));
	assert_false(tpmiot_key_name_valid(".x"));
	assert_false(tpmiot_key_name_valid("x/"));
	assert_false(tpmiot_key_name_valid("x\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uri_parse_name),
		cmocka_unit_test(test_uri_parse_nv),
		cmocka_unit_test(test_uri_parse_handle),
		cmocka_unit_test(test_uri_parse_spki),
		cmocka_unit_test(test_uri_parse_object),
		cmocka_unit_test(test_uri_parse_auth),
		cmocka_unit_test(test_uri_parse_refused),
		cmocka_unit_test(test_uri_parse_errors_quote_no_secret),
		cmocka_unit_test(test_key_name_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
