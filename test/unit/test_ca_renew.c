/* SPDX-License-Identifier: Apache-2.0 */
/* Renewal over mTLS: with the certificate that the device has, for the same key or a new one. */
#include "enrolkit.h"

#include "ca/token/devkey.h"

/* A is enrolled, and so is B; these are their certificates. */
static X509 *cert_a, *cert_b;

static int
setup(void **state)
{
	if (kit_setup(state) != 0)
		return -1;
	cert_a = kit_enrolled(*state, &kit_a);
	cert_b = kit_enrolled(*state, &kit_b);
	kit_now += 86400;
	return 0;
}

static int
teardown(void **state)
{
	X509_free(cert_a);
	X509_free(cert_b);
	return kit_teardown(state);
}

static json_t *
naming(const struct softkey *ak)
{
	return json_pack("{s:{s:o}}", "ak", "public", kit_public(ak));
}

static void
expect_ok(const struct kit_answer *answer)
{
	if (answer->status != 200)
		fail_msg("%d %s: %s", answer->status, answer->type,
		    json_string_value(json_object_get(answer->doc, "detail")));
}

static void
begin(struct kit *kit, struct kit_answer *out)
{
	kit_post_as(kit, cert_a, "/v1/renewals", json_object(), out);
	expect_ok(out);
}

/* ---- What succeeds --------------------------------------------------------------------- */

static void
test_renew_same_key(void **state)
{
	struct kit *kit = *state;
	struct kit_answer first, answer;
	X509 *cert;

	begin(kit, &first);
	assert_null(json_object_get(first.doc, "challenge"));
	assert_int_equal(json_integer_value(json_object_get(first.doc, "expires_in")), 300);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM certificates"), 2);
	kit_post_as(kit, cert_a, "/v1/certificates", kit_issue(&kit_a, first.doc), &answer);
	expect_ok(&answer);
	cert = kit_leaf(&answer, "certificate");
	assert_int_equal(
	    X509_NAME_cmp(X509_get_subject_name(cert), X509_get_subject_name(cert_a)), 0);
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(cert), X509_get0_pubkey(cert_a)), 1);
	assert_int_not_equal(
	    ASN1_INTEGER_cmp(X509_get0_serialNumber(cert), X509_get0_serialNumber(cert_a)), 0);
	assert_int_equal(
	    ASN1_TIME_compare(X509_get0_notAfter(cert), X509_get0_notAfter(cert_a)), 1);
	X509_free(cert);
	kit_answer_free(&first);
	kit_answer_free(&answer);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM certificates WHERE state = 0"), 3);
	assert_int_equal(
	    kit_count(
	        kit, "SELECT count(*) FROM audit WHERE event = 'renew' AND decision = 'accepted'"),
	    1);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM devices WHERE model = 'softtpm'"), 2);
}

/* Old and new overlap: the old one still renews until the device has changed over. */
static void
test_renew_new_key_and_overlap(void **state)
{
	struct kit *kit = *state;
	struct kit_device rekeyed = kit_a;
	struct kit_answer first, answer;
	X509 *cert;

	softkey_make(&rekeyed.key, &kit_a.key.pub.area);
	begin(kit, &first);
	kit_post_as(kit, cert_a, "/v1/certificates", kit_issue(&rekeyed, first.doc), &answer);
	expect_ok(&answer);
	cert = kit_leaf(&answer, "certificate");
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(cert), rekeyed.key.pkey), 1);
	kit_answer_free(&first);
	kit_answer_free(&answer);
	begin(kit, &first);
	kit_answer_free(&first);
	kit_post_as(kit, cert, "/v1/renewals", naming(&kit_a.ak), &first);
	expect_ok(&first);
	kit_answer_free(&first);
	X509_free(cert);
	softkey_free(&rekeyed.key);
}

