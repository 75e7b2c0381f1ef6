/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <tpmiot/b64.h>
#include <tpmiot/keyrules.h>

#include "roca_modulus.h"
#include "softtpm.h"

/* Keys are made once: RSA takes its time. */
static struct softkey srk, ek_rsa, ak_ecc, ak_rsa, key_ecc, key_rsa;

typedef enum tpmiot_rc check_fn(const struct tpmiot_public *pub, struct tpmiot_err *err);

static enum tpmiot_rc
check_ek(const struct tpmiot_public *pub, struct tpmiot_err *err)
{
	return tpmiot_keyrules_check_ek(NULL, pub, NULL, err);
}

static enum tpmiot_rc
check_ak(const struct tpmiot_public *pub, struct tpmiot_err *err)
{
	return tpmiot_keyrules_check_ak(NULL, pub, err);
}

static enum tpmiot_rc
check_key(const struct tpmiot_public *pub, struct tpmiot_err *err)
{
	return tpmiot_keyrules_check_key(NULL, pub, err);
}

static enum tpmiot_rc
check_srk(const struct tpmiot_public *pub, struct tpmiot_err *err)
{
	return tpmiot_keyrules_check_srk(NULL, pub, err);
}

/* A changed area is refused, for the reason that `word` tells. */
static void
refuse_area(check_fn *check, const TPMT_PUBLIC *area, enum tpmiot_rc expected, const char *word)
{
	struct tpmiot_err err = { 0 };
	struct tpmiot_public pub;

	assert_ok(tpmiot_public_from_area(NULL, area, &pub, &err), &err);
	assert_refused(check(&pub, &err), expected, &err, word);
	assert_int_equal(check(&pub, NULL), expected);
}

static void
accept(check_fn *check, const struct tpmiot_public *pub)
{
	struct tpmiot_err err = { 0 };

	assert_ok(check(pub, &err), &err);
}

static void
refuse_flipped(check_fn *check, const struct softkey *key, TPMA_OBJECT bit, const char *word)
{
	TPMT_PUBLIC area = key->pub.area;

	area.objectAttributes ^= bit;
	refuse_area(check, &area, TPMIOT_E_VERIFY, word);
}

static void
refuse_not_resident(check_fn *check, const struct softkey *key)
{
	refuse_flipped(check, key, TPMA_OBJECT_FIXEDTPM, "fixedTPM must be set");
	refuse_flipped(check, key, TPMA_OBJECT_FIXEDPARENT, "fixedParent must be set");
	refuse_flipped(
	    check, key, TPMA_OBJECT_SENSITIVEDATAORIGIN, "sensitiveDataOrigin must be set");
}

/* Rules of strength that EK, AK and device key share. */
static void
refuse_weak_rsa(check_fn *check, const struct softkey *key)
{
	TPMT_PUBLIC area = key->pub.area;

	area.parameters.rsaDetail.keyBits = 1024;
	area.unique.rsa.size = 128;
	area.unique.rsa.buffer[127] |= 1;
	refuse_area(check, &area, TPMIOT_E_VERIFY, "1024 bits");
	area = key->pub.area;
	area.parameters.rsaDetail.exponent = 3;
	refuse_area(check, &area, TPMIOT_E_VERIFY, "exponent 3");
	area = key->pub.area;
	area.unique.rsa.buffer[255] &= 0xfe;
	refuse_area(check, &area, TPMIOT_E_VERIFY, "modulus");
	area = key->pub.area;
	assert_ok(tpmiot_hex_decode(ROCA_MODULUS, area.unique.rsa.buffer, 256, NULL), NULL);
	refuse_area(check, &area, TPMIOT_E_VERIFY, "ROCA");
	area = key->pub.area;
	area.nameAlg = TPM2_ALG_SHA1;
	refuse_area(check, &area, TPMIOT_E_VERIFY, "nameAlg");
}

static void
refuse_weak_ecc(check_fn *check, const struct softkey *key)
{
	struct softkey other = { 0 };
	TPMT_PUBLIC area = key->pub.area;

	area.unique.ecc.y.buffer[31] ^= 1;
	refuse_area(check, &area, TPMIOT_E_VERIFY, "ECC public key");
	area = key->pub.area;
	area.unique.ecc.x.size = 0;
	area.unique.ecc.y.size = 0;
	refuse_area(check, &area, TPMIOT_E_VERIFY, "ECC public key");
	area = key->pub.area;
	area.parameters.eccDetail.curveID = TPM2_ECC_NIST_P224;
	softkey_make(&other, &area);
	refuse_area(check, &other.pub.area, TPMIOT_E_UNSUPPORTED, "curve 0x0002");
	softkey_free(&other);
	area = key->pub.area;
	area.parameters.eccDetail.curveID = TPM2_ECC_BN_P256;
	refuse_area(check, &area, TPMIOT_E_UNSUPPORTED, "curve 0x0010");
	area = key->pub.area;
	area.nameAlg = TPM2_ALG_SHA1;
	refuse_area(check, &area, TPMIOT_E_VERIFY, "nameAlg");
}

