/* SPDX-License-Identifier: Apache-2.0 */
/* A program in this one's place, with a token or secret in its environment. */
#ifndef ENROLL_TOKEN_EXEC_H
#define ENROLL_TOKEN_EXEC_H

#include <tpmiot/err.h>

#define ENROLL_TOKEN_VARIABLE "TPMIOT_TOKEN"

/*
 * Runs argv (NULL-terminated) with variable=value in its environment, without the TPM's passwords
 * there, signals as they were. Returns
 * only if that fails; whatever the caller holds has to be released before.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_token_exec(
    char *const *argv, const char *variable, const char *value, struct tpmiot_err *err);

#endif
