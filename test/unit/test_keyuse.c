/* SPDX-License-Identifier: Apache-2.0 */
/* A key whose handle becomes another object's, or may have: what is tried again, and how often. */
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tss2/tss2_tctildr.h>

#include <tpmiot/key.h>
#include <tpmiot/template.h>

#include "script_tcti.h"
#include "unit.h"

#define HANDLE 0x80000000

struct fixture {
	struct script_tcti script;
	struct tpmiot_tpm *tpm;
	struct tpmiot_public own, other;
	struct tpmiot_key *key;
	TPM2B_DIGEST made;
	struct tpmiot_err err;
};

/* HMAC keys, because whoever plays the TPM needs none for them. */
static void
make_public(uint8_t unique, struct tpmiot_public *out)
{
	TPMT_PUBLIC area = {
		.type = TPM2_ALG_KEYEDHASH,
		.nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_SIGN_ENCRYPT,
		.parameters.keyedHashDetail.scheme = { .scheme = TPM2_ALG_HMAC,
		    .details.hmac.hashAlg = TPM2_ALG_SHA256 },
		.unique.keyedHash = { .size = 32, .buffer = { unique } },
	};
	struct tpmiot_err err;

	assert_ok(tpmiot_public_from_area(NULL, &area, out, &err), &err);
}

static void
begin_as(struct fixture *f, enum tpmiot_keyfile_type type)
{
	struct tpmiot_keyfile file = {
		.type = type, .empty_auth = true, .parent = TPMIOT_SRK_HANDLE, .priv.size = 1
	};

	memset(f, 0, sizeof(*f));
	make_public(1, &f->own);
	make_public(2, &f->other);
	file.pub = f->own;
	assert_ok(tpmiot_tpm_new_on(script_init(&f->script), NULL, &f->tpm, &f->err), &f->err);
	assert_ok(tpmiot_key_from_file(f->tpm, &file, &f->key, &f->err), &f->err);
}

static void
begin(struct fixture *f)
{
	begin_as(f, TPMIOT_KEYFILE_SEALED);
}

static void
end(struct fixture *f)
{
	tpmiot_key_unref(&f->key);
	tpmiot_tpm_free(&f->tpm);
	script_free(&f->script);
}

static void
put_name(const struct tpmiot_public *pub, struct tpmiot_buf *out)
{
	tpmiot_buf_put_u16(out, pub->name.size);
	tpmiot_buf_put(out, pub->name.name, pub->name.size);
}

static void
say_loaded(struct fixture *f)
{
	struct tpmiot_buf params = TPMIOT_BUF_INIT;

	put_name(&f->own, &params);
	script_ok(&f->script, HANDLE, &params, true);
	tpmiot_buf_free(&params);
}

static void
say_public(struct fixture *f, const struct tpmiot_public *pub)
{
	struct tpmiot_buf params = TPMIOT_BUF_INIT;

	tpmiot_public_put(pub, &params);
	put_name(pub, &params);
	put_name(pub, &params);
	script_ok(&f->script, 0, &params, false);
	tpmiot_buf_free(&params);
}

static void
say_hmac(struct fixture *f)
{
	struct tpmiot_buf params = TPMIOT_BUF_INIT;

	tpmiot_buf_put(&params, "\0\3abc", 5);
	script_ok(&f->script, 0, &params, true);
	tpmiot_buf_free(&params);
}

static enum tpmiot_rc
use(struct fixture *f)
{
	return tpmiot_key_hmac(f->key, (struct tpmiot_bytes){ "m", 1 }, &f->made, &f->err);
}

static unsigned int
count(const struct fixture *f, TPM2_CC code)
{
	unsigned int n = 0;

	for (size_t i = 0; i < f->script.sent; i++)
		n += script_command(&f->script, i) == code;
	return n;
}

/* What the TPM says of the object that came to be under the handle. */
static const TPM2_RC CODES[] = {
	TPM2_RC_SCHEME + TPM2_RC_P + TPM2_RC_2,
	TPM2_RC_KEY + TPM2_RC_H + TPM2_RC_1,
	TPM2_RC_TYPE + TPM2_RC_H + TPM2_RC_1,
	TPM2_RC_ATTRIBUTES + TPM2_RC_H + TPM2_RC_1,
	TPM2_RC_VALUE + TPM2_RC_P + TPM2_RC_1,
	TPM2_RC_BAD_AUTH + TPM2_RC_S + TPM2_RC_1,
	TPM2_RC_AUTH_FAIL + TPM2_RC_S + TPM2_RC_1,
	TPM2_RC_AUTH_UNAVAILABLE,
	TPM2_RC_LOCKOUT,
	TPM2_RC_POLICY_FAIL + TPM2_RC_S + TPM2_RC_1,
};

