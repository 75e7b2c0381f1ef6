/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <tpmiot/dps.h>
#include <tpmiot/template.h>

#include "softtpm.h"

static const struct tpmiot_bytes secret = { "0123456789abcdef0123456789abcdef", 32 };

static struct softkey ek, srk;

static int
setup(void **state)
{
	TPMT_PUBLIC template;

	(void)state;
	softkey_make_ek(&ek, "L-1");
	tpmiot_template_srk_rsa(&template);
	softkey_make(&srk, &template);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	softkey_free(&ek);
	softkey_free(&srk);
	return 0;
}

static struct tpmiot_bytes
bytes_of(const struct tpmiot_buf *buf)
{
	return (struct tpmiot_bytes){ buf->data, buf->len };
}

static void
make(struct tpmiot_buf *out)
{
	struct tpmiot_err err;

	assert_ok(
	    tpmiot_dps_key_put(NULL, &ek.pub, &srk.pub, secret, "0ne/registrations/d", out, &err),
	    &err);
}

/* The sizes of the six structures, and how they begin, as Azure's service has them. */
static void
test_key_put_layout(void **state)
{
	static const uint8_t area[] = { 0x00, 0x08, 0x00, 0x0b, 0x00, 0x04, 0x04, 0x40, 0x00, 0x00,
		0x00, 0x05, 0x00, 0x0b, 0x00, 0x20 };
	static const size_t sizes[] = { 52, 256, 142, 256, 48, 19 };
	struct tpmiot_buf key = TPMIOT_BUF_INIT;
	struct tpmiot_reader r;
	const uint8_t *part;
	size_t len;

	(void)state;
	make(&key);
	tpmiot_reader_init(&r, key.data, key.len);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		part = tpmiot_reader_tpm2b(&r, 4096, &len);
		assert_int_equal(len, sizes[i]);
		if (i == 4)
			assert_memory_equal(part, area, sizeof(area));
	}
	assert_true(tpmiot_reader_done(&r));
	tpmiot_buf_free(&key);
}

static void
test_key_roundtrip(void **state)
{
	struct tpmiot_buf key = TPMIOT_BUF_INIT, inner = TPMIOT_BUF_INIT, got = TPMIOT_BUF_INIT;
	struct tpmiot_buf duplicate = TPMIOT_BUF_INIT, seed = TPMIOT_BUF_INIT;
	struct tpmiot_dps_key parts = { .credential = TPMIOT_BUF_INIT };
	struct softkey other;
	struct tpmiot_err err;
	TPMT_PUBLIC template;

	(void)state;
	make(&key);
	assert_ok(tpmiot_dps_key_parse(NULL, bytes_of(&key), &parts, &err), &err);
	soft_put_tpm2b(parts.duplicate.buffer, parts.duplicate.size, &duplicate);
	soft_put_tpm2b(parts.seed.secret, parts.seed.size, &seed);
	assert_true(softtpm_activate(
	    &ek, &srk.pub.name, bytes_of(&parts.credential), bytes_of(&parts.secret), &inner));
	assert_int_equal(inner.len, TPMIOT_INNER_KEY_LEN);
	assert_true(softtpm_import(
	    &srk, &parts.pub, bytes_of(&duplicate), bytes_of(&seed), bytes_of(&inner), &got));
	assert_int_equal(got.len, secret.len);
	assert_memory_equal(got.data, secret.data, secret.len);
	/* Another storage root key beside the same EK gets nothing. */
	tpmiot_template_srk_rsa(&template);
	softkey_make(&other, &template);
	assert_false(softtpm_activate(
	    &ek, &other.pub.name, bytes_of(&parts.credential), bytes_of(&parts.secret), &inner));
	softkey_free(&other);
	tpmiot_dps_key_free(&parts);
	tpmiot_buf_free(&key);
	tpmiot_buf_free(&inner);
	tpmiot_buf_free(&got);
	tpmiot_buf_free(&duplicate);
	tpmiot_buf_free(&seed);
}

static enum tpmiot_rc
parse(const uint8_t *data, size_t len, struct tpmiot_err *err)
{
	struct tpmiot_dps_key parts = { .credential = TPMIOT_BUF_INIT };
	enum tpmiot_rc rc =
	    tpmiot_dps_key_parse(NULL, (struct tpmiot_bytes){ data, len }, &parts, err);

	tpmiot_dps_key_free(&parts);
	return rc;
}

/* Cut off at every length; a byte more; each size one too large, too small, and empty. */
static void
test_key_parse_malformed(void **state)
{
	struct tpmiot_buf key = TPMIOT_BUF_INIT;
	struct tpmiot_err err;
	size_t at = 0;

	(void)state;
	make(&key);
	for (size_t len = 0; len < key.len; len++)
		assert_int_equal(parse(key.data, len, &err), TPMIOT_E_FORMAT);
	tpmiot_buf_put_u8(&key, 0);
	assert_int_equal(parse(key.data, key.len, &err), TPMIOT_E_FORMAT);
	key.len--;
	for (int part = 0; part < 6; part++) {
		const unsigned size = (unsigned)key.data[at] << 8 | key.data[at + 1];
		const unsigned wrong[] = { size - 1, size + 1, 0, 0xffff };

		for (size_t i = 0; i < COUNT(wrong); i++) {
			key.data[at] = (uint8_t)(wrong[i] >> 8);
			key.data[at + 1] = (uint8_t)wrong[i];
			assert_int_not_equal(parse(key.data, key.len, &err), TPMIOT_OK);
		}
		key.data[at] = (uint8_t)(size >> 8);
		key.data[at + 1] = (uint8_t)size;
		at += 2 + size;
	}
	assert_ok(parse(key.data, key.len, &err), &err);
	tpmiot_buf_free(&key);
}

