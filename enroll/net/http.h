/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One CA over HTTPS. Only https, TLS 1.2 or later, verification always on, no
 * redirect; replies are bounded however they are framed. The connection is kept
 * between requests.
 */
#ifndef ENROLL_HTTP_H
#define ENROLL_HTTP_H

#include <stdbool.h>

#include <openssl/x509.h>

#include <tpmiot/buf.h>

struct enroll_http;

struct enroll_http_reply {
	long status;
	bool problem;         /* application/problem+json */
	bool json;            /* application/json */
	unsigned retry_after; /* seconds, 0 if not said */
	int64_t date;         /* the server's clock, seconds since the epoch; 0 if not said */
	struct tpmiot_buf body;
};

/*
 * server: an https:// URL (enroll/net/url.h), to which the protocol's paths are
 * added. Trusted are the system's certificates, and those in known_ca, the file of a
 * former enrolment, unless that is NULL. Strings are copied.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_http_new(
    const char *server, const char *known_ca, struct enroll_http **out, struct tpmiot_err *err);
void enroll_http_free(struct enroll_http **http);

/*
 * Posts JSON to path ("/v1/attestations"). TPMIOT_OK whatever the status is;
 * TPMIOT_E_NET if no reply came, TPMIOT_E_TRUST if the server is not who it
 * should be. The body of the reply is at most max bytes.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_http_post(struct enroll_http *http, const char *path,
    const struct tpmiot_buf *body, size_t max, struct enroll_http_reply *out,
    struct tpmiot_err *err);

/* What one request may need beside a path. */
struct enroll_http_extra {
	const char *content_type;  /* of the body; NULL: application/json */
	const char *authorization; /* NULL: no such header */
};

/* The same by PUT. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_http_put(struct enroll_http *http, const char *path,
    const struct tpmiot_buf *body, const struct enroll_http_extra *extra, size_t max,
    struct enroll_http_reply *out, struct tpmiot_err *err);

/* The same by GET with an Authorization header. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_http_get_as(struct enroll_http *http, const char *path,
    const struct enroll_http_extra *extra, size_t max, struct enroll_http_reply *out,
    struct tpmiot_err *err);

/* The same without a body. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_http_get(struct enroll_http *http, const char *path,
    size_t max, struct enroll_http_reply *out, struct tpmiot_err *err);

/*
 * Before the first request: a TLS client certificate with its issuers, and its key, which may
 * live behind any provider and context. Borrowed until enroll_http_free().
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_http_set_client(
    struct enroll_http *http, STACK_OF(X509) *certs, EVP_PKEY *key, struct tpmiot_err *err);

/*
 * Before the first request: trust in these certificates (PEM) and nobody else. `where` is what
 * messages call the place they come from. Both are copied.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_http_trust(
    struct enroll_http *http, const char *ca_pem, const char *where, struct tpmiot_err *err);

/*
 * Before the first request: trust in nothing but chains with the certificate of this SHA-256
 * (enroll/net/pin.h). TPMIOT_E_USAGE: that is none.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_http_pin(
    struct enroll_http *http, const char *fingerprint, struct tpmiot_err *err);

/*
 * For how many seconds whoever sends again what failed may do so (enroll/net/retry.h); it is kept
 * here for them.
 */
void enroll_http_set_patience(struct enroll_http *http, int64_t seconds);
int64_t enroll_http_patience(const struct enroll_http *http);

void enroll_http_reply_free(struct enroll_http_reply *reply);

#endif
