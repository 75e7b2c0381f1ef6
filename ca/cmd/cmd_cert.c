/* SPDX-License-Identifier: Apache-2.0 */
/* tpmiot-ca cert: what was issued. */
#include "ca/cmd/cmd.h"

#include <string.h>

#include <openssl/pem.h>

#include <tpmiot/b64.h>

#include "ca/pki/crl.h"

#define PEM_MAX 16384

static json_t *
cert_json(const struct ca_cert *cert)
{
	return json_pack("{s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "serial",
	    ca_out_hex(cert->serial, cert->serial_len), "device_id", ca_out_text(cert->device_id),
	    "state", cert->state == CA_CERT_GOOD ? "good" : "revoked", "issued",
	    ca_out_time(cert->issued), "not_before", ca_out_time(cert->not_before), "not_after",
	    ca_out_time(cert->not_after), "key", ca_out_hex(cert->key_spki, CA_SHA256_LEN),
	    "revoked_at", ca_out_time(cert->revoked_at), "reason",
	    cert->state == CA_CERT_GOOD ? json_null()
	                                : ca_out_text(ca_crl_reason_name(cert->reason)));
}

bool
ca_cmd_cert_row(void *arg, const struct ca_cert *cert)
{
	return ca_out_append(arg, cert_json(cert));
}

/* Of the device `id` or, where it is NULL, of all. */
static enum tpmiot_rc
cert_list(struct ca_cli *cli, const char *id, json_t **rows, struct tpmiot_err *err)
{
	struct ca_device dev = { .ek_cert = TPMIOT_BUF_INIT };
	enum tpmiot_rc rc = id != NULL ? ca_cmd_find_device(cli, id, &dev, err) : TPMIOT_OK;

	if (rc == TPMIOT_OK)
		rc = ca_cert_list(
		    cli->store, id != NULL ? dev.ek_spki : NULL, ca_cmd_cert_row, rows, err);
	tpmiot_buf_free(&dev.ek_cert);
	return rc;
}

static enum tpmiot_rc
read_span(const char *expiring, const char *id, int64_t *out, struct tpmiot_err *err)
{
	if (expiring == NULL)
		return TPMIOT_OK;
	if (id != NULL)
		return tpmiot_err_set(
		    err, TPMIOT_E_USAGE, "either --device or --expiring, not both");
	if (ca_duration_parse(expiring, out, err) == TPMIOT_OK)
		return TPMIOT_OK;
	(void)tpmiot_err_prefix(err, "--expiring");
	err->rc = TPMIOT_E_USAGE;
	return TPMIOT_E_USAGE;
}

enum tpmiot_rc
ca_cmd_cert_list(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	static const struct ca_column columns[] = {
		{ "serial", "SERIAL" },
		{ "device_id", "DEVICE" },
		{ "state", "STATE" },
		{ "not_before", "NOT BEFORE" },
		{ "not_after", "NOT AFTER" },
		{ NULL, NULL },
	};
	const char *id = NULL, *expiring = NULL;
	const struct ca_cli_option options[] = { { .name = "device", .value = &id },
		{ .name = "expiring", .value = &expiring }, { .name = NULL } };
	json_t *rows = json_array();
	int64_t span = 0;
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, options, 0, 0, &first, err);

	if (rc == TPMIOT_OK)
		rc = read_span(expiring, id, &span, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_store(cli, err);
	if (rc == TPMIOT_OK)
		rc = expiring == NULL ? cert_list(cli, id, &rows, err)
		                      : ca_cert_list_expiring(cli->store, cli->now + span,
		                            ca_cmd_cert_row, &rows, err);
	if (rc == TPMIOT_OK)
		return ca_out_rows(stdout, cli->json, rows, columns, err);
	json_decref(rows);
	return rc;
}

