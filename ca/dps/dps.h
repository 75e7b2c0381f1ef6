/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Azure's Device Provisioning Service, as far as TPMs are concerned, on the CA's own listener:
 *
 *	PUT /SCOPE/registrations/ID/register           a challenge (401) for EK and storage root key
 *	the same, signed with the key that it held     the device is registered
 *	GET /SCOPE/registrations/ID/operations/OP      its hub and its key
 *
 * Who may register, and as whom, is decided as in the native protocol (ca_decide()).
 */
#ifndef CA_DPS_H
#define CA_DPS_H

#include "ca/enrol/api_int.h"

/* Whether a path is for this protocol, which is off where no scope is configured. */
bool ca_dps_is_path(const struct ca_api *api, const char *path);

/* One request. False: x->problem says why. */
TPMIOT_MUST_USE bool ca_dps_step(struct ca_api *api, struct ca_exchange *x);

/* A refusal as Azure's services write one. */
void ca_dps_refusal(const struct ca_exchange *x, struct ca_http_reply *reply);

#endif
