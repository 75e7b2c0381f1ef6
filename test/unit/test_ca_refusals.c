/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enrolments that are refused: each with its status, its problem type and its line in
 * the audit log, and nothing else in the store changed.
 */
#include "enrolkit.h"

#include <tpmiot/template.h>

/* One case: what is arranged, what is wrong with the request, what comes of it. */
struct refusal {
	const char *what;
	void (*arrange)(struct kit *kit);
	json_t *(*request)(struct kit *kit, const json_t *challenge); /* NULL: a good one */
	const char *type;
	int status;
};

static struct tpmiot_buf snapshot;

static void
check(struct kit *kit, const struct refusal *r, const char *path, json_t *body)
{
	struct tpmiot_buf after = TPMIOT_BUF_INIT;
	struct kit_answer answer;
	char sql[160];

	kit_snapshot(kit, &snapshot);
	kit_post(kit, path, body, &answer);
	if (answer.status != r->status || strcmp(answer.type, r->type) != 0)
		fail_msg("%s: %d %s %s", r->what, answer.status, answer.type,
		    json_string_value(json_object_get(answer.doc, "detail")));
	if (json_string_length(json_object_get(answer.doc, "detail")) == 0 ||
	    json_string_length(json_object_get(answer.doc, "next")) == 0)
		fail_msg("%s: says neither why nor what next", r->what);
	kit_snapshot(kit, &after);
	if (snapshot.len != after.len || memcmp(snapshot.data, after.data, after.len) != 0)
		fail_msg("%s: changed the store", r->what);
	snprintf(sql, sizeof(sql),
	    "SELECT count(*) FROM audit WHERE decision = 'refused' AND reason = '%s'", r->type);
	if (kit_count(kit, sql) != 1)
		fail_msg("%s: not in the audit log", r->what);
	kit_answer_free(&answer);
	tpmiot_buf_free(&after);
	tpmiot_buf_free(&snapshot);
}

/* ---- First step ----------------------------------------------------------------------- */

static json_t *
without_certificate(struct kit *kit, const json_t *challenge)
{
	json_t *body = kit_attest(&kit_a);

	(void)kit;
	(void)challenge;
	json_object_del(json_object_get(body, "ek"), "certificate");
	return body;
}

static json_t *
with_foreign(struct kit *kit, const json_t *challenge)
{
	(void)kit;
	(void)challenge;
	return kit_attest(&kit_foreign);
}

static json_t *
with_others_certificate(struct kit *kit, const json_t *challenge)
{
	json_t *body = kit_attest(&kit_a), *b = kit_attest(&kit_b);

	(void)kit;
	(void)challenge;
	kit_set(body, "ek.certificate",
	    json_incref(json_object_get(json_object_get(b, "ek"), "certificate")));
	json_decref(b);
	return body;
}

/* Takes the binary member at `path`, changes it, puts it back. */
static void
edit(json_t *body, const char *path, void (*change)(struct tpmiot_buf *))
{
	const char *dot = strchr(path, '.');
	char first[32];
	struct tpmiot_buf buf = TPMIOT_BUF_INIT;
	json_t *at = body;

	if (dot != NULL) {
		snprintf(first, sizeof(first), "%.*s", (int)(dot - path), path);
		at = json_object_get(body, first);
	}
	kit_unb64(json_object_get(at, dot != NULL ? dot + 1 : path), &buf);
	change(&buf);
	kit_set(body, path, kit_b64(buf.data, buf.len));
	tpmiot_buf_free(&buf);
}

static void
cut(struct tpmiot_buf *buf)
{
	buf->len--;
}

static void
extend(struct tpmiot_buf *buf)
{
	tpmiot_buf_put_u8(buf, 0x42);
}

static void
flip_last(struct tpmiot_buf *buf)
{
	buf->data[buf->len - 1] ^= 1;
}

static void
flip_middle(struct tpmiot_buf *buf)
{
	buf->data[buf->len / 2] ^= 1;
}

