/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/http/http.h"

#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>

#include <openssl/err.h>

#include "ca/http/address.h"
#include "ca/http/handshake.h"
#include "ca/http/hold.h"
#include "ca/http/plain.h"
#include "ca/log.h"

#define MAX_HEADER 8192
#define BACKLOG 512
#define TICK_SECONDS 60
#define GRACE_SECONDS 5
#define PATIENCE_SECONDS 3 /* with who holds a place and does nothing, when there is no other */
#define OTHER_FILES (64 + CA_PLAIN_CONNECTIONS) /* store, libraries, libevent's own, monitoring */
/*
 * libevent answers what is over *its* limit by itself, in HTML. So that is set
 * higher, and clients that are a little over ours get a problem document.
 */
#define HARD_BODY_FACTOR 4

/* One connection; lives in its SSL's ex_data and goes with it. */
struct conn {
	TAILQ_ENTRY(conn) link;
	struct ca_http *http;
	SSL *ssl;
	struct event *deadline;
	bool ours;          /* it waits for our answer: not in the list */
	time_t since;       /* when it was accepted, or its last request was done */
	uint64_t read_mark; /* bytes received when the last request was done; 0 before that */
};

struct ca_http {
	struct ca_http_options opt;
	struct event_base *base;
	struct evhttp *evhttp;
	struct evhttp_bound_socket *bound; /* NULL once we have stopped listening */
	struct evconnlistener *listener;   /* owned by bound */
	struct event *sigterm, *sigint, *sighup, *tick;
	struct ca_hold *hold;
	TAILQ_HEAD(, conn) conns; /* whose turn it is themselves, by `since`, the oldest first */
	int conns_n;              /* of all */
	bool stopping;
	char url[96];
};

/* ---- Connections -------------------------------------------------------------- */

static int conn_index = -1; /* of struct conn in an SSL's ex_data; made once */

static void
hang_up(const struct conn *c)
{
	/* evhttp sees the end of the stream and frees the connection itself. */
	shutdown(SSL_get_fd(c->ssl), SHUT_RDWR);
}

static void
conn_late(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	hang_up(arg);
}