static void
test_use_of_what_another_object_took(void **state)
{
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < COUNT(CODES); i++) {
		begin(&f);
		say_loaded(&f);
		script_code(&f.script, CODES[i]);
		say_public(&f, &f.other);
		say_loaded(&f);
		say_hmac(&f);
		assert_ok(use(&f), &f.err);
		assert_int_equal(f.made.size, 3);
		assert_int_equal(f.script.sent, 5);
		end(&f);
	}
}

/* Where several processes load the same key its handle may be right again. */
static void
test_use_of_what_came_back(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	say_loaded(&f);
	script_code(&f.script, TPM2_RC_SCHEME);
	say_public(&f, &f.own);
	say_loaded(&f);
	say_hmac(&f);
	assert_ok(use(&f), &f.err);
	assert_int_equal(f.script.sent, 5);
	end(&f);
}

static void
test_use_refused_repeatedly(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	for (int i = 0; i < 4; i++) {
		say_loaded(&f);
		script_code(&f.script, TPM2_RC_SCHEME);
		say_public(&f, &f.own);
	}
	assert_refused(use(&f), TPMIOT_E_UNSUPPORTED, &f.err, "scheme");
	assert_int_equal(count(&f, TPM2_CC_HMAC), 3);
	end(&f);
}

static void
test_use_of_what_others_take_for_ever(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	for (int i = 0; i < 10; i++) {
		say_loaded(&f);
		script_code(&f.script, TPM2_RC_SCHEME);
		say_public(&f, &f.other);
	}
	assert_refused(use(&f), TPMIOT_E_UNSUPPORTED, &f.err, "scheme");
	assert_int_equal(count(&f, TPM2_CC_HMAC), 8);
	end(&f);
}

/* Each try counts towards the TPM's lockout. */
static void
test_use_password_not_tried_twice(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	say_loaded(&f);
	script_code(&f.script, TPM2_RC_AUTH_FAIL);
	say_public(&f, &f.own);
	assert_refused(use(&f), TPMIOT_E_AUTH, &f.err, "lockout");
	assert_int_equal(count(&f, TPM2_CC_HMAC), 1);
	/* Nor later, until there is another one. */
	for (int i = 0; i < 3; i++)
		assert_refused(use(&f), TPMIOT_E_AUTH, &f.err, "not asked again");
	assert_int_equal(f.script.sent, 3);
	assert_ok(tpmiot_key_set_auth(f.key, (struct tpmiot_bytes){ "", 0 }, &f.err), &f.err);
	say_hmac(&f);
	assert_ok(use(&f), &f.err);
	assert_int_equal(count(&f, TPM2_CC_HMAC), 2);
	end(&f);
}

/* Where the lockout is not for this key (noDA), the TPM answers otherwise. */
static void
test_use_password_that_costs_nothing(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	say_loaded(&f);
	for (int i = 0; i < 2; i++) {
		script_code(&f.script, TPM2_RC_BAD_AUTH);
		say_public(&f, &f.own);
		assert_refused(use(&f), TPMIOT_E_AUTH, &f.err, "wrong authorisation value");
	}
	assert_int_equal(count(&f, TPM2_CC_HMAC), 2);
	end(&f);
}

/* Another key was made persistent there meanwhile. */
static void
test_use_of_a_persistent_key_replaced(void **state)
{
	struct fixture f;

	(void)state;
	begin_as(&f, TPMIOT_KEYFILE_REFERENCE);
	say_public(&f, &f.own);
	say_hmac(&f);
	assert_ok(use(&f), &f.err);
	script_break(&f.script, TSS2_TCTI_RC_IO_ERROR);
	say_public(&f, &f.other);
	assert_refused(use(&f), TPMIOT_E_VERIFY, &f.err, "another one was put in its place");
	assert_int_equal(count(&f, TPM2_CC_HMAC), 2);
	end(&f);
}

static unsigned int opened;

TSS2_RC __wrap_Tss2_TctiLdr_Initialize(const char *conf, TSS2_TCTI_CONTEXT **out);

TSS2_RC
__wrap_Tss2_TctiLdr_Initialize(const char *conf, TSS2_TCTI_CONTEXT **out)
{
	(void)conf;
	*out = NULL;
	opened++;
	errno = ENOENT;
	return TSS2_TCTI_RC_IO_ERROR;
}