static void
refuse_keyedhash(check_fn *check, const struct softkey *key)
{
	TPMT_PUBLIC area = key->pub.area;

	memset(&area.parameters, 0, sizeof(area.parameters));
	memset(&area.unique, 0, sizeof(area.unique));
	area.type = TPM2_ALG_KEYEDHASH;
	area.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL;
	refuse_area(check, &area, TPMIOT_E_UNSUPPORTED, "neither RSA nor ECC");
}

/* ---- EK -------------------------------------------------------------------- */

static void
test_check_ek_profiles(void **state)
{
	static const char *const names[] = { "L-1", "L-2", "H-1", "H-2", "H-3", "H-4", "H-6" };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		const struct tpmiot_ek_profile *profile = NULL;
		struct softkey ek = { 0 };
		struct tpmiot_err err;

		softkey_make_ek(&ek, names[i]);
		assert_ok(tpmiot_keyrules_check_ek(NULL, &ek.pub, &profile, &err), &err);
		assert_string_equal(profile->name, names[i]);
		softkey_free(&ek);
	}
}

static void
test_check_ek_swtpm(void **state)
{
	static const char *const files[][2] = { { "ekcert/swtpm-rsa2048-ek.tpm2b", "L-1" },
		{ "ekcert/swtpm-p384-ek.tpm2b", "H-3" } };

	(void)state;
	for (size_t i = 0; i < COUNT(files); i++) {
		const struct tpmiot_ek_profile *profile = NULL;
		struct tpmiot_buf tpm2b = TPMIOT_BUF_INIT;
		struct tpmiot_public pub;
		struct tpmiot_err err;

		read_vector(files[i][0], &tpm2b);
		assert_ok(tpmiot_public_parse(NULL, tpm2b.data, tpm2b.len, &pub, &err), &err);
		assert_ok(tpmiot_keyrules_check_ek(NULL, &pub, &profile, &err), &err);
		assert_string_equal(profile->name, files[i][1]);
		tpmiot_buf_free(&tpm2b);
	}
}

static void
test_check_ek_exponent_spelled_out(void **state)
{
	TPMT_PUBLIC area = ek_rsa.pub.area;
	struct tpmiot_public pub;

	(void)state;
	area.parameters.rsaDetail.exponent = 65537;
	assert_int_equal(tpmiot_public_from_area(NULL, &area, &pub, NULL), TPMIOT_OK);
	accept(check_ek, &pub);
}

/* Every reserved bit by itself; those that a newer version has given a meaning pass. */
static void
refuse_reserved(check_fn *check, const struct softkey *key, bool free_otherwise)
{
	for (unsigned bit = 0; bit < 32; bit++)
		if ((0xfff0f009u >> bit & 1) != 0)
			refuse_flipped(check, key, (TPMA_OBJECT)1 << bit, "reserved");
	for (unsigned bit = 8; free_otherwise && bit < 10; bit++) {
		TPMT_PUBLIC area = key->pub.area;
		struct tpmiot_public pub;

		area.objectAttributes ^= (TPMA_OBJECT)1 << bit;
		assert_int_equal(tpmiot_public_from_area(NULL, &area, &pub, NULL), TPMIOT_OK);
		accept(check, &pub);
	}
}

static void
test_check_ek_attributes(void **state)
{
	(void)state;
	refuse_not_resident(check_ek, &ek_rsa);
	refuse_reserved(check_ek, &ek_rsa, false);
	refuse_flipped(check_ek, &ek_rsa, TPMA_OBJECT_RESTRICTED, "restricted must be set");
	refuse_flipped(check_ek, &ek_rsa, TPMA_OBJECT_DECRYPT, "decrypt must be set");
	refuse_flipped(check_ek, &ek_rsa, TPMA_OBJECT_SIGN_ENCRYPT, "sign must not be set");
}

