/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How it is made sure that a signature is the key's. The answer to a plain TPM2_Sign is not
 * authenticated: bytes may change on the bus, and the handle may have become another
 * object's where there is no resource manager. Either of these tells:
 *
 *  - The signature is verified in software. It takes no TPM command.
 *  - The command runs in a salted HMAC session: what the TPM signs for is the key's Name, and
 *    its answer is authenticated. It takes two commands once (TPM2_ReadPublic and
 *    TPM2_StartAuthSession), and from then on what the TPM needs for its HMACs.
 *
 * Which costs less is a matter of the two processors: with a TPM on a slow bus
 * verification is nothing, with a TPM in firmware or in the hypervisor it is the larger part of
 * what is not the TPM's own work. So both are timed, and the quickest times compared, because
 * whatever else the machine does only makes them longer.
 *
 * A session is tried when verification is more than 3 % of a signature's time, and
 * after so many signatures that the two commands have been paid for by then, had it been
 * known from the beginning. If it turns out to be slower, both are timed once more; when that has
 * come out three times, it is not tried again.
 *
 * While threads wait for the connection, a plain command is sent ahead for the next one (lock.h),
 * and its signature is verified while the TPM works on. Nothing is quicker if a processor is free
 * for that. If none is (there is only one, or others are busy) the TPM's answers come late, which
 * shows in their times; then the session is used again for a while.
 *
 * Pure: times come from the caller, who also holds the connection's lock, but for
 * tpm_assure_verified().
 */
#ifndef TPM_ASSURE_H
#define TPM_ASSURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Signatures before a session is tried, and in it before it is looked at what that brought. */
#define TPM_ASSURE_VERIFIED 64
#define TPM_ASSURE_TRIED 256
/* So often a session has to have been slower for it not to be tried again. */
#define TPM_ASSURE_SLOWER 3

/* Commands sent ahead before it is looked at what that brought, and so many not sent if nothing. */
#define TPM_ASSURE_AHEAD 16
#define TPM_ASSURE_PAUSE 512

/* All zero: nothing known yet. */
struct tpm_assure {
	bool by_hmac; /* the way for the next signature */
	bool settled; /* it stays with verification */
	unsigned int n;
	unsigned int slower; /* how often the session was */
	unsigned int n_ahead, pause;
	/* The quickest in nanoseconds, 0: none yet */
	unsigned int plain, hmac, ahead;
	atomic_uint verify;
};

/* A command without a session took this long; its signature is going to be verified. */
void tpm_assure_signed(struct tpm_assure *assure, int64_t ns);
/* So long took the verification. The lock need not be held. */
void tpm_assure_verified(struct tpm_assure *assure, int64_t ns);
/* A command in the session took this long. */
void tpm_assure_authenticated(struct tpm_assure *assure, int64_t ns);
/* Whether a plain command may be sent for a thread that waits; asked once for each. */
bool tpm_assure_may_go_ahead(struct tpm_assure *assure);
/* That took so long to be sent, and the TPM then. */
void tpm_assure_ahead(struct tpm_assure *assure, int64_t ns);
/* Something went wrong: back to verification, and everything from the beginning. */
void tpm_assure_failed(struct tpm_assure *assure);
/* There is nothing to salt a session to. */
void tpm_assure_never_by_hmac(struct tpm_assure *assure);

/* The clock to time it by, in nanoseconds. */
int64_t tpm_assure_now(void);

#endif
