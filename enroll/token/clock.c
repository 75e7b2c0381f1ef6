/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/token/clock.h"

#include <curl/curl.h>

#include "enroll/enrol/certs.h"
#include "enroll/net/msg.h"
#include "enroll/net/server.h"

#define OLDER_THAN_THIS_PROGRAM 1767225600 /* 2026-01-01: what a clock without a battery says */

/* "this device's clock says NOW, WHY: NEXT". */
static enum tpmiot_rc
refuse(int64_t now, const char *why, int64_t then, const char *next, struct tpmiot_err *err)
{
	struct tpmiot_buf ours = TPMIOT_BUF_INIT, theirs = TPMIOT_BUF_INIT;
	const char *a, *b;
	enum tpmiot_rc rc;

	enroll_certs_put_time(now, &ours);
	enroll_certs_put_time(then, &theirs);
	a = tpmiot_buf_cstr(&ours);
	b = tpmiot_buf_cstr(&theirs);
	rc = a == NULL || b == NULL
	         ? tpmiot_err_memory(err)
	         : tpmiot_err_set(err, TPMIOT_E_POLICY, "this device's clock says %s, %s %s: %s", a,
	               why, b, next);
	tpmiot_buf_free(&ours);
	tpmiot_buf_free(&theirs);
	return rc;
}

enum tpmiot_rc
enroll_clock_check(const X509 *leaf, int64_t now, struct tpmiot_err *err)
{
	int64_t begins = leaf != NULL ? enroll_certs_not_before(leaf) : OLDER_THAN_THIS_PROGRAM;
	int64_t ends = leaf != NULL ? enroll_certs_not_after(leaf) : INT64_MAX;

	if (now < begins)
		return refuse(now,
		    leaf != NULL ? "and the key's certificate begins" : "which is before", begins,
		    "set the clock, and have it set at every boot", err);
	if (now >= ends)
		return refuse(now, "and the key's certificate ended", ends,
		    "if the clock is right, 'tpmiot-enroll enroll' gets a new one", err);
	return TPMIOT_OK;
}

enum tpmiot_rc
enroll_clock_compare(int64_t now, int64_t theirs, struct tpmiot_err *err)
{
	int64_t off = now > theirs ? now - theirs : theirs - now;

	if (theirs == 0)
		return tpmiot_err_set(err, TPMIOT_E_TRUST, "the CA does not say what time it is");
	if (off <= ENROLL_CLOCK_OFF)
		return TPMIOT_OK;
	return refuse(
	    now, "and the CA's", theirs, "set the clock, and have it set at every boot", err);
}

enum tpmiot_rc
enroll_clock_check_since(int64_t since, int64_t now, struct tpmiot_err *err)
{
	if (now + ENROLL_CLOCK_OFF >= since)
		return TPMIOT_OK;
	return refuse(now, "and the hub was assigned at", since,
	    "set the clock, and have it set at every boot", err);
}

enum tpmiot_rc
enroll_clock_ask_server(
    const char *dir, struct enroll_server *server, int64_t now, struct tpmiot_err *err)
{
	struct enroll_http_reply reply = { .body = TPMIOT_BUF_INIT };
	struct enroll_http *http = NULL;
	enum tpmiot_rc rc;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return tpmiot_err_memory(err);
	rc = enroll_server_open(dir, server, &http, err);
	/* Whatever it answers to a GET, it answers with its time. */
	if (rc == TPMIOT_OK)
		rc = enroll_http_get(http, "/v1/attestations", ENROLL_MSG_REPLY_MAX, &reply, err);
	if (rc == TPMIOT_OK)
		rc = enroll_clock_compare(now, reply.date, err);
	enroll_http_reply_free(&reply);
	enroll_http_free(&http);
	curl_global_cleanup();
	return rc;
}

enum tpmiot_rc
enroll_clock_ask(const struct enroll_env *env, int64_t now, struct tpmiot_err *err)
{
	struct enroll_server server = ENROLL_SERVER_INIT;
	enum tpmiot_rc rc = enroll_server_recall(env->dir, &server, err);

	if (rc == TPMIOT_OK && server.url == NULL)
		rc = tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "--check-clock: this device has not enrolled with a CA whose clock it could "
		    "ask for");
	if (rc == TPMIOT_OK)
		rc = enroll_clock_ask_server(env->dir, &server, now, err);
	enroll_server_free(&server);
	return rc;
}
