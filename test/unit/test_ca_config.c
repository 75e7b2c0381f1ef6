/* SPDX-License-Identifier: Apache-2.0 */
#include "ca_test.h"

#include <sys/stat.h>

#include "ca/config/config.h"
#include "ca/config/guard.h"

static char dir[64];

static int
setup(void **state)
{
	(void)state;
	scratch_make(dir);
	return 0;
}

static int
teardown(void **state)
{
	static const char *const made[] = { "more.conf", "between.conf", "circle.conf",
		"conf.d/one.cnf", "conf.d/README", "conf.d", "ca.key", "tls.key", "p1", "p2",
		"secrets.key", "hook" };
	char path[128];

	(void)state;
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		scratch_path(dir, made[i], path);
		(void)remove(path);
	}
	scratch_remove(dir);
	return 0;
}

static void
expect(const char *text, enum tpmiot_rc code, const char *part)
{
	struct ca_config config;
	struct tpmiot_err err = { 0 };

	scratch_write(dir, CA_CONFIG_FILE, text);
	assert_fails(ca_config_load(dir, NULL, 0, &config, &err), code, part);
}

static void
test_load_refuses(void **state)
{
	struct ca_config config;
	struct tpmiot_err err = { 0 };
	char path[128];

	(void)state;
	assert_fails(ca_config_load(dir, NULL, 0, &config, &err), TPMIOT_E_NOT_FOUND, "init");
	expect("enrollment = open\n", TPMIOT_E_FORMAT, "enrolment, validity");
	expect("enrolment = everyone\n", TPMIOT_E_FORMAT, "listed, token, open");
	expect("[ca]\nenrolment = open\n", TPMIOT_E_FORMAT, "[ca]");
	expect("enrolment open\n", TPMIOT_E_CRYPTO, "line 1");
	expect("max_body = 5\n", TPMIOT_E_FORMAT, "4096");
	expect("max_body = 64k\n", TPMIOT_E_FORMAT, "not a number");
	expect("max_body = -1\n", TPMIOT_E_FORMAT, "not a number");
	expect("validity = 1w\n", TPMIOT_E_FORMAT, "30d");
	expect("validity = 99999999999999999y\n", TPMIOT_E_FORMAT, "duration");
	expect("rate_limit = none\n", TPMIOT_E_FORMAT, "nor off");
	scratch_write(dir, CA_CONFIG_FILE, "");
	scratch_path(dir, CA_CONFIG_FILE, path);
	assert_int_equal(chmod(path, 0620), 0);
	assert_fails(ca_config_load(dir, NULL, 0, &config, &err), TPMIOT_E_PERM, "chmod");
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(chmod(dir, 0777), 0);
	assert_fails(ca_config_load(dir, NULL, 0, &config, &err), TPMIOT_E_PERM, "go-w");
	assert_int_equal(chmod(dir, 0700), 0);
	expect("tpms = id:53544D20\n", TPMIOT_E_FORMAT, "MANUFACTURER/MODEL/VERSION");
	expect("tpms = id:1/*/*, */*/*/*\n", TPMIOT_E_FORMAT, "\"*/*/*/*\"");
	expect("[group x]\ntpms = a/b\n", TPMIOT_E_FORMAT, "[group x]");
	expect("[profile x]\nkeys = ec-p265\n", TPMIOT_E_FORMAT, "ec-p265");
	expect("[profile x]\nkeys = ec-p256, ak\n", TPMIOT_E_FORMAT, "ak alone");
	expect("[profile x]\nkeys =\n", TPMIOT_E_FORMAT, "any, or of");
	expect("hook = policy\n", TPMIOT_E_FORMAT, "whole path");
	expect(
	    "hook = /bin/true\nhook_timeout = 20\n", TPMIOT_E_FORMAT, "less than request_timeout");
}

static void
test_load_file_and_sets(void **state)
{
	static const char *const sets[] = { "rate_limit=off", "enrolment=open",
		"ca_key=tpmiot:ca" };
	struct ca_config config;
	struct tpmiot_err err = { 0 };

	(void)state;
	scratch_write(dir, CA_CONFIG_FILE,
	    "# comment\nenrolment = token\nvalidity = 2y # behind\nlisten = [::1]:1\n");
	assert_ok(ca_config_load(dir, sets, 3, &config, &err));
	assert_int_equal(config.enrolment, CA_ENROLMENT_OPEN);
	assert_int_equal(config.validity, 2 * 365 * 86400);
	assert_int_equal(config.rate_limit, 0);
	assert_int_equal(config.session_lifetime, 300);
	assert_int_equal(config.log_level, CA_LOG_INFO);
	assert_string_equal(config.listen, "[::1]:1");
	assert_string_equal(config.ca_key, "tpmiot:ca");
	assert_string_equal(config.chain, "");
	assert_string_equal(config.dir, dir);
	ca_config_free(&config);
	assert_null(config.ca_key);
}

