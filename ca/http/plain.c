/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request a connection needs no more of HTTP/1.1 (RFC 9112) than its request line, and so no
 * evhttp, which does not say when a connection that never asked is gone: they could not be counted.
 */
#include "ca/http/plain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>

#include "ca/http/address.h"
#include "ca/http/http_int.h"

#define MAX_HEADER 4096
#define TIMEOUT_SECONDS 5
#define BACKLOG 128

struct watcher {
	TAILQ_ENTRY(watcher) link;
	struct ca_plain *plain;
	struct bufferevent *bev;
	struct event *deadline;
	bool answered; /* what comes now is not looked at */
};

struct ca_plain {
	struct event_base *base;
	struct evconnlistener *listener;
	TAILQ_HEAD(watcher_list, watcher) watchers; /* the oldest first */
	int watchers_n;
	ca_http_handler *handler;
	void *arg;
	char url[96];
};

/* ---- Requests and replies --------------------------------------------------------------- */

static const char *
phrase(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 431:
		return "Request Header Fields Too Large";
	default:
		return "Service Unavailable";
	}
}

static void
send_reply(struct watcher *w, const struct ca_http_reply *reply, bool head_only)
{
	struct evbuffer *out = bufferevent_get_output(w->bev);
	char date[64];

	w->answered = true;
	evutil_date_rfc1123(date, sizeof(date), NULL);
	evbuffer_add_printf(out,
	    "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n"
	    "Connection: close\r\n",
	    reply->status, phrase(reply->status), date, reply->body.len);
	if (reply->content_type != NULL)
		evbuffer_add_printf(out, "Content-Type: %s\r\n", reply->content_type);
	if (reply->allow != NULL)
		evbuffer_add_printf(out, "Allow: %s\r\n", reply->allow);
	evbuffer_add(out, "\r\n", 2);
	if (!head_only)
		evbuffer_add(out, reply->body.data, reply->body.len);
}

/* method SP request-target SP HTTP-version, taken apart in place. */
static bool
read_request_line(char *line, struct ca_http_request *out)
{
	char *target = strchr(line, ' '),
	     *version = target != NULL ? strchr(target + 1, ' ') : NULL;

	if (version == NULL || strncmp(version + 1, "HTTP/1.", 7) != 0)
		return false;
	*target++ = *version = '\0';
	target[strcspn(target, "?")] = '\0';
	out->method = line;
	out->path = target;
	return target[0] == '/';
}

static void
answer(struct watcher *w, char *line)
{
	struct ca_http_request req = { .peer_host = "" };
	struct ca_http_reply reply = { .status = 503 };

	if (read_request_line(line, &req))
		w->plain->handler(w->plain->arg, &req, &reply);
	else
		reply.status = 400;
	send_reply(w, &reply, req.method != NULL && strcmp(req.method, "HEAD") == 0);
	tpmiot_buf_free(&reply.body);
}

/* ---- Connections -------------------------------------------------------------------------- */

static void
watcher_free(struct watcher *w)
{
	TAILQ_REMOVE(&w->plain->watchers, w, link);
	w->plain->watchers_n--;
	if (w->deadline != NULL)
		event_free(w->deadline);
	bufferevent_free(w->bev);
	free(w);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	watcher_free(arg);
}

/* Its end, or an error. Who has only finished writing still gets what was asked for. */
static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct watcher *w = arg;

	if ((what & BEV_EVENT_EOF) == 0 || !w->answered ||
	    evbuffer_get_length(bufferevent_get_output(bev)) == 0)
		watcher_free(w);
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	static const struct ca_http_reply too_large = { .status = 431 };
	struct evbuffer *in = bufferevent_get_input(bev);
	struct watcher *w = arg;
	ev_ssize_t end;
	char *line;

	if (w->answered) {
		evbuffer_drain(in, evbuffer_get_length(in));
		return;
	}
	end = evbuffer_search(in, "\r\n\r\n", 4, NULL).pos;
	if (end > MAX_HEADER || (end < 0 && evbuffer_get_length(in) > MAX_HEADER)) {
		send_reply(w, &too_large, false);
	} else if (end >= 0 && (line = evbuffer_readln(in, NULL, EVBUFFER_EOL_CRLF)) != NULL) {
		answer(w, line);
		free(line);
	}
}

