/* SPDX-License-Identifier: Apache-2.0 */
/* Objects: made, loaded, read, flushed, made persistent. */
#include <string.h>

#include <openssl/crypto.h>

#include <tpmiot/alg.h>

#include "conn.h"
#include "parent.h"
#include "session.h"

static bool
is_transient(TPM2_HANDLE handle)
{
	TPM2_HANDLE type = handle >> TPM2_HR_SHIFT;

	return type == TPM2_HT_TRANSIENT || type == TPM2_HT_HMAC_SESSION ||
	       type == TPM2_HT_POLICY_SESSION;
}

/* ---- TPM2_ReadPublic ---------------------------------------------------------- */

enum tpmiot_rc
tpmiot_tpm_read_public(
    struct tpmiot_tpm *tpm, TPM2_HANDLE handle, struct tpmiot_public *out, struct tpmiot_err *err)
{
	static const struct tpm_call call = { .what = "TPM2_ReadPublic" };
	TPM2B_PUBLIC area = { 0 };
	enum tpmiot_rc rc = tpm_begin(tpm, err);

	if (rc != TPMIOT_OK)
		return rc;
	rc = tpm_exec(tpm, &call, Tss2_Sys_ReadPublic_Prepare(tpm->sys, handle), err);
	if (rc == TPMIOT_OK)
		rc = tpm_complete(
		    &call, Tss2_Sys_ReadPublic_Complete(tpm->sys, &area, NULL, NULL), err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_public_from_area(tpm->libctx, &area.publicArea, out, err);
	tpm_end(tpm);
	return rc;
}

/* ---- TPM2_CreatePrimary, TPM2_Create -------------------------------------------- */

static enum tpmiot_rc
send_create_primary(struct tpmiot_tpm *tpm, TPM2_HANDLE hierarchy, const struct tpm_call *call,
    const TPM2B_PUBLIC *in, TPM2_HANDLE *handle, TPM2B_PUBLIC *out, struct tpmiot_err *err)
{
	static const TPM2B_SENSITIVE_CREATE no_secret = { 0 };
	static const TPML_PCR_SELECTION no_pcrs = { 0 };
	enum tpmiot_rc rc = tpm_exec(tpm, call,
	    Tss2_Sys_CreatePrimary_Prepare(tpm->sys, hierarchy, &no_secret, in, NULL, &no_pcrs),
	    err);

	if (rc != TPMIOT_OK)
		return rc;
	return tpm_complete(call,
	    Tss2_Sys_CreatePrimary_Complete(tpm->sys, handle, out, NULL, NULL, NULL, NULL), err);
}

enum tpmiot_rc
tpmiot_tpm_create_primary(struct tpmiot_tpm *tpm, TPM2_HANDLE hierarchy,
    struct tpmiot_bytes hierarchy_auth, const TPMT_PUBLIC *template, TPM2_HANDLE *handle,
    struct tpmiot_public *pub, struct tpmiot_err *err)
{
	struct tpmiot_auth auth = { .session = NULL };
	struct tpm_call call = { .what = "TPM2_CreatePrimary",
		.auth = { &auth },
		.n_auth = 1,
		.name = { &auth.name },
		.n_name = 1 };
	TPM2B_PUBLIC in = { .publicArea = *template }, made = { 0 };
	enum tpmiot_rc rc = tpm_begin(tpm, err);
	TPM2_HANDLE got = 0;

	if (rc != TPMIOT_OK)
		return rc;
	rc = tpm_hierarchy_authorise(tpm, hierarchy, hierarchy_auth, &auth, err);
	if (rc == TPMIOT_OK)
		rc = send_create_primary(tpm, hierarchy, &call, &in, &got, &made, err);
	tpmiot_session_end(&auth.session);
	if (rc == TPMIOT_OK) {
		tpm_own(tpm, got);
		if (pub != NULL)
			rc = tpmiot_public_from_area(tpm->libctx, &made.publicArea, pub, err);
	}
	if (rc == TPMIOT_OK)
		*handle = got;
	else
		tpmiot_tpm_flush(tpm, &got);
	tpm_end(tpm);
	return rc;
}

enum tpmiot_rc
tpmiot_tpm_create(struct tpmiot_tpm *tpm, TPM2_HANDLE parent, struct tpmiot_bytes parent_auth,
    const TPMT_PUBLIC *template, struct tpmiot_bytes user_auth, struct tpmiot_public *pub,
    TPM2B_PRIVATE *priv, struct tpmiot_err *err)
{
	static const TPML_PCR_SELECTION no_pcrs = { 0 };
	struct tpmiot_auth auth = { .value = parent_auth };
	struct tpm_call call = { .what = "TPM2_Create",
		.auth = { &auth },
		.n_auth = 1,
		.name = { &auth.name },
		.n_name = 1 };
	TPM2B_PUBLIC in = { .publicArea = *template }, made = { 0 };
	TPM2B_SENSITIVE_CREATE sensitive = { 0 };
	TPM2B_PRIVATE wrapped = { 0 };
	struct tpmiot_public made_pub;
	enum tpmiot_rc rc;

	if (user_auth.len > tpmiot_alg_md_size(template->nameAlg))
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "a password of %zu bytes: a key's is no longer than the digest of its Name, "
		    "%zu",
		    user_auth.len, tpmiot_alg_md_size(template->nameAlg));
	rc = tpm_begin(tpm, err);
	if (rc != TPMIOT_OK)
		return rc;
	if (user_auth.len != 0 || parent_auth.len != 0) {
		call.secret_in = true;
		sensitive.sensitive.userAuth.size = (UINT16)user_auth.len;
		if (user_auth.len != 0)
			memcpy(sensitive.sensitive.userAuth.buffer, user_auth.data, user_auth.len);
		rc = tpm_parent_session(tpm, parent, &auth, err);
	}
	if (rc == TPMIOT_OK)
		rc = tpm_exec(tpm, &call,
		    Tss2_Sys_Create_Prepare(tpm->sys, parent, &sensitive, &in, NULL, &no_pcrs),
		    err);
	if (rc == TPMIOT_OK)
		rc = tpm_complete(&call,
		    Tss2_Sys_Create_Complete(tpm->sys, &wrapped, &made, NULL, NULL, NULL), err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_public_from_area(tpm->libctx, &made.publicArea, &made_pub, err);
	if (rc == TPMIOT_OK) {
		*pub = made_pub;
		*priv = wrapped;
	}
	tpmiot_session_end(&auth.session);
	OPENSSL_cleanse(&sensitive, sizeof(sensitive));
	tpm_end(tpm);
	return rc;
}

/* ---- TPM2_Load -------------------------------------------------------------------- */

static enum tpmiot_rc
send_load(struct tpmiot_tpm *tpm, TPM2_HANDLE parent, const struct tpm_call *call,
    const TPM2B_PUBLIC *pub, const TPM2B_PRIVATE *priv, TPM2_HANDLE *handle, TPM2B_NAME *name,
    struct tpmiot_err *err)
{
	enum tpmiot_rc rc =
	    tpm_exec(tpm, call, Tss2_Sys_Load_Prepare(tpm->sys, parent, priv, pub), err);

