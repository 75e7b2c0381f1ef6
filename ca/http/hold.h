/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Group commit, seen from HTTP: a reply that says what the store has not yet on disk waits
 * until it has. Requests that are ready at the same time share one flush; a request that
 * comes alone is flushed at once, for the flush runs when nothing else is ready.
 */
#ifndef CA_HOLD_H
#define CA_HOLD_H

#include "ca/http/http_int.h"

struct ca_hold;

/* options: settle and arg are used; borrowed. Without settle, replies never wait. */
TPMIOT_MUST_USE enum tpmiot_rc ca_hold_new(struct event_base *base,
    const struct ca_http_options *options, struct ca_hold **out, struct tpmiot_err *err);
/* Settles what waits. */
void ca_hold_free(struct ca_hold **hold);

/* Sends the reply, now or when it may be sent; its body is taken. last: as ca_http_send(). */
void ca_hold_send(
    struct ca_hold *hold, struct evhttp_request *req, struct ca_http_reply *reply, bool last);

#endif
