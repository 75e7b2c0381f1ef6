/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "enroll/cmd/ui.h"
#include "enroll/net/http.h"
#include "enroll/net/pin.h"
#include "enroll/net/retry.h"
#include "enroll/net/url.h"

#define CONNECT_TIMEOUT_S 15L
#define REQUEST_TIMEOUT_S 90L
#define RETRY_AFTER_MAX 3600

struct enroll_http {
	CURL *curl;
	struct curl_slist *headers;
	char *base;  /* the URL without a slash at its end */
	char *where; /* the only trust comes from, for messages; NULL: the system's roots */
	bool pinned; /* the pin is the only trust */
	struct enroll_pin pin;
	int64_t patience;
	int64_t date;                 /* of the reply, 0 if it has none */
	STACK_OF(X509) *client_certs; /* borrowed; NULL: no client certificate */
	EVP_PKEY *client_key;
	char curl_text[CURL_ERROR_SIZE];
};

struct sink {
	struct tpmiot_buf *buf;
	size_t max;
	bool too_long;
};

/* CURLOPT_MAXFILESIZE does not bound chunked replies; this does. */
static size_t
receive(char *data, size_t size, size_t n, void *arg)
{
	struct sink *sink = arg;

	if (size * n > sink->max - sink->buf->len) {
		sink->too_long = true;
		return 0;
	}
	tpmiot_buf_put(sink->buf, data, size * n);
	return sink->buf->failed ? 0 : size * n;
}

static size_t
receive_header(char *line, size_t size, size_t n, void *arg)
{
	static const char name[] = "Date:";
	struct enroll_http *http = arg;
	char text[64] = "";

	if (size * n > strlen(name) && size * n < sizeof(text) &&
	    strncasecmp(line, name, strlen(name)) == 0) {
		memcpy(text, line + strlen(name), size * n - strlen(name));
		http->date = curl_getdate(text, NULL);
	}
	return size * n;
}

/* Called by curl for each new connection. */
static CURLcode
set_tls(CURL *curl, void *ssl_ctx, void *arg)
{
	const struct enroll_http *http = arg;
	STACK_OF(X509) *issuers;
	int ok;

	(void)curl;
	if (http->pinned)
		enroll_pin_apply(ssl_ctx, &http->pin);
	if (http->client_certs == NULL)
		return CURLE_OK;
	issuers = sk_X509_dup(http->client_certs);
	ok = issuers != NULL && SSL_CTX_use_cert_and_key(ssl_ctx, sk_X509_shift(issuers),
	                            http->client_key, issuers, 1) == 1;
	sk_X509_free(issuers);
	return ok ? CURLE_OK : CURLE_SSL_CERTPROBLEM;
}

static int
on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	(void)arg;
	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return enroll_signals_pending() ? 1 : 0;
}

/* ---- Set-up ---------------------------------------------------------------------- */

static enum tpmiot_rc
copy_base(struct enroll_http *http, const char *server, struct tpmiot_err *err)
{
	size_t len = strlen(server);

	while (len > 0 && server[len - 1] == '/')
		len--;
	http->base = strndup(server, len);
	return http->base != NULL ? TPMIOT_OK : tpmiot_err_memory(err);
}

static bool
add_header(struct enroll_http *http, const char *line)
{
	struct curl_slist *longer = curl_slist_append(http->headers, line);

	if (longer != NULL)
		http->headers = longer;
	return longer != NULL;
}

static bool
set_options(struct enroll_http *http)
{
	CURL *curl = http->curl;

	return add_header(http, "Content-Type: application/json") &&
	       add_header(http, "Accept: application/json, application/problem+json") &&
	       add_header(http, "Expect:") && /* one round trip, not two */
	       curl_easy_setopt(curl, CURLOPT_HTTPHEADER, http->headers) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) ==
	           CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) ==
	           CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_TIMEOUT, REQUEST_TIMEOUT_S) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_USERAGENT, "tpmiot-enroll/" PACKAGE_VERSION) ==
	           CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, http->curl_text) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, receive_header) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_HEADERDATA, http) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, set_tls) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, http) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK;
}

/*
 * The CA of a former enrolment stands beside the system's (curl's default CAPATH), because the CA's
 * front end may have a public certificate.
 */