static void
test_renew_repeated(void **state)
{
	struct kit *kit = *state;
	struct tpmiot_buf before = TPMIOT_BUF_INIT, after = TPMIOT_BUF_INIT;
	struct kit_device rekeyed = kit_a;
	struct kit_answer first, answer, again;
	json_t *body;

	begin(kit, &first);
	body = kit_issue(&kit_a, first.doc);
	kit_post_as(kit, cert_a, "/v1/certificates", json_incref(body), &answer);
	kit_snapshot(kit, &before);
	kit_post_as(kit, cert_a, "/v1/certificates", body, &again);
	expect_ok(&again);
	assert_true(json_equal(answer.doc, again.doc));
	kit_snapshot(kit, &after);
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.data, after.data, after.len);
	kit_answer_free(&again);
	softkey_make(&rekeyed.key, &kit_a.key.pub.area);
	kit_post_as(kit, cert_a, "/v1/certificates", kit_issue(&rekeyed, first.doc), &again);
	assert_string_equal(again.type, "session-spent");
	softkey_free(&rekeyed.key);
	kit_answer_free(&again);
	kit_answer_free(&first);
	kit_answer_free(&answer);
	tpmiot_buf_free(&before);
	tpmiot_buf_free(&after);
}

/* Whether it may kit_enrolled was decided when it did: blocking is how to end it. */
static void
test_renew_asks_no_enrolment_policy(void **state)
{
	struct kit *kit = *state;
	struct kit_answer first, answer;

	kit->config.enrolment = CA_ENROLMENT_LISTED;
	begin(kit, &first);
	kit_post_as(kit, cert_a, "/v1/certificates", kit_issue(&kit_a, first.doc), &answer);
	expect_ok(&answer);
	kit_answer_free(&first);
	kit_answer_free(&answer);
}

/* Of two AKs that it enrolled with, either; without a name the last. */
static void
test_renew_by_earlier_ak(void **state)
{
	struct kit *kit = *state;
	struct kit_device fresh = kit_a;
	struct kit_answer first, answer;

	softkey_make(&fresh.ak, &kit_a.ak.pub.area);
	X509_free(kit_enrolled(kit, &fresh));
	kit_post_as(kit, cert_a, "/v1/renewals", naming(&kit_a.ak), &first);
	expect_ok(&first);
	kit_post_as(kit, cert_a, "/v1/certificates", kit_issue(&kit_a, first.doc), &answer);
	expect_ok(&answer);
	kit_answer_free(&first);
	kit_answer_free(&answer);
	kit_now++;
	X509_free(kit_enrolled(kit, &fresh));
	begin(kit, &first);
	kit_post_as(kit, cert_a, "/v1/certificates", kit_issue(&kit_a, first.doc), &answer);
	assert_string_equal(answer.type, "certify-invalid");
	kit_answer_free(&answer);
	kit_post_as(kit, cert_a, "/v1/certificates", kit_issue(&fresh, first.doc), &answer);
	expect_ok(&answer);
	kit_answer_free(&first);
	kit_answer_free(&answer);
	softkey_free(&fresh.ak);
}

/* ---- What is refused ------------------------------------------------------------------- */

static X509 *
nobody(struct kit *kit)
{
	(void)kit;
	return NULL;
}

static X509 *
by_a(struct kit *kit)
{
	(void)kit;
	return X509_dup(cert_a);
}

static X509 *
by_b(struct kit *kit)
{
	(void)kit;
	return X509_dup(cert_b);
}

/* A's certificate in all that it says, by another CA. */
static X509 *
forged(struct kit *kit)
{
	X509 *cert = X509_dup(cert_a);

	(void)kit;
	assert_true(X509_sign(cert, kit_root_key, EVP_sha256()) > 0);
	return cert;
}

static X509 *
stranger(struct kit *kit)
{
	(void)kit;
	return X509_dup(kit_root);
}

static void
revoke_all(struct kit *kit)
{
	kit_sql(kit, "UPDATE certificates SET state = 1, revoked_at = 1");
}

/* A has another certificate for its key since, and loses faith in the key with the first. */
static void
compromise_earlier(struct kit *kit)
{
	X509_free(cert_a);
	cert_a = kit_enrolled(kit, &kit_a);
	kit_sql(kit, "UPDATE certificates SET state = 1, revoked_at = 1, reason = 1"
	             " WHERE id = (SELECT min(id) FROM certificates)");
}