/* The parts in every other order of two. */
static void
test_key_parse_order(void **state)
{
	struct tpmiot_buf key = TPMIOT_BUF_INIT;
	struct tpmiot_bytes parts[6];
	struct tpmiot_err err;
	struct tpmiot_reader r;

	(void)state;
	make(&key);
	tpmiot_reader_init(&r, key.data, key.len);
	for (size_t i = 0; i < 6; i++)
		parts[i].data = tpmiot_reader_tpm2b(&r, 4096, &parts[i].len);
	for (size_t i = 0; i < 6; i++)
		for (size_t j = i + 1; j < 6; j++) {
			struct tpmiot_buf mixed = TPMIOT_BUF_INIT;

			if (parts[i].len == parts[j].len) /* the two encrypted secrets */
				continue;
			for (size_t k = 0; k < 6; k++) {
				const struct tpmiot_bytes *p = &parts[k == i ? j : k == j ? i : k];

				soft_put_tpm2b(p->data, p->len, &mixed);
			}
			/* Sizes alone do not tell all of them apart: the TPM does then. */
			if (i == 4 || j == 4)
				assert_int_not_equal(parse(mixed.data, mixed.len, &err), TPMIOT_OK);
			tpmiot_buf_free(&mixed);
		}
	tpmiot_buf_free(&key);
}

static void
test_key_parse_attributes(void **state)
{
	static const TPMA_OBJECT wrong[] = { TPMA_OBJECT_FIXEDTPM, TPMA_OBJECT_FIXEDPARENT,
		TPMA_OBJECT_RESTRICTED, TPMA_OBJECT_DECRYPT, TPMA_OBJECT_USERWITHAUTH,
		TPMA_OBJECT_SIGN_ENCRYPT };
	struct tpmiot_buf key = TPMIOT_BUF_INIT;
	struct tpmiot_err err;
	uint8_t *area;

	(void)state;
	make(&key);
	area = key.data + 54 + 258 + 144 + 258 + 2;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		for (int b = 0; b < 4; b++)
			area[4 + b] ^= (uint8_t)(wrong[i] >> (24 - 8 * b));
		assert_int_equal(parse(key.data, key.len, &err), TPMIOT_E_VERIFY);
		for (int b = 0; b < 4; b++)
			area[4 + b] ^= (uint8_t)(wrong[i] >> (24 - 8 * b));
	}
	area[13] = 0x0c; /* HMAC-SHA384 */
	assert_int_equal(parse(key.data, key.len, &err), TPMIOT_E_VERIFY);
	area[13] = 0x0b;
	area[1] = 0x01; /* RSA */
	assert_int_not_equal(parse(key.data, key.len, &err), TPMIOT_OK);
	tpmiot_buf_free(&key);
}

static void
test_key_put_refused(void **state)
{
	static const uint8_t long_key[TPMIOT_DPS_HMAC_KEY_MAX + 1];
	struct tpmiot_buf out = TPMIOT_BUF_INIT;
	struct tpmiot_err err;

	(void)state;
	assert_int_equal(tpmiot_dps_key_put(NULL, &ek.pub, &srk.pub,
	                     (struct tpmiot_bytes){ long_key, sizeof(long_key) }, "r", &out, &err),
	    TPMIOT_E_USAGE);
	assert_int_equal(tpmiot_dps_key_put(NULL, &ek.pub, &srk.pub,
	                     (struct tpmiot_bytes){ long_key, 0 }, "r", &out, &err),
	    TPMIOT_E_USAGE);
	assert_ok(tpmiot_dps_key_put(NULL, &ek.pub, &srk.pub,
	              (struct tpmiot_bytes){ long_key, TPMIOT_DPS_HMAC_KEY_MAX }, "r", &out, &err),
	    &err);
	tpmiot_buf_free(&out);
}

static void
test_registration_id(void **state)
{
	char id[TPMIOT_DPS_ID_LEN + 1];
	struct tpmiot_err err;

	(void)state;
	assert_ok(tpmiot_dps_registration_id(NULL, &ek.pub, id, &err), &err);
	assert_int_equal(strlen(id), TPMIOT_DPS_ID_LEN);
	assert_int_equal(strspn(id, "abcdefghijklmnopqrstuvwxyz234567"), TPMIOT_DPS_ID_LEN);
	assert_true(tpmiot_dps_scope_valid("0ne00123ABC"));
	assert_false(tpmiot_dps_scope_valid(""));
	assert_false(tpmiot_dps_scope_valid("a/b"));
	assert_false(tpmiot_dps_scope_valid("0123456789012345678901234567890123"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key_put_layout),
		cmocka_unit_test(test_key_roundtrip),
		cmocka_unit_test(test_key_parse_malformed),
		cmocka_unit_test(test_key_parse_order),
		cmocka_unit_test(test_key_parse_attributes),
		cmocka_unit_test(test_key_put_refused),
		cmocka_unit_test(test_registration_id),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
