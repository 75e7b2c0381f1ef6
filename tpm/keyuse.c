/* SPDX-License-Identifier: Apache-2.0 */
/* Keys used: authorised, loaded, once more if they had gone. */
#include <string.h>

#include <openssl/crypto.h>

#include <tpmiot/alg.h>
#include <tpmiot/signature.h>

#include "import.h"
#include "key.h"
#include "policy.h"
#include "session.h"

/* Two where a TPM is ours alone; see is_worth_again(). */
#define USE_TRIES 6

/* ---- authorisation ----------------------------------------------------------------------------
 */

/* The session that the connection keeps, salted to the storage root key. */
static enum tpmiot_rc
start_auth_session(struct tpmiot_tpm *tpm, struct tpmiot_err *err)
{
	TPM2_HANDLE handle = 0, made = 0;
	struct tpmiot_public pub;
	enum tpmiot_rc rc;

	if (tpm->auth_session != NULL)
		return TPMIOT_OK;
	rc = tpmiot_tpm_open_srk(tpm, &handle, &made, &pub, err);
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
		rc = tpm_policy_start(
		    key->tpm, &key->pub, key->extra, auth->value, secret, own, err);
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
	enum tpmiot_rc rc = TPMIOT_OK;

	/*
	 * A policy may spend a password on something else (PolicySecret): not before the TPM
	 * has taken the blob for its own, or any file could have it try passwords.
	 */
	if (has_policy(key))
		rc = tpmiot_key_handle_loaded(key, &handle, err);
	if (rc == TPMIOT_OK)
		rc = authorise(key, secret, &auth, &own, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_key_handle_loaded(key, &handle, err);
	/* The connection's session goes with it, be it at a TPM2_FlushContext that loading can do
	 * without. */
	if (rc == TPMIOT_OK && auth.session != NULL && own == NULL &&
	    key->tpm->auth_session != auth.session)
		rc = tpmiot_err_set(err, TPMIOT_E_TPM_GONE,
		    "the connection to the TPM broke while the key was loaded; try again");
	if (rc == TPMIOT_OK)
		rc = command(key->tpm, handle, &auth, arg, err);
	tpmiot_session_end(&own);
	return rc;
}

/* Whether the handle has become another object's, to which the command makes no sense. */
static bool
is_taken(const struct tpmiot_key *key)
{
	struct tpmiot_public pub;

	if (!tpm_key_is_loaded(key))
		return false;
	return tpmiot_tpm_read_public(key->tpm, key->loaded, &pub, NULL) != TPMIOT_OK ||
	       pub.name.size != key->pub.name.size ||
	       memcmp(pub.name.name, key->pub.name.name, pub.name.size) != 0;
}

/*
 * Whether the key made again from its recipe may do what just failed: after a reset,
 * or a resource manager's restart, or because programs share a full TPM and take
 * each other's room. A password is not tried twice, and a TPM that hangs not waited
 * for twice.
 */
static bool
is_worth_again(const struct tpmiot_key *key, const struct tpmiot_err *err, bool was_loaded)
{
	bool is_loaded = was_loaded || tpm_key_is_loaded(key);

	switch (err->rc) {
	case TPMIOT_E_TPM_GONE:
		return err->tss != TSS2_TCTI_RC_TRY_AGAIN;
	case TPMIOT_E_NOT_FOUND:
		return is_loaded || key->tpm->auth_session != NULL ||
		       key->parent.handle >> TPM2_HR_SHIFT == TPM2_HT_PERMANENT;
	case TPMIOT_E_VERIFY:
		return is_loaded || key->checked;
	case TPMIOT_E_UNSUPPORTED:
	case TPMIOT_E_TPM:
		return is_taken(key);
	default:
		return false;
	}
}

/* What a TPM in order says in an answer that nobody has changed; and one that hangs is not asked
 * again. */
static bool
is_doubtful(const struct tpmiot_err *err)
{
	return err->rc != TPMIOT_E_AUTH && err->rc != TPMIOT_E_LOCKOUT &&
	       err->rc != TPMIOT_E_POLICY && err->tss != TSS2_TCTI_RC_TRY_AGAIN;
}

enum tpmiot_rc
tpm_key_use(struct tpmiot_key *key, bool secret, tpm_key_command *command, void *arg,
    struct tpmiot_err *err)
{
	struct tpmiot_err last;
	enum tpmiot_rc rc;

	tpmiot_tpm_lock(key->tpm);
	for (int tries = 1;; tries++) {
		bool was_loaded = tpm_key_is_loaded(key), again;

		rc = use_once(key, secret, command, arg, &last);
		if (rc == TPMIOT_OK)
			break;
		again = tries < USE_TRIES && is_worth_again(key, &last, was_loaded);
		/* Its nonces may be out of step with the TPM's, which would look like a wrong
		 * password. */
		tpmiot_session_end(&key->tpm->auth_session);
		/* Not flushed now: nobody knows what the handle means, or whether another one was
		 * lost. */
		key->tpm->doubtful |= is_doubtful(&last);
		if (!again)
			break;
		tpm_disown(key->tpm, key->loaded);
		key->loaded = 0;
	}
	tpmiot_tpm_unlock(key->tpm);
	if (rc != TPMIOT_OK && err != NULL)
		*err = last;
	return rc;
}

/* ---- signing
 * -------------------------------------------------------------------------------------- */

struct to_sign {
	EVP_PKEY *pkey;
	const TPMT_SIG_SCHEME *scheme;
	const TPM2B_DIGEST *digest;
	const TPMT_TK_HASHCHECK *ticket;
	TPMT_SIGNATURE *out;
};

/*
 * What the TPM signed is verified, because its answer to a plain TPM2_Sign is not
 * authenticated: bytes may have changed on the bus, or the handle may mean another
 * object by now, where there is no resource manager. It is cheap in comparison.
 */
static enum tpmiot_rc
check_signature(const struct tpmiot_tpm *tpm, const struct to_sign *job, const TPMT_SIGNATURE *made,
    struct tpmiot_err *err)
{
	const TPMT_SIG_SCHEME *scheme = job->scheme;
	enum tpmiot_rc rc;

	if (scheme->scheme != TPM2_ALG_NULL &&
	    (made->sigAlg != scheme->scheme ||
	        made->signature.any.hashAlg != scheme->details.any.hashAlg))
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "TPM2_Sign: the TPM signed by another scheme than it was told");
	rc = tpmiot_signature_verify_digest(tpm->libctx, job->pkey, made, job->digest, err);
	if (rc == TPMIOT_E_VERIFY)
		return tpmiot_err_set(err, rc,
		    "TPM2_Sign: the signature from the TPM is not this key's; is something wrong "
		    "with the TPM or on the way to it?");
	return rc;
}

