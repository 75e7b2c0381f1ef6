/* SPDX-License-Identifier: Apache-2.0 */
/* A TCTI that another program serves: here a shell script, written as the test needs it. */
#include <config.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tss2/tss2_tpm2_types.h>

#include "tpm/relay.h"
#include "unit.h"

static const uint8_t COMMAND[] = { 0x80, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x44, 0, 0 };

struct fixture {
	char path[64];
	TSS2_TCTI_CONTEXT *tcti;
	uint8_t response[64];
	size_t size;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int fd;

#ifndef HAVE_POSIX_SPAWN_FILE_ACTIONS_ADDCLOSEFROM_NP
	skip();
#endif
	assert_non_null(f);
	strcpy(f->path, "/tmp/tpmiot-relay.XXXXXX");
	fd = mkstemp(f->path);
	assert_true(fd >= 0);
	(void)fchmod(fd, 0700);
	(void)close(fd);
	f->size = sizeof(f->response);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	if (f->tcti != NULL)
		assert_true(tpm_relay_close(&f->tcti));
	(void)unlink(f->path);
	free(f);
	return 0;
}

static void
begin(struct fixture *f, const char *script)
{
	FILE *file = fopen(f->path, "w");

	assert_non_null(file);
	fprintf(file, "#!/bin/sh\n%s\n", script);
	assert_int_equal(fclose(file), 0);
	assert_true(tpm_relay_open(f->path, "tabrmd:a b", &f->tcti));
}

static TSS2_RC
transmit(struct fixture *f)
{
	return Tss2_Tcti_Transmit(f->tcti, sizeof(COMMAND), COMMAND);
}

static TSS2_RC
receive(struct fixture *f)
{
	return Tss2_Tcti_Receive(f->tcti, &f->size, f->response, TSS2_TCTI_TIMEOUT_BLOCK);
}

static void
expect_echo(struct fixture *f)
{
	f->size = sizeof(f->response);
	assert_int_equal(transmit(f), TSS2_RC_SUCCESS);
	assert_int_equal(receive(f), TSS2_RC_SUCCESS);
	assert_int_equal(f->size, sizeof(COMMAND));
	assert_memory_equal(f->response, COMMAND, sizeof(COMMAND));
}

static void
test_command_after_command(void **state)
{
	struct fixture *f = *state;
	TSS2_TCTI_POLL_HANDLE handle[1];
	size_t n = 1;

	begin(f, "[ \"$1\" = '--tcti=tabrmd:a b' ] && exec cat");
	expect_echo(f);
	expect_echo(f);
	assert_int_equal(Tss2_Tcti_GetPollHandles(f->tcti, handle, &n), TSS2_RC_SUCCESS);
	assert_int_equal(n, 1);
	assert_int_equal(fcntl(handle[0].fd, F_GETFD), FD_CLOEXEC);
}

static void
test_program_that_is_not_there(void **state)
{
	struct fixture *f = *state;

	assert_false(tpm_relay_open("/nonexistent/tpm2_send", "tabrmd", &f->tcti));
	assert_null(f->tcti);
}

/* Its end is an error; neither SIGPIPE nor a wait for ever. */
static void
test_program_that_ends(void **state)
{
	struct fixture *f = *state;

	begin(f, "head -c 12 >/dev/null");
	assert_int_equal(transmit(f), TSS2_RC_SUCCESS);
	assert_int_equal(receive(f), TSS2_TCTI_RC_IO_ERROR);
	assert_int_equal(transmit(f), TSS2_TCTI_RC_IO_ERROR);
}

static void
test_response_cut_off(void **state)
{
	struct fixture *f = *state;

	begin(f, "head -c 11");
	assert_int_equal(transmit(f), TSS2_RC_SUCCESS);
	assert_int_equal(receive(f), TSS2_TCTI_RC_IO_ERROR);
}

static void
test_response_of_a_wrong_size(void **state)
{
	static const char *const SIZES[] = { "\\000\\000\\000\\101", "\\377\\377\\377\\377",
		"\\000\\000\\000\\011" };
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(SIZES); i++) {
		char script[128];

		(void)snprintf(script, sizeof(script),
		    "head -c 12 >/dev/null; printf '\\200\\001%s\\000\\000\\000\\000'; exec cat",
		    SIZES[i]);
		begin(f, script);
		f->size = sizeof(f->response);
		assert_int_equal(transmit(f), TSS2_RC_SUCCESS);
		assert_int_equal(receive(f), TSS2_TCTI_RC_MALFORMED_RESPONSE);
		assert_true(tpm_relay_close(&f->tcti));
	}
}

/* A client's connection that the program kept open would not end when the server closes it. */
static void
test_program_has_nothing_else_open(void **state)
{
	struct fixture *f = *state;
	int fd = dup2(STDIN_FILENO, 9);

	assert_int_equal(fd, 9);
	begin(f, "[ -e /proc/self/fd/9 ] || exec cat");
	expect_echo(f);
	(void)close(fd);
}

/* Whoever waits for the TPM in vain, and does not even look for the end of its input. */
static void
test_program_that_hangs_is_ended(void **state)
{
	struct fixture *f = *state;

	begin(f, "exec sleep 1000");
	assert_true(tpm_relay_close(&f->tcti));
	assert_null(f->tcti);
}

static void
test_close_of_another_kind(void **state)
{
	TSS2_TCTI_CONTEXT_COMMON_V2 other = { .v1 = { .magic = 1, .version = 2 } };
	TSS2_TCTI_CONTEXT *tcti = (TSS2_TCTI_CONTEXT *)&other;

	(void)state;
	assert_false(tpm_relay_close(&tcti));
	assert_non_null(tcti);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_command_after_command),
		TEST(test_program_that_is_not_there),
		TEST(test_program_that_ends),
		TEST(test_response_cut_off),
		TEST(test_response_of_a_wrong_size),
		TEST(test_program_has_nothing_else_open),
		TEST(test_program_that_hangs_is_ended),
		TEST(test_close_of_another_kind),
	};

	return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}