#define EDITED_ATTEST(name, path, change)                                                          \
	static json_t *name(struct kit *kit, const json_t *challenge)                              \
	{                                                                                          \
		json_t *body = kit_attest(&kit_a);                                                 \
                                                                                                   \
		(void)kit;                                                                         \
		(void)challenge;                                                                   \
		edit(body, path, change);                                                          \
		return body;                                                                       \
	}
EDITED_ATTEST(ek_cut, "ek.public", cut)
EDITED_ATTEST(ek_extended, "ek.public", extend)
EDITED_ATTEST(ek_cert_cut, "ek.certificate", cut)
EDITED_ATTEST(ek_cert_extended, "ek.certificate", extend)
EDITED_ATTEST(ek_cert_forged, "ek.certificate", flip_last)
EDITED_ATTEST(ak_cut, "ak.public", cut)
EDITED_ATTEST(ak_extended, "ak.public", extend)

static json_t *
with_broken_chain(struct kit *kit, const json_t *challenge)
{
	json_t *body = kit_attest(&kit_a);

	(void)kit;
	(void)challenge;
	kit_set(body, "ek.chain", json_pack("[s]", "AQID"));
	return body;
}

/* A link that is missing: then the path does not reach the root. */
static json_t *
without_chain(struct kit *kit, const json_t *challenge)
{
	json_t *body = kit_attest(&kit_b);

	(void)kit;
	(void)challenge;
	json_object_del(json_object_get(body, "ek"), "chain");
	return body;
}

static json_t *
public_of(const struct softkey *key)
{
	struct tpmiot_buf buf = TPMIOT_BUF_INIT;
	json_t *v;

	tpmiot_public_put(&key->pub, &buf);
	v = kit_b64(buf.data, buf.len);
	tpmiot_buf_free(&buf);
	return v;
}

static json_t *
with_public(const char *path, const struct softkey *key)
{
	json_t *body = kit_attest(&kit_a);

	kit_set(body, path, public_of(key));
	return body;
}

static json_t *
key_as_ek(struct kit *kit, const json_t *challenge)
{
	(void)kit;
	(void)challenge;
	return with_public("ek.public", &kit_a.key);
}

static json_t *
key_as_ak(struct kit *kit, const json_t *challenge)
{
	(void)kit;
	(void)challenge;
	return with_public("ak.public", &kit_a.key);
}

static json_t *
ek_as_ak(struct kit *kit, const json_t *challenge)
{
	(void)kit;
	(void)challenge;
	return with_public("ak.public", &kit_a.ek);
}

static json_t *
others_ak(struct kit *kit, const json_t *challenge)
{
	(void)kit;
	(void)challenge;
	return with_public("ak.public", &kit_b.ak);
}

static json_t *
claiming(struct kit *kit, const json_t *challenge)
{
	json_t *body = kit_attest(&kit_a);

	(void)kit;
	(void)challenge;
	kit_set(body, "device_id", json_string("somebody-else"));
	return body;
}

static json_t *
with_token(struct kit *kit, const json_t *challenge)
{
	json_t *body = kit_attest(&kit_a);

	(void)kit;
	(void)challenge;
	kit_set(body, "join_token", json_string("tj_x"));
	return body;
}

static void
listed(struct kit *kit)
{
	kit->config.enrolment = CA_ENROLMENT_LISTED;
	kit_allow(kit, &kit_b, "pump-2");
}

static void
token(struct kit *kit)
{
	kit->config.enrolment = CA_ENROLMENT_TOKEN;
	kit_token(kit, "tj_y", 1, kit_now + 1, "");
}

static void
token_expired(struct kit *kit)
{
	kit->config.enrolment = CA_ENROLMENT_TOKEN;
	kit_token(kit, "tj_x", 1, kit_now, "");
}

static void
enrol_b(struct kit *kit)
{
	struct kit_answer answer;

	kit_enrol(kit, &kit_b, NULL, &answer, NULL);
	kit_answer_free(&answer);
}

static void
enrol_a(struct kit *kit)
{
	struct kit_answer answer;

	kit_enrol(kit, &kit_a, NULL, &answer, NULL);
	kit_answer_free(&answer);
}

