/* SPDX-License-Identifier: Apache-2.0 */
/* The state directory's lock, leftovers and names; the join token's file; exit codes. */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "enroll/state/state.h"
#include "enroll/enrol/token.h"
#include "enroll/cmd/ui.h"
#include "unit.h"

struct fixture {
	char root[64];
	char dir[96];
	char file[96];
	struct enroll_ui ui;
	struct tpmiot_err err;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	(void)strcpy(f->root, "/tmp/tpmiot-state.XXXXXX");
	assert_non_null(mkdtemp(f->root));
	(void)snprintf(f->dir, sizeof(f->dir), "%s/a/b", f->root);
	(void)snprintf(f->file, sizeof(f->file), "%s/file", f->root);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	char parent[96];

	(void)snprintf(parent, sizeof(parent), "%s/a", f->root);
	(void)unlink(f->file);
	(void)rmdir(f->dir);
	(void)rmdir(parent);
	assert_int_equal(rmdir(f->root), 0);
	free(f);
	return 0;
}

static void
test_open_makes_and_sweeps(void **state)
{
	struct fixture *f = *state;
	struct enroll_state opened = ENROLL_STATE_INIT;
	char leftover[128], kept[128];

	assert_ok(enroll_state_open(f->dir, &opened, &f->err), &f->err);
	enroll_state_close(&opened);
	(void)snprintf(leftover, sizeof(leftover), "%s/.device.key.tmp", f->dir);
	(void)snprintf(kept, sizeof(kept), "%s/device.tmp", f->dir);
	put_file(leftover, "half a k");
	put_file(kept, "somebody's");
	assert_ok(enroll_state_open(f->dir, &opened, &f->err), &f->err);
	assert_int_equal(access(leftover, F_OK), -1);
	assert_int_equal(unlink(kept), 0);
	enroll_state_close(&opened);
	assert_int_equal(opened.fd, -1);
}

static void
test_open_waits_for_the_lock(void **state)
{
	struct fixture *f = *state;
	struct enroll_state first = ENROLL_STATE_INIT, second = ENROLL_STATE_INIT;
	sigset_t set;
	int got;

	assert_ok(enroll_state_open(f->dir, &first, &f->err), &f->err);
	enroll_signals_hold();
	assert_int_equal(raise(SIGTERM), 0);
	assert_refused(
	    enroll_state_open(f->dir, &second, &f->err), TPMIOT_E_IO, &f->err, "interrupted");
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	assert_int_equal(sigwait(&set, &got), 0);
	enroll_signals_release();
	enroll_state_close(&first);
	assert_ok(enroll_state_open(f->dir, &second, &f->err), &f->err);
	enroll_state_close(&second);
}

static void
test_open_for_everybody(void **state)
{
	struct fixture *f = *state;
	struct enroll_state opened = ENROLL_STATE_INIT;

	assert_ok(enroll_state_open(f->dir, &opened, &f->err), &f->err);
	enroll_state_close(&opened);
	assert_int_equal(chmod(f->dir, 01777), 0);
	assert_refused(enroll_state_open(f->dir, &opened, &f->err), TPMIOT_E_PERM, &f->err,
	    "everybody may write");
	assert_int_equal(chmod(f->dir, 0775), 0);
	assert_refused(enroll_state_open(f->dir, &opened, &f->err), TPMIOT_E_PERM, &f->err,
	    "a group may write");
	assert_int_equal(opened.fd, -1);
	if (geteuid() != 0)
		return;
	assert_int_equal(chmod(f->dir, 0755), 0);
	assert_int_equal(chown(f->dir, 65534, 65534), 0);
	assert_refused(enroll_state_open(f->dir, &opened, &f->err), TPMIOT_E_PERM, &f->err,
	    "another user (65534)");
	assert_int_equal(opened.fd, -1);
}

/* A line's script or a service manager may have any umask. */
static void
test_open_in_spite_of_umask(void **state)
{
	static const mode_t masks[] = { 0077, 0 };
	struct fixture *f = *state;
	struct enroll_state opened = ENROLL_STATE_INIT;
	const mode_t want = geteuid() == 0 ? 0755 : 0700;
	struct stat st;
	char parent[96];

	(void)snprintf(parent, sizeof(parent), "%s/a", f->root);
	for (size_t i = 0; i < COUNT(masks); i++) {
		const mode_t was = umask(masks[i]);

		assert_ok(enroll_state_open(f->dir, &opened, &f->err), &f->err);
		(void)umask(was);
		enroll_state_close(&opened);
		assert_int_equal(stat(f->dir, &st), 0);
		assert_int_equal(st.st_mode & 07777, want);
		assert_int_equal(stat(parent, &st), 0);
		if (geteuid() == 0)
			assert_int_equal(st.st_mode & 07777, 0755);
		assert_int_equal(rmdir(f->dir), 0);
		assert_int_equal(rmdir(parent), 0);
	}
}

static void
test_set_group(void **state)
{
	struct fixture *f = *state;
	struct enroll_state opened = { .fd = -1, .group = 7 };

	assert_ok(enroll_state_set_group(&opened, "device", NULL, &f->err), &f->err);
	assert_int_equal(opened.group, 7);
	assert_ok(enroll_state_set_group(&opened, "device", "123", &f->err), &f->err);
	assert_int_equal(opened.group, 123);
	assert_ok(enroll_state_set_group(&opened, "device", "root", &f->err), &f->err);
	assert_int_equal(opened.group, 0);
	assert_refused(enroll_state_set_group(&opened, "device", "no such", &f->err),
	    TPMIOT_E_USAGE, &f->err, "number");
	assert_refused(enroll_state_set_group(&opened, "device", "4294967295", &f->err),
	    TPMIOT_E_USAGE, &f->err, "number");
	assert_refused(enroll_state_set_group(&opened, "device", "-1", &f->err), TPMIOT_E_USAGE,
	    &f->err, "number");
	assert_int_equal(opened.group, 0);
}

