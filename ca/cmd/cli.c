/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h> /* Autoconf's */

#include "ca/cmd/cli.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DEFAULT_DIR "/var/lib/tpmiot-ca"

static const struct command {
	const char *noun, *verb; /* verb "": a command of one word */
	const char *args;
	const char *help;
	ca_cli_run *run;
} commands[] = {
	{ "init", "", "--name=CN [--host=NAME]... [--ca-key=URI [--ca-cert=FILE]]",
	    "make a CA in DIR", ca_cmd_init },
	{ "check", "", "", "check configuration, keys and store as serve would", ca_cmd_check },
	{ "serve", "", "[--listen=ADDR:PORT]", "serve enrolments until SIGTERM", ca_cmd_serve },
	{ "trust", "add", "[--label=TEXT] FILE... | --vendor-bundle",
	    "trust TPM makers' certificates", ca_cmd_trust_add },
	{ "trust", "list", "", "list them", ca_cmd_trust_list },
	{ "trust", "remove", "ID...", "trust them no longer", ca_cmd_trust_remove },
	{ "allow", "add",
	    "--ek=FILE|SHA256 [--device-id=ID] [--group=NAME] [--serial-number=TEXT]\n        "
	    "[--model=TEXT] [--note=TEXT]",
	    "put an EK on the allow-list", ca_cmd_allow_add },
	{ "allow", "import", "FILE", "put those of a CSV file on it", ca_cmd_allow_import },
	{ "allow", "list", "", "list the allow-list", ca_cmd_allow_list },
	{ "allow", "remove", "--ek=FILE|SHA256", "take an EK off it", ca_cmd_allow_remove },
	{ "join", "add", "[--uses=N] [--expires=1d] [--device-id=ID] [--group=NAME] [--note=TEXT]",
	    "make a join token and print it, this once", ca_cmd_join_add },
	{ "join", "list", "", "list the join tokens", ca_cmd_join_list },
	{ "join", "remove", "ID...", "make join tokens useless", ca_cmd_join_remove },
	{ "pcr", "allow", "--device=ID | --audit=NUMBER | --file=FILE  [--note=TEXT] POLICY",
	    "have a PCR policy allow the values of a device", ca_cmd_pcr_allow },
	{ "pcr", "list", "", "list what the PCR policies allow", ca_cmd_pcr_list },
	{ "pcr", "remove", "ID...", "allow such values no longer", ca_cmd_pcr_remove },
	{ "secret", "add",
	    "--device=ID | --ek=FILE|SHA256 | --group=NAME  [--kind=data|hmac] [--file=FILE] NAME",
	    "have devices given a secret, which is read from FILE or standard input",
	    ca_cmd_secret_add },
	{ "secret", "list", "", "list the secrets, not their values", ca_cmd_secret_list },
	{ "secret", "remove", "ID...", "give them no longer", ca_cmd_secret_remove },
	{ "device", "list", "", "list the devices", ca_cmd_device_list },
	{ "device", "show", "ID", "all about one device", ca_cmd_device_show },
	{ "device", "block", "ID [--revoke]", "refuse it from now on", ca_cmd_device_block },
	{ "device", "unblock", "ID", "accept it again", ca_cmd_device_unblock },
	{ "device", "release", "ID", "free its id for another TPM", ca_cmd_device_release },
	{ "device", "add", "--device-id=ID --key=FILE [--group=NAME] [--valid=30d]",
	    "register a public key or self-signed certificate for it as it is", ca_cmd_device_add },
	{ "device", "drop-key", "SHA256", "and no longer", ca_cmd_device_drop_key },
	{ "cert", "list", "[--device=ID] [--expiring=30d]",
	    "list the certificates, or those that end soon and have no successor",
	    ca_cmd_cert_list },
	{ "cert", "show", "SERIAL", "all about one certificate", ca_cmd_cert_show },
	{ "cert", "revoke", "SERIAL [--reason=REASON]", "revoke a certificate",
	    ca_cmd_cert_revoke },
	{ "token", "verify", "--audience=AUDIENCE [--device-id=ID] [--max-ttl=1d] <TOKEN",
	    "whether a device on record signed it: prints the device's id", ca_cmd_token_verify },
	{ "message", "verify", "[--signature=FILE] [--payload=FILE] [--device-id=ID] FILE",
	    "whether a device on record signed a message: prints the device's id",
	    ca_cmd_message_verify },
	{ "crl", "", "[--der] [--out=FILE]", "print the certificate revocation list", ca_cmd_crl },
	{ "dps", "list", "", "list the registrations with hubs", ca_cmd_dps_list },
	{ "dps", "set-key", "--ek=FILE|SHA256 --key-file=FILE",
	    "the key that a device is to have at its hub", ca_cmd_dps_set_key },
	{ "dps", "remove", "REGISTRATION|SHA256", "forget a registration and its key",
	    ca_cmd_dps_remove },
	{ "ek", "verify", "[--group=NAME] FILE",
	    "say what this CA makes of an EK certificate, rule by rule", ca_cmd_ek_verify },
	{ "backup", "", "FILE", "copy the store into FILE, also while serve runs", ca_cmd_backup },
	{ "upgrade", "", "", "bring a store of an older version up to date, as serve does",
	    ca_cmd_upgrade },
	{ "restore", "", "FILE", "put such a copy in the store's place", ca_cmd_restore },
	{ "audit", "", "[--last=N]", "print the last decisions (50; 0: all)", ca_cmd_audit },
};

#define COMMANDS_N (sizeof(commands) / sizeof(commands[0]))