static void
token_spent(struct kit *kit)
{
	struct kit_answer answer;

	kit->config.enrolment = CA_ENROLMENT_TOKEN;
	kit_token(kit, "tj_x", 1, kit_now + 9, "");
	kit_enrol(kit, &kit_b, "tj_x", &answer, NULL);
	kit_answer_free(&answer);
}

static void
id_taken(struct kit *kit)
{
	struct kit_answer answer;

	kit_token(kit, "tj_b", 1, kit_now + 9, "pump-1");
	kit_enrol(kit, &kit_b, "tj_b", &answer, NULL);
	kit_answer_free(&answer);
	kit_sql(kit, "UPDATE tokens SET device_id = 'pump-0'"); /* so that another may name it */
	kit_token(kit, "tj_x", 1, kit_now + 9, "pump-1");
}

static void
second_id(struct kit *kit)
{
	enrol_a(kit);
	kit_token(kit, "tj_x", 1, kit_now + 9, "pump-1");
}

static void
block_a(struct kit *kit)
{
	struct tpmiot_err err;

	enrol_a(kit);
	assert_ok(ca_device_set_state(kit->store, kit_a.ek_spki, CA_DEVICE_BLOCKED, &err));
}

static void
years_later(struct kit *kit)
{
	(void)kit;
	kit_now += 2LL * 365 * 86400; /* the EK certificates have expired */
}

static const struct refusal first_step[] = {
	{ "not listed", listed, NULL, "ek-not-listed", 403 },
	{ "no certificate", NULL, without_certificate, "ek-certificate-required", 403 },
	{ "no certificate, with a token", token, without_certificate, "ek-certificate-required",
	    403 },
	{ "unknown maker", NULL, with_foreign, "ek-certificate-untrusted", 403 },
	{ "expired certificate", years_later, NULL, "ek-certificate-untrusted", 403 },
	{ "forged certificate", NULL, ek_cert_forged, "ek-certificate-untrusted", 403 },
	{ "a link is missing", NULL, without_chain, "ek-certificate-untrusted", 403 },
	{ "another EK's certificate", NULL, with_others_certificate, "ek-certificate-mismatch",
	    422 },
	{ "certificate cut short", NULL, ek_cert_cut, "ek-certificate-invalid", 422 },
	{ "certificate extended", NULL, ek_cert_extended, "ek-certificate-invalid", 422 },
	{ "chain of rubbish", NULL, with_broken_chain, "ek-certificate-invalid", 422 },
	{ "EK cut short", NULL, ek_cut, "ek-unsupported", 422 },
	{ "EK extended", NULL, ek_extended, "ek-unsupported", 422 },
	{ "a signing key as EK", NULL, key_as_ek, "ek-unsupported", 422 },
	{ "AK cut short", NULL, ak_cut, "ak-unsuitable", 422 },
	{ "AK extended", NULL, ak_extended, "ak-unsuitable", 422 },
	{ "an AK that is not restricted", NULL, key_as_ak, "ak-unsuitable", 422 },
	{ "the EK as AK", NULL, ek_as_ak, "ak-unsuitable", 422 },
	{ "another device's AK", enrol_b, others_ak, "ak-bound", 409 },
	{ "no token", token, NULL, "join-token-required", 403 },
	{ "unknown token", token, with_token, "join-token-invalid", 403 },
	{ "expired token", token_expired, with_token, "join-token-expired", 403 },
	{ "spent token", token_spent, with_token, "join-token-spent", 403 },
	{ "somebody else's id", NULL, claiming, "device-id-mismatch", 403 },
	{ "an id that is taken", id_taken, with_token, "device-id-taken", 409 },
	{ "a second id", second_id, with_token, "device-enrolled-otherwise", 409 },
	{ "blocked", block_a, NULL, "device-blocked", 403 },
};

