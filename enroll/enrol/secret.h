/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets that a user hands in: by file, environment or prompt, never as an argument. */
#ifndef ENROLL_SECRET_H
#define ENROLL_SECRET_H

#include <tpmiot/key.h>

#include "enroll/cmd/cli.h"

#define ENROLL_SECRET_MAX 1024

/*
 * Appends a file's content ("-": stdin) without the white space at its end. Warns of a
 * file that everybody can read. option, without dashes, and what are for messages.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_secret_read(const char *option, const char *what,
    const char *file, const struct enroll_ui *ui, struct tpmiot_buf *out, struct tpmiot_err *err);

/*
 * A connection that has the hierarchies' authorisation values: from the files, else
 * TPMIOT_OWNER_AUTH and TPMIOT_ENDORSEMENT_AUTH, else, where one is set and a terminal
 * is there, from whoever sits at it. No command unless there is a terminal.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_secret_open_tpm(
    const struct enroll_env *env, struct tpmiot_tpm **out, struct tpmiot_err *err);

/*
 * Gives a key that has a password that password: from --key-auth-file, else TPMIOT_KEY_AUTH, else
 * from whoever sits at the terminal. TPMIOT_E_AUTH: there is none of them. No command.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_secret_give_key(
    const struct enroll_env *env, struct tpmiot_key *key, struct tpmiot_err *err);

/* Takes the passwords out of the environment: they are not for a program that is run from here. */
void enroll_secret_clear_environment(void);

/* Adds to TPMIOT_E_AUTH how a value is given. Returns rc. */
enum tpmiot_rc enroll_secret_explain(enum tpmiot_rc rc, struct tpmiot_err *err);

#endif
