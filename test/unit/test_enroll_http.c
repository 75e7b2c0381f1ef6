/* SPDX-License-Identifier: Apache-2.0 */
/* HTTPS against a server that answers what it is told: honest, broken, hostile. */
#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <curl/curl.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "enroll/net/cafile.h"
#include "enroll/net/exchange.h"
#include "enroll/net/retry.h"
#include "enroll/net/server.h"
#include "enroll/net/url.h"
#include "unit.h"

#define JSON "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
#define GOOD JSON "Content-Length: 2\r\n\r\n{}"
#define CUT_SHORT "cut short"
#define MAX 1000

struct fixture {
	EVP_PKEY *key;
	X509 *cert;  /* for 127.0.0.1, its own CA */
	X509 *other; /* shown as well; NULL: none */
	char ca_file[64];
	char url[64];
	int listener;
	pid_t server;
	struct enroll_http *http;
	struct enroll_ui ui;
	struct tpmiot_err err;
};

/* ---- The server ------------------------------------------------------------------ */

static X509 *
new_cert(EVP_PKEY *key, const char *san)
{
	X509 *cert = X509_new();
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);

	assert_true(cert != NULL && ext != NULL);
	(void)X509_set_version(cert, X509_VERSION_3);
	(void)ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	(void)X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
	    (const unsigned char *)"test", -1, -1, 0);
	(void)X509_set_issuer_name(cert, X509_get_subject_name(cert));
	(void)X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	(void)X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	(void)X509_set_pubkey(cert, key);
	assert_int_equal(X509_add_ext(cert, ext, -1), 1);
	X509_EXTENSION_free(ext);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	return cert;
}

/* Reads a request to its last byte: a server that closes earlier would be a broken connection. */
static void
read_request(SSL *ssl)
{
	static const char field[] = "Content-Length: ";
	char request[4096] = "";
	const char *end, *at;
	size_t have = 0;
	int n;

	while ((n = SSL_read(ssl, request + have, (int)(sizeof(request) - 1 - have))) > 0) {
		have += (size_t)n;
		request[have] = '\0';
		end = strstr(request, "\r\n\r\n");
		at = strstr(request, field);
		if (end != NULL && strncmp(request, "GET ", 4) == 0)
			return;
		if (end != NULL && at != NULL &&
		    have >= (size_t)(end + 4 - request) + strtoul(at + strlen(field), NULL, 10))
			return;
	}
}

/* One connection for each answer; an empty one hangs up after the request, CUT_SHORT in the middle
 * of the handshake. */
static void
serve(const struct fixture *f, const char *const *answers)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	char hello[4096];
	SSL *ssl;
	int fd;

	(void)SSL_CTX_use_certificate(ctx, f->cert);
	(void)SSL_CTX_use_PrivateKey(ctx, f->key);
	if (f->other != NULL)
		(void)SSL_CTX_add1_chain_cert(ctx, f->other);
	for (; *answers != NULL; answers++) {
		fd = accept(f->listener, NULL, NULL);
		if (strcmp(*answers, CUT_SHORT) == 0) {
			assert_true(read(fd, hello, sizeof(hello)) > 0);
			(void)close(fd);
			continue;
		}
		ssl = SSL_new(ctx);
		(void)SSL_set_fd(ssl, fd);
		if (SSL_accept(ssl) == 1) {
			read_request(ssl);
			if ((*answers)[0] != '\0')
				(void)SSL_write(ssl, *answers, (int)strlen(*answers));
			(void)SSL_shutdown(ssl);
		}
		SSL_free(ssl);
		(void)close(fd);
	}
	SSL_CTX_free(ctx);
}

static void
connect_by_file(struct fixture *f)
{
	struct enroll_server server = { .url = f->url, .ca_file = f->ca_file };

	assert_ok(enroll_server_open(NULL, &server, &f->http, &f->err), &f->err);
	enroll_server_free(&server);
}

