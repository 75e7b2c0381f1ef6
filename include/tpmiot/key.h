/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key in the TPM: its public half in software, and the recipe for the
 * private one (a persistent handle, or a wrapped blob and its parent).
 *
 * The recipe is loaded when first needed and kept. When the TPM is full, the
 * connection gives up the key that was used least lately and tries again; when
 * a handle is gone (TPM reset, resource manager restart) the key is loaded
 * again. So a process may hold more keys than the TPM has slots.
 */
#ifndef TPMIOT_KEY_H
#define TPMIOT_KEY_H

#include <tpmiot/keyfile.h>
#include <tpmiot/tpm.h>

struct tpmiot_key; /* reference counted */

/* From a key file: no TPM command. tpm is borrowed and must outlive the key. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_key_from_file(struct tpmiot_tpm *tpm,
    const struct tpmiot_keyfile *file, struct tpmiot_key **out, struct tpmiot_err *err);

/* From a persistent handle: one TPM2_ReadPublic. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_key_from_handle(
    struct tpmiot_tpm *tpm, TPM2_HANDLE handle, struct tpmiot_key **out, struct tpmiot_err *err);

/*
 * A new key under a parent (a persistent handle, TPM2_RH_OWNER or 0 for the
 * default: 0x81000001 if there is one, else the P-256 storage root key made
 * from its template under the owner hierarchy). Not loaded yet. One TPM2_Create with a
 * persistent parent.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_key_create(struct tpmiot_tpm *tpm, TPM2_HANDLE parent,
    struct tpmiot_bytes parent_auth, const TPMT_PUBLIC *template, struct tpmiot_bytes user_auth,
    struct tpmiot_key **out, struct tpmiot_err *err);

struct tpmiot_key *tpmiot_key_ref(struct tpmiot_key *key);
void tpmiot_key_unref(struct tpmiot_key **key); /* the last one flushes */

const struct tpmiot_public *tpmiot_key_public(const struct tpmiot_key *key);
/* Public half in software, borrowed; NULL for sealed data and HMAC keys only. */
EVP_PKEY *tpmiot_key_pkey(const struct tpmiot_key *key);
/* The persistent handle, or 0 for a wrapped key. */
TPM2_HANDLE tpmiot_key_handle(const struct tpmiot_key *key);
/*
 * What a file says of it: a persistent key's reference, a wrapped key (an imported
 * one as what it has become). Free with tpmiot_keyfile_clear().
 */
void tpmiot_key_to_file(const struct tpmiot_key *key, struct tpmiot_keyfile *out);