static void
block(struct kit *kit)
{
	struct tpmiot_err err;

	assert_ok(ca_device_set_state(kit->store, kit_a.ek_spki, CA_DEVICE_BLOCKED, &err));
}

static void
move_to_no_group(struct kit *kit)
{
	kit_sql(kit, "UPDATE devices SET grp = 'gone'");
}

static void
expire(struct kit *kit)
{
	(void)kit;
	kit_now += 366LL * 86400;
}

static void
too_early(struct kit *kit)
{
	(void)kit;
	kit_now -= 2LL * 86400;
}

static json_t *
others_ak(void)
{
	return naming(&kit_b.ak);
}

static json_t *
unknown_ak(void)
{
	return naming(&kit_foreign.ak);
}

/* The enrolled AK's key under a public area that nobody ever activated. */
static json_t *
dressed_up_ak(void)
{
	struct softkey ak = kit_a.ak;
	TPMT_PUBLIC area = ak.pub.area;
	json_t *body;

	area.objectAttributes &= ~(TPMA_OBJECT)TPMA_OBJECT_FIXEDTPM;
	softkey_claim(&ak, &area);
	body = naming(&ak);
	return body;
}

static json_t *
cut_ak(void)
{
	return json_pack("{s:{s:s}}", "ak", "public", "AFgAIwAL");
}

struct refusal {
	const char *what;
	void (*arrange)(struct kit *kit);
	X509 *(*client)(struct kit *kit);
	json_t *(*request)(void); /* NULL: a good one */
	const char *type;
	int status;
};

static void
check(struct kit *kit, const struct refusal *r, const char *path, json_t *body)
{
	struct tpmiot_buf before = TPMIOT_BUF_INIT, after = TPMIOT_BUF_INIT;
	struct kit_answer answer;
	X509 *client = r->client(kit);
	char sql[160];

	kit_snapshot(kit, &before);
	kit_post_as(kit, client, path, body, &answer);
	if (answer.status != r->status || strcmp(answer.type, r->type) != 0)
		fail_msg("%s: %d %s %s", r->what, answer.status, answer.type,
		    json_string_value(json_object_get(answer.doc, "detail")));
	kit_snapshot(kit, &after);
	if (before.len != after.len || memcmp(before.data, after.data, after.len) != 0)
		fail_msg("%s: changed the store", r->what);
	snprintf(sql, sizeof(sql),
	    "SELECT count(*) FROM audit WHERE decision = 'refused' AND reason = '%s'", r->type);
	if (r->status != 400 && kit_count(kit, sql) != 1)
		fail_msg("%s: not in the audit log", r->what);
	kit_answer_free(&answer);
	tpmiot_buf_free(&before);
	tpmiot_buf_free(&after);
	X509_free(client);
}

static const struct refusal first_step[] = {
	{ "no certificate", NULL, nobody, NULL, "client-certificate-required", 403 },
	{ "a stranger's certificate", NULL, stranger, NULL, "client-certificate-invalid", 403 },
	{ "our serial, not our signature", NULL, forged, NULL, "client-certificate-invalid", 403 },
	{ "expired", expire, by_a, NULL, "client-certificate-invalid", 403 },
	{ "not valid yet", too_early, by_a, NULL, "client-certificate-invalid", 403 },
	{ "revoked", revoke_all, by_a, NULL, "certificate-revoked", 403 },
	{ "its key revoked", compromise_earlier, by_a, NULL, "key-revoked", 403 },
	{ "blocked", block, by_a, NULL, "device-blocked", 403 },
	{ "its group was taken out", move_to_no_group, by_a, NULL, "group-unknown", 403 },
	{ "another device's AK", NULL, by_a, others_ak, "ak-unknown", 403 },
	{ "an AK nobody enrolled with", NULL, by_a, unknown_ak, "ak-unknown", 403 },
	{ "the AK with other attributes", NULL, by_a, dressed_up_ak, "ak-unknown", 403 },
	{ "an AK cut short", NULL, by_a, cut_ak, "ak-unsuitable", 422 },
};

