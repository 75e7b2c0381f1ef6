/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

static void
test_buf_put(void **state)
{
	static const uint8_t expected[] = { 'a', 'b', 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07,
		0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, '4', '2', '!' };
	struct tpmiot_buf buf = TPMIOT_BUF_INIT;
	struct tpmiot_err err;

	(void)state;
	tpmiot_buf_put(&buf, "a", 1);
	tpmiot_buf_put(&buf, NULL, 0);
	tpmiot_buf_put_str(&buf, "b");
	tpmiot_buf_put_u8(&buf, 0x01);
	tpmiot_buf_put_u16(&buf, 0x0203);
	tpmiot_buf_put_u32(&buf, 0x04050607);
	tpmiot_buf_put_u64(&buf, 0x08090a0b0c0d0e0f);
	tpmiot_buf_printf(&buf, "%d%s", 42, "!");
	assert_ok(tpmiot_buf_done(&buf, &err), &err);
	assert_int_equal(buf.len, sizeof(expected));
	assert_memory_equal(buf.data, expected, sizeof(expected));
	tpmiot_buf_free(&buf);
	assert_null(buf.data);
	assert_int_equal(buf.len, 0);
	assert_int_equal(buf.cap, 0);
}

/* Growth over many steps keeps what is there; each size meets the NUL of cstr. */
static void
test_buf_grows(void **state)
{
	struct tpmiot_buf buf = TPMIOT_BUF_INIT;

	(void)state;
	for (size_t i = 0; i < 3000; i++) {
		assert_int_equal(strlen(tpmiot_buf_cstr(&buf)), i);
		tpmiot_buf_put_u8(&buf, (uint8_t)('a' + i % 26));
	}
	for (size_t i = 0; i < 3000; i++)
		assert_int_equal(buf.data[i], 'a' + i % 26);
	tpmiot_buf_free(&buf);
}

static void
test_buf_grow_is_zeroed(void **state)
{
	struct tpmiot_buf buf = TPMIOT_BUF_INIT;
	uint8_t *room;

	(void)state;
	tpmiot_buf_put_str(&buf, "0123456789");
	tpmiot_buf_reset(&buf);
	assert_int_equal(buf.len, 0);
	assert_non_null(buf.data);
	room = tpmiot_buf_grow(&buf, 10);
	assert_non_null(room);
	assert_int_equal(buf.len, 10);
	for (size_t i = 0; i < 10; i++)
		assert_int_equal(room[i], 0);
	tpmiot_buf_free(&buf);
}

static void
test_buf_reset_wipes(void **state)
{
	struct tpmiot_buf buf = TPMIOT_BUF_INIT;

	(void)state;
	tpmiot_buf_put_str(&buf, "secret");
	tpmiot_buf_reset(&buf);
	for (size_t i = 0; i < buf.cap; i++)
		assert_int_equal(buf.data[i], 0);
	tpmiot_buf_free(&buf);
}

/* Failure sticks, reports itself once asked, and loses nothing that was there. */
static void
test_buf_failure_is_sticky(void **state)
{
	struct tpmiot_buf buf = TPMIOT_BUF_INIT;
	struct tpmiot_err err = { 0 };

	(void)state;
	tpmiot_buf_put_str(&buf, "kept");
	assert_null(tpmiot_buf_grow(&buf, SIZE_MAX));
	assert_null(tpmiot_buf_grow(&buf, SIZE_MAX / 2));
	assert_null(tpmiot_buf_grow(&buf, 1));
	tpmiot_buf_put_str(&buf, "not");
	tpmiot_buf_printf(&buf, "%s", "not");
	assert_null(tpmiot_buf_cstr(&buf));
	assert_int_equal(buf.len, 4);
	assert_memory_equal(buf.data, "kept", 4);
	assert_refused(tpmiot_buf_done(&buf, &err), TPMIOT_E_MEMORY, &err, "memory");
	tpmiot_buf_reset(&buf);
	assert_ok(tpmiot_buf_done(&buf, &err), &err);
	tpmiot_buf_free(&buf);
}

