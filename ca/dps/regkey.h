/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key that a registration is signed with. The challenge stores nothing: the key is derived
 * from the CA's sealing key and from all that the registration is about, and derived again when
 * the signature comes. So a signature is good for this scope, id, EK and storage root key; for a
 * few minutes; and until the registration that it is for has been finished.
 */
#ifndef CA_DPS_REGKEY_H
#define CA_DPS_REGKEY_H

#include <tpmiot/sas.h>

#include "ca/enrol/api_int.h"

#define CA_DPS_REGKEY_LEN 32

/* All borrowed. */
struct ca_dps_subject {
	const char *scope;
	const char *id;
	const uint8_t *ek_spki; /* CA_SHA256_LEN */
	const struct tpmiot_public *srk;
	int64_t registrations; /* that the device has finished before */
};

/* The key to challenge with now. */
TPMIOT_MUST_USE enum tpmiot_rc ca_dps_regkey(struct ca_api *api,
    const struct ca_dps_subject *subject, int64_t now, uint8_t out[CA_DPS_REGKEY_LEN],
    struct tpmiot_err *err);

/*
 * Whether a key of the last few minutes made this signature: TPMIOT_E_VERIFY if none did.
 * Between one and two session lifetimes.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_dps_regkey_verify(struct ca_api *api,
    const struct ca_dps_subject *subject, const struct tpmiot_sas *sas, int64_t now,
    struct tpmiot_err *err);

#endif
