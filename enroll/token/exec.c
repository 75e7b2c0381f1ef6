/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/token/exec.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "enroll/cmd/ui.h"
#include "enroll/enrol/secret.h"

enum tpmiot_rc
enroll_token_exec(
    char *const *argv, const char *variable, const char *value, struct tpmiot_err *err)
{
	if (setenv(variable, value, 1) != 0)
		return tpmiot_err_memory(err);
	enroll_secret_clear_environment();
	(void)fflush(NULL);
	enroll_signals_release();
	(void)execvp(argv[0], argv);
	enroll_signals_hold();
	(void)unsetenv(variable);
	return tpmiot_err_errno(err, "cannot run %s", argv[0]);
}
