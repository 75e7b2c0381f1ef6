/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enrolments that are refused: each with its status, its problem type and its line in
 * the audit log, and nothing else in the store changed.
 */
#include "enrolkit.h"

#include <tpmiot/template.h>

#include "ca/store/store_int.h"

/* One case: what is arranged, what is wrong with the request, what comes of it. */
struct ask;
struct refusal {
	const char *what;
	void (*arrange)(struct kit *kit);
	json_t *(*request)(const struct ask *a); /* NULL: a good one */
	const char *type;
	int status;
	const char *path; /* for edited() and with_public() */
	void (*change)(struct tpmiot_buf *buf);
	const struct softkey *key;
};

/* What a request is made from; challenge: NULL in the first step. */
struct ask {
	struct kit *kit;
	const json_t *challenge;
	const struct refusal *row;
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
without_certificate(const struct ask *a)
{
	json_t *body = kit_attest(&kit_a);

	(void)a;
	json_object_del(json_object_get(body, "ek"), "certificate");
	return body;
}

static json_t *
with_foreign(const struct ask *a)
{
	(void)a;
	return kit_attest(&kit_foreign);
}

static json_t *
with_others_certificate(const struct ask *a)
{
	json_t *body = kit_attest(&kit_a), *b = kit_attest(&kit_b);

	(void)a;
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

/* A good request but for row->path, to which row->change happened. */
static json_t *
edited(const struct ask *a)
{
	json_t *body = a->challenge != NULL ? kit_issue(&kit_a, a->challenge) : kit_attest(&kit_a);

	edit(body, a->row->path, a->row->change);
	return body;
}

static json_t *
with_broken_chain(const struct ask *a)
{
	json_t *body = kit_attest(&kit_a);

	(void)a;
	kit_set(body, "ek.chain", json_pack("[s]", "AQID"));
	return body;
}

/* A link that is missing: then the path does not reach the root. */
static json_t *
without_chain(const struct ask *a)
{
	json_t *body = kit_attest(&kit_b);

	(void)a;
	json_object_del(json_object_get(body, "ek"), "chain");
	return body;
}

static json_t *
with_public(const struct ask *a)
{
	json_t *body = kit_attest(&kit_a);

	kit_set(body, a->row->path, kit_public(a->row->key));
	return body;
}

static json_t *
claiming(const struct ask *a)
{
	json_t *body = kit_attest(&kit_a);

	(void)a;
	kit_set(body, "device_id", json_string("somebody-else"));
	return body;
}

static json_t *
with_token(const struct ask *a)
{
	json_t *body = kit_attest(&kit_a);

	(void)a;
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
enrol(struct kit *kit, const struct kit_device *dev, const char *with)
{
	struct kit_answer answer;

	kit_enrol(kit, dev, with, &answer, NULL);
	kit_answer_free(&answer);
}

static void
enrol_b(struct kit *kit)
{
	enrol(kit, &kit_b, NULL);
}

/* A has two certificates for its key; the older one was revoked for a compromise. */
static void
key_revoked(struct kit *kit)
{
	enrol(kit, &kit_a, NULL);
	kit_now += 9;
	enrol(kit, &kit_a, NULL);
	kit_sql(kit, "UPDATE certificates SET state = 1, reason = 1"
	             " WHERE not_before = (SELECT min(not_before) FROM certificates)");
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM certificates WHERE state = 0"), 1);
}

static void
token_spent(struct kit *kit)
{
	kit->config.enrolment = CA_ENROLMENT_TOKEN;
	kit_token(kit, "tj_x", 1, kit_now + 9, "");
	enrol(kit, &kit_b, "tj_x");
}

static void
id_taken(struct kit *kit)
{
	kit_token(kit, "tj_b", 1, kit_now + 9, "pump-1");
	enrol(kit, &kit_b, "tj_b");
	kit_sql(kit, "UPDATE tokens SET device_id = 'pump-0'"); /* so that another may name it */
	kit_token(kit, "tj_x", 1, kit_now + 9, "pump-1");
}

static void
second_id(struct kit *kit)
{
	enrol(kit, &kit_a, NULL);
	kit_token(kit, "tj_x", 1, kit_now + 9, "pump-1");
}

static void
block_a(struct kit *kit)
{
	struct tpmiot_err err;

	enrol(kit, &kit_a, NULL);
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
	{ "forged certificate", NULL, edited, "ek-certificate-untrusted", 403,
	    .path = "ek.certificate", .change = flip_last },
	{ "a link is missing", NULL, without_chain, "ek-certificate-untrusted", 403 },
	{ "another EK's certificate", NULL, with_others_certificate, "ek-certificate-mismatch",
	    422 },
	{ "certificate cut short", NULL, edited, "ek-certificate-invalid", 422,
	    .path = "ek.certificate", .change = cut },
	{ "certificate extended", NULL, edited, "ek-certificate-invalid", 422,
	    .path = "ek.certificate", .change = extend },
	{ "chain of rubbish", NULL, with_broken_chain, "ek-certificate-invalid", 422 },
	{ "EK cut short", NULL, edited, "ek-unsupported", 422, .path = "ek.public", .change = cut },
	{ "EK extended", NULL, edited, "ek-unsupported", 422, .path = "ek.public",
	    .change = extend },
	{ "a signing key as EK", NULL, with_public, "ek-unsupported", 422, .path = "ek.public",
	    .key = &kit_a.key },
	{ "AK cut short", NULL, edited, "ak-unsuitable", 422, .path = "ak.public", .change = cut },
	{ "AK extended", NULL, edited, "ak-unsuitable", 422, .path = "ak.public",
	    .change = extend },
	{ "an AK that is not restricted", NULL, with_public, "ak-unsuitable", 422,
	    .path = "ak.public", .key = &kit_a.key },
	{ "the EK as AK", NULL, with_public, "ak-unsuitable", 422, .path = "ak.public",
	    .key = &kit_a.ek },
	{ "another device's AK", enrol_b, with_public, "ak-bound", 409, .path = "ak.public",
	    .key = &kit_b.ak },
	{ "no token", token, NULL, "join-token-required", 403 },
	{ "unknown token", token, with_token, "join-token-invalid", 403 },
	{ "expired token", token_expired, with_token, "join-token-expired", 403 },
	{ "spent token", token_spent, with_token, "join-token-spent", 403 },
	{ "somebody else's id", NULL, claiming, "device-id-mismatch", 403 },
	{ "an id that is taken", id_taken, with_token, "device-id-taken", 409 },
	{ "a second id", second_id, with_token, "device-enrolled-otherwise", 409 },
	{ "blocked", block_a, NULL, "device-blocked", 403 },
};

/* Each row with a CA of its own. second: behind a good first step. */
static void
run_rows(const struct refusal *rows, size_t n, bool second)
{
	for (size_t i = 0; i < n; i++) {
		struct ask ask = { .row = &rows[i] };
		struct kit_answer first = { .doc = NULL };
		void *fresh;

		kit_setup(&fresh);
		ask.kit = fresh;
		if (rows[i].arrange != NULL)
			rows[i].arrange(ask.kit);
		if (second) {
			kit_post(ask.kit, "/v1/attestations", kit_attest(&kit_a), &first);
			assert_int_equal(first.status, 200);
			ask.challenge = first.doc;
		}
		check(ask.kit, ask.row, second ? "/v1/certificates" : "/v1/attestations",
		    rows[i].request != NULL ? rows[i].request(&ask) : kit_attest(&kit_a));
		kit_answer_free(&first);
		kit_teardown(&fresh);
	}
}

static void
test_first_step_refusals(void **state)
{
	(void)state;
	run_rows(first_step, sizeof(first_step) / sizeof(first_step[0]), false);
}

/* ---- Second step -------------------------------------------------------------------------- */

/* Nothing is wrong with it. */
static json_t *
same_key(const struct ask *a)
{
	return kit_issue(&kit_a, a->challenge);
}

static json_t *
stale_nonce(const struct ask *a)
{
	return kit_issue_with(&kit_a, a->challenge, &kit_a.key, &kit_a.ak, true, &kit_a.key);
}

static json_t *
other_key_certified(const struct ask *a)
{
	return kit_issue_with(&kit_a, a->challenge, &kit_b.key, &kit_a.ak, false, &kit_a.key);
}

static json_t *
certified_by_other_ak(const struct ask *a)
{
	return kit_issue_with(&kit_a, a->challenge, &kit_a.key, &kit_b.ak, false, &kit_a.key);
}

static json_t *
csr_for_other_key(const struct ask *a)
{
	return kit_issue_with(&kit_a, a->challenge, &kit_a.key, &kit_a.ak, false, &kit_b.key);
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
ak_as_key(const struct ask *a)
{
	return with_key(a->challenge, &kit_a.ak);
}

/* A key that was made outside and loaded: the AK would certify it all the same. */
static json_t *
imported_key(const struct ask *a)
{
	struct softkey key = kit_a.key;
	TPMT_PUBLIC area = key.pub.area;

	area.objectAttributes &= ~(TPMA_OBJECT)TPMA_OBJECT_SENSITIVEDATAORIGIN;
	softkey_claim(&key, &area);
	return with_key(a->challenge, &key);
}

static json_t *
exportable_key(const struct ask *a)
{
	struct softkey key = kit_a.key;
	TPMT_PUBLIC area = key.pub.area;

	area.objectAttributes &= ~(TPMA_OBJECT)TPMA_OBJECT_FIXEDTPM;
	softkey_claim(&key, &area);
	return with_key(a->challenge, &key);
}

static json_t *
others_key(const struct ask *a)
{
	return with_key(a->challenge, &kit_b.key);
}

static json_t *
after_expiry(const struct ask *a)
{
	kit_now += a->kit->config.session_lifetime;
	return kit_issue(&kit_a, a->challenge);
}

static json_t *
after_block(const struct ask *a)
{
	block_a(a->kit);
	return kit_issue(&kit_a, a->challenge);
}

static json_t *
after_closing(const struct ask *a)
{
	a->kit->config.enrolment = CA_ENROLMENT_LISTED;
	return kit_issue(&kit_a, a->challenge);
}

static json_t *
after_distrust(const struct ask *a)
{
	kit_sql(a->kit, "DELETE FROM roots");
	return kit_issue(&kit_a, a->challenge);
}

static json_t *
after_new_name(const struct ask *a)
{
	kit_allow(a->kit, &kit_a, "pump-1");
	return kit_issue(&kit_a, a->challenge);
}

static json_t *
with_forgotten_seal_key(const struct ask *a)
{
	kit_sql(a->kit, "UPDATE seal_keys SET id = id + 1");
	return kit_issue(&kit_a, a->challenge);
}

/* The session of one TPM, everything else of another. */
static json_t *
swapped_session(const struct ask *a)
{
	json_t *body = kit_issue(&kit_a, a->challenge);
	struct kit_answer b;

	kit_post(a->kit, "/v1/attestations", kit_attest(&kit_b), &b);
	kit_set(body, "session", json_incref(json_object_get(b.doc, "session")));
	kit_answer_free(&b);
	return body;
}

/* A spent session: sent again with another key, after a block, after a revocation. */
static json_t *
spent(const struct ask *a)
{
	struct kit_answer answer;

	kit_post(a->kit, "/v1/certificates", kit_issue(&kit_a, a->challenge), &answer);
	assert_int_equal(answer.status, 200);
	kit_answer_free(&answer);
	return kit_issue(&kit_a, a->challenge);
}

static json_t *
spent_other_key(const struct ask *a)
{
	json_decref(spent(a));
	return others_key(a);
}

static json_t *
spent_blocked(const struct ask *a)
{
	json_t *body = spent(a);

	kit_sql(a->kit, "UPDATE devices SET state = 1");
	return body;
}

static json_t *
spent_revoked(const struct ask *a)
{
	json_t *body = spent(a);

	kit_sql(a->kit, "UPDATE certificates SET state = 1");
	return body;
}

static void
enrol_a(struct kit *kit)
{
	enrol(kit, &kit_a, NULL);
	kit_now += 9;
}

/* With an earlier certificate. */
static json_t *
spent_key_revoked(const struct ask *a)
{
	json_t *body = spent(a);

	kit_sql(a->kit, "UPDATE certificates SET state = 1, reason = 1"
	                " WHERE not_before = (SELECT min(not_before) FROM certificates)");
	return body;
}

static const struct refusal second_step[] = {
	{ "session cut short", NULL, edited, "session-invalid", 422, .path = "session",
	    .change = cut },
	{ "session extended", NULL, edited, "session-invalid", 422, .path = "session",
	    .change = extend },
	{ "session changed", NULL, edited, "session-invalid", 422, .path = "session",
	    .change = flip_middle },
	{ "session of a forgotten key", NULL, with_forgotten_seal_key, "session-invalid", 422 },
	{ "session expired", NULL, after_expiry, "session-expired", 410 },
	{ "another TPM's session", NULL, swapped_session, "secret-wrong", 422 },
	{ "secret changed", NULL, edited, "secret-wrong", 422, .path = "secret",
	    .change = flip_last },
	{ "secret cut short", NULL, edited, "secret-wrong", 422, .path = "secret", .change = cut },
	{ "secret extended", NULL, edited, "secret-wrong", 422, .path = "secret",
	    .change = extend },
	{ "key cut short", NULL, edited, "key-unsuitable", 422, .path = "key.public",
	    .change = cut },
	{ "key extended", NULL, edited, "key-unsuitable", 422, .path = "key.public",
	    .change = extend },
	{ "a restricted key", NULL, ak_as_key, "key-unsuitable", 422 },
	{ "an imported key", NULL, imported_key, "key-unsuitable", 422 },
	{ "an exportable key", NULL, exportable_key, "key-unsuitable", 422 },
	{ "attestation cut short", NULL, edited, "certify-invalid", 422, .path = "key.attest",
	    .change = cut },
	{ "attestation extended", NULL, edited, "certify-invalid", 422, .path = "key.attest",
	    .change = extend },
	{ "attestation changed", NULL, edited, "certify-invalid", 422, .path = "key.attest",
	    .change = flip_last },
	{ "signature cut short", NULL, edited, "certify-invalid", 422, .path = "key.signature",
	    .change = cut },
	{ "signature extended", NULL, edited, "certify-invalid", 422, .path = "key.signature",
	    .change = extend },
	{ "signature changed", NULL, edited, "certify-invalid", 422, .path = "key.signature",
	    .change = flip_last },
	{ "stale nonce", NULL, stale_nonce, "certify-invalid", 422 },
	{ "another key certified", NULL, other_key_certified, "certify-invalid", 422 },
	{ "certified by another AK", NULL, certified_by_other_ak, "certify-invalid", 422 },
	{ "CSR cut short", NULL, edited, "csr-invalid", 422, .path = "csr", .change = cut },
	{ "CSR extended", NULL, edited, "csr-invalid", 422, .path = "csr", .change = extend },
	{ "CSR changed", NULL, edited, "csr-invalid", 422, .path = "csr", .change = flip_last },
	{ "CSR for another key", NULL, csr_for_other_key, "csr-key-mismatch", 422 },
	{ "a key of a revoked certificate", key_revoked, same_key, "key-revoked", 403 },
	{ "another device's key", enrol_b, others_key, "key-already-certified", 409 },
	{ "blocked meanwhile", NULL, after_block, "device-blocked", 403 },
	{ "enrolment closed meanwhile", NULL, after_closing, "ek-not-listed", 403 },
	{ "maker not trusted any more", NULL, after_distrust, "session-expired", 410 },
	{ "named otherwise meanwhile", NULL, after_new_name, "session-expired", 410 },
	{ "spent, another key", NULL, spent_other_key, "session-spent", 410 },
	{ "spent, blocked", NULL, spent_blocked, "device-blocked", 403 },
	{ "spent, revoked", NULL, spent_revoked, "certificate-revoked", 403 },
	{ "spent, its key revoked", enrol_a, spent_key_revoked, "key-revoked", 403 },
};

static void
test_second_step_refusals(void **state)
{
	(void)state;
	run_rows(second_step, sizeof(second_step) / sizeof(second_step[0]), true);
}

/* A refused second step spends nothing: the right one still works. */
static void
test_second_step_after_refusal(void **state)
{
	struct kit *kit = *state;
	struct kit_answer first, answer;
	json_t *body;

	kit_post(kit, "/v1/attestations", kit_attest(&kit_a), &first);
	body = kit_issue(&kit_a, first.doc);
	edit(body, "secret", flip_last);
	kit_post(kit, "/v1/certificates", body, &answer);
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

/* A BOOLEAN of 01 is read as true by libcrypto, and no DER. */
static void
post_not_strict(struct kit *kit, struct kit_answer *answer)
{
	struct tpmiot_buf der = TPMIOT_BUF_INIT;
	json_t *body = kit_attest(&kit_b);
	size_t i = 0;

	certkit_put(kit_b.ek_cert, &der);
	while (memcmp(der.data + i, "\x01\x01\xff", 3) != 0)
		assert_true(++i + 3 <= der.len);
	der.data[i + 2] = 0x01;
	kit_set(body, "ek.certificate", kit_b64(der.data, der.len));
	kit_post(kit, "/v1/attestations", body, answer);
	tpmiot_buf_free(&der);
}

static void
test_ek_certificate_not_strict(void **state)
{
	struct kit *kit = *state;
	struct kit_answer answer;

	post_not_strict(kit, &answer);
	assert_string_equal(answer.type, "ek-certificate-invalid");
	assert_non_null(strstr(json_string_value(json_object_get(answer.doc, "detail")), "DER"));
	kit_answer_free(&answer);
	/* Let in, it has to be the maker's all the same: its signature is not over these bytes. */
	kit->config.ek_lenient_der = CA_YES;
	post_not_strict(kit, &answer);
	assert_string_equal(answer.type, "ek-certificate-untrusted");
	kit_answer_free(&answer);
}

/* The third of what `send` does is refused, and one more is served after the time that it was told.
 */
static void
expect_limited(struct kit *kit, void (*send)(struct kit *kit, struct kit_answer *answer))
{
	struct kit_answer answer;

	for (int i = 0; i < 2; i++) {
		send(kit, &answer);
		assert_int_equal(answer.status, 200);
		kit_answer_free(&answer);
	}
	send(kit, &answer);
	assert_int_equal(answer.status, 429);
	assert_string_equal(answer.type, "rate-limited");
	assert_in_range(answer.retry_after, 30, 31);
	kit_now += answer.retry_after;
	kit_answer_free(&answer);
	send(kit, &answer);
	assert_int_equal(answer.status, 200);
	kit_answer_free(&answer);
}

static void
send_first(struct kit *kit, struct kit_answer *answer)
{
	kit_post(kit, "/v1/attestations", kit_attest(&kit_b), answer);
}

static json_t *repeated; /* a second step */

static void
send_second(struct kit *kit, struct kit_answer *answer)
{
	kit_post(kit, "/v1/certificates", json_deep_copy(repeated), answer);
}

/* As kit_send(), but what is served is no JSON. */
static void
fetch_crl(struct kit *kit, struct kit_answer *answer)
{
	const struct ca_http_request req = {
		.method = "GET", .path = "/v1/crl", .peer_host = "192.0.2.7"
	};
	struct ca_http_reply reply = { .status = 0 };
	const json_t *type;

	ca_api_handle(kit->api, &req, &reply);
	*answer = (struct kit_answer){ .status = reply.status,
		.retry_after = reply.retry_after,
		.doc = json_loadb((char *)reply.body.data, reply.body.len, 0, NULL) };
	if ((type = json_object_get(answer->doc, "type")) != NULL)
		snprintf(answer->type, sizeof(answer->type), "%s",
		    json_string_value(type) + strlen("urn:tpmiot:problem:"));
	tpmiot_buf_free(&reply.body);
}

/* Each kind of request has its own rate, so that none is used up by another. */
static void
test_rate_limit(void **state)
{
	struct kit *kit = *state;
	struct kit_answer answer;
	struct tpmiot_err err;

	kit_post(kit, "/v1/attestations", kit_attest(&kit_b), &answer);
	assert_int_equal(answer.status, 200);
	repeated = kit_issue(&kit_b, answer.doc);
	kit_answer_free(&answer);
	kit->config.rate_limit = 2;
	ca_api_free(&kit->api);
	assert_ok(ca_api_new(&kit->config, kit->store, &kit->signer, kit_clock, &kit->api, &err));
	expect_limited(kit, send_first);
	expect_limited(kit, send_second);
	expect_limited(kit, fetch_crl);
	json_decref(repeated);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM certificates"), 1);
	assert_int_equal(
	    kit_count(kit, "SELECT count(*) FROM audit WHERE decision = 'refused'"), 0);
}

/* However often somebody is refused: the audit log grows to its budget, and says that it left out
 * some. */
static void
test_audit_bounded(void **state)
{
	static const struct refusal key_as_ek = { .path = "ek.public", .key = &kit_a.key };
	const struct ask ask = { .row = &key_as_ek };
	struct kit *kit = *state;
	struct kit_answer answer;
	int64_t n;

	for (int i = 0; i < 2100; i++) {
		kit_post(kit, "/v1/attestations", with_public(&ask), &answer);
		assert_string_equal(answer.type, "ek-unsupported");
		kit_answer_free(&answer);
	}
	n = kit_count(kit, "SELECT count(*) FROM audit");
	assert_int_equal(n, 2000);
	kit_now += 60;
	kit_post(kit, "/v1/attestations", with_public(&ask), &answer);
	kit_answer_free(&answer);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM audit WHERE detail LIKE"
	                                " '%(100 refusals before this one were not written)'"),
	    1);
}

/* A refusal that the audit log has not is counted: the store was held, or what it had was lost. */
static void
test_audit_lost(void **state)
{
	static const struct refusal key_as_ek = { .path = "ek.public", .key = &kit_a.key };
	const struct ask ask = { .row = &key_as_ek };
	struct kit *kit = *state;
	struct ca_http_reply failure = { .status = 0 };
	struct kit_answer answer;
	struct ca_store *other = NULL;
	struct tpmiot_err err;

	ca_store_group(kit->store);
	assert_ok(ca_store_open(kit->path, &other, &err));
	assert_ok(ca_store_begin(other, &err));
	kit_post(kit, "/v1/attestations", with_public(&ask), &answer);
	assert_string_equal(answer.type, "ek-unsupported");
	kit_answer_free(&answer);
	ca_store_free(&other);
	kit_post(kit, "/v1/attestations", with_public(&ask), &answer);
	kit_answer_free(&answer);
	assert_ok(ca_store_exec(kit->store, "ROLLBACK", &err)); /* as when the disk is full */
	assert_false(ca_api_settle(kit->api, &failure));
	assert_int_equal(failure.status, 503);
	tpmiot_buf_free(&failure.body);
	kit_post(kit, "/v1/attestations", with_public(&ask), &answer);
	kit_answer_free(&answer);
	assert_true(ca_api_settle(kit->api, &failure));
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM audit"), 1);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM audit WHERE detail LIKE"
	                                " '%(2 refusals before this one were not written)'"),
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
		cmocka_unit_test_setup_teardown(
		    test_ek_certificate_not_strict, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_rate_limit, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_audit_bounded, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_audit_lost, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_store_failure, kit_setup, kit_teardown),
	};

	return cmocka_run_group_tests_name(
	    "ca_refusals", tests, kit_group_setup, kit_group_teardown);
}
