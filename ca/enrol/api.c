/* SPDX-License-Identifier: Apache-2.0 */
/* Routing, and what is the same for every request: its reply, its log line, its audit entry. */
#include "ca/enrol/api.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "ca/dps/dps.h"
#include "ca/dps/recent.h"
#include "ca/enrol/api_int.h"
#include "ca/pki/crl.h"
#include "ca/log.h"
#include "ca/enrol/wire.h"

/*
 * Anybody can be refused as often as he likes, and the audit log is kept for
 * ever. So at most this many refusals are written, and how many were left out
 * with the next one; what was accepted is always written, and the log on standard
 * error has every request.
 */
#define AUDIT_BURST 2000
#define AUDIT_PER_MINUTE 20

static int64_t
system_now(void)
{
	return (int64_t)time(NULL);
}

/* ---- Sealing keys ------------------------------------------------------------------ */

/*
 * Sees to it that there is a sealing key, and a young one; old ones go when no session needs them,
 * and with them what is remembered of the sessions. One of the future was made before the clock was
 * set back: it goes at once, for its sessions would be good for as long.
 */
static enum tpmiot_rc
renew_seal_key(struct ca_api *api, int64_t now, struct tpmiot_err *err)
{
	const struct ca_config *config = api->config;
	struct ca_seal_key newest = { 0 };
	uint8_t key[CA_SEAL_KEY_LEN];
	enum tpmiot_rc rc = ca_seal_key_newest(api->store, &newest, err);
	const int64_t after = now + config->clock_skew;
	const bool good = rc == TPMIOT_OK && newest.added + config->seal_key_lifetime > now &&
	                  newest.added <= after;

	OPENSSL_cleanse(&newest, sizeof(newest));
	if (good)
		return TPMIOT_OK;
	if (rc != TPMIOT_OK && rc != TPMIOT_E_NOT_FOUND)
		return rc;
	if (RAND_priv_bytes_ex(api->libctx, key, sizeof(key), 0) != 1)
		return tpmiot_err_crypto(err, "no random bytes");
	rc = ca_seal_key_add(api->store, key, now, err);
	OPENSSL_cleanse(key, sizeof(key));
	if (rc == TPMIOT_OK)
		rc = ca_seal_key_purge(api->store,
		    now - config->seal_key_lifetime - config->session_lifetime - config->clock_skew,
		    after, err);
	if (rc == TPMIOT_OK)
		rc = ca_session_purge(api->store, err);
	return rc;
}

/* Something that changes, written: a full disk is found out before a device does. */
static enum tpmiot_rc
try_store(struct ca_api *api, struct tpmiot_err *err)
{
	const int64_t now = api->now();
	enum tpmiot_rc rc = ca_setting_set(api->store, "written", &now, sizeof(now), err);

	api->store_failed = rc != TPMIOT_OK;
	return rc;
}

enum tpmiot_rc
ca_api_check_store(struct ca_api *api, struct tpmiot_err *err)
{
	return api->store_failed ? try_store(api, err) : TPMIOT_OK;
}

void
ca_api_tick(struct ca_api *api)
{
	const int64_t now = api->now();
	struct tpmiot_err err = { 0 };

	if (try_store(api, &err) != TPMIOT_OK || renew_seal_key(api, now, &err) != TPMIOT_OK)
		ca_log(CA_LOG_ERROR, "housekeeping: %s", err.text);
}

/* ---- Life ---------------------------------------------------------------------------- */

