/* SPDX-License-Identifier: Apache-2.0 */
/* PCR policies: what is asked for, quotes that hold and that do not, values that are allowed. */
#include "enrolkit.h"

#include <tpmiot/template.h>

#define ASK "enrolment = open\npcrs = sha256:0,7\n"
#define JUDGE ASK "pcr_policies = other, fw\n"

/* What the device measures; and where its quote goes wrong. */
static struct tpmiot_pcrset values;

static void
set_values(const char *selection)
{
	kit_measure(&values, selection);
}

static void
stale(struct soft_quote *quote)
{
	quote->head.extra_data.buffer[0] ^= 1;
}

/* A quote of `values` by ak, over the challenge's nonce. */
static json_t *
quote_by(const struct softkey *ak, const json_t *challenge, bool stale_nonce)
{
	return kit_quote(ak, challenge, &values, stale_nonce ? stale : NULL);
}

static void
begin(struct kit *kit, struct kit_answer *out)
{
	kit_post(kit, "/v1/attestations", kit_attest(&kit_a), out);
	assert_int_equal(out->status, 200);
}

/* Sends the second step with this quote (NULL: none), expects this outcome ("": issued). */
static void
finish(struct kit *kit, struct kit_answer *first, json_t *quote, const char *type)
{
	json_t *body = kit_issue(&kit_a, first->doc);
	struct kit_answer answer;

	if (quote != NULL)
		kit_set(body, "quote", quote);
	kit_post(kit, "/v1/certificates", body, &answer);
	if (strcmp(answer.type, type) != 0)
		fail_msg("%s instead of %s: %s", answer.type, type,
		    json_string_value(json_object_get(answer.doc, "detail")));
	kit_answer_free(&answer);
	kit_answer_free(first);
}

static void
enrol_with(struct kit *kit, const char *type)
{
	struct kit_answer first;

	begin(kit, &first);
	finish(kit, &first, quote_by(&kit_a.ak, first.doc, false), type);
}

static void
allow(struct kit *kit, const char *policy)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	struct ca_pcr row = { .added = kit_now };
	struct tpmiot_err err;

	snprintf(row.policy, sizeof(row.policy), "%s", policy);
	tpmiot_pcrset_put_values(&values, &text);
	row.pcrs = tpmiot_buf_cstr(&text);
	assert_ok(ca_pcr_add(kit->store, &row, &row.id, &err));
	tpmiot_buf_free(&text);
}

/* ---- What is asked for ----------------------------------------------------------------- */

static void
test_asks(void **state)
{
	struct kit *kit = *state;
	struct kit_answer first;
	json_t *wanted = json_pack("{s:[i, i], s:[i]}", "sha256", 0, 7, "sha384", 4);

	begin(kit, &first);
	assert_null(json_object_get(first.doc, "pcrs"));
	kit_answer_free(&first);
	kit_configure(kit, "enrolment = open\npcrs = sha384:4+sha256:7,0\n");
	begin(kit, &first);
	assert_true(json_equal(json_object_get(first.doc, "pcrs"), wanted));
	kit_answer_free(&first);
	json_decref(wanted);
}

/* Without a policy any value will do, and is recorded with what the TPM says of its clock. */
static void
test_recorded(void **state)
{
	struct ca_quote quote = { .pcrs = TPMIOT_BUF_INIT };
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	struct kit *kit = *state;
	struct tpmiot_err err;

	kit_configure(kit, ASK);
	set_values("sha256:0,7");
	enrol_with(kit, "");
	assert_ok(ca_quote_find(kit->store, kit_a.ek_spki, &quote, &err));
	tpmiot_pcrset_put_values(&values, &text);
	assert_string_equal(tpmiot_buf_cstr(&quote.pcrs), tpmiot_buf_cstr(&text));
	assert_int_equal(quote.time, kit_now);
	assert_int_equal(quote.resets, 7);
	assert_true(quote.clock_safe);
	tpmiot_buf_free(&text);
	tpmiot_buf_free(&quote.pcrs);
	assert_int_equal(
	    kit_count(
	        kit, "SELECT count(*) FROM audit WHERE decision = 'accepted' AND pcrs IS NOT NULL"),
	    1);
}

/* ---- Quotes that do not hold --------------------------------------------------------------- */

