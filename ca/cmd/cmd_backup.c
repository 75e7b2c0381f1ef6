/* SPDX-License-Identifier: Apache-2.0 */
/* tpmiot-ca backup, restore: the store into a file while it is in use, and back. */
#include "ca/cmd/cli.h"

#include <stdio.h>

enum tpmiot_rc
ca_cmd_backup(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, NULL, 1, 1, &first, err);

	if (rc == TPMIOT_OK)
		rc = ca_cli_store_any(cli, err);
	if (rc == TPMIOT_OK)
		rc = ca_store_backup(cli->store, argv[first], err);
	/* An older store is copied before it is upgraded, and its log may have other columns. */
	if (rc == TPMIOT_OK && !ca_store_outdated(cli->store))
		rc = ca_cli_audit(cli, "", NULL, err, "%s", argv[first]);
	return rc;
}

enum tpmiot_rc
ca_cmd_restore(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	struct tpmiot_buf path = TPMIOT_BUF_INIT;
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, NULL, 1, 1, &first, err);

	if (rc != TPMIOT_OK)
		return rc;
	tpmiot_buf_printf(&path, "%s/" CA_STORE_FILE, cli->dir);
	if ((rc = tpmiot_buf_done(&path, err)) == TPMIOT_OK)
		rc = ca_store_restore(argv[first], tpmiot_buf_cstr(&path), cli->now, err);
	if (rc == TPMIOT_OK)
		printf("restored; what was there before is %s.old\n", (char *)path.data);
	tpmiot_buf_free(&path);
	return rc;
}
