/* SPDX-License-Identifier: Apache-2.0 */
/* The enrolment itself: the device's side of doc/PROTOCOL.md, step by step. */
#ifndef ENROLL_FLOW_H
#define ENROLL_FLOW_H

#include <tpmiot/ek.h>
#include <tpmiot/key.h>

#include "enroll/net/http.h"
#include "enroll/net/server.h"
#include "enroll/cmd/ui.h"

/* What is wanted; borrowed. */
struct enroll_flow_plan {
	const char *name;                   /* of the key */
	const enum tpmiot_key_kind *kind;   /* NULL: whatever is there, else P-256 */
	const char *ek;                     /* --ek; NULL: the TPM's first */
	const char *device_id;              /* NULL: none claimed */
	const char *profile;                /* NULL: what the CA gives such devices */
	struct tpmiot_buf *join_token;      /* empty: none */
	const struct enroll_server *server; /* to be remembered */
};

struct enroll_flow_result {
	char device_id[65];
};

/*
 * From an open connection and a journal to a stored certificate. Files are
 * written in an order that makes each step repeatable: ak.key, NAME.key,
 * ca.crt, server.json, and NAME.crt as the last. The TPM never holds more than three objects
 * at a time, so that a bare TPM does.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_flow_run(const struct enroll_flow_plan *plan,
    const struct enroll_state *state, struct tpmiot_tpm *tpm, struct enroll_http *http,
    const struct enroll_ui *ui, struct enroll_flow_result *out, struct tpmiot_err *err);

#endif
