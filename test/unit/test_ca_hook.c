/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator's program is told, and what its answers mean. */
#include "enrolkit.h"

#include "ca/enrol/hook.h"

static enum ca_problem_type
judged(const char *answer, struct ca_problem *problem)
{
	*problem = (struct ca_problem){ .type = CA_PROBLEM_NONE };
	if (ca_hook_judge(answer, strlen(answer), problem))
		assert_int_equal(problem->type, CA_PROBLEM_NONE);
	else
		assert_int_not_equal(problem->type, CA_PROBLEM_NONE);
	return problem->type;
}

static void
test_hook_judge(void **state)
{
	static const char *const bad[] = { "", "{", "[]", "allow", "\"allow\"", "{}",
		"{\"decision\": true}", "{\"decision\": \"Allow\"}", "{\"decision\": \"allow\"} x",
		"{\"decision\": \"deny\", \"decision\": \"allow\"}", "{\"decision\": \"\"}",
		"{\"decision\": \"allow\\u0000\"}" };
	struct ca_problem p;

	(void)state;
	assert_int_equal(judged("{\"decision\": \"allow\"}\n", &p), CA_PROBLEM_NONE);
	assert_int_equal(judged("{\"decision\": \"allow\", \"x\": 1}", &p), CA_PROBLEM_NONE);
	assert_int_equal(judged("{\"decision\": \"deny\"}", &p), CA_PROBLEM_EXTERNAL_POLICY);
	assert_int_equal(judged("{\"decision\": \"deny\", \"reason\": \"a\\nb\"}", &p),
	    CA_PROBLEM_EXTERNAL_POLICY);
	assert_string_equal(p.detail, "a?b");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (judged(bad[i], &p) != CA_PROBLEM_SERVER_ERROR)
			fail_msg("%s", bad[i]);
}

static void
test_hook_put(void **state)
{
	static const uint8_t ek[CA_SHA256_LEN] = { 0xab }, key[CA_SHA256_LEN] = { 0xcd };
	const struct tpmiot_ekcert_info tpm = { .manufacturer = "id:1", .model = "\xff" };
	const struct ca_hook_facts facts = { "issue", "d", "", "client", ek, key, false, &tpm,
		"::1" };
	struct tpmiot_buf out = TPMIOT_BUF_INIT;
	struct tpmiot_err err;
	json_t *doc;

	(void)state;
	assert_ok(ca_hook_put(&facts, &out, &err));
	assert_int_equal(out.data[out.len - 1], '\n');
	doc = json_loadb((char *)out.data, out.len, 0, NULL);
	assert_non_null(doc);
	assert_string_equal(json_string_value(json_object_get(doc, "device_id")), "d");
	assert_int_equal(strncmp(json_string_value(json_object_get(doc, "ek")), "ab0000", 6), 0);
	assert_true(json_is_false(json_object_get(doc, "ek_certificate_trusted")));
	assert_string_equal(json_string_value(json_object_get(doc, "tpm_manufacturer")), "id:1");
	assert_true(json_is_null(json_object_get(doc, "tpm_model"))); /* no UTF-8 */
	assert_true(json_is_null(json_object_get(doc, "tpm_version")));
	json_decref(doc);
	tpmiot_buf_free(&out);
}

/* A hook, and nobody who can run it: no certificate. */
static void
test_hook_without_runner(void **state)
{
	static char hook[] = "/bin/true";
	struct kit *kit = *state;
	struct kit_answer answer, refused;
	char *const before = kit->config.hook;

	kit->config.hook = hook;
	kit_post(kit, "/v1/attestations", kit_attest(&kit_a), &answer);
	assert_int_equal(answer.status, 200);
	kit_post(kit, "/v1/certificates", kit_issue(&kit_a, answer.doc), &refused);
	assert_int_equal(refused.status, 503);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM certificates"), 0);
	kit_answer_free(&answer);
	kit_answer_free(&refused);
	kit->config.hook = before;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hook_judge),
		cmocka_unit_test(test_hook_put),
		cmocka_unit_test_setup_teardown(test_hook_without_runner, kit_setup, kit_teardown),
	};

	return cmocka_run_group_tests_name("ca_hook", tests, kit_group_setup, kit_group_teardown);
}
