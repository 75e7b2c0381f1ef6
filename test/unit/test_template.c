/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <tpmiot/alg.h>
#include <tpmiot/public.h>
#include <tpmiot/template.h>

/* Objects that swtpm_setup and tpm2-tools made from these templates. */
static const struct {
	const char *file, *profile;
} EKS[] = {
	{ "public/ek-l1.tpm2b", "L-1" },
	{ "public/ek-l2.tpm2b", "L-2" },
	{ "public/ek-h3.tpm2b", "H-3" },
	{ "public/ek-h4.tpm2b", "H-4" },
	{ "public/ek-h6.tpm2b", "H-6" },
};

static TPMT_PUBLIC
load(const char *file)
{
	struct tpmiot_buf tpm2b = TPMIOT_BUF_INIT;
	struct tpmiot_public pub;
	struct tpmiot_err err;

	read_vector(file, &tpm2b);
	assert_ok(tpmiot_public_parse(NULL, tpm2b.data, tpm2b.len, &pub, &err), &err);
	tpmiot_buf_free(&tpm2b);
	return pub.area;
}

/* EK Credential Profile, clause 2.2.1.4. */
static void
test_ek_profile_at(void **state)
{
	static const struct {
		const char *name;
		TPM2_HANDLE cert;
	} expected[] = {
		{ "L-1", 0x01c00002 },
		{ "L-2", 0x01c0000a },
		{ "H-1", 0x01c00012 },
		{ "H-2", 0x01c00014 },
		{ "H-3", 0x01c00016 },
		{ "H-4", 0x01c00018 },
		{ "H-6", 0x01c0001c },
		{ "H-7", 0x01c0001e },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(expected); i++) {
		const struct tpmiot_ek_profile *p = tpmiot_ek_profile_at(i);

		assert_string_equal(p->name, expected[i].name);
		assert_int_equal(p->cert_index, expected[i].cert);
		assert_int_equal(p->high_range, p->name[0] == 'H');
		assert_int_equal(p->nonce_index, p->high_range ? 0 : p->cert_index + 1);
		assert_int_equal(p->template_index, p->high_range ? 0 : p->cert_index + 2);
	}
	assert_null(tpmiot_ek_profile_at(COUNT(expected)));
	assert_null(tpmiot_ek_profile_at(SIZE_MAX));
}

/* ---- the policies, computed as a TPM does (Part 3, clause 23; annex B.6) --- */

/* policy = H(policy ‖ cc ‖ rest) */
static void
extend(TPMI_ALG_HASH alg, TPM2B_DIGEST *policy, TPM2_CC cc, const void *rest, size_t len)
{
	struct tpmiot_buf in = TPMIOT_BUF_INIT;
	struct tpmiot_err err;

	tpmiot_buf_put(&in, policy->buffer, policy->size);
	tpmiot_buf_put_u32(&in, cc);
	tpmiot_buf_put(&in, rest, len);
	assert_ok(tpmiot_alg_digest(NULL, alg, in.data, in.len, policy, &err), &err);
	tpmiot_buf_free(&in);
}

/* PolicyA: PolicySecret(TPM_RH_ENDORSEMENT), whose second step hashes an empty policyRef. */
static TPM2B_DIGEST
policy_a(TPMI_ALG_HASH alg)
{
	TPM2B_DIGEST policy = { .size = (UINT16)tpmiot_alg_md_size(alg) };
	struct tpmiot_err err;

	extend(alg, &policy, TPM2_CC_PolicySecret, "\x40\x00\x00\x0b", 4);
	assert_ok(tpmiot_alg_digest(NULL, alg, policy.buffer, policy.size, &policy, &err), &err);
	return policy;
}

/* PolicyC: PolicyAuthorizeNV of the index that B.6.3 defines for the hash. */
static TPM2B_DIGEST
policy_c(TPMI_ALG_HASH alg, TPM2_HANDLE index)
{
	TPM2B_DIGEST policy = { .size = (UINT16)tpmiot_alg_md_size(alg) }, a = policy_a(alg),
	             digest;
	struct tpmiot_buf nv = TPMIOT_BUF_INIT, name = TPMIOT_BUF_INIT;
	struct tpmiot_err err;

	tpmiot_buf_put_u32(&nv, index);
	tpmiot_buf_put_u16(&nv, alg);
	tpmiot_buf_put_u32(&nv, 0x220f1008);
	tpmiot_buf_put_u16(&nv, a.size);
	tpmiot_buf_put(&nv, a.buffer, a.size);
	tpmiot_buf_put_u16(&nv, (uint16_t)(2 + a.size));
	assert_ok(tpmiot_alg_digest(NULL, alg, nv.data, nv.len, &digest, &err), &err);
	tpmiot_buf_put_u16(&name, alg);
	tpmiot_buf_put(&name, digest.buffer, digest.size);
	extend(alg, &policy, TPM2_CC_PolicyAuthorizeNV, name.data, name.len);
	tpmiot_buf_free(&nv);
	tpmiot_buf_free(&name);
	return policy;
}

