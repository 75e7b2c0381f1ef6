/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/http/handshake.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/sslerr.h>

#include "ca/log.h"

static void
log_handshake(int fd, const char *what)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	char host[NI_MAXHOST] = "?", port[NI_MAXSERV] = "?";

	if (getpeername(fd, (struct sockaddr *)&ss, &len) == 0)
		getnameinfo((struct sockaddr *)&ss, len, host, sizeof(host), port, sizeof(port),
		    NI_NUMERICHOST | NI_NUMERICSERV);
	ca_log(CA_LOG_INFO, "%s port %s: no TLS: %s", host, port, what);
}

/* A client that speaks HTTP without TLS is told so, in its own language. */
static void
answer_plain(int fd)
{
	static const char reply[] = "HTTP/1.1 400 Bad Request\r\n"
	                            "Content-Type: text/plain\r\n"
	                            "Content-Length: 36\r\n"
	                            "Connection: close\r\n\r\n"
	                            "this is a TLS port: use https://...\n";
	char drop[4096];

	/* What it sent is read first: closing with unread data would reset the connection. */
	while (recv(fd, drop, sizeof(drop), MSG_DONTWAIT) == (ssize_t)sizeof(drop))
		;
	(void)!send(fd, reply, sizeof(reply) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	shutdown(fd, SHUT_WR);
}

static void
tls_event(const SSL *ssl, int where, int ret)
{
	const unsigned long e = ERR_peek_error();
	const int fd = SSL_get_fd(ssl), on = 1;
	bool plain;

	if (where == SSL_CB_HANDSHAKE_DONE)
		/* Else every reply on a kept connection waits for a delayed ACK. */
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (where != SSL_CB_ACCEPT_EXIT || ret > 0 || e == 0)
		return;
	plain = ERR_GET_REASON(e) == SSL_R_HTTP_REQUEST ||
	        ERR_GET_REASON(e) == SSL_R_HTTPS_PROXY_REQUEST;
	log_handshake(fd, plain ? "plain HTTP on the TLS port; the client has to use https://"
	                        : ERR_reason_error_string(e));
	if (plain)
		answer_plain(fd);
}

void
ca_handshake_watch(SSL_CTX *ctx)
{
	SSL_CTX_set_info_callback(ctx, tls_event);
}
