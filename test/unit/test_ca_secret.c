/* SPDX-License-Identifier: Apache-2.0 */
/* Devices' secrets: who gets which, wrapped for what, and what is refused. */
#include "enrolkit.h"

#include <tpmiot/gcm.h>
#include <tpmiot/template.h>

#include "ca/vault.h"

#define VALUE "correct horse battery staple"
static char large[CA_SECRET_MAX];

static struct tpmiot_bytes
text(const char *str)
{
	return (struct tpmiot_bytes){ str, strlen(str) };
}

static void
begin(struct kit *kit, bool wanted, struct kit_answer *out)
{
	kit_post(kit, "/v1/attestations", kit_attest(&kit_a), out);
	assert_int_equal(out->status, 200);
	assert_int_equal(json_is_true(json_object_get(out->doc, "parent_wanted")), wanted);
}

/* The second step with this parent (NULL: none). */
static void
finish(struct kit *kit, struct kit_answer *first, json_t *parent, const char *type,
    struct kit_answer *out)
{
	json_t *body = kit_issue(&kit_a, first->doc);

	if (parent != NULL)
		kit_set(body, "parent", parent);
	kit_post(kit, "/v1/certificates", body, out);
	if (strcmp(out->type, type) != 0)
		fail_msg("%s instead of %s: %s", out->type, type,
		    json_string_value(json_object_get(out->doc, "detail")));
	kit_answer_free(first);
}

/* What is in the i-th secret, if the TPM with this storage key opens it. */
static void
assert_secret(const struct kit_answer *answer, size_t i, const char *name, const char *kind,
    const void *value, size_t len)
{
	const json_t *s = json_array_get(json_object_get(answer->doc, "secrets"), i);
	struct tpmiot_buf pub = TPMIOT_BUF_INIT, priv = TPMIOT_BUF_INIT, seed = TPMIOT_BUF_INIT;
	struct tpmiot_buf got = TPMIOT_BUF_INIT, data = TPMIOT_BUF_INIT, key = TPMIOT_BUF_INIT;
	const struct tpmiot_bytes none = { NULL, 0 };
	struct tpmiot_public area;
	struct tpmiot_err err;

	assert_string_equal(json_string_value(json_object_get(s, "name")), name);
	assert_string_equal(json_string_value(json_object_get(s, "kind")), kind);
	kit_unb64(json_object_get(s, "public"), &pub);
	kit_unb64(json_object_get(s, "duplicate"), &priv);
	kit_unb64(json_object_get(s, "seed"), &seed);
	assert_ok(tpmiot_public_parse(NULL, pub.data, pub.len, &area, &err));
	assert_false(softtpm_import(&kit_b.srk, &area, (struct tpmiot_bytes){ priv.data, priv.len },
	    (struct tpmiot_bytes){ seed.data, seed.len }, none, &got));
	assert_true(softtpm_import(&kit_a.srk, &area, (struct tpmiot_bytes){ priv.data, priv.len },
	    (struct tpmiot_bytes){ seed.data, seed.len }, none, &got));
	if (json_object_get(s, "data") != NULL) {
		kit_unb64(json_object_get(s, "data"), &data);
		tpmiot_buf_move(&key, &got);
		assert_int_equal(key.len, TPMIOT_GCM_KEY_LEN);
		assert_ok(tpmiot_gcm_open(NULL, key.data, none,
		    (struct tpmiot_bytes){ data.data, data.len }, &got, &err));
	}
	assert_int_equal(got.len, len);
	assert_memory_equal(got.data, value, len);
	tpmiot_buf_free(&pub);
	tpmiot_buf_free(&priv);
	tpmiot_buf_free(&seed);
	tpmiot_buf_free(&got);
	tpmiot_buf_free(&data);
	tpmiot_buf_free(&key);
}

static void
test_none(void **state)
{
	struct kit *kit = *state;
	struct kit_answer first, answer;

	kit_secret(kit, &kit_b, "", "others", CA_SECRET_DATA, text(VALUE));
	kit_secret(kit, NULL, "g", "of-a-group", CA_SECRET_DATA, text(VALUE));
	begin(kit, false, &first);
	finish(kit, &first, NULL, "", &answer);
	assert_true(json_is_array(json_object_get(answer.doc, "secrets")));
	assert_int_equal(json_array_size(json_object_get(answer.doc, "secrets")), 0);
	kit_answer_free(&answer);
}

