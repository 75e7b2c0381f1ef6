/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <tpmiot/sas.h>

static const struct tpmiot_bytes key = { "a key", 5 };

static void
make(const char *resource, enum tpmiot_sas_escape how, const char *skn, struct tpmiot_buf *out)
{
	struct tpmiot_buf escaped = TPMIOT_BUF_INIT, message = TPMIOT_BUF_INIT;
	uint8_t mac[64];
	size_t len;
	struct tpmiot_err err;

	tpmiot_sas_escape(resource, how, &escaped);
	tpmiot_sas_put_to_sign(tpmiot_buf_cstr(&escaped), 1700000000, &message);
	const struct tpmiot_bytes part = { message.data, message.len };
	assert_ok(tpmiot_hmac(NULL, TPM2_ALG_SHA256, key, &part, 1, mac, &len, &err), &err);
	tpmiot_sas_put(tpmiot_buf_cstr(&escaped), 1700000000, mac, skn, out);
	assert_non_null(tpmiot_buf_cstr(out));
	tpmiot_buf_free(&escaped);
	tpmiot_buf_free(&message);
}

static void
test_escape_both(void **state)
{
	static const struct {
		const char *text, *registration, *hub;
	} cases[] = {
		{ "0ne/registrations/Dev_1.a:b", "0ne%2Fregistrations%2FDev_1.a%3Ab",
		    "0ne%2Fregistrations%2FDev_1.a%3Ab" },
		{ "!*()'~", "!*()'~", "%21%2a%28%29%27~" },
		{ "a b%\xc3\xa9", "a%20b%25%C3%A9", "a%20b%25%C3%A9" },
		{ "", "", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tpmiot_buf a = TPMIOT_BUF_INIT, b = TPMIOT_BUF_INIT;

		tpmiot_sas_escape(cases[i].text, TPMIOT_SAS_REGISTRATION, &a);
		tpmiot_sas_escape(cases[i].text, TPMIOT_SAS_HUB, &b);
		assert_string_equal(tpmiot_buf_cstr(&a), cases[i].registration);
		assert_string_equal(tpmiot_buf_cstr(&b), cases[i].hub);
		tpmiot_buf_free(&a);
		tpmiot_buf_free(&b);
	}
}

static void
test_verify_roundtrip(void **state)
{
	const struct tpmiot_bytes other = { "b key", 5 };
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	struct tpmiot_sas sas;
	struct tpmiot_err err;

	(void)state;
	make("0ne/registrations/a!b", TPMIOT_SAS_REGISTRATION, "registration", &text);
	assert_ok(tpmiot_sas_parse((const char *)text.data, &sas, &err), &err);
	assert_string_equal(sas.resource, "0ne/registrations/a!b");
	assert_int_equal(sas.expires, 1700000000);
	assert_int_equal(sas.skn.len, 12);
	assert_ok(tpmiot_sas_verify(NULL, &sas, key, &err), &err);
	assert_int_equal(tpmiot_sas_verify(NULL, &sas, other, &err), TPMIOT_E_VERIFY);
	assert_true(tpmiot_sas_is_for(&sas, "0NE/Registrations/A!b"));
	assert_false(tpmiot_sas_is_for(&sas, "0ne/registrations/a!bc"));
	/* One character of each signed part. */
	for (size_t i = 0; i < 2; i++) {
		char *digit = strstr((char *)text.data, i == 0 ? "sr=0" : "se=1") + 3;

		*digit = (char)(*digit + 1);
		assert_ok(tpmiot_sas_parse((const char *)text.data, &sas, &err), &err);
		assert_int_equal(tpmiot_sas_verify(NULL, &sas, key, &err), TPMIOT_E_VERIFY);
		*digit = (char)(*digit - 1);
	}
	tpmiot_buf_free(&text);
}

/* What clients send for the same resource; each signs what it sends. */
static void
test_verify_as_received(void **state)
{
	static const char *const spellings[] = { "0ne%2Fregistrations%2Fd",
		"0ne%2fregistrations%2fd", "0NE%2FREGISTRATIONS%2FD", "0ne/registrations/d",
		"0ne%2Fregistrations%2F%64" };

	(void)state;
	for (size_t i = 0; i < COUNT(spellings); i++) {
		struct tpmiot_buf message = TPMIOT_BUF_INIT, text = TPMIOT_BUF_INIT;
		struct tpmiot_sas sas;
		struct tpmiot_err err;
		uint8_t mac[64];
		size_t len;

		tpmiot_sas_put_to_sign(spellings[i], 5, &message);
		const struct tpmiot_bytes part = { message.data, message.len };
		assert_ok(tpmiot_hmac(NULL, TPM2_ALG_SHA256, key, &part, 1, mac, &len, &err), &err);
		tpmiot_sas_put(spellings[i], 5, mac, NULL, &text);
		assert_ok(tpmiot_sas_parse(tpmiot_buf_cstr(&text), &sas, &err), &err);
		assert_ok(tpmiot_sas_verify(NULL, &sas, key, &err), &err);
		assert_true(tpmiot_sas_is_for(&sas, "0ne/registrations/d"));
		tpmiot_buf_free(&message);
		tpmiot_buf_free(&text);
	}
}

#define S32 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%3D"
#define P "SharedAccessSignature "

static void
test_parse_refused(void **state)
{
	static const char *const bad[] = { "", "Bearer x",
		"sharedaccesssignature sr=a&sig=" S32 "&se=1", P, P "sr=a&sig=" S32, P "sr=a&se=1",
		P "sig=" S32 "&se=1", P "sr=&sig=" S32 "&se=1", P "sr=a&sig=&se=1",
		P "sr=a&sig=" S32 "&se=", P "sr=a&sr=a&sig=" S32 "&se=1",
		P "sr=a&sig=" S32 "&se=1&se=1", P "sr=a&sig=" S32 "&se=1&x=1",
		P "sr=a&sig=" S32 "&se=1&", P "sr=a&&sig=" S32 "&se=1", P "sr=a%&sig=" S32 "&se=1",
		P "sr=a%2&sig=" S32 "&se=1", P "sr=a%2g&sig=" S32 "&se=1",
		P "sr=a%00&sig=" S32 "&se=1", P "sr=a&sig=AAAA&se=1", P "sr=a&sig=" S32 "A&se=1",
		P "sr=a&sig=" S32 "&se=-1", P "sr=a&sig=" S32 "&se=1a", P "sr=a&sig=" S32 "&se=+1",
		P "sr=a&sig=" S32 "&se=1234567890123456",
		P "sr=a&sig=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB%3D&se=1" };
	static char huge[TPMIOT_SAS_TEXT_MAX + 2];
	struct tpmiot_sas sas = { .expires = 77 };
	struct tpmiot_err err;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (tpmiot_sas_parse(bad[i], &sas, &err) != TPMIOT_E_FORMAT)
			fail_msg("accepted: %s", bad[i]);
	assert_int_equal(sas.expires, 77);
	memset(huge, 'a', sizeof(huge) - 1);
	memcpy(huge, P "sr=", strlen(P "sr="));
	assert_int_equal(tpmiot_sas_parse(huge, &sas, &err), TPMIOT_E_FORMAT);
	assert_ok(tpmiot_sas_parse(P "se=1&skn=k&sig=" S32 "&sr=a", &sas, &err), &err);
	assert_ok(tpmiot_sas_parse(
	              P "sr=a&sig=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=&se=1", &sas, &err),
	    &err);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escape_both),
		cmocka_unit_test(test_verify_roundtrip),
		cmocka_unit_test(test_verify_as_received),
		cmocka_unit_test(test_parse_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
