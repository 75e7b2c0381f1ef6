/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "enroll/net/exchange.h"
#include "enroll/net/retry.h"

/* "DETAIL (or TITLE). NEXT" */
static enum tpmiot_rc
refused(const struct enroll_msg_problem *problem, enum tpmiot_rc rc, const char *lead,
    struct tpmiot_err *err)
{
	const char *why = problem->detail[0] != '\0' ? problem->detail : problem->title;

	return tpmiot_err_set(err, rc, "%s: %s [%s]%s%s", lead, why, problem->type,
	    problem->next[0] != '\0' ? ". Next step: " : "", problem->next);
}

enum tpmiot_rc
enroll_exchange_judge(const struct enroll_http_reply *reply, struct enroll_msg_problem *problem,
    struct tpmiot_err *err)
{
	struct tpmiot_bytes body = { reply->body.data, reply->body.len };
	char lead[80];

	memset(problem, 0, sizeof(*problem));
	if (reply->problem)
		enroll_msg_parse_problem(body, problem);
	if (problem->type[0] == '\0' && enroll_retry_is_passing(reply->status))
		return tpmiot_err_set(err, TPMIOT_E_NET,
		    "what answered (HTTP %ld, no answer of a tpmiot CA) cannot reach the CA now: "
		    "try "
		    "again later; see to the proxy in front of the CA if it stays so",
		    reply->status);
	if (problem->type[0] == '\0')
		return tpmiot_err_set(err, TPMIOT_E_TRUST,
		    "what answered (HTTP %ld) is no tpmiot CA; check host, port and path of "
		    "--server",
		    reply->status);
	if (reply->status >= 500 || reply->status == 429) {
		if (reply->retry_after == 0)
			return refused(problem, TPMIOT_E_NET,
			    "the CA cannot answer now, try again later", err);
		(void)snprintf(lead, sizeof(lead),
		    "the CA cannot answer now, try again in %u seconds", reply->retry_after);
		return refused(problem, TPMIOT_E_NET, lead, err);
	}
	return refused(problem, TPMIOT_E_REFUSED, "the CA refused", err);
}

bool
enroll_exchange_restarts(const struct enroll_msg_problem *problem)
{
	return strncmp(problem->type, "session-", 8) == 0;
}

enum tpmiot_rc
enroll_wait(unsigned seconds, struct tpmiot_err *err)
{
	const struct timespec nap = { 0, 100000000L };
	enum tpmiot_rc rc = TPMIOT_OK;
	unsigned i;

	for (i = 0; i < seconds * 10 && rc == TPMIOT_OK; i++) {
		(void)nanosleep(&nap, NULL);
		rc = enroll_signals_check(err);
	}
	return rc;
}

enum tpmiot_rc
enroll_exchange_pause(const struct enroll_ui *ui, unsigned seconds, enum tpmiot_rc was,
    const struct enroll_http_reply *reply, struct tpmiot_err *err)
{
	if (was == TPMIOT_OK)
		enroll_ui_note(ui, "The server cannot answer now (HTTP %ld); trying again in %u s",
		    reply->status, seconds);
	else
		enroll_ui_note(
		    ui, "%s. Trying again in %u s", err != NULL ? err->text : "No answer", seconds);
	return enroll_wait(seconds, err);
}

enum tpmiot_rc
enroll_exchange(struct enroll_http *http, const struct enroll_ui *ui, const char *path,
    const struct tpmiot_buf *body, struct tpmiot_buf *out, struct enroll_msg_problem *problem,
    struct tpmiot_err *err)
{
	struct enroll_http_reply reply = { .body = TPMIOT_BUF_INIT };
	struct enroll_retry retry;
	enum tpmiot_rc rc;
	unsigned delay;

	enroll_retry_start(&retry, enroll_http_patience(http));
	for (;;) {
		rc = enroll_http_post(http, path, body, ENROLL_MSG_REPLY_MAX, &reply, err);
		delay = enroll_retry_delay(&retry, rc, &reply);
		if (delay == 0)
			break;
		rc = enroll_exchange_pause(ui, delay, rc, &reply, err);
		enroll_http_reply_free(&reply);
		if (rc != TPMIOT_OK)
			break;
	}
	if (rc == TPMIOT_OK) {
		enroll_ui_detail(
		    ui, "POST %s: HTTP %ld, %zu bytes", path, reply.status, reply.body.len);
		if (reply.status == 200 && reply.json)
			tpmiot_buf_move(out, &reply.body);
		else
			rc = enroll_exchange_judge(&reply, problem, err);
	}
	enroll_http_reply_free(&reply);
	return rc;
}