static void
test_delivered(void **state)
{
	struct ca_allow allow = { .added = kit_now, .group = "g" };
	struct kit *kit = *state;
	struct kit_answer first, answer, again;
	struct tpmiot_err err;
	json_t *body;

	kit_configure(kit, "enrolment = open\n[group g]\n");
	memcpy(allow.ek_spki, kit_a.ek_spki, CA_SHA256_LEN);
	assert_ok(ca_allow_add(kit->store, &allow, &err));
	kit_secret(kit, &kit_a, "", "a", CA_SECRET_DATA, text(VALUE));
	kit_secret(kit, NULL, "g", "a", CA_SECRET_DATA, text("the group's"));
	kit_secret(kit, NULL, "g", "b", CA_SECRET_HMAC, text("a key"));
	kit_secret(
	    kit, &kit_a, "", "c", CA_SECRET_DATA, (struct tpmiot_bytes){ large, sizeof(large) });
	kit_secret(kit, &kit_b, "", "d", CA_SECRET_DATA, text("another device's"));
	begin(kit, true, &first);
	body = kit_issue(&kit_a, first.doc);
	kit_set(body, "parent", kit_public(&kit_a.srk));
	kit_post(kit, "/v1/certificates", json_incref(body), &answer);
	assert_string_equal(answer.type, "");
	assert_int_equal(json_array_size(json_object_get(answer.doc, "secrets")), 3);
	assert_secret(&answer, 0, "a", "data", VALUE, strlen(VALUE));
	assert_secret(&answer, 1, "b", "hmac", "a key", 5);
	assert_secret(&answer, 2, "c", "data", large, sizeof(large));
	/* The reply was lost: they come again, with the same certificate. */
	kit_post(kit, "/v1/certificates", body, &again);
	assert_secret(&again, 0, "a", "data", VALUE, strlen(VALUE));
	assert_string_equal(json_string_value(json_object_get(again.doc, "certificate")),
	    json_string_value(json_object_get(answer.doc, "certificate")));
	assert_int_equal(
	    kit_count(kit, "SELECT count(*) FROM audit WHERE detail LIKE '%; secrets: a, b, c'"),
	    1);
	kit_answer_free(&first);
	kit_answer_free(&answer);
	kit_answer_free(&again);
}

/* A device tool that knows nothing of secrets gets its certificate, and no word of them. */
static void
test_kept_back(void **state)
{
	struct kit *kit = *state;
	struct kit_answer first, answer;

	kit_secret(kit, &kit_a, "", "a", CA_SECRET_DATA, text(VALUE));
	begin(kit, true, &first);
	finish(kit, &first, NULL, "", &answer);
	assert_null(json_object_get(answer.doc, "secrets"));
	assert_int_equal(
	    kit_count(kit, "SELECT count(*) FROM audit WHERE detail LIKE '%kept back%'"), 1);
	kit_answer_free(&answer);
}

/* A storage key that the certification does not show to be the device key's parent. */
static void
test_parent_refused(void **state)
{
	struct tpmiot_buf before = TPMIOT_BUF_INIT, after = TPMIOT_BUF_INIT;
	struct kit *kit = *state;
	struct kit_answer first, answer;
	struct softkey soft;
	TPMT_PUBLIC area;
	struct kit_device cbc = kit_a;
	json_t *bad[5], *body;

	tpmiot_template_srk_ecc(&area);
	softkey_make(&soft, &area);
	bad[0] = kit_public(&kit_b.srk); /* another TPM's */
	bad[1] = kit_public(&soft);      /* none of a TPM */
	bad[2] = kit_public(&kit_a.ek);  /* its own, but in another hierarchy */
	bad[3] = kit_public(&kit_a.ak);  /* its own, but no storage key */
	bad[4] = kit_b64("\0\x08trailing", 10);
	kit_secret(kit, &kit_a, "", "a", CA_SECRET_DATA, text(VALUE));
	kit_snapshot(kit, &before);
	for (size_t i = 0; i < 5; i++) {
		begin(kit, true, &first);
		finish(kit, &first, bad[i], "parent-invalid", &answer);
		kit_answer_free(&answer);
	}
	area = kit_a.srk.pub.area; /* its own, but nothing can be wrapped for it */
	area.parameters.eccDetail.symmetric.mode.aes = TPM2_ALG_CBC;
	softkey_claim(&cbc.srk, &area);
	begin(kit, true, &first);
	body = kit_issue(&cbc, first.doc);
	kit_set(body, "parent", kit_public(&cbc.srk));
	kit_post(kit, "/v1/certificates", body, &answer);
	assert_string_equal(answer.type, "parent-invalid");
	kit_answer_free(&answer);
	kit_answer_free(&first);
	begin(kit, true, &first);
	finish(kit, &first, json_integer(7), "malformed-request", &answer);
	kit_answer_free(&answer);
	kit_snapshot(kit, &after);
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.data, after.data, after.len);
	softkey_free(&soft);
	tpmiot_buf_free(&before);
	tpmiot_buf_free(&after);
}

