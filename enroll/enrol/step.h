/* SPDX-License-Identifier: Apache-2.0 */
/* The protocol's second step, which an enrolment and a renewal have in common. */
#ifndef ENROLL_STEP_H
#define ENROLL_STEP_H

#include <tpmiot/key.h>

#include "enroll/net/http.h"
#include "enroll/net/msg.h"
#include "enroll/net/server.h"
#include "enroll/cmd/ui.h"

#define ENROLL_STEP_STARTS 3 /* a session may be too old after a key took minutes to make */

struct enroll_step {
	const struct enroll_state *state;
	const struct enroll_server *server; /* to be remembered */
	const char *cert_name;              /* CERT_NAME.crt is what is written last */
	struct tpmiot_tpm *tpm;
	struct enroll_http *http;
	const struct enroll_ui *ui;
	/* Owned, from here on. */
	struct tpmiot_key *ak;
	struct tpmiot_key *key; /* to be certified */
	struct enroll_msg_challenge challenge;
	struct tpmiot_buf secret;          /* empty in a renewal */
	struct enroll_msg_problem problem; /* of the last refusal */
};

/* A request, unless a signal came. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_step_exchange(struct enroll_step *step, const char *path,
    const struct tpmiot_buf *body, struct tpmiot_buf *reply, struct tpmiot_err *err);

/* Makes TPMIOT_E_FORMAT, a reply that cannot be used, TPMIOT_E_TRUST. */
enum tpmiot_rc enroll_step_blame_server(enum tpmiot_rc rc, struct tpmiot_err *err);

/* Certifies the key, makes the request, and sends both. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_step_prove(
    struct enroll_step *step, struct enroll_msg_issued *issued, struct tpmiot_err *err);

/* Looks at what was issued, and stores it: ca.crt, server.json, the certificate. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_step_accept(
    const struct enroll_step *step, const struct enroll_msg_issued *issued, struct tpmiot_err *err);

void enroll_step_free(struct enroll_step *step);

#endif
