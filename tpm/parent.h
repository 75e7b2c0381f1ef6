/* SPDX-License-Identifier: Apache-2.0 */
/* Storage keys: the parents of wrapped keys, and the key to which sessions are salted. */
#ifndef TPM_PARENT_H
#define TPM_PARENT_H

#include "conn.h"

/* Which parent a key file means. */
struct tpm_parent {
	TPM2_HANDLE handle; /* persistent, or a hierarchy */
	bool rsa;           /* of a hierarchy: RSA 2048 instead of P-256 */
	TPM2B_NAME name;    /* it has to have; size 0: any */
};

/*
 * A loaded parent: a persistent one as it is, a hierarchy's storage key made
 * from its template. *made says what to flush afterwards (0: nothing). A parent
 * whose Name is given is looked at (TPM2_ReadPublic of a persistent one), and
 * another one refused (TPMIOT_E_VERIFY). `auth` is a hierarchy's: it is sent where
 * that is not used without, which is no guess that the TPM's lockout counts.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpm_parent_open(struct tpmiot_tpm *tpm,
    const struct tpm_parent *parent, struct tpmiot_bytes auth, TPM2_HANDLE *handle,
    TPM2_HANDLE *made, struct tpmiot_err *err);

/* Its public area, whichever it is. */
TPMIOT_MUST_USE enum tpmiot_rc tpm_parent_public(struct tpmiot_tpm *tpm,
    const struct tpm_parent *parent, struct tpmiot_bytes auth, struct tpmiot_public *out,
    struct tpmiot_err *err);

/*
 * What authorises commands on the loaded parent, of the password that was given: a storage key
 * that was made for a hierarchy has none, the password is the hierarchy's.
 */
struct tpmiot_bytes tpm_parent_auth(TPM2_HANDLE parent, struct tpmiot_bytes given);

/* What to do about a password that the TPM refused (err). Returns its rc. */
enum tpmiot_rc tpm_parent_refused(
    TPM2_HANDLE parent, struct tpmiot_bytes given, struct tpmiot_err *err);

/* A session with the parent, for one command that carries what is for the TPM only. */
TPMIOT_MUST_USE enum tpmiot_rc tpm_parent_session(
    struct tpmiot_tpm *tpm, TPM2_HANDLE parent, struct tpmiot_auth *auth, struct tpmiot_err *err);

#endif
