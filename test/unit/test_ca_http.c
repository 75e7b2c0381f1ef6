/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTPS adapter over real sockets: a server in a thread, clients that behave and that do not.
 */
#include "ca_test.h"
#include "certkit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "ca/http/child.h"
#include "ca/http/http.h"
#include "ca/log.h"

#define MAX_BODY 1000
#define TIMEOUT 2
#define UNSETTLED 99 /* so many connections: the server of which POST is unsettled */

static SSL_CTX *server_tls, *client_tls;

struct server {
	struct ca_http *http;
	pthread_t thread;
	uint16_t port;
	enum tpmiot_rc rc;
	int ticks;
	int settled;                  /* how often */
	bool broken;                  /* nothing can be made durable */
	struct ca_children *children; /* NULL: every request is answered at once */
	unsigned program_timeout;     /* seconds */
	char program[128];
};

/* A request that is answered when a program has ended. */
struct waiting {
	void *turn;
};

static void
program_ended(void *arg, const struct ca_child_result *result)
{
	struct waiting *w = arg;
	struct ca_http_reply reply = { .status = 200, .content_type = "text/plain" };

	tpmiot_buf_printf(&reply.body, "end %d status %d: %.*s", result->end, result->status,
	    (int)result->len, result->len > 0 ? (const char *)result->output : "");
	ca_http_answer(w->turn, &reply);
	tpmiot_buf_free(&reply.body);
	free(w);
}

static void
answer_later(struct server *s, const struct ca_http_request *req, struct ca_http_reply *reply)
{
	struct waiting *w = calloc(1, sizeof(*w));
	struct tpmiot_buf input = TPMIOT_BUF_INIT;
	struct tpmiot_err err;

	w->turn = req->turn;
	tpmiot_buf_put(&input, req->body, req->body_len);
	if (ca_children_run(s->children, s->program, &input, s->program_timeout, program_ended, w,
	        &err) == TPMIOT_OK) {
		reply->status = CA_HTTP_LATER;
	} else {
		reply->status = 503;
		free(w);
	}
	tpmiot_buf_free(&input);
}

/* Echoes what it was given. */
static void
echo(void *arg, const struct ca_http_request *req, struct ca_http_reply *reply)
{
	struct server *s = arg;

	if (s != NULL && s->children != NULL) {
		answer_later(s, req, reply);
		return;
	}
	reply->status = req->too_large ? 413 : 200;
	reply->content_type = "text/plain";
	reply->retry_after = req->too_large ? 7 : 0;
	reply->allow = strcmp(req->method, "GET") == 0 ? "POST" : NULL;
	tpmiot_buf_printf(&reply->body, "%s %s %s %s %d ", req->method, req->path,
	    req->content_type != NULL ? req->content_type : "-", req->peer_host,
	    req->peer_cert != NULL);
	tpmiot_buf_put(&reply->body, req->body, req->body_len);
}

/* What is posted changes something. */
static void
echo_unsettled(void *arg, const struct ca_http_request *req, struct ca_http_reply *reply)
{
	echo(arg, req, reply);
	reply->unsettled = strcmp(req->method, "POST") == 0;
}

static bool
settle(void *arg, struct ca_http_reply *failure)
{
	struct server *s = arg;

	s->settled++;
	failure->status = 503;
	failure->content_type = "text/plain";
	tpmiot_buf_put_str(&failure->body, "not recorded");
	return !s->broken;
}

static void
tick(void *arg)
{
	((struct server *)arg)->ticks++;
}

static void *
run(void *arg)
{
	struct server *s = arg;
	struct tpmiot_err err;

	s->rc = ca_http_run(s->http, &err);
	return NULL;
}