static TPM2B_DIGEST
policy_b(TPMI_ALG_HASH alg)
{
	TPM2_HANDLE index = alg == TPM2_ALG_SHA256   ? 0x01c07f01
	                    : alg == TPM2_ALG_SHA384 ? 0x01c07f02
	                                             : 0x01c07f03;
	TPM2B_DIGEST a = policy_a(alg), c = policy_c(alg, index);
	TPM2B_DIGEST policy = { .size = a.size };
	struct tpmiot_buf both = TPMIOT_BUF_INIT;

	tpmiot_buf_put(&both, a.buffer, a.size);
	tpmiot_buf_put(&both, c.buffer, c.size);
	extend(alg, &policy, TPM2_CC_PolicyOR, both.data, both.len);
	tpmiot_buf_free(&both);
	return policy;
}

static void
test_template_ek_policies(void **state)
{
	const struct tpmiot_ek_profile *p;

	(void)state;
	for (size_t i = 0; (p = tpmiot_ek_profile_at(i)) != NULL; i++) {
		TPM2B_DIGEST expected =
		    p->high_range ? policy_b(p->name_alg) : policy_a(p->name_alg);
		TPMT_PUBLIC area;

		tpmiot_template_ek(p, &area);
		assert_int_equal(area.nameAlg, p->name_alg);
		assert_int_equal(area.authPolicy.size, expected.size);
		assert_memory_equal(area.authPolicy.buffer, expected.buffer, expected.size);
	}
}

/* Annexes B.3 and B.4: 0x000300b2 in the low range, userWithAuth besides in the high one. */
static void
test_template_ek_attributes_and_unique(void **state)
{
	static const uint8_t zero[TPM2_MAX_RSA_KEY_BYTES];
	const struct tpmiot_ek_profile *p;

	(void)state;
	for (size_t i = 0; (p = tpmiot_ek_profile_at(i)) != NULL; i++) {
		size_t low = p->type == TPM2_ALG_RSA ? 256 : 32;
		TPMT_PUBLIC area;

		tpmiot_template_ek(p, &area);
		assert_int_equal(area.objectAttributes, p->high_range ? 0x000300f2 : 0x000300b2);
		if (p->type == TPM2_ALG_RSA) {
			assert_int_equal(area.unique.rsa.size, p->high_range ? 0 : low);
			assert_memory_equal(area.unique.rsa.buffer, zero, low);
			assert_int_equal(area.parameters.rsaDetail.keyBits, p->bits);
			assert_int_equal(area.parameters.rsaDetail.exponent, 0);
		} else {
			assert_int_equal(area.unique.ecc.x.size, p->high_range ? 0 : low);
			assert_int_equal(area.unique.ecc.y.size, p->high_range ? 0 : low);
			assert_memory_equal(area.unique.ecc.x.buffer, zero, low);
			assert_int_equal(area.parameters.eccDetail.curveID, p->curve);
		}
	}
}

static void
test_ek_profile_match_real_eks(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(EKS); i++) {
		TPMT_PUBLIC area = load(EKS[i].file);
		const struct tpmiot_ek_profile *p = tpmiot_ek_profile_match(&area);

		assert_non_null(p);
		assert_string_equal(p->name, EKS[i].profile);
	}
}

static void
test_ek_profile_match_every_template(void **state)
{
	const struct tpmiot_ek_profile *p;

	(void)state;
	for (size_t i = 0; (p = tpmiot_ek_profile_at(i)) != NULL; i++) {
		TPMT_PUBLIC area;

		tpmiot_template_ek(p, &area);
		assert_ptr_equal(tpmiot_ek_profile_match(&area), p);
	}
}

static void
assert_no_match(const TPMT_PUBLIC *area)
{
	assert_null(tpmiot_ek_profile_match(area));
}

