/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <time.h>

#include "certs.h"
#include "csr.h"
#include "ekpick.h"
#include "exchange.h"
#include "flow.h"
#include "keys.h"

#define STARTS 3 /* a session may be too old after a key took minutes to make */

static const struct tpmiot_bytes EMPTY_AUTH = { NULL, 0 };

struct flow {
	const struct enroll_flow_plan *plan;
	const struct enroll_state *state;
	struct tpmiot_tpm *tpm;
	struct enroll_http *http;
	const struct enroll_ui *ui;
	struct tpmiot_ek ek;
	STACK_OF(X509) *ek_chain;
	struct tpmiot_key *ak;
	struct tpmiot_key *key;
	struct enroll_msg_challenge challenge;
	struct tpmiot_buf secret;
	struct enroll_msg_problem problem; /* of the last refusal */
};

/* A reply that cannot be used is the server's fault: whoever it is, it is not to be trusted. */
static enum tpmiot_rc
blame_server(enum tpmiot_rc rc, struct tpmiot_err *err)
{
	if (rc != TPMIOT_E_FORMAT)
		return rc;
	(void)tpmiot_err_prefix(err, "the server's answer is not what the protocol says; check "
	    "that --server is a tpmiot-ca");
	err->rc = TPMIOT_E_TRUST;
	return TPMIOT_E_TRUST;
}

static enum tpmiot_rc
exchange(struct flow *flow, const char *path, const struct tpmiot_buf *body,
    struct tpmiot_buf *reply, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = enroll_signals_check(err);

	if (rc == TPMIOT_OK)
		rc = enroll_exchange(flow->http, flow->ui, path, body, reply, &flow->problem, err);
	return rc;
}

/* ---- First step ------------------------------------------------------------------ */

