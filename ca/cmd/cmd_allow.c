/* SPDX-License-Identifier: Apache-2.0 */
/* tpmiot-ca allow: the EKs that the operator vouches for. */
#include "ca/cmd/cli.h"

#include "ca/cmd/ekarg.h"

static enum tpmiot_rc
missing_ek(struct tpmiot_err *err)
{
	return tpmiot_err_set(err, TPMIOT_E_USAGE,
	    "--ek is missing: an EK certificate, public key, TPM2B_PUBLIC, or the SHA-256 that "
	    "\"tpmiot-enroll ek\" shows");
}

static enum tpmiot_rc
add(struct ca_cli *cli, const struct ca_allow *allow, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = ca_store_begin(cli->store, err);

	if (rc != TPMIOT_OK)
		return rc;
	rc = ca_allow_add(cli->store, allow, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_audit(cli, allow->device_id, allow->ek_spki, err, "%s", allow->note);
	return ca_cli_end(cli, rc, err);
}

static json_t *
to_json(const struct ca_allow *allow)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "ek",
	    ca_out_hex(allow->ek_spki, CA_SHA256_LEN), "device_id", ca_out_text(allow->device_id),
	    "group", ca_out_text(allow->group), "serial_number", ca_out_text(allow->serial_number),
	    "model", ca_out_text(allow->model), "note", ca_out_text(allow->note), "added",
	    ca_out_time(allow->added));
}

enum tpmiot_rc
ca_cmd_allow_add(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	const char *ek = NULL, *id = NULL, *note = NULL;
	const char *group = NULL, *serial = NULL, *model = NULL;
	const struct ca_cli_option options[] = {
		{ .name = "ek", .value = &ek },
		{ .name = "device-id", .value = &id },
		{ .name = "note", .value = &note },
		{ .name = "group", .value = &group },
		{ .name = "serial-number", .value = &serial },
		{ .name = "model", .value = &model },
		{ .name = NULL },
	};
	struct ca_allow allow = { .added = cli->now };
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, options, 0, 0, &first, err);

	if (rc == TPMIOT_OK && ek == NULL)
		rc = missing_ek(err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_device_id(id, allow.device_id, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_text("note", note, allow.note, sizeof(allow.note), err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_text(
		    "serial-number", serial, allow.serial_number, sizeof(allow.serial_number), err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_text("model", model, allow.model, sizeof(allow.model), err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_group(cli, group, allow.group, err);
	if (rc == TPMIOT_OK)
		rc = ca_ekarg_parse(ek, allow.ek_spki, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_store(cli, err);
	if (rc == TPMIOT_OK)
		rc = add(cli, &allow, err);
	return rc == TPMIOT_OK ? ca_out_record(stdout, cli->json, to_json(&allow), err) : rc;
}

static bool
add_row(void *arg, const struct ca_allow *allow)
{
	return ca_out_append(arg, to_json(allow));
}

static enum tpmiot_rc
fetch(struct ca_cli *cli, json_t **rows, struct tpmiot_err *err)
{
	return ca_allow_list(cli->store, add_row, rows, err);
}

enum tpmiot_rc
ca_cmd_allow_list(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	static const struct ca_column columns[] = {
		{ "device_id", "DEVICE" },
		{ "ek", "EK SHA-256" },
		{ "added", "ADDED" },
		{ "note", "NOTE" },
		{ NULL, NULL },
	};

	return ca_cli_show_rows(cli, argc, argv, columns, fetch, err);
}

static enum tpmiot_rc
remove_ek(struct ca_cli *cli, const uint8_t ek_spki[CA_SHA256_LEN], struct tpmiot_err *err)
{
	struct ca_allow allow;
	enum tpmiot_rc rc = ca_store_begin(cli->store, err);

	if (rc != TPMIOT_OK)
		return rc;
	rc = ca_allow_find(cli->store, ek_spki, &allow, err);
	if (rc == TPMIOT_OK)
		rc = ca_allow_remove(cli->store, ek_spki, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_audit(cli, allow.device_id, ek_spki, err, "%s", allow.note);
	return ca_cli_end(cli, rc, err);
}

enum tpmiot_rc
ca_cmd_allow_remove(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	const char *ek = NULL;
	const struct ca_cli_option options[] = { { .name = "ek", .value = &ek }, { .name = NULL } };
	uint8_t ek_spki[CA_SHA256_LEN];
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, options, 0, 1, &first, err);

	/* "allow remove SHA256" reads well, too. */
	if (rc == TPMIOT_OK && ek == NULL && first < argc)
		ek = argv[first];
	if (rc == TPMIOT_OK && ek == NULL)
		rc = missing_ek(err);
	if (rc == TPMIOT_OK)
		rc = ca_ekarg_parse(ek, ek_spki, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_store(cli, err);
	return rc == TPMIOT_OK ? remove_ek(cli, ek_spki, err) : rc;
}
