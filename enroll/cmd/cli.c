/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tpmiot/statedir.h>

#include "enroll/cmd/cli.h"

static const struct {
	const char *name;
	enum tpmiot_rc (*run)(struct enroll_env *env, struct tpmiot_err *err);
} commands[] = {
	{ "enroll", enroll_cmd_enroll },
	{ "renew", enroll_cmd_renew },
	{ "status", enroll_cmd_status },
	{ "doctor", enroll_cmd_doctor },
	{ "ek", enroll_cmd_ek },
	{ "dps", enroll_cmd_dps },
	{ "token", enroll_cmd_token },
	{ "secret", enroll_cmd_secret },
	{ "reset", enroll_cmd_reset },
};

static const char usage[] =
    "usage: tpmiot-enroll [OPTION...] COMMAND [OPTION...]\n"
    "\n"
    "  enroll --server=URL   get a certificate for a key in this device's TPM\n"
    "         --ca-file=FILE          trust this CA certificate, and no other\n"
    "         --ca-fingerprint=SHA256 or the one with this SHA-256, and no other\n"
    "         --join-token-file=FILE  the join token (- for stdin)\n"
    "         --name=NAME             name of the key (device)\n"
    "         --key=KIND              ec-p256 (default), ec-p384, rsa-2048, rsa-3072\n"
    "         --device-id=ID          the id that this device should have\n"
    "         --profile=NAME          what the certificate is for, by the CA's name for it\n"
    "         --group=GROUP           whose services may use the key (tss)\n"
    "         --timeout=TIME          how long a request is tried again (30s)\n"
    "         --ek=WHICH              rsa, ecc, or a template: L-1, L-2, H-1, H-2, H-3 ...\n"
    "         --owner-auth-file=FILE, --endorsement-auth-file=FILE\n"
    "                                 the hierarchies' passwords (- for stdin)\n"
    "  renew                 a new certificate in time, by the one that is there\n"
    "         --before=TIME           so long before its end: 30d, 12h, 90m, 3600s\n"
    "         --rekey                 for a new key\n"
    "         --name=NAME, --server=URL, --ca-file=FILE,\n"
    "         --ca-fingerprint=SHA256, --owner-auth-file=FILE, --group=GROUP,\n"
    "         --timeout=TIME          as above\n"
    "  status                TPM, endorsement key, keys, certificates\n"
    "  doctor                what is wrong on this device, and what to do\n"
    "         --server=URL, --ca-file=FILE, --ca-fingerprint=SHA256\n"
    "                                 as above; default: those of the enrolment\n"
    "  ek                    the endorsement key, for the CA's allow-list\n"
    "         --ek=WHICH              as above\n"
    "         --owner-auth-file=FILE, --endorsement-auth-file=FILE  as above\n"
    "         --public-out=FILE       write the public key (PEM)\n"
    "         --cert-out=FILE         write the EK certificate (PEM)\n"
    "  dps --id-scope=SCOPE  register with Azure's provisioning service, or a CA that speaks so\n"
    "         --registration-id=ID    default: by the endorsement key\n"
    "         --server=HOST[:PORT]    default: global.azure-devices-provisioning.net\n"
    "         --name=NAME             name of the key (hub)\n"
    "         --persistent            the key at 0x81000100, for Microsoft's agents\n"
    "         --again                 though it is registered\n"
    "         --timeout=TIME          how long to wait for a hub (5m)\n"
    "         --ca-file=FILE, --ca-fingerprint=SHA256, --join-token-file=FILE, --ek=WHICH,\n"
    "         --group=GROUP,\n"
    "         --owner-auth-file=FILE, --endorsement-auth-file=FILE  as above\n"
    "  token jwt --aud=A     a JSON Web Token, signed by the TPM, on stdout\n"
    "         --alg=ALG               RS256, PS256, ES256, ES384; default: as the key is\n"
    "         --sub=SUBJECT           default: the device id of the certificate\n"
    "         --ttl=TIME              how long it is good (1h)\n"
    "         --claim=NAME=TEXT, --claim=NAME:=JSON  further claims\n"
    "         --name=NAME, --owner-auth-file=FILE    as above\n"
    "         --key-auth-file=FILE    password of a key that has one\n"
    "         --check-clock           not if this device's clock is far from the CA's\n"
    "         --exec COMMAND [ARG...] run this, with the token in TPMIOT_TOKEN; must be last\n"
    "  token jws             the bytes on stdin as a JSON Web Signature\n"
    "         --alg=ALG, --name=NAME, --owner-auth-file=FILE, --key-auth-file=FILE,\n"
    "         --check-clock, --exec   as above\n"
    "  token sas             a shared access signature by the key of a registration\n"
    "         --resource=RESOURCE     default: HUB/devices/ID\n"
    "         --ttl=TIME, --name=NAME, --owner-auth-file=FILE, --check-clock, --exec  as above\n"
    "  secret list           what the CA gave this device to keep\n"
    "  secret show NAME      its value, on stdout\n"
    "         --owner-auth-file=FILE  as above\n"
    "  secret use NAME       the HMAC of stdin, by a key that stays in the TPM\n"
    "         --exec COMMAND [ARG...] or: run this, with the value in TPMIOT_SECRET; must be last\n"
    "         --owner-auth-file=FILE  as above\n"
    "  reset                 remove what enrolment made\n"
    "         --name=NAME             only this key and its certificate\n"
    "         --owner-auth-file=FILE  as above\n"
    "         -y, --yes               do not ask\n"
    "\n"
    "  --tcti=CONF           how to reach the TPM, e.g. device:/dev/tpmrm0 (or TPMIOT_TCTI)\n"
    "  --state-dir=DIR       where keys and certificates are (or TPMIOT_STATE_DIR)\n"
    "  --json                results as one JSON object on stdout\n"
    "  -q, --quiet           only errors      -v, --verbose   every step\n"
    "  -h, --help            this text        -V, --version   the version\n"
    "\n"
    "exit: 0 done, 1 failed, 2 usage, 3 refused by the CA, 4 CA not reachable or not\n"
    "trusted, 5 TPM failure\n";

