/* SPDX-License-Identifier: Apache-2.0 */
/* The connection: what the TCTI shim repeats, what codes become, what a fork does. */
#include <config.h> /* memmem() */

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tpmiot/tpm.h>

#include "script_tcti.h"
#include "tpm/opentcti.h"
#include "tpm/session.h"
#include "unit.h"

struct fixture {
	struct script_tcti script;
	struct tpmiot_tpm *tpm;
	struct tpmiot_err err;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(
	    tpmiot_tpm_new_on(script_init(&f->script), NULL, &f->tpm, &f->err), TPMIOT_OK);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	tpmiot_tpm_free(&f->tpm);
	script_free(&f->script);
	free(f);
	return 0;
}

static void
script_clock(struct script_tcti *script)
{
	struct tpmiot_buf params = TPMIOT_BUF_INIT;

	tpmiot_buf_put_u64(&params, 5); /* time */
	tpmiot_buf_put_u64(&params, 6); /* clock */
	tpmiot_buf_put_u32(&params, 7); /* resetCount */
	tpmiot_buf_put_u32(&params, 8);
	tpmiot_buf_put_u8(&params, 1);
	script_ok(script, 0, &params, false);
	tpmiot_buf_free(&params);
}

static void
test_new_sends_nothing(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(f->script.sent, 0);
}

static void
test_command_answered(void **state)
{
	struct fixture *f = *state;
	TPMS_TIME_INFO now;

	script_clock(&f->script);
	assert_int_equal(tpmiot_tpm_read_clock(f->tpm, &now, &f->err), TPMIOT_OK);
	assert_int_equal(now.clockInfo.resetCount, 7);
	assert_int_equal(f->script.sent, 1);
	assert_int_equal(script_command(&f->script, 0), TPM2_CC_ReadClock);
}

static void
test_command_repeated_while_tpm_is_busy(void **state)
{
	static const TPM2_RC busy[] = { TPM2_RC_RETRY, TPM2_RC_YIELDED, TPM2_RC_TESTING };
	struct fixture *f = *state;
	TPMS_TIME_INFO now;

	for (size_t i = 0; i < 3; i++)
		script_code(&f->script, busy[i]);
	script_clock(&f->script);
	assert_int_equal(tpmiot_tpm_read_clock(f->tpm, &now, &f->err), TPMIOT_OK);
	assert_int_equal(f->script.sent, 4);
	for (size_t i = 1; i < 4; i++) {
		assert_int_equal(f->script.commands[i].len, f->script.commands[0].len);
		assert_memory_equal(f->script.commands[i].data, f->script.commands[0].data,
		    f->script.commands[0].len);
	}
}

static void
test_tpm_started_when_nobody_did(void **state)
{
	struct fixture *f = *state;
	TPMS_TIME_INFO now;

	script_code(&f->script, TPM2_RC_INITIALIZE);
	script_code(&f->script, TPM2_RC_SUCCESS); /* of TPM2_Startup */
	script_clock(&f->script);
	assert_int_equal(tpmiot_tpm_read_clock(f->tpm, &now, &f->err), TPMIOT_OK);
	assert_int_equal(script_command(&f->script, 1), TPM2_CC_Startup);
	assert_int_equal(script_command(&f->script, 2), TPM2_CC_ReadClock);
}

static void
test_startup_tried_once(void **state)
{
	struct fixture *f = *state;
	TPMS_TIME_INFO now;

	script_code(&f->script, TPM2_RC_INITIALIZE);
	script_code(&f->script, TPM2_RC_FAILURE);
	script_code(&f->script, TPM2_RC_INITIALIZE);
	assert_int_equal(tpmiot_tpm_read_clock(f->tpm, &now, &f->err), TPMIOT_E_TPM);
	assert_non_null(strstr(f->err.text, "not started"));
}

