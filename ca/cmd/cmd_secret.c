/* SPDX-License-Identifier: Apache-2.0 */
/* tpmiot-ca secret: what devices are given to keep. Values come from a file or standard input. */
#include "ca/cmd/cmd.h"

#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include <tpmiot/uri.h>

#include "ca/cmd/ekarg.h"
#include "ca/file.h"
#include "ca/secret/atrest.h"

static const char *const kinds[] = { "data", "hmac" };

static enum tpmiot_rc
take_kind(const char *text, enum ca_secret_kind *out, struct tpmiot_err *err)
{
	if (text == NULL || strcmp(text, kinds[CA_SECRET_DATA]) == 0)
		*out = CA_SECRET_DATA;
	else if (strcmp(text, kinds[CA_SECRET_HMAC]) == 0)
		*out = CA_SECRET_HMAC;
	else
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "--kind=%s: data (the device can read it) or hmac (a key that its TPM uses and "
		    "never gives out)",
		    text);
	return TPMIOT_OK;
}

/* ---- whose ------------------------------------------------------------------------ */

struct target {
	const char *device, *ek, *group;
};

struct search {
	const char *id;
	struct ca_secret *secret;
};

static bool
is_listed_as(void *arg, const struct ca_allow *allow)
{
	struct search *search = arg;

	if (strcmp(allow->device_id, search->id) != 0)
		return true;
	memcpy(search->secret->ek_spki, allow->ek_spki, CA_SHA256_LEN);
	search->secret->has_ek = true;
	return false;
}

/* A device that enrolled, or that will by its entry in the allow-list: in either case its EK. */
static enum tpmiot_rc
find_device(struct ca_cli *cli, const char *id, struct ca_secret *out, struct tpmiot_err *err)
{
	struct ca_device dev = { .ek_cert = TPMIOT_BUF_INIT };
	struct search search = { id, out };
	enum tpmiot_rc rc = ca_device_find_id(cli->store, id, &dev, err);

	if (rc == TPMIOT_OK) {
		memcpy(out->ek_spki, dev.ek_spki, CA_SHA256_LEN);
		out->has_ek = true;
	} else if (rc == TPMIOT_E_NOT_FOUND) {
		rc = ca_allow_list(cli->store, is_listed_as, &search, err);
		if (rc == TPMIOT_OK && !out->has_ek)
			rc = tpmiot_err_set(err, TPMIOT_E_NOT_FOUND,
			    "no device is called %s, nor will one by the allow-list; --ek=FILE "
			    "names "
			    "one by its EK",
			    id);
	}
	tpmiot_buf_free(&dev.ek_cert);
	return rc;
}

static enum tpmiot_rc
find_target(
    struct ca_cli *cli, const struct target *target, struct ca_secret *out, struct tpmiot_err *err)
{
	enum tpmiot_rc rc;

	if (target->group != NULL)
		return ca_cli_group(cli, target->group, out->group, err);
	if (target->device != NULL)
		return find_device(cli, target->device, out, err);
	rc = ca_ekarg_parse(target->ek, out->ek_spki, err);
	out->has_ek = rc == TPMIOT_OK;
	return rc;
}

/* ---- the value -------------------------------------------------------------------- */

static enum tpmiot_rc
read_stdin(struct tpmiot_buf *out, struct tpmiot_err *err)
{
	uint8_t chunk[1024];
	ssize_t n;

	while ((n = read(STDIN_FILENO, chunk, sizeof(chunk))) > 0 && out->len <= CA_SECRET_MAX)
		tpmiot_buf_put(out, chunk, (size_t)n);
	OPENSSL_cleanse(chunk, sizeof(chunk));
	return n < 0 ? tpmiot_err_errno(err, "standard input") : tpmiot_buf_done(out, err);
}

static enum tpmiot_rc
read_value(const char *file, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = file == NULL || strcmp(file, "-") == 0
	                        ? read_stdin(out, err)
	                        : ca_file_read(file, CA_SECRET_MAX, out, err);

	if (rc == TPMIOT_OK && (out->len == 0 || out->len > CA_SECRET_MAX))
		rc = tpmiot_err_set(
		    err, TPMIOT_E_USAGE, "a secret has 1 to %d bytes", CA_SECRET_MAX);
	return rc;
}

/* ---- the commands ----------------------------------------------------------------- */

static bool
count_others(void *arg, const struct ca_secret *secret)
{
	struct ca_secret *ours = arg;

	if (secret->has_ek == ours->has_ek &&
	    memcmp(secret->ek_spki, ours->ek_spki, CA_SHA256_LEN) == 0 &&
	    strcmp(secret->group, ours->group) == 0 && strcmp(secret->name, ours->name) != 0)
		ours->id++;
	return true;
}

