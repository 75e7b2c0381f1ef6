/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Azure's Device Provisioning Service on the wire, as far as TPMs are concerned (doc/PROTOCOL.md):
 * requests written, replies read. Pure.
 */
#ifndef ENROLL_DPS_WIRE_H
#define ENROLL_DPS_WIRE_H

#include "enroll/net/json.h"

#define ENROLL_DPS_SERVER "https://global.azure-devices-provisioning.net"
#define ENROLL_DPS_CONTENT_TYPE "application/json; charset=utf-8"
#define ENROLL_DPS_ID_MAX 128
#define ENROLL_DPS_HUB_MAX 253
#define ENROLL_DPS_OPERATION_MAX 256
#define ENROLL_DPS_TEXT_MAX 256

/* What a registration id may be: 1 to 128 letters, digits and - . _ : */
bool enroll_dps_id_valid(const char *id);

/* Whether that server is Microsoft's, which is not told more than its own protocol says. */
bool enroll_dps_is_microsofts(const char *server);

/* Appends the path of a registration; operation NULL: the one to begin at. */
void enroll_dps_put_path(
    const char *scope, const char *id, const char *operation, struct tpmiot_buf *out);

struct enroll_dps_request {
	const char *id;
	const struct tpmiot_public *ek;
	const struct tpmiot_public *srk;
	/* Our own CA's extension, "tpmiot": nothing of it, nothing sent. */
	struct tpmiot_bytes ek_cert; /* as NV has it */
	const char *join_token;
};

TPMIOT_MUST_USE enum tpmiot_rc enroll_dps_put_request(
    const struct enroll_dps_request *msg, struct tpmiot_buf *out, struct tpmiot_err *err);

/* The authenticationKey of a 401. TPMIOT_E_FORMAT. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_dps_parse_challenge(
    struct tpmiot_bytes json, struct tpmiot_buf *key, struct tpmiot_err *err);

enum enroll_dps_status { ENROLL_DPS_ASSIGNING, ENROLL_DPS_ASSIGNED, ENROLL_DPS_FAILED };

/* Starts as { 0 }. */
struct enroll_dps_answer {
	enum enroll_dps_status status;
	char operation[ENROLL_DPS_OPERATION_MAX + 1]; /* while assigning */
	char hub[ENROLL_DPS_HUB_MAX + 1];             /* once assigned, as the next two */
	char device_id[ENROLL_DPS_ID_MAX + 1];
	struct tpmiot_buf key;            /* its authenticationKey */
	char reason[ENROLL_DPS_TEXT_MAX]; /* where it failed */
};

/* TPMIOT_E_FORMAT names the member. Free with enroll_dps_answer_free(). */
TPMIOT_MUST_USE enum tpmiot_rc enroll_dps_parse_answer(
    struct tpmiot_bytes json, struct enroll_dps_answer *out, struct tpmiot_err *err);
void enroll_dps_answer_free(struct enroll_dps_answer *answer);

/* What a server says that refuses. Printable. */
struct enroll_dps_refusal {
	char reason[ENROLL_DPS_TEXT_MAX]; /* "MESSAGE [CODE]" */
	char next[ENROLL_DPS_TEXT_MAX];   /* what our own CA says is to be done; "" of others */
};

/* Never fails: what cannot be read is left out. */
void enroll_dps_parse_refusal(struct tpmiot_bytes json, struct enroll_dps_refusal *out);

#endif
