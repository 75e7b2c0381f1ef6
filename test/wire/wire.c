/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/err.h>

#define PATIENCE_SECONDS 60
#define ANSWER_MAX (256 * 1024)

static const char problem_prefix[] = "urn:tpmiot:problem:";

/* ---- Connections ------------------------------------------------------------------ */

static int
accept_any(X509_STORE_CTX *ctx, void *arg)
{
	(void)ctx, (void)arg;
	return 1;
}

bool
wire_init(struct wire *wire, uint16_t port, const char *ca_file)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

	if (tls == NULL)
		return false;
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	if (ca_file == NULL) {
		SSL_CTX_set_cert_verify_callback(tls, accept_any, NULL);
	} else if (SSL_CTX_load_verify_file(tls, ca_file) != 1) {
		SSL_CTX_free(tls);
		return false;
	}
	*wire = (struct wire){ tls, port };
	return true;
}

void
wire_clear(struct wire *wire)
{
	SSL_CTX_free(wire->tls);
	wire->tls = NULL;
}

static int
dial(uint16_t port)
{
	const struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const struct timeval tv = { PATIENCE_SECONDS, 0 };
	const int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) != 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
	    connect(fd, (const struct sockaddr *)&sin, sizeof(sin)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

bool
wire_open(const struct wire *wire, X509 *cert, EVP_PKEY *key, struct wire_conn *out)
{
	struct wire_conn conn = { dial(wire->port), SSL_new(wire->tls) };

	if (conn.fd >= 0 && conn.ssl != NULL && SSL_set_fd(conn.ssl, conn.fd) == 1 &&
	    SSL_set1_host(conn.ssl, "localhost") == 1 &&
	    SSL_set_tlsext_host_name(conn.ssl, "localhost") == 1 &&
	    (cert == NULL || (SSL_use_certificate(conn.ssl, cert) == 1 &&
	                         SSL_use_PrivateKey(conn.ssl, key) == 1)) &&
	    SSL_connect(conn.ssl) == 1) {
		*out = conn;
		return true;
	}
	wire_close(&conn);
	ERR_clear_error();
	return false;
}

void
wire_close(struct wire_conn *conn)
{
	if (conn->ssl != NULL && SSL_is_init_finished(conn->ssl))
		(void)SSL_shutdown(conn->ssl);
	SSL_free(conn->ssl);
	if (conn->fd >= 0)
		close(conn->fd);
	*conn = (struct wire_conn){ -1, NULL };
}

/* ---- Answers ----------------------------------------------------------------------- */

/* The value of a header, which is followed by CR; NULL if there is none. */
static const char *
header(const char *head, const char *name)
{
	const size_t len = strlen(name);
	const char *line = head;

	while ((line = strstr(line, "\r\n")) != NULL) {
		line += 2;
		if (strncasecmp(line, name, len) == 0 && line[len] == ':')
			return line + len + 1;
	}
	return NULL;
}

/* One more piece of the answer; false at the end of the connection. */
static bool
receive(struct wire_conn *conn, char *buf, size_t *len)
{
	const int n = SSL_read(conn->ssl, buf + *len, (int)(ANSWER_MAX - *len));

	if (n <= 0)
		return false;
	*len += (size_t)n;
	buf[*len] = '\0';
	return true;
}

/* Status line, headers and a body of Content-Length. *body is where in buf it begins. */
static bool
read_answer(struct wire_conn *conn, char *buf, const char **body, size_t *body_len)
{
	size_t len = 0, head_len;
	const char *end, *value;

	while ((end = strstr(buf, "\r\n\r\n")) == NULL)
		if (!receive(conn, buf, &len))
			return false;
	head_len = (size_t)(end - buf) + 4;
	value = header(buf, "Content-Length");
	*body_len = value != NULL ? strtoul(value, NULL, 10) : 0;
	*body = buf + head_len;
	while (len < head_len + *body_len)
		if (!receive(conn, buf, &len))
			return false;
	return true;
}

static void
take_problem(struct wire_answer *out)
{
	const char *type = json_string_value(json_object_get(out->doc, "type"));
	const size_t len = strlen(problem_prefix);

	if (type != NULL && strncmp(type, problem_prefix, len) == 0)
		snprintf(out->type, sizeof(out->type), "%s", type + len);
}

bool
wire_exchange(struct wire_conn *conn, const void *request, size_t len, struct wire_answer *out)
{
	char *buf = calloc(1, ANSWER_MAX + 1);
	const char *body, *retry;
	size_t body_len;
	bool ok;

	memset(out, 0, sizeof(*out));
	ok = buf != NULL && SSL_write(conn->ssl, request, (int)len) == (int)len &&
	     read_answer(conn, buf, &body, &body_len);
	if (ok) {
		out->status = atoi(strncmp(buf, "HTTP/1.1 ", 9) == 0 ? buf + 9 : "0");
		retry = header(buf, "Retry-After");
		out->retry_after = retry != NULL ? (unsigned)atoi(retry) : 0;
		out->doc = json_loadb(body, body_len, 0, NULL);
		take_problem(out);
	}
	free(buf);
	ERR_clear_error();
	return ok;
}

bool
wire_post(
    struct wire_conn *conn, const char *path, const void *body, size_t len, struct wire_answer *out)
{
	char *request = malloc(512 + len);
	bool ok = false;
	int n;

	if (request == NULL)
		return false;
	n = snprintf(request, 512,
	    "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\n\r\n",
	    path, len);
	memcpy(request + n, body, len);
	ok = wire_exchange(conn, request, (size_t)n + len, out);
	free(request);
	return ok;
}

void
wire_answer_free(struct wire_answer *answer)
{
	json_decref(answer->doc);
	answer->doc = NULL;
}