static void
test_quote_refused(void **state)
{
	struct tpmiot_buf before = TPMIOT_BUF_INIT, after = TPMIOT_BUF_INIT;
	struct kit *kit = *state;
	struct kit_answer first;
	json_t *quote;

	kit_configure(kit, ASK);
	set_values("sha256:0,7");
	kit_snapshot(kit, &before);
	begin(kit, &first);
	finish(kit, &first, NULL, "quote-required");
	begin(kit, &first);
	finish(kit, &first, quote_by(&kit_a.ak, first.doc, true), "quote-invalid"); /* nonce */
	begin(kit, &first);
	finish(kit, &first, quote_by(&kit_b.ak, first.doc, false), "quote-invalid"); /* AK */
	begin(kit, &first);
	quote = quote_by(&kit_a.ak, first.doc, false); /* a value that was not quoted */
	json_object_set_new(json_object_get(json_object_get(quote, "pcrs"), "sha256"), "7",
	    kit_b64("12345678901234567890123456789012", 32));
	finish(kit, &first, quote, "quote-invalid");
	/* Other PCRs than asked for: less, more, another bank. */
	for (size_t i = 0; i < 4; i++) {
		static const char *const others[] = { "sha256:0", "sha256:0,7,8", "sha3-256:0,7",
			"sha256:0,7+sha3-256:1" };

		set_values(others[i]);
		enrol_with(kit, "quote-invalid");
	}
	set_values("sha256:0,7");
	/* A quote of more, and values of what was asked for. */
	begin(kit, &first);
	set_values("sha256:0,7,8");
	quote = quote_by(&kit_a.ak, first.doc, false);
	json_object_del(json_object_get(json_object_get(quote, "pcrs"), "sha256"), "8");
	finish(kit, &first, quote, "quote-invalid");
	kit_snapshot(kit, &after);
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.data, after.data, after.len);
	/* What was not verified is not kept. */
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM audit WHERE pcrs IS NOT NULL"), 0);
	tpmiot_buf_free(&before);
	tpmiot_buf_free(&after);
}

static void
test_quote_malformed(void **state)
{
	static const char *const bad[] = { "[]", "{}", "{\"attest\": \"AA==\"}",
		"{\"attest\": \"AA==\", \"signature\": \"AA==\"}",
		"{\"attest\": \"AA==\", \"signature\": \"AA==\", \"pcrs\": []}",
		"{\"attest\": \"AA==\", \"signature\": \"AA==\", \"pcrs\": {\"md5\": {}}}",
		"{\"attest\": \"AA==\", \"signature\": \"AA==\", \"pcrs\": {\"SHA256\": {}}}",
		"{\"attest\": \"AA==\", \"signature\": \"AA==\", \"pcrs\": {\"sha256\": []}}",
		"{\"attest\": \"AA==\", \"signature\": \"AA==\", \"pcrs\": {\"sha256\": {\"0\": "
		"1}}}",
		"{\"attest\": \"AA==\", \"signature\": \"AA==\", \"pcrs\": {\"sha256\": {\"0\": "
		"\"AA==\"}}}",
		"{\"attest\": \"AA==\", \"signature\": \"AA==\", \"pcrs\": {\"sha1\": {\"24\": "
		"\"AAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}}}",
		"{\"attest\": \"AA==\", \"signature\": \"AA==\", \"pcrs\": {\"sha1\": {\"00\": "
		"\"AAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}}}" };
	struct kit *kit = *state;
	struct kit_answer first;

	kit_configure(kit, ASK);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		begin(kit, &first);
		finish(kit, &first, json_loads(bad[i], 0, NULL), "malformed-request");
	}
}

/* ---- Values --------------------------------------------------------------------------------- */

static void
test_values_judged(void **state)
{
	struct kit *kit = *state;

	kit_configure(kit, JUDGE);
	set_values("sha256:0,7");
	enrol_with(kit, "pcrs-refused"); /* a policy that allows nothing */
	/* The refusal kept them for the operator. */
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM audit WHERE reason = 'pcrs-refused'"
	                                " AND pcrs LIKE 'sha256:0=3030%,7=3737%'"),
	    1);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM quotes"), 0);
	allow(kit, "unrelated");
	enrol_with(kit, "pcrs-refused");
	allow(kit, "fw");
	enrol_with(kit, "");
	values.bank[0].values[7][31] ^= 1; /* one bit of one value */
	enrol_with(kit, "pcrs-refused");
	allow(kit, "other"); /* either policy will do */
	enrol_with(kit, "");
}

/* A policy that knows more or less than what is quoted allows nothing. */
static void
test_values_of_other_pcrs(void **state)
{
	struct kit *kit = *state;

	kit_configure(kit, JUDGE);
	set_values("sha256:0");
	allow(kit, "fw");
	set_values("sha256:0,7,8");
	allow(kit, "fw");
	set_values("sha256:0,7");
	enrol_with(kit, "pcrs-refused");
}

