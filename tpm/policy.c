/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#include <string.h>

#include <tpmiot/alg.h>

#include "parent.h"
#include "session.h"

/* What the steps of one run share. */
struct run {
	struct tpmiot_tpm *tpm;
	TPMI_ALG_HASH alg;
	struct tpmiot_bytes auth;
	struct tpmiot_session *session;
};

/* Whether it was the TPM that answered so: a policy that does not hold now. */
static bool
answered(const struct tpmiot_err *err, TPM2_RC code)
{
	return err->rc != TPMIOT_E_TPM_GONE && tpm_rc_code(err->tss) == code;
}

/* ---- one function for each command --------------------------------------------- */

static enum tpmiot_rc
policy_pcr(const struct run *run, const union tpmiot_policy_body *body, struct tpmiot_err *err)
{
	static const struct tpm_call call = { .what = "TPM2_PolicyPCR" };
	struct tpmiot_buf pcrs = TPMIOT_BUF_INIT;
	TSS2_SYS_CONTEXT *sys = run->tpm->sys;
	const char *text;
	enum tpmiot_rc rc = tpm_exec(run->tpm, &call,
	    Tss2_Sys_PolicyPCR_Prepare(
	        sys, run->session->handle, &body->pcr.digest, &body->pcr.pcrs),
	    err);

	if (rc == TPMIOT_OK)
		return tpm_complete(&call, Tss2_Sys_PolicyPCR_Complete(sys), err);
	if (!answered(err, TPM2_RC_VALUE))
		return rc;
	tpmiot_policy_put_pcrs(&body->pcr.pcrs, &pcrs);
	text = tpmiot_buf_cstr(&pcrs);
	rc = tpmiot_err_set(err, TPMIOT_E_POLICY,
	    "the key's policy: the PCRs %s do not have the values that the key was made for "
	    "(other firmware, boot loader or kernel?); tpm2_pcrread shows them",
	    text == NULL ? "" : text);
	tpmiot_buf_free(&pcrs);
	return rc;
}

static enum tpmiot_rc
policy_auth_value(const struct run *run, struct tpmiot_err *err)
{
	static const struct tpm_call call = { .what = "TPM2_PolicyAuthValue" };
	TSS2_SYS_CONTEXT *sys = run->tpm->sys;
	enum tpmiot_rc rc = tpm_exec(
	    run->tpm, &call, Tss2_Sys_PolicyAuthValue_Prepare(sys, run->session->handle), err);

	if (rc == TPMIOT_OK)
		rc = tpm_complete(&call, Tss2_Sys_PolicyAuthValue_Complete(sys), err);
	if (rc == TPMIOT_OK)
		run->session->auth_value = true;
	return rc;
}

/* A session of its own for the entity's password, which must not cross the bus. */
static enum tpmiot_rc
session_for(struct tpmiot_tpm *tpm, struct tpmiot_session **out, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = tpm_salted_session(tpm, out, err);

	if (rc == TPMIOT_OK)
		tpmiot_session_last(*out);
	return rc;
}

static enum tpmiot_rc
policy_secret(const struct run *run, const union tpmiot_policy_body *body, struct tpmiot_err *err)
{
	const TPM2_HANDLE entity = body->secret.entity;
	struct tpmiot_auth auth = { .value = run->auth, .name = body->secret.name };
	TPM2B_NAME policy_name = tpm_handle_name(run->session->handle);
	const struct tpm_call call = { .what = "TPM2_PolicySecret",
		.auth = { &auth },
		.n_auth = 1,
		.name = { &auth.name, &policy_name },
		.n_name = 2 };
	TSS2_SYS_CONTEXT *sys;
	enum tpmiot_rc rc = TPMIOT_OK;

	if (entity == 0)
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "the key's policy: TPM2_PolicySecret of an entity that is named without a "
		    "handle; it can't be found in the TPM");
	if (auth.value.len != 0)
		rc = session_for(run->tpm, &auth.session, err);
	if (rc != TPMIOT_OK)
		return rc;
	sys = run->tpm->sys;
	rc = tpm_exec(run->tpm, &call,
	    Tss2_Sys_PolicySecret_Prepare(
	        sys, entity, run->session->handle, NULL, NULL, &body->secret.ref, 0),
	    err);
	if (rc == TPMIOT_OK)
		rc = tpm_complete(&call, Tss2_Sys_PolicySecret_Complete(sys, NULL, NULL), err);
	tpmiot_session_end(&auth.session);
	if (rc != TPMIOT_OK)
		(void)tpmiot_err_prefix(
		    err, "the key's policy takes the password of 0x%08x", entity);
	return rc;
}

