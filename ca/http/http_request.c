/* SPDX-License-Identifier: Apache-2.0 */
/* From libevent's requests to ours, and from our replies to libevent's. */
#include "ca/http/http_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include <openssl/ssl.h>

static const char *
method_name(struct evhttp_request *req)
{
	switch (evhttp_request_get_command(req)) {
	case EVHTTP_REQ_GET:
		return "GET";
	case EVHTTP_REQ_POST:
		return "POST";
	case EVHTTP_REQ_HEAD:
		return "HEAD";
	case EVHTTP_REQ_PUT:
		return "PUT";
	case EVHTTP_REQ_DELETE:
		return "DELETE";
	default:
		return "OTHER";
	}
}

/*
 * A GET has no body, for some releases of libevent: one that comes all the same (Azure's Node
 * client sends "{}") would be taken for the next request. What has come of it goes; the rest is not
 * waited for. Others have read it with the request.
 */
static void
drain(struct evhttp_request *req)
{
	struct evhttp_connection *evcon = evhttp_request_get_connection(req);
	struct evbuffer *in = bufferevent_get_input(evhttp_connection_get_bufferevent(evcon));
	const char *length =
	    evhttp_find_header(evhttp_request_get_input_headers(req), "Content-Length");
	const size_t here = evbuffer_get_length(in);
	size_t announced;

	if (evhttp_request_get_command(req) != EVHTTP_REQ_GET || length == NULL ||
	    evbuffer_get_length(evhttp_request_get_input_buffer(req)) > 0)
		return;
	announced = strtoul(length, NULL, 10);
	(void)evbuffer_drain(in, announced < here ? announced : here);
}

void
ca_http_describe(
    struct evhttp_request *req, size_t max_body, X509 *peer_cert, struct ca_http_request *out)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	struct evbuffer *body = evhttp_request_get_input_buffer(req);
	char *host = NULL;

	out->method = method_name(req);
	out->path = uri != NULL ? evhttp_uri_get_path(uri) : NULL;
	if (out->path == NULL)
		out->path = "";
	out->content_type =
	    evhttp_find_header(evhttp_request_get_input_headers(req), "Content-Type");
	out->authorization =
	    evhttp_find_header(evhttp_request_get_input_headers(req), "Authorization");
	drain(req);
	out->too_large = evbuffer_get_length(body) > max_body;
	if (!out->too_large) {
		out->body_len = evbuffer_get_length(body);
		out->body = evbuffer_pullup(body, -1);
	}
	evhttp_connection_get_peer(evhttp_request_get_connection(req), &host, &out->peer_port);
	out->peer_host = host != NULL ? host : "";
	out->peer_cert = peer_cert;
}

/*
 * libevent has libssl make a record of each piece of its buffer, and the kernel a packet of each
 * record: a head and then a body. Together they are written, sent and waited for once.
 */
static void
join_pieces(struct evhttp_connection *evcon)
{
	struct evbuffer *out = bufferevent_get_output(evhttp_connection_get_bufferevent(evcon));

	if (evbuffer_get_length(out) <= SSL3_RT_MAX_PLAIN_LENGTH)
		(void)evbuffer_pullup(out, -1); /* if there is no memory, they stay apart */
}

void
ca_http_send(struct evhttp_request *req, const struct ca_http_reply *reply, bool last)
{
	struct evhttp_connection *evcon = evhttp_request_get_connection(req);
	struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
	struct evbuffer *body = evbuffer_new();
	char seconds[16];

	if (body == NULL || evbuffer_add(body, reply->body.data, reply->body.len) != 0) {
		evhttp_send_error(req, HTTP_SERVUNAVAIL, NULL);
		goto out;
	}
	if (reply->content_type != NULL)
		evhttp_add_header(headers, "Content-Type", reply->content_type);
	evhttp_add_header(headers, "Cache-Control", "no-store");
	if (reply->allow != NULL)
		evhttp_add_header(headers, "Allow", reply->allow);
	if (reply->retry_after > 0) {
		snprintf(seconds, sizeof(seconds), "%u", reply->retry_after);
		evhttp_add_header(headers, "Retry-After", seconds);
	}
	if (last)
		evhttp_add_header(headers, "Connection", "close");
	evhttp_send_reply(req, reply->status, NULL, body);
	if (evcon != NULL) /* else the client has gone, and libevent freed the request */
		join_pieces(evcon);
out:
	if (body != NULL)
		evbuffer_free(body);
}
