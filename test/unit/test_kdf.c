/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>

#include <tpmiot/alg.h>
#include <tpmiot/b64.h>
#include <tpmiot/kdf.h>
#include <tpmiot/template.h>

#define STR(s) ((struct tpmiot_bytes){ (s), sizeof(s) - 1 })

static const struct tpmiot_bytes NOTHING = { NULL, 0 };
static const TPMI_ALG_HASH HASHES[] = { TPM2_ALG_SHA1, TPM2_ALG_SHA256, TPM2_ALG_SHA384,
	TPM2_ALG_SHA512 };

static void
assert_hex(const uint8_t *data, size_t len, const char *hex)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;

	tpmiot_hex_encode(data, len, &text);
	assert_string_equal(tpmiot_buf_cstr(&text), hex);
	tpmiot_buf_free(&text);
}

/* Computed apart, from the text of Part 1, clause 11.4.10.2, with Python's hmac. */
static void
test_kdfa_known_answers(void **state)
{
	struct tpmiot_err err;
	uint8_t out[64];

	(void)state;
	assert_ok(tpmiot_kdfa(NULL, TPM2_ALG_SHA256, STR("key"), "STORAGE", STR("context u"),
	              STR("v"), out, 16, &err),
	    &err);
	assert_hex(out, 16, "f47908fd851399f87486f7615a78ff4d");
	assert_ok(tpmiot_kdfa(NULL, TPM2_ALG_SHA256, STR("key"), "STORAGE", STR("context u"),
	              STR("v"), out, 64, &err),
	    &err);
	assert_hex(out, 64,
	    "ef8c0b3ee61354c48344d176f062a0516256c0d61b59ae11e0cb57ff74bcf706"
	    "2949357a8aa989722091fc7bd6f8615ab8e6e89fb2c61592dea8e7bae473374c");
}

/* The same with Python's hashlib (clause 11.4.10.3). */
static void
test_kdfe_known_answers(void **state)
{
	struct tpmiot_err err;
	uint8_t out[32];

	(void)state;
	assert_ok(tpmiot_kdfe(NULL, TPM2_ALG_SHA256, STR("shared z"), "IDENTITY", STR("party u"),
	              STR("party v"), out, 32, &err),
	    &err);
	assert_hex(out, 32, "e7f33d1e10d7c31eca77ffb6f5639a57ac9172a9526d41011bc790ecac58c971");
	assert_ok(tpmiot_kdfe(NULL, TPM2_ALG_SHA1, STR("shared z"), "IDENTITY", STR("party u"),
	              STR("party v"), out, 32, &err),
	    &err);
	assert_hex(out, 32, "8d36169baf96a4244d1f52188617ba45ccfb3eb8c72bdb93df2389fb84caac66");
}

static void
openssl_kdf(const char *name, const OSSL_PARAM *params, uint8_t *out, size_t len)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, name, NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);

	assert_int_equal(EVP_KDF_derive(ctx, out, len, params), 1);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

static OSSL_PARAM
text(const char *key, const char *value)
{
	return OSSL_PARAM_construct_utf8_string(key, (char *)(uintptr_t)value, 0);
}

static OSSL_PARAM
octets(const char *key, const char *value, size_t len)
{
	return OSSL_PARAM_construct_octet_string(key, (char *)(uintptr_t)value, len);
}

/* KDFa is SP 800-108's counter mode, which OpenSSL has as KBKDF. */
static void
test_kdfa_is_kbkdf(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(HASHES); i++)
		for (size_t len = 1; len <= 200; len += 7) {
			OSSL_PARAM params[] = { text(OSSL_KDF_PARAM_MODE, "counter"),
				text(OSSL_KDF_PARAM_MAC, "HMAC"),
				text(OSSL_KDF_PARAM_DIGEST, tpmiot_alg_md_name(HASHES[i])),
				octets(OSSL_KDF_PARAM_KEY, "the key", 7),
				octets(OSSL_KDF_PARAM_SALT, "SECRET", 6),
				octets(OSSL_KDF_PARAM_INFO, "nonceTPMnonceCaller", 19),
				OSSL_PARAM_construct_end() };
			uint8_t ours[200], theirs[200];
			struct tpmiot_err err;

			assert_ok(tpmiot_kdfa(NULL, HASHES[i], STR("the key"), "SECRET",
			              STR("nonceTPM"), STR("nonceCaller"), ours, len, &err),
			    &err);
			openssl_kdf("KBKDF", params, theirs, len);
			assert_memory_equal(ours, theirs, len);
		}
}

