/* SPDX-License-Identifier: Apache-2.0 */
#include "ca_test.h"

#include <jansson.h>

#include "ca/enrol/wire.h"

#define B64 "AAEC"
#define ATTEST "{\"ek\":{\"public\":\"AAEC\"},\"ak\":{\"public\":\"AwQF\"}}"
#define ISSUE                                                                                      \
	"{\"session\":\"AAEC\",\"secret\":\"AwQF\",\"key\":{\"public\":\"Bg==\",\"attest\":\"Bw==" \
	"\","                                                                                      \
	"\"signature\":\"CA==\"},\"csr\":\"CQ==\"}"

static bool
attest_parse(const char *json, size_t len, struct ca_problem *problem)
{
	struct ca_attest_request req = { 0 };
	bool ok = ca_attest_request_parse(json, len, &req, problem);

	ca_attest_request_free(&req);
	return ok;
}

static bool
issue_parse(const char *json, size_t len, struct ca_problem *problem)
{
	struct ca_issue_request req = { 0 };
	bool ok = ca_issue_request_parse(json, len, &req, problem);

	ca_issue_request_free(&req);
	return ok;
}

static void
refused_attest(const char *json, size_t len, const char *part)
{
	struct ca_problem problem = { 0 };

	if (attest_parse(json, len, &problem))
		fail_msg("accepted: %.*s", (int)len, json);
	assert_int_equal(problem.type, CA_PROBLEM_MALFORMED_REQUEST);
	if (strstr(problem.detail, part) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", problem.detail, part);
}

static void
test_attest_request_parse_whole(void **state)
{
	static const char json[] = "{\"ek\":{\"public\":\"AAEC\",\"certificate\":\"MII=\","
	                           "\"chain\":[\"MAA=\",\"MAE=\"],\"new\":{}},"
	                           "\"ak\":{\"public\":\"AwQF\"},\"device_id\":\"Dev_1.a:b\","
	                           "\"join_token\":\"tj_x\",\"later\":[1,{\"a\":null}]}";
	struct ca_attest_request req = { 0 };
	struct ca_problem problem = { 0 };

	(void)state;
	assert_true(ca_attest_request_parse(json, sizeof(json) - 1, &req, &problem));
	assert_int_equal(req.ek_public.len, 3);
	assert_memory_equal(req.ek_public.data, "\0\1\2", 3);
	assert_memory_equal(req.ak_public.data, "\3\4\5", 3);
	assert_int_equal(req.ek_certificate.len, 2);
	assert_int_equal(req.ek_chain_n, 2);
	assert_memory_equal(req.ek_chain[1].data, "\x30\1", 2);
	assert_string_equal(req.device_id, "Dev_1.a:b");
	assert_int_equal(req.join_token.len, 4);
	ca_attest_request_free(&req);
}

static void
test_attest_request_parse_refused(void **state)
{
	static const struct {
		const char *json;
		const char *part;
	} cases[] = {
		{ "", "JSON" },
		{ "[]", "not a JSON object" },
		{ "null", "JSON" },
		{ "{}", "\"ek\" is missing" },
		{ "{\"ek\":[],\"ak\":{}}", "\"ek\" is not an object" },
		{ "{\"ek\":{},\"ak\":{}}", "\"ek.public\" is missing" },
		{ "{\"ek\":{\"public\":7},\"ak\":{}}", "\"ek.public\" is not a string" },
		{ "{\"ek\":{\"public\":\"\"},\"ak\":{}}", "\"ek.public\" is empty" },
		{ "{\"ek\":{\"public\":\"AAE\"},\"ak\":{}}", "\"ek.public\": " },
		{ "{\"ek\":{\"public\":\"AA=\\n\"},\"ak\":{}}", "\"ek.public\": " },
		{ "{\"ek\":{\"public\":\"AAB=\"},\"ak\":{}}", "\"ek.public\": " },
		{ "{\"ek\":{\"public\":\"AA\\u0000=\"},\"ak\":{}}", "JSON" },
		{ "{\"ek\":{\"public\":\"AAEC\"}}", "\"ak\" is missing" },
		{ "{\"ek\":{\"public\":\"AAEC\",\"certificate\":null},\"ak\":{}}",
		    "\"ek.certificate\" is not a string" },
		{ "{\"ek\":{\"public\":\"AAEC\",\"chain\":\"AAEC\"},\"ak\":{}}", "not an array" },
		{ "{\"ek\":{\"public\":\"AAEC\",\"chain\":[1]},\"ak\":{}}", "\"ek.chain\"" },
		{ "{\"ek\":{\"public\":\"AAEC\",\"chain\":[\"AAEC\",\"AAEC\",\"AAEC\",\"AAEC\","
		  "\"AAEC\",\"AAEC\",\"AAEC\",\"AAEC\",\"AAEC\"]},\"ak\":{}}",
		    "more than 8" },
		{ "{\"ek\":{\"public\":\"AAEC\"},\"ak\":{\"public\":\"AAEC\"},\"device_id\":\"a/"
		  "b\"}",
		    "\"device_id\"" },
		{ "{\"ek\":{\"public\":\"AAEC\"},\"ak\":{\"public\":\"AAEC\"},\"device_id\":\"\"}",
		    "\"device_id\"" },
		{ "{\"ek\":{\"public\":\"AAEC\"},\"ak\":{\"public\":\"AAEC\"},\"join_token\":\"\"}",
		    "\"join_token\"" },
		{ ATTEST "x", "JSON" },
		{ ATTEST ATTEST, "JSON" },
		{ "{\"ek\":{\"public\":\"AAEC\"},\"ak\":{\"public\":\"AAEC\"},\"ek\":{}}", "JSON" },
		{ "{\"ek\":{\"public\":\"AAEC\",\"public\":\"AAEC\"},\"ak\":{}}", "JSON" },
		{ "{\"ek\":{\"public\":\"\xc3\x28\"},\"ak\":{}}", "JSON" },
		{ "{\"a\":[[[[[[[[1]]]]]]]]}", "nested" },
		{ "{\"a\":\"\\\"[[[[[[[[[[\",\"b\":[[[[[[[[[[", "nested" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		refused_attest(cases[i].json, strlen(cases[i].json), cases[i].part);
}

/* A sound request with one member more, as many characters or as deep as said; accepted, or why
 * not. */
static void
try_member(const char *name, const char *open, const char *filler, int n, const char *close,
    const char *refusal)
{
	struct tpmiot_buf json = TPMIOT_BUF_INIT;
	struct ca_problem problem = { .type = CA_PROBLEM_NONE };
	const char *text;

	tpmiot_buf_put(&json, ATTEST, sizeof(ATTEST) - 2);
	tpmiot_buf_printf(&json, ",\"%s\":%s", name, open);
	for (int i = 0; i < n; i++)
		tpmiot_buf_put_str(&json, filler);
	for (int i = 0; i < (close[0] == ']' ? n : 1); i++)
		tpmiot_buf_put_str(&json, close);
	tpmiot_buf_put_str(&json, "}");
	text = tpmiot_buf_cstr(&json);
	if (refusal != NULL)
		refused_attest(text, json.len, refusal);
	else if (!attest_parse(text, json.len, &problem))
		fail_msg("%s: %s", text, problem.detail);
	tpmiot_buf_free(&json);
}

/* The last that is allowed, and one more. */
static void
test_attest_request_parse_limits(void **state)
{
	static const char chain[] = "{\"ek\":{\"public\":\"AAEC\",\"chain\":[\"AAEC\",\"AAEC\","
	                            "\"AAEC\",\"AAEC\",\"AAEC\",\"AAEC\",\"AAEC\",\"AAEC\"]},"
	                            "\"ak\":{\"public\":\"AAEC\"}}";
	struct ca_problem problem = { .type = CA_PROBLEM_NONE };

	(void)state;
	try_member("x", "", "[", CA_WIRE_DEPTH_MAX - 1, "]", NULL); /* within the object */
	try_member("x", "", "[", CA_WIRE_DEPTH_MAX, "]", "nested");
	try_member("device_id", "\"", "a", CA_DEVICE_ID_MAX, "\"", NULL);
	try_member("device_id", "\"", "a", CA_DEVICE_ID_MAX + 1, "\"", "\"device_id\"");
	try_member("join_token", "\"", "a", CA_WIRE_TOKEN_MAX, "\"", NULL);
	try_member("join_token", "\"", "a", CA_WIRE_TOKEN_MAX + 1, "\"", "\"join_token\"");
	try_member("profile", "\"", "a", CA_GROUP_MAX, "\"", NULL);
	try_member("profile", "\"", "a", CA_GROUP_MAX + 1, "\"", "\"profile\"");
	assert_true(attest_parse(chain, sizeof(chain) - 1, &problem)); /* 8; 9 are above */
}

static void
test_attest_request_parse_trailing_nul(void **state)
{
	(void)state;
	refused_attest(ATTEST, sizeof(ATTEST), "JSON"); /* with the literal's own NUL */
}

static void
test_attest_request_parse_brackets_in_strings(void **state)
{
	static const char json[] = "{\"x\":\"[[[[[[[[[[[[{{{{{\\\"[[[\",\"ek\":{\"public\":"
	                           "\"AAEC\"},\"ak\":{\"public\":\"AAEC\"}}";
	struct ca_problem problem = { 0 };

	(void)state;
	assert_true(attest_parse(json, sizeof(json) - 1, &problem));
}

static void
test_request_parse_truncated(void **state)
{
	struct ca_problem problem = { 0 };

	(void)state;
	assert_true(attest_parse(ATTEST, sizeof(ATTEST) - 1, &problem));
	for (size_t n = 0; n < sizeof(ATTEST) - 1; n++)
		refused_attest(ATTEST, n, "");
	assert_true(issue_parse(ISSUE, sizeof(ISSUE) - 1, &problem));
	for (size_t n = 0; n < sizeof(ISSUE) - 1; n++)
		assert_false(issue_parse(ISSUE, n, &problem));
}

/* Each field of the second request, left out. */
static void
test_issue_request_parse_missing(void **state)
{
	static const char *const names[] = { "session", "key", "public", "attest", "signature",
		"csr" };
	struct ca_problem problem = { 0 };
	char json[] = ISSUE, *at;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		strcpy(json, ISSUE);
		at = strstr(json, names[i]);
		assert_non_null(at);
		*at = 'X';
		assert_false(issue_parse(json, strlen(json), &problem));
		assert_non_null(strstr(problem.detail, names[i]));
		assert_non_null(strstr(problem.detail, "missing"));
	}
}

static void
test_issue_request_parse_too_long(void **state)
{
	struct tpmiot_buf json = TPMIOT_BUF_INIT;
	struct ca_problem problem = { 0 };

	(void)state;
	tpmiot_buf_put_str(&json, "{\"session\":\"");
	for (size_t i = 0; i < CA_WIRE_SESSION_MAX / 3 + 1; i++)
		tpmiot_buf_put_str(&json, B64);
	tpmiot_buf_put_str(&json, "\"}");
	assert_false(issue_parse((char *)json.data, json.len, &problem));
	assert_non_null(strstr(problem.detail, "longer than"));
	tpmiot_buf_free(&json);
}

static void
test_attest_reply_put_fields(void **state)
{
	uint8_t blob[] = { 1, 2 }, secret[] = { 3 }, session[] = { 4, 5, 6 };
	const struct tpmiot_buf b = { blob, 2, 2, false }, e = { secret, 1, 1, false };
	const struct tpmiot_buf s = { session, 3, 3, false };
	const struct ca_attest_reply reply = { &b, &e, blob, 2, &s, 300 };
	struct tpmiot_buf out = TPMIOT_BUF_INIT;
	struct tpmiot_err err;

	(void)state;
	assert_ok(ca_attest_reply_put(&reply, &out, &err));
	assert_string_equal(tpmiot_buf_cstr(&out),
	    "{\"nonce\":\"AQI=\",\"session\":\"BAUG\",\"expires_in\":300,"
	    "\"challenge\":{\"credential_blob\":\"AQI=\",\"encrypted_secret\":\"Aw==\"}}");
	tpmiot_buf_free(&out);
}

static void
test_attest_reply_put_renewal(void **state)
{
	uint8_t nonce[] = { 1, 2 }, session[] = { 4, 5, 6 };
	const struct tpmiot_buf s = { session, 3, 3, false };
	const struct ca_attest_reply reply = {
		.nonce = nonce, .nonce_len = 2, .session = &s, .expires_in = 300
	};
	struct tpmiot_buf out = TPMIOT_BUF_INIT;
	struct tpmiot_err err;

	(void)state;
	assert_ok(ca_attest_reply_put(&reply, &out, &err));
	assert_string_equal(
	    tpmiot_buf_cstr(&out), "{\"nonce\":\"AQI=\",\"session\":\"BAUG\",\"expires_in\":300}");
	tpmiot_buf_free(&out);
}

static void
test_renew_request_parse(void **state)
{
	static const struct {
		const char *json;
		size_t ak_len;
		const char *complaint;
	} cases[] = {
		{ "{}", 0, NULL },
		{ "{\"ak\":{\"public\":\"AQID\"},\"later\":1}", 3, NULL },
		{ "{\"ak\":1}", 0, "ak" },
		{ "{\"ak\":{}}", 0, "ak.public" },
		{ "{\"ak\":{\"public\":\"AQI\"}}", 0, "ak.public" },
		{ "{\"ak\":{\"public\":\"\"}}", 0, "empty" },
		{ "[]", 0, "object" },
		{ "{} {}", 0, "JSON" },
		{ "", 0, "JSON" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ca_renew_request req = { .ak_public = TPMIOT_BUF_INIT };
		struct ca_problem problem = { 0 };
		const bool ok =
		    ca_renew_request_parse(cases[i].json, strlen(cases[i].json), &req, &problem);

		assert_int_equal(ok, cases[i].complaint == NULL);
		assert_int_equal(req.ak_public.len, cases[i].ak_len);
		if (!ok)
			assert_non_null(strstr(problem.detail, cases[i].complaint));
		ca_renew_request_free(&req);
	}
}

/* Every type has its name, title, advice and a status that RFC 9457 documents make sense with. */
static void
test_problem_put_every_type(void **state)
{
	struct tpmiot_buf out = TPMIOT_BUF_INIT;
	struct ca_problem problem = { 0 };
	struct tpmiot_err err;
	json_t *doc;

	(void)state;
	for (int t = CA_PROBLEM_NONE + 1; t < CA_PROBLEM_TYPES; t++) {
		ca_refuse(&problem, (enum ca_problem_type)t, "quoted \xff\n\x01 %d", t);
		tpmiot_buf_reset(&out);
		assert_ok(ca_problem_put(&problem, &out, &err));
		doc = json_loadb((char *)out.data, out.len, 0, NULL);
		assert_non_null(doc);
		assert_int_equal(strncmp(json_string_value(json_object_get(doc, "type")),
		                     CA_PROBLEM_URN, strlen(CA_PROBLEM_URN)),
		    0);
		assert_in_range(json_integer_value(json_object_get(doc, "status")), 400, 503);
		assert_true(json_string_length(json_object_get(doc, "title")) > 0);
		assert_true(json_string_length(json_object_get(doc, "next")) > 0);
		assert_int_equal(
		    strncmp(json_string_value(json_object_get(doc, "detail")), "quoted ??? ", 11),
		    0);
		json_decref(doc);
	}
	tpmiot_buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attest_request_parse_whole),
		cmocka_unit_test(test_attest_request_parse_refused),
		cmocka_unit_test(test_attest_request_parse_limits),
		cmocka_unit_test(test_attest_request_parse_trailing_nul),
		cmocka_unit_test(test_attest_request_parse_brackets_in_strings),
		cmocka_unit_test(test_request_parse_truncated),
		cmocka_unit_test(test_issue_request_parse_missing),
		cmocka_unit_test(test_issue_request_parse_too_long),
		cmocka_unit_test(test_attest_reply_put_fields),
		cmocka_unit_test(test_attest_reply_put_renewal),
		cmocka_unit_test(test_renew_request_parse),
		cmocka_unit_test(test_problem_put_every_type),
	};

	return cmocka_run_group_tests_name("ca_wire", tests, NULL, NULL);
}
