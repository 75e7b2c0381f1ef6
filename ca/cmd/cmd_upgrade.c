/* SPDX-License-Identifier: Apache-2.0 */
/* tpmiot-ca upgrade: a store of an earlier version, as serve does at its start. */
#include "ca/cmd/cli.h"

#include <stdio.h>

enum tpmiot_rc
ca_cmd_upgrade(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	bool outdated = false;
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, NULL, 0, 0, &first, err);

	if (rc == TPMIOT_OK)
		rc = ca_cli_store_any(cli, err);
	if (rc != TPMIOT_OK)
		return rc;
	outdated = ca_store_outdated(cli->store);
	rc = ca_store_upgrade(cli->store, err);
	if (rc == TPMIOT_OK && outdated)
		rc = ca_cli_audit(cli, "", NULL, err, "%s", "the store");
	if (rc == TPMIOT_OK)
		printf("%s\n", outdated ? "the store is brought up to date"
		                        : "the store was up to date already");
	return rc;
}
