/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "lock.h"

/* A thread that waits, on its stack. */
struct tpm_waiter {
	pthread_t thread;
	const struct tpm_plan *plan;
	pthread_cond_t wake;
	bool given; /* the lock is its own, and it is not in the queue any more */
	struct tpm_waiter *next;
};

void
tpm_lock_init(struct tpm_lock *lock)
{
	(void)pthread_mutex_init(&lock->guard, NULL);
	lock->depth = 0;
	lock->first = NULL;
	lock->end = &lock->first;
}

void
tpm_lock_free(struct tpm_lock *lock)
{
	(void)pthread_mutex_destroy(&lock->guard);
}

static bool
is_open(const struct tpm_lock *lock)
{
	return lock->depth == 0 || pthread_equal(lock->holder, pthread_self());
}

static void
enter(struct tpm_lock *lock)
{
	lock->holder = pthread_self();
	lock->depth++;
}

static void
join_queue(struct tpm_lock *lock, struct tpm_waiter *self)
{
	*lock->end = self;
	lock->end = &self->next;
}

/* The first one does. */
static void
leave_queue(struct tpm_lock *lock)
{
	lock->first = lock->first->next;
	if (lock->first == NULL)
		lock->end = &lock->first;
}

/* As with a mutex, no point of cancellation: a thread that went away here would stay in the queue.
 */
static void
queue(struct tpm_lock *lock, const struct tpm_plan *plan)
{
	struct tpm_waiter self = {
		.thread = pthread_self(), .plan = plan, .wake = PTHREAD_COND_INITIALIZER
	};
	int cancel;

	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	join_queue(lock, &self);
	while (!self.given && (lock->depth != 0 || lock->first != &self))
		(void)pthread_cond_wait(&self.wake, &lock->guard);
	if (!self.given) {
		leave_queue(lock);
		enter(lock);
	}
	(void)pthread_cond_destroy(&self.wake);
	(void)pthread_setcancelstate(cancel, NULL);
}

void
tpm_lock_take(struct tpm_lock *lock, const struct tpm_plan *plan)
{
	(void)pthread_mutex_lock(&lock->guard);
	if (is_open(lock))
		enter(lock);
	else
		queue(lock, plan);
	(void)pthread_mutex_unlock(&lock->guard);
}

bool
tpm_lock_try(struct tpm_lock *lock)
{
	bool open;

	if (pthread_mutex_trylock(&lock->guard) != 0)
		return false;
	open = is_open(lock);
	if (open)
		enter(lock);
	(void)pthread_mutex_unlock(&lock->guard);
	return open;
}

void
tpm_lock_release(struct tpm_lock *lock)
{
	(void)pthread_mutex_lock(&lock->guard);
	if (--lock->depth == 0 && lock->first != NULL)
		(void)pthread_cond_signal(&lock->first->wake);
	(void)pthread_mutex_unlock(&lock->guard);
}

const struct tpm_plan *
tpm_lock_next_plan(struct tpm_lock *lock)
{
	const struct tpm_plan *plan;

	(void)pthread_mutex_lock(&lock->guard);
	plan = lock->first != NULL ? lock->first->plan : NULL;
	(void)pthread_mutex_unlock(&lock->guard);
	return plan;
}

void
tpm_lock_hand_over(struct tpm_lock *lock)
{
	struct tpm_waiter *next;

	(void)pthread_mutex_lock(&lock->guard);
	next = lock->first;
	leave_queue(lock);
	lock->holder = next->thread;
	next->given = true;
	(void)pthread_cond_signal(&next->wake);
	(void)pthread_mutex_unlock(&lock->guard);
}