/* At rest: unreadable without the key, and bound to whose they are. */
static void
test_at_rest(void **state)
{
	struct tpmiot_buf rows = TPMIOT_BUF_INIT;
	struct kit *kit = *state;
	struct kit_answer first, answer;
	char path[160];

	kit_secret(kit, &kit_b, "", "a", CA_SECRET_DATA, text(VALUE));
	assert_int_equal(
	    kit_count(kit, "SELECT count(*) FROM secrets WHERE instr(sealed, 'horse') > 0"), 0);
	/* A row in another device's place. */
	kit_enrol(kit, &kit_a, NULL, &answer, NULL);
	kit_answer_free(&answer);
	kit_sql(kit, "UPDATE secrets SET ek_spki = (SELECT ek_spki FROM devices)");
	begin(kit, true, &first);
	finish(kit, &first, kit_public(&kit_a.srk), "server-error", &answer);
	kit_answer_free(&answer);
	/* The key is lost. */
	kit_sql(kit, "DELETE FROM secrets");
	kit_secret(kit, &kit_a, "", "a", CA_SECRET_DATA, text(VALUE));
	snprintf(path, sizeof(path), "%s/" CA_VAULT_FILE, kit->dir);
	assert_int_equal(remove(path), 0);
	begin(kit, true, &first);
	finish(kit, &first, kit_public(&kit_a.srk), "server-error", &answer);
	kit_answer_free(&answer);
	tpmiot_buf_free(&rows);
}

/* Secrets that cannot be told: "nothing was changed" is true, and the session is good once they
 * can.
 */
static void
test_key_lost_changes_nothing(void **state)
{
	struct tpmiot_buf before = TPMIOT_BUF_INIT, after = TPMIOT_BUF_INIT;
	struct kit *kit = *state;
	struct kit_answer first, answer;
	char path[160], aside[180];
	json_t *body;

	kit_secret(kit, &kit_a, "", "a", CA_SECRET_DATA, text(VALUE));
	snprintf(path, sizeof(path), "%s/" CA_VAULT_FILE, kit->dir);
	snprintf(aside, sizeof(aside), "%s.aside", path);
	assert_int_equal(rename(path, aside), 0);
	kit_snapshot(kit, &before);
	begin(kit, true, &first);
	body = kit_issue(&kit_a, first.doc);
	kit_set(body, "parent", kit_public(&kit_a.srk));
	kit_post(kit, "/v1/certificates", json_incref(body), &answer);
	assert_string_equal(answer.type, "server-error");
	assert_null(json_object_get(answer.doc, "certificate"));
	kit_answer_free(&answer);
	kit_snapshot(kit, &after);
	assert_string_equal(tpmiot_buf_cstr(&before), tpmiot_buf_cstr(&after));
	assert_int_equal(
	    kit_count(kit, "SELECT count(*) FROM audit WHERE decision = 'accepted'"), 0);
	assert_int_equal(rename(aside, path), 0);
	kit_post(kit, "/v1/certificates", body, &answer);
	assert_string_equal(answer.type, "");
	assert_secret(&answer, 0, "a", "data", VALUE, strlen(VALUE));
	kit_answer_free(&answer);
	kit_answer_free(&first);
	tpmiot_buf_free(&before);
	tpmiot_buf_free(&after);
}

static int
group_setup(void **state)
{
	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = (char)(i * 7);
	return kit_group_setup(state);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_none),
		TEST(test_delivered),
		TEST(test_kept_back),
		TEST(test_parent_refused),
		TEST(test_at_rest),
		TEST(test_key_lost_changes_nothing),
	};

	return cmocka_run_group_tests(tests, group_setup, kit_group_teardown);
}