/* What such a key signs counts no more either; another reason is not the key's. */
static void
test_devkey_revoked(void **state)
{
	struct kit *kit = *state;
	struct ca_devkey key = { .key = NULL };
	uint8_t spki[CA_SHA256_LEN];
	struct tpmiot_err err;

	assert_ok(tpmiot_public_spki_sha256(NULL, &kit_a.key.pub, spki, &err));
	compromise_earlier(kit);
	assert_ok(ca_devkey_find(kit->store, spki, &key, &err));
	assert_fails(ca_devkey_usable(&key, kit_now, false, &err), TPMIOT_E_POLICY, "revoked");
	ca_devkey_clear(&key);
	kit_sql(kit, "UPDATE certificates SET reason = 4 WHERE state = 1");
	assert_ok(ca_devkey_find(kit->store, spki, &key, &err));
	assert_ok(ca_devkey_usable(&key, kit_now, false, &err));
	ca_devkey_clear(&key);
}

static void
test_first_step_refusals(void **state)
{
	for (size_t i = 0; i < sizeof(first_step) / sizeof(first_step[0]); i++) {
		const struct refusal *r = &first_step[i];

		assert_int_equal(setup(state), 0);
		if (r->arrange != NULL)
			r->arrange(*state);
		check(*state, r, "/v1/renewals", r->request != NULL ? r->request() : json_object());
		teardown(state);
	}
}

/* Between a good first step and a good second one. */
static const struct refusal second_step[] = {
	{ "no certificate", NULL, nobody, NULL, "client-certificate-required", 403 },
	{ "another device's certificate", NULL, by_b, NULL, "client-certificate-invalid", 403 },
	{ "revoked meanwhile", revoke_all, by_a, NULL, "certificate-revoked", 403 },
	{ "blocked meanwhile", block, by_a, NULL, "device-blocked", 403 },
	{ "its group was taken out", move_to_no_group, by_a, NULL, "group-unknown", 403 },
};

static void
test_second_step_refusals(void **state)
{
	for (size_t i = 0; i < sizeof(second_step) / sizeof(second_step[0]); i++) {
		const struct refusal *r = &second_step[i];
		struct kit_answer first;

		assert_int_equal(setup(state), 0);
		begin(*state, &first);
		if (r->arrange != NULL)
			r->arrange(*state);
		check(*state, r, "/v1/certificates", kit_issue(&kit_a, first.doc));
		kit_answer_free(&first);
		teardown(state);
	}
}

static void
expect_refusal(struct kit *kit, const json_t *challenge, const struct softkey *certified,
    const struct softkey *ak, bool stale, const char *type)
{
	struct kit_answer answer;
	json_t *body = kit_issue_with(&kit_a, challenge, certified, ak, stale, &kit_a.key);

	kit_post_as(kit, cert_a, "/v1/certificates", body, &answer);
	assert_string_equal(answer.type, type);
	kit_answer_free(&answer);
}

static void
test_second_step_evidence(void **state)
{
	struct kit *kit = *state;
	struct kit_device thief = kit_a;
	struct kit_answer first, answer;

	begin(kit, &first);
	expect_refusal(kit, first.doc, &kit_a.key, &kit_a.ak, true, "certify-invalid");
	expect_refusal(kit, first.doc, &kit_b.key, &kit_a.ak, false, "certify-invalid");
	expect_refusal(kit, first.doc, &kit_a.key, &kit_b.ak, false, "certify-invalid");
	thief.key = kit_b.key; /* certified for B */
	kit_post_as(kit, cert_a, "/v1/certificates", kit_issue(&thief, first.doc), &answer);
	assert_string_equal(answer.type, "key-already-certified");
	kit_answer_free(&answer);
	kit_now += 301;
	kit_post_as(kit, cert_a, "/v1/certificates", kit_issue(&kit_a, first.doc), &answer);
	assert_string_equal(answer.type, "session-expired");
	kit_answer_free(&answer);
	kit_answer_free(&first);
}

