/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <tpmiot/template.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define ATTR_PRIMARY                                                                               \
	(TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN)
#define ATTR_STORAGE (TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT)

/*
 * EK Credential Profile 2.5, annex B.6: policy A is PolicySecret(endorsement),
 * C the owner's policy in NV, B either of them. Low-range EKs have A, high-range
 * ones B.
 */
static const struct {
	TPMI_ALG_HASH alg;
	TPM2B_DIGEST a, b, c;
} POLICIES[] = {
	{
	    .alg = TPM2_ALG_SHA256,
	    .a = { 32, { 0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d,
	                   0x46, 0xa5, 0xd7, 0x24, 0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64,
	                   0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa } },
	    .b = { 32, { 0xca, 0x3d, 0x0a, 0x99, 0xa2, 0xb9, 0x39, 0x06, 0xf7, 0xa3, 0x34, 0x24,
	                   0x14, 0xef, 0xcf, 0xb3, 0xa3, 0x85, 0xd4, 0x4c, 0xd1, 0xfd, 0x45, 0x90,
	                   0x89, 0xd1, 0x9b, 0x50, 0x71, 0xc0, 0xb7, 0xa0 } },
	    .c = { 32, { 0x37, 0x67, 0xe2, 0xed, 0xd4, 0x3f, 0xf4, 0x5a, 0x3a, 0x7e, 0x1e, 0xae,
	                   0xfc, 0xef, 0x78, 0x64, 0x3d, 0xca, 0x96, 0x46, 0x32, 0xe7, 0xaa, 0xd8,
	                   0x2c, 0x67, 0x3a, 0x30, 0xd8, 0x63, 0x3f, 0xde } },
	},
	{
	    .alg = TPM2_ALG_SHA384,
	    .a = { 48,
	        { 0x8b, 0xbf, 0x22, 0x66, 0x53, 0x7c, 0x17, 0x1c, 0xb5, 0x6e, 0x40, 0x3c, 0x4d,
	            0xc1, 0xd4, 0xb6, 0x4f, 0x43, 0x26, 0x11, 0xdc, 0x38, 0x6e, 0x6f, 0x53, 0x20,
	            0x50, 0xc3, 0x27, 0x8c, 0x93, 0x0e, 0x14, 0x3e, 0x8b, 0xb1, 0x13, 0x38, 0x24,
	            0xcc, 0xb4, 0x31, 0x05, 0x38, 0x71, 0xc6, 0xdb, 0x53 } },
	    .b = { 48,
	        { 0xb2, 0x6e, 0x7d, 0x28, 0xd1, 0x1a, 0x50, 0xbc, 0x53, 0xd8, 0x82, 0xbc, 0xf5,
	            0xfd, 0x3a, 0x1a, 0x07, 0x41, 0x48, 0xbb, 0x35, 0xd3, 0xb4, 0xe4, 0xcb, 0x1c,
	            0x0a, 0xd9, 0xbd, 0xe4, 0x19, 0xca, 0xcb, 0x47, 0xba, 0x09, 0x69, 0x96, 0x46,
	            0x15, 0x0f, 0x9f, 0xc0, 0x00, 0xf3, 0xf8, 0x0e, 0x12 } },
	    .c = { 48,
	        { 0xd6, 0x03, 0x2c, 0xe6, 0x1f, 0x2f, 0xb3, 0xc2, 0x40, 0xeb, 0x3c, 0xf6, 0xa3,
	            0x32, 0x37, 0xef, 0x2b, 0x6a, 0x16, 0xf4, 0x29, 0x3c, 0x22, 0xb4, 0x55, 0xe2,
	            0x61, 0xcf, 0xfd, 0x21, 0x7a, 0xd5, 0xb4, 0x94, 0x7c, 0x2d, 0x73, 0xe6, 0x30,
	            0x05, 0xee, 0xd2, 0xdc, 0x2b, 0x35, 0x93, 0xd1, 0x65 } },
	},
	{
	    .alg = TPM2_ALG_SHA512,
	    .a = { 64,
	        { 0x1e, 0x3b, 0x76, 0x50, 0x2c, 0x8a, 0x14, 0x25, 0xaa, 0x0b, 0x7b, 0x3f, 0xc6,
	            0x46, 0xa1, 0xb0, 0xfa, 0xe0, 0x63, 0xb0, 0x3b, 0x53, 0x68, 0xf9, 0xc4, 0xcd,
	            0xde, 0xca, 0xff, 0x08, 0x91, 0xdd, 0x68, 0x2b, 0xac, 0x1a, 0x85, 0xd4, 0xd8,
	            0x32, 0xb7, 0x81, 0xea, 0x45, 0x19, 0x15, 0xde, 0x5f, 0xc5, 0xbf, 0x0d, 0xc4,
	            0xa1, 0x91, 0x7c, 0xd4, 0x2f, 0xa0, 0x41, 0xe3, 0xf9, 0x98, 0xe0, 0xee } },
	    .b = { 64,
	        { 0xb8, 0x22, 0x1c, 0xa6, 0x9e, 0x85, 0x50, 0xa4, 0x91, 0x4d, 0xe3, 0xfa, 0xa6,
	            0xa1, 0x8c, 0x07, 0x2c, 0xc0, 0x12, 0x08, 0x07, 0x3a, 0x92, 0x8d, 0x5d, 0x66,
	            0xd5, 0x9e, 0xf7, 0x9e, 0x49, 0xa4, 0x29, 0xc4, 0x1a, 0x6b, 0x26, 0x95, 0x71,
	            0xd5, 0x7e, 0xdb, 0x25, 0xfb, 0xdb, 0x18, 0x38, 0x42, 0x56, 0x08, 0xb4, 0x13,
	            0xcd, 0x61, 0x6a, 0x5f, 0x6d, 0xb5, 0xb6, 0x07, 0x1a, 0xf9, 0x9b, 0xea } },
	    .c = { 64,
	        { 0x58, 0x9e, 0xe1, 0xe1, 0x46, 0x54, 0x47, 0x16, 0xe8, 0xde, 0xaf, 0xe6, 0xdb,
	            0x24, 0x7b, 0x01, 0xb8, 0x1e, 0x9f, 0x9c, 0x7d, 0xd1, 0x6b, 0x81, 0x4a, 0xa1,
	            0x59, 0x13, 0x87, 0x49, 0x10, 0x5f, 0xba, 0x53, 0x88, 0xdd, 0x1d, 0xea, 0x70,
	            0x2f, 0x35, 0x24, 0x0c, 0x18, 0x49, 0x33, 0x12, 0x1e, 0x2c, 0x61, 0xb8, 0xf5,
	            0x0d, 0x3e, 0xf9, 0x13, 0x93, 0xa4, 0x9a, 0x38, 0xc3, 0xf7, 0x3f, 0xc8 } },
	},
};

