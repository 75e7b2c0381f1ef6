/* SPDX-License-Identifier: Apache-2.0 */
/* Routing, and the first step: the challenge. It stores nothing but for recent.h. */
#include "ca/dps/dps.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#include "ca/dps/dps_int.h"
#include "ca/dps/recent.h"
#include "ca/log.h"

bool
ca_dps_is_path(const struct ca_api *api, const char *path)
{
	struct ca_dps_path parsed;

	return api->config->dps_scope[0] != '\0' && ca_dps_path_parse(path, &parsed) &&
	       strcasecmp(parsed.scope, api->config->dps_scope) == 0;
}

/* ---- The challenge ------------------------------------------------------------------------ */

static bool
challenge(struct ca_api *api, struct ca_exchange *x, const struct ca_dps_job *job)
{
	const struct ca_dps_subject subject = ca_dps_subject_of(job, job->row.registrations);
	struct tpmiot_buf resource = TPMIOT_BUF_INIT, key = TPMIOT_BUF_INIT;
	uint8_t regkey[CA_DPS_REGKEY_LEN];
	struct tpmiot_err err = { 0 };
	bool ok;

	tpmiot_dps_put_resource(job->path.scope, job->path.id, &resource);
	ok = tpmiot_buf_cstr(&resource) != NULL &&
	     ca_dps_regkey(api, &subject, x->now, regkey, &err) == TPMIOT_OK &&
	     tpmiot_dps_key_put(api->libctx, &job->ek.pub, &job->srk,
	         (struct tpmiot_bytes){ regkey, sizeof(regkey) }, (const char *)resource.data, &key,
	         &err) == TPMIOT_OK &&
	     ca_dps_recent_add(&api->dps_recent, job->path.id, regkey, &job->req, &err) ==
	         TPMIOT_OK &&
	     ca_dps_challenge_put(&key, &x->body, &err) == TPMIOT_OK;
	if (!ok)
		ca_refuse_err(&x->problem, CA_PROBLEM_EK_UNSUPPORTED, &err);
	OPENSSL_cleanse(regkey, sizeof(regkey));
	tpmiot_buf_free(&key);
	tpmiot_buf_free(&resource);
	return ok;
}

static bool
begin(struct ca_api *api, struct ca_exchange *x, struct ca_dps_job *job)
{
	struct ca_admission as;

	if (!ca_steps_limit(api, CA_RATE_BEGIN, x) || !ca_dps_keys(api, x, job) ||
	    !ca_dps_certificate(api, x, job) || !ca_dps_decide(api, x, job, &as) ||
	    !challenge(api, x, job))
		return false;
	snprintf(x->device_id, sizeof(x->device_id), "%s", as.device_id);
	snprintf(x->note, sizeof(x->note), "challenged");
	x->status = 401;
	return true;
}

/* ---- Routing ----------------------------------------------------------------------------------
 */

static bool
put(struct ca_api *api, struct ca_exchange *x, const struct ca_dps_path *path)
{
	struct ca_dps_job job = { .path = *path };
	bool ok;

	ok =
	    ca_dps_request_parse(x->req->body, x->req->body_len, path->id, &job.req, &x->problem) &&
	    (x->req->authorization != NULL ? ca_dps_register(api, x, &job) : begin(api, x, &job));
	ca_dps_request_free(&job.req);
	ca_dps_clear(&job.row);
	return ok;
}

bool
ca_dps_step(struct ca_api *api, struct ca_exchange *x)
{
	struct ca_dps_path path;
	const char *method;

	x->content_type = CA_DPS_CONTENT_TYPE;
	if (!ca_dps_path_parse(x->req->path, &path))
		return ca_refuse(&x->problem, CA_PROBLEM_NOT_FOUND, "no such registration");
	method = path.operation[0] != '\0' ? "GET" : "PUT";
	if (strcmp(x->req->method, method) != 0)
		return ca_refuse(
		    &x->problem, CA_PROBLEM_METHOD_NOT_ALLOWED, "this is for %s only", method);
	return path.operation[0] != '\0' ? ca_dps_result(api, x, &path) : put(api, x, &path);
}

void
ca_dps_refusal(const struct ca_exchange *x, struct ca_http_reply *reply)
{
	struct tpmiot_err err = { 0 };

	reply->status = ca_dps_status(&x->problem);
	reply->content_type = CA_DPS_CONTENT_TYPE;
	tpmiot_buf_reset(&reply->body);
	if (ca_dps_problem_put(&x->problem, x->now, &reply->body, &err) != TPMIOT_OK)
		ca_log(CA_LOG_ERROR, "%s", err.text);
}
