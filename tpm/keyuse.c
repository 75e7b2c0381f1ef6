/* SPDX-License-Identifier: Apache-2.0 */
/* Keys used: authorised, loaded, once more if they had gone. */
#include <string.h>

#include <openssl/crypto.h>

#include <tpmiot/template.h>

#include "import.h"
#include "key.h"
#include "policy.h"
#include "session.h"

/* Two where a TPM is ours alone; see is_worth_again(). With the pauses, 0.6 s and more. */
#define USE_TRIES 8
/* So often is an error not believed that another object may have caused. */
#define DOUBTS 3

/* ---- authorisation ------------------------------------------------------------ */

/* The session that the connection keeps. */
static enum tpmiot_rc
start_auth_session(struct tpmiot_tpm *tpm, struct tpmiot_err *err)
{
	if (tpm->auth_session != NULL)
		return TPMIOT_OK;
	return tpm_salted_session(tpm, &tpm->auth_session, err);
}

/*
 * The same for a key that could do without: an object is not made for it, nor room, and if there
 * is none the key is used as before. Where connection or session is given up after each use
 * it would have to be started each time.
 */
static enum tpmiot_rc
try_auth_session(struct tpmiot_key *key, struct tpmiot_err *err)
{
	struct tpmiot_tpm *tpm = key->tpm;
	tcti_make_room_fn *make_room;
	struct tpmiot_public pub;
	enum tpmiot_rc rc;

	if (tpm->auth_session != NULL || tpm->shared || tpm->crowded)
		return TPMIOT_OK;
	rc = tpm_begin(tpm, err);
	if (rc != TPMIOT_OK)
		return rc;
	make_room = tpm->shim.make_room;
	tpm->shim.make_room = NULL;
	rc = tpmiot_tpm_read_public(tpm, TPMIOT_SRK_HANDLE, &pub, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_session_start(
		    tpm, TPM2_SE_HMAC, TPMIOT_SRK_HANDLE, &pub, &tpm->auth_session, err);
	tpm->shim.make_room = make_room;
	tpm_end(tpm);
	if (rc == TPMIOT_OK)
		return rc;
	tpm_assure_never_by_hmac(&key->assure);
	/* A connection that broke is made again by what follows; a TPM that hangs is not. */
	return tpm->hangs ? rc : TPMIOT_OK;
}

static bool
has_policy(const struct tpmiot_key *key)
{
	return key->extra != NULL && key->extra->policy.n > 0;
}

bool
tpm_key_is_free(const struct tpmiot_key *key)
{
	return !has_policy(key) && key->auth.len == 0;
}

TPM2_HANDLE
tpm_key_ready(const struct tpmiot_key *key)
{
	if (!tpm_key_is_free(key) || key->refused ||
	    (key->pub.area.objectAttributes & TPMA_OBJECT_USERWITHAUTH) == 0)
		return 0;
	if (key->persistent != 0)
		return key->checked ? key->persistent : 0;
	return tpm_key_is_loaded(key) ? key->loaded : 0;
}

/* By the policy, in a session of its own; what is secret is hidden by the connection's. */
static enum tpmiot_rc
authorise_by_policy(struct tpmiot_key *key, bool secret, struct tpmiot_auth *auth,
    struct tpmiot_session **own, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = TPMIOT_OK;

	if (secret) {
		rc = start_auth_session(key->tpm, err);
		auth->veil = key->tpm->auth_session;
	}
	if (rc == TPMIOT_OK)
		rc = tpm_policy_start(key->tpm, &key->pub, key->extra, auth->value, own, err);
	auth->session = *own;
	return rc;
}

/* *own is a session to be ended after the command, or NULL. */
static enum tpmiot_rc
authorise(struct tpmiot_key *key, bool secret, struct tpmiot_auth *auth,
    struct tpmiot_session **own, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = TPMIOT_OK;

	if (has_policy(key)) {
		rc = authorise_by_policy(key, secret, auth, own, err);
	} else if ((key->pub.area.objectAttributes & TPMA_OBJECT_USERWITHAUTH) == 0) {
		rc = tpmiot_err_set(err, TPMIOT_E_POLICY,
		    "this key is used by its policy only, and what it was loaded from does not say "
		    "the policy; use a key file that does");
	} else if (secret || auth->value.len != 0) {
		rc = start_auth_session(key->tpm, err);
		auth->session = key->tpm->auth_session;
	} else if (key->assure.by_hmac && !tpm_is_ahead(key->tpm)) {
		rc = try_auth_session(key, err);
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
	const struct tpmiot_session *kept;
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
	kept = own == NULL ? auth.session : auth.veil;
	if (rc == TPMIOT_OK && kept != NULL && key->tpm->auth_session != kept)
		rc = tpmiot_err_set(err, TPMIOT_E_TPM_GONE,
		    "the connection to the TPM broke while the key was loaded; try again");
	if (rc == TPMIOT_OK)
		rc = command(key->tpm, handle, &auth, arg, err);
	tpmiot_session_end(&own);
	return rc;
}

/* One try; *loaded is what was used, for what has to be said about it later. */
struct
try {
	unsigned int number; /* from 1 */
	bool was_loaded;
	TPM2_HANDLE loaded;
	unsigned int epoch;
};

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
 * Whether the error may be about another object. Where the handle is the key's again by now
 * (other processes load the same key), that is not to be seen, so that what the TPM says is
 * believed only when it has said so repeatedly; but a password that it has never taken is
 * tried once.
 */
static bool
may_be_anothers(const struct tpmiot_key *key, const struct tpmiot_err *err, const struct try *try)
{
	bool is_guess =
	    err->rc == TPMIOT_E_AUTH || err->rc == TPMIOT_E_LOCKOUT || err->rc == TPMIOT_E_POLICY;

	if (is_taken(key))
		return true;
	return key->persistent == 0 && tpm_is_open_to_others(key->tpm) && try->number < DOUBTS &&
	       (!is_guess || key->proven);
}

/*
 * Whether the key made again from its recipe may do what just failed: after a reset,
 * or a resource manager's restart, or because programs share a full TPM and take
 * each other's room. A TPM that hangs is not waited for twice, nor one that is not there.
 */
static bool
is_worth_again(const struct tpmiot_key *key, const struct tpmiot_err *err, const struct try *try)
{
	bool is_loaded = try->was_loaded || tpm_key_is_loaded(key);

	switch (err->rc) {
	case TPMIOT_E_TPM_GONE:
		return err->tss != TSS2_TCTI_RC_TRY_AGAIN && !key->tpm->absent;
	case TPMIOT_E_NOT_FOUND:
		return is_loaded || key->tpm->auth_session != NULL ||
		       key->parent.handle >> TPM2_HR_SHIFT == TPM2_HT_PERMANENT;
	case TPMIOT_E_VERIFY:
		return is_loaded || key->checked;
	case TPMIOT_E_UNSUPPORTED:
	case TPMIOT_E_TPM:
	case TPMIOT_E_AUTH:
	case TPMIOT_E_LOCKOUT:
	case TPMIOT_E_POLICY:
		return may_be_anothers(key, err, try);
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

/* Under the lock: what the failure makes doubtful is given up. Whether to try again. */
static bool
recover(struct tpmiot_key *key, const struct tpmiot_err *last, const struct try *try, bool wished)
{
	struct tpmiot_tpm *tpm = key->tpm;
	bool again = is_worth_again(key, last, try);

	/* Without the session that it could do without, it may work. */
	again |= wished && last->tss != TSS2_TCTI_RC_TRY_AGAIN && !tpm->absent;
	tpm_assure_failed(&key->assure);
	/* Its nonces may be out of step with the TPM's, which would look like a wrong
	 * password. */
	tpmiot_session_end(&tpm->auth_session);
	/* Not flushed now: nobody knows what the handle means, or whether another one was
	 * lost. */
	tpm->doubtful |= !tpm->absent && (again || is_doubtful(last));
	/* A persistent handle may hold another key by now, which TPM2_ReadPublic tells best. */
	key->checked = false;
	if (again) {
		tpm_disown(tpm, key->loaded);
		key->loaded = 0;
	}
	return again;
}

/* What was right before, and is not any more (PolicySecret's may be changed), is a guess again. */
static void
refuse_from_now_on(struct tpmiot_key *key)
{
	key->refused = !key->proven;
	key->proven = false;
}

static enum tpmiot_rc
use_locked(struct tpmiot_key *key, bool secret, const struct tpm_plan *plan,
    tpm_key_command *command, void *arg, struct try *try, bool *again, struct tpmiot_err *err)
{
	enum tpmiot_rc rc;
	bool wished;

	tpm_lock(key->tpm, plan);
	if (key->refused) {
		tpmiot_tpm_unlock(key->tpm);
		*again = false;
		return tpmiot_err_set(err, TPMIOT_E_AUTH,
		    "wrong authorisation value: the TPM has refused it before, and is not asked "
		    "again, because it would count towards its lockout; load the key with another");
	}
	wished = !secret && key->assure.by_hmac && tpm_key_is_free(key);
	try->was_loaded = tpm_key_is_loaded(key);
	rc = use_once(key, secret, command, arg, err);
	try->loaded = key->loaded;
	try->epoch = key->epoch;
	if (rc != TPMIOT_OK) {
		*again = recover(key, err, try, wished);
		if (!*again && tpmiot_tpm_counts(err))
			refuse_from_now_on(key);
	} else {
		key->proven = true;
	}
	tpmiot_tpm_unlock(key->tpm);
	return rc;
}

/* The result is wrong. Another thread may have given up the handle before. */
static bool
recover_later(struct tpmiot_key *key, const struct try *try, const struct tpmiot_err *last)
{
	bool again = true;

	tpmiot_tpm_lock(key->tpm);
	if (key->loaded == try->loaded && key->epoch == try->epoch)
		again = recover(key, last, try, false);
	tpmiot_tpm_unlock(key->tpm);
	return again;
}

enum tpmiot_rc
tpm_key_use_checked(struct tpmiot_key *key, bool secret, const struct tpm_plan *plan,
    tpm_key_command *command, tpm_key_check *check, void *arg, struct tpmiot_err *err)
{
	struct tpmiot_err last = { .rc = TPMIOT_OK };
	enum tpmiot_rc rc = TPMIOT_OK;
	bool again = true;

	for (unsigned int n = 1; again; n++) {
		struct try try = { .number = n };

		if (n > 2 && last.rc != TPMIOT_E_TPM_GONE)
			tcti_back_off(n - 3);
		rc = use_locked(key, secret, plan, command, arg, &try, &again, &last);
		if (rc == TPMIOT_OK) {
			rc = check(key, arg, &last);
			if (rc == TPMIOT_OK)
				return rc;
			again = recover_later(key, &try, &last);
		}
		again = again && n < USE_TRIES;
	}
	if (err != NULL)
		*err = last;
	return rc;
}

static enum tpmiot_rc
no_check(struct tpmiot_key *key, void *arg, struct tpmiot_err *err)
{
	(void)key;
	(void)arg;
	(void)err;
	return TPMIOT_OK;
}

enum tpmiot_rc
tpm_key_use(struct tpmiot_key *key, bool secret, tpm_key_command *command, void *arg,
    struct tpmiot_err *err)
{
	return tpm_key_use_checked(key, secret, NULL, command, no_check, arg, err);
}

/* ---- unsealing ---------------------------------------------------------------- */

static enum tpmiot_rc
unseal_command(struct tpmiot_tpm *tpm, TPM2_HANDLE handle, const struct tpmiot_auth *auth,
    void *arg, struct tpmiot_err *err)
{
	return tpm_unseal(tpm, handle, auth, arg, err);
}

enum tpmiot_rc
tpmiot_key_unseal(struct tpmiot_key *key, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	if (!key->sealed || tpmiot_public_is_hmac_key(&key->pub))
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
