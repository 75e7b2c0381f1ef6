/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection to a TPM, and its commands.
 *
 * tpmiot_tpm_new() does nothing but remember: the connection is opened by the
 * first command. It belongs to the process that opened it: a forked child
 * opens its own and never touches what its parent loaded. Every function
 * may be called from any thread; tpmiot_tpm_lock() holds several together.
 *
 * Each function below sends exactly one command when nothing goes wrong, unless
 * its comment says otherwise. TPM2_RC_RETRY, _YIELDED and _TESTING are waited
 * out; TPM2_RC_INITIALIZE is answered with TPM2_Startup once.
 *
 * Over SAPI and with sessions of our own instead of ESYS: ESYS computes its
 * HMACs in OpenSSL's default library context, where our own provider would be
 * asked (a recursion) or nothing be found, and it sends ReadPublic commands
 * that nobody asked for.
 */
#ifndef TPMIOT_TPM_H
#define TPMIOT_TPM_H

#include <openssl/evp.h>
#include <tss2/tss2_tcti.h>
#include <tss2/tss2_tpm2_types.h>

#include <tpmiot/buf.h>
#include <tpmiot/kdf.h>
#include <tpmiot/public.h>

struct tpmiot_tpm;

/*
 * tcti: a configuration string of tctildr ("device:/dev/tpmrm0",
 * "swtpm:port=2321"), copied; NULL or "" for the default search. libctx is
 * borrowed and must outlive the connection; NULL for the default context.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_tpm_new(
    const char *tcti, OSSL_LIB_CTX *libctx, struct tpmiot_tpm **out, struct tpmiot_err *err);

/* The tests' way in: commands go to this TCTI, which is borrowed. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_tpm_new_on(
    TSS2_TCTI_CONTEXT *tcti, OSSL_LIB_CTX *libctx, struct tpmiot_tpm **out, struct tpmiot_err *err);

/*
 * How long to wait for a response; by default 15 minutes where a key is made, else
 * 5. Not with the TCTIs swtpm and mssim, which cannot wait only so long.
 */
void tpmiot_tpm_set_timeout(struct tpmiot_tpm *tpm, unsigned int seconds);

/* Flushes what this process loaded and was not flushed yet, closes, frees, NULLs. */
void tpmiot_tpm_free(struct tpmiot_tpm **tpm);

OSSL_LIB_CTX *tpmiot_tpm_libctx(const struct tpmiot_tpm *tpm);

void tpmiot_tpm_lock(struct tpmiot_tpm *tpm); /* recursive */
void tpmiot_tpm_unlock(struct tpmiot_tpm *tpm);

/* ---- What authorises a command ------------------------------------------ */

struct tpmiot_session;

/* Authorisation of one handle. A zeroed one is the empty password. */
struct tpmiot_auth {
	struct tpmiot_bytes value;      /* the authorisation value, borrowed */
	struct tpmiot_session *session; /* NULL: as a password, which is refused unless empty */
	TPM2B_NAME name;                /* Name of the entity: needed with a session only */
	/*
	 * A salted HMAC session in which the command's secrets cross the bus and which authorises
	 * nothing; NULL: `session` does both. Wanted where that one is a policy's, unless the
	 * entity is known to have an empty authorisation value: whatever the policy asks for, that
	 * value is in the key of the encryption (Part 1, clause 19), and `value` may be another's.
	 */
	struct tpmiot_session *veil;
};

/*
 * Starts a session salted to the restricted decryption key `salt_key`, whose
 * public area is `salt_pub` (TPM2_StartAuthSession). Type TPM2_SE_HMAC or
 * TPM2_SE_POLICY; parameter encryption AES-128-CFB; the hash is the salt key's
 * nameAlg (an EK's policy is computed with it). It ends by tpmiot_session_end(),
 * which flushes (one more command) unless `last` was called before the
 * session's final command.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_session_start(struct tpmiot_tpm *tpm, TPM2_SE type,
    TPM2_HANDLE salt_key, const struct tpmiot_public *salt_pub, struct tpmiot_session **out,
    struct tpmiot_err *err);
void tpmiot_session_last(struct tpmiot_session *session);
void tpmiot_session_end(struct tpmiot_session **session);

/* TPM2_PolicySecret with the (empty or given) auth of `entity`, a permanent handle. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_tpm_policy_secret(struct tpmiot_tpm *tpm,
    struct tpmiot_session *policy, TPM2_HANDLE entity, struct tpmiot_bytes auth,
    struct tpmiot_err *err);

/* TPM2_PolicyOR over n (2 to 8) digests. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_tpm_policy_or(struct tpmiot_tpm *tpm,
    struct tpmiot_session *policy, const TPM2B_DIGEST *branches, size_t n, struct tpmiot_err *err);

/*
 * The authorisation value of a hierarchy, TPM2_RH_OWNER or TPM2_RH_ENDORSEMENT,
 * copied: used from now on by whatever needs that hierarchy and is given no value. It
 * crosses the bus in a salted session only (three to five commands more). No command.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_tpm_set_hierarchy_auth(struct tpmiot_tpm *tpm,
    TPM2_HANDLE hierarchy, struct tpmiot_bytes auth, struct tpmiot_err *err);

/* Whether a failure was a wrong authorisation value that counts towards the TPM's lockout. */
bool tpmiot_tpm_counts(const struct tpmiot_err *err);
/* Whether the TPM refused a size, curve or number that it was given. */
bool tpmiot_tpm_lacks(const struct tpmiot_err *err);

