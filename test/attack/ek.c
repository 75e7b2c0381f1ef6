/* SPDX-License-Identifier: Apache-2.0 */
/* The EK's public area, with a certificate that a trusted maker gave for this very key. */
#include "attack.h"

#include <openssl/bn.h>

/* The device's request with another EK's area and a certificate for its key, if it is one. */
static json_t *
attest_as(struct attack_env *env, const struct kit_device *as, const struct softkey *ek)
{
	struct certkit_spec spec = { .issuer = kit_link, .issuer_key = kit_link_key };
	struct kit_device dev = *as;
	EVP_PKEY *pkey = NULL;
	json_t *body;

	(void)env;
	dev.ek = *ek;
	if (tpmiot_public_to_pkey(NULL, &ek->pub, &pkey, NULL) != TPMIOT_OK)
		return kit_attest(&dev);
	spec.key = pkey;
	spec.extensions = EVP_PKEY_is_a(pkey, "RSA") ? CERTKIT_EK_RSA : CERTKIT_EK_ECC;
	dev.ek_cert = certkit_issue(&spec);
	body = kit_attest(&dev);
	X509_free(dev.ek_cert);
	EVP_PKEY_free(pkey);
	return body;
}

static json_t *
claim_ecc(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	const struct softkey ek = attack_claim(&env->dev.ek, row);

	(void)challenge;
	return attest_as(env, &env->dev, &ek);
}

static json_t *
claim_rsa(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	const struct softkey ek = attack_claim(&env->rsa.ek, row);

	(void)challenge;
	return attest_as(env, &env->rsa, &ek);
}

/* An RSA EK of other parameters, really made. */
static json_t *
make_rsa(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	TPMT_PUBLIC area = env->rsa.ek.pub.area;
	struct softkey ek;
	json_t *body;

	(void)challenge;
	row->edit(&area);
	softkey_make(&ek, &area);
	body = attest_as(env, &env->rsa, &ek);
	softkey_free(&ek);
	return body;
}

static json_t *
other_role(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	(void)challenge;
	return attest_as(env, &env->dev, row->text[0] == 'a' ? &env->dev.ak : &env->dev.key);
}

static json_t *
edited(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	json_t *body = kit_attest(&env->dev);

	(void)challenge;
	attack_edit(body, "ek.public", row->change);
	return body;
}

/* ---- Edits -------------------------------------------------------------------------------- */

static void
policy_changed(TPMT_PUBLIC *a)
{
	a->authPolicy.buffer[0] ^= 1;
}

static void
policy_empty(TPMT_PUBLIC *a)
{
	a->authPolicy.size = 0;
}

static void
name_sha1(TPMT_PUBLIC *a)
{
	a->nameAlg = TPM2_ALG_SHA1;
}

static void
name_sha384(TPMT_PUBLIC *a)
{
	a->nameAlg = TPM2_ALG_SHA384;
}

/* In the TPM2B: behind its size and the type. */
static void
name_null(struct tpmiot_buf *tpm2b)
{
	tpm2b->data[4] = TPM2_ALG_NULL >> 8;
	tpm2b->data[5] = TPM2_ALG_NULL & 0xff;
}

static void
aes_256(TPMT_PUBLIC *a)
{
	a->parameters.eccDetail.symmetric.keyBits.aes = 256;
}

static void
aes_ctr(TPMT_PUBLIC *a)
{
	a->parameters.eccDetail.symmetric.mode.aes = TPM2_ALG_CTR;
}

static void
no_cipher(TPMT_PUBLIC *a)
{
	a->parameters.eccDetail.symmetric.algorithm = TPM2_ALG_NULL;
}

static void
with_scheme(TPMT_PUBLIC *a)
{
	a->parameters.eccDetail.scheme.scheme = TPM2_ALG_ECDH;
	a->parameters.eccDetail.scheme.details.anySig.hashAlg = TPM2_ALG_SHA256;
}

static void
off_curve(TPMT_PUBLIC *a)
{
	a->unique.ecc.y.buffer[a->unique.ecc.y.size - 1] ^= 1;
}

static void
zero_point(TPMT_PUBLIC *a)
{
	memset(a->unique.ecc.x.buffer, 0, a->unique.ecc.x.size);
	memset(a->unique.ecc.y.buffer, 0, a->unique.ecc.y.size);
}

static void
no_point(TPMT_PUBLIC *a)
{
	a->unique.ecc.x.size = 0;
	a->unique.ecc.y.size = 0;
}

static void
long_x(TPMT_PUBLIC *a)
{
	a->unique.ecc.x.size = 48;
}

static void
curve_p384(TPMT_PUBLIC *a)
{
	a->parameters.eccDetail.curveID = TPM2_ECC_NIST_P384;
}