/* So many, that what a device gets fits into a reply. */
static enum tpmiot_rc
check_room(struct ca_cli *cli, const struct ca_secret *secret, struct tpmiot_err *err)
{
	struct ca_secret counting = *secret;
	enum tpmiot_rc rc;

	counting.id = 0;
	rc = ca_secret_list(cli->store, count_others, &counting, err);
	if (rc == TPMIOT_OK && counting.id >= CA_SECRETS_MAX)
		rc = tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "a device or group has at most %d secrets; remove one first", CA_SECRETS_MAX);
	return rc;
}

static enum tpmiot_rc
put(struct ca_cli *cli, const struct target *target, struct tpmiot_bytes value,
    struct ca_secret *secret, struct tpmiot_err *err)
{
	struct ca_vault vault;
	enum tpmiot_rc rc = ca_store_begin(cli->store, err);

	if (rc != TPMIOT_OK)
		return rc;
	rc = find_target(cli, target, secret, err);
	if (rc == TPMIOT_OK)
		rc = check_room(cli, secret, err);
	if (rc == TPMIOT_OK)
		rc = ca_vault_open_or_make(cli->dir, cli->store, &vault, err);
	if (rc == TPMIOT_OK) {
		rc = ca_secret_seal(&vault, value, secret, err);
		ca_vault_close(&vault);
	}
	if (rc == TPMIOT_OK)
		rc = ca_secret_put(cli->store, secret, &secret->id, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_audit(cli, target->device != NULL ? target->device : "",
		    secret->has_ek ? secret->ek_spki : NULL, err, "%s (%s)%s%s", secret->name,
		    kinds[secret->kind], secret->group[0] != '\0' ? " for the group " : "",
		    secret->group);
	return ca_cli_end(cli, rc, err);
}

enum tpmiot_rc
ca_cmd_secret_add(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	struct target target = { NULL, NULL, NULL };
	const char *file = NULL, *kind = NULL;
	const struct ca_cli_option options[] = {
		{ .name = "device", .value = &target.device },
		{ .name = "ek", .value = &target.ek },
		{ .name = "group", .value = &target.group },
		{ .name = "kind", .value = &kind },
		{ .name = "file", .value = &file },
		{ .name = NULL },
	};
	struct ca_secret secret = { .added = cli->now, .sealed = TPMIOT_BUF_INIT };
	struct tpmiot_buf value = TPMIOT_BUF_INIT;
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, options, 1, 1, &first, err);

	if (rc == TPMIOT_OK &&
	    (target.device != NULL) + (target.ek != NULL) + (target.group != NULL) != 1)
		rc = tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "whose secret? One of --device=ID, --ek=FILE and --group=NAME");
	if (rc == TPMIOT_OK && !tpmiot_key_name_valid(argv[first]))
		rc = tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "\"%s\" is no name for a secret: 1 to %d of A-Z a-z 0-9 . _ -, beginning with "
		    "no dot",
		    argv[first], TPMIOT_KEY_NAME_MAX);
	if (rc == TPMIOT_OK)
		rc = ca_cli_text("name", argv[first], secret.name, sizeof(secret.name), err);
	if (rc == TPMIOT_OK)
		rc = take_kind(kind, &secret.kind, err);
	if (rc == TPMIOT_OK)
		rc = read_value(file, &value, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_store(cli, err);
	if (rc == TPMIOT_OK)
		rc =
		    put(cli, &target, (struct tpmiot_bytes){ value.data, value.len }, &secret, err);
	tpmiot_buf_free(&value);
	tpmiot_buf_free(&secret.sealed);
	return rc;
}

static bool
add_row(void *arg, const struct ca_secret *secret)
{
	return ca_out_append(
	    arg, json_pack("{s:I, s:o, s:s, s:o, s:o, s:o}", "id", (json_int_t)secret->id, "name",
	             ca_out_text(secret->name), "kind", kinds[secret->kind], "ek",
	             secret->has_ek ? ca_out_hex(secret->ek_spki, CA_SHA256_LEN) : json_null(),
	             "group", ca_out_text(secret->group), "added", ca_out_time(secret->added)));
}

static enum tpmiot_rc
fetch(struct ca_cli *cli, json_t **rows, struct tpmiot_err *err)
{
	return ca_secret_list(cli->store, add_row, rows, err);
}

enum tpmiot_rc
ca_cmd_secret_list(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	static const struct ca_column columns[] = {
		{ "id", "ID" },
		{ "name", "NAME" },
		{ "kind", "KIND" },
		{ "group", "GROUP" },
		{ "ek", "EK" },
		{ "added", "ADDED" },
		{ NULL, NULL },
	};

	return ca_cli_show_rows(cli, argc, argv, columns, fetch, err);
}

enum tpmiot_rc
ca_cmd_secret_remove(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	return ca_cli_remove_rows(cli, argc, argv, "secret", ca_secret_remove, err);
}
