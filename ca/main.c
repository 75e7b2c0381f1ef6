/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/cmd/cli.h"

int
main(int argc, char **argv)
{
	return ca_cli_main(argc, argv);
}