static void
curve_bn(TPMT_PUBLIC *a)
{
	a->parameters.eccDetail.curveID = TPM2_ECC_BN_P256;
}

static void
exponent_even(TPMT_PUBLIC *a)
{
	a->parameters.rsaDetail.exponent = 65536;
}

static void
exponent_1(TPMT_PUBLIC *a)
{
	a->parameters.rsaDetail.exponent = 1;
}

static void
modulus_even(TPMT_PUBLIC *a)
{
	a->unique.rsa.buffer[a->unique.rsa.size - 1] &= 0xfe;
}

static void
modulus_short(TPMT_PUBLIC *a)
{
	a->unique.rsa.size = 128;
}

static void
modulus_none(TPMT_PUBLIC *a)
{
	a->unique.rsa.size = 0;
}

static void
cipher_256_rsa(TPMT_PUBLIC *a)
{
	a->parameters.rsaDetail.symmetric.keyBits.aes = 256;
}

/* ---- The tables ------------------------------------------------------------------------------ */

#define REFUSED 422, "ek-unsupported"
#define ECC(what, ...)                                                                             \
	{                                                                                          \
		what, claim_ecc, REFUSED, __VA_ARGS__                                              \
	}
#define RSA(what, ...)                                                                             \
	{                                                                                          \
		what, claim_rsa, REFUSED, __VA_ARGS__                                              \
	}

static const struct attack attributes[] = {
	ECC("not restricted", .flip = TPMA_OBJECT_RESTRICTED),
	ECC("not a decryption key", .flip = TPMA_OBJECT_DECRYPT),
	ECC("signs as well", .flip = TPMA_OBJECT_SIGN_ENCRYPT),
	ECC("not fixed to its TPM", .flip = TPMA_OBJECT_FIXEDTPM),
	ECC("not fixed to its parent", .flip = TPMA_OBJECT_FIXEDPARENT),
	ECC("made outside", .flip = TPMA_OBJECT_SENSITIVEDATAORIGIN),
	ECC("with a reserved attribute", .flip = 0x00000001),
	RSA("RSA, not restricted", .flip = TPMA_OBJECT_RESTRICTED),
	RSA("RSA, not fixed to its TPM", .flip = TPMA_OBJECT_FIXEDTPM),
	RSA("RSA, made outside", .flip = TPMA_OBJECT_SENSITIVEDATAORIGIN),
	{ "an AK as EK", other_role, REFUSED, .text = "ak" },
	{ "a device key as EK", other_role, REFUSED, .text = "key" },
};

static const struct attack templates[] = {
	ECC("another policy", .edit = policy_changed),
	ECC("no policy", .edit = policy_empty),
	ECC("nameAlg SHA-1", .edit = name_sha1),
	ECC("nameAlg SHA-384 in a SHA-256 template", .edit = name_sha384),
	{ "no nameAlg", edited, REFUSED, .change = name_null },
	ECC("AES-256 in an AES-128 template", .edit = aes_256),
	ECC("AES in counter mode", .edit = aes_ctr),
	ECC("no cipher", .edit = no_cipher),
	ECC("with a scheme", .edit = with_scheme),
	RSA("RSA, another policy", .edit = policy_changed),
	RSA("RSA, nameAlg SHA-1", .edit = name_sha1),
	RSA("RSA, AES-256 in an AES-128 template", .edit = cipher_256_rsa),
};

static const struct attack strength[] = {
	{ "RSA of 1024 bits", make_rsa, REFUSED, .edit = attack_rsa_1024 },
	RSA("exponent 3", .edit = attack_exponent_3),
	RSA("exponent 65536", .edit = exponent_even),
	RSA("exponent 1", .edit = exponent_1),
	RSA("a ROCA modulus", .edit = attack_modulus_roca),
	RSA("an even modulus", .edit = modulus_even),
	RSA("a modulus of half the size", .edit = modulus_short),
	RSA("no modulus", .edit = modulus_none),
	ECC("a point off its curve", .edit = off_curve),
	ECC("the point 0, 0", .edit = zero_point),
	ECC("no point", .edit = no_point),
	ECC("a coordinate too long", .edit = long_x),
	ECC("another curve", .edit = curve_p384),
	ECC("a curve that is not NIST's", .edit = curve_bn),
};

const struct attack_table attack_ek[] = {
	ATTACK_TABLE("EK attributes: restricted, decrypt, fixed, not sign", attributes),
	ATTACK_TABLE("EK template: policy digest, symmetric definition, nameAlg", templates),
	ATTACK_TABLE("EK strength: RSA >= 2048, e = 65537, no ROCA, on its curve", strength),
	{ NULL, NULL, 0 },
};
