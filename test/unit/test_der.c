/* SPDX-License-Identifier: Apache-2.0 */
/* Strict DER: what is, and each way of not being it. */
#include "unit.h"

#include <tpmiot/der.h>
#include <tpmiot/ekcert.h>

static enum tpmiot_rc
check_hex(const char *hex, struct tpmiot_err *err)
{
	uint8_t data[256];
	size_t len = strlen(hex) / 2;

	assert_true(len <= sizeof(data));
	for (size_t i = 0; i < len; i++) {
		unsigned octet = 0;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &octet), 1);
		data[i] = (uint8_t)octet;
	}
	return tpmiot_der_check(data, len, err);
}

static void
test_check_accepts(void **state)
{
	static const char *const good[] = {
		"3000", "3003020105", "0500", "30060101ff010100", "3106020101020102", /* in order */
		"3106020101020101", /* the same twice */
		"a0053003020101",   /* explicit */
		"04023080",         /* what an OCTET STRING holds is its own affair */
	};
	struct tpmiot_err err;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_ok(check_hex(good[i], &err), &err);
}

static void
test_check_refuses(void **state)
{
	static const struct {
		const char *hex, *word;
	} bad[] = {
		{ "", "cut off" },
		{ "30", "cut off" },
		{ "300302", "cut off" },
		{ "30020201", "cut off" },
		{ "300000", "behind it" },
		{ "30800000", "shortest" },       /* indefinite */
		{ "308103020105", "shortest" },   /* long form of 3 */
		{ "30820003020105", "shortest" }, /* with a zero in front */
		{ "3085000000000102", "shortest" },
		{ "3003010101", "BOOLEAN" },
		{ "30020100", "BOOLEAN" },
		{ "3106020102020101", "out of order" },
		{ "3f0100", "tag" },
	};
	struct tpmiot_err err;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_refused(check_hex(bad[i].hex, &err), TPMIOT_E_FORMAT, &err, bad[i].word);
}

/* Deeper than any certificate; each length up to the last is refused as cut off. */
static void
test_check_depth_and_truncation(void **state)
{
	uint8_t deep[80];
	struct tpmiot_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(deep); i += 2) {
		deep[i] = 0x30;
		deep[i + 1] = (uint8_t)(sizeof(deep) - i - 2);
	}
	assert_refused(tpmiot_der_check(deep, sizeof(deep), &err), TPMIOT_E_FORMAT, &err, "deep");
	assert_ok(tpmiot_der_check(deep + 16, sizeof(deep) - 16, &err), &err);
	for (size_t len = 0; len < sizeof(deep) - 16; len++)
		assert_refused(
		    tpmiot_der_check(deep + 16, len, &err), TPMIOT_E_FORMAT, &err, "cut off");
}

/* Real certificates. */
static void
test_check_real(void **state)
{
	static const char *const files[] = { "ekcert/stm-rsa-padded.der",
		"ekcert/swtpm-rsa2048.der", "ekcert/swtpm-p384.der" };

	(void)state;
	for (size_t i = 0; i < COUNT(files); i++) {
		struct tpmiot_buf nv = TPMIOT_BUF_INIT;
		const uint8_t *der;
		struct tpmiot_err err;
		size_t len;

		read_vector(files[i], &nv);
		assert_ok(tpmiot_ekcert_strip(nv.data, nv.len, &der, &len, &err), &err);
		assert_ok(tpmiot_der_check(der, len, &err), &err);
		tpmiot_buf_free(&nv);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check_accepts),
		cmocka_unit_test(test_check_refuses),
		cmocka_unit_test(test_check_depth_and_truncation),
		cmocka_unit_test(test_check_real),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
