/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that know libevent share. */
#ifndef CA_HTTP_INT_H
#define CA_HTTP_INT_H

#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>

#include "ca/http/http.h"

/* The loop that serves. */
struct event_base *ca_http_base(const struct ca_http *http);

/*
 * A socket that listens on "ADDR:PORT", which the configuration key `key` said. TPMIOT_E_USAGE: not
 * an address; TPMIOT_E_NET: cannot listen there.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_http_listener(const struct ca_http *http, const char *key,
    const char *listen, int backlog, struct evconnlistener **out, struct tpmiot_err *err);

/* *out is borrowed from req. */
void ca_http_describe(
    struct evhttp_request *req, size_t max_body, X509 *peer_cert, struct ca_http_request *out);

/* last: the connection ends with it. */
void ca_http_send(struct evhttp_request *req, const struct ca_http_reply *reply, bool last);

#endif