static time_t
monotonic(void)
{
	struct timespec now = { 0, 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/*
 * At the limit newcomers wait in the kernel's queue, and the connection that has done nothing
 * for longest has a short time left: else a stranger keeps everybody out who just opens enough.
 */
static void
make_way(struct ca_http *http)
{
	const time_t patience =
	    http->opt.timeout < PATIENCE_SECONDS ? http->opt.timeout : PATIENCE_SECONDS;
	struct conn *oldest = TAILQ_FIRST(&http->conns);
	struct timeval tv = { 0, 0 };
	time_t waited;

	if (http->stopping || oldest == NULL || http->conns_n < http->opt.max_connections)
		return;
	waited = monotonic() - oldest->since;
	if (waited < patience)
		tv.tv_sec = patience - waited;
	evtimer_add(oldest->deadline, &tv);
}

static void
conn_rearm(struct conn *c)
{
	const struct timeval tv = { c->http->opt.timeout, 0 };

	evtimer_add(c->deadline, &tv);
	make_way(c->http);
}

static void
conn_leave(struct conn *c)
{
	if (!c->ours)
		TAILQ_REMOVE(&c->http->conns, c, link);
}

/* It is our turn, and not the client that does nothing. */
static void
conn_ours(struct conn *c)
{
	conn_leave(c);
	c->ours = true;
	conn_rearm(c);
}

/* It is the client's turn, from now on. */
static void
conn_theirs(struct conn *c)
{
	conn_leave(c);
	c->ours = false;
	c->since = monotonic();
	TAILQ_INSERT_TAIL(&c->http->conns, c, link);
	conn_rearm(c);
}

static void
conn_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
	struct conn *c = ptr;
	struct ca_http *http;

	(void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
	if (c == NULL)
		return;
	http = c->http;
	conn_leave(c);
	http->conns_n--;
	if (c->deadline != NULL)
		event_free(c->deadline);
	free(c);
	if (http->stopping && http->conns_n == 0)
		event_base_loopexit(http->base, NULL);
	else if (!http->stopping && http->conns_n < http->opt.max_connections)
		evconnlistener_enable(http->listener);
}

static bool
conn_new(struct ca_http *http, SSL *ssl)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return false;
	c->http = http;
	c->ssl = ssl;
	c->deadline = evtimer_new(http->base, conn_late, c);
	if (c->deadline == NULL || SSL_set_ex_data(ssl, conn_index, c) != 1) {
		if (c->deadline != NULL)
			event_free(c->deadline);
		free(c);
		return false;
	}
	c->ours = true; /* not in the list yet */
	if (++http->conns_n >= http->opt.max_connections)
		evconnlistener_disable(http->listener);
	conn_theirs(c);
	return true;
}

/* libevent: a bufferevent for a connection just accepted. NULL would make it a plain one. */
static struct bufferevent *
conn_bufferevent(struct event_base *base, void *arg)
{
	struct ca_http *http = arg;
	struct bufferevent *bev = NULL;
	SSL *ssl = SSL_new(http->opt.tls);

	if (ssl != NULL && conn_new(http, ssl))
		bev = bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING,
		    BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	if (bev == NULL) {
		SSL_free(ssl);
		return NULL; /* serve() refuses connections without TLS */
	}
	bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	return bev;
}

/* ---- Requests -------------------------------------------------------------------- */

static void
request_done(struct evhttp_request *req, void *arg)
{
	struct conn *c = arg;

	(void)req;
	c->read_mark = BIO_number_read(SSL_get_rbio(c->ssl));
	conn_theirs(c);
	if (c->http->stopping)
		hang_up(c);
}

/* Whose turn it is, as ca_http_answer() is told. */
struct turn {
	struct ca_http *http;
	struct evhttp_request *req;
};

void
ca_http_answer(void *turn, const struct ca_http_reply *reply)
{
	struct turn *t = turn;
	struct ca_http_reply mine = *reply;

	mine.body = (struct tpmiot_buf)TPMIOT_BUF_INIT;
	tpmiot_buf_put(&mine.body, reply->body.data, reply->body.len);
	/* If the client has gone since, libevent knows, and only frees the request. */
	ca_hold_send(t->http->hold, t->req, &mine, t->http->stopping);
	free(t);
}

static void
serve(struct evhttp_request *req, void *arg)
{
	struct ca_http *http = arg;
	struct evhttp_connection *evcon = evhttp_request_get_connection(req);
	SSL *ssl = bufferevent_openssl_get_ssl(evhttp_connection_get_bufferevent(evcon));
	struct ca_http_request in = { 0 };
	struct ca_http_reply reply = { .status = 503 };
	struct turn *turn;
	struct conn *c;

	if (ssl == NULL || (turn = malloc(sizeof(*turn))) == NULL) {
		evhttp_connection_free(evcon);
		return;
	}
	*turn = (struct turn){ http, req };
	in.turn = turn;
	c = SSL_get_ex_data(ssl, conn_index);
	ca_http_describe(req, http->opt.max_body, SSL_get0_peer_certificate(ssl), &in);
	evhttp_request_set_on_complete_cb(req, request_done, c);
	http->opt.handler(http->opt.arg, &in, &reply);
	if (reply.status == CA_HTTP_LATER) {
		conn_ours(c);
	} else {
		ca_hold_send(http->hold, req, &reply, http->stopping);
		free(turn);
	}
	ERR_clear_error();
}

/* ---- Life -------------------------------------------------------------------------- */

static void
on_signal(evutil_socket_t sig, short what, void *arg)
{
	const struct timeval grace = { GRACE_SECONDS, 0 };
	struct ca_http *http = arg;
	struct conn *c;

	(void)sig;
	(void)what;
	if (http->stopping)
		return;
	http->stopping = true;
	if (http->opt.stop != NULL)
		http->opt.stop(http->opt.arg);
	evhttp_del_accept_socket(http->evhttp, http->bound);
	http->bound = NULL;
	http->listener = NULL;
	/* Between two requests: nothing came in since the last reply. */
	TAILQ_FOREACH(c, &http->conns, link)
	if (c->read_mark != 0 && BIO_number_read(SSL_get_rbio(c->ssl)) == c->read_mark)
		hang_up(c);
	event_base_loopexit(http->base, http->conns_n > 0 ? &grace : NULL);
}

static void
on_hangup(evutil_socket_t sig, short what, void *arg)
{
	struct ca_http *http = arg;

	(void)sig;
	(void)what;
	if (http->opt.reload != NULL && !http->stopping)
		http->opt.reload(http->opt.arg);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct ca_http *http = arg;

	(void)fd;
	(void)what;
	if (http->opt.tick != NULL)
		http->opt.tick(http->opt.arg);
}

/* Accepting into a full table of files would spin: as many connections as there is room for. */
static void
make_room(struct ca_http *http)
{
	const rlim_t want = (rlim_t)http->opt.max_connections + OTHER_FILES;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= want)
		return;
	limit.rlim_cur = want < limit.rlim_max ? want : limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= want)
		return;
	http->opt.max_connections =
	    limit.rlim_cur > 2 * OTHER_FILES ? (int)(limit.rlim_cur - OTHER_FILES) : OTHER_FILES;
	ca_log(CA_LOG_WARNING, "max_connections is %d: the limit of open files is %llu",
	    http->opt.max_connections, (unsigned long long)limit.rlim_cur);
}