/* KDFe is SP 800-56A's single step with a hash, which OpenSSL has as SSKDF. */
static void
test_kdfe_is_sskdf(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(HASHES); i++)
		for (size_t len = 1; len <= 200; len += 7) {
			OSSL_PARAM params[] = { text(OSSL_KDF_PARAM_DIGEST,
				                    tpmiot_alg_md_name(HASHES[i])),
				octets(OSSL_KDF_PARAM_KEY, "shared z", 8),
				octets(OSSL_KDF_PARAM_INFO, "DUPLICATE\0party uparty v", 24),
				OSSL_PARAM_construct_end() };
			uint8_t ours[200], theirs[200];
			struct tpmiot_err err;

			assert_ok(tpmiot_kdfe(NULL, HASHES[i], STR("shared z"), "DUPLICATE",
			              STR("party u"), STR("party v"), ours, len, &err),
			    &err);
			openssl_kdf("SSKDF", params, theirs, len);
			assert_memory_equal(ours, theirs, len);
		}
}

/* An unsalted, unbound session derives from an empty key and empty contexts. */
static void
test_kdf_empty_inputs(void **state)
{
	uint8_t a[32], b[32];
	struct tpmiot_err err;

	(void)state;
	assert_ok(tpmiot_kdfa(NULL, TPM2_ALG_SHA256, NOTHING, "ATH", NOTHING, NOTHING, a, 32, &err),
	    &err);
	assert_ok(tpmiot_kdfa(NULL, TPM2_ALG_SHA256, NOTHING, "CFB", NOTHING, NOTHING, b, 32, &err),
	    &err);
	assert_memory_not_equal(a, b, 32);
	assert_ok(
	    tpmiot_kdfe(NULL, TPM2_ALG_SHA256, NOTHING, "X", NOTHING, NOTHING, a, 32, &err), &err);
}

static void
test_kdf_unsupported_hash(void **state)
{
	size_t len = 0x55;
	uint8_t out[64];
	struct tpmiot_err err;

	(void)state;
	assert_refused(
	    tpmiot_kdfa(NULL, TPM2_ALG_NULL, STR("k"), "L", NOTHING, NOTHING, out, 16, &err),
	    TPMIOT_E_UNSUPPORTED, &err, "0x0010");
	assert_refused(
	    tpmiot_kdfe(NULL, TPM2_ALG_NULL, STR("k"), "L", NOTHING, NOTHING, out, 16, &err),
	    TPMIOT_E_UNSUPPORTED, &err, "0x0010");
	assert_refused(tpmiot_hmac(NULL, TPM2_ALG_NULL, STR("k"), NULL, 0, out, &len, &err),
	    TPMIOT_E_UNSUPPORTED, &err, "0x0010");
	assert_int_equal(len, 0x55);
}