static void
test_check_ek_template(void **state)
{
	TPMT_PUBLIC area = ek_rsa.pub.area;

	(void)state;
	refuse_flipped(check_ek, &ek_rsa, TPMA_OBJECT_USERWITHAUTH, "template");
	area.authPolicy.buffer[0] ^= 1;
	refuse_area(check_ek, &area, TPMIOT_E_VERIFY, "template");
	area = ek_rsa.pub.area;
	area.authPolicy.size = 0;
	refuse_area(check_ek, &area, TPMIOT_E_VERIFY, "template");
	area = ek_rsa.pub.area;
	area.parameters.rsaDetail.symmetric.keyBits.aes = 256;
	refuse_area(check_ek, &area, TPMIOT_E_VERIFY, "template");
	area = ek_rsa.pub.area;
	area.nameAlg = TPM2_ALG_SHA384;
	refuse_area(check_ek, &area, TPMIOT_E_VERIFY, "template");
}

static void
test_check_ek_strength(void **state)
{
	struct softkey ek_ecc = { 0 };

	(void)state;
	softkey_make_ek(&ek_ecc, "L-2");
	refuse_weak_rsa(check_ek, &ek_rsa);
	refuse_weak_ecc(check_ek, &ek_ecc);
	refuse_keyedhash(check_ek, &ek_rsa);
	softkey_free(&ek_ecc);
}

/* ---- AK -------------------------------------------------------------------- */

static void
test_check_ak_sound(void **state)
{
	TPMT_PUBLIC area = ak_rsa.pub.area;
	struct tpmiot_public pub;

	(void)state;
	accept(check_ak, &ak_ecc.pub);
	accept(check_ak, &ak_rsa.pub);
	area.parameters.rsaDetail.scheme.scheme = TPM2_ALG_RSAPSS;
	area.parameters.rsaDetail.scheme.details.rsapss.hashAlg = TPM2_ALG_SHA384;
	assert_int_equal(tpmiot_public_from_area(NULL, &area, &pub, NULL), TPMIOT_OK);
	accept(check_ak, &pub);
}

static void
test_check_ak_attributes(void **state)
{
	(void)state;
	refuse_not_resident(check_ak, &ak_ecc);
	refuse_reserved(check_ak, &ak_ecc, true);
	refuse_flipped(check_ak, &ak_ecc, TPMA_OBJECT_RESTRICTED, "restricted must be set");
	refuse_flipped(check_ak, &ak_ecc, TPMA_OBJECT_SIGN_ENCRYPT, "sign must be set");
	refuse_flipped(check_ak, &ak_ecc, TPMA_OBJECT_DECRYPT, "decrypt must not be set");
}

static void
test_check_ak_scheme(void **state)
{
	TPMT_PUBLIC area = ak_ecc.pub.area;

	(void)state;
	area.parameters.eccDetail.scheme.scheme = TPM2_ALG_NULL;
	refuse_area(check_ak, &area, TPMIOT_E_VERIFY, "signing scheme");
	area = ak_ecc.pub.area;
	area.parameters.eccDetail.scheme.scheme = TPM2_ALG_ECDAA;
	refuse_area(check_ak, &area, TPMIOT_E_UNSUPPORTED, "0x001a");
	area = ak_ecc.pub.area;
	area.parameters.eccDetail.scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA1;
	refuse_area(check_ak, &area, TPMIOT_E_VERIFY, "hash 0x0004");
	area = ak_rsa.pub.area;
	area.parameters.rsaDetail.scheme.details.rsassa.hashAlg = TPM2_ALG_SHA1;
	refuse_area(check_ak, &area, TPMIOT_E_VERIFY, "hash 0x0004");
	area = ak_rsa.pub.area;
	area.parameters.rsaDetail.scheme.scheme = TPM2_ALG_NULL;
	refuse_area(check_ak, &area, TPMIOT_E_VERIFY, "signing scheme");
}

static void
test_check_ak_strength(void **state)
{
	(void)state;
	refuse_weak_rsa(check_ak, &ak_rsa);
	refuse_weak_ecc(check_ak, &ak_ecc);
	refuse_keyedhash(check_ak, &ak_ecc);
}

/* ---- storage root key ------------------------------------------------------- */

