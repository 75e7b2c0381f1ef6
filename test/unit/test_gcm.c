/* SPDX-License-Identifier: Apache-2.0 */
/* AES-256-GCM: the specification's test cases, and what must not open. */
#include "unit.h"

#include <tpmiot/gcm.h>

static const struct tpmiot_bytes NONE = { NULL, 0 };

/* McGrew and Viega, The Galois/Counter Mode of Operation, appendix B, cases 13 to 16. */
static const struct {
	const char *key, *iv, *aad, *text, *sealed, *tag;
} cases[] = {
	{ "0000000000000000000000000000000000000000000000000000000000000000",
	    "000000000000000000000000", "", "", "", "530f8afbc74536b9a963b4f1c4cb738b" },
	{ "0000000000000000000000000000000000000000000000000000000000000000",
	    "000000000000000000000000", "", "00000000000000000000000000000000",
	    "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919" },
	{ "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
	    "cafebabefacedbaddecaf888", "",
	    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
	    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
	    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
	    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad",
	    "b094dac5d93471bdec1a502270e3cc6c" },
	{ "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
	    "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
	    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
	    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
	    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
	    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
	    "76fc6ece0f4e1768cddf8853bb2d551b" },
};

static size_t
unhex(const char *text, uint8_t *out)
{
	const size_t len = strlen(text) / 2;

	for (size_t i = 0; i < len; i++) {
		unsigned byte;

		assert_int_equal(sscanf(text + 2 * i, "%2x", &byte), 1);
		out[i] = (uint8_t)byte;
	}
	return len;
}

static void
test_gcm_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t key[32], iv[12], aad[32], text[64], data[64], sealed[64], tag[16], got[16];
		const struct tpmiot_bytes with = { aad, unhex(cases[i].aad, aad) };
		const size_t len = unhex(cases[i].text, text);
		struct tpmiot_err err = { 0 };

		unhex(cases[i].key, key);
		unhex(cases[i].iv, iv);
		unhex(cases[i].sealed, sealed);
		unhex(cases[i].tag, tag);
		memcpy(data, text, len);
		assert_ok(tpmiot_gcm(NULL, true, key, iv, with, data, len, got, &err), &err);
		assert_memory_equal(data, sealed, len);
		assert_memory_equal(got, tag, sizeof(tag));
		assert_ok(tpmiot_gcm(NULL, false, key, iv, with, data, len, tag, &err), &err);
		assert_memory_equal(data, text, len);
		tag[15] ^= 1;
		assert_refused(tpmiot_gcm(NULL, false, key, iv, with, data, len, tag, &err),
		    TPMIOT_E_VERIFY, &err, "another key, or changed");
	}
}

/* ---- One message with its IV and tag ------------------------------------------------------ */

static const uint8_t KEY[TPMIOT_GCM_KEY_LEN] = { 1, 2, 3 };

static enum tpmiot_rc
open_copy(const uint8_t *key, struct tpmiot_bytes aad, const void *sealed, size_t len,
    struct tpmiot_buf *out, struct tpmiot_err *err)
{
	uint8_t *copy = exact_copy(sealed, len);
	enum tpmiot_rc rc =
	    tpmiot_gcm_open(NULL, key, aad, (struct tpmiot_bytes){ copy, len }, out, err);

	free(copy);
	return rc;
}

static void
refuse(const uint8_t *key, struct tpmiot_bytes aad, const void *sealed, size_t len)
{
	struct tpmiot_buf out = TPMIOT_BUF_INIT;
	struct tpmiot_err err = { 0 };

	assert_refused(
	    open_copy(key, aad, sealed, len, &out, &err), TPMIOT_E_VERIFY, &err, "AES-256-GCM");
	assert_int_equal(out.len, 0); /* nothing that is not verified comes out */
	tpmiot_buf_free(&out);
}

static void
test_gcm_seal_and_open(void **state)
{
	const struct tpmiot_bytes whose = { "pump-1", 6 }, text = { "a secret", 8 };
	struct tpmiot_buf sealed = TPMIOT_BUF_INIT, again = TPMIOT_BUF_INIT, out = TPMIOT_BUF_INIT;
	struct tpmiot_err err = { 0 };

	(void)state;
	assert_ok(tpmiot_gcm_seal(NULL, KEY, whose, text, &sealed, &err), &err);
	assert_ok(tpmiot_gcm_seal(NULL, KEY, whose, text, &again, &err), &err);
	assert_int_equal(sealed.len, text.len + TPMIOT_GCM_OVERHEAD);
	assert_memory_not_equal(sealed.data, again.data, sealed.len); /* an IV of its own */
	tpmiot_buf_put_str(&out, "before ");
	assert_ok(open_copy(KEY, whose, sealed.data, sealed.len, &out, &err), &err);
	assert_int_equal(out.len, 15);
	assert_memory_equal(out.data, "before a secret", 15);
	tpmiot_buf_free(&sealed);
	tpmiot_buf_free(&again);
	tpmiot_buf_free(&out);
}

static void
test_gcm_open_refused(void **state)
{
	static const uint8_t other[TPMIOT_GCM_KEY_LEN] = { 1, 2, 4 };
	const struct tpmiot_bytes whose = { "pump-1", 6 }, others = { "pump-2", 6 };
	struct tpmiot_buf sealed = TPMIOT_BUF_INIT;
	struct tpmiot_err err = { 0 };

	(void)state;
	assert_ok(tpmiot_gcm_seal(
	              NULL, KEY, whose, (struct tpmiot_bytes){ "a secret", 8 }, &sealed, &err),
	    &err);
	refuse(other, whose, sealed.data, sealed.len);
	refuse(KEY, others, sealed.data, sealed.len);
	refuse(KEY, NONE, sealed.data, sealed.len);
	for (size_t n = 0; n < sealed.len; n++)
		refuse(KEY, whose, sealed.data, n);
	for (size_t i = 0; i < sealed.len; i++) { /* IV, text and tag */
		sealed.data[i] ^= 1;
		refuse(KEY, whose, sealed.data, sealed.len);
		sealed.data[i] ^= 1;
	}
	tpmiot_buf_put_u8(&sealed, 0);
	refuse(KEY, whose, sealed.data, sealed.len);
	tpmiot_buf_free(&sealed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gcm_cases),
		cmocka_unit_test(test_gcm_seal_and_open),
		cmocka_unit_test(test_gcm_open_refused),
	};

	return cmocka_run_group_tests_name("gcm", tests, NULL, NULL);
}
