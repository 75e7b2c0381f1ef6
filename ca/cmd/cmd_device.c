/* SPDX-License-Identifier: Apache-2.0 */
/* tpmiot-ca device: what has enrolled. */
#include "ca/cmd/cmd.h"

#include <string.h>

#include "ca/pki/crl.h"

static const char *
device_state(enum ca_device_state state)
{
	return state == CA_DEVICE_ACTIVE ? "active" : "blocked";
}

static json_t *
device_json(const struct ca_device *dev)
{
	return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "device_id",
	    ca_out_text(dev->id), "state", device_state(dev->state), "ek",
	    ca_out_hex(dev->ek_spki, CA_SHA256_LEN), "group", ca_out_text(dev->group), "first_seen",
	    ca_out_time(dev->first_seen), "last_seen", ca_out_time(dev->last_seen), "manufacturer",
	    ca_out_text(dev->manufacturer), "model", ca_out_text(dev->model), "version",
	    ca_out_text(dev->version));
}

static bool
device_row(void *arg, const struct ca_device *dev)
{
	return ca_out_append(arg, device_json(dev));
}

static enum tpmiot_rc
fetch(struct ca_cli *cli, json_t **rows, struct tpmiot_err *err)
{
	return ca_device_list(cli->store, device_row, rows, err);
}

enum tpmiot_rc
ca_cmd_device_list(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	static const struct ca_column columns[] = {
		{ "device_id", "DEVICE" },
		{ "state", "STATE" },
		{ "first_seen", "FIRST SEEN" },
		{ "last_seen", "LAST SEEN" },
		{ "manufacturer", "TPM" },
		{ "model", "MODEL" },
		{ "version", "VERSION" },
		{ NULL, NULL },
	};

	return ca_cli_show_rows(cli, argc, argv, columns, fetch, err);
}

enum tpmiot_rc
ca_cmd_find_device(
    struct ca_cli *cli, const char *id, struct ca_device *out, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = ca_device_find_id(cli->store, id, out, err);

	if (rc == TPMIOT_E_NOT_FOUND)
		rc = tpmiot_err_set(
		    err, rc, "no device is called %s; see \"tpmiot-ca device list\"", id);
	return rc;
}

/* What its TPM stated last; nothing if it was never asked. */
static enum tpmiot_rc
add_quote(struct ca_cli *cli, const struct ca_device *dev, json_t *record, struct tpmiot_err *err)
{
	struct ca_quote quote = { .pcrs = TPMIOT_BUF_INIT };
	enum tpmiot_rc rc = ca_quote_find(cli->store, dev->ek_spki, &quote, err);
	const char *pcrs;

	if (rc == TPMIOT_E_NOT_FOUND)
		return TPMIOT_OK;
	if (rc == TPMIOT_OK &&
	    ((pcrs = tpmiot_buf_cstr(&quote.pcrs)) == NULL ||
	        json_object_update_new(record,
	            json_pack("{s:o, s:o, s:I, s:I, s:b}", "pcrs", ca_out_text(pcrs), "pcrs_quoted",
	                ca_out_time(quote.time), "tpm_resets", (json_int_t)quote.resets,
	                "tpm_restarts", (json_int_t)quote.restarts, "tpm_clock_safe",
	                quote.clock_safe)) != 0))
		rc = tpmiot_err_memory(err);
	tpmiot_buf_free(&quote.pcrs);
	return rc;
}

/* Its hub, if it is registered with one. */
static enum tpmiot_rc
add_registration(
    struct ca_cli *cli, const struct ca_device *dev, json_t *record, struct tpmiot_err *err)
{
	struct ca_dps dps = { .registrations = 0 };
	enum tpmiot_rc rc = ca_dps_find(cli->store, dev->ek_spki, &dps, err);

	if (rc == TPMIOT_OK && dps.registrations > 0 &&
	    json_object_update_new(record, json_pack("{s:o, s:o, s:o}", "hub", ca_out_text(dps.hub),
	                                       "registration_id", ca_out_text(dps.registration_id),
	                                       "registered", ca_out_time(dps.registered))) != 0)
		rc = tpmiot_err_memory(err);
	ca_dps_clear(&dps);
	return rc == TPMIOT_E_NOT_FOUND ? TPMIOT_OK : rc;
}

static enum tpmiot_rc
device_show(struct ca_cli *cli, const struct ca_device *dev, struct tpmiot_err *err)
{
	json_t *record = device_json(dev), *certs = json_array(), *keys = json_array();
	enum tpmiot_rc rc = ca_cert_list(cli->store, dev->ek_spki, ca_cmd_cert_row, &certs, err);

	if (rc == TPMIOT_OK)
		rc = add_quote(cli, dev, record, err);
	if (rc == TPMIOT_OK)
		rc = add_registration(cli, dev, record, err);
	if (json_object_set_new(record, "certificates", certs) != 0 && rc == TPMIOT_OK)
		rc = tpmiot_err_memory(err);
	if (rc == TPMIOT_OK)
		rc =
		    ca_device_key_list(cli->store, dev->ek_spki, ca_cmd_device_key_row, &keys, err);
	if (json_object_set_new(record, "registered_keys", keys) != 0 && rc == TPMIOT_OK)
		rc = tpmiot_err_memory(err);
	if (rc == TPMIOT_OK)
		return ca_out_record(stdout, cli->json, record, err);
	json_decref(record);
	return rc;
}

