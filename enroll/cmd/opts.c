/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "enroll/cmd/opts.h"

enum kind { FLAG, VALUE, LIST };

struct option_spec {
	const char *name;
	char letter; /* 0: long form only */
	enum kind kind;
	size_t offset;        /* in struct enroll_opts: bool, const char * or struct enroll_words */
	const char *commands; /* that take it, separated by blanks, COMMAND:KIND too; NULL: all */
};

#define AT(member) offsetof(struct enroll_opts, member)

static const struct option_spec specs[] = {
	{ "tcti", 0, VALUE, AT(tcti), NULL },
	{ "state-dir", 0, VALUE, AT(state_dir), NULL },
	{ "json", 0, FLAG, AT(json), NULL },
	{ "quiet", 'q', FLAG, AT(quiet), NULL },
	{ "verbose", 'v', FLAG, AT(verbose), NULL },
	{ "help", 'h', FLAG, AT(help), NULL },
	{ "version", 'V', FLAG, AT(version), NULL },
	{ "server", 0, VALUE, AT(server), "enroll doctor renew dps" },
	{ "ca-file", 0, VALUE, AT(ca_file), "enroll doctor renew dps" },
	{ "ca-fingerprint", 0, VALUE, AT(ca_fingerprint), "enroll doctor renew dps" },
	{ "join-token-file", 0, VALUE, AT(join_token_file), "enroll dps" },
	{ "owner-auth-file", 0, VALUE, AT(owner_auth_file),
	    "enroll renew secret token dps ek reset" },
	{ "endorsement-auth-file", 0, VALUE, AT(endorsement_auth_file), "enroll ek dps" },
	{ "key-auth-file", 0, VALUE, AT(key_auth_file), "token:jwt token:jws" },
	{ "name", 0, VALUE, AT(name), "enroll renew reset token dps" },
	{ "group", 0, VALUE, AT(group), "enroll renew dps" },
	{ "key", 0, VALUE, AT(key), "enroll" },
	{ "device-id", 0, VALUE, AT(device_id), "enroll" },
	{ "profile", 0, VALUE, AT(profile), "enroll" },
	{ "ek", 0, VALUE, AT(ek), "enroll ek dps" },
	{ "before", 0, VALUE, AT(before), "renew" },
	{ "rekey", 0, FLAG, AT(rekey), "renew" },
	{ "id-scope", 0, VALUE, AT(id_scope), "dps" },
	{ "registration-id", 0, VALUE, AT(registration_id), "dps" },
	{ "persistent", 0, FLAG, AT(persistent), "dps" },
	{ "again", 0, FLAG, AT(again), "dps" },
	{ "timeout", 0, VALUE, AT(timeout), "enroll renew dps" },
	{ "public-out", 0, VALUE, AT(public_out), "ek" },
	{ "cert-out", 0, VALUE, AT(cert_out), "ek" },
	{ "alg", 0, VALUE, AT(alg), "token:jwt token:jws" },
	{ "aud", 0, VALUE, AT(aud), "token:jwt" },
	{ "sub", 0, VALUE, AT(sub), "token:jwt" },
	{ "ttl", 0, VALUE, AT(ttl), "token:jwt token:sas" },
	{ "resource", 0, VALUE, AT(resource), "token:sas" },
	{ "claim", 0, LIST, AT(claims), "token:jwt" },
	{ "check-clock", 0, FLAG, AT(check_clock), "token" },
	{ "yes", 'y', FLAG, AT(yes), "reset" },
};

#define N_SPECS (sizeof(specs) / sizeof(specs[0]))
static const char EXEC[] = "--exec"; /* ends our own options */
static const char WITH_EXEC[] = "token secret:use";
static const char WITH_KIND[] = "secret token"; /* commands of two words */
static const char WITH_WORD[] = "secret";       /* and what they are about as a third */

#define FIRST_LONG 256 /* what getopt_long answers for specs[0] */