static enum tpmiot_rc
policy_counter_timer(
    const struct run *run, const union tpmiot_policy_body *body, struct tpmiot_err *err)
{
	static const struct tpm_call call = { .what = "TPM2_PolicyCounterTimer" };
	TSS2_SYS_CONTEXT *sys = run->tpm->sys;
	enum tpmiot_rc rc = tpm_exec(run->tpm, &call,
	    Tss2_Sys_PolicyCounterTimer_Prepare(sys, run->session->handle, &body->timer.operand,
	        body->timer.offset, body->timer.operation),
	    err);

	if (rc == TPMIOT_OK)
		return tpm_complete(&call, Tss2_Sys_PolicyCounterTimer_Complete(sys), err);
	if (!answered(err, TPM2_RC_POLICY))
		return rc;
	return tpmiot_err_set(err, TPMIOT_E_POLICY,
	    "the key's policy: the TPM's clock or counters (byte %u of TPMS_TIME_INFO) are not "
	    "what "
	    "the key was made for; tpm2_readclock shows them",
	    body->timer.offset);
}

static enum tpmiot_rc
policy_locality(const struct run *run, const union tpmiot_policy_body *body, struct tpmiot_err *err)
{
	static const struct tpm_call call = { .what = "TPM2_PolicyLocality" };
	TSS2_SYS_CONTEXT *sys = run->tpm->sys;
	enum tpmiot_rc rc = tpm_exec(run->tpm, &call,
	    Tss2_Sys_PolicyLocality_Prepare(sys, run->session->handle, body->locality), err);

	if (rc == TPMIOT_OK)
		rc = tpm_complete(&call, Tss2_Sys_PolicyLocality_Complete(sys), err);
	return rc;
}