/*
 * All is sent. The client closes, unless it did: if we did while something of its comes, it would
 * see a reset.
 */
static void
on_written(struct bufferevent *bev, void *arg)
{
	struct watcher *w = arg;

	if (!w->answered)
		return;
	if ((bufferevent_get_enabled(bev) & EV_READ) != 0)
		shutdown(bufferevent_getfd(bev), SHUT_WR);
	else
		watcher_free(w);
}

/* Nobody keeps the others out by opening connections and asking for nothing. */
static void
make_way(struct ca_plain *plain)
{
	struct watcher *w = TAILQ_FIRST(&plain->watchers);

	if (plain->watchers_n < CA_PLAIN_CONNECTIONS)
		return;
	while (w != NULL && w->answered)
		w = TAILQ_NEXT(w, link);
	watcher_free(w != NULL ? w : TAILQ_FIRST(&plain->watchers));
}

static void
on_accept(
    struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *addr, int len, void *arg)
{
	const struct timeval timeout = { TIMEOUT_SECONDS, 0 };
	struct ca_plain *plain = arg;
	struct watcher *w = calloc(1, sizeof(*w));

	(void)listener, (void)addr, (void)len;
	if (w == NULL ||
	    (w->bev = bufferevent_socket_new(plain->base, fd, BEV_OPT_CLOSE_ON_FREE)) == NULL) {
		evutil_closesocket(fd);
		free(w);
		return;
	}
	make_way(plain);
	w->plain = plain;
	TAILQ_INSERT_TAIL(&plain->watchers, w, link);
	plain->watchers_n++;
	bufferevent_setcb(w->bev, on_read, on_written, on_event, w);
	w->deadline = evtimer_new(plain->base, on_deadline, w);
	if (w->deadline == NULL || evtimer_add(w->deadline, &timeout) != 0 ||
	    bufferevent_enable(w->bev, EV_READ | EV_WRITE) != 0)
		watcher_free(w);
}

/* ---- Life ------------------------------------------------------------------------------------ */

enum tpmiot_rc
ca_plain_new(const struct ca_http *http, const char *listen, ca_http_handler *handler, void *arg,
    struct ca_plain **out, struct tpmiot_err *err)
{
	struct ca_plain *plain = calloc(1, sizeof(*plain));
	enum tpmiot_rc rc;

	if (plain == NULL)
		return tpmiot_err_memory(err);
	plain->base = ca_http_base(http);
	plain->handler = handler;
	plain->arg = arg;
	TAILQ_INIT(&plain->watchers);
	rc = ca_http_listener(http, "metrics_listen", listen, BACKLOG, &plain->listener, err);
	if (rc == TPMIOT_OK) {
		evconnlistener_set_cb(plain->listener, on_accept, plain);
		ca_address_url("http", listen, evconnlistener_get_fd(plain->listener), plain->url,
		    sizeof(plain->url));
		*out = plain;
		plain = NULL;
	}
	ca_plain_free(&plain);
	return rc;
}

void
ca_plain_free(struct ca_plain **plainp)
{
	struct ca_plain *plain = *plainp;
	struct watcher *w, *next;

	if (plain == NULL)
		return;
	for (w = TAILQ_FIRST(&plain->watchers); w != NULL; w = next) {
		next = TAILQ_NEXT(w, link);
		watcher_free(w);
	}
	if (plain->listener != NULL)
		evconnlistener_free(plain->listener);
	free(plain);
	*plainp = NULL;
}

const char *
ca_plain_url(const struct ca_plain *plain)
{
	return plain->url;
}
