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

/* ---- What changes while the hook works -------------------------------------------------- */

/* The question that waits for its answer, and the reply that came of it. No server is behind. */
static struct {
	ca_child_done *done;
	void *arg;
	int status;
	char body[2048];
} asked;

static enum tpmiot_rc
ask(void *arg, const char *program, const struct tpmiot_buf *input, unsigned timeout,
    ca_child_done *done, void *done_arg, struct tpmiot_err *err)
{
	(void)arg, (void)program, (void)timeout, (void)err;
	assert_int_equal(input->data[input->len - 1], '\n');
	asked.done = done;
	asked.arg = done_arg;
	asked.status = 0;
	return TPMIOT_OK;
}

void
ca_http_answer(void *turn, const struct ca_http_reply *reply)
{
	(void)turn;
	assert_int_equal(asked.status, 0);
	asked.status = reply->status;
	snprintf(asked.body, sizeof(asked.body), "%.*s", (int)reply->body.len,
	    (const char *)reply->body.data);
}

static void
answer(const char *text)
{
	const struct ca_child_result result = { CA_CHILD_EXITED, 0, (const uint8_t *)text,
		strlen(text) };

	asked.done(asked.arg, &result);
}

/* The second step, until the hook is asked. Takes body over. */
static void
post_and_wait(struct kit *kit, json_t *body, X509 *client)
{
	char *text = json_dumps(body, JSON_COMPACT);
	const struct ca_http_request req = { .method = "POST",
		.path = "/v1/certificates",
		.content_type = "application/json",
		.body = (uint8_t *)text,
		.body_len = strlen(text),
		.peer_host = "192.0.2.7",
		.peer_cert = client };
	struct ca_http_reply reply = { .status = 200 };

	ca_api_handle(kit->api, &req, &reply);
	assert_int_equal(reply.status, CA_HTTP_LATER);
	free(text);
	json_decref(body);
}

static const struct meanwhile {
	const char *what;
	bool renewal;
	const char *sql; /* NULL: nothing happens */
	const char *answer, *type;
	int status;
} meanwhile[] = {
	{ "an enrolment", false, NULL, "{\"decision\": \"allow\"}", "", 200 },
	{ "a renewal", true, NULL, "{\"decision\": \"allow\"}", "", 200 },
	{ "an enrolment is denied", false, NULL, "{\"decision\": \"deny\"}", "external-policy",
	    403 },
	{ "a renewal gets nonsense", true, NULL, "?", "server-error", 503 },
	{ "the certificate that is renewed is revoked", true,
	    "UPDATE certificates SET state = 1, revoked_at = 1", "{\"decision\": \"allow\"}",
	    "certificate-revoked", 403 },
	{ "the device that renews is blocked", true, "UPDATE devices SET state = 1",
	    "{\"decision\": \"allow\"}", "device-blocked", 403 },
	{ "the device that renews is released", true,
	    "DELETE FROM aks; DELETE FROM certificates; DELETE FROM devices",
	    "{\"decision\": \"allow\"}", "client-certificate-invalid", 403 },
	{ "the maker is trusted no more", false, "DELETE FROM roots", "{\"decision\": \"allow\"}",
	    "session-expired", 410 },
};

static X509 *
enrolled(struct kit *kit)
{
	struct kit_answer got;
	X509 *cert;

	kit_enrol(kit, &kit_a, NULL, &got, NULL);
	cert = kit_leaf(&got, "certificate");
	kit_answer_free(&got);
	return cert;
}

