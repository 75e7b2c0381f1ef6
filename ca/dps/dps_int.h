/* SPDX-License-Identifier: Apache-2.0 */
/* What the steps of a registration share. */
#ifndef CA_DPS_INT_H
#define CA_DPS_INT_H

#include "ca/dps/dps.h"
#include "ca/dps/path.h"
#include "ca/dps/regkey.h"
#include "ca/dps/wire.h"
#include "ca/enrol/evidence.h"

/* One registration on its way. */
struct ca_dps_job {
	struct ca_dps_path path;
	struct ca_dps_request req;
	struct ca_ek ek;
	struct tpmiot_public srk;
	struct ca_dps row; /* as far as the store has one; zeroes otherwise */
};

/*
 * subject.c: EK and storage root key, held against the rules; the row. Then the EK's certificate,
 * which takes more time: who signs has the first step's challenge to show before.
 */
TPMIOT_MUST_USE bool ca_dps_keys(struct ca_api *api, struct ca_exchange *x, struct ca_dps_job *job);
TPMIOT_MUST_USE bool ca_dps_certificate(
    struct ca_api *api, struct ca_exchange *x, struct ca_dps_job *job);
/* Who may register, and as whom. */
TPMIOT_MUST_USE bool ca_dps_decide(struct ca_api *api, struct ca_exchange *x,
    const struct ca_dps_job *job, struct ca_admission *out);
/* The Authorization header, but for who signed it: form, what it is for, its time. */
TPMIOT_MUST_USE bool ca_dps_read_sas(struct ca_api *api, struct ca_exchange *x,
    const struct ca_dps_path *path, struct tpmiot_sas *out);
struct ca_dps_subject ca_dps_subject_of(const struct ca_dps_job *job, int64_t registrations);
/* "4.EK.N": which registration an operation is of. */
void ca_dps_operation(const struct ca_dps *row, char out[CA_DPS_OPERATION_MAX + 1]);

/* The steps: step_register.c, step_result.c. */
TPMIOT_MUST_USE bool ca_dps_register(
    struct ca_api *api, struct ca_exchange *x, struct ca_dps_job *job);
TPMIOT_MUST_USE bool ca_dps_result(
    struct ca_api *api, struct ca_exchange *x, const struct ca_dps_path *path);

#endif
