/* SPDX-License-Identifier: Apache-2.0 */
/* tpmiot-ca serve: store and --set for the server. */
#include "ca/cmd/cli.h"

#include "ca/http/server.h"

static enum tpmiot_rc
set_listen(struct ca_cli *cli, const char *listen, struct tpmiot_buf *set, struct tpmiot_err *err)
{
	if (cli->sets.n == CA_CLI_LIST_MAX)
		return tpmiot_err_set(
		    err, TPMIOT_E_USAGE, "--set: at most %d times", CA_CLI_LIST_MAX);
	tpmiot_buf_printf(set, "listen=%s", listen);
	if (tpmiot_buf_done(set, err) != TPMIOT_OK)
		return TPMIOT_E_MEMORY;
	cli->sets.items[cli->sets.n++] = tpmiot_buf_cstr(set);
	return TPMIOT_OK;
}

enum tpmiot_rc
ca_cmd_serve(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	const char *listen = NULL;
	const struct ca_cli_option options[] = {
		{ .name = "listen", .value = &listen },
		{ .name = NULL },
	};
	struct tpmiot_buf set = TPMIOT_BUF_INIT;
	struct ca_server_source source;
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, options, 0, 0, &first, err);

	if (rc == TPMIOT_OK && listen != NULL)
		rc = set_listen(cli, listen, &set, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_store_any(cli, err);
	if (rc == TPMIOT_OK)
		rc = ca_store_upgrade(cli->store, err);
	if (rc == TPMIOT_OK) {
		source = (struct ca_server_source){ cli->dir, cli->sets.items, cli->sets.n };
		rc = ca_server_run(&source, cli->store, err);
	}
	tpmiot_buf_free(&set);
	return rc;
}
