/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "enroll/enrol/certs.h"
#include "enroll/enrol/ekpick.h"
#include "enroll/net/exchange.h"
#include "enroll/enrol/flow.h"
#include "enroll/enrol/keys.h"
#include "enroll/enrol/step.h"

#define BYTES(buf) ((struct tpmiot_bytes){ (buf).data, (buf).len })

static const struct tpmiot_bytes EMPTY_AUTH = { NULL, 0 };

struct flow {
	const struct enroll_flow_plan *plan;
	struct enroll_step step;
	struct tpmiot_ek ek;
	STACK_OF(X509) *ek_chain;
};

/* ---- First step ------------------------------------------------------------------ */

static enum tpmiot_rc
find_ek(struct flow *flow, struct tpmiot_err *err)
{
	struct tpmiot_ek_survey survey;
	enum tpmiot_rc rc;

	rc = tpmiot_ek_survey(flow->step.tpm, &survey, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_ek_find(flow->step.tpm, &survey, enroll_ekpick(flow->plan->ek, &survey),
		    &flow->ek, err);
	if (rc != TPMIOT_OK)
		return rc;
	enroll_ekpick_warn(flow->step.ui, &flow->ek);
	if (flow->ek.chain.len > 0) {
		rc = enroll_certs_split(
		    (struct tpmiot_bytes){ flow->ek.chain.data, flow->ek.chain.len },
		    &flow->ek_chain, NULL);
		if (rc != TPMIOT_OK) /* the CA decides whether it can do without */
			enroll_ui_detail(
			    flow->step.ui, "the certificate chain in NV is not readable");
	}
	enroll_ui_detail(flow->step.ui, "EK %s, %s certificate in NV", flow->ek.profile->label,
	    flow->ek.cert.len > 0 ? "with a" : "no");
	return TPMIOT_OK;
}

static enum tpmiot_rc
load_ek(struct flow *flow, struct tpmiot_err *err)
{
	struct enroll_progress *progress = NULL;
	enum tpmiot_rc rc;

	if (flow->ek.handle != 0)
		return TPMIOT_OK;
	if (flow->ek.persistent == 0)
		progress =
		    enroll_progress_start(flow->step.ui, "The TPM is making its endorsement key");
	rc = tpmiot_ek_load(flow->step.tpm, &flow->ek, EMPTY_AUTH, err);
	enroll_progress_stop(&progress);
	return rc;
}

static enum tpmiot_rc
attest(struct flow *flow, struct tpmiot_err *err)
{
	const struct tpmiot_buf *token = flow->plan->join_token;
	const struct enroll_msg_attestation msg = {
		.ek = &flow->ek.pub,
		.ek_cert = { flow->ek.cert.data, flow->ek.cert.len },
		.ek_chain = flow->ek_chain,
		.ak = tpmiot_key_public(flow->step.ak),
		.device_id = flow->plan->device_id,
		.profile = flow->plan->profile,
		.join_token = token->len > 0 ? (const char *)token->data : NULL,
	};
	struct tpmiot_buf body = TPMIOT_BUF_INIT, reply = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	enroll_msg_challenge_free(&flow->step.challenge);
	rc = enroll_msg_put_attestation(&msg, &body, err);
	if (rc == TPMIOT_OK)
		rc = enroll_step_exchange(&flow->step, "/v1/attestations", &body, &reply, err);
	if (rc == TPMIOT_OK)
		rc = enroll_step_blame_server(
		    enroll_msg_parse_challenge(
		        (struct tpmiot_bytes){ reply.data, reply.len }, &flow->step.challenge, err),
		    err);
	tpmiot_buf_free(&body);
	tpmiot_buf_free(&reply);
	return rc;
}

/* ---- In the TPM --------------------------------------------------------------------- */

static enum tpmiot_rc
activate(struct flow *flow, struct tpmiot_err *err)
{
	TPM2_HANDLE ak;
	enum tpmiot_rc rc;

	tpmiot_buf_reset(&flow->step.secret);
	tpmiot_tpm_lock(flow->step.tpm);
	rc = tpmiot_key_handle_loaded(flow->step.ak, &ak, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_ek_activate(flow->step.tpm, &flow->ek, EMPTY_AUTH, ak,
		    &tpmiot_key_public(flow->step.ak)->name,
		    BYTES(flow->step.challenge.credential_blob),
		    BYTES(flow->step.challenge.encrypted_secret), NULL, &flow->step.secret, err);
	tpmiot_tpm_unlock(flow->step.tpm);
	if (rc == TPMIOT_E_TPM || rc == TPMIOT_E_VERIFY)
		(void)tpmiot_err_prefix(err, "the TPM cannot open the CA's challenge");
	return enroll_step_blame_server(rc, err);
}

/* ---- All of it ------------------------------------------------------------------------ */

/*
 * The order is made for three object slots and for refusals that cost little:
 * AK and EK are there when the CA is asked, the EK goes as soon as it opened
 * the challenge, and only then the key, which may take minutes, is made.
 */
static enum tpmiot_rc
run_once(struct flow *flow, struct enroll_msg_issued *issued, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = load_ek(flow, err);

	if (rc == TPMIOT_OK)
		rc = attest(flow, err);
	if (rc == TPMIOT_OK)
		rc = activate(flow, err);
	tpmiot_ek_unload(flow->step.tpm, &flow->ek);
	if (rc == TPMIOT_OK)
		rc = enroll_signals_check(err);
	if (rc == TPMIOT_OK && flow->step.key == NULL)
		rc = enroll_keys_get(flow->step.state, flow->step.tpm, flow->step.ui,
		    flow->plan->name, flow->plan->kind, &flow->step.key, err);
	if (rc == TPMIOT_OK)
		rc = enroll_step_prove(&flow->step, issued, err);
	return rc;
}

static enum tpmiot_rc
run(struct flow *flow, struct enroll_msg_issued *issued, struct tpmiot_err *err)
{
	enum tpmiot_rc rc;
	int starts;

	rc = find_ek(flow, err);
	if (rc == TPMIOT_OK)
		rc = enroll_keys_get_ak(
		    flow->step.state, flow->step.tpm, flow->step.ui, &flow->step.ak, err);
	if (rc != TPMIOT_OK)
		return rc;
	for (starts = 1;; starts++) {
		rc = run_once(flow, issued, err);
		if (rc != TPMIOT_E_REFUSED || starts == ENROLL_STEP_STARTS ||
		    !enroll_exchange_restarts(&flow->step.problem))
			return rc;
		enroll_ui_detail(flow->step.ui, "the CA's session is over (%s); starting again",
		    flow->step.problem.type);
	}
}

enum tpmiot_rc
enroll_flow_run(const struct enroll_flow_plan *plan, const struct enroll_state *state,
    struct tpmiot_tpm *tpm, struct enroll_http *http, const struct enroll_ui *ui,
    struct enroll_flow_result *out, struct tpmiot_err *err)
{
	struct flow flow = { .plan = plan,
		.ek = TPMIOT_EK_INIT,
		.step = { .state = state,
		    .server = plan->server,
		    .cert_name = plan->name,
		    .tpm = tpm,
		    .http = http,
		    .ui = ui } };
	struct enroll_msg_issued issued = { .device_id = "" };
	enum tpmiot_rc rc;

	rc = run(&flow, &issued, err);
	if (rc == TPMIOT_OK)
		rc = enroll_step_accept(&flow.step, &issued, err);
	if (rc == TPMIOT_OK)
		memcpy(out->device_id, issued.device_id, sizeof(out->device_id));
	enroll_msg_issued_free(&issued);
	enroll_step_free(&flow.step);
	tpmiot_ek_unload(tpm, &flow.ek);
	tpmiot_ek_free(&flow.ek);
	sk_X509_pop_free(flow.ek_chain, X509_free);
	return rc;
}
