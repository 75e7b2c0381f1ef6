/* SPDX-License-Identifier: Apache-2.0 */
/* A key whose handle becomes another object's, or may have: what is tried again, and how often. */
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
begin(struct fixture *f)
{
	struct tpmiot_keyfile file = { .type = TPMIOT_KEYFILE_SEALED,
		.empty_auth = true,
		.parent = TPMIOT_SRK_HANDLE,
		.priv.size = 1 };

	memset(f, 0, sizeof(*f));
	make_public(1, &f->own);
	make_public(2, &f->other);
	file.pub = f->own;
	assert_ok(tpmiot_tpm_new_on(script_init(&f->script), NULL, &f->tpm, &f->err), &f->err);
	assert_ok(tpmiot_key_from_file(f->tpm, &file, &f->key, &f->err), &f->err);
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
	};

	return cmocka_run_group_tests_name("keyuse", tests, NULL, NULL);
}
