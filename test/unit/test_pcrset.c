/* SPDX-License-Identifier: Apache-2.0 */
/* PCRs as text: one text for one set, and nothing else accepted. */
#include "unit.h"

#include <tpmiot/pcrset.h>

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define ONES "1111111111111111111111111111111111111111111111111111111111111111"

static void
assert_text(const struct tpmiot_pcrset *set, bool values, const char *expected)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;

	if (values)
		tpmiot_pcrset_put_values(set, &text);
	else
		tpmiot_pcrset_put_selection(set, &text);
	assert_string_equal(tpmiot_buf_cstr(&text), expected);
	tpmiot_buf_free(&text);
}

static void
test_selection(void **state)
{
	static const struct {
		const char *text, *canonical;
	} cases[] = {
		{ "sha256:0", "sha256:0" },
		{ "sha256:23,7,0", "sha256:0,7,23" },
		{ "sha384:2+sha256:1+sha1:16", "sha1:16+sha256:1+sha384:2" },
		{ "sha256:1+sha384:2+sha256:0", "sha256:0,1+sha384:2" },
	};
	struct tpmiot_pcrset set;
	struct tpmiot_err err;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_ok(tpmiot_pcrset_parse_selection(cases[i].text, &set, &err), &err);
		assert_text(&set, false, cases[i].canonical);
	}
}

static void
test_selection_refused(void **state)
{
	static const char *const bad[] = { "", "sha256", "sha256:", "sha256:24", "sha256:00",
		"sha256:-1", "sha256:1,1", "sha256:1+sha256:1", "sha256:1,", "sha256:1+", "md5:1",
		"SHA256:1", "sha2-256:1", "sha-256:1", "sha256:1 ", " sha256:1", "sha256:1=00",
		"sha256:99999999999999999999", "sha1:1+sha256:1+sha384:1+sha512:1+sha3-256:1",
		"averylongnameofabank:1" };
	struct tpmiot_pcrset set;
	struct tpmiot_err err;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_refused(tpmiot_pcrset_parse_selection(bad[i], &set, &err), TPMIOT_E_FORMAT,
		    &err, "no PCRs");
}

static void
test_values(void **state)
{
	struct tpmiot_pcrset set, other;
	struct tpmiot_err err;

	(void)state;
	assert_ok(tpmiot_pcrset_parse_values("sha256:7=" ONES ",0=" ZEROS, &set, &err), &err);
	assert_text(&set, true, "sha256:0=" ZEROS ",7=" ONES);
	assert_int_equal(set.bank[0].selected, 1 << 0 | 1 << 7);
	assert_int_equal(set.bank[0].values[7][31], 0x11);
	assert_ok(tpmiot_pcrset_parse_selection("sha256:0,7", &other, &err), &err);
	assert_true(tpmiot_pcrset_same_selection(&set, &other));
	assert_ok(tpmiot_pcrset_parse_selection("sha256:0,6", &other, &err), &err);
	assert_false(tpmiot_pcrset_same_selection(&set, &other));
	assert_ok(tpmiot_pcrset_parse_selection("sha1:0,7", &other, &err), &err);
	assert_false(tpmiot_pcrset_same_selection(&set, &other));
	assert_ok(tpmiot_pcrset_parse_selection("sha256:0,7+sha384:0", &other, &err), &err);
	assert_false(tpmiot_pcrset_same_selection(&set, &other));
}

static void
test_values_refused(void **state)
{
	static const char *const bad[] = { "sha256:0", "sha256:0=", "sha256:0=00",
		"sha256:0=" ZEROS "00", "sha256:0=" ZEROS ",0=" ZEROS, "sha1:0=" ZEROS,
		"sha384:0=" ZEROS, "sha256:0=0x" ZEROS, "sha256:0 =" ZEROS,
		"sha256:0=g000000000000000000000000000000000000000000000000000000000000000" };
	struct tpmiot_pcrset set;
	struct tpmiot_err err;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_refused(tpmiot_pcrset_parse_values(bad[i], &set, &err), TPMIOT_E_FORMAT,
		    &err, "with values");
}

static void
test_pcrread(void **state)
{
	struct tpmiot_pcrset set;
	struct tpmiot_err err;

	(void)state;
	assert_ok(tpmiot_pcrset_parse_pcrread(
	              "  sha1:\n  sha256:\n    0 : 0x" ZEROS "\n    10: 0x" ONES "\n", &set, &err),
	    &err);
	assert_text(&set, true, "sha256:0=" ZEROS ",10=" ONES);
	assert_ok(tpmiot_pcrset_parse_pcrread("sha256:\r\n\r\n 3 : 0x" ONES, &set, &err), &err);
	assert_text(&set, true, "sha256:3=" ONES);
}

static void
test_pcrread_refused(void **state)
{
	static const char *const bad[] = { "", "\n", "sha256:\n", "0 : 0x" ZEROS,
		"sha256:\n 24 : 0x" ZEROS, "sha256:\n 0 : " ZEROS, "sha256:\n 0 : 0x00",
		"sha256:\n 0 : 0x" ZEROS " x", "sha256:\n 0 : 0x" ZEROS "\n 0 : 0x" ZEROS,
		"md5:\n 0 : 0x00", "hello\n", "sha256:\n 0 0x" ZEROS };
	struct tpmiot_pcrset set;
	struct tpmiot_err err;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(tpmiot_pcrset_parse_pcrread(bad[i], &set, &err), TPMIOT_E_FORMAT);
}

static void
test_add(void **state)
{
	struct tpmiot_pcrset set = { .n = 0 };

	(void)state;
	assert_true(tpmiot_pcrset_add(&set, TPM2_ALG_SHA384, 1, NULL));
	assert_true(tpmiot_pcrset_add(&set, TPM2_ALG_SHA256, 1, NULL));
	assert_false(tpmiot_pcrset_add(&set, TPM2_ALG_SHA256, 1, NULL));
	assert_false(tpmiot_pcrset_add(&set, TPM2_ALG_SHA256, TPMIOT_PCRS, NULL));
	assert_false(tpmiot_pcrset_add(&set, TPM2_ALG_NULL, 1, NULL));
	assert_text(&set, false, "sha256:1+sha384:1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_selection),
		cmocka_unit_test(test_selection_refused),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_values_refused),
		cmocka_unit_test(test_pcrread),
		cmocka_unit_test(test_pcrread_refused),
		cmocka_unit_test(test_add),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
