/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions: TPM 2.0 Part 1, clauses 17.6 (HMAC computation) and 19 (parameter
 * encryption), computed in the connection's own library context.
 */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <tpmiot/alg.h>

#include "session.h"

#define SESSION_AES_BYTES 16
#define AES_BLOCK 16

static const TPMT_SYM_DEF SESSION_CIPHER = {
	.algorithm = TPM2_ALG_AES,
	.keyBits.aes = SESSION_AES_BYTES * 8,
	.mode.aes = TPM2_ALG_CFB,
};

static struct tpmiot_bytes
digest_bytes(const TPM2B_DIGEST *digest)
{
	return (struct tpmiot_bytes){ digest->buffer, digest->size };
}

static enum tpmiot_rc
fresh_nonce(struct tpmiot_session *session, struct tpmiot_err *err)
{
	session->nonce_caller.size = (UINT16)tpmiot_alg_md_size(session->hash);
	if (RAND_bytes_ex(session->tpm->libctx, session->nonce_caller.buffer,
	        session->nonce_caller.size, 0) != 1)
		return tpmiot_err_crypto(err, "nonce for a session");
	return TPMIOT_OK;
}

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
	if (rc == TPMIOT_OK)
		rc = tpm_complete(&call,
		    Tss2_Sys_StartAuthSession_Complete(
		        tpm->sys, &session->handle, &session->nonce_tpm),
		    err);
	if (rc == TPMIOT_OK) {
		session->epoch = tpm->epoch;
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
	return tpmiot_kdfa(session->tpm->libctx, session->hash, digest_bytes(salt), "ATH",
	    digest_bytes(&session->nonce_tpm), digest_bytes(&session->nonce_caller),
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
		rc = fresh_nonce(session, err);
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

/* ---- a command's authorisation ---------------------------------------------- */

/* sessionKey ‖ authValue without its trailing zeros (Part 1, clause 17.6.5). */
static void
put_auth_key(
    const struct tpmiot_session *session, const struct tpmiot_auth *auth, struct tpmiot_buf *out)
{
	const uint8_t *value = auth->value.data;
	size_t len = auth->value.len;

	while (len > 0 && value[len - 1] == 0)
		len--;
	tpmiot_buf_put(out, session->key.buffer, session->key.size);
	tpmiot_buf_put(out, value, len);
}

/* AES-128-CFB over one parameter, key and IV from the two nonces, the newer one first. */
static enum tpmiot_rc
crypt_parameter(const struct tpmiot_session *session, const struct tpmiot_auth *auth, bool encrypt,
    uint8_t *data, size_t len, struct tpmiot_err *err)
{
	const TPM2B_NONCE *newer = encrypt ? &session->nonce_caller : &session->nonce_tpm;
	const TPM2B_NONCE *older = encrypt ? &session->nonce_tpm : &session->nonce_caller;
	uint8_t key_iv[SESSION_AES_BYTES + AES_BLOCK];
	struct tpmiot_buf value = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	put_auth_key(session, auth, &value);
	rc = tpmiot_buf_done(&value, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_kdfa(session->tpm->libctx, session->hash,
		    (struct tpmiot_bytes){ value.data, value.len }, "CFB", digest_bytes(newer),
		    digest_bytes(older), key_iv, sizeof(key_iv), err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_aes_cfb(session->tpm->libctx, encrypt,
		    (struct tpmiot_bytes){ key_iv, SESSION_AES_BYTES }, key_iv + SESSION_AES_BYTES,
		    data, len, err);
	OPENSSL_cleanse(key_iv, sizeof(key_iv));
	tpmiot_buf_free(&value);
	return rc;
}

static enum tpmiot_rc
encrypt_first(struct tpmiot_session *session, const struct tpm_call *call,
    const struct tpmiot_auth *auth, struct tpmiot_err *err)
{
	TSS2_SYS_CONTEXT *sys = session->tpm->sys;
	struct tpmiot_buf plain = TPMIOT_BUF_INIT;
	const uint8_t *param = NULL;
	enum tpmiot_rc rc;
	size_t len = 0;

	rc = tpm_rc(call->what, Tss2_Sys_GetDecryptParam(sys, &len, &param), err);
	if (rc != TPMIOT_OK)
		return rc;
	tpmiot_buf_put(&plain, param, len);
	rc = tpmiot_buf_done(&plain, err);
	if (rc == TPMIOT_OK)
		rc = crypt_parameter(session, auth, true, plain.data, len, err);
	if (rc == TPMIOT_OK)
		rc = tpm_rc(call->what, Tss2_Sys_SetDecryptParam(sys, len, plain.data), err);
	tpmiot_buf_free(&plain);
	return rc;
}

/* H(commandCode ‖ Names ‖ parameters), parameters as they cross the bus. */
static enum tpmiot_rc
command_hash(const struct tpmiot_session *session, const struct tpm_call *call, TPM2B_DIGEST *out,
    struct tpmiot_err *err)
{
	struct tpmiot_tpm *tpm = session->tpm;
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	const uint8_t *params = NULL;
	enum tpmiot_rc rc;
	size_t len = 0;
	UINT8 code[4];
	TSS2_RC tss = Tss2_Sys_GetCommandCode(tpm->sys, code);

	if (tss == TSS2_RC_SUCCESS)
		tss = Tss2_Sys_GetCpBuffer(tpm->sys, &len, &params);
	rc = tpm_rc(call->what, tss, err);
	if (rc != TPMIOT_OK)
		return rc;
	tpmiot_buf_put(&text, code, sizeof(code));
	for (size_t i = 0; i < call->n_name; i++)
		tpmiot_buf_put(&text, call->name[i]->name, call->name[i]->size);
	tpmiot_buf_put(&text, params, len);
	rc = tpmiot_buf_done(&text, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_alg_digest(tpm->libctx, session->hash, text.data, text.len, out, err);
	tpmiot_buf_free(&text);
	return rc;
}

/* H(responseCode 0 ‖ commandCode ‖ parameters). */
static enum tpmiot_rc
response_hash(const struct tpmiot_session *session, const struct tpm_call *call, TPM2B_DIGEST *out,
    struct tpmiot_err *err)
{
	struct tpmiot_tpm *tpm = session->tpm;
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	const uint8_t *params = NULL;
	enum tpmiot_rc rc;
	size_t len = 0;
	UINT8 code[4];
	TSS2_RC tss = Tss2_Sys_GetCommandCode(tpm->sys, code);

	if (tss == TSS2_RC_SUCCESS)
		tss = Tss2_Sys_GetRpBuffer(tpm->sys, &len, &params);
	rc = tpm_rc(call->what, tss, err);
	if (rc != TPMIOT_OK)
		return rc;
	tpmiot_buf_put_u32(&text, TPM2_RC_SUCCESS);
	tpmiot_buf_put(&text, code, sizeof(code));
	tpmiot_buf_put(&text, params, len);
	rc = tpmiot_buf_done(&text, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_alg_digest(tpm->libctx, session->hash, text.data, text.len, out, err);
	tpmiot_buf_free(&text);
	return rc;
}

/*
 * HMAC(key, hash ‖ newer nonce ‖ older nonce ‖ attributes). A policy session leaves
 * the auth value out unless the policy asks for it; with no key at all there is no HMAC.
 */
static enum tpmiot_rc
session_hmac(const struct tpmiot_session *session, const struct tpmiot_auth *auth,
    const TPM2B_DIGEST *hash, const TPM2B_NONCE *newer, const TPM2B_NONCE *older,
    TPMA_SESSION attributes, TPM2B_AUTH *out, struct tpmiot_err *err)
{
	struct tpmiot_bytes parts[] = { digest_bytes(hash), digest_bytes(newer),
		digest_bytes(older), { &attributes, sizeof(attributes) } };
	const struct tpmiot_auth *valued = session->auth_value ? auth : &tpm_no_auth;
	struct tpmiot_buf key = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;
	size_t len = 0;

	put_auth_key(session, valued, &key);
	rc = tpmiot_buf_done(&key, err);
	if (rc == TPMIOT_OK && key.len != 0)
		rc = tpmiot_hmac(session->tpm->libctx, session->hash,
		    (struct tpmiot_bytes){ key.data, key.len }, parts, 4, out->buffer, &len, err);
	if (rc == TPMIOT_OK)
		out->size = (UINT16)len;
	tpmiot_buf_free(&key);
	return rc;
}

enum tpmiot_rc
tpm_session_authorise(struct tpmiot_session *session, const struct tpm_call *call,
    const struct tpmiot_auth *auth, TPMS_AUTH_COMMAND *out, struct tpmiot_err *err)
{
	TPM2B_DIGEST hash;
	enum tpmiot_rc rc = fresh_nonce(session, err);

	if (rc == TPMIOT_OK && call->secret_in)
		rc = encrypt_first(session, call, auth, err);
	if (rc == TPMIOT_OK)
		rc = command_hash(session, call, &hash, err);
	if (rc != TPMIOT_OK)
		return rc;
	out->sessionHandle = session->handle;
	out->nonce = session->nonce_caller;
	out->sessionAttributes = 0;
	if (!session->last)
		out->sessionAttributes |= TPMA_SESSION_CONTINUESESSION;
	if (call->secret_in)
		out->sessionAttributes |= TPMA_SESSION_DECRYPT;
	if (call->secret_out)
		out->sessionAttributes |= TPMA_SESSION_ENCRYPT;
	return session_hmac(session, auth, &hash, &session->nonce_caller, &session->nonce_tpm,
	    out->sessionAttributes, &out->hmac, err);
}

static enum tpmiot_rc
decrypt_first(struct tpmiot_session *session, const struct tpm_call *call,
    const struct tpmiot_auth *auth, struct tpmiot_err *err)
{
	TSS2_SYS_CONTEXT *sys = session->tpm->sys;
	struct tpmiot_buf plain = TPMIOT_BUF_INIT;
	const uint8_t *param = NULL;
	enum tpmiot_rc rc;
	size_t len = 0;

	rc = tpm_rc(call->what, Tss2_Sys_GetEncryptParam(sys, &len, &param), err);
	if (rc != TPMIOT_OK)
		return rc;
	tpmiot_buf_put(&plain, param, len);
	rc = tpmiot_buf_done(&plain, err);
	if (rc == TPMIOT_OK)
		rc = crypt_parameter(session, auth, false, plain.data, len, err);
	if (rc == TPMIOT_OK)
		rc = tpm_rc(call->what, Tss2_Sys_SetEncryptParam(sys, len, plain.data), err);
	tpmiot_buf_free(&plain);
	return rc;
}

enum tpmiot_rc
tpm_session_accept(struct tpmiot_session *session, const struct tpm_call *call,
    const struct tpmiot_auth *auth, const TPMS_AUTH_RESPONSE *response, struct tpmiot_err *err)
{
	TPM2B_DIGEST hash;
	TPM2B_AUTH expected;
	enum tpmiot_rc rc = response_hash(session, call, &hash, err);

	if (rc == TPMIOT_OK)
		rc = session_hmac(session, auth, &hash, &response->nonce, &session->nonce_caller,
		    response->sessionAttributes, &expected, err);
	if (rc != TPMIOT_OK)
		return rc;
	if (response->hmac.size != expected.size ||
	    CRYPTO_memcmp(response->hmac.buffer, expected.buffer, expected.size) != 0)
		return tpmiot_err_set(err, TPMIOT_E_TPM,
		    "%s: the response's HMAC is wrong: somebody stands between us and the TPM",
		    call->what);
	session->nonce_tpm = response->nonce;
	if (session->last) {
		tpm_disown(session->tpm, session->handle);
		session->handle = 0;
	}
	return call->secret_out ? decrypt_first(session, call, auth, err) : TPMIOT_OK;
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
