/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tpmiot/statedir.h>

#include "unit.h"

static char dir[] = "/tmp/tpmiot-statedir-XXXXXX";
static struct tpmiot_err err;

static int
group_setup(void **state)
{
	(void)state;
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int
group_teardown(void **state)
{
	(void)state;
	assert_int_equal(tpmiot_statedir_remove(dir, "device.key", &err), TPMIOT_OK);
	assert_int_equal(tpmiot_statedir_remove(dir, "b.key", &err), TPMIOT_OK);
	return rmdir(dir); /* fails if anything was left behind */
}

static void
write_str(const char *name, const char *text)
{
	assert_int_equal(
	    tpmiot_statedir_write(dir, name, text, strlen(text), 0600, (gid_t)-1, &err), TPMIOT_OK);
}

static void
assert_holds(const char *name, const char *text)
{
	struct tpmiot_buf content = TPMIOT_BUF_INIT;

	assert_int_equal(tpmiot_statedir_read(dir, name, &content, &err), TPMIOT_OK);
	assert_string_equal(tpmiot_buf_cstr(&content), text);
	tpmiot_buf_free(&content);
}

static void
test_write_replaces(void **state)
{
	char path[256];
	struct stat st;

	(void)state;
	write_str("device.key", "one");
	write_str("device.key", "second");
	assert_holds("device.key", "second");
	(void)snprintf(path, sizeof(path), "%s/device.key", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void
test_write_over_a_leftover(void **state)
{
	char path[256];
	FILE *f;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/.device.key.tmp", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs("half", f) >= 0);
	assert_int_equal(fclose(f), 0);
	write_str("device.key", "whole");
	assert_holds("device.key", "whole");
	assert_int_equal(access(path, F_OK), -1);
}

static void
test_write_disk_full_keeps_the_old(void **state)
{
	struct rlimit old, small;
	char big[4096];
	char path[256];

	(void)state;
	memset(big, 'x', sizeof(big));
	write_str("device.key", "kept");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 1000;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(
	    tpmiot_statedir_write(dir, "device.key", big, sizeof(big), 0600, (gid_t)-1, &err),
	    TPMIOT_E_IO);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_holds("device.key", "kept");
	(void)snprintf(path, sizeof(path), "%s/.device.key.tmp", dir);
	assert_int_equal(access(path, F_OK), -1);
}

static void
test_read_missing(void **state)
{
	struct tpmiot_buf content = TPMIOT_BUF_INIT;

	(void)state;
	assert_int_equal(tpmiot_statedir_read(dir, "none.key", &content, &err), TPMIOT_E_NOT_FOUND);
	assert_int_equal(
	    tpmiot_statedir_read("/nonexistent", "none.key", &content, &err), TPMIOT_E_NOT_FOUND);
	assert_int_equal(content.len, 0);
}

static bool
count(void *arg, const char *name)
{
	int *n = arg;

	assert_true(strcmp(name, "device") == 0 || strcmp(name, "b") == 0);
	(*n)++;
	return true;
}

static void
test_each_key_skips_the_rest(void **state)
{
	int n = 0;

	(void)state;
	write_str("device.key", "1");
	write_str("b.key", "2");
	write_str("b.crt", "3");
	write_str(".key", "4");
	assert_int_equal(tpmiot_statedir_each_key(dir, count, &n, &err), TPMIOT_OK);
	assert_int_equal(n, 2);
	assert_int_equal(tpmiot_statedir_remove(dir, "b.crt", &err), TPMIOT_OK);
	assert_int_equal(tpmiot_statedir_remove(dir, ".key", &err), TPMIOT_OK);
}

static void
test_path_given_wins(void **state)
{
	struct tpmiot_buf path = TPMIOT_BUF_INIT;

	(void)state;
	assert_int_equal(setenv("TPMIOT_STATE_DIR", "/from/env", 1), 0);
	assert_int_equal(tpmiot_statedir_path("/given", &path, &err), TPMIOT_OK);
	assert_string_equal(tpmiot_buf_cstr(&path), "/given");
	tpmiot_buf_reset(&path);
	assert_int_equal(tpmiot_statedir_path(NULL, &path, &err), TPMIOT_OK);
	assert_string_equal(tpmiot_buf_cstr(&path), "/from/env");
	tpmiot_buf_free(&path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write_replaces),
		cmocka_unit_test(test_write_over_a_leftover),
		cmocka_unit_test(test_write_disk_full_keeps_the_old),
		cmocka_unit_test(test_read_missing),
		cmocka_unit_test(test_each_key_skips_the_rest),
		cmocka_unit_test(test_path_given_wins),
	};

	return cmocka_run_group_tests_name("statedir", tests, group_setup, group_teardown);
}
