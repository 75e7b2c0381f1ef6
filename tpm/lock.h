/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection's lock. It is recursive, and knows who waits and what for: whoever lets go of
 * the connection can send the first command of the thread that comes next, so that the TPM works
 * while that thread wakes up.
 *
 * Only with a command sent for it the lock is given to a thread that sleeps. Otherwise it is
 * for whoever comes first: a thread that runs is there sooner.
 */
#ifndef TPM_LOCK_H
#define TPM_LOCK_H

#include <pthread.h>
#include <stdbool.h>

struct tpmiot_tpm;
struct tpm_waiter;

/*
 * What a thread is going to begin with. The one that lets go has it sent, by tpm_send_ahead();
 * false: it was not. The thread then does everything as if nothing had been sent for it.
 */
struct tpm_plan {
	bool (*send)(struct tpmiot_tpm *tpm, const void *arg);
	const void *arg; /* good until the lock is taken */
};

struct tpm_lock {
	pthread_mutex_t guard; /* of what follows; held for moments only */
	pthread_t holder;
	unsigned int depth; /* how often the holder has taken it; 0: it is free */
	struct tpm_waiter *first, **end;
};

/* Also in a child, where the parent's other threads are not. */
void tpm_lock_init(struct tpm_lock *lock);
void tpm_lock_free(struct tpm_lock *lock);

/* The plan is borrowed until it returns; NULL: none. */
void tpm_lock_take(struct tpm_lock *lock, const struct tpm_plan *plan);
/* Only at once, also in a signal handler. */
bool tpm_lock_try(struct tpm_lock *lock);
void tpm_lock_release(struct tpm_lock *lock);

/* For the holder: the plan of the thread that comes next; NULL: there is none. */
const struct tpm_plan *tpm_lock_next_plan(struct tpm_lock *lock);
/* Releases it to the thread whose plan that was. */
void tpm_lock_hand_over(struct tpm_lock *lock);

#endif
