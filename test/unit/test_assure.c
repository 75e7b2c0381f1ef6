/* SPDX-License-Identifier: Apache-2.0 */
/* Verification or session: what is chosen when, from times that the test makes up. */
#include "unit.h"

#include <limits.h>

#include "tpm/assure.h"

#define MS 1000000

static void
verify_some(struct tpm_assure *assure, unsigned int n, int64_t sign, int64_t verify)
{
	for (unsigned int i = 0; i < n; i++) {
		tpm_assure_signed(assure, sign);
		tpm_assure_verified(assure, verify);
	}
}

static void
authenticate_some(struct tpm_assure *assure, unsigned int n, int64_t sign)
{
	for (unsigned int i = 0; i < n; i++)
		tpm_assure_authenticated(assure, sign);
}

static void
test_quick_tpm_gets_a_session(void **state)
{
	struct tpm_assure assure = { 0 };

	(void)state;
	verify_some(&assure, TPM_ASSURE_VERIFIED - 1, MS, MS / 10);
	assert_false(assure.by_hmac);
	verify_some(&assure, 1, MS, MS / 10);
	assert_true(assure.by_hmac);
	authenticate_some(&assure, 10 * TPM_ASSURE_TRIED, MS);
	assert_true(assure.by_hmac);
}

/* On a slow bus verification is nothing, however many signatures there are. */
static void
test_slow_tpm_gets_none(void **state)
{
	struct tpm_assure assure = { 0 };

	(void)state;
	verify_some(&assure, 100 * TPM_ASSURE_VERIFIED, 60 * MS, MS / 10);
	assert_false(assure.by_hmac);
}

/* About three per cent. */
static void
test_worth_from_one_part_in_32(void **state)
{
	struct tpm_assure just = { 0 }, not = { 0 };

	(void)state;
	verify_some(&just, TPM_ASSURE_VERIFIED, 32 * MS - 1, MS);
	assert_true(just.by_hmac);
	verify_some(&not, TPM_ASSURE_VERIFIED, 32 * MS, MS);
	assert_false(not .by_hmac);
}

/* What else the machine does makes times longer: the quickest count. */
static void
test_noise_does_not_decide(void **state)
{
	struct tpm_assure assure = { 0 };

	(void)state;
	verify_some(&assure, 1, MS, MS / 10);
	verify_some(&assure, TPM_ASSURE_VERIFIED - 1, 500 * MS, 5 * MS);
	assert_true(assure.by_hmac);
	authenticate_some(&assure, TPM_ASSURE_TRIED - 1, 500 * MS);
	authenticate_some(&assure, 1, MS);
	assert_true(assure.by_hmac);
}

/* A TPM whose HMACs take longer than the verification that they save. */
static void
test_slow_session_given_up_for_good(void **state)
{
	struct tpm_assure assure = { 0 };

	(void)state;
	for (int i = 0; i < TPM_ASSURE_SLOWER; i++) {
		verify_some(&assure, TPM_ASSURE_VERIFIED, 20 * MS, MS);
		assert_true(assure.by_hmac);
		authenticate_some(&assure, TPM_ASSURE_TRIED - 1, 25 * MS);
		assert_true(assure.by_hmac);
		authenticate_some(&assure, 1, 25 * MS);
		assert_false(assure.by_hmac);
	}
	verify_some(&assure, 10 * TPM_ASSURE_VERIFIED, 20 * MS, MS);
	assert_false(assure.by_hmac);
}

/* Everything takes longer from some time on: the old times are not held against the new ones. */
static void
test_machine_that_became_busier_does_not_decide(void **state)
{
	struct tpm_assure assure = { 0 };

	(void)state;
	verify_some(&assure, TPM_ASSURE_VERIFIED, 10 * MS, MS);
	authenticate_some(&assure, TPM_ASSURE_TRIED, 30 * MS);
	assert_false(assure.by_hmac);
	verify_some(&assure, TPM_ASSURE_VERIFIED, 29 * MS, 3 * MS);
	authenticate_some(&assure, 10 * TPM_ASSURE_TRIED, 30 * MS);
	assert_true(assure.by_hmac);
}

