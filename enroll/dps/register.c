/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/dps/register.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <tpmiot/sas.h>

#include "enroll/dps/keep.h"
#include "enroll/dps/unwrap.h"
#include "enroll/net/exchange.h"
#include "enroll/net/retry.h"

#define POLL_SECONDS 2 /* where it does not say how long to wait */
#define SAS_SECONDS 3600

struct job {
	const struct enroll_dps_plan *plan;
	struct enroll_http *http;
	const struct enroll_ui *ui;
	struct enroll_dps_tpm t;
	struct enroll_dps_record record;
	struct tpmiot_buf body;          /* of both PUTs */
	struct tpmiot_buf authorization; /* empty before the challenge was met */
	int64_t now;                     /* by the server's clock */
};

/* ---- Requests ----------------------------------------------------------------------- */

/* operation NULL: the PUT. */
static enum tpmiot_rc
send_once(struct job *job, const char *path, bool put, struct enroll_http_reply *out,
    struct tpmiot_err *err)
{
	const struct enroll_http_extra extra = { ENROLL_DPS_CONTENT_TYPE,
		job->authorization.len > 0 ? (const char *)job->authorization.data : NULL };
	enum tpmiot_rc rc = enroll_signals_check(err);

	if (rc != TPMIOT_OK)
		return rc;
	enroll_http_reply_free(out);
	return put ? enroll_http_put(
	                 job->http, path, &job->body, &extra, ENROLL_MSG_REPLY_MAX, out, err)
	           : enroll_http_get_as(job->http, path, &extra, ENROLL_MSG_REPLY_MAX, out, err);
}

/* Again while the server is busy or not reachable, within the patience. */
static enum tpmiot_rc
send_request(
    struct job *job, const char *operation, struct enroll_http_reply *out, struct tpmiot_err *err)
{
	struct tpmiot_buf path = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc = TPMIOT_OK;
	struct enroll_retry retry;
	unsigned wait;

	enroll_dps_put_path(job->record.scope, job->record.registration_id, operation, &path);
	if (tpmiot_buf_cstr(&path) == NULL)
		rc = tpmiot_err_memory(err);
	enroll_retry_start(&retry, enroll_http_patience(job->http));
	while (rc == TPMIOT_OK) {
		rc = send_once(job, (const char *)path.data, operation == NULL, out, err);
		wait = enroll_retry_delay(&retry, rc, out);
		if (wait == 0)
			break;
		rc = enroll_exchange_pause(job->ui, wait, rc, out, err);
	}
	if (rc == TPMIOT_OK) {
		if (out->date != 0)
			job->now = out->date;
		enroll_ui_detail(job->ui, "%s %.*s: HTTP %ld, %zu bytes",
		    operation == NULL ? "PUT" : "GET", (int)path.len, (const char *)path.data,
		    out->status, out->body.len);
	}
	tpmiot_buf_free(&path);
	return rc;
}

static struct tpmiot_bytes
body_of(const struct enroll_http_reply *reply)
{
	return (struct tpmiot_bytes){ reply->body.data, reply->body.len };
}

/* What a reply means that is neither challenge nor answer. */
static enum tpmiot_rc
judge(const struct enroll_http_reply *reply, struct tpmiot_err *err)
{
	struct enroll_dps_refusal why;
	char when[40];

	enroll_dps_parse_refusal(body_of(reply), &why);
	if (reply->status >= 500 || reply->status == 429) {
		(void)snprintf(when, sizeof(when), "in %u seconds", reply->retry_after);
		return tpmiot_err_set(err, TPMIOT_E_NET,
		    "the server cannot answer now (HTTP %ld), try again %s: %s", reply->status,
		    reply->retry_after > 0 ? when : "later", why.reason);
	}
	if (reply->status >= 400 && reply->json)
		return tpmiot_err_set(err, TPMIOT_E_REFUSED,
		    "the server refused (HTTP %ld): %s. Next step: %s", reply->status, why.reason,
		    why.next[0] != '\0' ? why.next
		                        : "see that it lists this device: 'tpmiot-enroll ek' "
		                          "shows its endorsement key");
	return tpmiot_err_set(err, TPMIOT_E_TRUST,
	    "what answered (HTTP %ld) is no provisioning service; check --server and --id-scope",
	    reply->status);
}

static enum tpmiot_rc
blame(enum tpmiot_rc rc, struct tpmiot_err *err)
{
	if (rc != TPMIOT_E_FORMAT)
		return rc;
	(void)tpmiot_err_prefix(err, "the server's answer is not what the protocol says");
	err->rc = TPMIOT_E_TRUST;
	return TPMIOT_E_TRUST;
}

