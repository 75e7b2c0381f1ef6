/* SPDX-License-Identifier: Apache-2.0 */
/* tpmiot-ca pcr: which PCR values devices may have. */
#include "ca/cmd/cmd.h"

#include <string.h>

#include <tpmiot/pcrset.h>

#include "ca/file.h"

#define FILE_MAX_LEN 65536

/* Where the values come from: one of these is not NULL. */
struct source {
	const char *device, *audit, *file;
};

/* What a device that enrolled had in its last quote. */
static enum tpmiot_rc
from_device(struct ca_cli *cli, const char *id, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	struct ca_device dev = { .ek_cert = TPMIOT_BUF_INIT };
	struct ca_quote quote = { .pcrs = TPMIOT_BUF_INIT };
	enum tpmiot_rc rc = ca_cmd_find_device(cli, id, &dev, err);

	if (rc == TPMIOT_OK)
		rc = ca_quote_find(cli->store, dev.ek_spki, &quote, err);
	if (rc == TPMIOT_OK)
		tpmiot_buf_move(out, &quote.pcrs);
	else if (rc == TPMIOT_E_NOT_FOUND && quote.pcrs.len == 0)
		(void)tpmiot_err_prefix(err, "%s", id);
	tpmiot_buf_free(&dev.ek_cert);
	return rc;
}

/* What a device had that was let in or refused then. */
static enum tpmiot_rc
from_audit(struct ca_cli *cli, const char *number, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	int64_t id = 0;
	enum tpmiot_rc rc = ca_cli_number("--audit", number, &id, err);

	return rc == TPMIOT_OK ? ca_audit_pcrs(cli->store, id, out, err) : rc;
}

/* What tpm2_pcrread printed, or our own text. */
static enum tpmiot_rc
from_file(const char *path, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	struct tpmiot_pcrset set;
	enum tpmiot_rc rc = ca_file_read(path, FILE_MAX_LEN, &text, err);

	if (rc == TPMIOT_OK && memchr(text.data, '\0', text.len) != NULL)
		rc = tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "it is binary: give what tpm2_pcrread prints, not what -o writes");
	if (rc == TPMIOT_OK && tpmiot_buf_cstr(&text) == NULL)
		rc = tpmiot_err_memory(err);
	if (rc == TPMIOT_OK &&
	    tpmiot_pcrset_parse_values((const char *)text.data, &set, err) != TPMIOT_OK)
		rc = tpmiot_pcrset_parse_pcrread((const char *)text.data, &set, err);
	if (rc == TPMIOT_OK)
		tpmiot_pcrset_put_values(&set, out);
	else
		(void)tpmiot_err_prefix(err, "%s", path);
	tpmiot_buf_free(&text);
	return rc == TPMIOT_OK ? tpmiot_buf_done(out, err) : rc;
}

static enum tpmiot_rc
get_values(
    struct ca_cli *cli, const struct source *from, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	if (from->device != NULL)
		return from_device(cli, from->device, out, err);
	return from->audit != NULL ? from_audit(cli, from->audit, out, err)
	                           : from_file(from->file, out, err);
}

static json_t *
to_json(const struct ca_pcr *row)
{
	return json_pack("{s:I, s:o, s:o, s:o, s:o}", "id", (json_int_t)row->id, "policy",
	    ca_out_text(row->policy), "note", ca_out_text(row->note), "added",
	    ca_out_time(row->added), "pcrs", ca_out_text(row->pcrs));
}

static enum tpmiot_rc
allow(struct ca_cli *cli, const struct source *from, struct ca_pcr *row, struct tpmiot_err *err)
{
	struct tpmiot_buf values = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc = ca_store_begin(cli->store, err);

	if (rc != TPMIOT_OK)
		return rc;
	rc = get_values(cli, from, &values, err);
	if (rc == TPMIOT_OK && (row->pcrs = tpmiot_buf_cstr(&values)) == NULL)
		rc = tpmiot_err_memory(err);
	if (rc == TPMIOT_OK)
		rc = ca_pcr_add(cli->store, row, &row->id, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_audit(cli, from->device != NULL ? from->device : "", NULL, err,
		    "%s, number %lld; %s", row->policy, (long long)row->id, row->note);
	rc = ca_cli_end(cli, rc, err);
	if (rc == TPMIOT_OK)
		rc = ca_out_record(stdout, cli->json, to_json(row), err);
	tpmiot_buf_free(&values);
	return rc;
}

/* A name that can stand in a list of names in the configuration. */
static enum tpmiot_rc
take_policy(const char *name, char out[CA_GROUP_MAX + 1], struct tpmiot_err *err)
{
	static const char letters[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

	if (name[0] == '\0' || strspn(name, letters) != strlen(name) || strlen(name) > CA_GROUP_MAX)
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "\"%s\" is no name for a policy: 1 to %d of letters, digits, - _ and .", name,
		    CA_GROUP_MAX);
	memcpy(out, name, strlen(name) + 1);
	return TPMIOT_OK;
}

enum tpmiot_rc
ca_cmd_pcr_allow(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	struct source from = { NULL, NULL, NULL };
	const char *note = NULL;
	const struct ca_cli_option options[] = {
		{ .name = "device", .value = &from.device },
		{ .name = "audit", .value = &from.audit },
		{ .name = "file", .value = &from.file },
		{ .name = "note", .value = &note },
		{ .name = NULL },
	};
	struct ca_pcr row = { .added = cli->now };
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, options, 1, 1, &first, err);

	if (rc == TPMIOT_OK &&
	    (from.device != NULL) + (from.audit != NULL) + (from.file != NULL) != 1)
		rc = tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "whose values? One of --device=ID, --audit=NUMBER and --file=FILE");
	if (rc == TPMIOT_OK)
		rc = take_policy(argv[first], row.policy, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_text("note", note, row.note, sizeof(row.note), err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_store(cli, err);
	return rc == TPMIOT_OK ? allow(cli, &from, &row, err) : rc;
}

static bool
add_row(void *arg, const struct ca_pcr *row)
{
	return ca_out_append(arg, to_json(row));
}

static enum tpmiot_rc
fetch(struct ca_cli *cli, json_t **rows, struct tpmiot_err *err)
{
	return ca_pcr_list(cli->store, add_row, rows, err);
}

enum tpmiot_rc
ca_cmd_pcr_list(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	static const struct ca_column columns[] = {
		{ "id", "ID" },
		{ "policy", "POLICY" },
		{ "added", "ADDED" },
		{ "note", "NOTE" },
		{ "pcrs", "PCRS" },
		{ NULL, NULL },
	};

	return ca_cli_show_rows(cli, argc, argv, columns, fetch, err);
}

enum tpmiot_rc
ca_cmd_pcr_remove(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	return ca_cli_remove_rows(cli, argc, argv, "PCR values", ca_pcr_remove, err);
}
