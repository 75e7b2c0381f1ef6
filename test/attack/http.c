/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP that no sound client sends, renewals, and requests at the same time. */
#include "attack.h"

#include <sys/wait.h>
#include <unistd.h>

#define CLAUSE_HTTP "limits on body, depth, headers; no decompression, no administration"
#define JSON_TYPE "Content-Type: application/json\r\n"

/* ---- HTTP ---------------------------------------------------------------------------------- */

static const struct raw {
	const char *what, *head; /* up to the empty line */
	const char *body;
	size_t repeat; /* of the body */
	int status;    /* 0: the connection ends without an answer, or with a 400 */
	const char *type;
} raws[] = {
	{ "another path", "POST /v2/attestations HTTP/1.1\r\n" JSON_TYPE, "{}", 1, 404,
	    "not-found" },
	{ "a path with dots", "POST /v1/../v1/attestations HTTP/1.1\r\n" JSON_TYPE, "{}", 1, 404,
	    "not-found" },
	{ "a path with escapes", "POST /v1/%61ttestations HTTP/1.1\r\n" JSON_TYPE, "{}", 1, 404,
	    "not-found" },
	{ "administration: a device's block",
	    "POST /v1/devices/pump-1/block HTTP/1.1\r\n" JSON_TYPE, "{}", 1, 404, "not-found" },
	{ "administration: the allow-list", "PUT /v1/allow HTTP/1.1\r\n" JSON_TYPE, "{}", 1, 404,
	    "not-found" },
	{ "administration: removing a certificate",
	    "DELETE /v1/certificates/0A HTTP/1.1\r\n" JSON_TYPE, "{}", 1, 404, "not-found" },
	{ "monitoring", "GET /metrics HTTP/1.1\r\n", "", 1, 404, "not-found" },
	{ "GET", "GET /v1/attestations HTTP/1.1\r\n", "", 1, 405, "method-not-allowed" },
	{ "PUT", "PUT /v1/certificates HTTP/1.1\r\n" JSON_TYPE, "{}", 1, 405,
	    "method-not-allowed" },
	{ "DELETE", "DELETE /v1/certificates HTTP/1.1\r\n" JSON_TYPE, "{}", 1, 405,
	    "method-not-allowed" },
	{ "no content type", "POST /v1/attestations HTTP/1.1\r\n", "{}", 1, 415,
	    "unsupported-media-type" },
	{ "another content type", "POST /v1/attestations HTTP/1.1\r\nContent-Type: text/json\r\n",
	    "{}", 1, 415, "unsupported-media-type" },
	{ "compressed", "POST /v1/attestations HTTP/1.1\r\n" JSON_TYPE "Content-Encoding: gzip\r\n",
	    "\x1f\x8b\x08", 1, 400, "malformed-request" },
	{ "no body", "POST /v1/attestations HTTP/1.1\r\n" JSON_TYPE, "", 1, 400,
	    "malformed-request" },
	{ "half of a body", "POST /v1/attestations HTTP/1.1\r\n" JSON_TYPE, "{\"ek\":", 1, 400,
	    "malformed-request" },
	{ "5000 brackets", "POST /v1/attestations HTTP/1.1\r\n" JSON_TYPE, "[", 5000, 400,
	    "malformed-request" },
	{ "5000 objects", "POST /v1/attestations HTTP/1.1\r\n" JSON_TYPE, "{\"ek\":", 5000, 400,
	    "malformed-request" },
	{ "a member twice", "POST /v1/attestations HTTP/1.1\r\n" JSON_TYPE,
	    "{\"ek\":{},\"ek\":{},\"ak\":{}}", 1, 400, "malformed-request" },
	{ "no UTF-8", "POST /v1/attestations HTTP/1.1\r\n" JSON_TYPE, "{\"ek\":\"\xc3\x28\"}", 1,
	    400, "malformed-request" },
	{ "something behind", "POST /v1/attestations HTTP/1.1\r\n" JSON_TYPE, "{}", 2, 400,
	    "malformed-request" },
	{ "a number that overflows", "POST /v1/attestations HTTP/1.1\r\n" JSON_TYPE,
	    "{\"ek\":1e999999}", 1, 400, "malformed-request" },
	{ "more than 64 KiB", "POST /v1/attestations HTTP/1.1\r\n" JSON_TYPE, "          ", 7000,
	    413, "too-large" },
	{ "no HTTP", "\x16\x03\x01\x02 nothing\r\n", "", 1, 0, "" },
	{ "a method that there is not", "BREW /v1/attestations HTTP/1.1\r\n", "", 1, 0, "" },
	{ "a header without end", "POST /v1/attestations HTTP/1.1\r\nX: ", "", 1, 0, "" },
};

