/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "enroll/cmd/cli.h"

int
main(int argc, char **argv)
{
	/* tpm2-tss reports expected conditions on stderr; we report what matters. */
	(void)setenv("TSS2_LOG", "all+NONE", 0);
	return enroll_cli_main(argc, argv);
}
