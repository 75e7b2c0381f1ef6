/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a session adds to a command, and finds in its response: TPM 2.0 Part 1, clauses 17.6
 * (HMAC computation) and 19 (parameter encryption), computed in the connection's own
 * library context.
 */
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <tpmiot/alg.h>

#include "session.h"

#define AES_BLOCK 16

static enum tpmiot_rc
draw_nonce(struct tpmiot_session *session, TPM2B_NONCE *out, struct tpmiot_err *err)
{
	size_t len = tpmiot_alg_md_size(session->hash);

	if (RAND_bytes_ex(session->tpm->libctx, out->buffer, len, 0) != 1)
		return tpmiot_err_crypto(err, "nonce for a session");
	out->size = (UINT16)len;
	return TPMIOT_OK;
}

enum tpmiot_rc
tpm_session_nonce(struct tpmiot_session *session, struct tpmiot_err *err)
{
	if (session->ahead.size == 0)
		return draw_nonce(session, &session->nonce_caller, err);
	session->nonce_caller = session->ahead;
	session->ahead.size = 0;
	return TPMIOT_OK;
}

void
tpm_session_get_ahead(struct tpmiot_session *session)
{
	if (session->ahead.size == 0 && !session->last)
		(void)draw_nonce(session, &session->ahead, NULL);
}

/* ---- parameter encryption ----------------------------------------------------- */

/* An authorisation value's trailing zeros do not count (Part 1, clause 17.6.4.3). */
static size_t
value_length(const struct tpmiot_auth *auth)
{
	const uint8_t *value = auth->value.data;
	size_t len = auth->value.len;

	while (len > 0 && value[len - 1] == 0)
		len--;
	return len;
}

/* sessionKey ‖ authValue (Part 1, clause 17.6.5). */
static void
put_auth_key(
    const struct tpmiot_session *session, const struct tpmiot_auth *auth, struct tpmiot_buf *out)
{
	tpmiot_buf_put(out, session->key.buffer, session->key.size);
	tpmiot_buf_put(out, auth->value.data, value_length(auth));
}