enum tpmiot_rc
ca_api_new(const struct ca_config *config, struct ca_store *store, const struct ca_signer *signer,
    int64_t (*now)(void), struct ca_api **out, struct tpmiot_err *err)
{
	struct ca_api *api = calloc(1, sizeof(*api));
	enum tpmiot_rc rc;

	if (api == NULL)
		return tpmiot_err_memory(err);
	api->config = config;
	api->store = store;
	api->signer = signer;
	api->now = now != NULL ? now : system_now;
	rc = ca_roots_refresh(store, &api->roots, err);
	for (size_t i = 0; i < CA_RATES && rc == TPMIOT_OK; i++)
		rc = ca_limiter_new(config->rate_limit, &api->limiters[i], err);
	if (rc == TPMIOT_OK)
		rc = renew_seal_key(api, api->now(), err);
	if (rc == TPMIOT_OK) {
		*out = api;
		api = NULL;
	}
	ca_api_free(&api);
	return rc;
}

void
ca_api_change(struct ca_api *api, const struct ca_config *config, const struct ca_signer *signer)
{
	api->config = config;
	api->signer = signer;
	for (size_t i = 0; i < CA_RATES; i++)
		ca_limiter_change(api->limiters[i], config->rate_limit);
}

void
ca_api_set_ek_crls(struct ca_api *api, const struct tpmiot_ekcert_crls *crls)
{
	api->ek_crls = crls;
}

void
ca_api_set_run(struct ca_api *api, ca_api_run *run, void *arg)
{
	api->run = run;
	api->run_arg = arg;
}

void
ca_api_free(struct ca_api **apip)
{
	if (*apip == NULL)
		return;
	ca_roots_free(&(*apip)->roots);
	for (size_t i = 0; i < CA_RATES; i++)
		ca_limiter_free(&(*apip)->limiters[i]);
	ca_dps_recent_free(&(*apip)->dps_recent);
	free(*apip);
	*apip = NULL;
}

/* ---- What is served ---------------------------------------------------------------------- */

static bool
get_crl(struct ca_api *api, struct ca_exchange *x)
{
	struct ca_crl crl = { .der = TPMIOT_BUF_INIT };
	struct tpmiot_err err = { 0 };

	if (!ca_steps_limit(api, CA_RATE_FETCH, x))
		return false;
	if (!ca_crl_allowed(api->signer)) {
		x->limited = true; /* nothing that a device did */
		return ca_refuse(&x->problem, CA_PROBLEM_NOT_FOUND,
		    "this CA has no revocation lists: its certificate does not allow it to sign "
		    "any");
	}
	if (ca_crl_current(api->config, api->signer, api->store, x->now, &crl, &err) != TPMIOT_OK)
		return ca_fail(&x->problem, &err);
	snprintf(x->note, sizeof(x->note), "CRL %" PRId64, crl.number);
	x->content_type = "application/pkix-crl";
	tpmiot_buf_move(&x->body, &crl.der);
	return true;
}

static const struct ca_route {
	const char *path;
	const char *method; /* the only one */
	const char *event;  /* in the audit log */
	enum ca_metrics_request counted;
	bool (*step)(struct ca_api *api, struct ca_exchange *x);
} routes[] = {
	{ "/v1/attestations", "POST", "attest", CA_METRICS_ATTEST, ca_step_attest },
	{ "/v1/renewals", "POST", "renew", CA_METRICS_RENEW, ca_step_renew },
	{ "/v1/certificates", "POST", "issue", CA_METRICS_ISSUE, ca_step_issue },
	{ "/v1/crl", "GET", "crl", CA_METRICS_CRL, get_crl },
};

/* Azure's protocol has ids in its paths, and its own look of refusals. */
static const struct ca_route dps_route = { NULL, NULL, "register", CA_METRICS_DPS, ca_dps_step };

/* ---- What is written down -------------------------------------------------------------- */

void
ca_audit_of(
    const struct ca_exchange *x, const char *event, const char *decision, struct ca_audit *out)
{
	*out = (struct ca_audit){ .time = x->now, .has_ek = x->has_ek };
	snprintf(out->event, sizeof(out->event), "%s", event);
	snprintf(out->decision, sizeof(out->decision), "%s", decision);
	snprintf(out->reason, sizeof(out->reason), "%s", ca_problem_name(x->problem.type));
	snprintf(out->device_id, sizeof(out->device_id), "%s", x->device_id);
	memcpy(out->ek_spki, x->ek_spki, sizeof(out->ek_spki));
	snprintf(out->peer, sizeof(out->peer), "[%s]:%u", x->req->peer_host, x->req->peer_port);
	snprintf(out->detail, sizeof(out->detail), "%s", x->problem.detail);
	out->pcrs = x->pcrs.len > 0 ? (const char *)x->pcrs.data : NULL;
}

