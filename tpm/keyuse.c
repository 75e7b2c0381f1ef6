/* SPDX-License-Identifier: Apache-2.0 */
/* Keys used: authorised, loaded, once more if they had gone. */
#include <string.h>

#include <openssl/crypto.h>

#include <tpmiot/alg.h>

#include "import.h"
#include "key.h"
#include "policy.h"
#include "session.h"

/* ---- authorisation ---------------------------------------------------------------------------- */

/* The session that the connection keeps, salted to the storage root key. */
static enum tpmiot_rc
start_auth_session(struct tpmiot_tpm *tpm, struct tpmiot_err *err)
{
	TPM2_HANDLE handle = 0, made = 0;
	struct tpmiot_public pub;
	enum tpmiot_rc rc;

	if (tpm->auth_session != NULL)
		return TPMIOT_OK;
	rc = tpm_salt_open(tpm, &handle, &made, &pub, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_session_start(tpm, TPM2_SE_HMAC, handle, &pub, &tpm->auth_session, err);
	tpmiot_tpm_flush(tpm, &made);
	return rc;
}

static bool
has_policy(const struct tpmiot_key *key)
{
	return key->extra != NULL && key->extra->policy.n > 0;
}

/* *own is a session to be ended after the command, or NULL. */
static enum tpmiot_rc
authorise(struct tpmiot_key *key, bool secret, struct tpmiot_auth *auth,
    struct tpmiot_session **own, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = TPMIOT_OK;

	if (has_policy(key)) {
		rc = tpm_policy_start(key->tpm, &key->pub, key->extra, auth->value, secret, own, err);
		auth->session = *own;
	} else if ((key->pub.area.objectAttributes & TPMA_OBJECT_USERWITHAUTH) == 0) {
		rc = tpmiot_err_set(err, TPMIOT_E_POLICY,
		    "this key is used by its policy only, and what it was loaded from does not say "
		    "the policy; use a key file that does");
	} else if (secret || auth->value.len != 0) {
		rc = start_auth_session(key->tpm, err);
		auth->session = key->tpm->auth_session;
	}
	return rc;
}

static enum tpmiot_rc
use_once(struct tpmiot_key *key, bool secret, tpm_key_command *command, void *arg,
    struct tpmiot_err *err)
{
	struct tpmiot_auth auth = { .value = tpm_bytes_of(&key->auth), .name = key->pub.name };
	struct tpmiot_session *own = NULL;
	TPM2_HANDLE handle = 0;
	enum tpmiot_rc rc = authorise(key, secret, &auth, &own, err);

	if (rc == TPMIOT_OK)
		rc = tpmiot_key_handle_loaded(key, &handle, err);
	if (rc == TPMIOT_OK)
		rc = command(key->tpm, handle, &auth, arg, err);
	tpmiot_session_end(&own);
	return rc;
}

enum tpmiot_rc
tpm_key_use(struct tpmiot_key *key, bool secret, tpm_key_command *command, void *arg,
    struct tpmiot_err *err)
{
	enum tpmiot_rc rc;
	bool was_loaded;

	tpmiot_tpm_lock(key->tpm);
	was_loaded = tpm_key_is_loaded(key);
	rc = use_once(key, secret, command, arg, err);
	if (was_loaded && (rc == TPMIOT_E_NOT_FOUND || rc == TPMIOT_E_TPM_GONE)) {
		key->loaded = 0;
		tpmiot_session_end(&key->tpm->auth_session);
		rc = use_once(key, secret, command, arg, err);
	}
	tpmiot_tpm_unlock(key->tpm);
	return rc;
}

/* ---- signing -------------------------------------------------------------------------------------- */

struct to_sign {
	const TPMT_SIG_SCHEME *scheme;
	const TPM2B_DIGEST *digest;
	const TPMT_TK_HASHCHECK *ticket;
	TPMT_SIGNATURE *out;
};

static enum tpmiot_rc
sign_command(struct tpmiot_tpm *tpm, TPM2_HANDLE handle, const struct tpmiot_auth *auth, void *arg,
    struct tpmiot_err *err)
{
	const struct to_sign *job = arg;

	return tpmiot_tpm_sign(tpm, handle, auth, job->scheme, job->digest, job->ticket, job->out,
	    err);
}

static enum tpmiot_rc
sign(struct tpmiot_key *key, const TPMT_SIG_SCHEME *scheme, const TPM2B_DIGEST *digest,
    const TPMT_TK_HASHCHECK *ticket, TPMT_SIGNATURE *out, struct tpmiot_err *err)
{
	struct to_sign job = { scheme, digest, ticket, out };

	return tpm_key_use(key, false, sign_command, &job, err);
}

static bool
is_restricted(const struct tpmiot_key *key)
{
	return (key->pub.area.objectAttributes & TPMA_OBJECT_RESTRICTED) != 0;
}

enum tpmiot_rc
tpmiot_key_sign_digest(struct tpmiot_key *key, const TPMT_SIG_SCHEME *scheme, const void *digest,
    size_t len, TPMT_SIGNATURE *out, struct tpmiot_err *err)
{
	TPM2B_DIGEST in = { .size = (UINT16)len };

	if (is_restricted(key))
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "this is a restricted (attestation) key: it signs messages that the TPM has "
		    "hashed itself, not digests; give it the message, as openssl dgst -sign does");
	if (len > sizeof(in.buffer))
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED, "a digest of %zu bytes", len);
	memcpy(in.buffer, digest, len);
	return sign(key, scheme, &in, NULL, out, err);
}

enum tpmiot_rc
tpmiot_key_sign_message(struct tpmiot_key *key, const TPMT_SIG_SCHEME *scheme, const void *msg,
    size_t len, TPMT_SIGNATURE *out, struct tpmiot_err *err)
{
	TPMI_ALG_HASH alg = scheme->details.any.hashAlg;
	TPMT_TK_HASHCHECK ticket;
	TPM2B_DIGEST digest;
	enum tpmiot_rc rc;

	if (!is_restricted(key)) {
		rc = tpmiot_alg_digest(key->tpm->libctx, alg, msg, len, &digest, err);
		if (rc != TPMIOT_OK)
			return rc;
		return tpmiot_key_sign_digest(key, scheme, digest.buffer, digest.size, out, err);
	}
	tpmiot_tpm_lock(key->tpm);
	rc = tpmiot_tpm_hash(key->tpm, alg, msg, len, &digest, &ticket, err);
	if (rc == TPMIOT_OK)
		rc = sign(key, scheme, &digest, &ticket, out, err);
	tpmiot_tpm_unlock(key->tpm);
	return rc;
}

/* ---- unsealing -------------------------------------------------------------------------------------- */

static enum tpmiot_rc
unseal_command(struct tpmiot_tpm *tpm, TPM2_HANDLE handle, const struct tpmiot_auth *auth,
    void *arg, struct tpmiot_err *err)
{
	return tpm_unseal(tpm, handle, auth, arg, err);
}

enum tpmiot_rc
tpmiot_key_unseal(struct tpmiot_key *key, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	if (key->type != TPMIOT_KEYFILE_SEALED)
		return tpmiot_err_set(err, TPMIOT_E_USAGE, "this is a key, not sealed data");
	return tpm_key_use(key, true, unseal_command, out, err);
}