static void
attack_raw(struct attack_env *env, const struct raw *raw)
{
	const size_t len = strlen(raw->body) * raw->repeat;
	struct tpmiot_buf request = TPMIOT_BUF_INIT, before = TPMIOT_BUF_INIT;
	struct tpmiot_buf after = TPMIOT_BUF_INIT;
	struct wire_conn conn = { -1, NULL };
	struct wire_answer answer;
	char got[128];
	bool ok;

	tpmiot_buf_put_str(&request, raw->head);
	if (raw->head[strlen(raw->head) - 1] != '\n') /* one header of 20,000 characters */
		for (int i = 0; i < 20000; i++)
			tpmiot_buf_put_u8(&request, 'x');
	tpmiot_buf_printf(&request, "Host: localhost\r\nContent-Length: %zu\r\n\r\n", len);
	for (size_t i = 0; i < raw->repeat; i++)
		tpmiot_buf_put_str(&request, raw->body);
	kit_snapshot(&env->store, &before);
	memset(&answer, 0, sizeof(answer));
	ok = wire_open(&env->servers[AT_OPEN], NULL, NULL, &conn);
	if (ok && !wire_exchange(&conn, request.data, request.len, &answer))
		answer.status = 0;
	kit_snapshot(&env->store, &after);
	snprintf(got, sizeof(got), "%d %s", answer.status, answer.type);
	if (raw->status == 0)
		ok = ok && (answer.status == 0 || answer.status >= 400);
	else
		ok = ok && answer.status == raw->status && strcmp(answer.type, raw->type) == 0;
	ok = ok && before.len == after.len && memcmp(before.data, after.data, after.len) == 0;
	attack_result(ok, CLAUSE_HTTP, raw->what, got);
	wire_answer_free(&answer);
	wire_close(&conn);
	tpmiot_buf_free(&request);
	tpmiot_buf_free(&before);
	tpmiot_buf_free(&after);
}

void
attack_http(struct attack_env *env)
{
	for (size_t i = 0; i < sizeof(raws) / sizeof(raws[0]); i++)
		attack_raw(env, &raws[i]);
}

/* ---- Renewals -------------------------------------------------------------------------------- */

#define CLAUSE_RENEWAL "renewals: the certificate in use, the recorded AK"

/* An exact copy in all that is shown, but not signed by the CA. */
static X509 *
forge_certificate(const struct attack_env *env)
{
	X509 *copy = X509_dup(env->victim_cert);

	assert_non_null(copy);
	assert_int_equal(X509_set_pubkey(copy, env->dev.key.pkey), 1);
	assert_true(X509_sign(copy, env->dev.key.pkey, EVP_sha256()) > 0);
	return copy;
}

static void
renew(struct attack_env *env, const char *what, int status, const char *type, json_t *body,
    X509 *cert, EVP_PKEY *key, enum attack_server server)
{
	const struct attack row = {
		.what = what, .status = status, .type = type, .server = server
	};

	attack_expect(env, CLAUSE_RENEWAL, &row, "/v1/renewals", body, cert, key);
}

/* The victim's session of a renewal, brought back by others, and for another TPM's AK. */
static void
second_steps(struct attack_env *env)
{
	struct wire_conn conn = { -1, NULL };
	struct wire_answer first;
	struct attack row = { .status = 403, .type = "client-certificate-required" };

	if (!wire_open(&env->servers[AT_OPEN], env->victim_cert, env->victim.key.pkey, &conn) ||
	    !wire_post(&conn, "/v1/renewals", "{}", 2, &first) || first.status != 200)
		fail_msg("the victim cannot renew");
	wire_close(&conn);
	row.what = "its session without the certificate";
	attack_expect(env, CLAUSE_RENEWAL, &row, "/v1/certificates",
	    kit_issue(&env->victim, first.doc), NULL, NULL);
	row.what = "its session with a revoked certificate";
	row.type = "certificate-revoked";
	attack_expect(env, CLAUSE_RENEWAL, &row, "/v1/certificates",
	    kit_issue(&env->victim, first.doc), env->revoked_cert, env->revoked.key.pkey);
	row.what = "its session, certified by another AK";
	row.type = "certify-invalid";
	row.status = 422;
	attack_expect(env, CLAUSE_RENEWAL, &row, "/v1/certificates",
	    kit_issue_with(
	        &env->victim, first.doc, &env->victim.key, &env->dev.ak, false, &env->victim.key),
	    env->victim_cert, env->victim.key.pkey);
	wire_answer_free(&first);
}