static void
test_sets_refused(void **state)
{
	static const char *const bare[] = { "enrolment" }, *const unknown[] = { "enrol=open" };
	struct ca_config config;
	struct tpmiot_err err = { 0 };

	(void)state;
	assert_fails(ca_config_defaults(dir, bare, 1, &config, &err), TPMIOT_E_USAGE, "KEY=VALUE");
	assert_fails(
	    ca_config_defaults(dir, unknown, 1, &config, &err), TPMIOT_E_USAGE, "\"enrol\"");
	assert_fails(ca_config_defaults("/nonexistent", NULL, 0, &config, &err), TPMIOT_E_NOT_FOUND,
	    "/nonexistent");
}

/* The file that init writes says exactly the defaults, also with its comments taken off. */
static void
test_write_reads_back(void **state)
{
	static const char *const sets[] = { "listen=127.0.0.1:0", "ca_key=a$b\"c#d\\e'`" };
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	struct ca_config config, plain;
	struct tpmiot_err err = { 0 };
	char *p;

	(void)state;
	assert_ok(ca_config_write(sets, 2, &text, &err));
	scratch_write(dir, CA_CONFIG_FILE, tpmiot_buf_cstr(&text));
	assert_ok(ca_config_load(dir, NULL, 0, &config, &err));
	assert_string_equal(config.listen, "127.0.0.1:0");
	assert_string_equal(config.ca_key, "a$b\"c#d\\e'`");
	ca_config_free(&config);

	for (p = (char *)text.data; (p = strstr(p, "\n#")) != NULL; p++) {
		if (p[2] != ' ')
			p[1] = ' ';
	}
	scratch_write(dir, CA_CONFIG_FILE, (char *)text.data);
	assert_ok(ca_config_load(dir, NULL, 0, &config, &err));
	assert_ok(ca_config_defaults(dir, NULL, 0, &plain, &err));
	assert_int_equal(config.max_body, plain.max_body);
	assert_int_equal(config.seal_key_lifetime, plain.seal_key_lifetime);
	assert_int_equal(config.log_level, plain.log_level);
	assert_string_equal(config.tls_key, plain.tls_key);
	assert_string_equal(config.providers, "");
	ca_config_free(&config);
	ca_config_free(&plain);
	tpmiot_buf_free(&text);
}

static void
set_mode(const char *name, mode_t mode)
{
	char path[128];

	scratch_path(dir, name, path);
	assert_int_equal(chmod(path, mode), 0);
}

/* The configuration includes `name` of the scratch directory. */
static void
include(const char *how, const char *name)
{
	char text[256];

	snprintf(text, sizeof(text), "validity = 3d\n%s%s/%s # as said\n", how, dir, name);
	scratch_write(dir, CA_CONFIG_FILE, text);
}

/* Loaded, and what was included is in force. */
static void
expect_included(int64_t rate)
{
	struct ca_config config;
	struct tpmiot_err err = { 0 };

	assert_ok(ca_config_load(dir, NULL, 0, &config, &err));
	assert_int_equal(config.rate_limit, rate);
	assert_int_equal(config.validity, 3 * 86400);
	ca_config_free(&config);
}

static void
expect_refused(enum tpmiot_rc code, const char *part)
{
	struct ca_config config;
	struct tpmiot_err err = { 0 };

	assert_fails(ca_config_load(dir, NULL, 0, &config, &err), code, part);
}

static void
test_include(void **state)
{
	char path[128], text[256];

	(void)state;
	scratch_write(dir, "more.conf", "rate_limit = 7\n");
	include(".include = ", "more.conf");
	expect_included(7);
	include("\t.include ", "more.conf");
	expect_included(7);
	set_mode("more.conf", 0664);
	expect_refused(TPMIOT_E_PERM, "more.conf: others may write");
	set_mode("more.conf", 0644);
	/* One in another. */
	scratch_path(dir, "more.conf", path);
	snprintf(text, sizeof(text), ".include=%s\n", path);
	scratch_write(dir, "between.conf", text);
	include(".include=", "between.conf");
	expect_included(7);
	set_mode("more.conf", 0666);
	expect_refused(TPMIOT_E_PERM, "more.conf: others may write");
	set_mode("more.conf", 0600);
	/* What OpenSSL would leave out without a word, and a circle. */
	include(".include ", "missing.conf");
	expect_refused(TPMIOT_E_IO, "missing.conf");
	scratch_path(dir, "circle.conf", path);
	snprintf(text, sizeof(text), ".include = %s\n", path);
	scratch_write(dir, "circle.conf", text);
	include(".include = ", "circle.conf");
	expect_refused(TPMIOT_E_FORMAT, "one in another");
	/* Names that say more than where a file is. */
	expect(".include = more.conf\n", TPMIOT_E_FORMAT, "the whole path");
	expect(".include = /etc/$USER\n", TPMIOT_E_FORMAT, "without variables");
	expect(".include = \"/etc/x\"\n", TPMIOT_E_FORMAT, "quotes");
	expect(".include =\n", TPMIOT_E_FORMAT, "the whole path");
}

