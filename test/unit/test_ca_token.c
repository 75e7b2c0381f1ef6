/* SPDX-License-Identifier: Apache-2.0 */
/* Claims at their limits, keys on record, registered keys in the store. */
#include "ca_test.h"

#include "ca/token/devkey.h"
#include "ca/token/jwt.h"
#include "ca/token/message.h"

#include <tpmiot/b64.h>

#define NOW ((int64_t)1800000000)

static const struct ca_bearer_asked asked = { .audience = "broker", .now = NOW, .max_ttl = 600 };

/* A token with this header and these claims; its signature is not looked at here. */
static enum tpmiot_rc
parse(const char *header, const char *claims, struct tpmiot_buf *text, struct ca_jwt *out,
    struct tpmiot_err *err)
{
	tpmiot_jws_put_input(header, strlen(header), claims, strlen(claims), text);
	tpmiot_buf_put_str(text, ".AA");
	return ca_jwt_parse((struct tpmiot_bytes){ text->data, text->len }, out, err);
}

static void
assert_claims(int64_t iat, int64_t exp, const char *more, const char *word)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	struct ca_jwt jwt = { .claims = NULL };
	struct tpmiot_err err = { .text = "" };
	char claims[256];

	snprintf(claims, sizeof(claims), "{\"iat\":%lld,\"exp\":%lld,%s}", (long long)iat,
	    (long long)exp, more);
	assert_ok(parse("{\"alg\":\"ES256\",\"typ\":\"jwt\"}", claims, &text, &jwt, &err));
	if (word == NULL)
		assert_ok(ca_jwt_check_claims(&jwt, &asked, &err));
	else
		assert_fails(ca_jwt_check_claims(&jwt, &asked, &err), TPMIOT_E_POLICY, word);
	ca_jwt_clear(&jwt);
	tpmiot_buf_free(&text);
}

static void
test_claims_limits(void **state)
{
	static const char aud[] = "\"aud\":\"broker\"";
	const int64_t leeway = CA_BEARER_LEEWAY;

	(void)state;
	assert_claims(NOW, NOW + 600, aud, NULL);
	assert_claims(NOW, NOW + 601, aud, "600 are allowed");
	assert_claims(NOW, NOW, aud, "good for 0 s");
	assert_claims(NOW - 500, NOW - leeway + 1, aud, NULL);
	assert_claims(NOW - 500, NOW - leeway, aud, "expired");
	assert_claims(NOW + leeway, NOW + 100, aud, NULL);
	assert_claims(NOW + leeway + 1, NOW + 100, aud, "\"iat\"");
	assert_claims(NOW, NOW + 100, "\"nbf\":1800000060,\"aud\":\"broker\"", NULL);
	assert_claims(NOW, NOW + 100, "\"nbf\":1800000061,\"aud\":\"broker\"", "\"nbf\"");
	assert_claims(NOW, NOW + 100, "\"aud\":[\"a\",\"broker\"]", NULL);
	assert_claims(NOW, NOW + 100, "\"aud\":[]", "\"aud\"");
	assert_claims(NOW, NOW + 100, "\"aud\":{\"broker\":\"broker\"}", "\"aud\"");
	assert_claims(NOW, NOW + 100, "\"aud\":\"Broker\"", "\"aud\"");
	assert_claims(NOW, NOW + 100, "\"aud\":\"brok\"", "\"aud\"");
}

