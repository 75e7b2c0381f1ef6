/* SPDX-License-Identifier: Apache-2.0 */
/* Running a prepared command: authorisations out, responses in. */
#include <openssl/crypto.h>

#include "conn.h"
#include "session.h"

const struct tpmiot_auth tpm_no_auth = { .session = NULL };
const TPM2B_AUTH tpm_no_auth_value = { 0 };

TPM2B_NAME
tpm_handle_name(TPM2_HANDLE handle)
{
	TPM2B_NAME name = { .size = 4,
		.name = { (uint8_t)(handle >> 24), (uint8_t)(handle >> 16), (uint8_t)(handle >> 8),
		    (uint8_t)handle } };

	return name;
}

/* A password crosses the bus as it is, so none does but the empty one. */
static enum tpmiot_rc
password(const struct tpm_call *call, const struct tpmiot_auth *auth, TPMS_AUTH_COMMAND *out,
    struct tpmiot_err *err)
{
	if (auth->value.len != 0)
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "%s: an authorisation value that is not empty needs a session", call->what);
	out->sessionHandle = TPM2_RS_PW;
	out->sessionAttributes = TPMA_SESSION_CONTINUESESSION;
	out->hmac.size = 0;
	return TPMIOT_OK;
}

/* The veil comes last in the command, but first here: what is authorised is what it encrypted. */
static enum tpmiot_rc
authorise(struct tpmiot_tpm *tpm, const struct tpm_call *call, struct tpmiot_err *err)
{
	TSS2L_SYS_AUTH_COMMAND auths = { .count = (uint16_t)call->n_auth };
	struct tpmiot_session *veil = tpm_call_veil(call);
	enum tpmiot_rc rc = TPMIOT_OK;

	if (veil != NULL)
		rc = tpm_session_authorise(
		    veil, call, &tpm_no_auth, &auths.auths[auths.count++], err);
	for (size_t i = 0; rc == TPMIOT_OK && i < call->n_auth; i++) {
		const struct tpmiot_auth *auth = call->auth[i];

		if (auth->session != NULL)
			rc = tpm_session_authorise(auth->session, call, auth, &auths.auths[i], err);
		else
			rc = password(call, auth, &auths.auths[i], err);
	}
	if (rc == TPMIOT_OK)
		rc = tpm_rc(call->what, Tss2_Sys_SetCmdAuths(tpm->sys, &auths), err);
	OPENSSL_cleanse(&auths, sizeof(auths));
	return rc;
}

static enum tpmiot_rc
accept_response(struct tpmiot_tpm *tpm, const struct tpm_call *call, struct tpmiot_err *err)
{
	struct tpmiot_session *veil = tpm_call_veil(call);
	const size_t n = call->n_auth + (veil != NULL);
	TSS2L_SYS_AUTH_RESPONSE auths = { .count = (uint16_t)n };
	enum tpmiot_rc rc = tpm_rc(call->what, Tss2_Sys_GetRspAuths(tpm->sys, &auths), err);

	if (rc == TPMIOT_OK && auths.count != n)
		rc = tpmiot_err_set(err, TPMIOT_E_TPM,
		    "%s: the response is not authorised as the command was", call->what);
	for (size_t i = 0; rc == TPMIOT_OK && i < call->n_auth; i++)
		if (call->auth[i]->session != NULL)
			rc = tpm_session_accept(
			    call->auth[i]->session, call, call->auth[i], &auths.auths[i], err);
	if (rc == TPMIOT_OK && veil != NULL)
		rc = tpm_session_accept(veil, call, &tpm_no_auth, &auths.auths[call->n_auth], err);
	return rc;
}

static void
get_ahead(const struct tpm_call *call)
{
	for (size_t i = 0; i < call->n_auth; i++)
		if (call->auth[i]->session != NULL)
			tpm_session_get_ahead(call->auth[i]->session);
}

/* Tss2_Sys_Execute() with something to do meanwhile. */
static TSS2_RC
execute(struct tpmiot_tpm *tpm, const struct tpm_call *call)
{
	TSS2_RC tss = Tss2_Sys_ExecuteAsync(tpm->sys);

	if (tss != TSS2_RC_SUCCESS)
		return tss;
	get_ahead(call);
	return Tss2_Sys_ExecuteFinish(tpm->sys, TSS2_TCTI_TIMEOUT_BLOCK);
}

/* After a broken or unreadable response nobody knows what comes next on this connection. */
static void
give_up_broken(struct tpmiot_tpm *tpm, TSS2_RC tss)
{
	const TSS2_RC layer = tss & TSS2_RC_LAYER_MASK;

	if (tss == TSS2_RC_SUCCESS || layer == TSS2_TPM_RC_LAYER ||
	    layer == TSS2_RESMGR_TPM_RC_LAYER || layer == TSS2_RESMGR_RC_LAYER)
		return;
	tpm_disconnect(tpm);
	tpm->doubtful = true;
}

bool
tpm_send_ahead(struct tpmiot_tpm *tpm, const struct tpm_call *call, TSS2_RC prepared)
{
	TSS2_RC tss;

	if (!tcti_shim_may_send_ahead(&tpm->shim) || prepared != TSS2_RC_SUCCESS ||
	    authorise(tpm, call, NULL) != TPMIOT_OK)
		return false;
	tpm->shim.send_ahead = true;
	tss = Tss2_Sys_ExecuteAsync(tpm->sys);
	tpm->shim.send_ahead = false;
	if (tpm->shim.ahead)
		return true;
	give_up_broken(tpm, tss);
	return false;
}

bool
tpm_is_ahead(const struct tpmiot_tpm *tpm)
{
	return tpm->tcti != NULL && tpm->shim.ahead;
}

enum tpmiot_rc
tpm_exec(
    struct tpmiot_tpm *tpm, const struct tpm_call *call, TSS2_RC prepared, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = tpm_rc(call->what, prepared, err);
	TSS2_RC tss;

	if (rc == TPMIOT_OK && call->n_auth > 0)
		rc = authorise(tpm, call, err);
	if (rc != TPMIOT_OK)
		return rc;
	tss = execute(tpm, call);
	rc = tpm_rc(call->what, tss, err);
	give_up_broken(tpm, tss);
	tpm->doubtful |= tpm->shim.was_started;
	tpm->shim.was_started = false;
	tpm->hangs = tss == TSS2_TCTI_RC_TRY_AGAIN;
	if (rc == TPMIOT_OK && call->n_auth > 0)
		rc = accept_response(tpm, call, err);
	tpm->doubtful |= tss == TSS2_RC_SUCCESS && rc != TPMIOT_OK;
	return rc;
}

void
tpm_wipe_response(struct tpmiot_tpm *tpm)
{
	const uint8_t *params = NULL;
	size_t len = 0;

	if (tpm->sys != NULL && Tss2_Sys_GetRpBuffer(tpm->sys, &len, &params) == TSS2_RC_SUCCESS)
		OPENSSL_cleanse((void *)(uintptr_t)params, len);
}

enum tpmiot_rc
tpm_complete(const struct tpm_call *call, TSS2_RC completed, struct tpmiot_err *err)
{
	return tpm_rc(call->what, completed, err);
}