/* ---- Objects -------------------------------------------------------------- */

/* TPM2_ReadPublic. TPMIOT_E_NOT_FOUND if the handle holds nothing. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_tpm_read_public(
    struct tpmiot_tpm *tpm, TPM2_HANDLE handle, struct tpmiot_public *out, struct tpmiot_err *err);

/* TPM2_CreatePrimary under a hierarchy with its (mostly empty) auth. *pub may be NULL. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_tpm_create_primary(struct tpmiot_tpm *tpm,
    TPM2_HANDLE hierarchy, struct tpmiot_bytes hierarchy_auth, const TPMT_PUBLIC *template,
    TPM2_HANDLE *handle, struct tpmiot_public *pub, struct tpmiot_err *err);

/*
 * TPM2_Create. A user_auth that is not empty crosses the bus inside a salted
 * session with the parent (TPM2_ReadPublic, TPM2_StartAuthSession more).
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_tpm_create(struct tpmiot_tpm *tpm, TPM2_HANDLE parent,
    struct tpmiot_bytes parent_auth, const TPMT_PUBLIC *template, struct tpmiot_bytes user_auth,
    struct tpmiot_public *pub, TPM2B_PRIVATE *priv, struct tpmiot_err *err);

/* TPM2_Load. The Name that the TPM answers is compared with pub's. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_tpm_load(struct tpmiot_tpm *tpm, TPM2_HANDLE parent,
    struct tpmiot_bytes parent_auth, const struct tpmiot_public *pub, const TPM2B_PRIVATE *priv,
    TPM2_HANDLE *handle, struct tpmiot_err *err);

/*
 * The storage root key: TPM2_ReadPublic of 0x81000001, or if nothing is there P-256 made under
 * the owner hierarchy (one more command). *made is what to flush afterwards; 0: nothing.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_tpm_open_srk(struct tpmiot_tpm *tpm, TPM2_HANDLE *handle,
    TPM2_HANDLE *made, struct tpmiot_public *pub, struct tpmiot_err *err);

/* The same where it is known that nothing is at 0x81000001: made. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_tpm_make_srk(
    struct tpmiot_tpm *tpm, TPM2_HANDLE *made, struct tpmiot_public *pub, struct tpmiot_err *err);

/* An object wrapped elsewhere for one storage key; all borrowed. */
struct tpmiot_wrapped {
	const struct tpmiot_public *pub;
	const TPM2B_PRIVATE *priv;          /* `duplicate` of TPM2_Import */
	const TPM2B_ENCRYPTED_SECRET *seed; /* encrypted to that storage key */
	struct tpmiot_bytes inner;          /* the inner wrapper's AES key; len 0: none */
};

/*
 * TPM2_Import: *out is what tpmiot_tpm_load() takes. A parent_auth that is not empty crosses
 * the bus in a salted session with the parent (TPM2_ReadPublic, TPM2_StartAuthSession more).
 * TPMIOT_E_FORMAT: no key for AES.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_tpm_import(struct tpmiot_tpm *tpm, TPM2_HANDLE parent,
    struct tpmiot_bytes parent_auth, const struct tpmiot_wrapped *in, TPM2B_PRIVATE *out,
    struct tpmiot_err *err);

/* TPM2_FlushContext; sets *handle to 0. Nothing to do for 0 and persistent handles. */
void tpmiot_tpm_flush(struct tpmiot_tpm *tpm, TPM2_HANDLE *handle);

/* ---- Signing and attesting ------------------------------------------------ */

