/* SPDX-License-Identifier: Apache-2.0 */
#include "ca_test.h"

#include <sys/stat.h>

#include "ca/cmd/cli.h"
#include "ca/file.h"

/* ---- out ---- */

/* What fn's rows look like; the caller frees it. */
static char *
print(bool json, json_t *rows)
{
	static const struct ca_column columns[] = { { "a", "A" }, { "b", "LONG" }, { NULL, NULL } };
	struct tpmiot_err err = { 0 };
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	assert_ok(ca_out_rows(f, json, rows, columns, &err));
	fclose(f);
	return text;
}

static void
test_out_table(void **state)
{
	char *text = print(false, json_pack("[{s:s, s:i, s:s}, {s:o, s:b}]", "a", "x\xc3\xa9", "b",
	                              7, "c", "not shown", "a", json_null(), "b", 1));

	(void)state;
	assert_string_equal(text, "A   LONG\nx\xc3\xa9  7\n-   yes\n");
	free(text);
}

/* What a device says must not steer the operator's terminal. */
static void
test_out_control_characters(void **state)
{
	char *text = print(false, json_pack("[{s:s}]", "a", "\x1b[2J\n\x7f\xc2\x9bm"));

	(void)state;
	assert_string_equal(text, "A         LONG\n?[2J???m  -\n");
	free(text);
}

static void
test_out_json(void **state)
{
	char *text = print(true, json_pack("[{s:s}]", "a", "\x1b"));

	(void)state;
	assert_non_null(strstr(text, "\"\\u001B\""));
	free(text);
}

static void
test_out_values(void **state)
{
	json_t *value = ca_out_text("a\xff");

	(void)state;
	assert_string_equal(json_string_value(value), "a?");
	json_decref(value);
	value = ca_out_time(1800000000);
	assert_string_equal(json_string_value(value), "2027-01-15T08:00:00Z");
	json_decref(value);
	assert_true(json_is_null(ca_out_time(0)));
	assert_true(json_is_null(ca_out_text("")));
}

static void
test_out_full_disk(void **state)
{
	static const struct ca_column columns[] = { { "a", "A" }, { NULL, NULL } };
	struct tpmiot_err err = { 0 };
	FILE *f = fopen("/dev/full", "w");

	(void)state;
	if (f == NULL)
		skip();
	assert_fails(ca_out_rows(f, true, json_array(), columns, &err), TPMIOT_E_IO, "output");
	fclose(f);
	assert_int_equal(ca_out_rows(stdout, true, NULL, columns, &err), TPMIOT_E_MEMORY);
}

/* ---- options ---- */

struct parsed {
	const char *note;
	struct ca_cli_list hosts;
	bool flag;
	int first;
	struct ca_cli cli;
};

static enum tpmiot_rc
parse(struct parsed *p, int min, int max, struct tpmiot_err *err, const char *a, const char *b,
    const char *c)
{
	char copies[3][64];
	char *argv[5] = { copies[0] }; /* getopt may swap the pointers */
	char name[] = "cmd";
	const char *args[] = { a, b, c };
	const struct ca_cli_option options[] = {
		{ .name = "note", .value = &p->note },
		{ .name = "host", .list = &p->hosts },
		{ .name = "flag", .flag = &p->flag },
		{ .name = NULL },
	};
	int argc = 1;

	memset(p, 0, sizeof(*p));
	p->cli.command = "cmd";
	argv[0] = name;
	for (int i = 0; i < 3 && args[i] != NULL; i++) {
		snprintf(copies[i], sizeof(copies[i]), "%s", args[i]);
		argv[argc++] = copies[i];
	}
	return ca_cli_options(&p->cli, argc, argv, options, min, max, &p->first, err);
}

static void
test_options(void **state)
{
	struct tpmiot_err err = { 0 };
	struct parsed p;

	(void)state;
	assert_ok(parse(&p, 0, 0, &err, "--flag", "--json", NULL));
	assert_true(p.flag && p.cli.json);
	assert_ok(parse(&p, 0, 0, &err, "--host=a", "--host=b", "--set=c=d"));
	assert_int_equal(p.hosts.n, 2);
	assert_int_equal(p.cli.sets.n, 1);
	assert_ok(parse(&p, 1, 1, &err, "operand", "--note=x", NULL));
	assert_int_equal(p.first, 2);
	assert_fails(
	    parse(&p, 0, 0, &err, "--note=x", "--note=y", NULL), TPMIOT_E_USAGE, "only once");
	assert_fails(parse(&p, 0, 0, &err, "--nope", NULL, NULL), TPMIOT_E_USAGE, "--nope");
	assert_fails(
	    parse(&p, 0, 0, &err, "--note", NULL, NULL), TPMIOT_E_USAGE, "value is missing");
	assert_fails(parse(&p, 0, 0, &err, "-x", NULL, NULL), TPMIOT_E_USAGE, "-x");
	assert_fails(parse(&p, 0, 0, &err, "a", NULL, NULL), TPMIOT_E_USAGE, "too many");
	assert_fails(parse(&p, 1, 1, &err, "--flag", NULL, NULL), TPMIOT_E_USAGE, "missing");
}

