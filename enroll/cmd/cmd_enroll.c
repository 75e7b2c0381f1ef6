/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>

#include <tpmiot/device_id.h>

#include "enroll/enrol/certs.h"
#include "enroll/cmd/cli.h"
#include "enroll/cmd/duration.h"
#include "enroll/enrol/ekpick.h"
#include "enroll/enrol/flow.h"
#include "enroll/state/journal.h"
#include "enroll/enrol/keys.h"
#include "enroll/state/pending.h"
#include "enroll/enrol/secret.h"
#include "enroll/enrol/token.h"
#include "enroll/net/retry.h"
#include "enroll/net/url.h"

struct job {
	struct enroll_env *env;
	const char *name;
	enum tpmiot_key_kind kind;
	int64_t patience;
	struct enroll_state state;
	struct enroll_server server;
	struct tpmiot_buf token;
	struct enroll_http *http;
};

/* ---- What was asked for ------------------------------------------------------------ */

static enum tpmiot_rc
check_options(struct job *job, struct tpmiot_err *err)
{
	const struct enroll_opts *opts = job->env->opts;
	enum tpmiot_rc rc;

	job->name = opts->name != NULL ? opts->name : ENROLL_DEFAULT_NAME;
	rc = enroll_state_check_name(job->name, err);
	if (rc == TPMIOT_OK)
		rc = enroll_ekpick_check(opts->ek, err);
	if (rc != TPMIOT_OK)
		return rc;
	if (opts->server == NULL)
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "enroll needs to know the CA: --server=https://HOST[:PORT]");
	rc = enroll_url_check(opts->server, err);
	if (rc == TPMIOT_OK && opts->timeout != NULL)
		rc = enroll_duration_parse("timeout", opts->timeout, &job->patience, err);
	if (rc != TPMIOT_OK)
		return rc;
	if (opts->key != NULL && !tpmiot_key_kind_parse(opts->key, &job->kind))
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "--key=%s: ec-p256, ec-p384, rsa-2048 or rsa-3072 is wanted", opts->key);
	if (opts->device_id != NULL && !tpmiot_device_id_valid(opts->device_id))
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "--device-id: 1 to 64 of A-Z a-z 0-9 . _ : @ - are wanted, a letter or digit "
		    "first");
	return TPMIOT_OK;
}

static const enum tpmiot_key_kind *
wanted_kind(const struct job *job)
{
	return job->env->opts->key != NULL ? &job->kind : NULL;
}

/* ---- What is there already ----------------------------------------------------------- */

/* Whether there is a key with a certificate for it that is not out of date. */
static enum tpmiot_rc
is_enrolled(const struct job *job, bool *out, struct tpmiot_err *err)
{
	struct tpmiot_keyfile file = { .extra = NULL };
	EVP_PKEY *pkey = NULL;
	X509 *leaf = NULL;
	enum tpmiot_rc rc;
	bool enrolled;

	rc = enroll_state_read_key(job->env->dir, job->name, &file, err);
	if (rc == TPMIOT_E_NOT_FOUND) {
		*out = false;
		return TPMIOT_OK;
	}
	if (rc == TPMIOT_OK)
		rc = enroll_keys_check_kind(job->name, &file, wanted_kind(job), err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_public_to_pkey(NULL, &file.pub, &pkey, err);
	tpmiot_keyfile_clear(&file);
	if (rc != TPMIOT_OK)
		return rc;
	enrolled = enroll_certs_read_leaf(job->env->dir, job->name, &leaf, NULL) == TPMIOT_OK &&
	           enroll_certs_usable(leaf, pkey, (int64_t)time(NULL));
	if (enrolled && job->env->opts->device_id != NULL &&
	    enroll_certs_is_others(leaf, job->env->opts->device_id))
		rc = tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "%s/%s.crt is made out to another device id than %s; leave --device-id out, or "
		    "begin anew with 'tpmiot-enroll reset'",
		    job->env->dir, job->name, job->env->opts->device_id);
	X509_free(leaf);
	EVP_PKEY_free(pkey);
	if (rc == TPMIOT_OK)
		*out = enrolled;
	return rc;
}

struct search {
	const struct job *job;
	char name[TPMIOT_KEY_NAME_MAX + 1]; /* "": none was found */
};

static bool
is_not_certified(void *arg, const char *name)
{
	struct search *search = arg;
	X509 *leaf = NULL;

	if (strcmp(name, ENROLL_AK_NAME) == 0 || strcmp(name, search->job->name) == 0 ||
	    enroll_certs_read_leaf(search->job->env->dir, name, &leaf, NULL) != TPMIOT_OK)
		return true;
	X509_free(leaf);
	(void)snprintf(search->name, sizeof(search->name), "%s", name);
	return false;
}

/*
 * A state directory is one CA's: ca.crt, server.json and the secrets are there once, and by another
 * CA's the other keys could not be renewed any more.
 */
static enum tpmiot_rc
check_same_ca(const struct job *job, struct tpmiot_err *err)
{
	struct search search = { .job = job };
	struct enroll_server known = ENROLL_SERVER_INIT;
	enum tpmiot_rc rc = TPMIOT_OK;

	if (enroll_server_recall(job->env->dir, &known, NULL) == TPMIOT_OK && known.url != NULL &&
	    !enroll_url_same(known.url, job->server.url))
		rc = tpmiot_statedir_each_key(job->env->dir, is_not_certified, &search, err);
	if (rc == TPMIOT_OK && search.name[0] != '\0')
		rc = tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "the key %s in %s has its certificate from %s, and one state directory is for "
		    "one CA: enrol with another one in a directory of its own, --state-dir=DIR. If "
		    "it is the same CA at another address, 'tpmiot-enroll renew --name=%s "
		    "--server=%s --before=36500d' goes first",
		    search.name, job->env->dir, known.url, search.name, job->server.url);
	enroll_server_free(&known);
	return rc;
}

