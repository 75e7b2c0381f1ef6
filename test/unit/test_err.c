/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>

#include <openssl/err.h>
#include <openssl/evp.h>

static void
test_err_set(void **state)
{
	struct tpmiot_err err = { .tss = 0x902 };

	(void)state;
	assert_int_equal(
	    tpmiot_err_set(&err, TPMIOT_E_FORMAT, "%s %d", "text", 7), TPMIOT_E_FORMAT);
	assert_int_equal(err.rc, TPMIOT_E_FORMAT);
	assert_int_equal(err.tss, 0);
	assert_string_equal(err.text, "text 7");
	assert_int_equal(tpmiot_err_memory(&err), TPMIOT_E_MEMORY);
	assert_string_equal(err.text, "out of memory");
}

/* Nobody has to ask for the text. */
static void
test_err_null(void **state)
{
	(void)state;
	assert_int_equal(tpmiot_err_set(NULL, TPMIOT_E_FORMAT, "x"), TPMIOT_E_FORMAT);
	assert_int_equal(tpmiot_err_crypto(NULL, "x"), TPMIOT_E_CRYPTO);
	assert_int_equal(tpmiot_err_memory(NULL), TPMIOT_E_MEMORY);
	errno = EACCES;
	assert_int_equal(tpmiot_err_errno(NULL, "x"), TPMIOT_E_PERM);
	assert_int_not_equal(tpmiot_err_prefix(NULL, "x"), TPMIOT_OK);
}

static void
test_err_is_cut_at_its_size(void **state)
{
	struct tpmiot_err err;
	char text[2 * TPMIOT_ERR_TEXT_MAX];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	(void)tpmiot_err_set(&err, TPMIOT_E_FORMAT, "%s", text);
	assert_int_equal(strlen(err.text), TPMIOT_ERR_TEXT_MAX - 1);
	(void)tpmiot_err_prefix(&err, "%s", "key file");
	assert_int_equal(strlen(err.text), TPMIOT_ERR_TEXT_MAX - 1);
	assert_memory_equal(err.text, "key file: xxx", 13);
	(void)tpmiot_err_prefix(&err, "%s", text);
	assert_int_equal(strlen(err.text), TPMIOT_ERR_TEXT_MAX - 1);
	errno = ENOENT;
	(void)tpmiot_err_errno(&err, "%s", text);
	assert_int_equal(strlen(err.text), TPMIOT_ERR_TEXT_MAX - 1);
}

/* A key file's names, a server's words: nothing that moves a cursor or begins a line. */
static void
test_err_is_printable(void **state)
{
	struct tpmiot_err err;

	(void)state;
	(void)tpmiot_err_set(&err, TPMIOT_E_FORMAT, "\033[2J%s\177\303\244", "a\nb\tc");
	assert_string_equal(err.text, "?[2Ja?b?c?\303\244");
	(void)tpmiot_err_prefix(&err, "%s", "policy \r\033]0;x\007");
	assert_string_equal(err.text, "policy ??]0;x?: ?[2Ja?b?c?\303\244");
	errno = ENOENT;
	(void)tpmiot_err_errno(&err, "%s", "x\ny");
	assert_string_equal(err.text, "x?y: No such file or directory");
}

static void
test_err_prefix(void **state)
{
	struct tpmiot_err err = { .tss = 0 };

	(void)state;
	(void)tpmiot_err_set(&err, TPMIOT_E_VERIFY, "it does not hold");
	err.tss = 0x902;
	assert_int_equal(tpmiot_err_prefix(&err, "device %d", 3), TPMIOT_E_VERIFY);
	assert_string_equal(err.text, "device 3: it does not hold");
	assert_int_equal(err.tss, 0x902);
}

static void
test_err_errno(void **state)
{
	static const struct {
		int number;
		enum tpmiot_rc rc;
	} cases[] = { { EACCES, TPMIOT_E_PERM }, { EPERM, TPMIOT_E_PERM }, { ENOENT, TPMIOT_E_IO },
		{ ENOSPC, TPMIOT_E_IO } };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tpmiot_err err;
		char expected[256];

		(void)snprintf(expected, sizeof(expected), "/etc/x: %s", strerror(cases[i].number));
		errno = cases[i].number;
		assert_int_equal(tpmiot_err_errno(&err, "%s", "/etc/x"), cases[i].rc);
		assert_string_equal(err.text, expected);
	}
}

/* The newest reason, and nothing is left behind. */
static void
test_err_crypto(void **state)
{
	struct tpmiot_err err;
	const char *reason;

	(void)state;
	ERR_clear_error();
	assert_null(EVP_MD_fetch(NULL, "no-such-digest", NULL));
	reason = ERR_reason_error_string(ERR_peek_last_error());
	assert_int_equal(tpmiot_err_crypto(&err, "hashing"), TPMIOT_E_CRYPTO);
	assert_non_null(strstr(err.text, "hashing: "));
	assert_non_null(strstr(err.text, reason));
	assert_int_equal(ERR_peek_error(), 0);
	assert_int_equal(tpmiot_err_crypto(&err, "hashing"), TPMIOT_E_CRYPTO);
	assert_non_null(strstr(err.text, "no reason"));
}

/* The caller's own errors, below its mark. */
static void
test_err_crypto_leaves_the_caller_s(void **state)
{
	struct tpmiot_err err;

	(void)state;
	ERR_clear_error();
	ERR_raise(ERR_LIB_USER, 77);
	ERR_set_mark();
	for (int i = 0; i < 2; i++) {
		assert_null(EVP_MD_fetch(NULL, "no-such-digest", NULL));
		assert_int_equal(tpmiot_err_crypto(&err, "hashing"), TPMIOT_E_CRYPTO);
		assert_non_null(strstr(err.text, "unsupported"));
		assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()), 77);
	}
	ERR_raise(ERR_LIB_USER, 78);
	assert_int_equal(ERR_pop_to_mark(), 1);
	assert_int_equal(ERR_GET_REASON(ERR_get_error()), 77);
	assert_int_equal(ERR_get_error(), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_err_set),
		cmocka_unit_test(test_err_null),
		cmocka_unit_test(test_err_is_cut_at_its_size),
		cmocka_unit_test(test_err_is_printable),
		cmocka_unit_test(test_err_prefix),
		cmocka_unit_test(test_err_errno),
		cmocka_unit_test(test_err_crypto),
		cmocka_unit_test(test_err_crypto_leaves_the_caller_s),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
