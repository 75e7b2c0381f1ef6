/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: where options may stand, what is refused and how. */
#include "enroll/enrol/ekpick.h"
#include "enroll/cmd/duration.h"
#include "enroll/cmd/opts.h"
#include "unit.h"

#define PARSE(opts, err, ...) parse(opts, err, (char *[]){ "tpmiot-enroll", __VA_ARGS__, NULL })

static enum tpmiot_rc
parse(struct enroll_opts *opts, struct tpmiot_err *err, char **argv)
{
	int argc = 0;

	while (argv[argc] != NULL)
		argc++;
	return enroll_opts_parse(argc, argv, opts, err);
}

static void
test_parse_options_before_and_behind(void **state)
{
	struct enroll_opts opts;
	struct tpmiot_err err;

	(void)state;
	assert_ok(PARSE(&opts, &err, "--json", "--tcti=swtpm:port=1", "enroll", "--server",
	              "https://ca", "-v"),
	    &err);
	assert_string_equal(opts.command, "enroll");
	assert_string_equal(opts.tcti, "swtpm:port=1");
	assert_string_equal(opts.server, "https://ca");
	assert_true(opts.json && opts.verbose);
	assert_false(opts.quiet || opts.yes);
	assert_null(opts.ca_file);
}

static void
test_parse_help_needs_no_command(void **state)
{
	struct enroll_opts opts;
	struct tpmiot_err err;

	(void)state;
	assert_ok(PARSE(&opts, &err, "--help"), &err);
	assert_true(opts.help);
	assert_ok(PARSE(&opts, &err, "-V", "enroll", "more"), &err);
	assert_true(opts.version);
}

static void
test_parse_refusals(void **state)
{
	struct enroll_opts opts = { .command = "untouched" };
	struct tpmiot_err err;

	(void)state;
	assert_refused(PARSE(&opts, &err, "-q"), TPMIOT_E_USAGE, &err, "which command");
	assert_refused(PARSE(&opts, &err, "enroll", "now"), TPMIOT_E_USAGE, &err, "'now'");
	assert_refused(PARSE(&opts, &err, "enroll", "--sever=x"), TPMIOT_E_USAGE, &err,
	    "unknown option --sever");
	assert_refused(
	    PARSE(&opts, &err, "enroll", "-x"), TPMIOT_E_USAGE, &err, "unknown option -x");
	assert_refused(PARSE(&opts, &err, "enroll", "--server"), TPMIOT_E_USAGE, &err,
	    "--server needs a value");
	assert_refused(PARSE(&opts, &err, "enroll", "--server="), TPMIOT_E_USAGE, &err,
	    "--server needs a value");
	assert_refused(PARSE(&opts, &err, "ek", "--server=x"), TPMIOT_E_USAGE, &err,
	    "ek has no option --server");
	assert_refused(PARSE(&opts, &err, "enroll", "--yes"), TPMIOT_E_USAGE, &err,
	    "enroll has no option --yes");
	assert_refused(PARSE(&opts, &err, "status", "-q", "-v"), TPMIOT_E_USAGE, &err, "exclude");
	assert_string_equal(opts.command, "untouched");
}