/* ---- The work --------------------------------------------------------------------------- */

/* What a killed run left in the TPM goes first; what this one loads is noted before it is. */
static enum tpmiot_rc
with_tpm(struct job *job, bool enrolled, struct enroll_flow_result *result, struct tpmiot_err *err)
{
	const struct enroll_opts *opts = job->env->opts;
	const struct enroll_flow_plan plan = {
		.name = job->name,
		.kind = wanted_kind(job),
		.ek = opts->ek,
		.device_id = opts->device_id,
		.profile = opts->profile,
		.join_token = &job->token,
		.server = &job->server,
	};
	struct tpmiot_tpm *tpm = NULL;
	enum tpmiot_rc rc;

	rc = enroll_secret_open_tpm(job->env, &tpm, err);
	if (rc != TPMIOT_OK)
		return rc;
	rc = enroll_journal_begin(&job->state, tpm, &job->env->ui, err);
	if (rc != TPMIOT_OK) {
		tpmiot_tpm_free(&tpm);
		return rc;
	}
	if (!enrolled)
		rc =
		    enroll_flow_run(&plan, &job->state, tpm, job->http, &job->env->ui, result, err);
	tpmiot_tpm_free(&tpm);
	return enroll_journal_end(&job->state, enroll_secret_explain(rc, err), err);
}

static enum tpmiot_rc
report(struct job *job, const char *result, const char *device_id, struct tpmiot_err *err)
{
	struct enroll_ui *ui = &job->env->ui;
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	char id[TPMIOT_DEVICE_ID_MAX + 1];
	X509 *leaf = NULL;
	enum tpmiot_rc rc;

	rc = enroll_certs_read_leaf(job->env->dir, job->name, &leaf, err);
	if (rc != TPMIOT_OK)
		return rc;
	enroll_ui_result(ui, "result", NULL, result);
	enroll_ui_note(ui, "%s: %s", job->name, result);
	if (device_id == NULL && enroll_certs_device_id(leaf, id))
		device_id = id;
	enroll_ui_result(ui, "device_id", "Device id:", device_id);
	enroll_certs_put_name(X509_get_subject_name(leaf), &text);
	enroll_ui_result(ui, "subject", "Subject:", tpmiot_buf_cstr(&text));
	tpmiot_buf_reset(&text);
	enroll_certs_put_time(enroll_certs_not_after(leaf), &text);
	enroll_ui_result(ui, "not_after", "Valid until:", tpmiot_buf_cstr(&text));
	tpmiot_buf_reset(&text);
	tpmiot_buf_printf(&text, "%s/%s.key", job->env->dir, job->name);
	enroll_ui_result(ui, "key", "Key:", tpmiot_buf_cstr(&text));
	tpmiot_buf_reset(&text);
	tpmiot_buf_printf(&text, "%s/%s.crt", job->env->dir, job->name);
	enroll_ui_result(ui, "certificate", "Certificate:", tpmiot_buf_cstr(&text));
	tpmiot_buf_free(&text);
	X509_free(leaf);
	return TPMIOT_OK;
}

static enum tpmiot_rc
run(struct job *job, struct tpmiot_err *err)
{
	struct enroll_flow_result result = { .device_id = "" };
	bool enrolled = false;
	enum tpmiot_rc rc;

	rc = enroll_state_open(job->env->dir, &job->state, err);
	if (rc == TPMIOT_OK)
		rc = enroll_state_set_group(&job->state, job->name, job->env->opts->group, err);
	if (rc == TPMIOT_OK)
		rc = enroll_pending_finish(&job->state, job->name, err);
	if (rc == TPMIOT_OK)
		rc = is_enrolled(job, &enrolled, err);
	if (rc == TPMIOT_OK && !enrolled)
		rc = check_same_ca(job, err);
	if (rc == TPMIOT_OK && !enrolled)
		rc = enroll_server_open(job->env->dir, &job->server, &job->http, err);
	if (rc == TPMIOT_OK && !enrolled)
		enroll_http_set_patience(job->http, job->patience);
	if (rc == TPMIOT_OK && (!enrolled || enroll_journal_exists(job->env->dir)))
		rc = with_tpm(job, enrolled, &result, err);
	if (rc == TPMIOT_OK)
		rc = report(job, enrolled ? "already enrolled" : "enrolled",
		    enrolled ? NULL : result.device_id, err);
	return rc;
}

enum tpmiot_rc
enroll_cmd_enroll(struct enroll_env *env, struct tpmiot_err *err)
{
	struct job job = { .env = env,
		.patience = ENROLL_RETRY_PATIENCE,
		.state = ENROLL_STATE_INIT,
		.token = TPMIOT_BUF_INIT,
		.server = { .url = env->opts->server,
		    .ca_file = env->opts->ca_file,
		    .fingerprint = env->opts->ca_fingerprint } };
	enum tpmiot_rc rc;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return tpmiot_err_memory(err);
	rc = check_options(&job, err);
	if (rc == TPMIOT_OK && env->opts->join_token_file != NULL)
		rc = enroll_token_read(env->opts->join_token_file, &env->ui, &job.token, err);
	if (rc == TPMIOT_OK)
		rc = run(&job, err);
	enroll_http_free(&job.http);
	enroll_server_free(&job.server);
	tpmiot_buf_free(&job.token);
	enroll_state_close(&job.state);
	curl_global_cleanup();
	return rc;
}