	if (rc != TPMIOT_OK)
		return rc;
	return tpm_complete(call, Tss2_Sys_Load_Complete(tpm->sys, handle, name), err);
}

enum tpmiot_rc
tpmiot_tpm_load(struct tpmiot_tpm *tpm, TPM2_HANDLE parent, struct tpmiot_bytes parent_auth,
    const struct tpmiot_public *pub, const TPM2B_PRIVATE *priv, TPM2_HANDLE *handle,
    struct tpmiot_err *err)
{
	struct tpmiot_auth auth = { .value = parent_auth };
	struct tpm_call call = { .what = "TPM2_Load",
		.auth = { &auth },
		.n_auth = 1,
		.name = { &auth.name },
		.n_name = 1 };
	TPM2B_PUBLIC area = { .publicArea = pub->area };
	TPM2B_NAME name = { 0 };
	TPM2_HANDLE got = 0;
	enum tpmiot_rc rc = tpm_begin(tpm, err);

	if (rc != TPMIOT_OK)
		return rc;
	if (parent_auth.len != 0)
		rc = tpm_parent_session(tpm, parent, &auth, err);
	if (rc == TPMIOT_OK)
		rc = send_load(tpm, parent, &call, &area, priv, &got, &name, err);
	tpmiot_session_end(&auth.session);
	if (rc == TPMIOT_OK) {
		tpm_own(tpm, got);
		if (name.size != pub->name.size ||
		    memcmp(name.name, pub->name.name, name.size) != 0)
			rc = tpmiot_err_set(err, TPMIOT_E_TPM,
			    "TPM2_Load: the TPM loaded another key than it was given");
	}
	if (rc == TPMIOT_OK)
		*handle = got;
	else
		tpmiot_tpm_flush(tpm, &got);
	tpm_end(tpm);
	return rc;
}

/* ---- TPM2_FlushContext, TPM2_EvictControl ------------------------------------------- */

void
tpmiot_tpm_flush(struct tpmiot_tpm *tpm, TPM2_HANDLE *handle)
{
	static const struct tpm_call call = { .what = "TPM2_FlushContext" };
	TPM2_HANDLE old = *handle;

	*handle = 0;
	if (!is_transient(old) || tpm_begin(tpm, NULL) != TPMIOT_OK)
		return;
	/* If it fails, it is gone, or the connection is, or tpm_flush_lost() finds it. */
	if (tpm_exec(tpm, &call, Tss2_Sys_FlushContext_Prepare(tpm->sys, old), NULL) == TPMIOT_OK)
		(void)Tss2_Sys_FlushContext_Complete(tpm->sys);
	else if (tpm->tcti != NULL)
		tpm->doubtful = true;
	tpm_disown(tpm, old);
	tpm_end(tpm);
}

enum tpmiot_rc
tpmiot_tpm_evict(struct tpmiot_tpm *tpm, struct tpmiot_bytes owner_auth, TPM2_HANDLE object,
    TPM2_HANDLE persistent, struct tpmiot_err *err)
{
	struct tpmiot_auth auth = { .session = NULL };
	struct tpmiot_public pub = { 0 };
	const struct tpm_call call = { .what = "TPM2_EvictControl",
		.auth = { &auth },
		.n_auth = 1,
		.name = { &auth.name, &pub.name },
		.n_name = 2 };
	enum tpmiot_rc rc = tpm_begin(tpm, err);

	if (rc != TPMIOT_OK)
		return rc;
	rc = tpm_hierarchy_authorise(tpm, TPM2_RH_OWNER, owner_auth, &auth, err);
	if (rc == TPMIOT_OK && auth.session != NULL)
		rc = tpmiot_tpm_read_public(tpm, object, &pub, err);
	if (rc == TPMIOT_OK)
		rc = tpm_exec(tpm, &call,
		    Tss2_Sys_EvictControl_Prepare(tpm->sys, TPM2_RH_OWNER, object, persistent),
		    err);
	if (rc == TPMIOT_OK)
		rc = tpm_complete(&call, Tss2_Sys_EvictControl_Complete(tpm->sys), err);
	tpmiot_session_end(&auth.session);
	tpm_end(tpm);
	return rc;
}