/* It may take seconds to say that somebody else has it. */
static void
test_use_of_a_tpm_that_is_not_there(void **state)
{
	struct tpmiot_keyfile file = { .type = TPMIOT_KEYFILE_SEALED,
		.empty_auth = true,
		.parent = TPMIOT_SRK_HANDLE,
		.priv.size = 1 };
	struct fixture f = { .tpm = NULL };

	(void)state;
	make_public(1, &file.pub);
	assert_ok(tpmiot_tpm_new("device:/nonexistent", NULL, &f.tpm, &f.err), &f.err);
	assert_ok(tpmiot_key_from_file(f.tpm, &file, &f.key, &f.err), &f.err);
	for (unsigned int n = 1; n < 3; n++) {
		assert_refused(use(&f), TPMIOT_E_TPM_GONE, &f.err, "no TPM at");
		assert_int_equal(opened, n);
	}
	tpmiot_key_unref(&f.key);
	tpmiot_tpm_free(&f.tpm);
	assert_int_equal(opened, 2);
}

/* What may be left in the TPM of a response that nobody understood is the parent's to look for. */
static void
test_child_does_not_look_for_what_its_parent_lost(void **state)
{
	struct fixture f;
	int status;
	pid_t pid;

	(void)state;
	begin(&f);
	say_loaded(&f);
	script_break(&f.script, TSS2_TCTI_RC_TRY_AGAIN);
	script_code(&f.script, TPM2_RC_SUCCESS);
	assert_refused(use(&f), TPMIOT_E_TPM_GONE, &f.err, "in time");
	say_loaded(&f);
	script_code(&f.script, TPM2_RC_VALUE); /* doubtful, and does not hang any more */
	assert_int_not_equal(use(&f), TPMIOT_OK);
	pid = fork();
	if (pid == 0) {
		size_t before = f.script.sent;

		tpmiot_key_unref(&f.key);
		tpmiot_tpm_free(&f.tpm);
		_exit(f.script.sent == before ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	end(&f);
}

static void
test_set_auth_too_long(void **state)
{
	static const char value[] = "0123456789abcdef0123456789abcdef0";
	static const char longest[65] = "only its length matters";
	struct fixture f;

	(void)state;
	begin(&f);
	assert_ok(tpmiot_key_set_auth(f.key, (struct tpmiot_bytes){ value, 32 }, &f.err), &f.err);
	assert_refused(tpmiot_key_set_auth(f.key, (struct tpmiot_bytes){ value, 33 }, &f.err),
	    TPMIOT_E_USAGE, &f.err, "33 bytes");
	/* A parent's Name may be by another hash. */
	assert_ok(tpmiot_key_set_parent_auth(f.key, (struct tpmiot_bytes){ longest, 64 }, &f.err),
	    &f.err);
	assert_refused(
	    tpmiot_key_set_parent_auth(f.key, (struct tpmiot_bytes){ longest, 65 }, &f.err),
	    TPMIOT_E_USAGE, &f.err, "65 bytes");
	assert_int_equal(f.script.sent, 0);
	end(&f);
}

/* A password that was right is right. */
static void
test_use_password_that_was_right(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	say_loaded(&f);
	say_hmac(&f);
	script_code(&f.script, TPM2_RC_AUTH_FAIL);
	say_public(&f, &f.own);
	say_loaded(&f);
	say_hmac(&f);
	assert_ok(use(&f), &f.err);
	assert_ok(use(&f), &f.err);
	assert_int_equal(f.script.sent, 6);
	end(&f);
}

/* ... until it is not: where it is another entity's (PolicySecret), that one may have changed it.
 */
static void
test_use_password_that_was_changed(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	say_loaded(&f);
	say_hmac(&f);
	assert_ok(use(&f), &f.err);
	/* Believed after repeated refusals; then a guess, which is tried once. */
	for (int i = 0; i < 4; i++) {
		script_code(&f.script, TPM2_RC_AUTH_FAIL);
		say_public(&f, &f.own);
		if (i < 2)
			say_loaded(&f);
	}
	for (int i = 0; i < 2; i++)
		assert_refused(use(&f), TPMIOT_E_AUTH, &f.err, "lockout");
	for (int i = 0; i < 3; i++)
		assert_refused(use(&f), TPMIOT_E_AUTH, &f.err, "not asked again");
	assert_int_equal(count(&f, TPM2_CC_HMAC), 1 + 3 + 1);
	end(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_use_of_what_another_object_took),
		cmocka_unit_test(test_use_of_what_came_back),
		cmocka_unit_test(test_use_refused_repeatedly),
		cmocka_unit_test(test_use_of_what_others_take_for_ever),
		cmocka_unit_test(test_use_password_not_tried_twice),
		cmocka_unit_test(test_use_password_that_was_right),
		cmocka_unit_test(test_use_password_that_was_changed),
		cmocka_unit_test(test_use_password_that_costs_nothing),
		cmocka_unit_test(test_use_of_a_persistent_key_replaced),
		cmocka_unit_test(test_use_of_a_tpm_that_is_not_there),
		cmocka_unit_test(test_child_does_not_look_for_what_its_parent_lost),
		cmocka_unit_test(test_set_auth_too_long),
	};

	return cmocka_run_group_tests_name("keyuse", tests, NULL, NULL);
}