enum tpmiot_rc
enroll_http_new(
    const char *server, const char *known_ca, struct enroll_http **out, struct tpmiot_err *err)
{
	struct enroll_http *http;
	enum tpmiot_rc rc = enroll_url_check(server, err);

	if (rc != TPMIOT_OK)
		return rc;
	http = calloc(1, sizeof(*http));
	if (http == NULL)
		return tpmiot_err_memory(err);
	http->curl = curl_easy_init();
	http->patience = ENROLL_RETRY_PATIENCE;
	rc = copy_base(http, server, err);
	if (rc == TPMIOT_OK && (http->curl == NULL || !set_options(http) ||
	                           (known_ca != NULL && curl_easy_setopt(http->curl, CURLOPT_CAINFO,
	                                                    known_ca) != CURLE_OK)))
		rc = tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "this system's libcurl cannot do what is needed: HTTPS, TLS 1.2");
	if (rc == TPMIOT_OK)
		*out = http;
	else
		enroll_http_free(&http);
	return rc;
}

void
enroll_http_free(struct enroll_http **http)
{
	if (*http == NULL)
		return;
	curl_easy_cleanup((*http)->curl);
	curl_slist_free_all((*http)->headers);
	free((*http)->base);
	free((*http)->where);
	free(*http);
	*http = NULL;
}

/* ---- Requests ---------------------------------------------------------------------- */

static const char *
curl_reason(const struct enroll_http *http, CURLcode code)
{
	return http->curl_text[0] != '\0' ? http->curl_text : curl_easy_strerror(code);
}

static enum tpmiot_rc
not_trusted(const struct enroll_http *http, struct tpmiot_err *err)
{
	long result = 0;
	const char *why;

	(void)curl_easy_getinfo(http->curl, CURLINFO_SSL_VERIFYRESULT, &result);
	why = result != X509_V_OK ? X509_verify_cert_error_string(result) : http->curl_text;
	if (result == X509_V_ERR_CERT_NOT_YET_VALID || result == X509_V_ERR_CERT_HAS_EXPIRED)
		return tpmiot_err_set(err, TPMIOT_E_TRUST,
		    "%s is not trusted: %s; compare this device's clock with the CA's first, "
		    "then renew the server's certificate",
		    http->base, why);
	if (http->pinned)
		return tpmiot_err_set(err, TPMIOT_E_TRUST,
		    "%s is not trusted: no certificate of the chain that it showed has this "
		    "--ca-fingerprint and vouches for it (%s); ask the CA's operator for the one "
		    "of "
		    "today",
		    http->base, why);
	if (http->where != NULL)
		return tpmiot_err_set(err, TPMIOT_E_TRUST,
		    "%s is not trusted: %s. %s is not the one of this CA: fetch ca.crt from the "
		    "CA's directory, by a way you trust, and give it with --ca-file=FILE",
		    http->base, why, http->where);
	return tpmiot_err_set(err, TPMIOT_E_TRUST,
	    "%s is not trusted: %s. Give the CA's certificate with --ca-file=FILE (ca.crt in the "
	    "CA's directory), fetched by a way you trust",
	    http->base, why);
}

/* A server that is being restarted closes in the middle of a handshake; one that speaks no TLS, or
 * refuses us, says something. */
static bool
was_cut_short(const char *reason)
{
	static const char *const signs[] = { "SSL_ERROR_SYSCALL", "unexpected eof", "reset by peer",
		"Broken pipe" };

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (strstr(reason, signs[i]) != NULL)
			return true;
	return false;
}

static enum tpmiot_rc
broke_off(const struct enroll_http *http, const char *reason, struct tpmiot_err *err)
{
	return tpmiot_err_set(err, TPMIOT_E_NET,
	    "%s broke off: %s; see that the CA runs, then run the same command again", http->base,
	    reason);
}

static enum tpmiot_rc
explain(
    const struct enroll_http *http, CURLcode code, const struct sink *sink, struct tpmiot_err *err)
{
	const char *reason = curl_reason(http, code);

	switch (code) {
	case CURLE_PEER_FAILED_VERIFICATION:
		return not_trusted(http, err);
	case CURLE_SSL_CACERT_BADFILE:
		return tpmiot_err_set(err, TPMIOT_E_TRUST,
		    "%s holds no CA certificate in PEM form; it should be the ca.crt of the CA",
		    http->where != NULL ? http->where : "the file of trusted CAs");
	case CURLE_SSL_CONNECT_ERROR:
		if (was_cut_short(reason))
			return broke_off(http, reason, err);
		return tpmiot_err_set(err, TPMIOT_E_TRUST,
		    "%s: no TLS connection: %s; is this the port of the CA?", http->base, reason);
	case CURLE_ABORTED_BY_CALLBACK:
		return tpmiot_err_set(
		    err, TPMIOT_E_IO, "interrupted; the same command again goes on from here");
	case CURLE_OUT_OF_MEMORY:
		return tpmiot_err_memory(err);
	case CURLE_WRITE_ERROR:
		if (sink->too_long)
			return tpmiot_err_set(err, TPMIOT_E_TRUST,
			    "%s sent a reply of more than %zu bytes: no CA does so; "
			    "check --server",
			    http->base, sink->max);
		return tpmiot_err_memory(err);
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
		return broke_off(http, reason, err);
	default:
		return tpmiot_err_set(err, TPMIOT_E_NET,
		    "%s is not reachable: %s; check the address, the network, and that the CA runs",
		    http->base, reason);
	}
}