static int
setup_limited(void **state, int max_connections, int timeout)
{
	struct server *s = calloc(1, sizeof(*s));
	struct ca_http_options options = { .listen = "127.0.0.1:0",
		.tls = server_tls,
		.max_body = MAX_BODY,
		.max_connections = max_connections,
		.timeout = timeout,
		.handler = max_connections == UNSETTLED ? echo_unsettled : echo,
		.tick = tick,
		.settle = settle,
		.arg = s };
	struct tpmiot_err err;

	assert_non_null(s);
	assert_ok(ca_http_new(&options, &s->http, &err));
	assert_int_equal(strncmp(ca_http_url(s->http), "https://127.0.0.1:", 18), 0);
	s->port = (uint16_t)atoi(ca_http_url(s->http) + 18);
	assert_int_not_equal(s->port, 0);
	assert_int_equal(pthread_create(&s->thread, NULL, run, s), 0);
	*state = s;
	return 0;
}

static int
setup(void **state)
{
	return setup_limited(state, 100, TIMEOUT);
}

static int
setup_one(void **state)
{
	return setup_limited(state, 1, TIMEOUT);
}

static int
setup_patient(void **state)
{
	return setup_limited(state, 4, 60);
}

static int
setup_unsettled(void **state)
{
	return setup_limited(state, UNSETTLED, TIMEOUT);
}

static double
seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Stops the server as an operator does; returns how long that took. */
static double
stop(struct server *s)
{
	const double start = seconds();

	kill(getpid(), SIGTERM);
	pthread_join(s->thread, NULL);
	return seconds() - start;
}

static int
teardown(void **state)
{
	struct server *s = *state;

	if (s->http != NULL)
		stop(s);
	ca_children_free(&s->children);
	if (s->program[0] != '\0')
		unlink(s->program);
	ca_http_free(&s->http);
	assert_int_equal(s->rc, TPMIOT_OK);
	assert_int_equal(s->ticks, 1);
	free(s);
	return 0;
}

/* ---- Clients -------------------------------------------------------------------------- */

