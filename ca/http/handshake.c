/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/http/handshake.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/sslerr.h>

#include "ca/log.h"

struct peer {
	struct sockaddr_storage address;
	socklen_t len;
};

static int peer_index = -1; /* of a struct peer in an SSL's ex_data */

static void
free_peer(void *parent, void *peer, CRYPTO_EX_DATA *data, int index, long argl, void *argp)
{
	(void)parent, (void)data, (void)index, (void)argl, (void)argp;
	OPENSSL_free(peer);
}

/* At the beginning: who hangs up in the middle has no address any more when that is logged. */
static void
note_peer(SSL *ssl, int fd)
{
	struct peer *peer;

	if (peer_index < 0 || SSL_get_ex_data(ssl, peer_index) != NULL ||
	    (peer = OPENSSL_zalloc(sizeof(*peer))) == NULL)
		return;
	peer->len = sizeof(peer->address);
	if (getpeername(fd, (struct sockaddr *)&peer->address, &peer->len) != 0 ||
	    SSL_set_ex_data(ssl, peer_index, peer) != 1)
		OPENSSL_free(peer);
}

static void
log_handshake(const SSL *ssl, const char *what)
{
	const struct peer *peer = peer_index >= 0 ? SSL_get_ex_data(ssl, peer_index) : NULL;
	char host[NI_MAXHOST] = "?", port[NI_MAXSERV] = "?";

	if (peer != NULL)
		getnameinfo((const struct sockaddr *)&peer->address, peer->len, host, sizeof(host),
		    port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
	ca_log(CA_LOG_INFO, "%s port %s: no TLS: %s", host, port, what);
}

static const char *
in_words(unsigned long e)
{
	if (ERR_GET_REASON(e) == SSL_R_TLSV1_ALERT_UNKNOWN_CA)
		return "tlsv1 alert unknown ca: the client does not trust tls_cert; it has another "
		       "--ca-file or --ca-fingerprint";
	return ERR_reason_error_string(e);
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

	/* libssl's callback has it const, and calls it with the connection itself. */
	if (where == SSL_CB_HANDSHAKE_START)
		note_peer((SSL *)(uintptr_t)ssl, fd);
	if (where == SSL_CB_HANDSHAKE_DONE)
		/* Else every reply on a kept connection waits for a delayed ACK. */
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (where != SSL_CB_ACCEPT_EXIT || ret > 0 || e == 0)
		return;
	plain = ERR_GET_REASON(e) == SSL_R_HTTP_REQUEST ||
	        ERR_GET_REASON(e) == SSL_R_HTTPS_PROXY_REQUEST;
	log_handshake(ssl,
	    plain ? "plain HTTP on the TLS port; the client has to use https://" : in_words(e));
	if (plain)
		answer_plain(fd);
}

void
ca_handshake_watch(SSL_CTX *ctx)
{
	if (peer_index < 0)
		peer_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_peer);
	SSL_CTX_set_info_callback(ctx, tls_event);
}
