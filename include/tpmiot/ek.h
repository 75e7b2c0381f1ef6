/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The endorsement key of this TPM: which profile, its certificates in NV, and
 * how to get it: at its persistent handle, or made from its template.
 */
#ifndef TPMIOT_EK_H
#define TPMIOT_EK_H

#include <tpmiot/template.h>
#include <tpmiot/tpm.h>

/* Certificates in NV from this index on are links of the EK certificate's chain. */
#define TPMIOT_EK_CHAIN_FIRST 0x01c00100u
#define TPMIOT_EK_CHAIN_LAST 0x01c001ffu
/* Of an EK by template H-5. There are no keys of this kind here (SM2 with SM3 and SM4). */
#define TPMIOT_EK_CERT_SM2 0x01c0001au

struct tpmiot_ek {
	const struct tpmiot_ek_profile *profile;
	struct tpmiot_public pub;   /* after tpmiot_ek_load() */
	struct tpmiot_buf cert;     /* NV content as it is; empty if the TPM has none */
	struct tpmiot_buf chain;    /* NV content of the chain indices, concatenated */
	TPM2_HANDLE unread;         /* 0, or the first NV index of these that could not be read */
	TPM2_HANDLE unusable;       /* 0, or where the TPM's only EK certificate is: for H-5, SM2 */
	TPM2_HANDLE persistent;     /* 0 if it has to be made */
	TPM2_HANDLE template_index; /* 0, or the NV index with another template */
	TPM2_HANDLE nonce_index;    /* 0, or the NV index with the template's nonce */
	TPM2_HANDLE handle;         /* 0 unless loaded */
	bool by_value;              /* may be set: see tpmiot_ek_activate() */
};

#define TPMIOT_EK_INIT                                                                             \
	{                                                                                          \
		.profile = NULL                                                                    \
	}

/* What the TPM has: which NV indices and persistent handles are defined. */
struct tpmiot_ek_survey {
	TPM2_HANDLE nv[TPMIOT_HANDLES_MAX];
	size_t nv_n;
	TPM2_HANDLE persistent[TPMIOT_HANDLES_MAX];
	size_t persistent_n;
};
/* All of it: two commands. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_ek_survey(
    struct tpmiot_tpm *tpm, struct tpmiot_ek_survey *out, struct tpmiot_err *err);
/* One half of it each: a command; the other half stays as it is. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_ek_survey_nv(
    struct tpmiot_tpm *tpm, struct tpmiot_ek_survey *out, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_ek_survey_persistent(
    struct tpmiot_tpm *tpm, struct tpmiot_ek_survey *out, struct tpmiot_err *err);
bool tpmiot_ek_survey_has(const struct tpmiot_ek_survey *survey, TPM2_HANDLE handle);

/*
 * Chooses a profile and reads its certificate and chain from NV; nothing is
 * loaded. `want` NULL: the first profile with a certificate (RSA 2048 first as
 * everybody else does), preferring one whose key is persistent; without any
 * certificate the first with a persistent key, else L-1. Commands: what the NV reads take.
 *
 * An index that cannot be read (never written, locked, too large, for the owner or a policy only)
 * is left out and noted in `unread`: whether it can be done without is for who looks at the key to
 * say.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_ek_find(struct tpmiot_tpm *tpm,
    const struct tpmiot_ek_survey *survey, const struct tpmiot_ek_profile *want,
    struct tpmiot_ek *out, struct tpmiot_err *err);

/* Makes handle and pub known: TPM2_ReadPublic, or TPM2_CreatePrimary in the endorsement hierarchy.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_ek_load(struct tpmiot_tpm *tpm, struct tpmiot_ek *ek,
    struct tpmiot_bytes endorsement_auth, struct tpmiot_err *err);
void tpmiot_ek_unload(struct tpmiot_tpm *tpm, struct tpmiot_ek *ek);
void tpmiot_ek_free(struct tpmiot_ek *ek);

/*
 * Activates a credential for a loaded AK: StartAuthSession (salted to the EK),
 * PolicySecret (PolicyOR as well for high-range EKs), ActivateCredential. The
 * secret crosses the bus encrypted. Works in dictionary-attack lockout, too.
 *
 * by_value: a high-range EK is used by its own authorisation value, which is empty, instead: no
 * policy, two commands less for each credential. But the TPM notes that a key under its
 * dictionary-attack protection was used (TPM_RC_RETRY, once), and counts a failed attempt if
 * its power fails before it is shut down. What does not take the value so is used by its policy.
 *
 * session NULL: it ends with it. Else *session (NULL: it is started) stays for the next one, which
 * is a command less; unless tpmiot_session_last() was said, tpmiot_session_end() it.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_ek_activate(struct tpmiot_tpm *tpm,
    const struct tpmiot_ek *ek, struct tpmiot_bytes endorsement_auth, TPM2_HANDLE ak,
    const TPM2B_NAME *ak_name, struct tpmiot_bytes blob, struct tpmiot_bytes encrypted_secret,
    struct tpmiot_session **session, struct tpmiot_buf *secret, struct tpmiot_err *err);

#endif
