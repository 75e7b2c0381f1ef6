/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <openssl/evp.h>

#include "enroll/enrol/certs.h"
#include "enroll/net/exchange.h"
#include "enroll/enrol/keys.h"
#include "enroll/net/mtls.h"
#include "enroll/state/pending.h"
#include "enroll/enrol/renewal.h"
#include "enroll/enrol/step.h"

#define DAY (24 * 3600)
#define BEFORE_DEFAULT (30 * DAY)

/* ---- When ------------------------------------------------------------------------- */

int64_t
enroll_renewal_default_before(const X509 *cert)
{
	int64_t lifetime = enroll_certs_lifetime(cert);
	int64_t before = lifetime / 3 < BEFORE_DEFAULT ? lifetime / 3 : BEFORE_DEFAULT;
	uint8_t digest[EVP_MAX_MD_SIZE] = { 0 };

	(void)X509_digest(cert, EVP_sha256(), digest, NULL);
	return before - before * digest[0] / 2560;
}

/* ---- The requests ------------------------------------------------------------------- */

static enum tpmiot_rc
ask(struct enroll_step *step, struct tpmiot_err *err)
{
	struct tpmiot_buf body = TPMIOT_BUF_INIT, reply = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	enroll_msg_challenge_free(&step->challenge);
	rc = enroll_msg_put_renewal(tpmiot_key_public(step->ak), &body, err);
	if (rc == TPMIOT_OK)
		rc = enroll_step_exchange(step, "/v1/renewals", &body, &reply, err);
	if (rc == TPMIOT_OK)
		rc = enroll_step_blame_server(
		    enroll_msg_parse_renewal(
		        (struct tpmiot_bytes){ reply.data, reply.len }, &step->challenge, err),
		    err);
	tpmiot_buf_free(&body);
	tpmiot_buf_free(&reply);
	return rc;
}

static enum tpmiot_rc
ask_and_prove(struct enroll_step *step, struct enroll_msg_issued *issued, struct tpmiot_err *err)
{
	enum tpmiot_rc rc;
	int starts;

	for (starts = 1;; starts++) {
		rc = ask(step, err);
		if (rc == TPMIOT_OK)
			rc = enroll_step_prove(step, issued, err);
		if (rc != TPMIOT_E_REFUSED || starts == ENROLL_STEP_STARTS ||
		    !enroll_exchange_restarts(&step->problem))
			return rc;
		enroll_ui_detail(
		    step->ui, "the CA's session is over (%s); starting again", step->problem.type);
	}
}

/* ---- The keys ------------------------------------------------------------------------- */

/* A new AK would be one that the CA does not know. */
static enum tpmiot_rc
check_ak(const struct enroll_state *state, struct tpmiot_err *err)
{
	struct tpmiot_keyfile file;
	enum tpmiot_rc rc = enroll_state_read_key(state->dir, ENROLL_AK_NAME, &file, err);

	if (rc == TPMIOT_OK)
		tpmiot_keyfile_clear(&file);
	if (rc == TPMIOT_E_NOT_FOUND)
		return tpmiot_err_set(err, rc,
		    "the attestation key is gone from %s, and without it "
		    "nothing is renewed: 'tpmiot-enroll reset', and enrol again",
		    state->dir);
	return rc;
}

/* The key that is there has to load: better said here than by a TLS handshake. */
static enum tpmiot_rc
get_keys(struct enroll_step *step, const struct enroll_renewal_plan *plan, struct tpmiot_err *err)
{
	enum tpmiot_key_kind kind;
	enum tpmiot_rc rc;

	rc = check_ak(step->state, err);
	if (rc == TPMIOT_OK)
		rc = enroll_keys_get(
		    step->state, step->tpm, step->ui, plan->name, NULL, &step->key, err);
	if (rc == TPMIOT_OK)
		rc = enroll_keys_get_ak(step->state, step->tpm, step->ui, &step->ak, err);
	if (rc != TPMIOT_OK || !plan->rekey)
		return rc;
	if (!enroll_keys_kind_of(&tpmiot_key_public(step->key)->area, &kind))
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "the key %s is of a kind that this program does not make", plan->name);
	tpmiot_key_unref(&step->key);
	return enroll_keys_get(
	    step->state, step->tpm, step->ui, step->cert_name, &kind, &step->key, err);
}

static enum tpmiot_rc
run(struct enroll_step *step, const struct enroll_renewal_plan *plan, struct tpmiot_err *err)
{
	struct enroll_msg_issued issued = { .device_id = "" };
	struct enroll_mtls *mtls = NULL;
	enum tpmiot_rc rc;

	rc = get_keys(step, plan, err);
	if (rc == TPMIOT_OK)
		rc = enroll_mtls_new(step->tpm, step->state->dir, plan->name, &mtls, err);
	if (rc == TPMIOT_OK)
		rc = enroll_http_set_client(
		    step->http, enroll_mtls_certs(mtls), enroll_mtls_key(mtls), err);
	if (rc == TPMIOT_OK)
		rc = ask_and_prove(step, &issued, err);
	if (rc == TPMIOT_OK)
		rc = enroll_step_accept(step, &issued, err);
	enroll_http_free(&step->http); /* its TLS holds the key */
	enroll_mtls_free(&mtls);
	enroll_msg_issued_free(&issued);
	return rc;
}

enum tpmiot_rc
enroll_renewal_run(const struct enroll_renewal_plan *plan, const struct enroll_state *state,
    struct tpmiot_tpm *tpm, struct enroll_http **http, const struct enroll_ui *ui,
    struct tpmiot_err *err)
{
	char next[ENROLL_FILE_NAME_MAX];
	struct enroll_step step = { .state = state,
		.server = plan->server,
		.tpm = tpm,
		.http = *http,
		.ui = ui,
		.cert_name = plan->rekey ? next : plan->name };
	enum tpmiot_rc rc;

	enroll_pending_name(plan->name, next);
	*http = NULL;
	rc = run(&step, plan, err);
	enroll_step_free(&step);
	if (rc == TPMIOT_OK && plan->rekey)
		rc = enroll_pending_finish(state, plan->name, err);
	return rc;
}
