/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include <curl/curl.h>

#include "enroll/cmd/cli.h"
#include "enroll/cmd/duration.h"
#include "enroll/dps/register.h"
#include "enroll/enrol/ekpick.h"
#include "enroll/enrol/secret.h"
#include "enroll/enrol/token.h"
#include "enroll/net/retry.h"
#include "enroll/net/server.h"
#include "enroll/net/url.h"
#include "enroll/state/journal.h"

#define PATIENCE_DEFAULT 300

struct job {
	struct enroll_env *env;
	struct enroll_dps_plan plan;
	struct tpmiot_buf url;
	struct enroll_server server;
	struct tpmiot_buf token;
	struct enroll_state state;
	struct enroll_journal journal;
	struct enroll_http *http;
	struct enroll_dps_record record;
	TPM2_HANDLE handle; /* of the key that is registered already; 0: it is in a file */
};

/* ---- What was asked for ------------------------------------------------------------ */

/* --server is HOST[:PORT], as the documentation of Azure's clients has it, or a URL. */
static enum tpmiot_rc
set_server(struct job *job, struct tpmiot_err *err)
{
	const char *server = job->env->opts->server;

	job->plan.server = ENROLL_DPS_SERVER;
	if (server == NULL)
		return TPMIOT_OK;
	tpmiot_buf_printf(
	    &job->url, "%s%s", strstr(server, "://") == NULL ? "https://" : "", server);
	if ((job->plan.server = tpmiot_buf_cstr(&job->url)) == NULL)
		return tpmiot_err_memory(err);
	if (job->url.len >= ENROLL_DPS_URL_MAX)
		return tpmiot_err_set(err, TPMIOT_E_USAGE, "--server: too long");
	return enroll_url_check(job->plan.server, err);
}

static enum tpmiot_rc
check_ids(const struct enroll_opts *opts, struct tpmiot_err *err)
{
	if (opts->id_scope == NULL)
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "dps needs to know the provisioning service's scope: --id-scope=SCOPE");
	if (!tpmiot_dps_scope_valid(opts->id_scope))
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "--id-scope: 1 to %d letters and digits are wanted", TPMIOT_DPS_SCOPE_MAX);
	if (opts->registration_id != NULL && !enroll_dps_id_valid(opts->registration_id))
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "--registration-id: 1 to %d of A-Z a-z 0-9 - . _ : are wanted",
		    ENROLL_DPS_ID_MAX);
	return TPMIOT_OK;
}

static enum tpmiot_rc
check_options(struct job *job, struct tpmiot_err *err)
{
	const struct enroll_opts *opts = job->env->opts;
	enum tpmiot_rc rc = check_ids(opts, err);

	job->plan.name = opts->name != NULL ? opts->name : ENROLL_DPS_NAME;
	job->server.ca_file = opts->ca_file;
	job->server.fingerprint = opts->ca_fingerprint;
	job->plan.trust = &job->server;
	job->plan.scope = opts->id_scope;
	job->plan.registration_id = opts->registration_id;
	job->plan.ek = opts->ek;
	job->plan.persistent = opts->persistent;
	if (rc == TPMIOT_OK)
		rc = enroll_state_check_name(job->plan.name, err);
	if (rc == TPMIOT_OK)
		rc = enroll_ekpick_check(opts->ek, err);
	if (rc == TPMIOT_OK)
		rc = set_server(job, err);
	if (rc == TPMIOT_OK && opts->timeout != NULL)
		rc = enroll_duration_parse("timeout", opts->timeout, &job->plan.patience, err);
	if (rc == TPMIOT_OK && opts->join_token_file != NULL) {
		rc = enroll_token_read(opts->join_token_file, &job->env->ui, &job->token, err);
		job->plan.join_token = (const char *)job->token.data;
	}
	return rc;
}

/* ---- What is there already ----------------------------------------------------------- */

/* One difference between what was asked for and what is registered. */
static enum tpmiot_rc
differs(const struct job *job, const char *option, const char *is, struct tpmiot_err *err)
{
	return tpmiot_err_set(err, TPMIOT_E_USAGE,
	    "%s: the key %s is registered with %s; --again registers it anew, --name=N beside it",
	    option, job->plan.name, is);
}

/* Nothing is done where a registration stands: so it has to be the one that the options name. */
static enum tpmiot_rc
check_as_asked(const struct job *job, struct tpmiot_err *err)
{
	const struct enroll_opts *opts = job->env->opts;
	const struct enroll_dps_record *record = &job->record;

	if (strcmp(record->scope, job->plan.scope) != 0)
		return differs(job, "--id-scope", record->scope, err);
	if (opts->server != NULL && !enroll_url_same(record->server, job->plan.server))
		return differs(job, "--server", record->server, err);
	if (opts->registration_id != NULL &&
	    strcmp(record->registration_id, opts->registration_id) != 0)
		return differs(job, "--registration-id", record->registration_id, err);
	if (opts->ek != NULL && !enroll_ekpick_can_mean(opts->ek, record->ek))
		return differs(job, "--ek", record->ek, err);
	if (opts->persistent && job->handle == 0)
		return differs(job, "--persistent", "its key in a file", err);
	return TPMIOT_OK;
}