static int
dial(const struct server *s)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(s->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const struct timeval patience = { 15, 0 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static SSL *
handshake(int fd)
{
	SSL *ssl = SSL_new(client_tls);

	assert_non_null(ssl);
	assert_int_equal(SSL_set_fd(ssl, fd), 1);
	assert_int_equal(SSL_connect(ssl), 1);
	return ssl;
}

static SSL *
client(const struct server *s)
{
	return handshake(dial(s));
}

static void
hang_up(SSL *ssl)
{
	int fd = SSL_get_fd(ssl);

	SSL_free(ssl);
	close(fd);
}

/*
 * A socket that has a time limit is interrupted by every signal, and the end of a program that
 * the server runs may be told to this thread: that is no end of the stream.
 */
static int
read_some(SSL *ssl, char *out, size_t size)
{
	int n;

	do {
		errno = 0;
		n = SSL_read(ssl, out, (int)size);
	} while (n <= 0 && SSL_get_error(ssl, n) == SSL_ERROR_WANT_READ && errno == EINTR);
	return n;
}

/* Reads head and body of a reply; what there is when the connection ends. */
static void
receive(SSL *ssl, char *out, size_t size)
{
	size_t len = 0, want = size - 1;
	const char *at;
	int n;

	while (len < want && (n = read_some(ssl, out + len, size - 1 - len)) > 0) {
		len += (size_t)n;
		out[len] = '\0';
		at = strstr(out, "Content-Length: ");
		if (at != NULL && strstr(out, "\r\n\r\n") != NULL)
			want = (size_t)(strstr(out, "\r\n\r\n") + 4 - out) + (size_t)atoi(at + 16);
	}
	out[len] = '\0';
}

static void
request(SSL *ssl, const char *method, size_t body_len, char *out, size_t size)
{
	struct tpmiot_buf buf = TPMIOT_BUF_INIT;

	tpmiot_buf_printf(&buf,
	    "%s /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Type: text/x\r\n"
	    "Content-Length: %zu\r\n\r\n",
	    method, body_len);
	memset(tpmiot_buf_grow(&buf, body_len), 'y', body_len);
	assert_int_equal(SSL_write(ssl, buf.data, (int)buf.len), (int)buf.len);
	tpmiot_buf_free(&buf);
	receive(ssl, out, size);
}

#define assert_has(text, part)                                                                     \
	do {                                                                                       \
		if (strstr(text, part) == NULL)                                                    \
			fail_msg("\"%s\" lacks \"%s\"", text, part);                               \
	} while (0)

/* ---- Tests ------------------------------------------------------------------------------- */

static void
test_request_and_reply(void **state)
{
	SSL *ssl = client(*state);
	char reply[4096];

	request(ssl, "POST", 5, reply, sizeof(reply));
	assert_has(reply, "HTTP/1.1 200 ");
	assert_has(reply, "\r\n\r\nPOST /a text/x 127.0.0.1 0 yyyyy");
	assert_null(strstr(reply, "Retry-After"));
	request(ssl, "GET", 0, reply, sizeof(reply)); /* on the same connection */
	assert_has(reply, "Allow: POST\r\n");
	assert_has(reply, "\r\n\r\nGET /a");
	hang_up(ssl);
}

/* Head and body: SSL_read() gives no more than one record. */
static void
test_reply_is_one_record(void **state)
{
	static const char post[] = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\ny";
	SSL *ssl = client(*state);
	char reply[4096];
	int n;

	assert_int_equal(SSL_write(ssl, post, sizeof(post) - 1), sizeof(post) - 1);
	n = read_some(ssl, reply, sizeof(reply) - 1);
	assert_true(n > 0);
	reply[n] = '\0';
	assert_has(reply, "HTTP/1.1 200 ");
	assert_has(reply, "\r\n\r\nPOST /a ");
	hang_up(ssl);
}

/* A reply waits until what it says is durable; if that fails, it says so instead. */
static void
test_unsettled(void **state)
{
	struct server *s = *state;
	SSL *ssl = client(s);
	char reply[4096];

	request(ssl, "GET", 0, reply, sizeof(reply));
	assert_int_equal(s->settled, 0);
	request(ssl, "POST", 5, reply, sizeof(reply));
	assert_has(reply, "\r\n\r\nPOST /a text/x 127.0.0.1 0 yyyyy");
	assert_int_equal(s->settled, 1);
	s->broken = true;
	request(ssl, "POST", 5, reply, sizeof(reply));
	assert_has(reply, "HTTP/1.1 503 ");
	assert_has(reply, "\r\n\r\nnot recorded");
	assert_null(strstr(reply, "yyyyy"));
	s->broken = false;
	request(ssl, "POST", 5, reply, sizeof(reply)); /* on the same connection */
	assert_has(reply, "HTTP/1.1 200 ");
	hang_up(ssl);
}

/* A client that goes away meanwhile is nobody's trouble. */
static void
test_unsettled_and_gone(void **state)
{
	static const char post[] = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
	struct server *s = *state;
	char reply[4096];
	SSL *ssl;

	for (int i = 0; i < 20; i++) {
		ssl = client(s);
		assert_true(SSL_write(ssl, post, sizeof(post) - 1) > 0);
		hang_up(ssl);
	}
	ssl = client(s);
	request(ssl, "POST", 5, reply, sizeof(reply));
	assert_has(reply, "HTTP/1.1 200 ");
	hang_up(ssl);
}

/* Nagle and delayed ACKs together would take 40 ms for each. */
static void
test_kept_connection_is_quick(void **state)
{
	SSL *ssl = client(*state);
	const double start = seconds();
	char reply[4096];

	for (int i = 0; i < 50; i++)
		request(ssl, "POST", 5, reply, sizeof(reply));
	assert_true(seconds() - start < 1.0);
	hang_up(ssl);
}

/* A GET that has a body all the same, and a request right behind it. */
static void
test_get_with_body(void **state)
{
	static const char two[] = "GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
	                          "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nz";
	SSL *ssl = client(*state);
	char reply[4096];

	assert_int_equal(SSL_write(ssl, two, sizeof(two) - 1), sizeof(two) - 1);
	receive(ssl, reply, sizeof(reply));
	assert_has(reply, "GET /a");
	receive(ssl, reply, sizeof(reply));
	assert_has(reply, "HTTP/1.1 200 ");
	assert_has(reply, "POST /b");
	hang_up(ssl);
}

static void
test_body_limits(void **state)
{
	char reply[4096];
	SSL *ssl = client(*state);

	request(ssl, "POST", MAX_BODY, reply, sizeof(reply));
	assert_has(reply, "HTTP/1.1 200 ");
	request(ssl, "POST", MAX_BODY + 1, reply, sizeof(reply));
	assert_has(reply, "HTTP/1.1 413 ");
	assert_has(reply, "Retry-After: 7\r\n");
	assert_has(reply, "127.0.0.1 0 ");
	assert_null(strstr(reply, "yyy"));
	request(ssl, "POST", 5 * MAX_BODY, reply, sizeof(reply));
	assert_has(reply, "HTTP/1.1 413 "); /* libevent's own */
	hang_up(ssl);
}

/* 8 KiB of header. */
static void
test_header_limit(void **state)
{
	static const int lengths[] = { 7000, 9000 };
	char reply[4096];

	for (size_t i = 0; i < 2; i++) {
		struct tpmiot_buf buf = TPMIOT_BUF_INIT;
		SSL *ssl = client(*state);

		tpmiot_buf_printf(
		    &buf, "GET /a HTTP/1.1\r\nHost: x\r\nX: %0*d\r\n\r\n", lengths[i], 7);
		assert_int_equal(SSL_write(ssl, buf.data, (int)buf.len), (int)buf.len);
		receive(ssl, reply, sizeof(reply));
		assert_has(reply, i == 0 ? "HTTP/1.1 200 " : "HTTP/1.1 4");
		tpmiot_buf_free(&buf);
		hang_up(ssl);
	}
}

static void
test_plain_http(void **state)
{
	static const char get[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	char reply[1024] = "";
	size_t len = 0;
	ssize_t n;
	int fd = dial(*state);

	assert_int_equal(send(fd, get, sizeof(get) - 1, 0), sizeof(get) - 1);
	while ((n = recv(fd, reply + len, sizeof(reply) - 1 - len, 0)) > 0)
		len += (size_t)n;
	assert_int_equal(n, 0); /* an orderly end */
	assert_has(reply, "HTTP/1.1 400 ");
	assert_has(reply, "https://");
	close(fd);
}

static void
test_old_tls(void **state)
{
	SSL *ssl = SSL_new(client_tls);
	int fd = dial(*state);

	SSL_set_security_level(ssl, 0);
	SSL_set_min_proto_version(ssl, TLS1_VERSION);
	SSL_set_max_proto_version(ssl, TLS1_1_VERSION);
	SSL_set_fd(ssl, fd);
	assert_int_not_equal(SSL_connect(ssl), 1);
	hang_up(ssl);
}

/* A byte now and then does not keep a connection for ever. */
static void
test_slow_client(void **state)
{
	static const char head[] = "POST /a HTTP/1.1\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	SSL *ssl = client(*state);
	const double start = seconds();
	char reply[1024];

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(head) - 1; i++) {
		if (SSL_write(ssl, head + i, 1) != 1)
			break;
		usleep(200000);
		if (seconds() - start > TIMEOUT + 3)
			fail_msg("still connected after %.1f s", seconds() - start);
	}
	receive(ssl, reply, sizeof(reply));
	assert_string_equal(reply, "");
	hang_up(ssl);
}

/* Over the limit one waits, and is served when another has gone. */
static void
test_connections_limit(void **state)
{
	SSL *first = client(*state), *second;
	char reply[4096];
	double start;
	int fd;

	request(first, "POST", 1, reply, sizeof(reply));
	fd = dial(*state); /* the kernel's queue takes it */
	start = seconds();
	hang_up(first);
	second = handshake(fd);
	assert_true(seconds() - start < TIMEOUT);
	request(second, "POST", 1, reply, sizeof(reply));
	assert_has(reply, "HTTP/1.1 200 ");
	hang_up(second);
}

/* Who just opens all the connections there are does not keep others out. */
static void
test_connections_hoarded(void **state)
{
	const double start = seconds();
	char reply[4096];
	int fds[8];
	SSL *ssl;

	for (size_t i = 0; i < 8; i++)
		fds[i] = dial(*state);
	ssl = client(*state);
	request(ssl, "POST", 1, reply, sizeof(reply));
	assert_has(reply, "HTTP/1.1 200 ");
	assert_true(seconds() - start < 15);
	hang_up(ssl);
	for (size_t i = 0; i < 8; i++)
		close(fds[i]);
}

static void
test_client_that_hangs_up(void **state)
{
	const struct linger abort_it = { 1, 0 };
	char reply[4096];
	SSL *ssl;
	int fd;

	for (int i = 0; i < 20; i++) {
		ssl = client(*state);
		fd = SSL_get_fd(ssl);
		SSL_write(ssl, "POST /a HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", 41);
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort_it, sizeof(abort_it));
		hang_up(ssl);
	}
	ssl = client(*state);
	request(ssl, "POST", 1, reply, sizeof(reply));
	assert_has(reply, "HTTP/1.1 200 ");
	hang_up(ssl);
}

/* A connection that only waits does not hold up the end; one in the middle of a request is served.
 */
static void
test_stop_finishes_requests(void **state)
{
	static const char head[] = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n";
	struct server *s = *state;
	SSL *idle = client(s), *busy = client(s);
	char reply[4096];

	request(idle, "POST", 1, reply, sizeof(reply));
	assert_int_equal(SSL_write(busy, head, sizeof(head) - 1), sizeof(head) - 1);
	usleep(200000);
	kill(getpid(), SIGTERM);
	usleep(200000);
	assert_int_equal(SSL_write(busy, "z", 1), 1);
	receive(busy, reply, sizeof(reply));
	assert_has(reply, "HTTP/1.1 200 ");
	assert_has(reply, "Connection: close\r\n");
	hang_up(busy);
	receive(idle, reply, sizeof(reply));
	assert_string_equal(reply, "");
	hang_up(idle);
	pthread_join(s->thread, NULL);
	ca_http_free(&s->http);
}

static void
test_stop_is_quick(void **state)
{
	struct server *s = *state;
	SSL *idle = client(s);
	char reply[4096];

	request(idle, "POST", 1, reply, sizeof(reply));
	usleep(100000);
	assert_true(stop(s) < 1.0);
	hang_up(idle);
	ca_http_free(&s->http);
}

static void
test_new_refused(void **state)
{
	static const char *const bad[] = { "", "8443", "localhost", "127.0.0.1:port",
		"127.0.0.1:99999", "no.such.host.invalid:1" };
	struct server *s = *state;
	struct ca_http_options options = {
		.tls = server_tls, .max_connections = 1, .timeout = 1, .handler = echo
	};
	struct ca_http *http = NULL;
	struct tpmiot_err err;
	char taken[32];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		options.listen = bad[i];
		assert_fails(ca_http_new(&options, &http, &err), TPMIOT_E_USAGE, "listen");
	}
	snprintf(taken, sizeof(taken), "127.0.0.1:%u", s->port);
	options.listen = taken;
	assert_fails(ca_http_new(&options, &http, &err), TPMIOT_E_NET, "in use");
	assert_null(http);
}

