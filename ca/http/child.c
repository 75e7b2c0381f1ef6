/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pipe2() */
#endif
#include "ca/http/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ca/http/http_int.h"

#define OUTPUT_MAX 8192
#define INPUT_MAX 4096 /* what a pipe takes at once, however full the system */

struct child {
	LIST_ENTRY(child) link;
	struct ca_children *all;
	pid_t pid;
	int fd; /* its standard output */
	struct event *output, *deadline;
	struct tpmiot_buf text;
	ca_child_done *done;
	void *arg;
};

struct ca_children {
	struct event_base *base;
	struct event *sigchld;
	LIST_HEAD(child_list, child) list;
	int n;
};

/* ---- The end ----------------------------------------------------------------- */

static void
child_free(struct child *c)
{
	if (c->output != NULL)
		event_free(c->output);
	if (c->deadline != NULL)
		event_free(c->deadline);
	if (c->fd >= 0)
		close(c->fd);
	tpmiot_buf_free(&c->text);
	free(c);
}

/* reaped: the process itself is gone, and its id may be another's soon; its group is still ours. */
static void
finish(struct child *c, enum ca_child_end end, int status, bool reaped)
{
	const struct ca_child_result result = { end, status, c->text.data, c->text.len };

	(void)kill(-c->pid, SIGKILL);
	if (!reaped)
		while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
			;
	LIST_REMOVE(c, link);
	c->all->n--;
	c->done(c->arg, &result);
	child_free(c);
}

/* False: too much. */
static bool
drain(struct child *c)
{
	char chunk[1024];
	ssize_t n;

	while ((n = read(c->fd, chunk, sizeof(chunk))) > 0) {
		if (c->text.len + (size_t)n > OUTPUT_MAX)
			return false;
		tpmiot_buf_put(&c->text, chunk, (size_t)n);
	}
	if (n == 0)
		event_del(c->output); /* closed; its exit is yet to come */
	return true;
}

static void
on_output(evutil_socket_t fd, short what, void *arg)
{
	struct child *c = arg;

	(void)fd;
	(void)what;
	if (!drain(c))
		finish(c, CA_CHILD_TALKATIVE, 0, false);
}

static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	finish(arg, CA_CHILD_LATE, 0, false);
}

static void
on_sigchld(evutil_socket_t sig, short what, void *arg)
{
	struct ca_children *all = arg;
	struct child *c, *next;
	int status = 0;

	(void)sig;
	(void)what;
	for (c = LIST_FIRST(&all->list); c != NULL; c = next) {
		next = LIST_NEXT(c, link);
		if (waitpid(c->pid, &status, WNOHANG) != c->pid)
			continue;
		if (!drain(c))
			finish(c, CA_CHILD_TALKATIVE, 0, true);
		else if (WIFEXITED(status))
			finish(c, CA_CHILD_EXITED, WEXITSTATUS(status), true);
		else
			finish(c, CA_CHILD_KILLED, 0, true);
	}
}

/* ---- The beginning --------------------------------------------------------------- */

/* Its standard input and output are the pipes' ends; signals are as at a program's start. */
static int
spawn(const char *program, int in, int out, pid_t *pid)
{
	extern char **environ;
	char *const argv[] = { (char *)(uintptr_t)program, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int rc;

	sigemptyset(&none);
	sigfillset(&all);
	(void)posix_spawn_file_actions_init(&files);
	(void)posix_spawnattr_init(&attr);
	rc = posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
	(void)posix_spawnattr_setflags(
	    &attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	(void)posix_spawnattr_setpgroup(&attr, 0);
	(void)posix_spawnattr_setsigdefault(&attr, &all);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	if (rc == 0)
		rc = posix_spawn(pid, program, &files, &attr, argv, environ);
	(void)posix_spawn_file_actions_destroy(&files);
	(void)posix_spawnattr_destroy(&attr);
	return rc;
}

/* Starts it, gives it its input, and keeps its output's end in c->fd. */
static bool
start(struct child *c, const char *program, const struct tpmiot_buf *input)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, rc = -1;
	bool ok = pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0 &&
	          fcntl(in[1], F_SETFL, O_NONBLOCK) == 0 && fcntl(out[0], F_SETFL, O_NONBLOCK) == 0;

	/* Before the start: there is room for it in the pipe. */
	ok = ok && write(in[1], input->data, input->len) == (ssize_t)input->len;
	if (ok && (rc = spawn(program, in[0], out[1], &c->pid)) != 0)
		errno = rc;
	rc = errno;
	for (size_t i = 0; i < 2; i++)
		if (in[i] >= 0)
			close(in[i]);
	if (out[1] >= 0)
		close(out[1]);
	if (c->pid > 0)
		c->fd = out[0];
	else if (out[0] >= 0)
		close(out[0]);
	errno = rc;
	return c->pid > 0;
}

static bool
watch(struct child *c, unsigned timeout)
{
	const struct timeval tv = { (time_t)timeout, 0 };

	c->output = event_new(c->all->base, c->fd, EV_READ | EV_PERSIST, on_output, c);
	c->deadline = evtimer_new(c->all->base, on_late, c);
	return c->output != NULL && c->deadline != NULL && event_add(c->output, NULL) == 0 &&
	       evtimer_add(c->deadline, &tv) == 0;
}

enum tpmiot_rc
ca_children_run(struct ca_children *all, const char *program, const struct tpmiot_buf *input,
    unsigned timeout, ca_child_done *done, void *arg, struct tpmiot_err *err)
{
	struct child *c;

	if (all->n >= CA_CHILDREN_MAX)
		return tpmiot_err_set(err, TPMIOT_E_CONFLICT,
		    "%s: %d of it run already; it is too slow", program, CA_CHILDREN_MAX);
	if (input->len > INPUT_MAX)
		return tpmiot_err_set(err, TPMIOT_E_USAGE, "more than a pipe holds");
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return tpmiot_err_memory(err);
	*c = (struct child){ .all = all, .fd = -1, .done = done, .arg = arg };
	if (!start(c, program, input)) {
		(void)tpmiot_err_errno(err, "%s: cannot be started", program);
		child_free(c);
		return TPMIOT_E_IO;
	}
	if (!watch(c, timeout)) {
		(void)kill(-c->pid, SIGKILL);
		(void)waitpid(c->pid, NULL, 0);
		child_free(c);
		return tpmiot_err_memory(err);
	}
	LIST_INSERT_HEAD(&all->list, c, link);
	all->n++;
	return TPMIOT_OK;
}

enum tpmiot_rc
ca_children_new(const struct ca_http *http, struct ca_children **out, struct tpmiot_err *err)
{
	struct ca_children *all = calloc(1, sizeof(*all));

	if (all == NULL)
		return tpmiot_err_memory(err);
	all->base = ca_http_base(http);
	LIST_INIT(&all->list);
	all->sigchld = evsignal_new(all->base, SIGCHLD, on_sigchld, all);
	if (all->sigchld == NULL || evsignal_add(all->sigchld, NULL) != 0) {
		ca_children_free(&all);
		return tpmiot_err_memory(err);
	}
	*out = all;
	return TPMIOT_OK;
}

void
ca_children_free(struct ca_children **childrenp)
{
	struct ca_children *all = *childrenp;
	struct child *c, *next;

	if (all == NULL)
		return;
	for (c = LIST_FIRST(&all->list); c != NULL; c = next) {
		next = LIST_NEXT(c, link);
		finish(c, CA_CHILD_KILLED, 0, false);
	}
	if (all->sigchld != NULL)
		event_free(all->sigchld);
	free(all);
	*childrenp = NULL;
}
