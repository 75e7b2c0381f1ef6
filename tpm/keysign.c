/* SPDX-License-Identifier: Apache-2.0 */
/* Keys sign. How it is made sure that a signature is the key's: assure.h. */
#include <string.h>

#include <tpmiot/alg.h>
#include <tpmiot/signature.h>

#include "key.h"
#include "session.h"

struct to_sign {
	struct tpmiot_key *key;
	const TPMT_SIG_SCHEME *scheme;
	const TPM2B_DIGEST *digest;
	const TPMT_TK_HASHCHECK *ticket;
	TPMT_SIGNATURE made;
	bool authenticated; /* it came in the answer to a session */
};

/*
 * An RSA signature is verified whatever came with it: that is cheap, and one that
 * a fault in the TPM spoiled would give the key away (Boneh, DeMillo, Lipton 1997).
 */
static bool
may_go_unverified(const struct tpmiot_key *key)
{
	return key->pub.area.type == TPM2_ALG_ECC;
}

static enum tpmiot_rc
check_scheme(const TPMT_SIG_SCHEME *scheme, const TPMT_SIGNATURE *made, struct tpmiot_err *err)
{
	if (scheme->scheme == TPM2_ALG_NULL ||
	    (made->sigAlg == scheme->scheme &&
	        made->signature.any.hashAlg == scheme->details.any.hashAlg))
		return TPMIOT_OK;
	return tpmiot_err_set(
	    err, TPMIOT_E_VERIFY, "TPM2_Sign: the TPM signed by another scheme than it was told");
}

static enum tpmiot_rc
sign_command(struct tpmiot_tpm *tpm, TPM2_HANDLE handle, const struct tpmiot_auth *auth, void *arg,
    struct tpmiot_err *err)
{
	struct to_sign *job = arg;
	const bool ahead = tpm_is_ahead(tpm);
	int64_t start = tpm_assure_now(), took;
	enum tpmiot_rc rc = tpmiot_tpm_sign(
	    tpm, handle, auth, job->scheme, job->digest, job->ticket, &job->made, err);

	if (rc != TPMIOT_OK)
		return rc;
	took = tpm_assure_now() - start;
	job->authenticated = tpm_session_authenticates(auth->session);
	if (may_go_unverified(job->key) && tpm_key_is_free(job->key)) {
		if (ahead)
			tpm_assure_ahead(&job->key->assure, tcti_shim_took(&tpm->shim));
		else if (job->authenticated)
			tpm_assure_authenticated(&job->key->assure, took);
		else
			tpm_assure_signed(&job->key->assure, took);
	}
	return check_scheme(job->scheme, &job->made, err);
}

/* For a thread that waits: without a session (assure.h). */
static bool
send_sign_ahead(struct tpmiot_tpm *tpm, const void *arg)
{
	const struct to_sign *job = arg;
	const TPM2_HANDLE handle = tpm_key_ready(job->key);

	return handle != 0 && tpm_assure_may_go_ahead(&job->key->assure) &&
	       tpm_sign_ahead(tpm, handle, job->scheme, job->digest, job->ticket);
}

/* By what the last one was verified with, unless another thread is at it just now. */
static enum tpmiot_rc
verify(struct tpmiot_key *key, const struct to_sign *job, struct tpmiot_err *err)
{
	struct tpmiot_verifier *verifier = atomic_exchange(&key->verifier, NULL);
	enum tpmiot_rc rc = tpmiot_signature_verify_digest(
	    key->tpm->libctx, key->pkey, &job->made, job->digest, &verifier, err);

	verifier = atomic_exchange(&key->verifier, verifier);
	tpmiot_verifier_free(&verifier);
	return rc;
}

static enum tpmiot_rc
check_signature(struct tpmiot_key *key, void *arg, struct tpmiot_err *err)
{
	const struct to_sign *job = arg;
	int64_t start = tpm_assure_now();
	enum tpmiot_rc rc;

	if (job->authenticated && may_go_unverified(key))
		return TPMIOT_OK;
	rc = verify(key, job, err);
	if (rc == TPMIOT_OK)
		tpm_assure_verified(&key->assure, tpm_assure_now() - start);
	if (rc == TPMIOT_E_VERIFY)
		return tpmiot_err_set(err, rc,
		    "TPM2_Sign: the signature from the TPM is not this key's; is something wrong "
		    "with the TPM or on the way to it?");
	return rc;
}

static enum tpmiot_rc
sign(struct tpmiot_key *key, const TPMT_SIG_SCHEME *scheme, const TPM2B_DIGEST *digest,
    const TPMT_TK_HASHCHECK *ticket, TPMT_SIGNATURE *out, struct tpmiot_err *err)
{
	struct to_sign job = { .key = key, .scheme = scheme, .digest = digest, .ticket = ticket };
	const struct tpm_plan plan = { send_sign_ahead, &job };
	enum tpmiot_rc rc =
	    tpm_key_use_checked(key, false, &plan, sign_command, check_signature, &job, err);

	if (rc == TPMIOT_OK)
		*out = job.made;
	return rc;
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
