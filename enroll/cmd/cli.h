/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program behind main(): options, and one function per command. A command
 * returns what went wrong; words and exit code are made of it in one place.
 */
#ifndef ENROLL_CLI_H
#define ENROLL_CLI_H

#include <tpmiot/tpm.h>

#include "enroll/cmd/opts.h"
#include "enroll/cmd/ui.h"

struct enroll_env {
	const struct enroll_opts *opts;
	struct enroll_ui ui;
	const char *dir;  /* the state directory */
	const char *tcti; /* NULL: tpm2-tss's own search */
};

int enroll_cli_main(int argc, char **argv);

TPMIOT_MUST_USE enum tpmiot_rc enroll_cmd_enroll(struct enroll_env *env, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc enroll_cmd_status(struct enroll_env *env, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc enroll_cmd_doctor(struct enroll_env *env, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc enroll_cmd_ek(struct enroll_env *env, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc enroll_cmd_renew(struct enroll_env *env, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc enroll_cmd_dps(struct enroll_env *env, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc enroll_cmd_secret(struct enroll_env *env, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc enroll_cmd_token(struct enroll_env *env, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc enroll_cmd_reset(struct enroll_env *env, struct tpmiot_err *err);

#endif