static enum tpmiot_rc
add_audit(struct ca_store *store, const struct ca_audit *entry, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = ca_store_begin(store, err);

	if (rc != TPMIOT_OK)
		return rc;
	if ((rc = ca_audit_add(store, entry, err)) == TPMIOT_OK)
		return ca_store_commit(store, err);
	ca_store_rollback(store);
	return rc;
}

/* Requests that say nothing of a device (malformed ones, for instance) are for the log only. */
static void
audit_refusal(struct ca_api *api, const struct ca_exchange *x, const char *event)
{
	struct ca_audit entry;
	struct tpmiot_err err = { 0 };
	size_t used;

	if (x->limited || x->problem.type == CA_PROBLEM_MALFORMED_REQUEST)
		return;
	if (ca_bucket_take(&api->audit, AUDIT_PER_MINUTE, AUDIT_BURST, x->now * 1000) > 0) {
		api->audit_left_out++;
		return;
	}
	ca_audit_of(x, event, "refused", &entry);
	used = strlen(entry.detail);
	if (api->audit_left_out > 0)
		snprintf(entry.detail + used, sizeof(entry.detail) - used,
		    " (%" PRIu64 " refusals before this one were not written)",
		    api->audit_left_out);
	if (add_audit(api->store, &entry, &err) != TPMIOT_OK) {
		ca_log(CA_LOG_ERROR, "audit log: %s", err.text);
		api->audit_left_out++;
		return;
	}
	if (ca_store_unsettled(api->store) > 0)
		api->audit_unsettled += api->audit_left_out + 1;
	api->audit_left_out = 0;
}

static void
log_exchange(const struct ca_exchange *x, int status)
{
	const struct ca_problem *p = &x->problem;
	const enum ca_log_level level =
	    p->type == CA_PROBLEM_SERVER_ERROR ? CA_LOG_ERROR : CA_LOG_INFO;
	const char *detail = p->type == CA_PROBLEM_NONE ? x->note
	                     : p->cause[0] != '\0'      ? p->cause
	                                                : p->detail;
	char ek[CA_HEX_SPKI_MAX] = "";
	const struct ca_log_request line = { x->req->peer_host, x->req->peer_port, x->req->method,
		x->req->path, status, ca_problem_name(p->type), x->device_id, ek, detail };

	if (x->has_ek)
		ca_hex(x->ek_spki, sizeof(x->ek_spki), ek);
	ca_log_exchange(level, &line);
}

/* ---- Requests ------------------------------------------------------------------------------ */

static bool
is_json(const char *content_type)
{
	static const char json[] = "application/json";
	const size_t len = sizeof(json) - 1;

	return content_type != NULL && strncasecmp(content_type, json, len) == 0 &&
	       strchr("; \t", content_type[len]) != NULL;
}

/* What has to be so of any request. */
static bool
check(const struct ca_api *api, const struct ca_route *route, struct ca_exchange *x)
{
	const struct ca_http_request *req = x->req;

	if (route == NULL)
		return ca_refuse(
		    &x->problem, CA_PROBLEM_NOT_FOUND, "nothing is served under this path");
	if (route->method != NULL && strcmp(req->method, route->method) != 0)
		return ca_refuse(&x->problem, CA_PROBLEM_METHOD_NOT_ALLOWED, "%s is for %s only",
		    route->path, route->method);
	if (req->too_large)
		return ca_refuse(&x->problem, CA_PROBLEM_TOO_LARGE,
		    "the body is larger than %" PRId64 " bytes", api->config->max_body);
	if ((strcmp(req->method, "POST") == 0 || strcmp(req->method, "PUT") == 0) &&
	    !is_json(req->content_type))
		return ca_refuse(&x->problem, CA_PROBLEM_UNSUPPORTED_MEDIA_TYPE,
		    "the body has to be application/json");
	return true;
}