static void
test_first_step_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(first_step) / sizeof(first_step[0]); i++) {
		const struct refusal *r = &first_step[i];
		struct kit *kit;
		void *fresh;

		kit_setup(&fresh);
		kit = fresh;
		if (r->arrange != NULL)
			r->arrange(kit);
		check(kit, r, "/v1/attestations",
		    r->request != NULL ? r->request(kit, NULL) : kit_attest(&kit_a));
		kit_teardown(&fresh);
	}
}

/* ---- Second step -------------------------------------------------------------------------- */

#define EDITED_ISSUE(name, path, change)                                                           \
	static json_t *name(struct kit *kit, const json_t *challenge)                              \
	{                                                                                          \
		json_t *body = kit_issue(&kit_a, challenge);                                       \
                                                                                                   \
		(void)kit;                                                                         \
		edit(body, path, change);                                                          \
		return body;                                                                       \
	}
EDITED_ISSUE(session_cut, "session", cut)
EDITED_ISSUE(session_extended, "session", extend)
EDITED_ISSUE(session_changed, "session", flip_middle)
EDITED_ISSUE(secret_changed, "secret", flip_last)
EDITED_ISSUE(secret_cut, "secret", cut)
EDITED_ISSUE(secret_extended, "secret", extend)
EDITED_ISSUE(key_cut, "key.public", cut)
EDITED_ISSUE(key_extended, "key.public", extend)
EDITED_ISSUE(attest_cut, "key.attest", cut)
EDITED_ISSUE(attest_extended, "key.attest", extend)
EDITED_ISSUE(attest_changed, "key.attest", flip_last)
EDITED_ISSUE(signature_cut, "key.signature", cut)
EDITED_ISSUE(signature_extended, "key.signature", extend)
EDITED_ISSUE(signature_changed, "key.signature", flip_last)
EDITED_ISSUE(csr_cut, "csr", cut)
EDITED_ISSUE(csr_extended, "csr", extend)
EDITED_ISSUE(csr_changed, "csr", flip_last)

static json_t *
stale_nonce(struct kit *kit, const json_t *challenge)
{
	(void)kit;
	return kit_issue_with(&kit_a, challenge, &kit_a.key, &kit_a.ak, true, &kit_a.key);
}

static json_t *
other_key_certified(struct kit *kit, const json_t *challenge)
{
	(void)kit;
	return kit_issue_with(&kit_a, challenge, &kit_b.key, &kit_a.ak, false, &kit_a.key);
}

static json_t *
certified_by_other_ak(struct kit *kit, const json_t *challenge)
{
	(void)kit;
	return kit_issue_with(&kit_a, challenge, &kit_a.key, &kit_b.ak, false, &kit_a.key);
}

static json_t *
csr_for_other_key(struct kit *kit, const json_t *challenge)
{
	(void)kit;
	return kit_issue_with(&kit_a, challenge, &kit_a.key, &kit_a.ak, false, &kit_b.key);
}

/* A device whose key is said to be `key`. */
static json_t *
with_key(const json_t *challenge, const struct softkey *key)
{
	struct kit_device dev = kit_a;

	dev.key = *key;
	return kit_issue(&dev, challenge);
}

static json_t *
ak_as_key(struct kit *kit, const json_t *challenge)
{
	(void)kit;
	return with_key(challenge, &kit_a.ak);
}

/* A key that was made outside and loaded: the AK would certify it all the same. */
static json_t *
imported_key(struct kit *kit, const json_t *challenge)
{
	struct softkey key = kit_a.key;
	TPMT_PUBLIC area = key.pub.area;

	(void)kit;
	area.objectAttributes &= ~(TPMA_OBJECT)TPMA_OBJECT_SENSITIVEDATAORIGIN;
	softkey_claim(&key, &area);
	return with_key(challenge, &key);
}

static json_t *
exportable_key(struct kit *kit, const json_t *challenge)
{
	struct softkey key = kit_a.key;
	TPMT_PUBLIC area = key.pub.area;

	(void)kit;
	area.objectAttributes &= ~(TPMA_OBJECT)TPMA_OBJECT_FIXEDTPM;
	softkey_claim(&key, &area);
	return with_key(challenge, &key);
}

