/* SPDX-License-Identifier: Apache-2.0 */
/* Which endorsement key the user means with --ek. */
#ifndef ENROLL_EKPICK_H
#define ENROLL_EKPICK_H

#include <tpmiot/ek.h>

#include "enroll/cmd/ui.h"

/* TPMIOT_E_USAGE unless which is NULL, "rsa", "ecc" or a profile's name in either case. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_ekpick_check(const char *which, struct tpmiot_err *err);

/*
 * The profile to ask tpmiot_ek_find() for; NULL for NULL, which leaves the
 * choice to it. Of rsa and ecc the first that has a certificate in this TPM,
 * else the first with a persistent key, else the first.
 */
const struct tpmiot_ek_profile *enroll_ekpick(
    const char *which, const struct tpmiot_ek_survey *survey);

/* Whether a `which` that is one can mean the profile of this name ("L-1"). */
bool enroll_ekpick_can_mean(const char *which, const char *name);

/* Warns of what the TPM has in NV for its EK, but does not give out, or we cannot use. */
void enroll_ekpick_warn(const struct enroll_ui *ui, const struct tpmiot_ek *ek);

#endif