/* Anything but unique that is different makes it another template. */
static void
test_ek_profile_match_differences(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(EKS); i++) {
		const TPMT_PUBLIC good = load(EKS[i].file);
		TPMT_PUBLIC area = good;
		TPMT_SYM_DEF_OBJECT *sym = good.type == TPM2_ALG_RSA
		                               ? &area.parameters.rsaDetail.symmetric
		                               : &area.parameters.eccDetail.symmetric;

		for (int bit = 0; bit < 32; bit++) {
			area.objectAttributes = good.objectAttributes ^ 1u << bit;
			assert_no_match(&area);
		}
		area = good;
		area.authPolicy.buffer[area.authPolicy.size - 1] ^= 1;
		assert_no_match(&area);
		area.authPolicy.size = 0;
		assert_no_match(&area);
		area = good;
		area.nameAlg = TPM2_ALG_SHA3_256;
		assert_no_match(&area);
		area = good;
		sym->keyBits.aes = 192;
		assert_no_match(&area);
		area = good;
		sym->mode.aes = TPM2_ALG_CTR;
		assert_no_match(&area);
		area = good;
		sym->algorithm = TPM2_ALG_CAMELLIA;
		assert_no_match(&area);
	}
}

static void
test_ek_profile_match_differences_rsa(void **state)
{
	const TPMT_PUBLIC good = load("public/ek-l1.tpm2b");
	TPMT_PUBLIC area = good;

	(void)state;
	area.parameters.rsaDetail.keyBits = 3072;
	assert_no_match(&area);
	area = good;
	area.parameters.rsaDetail.exponent = 3;
	assert_no_match(&area);
	area = good;
	area.parameters.rsaDetail.scheme.scheme = TPM2_ALG_OAEP;
	area.parameters.rsaDetail.scheme.details.oaep.hashAlg = TPM2_ALG_SHA256;
	assert_no_match(&area);
	area = good;
	area.unique.rsa.buffer[7] ^= 1;
	assert_string_equal(tpmiot_ek_profile_match(&area)->name, "L-1");
}

static void
test_ek_profile_match_differences_ecc(void **state)
{
	const TPMT_PUBLIC good = load("public/ek-l2.tpm2b");
	TPMT_PUBLIC area = good;

	(void)state;
	area.parameters.eccDetail.curveID = TPM2_ECC_NIST_P384;
	assert_no_match(&area);
	area = good;
	area.parameters.eccDetail.scheme.scheme = TPM2_ALG_ECDH;
	area.parameters.eccDetail.scheme.details.ecdh.hashAlg = TPM2_ALG_SHA256;
	assert_no_match(&area);
	area = good;
	area.parameters.eccDetail.kdf.scheme = TPM2_ALG_KDF1_SP800_56A;
	area.parameters.eccDetail.kdf.details.kdf1_sp800_56a.hashAlg = TPM2_ALG_SHA256;
	assert_no_match(&area);
	area = load("public/srk-ecc.tpm2b");
	assert_no_match(&area);
	area = load("public/ak-ecc.tpm2b");
	assert_no_match(&area);
}

/* Everything but unique, marshalled, is what tpm2-tools' SRK has (TCG Provisioning Guidance). */
static void
test_template_srk(void **state)
{
	TPMT_PUBLIC made = load("public/srk-ecc.tpm2b"), area;
	struct tpmiot_public a, b;
	struct tpmiot_err err;

	(void)state;
	tpmiot_template_srk_ecc(&area);
	assert_int_equal(area.objectAttributes, 0x00030472);
	area.unique = made.unique;
	assert_ok(tpmiot_public_from_area(NULL, &area, &a, &err), &err);
	assert_ok(tpmiot_public_from_area(NULL, &made, &b, &err), &err);
	assert_int_equal(a.raw_len, b.raw_len);
	assert_memory_equal(a.raw, b.raw, a.raw_len);

	tpmiot_template_srk_rsa(&area);
	assert_int_equal(area.objectAttributes, 0x00030472);
	assert_int_equal(area.parameters.rsaDetail.keyBits, 2048);
	assert_int_equal(area.parameters.rsaDetail.symmetric.keyBits.aes, 128);
	assert_int_equal(area.authPolicy.size, 0);
}

static void
test_template_is_srk(void **state)
{
	TPMT_PUBLIC area = load("public/srk-ecc.tpm2b");

	(void)state;
	assert_true(tpmiot_template_is_srk(&area));
	area.objectAttributes &= ~TPMA_OBJECT_NODA;
	assert_false(tpmiot_template_is_srk(&area));
	tpmiot_template_srk_rsa(&area);
	assert_true(tpmiot_template_is_srk(&area));
	area = load("public/ek-l2.tpm2b");
	assert_false(tpmiot_template_is_srk(&area));
	area = load("public/ecc-p256.tpm2b");
	assert_false(tpmiot_template_is_srk(&area));
}

