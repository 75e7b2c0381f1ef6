/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two threads sign: what the second one begins with is sent by the first one, if it can be,
 * before that looks at its own signature. The TPM's response comes when the second thread waits.
 */
#include <pthread.h>
#include <time.h>

#include <tpmiot/key.h>
#include <tpmiot/template.h>

#include "script_tcti.h"
#include "softtpm.h"
#include "tpm/key.h"
#include "unit.h"

#define HANDLE 0x80000000
#define MS 1000000L

/* What the TPM says of the storage root key where there is none to salt a session to. */
#define NO_SRK TPM2_RC_HANDLE

static const char MESSAGE[2][8] = { "first", "second" };

struct scene {
	TSS2_TCTI_CONTEXT_COMMON_V2 common; /* in front of the script */
	struct script_tcti script;
	pthread_t sender[SCRIPT_MAX], receiver[SCRIPT_MAX];
	size_t waits_in_transmit; /* at this command the second thread comes, */
	size_t waits_in_receive;  /* or at this response; 0: not there */
	size_t breaks;            /* this command is not sent; 0: each one is */
	bool pause;
	struct softkey soft;
	struct tpmiot_tpm *tpm;
	struct tpmiot_key *key, *second_key;
	pthread_t second;
	enum tpmiot_rc second_rc;
	struct tpmiot_err err, second_err;
};

static enum tpmiot_rc
sign(struct tpmiot_key *key, const char *message, struct tpmiot_err *err)
{
	const TPMT_SIG_SCHEME scheme = { .scheme = TPM2_ALG_ECDSA,
		.details.ecdsa.hashAlg = TPM2_ALG_SHA256 };
	TPMT_SIGNATURE made;

	return tpmiot_key_sign_message(key, &scheme, message, strlen(message), &made, err);
}

static void *
sign_second(void *arg)
{
	struct scene *s = arg;

	s->second_rc = sign(s->second_key, MESSAGE[1], &s->second_err);
	return NULL;
}

static void
sleep_ms(long ms)
{
	const struct timespec pause = { 0, ms * MS };

	(void)nanosleep(&pause, NULL);
}

/* The first thread has the lock. */
static void
let_the_second_come(struct scene *s)
{
	/* It would be done in a session, if it were not for those that wait. */
	s->key->assure.by_hmac = true;
	s->key->assure.pause = s->pause ? 1 : 0;
	assert_int_equal(pthread_create(&s->second, NULL, sign_second, s), 0);
	while (tpm_lock_next_plan(&s->tpm->lock) == NULL)
		sleep_ms(1);
}

static TSS2_RC
transmit(TSS2_TCTI_CONTEXT *ctx, size_t size, const uint8_t *command)
{
	struct scene *s = (struct scene *)ctx;
	const size_t at = s->script.sent;

	s->sender[at] = pthread_self();
	if (at != 0 && at == s->waits_in_transmit) {
		let_the_second_come(s);
		sleep_ms(200);
	}
	if (at != 0 && at == s->breaks) {
		s->breaks = 0;
		return TSS2_TCTI_RC_IO_ERROR;
	}
	return s->script.common.v1.transmit((TSS2_TCTI_CONTEXT *)&s->script, size, command);
}

static TSS2_RC
receive(TSS2_TCTI_CONTEXT *ctx, size_t *size, uint8_t *response, int32_t timeout)
{
	struct scene *s = (struct scene *)ctx;
	const size_t at = s->script.at;

	s->receiver[at] = pthread_self();
	if (at != 0 && at == s->waits_in_receive) {
		let_the_second_come(s);
		sleep_ms(1);
	}
	return s->script.common.v1.receive(
	    (TSS2_TCTI_CONTEXT *)&s->script, size, response, timeout);
}

static struct tpmiot_key *
make_key(struct scene *s)
{
	struct tpmiot_keyfile file = { .type = TPMIOT_KEYFILE_LOADABLE,
		.pub = s->soft.pub,
		.empty_auth = true,
		.parent = TPMIOT_SRK_HANDLE,
		.priv.size = 1 };
	struct tpmiot_key *key = NULL;

	assert_ok(tpmiot_key_from_file(s->tpm, &file, &key, &s->err), &s->err);
	return key;
}