static void
start(struct fixture *f, const char *const *answers)
{
	(void)fflush(NULL);
	f->server = fork();
	assert_true(f->server >= 0);
	if (f->server == 0) {
		(void)signal(SIGPIPE, SIG_IGN);
		serve(f, answers);
		_exit(0);
	}
	connect_by_file(f);
}

#define START(f, ...) start(f, (const char *const[]){ __VA_ARGS__, NULL })

static void
listen_somewhere(struct fixture *f)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t len = sizeof(addr);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	f->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(f->listener >= 0);
	assert_int_equal(bind(f->listener, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(listen(f->listener, 8), 0);
	assert_int_equal(getsockname(f->listener, (struct sockaddr *)&addr, &len), 0);
	(void)snprintf(f->url, sizeof(f->url), "https://127.0.0.1:%u/", ntohs(addr.sin_port));
}

static void
write_ca(struct fixture *f)
{
	FILE *file = fopen(f->ca_file, "w");

	assert_non_null(file);
	assert_int_equal(PEM_write_X509(file, f->cert), 1);
	assert_int_equal(fclose(file), 0);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int fd;

	assert_non_null(f);
	f->key = EVP_EC_gen("P-256");
	f->cert = new_cert(f->key, "IP:127.0.0.1");
	(void)strcpy(f->ca_file, "/tmp/tpmiot-http.XXXXXX");
	fd = mkstemp(f->ca_file);
	assert_true(fd >= 0);
	(void)close(fd);
	write_ca(f);
	listen_somewhere(f);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	enroll_http_free(&f->http);
	if (f->server > 0) {
		(void)kill(f->server, SIGKILL);
		(void)waitpid(f->server, NULL, 0);
	}
	(void)close(f->listener);
	(void)unlink(f->ca_file);
	X509_free(f->cert);
	X509_free(f->other);
	EVP_PKEY_free(f->key);
	free(f);
	return 0;
}

static enum tpmiot_rc
post(struct fixture *f, struct enroll_http_reply *reply)
{
	struct tpmiot_buf body = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	tpmiot_buf_put_str(&body, "{\"a\":1}");
	rc = enroll_http_post(f->http, "/v1/attestations", &body, MAX, reply, &f->err);
	tpmiot_buf_free(&body);
	return rc;
}

/* ---- Replies --------------------------------------------------------------------------- */

static void
test_post(void **state)
{
	struct fixture *f = *state;
	struct enroll_http_reply reply;

	START(f, GOOD);
	assert_ok(post(f, &reply), &f->err);
	assert_int_equal(reply.status, 200);
	assert_true(reply.json);
	assert_false(reply.problem);
	assert_int_equal(reply.body.len, 2);
	enroll_http_reply_free(&reply);
}

static void
test_post_problem(void **state)
{
	struct fixture *f = *state;
	struct enroll_http_reply reply;

	START(f, "HTTP/1.1 429 No\r\nContent-Type: application/problem+json\r\n"
	         "Retry-After: 17\r\nContent-Length: 0\r\n\r\n");
	assert_ok(post(f, &reply), &f->err);
	assert_int_equal(reply.status, 429);
	assert_true(reply.problem);
	assert_int_equal(reply.retry_after, 17);
	enroll_http_reply_free(&reply);
}

static void
test_get_date(void **state)
{
	struct fixture *f = *state;
	struct enroll_http_reply reply;

	START(f,
	    "HTTP/1.1 405 No\r\nDate: Thu, 01 Jan 2026 00:00:10 GMT\r\nContent-Length: 0\r\n\r\n",
	    "HTTP/1.1 405 No\r\nDate: when the sun is up\r\nContent-Length: 0\r\n\r\n");
	assert_ok(enroll_http_get(f->http, "/", MAX, &reply, &f->err), &f->err);
	assert_int_equal(reply.status, 405);
	assert_int_equal(reply.date, 1767225610);
	enroll_http_reply_free(&reply);
	assert_ok(enroll_http_get(f->http, "/", MAX, &reply, &f->err), &f->err);
	assert_int_equal(reply.date, 0);
	enroll_http_reply_free(&reply);
}

static void
test_post_does_not_follow(void **state)
{
	struct fixture *f = *state;
	struct enroll_http_reply reply;

	START(f, "HTTP/1.1 302 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
	    GOOD);
	assert_ok(post(f, &reply), &f->err);
	assert_int_equal(reply.status, 302);
	enroll_http_reply_free(&reply);
}

/* A thousand bytes fit, one more does not, however they are framed. */
static void
test_post_bounds(void **state)
{
	static const char head[] = JSON "Transfer-Encoding: chunked\r\n\r\n";
	struct fixture *f = *state;
	struct enroll_http_reply reply;
	char fits[2000], chunked[2000], plain[2000];
	char data[MAX + 2];

	memset(data, ' ', sizeof(data) - 1);
	data[MAX + 1] = '\0';
	(void)snprintf(fits, sizeof(fits), "%s3e8\r\n%.*s\r\n0\r\n\r\n", head, MAX, data);
	(void)snprintf(
	    chunked, sizeof(chunked), "%s3e8\r\n%.*s\r\n1\r\n \r\n0\r\n\r\n", head, MAX, data);
	(void)snprintf(plain, sizeof(plain), JSON "Content-Length: 1001\r\n\r\n%s", data);
	START(f, fits, chunked, plain);
	assert_ok(post(f, &reply), &f->err);
	assert_int_equal(reply.body.len, MAX);
	enroll_http_reply_free(&reply);
	assert_refused(post(f, &reply), TPMIOT_E_TRUST, &f->err, "more than 1000 bytes");
	assert_refused(post(f, &reply), TPMIOT_E_TRUST, &f->err, "more than 1000 bytes");
}

static void
test_post_hangs_up(void **state)
{
	struct fixture *f = *state;
	struct enroll_http_reply reply;

	START(f, "", JSON "Content-Length: 100\r\n\r\nonly");
	assert_refused(post(f, &reply), TPMIOT_E_NET, &f->err, "broke off");
	assert_refused(post(f, &reply), TPMIOT_E_NET, &f->err, "broke off");
}

static void
test_post_nobody_there(void **state)
{
	struct fixture *f = *state;
	struct enroll_http_reply reply;

	(void)close(f->listener);
	f->listener = -1;
	connect_by_file(f);
	assert_refused(post(f, &reply), TPMIOT_E_NET, &f->err, "not reachable");
}

/* ---- Trust ------------------------------------------------------------------------------- */

/* The file holds a CA of the same name with another key. */
static void
test_post_other_ca(void **state)
{
	struct fixture *f = *state;
	struct enroll_http_reply reply;

	START(f, GOOD);
	X509_free(f->cert);
	EVP_PKEY_free(f->key);
	f->key = EVP_EC_gen("P-256");
	f->cert = new_cert(f->key, "IP:127.0.0.1");
	write_ca(f);
	enroll_http_free(&f->http);
	connect_by_file(f);
	assert_refused(post(f, &reply), TPMIOT_E_TRUST, &f->err, "not the one of this CA");
}

static void
test_post_other_host(void **state)
{
	struct fixture *f = *state;
	struct enroll_http_reply reply;

	X509_free(f->cert);
	f->cert = new_cert(f->key, "DNS:somebody.else");
	write_ca(f);
	START(f, GOOD);
	assert_refused(post(f, &reply), TPMIOT_E_TRUST, &f->err, "not trusted");
}

static void
test_post_system_trust_only(void **state)
{
	struct fixture *f = *state;
	struct enroll_http_reply reply;

	START(f, GOOD);
	enroll_http_free(&f->http);
	assert_ok(enroll_http_new(f->url, NULL, &f->http, &f->err), &f->err);
	assert_refused(post(f, &reply), TPMIOT_E_TRUST, &f->err, "--ca-file=FILE");
}

static void
test_post_known_ca(void **state)
{
	struct fixture *f = *state;
	struct enroll_http_reply reply;

	START(f, GOOD);
	enroll_http_free(&f->http);
	assert_ok(enroll_http_new(f->url, f->ca_file, &f->http, &f->err), &f->err);
	assert_ok(post(f, &reply), &f->err);
	enroll_http_reply_free(&reply);
}

/* ---- Known by a fingerprint --------------------------------------------------------------- */

static const char *
fingerprint_of(const X509 *cert, const char *separator)
{
	static char text[3 * 32 + 1];
	uint8_t sha256[32];

	assert_int_equal(X509_digest(cert, EVP_sha256(), sha256, NULL), 1);
	text[0] = '\0';
	for (size_t i = 0; i < sizeof(sha256); i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%02X",
		    i > 0 ? separator : "", sha256[i]);
	return text;
}

/* A connection that knows the server by its fingerprint only. */
static void
connect_pinned(struct fixture *f, const char *fingerprint)
{
	enroll_http_free(&f->http);
	assert_ok(enroll_http_new(f->url, NULL, &f->http, &f->err), &f->err);
	assert_ok(enroll_http_pin(f->http, fingerprint, &f->err), &f->err);
}

static void
test_pin(void **state)
{
	struct fixture *f = *state;
	struct enroll_http_reply reply;

	START(f, GOOD, GOOD, GOOD);
	for (int i = 0; i < 2; i++) {
		connect_pinned(f, fingerprint_of(f->cert, i == 0 ? ":" : ""));
		assert_ok(post(f, &reply), &f->err);
		enroll_http_reply_free(&reply);
	}
}

static void
expect_not_trusted(struct fixture *f)
{
	struct enroll_http_reply reply;

	assert_int_equal(post(f, &reply), TPMIOT_E_TRUST);
	assert_non_null(strstr(f->err.text, "not trusted"));
}

static void
test_pin_of_another(void **state)
{
	struct fixture *f = *state;
	char fingerprint[65];

	START(f, GOOD);
	(void)snprintf(fingerprint, sizeof(fingerprint), "%s", fingerprint_of(f->cert, ""));
	fingerprint[63] = fingerprint[63] == '0' ? '1' : '0';
	connect_pinned(f, fingerprint);
	expect_not_trusted(f);
	assert_non_null(strstr(f->err.text, "--ca-fingerprint"));
}

/* The pinned certificate is public: who shows it has not proved anything. */
static void
test_pin_that_did_not_sign(void **state)
{
	struct fixture *f = *state;
	EVP_PKEY *key = EVP_EC_gen("P-256");

	f->other = new_cert(key, "IP:127.0.0.1");
	EVP_PKEY_free(key);
	START(f, GOOD);
	connect_pinned(f, fingerprint_of(f->other, ""));
	expect_not_trusted(f);
}

/* As tpmiot-ca shows its own: the server's certificate, then the one that it is signed by. */
static void
test_pin_of_the_issuer(void **state)
{
	struct fixture *f = *state;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509_EXTENSION *ext;
	struct enroll_http_reply reply;

	f->other = new_cert(key, "DNS:ca");
	ext = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
	assert_int_equal(X509_add_ext(f->other, ext, -1), 1);
	X509_EXTENSION_free(ext);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(f->other), "O", MBSTRING_ASC,
	    (const unsigned char *)"issuer", -1, -1, 0);
	assert_int_equal(X509_set_issuer_name(f->other, X509_get_subject_name(f->other)), 1);
	assert_true(X509_sign(f->other, key, EVP_sha256()) > 0);
	assert_int_equal(X509_set_issuer_name(f->cert, X509_get_subject_name(f->other)), 1);
	assert_true(X509_sign(f->cert, key, EVP_sha256()) > 0);
	EVP_PKEY_free(key);
	START(f, GOOD);
	connect_pinned(f, fingerprint_of(f->other, ""));
	assert_ok(post(f, &reply), &f->err);
	enroll_http_reply_free(&reply);
}

