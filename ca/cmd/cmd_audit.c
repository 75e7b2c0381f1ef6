/* SPDX-License-Identifier: Apache-2.0 */
/* tpmiot-ca audit: every decision with its reason. */
#include "ca/cmd/cli.h"

static bool
add_row(void *arg, const struct ca_audit *entry)
{
	return ca_out_append(
	    arg, json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id",
	             (json_int_t)entry->id, "time", ca_out_time(entry->time), "event",
	             ca_out_text(entry->event), "decision", ca_out_text(entry->decision), "reason",
	             ca_out_text(entry->reason), "device_id", ca_out_text(entry->device_id), "ek",
	             entry->has_ek ? ca_out_hex(entry->ek_spki, CA_SHA256_LEN) : json_null(),
	             "peer", ca_out_text(entry->peer), "detail", ca_out_text(entry->detail), "pcrs",
	             ca_out_text(entry->pcrs != NULL ? entry->pcrs : "")));
}

enum tpmiot_rc
ca_cmd_audit(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	static const struct ca_column columns[] = {
		{ "id", "NUMBER" },
		{ "time", "TIME" },
		{ "event", "EVENT" },
		{ "decision", "DECISION" },
		{ "reason", "REASON" },
		{ "device_id", "DEVICE" },
		{ "peer", "FROM" },
		{ "detail", "DETAIL" },
		{ NULL, NULL },
	};
	const char *last = NULL;
	const struct ca_cli_option options[] = { { .name = "last", .value = &last },
		{ .name = NULL } };
	json_t *rows = json_array();
	int64_t n = 50;
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, options, 0, 0, &first, err);

	if (rc == TPMIOT_OK && last != NULL)
		rc = ca_cli_number("--last", last, &n, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_store(cli, err);
	if (rc == TPMIOT_OK)
		rc = ca_audit_list(cli->store, n, add_row, &rows, err);
	if (rc == TPMIOT_OK)
		return ca_out_rows(stdout, cli->json, rows, columns, err);
	json_decref(rows);
	return rc;
}