static void
check_meanwhile(struct kit *kit, const struct meanwhile *m)
{
	struct tpmiot_buf before = TPMIOT_BUF_INIT, after = TPMIOT_BUF_INIT;
	X509 *cert = m->renewal ? enrolled(kit) : NULL;
	struct kit_answer first;
	char urn[64];

	kit->config.hook = (char *)(uintptr_t) "/hook";
	ca_api_set_run(kit->api, ask, NULL);
	kit_post_as(kit, cert, m->renewal ? "/v1/renewals" : "/v1/attestations",
	    m->renewal ? json_object() : kit_attest(&kit_a), &first);
	assert_int_equal(first.status, 200);
	post_and_wait(kit, kit_issue(&kit_a, first.doc), cert);
	if (m->sql != NULL)
		kit_sql(kit, m->sql);
	kit_snapshot(kit, &before);
	answer(m->answer);
	kit_snapshot(kit, &after);
	snprintf(urn, sizeof(urn), "urn:tpmiot:problem:%s\"", m->type);
	if (asked.status != m->status || (m->status != 200 && strstr(asked.body, urn) == NULL))
		fail_msg("%s: %d %s", m->what, asked.status, asked.body);
	if (m->status != 200 &&
	    (before.len != after.len || memcmp(before.data, after.data, after.len) != 0))
		fail_msg("%s: the store changed", m->what);
	kit_answer_free(&first);
	tpmiot_buf_free(&before);
	tpmiot_buf_free(&after);
	X509_free(cert);
}

/* The hook is asked before the store is locked: what it allows is decided on once more. */
static void
test_hook_meanwhile(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(meanwhile) / sizeof(meanwhile[0]); i++) {
		struct kit *kit;
		void *fresh;
		char *hook;

		kit_setup(&fresh);
		kit = fresh;
		hook = kit->config.hook;
		check_meanwhile(kit, &meanwhile[i]);
		kit->config.hook = hook;
		kit_teardown(&fresh);
	}
}

/* One request with this body, which is borrowed. */
static void
post(struct kit *kit, json_t *body, const char *type)
{
	struct kit_answer got;

	kit_post(kit, "/v1/certificates", json_incref(body), &got);
	if (strcmp(got.type, type) != 0)
		fail_msg("%s instead of %s", got.type, type);
	kit_answer_free(&got);
}

/* The program is asked where a certificate could come of it, and once at a time for a device. */
static void
test_hook_asked_seldom(void **state)
{
	struct kit *kit = *state;
	struct kit_answer first, other;
	char *const before = kit->config.hook;
	const int64_t limit = kit->config.issue_limit;
	json_t *body, *next;

	kit->config.hook = (char *)(uintptr_t) "/hook";
	ca_api_set_run(kit->api, ask, NULL);
	kit_post(kit, "/v1/attestations", kit_attest(&kit_a), &first);
	kit_post(kit, "/v1/attestations", kit_attest(&kit_a), &other);
	body = kit_issue(&kit_a, first.doc);
	next = kit_issue(&kit_a, other.doc);
	post_and_wait(kit, json_incref(body), NULL);
	post(kit, body,
	    "rate-limited"); /* both would be answered at once if they were asked about */
	post(kit, next, "rate-limited");
	answer("{\"decision\": \"allow\"}");
	assert_int_equal(asked.status, 200);
	post(kit, body, ""); /* again: nobody is asked, and the certificate is the same one */
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM certificates"), 1);
	kit->config.issue_limit = 1;
	post(kit, next, "rate-limited");
	kit->config.issue_limit = limit;
	post_and_wait(kit, json_incref(next), NULL);
	answer("{\"decision\": \"deny\"}");
	assert_int_equal(asked.status, 403);
	post_and_wait(kit, next, NULL);
	/* It took until the session had ended, and longer than what was spent is remembered. */
	kit_now += kit->config.session_lifetime;
	answer("{\"decision\": \"allow\"}");
	assert_int_equal(asked.status, 410);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM certificates"), 1);
	json_decref(body);
	kit_answer_free(&first);
	kit_answer_free(&other);
	kit->config.hook = before;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hook_judge),
		cmocka_unit_test(test_hook_put),
		cmocka_unit_test_setup_teardown(test_hook_without_runner, kit_setup, kit_teardown),
		cmocka_unit_test(test_hook_meanwhile),
		cmocka_unit_test_setup_teardown(test_hook_asked_seldom, kit_setup, kit_teardown),
	};

	return cmocka_run_group_tests_name("ca_hook", tests, kit_group_setup, kit_group_teardown);
}
