/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/http/systemd.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

static long
number(const char *variable)
{
	const char *text = getenv(variable);

	return text != NULL ? strtol(text, NULL, 10) : 0;
}

static bool
option(int fd, int name, int expected)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &len) == 0 && value == expected;
}

/* TCP, and it listens: what is accepted on it has a peer with an address to count against limits.
 */
static bool
is_listener(int fd)
{
	return option(fd, SO_TYPE, SOCK_STREAM) && option(fd, SO_ACCEPTCONN, 1) &&
	       (option(fd, SO_DOMAIN, AF_INET) || option(fd, SO_DOMAIN, AF_INET6));
}

enum tpmiot_rc
ca_systemd_socket(int *fd, struct tpmiot_err *err)
{
	const long n = number("LISTEN_PID") == getpid() ? number("LISTEN_FDS") : 0;

	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	*fd = 0;
	if (n <= 0)
		return TPMIOT_OK;
	if (n > 1 || !is_listener(FIRST_FD))
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "LISTEN_FDS: one listening TCP socket is needed; give the socket unit one "
		    "ListenStream=, with a port");
	if (fcntl(FIRST_FD, F_SETFD, FD_CLOEXEC) != 0)
		return tpmiot_err_errno(err, "the socket that was passed");
	*fd = FIRST_FD;
	return TPMIOT_OK;
}

/* ---- To the service manager ----------------------------------------------------- */

static void
notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = path != NULL ? strlen(path) : 0;
	int fd;

	if (len == 0 || len >= sizeof(to.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(to.sun_path, path, len);
	if (to.sun_path[0] == '@')
		to.sun_path[0] = '\0'; /* abstract */
	else
		len++; /* its NUL */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

void
ca_systemd_ready(void)
{
	notify("READY=1");
}

void
ca_systemd_reloading(void)
{
	struct timespec now = { 0, 0 };
	char text[64];

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	notify(text);
}

void
ca_systemd_stopping(void)
{
	notify("STOPPING=1");
}
