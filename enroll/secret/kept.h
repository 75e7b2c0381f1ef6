/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets that the CA gave this device, in the state directory: NAME.secret is a TSS2 key file of
 * sealed data or of an HMAC key, and for data that a sealed object has no room for a second block
 * with what the sealed key encrypts.
 */
#ifndef ENROLL_KEPT_H
#define ENROLL_KEPT_H

#include <tpmiot/key.h>

#include "enroll/net/msg.h"
#include "enroll/state/state.h"

struct enroll_kept {
	struct tpmiot_keyfile file;
	struct tpmiot_buf data; /* AES-256-GCM: IV, value, tag; empty: the value is sealed itself */
};

/* TPMIOT_E_NOT_FOUND if there is none of this name. Free with enroll_kept_free(). */
TPMIOT_MUST_USE enum tpmiot_rc enroll_kept_read(
    const char *dir, const char *name, struct enroll_kept *out, struct tpmiot_err *err);
void enroll_kept_free(struct enroll_kept *kept);

/*
 * Takes what came with a certificate for `key`: each is imported under that key's parent and
 * written; what is kept and did not come again is removed. Nothing is left half-written; what was
 * cut short is done by the next renewal.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_kept_accept(const struct enroll_state *state,
    struct tpmiot_tpm *tpm, const struct tpmiot_key *key, const struct enroll_msg_issued *issued,
    struct tpmiot_err *err);

/* Removes all of them. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_kept_remove_all(
    const struct enroll_state *state, struct tpmiot_err *err);

/* Appends the value of a secret that is data: TPM2_Unseal in a salted session. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_kept_open(struct tpmiot_tpm *tpm,
    const struct enroll_kept *kept, struct tpmiot_buf *out, struct tpmiot_err *err);

#define ENROLL_KEPT_SUFFIX ".secret"

#endif