/* What the group asks for changes between the steps. */
static void
test_question_changes(void **state)
{
	struct kit *kit = *state;
	struct kit_answer first;

	kit_configure(kit, ASK);
	set_values("sha256:0,7");
	begin(kit, &first);
	kit_configure(kit, "enrolment = open\npcrs = sha256:0\n");
	finish(kit, &first, quote_by(&kit_a.ak, first.doc, false), "session-expired");
	kit_configure(kit, "enrolment = open\n");
	begin(kit, &first);
	kit_configure(kit, ASK);
	finish(kit, &first, NULL, "session-expired");
}

/* ---- Renewal --------------------------------------------------------------------------------- */

static void
test_renewal(void **state)
{
	struct kit *kit = *state;
	struct kit_answer first, answer;
	X509 *cert;
	json_t *body;

	kit_enrol(kit, &kit_a, NULL, &answer, NULL); /* before there was a policy */
	cert = kit_leaf(&answer, "certificate");
	kit_answer_free(&answer);
	kit_configure(kit, JUDGE);
	set_values("sha256:0,7");
	for (int allowed = 0; allowed <= 1; allowed++) {
		kit_post_as(kit, cert, "/v1/renewals", json_object(), &first);
		assert_int_equal(first.status, 200);
		assert_int_equal(
		    json_array_size(json_object_get(json_object_get(first.doc, "pcrs"), "sha256")),
		    2);
		body = kit_issue(&kit_a, first.doc);
		kit_set(body, "quote", quote_by(&kit_a.ak, first.doc, false));
		kit_post_as(kit, cert, "/v1/certificates", body, &answer);
		assert_string_equal(answer.type, allowed ? "" : "pcrs-refused");
		kit_answer_free(&first);
		kit_answer_free(&answer);
		if (!allowed)
			allow(kit, "fw");
	}
	X509_free(cert);
}

/* ---- Configuration ------------------------------------------------------------------------ */

/* Group by token: to come again without the token, or with one of no group, is no way out. */
static void
test_group_stays(void **state)
{
	struct kit *kit = *state;
	struct kit_answer first;
	json_t *body = kit_attest(&kit_a);

	kit_configure(
	    kit, "enrolment = open\n[group locked]\npcrs = sha256:0,7\npcr_policies = fw\n");
	set_values("sha256:0,7");
	allow(kit, "fw");
	kit_token(kit, "tj_locked", 1, kit_now + 60, "");
	kit_sql(kit, "UPDATE tokens SET grp = 'locked'");
	kit_token(kit, "tj_plain", 1, kit_now + 60, "");
	kit_set(body, "join_token", json_string("tj_locked"));
	kit_post(kit, "/v1/attestations", body, &first);
	finish(kit, &first, quote_by(&kit_a.ak, first.doc, false), "");
	kit_sql(kit, "DELETE FROM pcr_policies"); /* an update that nobody allowed */
	begin(kit, &first);
	finish(kit, &first, NULL, "quote-required");
	enrol_with(kit, "pcrs-refused");
	body = kit_attest(&kit_a);
	kit_set(body, "join_token", json_string("tj_plain"));
	kit_post(kit, "/v1/attestations", body, &first);
	finish(kit, &first, quote_by(&kit_a.ak, first.doc, false), "pcrs-refused");
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM devices WHERE grp = 'locked'"), 1);
	/* The operator's way out. */
	kit_sql(kit, "UPDATE devices SET id = id || '~'");
	begin(kit, &first);
	finish(kit, &first, NULL, "");
}

static void
test_configuration_refused(void **state)
{
	static const char *const bad[] = { "pcrs = sha256:24\n", "pcrs = 0,7\n",
		"pcr_policies = fw\n", "[group g]\npcrs = md5:0\n",
		"[group g]\npcr_policies = fw\n" };
	struct kit *kit = *state;
	struct tpmiot_err err = { 0 };
	struct ca_config config;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		scratch_write(kit->dir, CA_CONFIG_FILE, bad[i]);
		assert_int_equal(ca_config_load(kit->dir, NULL, 0, &config, &err), TPMIOT_E_FORMAT);
		assert_non_null(strstr(err.text, "pcr"));
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_asks),
		TEST(test_recorded),
		TEST(test_quote_refused),
		TEST(test_quote_malformed),
		TEST(test_values_judged),
		TEST(test_values_of_other_pcrs),
		TEST(test_question_changes),
		TEST(test_renewal),
		TEST(test_group_stays),
		TEST(test_configuration_refused),
	};

	return cmocka_run_group_tests(tests, kit_group_setup, kit_group_teardown);
}