/* It takes an authorisation value, whatever its file or handle says. */
void tpmiot_key_expect_auth(struct tpmiot_key *key);
/* Whether it takes an authorisation value that has not been set. */
bool tpmiot_key_needs_auth(const struct tpmiot_key *key);
/* Whether one was set, be it empty. */
bool tpmiot_key_has_auth(const struct tpmiot_key *key);
/*
 * Copies the value (and wipes the copy with the key). A key file's emptyAuth is overruled. A value
 * that the TPM refused, where that counts towards its lockout, is not tried again until another one
 * is set. TPMIOT_E_USAGE for one that is longer than it can be.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_key_set_auth(
    struct tpmiot_key *key, struct tpmiot_bytes auth, struct tpmiot_err *err);
/*
 * The same for its parent; where that is made anew in a hierarchy, of the hierarchy: sent only if
 * that is not used without.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_key_set_parent_auth(
    struct tpmiot_key *key, struct tpmiot_bytes auth, struct tpmiot_err *err);

/*
 * Signs a digest: one TPM2_Sign on a loaded key with empty auth. With an auth
 * value an HMAC session salted to the storage root key is used and kept.
 * A restricted key refuses (TPMIOT_E_UNSUPPORTED): use _sign_message.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_key_sign_digest(struct tpmiot_key *key,
    const TPMT_SIG_SCHEME *scheme, const void *digest, size_t len, TPMT_SIGNATURE *out,
    struct tpmiot_err *err);

/*
 * Signs a message. For a restricted key the TPM hashes it first; otherwise it
 * is hashed in software with the scheme's hash.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_key_sign_message(struct tpmiot_key *key,
    const TPMT_SIG_SCHEME *scheme, const void *msg, size_t len, TPMT_SIGNATURE *out,
    struct tpmiot_err *err);

/*
 * TPM2_Certify of the key by an AK of the same TPM, both with empty auth. attest and signature are
 * replaced by TPM2B_ATTEST (with its size) and TPMT_SIGNATURE. What the TPM states is verified:
 * where there is no resource manager a handle may have become another program's object. Then
 * both keys are loaded once more; TPMIOT_E_VERIFY if that does not help.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_key_certify(struct tpmiot_key *key, struct tpmiot_key *ak,
    struct tpmiot_bytes nonce, struct tpmiot_buf *attest, struct tpmiot_buf *signature,
    struct tpmiot_err *err);

/*
 * RSA decryption: TPM2_RSA_Decrypt in a salted session, so that what is decrypted
 * crosses the bus encrypted. Appends what the TPM answers; an `in` that is
 * shorter than the modulus is taken with zeros in front. A key made to sign only, or a
 * storage key, refuses (TPMIOT_E_UNSUPPORTED).
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_key_rsa_decrypt(struct tpmiot_key *key,
    const TPMT_RSA_DECRYPT *scheme, struct tpmiot_bytes in, struct tpmiot_buf *out,
    struct tpmiot_err *err);

/*
 * The same without any padding: the bare RSA operation. Appends as many bytes as
 * the modulus has. With secret false (a signature) it needs no session.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_key_rsa_private(struct tpmiot_key *key, bool secret,
    struct tpmiot_bytes in, struct tpmiot_buf *out, struct tpmiot_err *err);

/*
 * ECDH with a peer's point, which is to be on the key's curve: TPM2_ECDH_ZGen in a
 * salted session. Appends the x coordinate, in the curve's size. Refuses as above.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_key_ecdh(struct tpmiot_key *key, const TPMS_ECC_POINT *peer,
    struct tpmiot_buf *out, struct tpmiot_err *err);

/*
 * Public area of a wrapped key's parent: TPM2_ReadPublic, or, of a hierarchy's storage key,
 * TPM2_CreatePrimary and TPM2_FlushContext.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_key_parent_public(
    struct tpmiot_key *key, struct tpmiot_public *out, struct tpmiot_err *err);

/*
 * Appends what is sealed (of a TPMIOT_KEYFILE_SEALED only): TPM2_Unseal in a
 * salted session, so that the data cross the bus encrypted.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_key_unseal(
    struct tpmiot_key *key, struct tpmiot_buf *out, struct tpmiot_err *err);

/*
 * HMAC of a message by an HMAC key, with the hash that it is for: one TPM2_HMAC up to 1,024
 * bytes, else a sequence (TPM2_HMAC_Start, updates, TPM2_SequenceComplete). TPMIOT_E_USAGE for
 * another kind of key. Nobody but the TPM can check what comes back.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_key_hmac(
    struct tpmiot_key *key, struct tpmiot_bytes message, TPM2B_DIGEST *out, struct tpmiot_err *err);

/*
 * A key that came wrapped for its parent, or sealed data: has it wrapped as any other under that
 * parent, which tpmiot_key_to_file() gives then, and loads nothing (TPM2_Import; the parent is made
 * and flushed if it is not persistent). The TPM refuses what does not belong to its public area.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_key_import(struct tpmiot_key *key, struct tpmiot_err *err);

/*
 * Has the key loaded and gives its handle, for commands that take one. Hold
 * tpmiot_tpm_lock() from before this call until the handle has been used.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_key_handle_loaded(
    struct tpmiot_key *key, TPM2_HANDLE *out, struct tpmiot_err *err);

#endif
