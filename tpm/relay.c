/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h> /* posix_spawn_file_actions_addclosefrom_np() */

#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/crypto.h>

#define RELAY_MAGIC 0x74706d696f740002ULL
#define HEADER 10

struct relay {
	TSS2_TCTI_CONTEXT_COMMON_V2 common; /* first: users see this */
	int fd;                             /* the program's standard input and output */
	pid_t pid;
};

extern char **environ;

/* ---- commands and responses ---------------------------------------------------- */

/* No SIGPIPE where the program has ended. */
static TSS2_RC
relay_transmit(TSS2_TCTI_CONTEXT *ctx, size_t size, const uint8_t *command)
{
	const struct relay *relay = (const struct relay *)ctx;

	while (size > 0) {
		ssize_t n = send(relay->fd, command, size, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return TSS2_TCTI_RC_IO_ERROR;
		command += n;
		size -= (size_t)n;
	}
	return TSS2_RC_SUCCESS;
}

static bool
receive_all(int fd, uint8_t *out, size_t size)
{
	while (size > 0) {
		ssize_t n = recv(fd, out, size, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		out += n;
		size -= (size_t)n;
	}
	return true;
}

/* Into a buffer that is large enough for any response; the caller has waited (poll). */
static TSS2_RC
relay_receive(TSS2_TCTI_CONTEXT *ctx, size_t *size, uint8_t *response, int32_t timeout)
{
	const struct relay *relay = (const struct relay *)ctx;
	size_t len;

	(void)timeout;
	if (*size < HEADER)
		return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
	if (!receive_all(relay->fd, response, HEADER))
		return TSS2_TCTI_RC_IO_ERROR;
	len = (size_t)response[2] << 24 | (size_t)response[3] << 16 | (size_t)response[4] << 8 |
	      response[5];
	if (len < HEADER || len > *size)
		return TSS2_TCTI_RC_MALFORMED_RESPONSE;
	if (!receive_all(relay->fd, response + HEADER, len - HEADER))
		return TSS2_TCTI_RC_IO_ERROR;
	*size = len;
	return TSS2_RC_SUCCESS;
}

static TSS2_RC
relay_poll_handles(TSS2_TCTI_CONTEXT *ctx, TSS2_TCTI_POLL_HANDLE *handles, size_t *n)
{
	const struct relay *relay = (const struct relay *)ctx;

	if (handles != NULL && *n < 1)
		return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
	*n = 1;
	if (handles != NULL)
		*handles = (TSS2_TCTI_POLL_HANDLE){ .fd = relay->fd, .events = POLLIN };
	return TSS2_RC_SUCCESS;
}

/* ---- the program ----------------------------------------------------------------- */

#ifdef HAVE_POSIX_SPAWN_FILE_ACTIONS_ADDCLOSEFROM_NP
/*
 * Not fork(): its handlers take locks, and one is held here. All signals as a program finds them,
 * and a process group of its own: what is typed at a terminal is not for it.
 */
static bool
spawn(const char *program, char *const argv[], int fd, pid_t *pid)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	bool ok;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	if (posix_spawn_file_actions_init(&files) != 0)
		return false;
	if (posix_spawnattr_init(&attr) != 0) {
		(void)posix_spawn_file_actions_destroy(&files);
		return false;
	}
	ok = posix_spawn_file_actions_adddup2(&files, fd, STDIN_FILENO) == 0 &&
	     posix_spawn_file_actions_adddup2(&files, fd, STDOUT_FILENO) == 0 &&
	     posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0) ==
	         0 &&
	     posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1) == 0 &&
	     posix_spawnattr_setsigmask(&attr, &none) == 0 &&
	     posix_spawnattr_setsigdefault(&attr, &all) == 0 &&
	     posix_spawnattr_setflags(&attr,
	         POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP) == 0 &&
	     posix_spawn(pid, program, &files, &attr, argv, environ) == 0;
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&files);
	return ok;
}
#else
/* It would keep open whatever this process has open, connections of its clients, too. */
static bool
spawn(const char *program, char *const argv[], int fd, pid_t *pid)
{
	(void)program;
	(void)argv;
	(void)fd;
	(void)pid;
	return false;
}
#endif

static struct relay *
start(const char *program, const char *option)
{
	char *const argv[] = { (char *)(uintptr_t) "tpm2_send", (char *)(uintptr_t)option, NULL };
	struct relay *relay = OPENSSL_zalloc(sizeof(*relay));
	int fds[2];

	if (relay == NULL)
		return NULL;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
		OPENSSL_free(relay);
		return NULL;
	}
	if (!spawn(program, argv, fds[1], &relay->pid)) {
		(void)close(fds[0]);
		(void)close(fds[1]);
		OPENSSL_free(relay);
		return NULL;
	}
	(void)close(fds[1]);
	relay->fd = fds[0];
	return relay;
}

bool
tpm_relay_open(const char *program, const char *conf, TSS2_TCTI_CONTEXT **out)
{
	struct relay *relay;
	char option[512];
	int len = snprintf(option, sizeof(option), "--tcti=%s", conf);

	if (len < 0 || (size_t)len >= sizeof(option) || access(program, X_OK) != 0)
		return false;
	relay = start(program, option);
	if (relay == NULL)
		return false;
	relay->common.v1.magic = RELAY_MAGIC;
	relay->common.v1.version = 2;
	relay->common.v1.transmit = relay_transmit;
	relay->common.v1.receive = relay_receive;
	relay->common.v1.getPollHandles = relay_poll_handles;
	*out = (TSS2_TCTI_CONTEXT *)relay;
	return true;
}

bool
tpm_relay_open_tpm2_send(const char *conf, TSS2_TCTI_CONTEXT **out)
{
	if (getauxval(AT_SECURE) != 0)
		return false;
	return tpm_relay_open("/usr/bin/tpm2_send", conf, out) ||
	       tpm_relay_open("/usr/local/bin/tpm2_send", conf, out);
}

bool
tpm_relay_close(TSS2_TCTI_CONTEXT **tcti)
{
	struct relay *relay = (struct relay *)*tcti;

	if (relay->common.v1.magic != RELAY_MAGIC)
		return false;
	(void)close(relay->fd);
	/* The end of its input ends it, too, unless it waits for the TPM. Who is no child of ours
	 * any more was waited for by the application, and may be somebody else by now. */
	if (waitpid(relay->pid, NULL, WNOHANG) == 0) {
		(void)kill(relay->pid, SIGTERM);
		while (waitpid(relay->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	OPENSSL_free(relay);
	*tcti = NULL;
	return true;
}