static void
test_parse_refused(void **state)
{
	static const char ok[] = "{\"iat\":1,\"exp\":2}";
	static const struct {
		const char *header, *claims;
		enum tpmiot_rc rc;
		const char *word;
	} cases[] = {
		{ "{\"alg\":\"none\"}", ok, TPMIOT_E_VERIFY, "not one of" },
		{ "{\"alg\":\"HS256\"}", ok, TPMIOT_E_VERIFY, "not one of" },
		{ "{\"alg\":\"ES256\",\"typ\":\"JOSE\"}", ok, TPMIOT_E_VERIFY, "something else" },
		{ "{\"alg\":\"ES256\",\"typ\":1}", ok, TPMIOT_E_VERIFY, "something else" },
		{ "{\"alg\":\"ES256\",\"crit\":[]}", ok, TPMIOT_E_VERIFY, "crit" },
		{ "{\"alg\":\"ES256\",\"alg\":\"none\"}", ok, TPMIOT_E_FORMAT, "duplicate" },
		{ "{\"alg\":\"ES256\"}", "{\"iat\":1}", TPMIOT_E_FORMAT, "no \"exp\"" },
		{ "{\"alg\":\"ES256\"}", "{\"iat\":true,\"exp\":2}", TPMIOT_E_FORMAT, "no time" },
		{ "{\"alg\":\"ES256\"}", "{\"iat\":1,\"exp\":2,\"sub\":null}", TPMIOT_E_FORMAT,
		    "sub" },
		{ "{\"alg\":\"ES256\"}", "{\"iat\":1,\"exp\":9007199254740993}", TPMIOT_E_FORMAT,
		    "no time" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tpmiot_buf text = TPMIOT_BUF_INIT;
		struct ca_jwt jwt = { .claims = NULL };
		struct tpmiot_err err = { .text = "" };

		assert_fails(parse(cases[i].header, cases[i].claims, &text, &jwt, &err),
		    cases[i].rc, cases[i].word);
		tpmiot_buf_free(&text);
	}
}

static void
test_devkey_usable(void **state)
{
	struct ca_devkey key = { .device_id = "d", .not_before = NOW - 10, .not_after = NOW + 10 };
	struct tpmiot_err err = { .text = "" };

	(void)state;
	assert_ok(ca_devkey_usable(&key, NOW, false, &err));
	assert_fails(ca_devkey_usable(&key, NOW + 10, false, &err), TPMIOT_E_POLICY, "has ended");
	assert_fails(ca_devkey_usable(&key, NOW - 10 - CA_BEARER_LEEWAY - 1, false, &err),
	    TPMIOT_E_POLICY, "not begun");
	key.not_after = 0;
	assert_ok(ca_devkey_usable(&key, NOW + 1000000000, false, &err));
	key.bare = true;
	assert_fails(ca_devkey_usable(&key, NOW, false, &err), TPMIOT_E_POLICY, "bare_keys");
	assert_ok(ca_devkey_usable(&key, NOW, true, &err));
	key.revoked = true;
	assert_fails(ca_devkey_usable(&key, NOW, true, &err), TPMIOT_E_POLICY, "revoked");
	key.released = true;
	assert_fails(ca_devkey_usable(&key, NOW, true, &err), TPMIOT_E_POLICY, "released");
	key.state = CA_DEVICE_BLOCKED;
	assert_fails(ca_devkey_usable(&key, NOW, true, &err), TPMIOT_E_POLICY, "d is blocked");
}

static void
add_key(struct ca_store *store, uint8_t n, uint8_t device)
{
	struct ca_device_key key = { .added = NOW + n };
	struct tpmiot_err err = { .text = "" };

	memset(key.spki, n, sizeof(key.spki));
	memset(key.ek_spki, device, sizeof(key.ek_spki));
	tpmiot_buf_put_str(&key.public, "spki");
	assert_ok(ca_device_key_add(store, &key, &err));
	assert_fails(ca_device_key_add(store, &key, &err), TPMIOT_E_CONFLICT, "already");
	ca_device_key_free(&key);
}

/* The newest of a device's keys are tried, and no more than there is room for. */
static void
test_devkey_list(void **state)
{
	uint8_t keys[CA_DEVKEYS_MAX][CA_SHA256_LEN];
	struct ca_device dev = { .last_seen = NOW, .id = "d1" };
	struct ca_store *store = NULL;
	struct tpmiot_err err = { .text = "" };
	char dir[64], path[128];
	size_t n = 99;

	(void)state;
	scratch_make(dir);
	scratch_path(dir, "store.db", path);
	assert_ok(ca_store_create(path, &err));
	assert_ok(ca_store_open(path, &store, &err));
	memset(dev.ek_spki, 1, sizeof(dev.ek_spki));
	assert_ok(ca_device_register(store, &dev, &err));
	assert_fails(ca_device_register(store, &dev, &err), TPMIOT_E_CONFLICT, "already");
	assert_fails(ca_devkey_list(store, "d2", keys, &n, &err), TPMIOT_E_NOT_FOUND, "");
	assert_ok(ca_devkey_list(store, "d1", keys, &n, &err));
	assert_int_equal(n, 0);
	for (uint8_t i = 1; i <= CA_DEVKEYS_MAX + 3; i++)
		add_key(store, i, 1);
	assert_ok(ca_devkey_list(store, "d1", keys, &n, &err));
	assert_int_equal(n, CA_DEVKEYS_MAX);
	assert_int_equal(keys[0][0], CA_DEVKEYS_MAX + 3);
	assert_int_equal(keys[CA_DEVKEYS_MAX - 1][0], 4);
	assert_ok(ca_device_key_remove(store, keys[0], &err));
	assert_fails(ca_device_key_remove(store, keys[0], &err), TPMIOT_E_NOT_FOUND, "no such key");
	assert_ok(ca_devkey_list(store, "d1", keys, &n, &err));
	assert_int_equal(keys[0][0], CA_DEVKEYS_MAX + 2);
	ca_store_free(&store);
	scratch_remove(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_claims_limits),
		cmocka_unit_test(test_parse_refused),
		cmocka_unit_test(test_devkey_usable),
		cmocka_unit_test(test_devkey_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