/* Media types are compared without their parameters. */
static bool
is_type(const char *content_type, const char *want)
{
	size_t len = strlen(want);

	return content_type != NULL && strncasecmp(content_type, want, len) == 0 &&
	       (content_type[len] == '\0' || content_type[len] == ';' || content_type[len] == ' ');
}

static void
read_head(struct enroll_http *http, struct enroll_http_reply *reply)
{
	CURL *curl = http->curl;
	const char *content_type = NULL;
	curl_off_t wait = 0;

	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply->status);
	(void)curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &content_type);
	(void)curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &wait);
	reply->json = is_type(content_type, "application/json");
	reply->problem = is_type(content_type, "application/problem+json");
	reply->retry_after = wait <= 0                ? 0
	                     : wait > RETRY_AFTER_MAX ? RETRY_AFTER_MAX
	                                              : (unsigned)wait;
	reply->date = http->date > 0 ? http->date : 0;
}

/* The method and its body are set. */
static enum tpmiot_rc
perform(struct enroll_http *http, const char *path, size_t max, struct enroll_http_reply *out,
    struct tpmiot_err *err)
{
	struct enroll_http_reply reply = { .body = TPMIOT_BUF_INIT };
	struct sink sink = { &reply.body, max, false };
	struct tpmiot_buf url = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc = TPMIOT_OK;
	CURLcode code;

	tpmiot_buf_printf(&url, "%s%s", http->base, path);
	if (tpmiot_buf_cstr(&url) == NULL ||
	    curl_easy_setopt(http->curl, CURLOPT_URL, url.data) != CURLE_OK ||
	    curl_easy_setopt(http->curl, CURLOPT_WRITEDATA, &sink) != CURLE_OK) {
		rc = tpmiot_err_memory(err);
		goto out;
	}
	http->curl_text[0] = '\0';
	http->date = 0;
	code = curl_easy_perform(http->curl);
	if (code != CURLE_OK) {
		rc = explain(http, code, &sink, err);
		goto out;
	}
	read_head(http, &reply);
	*out = reply;
	reply.body = (struct tpmiot_buf)TPMIOT_BUF_INIT;
out:
	tpmiot_buf_free(&reply.body);
	tpmiot_buf_free(&url);
	return rc;
}

/* The usual headers, with this request's own in front. NULL: out of memory. */
static struct curl_slist *
headers_with(const struct enroll_http *http, const struct enroll_http_extra *extra)
{
	struct tpmiot_buf type = TPMIOT_BUF_INIT, auth = TPMIOT_BUF_INIT;
	struct curl_slist *list = NULL;
	bool ok;

	tpmiot_buf_printf(&type, "Content-Type: %s",
	    extra->content_type != NULL ? extra->content_type : "application/json");
	tpmiot_buf_printf(
	    &auth, "Authorization: %s", extra->authorization != NULL ? extra->authorization : "");
	ok = tpmiot_buf_cstr(&type) != NULL && tpmiot_buf_cstr(&auth) != NULL &&
	     (list = curl_slist_append(NULL, (const char *)type.data)) != NULL;
	if (ok && extra->authorization != NULL)
		ok = curl_slist_append(list, (const char *)auth.data) != NULL;
	for (const struct curl_slist *at = http->headers; ok && at != NULL; at = at->next)
		if (strncmp(at->data, "Content-Type:", 13) != 0)
			ok = curl_slist_append(list, at->data) != NULL;
	tpmiot_buf_free(&type);
	tpmiot_buf_free(&auth);
	if (!ok) {
		curl_slist_free_all(list);
		list = NULL;
	}
	return list;
}

static enum tpmiot_rc
perform_with(struct enroll_http *http, const char *path, const struct enroll_http_extra *extra,
    size_t max, struct enroll_http_reply *out, struct tpmiot_err *err)
{
	struct curl_slist *headers = headers_with(http, extra);
	enum tpmiot_rc rc;

	if (headers == NULL ||
	    curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, headers) != CURLE_OK)
		rc = tpmiot_err_memory(err);
	else
		rc = perform(http, path, max, out, err);
	(void)curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, http->headers);
	(void)curl_easy_setopt(http->curl, CURLOPT_CUSTOMREQUEST, NULL);
	curl_slist_free_all(headers);
	return rc;
}