/*
 * Clause 2.2.1.4 (indices), B.3 and B.4 (templates). Handles: 0x81010001 is the
 * PC Client's; the high range mirrors the certificates' indices, as TPM makers
 * and swtpm do.
 */
static const struct tpmiot_ek_profile PROFILES[] = {
	{ "L-1", "RSA 2048, low range", 0x01c00002, 0x01c00004, 0x01c00003, 0x81010001, false,
	    TPM2_ALG_RSA, 2048, TPM2_ECC_NONE, TPM2_ALG_SHA256, 128 },
	{ "L-2", "ECC P-256, low range", 0x01c0000a, 0x01c0000c, 0x01c0000b, 0x81010002, false,
	    TPM2_ALG_ECC, 0, TPM2_ECC_NIST_P256, TPM2_ALG_SHA256, 128 },
	{ "H-1", "RSA 2048, high range", 0x01c00012, 0, 0, 0x81010012, true, TPM2_ALG_RSA, 2048,
	    TPM2_ECC_NONE, TPM2_ALG_SHA256, 128 },
	{ "H-2", "ECC P-256, high range", 0x01c00014, 0, 0, 0x81010014, true, TPM2_ALG_ECC, 0,
	    TPM2_ECC_NIST_P256, TPM2_ALG_SHA256, 128 },
	{ "H-3", "ECC P-384, high range", 0x01c00016, 0, 0, 0x81010016, true, TPM2_ALG_ECC, 0,
	    TPM2_ECC_NIST_P384, TPM2_ALG_SHA384, 256 },
	{ "H-4", "ECC P-521, high range", 0x01c00018, 0, 0, 0x81010018, true, TPM2_ALG_ECC, 0,
	    TPM2_ECC_NIST_P521, TPM2_ALG_SHA512, 256 },
	{ "H-6", "RSA 3072, high range", 0x01c0001c, 0, 0, 0x8101001c, true, TPM2_ALG_RSA, 3072,
	    TPM2_ECC_NONE, TPM2_ALG_SHA384, 256 },
	{ "H-7", "RSA 4096, high range", 0x01c0001e, 0, 0, 0x8101001e, true, TPM2_ALG_RSA, 4096,
	    TPM2_ECC_NONE, TPM2_ALG_SHA384, 256 },
};