/* ---- The challenge ------------------------------------------------------------------------ */

static enum tpmiot_rc
begin(struct job *job, struct tpmiot_buf *challenge, struct tpmiot_err *err)
{
	const bool microsofts = enroll_dps_is_microsofts(job->plan->server);
	const struct enroll_dps_request msg = {
		.id = job->record.registration_id,
		.ek = &job->t.ek.pub,
		.srk = &job->t.srk_pub,
		.ek_cert = { job->t.ek.cert.data, microsofts ? 0 : job->t.ek.cert.len },
		.join_token = microsofts ? NULL : job->plan->join_token,
	};
	struct enroll_http_reply reply = { .body = TPMIOT_BUF_INIT };
	enum tpmiot_rc rc = enroll_dps_put_request(&msg, &job->body, err);

	if (rc == TPMIOT_OK)
		rc = send_request(job, NULL, &reply, err);
	if (rc == TPMIOT_OK && reply.status != 401)
		rc = judge(&reply, err);
	else if (rc == TPMIOT_OK)
		rc = blame(enroll_dps_parse_challenge(body_of(&reply), challenge, err), err);
	enroll_http_reply_free(&reply);
	return rc;
}

/* Signs by the server's clock, which the device need not have: the server is who looks at it. */
static enum tpmiot_rc
sign(struct job *job, const struct tpmiot_keyfile *key, struct tpmiot_err *err)
{
	struct tpmiot_buf resource = TPMIOT_BUF_INIT, escaped = TPMIOT_BUF_INIT;
	struct tpmiot_buf message = TPMIOT_BUF_INIT;
	const int64_t expires = job->now + SAS_SECONDS;
	TPM2B_DIGEST mac = { 0 };
	enum tpmiot_rc rc;

	tpmiot_dps_put_resource(job->record.scope, job->record.registration_id, &resource);
	if (tpmiot_buf_cstr(&resource) != NULL)
		tpmiot_sas_escape((const char *)resource.data, TPMIOT_SAS_REGISTRATION, &escaped);
	if (tpmiot_buf_cstr(&escaped) != NULL)
		tpmiot_sas_put_to_sign((const char *)escaped.data, expires, &message);
	rc = message.len > 0 ? tpmiot_buf_done(&message, err) : tpmiot_err_memory(err);
	if (rc == TPMIOT_OK)
		rc = enroll_dps_hmac(
		    &job->t, key, (struct tpmiot_bytes){ message.data, message.len }, &mac, err);
	if (rc == TPMIOT_OK) {
		tpmiot_sas_put((const char *)escaped.data, expires, mac.buffer, TPMIOT_DPS_KEY_NAME,
		    &job->authorization);
		if (tpmiot_buf_cstr(&job->authorization) == NULL)
			rc = tpmiot_err_memory(err);
	}
	tpmiot_buf_free(&resource);
	tpmiot_buf_free(&escaped);
	tpmiot_buf_free(&message);
	return rc;
}

static enum tpmiot_rc
meet_challenge(struct job *job, struct tpmiot_err *err)
{
	struct tpmiot_buf challenge = TPMIOT_BUF_INIT;
	struct tpmiot_keyfile key = { .extra = NULL };
	enum tpmiot_rc rc = begin(job, &challenge, err);

	if (rc == TPMIOT_OK)
		rc = enroll_dps_unwrap(&job->t, &challenge, false, &key, err);
	if (rc == TPMIOT_OK)
		rc = sign(job, &key, err);
	tpmiot_buf_free(&challenge);
	return rc;
}

/* ---- The assignment -------------------------------------------------------------------------- */

static enum tpmiot_rc
ask(struct job *job, const char *operation, struct enroll_dps_answer *out, unsigned *wait,
    struct tpmiot_err *err)
{
	struct enroll_http_reply reply = { .body = TPMIOT_BUF_INIT };
	enum tpmiot_rc rc = send_request(job, operation, &reply, err);

	if (rc == TPMIOT_OK && (reply.status < 200 || reply.status > 202))
		rc = judge(&reply, err);
	else if (rc == TPMIOT_OK)
		rc = blame(enroll_dps_parse_answer(body_of(&reply), out, err), err);
	*wait = reply.retry_after > 0 ? reply.retry_after : POLL_SECONDS;
	enroll_http_reply_free(&reply);
	return rc;
}