static void
libevent_log(int severity, const char *msg)
{
	if (severity >= EVENT_LOG_WARN)
		ca_log(CA_LOG_WARNING, "libevent: %s", msg);
}

enum tpmiot_rc
ca_http_listener(const struct ca_http *http, const char *key, const char *listen, int backlog,
    struct evconnlistener **out, struct tpmiot_err *err)
{
	const unsigned flags = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE;
	struct addrinfo *ai = NULL;
	enum tpmiot_rc rc;

	if ((rc = ca_address_resolve(key, listen, &ai, err)) != TPMIOT_OK)
		return rc;
	*out = evconnlistener_new_bind(
	    http->base, NULL, NULL, flags, backlog, ai->ai_addr, (int)ai->ai_addrlen);
	freeaddrinfo(ai);
	if (*out != NULL)
		return TPMIOT_OK;
	(void)tpmiot_err_errno(err, "%s: cannot listen on %s", key, listen);
	err->rc = TPMIOT_E_NET;
	return TPMIOT_E_NET;
}

/* A socket that somebody else bound, and that listens. */
static enum tpmiot_rc
take_listener(struct ca_http *http, struct tpmiot_err *err)
{
	if (evutil_make_socket_nonblocking(http->opt.fd) == 0)
		http->listener = evconnlistener_new(http->base, NULL, NULL,
		    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, http->opt.fd);
	if (http->listener != NULL)
		return TPMIOT_OK;
	return tpmiot_err_set(err, TPMIOT_E_NET, "cannot accept on the socket that was passed");
}

static enum tpmiot_rc
bind_listener(struct ca_http *http, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = http->opt.fd > 0 ? take_listener(http, err)
	                                     : ca_http_listener(http, "listen", http->opt.listen,
	                                           BACKLOG, &http->listener, err);

	if (rc != TPMIOT_OK)
		return rc;
	http->bound = evhttp_bind_listener(http->evhttp, http->listener);
	if (http->bound == NULL) {
		evconnlistener_free(http->listener);
		return tpmiot_err_memory(err);
	}
	return TPMIOT_OK;
}

static void
set_limits(struct ca_http *http)
{
	evhttp_set_max_body_size(http->evhttp, (ev_ssize_t)(http->opt.max_body * HARD_BODY_FACTOR));
	evhttp_set_timeout(http->evhttp, http->opt.timeout);
}

static bool
make_events(struct ca_http *http)
{
	const uint16_t methods = EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
	                         EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS |
	                         EVHTTP_REQ_PATCH;

	if ((http->base = event_base_new()) == NULL ||
	    (http->evhttp = evhttp_new(http->base)) == NULL ||
	    (http->sigterm = evsignal_new(http->base, SIGTERM, on_signal, http)) == NULL ||
	    (http->sigint = evsignal_new(http->base, SIGINT, on_signal, http)) == NULL ||
	    (http->sighup = evsignal_new(http->base, SIGHUP, on_hangup, http)) == NULL ||
	    (http->tick = event_new(http->base, -1, EV_PERSIST, on_tick, http)) == NULL)
		return false;
	evhttp_set_allowed_methods(http->evhttp, methods); /* the handler says 405, with reasons */
	evhttp_set_default_content_type(http->evhttp, NULL);
	evhttp_set_max_headers_size(http->evhttp, MAX_HEADER);
	set_limits(http);
	evhttp_set_flags(http->evhttp, EVHTTP_SERVER_LINGERING_CLOSE);
	evhttp_set_bevcb(http->evhttp, conn_bufferevent, http);
	evhttp_set_gencb(http->evhttp, serve, http);
	return true;
}