static void
test_check_srk(void **state)
{
	TPMT_PUBLIC area = srk.pub.area;

	(void)state;
	accept(check_srk, &srk.pub);
	refuse_not_resident(check_srk, &srk);
	refuse_flipped(check_srk, &srk, TPMA_OBJECT_RESTRICTED, "restricted must be set");
	refuse_flipped(check_srk, &srk, TPMA_OBJECT_DECRYPT, "decrypt must be set");
	refuse_flipped(check_srk, &srk, TPMA_OBJECT_SIGN_ENCRYPT, "sign must not be set");
	refuse_weak_ecc(check_srk, &srk);
	area.parameters.eccDetail.symmetric.mode.aes = TPM2_ALG_CBC;
	refuse_area(check_srk, &area, TPMIOT_E_UNSUPPORTED, "not AES in CFB mode");
	area = srk.pub.area;
	area.parameters.eccDetail.symmetric.algorithm = TPM2_ALG_CAMELLIA;
	refuse_area(check_srk, &area, TPMIOT_E_UNSUPPORTED, "not AES in CFB mode");
}

/* ---- device key ------------------------------------------------------------ */

static void
test_check_key_kinds(void **state)
{
	(void)state;
	for (int kind = TPMIOT_KEY_EC_P256; kind <= TPMIOT_KEY_RSA_3072; kind++) {
		struct softkey key = { 0 };
		TPMT_PUBLIC area;

		tpmiot_template_key((enum tpmiot_key_kind)kind, &area);
		softkey_make(&key, &area);
		accept(check_key, &key.pub);
		softkey_free(&key);
	}
}

static void
test_check_key_attributes(void **state)
{
	(void)state;
	refuse_not_resident(check_key, &key_ecc);
	refuse_flipped(check_key, &key_ecc, TPMA_OBJECT_RESTRICTED, "restricted must not be set");
	refuse_flipped(check_key, &key_ecc, TPMA_OBJECT_SIGN_ENCRYPT, "sign must be set");
	refuse_flipped(check_key, &key_ecc, TPMA_OBJECT_DECRYPT, "decrypt must not be set");
}

static void
test_check_key_scheme(void **state)
{
	TPMT_PUBLIC area = key_ecc.pub.area;
	struct tpmiot_public pub;

	(void)state;
	area.parameters.eccDetail.scheme.scheme = TPM2_ALG_ECDSA;
	area.parameters.eccDetail.scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
	assert_int_equal(tpmiot_public_from_area(NULL, &area, &pub, NULL), TPMIOT_OK);
	accept(check_key, &pub);
	area.parameters.eccDetail.scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA1;
	refuse_area(check_key, &area, TPMIOT_E_VERIFY, "hash 0x0004");
	area = key_rsa.pub.area;
	area.parameters.rsaDetail.scheme.scheme = TPM2_ALG_RSAES;
	refuse_area(check_key, &area, TPMIOT_E_UNSUPPORTED, "0x0015");
}

static void
test_check_key_strength(void **state)
{
	(void)state;
	refuse_weak_rsa(check_key, &key_rsa);
	refuse_weak_ecc(check_key, &key_ecc);
	refuse_keyedhash(check_key, &key_ecc);
}

static int
make_keys(void **state)
{
	TPMT_PUBLIC area;

	(void)state;
	softkey_make_ek(&ek_rsa, "L-1");
	tpmiot_template_ak_ecc(&area);
	softkey_make(&ak_ecc, &area);
	tpmiot_template_srk_ecc(&area);
	softkey_make(&srk, &area);
	tpmiot_template_ak_rsa(&area);
	softkey_make(&ak_rsa, &area);
	tpmiot_template_key(TPMIOT_KEY_EC_P256, &area);
	softkey_make(&key_ecc, &area);
	tpmiot_template_key(TPMIOT_KEY_RSA_2048, &area);
	softkey_make(&key_rsa, &area);
	return 0;
}

static int
free_keys(void **state)
{
	(void)state;
	softkey_free(&ek_rsa);
	softkey_free(&ak_ecc);
	softkey_free(&srk);
	softkey_free(&ak_rsa);
	softkey_free(&key_ecc);
	softkey_free(&key_rsa);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check_ek_profiles),
		cmocka_unit_test(test_check_ek_swtpm),
		cmocka_unit_test(test_check_ek_exponent_spelled_out),
		cmocka_unit_test(test_check_ek_attributes),
		cmocka_unit_test(test_check_ek_template),
		cmocka_unit_test(test_check_ek_strength),
		cmocka_unit_test(test_check_ak_sound),
		cmocka_unit_test(test_check_ak_attributes),
		cmocka_unit_test(test_check_ak_scheme),
		cmocka_unit_test(test_check_ak_strength),
		cmocka_unit_test(test_check_srk),
		cmocka_unit_test(test_check_key_kinds),
		cmocka_unit_test(test_check_key_attributes),
		cmocka_unit_test(test_check_key_scheme),
		cmocka_unit_test(test_check_key_strength),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
