/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An application under odd conditions. T, C and N are numbers of threads, children, rounds.
 *
 *   odd lines KEY…          for each line on stdin one signature with each key; prints "ok"
 *                           or the error
 *   odd many N PARENT       makes N keys under PARENT, keeps them all open, signs twice with each
 *   odd leave N KEY…        N signatures, over all keys, and ends without having freed anything
 *   odd threads T N KEY…    T threads make N signatures each, over all keys
 *   odd mixed T N KEY…      the same, and they load, agree, decrypt, make and free keys as well
 *   odd race T N            T threads do what is forbidden, so that a checker can show itself
 *   odd fork C N KEY…       signs, forks C children that make N signatures each, signs meanwhile
 *   odd early C N KEY…      the same as fork, but for signing before it forks
 *   odd kill C N KEY…       the same as fork, and kills every second child at some moment
 *   odd orphan C N KEY…     the same as fork, and the parent ends first: the last child reports
 *
 * Every result is checked. Exit 0 if every one that had to be there was.
 */
#include <config.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>

#include "keyuser.h"

#define KEYS_MAX 64

static struct user user;
static EVP_PKEY *keys[KEYS_MAX];
static int n_keys;

static void
load_keys(char **names)
{
	for (n_keys = 0; names[n_keys] != NULL && n_keys < KEYS_MAX; n_keys++) {
		keys[n_keys] = user_load(&user, names[n_keys]);
		if (keys[n_keys] == NULL) {
			ERR_print_errors_fp(stderr);
			exit(1);
		}
	}
}

static void
free_keys(void)
{
	while (n_keys > 0)
		EVP_PKEY_free(keys[--n_keys]);
}

/* n signatures, beginning with key number `from`. */
static bool
sign_round(int n, int from)
{
	for (int i = 0; i < n; i++)
		if (!user_sign(&user, keys[(from + i) % n_keys], false)) {
			fprintf(stderr, "pid %d, signature %d\n", (int)getpid(), i);
			ERR_print_errors_fp(stderr);
			return false;
		}
	return true;
}

static int
lines(char **names)
{
	char line[16];

	load_keys(names);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		for (int i = 0; i < n_keys; i++) {
			struct timespec start, end;
			bool ok;

			clock_gettime(CLOCK_MONOTONIC, &start);
			ok = user_sign(&user, keys[i], false);
			clock_gettime(CLOCK_MONOTONIC, &end);
			printf("%s after %ld s\n", ok ? "ok" : "failed",
			    (long)(end.tv_sec - start.tv_sec));
			if (!ok)
				ERR_print_errors_fp(stdout);
		}
		fflush(stdout);
	}
	free_keys();
	return 0;
}

static int
leave(int n, char **names)
{
	load_keys(names);
	return !sign_round(n, 0);
}

static int
many(int n, const char *parent)
{
	EVP_PKEY **all = calloc((size_t)n, sizeof(EVP_PKEY *));
	int made = 0, good = 0;

	for (; made < n && (all[made] = user_generate(&user, parent)) != NULL; made++)
		;
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < made; i++)
			good += user_sign(&user, all[i], false);
	ERR_print_errors_fp(stderr);
	for (int i = 0; i < made; i++)
		EVP_PKEY_free(all[i]);
	free(all);
	printf("%d keys, %d signatures\n", made, good);
	return made != n || good != 2 * n;
}

/* ---- threads ------------------------------------------------------------------ */

struct worker {
	pthread_t thread;
	int number, n;
	bool ok;
};

static void *
work(void *arg)
{
	struct worker *worker = arg;

	worker->ok = sign_round(worker->n, worker->number);
	return NULL;
}

static char **key_names;

/* A key of the thread's own: loaded, or made if there is no name, used, freed. */
static bool
come_and_go(const char *name)
{
	EVP_PKEY *key = name != NULL ? user_load(&user, name) : user_generate(&user, "0x81000001");
	bool ok = key != NULL && user_sign(&user, key, false);

	EVP_PKEY_free(key);
	return ok;
}

static bool
use_secret(EVP_PKEY *key)
{
	if (EVP_PKEY_is_a(key, "RSA"))
		return user_decrypt(&user, key, true);
	return user_derive(&user, key);
}

static bool
mixed_round(int turn)
{
	int which = turn / 4 % n_keys;

	switch (turn % 4) {
	case 0:
		return user_sign(&user, keys[which], false);
	case 1:
		return use_secret(keys[which]);
	case 2:
		return come_and_go(key_names[which]);
	default:
		return come_and_go(NULL);
	}
}

static void *
mix(void *arg)
{
	struct worker *worker = arg;

	worker->ok = true;
	for (int i = 0; worker->ok && i < worker->n; i++)
		worker->ok = mixed_round(worker->number + i);
	if (!worker->ok)
		ERR_print_errors_fp(stderr);
	return NULL;
}