enum tpmiot_rc
ca_cmd_device_show(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
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

static enum tpmiot_rc
set_state(struct ca_cli *cli, const struct ca_device *dev, enum ca_device_state state, bool revoke,
    struct tpmiot_err *err)
{
	int64_t revoked = 0;
	enum tpmiot_rc rc = ca_device_set_state(cli->store, dev->ek_spki, state, err);

	if (rc == TPMIOT_OK && revoke)
		rc = ca_cert_revoke_device(cli->store, dev->ek_spki,
		    ca_crl_reason("privilegeWithdrawn"), cli->now, &revoked, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_audit(cli, dev->id, dev->ek_spki, err,
		    "was %s; certificates revoked: %lld", device_state(dev->state),
		    (long long)revoked);
	return rc;
}

enum tpmiot_rc
ca_cmd_begin_with_device(
    struct ca_cli *cli, const char *id, struct ca_device *out, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = ca_cli_begin(cli, err);

	if (rc != TPMIOT_OK)
		return rc;
	rc = ca_cmd_find_device(cli, id, out, err);
	return rc == TPMIOT_OK ? rc : ca_cli_end(cli, rc, err);
}

enum tpmiot_rc
ca_cmd_device_block(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	struct ca_device dev = { .ek_cert = TPMIOT_BUF_INIT };
	bool revoke = false;
	const struct ca_cli_option options[] = {
		{ .name = "revoke", .flag = &revoke },
		{ .name = NULL },
	};
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, options, 1, 1, &first, err);

	if (rc == TPMIOT_OK)
		rc = ca_cmd_begin_with_device(cli, argv[first], &dev, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_end(cli, set_state(cli, &dev, CA_DEVICE_BLOCKED, revoke, err), err);
	tpmiot_buf_free(&dev.ek_cert);
	return rc;
}

enum tpmiot_rc
ca_cmd_device_unblock(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	struct ca_device dev = { .ek_cert = TPMIOT_BUF_INIT };
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, NULL, 1, 1, &first, err);

	if (rc == TPMIOT_OK)
		rc = ca_cmd_begin_with_device(cli, argv[first], &dev, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_end(cli, set_state(cli, &dev, CA_DEVICE_ACTIVE, false, err), err);
	tpmiot_buf_free(&dev.ek_cert);
	return rc;
}

/* The EK's entry would let the old TPM take the id again, before the new one has it. */
static enum tpmiot_rc
unlist(struct ca_cli *cli, const struct ca_device *dev, bool *was_listed, struct tpmiot_err *err)
{
	struct ca_allow allow;
	enum tpmiot_rc rc = ca_allow_find(cli->store, dev->ek_spki, &allow, err);

	if (rc == TPMIOT_E_NOT_FOUND)
		return TPMIOT_OK;
	if (rc == TPMIOT_OK)
		rc = ca_allow_remove(cli->store, dev->ek_spki, err);
	if (rc == TPMIOT_OK)
		*was_listed = true;
	return rc;
}

/* Its place at a hub is free then, and its key there is worth nothing. */
static enum tpmiot_rc
unregister(
    struct ca_cli *cli, const struct ca_device *dev, bool *was_registered, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = ca_dps_remove(cli->store, dev->ek_spki, err);

	*was_registered = rc == TPMIOT_OK;
	return rc == TPMIOT_E_NOT_FOUND ? TPMIOT_OK : rc;
}

struct released {
	int64_t certs;
	int64_t secrets;
	bool was_listed;
	bool was_registered;
	char now[CA_DEVICE_ID_MAX + 1]; /* its id */
};

static enum tpmiot_rc
release(
    struct ca_cli *cli, const struct ca_device *dev, struct released *out, struct tpmiot_err *err)
{
	struct ca_device after = { .ek_cert = TPMIOT_BUF_INIT };
	enum tpmiot_rc rc = ca_cert_revoke_device(cli->store, dev->ek_spki,
	    ca_crl_reason("cessationOfOperation"), cli->now, &out->certs, err);

	if (rc == TPMIOT_OK)
		rc = unlist(cli, dev, &out->was_listed, err);
	if (rc == TPMIOT_OK)
		rc = unregister(cli, dev, &out->was_registered, err);
	/* They were the device's, and the old TPM may come again as another one. */
	if (rc == TPMIOT_OK)
		rc = ca_secret_remove_device(cli->store, dev->ek_spki, &out->secrets, err);
	if (rc == TPMIOT_OK)
		rc = ca_device_release(cli->store, dev->ek_spki, err);
	if (rc == TPMIOT_OK)
		rc = ca_device_find(cli->store, dev->ek_spki, &after, err);
	tpmiot_buf_free(&after.ek_cert);
	if (rc != TPMIOT_OK)
		return rc;
	memcpy(out->now, after.id, sizeof(out->now));
	return ca_cli_audit(cli, dev->id, dev->ek_spki, err,
	    "is %s now; certificates revoked: %lld, secrets removed: %lld%s%s", out->now,
	    (long long)out->certs, (long long)out->secrets,
	    out->was_listed ? "; taken off the allow-list" : "",
	    out->was_registered ? "; hub key removed" : "");
}

enum tpmiot_rc
ca_cmd_device_release(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	struct ca_device dev = { .ek_cert = TPMIOT_BUF_INIT };
	struct released done = { .certs = 0 };
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, NULL, 1, 1, &first, err);

	if (rc == TPMIOT_OK)
		rc = ca_cmd_begin_with_device(cli, argv[first], &dev, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_end(cli, release(cli, &dev, &done, err), err);
	if (rc == TPMIOT_OK)
		rc = ca_out_record(stdout, cli->json,
		    json_pack("{s:o, s:o, s:I, s:I, s:b, s:b}", "device_id", ca_out_text(dev.id),
		        "old_tpm_is", ca_out_text(done.now), "certificates_revoked",
		        (json_int_t)done.certs, "secrets_removed", (json_int_t)done.secrets,
		        "was_on_allow_list", done.was_listed, "was_registered_with_hub",
		        done.was_registered),
		    err);
	tpmiot_buf_free(&dev.ek_cert);
	return rc;
}
