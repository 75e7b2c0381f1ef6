/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/http/plain.h"

#include <netdb.h>
#include <stdlib.h>

#include <event2/bufferevent.h>
#include <event2/listener.h>

#include "ca/http/address.h"
#include "ca/http/http_int.h"

#define MAX_HEADER 4096
#define TIMEOUT_SECONDS 5
#define BACKLOG 16

struct ca_plain {
	struct evhttp *evhttp;
	struct evconnlistener *listener; /* owned by evhttp */
	ca_http_handler *handler;
	void *arg;
	char url[96];
};

static void
serve(struct evhttp_request *req, void *arg)
{
	struct ca_plain *plain = arg;
	struct ca_http_request in = { 0 };
	struct ca_http_reply reply = { .status = 503 };

	ca_http_describe(req, 0, NULL, &in);
	plain->handler(plain->arg, &in, &reply);
	/* One request a connection: who watches comes rarely, and nobody holds a place. */
	ca_http_send(req, &reply, true);
	tpmiot_buf_free(&reply.body);
}

static enum tpmiot_rc
bind_listener(
    const struct ca_http *http, const char *listen, struct ca_plain *plain, struct tpmiot_err *err)
{
	enum tpmiot_rc rc =
	    ca_http_listener(http, "metrics_listen", listen, BACKLOG, &plain->listener, err);

	if (rc != TPMIOT_OK)
		return rc;
	if (evhttp_bind_listener(plain->evhttp, plain->listener) == NULL) {
		evconnlistener_free(plain->listener);
		return tpmiot_err_memory(err);
	}
	return TPMIOT_OK;
}

enum tpmiot_rc
ca_plain_new(const struct ca_http *http, const char *listen, ca_http_handler *handler, void *arg,
    struct ca_plain **out, struct tpmiot_err *err)
{
	struct ca_plain *plain = calloc(1, sizeof(*plain));
	enum tpmiot_rc rc;

	if (plain == NULL || (plain->evhttp = evhttp_new(ca_http_base(http))) == NULL) {
		free(plain);
		return tpmiot_err_memory(err);
	}
	plain->handler = handler;
	plain->arg = arg;
	evhttp_set_max_headers_size(plain->evhttp, MAX_HEADER);
	evhttp_set_max_body_size(plain->evhttp, 0);
	evhttp_set_timeout(plain->evhttp, TIMEOUT_SECONDS);
	evhttp_set_gencb(plain->evhttp, serve, plain);
	if ((rc = bind_listener(http, listen, plain, err)) == TPMIOT_OK) {
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

	if (plain == NULL)
		return;
	evhttp_free(plain->evhttp);
	free(plain);
	*plainp = NULL;
}

const char *
ca_plain_url(const struct ca_plain *plain)
{
	return plain->url;
}
