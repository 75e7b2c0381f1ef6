/* SPDX-License-Identifier: Apache-2.0 */
/* Which registration a path is about: /SCOPE/registrations/ID/register and …/operations/OP. Pure.
 */
#ifndef CA_DPS_PATH_H
#define CA_DPS_PATH_H

#include <stdbool.h>

#include <tpmiot/device_id.h>
#include <tpmiot/dps.h>

#define CA_DPS_OPERATION_MAX 64

struct ca_dps_path {
	char scope[TPMIOT_DPS_SCOPE_MAX + 1];
	char id[TPMIOT_DEVICE_ID_MAX + 1];
	char operation[CA_DPS_OPERATION_MAX + 1]; /* "": the registration itself */
};

/* Whether it has the form at all. Ids stand in it raw, as the clients send them. */
bool ca_dps_path_parse(const char *path, struct ca_dps_path *out);

#endif