static enum tpmiot_rc
find_ek(struct flow *flow, struct tpmiot_err *err)
{
	struct tpmiot_ek_survey survey;
	enum tpmiot_rc rc;

	rc = tpmiot_ek_survey(flow->tpm, &survey, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_ek_find(flow->tpm, &survey, enroll_ekpick(flow->plan->ek, &survey),
		    &flow->ek, err);
	if (rc != TPMIOT_OK)
		return rc;
	if (flow->ek.chain.len > 0) {
		rc = enroll_certs_split((struct tpmiot_bytes){ flow->ek.chain.data,
		    flow->ek.chain.len }, &flow->ek_chain, NULL);
		if (rc != TPMIOT_OK) /* the CA decides whether it can do without */
			enroll_ui_detail(flow->ui, "the certificate chain in NV is not readable");
	}
	enroll_ui_detail(flow->ui, "EK %s, %s certificate in NV", flow->ek.profile->label,
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
		progress = enroll_progress_start(flow->ui, "The TPM is making its endorsement key");
	rc = tpmiot_ek_load(flow->tpm, &flow->ek, EMPTY_AUTH, err);
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
		.ak = tpmiot_key_public(flow->ak),
		.device_id = flow->plan->device_id,
		.join_token = token->len > 0 ? (const char *)token->data : NULL,
	};
	struct tpmiot_buf body = TPMIOT_BUF_INIT, reply = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	enroll_msg_challenge_free(&flow->challenge);
	rc = enroll_msg_put_attestation(&msg, &body, err);
	if (rc == TPMIOT_OK)
		rc = exchange(flow, "/v1/attestations", &body, &reply, err);
	if (rc == TPMIOT_OK)
		rc = blame_server(enroll_msg_parse_challenge((struct tpmiot_bytes){ reply.data,
		    reply.len }, &flow->challenge, err), err);
	tpmiot_buf_free(&body);
	tpmiot_buf_free(&reply);
	return rc;
}

/* ---- In the TPM --------------------------------------------------------------------- */

static struct tpmiot_bytes
bytes(const struct tpmiot_buf *buf)
{
	return (struct tpmiot_bytes){ buf->data, buf->len };
}

static enum tpmiot_rc
activate(struct flow *flow, struct tpmiot_err *err)
{
	TPM2_HANDLE ak;
	enum tpmiot_rc rc;

	tpmiot_buf_reset(&flow->secret);
	tpmiot_tpm_lock(flow->tpm);
	rc = tpmiot_key_handle_loaded(flow->ak, &ak, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_ek_activate(flow->tpm, &flow->ek, EMPTY_AUTH, ak,
		    &tpmiot_key_public(flow->ak)->name, bytes(&flow->challenge.credential_blob),
		    bytes(&flow->challenge.encrypted_secret), &flow->secret, err);
	tpmiot_tpm_unlock(flow->tpm);
	if (rc == TPMIOT_E_TPM || rc == TPMIOT_E_VERIFY)
		(void)tpmiot_err_prefix(err, "the TPM cannot open the CA's challenge");
	return blame_server(rc, err);
}

static enum tpmiot_rc
certify(struct flow *flow, struct tpmiot_buf *attested, struct tpmiot_buf *signature,
    struct tpmiot_err *err)
{
	TPM2_HANDLE ak, key;
	enum tpmiot_rc rc;

	tpmiot_tpm_lock(flow->tpm);
	rc = tpmiot_key_handle_loaded(flow->ak, &ak, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_key_handle_loaded(flow->key, &key, err);
	if (rc == TPMIOT_OK) /* again: making room for the key may have cost it its place */
		rc = tpmiot_key_handle_loaded(flow->ak, &ak, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_tpm_certify(flow->tpm, key, ak, bytes(&flow->challenge.nonce),
		    attested, signature, err);
	tpmiot_tpm_unlock(flow->tpm);
	return rc;
}

/* ---- Second step -------------------------------------------------------------------- */

static enum tpmiot_rc
prove(struct flow *flow, struct enroll_msg_issued *issued, struct tpmiot_err *err)
{
	struct tpmiot_buf attested = TPMIOT_BUF_INIT, signature = TPMIOT_BUF_INIT;
	struct tpmiot_buf csr = TPMIOT_BUF_INIT, body = TPMIOT_BUF_INIT;
	struct tpmiot_buf reply = TPMIOT_BUF_INIT;
	const struct enroll_msg_evidence msg = {
		.session = &flow->challenge.session,
		.secret = &flow->secret,
		.key = tpmiot_key_public(flow->key),
		.attest = &attested,
		.signature = &signature,
		.csr = &csr,
	};
	enum tpmiot_rc rc;

	rc = certify(flow, &attested, &signature, err);
	if (rc == TPMIOT_OK)
		rc = enroll_csr_make(flow->key, &csr, err);
	if (rc == TPMIOT_OK)
		rc = enroll_msg_put_evidence(&msg, &body, err);
	if (rc == TPMIOT_OK)
		rc = exchange(flow, "/v1/certificates", &body, &reply, err);
	if (rc == TPMIOT_OK)
		rc = blame_server(enroll_msg_parse_issued(bytes(&reply), issued, err), err);
	tpmiot_buf_free(&attested);
	tpmiot_buf_free(&signature);
	tpmiot_buf_free(&csr);
	tpmiot_buf_free(&body);
	tpmiot_buf_free(&reply);
	return rc;
}

static enum tpmiot_rc
parse_certs(const struct tpmiot_buf *pem, const char *what, STACK_OF(X509) **out,
    struct tpmiot_err *err)
{
	enum tpmiot_rc rc = enroll_certs_parse(bytes(pem), out, err);

	if (rc == TPMIOT_E_FORMAT)
		(void)tpmiot_err_prefix(err, "in its \"%s\"", what);
	return blame_server(rc, err);
}

/* Written is what was parsed and checked, not the text that came. NAME.crt is last: it says "done". */
static enum tpmiot_rc
store(const struct flow *flow, STACK_OF(X509) *certs, STACK_OF(X509) *ca, struct tpmiot_err *err)
{
	struct tpmiot_buf certs_pem = TPMIOT_BUF_INIT, ca_pem = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	rc = enroll_certs_put_pem(certs, &certs_pem, err);
	if (rc == TPMIOT_OK)
		rc = enroll_certs_put_pem(ca, &ca_pem, err);
	if (rc == TPMIOT_OK)
		rc = enroll_state_write_cert(flow->state, ENROLL_CA_NAME, ca_pem.data, ca_pem.len,
		    err);
	if (rc == TPMIOT_OK)
		rc = enroll_server_remember(flow->state, flow->plan->server, err);
	if (rc == TPMIOT_OK)
		rc = enroll_state_write_cert(flow->state, flow->plan->name, certs_pem.data,
		    certs_pem.len, err);
	tpmiot_buf_free(&certs_pem);
	tpmiot_buf_free(&ca_pem);
	return rc;
}

static enum tpmiot_rc
accept_issued(const struct flow *flow, const struct enroll_msg_issued *issued,
    struct tpmiot_err *err)
{
	STACK_OF(X509) *certs = NULL, *ca = NULL;
	enum tpmiot_rc rc;

	rc = parse_certs(&issued->certificate, "certificate", &certs, err);
	if (rc == TPMIOT_OK)
		rc = parse_certs(&issued->ca, "ca", &ca, err);
	if (rc == TPMIOT_OK)
		rc = enroll_certs_check_issued(certs, ca, tpmiot_key_pkey(flow->key),
		    (int64_t)time(NULL), err);
	if (rc == TPMIOT_OK)
		rc = store(flow, certs, ca, err);
	sk_X509_pop_free(certs, X509_free);
	sk_X509_pop_free(ca, X509_free);
	return rc;
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
	tpmiot_ek_unload(flow->tpm, &flow->ek);
	if (rc == TPMIOT_OK)
		rc = enroll_signals_check(err);
	if (rc == TPMIOT_OK && flow->key == NULL)
		rc = enroll_keys_get(flow->state, flow->tpm, flow->ui, flow->plan->name,
		    flow->plan->kind, &flow->key, err);
	if (rc == TPMIOT_OK)
		rc = prove(flow, issued, err);
	return rc;
}

static enum tpmiot_rc
run(struct flow *flow, struct enroll_msg_issued *issued, struct tpmiot_err *err)
{
	enum tpmiot_rc rc;
	int starts;

	rc = find_ek(flow, err);
	if (rc == TPMIOT_OK)
		rc = enroll_keys_get_ak(flow->state, flow->tpm, flow->ui, &flow->ak, err);
	if (rc != TPMIOT_OK)
		return rc;
	for (starts = 1; ; starts++) {
		rc = run_once(flow, issued, err);
		if (rc != TPMIOT_E_REFUSED || starts == STARTS ||
		    !enroll_exchange_restarts(&flow->problem))
			return rc;
		enroll_ui_detail(flow->ui, "the CA's session is over (%s); starting again",
		    flow->problem.type);
	}
}

enum tpmiot_rc
enroll_flow_run(const struct enroll_flow_plan *plan, const struct enroll_state *state,
    struct tpmiot_tpm *tpm, struct enroll_http *http, const struct enroll_ui *ui,
    struct enroll_flow_result *out, struct tpmiot_err *err)
{
	struct flow flow = { .plan = plan, .state = state, .tpm = tpm, .http = http, .ui = ui,
		.ek = TPMIOT_EK_INIT };
	struct enroll_msg_issued issued = { .device_id = "" };
	enum tpmiot_rc rc;

	rc = run(&flow, &issued, err);
	if (rc == TPMIOT_OK)
		rc = accept_issued(&flow, &issued, err);
	if (rc == TPMIOT_OK)
		memcpy(out->device_id, issued.device_id, sizeof(out->device_id));
	enroll_msg_issued_free(&issued);
	enroll_msg_challenge_free(&flow.challenge);
	tpmiot_buf_free(&flow.secret);
	tpmiot_key_unref(&flow.key);
	tpmiot_key_unref(&flow.ak);
	tpmiot_ek_unload(tpm, &flow.ek);
	tpmiot_ek_free(&flow.ek);
	sk_X509_pop_free(flow.ek_chain, X509_free);
	return rc;
}
