/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's hook is asked; the request waits for its word, and others are served. */
#include "ca/enrol/issue_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ca/enrol/hook.h"

/* A request that waits for the hook, with all that it needs of what will be gone by then. */
struct ca_asked {
	struct ca_asked *next; /* of api->asked */
	struct ca_api *api;
	struct ca_exchange x;
	struct ca_http_request req;
	char peer_host[64];
	struct ca_proven p;
};

static bool
judge(const struct ca_child_result *result, struct ca_problem *problem)
{
	switch (result->end) {
	case CA_CHILD_LATE:
		return ca_hook_failed(problem, "it did not answer within hook_timeout");
	case CA_CHILD_TALKATIVE:
		return ca_hook_failed(problem, "it wrote too much");
	case CA_CHILD_KILLED:
		return ca_hook_failed(problem, "it was killed");
	case CA_CHILD_EXITED:
		break;
	}
	if (result->status != 0)
		return ca_hook_failed(problem, "its exit status is not 0");
	return ca_hook_judge(result->output, result->len, problem);
}

static void
forget(struct ca_asked *a)
{
	struct ca_asked **at = &a->api->asked;

	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	X509_free(a->req.peer_cert);
	free(a);
}

static void
answered(void *arg, const struct ca_child_result *result)
{
	struct ca_asked *a = arg;

	a->x.now = a->api->now();
	if (judge(result, &a->x.problem))
		(void)ca_issue_finish(a->api, &a->x, &a->p); /* a refusal stands in x.problem */
	ca_api_resume(a->api, &a->x);
	forget(a);
}

static bool
is_asked(const struct ca_api *api, const uint8_t ek_spki[CA_SHA256_LEN])
{
	for (const struct ca_asked *a = api->asked; a != NULL; a = a->next)
		if (memcmp(a->p.ticket.ek_spki, ek_spki, CA_SHA256_LEN) == 0)
			return true;
	return false;
}

/* NULL when out of memory. */
static struct ca_asked *
remember(struct ca_api *api, const struct ca_exchange *x, const struct ca_proven *p)
{
	struct ca_asked *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	*a = (struct ca_asked){ .next = api->asked, .api = api, .x = *x, .req = *x->req, .p = *p };
	snprintf(a->peer_host, sizeof(a->peer_host), "%s", x->req->peer_host);
	a->req.peer_host = a->peer_host;
	a->req.method = "POST"; /* this step's, and */
	a->req.path = "/v1/certificates";
	a->req.content_type = NULL;
	a->req.authorization = NULL;
	a->req.body = NULL;
	if (a->req.peer_cert != NULL && X509_up_ref(a->req.peer_cert) != 1)
		a->req.peer_cert = NULL; /* then a renewal is refused */
	a->x.req = &a->req;
	api->asked = a;
	return a;
}

static enum tpmiot_rc
run(struct ca_api *api, const struct ca_exchange *x, const struct ca_proven *p,
    const struct tpmiot_buf *input, struct tpmiot_err *err)
{
	struct ca_asked *a;
	enum tpmiot_rc rc;

	if (api->run == NULL)
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED, "nothing can run the hook");
	if ((a = remember(api, x, p)) == NULL)
		return tpmiot_err_memory(err);
	rc = api->run(api->run_arg, api->config->hook, input, (unsigned)api->config->hook_timeout,
	    answered, a, err);
	if (rc != TPMIOT_OK)
		forget(a);
	return rc;
}

bool
ca_ask(struct ca_api *api, struct ca_exchange *x, struct ca_proven *p)
{
	const struct ca_hook_facts facts = { .event = ca_is_renewal(p) ? "renew" : "issue",
		.device_id = p->ticket.device_id,
		.group = p->ticket.group,
		.profile = p->ticket.profile,
		.ek_spki = p->ticket.ek_spki,
		.key_spki = p->key_spki,
		.ek_trusted = p->ticket.ek_trusted,
		.tpm = &p->ticket.info,
		.peer = x->req->peer_host };
	struct tpmiot_buf input = TPMIOT_BUF_INIT;
	struct tpmiot_err err = { 0 };
	enum tpmiot_rc rc;

	if (is_asked(api, p->ticket.ek_spki)) {
		ca_refuse(&x->problem, CA_PROBLEM_RATE_LIMITED,
		    "the operator's program is being asked about this device already");
		x->problem.retry_after = (unsigned)api->config->hook_timeout;
		return false;
	}
	rc = ca_hook_put(&facts, &input, &err);
	if (rc == TPMIOT_OK)
		rc = run(api, x, p, &input, &err);
	tpmiot_buf_free(&input);
	x->later = rc == TPMIOT_OK;
	return x->later || ca_fail(&x->problem, &err);
}