static void
test_failure_begins_again(void **state)
{
	struct tpm_assure assure = { 0 };

	(void)state;
	verify_some(&assure, TPM_ASSURE_VERIFIED, MS, MS / 10);
	tpm_assure_failed(&assure);
	assert_false(assure.by_hmac);
	verify_some(&assure, TPM_ASSURE_VERIFIED - 1, MS, MS / 10);
	assert_false(assure.by_hmac);
	verify_some(&assure, 1, MS, MS / 10);
	assert_true(assure.by_hmac);
}

static void
test_no_session_to_be_had(void **state)
{
	struct tpm_assure assure = { 0 };

	(void)state;
	verify_some(&assure, TPM_ASSURE_VERIFIED, MS, MS / 10);
	tpm_assure_never_by_hmac(&assure);
	verify_some(&assure, 10 * TPM_ASSURE_VERIFIED, MS, MS / 10);
	assert_false(assure.by_hmac);
}

/* A clock that stands still or jumps is no reason to do anything. */
static void
test_odd_times(void **state)
{
	struct tpm_assure still = { 0 }, far = { 0 }, unverified = { 0 };

	(void)state;
	verify_some(&still, TPM_ASSURE_VERIFIED, -5, 0);
	assert_int_equal(still.plain, 1);
	verify_some(&far, TPM_ASSURE_VERIFIED, INT64_MAX, MS);
	assert_int_equal(far.plain, UINT_MAX);
	assert_false(far.by_hmac);
	for (unsigned int i = 0; i < TPM_ASSURE_VERIFIED; i++)
		tpm_assure_signed(&unverified, MS);
	assert_false(unverified.by_hmac);
}

/* Commands sent ahead, which take so long. */
static void
go_ahead(struct tpm_assure *assure, unsigned int n, int64_t took)
{
	for (unsigned int i = 0; i < n; i++) {
		assert_true(tpm_assure_may_go_ahead(assure));
		tpm_assure_ahead(assure, took);
	}
}

static void
test_ahead_while_it_is_quicker(void **state)
{
	struct tpm_assure assure = { 0 };

	(void)state;
	/* There is no session that might be better. */
	go_ahead(&assure, 10 * TPM_ASSURE_AHEAD, 9 * MS);
	verify_some(&assure, TPM_ASSURE_VERIFIED, MS, MS / 10);
	authenticate_some(&assure, 1, MS);
	go_ahead(&assure, 10 * TPM_ASSURE_AHEAD, MS + MS / 16);
	/* The quickest one counts. */
	go_ahead(&assure, TPM_ASSURE_AHEAD - 1, 9 * MS);
	go_ahead(&assure, 1, MS);
	/* Not for ever: */
	go_ahead(&assure, TPM_ASSURE_AHEAD, MS + MS / 16 + 1);
	for (unsigned int i = 0; i < TPM_ASSURE_PAUSE; i++)
		assert_false(tpm_assure_may_go_ahead(&assure));
	go_ahead(&assure, TPM_ASSURE_AHEAD, MS);
	assert_true(tpm_assure_may_go_ahead(&assure));
	assert_true(assure.by_hmac);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quick_tpm_gets_a_session),
		cmocka_unit_test(test_slow_tpm_gets_none),
		cmocka_unit_test(test_worth_from_one_part_in_32),
		cmocka_unit_test(test_noise_does_not_decide),
		cmocka_unit_test(test_slow_session_given_up_for_good),
		cmocka_unit_test(test_machine_that_became_busier_does_not_decide),
		cmocka_unit_test(test_failure_begins_again),
		cmocka_unit_test(test_no_session_to_be_had),
		cmocka_unit_test(test_odd_times),
		cmocka_unit_test(test_ahead_while_it_is_quicker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