static void
test_template_ak(void **state)
{
	TPMT_PUBLIC area;

	(void)state;
	tpmiot_template_ak_ecc(&area);
	assert_int_equal(area.objectAttributes, 0x00050472); /* restricted, sign, not decrypt */
	assert_int_equal(area.parameters.eccDetail.curveID, TPM2_ECC_NIST_P256);
	assert_int_equal(area.parameters.eccDetail.scheme.scheme, TPM2_ALG_ECDSA);
	assert_int_equal(area.parameters.eccDetail.scheme.details.ecdsa.hashAlg, TPM2_ALG_SHA256);
	assert_int_equal(area.parameters.eccDetail.symmetric.algorithm, TPM2_ALG_NULL);
	tpmiot_template_ak_rsa(&area);
	assert_int_equal(area.objectAttributes, 0x00050472);
	assert_int_equal(area.parameters.rsaDetail.keyBits, 2048);
	assert_int_equal(area.parameters.rsaDetail.scheme.scheme, TPM2_ALG_RSASSA);
	assert_int_equal(area.parameters.rsaDetail.scheme.details.rsassa.hashAlg, TPM2_ALG_SHA256);
	assert_int_equal(area.parameters.rsaDetail.symmetric.algorithm, TPM2_ALG_NULL);
}

static void
test_template_key(void **state)
{
	static const struct {
		const char *name;
		enum tpmiot_key_kind kind;
		uint16_t bits;
		TPMI_ECC_CURVE curve;
	} kinds[] = {
		{ "ec-p256", TPMIOT_KEY_EC_P256, 0, TPM2_ECC_NIST_P256 },
		{ "ec-p384", TPMIOT_KEY_EC_P384, 0, TPM2_ECC_NIST_P384 },
		{ "rsa-2048", TPMIOT_KEY_RSA_2048, 2048, 0 },
		{ "rsa-3072", TPMIOT_KEY_RSA_3072, 3072, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		enum tpmiot_key_kind kind = TPMIOT_KEY_EC_P256;
		struct tpmiot_public pub;
		struct tpmiot_err err;
		TPMT_PUBLIC area;

		assert_true(tpmiot_key_kind_parse(kinds[i].name, &kind));
		assert_int_equal(kind, kinds[i].kind);
		assert_string_equal(tpmiot_key_kind_name(kind), kinds[i].name);
		tpmiot_template_key(kind, &area);
		assert_int_equal(area.objectAttributes, 0x00040472); /* sign, not restricted */
		if (kinds[i].bits != 0) {
			assert_int_equal(area.parameters.rsaDetail.keyBits, kinds[i].bits);
			assert_int_equal(area.parameters.rsaDetail.scheme.scheme, TPM2_ALG_NULL);
		} else {
			assert_int_equal(area.parameters.eccDetail.curveID, kinds[i].curve);
			assert_int_equal(area.parameters.eccDetail.scheme.scheme, TPM2_ALG_NULL);
		}
		assert_ok(tpmiot_public_from_area(NULL, &area, &pub, &err), &err);
	}
}

static void
test_key_kind_parse_refused(void **state)
{
	static const char *const names[] = { "", "ec", "ec-p25", "ec-p2566", "EC-P256",
		"rsa-1024" };
	enum tpmiot_key_kind kind = TPMIOT_KEY_RSA_3072;

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		assert_false(tpmiot_key_kind_parse(names[i], &kind));
	assert_int_equal(kind, TPMIOT_KEY_RSA_3072);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ek_profile_at),
		cmocka_unit_test(test_template_ek_policies),
		cmocka_unit_test(test_template_ek_attributes_and_unique),
		cmocka_unit_test(test_ek_profile_match_real_eks),
		cmocka_unit_test(test_ek_profile_match_every_template),
		cmocka_unit_test(test_ek_profile_match_differences),
		cmocka_unit_test(test_ek_profile_match_differences_rsa),
		cmocka_unit_test(test_ek_profile_match_differences_ecc),
		cmocka_unit_test(test_template_srk),
		cmocka_unit_test(test_template_is_srk),
		cmocka_unit_test(test_template_ak),
		cmocka_unit_test(test_template_key),
		cmocka_unit_test(test_key_kind_parse_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
