/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include <curl/curl.h>

#include "enroll/enrol/certs.h"
#include "enroll/cmd/cli.h"
#include "enroll/cmd/duration.h"
#include "enroll/state/journal.h"
#include "enroll/state/pending.h"
#include "enroll/enrol/renewal.h"
#include "enroll/enrol/secret.h"
#include "enroll/net/retry.h"
#include "enroll/net/url.h"
#include "enroll/token/clock.h"

struct job {
	struct enroll_env *env;
	const char *name;
	int64_t before; /* -1: by the certificate */
	int64_t patience;
	struct enroll_state state;
	struct enroll_server server;
	struct enroll_http *http;
	X509 *leaf;
};

static enum tpmiot_rc
check_options(struct job *job, struct tpmiot_err *err)
{
	const struct enroll_opts *opts = job->env->opts;
	enum tpmiot_rc rc;

	job->name = opts->name != NULL ? opts->name : ENROLL_DEFAULT_NAME;
	rc = enroll_state_check_name(job->name, err);
	if (rc == TPMIOT_OK && opts->before != NULL)
		rc = enroll_duration_parse("before", opts->before, &job->before, err);
	if (rc == TPMIOT_OK && opts->timeout != NULL)
		rc = enroll_duration_parse("timeout", opts->timeout, &job->patience, err);
	if (rc == TPMIOT_OK && opts->server != NULL)
		rc = enroll_url_check(opts->server, err);
	return rc;
}

/* The certificate that is there: is there one, and does it still prove anything? */
static enum tpmiot_rc
read_leaf(struct job *job, int64_t now, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = enroll_certs_read_leaf(job->env->dir, job->name, &job->leaf, err);

	if (rc == TPMIOT_E_NOT_FOUND)
		return tpmiot_err_set(err, rc,
		    "%s has no certificate yet: 'tpmiot-enroll enroll' gets one", job->name);
	if (rc == TPMIOT_OK && enroll_certs_not_after(job->leaf) <= now)
		return tpmiot_err_set(err, TPMIOT_E_NOT_FOUND,
		    "the certificate of %s is out of date, and nothing renews it: "
		    "'tpmiot-enroll enroll' gets a new one",
		    job->name);
	return rc;
}

static enum tpmiot_rc
open_server(struct job *job, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = enroll_server_recall(job->env->dir, &job->server, err);

	if (rc == TPMIOT_OK && job->server.url == NULL)
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "nobody wrote down which CA this device enrolled with: give --server=URL");
	if (rc == TPMIOT_OK)
		rc = enroll_server_open(job->env->dir, &job->server, &job->http, err);
	if (rc == TPMIOT_OK)
		enroll_http_set_patience(job->http, job->patience);
	return rc;
}

static enum tpmiot_rc
with_tpm(struct job *job, bool due, struct tpmiot_err *err)
{
	const struct enroll_renewal_plan plan = { job->name, job->env->opts->rekey, &job->server };
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
	if (due)
		rc = enroll_renewal_run(&plan, &job->state, tpm, &job->http, &job->env->ui, err);
	tpmiot_tpm_free(&tpm);
	return enroll_journal_end(&job->state, enroll_secret_explain(rc, err), err);
}

static enum tpmiot_rc
report(struct job *job, bool renewed, struct tpmiot_err *err)
{
	const char *result = renewed ? "renewed" : "not due";
	struct enroll_ui *ui = &job->env->ui;
	struct tpmiot_buf when = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	X509_free(job->leaf);
	job->leaf = NULL;
	rc = enroll_certs_read_leaf(job->env->dir, job->name, &job->leaf, err);
	if (rc != TPMIOT_OK)
		return rc;
	enroll_ui_result(ui, "result", NULL, result);
	enroll_ui_note(ui, "%s: %s", job->name, result);
	enroll_certs_put_time(enroll_certs_not_after(job->leaf), &when);
	enroll_ui_result(ui, "not_after", "Valid until:", tpmiot_buf_cstr(&when));
	tpmiot_buf_free(&when);
	return TPMIOT_OK;
}

static enum tpmiot_rc
run(struct job *job, struct tpmiot_err *err)
{
	int64_t now = (int64_t)time(NULL), before;
	enum tpmiot_rc rc;
	bool due = false;

	rc = enroll_state_open(job->env->dir, &job->state, err);
	if (rc == TPMIOT_OK)
		rc = enroll_state_set_group(&job->state, job->name, job->env->opts->group, err);
	if (rc == TPMIOT_OK)
		rc = enroll_pending_finish(&job->state, job->name, err);
	if (rc == TPMIOT_OK)
		rc = read_leaf(job, now, err);
	if (rc != TPMIOT_OK)
		return rc;
	before = job->before >= 0 ? job->before : enroll_renewal_default_before(job->leaf);
	due = enroll_certs_not_after(job->leaf) - now <= before;
	/* By a clock in the past nothing is ever due, until it is too late. */
	if (!due && now + ENROLL_CLOCK_OFF < enroll_certs_not_before(job->leaf))
		rc = enroll_clock_check(job->leaf, now, err);
	if (due)
		rc = open_server(job, err);
	if (rc == TPMIOT_OK && (due || enroll_journal_exists(job->env->dir)))
		rc = with_tpm(job, due, err);
	/* Not before the TPM was repaired: what is loaded there is known by its file. */
	if (rc == TPMIOT_OK && !job->env->opts->rekey)
		rc = enroll_pending_drop(&job->state, job->name, err);
	return rc == TPMIOT_OK ? report(job, due, err) : rc;
}

enum tpmiot_rc
enroll_cmd_renew(struct enroll_env *env, struct tpmiot_err *err)
{
	struct job job = { .env = env,
		.state = ENROLL_STATE_INIT,
		.before = -1,
		.patience = ENROLL_RETRY_PATIENCE,
		.server = { .url = env->opts->server,
		    .ca_file = env->opts->ca_file,
		    .fingerprint = env->opts->ca_fingerprint } };
	enum tpmiot_rc rc;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return tpmiot_err_memory(err);
	rc = check_options(&job, err);
	if (rc == TPMIOT_OK)
		rc = run(&job, err);
	X509_free(job.leaf);
	enroll_http_free(&job.http);
	enroll_server_free(&job.server);
	enroll_state_close(&job.state);
	curl_global_cleanup();
	return rc;
}