static json_t *
others_key(struct kit *kit, const json_t *challenge)
{
	(void)kit;
	return with_key(challenge, &kit_b.key);
}

static json_t *
after_expiry(struct kit *kit, const json_t *challenge)
{
	kit_now += kit->config.session_lifetime;
	return kit_issue(&kit_a, challenge);
}

static json_t *
after_block(struct kit *kit, const json_t *challenge)
{
	block_a(kit);
	return kit_issue(&kit_a, challenge);
}

static json_t *
after_closing(struct kit *kit, const json_t *challenge)
{
	kit->config.enrolment = CA_ENROLMENT_LISTED;
	return kit_issue(&kit_a, challenge);
}

static json_t *
after_distrust(struct kit *kit, const json_t *challenge)
{
	kit_sql(kit, "DELETE FROM roots");
	return kit_issue(&kit_a, challenge);
}

static json_t *
after_new_name(struct kit *kit, const json_t *challenge)
{
	kit_allow(kit, &kit_a, "pump-1");
	return kit_issue(&kit_a, challenge);
}

static json_t *
with_forgotten_seal_key(struct kit *kit, const json_t *challenge)
{
	kit_sql(kit, "UPDATE seal_keys SET id = id + 1");
	return kit_issue(&kit_a, challenge);
}

/* The session of one TPM, everything else of another. */
static json_t *
swapped_session(struct kit *kit, const json_t *challenge)
{
	json_t *body = kit_issue(&kit_a, challenge);
	struct kit_answer b;

	kit_post(kit, "/v1/attestations", kit_attest(&kit_b), &b);
	kit_set(body, "session", json_incref(json_object_get(b.doc, "session")));
	kit_answer_free(&b);
	return body;
}

/* A spent session: sent again with another key, after a block, after a revocation. */
static json_t *
spent(struct kit *kit, const json_t *challenge)
{
	struct kit_answer answer;

	kit_post(kit, "/v1/certificates", kit_issue(&kit_a, challenge), &answer);
	assert_int_equal(answer.status, 200);
	kit_answer_free(&answer);
	return kit_issue(&kit_a, challenge);
}

static json_t *
spent_other_key(struct kit *kit, const json_t *challenge)
{
	json_decref(spent(kit, challenge));
	return others_key(kit, challenge);
}

static json_t *
spent_blocked(struct kit *kit, const json_t *challenge)
{
	json_t *body = spent(kit, challenge);

	kit_sql(kit, "UPDATE devices SET state = 1");
	return body;
}

static json_t *
spent_revoked(struct kit *kit, const json_t *challenge)
{
	json_t *body = spent(kit, challenge);

	kit_sql(kit, "UPDATE certificates SET state = 1");
	return body;
}

