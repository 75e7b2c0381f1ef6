/* SPDX-License-Identifier: Apache-2.0 */
/* Azure's provisioning protocol in JSON (doc/PROTOCOL.md): requests read, replies written. */
#ifndef CA_DPS_WIRE_H
#define CA_DPS_WIRE_H

#include "ca/enrol/wire.h"

#define CA_DPS_CONTENT_TYPE "application/json; charset=utf-8"

struct ca_dps_request {
	struct ca_attest_request ek;  /* public area, and of our extension certificate and token */
	struct tpmiot_buf srk_public; /* TPM2B_PUBLIC; both are empty, or none */
};

/* *out must be zeroed. id: the path's, which the body has to agree with. Free it either way. */
TPMIOT_MUST_USE bool ca_dps_request_parse(const void *body, size_t len, const char *id,
    struct ca_dps_request *out, struct ca_problem *problem);
void ca_dps_request_free(struct ca_dps_request *req);

/* The 401 with a key to sign the registration with. */
TPMIOT_MUST_USE enum tpmiot_rc ca_dps_challenge_put(
    const struct tpmiot_buf *key, struct tpmiot_buf *out, struct tpmiot_err *err);

TPMIOT_MUST_USE enum tpmiot_rc ca_dps_assigning_put(
    const char *operation, struct tpmiot_buf *out, struct tpmiot_err *err);

struct ca_dps_assigned {
	const char *registration_id;
	const char *operation;
	const char *hub;
	const char *device_id;
	int64_t registered;
	const struct tpmiot_buf *key;
};
TPMIOT_MUST_USE enum tpmiot_rc ca_dps_assigned_put(
    const struct ca_dps_assigned *reply, struct tpmiot_buf *out, struct tpmiot_err *err);

/* What Azure's services answer where something is wrong, and with which status. */
int ca_dps_status(const struct ca_problem *problem);
TPMIOT_MUST_USE enum tpmiot_rc ca_dps_problem_put(
    const struct ca_problem *problem, int64_t now, struct tpmiot_buf *out, struct tpmiot_err *err);

#endif
