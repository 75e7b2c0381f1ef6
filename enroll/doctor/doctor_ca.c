/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include <curl/curl.h>

#include "enroll/doctor/doctor.h"
#include "enroll/net/exchange.h"
#include "enroll/net/server.h"
#include "enroll/token/clock.h"

#define CLOCK_WRONG 3600 /* seconds: with these, certificates are not yet valid, or expired */

static void
look_at_clock(struct enroll_doctor *doctor, int64_t theirs)
{
	int64_t off = doctor->now - theirs;
	long long seconds = llabs((long long)off);
	const char *side = off > 0 ? "ahead of" : "behind";

	if (theirs == 0)
		return;
	if (seconds <= ENROLL_CLOCK_OFF)
		enroll_doctor_say(doctor, ENROLL_FINE, "clock", NULL, "agrees with the CA's");
	else
		enroll_doctor_say(doctor, seconds < CLOCK_WRONG ? ENROLL_WARNING : ENROLL_FAULT,
		    "clock", "set this device's clock; most of all, have it set at every boot",
		    "%lld s %s the CA's", seconds, side);
}

/* A GET is never a request of the protocol: a CA says so, by a problem document. */
static void
ask(struct enroll_doctor *doctor, struct enroll_http *http, const char *url)
{
	struct enroll_http_reply reply = { .body = TPMIOT_BUF_INIT };
	struct enroll_msg_problem problem;
	struct tpmiot_err err;
	enum tpmiot_rc rc;

	rc = enroll_http_get(http, "/v1/attestations", ENROLL_MSG_REPLY_MAX, &reply, &err);
	if (rc == TPMIOT_OK) {
		look_at_clock(doctor, reply.date);
		rc = enroll_exchange_judge(&reply, &problem, &err);
	}
	if (rc == TPMIOT_E_REFUSED)
		enroll_doctor_say(
		    doctor, ENROLL_FINE, "ca", NULL, "%s answers and is trusted", url);
	else
		enroll_doctor_fault(doctor, "ca", &err, "check the address in --server=URL");
	enroll_http_reply_free(&reply);
}

void
enroll_doctor_ca(struct enroll_doctor *doctor)
{
	const struct enroll_opts *opts = doctor->env->opts;
	struct enroll_server server = {
		.url = opts->server, .ca_file = opts->ca_file, .fingerprint = opts->ca_fingerprint
	};
	struct enroll_http *http = NULL;
	struct tpmiot_err err;
	enum tpmiot_rc rc;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return;
	rc = enroll_server_recall(doctor->env->dir, &server, &err);
	if (rc == TPMIOT_OK && server.url == NULL)
		enroll_doctor_say(doctor, ENROLL_WARNING, "ca", "name it with --server=URL",
		    "not looked at: this device has not enrolled yet");
	else if (rc == TPMIOT_OK)
		rc = enroll_server_open(doctor->env->dir, &server, &http, &err);
	if (rc != TPMIOT_OK)
		enroll_doctor_fault(doctor, "ca", &err,
		    "run tpmiot-enroll enroll with --server=URL and --ca-file=FILE again");
	else if (http != NULL)
		ask(doctor, http, server.url);
	enroll_http_free(&http);
	enroll_server_free(&server);
	curl_global_cleanup();
}
