/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's hook is asked; the request waits for its word, and others are served. */
#include "ca/enrol/issue_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "ca/enrol/hook.h"

/* A request that waits for the hook, with all that it needs of what will be gone by then. */
struct asked {
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
answered(void *arg, const struct ca_child_result *result)
{
	struct asked *a = arg;

	a->x.now = a->api->now();
	if (judge(result, &a->x.problem))
		(void)ca_issue_finish(a->api, &a->x, &a->p); /* a refusal stands in x.problem */
	ca_api_resume(a->api, &a->x);
	X509_free(a->req.peer_cert);
	free(a);
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
	struct asked *a = calloc(1, sizeof(*a));
	enum tpmiot_rc rc = a != NULL ? ca_hook_put(&facts, &input, &err) : tpmiot_err_memory(&err);

	if (rc == TPMIOT_OK) {
		*a = (struct asked){ .api = api, .x = *x, .req = *x->req, .p = *p };
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
		rc = api->run != NULL
		         ? api->run(api->run_arg, api->config->hook, &input,
		               (unsigned)api->config->hook_timeout, answered, a, &err)
		         : tpmiot_err_set(&err, TPMIOT_E_UNSUPPORTED, "nothing can run the hook");
	}
	tpmiot_buf_free(&input);
	if (rc != TPMIOT_OK) {
		if (a != NULL)
			X509_free(a->req.peer_cert);
		free(a);
		return ca_fail(&x->problem, &err);
	}
	x->later = true;
	/* cppcheck-suppress memleak ; answered() frees it */
	return true;
}