/* ---- Answers that come later ------------------------------------------------------- */

/* What is run for each request. */
static void
script(struct server *s, const char *text)
{
	FILE *f = fopen(s->program, "w");

	assert_non_null(f);
	fprintf(f, "#!/bin/sh\n%s\n", text);
	fclose(f);
	assert_int_equal(chmod(s->program, 0755), 0);
}

static int
setup_children_limited(void **state, int max_connections, unsigned program_timeout)
{
	struct server *s = calloc(1, sizeof(*s));
	struct ca_http_options options = { .listen = "127.0.0.1:0",
		.tls = server_tls,
		.max_body = MAX_BODY,
		.max_connections = max_connections,
		.timeout = 10 * TIMEOUT, /* a program may take long on a busy machine */
		.handler = echo,
		.tick = tick,
		.arg = s };
	struct tpmiot_err err;
	int fd;

	assert_non_null(s);
	s->program_timeout = program_timeout;
	snprintf(s->program, sizeof(s->program), "/tmp/tpmiot-program.XXXXXX");
	fd = mkstemp(s->program);
	assert_true(fd >= 0);
	close(fd);
	assert_ok(ca_http_new(&options, &s->http, &err));
	assert_ok(ca_children_new(s->http, &s->children, &err));
	s->port = (uint16_t)atoi(ca_http_url(s->http) + 18);
	assert_int_equal(pthread_create(&s->thread, NULL, run, s), 0);
	*state = s;
	return 0;
}