static void
test_codes_become_reasons(void **state)
{
	static const struct {
		TPM2_RC code;
		enum tpmiot_rc rc;
		const char *says;
	} cases[] = {
		{ TPM2_RC_AUTH_FAIL | TPM2_RC_S | TPM2_RC_1, TPMIOT_E_AUTH, "lockout" },
		{ TPM2_RC_BAD_AUTH | TPM2_RC_S | TPM2_RC_2, TPMIOT_E_AUTH, "wrong" },
		{ TPM2_RC_LOCKOUT, TPMIOT_E_LOCKOUT, "--clear-lockout" },
		{ TPM2_RC_OBJECT_HANDLES, TPMIOT_E_TPM_FULL, "object handle" },
		{ TPM2_RC_SESSION_HANDLES, TPMIOT_E_TPM_FULL, "tpm2_flushcontext -s" },
		{ TPM2_RC_HANDLE | TPM2_RC_H | TPM2_RC_1, TPMIOT_E_NOT_FOUND, "nothing" },
		{ TPM2_RC_REFERENCE_H0, TPMIOT_E_NOT_FOUND, "no longer loaded" },
		{ TPM2_RC_REFERENCE_S6, TPMIOT_E_NOT_FOUND, "no longer loaded" },
		{ TPM2_RC_INTEGRITY | TPM2_RC_P | TPM2_RC_1, TPMIOT_E_TPM, "cleared or" },
		{ TPM2_RC_FAILURE, TPMIOT_E_TPM, "failure mode" },
		{ TPM2_RC_CURVE | TPM2_RC_P | TPM2_RC_2, TPMIOT_E_UNSUPPORTED, "curve" },
		{ TPM2_RC_SIZE | TPM2_RC_P | TPM2_RC_2, TPMIOT_E_TPM, "0x2d5" },
	};
	struct fixture *f = *state;
	TPMS_TIME_INFO now;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		script_code(&f->script, cases[i].code);
		assert_int_equal(tpmiot_tpm_read_clock(f->tpm, &now, &f->err), cases[i].rc);
		assert_non_null(strstr(f->err.text, cases[i].says));
		assert_int_equal(f->err.tss, cases[i].code);
	}
}

/* Nothing of ours to give up, and nothing of ours left over: another program's slot is waited for.
 */
static void
test_full_tpm_waited_for(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_buf none = TPMIOT_BUF_INIT;
	TPMS_TIME_INFO now;

	tpmiot_buf_put_u8(&none, TPM2_NO);
	tpmiot_buf_put_u32(&none, TPM2_CAP_HANDLES);
	tpmiot_buf_put_u32(&none, 0);
	script_code(&f->script, TPM2_RC_OBJECT_MEMORY);
	script_ok(&f->script, 0, &none, false);
	script_clock(&f->script);
	assert_ok(tpmiot_tpm_read_clock(f->tpm, &now, &f->err), &f->err);
	assert_int_equal(f->script.sent, 3);
	assert_int_equal(script_command(&f->script, 1), TPM2_CC_GetCapability);
	assert_int_equal(script_command(&f->script, 2), TPM2_CC_ReadClock);
	assert_int_equal(now.clockInfo.resetCount, 7);
	tpmiot_buf_free(&none);
}

static void
test_connection_broken_and_made_again(void **state)
{
	struct fixture *f = *state;
	TPMS_TIME_INFO now;

	script_break(&f->script, TSS2_TCTI_RC_IO_ERROR);
	script_clock(&f->script);
	assert_int_equal(tpmiot_tpm_read_clock(f->tpm, &now, &f->err), TPMIOT_E_TPM_GONE);
	assert_int_equal(tpmiot_tpm_read_clock(f->tpm, &now, &f->err), TPMIOT_OK);
}

static void
test_response_truncated_at_every_length(void **state)
{
	struct fixture *f = *state;
	TPMS_TIME_INFO now;

	for (size_t len = 0; len < 35; len++) {
		struct script_tcti script;
		struct tpmiot_tpm *tpm = NULL;

		assert_int_equal(
		    tpmiot_tpm_new_on(script_init(&script), NULL, &tpm, &f->err), TPMIOT_OK);
		script_clock(&script);
		assert_int_equal(script.steps[0].response.len, 35);
		script.steps[0].response.len = len;
		assert_int_not_equal(tpmiot_tpm_read_clock(tpm, &now, &f->err), TPMIOT_OK);
		tpmiot_tpm_free(&tpm);
		script_free(&script);
	}
}