static void
say_loaded(struct scene *s)
{
	const TPM2B_NAME *name = &s->soft.pub.name;
	struct tpmiot_buf params = TPMIOT_BUF_INIT;

	soft_put_tpm2b(name->name, name->size, &params);
	script_ok(&s->script, HANDLE, &params, true);
	tpmiot_buf_free(&params);
}

static void
say_signed(struct scene *s, const char *message)
{
	struct tpmiot_buf params = TPMIOT_BUF_INIT;

	softkey_sign(&s->soft, TPM2_ALG_ECDSA, TPM2_ALG_SHA256, message, strlen(message), &params);
	script_ok(&s->script, 0, &params, true);
	tpmiot_buf_free(&params);
}

/* The key is loaded, and the first signature made. */
static int
setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	TPMT_PUBLIC area;

	assert_non_null(s);
	(void)script_init(&s->script);
	s->common = s->script.common;
	s->common.v1.transmit = transmit;
	s->common.v1.receive = receive;
	tpmiot_template_key(TPMIOT_KEY_EC_P256, &area);
	softkey_make(&s->soft, &area);
	assert_ok(tpmiot_tpm_new_on((TSS2_TCTI_CONTEXT *)s, NULL, &s->tpm, &s->err), &s->err);
	s->key = s->second_key = make_key(s);
	say_loaded(s);
	say_signed(s, MESSAGE[0]);
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct scene *s = *state;

	if (s->second_key != s->key)
		tpmiot_key_unref(&s->second_key);
	tpmiot_key_unref(&s->key);
	tpmiot_tpm_free(&s->tpm);
	softkey_free(&s->soft);
	script_free(&s->script);
	free(s);
	return 0;
}

static void
both_sign(struct scene *s)
{
	assert_ok(sign(s->key, MESSAGE[0], &s->err), &s->err);
	assert_int_equal(pthread_join(s->second, NULL), 0);
	assert_ok(s->second_rc, &s->second_err);
}

static bool
sent_by_first(const struct scene *s, size_t at)
{
	return pthread_equal(s->sender[at], pthread_self());
}

/* Once, and without a session though the key would have got one. */
static void
test_next_command_is_sent_by_who_lets_go(void **state)
{
	struct scene *s = *state;

	s->waits_in_receive = 1;
	say_signed(s, MESSAGE[1]);
	both_sign(s);
	assert_int_equal(s->script.sent, 3);
	assert_int_equal(script_command(&s->script, 2), TPM2_CC_Sign);
	assert_true(sent_by_first(s, 2));
	assert_true(pthread_equal(s->receiver[2], s->second));
}

/* Whoever sends would otherwise wait for somebody else's signature. */
static void
test_not_where_sending_takes_the_time(void **state)
{
	struct scene *s = *state;

	s->waits_in_transmit = 1;
	script_code(&s->script, NO_SRK);
	say_signed(s, MESSAGE[1]);
	both_sign(s);
	assert_int_equal(s->script.sent, 4);
	assert_false(sent_by_first(s, 2));
	assert_false(sent_by_first(s, 3));
}

static void
test_not_where_a_session_is_quicker(void **state)
{
	struct scene *s = *state;

	s->waits_in_receive = 1;
	s->pause = true;
	script_code(&s->script, NO_SRK);
	say_signed(s, MESSAGE[1]);
	both_sign(s);
	assert_int_equal(s->script.sent, 4);
	assert_false(sent_by_first(s, 2));
	assert_int_equal(s->key->assure.pause, 0);
}

static void
test_not_with_a_key_that_is_not_loaded(void **state)
{
	struct scene *s = *state;

	s->waits_in_receive = 1;
	s->second_key = make_key(s);
	say_loaded(s);
	say_signed(s, MESSAGE[1]);
	both_sign(s);
	assert_int_equal(s->script.sent, 4);
	assert_int_equal(script_command(&s->script, 2), TPM2_CC_Load);
	assert_false(sent_by_first(s, 2));
}