static int
setup_children(void **state)
{
	return setup_children_limited(state, 100, 1);
}

static int
setup_children_few(void **state)
{
	return setup_children_limited(state, 4, 10);
}

static void
test_child_answers(void **state)
{
	struct server *s = *state;
	SSL *ssl = client(s);
	char reply[16384];

	script(s, "cat; exit 3");
	request(ssl, "POST", 5, reply, sizeof(reply));
	assert_has(reply, "HTTP/1.1 200 ");
	assert_has(reply, "\r\n\r\nend 0 status 3: yyyyy");
	script(s, "echo said; kill -9 $$");
	request(ssl, "POST", 5, reply, sizeof(reply));
	assert_has(reply, "\r\n\r\nend 2 status 0: said");
	script(s, "yes");
	request(ssl, "POST", 5, reply, sizeof(reply));
	assert_has(reply, "\r\n\r\nend 3 ");
	script(s, "echo part; sleep 30");
	request(ssl, "POST", 5, reply, sizeof(reply));
	assert_has(reply, "\r\n\r\nend 1 status 0: part");
	script(s, "sleep 30 & echo done"); /* what stays behind holds the output open */
	request(ssl, "POST", 5, reply, sizeof(reply));
	assert_has(reply, "\r\n\r\nend 0 status 0: done");
	hang_up(ssl);
}

