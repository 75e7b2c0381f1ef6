/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTPS: requests in, replies out, and nothing else. libevent is known in this folder
 * only (http_int.h); what a request means is the handler's business.
 */
#ifndef CA_HTTP_H
#define CA_HTTP_H

#include <openssl/ssl.h>

#include <tpmiot/buf.h>

/* All borrowed, for the time of the call. */
struct ca_http_request {
	const char *method;        /* "POST" */
	const char *path;          /* without query; percent escapes as they came */
	const char *content_type;  /* NULL if there is none */
	const char *authorization; /* likewise */
	const uint8_t *body;       /* NULL if empty */
	size_t body_len;
	bool too_large;        /* more than max_body: body is not given */
	const char *peer_host; /* numeric address */
	uint16_t peer_port;
	X509 *peer_cert; /* the client's certificate, whose key it has, and no more is known; NULL:
	                    none */
	void *turn;      /* for ca_http_answer(); unlike the rest, good until then */
};

struct ca_http_reply {
	int status;
	const char *content_type; /* static */
	struct tpmiot_buf body;
	unsigned retry_after; /* seconds; 0: no such header */
	const char *allow;    /* of a 405; static; NULL: no such header */
	bool unsettled;       /* says what holds only after settle(): not sent before */
};

/* A reply's status while there is none yet. */
#define CA_HTTP_LATER 0

/*
 * Fills *reply, whose body is then sent and wiped; or leaves CA_HTTP_LATER in it, and sees to it
 * that ca_http_answer() is called, once, before the server is freed.
 */
typedef void ca_http_handler(
    void *arg, const struct ca_http_request *req, struct ca_http_reply *reply);

/* The reply that was left for later; its body stays the caller's. */
void ca_http_answer(void *turn, const struct ca_http_reply *reply);

struct ca_http_options {
	const char *listen; /* "ADDR:PORT", "[ADDR]:PORT"; port 0: any free one */
	int fd; /* a socket that listens already, in place of `listen`, and is ours then; 0: none */
	SSL_CTX *tls; /* borrowed, has to outlive the server */
	size_t max_body;
	int max_connections;
	int timeout; /* seconds a client may take for a request, and be idle between two */
	ca_http_handler *handler;
	void (*tick)(void *arg);   /* called at start and every minute; may be NULL */
	void (*reload)(void *arg); /* called at SIGHUP; may be NULL */
	void (*stop)(void *arg);   /* called at SIGTERM and SIGINT; may be NULL */
	/*
	 * Makes durable what the replies say that are unsettled; false: nothing of it was, and
	 * *failure is what to send instead of each. May be NULL: then there are no such replies.
	 */
	bool (*settle)(void *arg, struct ca_http_reply *failure);
	void *arg; /* of all of these */
};

struct ca_http;

/*
 * Listens, and catches SIGTERM, SIGINT and SIGHUP; connections wait until ca_http_run().
 * TPMIOT_E_NET: cannot listen there.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_http_new(
    const struct ca_http_options *options, struct ca_http **out, struct tpmiot_err *err);
void ca_http_free(struct ca_http **http);

/*
 * From now on with these tls, max_body, max_connections and timeout; the rest stays as it was.
 * Connections that are open keep the TLS and the body limit that they began with.
 */
void ca_http_change(struct ca_http *http, const struct ca_http_options *options);

int ca_http_connections(const struct ca_http *http); /* how many are open */

/* "https://ADDR:PORT", with the port that was got. */
const char *ca_http_url(const struct ca_http *http);

/*
 * Serves until SIGTERM or SIGINT; then stops listening, finishes the requests
 * that have begun (for a few seconds at most) and returns.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_http_run(struct ca_http *http, struct tpmiot_err *err);

#endif