static void
test_include_directory(void **state)
{
	char path[128];

	(void)state;
	scratch_path(dir, "conf.d", path);
	assert_int_equal(mkdir(path, 0755), 0);
	scratch_write(path, "one.cnf", "rate_limit = 7\n");
	scratch_write(path, "README", "this is not read");
	include(".include = ", "conf.d");
	expect_included(7);
	set_mode("conf.d/README", 0666);
	expect_included(7);
	set_mode("conf.d/one.cnf", 0620);
	expect_refused(TPMIOT_E_PERM, "one.cnf: others may write");
	set_mode("conf.d/one.cnf", 0640);
	set_mode("conf.d", 0777);
	expect_refused(TPMIOT_E_PERM, "conf.d: others may write");
	set_mode("conf.d", 0700);
	expect_included(7);
}

/* As sshd: the owner, and for reading a group. */
static void
test_guard_private(void **state)
{
	static const mode_t good[] = { 0400, 0600, 0640, 0440 };
	static const mode_t bad[] = { 0604, 0644, 0660, 0602, 0620 };
	struct tpmiot_err err = { 0 };
	char path[128], uri[160];

	(void)state;
	scratch_write(dir, "ca.key", "");
	scratch_path(dir, "ca.key", path);
	snprintf(uri, sizeof(uri), "file:%s", path);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		set_mode("ca.key", good[i]);
		assert_ok(ca_guard_private(dir, "ca.key", &err));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		set_mode("ca.key", bad[i]);
		assert_fails(ca_guard_private(dir, "ca.key", &err), TPMIOT_E_PERM, "chmod 0600");
		assert_fails(ca_guard_private(dir, path, &err), TPMIOT_E_PERM, "ca.key: others");
		assert_fails(ca_guard_private(dir, uri, &err), TPMIOT_E_PERM, "ca.key: others");
	}
	assert_ok(ca_guard_private(dir, "", &err));
	assert_ok(ca_guard_private(dir, "missing", &err)); /* who needs it says so */
	assert_ok(ca_guard_private(dir, "pkcs11:token=ca.key", &err));
	assert_ok(ca_guard_private(dir, "/dev/null", &err));
}

/* Each of the files that a server relies on. */
static void
test_guard_all(void **state)
{
	static const char *const names[] = { "ca.key", "tls.key", "p1", "p2", "store.db",
		"secrets.key", "hook" };
	struct ca_config config;
	struct tpmiot_err err = { 0 };
	char hook[160];

	(void)state;
	scratch_path(dir, "hook", hook + strlen("hook="));
	memcpy(hook, "hook=", strlen("hook="));
	scratch_write(
	    dir, CA_CONFIG_FILE, "ca_key_passphrase_file = p1\ntls_key_passphrase_file = p2\n");
	assert_ok(ca_config_load(dir, (const char *const[]){ hook }, 1, &config, &err));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		scratch_write(dir, names[i], "");
		set_mode(names[i], 0640);
	}
	assert_ok(ca_guard_all(&config, &err));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		set_mode(names[i], 0666);
		assert_fails(ca_guard_all(&config, &err), TPMIOT_E_PERM, names[i]);
		set_mode(names[i], 0600);
	}
	set_mode("hook", 0755); /* anybody may run it */
	assert_ok(ca_guard_all(&config, &err));
	ca_config_free(&config);
}

static void
test_path(void **state)
{
	static const struct {
		const char *value, *path;
	} cases[] = {
		{ "ca.key", "/d/ca.key" },
		{ "/x/ca.key", "/x/ca.key" },
		{ "sub/a:b", "/d/sub/a:b" },
		{ "tpmiot:ca", "tpmiot:ca" },
		{ "pkcs11:token=x", "pkcs11:token=x" },
		{ "file:/x", "file:/x" },
		{ "c:odd", "/d/c:odd" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tpmiot_buf path = TPMIOT_BUF_INIT;

		ca_config_path("/d", cases[i].value, &path);
		assert_string_equal(tpmiot_buf_cstr(&path), cases[i].path);
		tpmiot_buf_free(&path);
	}
}

static void
test_duration_parse(void **state)
{
	static const char *const bad[] = { "", "d", "-1d", "+1", " 1", "1 d", "1dd", "1.5h", "0x10",
		"10001y", "9223372036854775807" };
	struct tpmiot_err err = { 0 };
	int64_t s = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ca_duration_parse(bad[i], &s, &err), TPMIOT_E_FORMAT);
	assert_int_equal(s, 7);
	assert_ok(ca_duration_parse("90", &s, &err));
	assert_int_equal(s, 90);
	assert_ok(ca_duration_parse("10000y", &s, &err));
	assert_int_equal(s, 315360000000);
	assert_ok(ca_duration_parse("15m", &s, &err));
	assert_int_equal(s, 900);
	assert_ok(ca_duration_parse("1y", &s, &err));
	assert_int_equal(s, 31536000);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_load_refuses),
		TEST(test_load_file_and_sets),
		TEST(test_sets_refused),
		TEST(test_write_reads_back),
		TEST(test_include),
		TEST(test_include_directory),
		TEST(test_guard_private),
		TEST(test_guard_all),
		TEST(test_path),
		TEST(test_duration_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