#define POST_OF(letter) "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n" letter

/* The next request comes, or the client goes, while the answer is not ready. */
static void
test_child_early_request(void **state)
{
	static const char first[] = POST_OF("a"), second[] = POST_OF("b");
	const struct linger abort_it = { 1, 0 };
	struct server *s = *state;
	SSL *ssl = client(s);
	char reply[4096];

	script(s, "sleep 0.3; cat");
	assert_int_equal(SSL_write(ssl, first, sizeof(first) - 1), sizeof(first) - 1);
	usleep(100000);
	assert_int_equal(SSL_write(ssl, second, sizeof(second) - 1), sizeof(second) - 1);
	receive(ssl, reply, sizeof(reply));
	assert_has(reply, "status 0: a");
	receive(ssl, reply, sizeof(reply));
	assert_has(reply, "status 0: b");
	hang_up(ssl);
	for (int i = 0; i < 6; i++) {
		ssl = client(s);
		assert_true(SSL_write(ssl, first, sizeof(first) - 1) > 0);
		usleep(50000);
		if (i % 2 == 0)
			setsockopt(
			    SSL_get_fd(ssl), SOL_SOCKET, SO_LINGER, &abort_it, sizeof(abort_it));
		hang_up(ssl);
	}
	usleep(500000);
	ssl = client(s);
	request(ssl, "POST", 5, reply, sizeof(reply));
	assert_has(reply, "status 0: yyyyy");
	hang_up(ssl);
}