/* A certificate does not replace the secret where a challenge was set. */
static void
test_enrolment_needs_secret(void **state)
{
	struct kit *kit = *state;
	struct kit_answer first, answer;
	json_t *body;

	kit_post_as(kit, cert_a, "/v1/attestations", kit_attest(&kit_a), &first);
	expect_ok(&first);
	body = kit_issue(&kit_a, first.doc);
	json_object_del(body, "secret");
	kit_post_as(kit, cert_a, "/v1/certificates", body, &answer);
	assert_string_equal(answer.type, "malformed-request");
	kit_answer_free(&answer);
	kit_answer_free(&first);
}

/* ---- The maker's revocation lists ------------------------------------------------------ */

#define EK_SERIAL "4097" /* certkit's */

/* The maker's list, with this serial number on it (NULL: none); or there is none. */
static void
set_list(struct kit *kit, struct tpmiot_ekcert_crls *crls, const char *serial, bool exists)
{
	sk_X509_CRL_pop_free(crls->lists, X509_CRL_free);
	crls->lists = sk_X509_CRL_new_null();
	if (exists)
		assert_true(sk_X509_CRL_push(crls->lists,
		                certkit_crl(kit_root, kit_root_key, serial, 3 * 86400)) > 0);
	ca_api_set_ek_crls(kit->api, crls);
}

static void
expect_begin(struct kit *kit, const char *type)
{
	struct kit_answer answer;

	kit_post_as(kit, cert_a, "/v1/renewals", json_object(), &answer);
	assert_string_equal(answer.type, type);
	kit_answer_free(&answer);
}

static void
test_ek_revoked(void **state)
{
	struct tpmiot_ekcert_crls crls = { .lists = NULL };
	struct kit *kit = *state;
	struct kit_answer first, answer;

	set_list(kit, &crls, NULL, true);
	expect_begin(kit, "");
	begin(kit, &first);
	set_list(kit, &crls, EK_SERIAL, true);
	expect_begin(kit, "ek-certificate-revoked");
	/* Revoked between the steps. */
	kit_post_as(kit, cert_a, "/v1/certificates", kit_issue(&kit_a, first.doc), &answer);
	assert_string_equal(answer.type, "ek-certificate-revoked");
	kit_answer_free(&answer);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM certificates"), 2);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM audit WHERE reason ="
	                                " 'ek-certificate-revoked'"),
	    2);
	/* A list that is missing means what it does at enrolment. */
	set_list(kit, &crls, NULL, false);
	expect_begin(kit, "ek-certificate-untrusted");
	crls.missing_ok = true;
	expect_begin(kit, "");
	/* The operator vouches; or looks at no list. */
	set_list(kit, &crls, EK_SERIAL, true);
	expect_begin(kit, "ek-certificate-revoked");
	kit_allow(kit, &kit_a, "");
	expect_begin(kit, "");
	kit_sql(kit, "DELETE FROM allow");
	expect_begin(kit, "ek-certificate-revoked");
	ca_api_set_ek_crls(kit->api, NULL);
	kit_post_as(kit, cert_a, "/v1/certificates", kit_issue(&kit_a, first.doc), &answer);
	expect_ok(&answer);
	kit_answer_free(&answer);
	kit_answer_free(&first);
	sk_X509_CRL_pop_free(crls.lists, X509_CRL_free);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_renew_same_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_renew_new_key_and_overlap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_renew_repeated, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_renew_asks_no_enrolment_policy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_renew_by_earlier_ak, setup, teardown),
		cmocka_unit_test(test_first_step_refusals),
		cmocka_unit_test(test_second_step_refusals),
		cmocka_unit_test_setup_teardown(test_second_step_evidence, setup, teardown),
		cmocka_unit_test_setup_teardown(test_enrolment_needs_secret, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ek_revoked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_devkey_revoked, setup, teardown),
	};

	return cmocka_run_group_tests_name("ca_renew", tests, kit_group_setup, kit_group_teardown);
}
