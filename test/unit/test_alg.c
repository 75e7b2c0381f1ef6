/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <openssl/ec.h>

#include <tpmiot/alg.h>

static const TPMI_ALG_HASH HASHES[] = { TPM2_ALG_SHA1, TPM2_ALG_SHA256, TPM2_ALG_SHA384,
	TPM2_ALG_SHA512, TPM2_ALG_SHA3_256, TPM2_ALG_SHA3_384, TPM2_ALG_SHA3_512 };
static const TPMI_ECC_CURVE CURVES[] = { TPM2_ECC_NIST_P192, TPM2_ECC_NIST_P224, TPM2_ECC_NIST_P256,
	TPM2_ECC_NIST_P384, TPM2_ECC_NIST_P521, TPM2_ECC_SM2_P256, 0x0030, 0x0031, 0x0032 };

/* OpenSSL agrees: the name fetches, its own name leads back, and sizes are the same. */
static void
test_alg_md_agrees_with_openssl(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(HASHES); i++) {
		EVP_MD *md = EVP_MD_fetch(NULL, tpmiot_alg_md_name(HASHES[i]), NULL);

		assert_non_null(md);
		assert_int_equal(tpmiot_alg_md_size(HASHES[i]), EVP_MD_get_size(md));
		assert_int_equal(tpmiot_alg_md_block_size(HASHES[i]), EVP_MD_get_block_size(md));
		assert_int_equal(tpmiot_alg_from_md_name(tpmiot_alg_md_name(HASHES[i])), HASHES[i]);
		assert_int_equal(tpmiot_alg_from_md_name(EVP_MD_get0_name(md)), HASHES[i]);
		EVP_MD_free(md);
	}
}

static void
test_alg_from_md_name(void **state)
{
	(void)state;
	assert_int_equal(tpmiot_alg_from_md_name("SHA2-256"), TPM2_ALG_SHA256);
	assert_int_equal(tpmiot_alg_from_md_name("sha256"), TPM2_ALG_SHA256);
	assert_int_equal(tpmiot_alg_from_md_name("SHA-384"), TPM2_ALG_SHA384);
	assert_int_equal(tpmiot_alg_from_md_name("MD5"), TPM2_ALG_ERROR);
	assert_int_equal(tpmiot_alg_from_md_name("SHA25"), TPM2_ALG_ERROR);
	assert_int_equal(tpmiot_alg_from_md_name("SHA2566"), TPM2_ALG_ERROR);
	assert_int_equal(tpmiot_alg_from_md_name(""), TPM2_ALG_ERROR);
}

static void
test_alg_md_unknown(void **state)
{
	(void)state;
	assert_null(tpmiot_alg_md_name(TPM2_ALG_NULL));
	assert_null(tpmiot_alg_md_name(TPM2_ALG_RSA));
	assert_int_equal(tpmiot_alg_md_size(TPM2_ALG_NULL), 0);
	assert_int_equal(tpmiot_alg_md_block_size(TPM2_ALG_NULL), 0);
}

static void
test_alg_group_agrees_with_openssl(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(CURVES); i++) {
		const char *name = tpmiot_alg_group_name(CURVES[i]);
		EC_GROUP *group = EC_GROUP_new_by_curve_name(OBJ_sn2nid(name));

		assert_non_null(group);
		assert_int_equal(
		    tpmiot_alg_group_size(CURVES[i]), (EC_GROUP_get_degree(group) + 7) / 8);
		assert_int_equal(tpmiot_alg_from_group_name(name), CURVES[i]);
		EC_GROUP_free(group);
	}
}

static void
test_alg_from_group_name(void **state)
{
	(void)state;
	assert_int_equal(tpmiot_alg_from_group_name("P-256"), TPM2_ECC_NIST_P256);
	assert_int_equal(tpmiot_alg_from_group_name("secp256r1"), TPM2_ECC_NIST_P256);
	assert_int_equal(tpmiot_alg_from_group_name("PRIME256V1"), TPM2_ECC_NIST_P256);
	assert_int_equal(tpmiot_alg_from_group_name("P-384"), TPM2_ECC_NIST_P384);
	assert_int_equal(tpmiot_alg_from_group_name("secp256k1"), TPM2_ECC_NONE);
	assert_int_equal(tpmiot_alg_from_group_name("X25519"), TPM2_ECC_NONE);
	assert_int_equal(tpmiot_alg_from_group_name(""), TPM2_ECC_NONE);
}

static void
test_alg_group_unknown(void **state)
{
	(void)state;
	assert_null(tpmiot_alg_group_name(TPM2_ECC_NONE));
	assert_null(tpmiot_alg_group_name(TPM2_ECC_BN_P256));
	assert_int_equal(tpmiot_alg_group_size(TPM2_ECC_BN_P256), 0);
}

/* FIPS 180-4 examples: "abc". */
static void
test_alg_digest(void **state)
{
	static const uint8_t sha1[] = { 0xa9, 0x99, 0x3e, 0x36, 0x47, 0x06, 0x81, 0x6a, 0xba, 0x3e,
		0x25, 0x71, 0x78, 0x50, 0xc2, 0x6c, 0x9c, 0xd0, 0xd8, 0x9d };
	static const uint8_t sha256[] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41,
		0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a,
		0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad };
	struct tpmiot_err err;
	TPM2B_DIGEST out;

	(void)state;
	assert_ok(tpmiot_alg_digest(NULL, TPM2_ALG_SHA1, "abc", 3, &out, &err), &err);
	assert_int_equal(out.size, sizeof(sha1));
	assert_memory_equal(out.buffer, sha1, sizeof(sha1));
	assert_ok(tpmiot_alg_digest(NULL, TPM2_ALG_SHA256, "abc", 3, &out, &err), &err);
	assert_int_equal(out.size, sizeof(sha256));
	assert_memory_equal(out.buffer, sha256, sizeof(sha256));
	for (size_t i = 0; i < COUNT(HASHES); i++) {
		assert_ok(tpmiot_alg_digest(NULL, HASHES[i], NULL, 0, &out, &err), &err);
		assert_int_equal(out.size, tpmiot_alg_md_size(HASHES[i]));
	}
}

static void
test_alg_digest_unsupported(void **state)
{
	TPM2B_DIGEST out = { .size = 0x55 };
	struct tpmiot_err err = { 0 };

	(void)state;
	assert_refused(tpmiot_alg_digest(NULL, TPM2_ALG_SM3_256, "abc", 3, &out, &err),
	    TPMIOT_E_UNSUPPORTED, &err, "0x0012");
	assert_int_equal(out.size, 0x55);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alg_md_agrees_with_openssl),
		cmocka_unit_test(test_alg_from_md_name),
		cmocka_unit_test(test_alg_md_unknown),
		cmocka_unit_test(test_alg_group_agrees_with_openssl),
		cmocka_unit_test(test_alg_from_group_name),
		cmocka_unit_test(test_alg_group_unknown),
		cmocka_unit_test(test_alg_digest),
		cmocka_unit_test(test_alg_digest_unsupported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
