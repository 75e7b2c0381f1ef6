/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread draws, because the TPM command that it is about blocks the main
 * one. Only on a terminal, and only when the step takes longer than a moment.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "enroll/cmd/ui.h"

struct enroll_progress {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	const char *what; /* borrowed */
	bool stop;
};

static void
draw(const struct enroll_progress *progress, unsigned seconds)
{
	(void)fprintf(stderr, "\r%s ... %u s ", progress->what, seconds);
	(void)fflush(stderr);
}

static void *
run(void *arg)
{
	struct enroll_progress *progress = arg;
	struct timespec next;
	unsigned seconds = 0;

	(void)clock_gettime(CLOCK_MONOTONIC, &next);
	(void)pthread_mutex_lock(&progress->lock);
	while (!progress->stop) {
		next.tv_sec++;
		while (!progress->stop &&
		       pthread_cond_timedwait(&progress->wake, &progress->lock, &next) == 0)
			;
		if (!progress->stop)
			draw(progress, ++seconds);
	}
	(void)pthread_mutex_unlock(&progress->lock);
	if (seconds > 0)
		(void)fprintf(stderr, "\r\033[K");
	return NULL;
}

struct enroll_progress *
enroll_progress_start(const struct enroll_ui *ui, const char *what)
{
	struct enroll_progress *progress;
	pthread_condattr_t attr;

	if (ui->quiet || isatty(STDERR_FILENO) != 1)
		return NULL;
	progress = calloc(1, sizeof(*progress));
	if (progress == NULL)
		return NULL;
	progress->what = what;
	(void)pthread_mutex_init(&progress->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC); /* nobody sets it */
	(void)pthread_cond_init(&progress->wake, &attr);
	(void)pthread_condattr_destroy(&attr);
	if (pthread_create(&progress->thread, NULL, run, progress) != 0) {
		free(progress);
		return NULL;
	}
	return progress;
}

void
enroll_progress_stop(struct enroll_progress **progress)
{
	if (*progress == NULL)
		return;
	(void)pthread_mutex_lock(&(*progress)->lock);
	(*progress)->stop = true;
	(void)pthread_cond_signal(&(*progress)->wake);
	(void)pthread_mutex_unlock(&(*progress)->lock);
	(void)pthread_join((*progress)->thread, NULL);
	(void)pthread_cond_destroy(&(*progress)->wake);
	(void)pthread_mutex_destroy(&(*progress)->lock);
	free(*progress);
	*progress = NULL;
}