/* All commands, or those of a noun. */
static void
usage(FILE *f, const char *noun)
{
	fputs("usage: tpmiot-ca [--dir=DIR] [--set KEY=VALUE]... [--json] COMMAND\n\n", f);
	for (size_t i = 0; i < COMMANDS_N; i++) {
		const struct command *c = &commands[i];

		if (noun == NULL || strcmp(c->noun, noun) == 0)
			fprintf(f, "  %s%s%s %s\n        %s\n", c->noun,
			    c->verb[0] != '\0' ? " " : "", c->verb, c->args, c->help);
	}
	fputs("\nDIR is " DEFAULT_DIR " unless said. --set overrides a key of DIR/" CA_CONFIG_FILE
	      ",\n--json prints listings for programs. See tpmiot-ca(1).\n",
	    f);
}

enum global { GLOBAL_DONE, GLOBAL_GO, GLOBAL_BAD };

/* What stands in front of the command. */
static enum global
read_globals(struct ca_cli *cli, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "dir", required_argument, NULL, 'd' },
		{ "set", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "+hV", longs, NULL)) != -1) {
		switch (c) {
		case 'd':
			cli->dir = optarg;
			break;
		case 's':
			if (cli->sets.n == CA_CLI_LIST_MAX)
				return GLOBAL_BAD;
			cli->sets.items[cli->sets.n++] = optarg;
			break;
		case 'j':
			cli->json = true;
			break;
		case 'h':
			usage(stdout, NULL);
			return GLOBAL_DONE;
		case 'V':
			puts("tpmiot-ca " PACKAGE_VERSION);
			return GLOBAL_DONE;
		default:
			return GLOBAL_BAD; /* getopt_long has said it */
		}
	}
	return GLOBAL_GO;
}

/* The commands with this noun, or the nouns. */
static void
say_commands(const char *noun)
{
	const char *last = "";

	fputs(noun != NULL ? "There is:" : "Commands:", stderr);
	for (size_t i = 0; i < COMMANDS_N; i++) {
		const struct command *c = &commands[i];

		if (noun != NULL && strcmp(c->noun, noun) == 0)
			fprintf(stderr, " %s", c->verb);
		else if (noun == NULL && strcmp(c->noun, last) != 0)
			fprintf(stderr, " %s", c->noun);
		last = c->noun;
	}
	fputc('\n', stderr);
}

/* The command at argv[0], and how many words it took; NULL has been said. */
static const struct command *
find_command(int argc, char **argv, int *words)
{
	const char *verb = argc > 1 ? argv[1] : "";
	bool noun_known = false;

	for (size_t i = 0; argc > 0 && i < COMMANDS_N; i++) {
		const struct command *c = &commands[i];

		if (strcmp(c->noun, argv[0]) != 0)
			continue;
		noun_known = true;
		if (c->verb[0] == '\0' || strcmp(c->verb, verb) == 0) {
			*words = c->verb[0] == '\0' ? 1 : 2;
			return c;
		}
	}
	if (argc == 0)
		fputs("tpmiot-ca: which command?\n", stderr);
	else if (noun_known && verb[0] != '\0')
		fprintf(stderr, "tpmiot-ca: there is no command \"%s %s\"\n", argv[0], verb);
	else if (noun_known)
		fprintf(stderr, "tpmiot-ca: %s what?\n", argv[0]);
	else
		fprintf(stderr, "tpmiot-ca: there is no command \"%s\"\n", argv[0]);
	say_commands(noun_known ? argv[0] : NULL);
	return NULL;
}

/* "device --help", "device list --help" */
static bool
wants_help(int argc, char **argv)
{
	return argc > 1 &&
	       (strcmp(argv[argc - 1], "--help") == 0 || strcmp(argv[argc - 1], "-h") == 0);
}

static int
run(struct ca_cli *cli, const struct command *command, int argc, char **argv)
{
	struct tpmiot_err err = { .text = "" };
	char name[32];
	enum tpmiot_rc rc;

	snprintf(name, sizeof(name), "%s%s%s", command->noun, command->verb[0] != '\0' ? " " : "",
	    command->verb);
	cli->command = name;
	cli->args = command->args;
	rc = command->run(cli, argc, argv, &err);
	ca_store_free(&cli->store);
	if (rc == TPMIOT_OK)
		return 0;
	fprintf(stderr, "tpmiot-ca: %s\n", err.text);
	if (rc == TPMIOT_E_USAGE)
		fprintf(stderr, "usage: tpmiot-ca [--dir=DIR] %s %s\n", name, command->args);
	return rc == TPMIOT_E_USAGE ? 2 : 1;
}

int
ca_cli_main(int argc, char **argv)
{
	struct ca_cli cli = { .dir = DEFAULT_DIR, .now = (int64_t)time(NULL) };
	const struct command *command = NULL;
	enum global global;
	int words = 0;

	optind = 0; /* a fresh start, also for tests that call this again */
	global = read_globals(&cli, argc, argv);
	if (global == GLOBAL_DONE)
		return 0;
	if (global == GLOBAL_GO && wants_help(argc - optind, argv + optind)) {
		usage(stdout, argv[optind]);
		return 0;
	}
	if (global == GLOBAL_GO)
		command = find_command(argc - optind, argv + optind, &words);
	if (command == NULL) {
		fputs("See \"tpmiot-ca --help\".\n", stderr);
		return 2;
	}
	/* The command's last word stands for the program's name. */
	words += optind - 1;
	return run(&cli, command, argc - words, argv + words);
}