static void
test_buf_move(void **state)
{
	struct tpmiot_buf src = TPMIOT_BUF_INIT, dst = TPMIOT_BUF_INIT;
	const uint8_t *data;

	(void)state;
	tpmiot_buf_put_str(&src, "new");
	tpmiot_buf_put_str(&dst, "old");
	data = src.data;
	tpmiot_buf_move(&dst, &src);
	assert_ptr_equal(dst.data, data);
	assert_int_equal(dst.len, 3);
	assert_null(src.data);
	assert_int_equal(src.len, 0);
	assert_int_equal(src.cap, 0);
	tpmiot_buf_free(&dst);
	tpmiot_buf_free(&src);
}

static void
test_reader_takes_in_order(void **state)
{
	static const uint8_t in[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 0,
		2, 18, 19 };
	struct tpmiot_reader r;
	const uint8_t *p;
	size_t len;

	(void)state;
	tpmiot_reader_init(&r, in, sizeof(in));
	assert_int_equal(tpmiot_reader_u8(&r), 0x01);
	assert_int_equal(tpmiot_reader_u16(&r), 0x0203);
	assert_int_equal(tpmiot_reader_u32(&r), 0x04050607);
	assert_true(tpmiot_reader_u64(&r) == 0x08090a0b0c0d0e0f);
	assert_ptr_equal(tpmiot_reader_take(&r, 2), in + 15);
	assert_false(tpmiot_reader_done(&r));
	p = tpmiot_reader_tpm2b(&r, 2, &len);
	assert_ptr_equal(p, in + 19);
	assert_int_equal(len, 2);
	assert_true(tpmiot_reader_done(&r));
	assert_non_null(tpmiot_reader_take(&r, 0));
	assert_true(tpmiot_reader_done(&r));
}

/* One byte too few for each width: nothing is read, and nothing after it. */
static void
test_reader_short(void **state)
{
	static const uint8_t in[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

	(void)state;
	for (size_t width = 1; width <= 8; width *= 2) {
		struct tpmiot_reader r;
		uint8_t *copy = exact_copy(in, width - 1);
		uint64_t v = 1;

		tpmiot_reader_init(&r, copy, width - 1);
		switch (width) {
		case 1:
			v = tpmiot_reader_u8(&r);
			break;
		case 2:
			v = tpmiot_reader_u16(&r);
			break;
		case 4:
			v = tpmiot_reader_u32(&r);
			break;
		case 8:
			v = tpmiot_reader_u64(&r);
			break;
		}
		assert_true(v == 0);
		assert_false(tpmiot_reader_done(&r));
		assert_int_equal(tpmiot_reader_u8(&r), 0);
		assert_null(tpmiot_reader_take(&r, 0));
		assert_false(tpmiot_reader_done(&r));
		free(copy);
	}
}

static void
test_reader_tpm2b_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t len, max;
	} cases[] = {
		{ "", 0, 9 },
		{ "\x00", 1, 9 },
		{ "\x00\x01", 2, 9 },
		{ "\x00\x03xy", 4, 9 },
		{ "\xff\xffxy", 4, 0xffff },
		{ "\x00\x02xy", 4, 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tpmiot_reader r;
		size_t len = 99;

		tpmiot_reader_init(&r, cases[i].bytes, cases[i].len);
		assert_null(tpmiot_reader_tpm2b(&r, cases[i].max, &len));
		assert_int_equal(len, 0);
		assert_false(tpmiot_reader_done(&r));
	}
}

static void
test_reader_tpm2b_empty(void **state)
{
	struct tpmiot_reader r;
	size_t len = 99;

	(void)state;
	tpmiot_reader_init(&r, "\x00\x00", 2);
	assert_non_null(tpmiot_reader_tpm2b(&r, 0, &len));
	assert_int_equal(len, 0);
	assert_true(tpmiot_reader_done(&r));
	tpmiot_reader_init(&r, NULL, 0);
	assert_true(tpmiot_reader_done(&r));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buf_put),
		cmocka_unit_test(test_buf_grows),
		cmocka_unit_test(test_buf_grow_is_zeroed),
		cmocka_unit_test(test_buf_reset_wipes),
		cmocka_unit_test(test_buf_failure_is_sticky),
		cmocka_unit_test(test_buf_move),
		cmocka_unit_test(test_reader_takes_in_order),
		cmocka_unit_test(test_reader_short),
		cmocka_unit_test(test_reader_tpm2b_refused),
		cmocka_unit_test(test_reader_tpm2b_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
