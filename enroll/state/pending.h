/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key and its certificate that will take the place of NAME.key and NAME.crt. They
 * wait under a name of their own, which no user's key can have; once the certificate
 * is there, the change is decided, and whoever comes next finishes it.
 */
#ifndef ENROLL_PENDING_H
#define ENROLL_PENDING_H

#include "enroll/state/state.h"

/* ".NAME.next": for enroll_state_read_key() and the like. */
void enroll_pending_name(const char *name, char out[ENROLL_FILE_NAME_MAX]);

/* Puts the pair in place if it is complete; nothing otherwise. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_pending_finish(
    const struct enroll_state *state, const char *name, struct tpmiot_err *err);

/* Removes what is there of it. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_pending_drop(
    const struct enroll_state *state, const char *name, struct tpmiot_err *err);

#endif
