/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <time.h>

#include "enroll/net/exchange.h"

#define TRIES 4
#define RETRY_AFTER_PATIENCE 30 /* seconds; a CA that wants more gets told to the user */

static bool
is_busy(long status)
{
	return status == 429 || status == 503;
}

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

	memset(problem, 0, sizeof(*problem));
	if (reply->problem)
		enroll_msg_parse_problem(body, problem);
	if (problem->type[0] == '\0')
		return tpmiot_err_set(err, TPMIOT_E_TRUST,
		    "what answered (HTTP %ld) is no tpmiot CA; check host, port and path of "
		    "--server",
		    reply->status);
	if (reply->status >= 500 || is_busy(reply->status))
		return refused(
		    problem, TPMIOT_E_NET, "the CA cannot answer now, try again later", err);
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

/* Seconds until the same request makes sense again; 0 if it does not. */
static unsigned
retry_delay(const struct enroll_http *http, enum tpmiot_rc rc,
    const struct enroll_http_reply *reply, unsigned tries)
{
	if (rc == TPMIOT_E_NET)
		return enroll_http_broke(http) ? tries : 0;
	if (rc != TPMIOT_OK || !is_busy(reply->status) || reply->retry_after > RETRY_AFTER_PATIENCE)
		return 0;
	return reply->retry_after > 0 ? reply->retry_after : tries;
}

enum tpmiot_rc
enroll_exchange(struct enroll_http *http, const struct enroll_ui *ui, const char *path,
    const struct tpmiot_buf *body, struct tpmiot_buf *out, struct enroll_msg_problem *problem,
    struct tpmiot_err *err)
{
	struct enroll_http_reply reply = { .body = TPMIOT_BUF_INIT };
	unsigned tries, delay;
	enum tpmiot_rc rc;

	for (tries = 1;; tries++) {
		rc = enroll_http_post(http, path, body, ENROLL_MSG_REPLY_MAX, &reply, err);
		delay = retry_delay(http, rc, &reply, tries);
		if (delay == 0 || tries == TRIES)
			break;
		enroll_ui_detail(ui, "no answer from the CA; trying again in %u s", delay);
		enroll_http_reply_free(&reply);
		rc = enroll_wait(delay, err);
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