static void
test_values(void **state)
{
	struct tpmiot_err err = { 0 };
	char text[4], id[CA_DEVICE_ID_MAX + 1];
	int64_t n = 0;

	(void)state;
	assert_ok(ca_cli_text("o", "abc", text, sizeof(text), &err));
	assert_fails(ca_cli_text("o", "abcd", text, sizeof(text), &err), TPMIOT_E_USAGE, "--o");
	assert_ok(ca_cli_text("o", NULL, text, sizeof(text), &err));
	assert_string_equal(text, "");
	assert_ok(ca_cli_number("n", "999999999999999999", &n, &err));
	assert_true(n == 999999999999999999);
	assert_fails(ca_cli_number("n", "1000000000000000000", &n, &err), TPMIOT_E_USAGE, "n:");
	assert_fails(ca_cli_number("n", "", &n, &err), TPMIOT_E_USAGE, "n:");
	assert_fails(ca_cli_number("n", "-1", &n, &err), TPMIOT_E_USAGE, "-1");
	assert_fails(ca_cli_device_id("a b", id, &err), TPMIOT_E_USAGE, "a b");
	assert_ok(ca_cli_device_id(NULL, id, &err));
	assert_string_equal(id, "");
}

/* ---- files ---- */

static void
test_file(void **state)
{
	struct tpmiot_buf data = TPMIOT_BUF_INIT, got = TPMIOT_BUF_INIT;
	struct tpmiot_err err = { 0 };
	char dir[64], path[128], tmp[64];
	struct stat st;

	(void)state;
	scratch_make(dir);
	scratch_path(dir, "a", path);
	assert_fails(ca_file_read(path, 10, &got, &err), TPMIOT_E_NOT_FOUND, path);
	tpmiot_buf_put_str(&data, "0123456789");
	assert_ok(ca_file_write(dir, "a", &data, 0640, &err));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_ok(ca_file_read(path, 10, &got, &err));
	assert_int_equal(got.len, 10);
	assert_fails(ca_file_read(path, 9, &got, &err), TPMIOT_E_FORMAT, "larger");
	assert_int_equal(got.len, 10);
	snprintf(tmp, sizeof(tmp), ".a.%ld.tmp", (long)getpid());
	scratch_write(dir, tmp, "left over");
	scratch_write(dir, ".a.1.tmp", "another's");
	tpmiot_buf_reset(&data);
	assert_ok(ca_file_write(dir, "a", &data, 0600, &err));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_false(ca_file_exists(dir, tmp));
	assert_true(ca_file_exists(dir, ".a.1.tmp"));
	ca_file_clean(dir, "b");
	assert_true(ca_file_exists(dir, ".a.1.tmp"));
	ca_file_clean(dir, "a");
	assert_false(ca_file_exists(dir, ".a.1.tmp"));
	assert_true(ca_file_exists(dir, "a"));
	scratch_remove(dir);
	assert_fails(ca_file_write(dir, "a", &data, 0600, &err), TPMIOT_E_IO, dir);
	tpmiot_buf_free(&data);
	tpmiot_buf_free(&got);
}

/* The server's account could not read what root leaves as its own. */
static void
test_file_of_root(void **state)
{
	const uid_t nobody = 65534;
	struct tpmiot_buf data = TPMIOT_BUF_INIT;
	struct tpmiot_err err = { 0 };
	char dir[64], path[128];
	struct stat st;

	(void)state;
	if (geteuid() != 0)
		skip();
	scratch_make(dir);
	scratch_path(dir, "a", path);
	tpmiot_buf_put_str(&data, "0123456789");
	assert_int_equal(chown(dir, nobody, nobody), 0);
	assert_ok(ca_file_write(dir, "a", &data, 0600, &err));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, nobody);
	assert_int_equal(st.st_gid, nobody);
	scratch_remove(dir);
	tpmiot_buf_free(&data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_out_table),
		cmocka_unit_test(test_out_control_characters),
		cmocka_unit_test(test_out_json),
		cmocka_unit_test(test_out_values),
		cmocka_unit_test(test_out_full_disk),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_file_of_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