enum tpmiot_rc
ca_http_new(const struct ca_http_options *options, struct ca_http **out, struct tpmiot_err *err)
{
	struct ca_http *http = calloc(1, sizeof(*http));
	enum tpmiot_rc rc;

	if (http == NULL)
		return tpmiot_err_memory(err);
	http->opt = *options;
	TAILQ_INIT(&http->conns);
	event_set_log_callback(libevent_log);
	make_room(http);
	if (conn_index < 0)
		conn_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, conn_free);
	if (conn_index < 0 || !make_events(http)) {
		rc = tpmiot_err_memory(err);
		goto out;
	}
	if ((rc = ca_hold_new(http->base, &http->opt, &http->hold, err)) != TPMIOT_OK)
		goto out;
	ca_handshake_watch(options->tls);
	if ((rc = bind_listener(http, err)) != TPMIOT_OK)
		goto out;
	/* Last, because libevent knows one taker of signals in a process. */
	if (evsignal_add(http->sigterm, NULL) != 0 || evsignal_add(http->sigint, NULL) != 0 ||
	    evsignal_add(http->sighup, NULL) != 0) {
		rc = tpmiot_err_memory(err);
		goto out;
	}
	ca_address_url("https", options->fd > 0 ? NULL : options->listen,
	    evconnlistener_get_fd(http->listener), http->url, sizeof(http->url));
	http->opt.listen = NULL; /* of the caller, and needed no more */
	*out = http;
	http = NULL;
out:
	ca_http_free(&http);
	return rc;
}

void
ca_http_free(struct ca_http **httpp)
{
	struct ca_http *http = *httpp;

	if (http == NULL)
		return;
	http->stopping = true; /* so that no connection that goes touches the listener */
	ca_hold_free(&http->hold);
	if (http->evhttp != NULL)
		evhttp_free(http->evhttp);
	if (http->tick != NULL)
		event_free(http->tick);
	if (http->sighup != NULL)
		event_free(http->sighup);
	if (http->sigint != NULL)
		event_free(http->sigint);
	if (http->sigterm != NULL)
		event_free(http->sigterm);
	if (http->base != NULL)
		event_base_free(http->base);
	free(http);
	*httpp = NULL;
}

void
ca_http_change(struct ca_http *http, const struct ca_http_options *options)
{
	http->opt.tls = options->tls;
	http->opt.max_body = options->max_body;
	http->opt.max_connections = options->max_connections;
	http->opt.timeout = options->timeout;
	ca_handshake_watch(options->tls);
	make_room(http);
	set_limits(http);
	if (http->stopping)
		return;
	if (http->conns_n < http->opt.max_connections)
		evconnlistener_enable(http->listener);
	else
		evconnlistener_disable(http->listener);
}

struct event_base *
ca_http_base(const struct ca_http *http)
{
	return http->base;
}

int
ca_http_connections(const struct ca_http *http)
{
	return http->conns_n;
}

const char *
ca_http_url(const struct ca_http *http)
{
	return http->url;
}

enum tpmiot_rc
ca_http_run(struct ca_http *http, struct tpmiot_err *err)
{
	const struct timeval minute = { TICK_SECONDS, 0 };

	/* A client that hangs up early must not end the server. */
	signal(SIGPIPE, SIG_IGN);
	if (evtimer_add(http->tick, &minute) != 0)
		return tpmiot_err_memory(err);
	on_tick(-1, 0, http);
	if (event_base_dispatch(http->base) < 0)
		return tpmiot_err_set(err, TPMIOT_E_IO, "the event loop failed");
	return TPMIOT_OK;
}