void
attack_renewals(struct attack_env *env)
{
	X509 *forged = forge_certificate(env);
	json_t *other_ak = json_pack("{s:{s:o}}", "ak", "public", kit_public(&env->dev.ak));

	renew(env, "without a certificate", 403, "client-certificate-required", json_object(), NULL,
	    NULL, AT_OPEN);
	renew(env, "with a certificate that says the same", 403, "client-certificate-invalid",
	    json_object(), forged, env->dev.key.pkey, AT_OPEN);
	renew(env, "with the EK's certificate as client", 403, "client-certificate-invalid",
	    json_object(), env->dev.ek_cert, env->dev.ek.pkey, AT_OPEN);
	renew(env, "with a revoked certificate", 403, "certificate-revoked", json_object(),
	    env->revoked_cert, env->revoked.key.pkey, AT_OPEN);
	renew(env, "of a blocked device", 403, "device-blocked", json_object(), env->blocked_cert,
	    env->blocked.key.pkey, AT_OPEN);
	renew(env, "with an AK that it did not enrol with", 403, "ak-unknown", other_ak,
	    env->victim_cert, env->victim.key.pkey, AT_OPEN);
	renew(env, "the CA's clock before the certificate begins", 403,
	    "client-certificate-invalid", json_object(), env->victim_cert, env->victim.key.pkey,
	    AT_EARLIER);
	second_steps(env);
	X509_free(forged);
}

/* ---- At the same time --------------------------------------------------------------------------
 */

#define CLAUSE_RACE "single use: two requests at the same time"

/* Two requests at once, each by a process of its own; how often each status came. */
static void
race(struct attack_env *env, enum attack_server server, json_t *a, json_t *b, int counts[600])
{
	json_t *const bodies[] = { a, b };
	struct wire_answer answer;
	int ends[2], status;

	assert_int_equal(pipe(ends), 0);
	for (int i = 0; i < 2; i++) {
		if (fork() != 0)
			continue;
		if (!attack_send(env, server, "/v1/certificates", bodies[i], &answer))
			answer.status = 0;
		_exit(write(ends[1], &answer.status, sizeof(status)) != sizeof(status));
	}
	close(ends[1]);
	while (wait(NULL) > 0)
		;
	memset(counts, 0, 600 * sizeof(counts[0]));
	while (read(ends[0], &status, sizeof(status)) == sizeof(status))
		counts[status]++;
	close(ends[0]);
	json_decref(a);
	json_decref(b);
}

static void
race_session(struct attack_env *env, bool same_key)
{
	struct kit_device one, two;
	struct wire_answer first;
	int counts[600];
	int64_t before, made;
	char got[64];

	kit_device_make(&one, "L-2", kit_link, kit_link_key);
	two = one;
	if (!same_key)
		softkey_make(&two.key, &one.key.pub.area);
	if (!attack_send(env, AT_OPEN, "/v1/attestations", kit_attest(&one), &first))
		fail_msg("no first step");
	before = kit_count(&env->store, "SELECT count(*) FROM certificates");
	race(env, AT_OPEN, kit_issue(&one, first.doc), kit_issue(&two, first.doc), counts);
	made = kit_count(&env->store, "SELECT count(*) FROM certificates") - before;
	snprintf(got, sizeof(got), "%d x 200, %d x 410, %d certificates", counts[200], counts[410],
	    (int)made);
	if (same_key)
		attack_result(counts[200] == 2 && made == 1, CLAUSE_RACE,
		    "one session, the same key: one certificate, to both", got);
	else
		attack_result(counts[200] == 1 && counts[410] == 1 && made == 1, CLAUSE_RACE,
		    "one session, two keys: one certificate", got);
	wire_answer_free(&first);
	if (!same_key)
		softkey_free(&two.key);
	kit_device_free(&one);
}

/* Two devices with one token that names an id: one gets it. */
static void
race_id(struct attack_env *env)
{
	struct tpmiot_buf token = TPMIOT_BUF_INIT;
	struct kit_device devices[2];
	struct wire_answer first[2];
	int counts[600];
	const char *text;
	char got[64];

	attack_operator(env, "join add --device-id=pump-9", &token);
	text = strtok((char *)(uintptr_t)tpmiot_buf_cstr(&token), "\n");
	for (int i = 0; i < 2; i++) {
		json_t *body;

		kit_device_make(&devices[i], "L-2", kit_link, kit_link_key);
		body = kit_attest(&devices[i]);
		kit_set(body, "join_token", json_string(text));
		if (!attack_send(env, AT_TOKEN, "/v1/attestations", body, &first[i]) ||
		    first[i].status != 200)
			fail_msg("no first step: %s", first[i].type);
	}
	race(env, AT_TOKEN, kit_issue(&devices[0], first[0].doc),
	    kit_issue(&devices[1], first[1].doc), counts);
	snprintf(got, sizeof(got), "%d x 200, %d x 403, %d x 409", counts[200], counts[403],
	    counts[409]);
	attack_result(
	    counts[200] == 1 && counts[403] + counts[409] == 1 &&
	        kit_count(&env->store, "SELECT count(*) FROM devices WHERE id = 'pump-9'") == 1,
	    CLAUSE_RACE, "one id, two devices: one has it", got);
	for (int i = 0; i < 2; i++) {
		wire_answer_free(&first[i]);
		kit_device_free(&devices[i]);
	}
	tpmiot_buf_free(&token);
}

void
attack_races(struct attack_env *env)
{
	race_session(env, false);
	race_session(env, true);
	race_id(env);
}
