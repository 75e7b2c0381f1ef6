/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTPS for test clients that speak to a running tpmiot-ca: libssl and a socket, so that
 * nothing stands between what a test sends and what the CA gets. Blocking.
 */
#ifndef TEST_WIRE_H
#define TEST_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>
#include <openssl/ssl.h>

/* A CA at 127.0.0.1. */
struct wire {
	SSL_CTX *tls;
	uint16_t port;
};

/*
 * ca_file: what the server's certificate has to lead to; NULL: any server will do, which
 * is for load, where verifying would be the client's time.
 */
bool wire_init(struct wire *wire, uint16_t port, const char *ca_file);
void wire_clear(struct wire *wire);

struct wire_conn {
	int fd;
	SSL *ssl; /* NULL: closed */
};

/* cert and key are borrowed; NULL: no client certificate. False: no connection, or no TLS. */
bool wire_open(const struct wire *wire, X509 *cert, EVP_PKEY *key, struct wire_conn *out);
void wire_close(struct wire_conn *conn);

struct wire_answer {
	int status;    /* of HTTP; 0: the connection ended without one */
	char type[48]; /* of the problem, without its prefix; "" if there is none */
	unsigned retry_after;
	json_t *doc; /* NULL: the body is no JSON */
};

/* Sends bytes as they are, and reads one answer. False: the connection ended before. */
bool wire_exchange(
    struct wire_conn *conn, const void *request, size_t len, struct wire_answer *out);

/* POST of JSON, on a connection that stays open. */
bool wire_post(struct wire_conn *conn, const char *path, const void *body, size_t len,
    struct wire_answer *out);

void wire_answer_free(struct wire_answer *answer);

#endif