static long unguarded;

static void *
race(void *arg)
{
	struct worker *worker = arg;

	for (int i = 0; i < worker->n; i++)
		unguarded++;
	worker->ok = true;
	return NULL;
}

static int
threads(int t, int n, void *(*job)(void *), char **names)
{
	struct worker *workers = calloc((size_t)t, sizeof(*workers));
	int bad = 0;

	key_names = names;
	load_keys(names);
	for (int i = 0; i < t; i++) {
		workers[i].number = i;
		workers[i].n = n;
		if (pthread_create(&workers[i].thread, NULL, job, &workers[i]) != 0)
			exit(1);
	}
	for (int i = 0; i < t; i++) {
		(void)pthread_join(workers[i].thread, NULL);
		bad += !workers[i].ok;
	}
	free(workers);
	free_keys();
	printf("%d threads, %d failed\n", t, bad);
	return bad != 0;
}

/* ---- children ------------------------------------------------------------------- */

static void
child(int number, int n, int alive)
{
	bool ok = sign_round(n, number);

	free_keys();
	user_close(&user);
	/* Whoever waits for the end of the pipe waits for the last child. */
	if (alive >= 0)
		(void)!write(alive, ok ? "+" : "-", 1);
	_exit(ok ? 0 : 1);
}

static pid_t
fork_child(int number, int n, int alive)
{
	pid_t pid = fork();

	if (pid == 0)
		child(number, n, alive);
	if (pid < 0)
		exit(1);
	return pid;
}

static int
reap(pid_t *pids, int c, bool killed)
{
	int bad = 0, status;

	for (int i = 0; i < c; i++) {
		if (waitpid(pids[i], &status, 0) != pids[i])
			bad++;
		else if (killed && i % 2 == 0)
			bad += !WIFSIGNALED(status) && WEXITSTATUS(status) != 0;
		else
			bad += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	}
	return bad;
}

static int
forks(int c, int n, bool early, bool kill_some, char **names)
{
	pid_t *pids = calloc((size_t)c, sizeof(*pids));
	int bad;

	load_keys(names);
	if (!early && !sign_round(n_keys, 0))
		return 1;
	for (int i = 0; i < c; i++)
		pids[i] = fork_child(i, n, -1);
	for (int i = 0; kill_some && i < c; i += 2) {
		struct timespec pause = { 0, 3000000L * (i + 1) };

		(void)nanosleep(&pause, NULL);
		(void)kill(pids[i], SIGKILL);
	}
	bad = !sign_round(n, 0);
	bad += reap(pids, c, kill_some);
	bad += !sign_round(n_keys, 0);
	free(pids);
	free_keys();
	printf("%d children, %d failed\n", c, bad);
	return bad != 0;
}

/* The middle process forks and ends; we only wait for the children it leaves behind. */
static int
orphans(int c, int n, char **names)
{
	int fds[2], good = 0, all = 0;
	char result;

	if (pipe(fds) != 0)
		return 1;
	if (fork() == 0) {
		load_keys(names);
		if (!sign_round(n_keys, 0))
			_exit(1);
		for (int i = 0; i < c; i++)
			(void)fork_child(i, n, fds[1]);
		free_keys();
		user_close(&user);
		_exit(0);
	}
	(void)close(fds[1]);
	for (; read(fds[0], &result, 1) == 1; all++)
		good += result == '+';
	printf("%d of %d children left behind were done\n", good, c);
	return all != c || good != c;
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int a = argc > 2 ? atoi(argv[2]) : 0, b = argc > 3 ? atoi(argv[3]) : 0, status = 2;

	if (!user_open(&user)) {
		ERR_print_errors_fp(stderr);
		return 1;
	}
	if (strcmp(what, "lines") == 0)
		status = lines(argv + 2);
	else if (strcmp(what, "leave") == 0)
		return leave(a, argv + 3);
	else if (argc < 4)
		fprintf(stderr, "see the beginning of odd.c\n");
	else if (strcmp(what, "many") == 0)
		status = many(a, argv[3]);
	else if (strcmp(what, "threads") == 0)
		status = threads(a, b, work, argv + 4);
	else if (strcmp(what, "mixed") == 0)
		status = threads(a, b, mix, argv + 4);
	else if (strcmp(what, "race") == 0)
		status = threads(a, b, race, argv + 4);
	else if (strcmp(what, "fork") == 0)
		status = forks(a, b, false, false, argv + 4);
	else if (strcmp(what, "early") == 0)
		status = forks(a, b, true, false, argv + 4);
	else if (strcmp(what, "kill") == 0)
		status = forks(a, b, false, true, argv + 4);
	else if (strcmp(what, "orphan") == 0)
		status = orphans(a, b, argv + 4);
	user_close(&user);
	return status;
}
