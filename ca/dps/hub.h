/* SPDX-License-Identifier: Apache-2.0 */
/* Which hub a device is assigned to: decisions over a list "HOST=WEIGHT, HOST …". Pure. */
#ifndef CA_DPS_HUB_H
#define CA_DPS_HUB_H

#include "ca/store/store.h"

#define CA_HUBS_MAX 64
#define CA_HUB_WEIGHT_MAX 1000

struct ca_hub {
	char name[CA_HUB_MAX + 1];
	int64_t weight;  /* 1 to CA_HUB_WEIGHT_MAX */
	int64_t devices; /* that it has; the caller's to fill */
};

/* TPMIOT_E_FORMAT says what is wrong: no name, a weight that is none, twice the same, too many. */
TPMIOT_MUST_USE enum tpmiot_rc ca_hubs_parse(
    const char *list, struct ca_hub out[CA_HUBS_MAX], size_t *n, struct tpmiot_err *err);

/*
 * The index of the hub that has the fewest devices for its weight, the first of equal ones; or,
 * with keep, of `current` if it is in the list. n is at least 1.
 */
size_t ca_hub_choose(const struct ca_hub *hubs, size_t n, const char *current, bool keep);

#endif
