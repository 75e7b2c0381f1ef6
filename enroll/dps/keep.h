/* SPDX-License-Identifier: Apache-2.0 */
/* The key and the record of a registration, stored; and given up again. */
#ifndef ENROLL_DPS_KEEP_H
#define ENROLL_DPS_KEEP_H

#include "enroll/cmd/cli.h"
#include "enroll/dps/record.h"
#include "enroll/dps/unwrap.h"

/*
 * Writes NAME.key, then NAME.dps.json. persistent: first the key at 0x81000100 (TPM2_Load,
 * TPM2_EvictControl, TPM2_FlushContext, and two more where a former one is replaced),
 * and NAME.key says so; not persistent: first a former one of this name is removed from there.
 * TPMIOT_E_CONFLICT: something else than such a key is there.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_dps_keep(struct enroll_dps_tpm *t,
    const struct enroll_state *state, const char *name, bool persistent,
    const struct tpmiot_keyfile *key, const struct enroll_dps_record *record,
    const struct enroll_server *trust, struct tpmiot_err *err);

/*
 * Removes the record of a registration, and its key from 0x81000100 if it was put there. No
 * registration of that name: nothing to do. NAME.key stays.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_dps_forget(const struct enroll_env *env,
    const struct enroll_state *state, const char *name, struct tpmiot_err *err);

#endif
