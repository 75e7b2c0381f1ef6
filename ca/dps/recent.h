/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom the last challenges were for. Some clients (Microsoft's for Rust) say so with the first
 * request only. A registration is never refused because it is not here as long as the request says
 * it again; so this may be small, is in no file, and forgets the oldest for the newest.
 */
#ifndef CA_DPS_RECENT_H
#define CA_DPS_RECENT_H

#include <tpmiot/sas.h>

#include "ca/dps/regkey.h"
#include "ca/dps/wire.h"

#define CA_DPS_RECENT_MAX 512 /* challenges; some 400 KiB */

struct ca_dps_recent;

/* Remembers public areas and join token of a request, by the key that it was challenged with. */
TPMIOT_MUST_USE enum tpmiot_rc ca_dps_recent_add(struct ca_dps_recent **recent, const char *id,
    const uint8_t regkey[CA_DPS_REGKEY_LEN], const struct ca_dps_request *req,
    struct tpmiot_err *err);

/*
 * Completes a request by those of the challenge whose key signed it: somebody else who begins
 * under the same id is in nobody's way. TPMIOT_E_NOT_FOUND: there is none.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_dps_recent_find(const struct ca_dps_recent *recent,
    OSSL_LIB_CTX *libctx, const char *id, const struct tpmiot_sas *sas, struct ca_dps_request *req,
    struct tpmiot_err *err);

void ca_dps_recent_free(struct ca_dps_recent **recent);

#endif