static const struct refusal second_step[] = {
	{ "session cut short", NULL, session_cut, "session-invalid", 422 },
	{ "session extended", NULL, session_extended, "session-invalid", 422 },
	{ "session changed", NULL, session_changed, "session-invalid", 422 },
	{ "session of a forgotten key", NULL, with_forgotten_seal_key, "session-invalid", 422 },
	{ "session expired", NULL, after_expiry, "session-expired", 410 },
	{ "another TPM's session", NULL, swapped_session, "secret-wrong", 422 },
	{ "secret changed", NULL, secret_changed, "secret-wrong", 422 },
	{ "secret cut short", NULL, secret_cut, "secret-wrong", 422 },
	{ "secret extended", NULL, secret_extended, "secret-wrong", 422 },
	{ "key cut short", NULL, key_cut, "key-unsuitable", 422 },
	{ "key extended", NULL, key_extended, "key-unsuitable", 422 },
	{ "a restricted key", NULL, ak_as_key, "key-unsuitable", 422 },
	{ "an imported key", NULL, imported_key, "key-unsuitable", 422 },
	{ "an exportable key", NULL, exportable_key, "key-unsuitable", 422 },
	{ "attestation cut short", NULL, attest_cut, "certify-invalid", 422 },
	{ "attestation extended", NULL, attest_extended, "certify-invalid", 422 },
	{ "attestation changed", NULL, attest_changed, "certify-invalid", 422 },
	{ "signature cut short", NULL, signature_cut, "certify-invalid", 422 },
	{ "signature extended", NULL, signature_extended, "certify-invalid", 422 },
	{ "signature changed", NULL, signature_changed, "certify-invalid", 422 },
	{ "stale nonce", NULL, stale_nonce, "certify-invalid", 422 },
	{ "another key certified", NULL, other_key_certified, "certify-invalid", 422 },
	{ "certified by another AK", NULL, certified_by_other_ak, "certify-invalid", 422 },
	{ "CSR cut short", NULL, csr_cut, "csr-invalid", 422 },
	{ "CSR extended", NULL, csr_extended, "csr-invalid", 422 },
	{ "CSR changed", NULL, csr_changed, "csr-invalid", 422 },
	{ "CSR for another key", NULL, csr_for_other_key, "csr-key-mismatch", 422 },
	{ "another device's key", enrol_b, others_key, "key-already-certified", 409 },
	{ "blocked meanwhile", NULL, after_block, "device-blocked", 403 },
	{ "enrolment closed meanwhile", NULL, after_closing, "ek-not-listed", 403 },
	{ "maker not trusted any more", NULL, after_distrust, "session-expired", 410 },
	{ "named otherwise meanwhile", NULL, after_new_name, "session-expired", 410 },
	{ "spent, another key", NULL, spent_other_key, "session-spent", 410 },
	{ "spent, blocked", NULL, spent_blocked, "device-blocked", 403 },
	{ "spent, revoked", NULL, spent_revoked, "certificate-revoked", 403 },
};

static void
test_second_step_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(second_step) / sizeof(second_step[0]); i++) {
		const struct refusal *r = &second_step[i];
		struct kit_answer first;
		struct kit *kit;
		void *fresh;

		kit_setup(&fresh);
		kit = fresh;
		if (r->arrange != NULL)
			r->arrange(kit);
		kit_post(kit, "/v1/attestations", kit_attest(&kit_a), &first);
		assert_int_equal(first.status, 200);
		check(kit, r, "/v1/certificates", r->request(kit, first.doc));
		kit_answer_free(&first);
		kit_teardown(&fresh);
	}
}

/* A refused second step spends nothing: the right one still works. */
static void
test_second_step_after_refusal(void **state)
{
	struct kit *kit = *state;
	struct kit_answer first, answer;

	kit_post(kit, "/v1/attestations", kit_attest(&kit_a), &first);
	kit_post(kit, "/v1/certificates", secret_changed(kit, first.doc), &answer);
	assert_int_equal(answer.status, 422);
	kit_answer_free(&answer);
	kit_post(kit, "/v1/certificates", kit_issue(&kit_a, first.doc), &answer);
	assert_int_equal(answer.status, 200);
	kit_answer_free(&answer);
	kit_answer_free(&first);
}

/* ---- Around the steps ---------------------------------------------------------------------- */

static void
test_request_refusals(void **state)
{
	static const struct {
		struct ca_http_request req;
		const char *type;
		int status;
	} cases[] = {
		{ { .method = "POST",
		      .path = "/v2/attestations",
		      .content_type = "application/json" },
		    "not-found", 404 },
		{ { .method = "POST", .path = "", .content_type = "application/json" }, "not-found",
		    404 },
		{ { .method = "GET", .path = "/v1/attestations" }, "method-not-allowed", 405 },
		{ { .method = "PUT", .path = "/v1/certificates" }, "method-not-allowed", 405 },
		{ { .method = "POST", .path = "/v1/attestations" }, "unsupported-media-type", 415 },
		{ { .method = "POST",
		      .path = "/v1/attestations",
		      .content_type = "application/jsonx" },
		    "unsupported-media-type", 415 },
		{ { .method = "POST",
		      .path = "/v1/attestations",
		      .content_type = "application/json",
		      .too_large = true },
		    "too-large", 413 },
		{ { .method = "POST",
		      .path = "/v1/attestations",
		      .content_type = "APPLICATION/json;x" },
		    "malformed-request", 400 },
	};
	struct kit *kit = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ca_http_request req = cases[i].req;
		struct kit_answer answer;

		req.peer_host = "::1";
		kit_send(kit, &req, &answer);
		assert_string_equal(answer.type, cases[i].type);
		assert_int_equal(answer.status, cases[i].status);
		if (answer.status == 405)
			assert_string_equal(answer.allow, "POST");
		kit_answer_free(&answer);
	}
	/* Nobody can fill the audit log with such. */
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM audit"), 0);
}

