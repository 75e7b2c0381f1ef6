/* SPDX-License-Identifier: Apache-2.0 */
/* tpmiot-ca dps: registrations as Azure's provisioning service has them. */
#include "ca/cmd/cmd.h"

#include <string.h>

#include <openssl/crypto.h>

#include <tpmiot/b64.h>
#include <tpmiot/dps.h>

#include "ca/cmd/ekarg.h"
#include "ca/file.h"
#include "ca/vault.h"

#define KEY_FILE_MAX 256
#define KEY_MIN 16 /* bytes, as Azure's hubs have it */

struct listing {
	struct ca_cli *cli;
	json_t **rows;
	struct tpmiot_err *err;
	enum tpmiot_rc rc;
};

static json_t *
to_json(const struct ca_dps *dps, const char *device_id)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:I, s:o}", "registration_id",
	    ca_out_text(dps->registration_id), "device_id", ca_out_text(device_id), "hub",
	    ca_out_text(dps->hub), "ek", ca_out_hex(dps->ek_spki, CA_SHA256_LEN), "registrations",
	    (json_int_t)dps->registrations, "registered", ca_out_time(dps->registered));
}

static bool
add_row(void *arg, const struct ca_dps *dps)
{
	struct listing *list = arg;
	struct ca_device device = { .ek_cert = TPMIOT_BUF_INIT };
	bool more;

	list->rc = ca_device_find(list->cli->store, dps->ek_spki, &device, list->err);
	if (list->rc == TPMIOT_E_NOT_FOUND)
		list->rc = TPMIOT_OK; /* a key that was set before the device came */
	more = list->rc == TPMIOT_OK && ca_out_append(list->rows, to_json(dps, device.id));
	tpmiot_buf_free(&device.ek_cert);
	return more;
}

static enum tpmiot_rc
fetch(struct ca_cli *cli, json_t **rows, struct tpmiot_err *err)
{
	struct listing list = { cli, rows, err, TPMIOT_OK };
	enum tpmiot_rc rc = ca_dps_list(cli->store, add_row, &list, err);

	return rc == TPMIOT_OK ? list.rc : rc;
}

enum tpmiot_rc
ca_cmd_dps_list(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	static const struct ca_column columns[] = {
		{ "registration_id", "REGISTRATION" },
		{ "device_id", "DEVICE" },
		{ "hub", "HUB" },
		{ "registered", "REGISTERED" },
		{ NULL, NULL },
	};

	return ca_cli_show_rows(cli, argc, argv, columns, fetch, err);
}

/* The file holds base64, as Azure's tools print keys. */
static enum tpmiot_rc
read_key(const char *file, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc = ca_file_read(file, KEY_FILE_MAX, &text, err);
	size_t len = text.len;

	while (len > 0 && (text.data[len - 1] == '\n' || text.data[len - 1] == '\r'))
		len--;
	if (rc == TPMIOT_OK)
		rc = tpmiot_b64_decode((const char *)text.data, len, out, err);
	if (rc == TPMIOT_OK && (out->len < KEY_MIN || out->len > TPMIOT_DPS_HMAC_KEY_MAX))
		rc = tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "%s: a key is the base64 of %d to %d bytes", file, KEY_MIN,
		    TPMIOT_DPS_HMAC_KEY_MAX);
	tpmiot_buf_free(&text);
	return rc;
}

static enum tpmiot_rc
set_key(struct ca_cli *cli, const char *dir, const uint8_t ek_spki[CA_SHA256_LEN],
    const struct tpmiot_buf *key, struct tpmiot_err *err)
{
	struct tpmiot_buf sealed = TPMIOT_BUF_INIT;
	struct ca_vault vault;
	enum tpmiot_rc rc = ca_store_begin(cli->store, err);

	if (rc != TPMIOT_OK)
		return rc;
	rc = ca_vault_open_or_make(dir, cli->store, &vault, err);
	if (rc == TPMIOT_OK)
		rc = ca_vault_seal(&vault, (struct tpmiot_bytes){ ek_spki, CA_SHA256_LEN },
		    (struct tpmiot_bytes){ key->data, key->len }, &sealed, err);
	ca_vault_close(&vault);
	if (rc == TPMIOT_OK)
		rc = ca_dps_set_key(cli->store, ek_spki, &sealed, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_audit(cli, "", ek_spki, err, "a key of %zu bytes", key->len);
	tpmiot_buf_free(&sealed);
	return ca_cli_end(cli, rc, err);
}

enum tpmiot_rc
ca_cmd_dps_set_key(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	const char *ek = NULL, *file = NULL;
	const struct ca_cli_option options[] = {
		{ .name = "ek", .value = &ek },
		{ .name = "key-file", .value = &file },
		{ .name = NULL },
	};
	struct tpmiot_buf key = TPMIOT_BUF_INIT;
	struct ca_config config = { .dir = NULL };
	uint8_t ek_spki[CA_SHA256_LEN];
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, options, 0, 0, &first, err);

	if (rc == TPMIOT_OK && (ek == NULL || file == NULL))
		rc = tpmiot_err_set(
		    err, TPMIOT_E_USAGE, "--ek=FILE|SHA256 and --key-file=FILE are needed");
	if (rc == TPMIOT_OK)
		rc = ca_ekarg_parse(ek, ek_spki, err);
	if (rc == TPMIOT_OK)
		rc = read_key(file, &key, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_config(cli, &config, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_store(cli, err);
	if (rc == TPMIOT_OK)
		rc = set_key(cli, config.dir, ek_spki, &key, err);
	ca_config_free(&config);
	tpmiot_buf_free(&key);
	return rc;
}

static enum tpmiot_rc
find(struct ca_cli *cli, const char *id, struct ca_dps *out, struct tpmiot_err *err)
{
	uint8_t ek_spki[CA_SHA256_LEN];
	enum tpmiot_rc rc = ca_dps_find_id(cli->store, id, out, err);

	/* A key that was set for a device that never came has no other name. */
	if (rc == TPMIOT_E_NOT_FOUND && strlen(id) == 2 * sizeof(ek_spki) &&
	    tpmiot_hex_decode(id, ek_spki, sizeof(ek_spki), NULL) == TPMIOT_OK)
		rc = ca_dps_find(cli->store, ek_spki, out, err);
	if (rc == TPMIOT_E_NOT_FOUND)
		rc = tpmiot_err_set(
		    err, rc, "nothing is registered as %s; see \"tpmiot-ca dps list\"", id);
	return rc;
}

enum tpmiot_rc
ca_cmd_dps_remove(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	struct ca_dps dps = { .registrations = 0 };
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, NULL, 1, 1, &first, err);

	if (rc == TPMIOT_OK)
		rc = ca_cli_begin(cli, err);
	if (rc != TPMIOT_OK)
		return rc;
	rc = find(cli, argv[first], &dps, err);
	if (rc == TPMIOT_OK)
		rc = ca_dps_remove(cli->store, dps.ek_spki, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_audit(
		    cli, "", dps.ek_spki, err, "%.64s of %.200s", dps.registration_id, dps.hub);
	ca_dps_clear(&dps);
	return ca_cli_end(cli, rc, err);
}
