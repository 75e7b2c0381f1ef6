/* SPDX-License-Identifier: Apache-2.0 */
#include "assure.h"

#include <limits.h>
#include <time.h>

/* Verification is worth avoiding from one part in so many of a signature's time. */
#define WORTH_PARTS 32
/* What a signature takes beside its command is not in the way of those that wait: one part in so
 * many of it, and more. */
#define BESIDE_PARTS 16

int64_t
tpm_assure_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* As an unsigned int, of which every processor has atomic ones; 0 is not a time. */
static unsigned int
clamp(int64_t ns)
{
	return ns < 1 ? 1 : ns < UINT_MAX ? (unsigned int)ns : UINT_MAX;
}

static unsigned int
quicker(unsigned int old, unsigned int ns)
{
	return old == 0 || ns < old ? ns : old;
}

void
tpm_assure_signed(struct tpm_assure *assure, int64_t ns)
{
	uint64_t verify = atomic_load(&assure->verify);

	assure->plain = quicker(assure->plain, clamp(ns));
	assure->n++;
	if (assure->settled || verify == 0 || assure->n % TPM_ASSURE_VERIFIED != 0)
		return;
	assure->by_hmac = verify * WORTH_PARTS > assure->plain;
	if (assure->by_hmac)
		assure->n = 0;
}

void
tpm_assure_verified(struct tpm_assure *assure, int64_t ns)
{
	/* Of two at a time one may be forgotten. */
	atomic_store(&assure->verify, quicker(atomic_load(&assure->verify), clamp(ns)));
}

/*
 * Once is no proof: the machine may have become busier after the times without the session were
 * taken. All are taken again.
 */
static void
session_was_slower(struct tpm_assure *assure)
{
	if (++assure->slower == TPM_ASSURE_SLOWER) {
		tpm_assure_never_by_hmac(assure);
		return;
	}
	assure->by_hmac = false;
	assure->n = assure->plain = assure->hmac = 0;
	atomic_store(&assure->verify, 0);
}

void
tpm_assure_authenticated(struct tpm_assure *assure, int64_t ns)
{
	uint64_t plain = assure->plain;

	assure->hmac = quicker(assure->hmac, clamp(ns));
	assure->n++;
	if (assure->n == TPM_ASSURE_TRIED && assure->hmac > plain + atomic_load(&assure->verify))
		session_was_slower(assure);
}

bool
tpm_assure_may_go_ahead(struct tpm_assure *assure)
{
	if (assure->pause == 0)
		return true;
	assure->pause--;
	return false;
}

void
tpm_assure_ahead(struct tpm_assure *assure, int64_t ns)
{
	assure->ahead = quicker(assure->ahead, clamp(ns));
	if (++assure->n_ahead < TPM_ASSURE_AHEAD)
		return;
	if (assure->by_hmac && assure->hmac != 0 &&
	    assure->ahead > assure->hmac + (uint64_t)assure->hmac / BESIDE_PARTS)
		assure->pause = TPM_ASSURE_PAUSE;
	assure->n_ahead = assure->ahead = 0;
}

void
tpm_assure_failed(struct tpm_assure *assure)
{
	assure->by_hmac = false;
	assure->n = 0;
}

void
tpm_assure_never_by_hmac(struct tpm_assure *assure)
{
	assure->by_hmac = false;
	assure->settled = true;
}
