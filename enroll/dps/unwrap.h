/* SPDX-License-Identifier: Apache-2.0 */
/* The TPM's part of a registration: EK and storage root key, and what is wrapped for both. */
#ifndef ENROLL_DPS_UNWRAP_H
#define ENROLL_DPS_UNWRAP_H

#include <tpmiot/dps.h>
#include <tpmiot/ek.h>
#include <tpmiot/keyfile.h>

#include "enroll/cmd/ui.h"
#include "enroll/state/journal.h"

/* Starts as ENROLL_DPS_TPM_INIT; enroll_dps_tpm_close() it. */
struct enroll_dps_tpm {
	struct tpmiot_tpm *tpm; /* borrowed, as the next two */
	const struct enroll_state *state;
	struct enroll_journal *journal; /* begun; what is loaded is written there before */
	struct tpmiot_ek_survey there; /* persistent ones; NV indices only where they were needed */
	struct tpmiot_ek ek;
	struct tpmiot_session *session; /* for the EK; from the first key to the second */
	TPM2_HANDLE srk;                /* persistent, or made */
	TPM2_HANDLE srk_made;           /* to be flushed; 0: nothing */
	struct tpmiot_public srk_pub;
};

#define ENROLL_DPS_TPM_INIT(connection)                                                            \
	{                                                                                          \
		.tpm = (connection), .ek = TPMIOT_EK_INIT                                          \
	}

/*
 * Both keys: a list of what is persistent, and TPM2_ReadPublic each. `ek` as --ek says. NULL: with
 * our own CA the one that tpmiot_ek_find() chooses, and its certificate with it, so that a device
 * is the same one in both protocols. microsofts: one that is persistent, RSA 2048 first, which is
 * what its clients use and what operators have listed there; no certificate.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_dps_tpm_open(struct enroll_dps_tpm *t, const char *ek,
    bool microsofts, const struct enroll_ui *ui, struct tpmiot_err *err);
void enroll_dps_tpm_close(struct enroll_dps_tpm *t);

/* Gives up the session, which others may need meanwhile; the next key starts a new one. */
void enroll_dps_tpm_rest(struct enroll_dps_tpm *t);

/*
 * An authenticationKey: taken apart, its credential activated by EK and storage root key, and
 * the key imported. *out is what loads it again. Three commands, the next time two; one more each
 * time for an EK of the low range. `last`: there is no next time. TPMIOT_E_TRUST: it is not for
 * this TPM.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_dps_unwrap(struct enroll_dps_tpm *t,
    const struct tpmiot_buf *key, bool last, struct tpmiot_keyfile *out, struct tpmiot_err *err);

/* Loads what was unwrapped; the caller flushes. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_dps_load(struct enroll_dps_tpm *t,
    const struct tpmiot_keyfile *key, TPM2_HANDLE *out, struct tpmiot_err *err);

/* An HMAC by it: TPM2_Load, TPM2_HMAC, TPM2_FlushContext. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_dps_hmac(struct enroll_dps_tpm *t,
    const struct tpmiot_keyfile *key, struct tpmiot_bytes message, TPM2B_DIGEST *out,
    struct tpmiot_err *err);

#endif
