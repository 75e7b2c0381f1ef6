/* SPDX-License-Identifier: Apache-2.0 */
/* A key from the inside: what it is (key.c), loaded (keyload.c), used (keyuse.c). */
#ifndef TPM_KEY_H
#define TPM_KEY_H

#include <stdatomic.h>

#include <tpmiot/key.h>
#include <tpmiot/signature.h>

#include "assure.h"
#include "conn.h"
#include "parent.h"

struct tpmiot_key {
	atomic_uint refs;
	struct tpmiot_tpm *tpm;        /* borrowed */
	enum tpmiot_keyfile_type type; /* an imported key is a loadable one: by the lock */
	bool sealed;                   /* sealed data or an HMAC key, from the beginning */
	struct tpmiot_public pub;
	EVP_PKEY *pkey;           /* NULL for sealed data and HMAC keys */
	TPM2_HANDLE persistent;   /* 0 for a wrapped key */
	bool checked;             /* the persistent object has been seen to be this key */
	struct tpm_parent parent; /* of a wrapped key */
	TPM2B_PRIVATE priv;
	TPM2B_ENCRYPTED_SECRET *secret; /* of what is still to be imported; else NULL */
	struct tpmiot_keyextra *extra;
	bool empty_auth;
	bool auth_set;
	bool refused; /* the TPM took the password for wrong, and counted it */
	struct tpmiot_buf auth;
	struct tpmiot_buf parent_auth;
	_Atomic(struct tpmiot_verifier *) verifier; /* kept for the next signature; or NULL */
	/* Below: guarded by the connection's lock. */
	TPM2_HANDLE loaded;
	bool proven; /* it has been used: the TPM takes its password and policy */
	unsigned int epoch;
	uint64_t used; /* the connection's tick of the last use */
	struct tpm_assure assure;
	struct tpmiot_key *next;
};

static inline struct tpmiot_bytes
tpm_bytes_of(const struct tpmiot_buf *buf)
{
	return (struct tpmiot_bytes){ buf->data, buf->len };
}

bool tpm_key_is_loaded(const struct tpmiot_key *key);
void tpm_key_unload(struct tpmiot_key *key);

/* A command on the loaded key, authorised by `auth`. */
typedef enum tpmiot_rc tpm_key_command(struct tpmiot_tpm *tpm, TPM2_HANDLE handle,
    const struct tpmiot_auth *auth, void *arg, struct tpmiot_err *err);

/*
 * Uses the key once: under the lock, loaded, and authorised by what it takes (nothing;
 * a password, in the session that the connection keeps for that; its policy, in a
 * session of its own). With `secret` there is a salted session in any case, for
 * the command to encrypt its parameters in. Once more, from the recipe, when handle
 * or connection had gone.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpm_key_use(struct tpmiot_key *key, bool secret,
    tpm_key_command *command, void *arg, struct tpmiot_err *err);

/*
 * The handle, if the key could be used at once: it is in the TPM, and takes no password and no
 * policy. Else 0.
 */
TPM2_HANDLE tpm_key_ready(const struct tpmiot_key *key);

/* What can be said about the result without the TPM. */
typedef enum tpmiot_rc tpm_key_check(struct tpmiot_key *key, void *arg, struct tpmiot_err *err);

/*
 * The same, and the result is checked after the lock was let go, so that the TPM works for other
 * threads meanwhile. What does not pass is a failure as any other. `plan` is for the case that the
 * lock has to be waited for; NULL: none.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpm_key_use_checked(struct tpmiot_key *key, bool secret,
    const struct tpm_plan *plan, tpm_key_command *command, tpm_key_check *check, void *arg,
    struct tpmiot_err *err);

/* Whether it is used without a password and without a policy, so that it needs no session. */
bool tpm_key_is_free(const struct tpmiot_key *key);

#endif