const struct tpmiot_ek_profile *
tpmiot_ek_profile_at(size_t i)
{
	return i < COUNT(PROFILES) ? &PROFILES[i] : NULL;
}

static size_t
policy_row(TPMI_ALG_HASH alg)
{
	size_t i = COUNT(POLICIES) - 1;

	while (i > 0 && POLICIES[i].alg != alg)
		i--;
	return i;
}

void
tpmiot_ek_policy_branches(const struct tpmiot_ek_profile *profile, TPM2B_DIGEST out[2])
{
	size_t row = policy_row(profile->name_alg);

	out[0] = POLICIES[row].a;
	out[1] = POLICIES[row].c;
}

static void
set_storage_cipher(TPMT_SYM_DEF_OBJECT *sym, uint16_t aes_bits)
{
	sym->algorithm = TPM2_ALG_AES;
	sym->keyBits.aes = aes_bits;
	sym->mode.aes = TPM2_ALG_CFB;
}

static void
set_rsa(TPMT_PUBLIC *out, uint16_t bits)
{
	out->type = TPM2_ALG_RSA;
	out->parameters.rsaDetail.symmetric.algorithm = TPM2_ALG_NULL;
	out->parameters.rsaDetail.scheme.scheme = TPM2_ALG_NULL;
	out->parameters.rsaDetail.keyBits = bits;
}

static void
set_ecc(TPMT_PUBLIC *out, TPMI_ECC_CURVE curve)
{
	out->type = TPM2_ALG_ECC;
	out->parameters.eccDetail.symmetric.algorithm = TPM2_ALG_NULL;
	out->parameters.eccDetail.scheme.scheme = TPM2_ALG_NULL;
	out->parameters.eccDetail.curveID = curve;
	out->parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
}

static TPMT_PUBLIC
blank(TPMI_ALG_HASH name_alg, TPMA_OBJECT attributes)
{
	TPMT_PUBLIC area;

	memset(&area, 0, sizeof(area));
	area.nameAlg = name_alg;
	area.objectAttributes = attributes;
	return area;
}

