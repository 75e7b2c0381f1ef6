/* SPDX-License-Identifier: Apache-2.0 */
/* tpmiot-ca device: what has enrolled. */
#include "cmd.h"

static const char *device_state(enum ca_device_state state)
{
	return state == CA_DEVICE_ACTIVE ? "active" : "blocked";
}

static json_t *device_json(const struct ca_device *dev)
{
	return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
	    "device_id", ca_out_text(dev->id),
	    "state", device_state(dev->state),
	    "ek", ca_out_hex(dev->ek_spki, CA_SHA256_LEN),
	    "group", ca_out_text(dev->group),
	    "first_seen", ca_out_time(dev->first_seen),
	    "last_seen", ca_out_time(dev->last_seen),
	    "manufacturer", ca_out_text(dev->manufacturer),
	    "model", ca_out_text(dev->model),
	    "version", ca_out_text(dev->version));
}

static bool device_row(void *arg, const struct ca_device *dev)
{
	return ca_out_append(arg, device_json(dev));
}

enum tpmiot_rc ca_cmd_device_list(struct ca_cli *cli, int argc, char **argv,
    struct tpmiot_err *err)
{
	static const struct ca_column columns[] = {
		{ "device_id", "DEVICE" }, { "state", "STATE" }, { "first_seen", "FIRST SEEN" },
		{ "last_seen", "LAST SEEN" }, { "manufacturer", "TPM" }, { "model", "MODEL" },
		{ "version", "VERSION" }, { NULL, NULL },
	};
	json_t *rows = json_array();
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, NULL, 0, 0, &first, err);

	if (rc == TPMIOT_OK)
		rc = ca_cli_store(cli, err);
	if (rc == TPMIOT_OK)
		rc = ca_device_list(cli->store, device_row, &rows, err);
	if (rc == TPMIOT_OK)
		return ca_out_rows(stdout, cli->json, rows, columns, err);
	json_decref(rows);
	return rc;
}

enum tpmiot_rc ca_cmd_find_device(struct ca_cli *cli, const char *id, struct ca_device *out,
    struct tpmiot_err *err)
{
	enum tpmiot_rc rc = ca_device_find_id(cli->store, id, out, err);

	if (rc == TPMIOT_E_NOT_FOUND)
		rc = tpmiot_err_set(err, rc, "no device is called %s; see \"tpmiot-ca device list\"", id);
	return rc;
}

static enum tpmiot_rc device_show(struct ca_cli *cli, const struct ca_device *dev,
    struct tpmiot_err *err)
{
	json_t *record = device_json(dev), *certs = json_array();
	enum tpmiot_rc rc = ca_cert_list(cli->store, dev->ek_spki, ca_cmd_cert_row, &certs, err);

	if (json_object_set_new(record, "certificates", certs) != 0 && rc == TPMIOT_OK)
		rc = tpmiot_err_memory(err);
	if (rc == TPMIOT_OK)
		return ca_out_record(stdout, cli->json, record, err);
	json_decref(record);
	return rc;
}

enum tpmiot_rc ca_cmd_device_show(struct ca_cli *cli, int argc, char **argv,
    struct tpmiot_err *err)
{
	struct ca_device dev = { .ek_cert = TPMIOT_BUF_INIT };
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, NULL, 1, 1, &first, err);

	if (rc == TPMIOT_OK)
		rc = ca_cli_store(cli, err);
	if (rc == TPMIOT_OK)
		rc = ca_cmd_find_device(cli, argv[first], &dev, err);
	if (rc == TPMIOT_OK)
		rc = device_show(cli, &dev, err);
	tpmiot_buf_free(&dev.ek_cert);
	return rc;
}

static enum tpmiot_rc change_state(struct ca_cli *cli, int argc, char **argv,
    enum ca_device_state state, struct tpmiot_err *err)
{
	struct ca_device dev = { .ek_cert = TPMIOT_BUF_INIT };
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, NULL, 1, 1, &first, err);

	if (rc == TPMIOT_OK)
		rc = ca_cli_store(cli, err);
	if (rc == TPMIOT_OK)
		rc = ca_store_begin(cli->store, err);
	if (rc != TPMIOT_OK)
		return rc;
	rc = ca_cmd_find_device(cli, argv[first], &dev, err);
	if (rc == TPMIOT_OK)
		rc = ca_device_set_state(cli->store, dev.ek_spki, state, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_audit(cli, dev.id, dev.ek_spki, err, "was %s", device_state(dev.state));
	tpmiot_buf_free(&dev.ek_cert);
	return ca_cli_end(cli, rc, err);
}

enum tpmiot_rc ca_cmd_device_block(struct ca_cli *cli, int argc, char **argv,
    struct tpmiot_err *err)
{
	return change_state(cli, argc, argv, CA_DEVICE_BLOCKED, err);
}

enum tpmiot_rc ca_cmd_device_unblock(struct ca_cli *cli, int argc, char **argv,
    struct tpmiot_err *err)
{
	return change_state(cli, argc, argv, CA_DEVICE_ACTIVE, err);
}