static enum tpmiot_rc
await(struct job *job, struct enroll_dps_answer *answer, struct tpmiot_err *err)
{
	const int64_t until = enroll_retry_now() + job->plan->patience;
	char operation[ENROLL_DPS_OPERATION_MAX + 1];
	unsigned wait = 0, polls = 0;
	enum tpmiot_rc rc = ask(job, NULL, answer, &wait, err);

	while (rc == TPMIOT_OK && answer->status == ENROLL_DPS_ASSIGNING) {
		if (enroll_retry_now() + wait > until)
			return tpmiot_err_set(err, TPMIOT_E_NET,
			    "the server has not assigned a hub within %lld s; run the same command "
			    "again, or give it more time with --timeout",
			    (long long)job->plan->patience);
		/* A server that has not assigned at the first poll may take minutes. */
		if (polls++ > 0)
			enroll_dps_tpm_rest(&job->t);
		rc = enroll_wait(wait, err);
		memcpy(operation, answer->operation, sizeof(operation));
		if (rc == TPMIOT_OK)
			rc = ask(job, operation, answer, &wait, err);
	}
	if (rc == TPMIOT_OK && answer->status == ENROLL_DPS_FAILED)
		rc = tpmiot_err_set(err, TPMIOT_E_REFUSED,
		    "the server could not register this device: %s", answer->reason);
	return rc;
}

static enum tpmiot_rc
finish(struct job *job, const struct enroll_state *state, struct tpmiot_err *err)
{
	struct enroll_dps_answer answer = { .key = TPMIOT_BUF_INIT };
	struct tpmiot_keyfile key = { .extra = NULL };
	enum tpmiot_rc rc = await(job, &answer, err);

	if (rc == TPMIOT_OK)
		rc = enroll_dps_unwrap(&job->t, &answer.key, true, &key, err);
	if (rc == TPMIOT_OK) {
		memcpy(job->record.hub, answer.hub, sizeof(job->record.hub));
		memcpy(job->record.device_id, answer.device_id, sizeof(job->record.device_id));
		job->record.assigned = job->now;
		job->record.key = key.pub.name;
		rc = enroll_dps_keep(&job->t, state, job->plan->name, job->plan->persistent, &key,
		    &job->record, job->plan->trust, err);
	}
	enroll_dps_answer_free(&answer);
	return rc;
}

/* ---- All of it --------------------------------------------------------------------------------
 */

static enum tpmiot_rc
prepare(struct job *job, struct tpmiot_err *err)
{
	const struct enroll_dps_plan *plan = job->plan;
	struct enroll_dps_record *record = &job->record;
	char by_ek[TPMIOT_DPS_ID_LEN + 1];
	enum tpmiot_rc rc;

	(void)snprintf(record->server, sizeof(record->server), "%s", plan->server);
	(void)snprintf(record->scope, sizeof(record->scope), "%s", plan->scope);
	rc = enroll_dps_tpm_open(
	    &job->t, plan->ek, enroll_dps_is_microsofts(plan->server), job->ui, err);
	/* The key's way to its handle is three commands more, which this makes up for. */
	job->t.ek.by_value = plan->persistent;
	if (rc == TPMIOT_OK)
		rc = tpmiot_dps_registration_id(NULL, &job->t.ek.pub, by_ek, err);
	if (rc == TPMIOT_OK) {
		(void)snprintf(record->ek, sizeof(record->ek), "%s", job->t.ek.profile->name);
		(void)snprintf(record->registration_id, sizeof(record->registration_id), "%s",
		    plan->registration_id != NULL ? plan->registration_id : by_ek);
	}
	return rc;
}

enum tpmiot_rc
enroll_dps_register(const struct enroll_dps_plan *plan, const struct enroll_state *state,
    struct enroll_journal *journal, struct tpmiot_tpm *tpm, struct enroll_http *http,
    const struct enroll_ui *ui, struct enroll_dps_record *out, struct tpmiot_err *err)
{
	struct job job = { .plan = plan,
		.http = http,
		.ui = ui,
		.t = ENROLL_DPS_TPM_INIT(tpm),
		.now = (int64_t)time(NULL) };
	enum tpmiot_rc rc;

	job.t.state = state;
	job.t.journal = journal;
	rc = prepare(&job, err);
	if (rc == TPMIOT_OK)
		rc = meet_challenge(&job, err);
	if (rc == TPMIOT_OK)
		rc = finish(&job, state, err);
	if (rc == TPMIOT_OK)
		*out = job.record;
	enroll_dps_tpm_close(&job.t);
	tpmiot_buf_free(&job.body);
	tpmiot_buf_free(&job.authorization);
	return rc;
}