void
tpmiot_template_ek(const struct tpmiot_ek_profile *profile, TPMT_PUBLIC *out)
{
	TPMA_OBJECT attributes = ATTR_PRIMARY | ATTR_STORAGE | TPMA_OBJECT_ADMINWITHPOLICY;

	if (profile->high_range)
		attributes |= TPMA_OBJECT_USERWITHAUTH;
	*out = blank(profile->name_alg, attributes);
	out->authPolicy = profile->high_range ? POLICIES[policy_row(profile->name_alg)].b
	                                      : POLICIES[policy_row(profile->name_alg)].a;
	if (profile->type == TPM2_ALG_RSA) {
		set_rsa(out, profile->bits);
		set_storage_cipher(&out->parameters.rsaDetail.symmetric, profile->aes_bits);
		if (!profile->high_range)
			out->unique.rsa.size = (UINT16)(profile->bits / 8);
	} else {
		set_ecc(out, profile->curve);
		set_storage_cipher(&out->parameters.eccDetail.symmetric, profile->aes_bits);
		if (!profile->high_range) {
			out->unique.ecc.x.size = TPM2_SHA256_DIGEST_SIZE;
			out->unique.ecc.y.size = TPM2_SHA256_DIGEST_SIZE;
		}
	}
}

static bool
same_digest(const TPM2B_DIGEST *a, const TPM2B_DIGEST *b)
{
	return a->size == b->size && memcmp(a->buffer, b->buffer, a->size) == 0;
}

static bool
same_cipher(const TPMT_SYM_DEF_OBJECT *a, const TPMT_SYM_DEF_OBJECT *b)
{
	return a->algorithm == b->algorithm && a->keyBits.aes == b->keyBits.aes &&
	       a->mode.aes == b->mode.aes;
}

/* 0 and 65537 say the same of an exponent. */
static bool
same_rsa(const TPMS_RSA_PARMS *made, const TPMS_RSA_PARMS *template)
{
	return same_cipher(&made->symmetric, &template->symmetric) &&
	       made->scheme.scheme == template->scheme.scheme &&
	       made->keyBits == template->keyBits &&
	       (made->exponent == 0 || made->exponent == 65537);
}

static bool
same_ecc(const TPMS_ECC_PARMS *made, const TPMS_ECC_PARMS *template)
{
	return same_cipher(&made->symmetric, &template->symmetric) &&
	       made->scheme.scheme == template->scheme.scheme &&
	       made->curveID == template->curveID && made->kdf.scheme == template->kdf.scheme;
}

static bool
made_from(const TPMT_PUBLIC *area, const TPMT_PUBLIC *template)
{
	if (area->type != template->type || area->nameAlg != template->nameAlg ||
	    area->objectAttributes != template->objectAttributes ||
	    !same_digest(&area->authPolicy, &template->authPolicy))
		return false;
	return area->type == TPM2_ALG_RSA
	           ? same_rsa(&area->parameters.rsaDetail, &template->parameters.rsaDetail)
	           : same_ecc(&area->parameters.eccDetail, &template->parameters.eccDetail);
}

const struct tpmiot_ek_profile *
tpmiot_ek_profile_match(const TPMT_PUBLIC *area)
{
	TPMT_PUBLIC template;

	for (size_t i = 0; i < COUNT(PROFILES); i++) {
		tpmiot_template_ek(&PROFILES[i], &template);
		if (made_from(area, &template))
			return &PROFILES[i];
	}
	return NULL;
}

#define ATTR_SRK (ATTR_PRIMARY | ATTR_STORAGE | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA)
#define ATTR_KEY                                                                                   \
	(ATTR_PRIMARY | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | TPMA_OBJECT_SIGN_ENCRYPT)
#define ATTR_AK (ATTR_KEY | TPMA_OBJECT_RESTRICTED)

void
tpmiot_template_srk_ecc(TPMT_PUBLIC *out)
{
	*out = blank(TPM2_ALG_SHA256, ATTR_SRK);
	set_ecc(out, TPM2_ECC_NIST_P256);
	set_storage_cipher(&out->parameters.eccDetail.symmetric, 128);
}

void
tpmiot_template_srk_rsa(TPMT_PUBLIC *out)
{
	*out = blank(TPM2_ALG_SHA256, ATTR_SRK);
	set_rsa(out, 2048);
	set_storage_cipher(&out->parameters.rsaDetail.symmetric, 128);
}

