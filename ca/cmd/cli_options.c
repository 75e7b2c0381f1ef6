/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands share: their options, the store, the audit line. */
#include "ca/cmd/cli.h"

#include <getopt.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OPTIONS_MAX 16

static enum tpmiot_rc
add_item(struct ca_cli_list *list, const char *name, const char *value, struct tpmiot_err *err)
{
	if (list->n == CA_CLI_LIST_MAX)
		return tpmiot_err_set(
		    err, TPMIOT_E_USAGE, "--%s: at most %d times", name, CA_CLI_LIST_MAX);
	list->items[list->n++] = value;
	return TPMIOT_OK;
}

static enum tpmiot_rc
take_option(const struct ca_cli_option *option, const char *value, struct tpmiot_err *err)
{
	if (option->flag != NULL) {
		*option->flag = true;
		return TPMIOT_OK;
	}
	if (option->list != NULL)
		return add_item(option->list, option->name, value, err);
	if (*option->value != NULL)
		return tpmiot_err_set(err, TPMIOT_E_USAGE, "--%s: only once", option->name);
	*option->value = value;
	return TPMIOT_OK;
}

enum tpmiot_rc
ca_cli_options(struct ca_cli *cli, int argc, char **argv, const struct ca_cli_option *options,
    int min, int max, int *first, struct tpmiot_err *err)
{
	const struct ca_cli_option common[] = {
		{ .name = "json", .flag = &cli->json },
		{ .name = "set", .list = &cli->sets },
	};
	const struct ca_cli_option *all[OPTIONS_MAX];
	struct option longs[OPTIONS_MAX + 1];
	int n = 0, c, index = 0;
	enum tpmiot_rc rc = TPMIOT_OK;

	for (; options != NULL && options->name != NULL; options++)
		all[n++] = options;
	all[n++] = &common[0];
	all[n++] = &common[1];
	for (int i = 0; i < n; i++)
		longs[i] = (struct option){ all[i]->name,
			all[i]->flag != NULL ? no_argument : required_argument, NULL, 1 };
	longs[n] = (struct option){ NULL, 0, NULL, 0 };

	optind = 0;
	opterr = 0;
	while (rc == TPMIOT_OK && (c = getopt_long(argc, argv, ":", longs, &index)) != -1) {
		if (c == 1)
			rc = take_option(all[index], optarg, err);
		else
			rc = tpmiot_err_set(err, TPMIOT_E_USAGE, "%s: %s", argv[optind - 1],
			    c == ':' ? "its value is missing" : "no such option");
	}
	if (rc == TPMIOT_OK && (argc - optind < min || argc - optind > max))
		rc = tpmiot_err_set(err, TPMIOT_E_USAGE, "%s: %s", cli->command,
		    argc - optind < min ? "what is missing stands below" : "too many arguments");
	*first = optind;
	return rc;
}

enum tpmiot_rc
ca_cli_text(const char *option, const char *value, char *out, size_t max, struct tpmiot_err *err)
{
	size_t len = value != NULL ? strlen(value) : 0;

	if (len >= max)
		return tpmiot_err_set(
		    err, TPMIOT_E_USAGE, "--%s: at most %zu bytes", option, max - 1);
	if (len > 0)
		memcpy(out, value, len);
	out[len] = '\0';
	return TPMIOT_OK;
}

enum tpmiot_rc
ca_cli_device_id(const char *value, char out[CA_DEVICE_ID_MAX + 1], struct tpmiot_err *err)
{
	if (value != NULL && !tpmiot_device_id_valid(value))
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "\"%s\" is no device id: 1 to %d of letters, digits and . _ : @ -, "
		    "beginning with a letter or digit",
		    value, CA_DEVICE_ID_MAX);
	return ca_cli_text("device-id", value, out, CA_DEVICE_ID_MAX + 1, err);
}

enum tpmiot_rc
ca_cli_number(const char *what, const char *value, int64_t *out, struct tpmiot_err *err)
{
	int64_t number = 0;

	if (value[0] == '\0' || strspn(value, "0123456789") != strlen(value) || strlen(value) > 18)
		return tpmiot_err_set(
		    err, TPMIOT_E_USAGE, "%s: \"%s\" is not a number", what, value);
	for (; *value != '\0'; value++)
		number = 10 * number + (*value - '0');
	*out = number;
	return TPMIOT_OK;
}

enum tpmiot_rc
ca_cli_config(const struct ca_cli *cli, struct ca_config *out, struct tpmiot_err *err)
{
	return ca_config_load(cli->dir, cli->sets.items, cli->sets.n, out, err);
}