static enum tpmiot_rc
sign_command(struct tpmiot_tpm *tpm, TPM2_HANDLE handle, const struct tpmiot_auth *auth, void *arg,
    struct tpmiot_err *err)
{
	const struct to_sign *job = arg;
	TPMT_SIGNATURE made;
	enum tpmiot_rc rc =
	    tpmiot_tpm_sign(tpm, handle, auth, job->scheme, job->digest, job->ticket, &made, err);

	if (rc == TPMIOT_OK)
		rc = check_signature(tpm, job, &made, err);
	if (rc == TPMIOT_OK)
		*job->out = made;
	return rc;
}

static enum tpmiot_rc
sign(struct tpmiot_key *key, const TPMT_SIG_SCHEME *scheme, const TPM2B_DIGEST *digest,
    const TPMT_TK_HASHCHECK *ticket, TPMT_SIGNATURE *out, struct tpmiot_err *err)
{
	struct to_sign job = { key->pkey, scheme, digest, ticket, out };

	return tpm_key_use(key, false, sign_command, &job, err);
}

/* Sealed data and HMAC keys have no public half to sign with. */
static enum tpmiot_rc
check_signs(const struct tpmiot_key *key, struct tpmiot_err *err)
{
	if (key->pkey != NULL)
		return TPMIOT_OK;
	return tpmiot_err_set(
	    err, TPMIOT_E_USAGE, "this is an HMAC key or sealed data, which makes no signatures");
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
	enum tpmiot_rc rc = check_signs(key, err);

	if (rc != TPMIOT_OK)
		return rc;
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

/* ---- unsealing
 * -------------------------------------------------------------------------------------- */

static enum tpmiot_rc
unseal_command(struct tpmiot_tpm *tpm, TPM2_HANDLE handle, const struct tpmiot_auth *auth,
    void *arg, struct tpmiot_err *err)
{
	return tpm_unseal(tpm, handle, auth, arg, err);
}

enum tpmiot_rc
tpmiot_key_unseal(struct tpmiot_key *key, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	if (key->type != TPMIOT_KEYFILE_SEALED || tpmiot_public_is_hmac_key(&key->pub))
		return tpmiot_err_set(err, TPMIOT_E_USAGE, "this is a key, not sealed data");
	return tpm_key_use(key, true, unseal_command, out, err);
}

/* ---- HMACs ----------------------------------------------------------------------------------- */

struct to_mac {
	TPMI_ALG_HASH alg;
	struct tpmiot_bytes message;
	TPM2B_DIGEST *out;
};

static enum tpmiot_rc
hmac_command(struct tpmiot_tpm *tpm, TPM2_HANDLE handle, const struct tpmiot_auth *auth, void *arg,
    struct tpmiot_err *err)
{
	const struct to_mac *job = arg;

	return tpmiot_tpm_hmac(tpm, handle, auth, job->alg, job->message, job->out, err);
}

enum tpmiot_rc
tpmiot_key_hmac(
    struct tpmiot_key *key, struct tpmiot_bytes message, TPM2B_DIGEST *out, struct tpmiot_err *err)
{
	const TPMT_KEYEDHASH_SCHEME *scheme = &key->pub.area.parameters.keyedHashDetail.scheme;
	struct to_mac job = { scheme->details.hmac.hashAlg, message, out };

	if (!tpmiot_public_is_hmac_key(&key->pub))
		return tpmiot_err_set(err, TPMIOT_E_USAGE, "this is no HMAC key");
	return tpm_key_use(key, false, hmac_command, &job, err);
}
