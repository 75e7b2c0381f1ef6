/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/http/hold.h"

#include <stdlib.h>
#include <sys/queue.h>

#define TOGETHER_MAX 64

struct held {
	STAILQ_ENTRY(held) link;
	struct evhttp_request *req;
	struct ca_http_reply reply;
	bool last;
};

struct ca_hold {
	const struct ca_http_options *opt;
	struct event *flush;
	STAILQ_HEAD(, held) waiting;
	int waiting_n;
	struct held spare; /* when there is no memory: for one, which is then not let wait */
};

static void
settle(struct ca_hold *hold)
{
	struct ca_http_reply failure = { .status = 0 };
	const bool ok = hold->opt->settle(hold->opt->arg, &failure);
	struct held *h;

	while ((h = STAILQ_FIRST(&hold->waiting)) != NULL) {
		STAILQ_REMOVE_HEAD(&hold->waiting, link);
		ca_http_send(h->req, ok ? &h->reply : &failure, h->last);
		tpmiot_buf_free(&h->reply.body);
		if (h != &hold->spare)
			free(h);
	}
	hold->waiting_n = 0;
	tpmiot_buf_free(&failure.body);
}

static void
on_flush(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	settle(arg);
}

enum tpmiot_rc
ca_hold_new(struct event_base *base, const struct ca_http_options *options, struct ca_hold **out,
    struct tpmiot_err *err)
{
	struct ca_hold *hold = calloc(1, sizeof(*hold));

	if (hold == NULL)
		return tpmiot_err_memory(err);
	hold->opt = options;
	STAILQ_INIT(&hold->waiting);
	hold->flush = evtimer_new(base, on_flush, hold);
	if (hold->flush == NULL) {
		free(hold);
		return tpmiot_err_memory(err);
	}
	*out = hold;
	return TPMIOT_OK;
}

void
ca_hold_free(struct ca_hold **hold)
{
	if (*hold == NULL)
		return;
	if ((*hold)->opt->settle != NULL)
		settle(*hold);
	event_free((*hold)->flush);
	free(*hold);
	*hold = NULL;
}

void
ca_hold_send(
    struct ca_hold *hold, struct evhttp_request *req, struct ca_http_reply *reply, bool last)
{
	/* A timer of no time runs in the loop's next round: after all that is ready in this one. */
	const struct timeval next_round = { 0, 0 };
	struct held *h;

	if (!reply->unsettled || hold->opt->settle == NULL) {
		ca_http_send(req, reply, last);
		tpmiot_buf_free(&reply->body);
		return;
	}
	if ((h = calloc(1, sizeof(*h))) == NULL)
		h = &hold->spare;
	h->req = req;
	h->reply = *reply;
	h->last = last;
	reply->body = (struct tpmiot_buf)TPMIOT_BUF_INIT;
	STAILQ_INSERT_TAIL(&hold->waiting, h, link);
	if (++hold->waiting_n >= TOGETHER_MAX || h == &hold->spare)
		settle(hold);
	else
		evtimer_add(hold->flush, &next_round);
}