/* RFC 4231, test cases 2 and 6 (a key longer than the block), in pieces. */
static void
test_hmac_rfc4231(void **state)
{
	const struct tpmiot_bytes two[] = { STR("what do ya want "), NOTHING, STR("for nothing?") };
	const struct tpmiot_bytes six[] = { STR("Test Using Larger Than Block-Size Key - "),
		STR("Hash Key First") };
	uint8_t key[131], out[TPM2_SHA512_DIGEST_SIZE];
	struct tpmiot_err err;
	size_t len;

	(void)state;
	memset(key, 0xaa, sizeof(key));
	assert_ok(tpmiot_hmac(NULL, TPM2_ALG_SHA256, STR("Jefe"), two, 3, out, &len, &err), &err);
	assert_hex(out, len, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	assert_ok(tpmiot_hmac(NULL, TPM2_ALG_SHA384, STR("Jefe"), two, 3, out, &len, &err), &err);
	assert_hex(out, len,
	    "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
	    "8e2240ca5e69e2c78b3239ecfab21649");
	assert_ok(tpmiot_hmac(NULL, TPM2_ALG_SHA256, (struct tpmiot_bytes){ key, sizeof(key) }, six,
	              2, out, &len, &err),
	    &err);
	assert_hex(out, len, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

/* NIST SP 800-38A, F.3.13 to F.3.18 (CFB128). */
static void
test_aes_cfb_sp800_38a(void **state)
{
	static const struct {
		size_t len;
		const char *key, *encrypted;
	} cases[] = {
		{ 16, "2b7e151628aed2a6abf7158809cf4f3c",
		    "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b"
		    "26751f67a3cbb140b1808cf187a4f4dfc04b05357c5d1c0eeac4c66f9ff7f2e6" },
		{ 24, "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
		    "cdc80d6fddf18cab34c25909c99a417467ce7f7f81173621961a2b70171d3d7a"
		    "2e1e8a1dd59b88b1c8e60fed1efac4c9c05f9f9ca9834fa042ae8fba584b09ff" },
		{ 32, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
		    "dc7e84bfda79164b7ecd8486985d386039ffed143b28b1c832113c6331e5407b"
		    "df10132415e54b92a13ed0a8267ae2f975a385741ab9cef82031623d55b1e471" },
	};
	static const char plain[] =
	    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
	    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
	uint8_t iv[16];

	(void)state;
	for (uint8_t i = 0; i < sizeof(iv); i++)
		iv[i] = i;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tpmiot_bytes key;
		uint8_t raw[32], data[64];
		struct tpmiot_err err;

		assert_ok(tpmiot_hex_decode(cases[i].key, raw, cases[i].len, &err), &err);
		assert_ok(tpmiot_hex_decode(plain, data, sizeof(data), &err), &err);
		key = (struct tpmiot_bytes){ raw, cases[i].len };
		assert_ok(tpmiot_aes_cfb(NULL, true, key, iv, data, sizeof(data), &err), &err);
		assert_hex(data, sizeof(data), cases[i].encrypted);
		/* Any length: the last block may be a part, or there is none. */
		assert_ok(tpmiot_aes_cfb(NULL, false, key, iv, data, 61, &err), &err);
		assert_memory_equal(data + 56, "\xad\x2b\x41\x7b\xe6", 5);
		assert_ok(tpmiot_aes_cfb(NULL, true, key, iv, data, 61, &err), &err);
		assert_ok(tpmiot_aes_cfb(NULL, false, key, iv, data, sizeof(data), &err), &err);
		assert_hex(data, sizeof(data), plain);
		assert_ok(tpmiot_aes_cfb(NULL, true, key, iv, data, 0, &err), &err);
	}
}

static void
test_aes_cfb_bad_key(void **state)
{
	static const size_t lengths[] = { 0, 8, 15, 17, 33, 64 };
	static const uint8_t key[64], iv[16];
	uint8_t data[4] = { 0 };
	struct tpmiot_err err;

	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++)
		assert_refused(tpmiot_aes_cfb(NULL, true, (struct tpmiot_bytes){ key, lengths[i] },
		                   iv, data, sizeof(data), &err),
		    TPMIOT_E_UNSUPPORTED, &err, "AES-CFB");
}

/* ---- tpmiot_secret_share: that a TPM opens it is test_credential.c's ------- */

static struct tpmiot_public
load(const char *name)
{
	struct tpmiot_buf tpm2b = TPMIOT_BUF_INIT;
	struct tpmiot_public pub;
	struct tpmiot_err err;

	read_vector(name, &tpm2b);
	assert_ok(tpmiot_public_parse(NULL, tpm2b.data, tpm2b.len, &pub, &err), &err);
	tpmiot_buf_free(&tpm2b);
	return pub;
}

static void
test_secret_share_sizes(void **state)
{
	static const struct {
		const char *key;
		UINT16 secret, encrypted;
	} cases[] = {
		{ "public/ek-l1.tpm2b", 32, 256 },
		{ "public/ek-h6.tpm2b", 48, 384 },
		{ "public/ek-l2.tpm2b", 32, 2 * (2 + 32) },
		{ "public/ek-h3.tpm2b", 48, 2 * (2 + 48) },
		{ "public/ek-h4.tpm2b", 64, 2 * (2 + 66) },
		{ "public/srk-ecc.tpm2b", 32, 2 * (2 + 32) },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tpmiot_public pub = load(cases[i].key);
		TPM2B_ENCRYPTED_SECRET enc[2];
		TPM2B_DIGEST secret[2];
		struct tpmiot_err err;

		for (size_t n = 0; n < 2; n++) {
			assert_ok(
			    tpmiot_secret_share(NULL, &pub, "SECRET", &secret[n], &enc[n], &err),
			    &err);
			assert_int_equal(secret[n].size, cases[i].secret);
			assert_int_equal(enc[n].size, cases[i].encrypted);
		}
		assert_memory_not_equal(secret[0].buffer, secret[1].buffer, secret[0].size);
		assert_memory_not_equal(enc[0].secret, enc[1].secret, enc[0].size);
	}
}

static void
test_secret_share_refused(void **state)
{
	TPM2B_ENCRYPTED_SECRET enc = { .size = 0x55 };
	TPM2B_DIGEST secret = { .size = 0x55 };
	struct tpmiot_public pub = load("public/ek-l2.tpm2b");
	struct tpmiot_err err;

	(void)state;
	pub.area.unique.ecc.y.buffer[31] ^= 1;
	assert_refused(tpmiot_secret_share(NULL, &pub, "SECRET", &secret, &enc, &err),
	    TPMIOT_E_FORMAT, &err, "ECC public key");
	pub.area.type = TPM2_ALG_KEYEDHASH;
	assert_refused(tpmiot_secret_share(NULL, &pub, "SECRET", &secret, &enc, &err),
	    TPMIOT_E_UNSUPPORTED, &err, "neither RSA nor ECC");
	pub.area.nameAlg = TPM2_ALG_NULL;
	assert_refused(tpmiot_secret_share(NULL, &pub, "SECRET", &secret, &enc, &err),
	    TPMIOT_E_UNSUPPORTED, &err, "nameAlg");
	assert_int_equal(secret.size, 0x55);
	assert_int_equal(enc.size, 0x55);
}

static void
test_ecdh_secret(void **state)
{
	static const uint8_t padded[32] = { [31] = 7 };
	TPMS_ECC_POINT point = { .x = { 1, { 7 } }, .y = { 32, { 1 } } };
	struct tpmiot_buf out = TPMIOT_BUF_INIT;
	struct tpmiot_err err;

	(void)state;
	assert_ok(tpmiot_ecdh_secret(&point, TPM2_ECC_NIST_P256, &out, &err), &err);
	assert_int_equal(out.len, sizeof(padded));
	assert_memory_equal(out.data, padded, sizeof(padded));
	tpmiot_buf_free(&out);
}

/* At infinity, without y, too long, on a curve that is not known. */
static void
test_ecdh_secret_refused(void **state)
{
	static const struct {
		UINT16 x, y;
		TPMI_ECC_CURVE curve;
	} points[] = { { 0, 0, TPM2_ECC_NIST_P256 }, { 32, 0, TPM2_ECC_NIST_P256 },
		{ 0, 32, TPM2_ECC_NIST_P256 }, { 33, 32, TPM2_ECC_NIST_P256 },
		{ 32, 33, TPM2_ECC_NIST_P256 }, { 32, 32, TPM2_ECC_BN_P256 } };
	struct tpmiot_buf out = TPMIOT_BUF_INIT;
	struct tpmiot_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		TPMS_ECC_POINT point = { .x.size = points[i].x, .y.size = points[i].y };

		assert_refused(tpmiot_ecdh_secret(&point, points[i].curve, &out, &err),
		    TPMIOT_E_TPM, &err, "coordinates of");
		assert_int_equal(out.len, 0);
	}
	tpmiot_buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kdfa_known_answers),
		cmocka_unit_test(test_kdfe_known_answers),
		cmocka_unit_test(test_kdfa_is_kbkdf),
		cmocka_unit_test(test_kdfe_is_sskdf),
		cmocka_unit_test(test_kdf_empty_inputs),
		cmocka_unit_test(test_kdf_unsupported_hash),
		cmocka_unit_test(test_hmac_rfc4231),
		cmocka_unit_test(test_aes_cfb_sp800_38a),
		cmocka_unit_test(test_aes_cfb_bad_key),
		cmocka_unit_test(test_secret_share_sizes),
		cmocka_unit_test(test_secret_share_refused),
		cmocka_unit_test(test_ecdh_secret),
		cmocka_unit_test(test_ecdh_secret_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