#define COMMANDS_N (sizeof(commands) / sizeof(commands[0]))

/* COMMANDS_N: there is none of this name. */
static size_t
find_command(const char *name)
{
	size_t i;

	for (i = 0; i < COMMANDS_N && strcmp(commands[i].name, name) != 0; i++)
		;
	return i;
}

static enum tpmiot_rc
run(struct enroll_env *env, struct tpmiot_err *err)
{
	struct tpmiot_buf dir = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	env->tcti = env->opts->tcti != NULL ? env->opts->tcti : getenv("TPMIOT_TCTI");
	rc = tpmiot_statedir_path(env->opts->state_dir, &dir, err);
	if (rc == TPMIOT_OK && (env->dir = tpmiot_buf_cstr(&dir)) == NULL)
		rc = tpmiot_err_memory(err);
	if (rc == TPMIOT_OK)
		rc = commands[find_command(env->opts->command)].run(env, err);
	tpmiot_buf_free(&dir);
	return rc;
}

static int
usage_error(const struct tpmiot_err *err)
{
	(void)fprintf(stderr, "tpmiot-enroll: %s\nCommands:", err->text);
	for (size_t i = 0; i < COMMANDS_N; i++)
		(void)fprintf(stderr, " %s", commands[i].name);
	(void)fputs("\nTry 'tpmiot-enroll --help'.\n", stderr);
	return ENROLL_USAGE;
}

int
enroll_cli_main(int argc, char **argv)
{
	struct tpmiot_err err = { .rc = TPMIOT_OK };
	struct enroll_env env = { .opts = NULL };
	struct enroll_opts opts;
	int code;

	if (enroll_opts_parse(argc, argv, &opts, &err) != TPMIOT_OK)
		return usage_error(&err);
	if (opts.help || opts.version) {
		(void)fputs(opts.help ? usage : "tpmiot-enroll " PACKAGE_VERSION "\n", stdout);
		return fflush(stdout) == 0 ? ENROLL_DONE : ENROLL_FAILED;
	}
	if (find_command(opts.command) == COMMANDS_N) {
		(void)tpmiot_err_set(&err, TPMIOT_E_USAGE, "there is no command %s", opts.command);
		return usage_error(&err);
	}
	env.opts = &opts;
	env.ui = (struct enroll_ui){ opts.json, opts.quiet, opts.verbose, NULL };
	if (enroll_ui_init(&env.ui, &err) != TPMIOT_OK)
		return usage_error(&err);
	enroll_signals_hold();
	if (run(&env, &err) == TPMIOT_OK)
		err.rc = TPMIOT_OK; /* whatever was tried in between */
	code = enroll_ui_finish(&env.ui, &err);
	enroll_ui_free(&env.ui);
	enroll_signals_release();
	return code;
}
