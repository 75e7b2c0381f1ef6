/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions started and ended; the policy commands that everybody needs. */
#include <string.h>

#include <openssl/crypto.h>

#include <tpmiot/alg.h>

#include "session.h"

static const TPMT_SYM_DEF SESSION_CIPHER = {
	.algorithm = TPM2_ALG_AES,
	.keyBits.aes = TPM_SESSION_AES_BYTES * 8,
	.mode.aes = TPM2_ALG_CFB,
};

/* ---- start and end --------------------------------------------------------- */

static enum tpmiot_rc
send_start(struct tpmiot_session *session, TPM2_HANDLE salt_key, const TPM2B_ENCRYPTED_SECRET *salt,
    struct tpmiot_err *err)
{
	static const struct tpm_call call = { .what = "TPM2_StartAuthSession" };
	struct tpmiot_tpm *tpm = session->tpm;
	enum tpmiot_rc rc = tpm_begin(tpm, err);

	if (rc != TPMIOT_OK)
		return rc;
	rc = tpm_exec(tpm, &call,
	    Tss2_Sys_StartAuthSession_Prepare(tpm->sys, salt_key, TPM2_RH_NULL,
	        &session->nonce_caller, salt, session->type, &SESSION_CIPHER, session->hash),
	    err);
	if (rc == TPMIOT_OK) {
		rc = tpm_complete(&call,
		    Tss2_Sys_StartAuthSession_Complete(
		        tpm->sys, &session->handle, &session->nonce_tpm),
		    err);
		/* What was understood of a garbled answer is enough to flush it. */
		session->epoch = tpm->epoch;
		if (session->handle != 0)
			tpm_own(tpm, session->handle);
	}
	tpm_end(tpm);
	return rc;
}

/* sessionKey (Part 1, clause 17.6.8). */
static enum tpmiot_rc
derive_key(struct tpmiot_session *session, const TPM2B_DIGEST *salt, struct tpmiot_err *err)
{
	session->key.size = (UINT16)tpmiot_alg_md_size(session->hash);
	return tpmiot_kdfa(session->tpm->libctx, session->hash, tpm_digest_bytes(salt), "ATH",
	    tpm_digest_bytes(&session->nonce_tpm), tpm_digest_bytes(&session->nonce_caller),
	    session->key.buffer, session->key.size, err);
}

enum tpmiot_rc
tpm_session_start(struct tpmiot_tpm *tpm, TPM2_SE type, TPMI_ALG_HASH hash, TPM2_HANDLE salt_key,
    const struct tpmiot_public *salt_pub, struct tpmiot_session **out, struct tpmiot_err *err)
{
	struct tpmiot_session *session = OPENSSL_zalloc(sizeof(*session));
	TPM2B_ENCRYPTED_SECRET encrypted = { 0 };
	TPM2B_DIGEST salt = { 0 };
	enum tpmiot_rc rc = TPMIOT_OK;

	if (session == NULL)
		return tpmiot_err_memory(err);
	session->tpm = tpm;
	session->type = type;
	session->hash = hash;
	session->auth_value = type == TPM2_SE_HMAC;
	if (salt_pub != NULL)
		rc = tpmiot_secret_share(tpm->libctx, salt_pub, "SECRET", &salt, &encrypted, err);
	if (rc == TPMIOT_OK)
		rc = tpm_session_nonce(session, err);
	if (rc == TPMIOT_OK)
		rc = send_start(session, salt_key, &encrypted, err);
	if (rc == TPMIOT_OK && salt_pub != NULL)
		rc = derive_key(session, &salt, err);
	if (rc == TPMIOT_OK) {
		*out = session;
		session = NULL;
	}
	OPENSSL_cleanse(&salt, sizeof(salt));
	tpmiot_session_end(&session);
	return rc;
}

enum tpmiot_rc
tpmiot_session_start(struct tpmiot_tpm *tpm, TPM2_SE type, TPM2_HANDLE salt_key,
    const struct tpmiot_public *salt_pub, struct tpmiot_session **out, struct tpmiot_err *err)
{
	return tpm_session_start(tpm, type, salt_pub->area.nameAlg, salt_key, salt_pub, out, err);
}

void
tpmiot_session_last(struct tpmiot_session *session)
{
	session->last = true;
}

void
tpm_session_forget(struct tpmiot_session **session)
{
	if (*session == NULL)
		return;
	EVP_MD_free((*session)->md);
	EVP_MD_CTX_free((*session)->digest);
	EVP_MAC_CTX_free((*session)->mac);
	OPENSSL_clear_free(*session, sizeof(**session));
	*session = NULL;
}

void
tpmiot_session_end(struct tpmiot_session **session)
{
	struct tpmiot_session *old = *session;

	if (old == NULL)
		return;
	*session = NULL; /* the connection's own is forgotten when the flush below breaks it */
	tpmiot_tpm_lock(old->tpm);
	if (old->handle != 0 && old->epoch == old->tpm->epoch)
		tpmiot_tpm_flush(old->tpm, &old->handle);
	tpmiot_tpm_unlock(old->tpm);
	tpm_session_forget(&old);
}

/* ---- policies ---------------------------------------------------------------- */

enum tpmiot_rc
tpmiot_tpm_policy_secret(struct tpmiot_tpm *tpm, struct tpmiot_session *policy, TPM2_HANDLE entity,
    struct tpmiot_bytes auth, struct tpmiot_err *err)
{
	const TPM2B_NAME policy_name = tpm_handle_name(policy->handle);
	struct tpmiot_auth slot = { .session = NULL };
	struct tpm_call call = { .what = "TPM2_PolicySecret",
		.auth = { &slot },
		.n_auth = 1,
		.name = { &slot.name, &policy_name },
		.n_name = 2 };
	enum tpmiot_rc rc = tpm_begin(tpm, err);

	if (rc != TPMIOT_OK)
		return rc;
	rc = tpm_hierarchy_authorise(tpm, entity, auth, &slot, err);
	if (rc == TPMIOT_OK)
		rc = tpm_exec(tpm, &call,
		    Tss2_Sys_PolicySecret_Prepare(
		        tpm->sys, entity, policy->handle, NULL, NULL, NULL, 0),
		    err);
	if (rc == TPMIOT_OK)
		rc = tpm_complete(&call, Tss2_Sys_PolicySecret_Complete(tpm->sys, NULL, NULL), err);
	tpmiot_session_end(&slot.session);
	tpm_end(tpm);
	return rc;
}

enum tpmiot_rc
tpmiot_tpm_policy_or(struct tpmiot_tpm *tpm, struct tpmiot_session *policy,
    const TPM2B_DIGEST *branches, size_t n, struct tpmiot_err *err)
{
	static const struct tpm_call call = { .what = "TPM2_PolicyOR" };
	TPML_DIGEST list = { .count = (UINT32)n };
	enum tpmiot_rc rc;

	if (n < 2 || n > sizeof(list.digests) / sizeof(list.digests[0]))
		return tpmiot_err_set(err, TPMIOT_E_USAGE, "TPM2_PolicyOR takes 2 to 8 branches");
	memcpy(list.digests, branches, n * sizeof(branches[0]));
	rc = tpm_begin(tpm, err);
	if (rc != TPMIOT_OK)
		return rc;
	rc = tpm_exec(tpm, &call, Tss2_Sys_PolicyOR_Prepare(tpm->sys, policy->handle, &list), err);
	if (rc == TPMIOT_OK)
		rc = tpm_complete(&call, Tss2_Sys_PolicyOR_Complete(tpm->sys), err);
	tpm_end(tpm);
	return rc;
}
