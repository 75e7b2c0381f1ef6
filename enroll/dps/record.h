/* SPDX-License-Identifier: Apache-2.0 */
/* What a registration came to: NAME.dps.json in the state directory, beside NAME.key. */
#ifndef ENROLL_DPS_RECORD_H
#define ENROLL_DPS_RECORD_H

#include <tpmiot/dps.h>

#include "enroll/dps/wire.h"
#include "enroll/net/server.h"
#include "enroll/state/state.h"

#define ENROLL_DPS_NAME "hub" /* of the key, unless another one is said */
#define ENROLL_DPS_SUFFIX ".dps.json"
#define ENROLL_DPS_URL_MAX 512
#define ENROLL_DPS_EK_MAX 8

struct enroll_dps_record {
	char server[ENROLL_DPS_URL_MAX];
	char ek[ENROLL_DPS_EK_MAX]; /* its template: "L-1" */
	char scope[TPMIOT_DPS_SCOPE_MAX + 1];
	char registration_id[ENROLL_DPS_ID_MAX + 1];
	char hub[ENROLL_DPS_HUB_MAX + 1];
	char device_id[ENROLL_DPS_ID_MAX + 1];
	int64_t assigned; /* when, by the server's clock */
	TPM2B_NAME key;   /* of the key that came with it: NAME.key has to be it */
};

/* trust: by which certificates, or which fingerprint, the server was known. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_dps_record_write(const struct enroll_state *state,
    const char *name, const struct enroll_dps_record *record, const struct enroll_server *trust,
    struct tpmiot_err *err);

/*
 * TPMIOT_E_NOT_FOUND: there is none. TPMIOT_E_FORMAT: not one of ours. Fills in trust, which is
 * the caller's to free, too; NULL: not wanted.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_dps_record_read(const char *dir, const char *name,
    struct enroll_dps_record *out, struct enroll_server *trust, struct tpmiot_err *err);

/* Whether the record is about this key; a run that was cut short may have left another one. */
bool enroll_dps_record_is_of(
    const struct enroll_dps_record *record, const struct tpmiot_public *key);

TPMIOT_MUST_USE enum tpmiot_rc enroll_dps_record_remove(
    const struct enroll_state *state, const char *name, struct tpmiot_err *err);

#endif
