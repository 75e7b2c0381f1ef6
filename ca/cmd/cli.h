/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: tpmiot-ca --dir=DIR [--set KEY=VALUE]… [--json] COMMAND.
 * A command is a row in cli.c's table and a function in a cmd_*.c; it asks the
 * struct ca_cli for what it needs.
 */
#ifndef CA_CLI_H
#define CA_CLI_H

#include "ca/config/config.h"
#include "ca/cmd/out.h"
#include "ca/store/store.h"

#define CA_CLI_LIST_MAX 32

struct ca_cli_list {
	const char *items[CA_CLI_LIST_MAX]; /* borrowed from argv */
	size_t n;
};

struct ca_cli {
	const char *dir;
	struct ca_cli_list sets;
	bool json;
	const char *command; /* "trust add": for the audit log */
	const char *args;    /* its usage */
	int64_t now;
	struct ca_store *store; /* after ca_cli_store() */
};

/* Runs the program. Returns its exit code: 0 done, 1 failed, 2 usage. */
int ca_cli_main(int argc, char **argv);

/* ---- for the commands ---- */

struct ca_cli_option {
	const char *name;         /* "note"; NULL ends the options */
	const char **value;       /* --note=VALUE, at most once; or */
	struct ca_cli_list *list; /* --host=VALUE, as often as you like; or */
	bool *flag;               /* --flag */
};

/*
 * Reads a command's options, --json and --set among them, wherever they stand;
 * operands are then argv[*first] to argv[argc - 1], at least min and at most max
 * of them. TPMIOT_E_USAGE.
 */
__attribute__((nonnull(1))) TPMIOT_MUST_USE enum tpmiot_rc ca_cli_options(struct ca_cli *cli,
    int argc, char **argv, const struct ca_cli_option *options, int min, int max, int *first,
    struct tpmiot_err *err);

/* A text of at most max - 1 bytes into a record; TPMIOT_E_USAGE names the option. NULL: "". */
TPMIOT_MUST_USE enum tpmiot_rc ca_cli_text(
    const char *option, const char *value, char *out, size_t max, struct tpmiot_err *err);
/* The same for --device-id. */
TPMIOT_MUST_USE enum tpmiot_rc ca_cli_device_id(
    const char *value, char out[CA_DEVICE_ID_MAX + 1], struct tpmiot_err *err);
/* The same for --group, which has to be in the configuration. NULL: "". */
TPMIOT_MUST_USE enum tpmiot_rc ca_cli_group(const struct ca_cli *cli, const char *value,
    char out[CA_GROUP_MAX + 1], struct tpmiot_err *err);
/* A positive number; TPMIOT_E_USAGE names what it was for. */
TPMIOT_MUST_USE enum tpmiot_rc ca_cli_number(
    const char *what, const char *value, int64_t *out, struct tpmiot_err *err);

/*
 * Operands that are numbers of rows, each of a `what`: removes these rows and audits each, all
 * or none of them.
 */
typedef enum tpmiot_rc ca_cli_remove(struct ca_store *store, int64_t id, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_cli_remove_rows(struct ca_cli *cli, int argc, char **argv,
    const char *what, ca_cli_remove *remove_row, struct tpmiot_err *err);

/* A command without options and operands that shows rows of the store: `fetch` appends them. */
typedef enum tpmiot_rc ca_cli_fetch(struct ca_cli *cli, json_t **rows, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_cli_show_rows(struct ca_cli *cli, int argc, char **argv,
    const struct ca_column *columns, ca_cli_fetch *fetch, struct tpmiot_err *err);

TPMIOT_MUST_USE enum tpmiot_rc ca_cli_config(
    const struct ca_cli *cli, struct ca_config *out, struct tpmiot_err *err);
/* Opens DIR's store as cli->store; ca_cli_main() closes it. See ca_store_open(). */
TPMIOT_MUST_USE enum tpmiot_rc ca_cli_store(struct ca_cli *cli, struct tpmiot_err *err);
/* The same by ca_store_open_any(): for what upgrades it, or copies it before. */
TPMIOT_MUST_USE enum tpmiot_rc ca_cli_store_any(struct ca_cli *cli, struct tpmiot_err *err);
/* The same, and a transaction: ca_cli_end() it if this succeeds. */
TPMIOT_MUST_USE enum tpmiot_rc ca_cli_begin(struct ca_cli *cli, struct tpmiot_err *err);

/*
 * Audits what this command did; call it in the transaction that does it.
 * device_id may be "", ek_spki NULL.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_cli_audit(const struct ca_cli *cli, const char *device_id,
    const uint8_t *ek_spki, struct tpmiot_err *err, const char *detail, ...) TPMIOT_PRINTF(5, 6);
/* What such an entry has, whatever was done: command, account, time. */
void ca_cli_audit_entry(const struct ca_cli *cli, struct ca_audit *out);
/* Ends a transaction by how it went. */
TPMIOT_MUST_USE enum tpmiot_rc ca_cli_end(
    struct ca_cli *cli, enum tpmiot_rc rc, struct tpmiot_err *err);

typedef enum tpmiot_rc ca_cli_run(
    struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err);
ca_cli_run ca_cmd_init, ca_cmd_check, ca_cmd_serve, ca_cmd_upgrade;
ca_cli_run ca_cmd_trust_add, ca_cmd_trust_list, ca_cmd_trust_remove;
ca_cli_run ca_cmd_allow_import, ca_cmd_allow_add, ca_cmd_allow_list, ca_cmd_allow_remove;
ca_cli_run ca_cmd_join_add, ca_cmd_join_list, ca_cmd_join_remove;
ca_cli_run ca_cmd_secret_add, ca_cmd_secret_list, ca_cmd_secret_remove;
ca_cli_run ca_cmd_pcr_allow, ca_cmd_pcr_list, ca_cmd_pcr_remove;
ca_cli_run ca_cmd_device_list, ca_cmd_device_show, ca_cmd_device_block, ca_cmd_device_unblock;
ca_cli_run ca_cmd_device_release, ca_cmd_device_add, ca_cmd_device_drop_key;
ca_cli_run ca_cmd_cert_list, ca_cmd_cert_show, ca_cmd_cert_revoke;
ca_cli_run ca_cmd_token_verify, ca_cmd_message_verify;
ca_cli_run ca_cmd_crl;
ca_cli_run ca_cmd_dps_list, ca_cmd_dps_set_key, ca_cmd_dps_remove;
ca_cli_run ca_cmd_ek_verify;
ca_cli_run ca_cmd_audit;
ca_cli_run ca_cmd_backup, ca_cmd_restore;

#endif