static void
test_pin_other_host(void **state)
{
	struct fixture *f = *state;

	X509_free(f->cert);
	f->cert = new_cert(f->key, "IP:127.0.0.2");
	START(f, GOOD);
	connect_pinned(f, fingerprint_of(f->cert, ""));
	expect_not_trusted(f);
}

static void
test_pin_parse(void **state)
{
	struct fixture *f = *state;
	char text[100];

	START(f, GOOD);
	for (size_t len = 0; len < sizeof(text); len++) {
		memset(text, 'a', len);
		text[len] = '\0';
		assert_int_equal(enroll_http_pin(f->http, text, &f->err),
		    len == 64 ? TPMIOT_OK : TPMIOT_E_USAGE);
	}
	text[64] = '\0';
	text[10] = 'g';
	assert_int_equal(enroll_http_pin(f->http, text, &f->err), TPMIOT_E_USAGE);
	text[10] = ':';
	assert_int_equal(enroll_http_pin(f->http, text, &f->err), TPMIOT_E_USAGE);
	assert_non_null(strstr(f->err.text, "64 hexadecimal digits"));
}

/* The certificates of the file, and not what else stands in it. */
static void
test_cafile_read(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_buf pem = TPMIOT_BUF_INIT;
	FILE *file;

	assert_refused(enroll_cafile_read("/nowhere/ca.crt", &pem, &f->err), TPMIOT_E_TRUST,
	    &f->err, "/nowhere/ca.crt");
	assert_refused(enroll_cafile_read("/dev/null", &pem, &f->err), TPMIOT_E_TRUST, &f->err,
	    "no PEM certificate");
	assert_refused(enroll_cafile_read("/tmp", &pem, &f->err), TPMIOT_E_TRUST, &f->err, "/tmp");
	assert_refused(
	    enroll_cafile_read("/dev/zero", &pem, &f->err), TPMIOT_E_TRUST, &f->err, "more than");
	assert_int_equal(pem.len, 0);
	file = fopen(f->ca_file, "w");
	assert_non_null(file);
	assert_true(fputs("a remark\n", file) >= 0);
	assert_int_equal(PEM_write_X509(file, f->cert), 1);
	assert_int_equal(PEM_write_PrivateKey(file, f->key, NULL, NULL, 0, NULL, NULL), 1);
	assert_int_equal(PEM_write_X509(file, f->cert), 1);
	assert_int_equal(fclose(file), 0);
	assert_ok(enroll_cafile_read(f->ca_file, &pem, &f->err), &f->err);
	assert_null(strstr((const char *)pem.data, "PRIVATE"));
	assert_null(strstr((const char *)pem.data, "remark"));
	assert_non_null(strstr((const char *)pem.data + 20, "BEGIN CERTIFICATE"));
	tpmiot_buf_free(&pem);
}