static void
fill_reply(const struct ca_api *api, struct ca_exchange *x, struct ca_http_reply *reply)
{
	struct tpmiot_err err = { 0 };

	reply->unsettled = ca_store_unsettled(api->store) > 0;
	reply->status = ca_problem_status(x->problem.type);
	if (x->problem.type == CA_PROBLEM_NONE) {
		reply->content_type =
		    x->content_type != NULL ? x->content_type : "application/json";
		reply->retry_after = x->retry_after;
		if (x->status != 0)
			reply->status = x->status;
		tpmiot_buf_move(&reply->body, &x->body);
		return;
	}
	reply->retry_after = x->problem.retry_after;
	if (x->route == &dps_route) {
		ca_dps_refusal(x, reply);
		return;
	}
	reply->content_type = "application/problem+json";
	if (x->problem.type == CA_PROBLEM_METHOD_NOT_ALLOWED)
		reply->allow = x->route->method;
	tpmiot_buf_reset(&reply->body);
	if (ca_problem_put(&x->problem, &reply->body, &err) != TPMIOT_OK)
		ca_log(CA_LOG_ERROR, "%s", err.text);
}

static double
seconds(void)
{
	struct timespec ts = { 0, 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* What is the same for all that end: reply, log, counters, and if it was refused, the audit log. */
static void
conclude(struct ca_api *api, struct ca_exchange *x, struct ca_http_reply *reply)
{
	fill_reply(api, x, reply);
	log_exchange(x, reply->status);
	ca_metrics_count(&api->metrics, x->route != NULL ? x->route->counted : CA_METRICS_OTHER,
	    x->problem.type, seconds() - x->begun);
	tpmiot_buf_free(&x->body);
	tpmiot_buf_free(&x->pcrs);
}

void
ca_api_resume(struct ca_api *api, struct ca_exchange *x)
{
	struct ca_http_reply reply = { .status = 0 };

	if (x->problem.type != CA_PROBLEM_NONE)
		audit_refusal(api, x, x->route->event);
	conclude(api, x, &reply);
	ca_http_answer(x->req->turn, &reply);
	tpmiot_buf_free(&reply.body);
}

void
ca_api_handle(struct ca_api *api, const struct ca_http_request *req, struct ca_http_reply *reply)
{
	struct ca_exchange x = { .req = req, .now = api->now(), .begun = seconds() };

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (strcmp(req->path, routes[i].path) == 0)
			x.route = &routes[i];
	if (x.route == NULL && ca_dps_is_path(api, req->path))
		x.route = &dps_route;
	if (check(api, x.route, &x) && !x.route->step(api, &x))
		audit_refusal(api, &x, x.route->event);
	if (x.later)
		reply->status = CA_HTTP_LATER;
	else
		conclude(api, &x, reply);
}

bool
ca_api_settle(struct ca_api *api, struct ca_http_reply *failure)
{
	const unsigned n = ca_store_unsettled(api->store);
	struct ca_exchange x = { .now = api->now() };
	struct tpmiot_err err = { 0 };
	const uint64_t refusals = api->audit_unsettled;

	api->audit_unsettled = 0;
	if (ca_store_settle(api->store, &err) == TPMIOT_OK)
		return true;
	api->store_failed = true;
	api->audit_left_out += refusals;
	ca_log(CA_LOG_ERROR, "%u decisions were not recorded, and are taken back: %s", n, err.text);
	(void)ca_fail(&x.problem, &err);
	fill_reply(api, &x, failure);
	return false;
}
