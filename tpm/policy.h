/* SPDX-License-Identifier: Apache-2.0 */
/* A key's policy, executed. */
#ifndef TPM_POLICY_H
#define TPM_POLICY_H

#include <tpmiot/keyfile.h>

#include "conn.h"

/*
 * Starts a policy session and executes the key's policy in it, for one use of the
 * key `pub`. Of several signed policies the first one that holds is taken. `auth` is
 * the password that the policy may want; the session is salted if that is not empty.
 * No secrets cross the bus in it (see struct tpmiot_auth's `veil`). It ends with the
 * command that it authorises; if that is not reached, by tpmiot_session_end().
 * TPMIOT_E_POLICY, with what was to hold, if the policy does not.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpm_policy_start(struct tpmiot_tpm *tpm,
    const struct tpmiot_public *pub, const struct tpmiot_keyextra *extra, struct tpmiot_bytes auth,
    struct tpmiot_session **out, struct tpmiot_err *err);

#endif
