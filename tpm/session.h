/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions from the inside: what executing a command needs of them (Part 1, clauses 17.6 and 19).
 */
#ifndef TPM_SESSION_H
#define TPM_SESSION_H

#include "conn.h"

/* The cipher of its parameter encryption: AES-128-CFB. */
#define TPM_SESSION_AES_BYTES 16

struct tpmiot_session {
	struct tpmiot_tpm *tpm; /* borrowed */
	TPM2_SE type;
	TPMI_ALG_HASH hash;
	TPM2_HANDLE handle;
	unsigned int epoch;
	TPM2B_DIGEST key; /* sessionKey */
	TPM2B_NONCE nonce_tpm;
	TPM2B_NONCE nonce_caller;
	TPM2B_NONCE ahead; /* the caller's next one, if it has been drawn already; else empty */
	bool last;
	bool auth_value; /* the HMAC's key includes the entity's authorisation value */
	/* Kept from command to command (sessionauth.c); NULL until needed: */
	EVP_MD *md;
	EVP_MD_CTX *digest;
	EVP_MAC_CTX *mac; /* keyed with sessionKey alone */
};

static inline struct tpmiot_bytes
tpm_digest_bytes(const TPM2B_DIGEST *digest)
{
	return (struct tpmiot_bytes){ digest->buffer, digest->size };
}

/* The session that encrypts the call's parameters and authorises nothing; NULL if there is none. */
static inline struct tpmiot_session *
tpm_call_veil(const struct tpm_call *call)
{
	return call->n_auth > 0 && (call->secret_in || call->secret_out) ? call->auth[0]->veil
	                                                                 : NULL;
}

/* Whether a secret may cross the bus with this authorisation: see `veil`. */
static inline bool
tpm_auth_hides(const struct tpmiot_auth *auth)
{
	return auth->veil != NULL || (auth->session != NULL && auth->session->type == TPM2_SE_HMAC);
}

/*
 * Whether what the TPM answers in it is known to come from where the salt went: a session
 * without a salt has no key. NULL is a password.
 */
static inline bool
tpm_session_authenticates(const struct tpmiot_session *session)
{
	return session != NULL && session->key.size != 0;
}

/* The caller's next nonce. */
TPMIOT_MUST_USE enum tpmiot_rc tpm_session_nonce(
    struct tpmiot_session *session, struct tpmiot_err *err);

/*
 * Does for the session's next command what needs no response: for the time in which the TPM
 * works. What fails here is tried again, and told of, by that command.
 */
void tpm_session_get_ahead(struct tpmiot_session *session);

/*
 * As tpmiot_session_start(), with a hash of its own (a policy session has the
 * nameAlg of the key that it is for). Without a salt (salt_key TPM2_RH_NULL,
 * salt_pub NULL) there is no session key: good for a policy only, as long as no
 * secret crosses the bus.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpm_session_start(struct tpmiot_tpm *tpm, TPM2_SE type,
    TPMI_ALG_HASH hash, TPM2_HANDLE salt_key, const struct tpmiot_public *salt_pub,
    struct tpmiot_session **out, struct tpmiot_err *err);

/*
 * What to salt a session to: the storage root key where there is a persistent one
 * (TPM2_ReadPublic), else one made in the null hierarchy, which takes no authorisation value
 * (TPM2_CreatePrimary more). *made is what to flush afterwards; 0: nothing.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpm_salt_key(struct tpmiot_tpm *tpm, TPM2_HANDLE *handle,
    TPM2_HANDLE *made, struct tpmiot_public *pub, struct tpmiot_err *err);

/* An HMAC session that is salted to it. */
TPMIOT_MUST_USE enum tpmiot_rc tpm_salted_session(
    struct tpmiot_tpm *tpm, struct tpmiot_session **out, struct tpmiot_err *err);

/*
 * The session's part of the command that is prepared in tpm->sys: a fresh
 * nonce, the first parameter encrypted where the call says so, and the HMAC.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpm_session_authorise(struct tpmiot_session *session,
    const struct tpm_call *call, const struct tpmiot_auth *auth, TPMS_AUTH_COMMAND *out,
    struct tpmiot_err *err);

/* Checks the response's HMAC and decrypts its first parameter where the call says so. */
TPMIOT_MUST_USE enum tpmiot_rc tpm_session_accept(struct tpmiot_session *session,
    const struct tpm_call *call, const struct tpmiot_auth *auth, const TPMS_AUTH_RESPONSE *response,
    struct tpmiot_err *err);

/* Frees without a word to the TPM: the connection is gone. */
void tpm_session_forget(struct tpmiot_session **session);

#endif