/* What was in the file is remembered: the file may be gone, or be another one. */
static void
test_server_outlives_its_file(void **state)
{
	struct fixture *f = *state;
	struct enroll_server given = { .url = f->url, .ca_file = f->ca_file };
	struct enroll_server known = ENROLL_SERVER_INIT, other = { .url = "https://other" };
	struct enroll_state opened = ENROLL_STATE_INIT;
	char dir[] = "/tmp/tpmiot-http.XXXXXX", file[64];
	struct enroll_http_reply reply;

	assert_non_null(mkdtemp(dir));
	assert_ok(enroll_state_open(dir, &opened, &f->err), &f->err);
	START(f, GOOD);
	enroll_http_free(&f->http);
	assert_ok(enroll_server_open(dir, &given, &f->http, &f->err), &f->err);
	assert_ok(enroll_server_remember(&opened, &given, &f->err), &f->err);
	enroll_http_free(&f->http);
	assert_int_equal(unlink(f->ca_file), 0);
	assert_ok(enroll_server_recall(dir, &known, &f->err), &f->err);
	assert_string_equal(known.url, f->url);
	assert_ok(enroll_server_open(dir, &known, &f->http, &f->err), &f->err);
	assert_ok(post(f, &reply), &f->err);
	enroll_http_reply_free(&reply);
	assert_ok(enroll_server_recall(dir, &other, &f->err), &f->err);
	assert_null(other.ca_pem);
	enroll_server_free(&given);
	enroll_server_free(&known);
	enroll_server_free(&other);
	enroll_state_close(&opened);
	(void)snprintf(file, sizeof(file), "%s/" ENROLL_SERVER_FILE, dir);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void
test_check_server(void **state)
{
	static const struct {
		const char *url, *word;
	} bad[] = {
		{ "http://ca", "join token" },
		{ "ftp://ca", "only https" },
		{ "ca.example:8443", "https://ca.example:8443" },
		{ "https://", "no URL" },
		{ "https://u:p@ca", "no place" },
		{ "https://ca/?q", "no place" },
		{ "https://ca/#f", "no place" },
	};
	struct tpmiot_err err;
	size_t i;

	(void)state;
	assert_ok(enroll_url_check("https://ca.example:8443/sub", &err), &err);
	assert_ok(enroll_url_check("HTTPS://[::1]/", &err), &err);
	for (i = 0; i < COUNT(bad); i++)
		assert_refused(
		    enroll_url_check(bad[i].url, &err), TPMIOT_E_USAGE, &err, bad[i].word);
}

/* ---- Tries --------------------------------------------------------------------------------- */

static enum tpmiot_rc
exchange(struct fixture *f, struct enroll_msg_problem *problem)
{
	struct tpmiot_buf body = TPMIOT_BUF_INIT, reply = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	tpmiot_buf_put_str(&body, "{}");
	rc = enroll_exchange(f->http, &f->ui, "/v1/certificates", &body, &reply, problem, &f->err);
	if (rc == TPMIOT_OK)
		assert_int_equal(reply.len, 2);
	tpmiot_buf_free(&body);
	tpmiot_buf_free(&reply);
	return rc;
}

static void
test_exchange_tries_again(void **state)
{
	struct fixture *f = *state;
	struct enroll_msg_problem problem;

	START(f, "", "HTTP/1.1 503 No\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n", GOOD);
	assert_ok(exchange(f, &problem), &f->err);
}

/* Whatever is between us and the CA, or a CA that trips: what passes is waited for. */
static void
test_exchange_outlasts_what_passes(void **state)
{
	struct fixture *f = *state;
	struct enroll_msg_problem problem;

	START(f, CUT_SHORT,
	    "HTTP/1.1 502 No\r\nRetry-After: 1\r\nContent-Type: text/html\r\nContent-Length: "
	    "2\r\n\r\nhi",
	    "HTTP/1.1 500 No\r\nRetry-After: 1\r\nContent-Type: application/problem+json\r\n"
	    "Content-Length: 45\r\n\r\n{\"type\": \"urn:tpmiot:problem:server-error\"}  ",
	    GOOD);
	assert_ok(exchange(f, &problem), &f->err);
}

static void
test_exchange_has_an_end(void **state)
{
	struct fixture *f = *state;
	struct enroll_msg_problem problem;

	START(f, "HTTP/1.1 502 No\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi",
	    CUT_SHORT);
	enroll_http_set_patience(f->http, 0);
	assert_refused(exchange(f, &problem), TPMIOT_E_NET, &f->err, "try again later");
	assert_refused(exchange(f, &problem), TPMIOT_E_NET, &f->err, "broke off");
	(void)close(f->listener);
	f->listener = -1;
	(void)kill(f->server, SIGKILL);
	(void)waitpid(f->server, NULL, 0);
	f->server = 0;
	assert_refused(exchange(f, &problem), TPMIOT_E_NET, &f->err, "not reachable");
}

static void
test_retry_delay(void **state)
{
	static const struct {
		enum tpmiot_rc rc;
		long status;
		unsigned retry_after, first, second;
	} cases[] = {
		{ TPMIOT_E_NET, 0, 0, 1, 2 },
		{ TPMIOT_E_TRUST, 0, 0, 0, 0 },
		{ TPMIOT_OK, 200, 0, 0, 0 },
		{ TPMIOT_OK, 403, 0, 0, 0 },
		{ TPMIOT_OK, 501, 0, 0, 0 },
		{ TPMIOT_OK, 505, 0, 0, 0 },
		{ TPMIOT_OK, 429, 0, 1, 2 },
		{ TPMIOT_OK, 503, 45, 45, 45 },
		{ TPMIOT_OK, 504, 101, 0, 0 },
	};
	struct enroll_retry retry;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct enroll_http_reply reply = { .status = cases[i].status,
			.retry_after = cases[i].retry_after };

		enroll_retry_start(&retry, 99);
		assert_int_equal(enroll_retry_delay(&retry, cases[i].rc, &reply), cases[i].first);
		assert_int_equal(enroll_retry_delay(&retry, cases[i].rc, &reply), cases[i].second);
		enroll_retry_start(&retry, 0);
		assert_int_equal(enroll_retry_delay(&retry, cases[i].rc, &reply), 0);
	}
	enroll_retry_start(&retry, 99);
	for (unsigned i = 0; i < 40; i++)
		assert_in_range(enroll_retry_delay(&retry, TPMIOT_E_NET, NULL), 1, 16);
}