static void
test_rate_limit(void **state)
{
	struct kit *kit = *state;
	struct kit_answer answer;
	struct tpmiot_err err;

	kit->config.rate_limit = 2;
	ca_api_free(&kit->api);
	assert_ok(ca_api_new(&kit->config, kit->store, &kit->signer, kit_clock, &kit->api, &err));
	for (int i = 0; i < 2; i++) {
		kit_post(kit, "/v1/attestations", kit_attest(&kit_b), &answer);
		assert_int_equal(answer.status, 200);
		kit_answer_free(&answer);
	}
	kit_post(kit, "/v1/attestations", kit_attest(&kit_b), &answer);
	assert_int_equal(answer.status, 429);
	assert_string_equal(answer.type, "rate-limited");
	assert_in_range(answer.retry_after, 30, 31);
	kit_now += answer.retry_after;
	kit_answer_free(&answer);
	kit_post(kit, "/v1/attestations", kit_attest(&kit_b), &answer);
	assert_int_equal(answer.status, 200);
	kit_answer_free(&answer);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM audit"), 0);
}

/* However often somebody is refused: the audit log grows to its budget, and says that it left out
 * some. */
static void
test_audit_bounded(void **state)
{
	struct kit *kit = *state;
	struct kit_answer answer;
	int64_t n;

	for (int i = 0; i < 2100; i++) {
		kit_post(kit, "/v1/attestations", key_as_ek(kit, NULL), &answer);
		assert_string_equal(answer.type, "ek-unsupported");
		kit_answer_free(&answer);
	}
	n = kit_count(kit, "SELECT count(*) FROM audit");
	assert_int_equal(n, 2000);
	kit_now += 60;
	kit_post(kit, "/v1/attestations", key_as_ek(kit, NULL), &answer);
	kit_answer_free(&answer);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM audit WHERE detail LIKE"
	                                " '%(100 refusals before this one were not written)'"),
	    1);
}

/* The store gone: the device is told to come again, and not what is wrong inside. */
static void
test_store_failure(void **state)
{
	struct kit *kit = *state;
	struct kit_answer first, answer;

	kit_post(kit, "/v1/attestations", kit_attest(&kit_a), &first);
	kit_sql(kit, "ALTER TABLE certificates RENAME TO elsewhere");
	kit_post(kit, "/v1/certificates", kit_issue(&kit_a, first.doc), &answer);
	assert_int_equal(answer.status, 503);
	assert_string_equal(answer.type, "server-error");
	assert_true(answer.retry_after > 0);
	assert_null(
	    strstr(json_string_value(json_object_get(answer.doc, "detail")), "certificates"));
	kit_answer_free(&answer);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM devices"), 0);
	kit_sql(kit, "ALTER TABLE elsewhere RENAME TO certificates");
	kit_post(kit, "/v1/certificates", kit_issue(&kit_a, first.doc), &answer);
	assert_int_equal(answer.status, 200);
	kit_answer_free(&answer);
	kit_answer_free(&first);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_step_refusals),
		cmocka_unit_test(test_second_step_refusals),
		cmocka_unit_test_setup_teardown(
		    test_second_step_after_refusal, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_request_refusals, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_rate_limit, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_audit_bounded, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_store_failure, kit_setup, kit_teardown),
	};

	return cmocka_run_group_tests_name(
	    "ca_refusals", tests, kit_group_setup, kit_group_teardown);
}