/* A key that is no registration's is not overwritten. */
static enum tpmiot_rc
is_registered(struct job *job, bool *out, struct tpmiot_err *err)
{
	struct tpmiot_keyfile file = { .extra = NULL };
	enum tpmiot_rc rc = enroll_state_read_key(job->env->dir, job->plan.name, &file, err);
	bool hmac;

	*out = false;
	if (rc == TPMIOT_E_NOT_FOUND)
		return TPMIOT_OK;
	if (rc != TPMIOT_OK)
		return rc;
	hmac = tpmiot_public_is_hmac_key(&file.pub);
	if (!hmac)
		rc = tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "the key %s is no registration's; choose another name with --name=N",
		    job->plan.name);
	else if (!job->env->opts->again)
		*out = enroll_dps_record_read(
		           job->env->dir, job->plan.name, &job->record, NULL, NULL) == TPMIOT_OK &&
		       enroll_dps_record_is_of(&job->record, &file.pub);
	if (*out && file.type == TPMIOT_KEYFILE_REFERENCE)
		job->handle = file.parent;
	tpmiot_keyfile_clear(&file);
	return rc == TPMIOT_OK && *out ? check_as_asked(job, err) : rc;
}

/* ---- The work --------------------------------------------------------------------------- */

static enum tpmiot_rc
open_http(struct job *job, struct tpmiot_err *err)
{
	const bool microsofts = enroll_dps_is_microsofts(job->plan.server);
	enum tpmiot_rc rc;

	job->server.url = job->plan.server;
	rc = enroll_server_open(microsofts ? NULL : job->env->dir, &job->server, &job->http, err);
	if (rc == TPMIOT_OK && job->plan.patience < ENROLL_RETRY_PATIENCE)
		enroll_http_set_patience(job->http, job->plan.patience);
	return rc;
}

/* A run that was cut short, or another program, may have replaced the key at the handle. */
static bool
is_at_handle(const struct job *job, struct tpmiot_tpm *tpm)
{
	struct tpmiot_public pub;

	return tpmiot_tpm_read_public(tpm, job->handle, &pub, NULL) == TPMIOT_OK &&
	       enroll_dps_record_is_of(&job->record, &pub);
}

static enum tpmiot_rc
register_device(struct job *job, struct tpmiot_tpm *tpm, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = open_http(job, err);

	return rc == TPMIOT_OK ? enroll_dps_register(&job->plan, &job->state, &job->journal, tpm,
	                             job->http, &job->env->ui, &job->record, err)
	                       : rc;
}

/* Registers unless that was done. */
static enum tpmiot_rc
with_tpm(struct job *job, bool *registered, struct tpmiot_err *err)
{
	struct tpmiot_tpm *tpm = NULL;
	enum tpmiot_rc rc = enroll_secret_open_tpm(job->env, &tpm, err);

	if (rc != TPMIOT_OK)
		return rc;
	rc = enroll_journal_begin_named(&job->state, tpm, &job->env->ui, &job->journal, err);
	if (rc != TPMIOT_OK) {
		tpmiot_tpm_free(&tpm);
		return rc;
	}
	if (*registered && job->handle != 0)
		*registered = is_at_handle(job, tpm);
	if (!*registered)
		rc = register_device(job, tpm, err);
	tpmiot_tpm_free(&tpm);
	return enroll_journal_end(&job->state, enroll_secret_explain(rc, err), err);
}

static void
report(struct job *job, const char *result)
{
	struct enroll_ui *ui = &job->env->ui;
	struct tpmiot_buf text = TPMIOT_BUF_INIT;

	enroll_ui_result(ui, "result", NULL, result);
	enroll_ui_note(ui, "%s: %s", job->plan.name, result);
	enroll_ui_result(ui, "hub", "Hub:", job->record.hub);
	enroll_ui_result(ui, "device_id", "Device id:", job->record.device_id);
	enroll_ui_result(ui, "registration_id", "Registration id:", job->record.registration_id);
	tpmiot_buf_printf(&text, "%s/%s.key", job->env->dir, job->plan.name);
	enroll_ui_result(ui, "key", "Key:", tpmiot_buf_cstr(&text));
	tpmiot_buf_free(&text);
}

static enum tpmiot_rc
run(struct job *job, struct tpmiot_err *err)
{
	bool registered = false;
	enum tpmiot_rc rc = enroll_state_open(job->env->dir, &job->state, err);

	if (rc == TPMIOT_OK)
		rc =
		    enroll_state_set_group(&job->state, job->plan.name, job->env->opts->group, err);
	if (rc == TPMIOT_OK)
		rc = is_registered(job, &registered, err);
	if (rc == TPMIOT_OK &&
	    (!registered || job->handle != 0 || enroll_journal_exists(job->env->dir)))
		rc = with_tpm(job, &registered, err);
	if (rc == TPMIOT_OK)
		report(job, registered ? "already registered" : "registered");
	return rc;
}

enum tpmiot_rc
enroll_cmd_dps(struct enroll_env *env, struct tpmiot_err *err)
{
	struct job job = {
		.env = env, .plan = { .patience = PATIENCE_DEFAULT }, .state = ENROLL_STATE_INIT
	};
	enum tpmiot_rc rc;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return tpmiot_err_memory(err);
	rc = check_options(&job, err);
	if (rc == TPMIOT_OK)
		rc = run(&job, err);
	enroll_http_free(&job.http);
	enroll_server_free(&job.server);
	tpmiot_buf_free(&job.url);
	tpmiot_buf_free(&job.token);
	enroll_state_close(&job.state);
	curl_global_cleanup();
	return rc;
}