/* It is the second thread's to see, and to do again. */
static void
test_response_that_does_not_come(void **state)
{
	struct scene *s = *state;

	s->waits_in_receive = 1;
	script_break(&s->script, TSS2_TCTI_RC_IO_ERROR);
	say_loaded(s);
	say_signed(s, MESSAGE[1]);
	both_sign(s);
	assert_int_equal(s->script.sent, 5);
	assert_true(sent_by_first(s, 2));
	assert_false(sent_by_first(s, 3));
	assert_int_equal(script_command(&s->script, 4), TPM2_CC_Sign);
}

static void
test_signature_of_something_else(void **state)
{
	struct scene *s = *state;

	s->waits_in_receive = 1;
	say_signed(s, MESSAGE[0]);
	say_loaded(s);
	say_signed(s, MESSAGE[1]);
	both_sign(s);
	assert_int_equal(s->script.sent, 5);
	assert_true(sent_by_first(s, 2));
}

/* The first one has its signature all the same. */
static void
test_connection_that_breaks_when_it_is_sent(void **state)
{
	struct scene *s = *state;

	s->waits_in_receive = 1;
	s->breaks = 2;
	script_code(&s->script, NO_SRK);
	say_loaded(s);
	say_signed(s, MESSAGE[1]);
	both_sign(s);
	assert_int_equal(s->script.sent, 5);
	assert_int_equal(script_command(&s->script, 3), TPM2_CC_Load);
	assert_false(sent_by_first(s, 2));
}

/* ---- the shim ------------------------------------------------------------------------------ */

static void
test_shim_gives_no_answer_to_another_command(void **state)
{
	static const uint8_t sent[10] = { 0x80, 1, 0, 0, 0, 10, 0, 0, 1, 0x81 };
	uint8_t other[10];
	struct script_tcti script;
	struct tcti_shim shim;
	TSS2_TCTI_CONTEXT *tcti = tcti_shim_init(&shim, script_init(&script));

	(void)state;
	memcpy(other, sent, sizeof(other));
	other[9] ^= 1;
	for (int same = 0; same < 2; same++) {
		shim.send_ahead = true;
		assert_int_equal(
		    Tss2_Tcti_Transmit(tcti, sizeof(sent), sent), TSS2_TCTI_RC_TRY_AGAIN);
		shim.send_ahead = false;
		assert_true(shim.ahead);
		assert_int_equal(Tss2_Tcti_Transmit(tcti, sizeof(sent), same ? sent : other),
		    same ? TSS2_RC_SUCCESS : TSS2_TCTI_RC_BAD_SEQUENCE);
		assert_false(shim.ahead);
	}
	assert_int_equal(script.sent, 2);
	script_free(&script);
}

/* ---- the lock ------------------------------------------------------------------------------ */

static void *
try_lock(void *arg)
{
	struct tpm_lock *lock = arg;

	if (!tpm_lock_try(lock))
		return NULL;
	tpm_lock_release(lock);
	return lock;
}

static bool
is_free_for_others(struct tpm_lock *lock)
{
	void *got = NULL;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, try_lock, lock), 0);
	assert_int_equal(pthread_join(thread, &got), 0);
	return got != NULL;
}

static void
test_lock_taken_twice(void **state)
{
	struct tpm_lock lock;

	(void)state;
	tpm_lock_init(&lock);
	assert_true(is_free_for_others(&lock));
	tpm_lock_take(&lock, NULL);
	assert_true(tpm_lock_try(&lock));
	tpm_lock_release(&lock);
	assert_false(is_free_for_others(&lock));
	tpm_lock_release(&lock);
	assert_true(is_free_for_others(&lock));
	tpm_lock_free(&lock);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_next_command_is_sent_by_who_lets_go, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_not_where_sending_takes_the_time, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_not_where_a_session_is_quicker, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_not_with_a_key_that_is_not_loaded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_response_that_does_not_come, setup, teardown),
		cmocka_unit_test_setup_teardown(test_signature_of_something_else, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_connection_that_breaks_when_it_is_sent, setup, teardown),
		cmocka_unit_test(test_shim_gives_no_answer_to_another_command),
		cmocka_unit_test(test_lock_taken_twice),
	};

	return cmocka_run_group_tests_name("ahead", tests, NULL, NULL);
}