enum tpmiot_rc
ca_cli_group(
    const struct ca_cli *cli, const char *value, char out[CA_GROUP_MAX + 1], struct tpmiot_err *err)
{
	enum tpmiot_rc rc = ca_cli_text("group", value, out, CA_GROUP_MAX + 1, err);
	struct ca_config config;
	struct ca_group group;

	if (rc != TPMIOT_OK || out[0] == '\0')
		return rc;
	if ((rc = ca_cli_config(cli, &config, err)) != TPMIOT_OK)
		return rc;
	if (!ca_config_group(&config, out, &group))
		rc = tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "there is no group \"%s\": make a section [group %s] in " CA_CONFIG_FILE, out,
		    out);
	ca_config_free(&config);
	return rc;
}

typedef enum tpmiot_rc open_store(const char *path, struct ca_store **out, struct tpmiot_err *err);

static enum tpmiot_rc
open_by(open_store *open, struct ca_cli *cli, struct tpmiot_err *err)
{
	struct tpmiot_buf path = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	tpmiot_buf_printf(&path, "%s/" CA_STORE_FILE, cli->dir);
	rc = tpmiot_buf_done(&path, err);
	if (rc == TPMIOT_OK)
		rc = open(tpmiot_buf_cstr(&path), &cli->store, err);
	tpmiot_buf_free(&path);
	return rc;
}

enum tpmiot_rc
ca_cli_store(struct ca_cli *cli, struct tpmiot_err *err)
{
	return open_by(ca_store_open, cli, err);
}

enum tpmiot_rc
ca_cli_store_any(struct ca_cli *cli, struct tpmiot_err *err)
{
	return open_by(ca_store_open_any, cli, err);
}

enum tpmiot_rc
ca_cli_begin(struct ca_cli *cli, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = ca_cli_store(cli, err);

	return rc == TPMIOT_OK ? ca_store_begin(cli->store, err) : rc;
}

/* Who ran it, for the log: the real account. */
static void
who(char out[CA_PEER_MAX])
{
	const struct passwd *pw = getpwuid(getuid());

	if (pw != NULL)
		snprintf(out, CA_PEER_MAX, "local:%.50s", pw->pw_name);
	else
		snprintf(out, CA_PEER_MAX, "local:uid %u", (unsigned)getuid());
}

void
ca_cli_audit_entry(const struct ca_cli *cli, struct ca_audit *out)
{
	*out = (struct ca_audit){ .time = cli->now, .event = "admin", .decision = "done" };
	snprintf(out->reason, sizeof(out->reason), "%s", cli->command);
	who(out->peer);
}

enum tpmiot_rc
ca_cli_audit(const struct ca_cli *cli, const char *device_id, const uint8_t *ek_spki,
    struct tpmiot_err *err, const char *detail, ...)
{
	struct ca_audit entry;
	va_list ap;

	ca_cli_audit_entry(cli, &entry);
	snprintf(entry.device_id, sizeof(entry.device_id), "%s", device_id);
	if (ek_spki != NULL) {
		entry.has_ek = true;
		memcpy(entry.ek_spki, ek_spki, CA_SHA256_LEN);
	}
	va_start(ap, detail);
	vsnprintf(entry.detail, sizeof(entry.detail), detail, ap);
	va_end(ap);
	return ca_audit_add(cli->store, &entry, err);
}

enum tpmiot_rc
ca_cli_end(struct ca_cli *cli, enum tpmiot_rc rc, struct tpmiot_err *err)
{
	if (rc == TPMIOT_OK)
		return ca_store_commit(cli->store, err);
	ca_store_rollback(cli->store);
	return rc;
}

static enum tpmiot_rc
remove_row_of(struct ca_cli *cli, const char *what, const char *number, ca_cli_remove *remove_row,
    struct tpmiot_err *err)
{
	int64_t id = 0;
	enum tpmiot_rc rc = ca_cli_number(what, number, &id, err);

	if (rc == TPMIOT_OK)
		rc = remove_row(cli->store, id, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_audit(cli, "", NULL, err, "%s %lld", what, (long long)id);
	return rc;
}

enum tpmiot_rc
ca_cli_remove_rows(struct ca_cli *cli, int argc, char **argv, const char *what,
    ca_cli_remove *remove_row, struct tpmiot_err *err)
{
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, NULL, 1, argc, &first, err);

	if (rc == TPMIOT_OK)
		rc = ca_cli_begin(cli, err);
	if (rc != TPMIOT_OK)
		return rc;
	for (int i = first; i < argc && rc == TPMIOT_OK; i++)
		rc = remove_row_of(cli, what, argv[i], remove_row, err);
	return ca_cli_end(cli, rc, err);
}

enum tpmiot_rc
ca_cli_show_rows(struct ca_cli *cli, int argc, char **argv, const struct ca_column *columns,
    ca_cli_fetch *fetch, struct tpmiot_err *err)
{
	json_t *rows = json_array();
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, NULL, 0, 0, &first, err);

	if (rc == TPMIOT_OK)
		rc = ca_cli_store(cli, err);
	if (rc == TPMIOT_OK)
		rc = fetch(cli, &rows, err);
	if (rc == TPMIOT_OK)
		return ca_out_rows(stdout, cli->json, rows, columns, err);
	json_decref(rows);
	return rc;
}