static enum tpmiot_rc
read_serial(const char *text, struct ca_cert *out, struct tpmiot_err *err)
{
	size_t len = strlen(text) / 2;

	if (strlen(text) % 2 != 0 || len == 0 || len > CA_SERIAL_MAX ||
	    tpmiot_hex_decode(text, out->serial, len, NULL) != TPMIOT_OK)
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "\"%s\" is no serial: hexadecimal digits as \"cert list\" shows them", text);
	out->serial_len = len;
	return TPMIOT_OK;
}

static enum tpmiot_rc
no_cert(const char *serial, struct tpmiot_err *err)
{
	return tpmiot_err_set(err, TPMIOT_E_NOT_FOUND,
	    "no certificate has the serial %s; see \"tpmiot-ca cert list\"", serial);
}

/* NULL when out of memory. */
static json_t *
pem(const struct tpmiot_buf *der)
{
	BIO *bio = BIO_new(BIO_s_mem());
	json_t *value = NULL;
	char *text = NULL;
	long len;

	if (bio != NULL && der->len <= PEM_MAX &&
	    PEM_write_bio(bio, PEM_STRING_X509, "", der->data, (long)der->len) > 0 &&
	    (len = BIO_get_mem_data(bio, &text)) > 0)
		value = json_stringn(text, (size_t)len);
	BIO_free(bio);
	return value;
}

enum tpmiot_rc
ca_cmd_cert_show(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	struct ca_cert cert = { .der = TPMIOT_BUF_INIT }, wanted;
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, NULL, 1, 1, &first, err);
	json_t *record;

	if (rc == TPMIOT_OK)
		rc = read_serial(argv[first], &wanted, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_store(cli, err);
	if (rc == TPMIOT_OK)
		rc = ca_cert_find(cli->store, wanted.serial, wanted.serial_len, &cert, err);
	if (rc != TPMIOT_OK)
		return rc == TPMIOT_E_NOT_FOUND ? no_cert(argv[first], err) : rc;
	record = cert_json(&cert);
	if (json_object_set_new(record, "pem", pem(&cert.der)) != 0) {
		json_decref(record);
		record = NULL;
	}
	tpmiot_buf_free(&cert.der);
	return ca_out_record(stdout, cli->json, record, err);
}

static enum tpmiot_rc
revoke(struct ca_cli *cli, const struct ca_cert *wanted, const char *text, const char *reason,
    struct tpmiot_err *err)
{
	struct ca_cert cert = { .der = TPMIOT_BUF_INIT };
	enum tpmiot_rc rc = ca_store_begin(cli->store, err);

	if (rc != TPMIOT_OK)
		return rc;
	rc = ca_cert_find(cli->store, wanted->serial, wanted->serial_len, &cert, err);
	if (rc == TPMIOT_E_NOT_FOUND)
		rc = no_cert(text, err);
	if (rc == TPMIOT_OK)
		rc = ca_cert_revoke(cli->store, wanted->serial, wanted->serial_len,
		    ca_crl_reason(reason), cli->now, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_audit(
		    cli, cert.device_id, cert.ek_spki, err, "certificate %s, %s", text, reason);
	tpmiot_buf_free(&cert.der);
	return ca_cli_end(cli, rc, err);
}

enum tpmiot_rc
ca_cmd_cert_revoke(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	const char *reason = NULL;
	const struct ca_cli_option options[] = {
		{ .name = "reason", .value = &reason },
		{ .name = NULL },
	};
	struct ca_cert wanted;
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, options, 1, 1, &first, err);

	if (rc == TPMIOT_OK && reason == NULL)
		reason = "unspecified";
	if (rc == TPMIOT_OK && ca_crl_reason(reason) < 0)
		rc = tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "--reason=%.40s: unspecified, keyCompromise, affiliationChanged, superseded, "
		    "cessationOfOperation or privilegeWithdrawn",
		    reason);
	if (rc == TPMIOT_OK)
		rc = read_serial(argv[first], &wanted, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_store(cli, err);
	return rc == TPMIOT_OK ? revoke(cli, &wanted, argv[first], reason, err) : rc;
}
