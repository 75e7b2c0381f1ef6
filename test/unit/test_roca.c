/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <tpmiot/b64.h>
#include <tpmiot/keyrules.h>
#include <tpmiot/public.h>

#include "roca_modulus.h"

static void
get_weak(uint8_t out[256])
{
	assert_ok(tpmiot_hex_decode(ROCA_MODULUS, out, 256, NULL), NULL);
}

static void
test_roca_fingerprint_weak(void **state)
{
	uint8_t modulus[256];

	(void)state;
	get_weak(modulus);
	assert_true(tpmiot_roca_fingerprint(modulus, sizeof(modulus)));
}

/* Leading zeros do not change a number. */
static void
test_roca_fingerprint_padded(void **state)
{
	uint8_t modulus[260] = { 0 };

	(void)state;
	get_weak(modulus + 4);
	assert_true(tpmiot_roca_fingerprint(modulus, sizeof(modulus)));
}

static void
test_roca_fingerprint_neighbour(void **state)
{
	uint8_t modulus[256];

	(void)state;
	get_weak(modulus);
	for (unsigned int bit = 0; bit < 8; bit++) {
		modulus[240] ^= (uint8_t)(1u << bit);
		assert_false(tpmiot_roca_fingerprint(modulus, sizeof(modulus)));
		modulus[240] ^= (uint8_t)(1u << bit);
	}
}

static void
test_roca_fingerprint_sound(void **state)
{
	static const char *const files[] = { "attest/rsa-ak.tpm2b", "attest/rsa-key.tpm2b",
		"ekcert/swtpm-rsa2048-ek.tpm2b" };

	(void)state;
	for (size_t i = 0; i < COUNT(files); i++) {
		struct tpmiot_buf tpm2b = TPMIOT_BUF_INIT;
		struct tpmiot_public pub;
		struct tpmiot_err err;

		read_vector(files[i], &tpm2b);
		assert_ok(tpmiot_public_parse(NULL, tpm2b.data, tpm2b.len, &pub, &err), &err);
		assert_false(
		    tpmiot_roca_fingerprint(pub.area.unique.rsa.buffer, pub.area.unique.rsa.size));
		tpmiot_buf_free(&tpm2b);
	}
}

static void
test_roca_fingerprint_empty(void **state)
{
	const uint8_t zero = 0;

	(void)state;
	assert_false(tpmiot_roca_fingerprint(&zero, 1));
	assert_false(tpmiot_roca_fingerprint(&zero, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roca_fingerprint_weak),
		cmocka_unit_test(test_roca_fingerprint_padded),
		cmocka_unit_test(test_roca_fingerprint_neighbour),
		cmocka_unit_test(test_roca_fingerprint_sound),
		cmocka_unit_test(test_roca_fingerprint_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