static void
test_open_no_directory(void **state)
{
	struct fixture *f = *state;
	struct enroll_state opened = ENROLL_STATE_INIT;

	put_file(f->file, "");
	assert_refused(enroll_state_open(f->file, &opened, &f->err), TPMIOT_E_IO, &f->err, f->file);
}

static void
test_check_name(void **state)
{
	static const char *const bad[] = { "", ".x", "a/b", "..", "a b", "ak", "ca" };
	struct tpmiot_err err;
	size_t i;

	(void)state;
	assert_ok(enroll_state_check_name("device", &err), &err);
	assert_ok(enroll_state_check_name("ak2", &err), &err);
	for (i = 0; i < COUNT(bad); i++)
		assert_int_equal(enroll_state_check_name(bad[i], &err), TPMIOT_E_USAGE);
}

static void
test_read_key_that_is_none(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_keyfile key;
	char file[128];

	(void)snprintf(file, sizeof(file), "%s/x.key", f->root);
	assert_int_equal(enroll_state_read_key(f->root, "x", &key, &f->err), TPMIOT_E_NOT_FOUND);
	put_file(file, "-----BEGIN TSS2 PRIVATE KEY-----\nAAAA\n-----END TSS2 PRIVATE KEY-----\n");
	assert_refused(
	    enroll_state_read_key(f->root, "x", &key, &f->err), TPMIOT_E_FORMAT, &f->err, "x.key");
	put_file(file, "no PEM");
	assert_refused(
	    enroll_state_read_key(f->root, "x", &key, &f->err), TPMIOT_E_FORMAT, &f->err, "reset");
	assert_int_equal(unlink(file), 0);
}

static enum tpmiot_rc
read_token(struct fixture *f, const char *content, struct tpmiot_buf *out)
{
	put_file(f->file, content);
	assert_int_equal(chmod(f->file, 0600), 0);
	return enroll_token_read(f->file, &f->ui, out, &f->err);
}

static void
test_token(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_buf token = TPMIOT_BUF_INIT;
	char big[1200];

	assert_ok(read_token(f, " tj_abc\r\n\n", &token), &f->err);
	assert_string_equal((const char *)token.data, "tj_abc");
	assert_int_equal(token.len, 6);
	tpmiot_buf_reset(&token);
	assert_refused(read_token(f, "", &token), TPMIOT_E_USAGE, &f->err, "join add");
	assert_refused(read_token(f, " \n", &token), TPMIOT_E_USAGE, &f->err, "join add");
	assert_refused(
	    read_token(f, "one\ntwo\n", &token), TPMIOT_E_USAGE, &f->err, "more than one");
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	assert_refused(read_token(f, big, &token), TPMIOT_E_USAGE, &f->err, "1 to 128");
	assert_int_equal(token.len, 0);
	assert_int_equal(unlink(f->file), 0);
	assert_refused(enroll_token_read(f->file, &f->ui, &token, &f->err), TPMIOT_E_IO, &f->err,
	    "No such file");
	tpmiot_buf_free(&token);
}

static void
test_exit_codes(void **state)
{
	static const struct {
		enum tpmiot_rc rc;
		uint32_t tss;
		enum enroll_exit code;
	} cases[] = {
		{ TPMIOT_OK, 0, ENROLL_DONE },
		{ TPMIOT_E_IO, 0, ENROLL_FAILED },
		{ TPMIOT_E_PERM, 0, ENROLL_FAILED },
		{ TPMIOT_E_USAGE, 0, ENROLL_USAGE },
		{ TPMIOT_E_REFUSED, 0, ENROLL_REFUSED },
		{ TPMIOT_E_NET, 0, ENROLL_CA },
		{ TPMIOT_E_TRUST, 0, ENROLL_CA },
		{ TPMIOT_E_LOCKOUT, 0x921, ENROLL_TPM },
		{ TPMIOT_E_TPM_FULL, 0x902, ENROLL_TPM },
		{ TPMIOT_E_TPM_GONE, 0, ENROLL_TPM },
		{ TPMIOT_E_PERM, 0xa000a, ENROLL_TPM }, /* of the device, not of a file */
		{ TPMIOT_E_NOT_FOUND, 0x18b, ENROLL_TPM },
	};
	struct tpmiot_err err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		err.rc = cases[i].rc;
		err.tss = cases[i].tss;
		assert_int_equal(enroll_ui_exit_code(&err), cases[i].code);
	}
}

#define WITH_DIR(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DIR(test_open_makes_and_sweeps),
		WITH_DIR(test_open_waits_for_the_lock),
		WITH_DIR(test_open_for_everybody),
		WITH_DIR(test_open_in_spite_of_umask),
		WITH_DIR(test_set_group),
		WITH_DIR(test_open_no_directory),
		cmocka_unit_test(test_check_name),
		WITH_DIR(test_read_key_that_is_none),
		WITH_DIR(test_token),
		cmocka_unit_test(test_exit_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