bool
tpmiot_template_is_srk(const TPMT_PUBLIC *area)
{
	TPMT_PUBLIC ecc, rsa;

	tpmiot_template_srk_ecc(&ecc);
	tpmiot_template_srk_rsa(&rsa);
	return made_from(area, &ecc) || made_from(area, &rsa);
}

void
tpmiot_template_ak_ecc(TPMT_PUBLIC *out)
{
	*out = blank(TPM2_ALG_SHA256, ATTR_AK);
	set_ecc(out, TPM2_ECC_NIST_P256);
	out->parameters.eccDetail.scheme.scheme = TPM2_ALG_ECDSA;
	out->parameters.eccDetail.scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
}

void
tpmiot_template_ak_rsa(TPMT_PUBLIC *out)
{
	*out = blank(TPM2_ALG_SHA256, ATTR_AK);
	set_rsa(out, 2048);
	out->parameters.rsaDetail.scheme.scheme = TPM2_ALG_RSASSA;
	out->parameters.rsaDetail.scheme.details.rsassa.hashAlg = TPM2_ALG_SHA256;
}

static const struct {
	enum tpmiot_key_kind kind;
	const char *name;
	uint16_t bits;
	TPMI_ECC_CURVE curve;
} KINDS[] = {
	{ TPMIOT_KEY_EC_P256, "ec-p256", 0, TPM2_ECC_NIST_P256 },
	{ TPMIOT_KEY_EC_P384, "ec-p384", 0, TPM2_ECC_NIST_P384 },
	{ TPMIOT_KEY_RSA_2048, "rsa-2048", 2048, TPM2_ECC_NONE },
	{ TPMIOT_KEY_RSA_3072, "rsa-3072", 3072, TPM2_ECC_NONE },
};

bool
tpmiot_key_kind_parse(const char *name, enum tpmiot_key_kind *out)
{
	for (size_t i = 0; i < COUNT(KINDS); i++)
		if (strcmp(KINDS[i].name, name) == 0) {
			*out = KINDS[i].kind;
			return true;
		}
	return false;
}

const char *
tpmiot_key_kind_name(enum tpmiot_key_kind kind)
{
	return KINDS[kind].name;
}

void
tpmiot_template_key(enum tpmiot_key_kind kind, TPMT_PUBLIC *out)
{
	*out = blank(TPM2_ALG_SHA256, ATTR_KEY);
	if (KINDS[kind].bits != 0)
		set_rsa(out, KINDS[kind].bits);
	else
		set_ecc(out, KINDS[kind].curve);
}

#define ATTR_IMPORTED (TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA)

void
tpmiot_template_sealed(TPMT_PUBLIC *out)
{
	*out = blank(TPM2_ALG_SHA256, ATTR_IMPORTED);
	out->type = TPM2_ALG_KEYEDHASH;
	out->parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL;
}

void
tpmiot_template_hmac_key(TPMI_ALG_HASH hash, TPMT_PUBLIC *out)
{
	*out = blank(TPM2_ALG_SHA256, ATTR_IMPORTED | TPMA_OBJECT_SIGN_ENCRYPT);
	out->type = TPM2_ALG_KEYEDHASH;
	out->parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_HMAC;
	out->parameters.keyedHashDetail.scheme.details.hmac.hashAlg = hash;
}

bool
tpmiot_template_is_hmac_key(const TPMT_PUBLIC *area)
{
	TPMT_PUBLIC template;

	tpmiot_template_hmac_key(TPM2_ALG_SHA256, &template);
	return area->type == template.type && area->nameAlg == template.nameAlg &&
	       area->objectAttributes == template.objectAttributes && area->authPolicy.size == 0 &&
	       area->parameters.keyedHashDetail.scheme.scheme == TPM2_ALG_HMAC &&
	       area->parameters.keyedHashDetail.scheme.details.hmac.hashAlg == TPM2_ALG_SHA256;
}