static void
test_child_does_not_flush_what_its_parent_loaded(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_buf params = TPMIOT_BUF_INIT;
	static const struct tpmiot_public pub = {
		.area = { .type = TPM2_ALG_RSA,
		    .nameAlg = TPM2_ALG_SHA256,
		    .parameters.rsaDetail = { .symmetric.algorithm = TPM2_ALG_NULL,
		        .scheme.scheme = TPM2_ALG_NULL } },
		.name = { 3, "abc" }
	};
	static const TPM2B_PRIVATE priv = { 1, "x" };
	TPM2_HANDLE handle = 0;
	int status;
	pid_t pid;

	tpmiot_buf_put(&params, "\0\3abc", 5);
	script_ok(&f->script, 0x80000000, &params, true);
	assert_ok(tpmiot_tpm_load(f->tpm, 0x81000001, (struct tpmiot_bytes){ NULL, 0 }, &pub, &priv,
	              &handle, &f->err),
	    &f->err);
	assert_int_equal(handle, 0x80000000);
	pid = fork();
	if (pid == 0) {
		size_t before = f->script.sent;

		tpmiot_tpm_free(&f->tpm);
		_exit(f->script.sent == before ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	/* The parent does flush, when it is done. */
	script_code(&f->script, TPM2_RC_SUCCESS);
	tpmiot_tpm_free(&f->tpm);
	assert_int_equal(script_command(&f->script, 1), TPM2_CC_FlushContext);
	tpmiot_buf_free(&params);
}

/* Found by the default search it has no name but its descriptor's. */
static void
test_bare_device(void **state)
{
	static const struct {
		const char *name;
		bool bare;
	} cases[] = { { "tpm0", true }, { "tpm12", true }, { "tpmrm0", false }, { "tpm", false } };
	char dir[] = "/tmp/tpmiot-test.XXXXXX", dev[64], path[96];

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(dev, sizeof(dev), "%s/dev", dir);
	assert_int_equal(mkdir(dev, 0700), 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		int fd;

		(void)snprintf(path, sizeof(path), "%s/%s", dev, cases[i].name);
		fd = open(path, O_CREAT | O_RDWR, 0600);
		assert_true(fd >= 0);
		assert_int_equal(tpm_is_bare_device(fd), cases[i].bare);
		assert_int_equal(tpm_names_bare_device(path), cases[i].bare);
		(void)close(fd);
		(void)unlink(path);
	}
	assert_false(tpm_is_bare_device(-1));
	(void)rmdir(dev);
	(void)rmdir(dir);
}

/* The handle is in the part that came through: the session is flushed. */
static void
test_session_garbled_is_flushed(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_session *session = NULL;
	struct tpmiot_buf params = TPMIOT_BUF_INIT;

	tpmiot_buf_put_u16(&params, 200);
	(void)tpmiot_buf_grow(&params, 4);
	script_ok(&f->script, 0x03000000, &params, false);
	script_code(&f->script, TPM2_RC_SUCCESS);
	assert_int_not_equal(tpm_session_start(f->tpm, TPM2_SE_POLICY, TPM2_ALG_SHA256,
	                         TPM2_RH_NULL, NULL, &session, &f->err),
	    TPMIOT_OK);
	assert_null(session);
	assert_int_equal(f->script.sent, 2);
	assert_int_equal(script_command(&f->script, 1), TPM2_CC_FlushContext);
	tpmiot_buf_free(&params);
}

static bool
sent_anywhere(const struct script_tcti *script, const char *what)
{
	for (size_t i = 0; i < script->sent; i++)
		if (memmem(script->commands[i].data, script->commands[i].len, what, strlen(what)) !=
		    NULL)
			return true;
	return false;
}

/* Neither one that is given nor one that was set: without a session the command is not sent. */
static void
test_owner_password_does_not_cross_the_bus(void **state)
{
	static const struct tpmiot_bytes secret = { "sesame", 6 }, none = { NULL, 0 };
	struct fixture *f = *state;

	for (int is_set = 0; is_set < 2; is_set++) {
		if (is_set)
			assert_ok(
			    tpmiot_tpm_set_hierarchy_auth(f->tpm, TPM2_RH_OWNER, secret, &f->err),
			    &f->err);
		script_code(&f->script, TPM2_RC_HANDLE);  /* no storage root key */
		script_code(&f->script, TPM2_RC_FAILURE); /* nor can one be made */
		assert_refused(tpmiot_tpm_evict(
		                   f->tpm, is_set ? none : secret, 0x81000010, 0x81000010, &f->err),
		    TPMIOT_E_TPM, &f->err, "failure mode");
	}
	assert_int_equal(f->script.sent, 4);
	assert_int_equal(script_command(&f->script, 1), TPM2_CC_CreatePrimary);
	/* What sessions are salted to is made in the null hierarchy: it takes no password itself.
	 */
	assert_memory_equal(f->script.commands[1].data + 10, "\x40\0\0\7", 4);
	assert_false(sent_anywhere(&f->script, "sesame"));
}

/* Nor does any other, whichever command forgets its session. */
static void
test_no_password_crosses_the_bus(void **state)
{
	static const struct tpmiot_auth auth = { .value = { "sesame", 6 } };
	static const TPMT_SIG_SCHEME scheme = { TPM2_ALG_ECDSA, { { TPM2_ALG_SHA256 } } };
	static const TPM2B_DIGEST digest = { .size = 32 };
	struct fixture *f = *state;
	TPMT_SIGNATURE made;

	assert_refused(
	    tpmiot_tpm_sign(f->tpm, 0x80000000, &auth, &scheme, &digest, NULL, &made, &f->err),
	    TPMIOT_E_USAGE, &f->err, "needs a session");
	assert_int_equal(f->script.sent, 0);
}

static void
test_no_tpm_says_where_it_looked(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_tpm *tpm = NULL;
	TPMS_TIME_INFO now;

	assert_int_equal(tpmiot_tpm_new("device:/nonexistent/tpm", NULL, &tpm, &f->err), TPMIOT_OK);
	assert_int_equal(tpmiot_tpm_read_clock(tpm, &now, &f->err), TPMIOT_E_TPM_GONE);
	assert_non_null(strstr(f->err.text, "device:/nonexistent/tpm"));
	assert_non_null(strstr(f->err.text, "TPMIOT_TCTI"));
	tpmiot_tpm_free(&tpm);
}

/* A response whose HMAC somebody has tampered with is refused, whatever it says. */
static void
test_session_hmac_wrong(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_session *session = NULL;
	struct tpmiot_buf params = TPMIOT_BUF_INIT, secret = TPMIOT_BUF_INIT;
	TPMT_PUBLIC area = { .type = TPM2_ALG_ECC,
		.nameAlg = TPM2_ALG_SHA256,
		.parameters.eccDetail = { .symmetric.algorithm = TPM2_ALG_NULL,
		    .scheme.scheme = TPM2_ALG_NULL,
		    .curveID = TPM2_ECC_NIST_P256,
		    .kdf.scheme = TPM2_ALG_NULL } };
	struct tpmiot_public pub;
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	unsigned char point[65];

	assert_int_equal(EVP_PKEY_get_octet_string_param(key, "pub", point, 65, NULL), 1);
	area.unique.ecc.x.size = area.unique.ecc.y.size = 32;
	memcpy(area.unique.ecc.x.buffer, point + 1, 32);
	memcpy(area.unique.ecc.y.buffer, point + 33, 32);
	assert_int_equal(tpmiot_public_from_area(NULL, &area, &pub, &f->err), TPMIOT_OK);

	tpmiot_buf_put_u16(&params, 32);
	(void)tpmiot_buf_grow(&params, 32);
	script_ok(&f->script, 0x03000000, &params, false);
	assert_int_equal(
	    tpmiot_session_start(f->tpm, TPM2_SE_POLICY, 0x80000000, &pub, &session, &f->err),
	    TPMIOT_OK);
	/* ActivateCredential's answer with two password-like authorisations. */
	tpmiot_buf_reset(&params);
	tpmiot_buf_put(&params, "\0\4abcd", 6);
	script_ok(&f->script, 0, &params, true);
	tpmiot_buf_put(&f->script.steps[1].response, "\0\0\1\0\0", 5);
	f->script.steps[1].response.data[5] += 5;
	assert_int_equal(tpmiot_tpm_activate(f->tpm, 0x80000001, &pub.name, 0x80000000, &pub.name,
	                     session, (struct tpmiot_bytes){ "\0\2ab", 4 },
	                     (struct tpmiot_bytes){ "\0\2ab", 4 }, &secret, &f->err),
	    TPMIOT_E_TPM);
	assert_non_null(strstr(f->err.text, "HMAC"));
	assert_int_equal(secret.len, 0);
	script_code(&f->script, TPM2_RC_SUCCESS);
	tpmiot_session_end(&session);
	assert_int_equal(script_command(&f->script, 2), TPM2_CC_FlushContext);
	tpmiot_buf_free(&params);
	tpmiot_buf_free(&secret);
	EVP_PKEY_free(key);
}

/* An answer in which the size of the parameters is more than came. */
static void
script_oversized(struct script_tcti *script, const struct tpmiot_buf *params, uint32_t size)
{
	uint8_t *at;

	script_ok(script, 0, params, true);
	at = script->steps[script->n - 1].response.data + 10;
	at[0] = (uint8_t)(size >> 24);
	at[1] = (uint8_t)(size >> 16);
	at[2] = (uint8_t)(size >> 8);
	at[3] = (uint8_t)size;
}

/* What is hashed and wiped of an answer is not beyond its end, whatever size it has inside. */
static void
test_parameters_longer_than_the_response(void **state)
{
	/* GetRandom's answer: header, size, TPM2B of four bytes, one authorisation. */
	static const uint32_t sizes[] = { 6 + 5 + 1, 4096, 0x00ffffff, 0xfffffff0 };
	struct fixture *f = *state;
	struct tpmiot_buf params = TPMIOT_BUF_INIT, random = TPMIOT_BUF_INIT;

	tpmiot_buf_put(&params, "\0\4abcd", 6);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		script_code(&f->script, TPM2_RC_HANDLE);  /* no storage root key */
		script_code(&f->script, TPM2_RC_FAILURE); /* nor can one be made: no session */
		script_oversized(&f->script, &params, sizes[i]);
		assert_refused(tpmiot_tpm_random(f->tpm, 4, &random, &f->err), TPMIOT_E_TPM_GONE,
		    &f->err, "TPM2_GetRandom");
		assert_int_equal(random.len, 0);
	}
	tpmiot_buf_free(&params);
}

/* What was secret in an answer stays neither in SAPI's buffer nor in ours. */
static void
test_secrets_do_not_stay(void **state)
{
	static const char secret[] = "random, and now known";
	struct fixture *f = *state;
	struct tpmiot_buf params = TPMIOT_BUF_INIT, random = TPMIOT_BUF_INIT;

	tpmiot_buf_put_u16(&params, sizeof(secret));
	tpmiot_buf_put(&params, secret, sizeof(secret));
	script_code(&f->script, TPM2_RC_HANDLE);  /* no storage root key */
	script_code(&f->script, TPM2_RC_FAILURE); /* nor can one be made: no session */
	script_ok(&f->script, 0, &params, false);
	assert_ok(tpmiot_tpm_random(f->tpm, sizeof(secret), &random, &f->err), &f->err);
	assert_memory_equal(random.data, secret, sizeof(secret));
	assert_non_null(f->tpm->sys);
	assert_null(memmem(f->tpm->sys, Tss2_Sys_GetContextSize(0), secret, sizeof(secret)));
	assert_null(memmem(f->tpm, sizeof(*f->tpm), secret, sizeof(secret)));
	tpmiot_buf_free(&params);
	tpmiot_buf_free(&random);
}

/* Where a handle belongs into the answer, it is none of what stood in the buffer before. */
static void
test_handle_missing(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_session *session = NULL;

	script_code(&f->script, TPM2_RC_SUCCESS);
	assert_refused(tpm_session_start(f->tpm, TPM2_SE_POLICY, TPM2_ALG_SHA256, TPM2_RH_NULL,
	                   NULL, &session, &f->err),
	    TPMIOT_E_TPM_GONE, &f->err, "TPM2_StartAuthSession");
	assert_int_equal(f->script.sent, 1);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_new_sends_nothing),
		TEST(test_command_answered),
		TEST(test_command_repeated_while_tpm_is_busy),
		TEST(test_tpm_started_when_nobody_did),
		TEST(test_startup_tried_once),
		TEST(test_codes_become_reasons),
		TEST(test_full_tpm_waited_for),
		TEST(test_connection_broken_and_made_again),
		TEST(test_response_truncated_at_every_length),
		TEST(test_parameters_longer_than_the_response),
		TEST(test_secrets_do_not_stay),
		TEST(test_handle_missing),
		TEST(test_child_does_not_flush_what_its_parent_loaded),
		TEST(test_bare_device),
		TEST(test_session_garbled_is_flushed),
		TEST(test_owner_password_does_not_cross_the_bus),
		TEST(test_no_password_crosses_the_bus),
		TEST(test_no_tpm_says_where_it_looked),
		TEST(test_session_hmac_wrong),
	};

	return cmocka_run_group_tests_name("tpm_conn", tests, NULL, NULL);
}