/* AES-128-CFB over one parameter, key and IV from the two nonces, the newer one first. */
static enum tpmiot_rc
crypt_parameter(const struct tpmiot_session *session, const struct tpmiot_auth *auth, bool encrypt,
    uint8_t *data, size_t len, struct tpmiot_err *err)
{
	const TPM2B_NONCE *newer = encrypt ? &session->nonce_caller : &session->nonce_tpm;
	const TPM2B_NONCE *older = encrypt ? &session->nonce_tpm : &session->nonce_caller;
	uint8_t key_iv[TPM_SESSION_AES_BYTES + AES_BLOCK];
	struct tpmiot_buf value = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	put_auth_key(session, auth, &value);
	rc = tpmiot_buf_done(&value, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_kdfa(session->tpm->libctx, session->hash,
		    (struct tpmiot_bytes){ value.data, value.len }, "CFB", tpm_digest_bytes(newer),
		    tpm_digest_bytes(older), key_iv, sizeof(key_iv), err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_aes_cfb(session->tpm->libctx, encrypt,
		    (struct tpmiot_bytes){ key_iv, TPM_SESSION_AES_BYTES },
		    key_iv + TPM_SESSION_AES_BYTES, data, len, err);
	OPENSSL_cleanse(key_iv, sizeof(key_iv));
	tpmiot_buf_free(&value);
	return rc;
}

/* The first parameter of the command (encrypt), or of its reply (decrypt), in place. */
static enum tpmiot_rc
crypt_first(struct tpmiot_session *session, const struct tpm_call *call,
    const struct tpmiot_auth *auth, bool encrypt, struct tpmiot_err *err)
{
	TSS2_SYS_CONTEXT *sys = session->tpm->sys;
	struct tpmiot_buf param = TPMIOT_BUF_INIT;
	const uint8_t *at = NULL, *params;
	size_t len = 0, params_len;
	enum tpmiot_rc rc;

	/* Named after what the TPM does with them. */
	rc = tpm_rc(call->what,
	    encrypt ? Tss2_Sys_GetDecryptParam(sys, &len, &at)
	            : Tss2_Sys_GetEncryptParam(sys, &len, &at),
	    err);
	if (rc != TPMIOT_OK)
		return rc;
	/* SAPI believes the reply's size of its first parameter. */
	if (!encrypt && (Tss2_Sys_GetRpBuffer(sys, &params_len, &params) != TSS2_RC_SUCCESS ||
	                    params_len < 2 || len > params_len - 2))
		return tpmiot_err_set(err, TPMIOT_E_TPM,
		    "%s: a first parameter of %zu bytes, which are more than came", call->what,
		    len);
	tpmiot_buf_put(&param, at, len);
	rc = tpmiot_buf_done(&param, err);
	if (rc == TPMIOT_OK)
		rc = crypt_parameter(session, auth, encrypt, param.data, len, err);
	if (rc == TPMIOT_OK)
		rc = tpm_rc(call->what,
		    encrypt ? Tss2_Sys_SetDecryptParam(sys, len, param.data)
		            : Tss2_Sys_SetEncryptParam(sys, len, param.data),
		    err);
	tpmiot_buf_free(&param);
	return rc;
}

/* ---- hashes and HMACs --------------------------------------------------------- */

/* H of the pieces. The digest is fetched once for a session, which may authorise thousands. */
static enum tpmiot_rc
hash_pieces(struct tpmiot_session *session, const struct tpmiot_bytes *pieces, size_t n,
    TPM2B_DIGEST *out, struct tpmiot_err *err)
{
	unsigned int len = 0;
	bool ok;

	if (session->md == NULL)
		session->md =
		    EVP_MD_fetch(session->tpm->libctx, tpmiot_alg_md_name(session->hash), NULL);
	if (session->digest == NULL)
		session->digest = EVP_MD_CTX_new();
	ok = session->md != NULL && session->digest != NULL &&
	     EVP_DigestInit_ex2(session->digest, session->md, NULL) == 1;
	for (size_t i = 0; ok && i < n; i++)
		ok = EVP_DigestUpdate(session->digest, pieces[i].data, pieces[i].len) == 1;
	if (!ok || EVP_DigestFinal_ex(session->digest, out->buffer, &len) != 1)
		return tpmiot_err_crypto(err, "hash for a session");
	out->size = (UINT16)len;
	return TPMIOT_OK;
}

/* cpHash: H(commandCode ‖ Names ‖ parameters), parameters as they cross the bus. */
static enum tpmiot_rc
command_hash(struct tpmiot_session *session, const struct tpm_call *call, TPM2B_DIGEST *out,
    struct tpmiot_err *err)
{
	TSS2_SYS_CONTEXT *sys = session->tpm->sys;
	const uint8_t *params = NULL;
	size_t len = 0, n = 0;
	UINT8 code[4];
	struct tpmiot_bytes pieces[4]; /* at most two Names */
	TSS2_RC tss = Tss2_Sys_GetCommandCode(sys, code);

	if (tss == TSS2_RC_SUCCESS)
		tss = Tss2_Sys_GetCpBuffer(sys, &len, &params);
	if (tss != TSS2_RC_SUCCESS)
		return tpm_rc(call->what, tss, err);
	pieces[n++] = (struct tpmiot_bytes){ code, sizeof(code) };
	for (size_t i = 0; i < call->n_name; i++)
		pieces[n++] = (struct tpmiot_bytes){ call->name[i]->name, call->name[i]->size };
	pieces[n++] = (struct tpmiot_bytes){ params, len };
	return hash_pieces(session, pieces, n, out, err);
}

/* rpHash: H(responseCode 0 ‖ commandCode ‖ parameters). */
static enum tpmiot_rc
response_hash(struct tpmiot_session *session, const struct tpm_call *call, TPM2B_DIGEST *out,
    struct tpmiot_err *err)
{
	static const uint8_t success[4] = { 0 };
	TSS2_SYS_CONTEXT *sys = session->tpm->sys;
	const uint8_t *params = NULL;
	size_t len = 0;
	UINT8 code[4];
	TSS2_RC tss = Tss2_Sys_GetCommandCode(sys, code);

	if (tss == TSS2_RC_SUCCESS)
		tss = Tss2_Sys_GetRpBuffer(sys, &len, &params);
	if (tss != TSS2_RC_SUCCESS)
		return tpm_rc(call->what, tss, err);
	return hash_pieces(session,
	    (struct tpmiot_bytes[]){
	        { success, sizeof(success) }, { code, sizeof(code) }, { params, len } },
	    3, out, err);
}

/* Keyed with sessionKey once, for every command that has no authorisation value to add. */
static enum tpmiot_rc
hmac_of_session(struct tpmiot_session *session, const struct tpmiot_bytes *parts, size_t n,
    TPM2B_AUTH *out, struct tpmiot_err *err)
{
	size_t len = 0;
	bool ok;

	if (session->mac == NULL) {
		session->mac = tpmiot_hmac_new(
		    session->tpm->libctx, session->hash, tpm_digest_bytes(&session->key));
		ok = session->mac != NULL;
	} else {
		ok = EVP_MAC_init(session->mac, NULL, 0, NULL) == 1;
	}
	for (size_t i = 0; ok && i < n; i++)
		ok = EVP_MAC_update(session->mac, parts[i].data, parts[i].len) == 1;
	if (!ok || EVP_MAC_final(session->mac, out->buffer, &len, sizeof(out->buffer)) != 1)
		return tpmiot_err_crypto(err, "HMAC of a session");
	out->size = (UINT16)len;
	return TPMIOT_OK;
}

static enum tpmiot_rc
hmac_with_value(const struct tpmiot_session *session, const struct tpmiot_auth *auth,
    const struct tpmiot_bytes *parts, size_t n, TPM2B_AUTH *out, struct tpmiot_err *err)
{
	struct tpmiot_buf key = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;
	size_t len = 0;

	put_auth_key(session, auth, &key);
	rc = tpmiot_buf_done(&key, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_hmac(session->tpm->libctx, session->hash,
		    (struct tpmiot_bytes){ key.data, key.len }, parts, n, out->buffer, &len, err);
	if (rc == TPMIOT_OK)
		out->size = (UINT16)len;
	tpmiot_buf_free(&key);
	return rc;
}

/*
 * HMAC(key, hash ‖ newer nonce ‖ older nonce ‖ the veil's nonce ‖ attributes), that nonce in a
 * command only and empty where there is no veil (Part 1, clause 17.6.5). A policy session leaves
 * the auth value out unless the policy asks for it; with no key at all there is no HMAC.
 */
static enum tpmiot_rc
session_hmac(struct tpmiot_session *session, const struct tpmiot_auth *auth,
    const TPM2B_DIGEST *hash, const TPM2B_NONCE *newer, const TPM2B_NONCE *older,
    struct tpmiot_bytes veil, TPMA_SESSION attributes, TPM2B_AUTH *out, struct tpmiot_err *err)
{
	struct tpmiot_bytes parts[] = { tpm_digest_bytes(hash), tpm_digest_bytes(newer),
		tpm_digest_bytes(older), veil, { &attributes, sizeof(attributes) } };
	const size_t n = sizeof(parts) / sizeof(parts[0]);

	if (session->auth_value && value_length(auth) != 0)
		return hmac_with_value(session, auth, parts, n, out, err);
	if (session->key.size != 0)
		return hmac_of_session(session, parts, n, out, err);
	out->size = 0;
	return TPMIOT_OK;
}

/* ---- a command's part, and its response's ---------------------------------------- */

/* What this session is to the call's secrets. */
static bool
encrypts(const struct tpmiot_session *session, const struct tpm_call *call)
{
	struct tpmiot_session *veil = tpm_call_veil(call);

	return veil == NULL || veil == session;
}

/* The nonce that binds the veil to the first session (the TPM looks for it there only). */
static struct tpmiot_bytes
veil_nonce(const struct tpmiot_session *session, const struct tpm_call *call)
{
	struct tpmiot_session *veil = tpm_call_veil(call);

	if (veil == NULL || call->auth[0]->session != session)
		return (struct tpmiot_bytes){ NULL, 0 };
	return tpm_digest_bytes(&veil->nonce_tpm);
}

enum tpmiot_rc
tpm_session_authorise(struct tpmiot_session *session, const struct tpm_call *call,
    const struct tpmiot_auth *auth, TPMS_AUTH_COMMAND *out, struct tpmiot_err *err)
{
	const bool secret_in = call->secret_in && encrypts(session, call);
	const bool secret_out = call->secret_out && encrypts(session, call);
	TPM2B_DIGEST hash;
	enum tpmiot_rc rc = tpm_session_nonce(session, err);

	if (rc == TPMIOT_OK && secret_in)
		rc = crypt_first(session, call, auth, true, err);
	if (rc == TPMIOT_OK)
		rc = command_hash(session, call, &hash, err);
	if (rc != TPMIOT_OK)
		return rc;
	out->sessionHandle = session->handle;
	out->nonce = session->nonce_caller;
	out->sessionAttributes = 0;
	if (!session->last)
		out->sessionAttributes |= TPMA_SESSION_CONTINUESESSION;
	if (secret_in)
		out->sessionAttributes |= TPMA_SESSION_DECRYPT;
	if (secret_out)
		out->sessionAttributes |= TPMA_SESSION_ENCRYPT;
	return session_hmac(session, auth, &hash, &session->nonce_caller, &session->nonce_tpm,
	    veil_nonce(session, call), out->sessionAttributes, &out->hmac, err);
}

enum tpmiot_rc
tpm_session_accept(struct tpmiot_session *session, const struct tpm_call *call,
    const struct tpmiot_auth *auth, const TPMS_AUTH_RESPONSE *response, struct tpmiot_err *err)
{
	const struct tpmiot_bytes no_nonce = { NULL, 0 };
	TPM2B_DIGEST hash;
	TPM2B_AUTH expected;
	enum tpmiot_rc rc = response_hash(session, call, &hash, err);

	if (rc == TPMIOT_OK)
		rc = session_hmac(session, auth, &hash, &response->nonce, &session->nonce_caller,
		    no_nonce, response->sessionAttributes, &expected, err);
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
	if (!call->secret_out || !encrypts(session, call))
		return TPMIOT_OK;
	return crypt_first(session, call, auth, false, err);
}
