/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handshakes SECONDS CLIENTS PORT…: at each port CLIENTS threads connect to localhost by TLS,
 * ask for a page, and do so again, until SECONDS have passed. Prints for each port
 *
 *	PORT good N lost N slowest MS
 *
 * A connection is lost when it does not lead to a page. Its first error goes to stderr.
 */
#include <config.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#define PORTS_MAX 4
#define CLIENTS_MAX 32

static const char REQUEST[] = "GET / HTTP/1.0\r\n\r\n";

static struct target {
	int port;
	atomic_long good, lost, slowest;
} targets[PORTS_MAX];

static SSL_CTX *tls;
static long deadline;

static long
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int
connected(int port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

/* A page, so that the server has finished the handshake, too. */
static bool
visit(int port)
{
	int fd = connected(port);
	SSL *ssl = fd < 0 ? NULL : SSL_new(tls);
	char page[16];
	bool ok = ssl != NULL && SSL_set_fd(ssl, fd) == 1 && SSL_connect(ssl) == 1 &&
	          SSL_write(ssl, REQUEST, sizeof(REQUEST) - 1) > 0 &&
	          SSL_read(ssl, page, sizeof(page)) > 12 && memcmp(page + 9, "200", 3) == 0;

	SSL_free(ssl);
	if (fd >= 0)
		(void)close(fd);
	return ok;
}

static void *
client(void *arg)
{
	struct target *target = arg;

	while (now_ms() < deadline) {
		long start = now_ms(), took;

		if (visit(target->port)) {
			target->good++;
		} else if (target->lost++ == 0) {
			fprintf(stderr, "%d: first one lost\n", target->port);
			ERR_print_errors_fp(stderr);
		}
		ERR_clear_error();
		took = now_ms() - start;
		if (took > target->slowest)
			target->slowest = took;
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	pthread_t threads[PORTS_MAX * CLIENTS_MAX];
	int clients = argc > 2 ? atoi(argv[2]) : 0, ports = argc - 3, n = 0;

	if (ports < 1 || ports > PORTS_MAX || clients < 1 || clients > CLIENTS_MAX)
		return 2;
	(void)signal(SIGPIPE, SIG_IGN);
	tls = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
	deadline = now_ms() + atol(argv[1]) * 1000;
	for (int p = 0; p < ports; p++) {
		targets[p].port = atoi(argv[3 + p]);
		for (int c = 0; c < clients; c++)
			if (pthread_create(&threads[n++], NULL, client, &targets[p]) != 0)
				return 1;
	}
	while (n > 0)
		(void)pthread_join(threads[--n], NULL);
	for (int p = 0; p < ports; p++)
		printf("%d good %ld lost %ld slowest %ld\n", targets[p].port, targets[p].good,
		    targets[p].lost, targets[p].slowest);
	SSL_CTX_free(tls);
	return 0;
}
