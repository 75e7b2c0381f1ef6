/* SPDX-License-Identifier: Apache-2.0 */
#include "ca_test.h"

#include "ca/http/limit.h"

static void
test_limiter_take_burst_and_refill(void **state)
{
	struct ca_limiter *l = NULL;
	struct tpmiot_err err;
	int64_t now = 1000000;

	(void)state;
	assert_ok(ca_limiter_new(60, &l, &err));
	for (int i = 0; i < 60; i++)
		assert_int_equal(ca_limiter_take(l, "192.0.2.1", now), 0);
	assert_int_not_equal(ca_limiter_take(l, "192.0.2.1", now), 0);
	now += 1000; /* one a second comes back */
	assert_int_equal(ca_limiter_take(l, "192.0.2.1", now), 0);
	assert_int_not_equal(ca_limiter_take(l, "192.0.2.1", now), 0);
	now += 3600 * 1000; /* no more than a minute's worth is saved up */
	for (int i = 0; i < 60; i++)
		assert_int_equal(ca_limiter_take(l, "192.0.2.1", now), 0);
	assert_int_not_equal(ca_limiter_take(l, "192.0.2.1", now), 0);
	ca_limiter_free(&l);
	assert_null(l);
}

static void
test_limiter_take_wait(void **state)
{
	struct ca_limiter *l = NULL;
	struct tpmiot_err err;
	unsigned wait;

	(void)state;
	assert_ok(ca_limiter_new(2, &l, &err));
	assert_int_equal(ca_limiter_take(l, "::1", 0), 0);
	assert_int_equal(ca_limiter_take(l, "::1", 0), 0);
	wait = ca_limiter_take(l, "::1", 0);
	assert_in_range(wait, 30, 31);
	assert_int_equal(ca_limiter_take(l, "::1", wait * 1000), 0);
	ca_limiter_free(&l);
}

/* A clock that is set back must not lock anybody out. */
static void
test_limiter_take_clock_back(void **state)
{
	struct ca_limiter *l = NULL;
	struct tpmiot_err err;

	(void)state;
	assert_ok(ca_limiter_new(1, &l, &err));
	assert_int_equal(ca_limiter_take(l, "192.0.2.1", 1000000000), 0);
	assert_in_range(ca_limiter_take(l, "192.0.2.1", 1000), 60, 61);
	assert_int_equal(ca_limiter_take(l, "192.0.2.1", 62000), 0);
	ca_limiter_free(&l);
}

static void
test_limiter_take_prefix(void **state)
{
	struct ca_limiter *l = NULL;
	struct tpmiot_err err;
	int free_n = 0;
	char host[32];

	(void)state;
	assert_ok(ca_limiter_new(1, &l, &err));
	assert_int_equal(ca_limiter_take(l, "2001:db8::1", 0), 0);
	assert_int_not_equal(ca_limiter_take(l, "2001:db8::2", 0), 0); /* the same /64 */
	for (int i = 0; i < 200; i++) {
		snprintf(host, sizeof(host), "10.0.%d.1", i);
		free_n += ca_limiter_take(l, host, 0) == 0;
	}
	/* Others are others; with 8192 buckets hardly any of 200 meet (the mean is 2.5). */
	assert_in_range(free_n, 180, 200);
	ca_limiter_free(&l);
}

/* A server on [::] sees IPv4 clients like this: one of them must not use up everybody's share. */
static void
test_limiter_take_mapped_ipv4(void **state)
{
	struct ca_limiter *l = NULL;
	struct tpmiot_err err;
	int free_n = 0;
	char host[32];

	(void)state;
	assert_ok(ca_limiter_new(1, &l, &err));
	for (int i = 0; i < 200; i++) {
		snprintf(host, sizeof(host), "::ffff:10.0.%d.1", i);
		free_n += ca_limiter_take(l, host, 0) == 0;
	}
	assert_in_range(free_n, 180, 200);
	ca_limiter_free(&l);
}

static void
test_limiter_change(void **state)
{
	struct ca_limiter *l = NULL;
	struct tpmiot_err err;

	(void)state;
	assert_ok(ca_limiter_new(0, &l, &err)); /* off */
	for (int i = 0; i < 1000; i++)
		assert_int_equal(ca_limiter_take(l, "192.0.2.1", 0), 0);
	ca_limiter_change(l, 1);
	assert_int_equal(ca_limiter_take(l, "192.0.2.1", 0), 0);
	assert_int_not_equal(ca_limiter_take(l, "192.0.2.1", 0), 0);
	ca_limiter_change(l, 3); /* what was used stays used */
	assert_int_equal(ca_limiter_take(l, "192.0.2.1", 0), 0);
	assert_int_equal(ca_limiter_take(l, "192.0.2.1", 0), 0);
	assert_int_not_equal(ca_limiter_take(l, "192.0.2.1", 0), 0);
	ca_limiter_free(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limiter_take_mapped_ipv4),
		cmocka_unit_test(test_limiter_take_burst_and_refill),
		cmocka_unit_test(test_limiter_take_wait),
		cmocka_unit_test(test_limiter_take_clock_back),
		cmocka_unit_test(test_limiter_take_prefix),
		cmocka_unit_test(test_limiter_change),
	};

	return cmocka_run_group_tests_name("ca_limit", tests, NULL, NULL);
}