/* Whoever opens all the connections there are ends none that waits for us. */
static void
test_child_hoarded(void **state)
{
	static const char one[] = POST_OF("a");
	struct server *s = *state;
	SSL *ssl = client(s);
	char reply[4096];
	int fds[8];

	script(s, "sleep 4; cat"); /* longer than others have patience with */
	assert_int_equal(SSL_write(ssl, one, sizeof(one) - 1), sizeof(one) - 1);
	for (size_t i = 0; i < 8; i++)
		fds[i] = dial(s);
	receive(ssl, reply, sizeof(reply));
	assert_has(reply, "status 0: a");
	hang_up(ssl);
	for (size_t i = 0; i < 8; i++)
		close(fds[i]);
}

/* More than may run at the same time, and the end while they do. */
static void
test_child_many_and_stop(void **state)
{
	static const char one[] = POST_OF("a");
	struct server *s = *state;
	SSL *ssl[CA_CHILDREN_MAX + 1];
	char reply[4096];

	for (size_t i = 0; i <= CA_CHILDREN_MAX; i++)
		ssl[i] = client(s);
	script(s, "sleep 0.9; echo end");
	for (size_t i = 0; i <= CA_CHILDREN_MAX; i++) {
		assert_true(SSL_write(ssl[i], one, sizeof(one) - 1) > 0);
		if (i == CA_CHILDREN_MAX - 1)
			usleep(200000);
	}
	receive(ssl[CA_CHILDREN_MAX], reply, sizeof(reply));
	assert_has(reply, "HTTP/1.1 503 ");
	kill(getpid(), SIGTERM);
	for (size_t i = 0; i < CA_CHILDREN_MAX; i++) {
		receive(ssl[i], reply, sizeof(reply));
		assert_has(reply, "HTTP/1.1 200 ");
	}
	for (size_t i = 0; i <= CA_CHILDREN_MAX; i++)
		hang_up(ssl[i]);
	pthread_join(s->thread, NULL);
	ca_children_free(&s->children);
	ca_http_free(&s->http);
}

static int
group_setup(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	const struct certkit_spec spec = { .subject = "localhost", .key = key };
	X509 *cert = certkit_issue(&spec);

	(void)state;
	ca_log_level(CA_LOG_ERROR);
	server_tls = SSL_CTX_new(TLS_server_method());
	client_tls = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_min_proto_version(server_tls, TLS1_2_VERSION);
	assert_int_equal(SSL_CTX_use_certificate(server_tls, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(server_tls, key), 1);
	X509_free(cert);
	EVP_PKEY_free(key);
	return 0;
}

static int
group_teardown(void **state)
{
	(void)state;
	SSL_CTX_free(server_tls);
	SSL_CTX_free(client_tls);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_request_and_reply, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reply_is_one_record, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unsettled, setup_unsettled, teardown),
		cmocka_unit_test_setup_teardown(test_unsettled_and_gone, setup_unsettled, teardown),
		cmocka_unit_test_setup_teardown(test_kept_connection_is_quick, setup, teardown),
		cmocka_unit_test_setup_teardown(test_get_with_body, setup, teardown),
		cmocka_unit_test_setup_teardown(test_body_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_header_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_plain_http, setup, teardown),
		cmocka_unit_test_setup_teardown(test_old_tls, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slow_client, setup, teardown),
		cmocka_unit_test_setup_teardown(test_connections_limit, setup_one, teardown),
		cmocka_unit_test_setup_teardown(test_connections_hoarded, setup_patient, teardown),
		cmocka_unit_test_setup_teardown(test_client_that_hangs_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop_finishes_requests, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop_is_quick, setup, teardown),
		cmocka_unit_test_setup_teardown(test_new_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_child_answers, setup_children, teardown),
		cmocka_unit_test_setup_teardown(test_child_early_request, setup_children, teardown),
		cmocka_unit_test_setup_teardown(test_child_hoarded, setup_children_few, teardown),
		cmocka_unit_test_setup_teardown(test_child_many_and_stop, setup_children, teardown),
	};

	alarm(120); /* a server that does not stop is not waited for */
	return cmocka_run_group_tests_name("ca_http", tests, group_setup, group_teardown);
}