/* Registrations and tokens: options of a command, and of one kind of it. */
static void
test_parse_dps_and_tokens(void **state)
{
	struct enroll_opts opts;
	struct tpmiot_err err;

	(void)state;
	assert_ok(PARSE(&opts, &err, "dps", "--id-scope=0ne00", "--registration-id=a.b:c",
	              "--server=ca:8443", "--ek=ecc", "--persistent", "--again", "--timeout=30s",
	              "--join-token-file=t", "--name=hub2"),
	    &err);
	assert_string_equal(opts.id_scope, "0ne00");
	assert_string_equal(opts.registration_id, "a.b:c");
	assert_string_equal(opts.server, "ca:8443");
	assert_string_equal(opts.timeout, "30s");
	assert_string_equal(opts.name, "hub2");
	assert_true(opts.persistent && opts.again);
	assert_null(opts.kind);
	assert_ok(PARSE(&opts, &err, "token", "sas", "--resource=hub/devices/d", "--ttl=10m",
	              "--check-clock", "--name=hub2"),
	    &err);
	assert_string_equal(opts.kind, "sas");
	assert_string_equal(opts.resource, "hub/devices/d");
	assert_true(opts.check_clock);
	assert_ok(PARSE(&opts, &err, "token", "jwt", "--aud=b", "--claim=a=1", "--claim=b:=2",
	              "--alg=RS256", "--exec", "sh", "-c", "--name=x"),
	    &err);
	assert_int_equal(opts.claims.n, 2);
	assert_string_equal(opts.claims.items[1], "b:=2");
	assert_string_equal(opts.exec[2], "--name=x");
	assert_null(opts.name);

	assert_refused(PARSE(&opts, &err, "enroll", "--id-scope=x"), TPMIOT_E_USAGE, &err,
	    "enroll has no option --id-scope");
	assert_refused(PARSE(&opts, &err, "dps", "sas"), TPMIOT_E_USAGE, &err, "'sas'");
	assert_refused(PARSE(&opts, &err, "dps", "--device-id=x"), TPMIOT_E_USAGE, &err,
	    "dps has no option --device-id");
	assert_refused(PARSE(&opts, &err, "dps", "--id-scope="), TPMIOT_E_USAGE, &err,
	    "--id-scope needs a value");
	assert_refused(PARSE(&opts, &err, "token", "sas", "--aud=x"), TPMIOT_E_USAGE, &err,
	    "token sas has no option --aud");
	assert_refused(PARSE(&opts, &err, "token", "jwt", "--resource=x"), TPMIOT_E_USAGE, &err,
	    "token jwt has no option --resource");
	assert_refused(PARSE(&opts, &err, "token", "jwt", "--persistent"), TPMIOT_E_USAGE, &err,
	    "token jwt has no option --persistent");
	assert_refused(PARSE(&opts, &err, "dps", "--exec", "true"), TPMIOT_E_USAGE, &err,
	    "dps has no option --exec");
	assert_refused(PARSE(&opts, &err, "secret", "show", "x", "--exec", "true"), TPMIOT_E_USAGE,
	    &err, "secret show has no option --exec");
	assert_ok(PARSE(&opts, &err, "secret", "use", "x", "--exec", "true"), &err);
	assert_refused(PARSE(&opts, &err, "", "x"), TPMIOT_E_USAGE, &err, "too many");
	assert_refused(PARSE(&opts, &err, "token", "jwt", "--exec"), TPMIOT_E_USAGE, &err,
	    "command behind it");
}

static void
test_duration(void **state)
{
	static const char *const bad[] = { "", "d", "-1d", "1w", "1dd", "30d ", " 1",
		"99999999999d", "1e3", "+1", "30", "0" };
	int64_t seconds = 0;
	struct tpmiot_err err;
	size_t i;

	(void)state;
	assert_ok(enroll_duration_parse("before", "2d", &seconds, &err), &err);
	assert_int_equal(seconds, 2 * 86400);
	assert_ok(enroll_duration_parse("before", "12h", &seconds, &err), &err);
	assert_int_equal(seconds, 43200);
	assert_ok(enroll_duration_parse("before", "90m", &seconds, &err), &err);
	assert_int_equal(seconds, 5400);
	assert_ok(enroll_duration_parse("before", "0s", &seconds, &err), &err);
	assert_int_equal(seconds, 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_refused(enroll_duration_parse("before", bad[i], &seconds, &err),
		    TPMIOT_E_USAGE, &err, "30d");
	assert_int_equal(seconds, 0);
}

static void
test_ekpick_check(void **state)
{
	struct tpmiot_err err;

	(void)state;
	assert_ok(enroll_ekpick_check(NULL, &err), &err);
	assert_ok(enroll_ekpick_check("rsa", &err), &err);
	assert_ok(enroll_ekpick_check("h-3", &err), &err);
	assert_refused(enroll_ekpick_check("H-99", &err), TPMIOT_E_USAGE, &err, "--ek=H-99");
}

/* As swtpm has it: RSA L-1 and P-384 H-3; "ecc" is not the first ECC template then. */
static void
test_ekpick_prefers_what_is_there(void **state)
{
	struct tpmiot_ek_survey survey = { .nv = { 0x01c00002, 0x01c00016 }, .nv_n = 2 };

	(void)state;
	assert_null(enroll_ekpick(NULL, &survey));
	assert_string_equal(enroll_ekpick("rsa", &survey)->name, "L-1");
	assert_string_equal(enroll_ekpick("ecc", &survey)->name, "H-3");
	assert_string_equal(enroll_ekpick("L-2", &survey)->name, "L-2");
	survey.nv_n = 0;
	assert_string_equal(enroll_ekpick("ecc", &survey)->name, "L-2");
	survey.persistent[0] = enroll_ekpick("H-3", &survey)->persistent;
	survey.persistent_n = 1;
	assert_string_equal(enroll_ekpick("ecc", &survey)->name, "H-3");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_options_before_and_behind),
		cmocka_unit_test(test_parse_help_needs_no_command),
		cmocka_unit_test(test_parse_refusals),
		cmocka_unit_test(test_parse_dps_and_tokens),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_ekpick_check),
		cmocka_unit_test(test_ekpick_prefers_what_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