static bool
word_in(const char *word, const char *list)
{
	size_t len = strlen(word);
	const char *at;

	for (at = list; len > 0 && (at = strstr(at, word)) != NULL; at += len)
		if ((at == list || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
			return true;
	return false;
}

static void
long_options(struct option out[N_SPECS + 1])
{
	size_t i;

	memset(out, 0, (N_SPECS + 1) * sizeof(out[0]));
	for (i = 0; i < N_SPECS; i++) {
		out[i].name = specs[i].name;
		out[i].has_arg = specs[i].kind == FLAG ? no_argument : required_argument;
		out[i].val = FIRST_LONG + (int)i;
	}
}

/* The index in specs of what getopt_long answered, or N_SPECS. */
static size_t
spec_of(int answer)
{
	size_t i;

	if (answer >= FIRST_LONG)
		return (size_t)(answer - FIRST_LONG);
	for (i = 0; i < N_SPECS; i++)
		if (specs[i].letter != 0 && specs[i].letter == answer)
			break;
	return i;
}

static enum tpmiot_rc
add_word(struct enroll_words *words, const char *name, const char *value, struct tpmiot_err *err)
{
	if (words->n == ENROLL_WORDS_MAX)
		return tpmiot_err_set(
		    err, TPMIOT_E_USAGE, "--%s: at most %d times", name, ENROLL_WORDS_MAX);
	words->items[words->n++] = value;
	return TPMIOT_OK;
}

static enum tpmiot_rc
store(const struct option_spec *spec, const char *value, struct enroll_opts *opts,
    struct tpmiot_err *err)
{
	unsigned char *at = (unsigned char *)opts + spec->offset;
	const bool on = true;

	if (spec->kind == FLAG) {
		memcpy(at, &on, sizeof(on));
		return TPMIOT_OK;
	}
	if (value[0] == '\0')
		return tpmiot_err_set(err, TPMIOT_E_USAGE, "--%s needs a value", spec->name);
	if (spec->kind == LIST)
		return add_word((struct enroll_words *)(void *)at, spec->name, value, err);
	memcpy(at, &value, sizeof(value));
	return TPMIOT_OK;
}

/* Whether the command takes the option: as a whole, or its kind by itself. */
static bool
takes(const struct enroll_opts *opts, const char *commands)
{
	char both[64];

	if (commands == NULL || word_in(opts->command, commands))
		return true;
	(void)snprintf(
	    both, sizeof(both), "%s:%s", opts->command, opts->kind != NULL ? opts->kind : "");
	return word_in(both, commands);
}

static enum tpmiot_rc
has_no(const struct enroll_opts *opts, const char *option, struct tpmiot_err *err)
{
	return tpmiot_err_set(err, TPMIOT_E_USAGE, "the command %s%s%s has no option --%s",
	    opts->command, opts->kind != NULL ? " " : "", opts->kind != NULL ? opts->kind : "",
	    option);
}

static enum tpmiot_rc
check_command(const struct enroll_opts *opts, const bool given[N_SPECS], struct tpmiot_err *err)
{
	size_t i;

	for (i = 0; i < N_SPECS; i++)
		if (given[i] && !takes(opts, specs[i].commands))
			return has_no(opts, specs[i].name, err);
	if (opts->exec != NULL && !takes(opts, WITH_EXEC))
		return has_no(opts, EXEC + 2, err);
	if (opts->exec != NULL && opts->exec[0] == NULL)
		return tpmiot_err_set(err, TPMIOT_E_USAGE, "%s needs a command behind it", EXEC);
	if (opts->quiet && opts->verbose)
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "quiet and verbose exclude each other: give one of -q and -v");
	return TPMIOT_OK;
}

/* Cuts the command line at --exec, and returns how many words are ours. */
static int
cut_exec(int argc, char **argv, struct enroll_opts *opts)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], EXEC) == 0) {
			opts->exec = argv + i + 1;
			return i;
		}
	return argc;
}

/* The command, its kind, and whether that is all. */
static enum tpmiot_rc
take_words(int argc, char **argv, struct enroll_opts *opts, struct tpmiot_err *err)
{
	int at = optind;

	if (at < argc)
		opts->command = argv[at++];
	if (at < argc && word_in(opts->command, WITH_KIND))
		opts->kind = argv[at++];
	if (at < argc && opts->kind != NULL && word_in(opts->command, WITH_WORD))
		opts->word = argv[at++];
	if (opts->help || opts->version)
		return TPMIOT_OK;
	if (opts->command == NULL)
		return tpmiot_err_set(err, TPMIOT_E_USAGE, "which command?");
	if (at < argc)
		return tpmiot_err_set(err, TPMIOT_E_USAGE, "'%s' is one word too many", argv[at]);
	return TPMIOT_OK;
}

enum tpmiot_rc
enroll_opts_parse(int argc, char **argv, struct enroll_opts *out, struct tpmiot_err *err)
{
	struct option longs[N_SPECS + 1];
	struct enroll_opts opts = { .command = NULL };
	bool given[N_SPECS] = { false };
	enum tpmiot_rc rc = TPMIOT_OK;
	size_t i;
	int answer;

	long_options(longs);
	argc = cut_exec(argc, argv, &opts);
	optind = 0; /* glibc: start over, whatever was parsed before */
	opterr = 0;
	while ((answer = getopt_long(argc, argv, ":qvhVy", longs, NULL)) != -1) {
		if (answer == ':')
			return tpmiot_err_set(
			    err, TPMIOT_E_USAGE, "%s needs a value", argv[optind - 1]);
		i = spec_of(answer);
		if (i >= N_SPECS && optopt > 0 && optopt < FIRST_LONG)
			return tpmiot_err_set(err, TPMIOT_E_USAGE, "unknown option -%c", optopt);
		if (i >= N_SPECS)
			return tpmiot_err_set(
			    err, TPMIOT_E_USAGE, "unknown option %s", argv[optind - 1]);
		rc = store(&specs[i], optarg, &opts, err);
		if (rc != TPMIOT_OK)
			return rc;
		given[i] = true;
	}
	rc = take_words(argc, argv, &opts, err);
	if (rc == TPMIOT_OK && !opts.help && !opts.version)
		rc = check_command(&opts, given, err);
	if (rc == TPMIOT_OK)
		*out = opts;
	return rc;
}