/* TPM2_Sign of a digest; ticket NULL for unrestricted keys. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_tpm_sign(struct tpmiot_tpm *tpm, TPM2_HANDLE key,
    const struct tpmiot_auth *auth, const TPMT_SIG_SCHEME *scheme, const TPM2B_DIGEST *digest,
    const TPMT_TK_HASHCHECK *ticket, TPMT_SIGNATURE *out, struct tpmiot_err *err);

/*
 * The TPM hashes msg and vouches that it may be signed by a restricted key:
 * TPM2_Hash up to 1,024 bytes, else a hash sequence (start, updates, complete).
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_tpm_hash(struct tpmiot_tpm *tpm, TPMI_ALG_HASH alg,
    const void *msg, size_t len, TPM2B_DIGEST *digest, TPMT_TK_HASHCHECK *ticket,
    struct tpmiot_err *err);

/*
 * HMAC by a loaded key: TPM2_HMAC up to 1,024 bytes, else a sequence (TPM2_HMAC_Start, updates,
 * TPM2_SequenceComplete). alg has to be the hash that the key is for.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_tpm_hmac(struct tpmiot_tpm *tpm, TPM2_HANDLE key,
    const struct tpmiot_auth *auth, TPMI_ALG_HASH alg, struct tpmiot_bytes msg, TPM2B_DIGEST *out,
    struct tpmiot_err *err);

/*
 * TPM2_Certify of `object` by `ak`, both with empty auth, scheme the AK's own.
 * Appends TPM2B_ATTEST (with its size) and TPMT_SIGNATURE.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_tpm_certify(struct tpmiot_tpm *tpm, TPM2_HANDLE object,
    TPM2_HANDLE ak, struct tpmiot_bytes nonce, struct tpmiot_buf *attest,
    struct tpmiot_buf *signature, struct tpmiot_err *err);

/*
 * TPM2_ActivateCredential. `ek_session` is an HMAC session, or a policy session that satisfies the
 * EK's policy, and is salted, so that the secret crosses the bus encrypted; unless this
 * is the session's last command, a policy has to be satisfied anew after it. blob and
 * encrypted_secret with their sizes, as they came from the CA: checked before use.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_tpm_activate(struct tpmiot_tpm *tpm, TPM2_HANDLE ak,
    const TPM2B_NAME *ak_name, TPM2_HANDLE ek, const TPM2B_NAME *ek_name,
    struct tpmiot_session *ek_session, struct tpmiot_bytes blob,
    struct tpmiot_bytes encrypted_secret, struct tpmiot_buf *secret, struct tpmiot_err *err);

/* ---- What there is -------------------------------------------------------- */

#define TPMIOT_HANDLES_MAX 256

/* TPM2_GetCapability of handles, from `first` on in its range; one command per 254. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_tpm_handles(struct tpmiot_tpm *tpm, TPM2_HANDLE first,
    TPM2_HANDLE out[TPMIOT_HANDLES_MAX], size_t *n, struct tpmiot_err *err);

/* TPM2_GetCapability of one property (TPM2_PT_…). TPMIOT_E_NOT_FOUND if the TPM has none such. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_tpm_property(
    struct tpmiot_tpm *tpm, TPM2_PT property, uint32_t *out, struct tpmiot_err *err);

/* Several properties by one command: values[i] of first + i, 0 where the TPM has none. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_tpm_properties(
    struct tpmiot_tpm *tpm, TPM2_PT first, size_t n, uint32_t *values, struct tpmiot_err *err);

/* The curves that the TPM has, by one TPM2_GetCapability. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_tpm_curves(struct tpmiot_tpm *tpm,
    TPMI_ECC_CURVE out[TPM2_MAX_ECC_CURVES], size_t *n, struct tpmiot_err *err);

/* Whether it has RSA keys of this size: TPM2_TestParms. */
bool tpmiot_tpm_has_rsa(struct tpmiot_tpm *tpm, size_t bits);

/* TPM2_ReadClock. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_tpm_read_clock(
    struct tpmiot_tpm *tpm, TPMS_TIME_INFO *out, struct tpmiot_err *err);

/*
 * Appends len random bytes of the TPM's (TPM2_GetRandom, as often as it takes), in a
 * salted session if one can be started (TPM2_ReadPublic, TPM2_StartAuthSession,
 * TPM2_FlushContext more).
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_tpm_random(
    struct tpmiot_tpm *tpm, size_t len, struct tpmiot_buf *out, struct tpmiot_err *err);

/*
 * Appends an NV index's content (TPM2_NV_ReadPublic and as many TPM2_NV_Read as
 * its size takes, one per 1,024 bytes or what the TPM can do). Read with the
 * index' own empty auth, or the owner's where only that is allowed (one set before is used, in a
 * session for each TPM2_NV_Read).
 * TPMIOT_E_NOT_FOUND if there is no such index; more than `max` bytes are
 * TPMIOT_E_FORMAT.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_tpm_nv_read(struct tpmiot_tpm *tpm, TPM2_HANDLE index,
    size_t max, struct tpmiot_buf *out, struct tpmiot_err *err);

/*
 * TPM2_EvictControl under the owner: makes `object` persistent at `persistent`, or removes what is
 * there (object == persistent). With an owner_auth, given or set before, TPM2_ReadPublic and a
 * session more.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_tpm_evict(struct tpmiot_tpm *tpm,
    struct tpmiot_bytes owner_auth, TPM2_HANDLE object, TPM2_HANDLE persistent,
    struct tpmiot_err *err);

#endif