static void
test_exchange_long_wait_is_told(void **state)
{
	struct fixture *f = *state;
	struct enroll_msg_problem problem;

	START(f,
	    "HTTP/1.1 429 No\r\nRetry-After: 900\r\nContent-Type: application/problem+json\r\n"
	    "Content-Length: 45\r\n\r\n{\"type\": \"urn:tpmiot:problem:rate-limited\"}  ",
	    GOOD);
	assert_refused(exchange(f, &problem), TPMIOT_E_NET, &f->err, "in 900 seconds");
}

static void
test_exchange_200_that_is_no_json(void **state)
{
	struct fixture *f = *state;
	struct enroll_msg_problem problem;

	START(f, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi");
	assert_refused(exchange(f, &problem), TPMIOT_E_TRUST, &f->err, "no tpmiot CA");
}

static void
test_same_server(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} cases[] = {
		{ "https://ca", "https://ca", true },
		{ "https://ca", "https://CA/", true },
		{ "https://ca:443", "https://ca", true },
		{ "https://ca/x/", "https://ca/x", true },
		{ "https://ca", "https://ca:8443", false },
		{ "https://ca", "https://cb", false },
		{ "https://ca/x", "https://ca/X", false },
		{ "https://ca/x", "https://ca/xy", false },
		{ "https://ca", "", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(enroll_url_same(cases[i].a, cases[i].b), cases[i].same);
}

#define WITH_SERVER(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SERVER(test_post),
		WITH_SERVER(test_post_problem),
		WITH_SERVER(test_get_date),
		WITH_SERVER(test_post_does_not_follow),
		WITH_SERVER(test_post_bounds),
		WITH_SERVER(test_post_hangs_up),
		WITH_SERVER(test_post_nobody_there),
		WITH_SERVER(test_post_other_ca),
		WITH_SERVER(test_post_other_host),
		WITH_SERVER(test_post_system_trust_only),
		WITH_SERVER(test_post_known_ca),
		WITH_SERVER(test_cafile_read),
		WITH_SERVER(test_server_outlives_its_file),
		WITH_SERVER(test_pin),
		WITH_SERVER(test_pin_of_another),
		WITH_SERVER(test_pin_that_did_not_sign),
		WITH_SERVER(test_pin_of_the_issuer),
		WITH_SERVER(test_pin_other_host),
		WITH_SERVER(test_pin_parse),
		cmocka_unit_test(test_check_server),
		cmocka_unit_test(test_same_server),
		WITH_SERVER(test_exchange_tries_again),
		WITH_SERVER(test_exchange_outlasts_what_passes),
		WITH_SERVER(test_exchange_has_an_end),
		cmocka_unit_test(test_retry_delay),
		WITH_SERVER(test_exchange_long_wait_is_told),
		WITH_SERVER(test_exchange_200_that_is_no_json),
	};
	int failed;

	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	curl_global_cleanup();
	return failed;
}
