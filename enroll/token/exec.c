/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/token/exec.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "enroll/cmd/ui.h"

enum tpmiot_rc
enroll_token_exec(char *const *argv, const char *token, struct tpmiot_err *err)
{
	if (setenv(ENROLL_TOKEN_VARIABLE, token, 1) != 0)
		return tpmiot_err_memory(err);
	(void)fflush(NULL);
	enroll_signals_release();
	(void)execvp(argv[0], argv);
	enroll_signals_hold();
	(void)unsetenv(ENROLL_TOKEN_VARIABLE);
	return tpmiot_err_errno(err, "cannot run %s", argv[0]);
}