/* What a signed policy's signer has signed: H(policyDigest ‖ policyRef). */
static enum tpmiot_rc
approved_digest(const struct run *run, const union tpmiot_policy_body *body, TPM2B_DIGEST *policy,
    TPM2B_DIGEST *out, struct tpmiot_err *err)
{
	static const struct tpm_call call = { .what = "TPM2_PolicyGetDigest" };
	TSS2_SYS_CONTEXT *sys = run->tpm->sys;
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc = tpm_exec(
	    run->tpm, &call, Tss2_Sys_PolicyGetDigest_Prepare(sys, run->session->handle), err);

	if (rc == TPMIOT_OK)
		rc = tpm_complete(&call, Tss2_Sys_PolicyGetDigest_Complete(sys, policy), err);
	if (rc != TPMIOT_OK)
		return rc;
	tpmiot_buf_put(&text, policy->buffer, policy->size);
	tpmiot_buf_put(&text, body->authorize.ref.buffer, body->authorize.ref.size);
	rc = tpmiot_buf_done(&text, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_alg_digest(run->tpm->libctx, body->authorize.signer.area.nameAlg,
		    text.data, text.len, out, err);
	tpmiot_buf_free(&text);
	return rc;
}

static enum tpmiot_rc
load_signer(struct tpmiot_tpm *tpm, const struct tpmiot_public *signer, TPM2_HANDLE *out,
    struct tpmiot_err *err)
{
	static const struct tpm_call call = { .what = "TPM2_LoadExternal" };
	TPM2B_PUBLIC area = { .publicArea = signer->area };
	TPM2_HANDLE handle = 0;
	enum tpmiot_rc rc;

	rc = tpm_exec(
	    tpm, &call, Tss2_Sys_LoadExternal_Prepare(tpm->sys, NULL, &area, TPM2_RH_OWNER), err);
	if (rc == TPMIOT_OK)
		rc = tpm_complete(
		    &call, Tss2_Sys_LoadExternal_Complete(tpm->sys, &handle, NULL), err);
	if (rc == TPMIOT_OK) {
		tpm_own(tpm, handle);
		*out = handle;
	}
	return rc;
}

static enum tpmiot_rc
verify(struct tpmiot_tpm *tpm, TPM2_HANDLE signer, const TPM2B_DIGEST *digest,
    const TPMT_SIGNATURE *signature, TPMT_TK_VERIFIED *ticket, struct tpmiot_err *err)
{
	static const struct tpm_call call = { .what = "TPM2_VerifySignature" };
	enum tpmiot_rc rc = tpm_exec(
	    tpm, &call, Tss2_Sys_VerifySignature_Prepare(tpm->sys, signer, digest, signature), err);

	if (rc == TPMIOT_OK)
		return tpm_complete(
		    &call, Tss2_Sys_VerifySignature_Complete(tpm->sys, ticket), err);
	if (!answered(err, TPM2_RC_SIGNATURE))
		return rc;
	return tpmiot_err_set(
	    err, TPMIOT_E_POLICY, "the key's policy: the signature under it is not its signer's");
}

static enum tpmiot_rc
policy_authorize(
    const struct run *run, const union tpmiot_policy_body *body, struct tpmiot_err *err)
{
	static const struct tpm_call call = { .what = "TPM2_PolicyAuthorize" };
	TPM2B_DIGEST policy = { 0 }, digest;
	TPMT_TK_VERIFIED ticket = { 0 };
	TPM2_HANDLE signer = 0;
	enum tpmiot_rc rc = approved_digest(run, body, &policy, &digest, err);

	if (rc == TPMIOT_OK)
		rc = load_signer(run->tpm, &body->authorize.signer, &signer, err);
	if (rc == TPMIOT_OK)
		rc = verify(run->tpm, signer, &digest, &body->authorize.signature, &ticket, err);
	tpmiot_tpm_flush(run->tpm, &signer);
	if (rc == TPMIOT_OK)
		rc = tpm_exec(run->tpm, &call,
		    Tss2_Sys_PolicyAuthorize_Prepare(run->tpm->sys, run->session->handle, &policy,
		        &body->authorize.ref, &body->authorize.signer.name, &ticket),
		    err);
	if (rc == TPMIOT_OK)
		rc = tpm_complete(&call, Tss2_Sys_PolicyAuthorize_Complete(run->tpm->sys), err);
	return rc;
}

static enum tpmiot_rc
policy_or(const struct run *run, const union tpmiot_policy_body *body, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = tpmiot_tpm_policy_or(
	    run->tpm, run->session, body->branches.digests, body->branches.count, err);

	if (rc == TPMIOT_OK || !answered(err, TPM2_RC_VALUE))
		return rc;
	return tpmiot_err_set(err, TPMIOT_E_POLICY,
	    "the key's policy: what came before TPM2_PolicyOR is none of its branches");
}

/* ---- a policy -------------------------------------------------------------------- */

static enum tpmiot_rc
run_step(const struct run *run, const struct tpmiot_policy_step *step, struct tpmiot_err *err)
{
	union tpmiot_policy_body body;
	enum tpmiot_rc rc = tpmiot_policy_step_parse(run->tpm->libctx, step, run->alg, &body, err);

	if (rc != TPMIOT_OK)
		return rc;
	switch (step->code) {
	case TPM2_CC_PolicyPCR:
		return policy_pcr(run, &body, err);
	case TPM2_CC_PolicySecret:
		return policy_secret(run, &body, err);
	case TPM2_CC_PolicyAuthorize:
		return policy_authorize(run, &body, err);
	case TPM2_CC_PolicyCounterTimer:
		return policy_counter_timer(run, &body, err);
	case TPM2_CC_PolicyLocality:
		return policy_locality(run, &body, err);
	case TPM2_CC_PolicyOR:
		return policy_or(run, &body, err);
	case TPM2_CC_PolicyAuthValue:
	case TPM2_CC_PolicyPassword: /* the same to the TPM, and keeps the password off the bus */
	default:
		return policy_auth_value(run, err);
	}
}

static enum tpmiot_rc
run_steps(
    const struct run *run, const struct tpmiot_policy *policy, size_t first, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = TPMIOT_OK;

	for (size_t i = first; rc == TPMIOT_OK && i < policy->n; i++)
		rc = run_step(run, &policy->step[i], err);
	return rc;
}

static enum tpmiot_rc
restart(const struct run *run, struct tpmiot_err *err)
{
	static const struct tpm_call call = { .what = "TPM2_PolicyRestart" };
	TSS2_SYS_CONTEXT *sys = run->tpm->sys;
	enum tpmiot_rc rc = tpm_exec(
	    run->tpm, &call, Tss2_Sys_PolicyRestart_Prepare(sys, run->session->handle), err);

	if (rc == TPMIOT_OK)
		rc = tpm_complete(&call, Tss2_Sys_PolicyRestart_Complete(sys), err);
	run->session->auth_value = false;
	return rc;
}

/* The first of the signed policies that holds. If none does: why not the first, which is the
 * likeliest. */
static enum tpmiot_rc
run_signed(const struct run *run, const struct tpmiot_keyextra *extra, struct tpmiot_err *err)
{
	struct tpmiot_err later = { .rc = TPMIOT_OK };
	enum tpmiot_rc rc = TPMIOT_OK;

	if (extra->n_signed == 0)
		return tpmiot_err_set(err, TPMIOT_E_POLICY,
		    "the key's policy leaves it to a signer what has to hold, but the key file has "
		    "no signed policy (authPolicy)");
	for (size_t i = 0; i < extra->n_signed; i++) {
		const struct tpmiot_policy *policy = &extra->signed_policy[i];
		struct tpmiot_err *why = i == 0 ? err : &later;

		rc = i == 0 ? TPMIOT_OK : restart(run, why);
		if (rc == TPMIOT_OK)
			rc = run_steps(run, policy, 0, why);
		if (rc == TPMIOT_OK)
			return TPMIOT_OK;
		if (rc != TPMIOT_E_POLICY) {
			*err = *why;
			return rc;
		}
		if (i == 0)
			(void)tpmiot_err_prefix(err, "signed policy %s (of %zu)",
			    policy->name == NULL ? "1" : policy->name, extra->n_signed);
	}
	return rc;
}

static enum tpmiot_rc
run_all(const struct run *run, const struct tpmiot_keyextra *extra, struct tpmiot_err *err)
{
	bool by_signer = extra->policy.step[0].code == TPM2_CC_PolicyAuthorize;
	enum tpmiot_rc rc = by_signer ? run_signed(run, extra, err) : TPMIOT_OK;

	if (rc == TPMIOT_OK)
		rc = run_steps(run, &extra->policy, by_signer ? 1 : 0, err);
	return rc;
}

static enum tpmiot_rc
start(struct tpmiot_tpm *tpm, TPMI_ALG_HASH alg, bool salted, struct tpmiot_session **out,
    struct tpmiot_err *err)
{
	TPM2_HANDLE handle = TPM2_RH_NULL, made = 0;
	struct tpmiot_public pub;
	enum tpmiot_rc rc = TPMIOT_OK;

	if (salted)
		rc = tpm_salt_key(tpm, &handle, &made, &pub, err);
	if (rc == TPMIOT_OK)
		rc = tpm_session_start(
		    tpm, TPM2_SE_POLICY, alg, handle, salted ? &pub : NULL, out, err);
	tpmiot_tpm_flush(tpm, &made);
	return rc;
}

enum tpmiot_rc
tpm_policy_start(struct tpmiot_tpm *tpm, const struct tpmiot_public *pub,
    const struct tpmiot_keyextra *extra, struct tpmiot_bytes auth, struct tpmiot_session **out,
    struct tpmiot_err *err)
{
	struct run run = { tpm, pub->area.nameAlg, auth, NULL };
	struct tpmiot_err why = { .rc = TPMIOT_OK };
	enum tpmiot_rc rc = tpm_begin(tpm, err);

	if (rc != TPMIOT_OK)
		return rc;
	rc = start(tpm, run.alg, auth.len != 0, &run.session, &why);
	if (rc == TPMIOT_OK)
		rc = run_all(&run, extra, &why);
	if (rc == TPMIOT_OK) {
		tpmiot_session_last(run.session);
		*out = run.session;
		run.session = NULL;
	} else if (err != NULL) {
		*err = why;
	}
	tpmiot_session_end(&run.session);
	tpm_end(tpm);
	return rc;
}