enum tpmiot_rc
enroll_http_put(struct enroll_http *http, const char *path, const struct tpmiot_buf *body,
    const struct enroll_http_extra *extra, size_t max, struct enroll_http_reply *out,
    struct tpmiot_err *err)
{
	if (curl_easy_setopt(http->curl, CURLOPT_POST, 1L) != CURLE_OK ||
	    curl_easy_setopt(http->curl, CURLOPT_POSTFIELDS, body->data) != CURLE_OK ||
	    curl_easy_setopt(http->curl, CURLOPT_POSTFIELDSIZE, (long)body->len) != CURLE_OK ||
	    curl_easy_setopt(http->curl, CURLOPT_CUSTOMREQUEST, "PUT") != CURLE_OK)
		return tpmiot_err_memory(err);
	return perform_with(http, path, extra, max, out, err);
}

enum tpmiot_rc
enroll_http_get_as(struct enroll_http *http, const char *path,
    const struct enroll_http_extra *extra, size_t max, struct enroll_http_reply *out,
    struct tpmiot_err *err)
{
	if (curl_easy_setopt(http->curl, CURLOPT_HTTPGET, 1L) != CURLE_OK)
		return tpmiot_err_memory(err);
	return perform_with(http, path, extra, max, out, err);
}

enum tpmiot_rc
enroll_http_post(struct enroll_http *http, const char *path, const struct tpmiot_buf *body,
    size_t max, struct enroll_http_reply *out, struct tpmiot_err *err)
{
	if (curl_easy_setopt(http->curl, CURLOPT_POST, 1L) != CURLE_OK ||
	    curl_easy_setopt(http->curl, CURLOPT_POSTFIELDS, body->data) != CURLE_OK ||
	    curl_easy_setopt(http->curl, CURLOPT_POSTFIELDSIZE, (long)body->len) != CURLE_OK)
		return tpmiot_err_memory(err);
	return perform(http, path, max, out, err);
}

enum tpmiot_rc
enroll_http_get(struct enroll_http *http, const char *path, size_t max,
    struct enroll_http_reply *out, struct tpmiot_err *err)
{
	if (curl_easy_setopt(http->curl, CURLOPT_HTTPGET, 1L) != CURLE_OK)
		return tpmiot_err_memory(err);
	return perform(http, path, max, out, err);
}

enum tpmiot_rc
enroll_http_set_client(
    struct enroll_http *http, STACK_OF(X509) *certs, EVP_PKEY *key, struct tpmiot_err *err)
{
	if (sk_X509_num(certs) < 1 ||
	    EVP_PKEY_eq(X509_get0_pubkey(sk_X509_value(certs, 0)), key) != 1)
		return tpmiot_err_set(err, TPMIOT_E_CONFLICT,
		    "the certificate is for another key; 'tpmiot-enroll enroll' gets a new one");
	http->client_certs = certs;
	http->client_key = key;
	return TPMIOT_OK;
}

enum tpmiot_rc
enroll_http_trust(
    struct enroll_http *http, const char *ca_pem, const char *where, struct tpmiot_err *err)
{
	struct curl_blob blob = { .len = strlen(ca_pem), .flags = CURL_BLOB_COPY };

	blob.data = (void *)(uintptr_t)ca_pem; /* which curl only reads */
	free(http->where);
	http->where = strdup(where);
	if (http->where == NULL ||
	    curl_easy_setopt(http->curl, CURLOPT_CAINFO_BLOB, &blob) != CURLE_OK ||
	    curl_easy_setopt(http->curl, CURLOPT_CAPATH, NULL) != CURLE_OK)
		return tpmiot_err_memory(err);
	return TPMIOT_OK;
}

enum tpmiot_rc
enroll_http_pin(struct enroll_http *http, const char *fingerprint, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = enroll_pin_parse(fingerprint, &http->pin, err);

	if (rc != TPMIOT_OK)
		return rc;
	http->pinned = true;
	/* No file of roots has to be there. */
	if (curl_easy_setopt(http->curl, CURLOPT_CAINFO, NULL) != CURLE_OK ||
	    curl_easy_setopt(http->curl, CURLOPT_CAPATH, NULL) != CURLE_OK)
		return tpmiot_err_memory(err);
	return TPMIOT_OK;
}

void
enroll_http_set_patience(struct enroll_http *http, int64_t seconds)
{
	http->patience = seconds;
}

int64_t
enroll_http_patience(const struct enroll_http *http)
{
	return http->patience;
}

void
enroll_http_reply_free(struct enroll_http_reply *reply)
{
	tpmiot_buf_free(&reply->body);
}
