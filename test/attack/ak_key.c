/* SPDX-License-Identifier: Apache-2.0 */
/* The AK of the first step and the device key of the second. */
#include "attack.h"

#include <tpmiot/template.h>

/* ---- Edits that both can have ------------------------------------------------------------- */

static void
name_sha1(TPMT_PUBLIC *a)
{
	a->nameAlg = TPM2_ALG_SHA1;
}

static void
no_scheme(TPMT_PUBLIC *a)
{
	a->parameters.eccDetail.scheme.scheme = TPM2_ALG_NULL;
}

static void
scheme_sha1(TPMT_PUBLIC *a)
{
	a->parameters.eccDetail.scheme.details.anySig.hashAlg = TPM2_ALG_SHA1;
}

static void
scheme_ecdaa(TPMT_PUBLIC *a)
{
	a->parameters.eccDetail.scheme.scheme = TPM2_ALG_ECDAA;
}

static void
off_curve(TPMT_PUBLIC *a)
{
	a->unique.ecc.x.buffer[5] ^= 1;
}

static void
curve_p192(TPMT_PUBLIC *a)
{
	a->parameters.eccDetail.curveID = TPM2_ECC_NIST_P192;
}

static void
keyed_hash(TPMT_PUBLIC *a)
{
	a->type = TPM2_ALG_KEYEDHASH;
	memset(&a->parameters, 0, sizeof(a->parameters));
	memset(&a->unique, 0, sizeof(a->unique));
	a->parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL;
}

static void
modulus_other(TPMT_PUBLIC *a)
{
	a->unique.rsa.size = 256;
	memset(a->unique.rsa.buffer, 0xa5, 256);
}

/* ---- The AK ------------------------------------------------------------------------------- */

static json_t *
claim_ak(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	struct kit_device dev = env->dev;

	(void)challenge;
	dev.ak = attack_claim(&env->dev.ak, row);
	return kit_attest(&dev);
}

static void
rsa_area(const struct attack *row, bool is_ak, TPMT_PUBLIC *area)
{
	if (is_ak)
		tpmiot_template_ak_rsa(area);
	else
		tpmiot_template_key(TPMIOT_KEY_RSA_2048, area);
	modulus_other(area);
	row->edit(area);
	if (area->unique.rsa.size != area->parameters.rsaDetail.keyBits / 8)
		area->unique.rsa.size = (UINT16)(area->parameters.rsaDetail.keyBits / 8);
}

static json_t *
claim_rsa_ak(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	struct kit_device dev = env->dev;
	TPMT_PUBLIC area;

	(void)challenge;
	rsa_area(row, true, &area);
	softkey_claim(&dev.ak, &area);
	return kit_attest(&dev);
}

static json_t *
other_ak(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	struct kit_device dev = env->dev;

	(void)challenge;
	dev.ak = row->text[0] == 'k'   ? env->dev.key
	         : row->text[0] == 'e' ? env->dev.ek
	                               : env->victim.ak;
	return kit_attest(&dev);
}

#define REFUSED_AK 422, "ak-unsuitable"
#define AK(what, ...)                                                                              \
	{                                                                                          \
		what, claim_ak, REFUSED_AK, __VA_ARGS__                                            \
	}

static const struct attack aks[] = {
	AK("not restricted", .flip = TPMA_OBJECT_RESTRICTED),
	AK("does not sign", .flip = TPMA_OBJECT_SIGN_ENCRYPT),
	AK("decrypts as well", .flip = TPMA_OBJECT_DECRYPT),
	AK("not fixed to its TPM", .flip = TPMA_OBJECT_FIXEDTPM),
	AK("not fixed to its parent", .flip = TPMA_OBJECT_FIXEDPARENT),
	AK("with a reserved attribute bit", .flip = 0x8000),
	AK("made outside", .flip = TPMA_OBJECT_SENSITIVEDATAORIGIN),
	AK("no scheme", .edit = no_scheme),
	AK("scheme of SHA-1", .edit = scheme_sha1),
	AK("scheme ECDAA", .edit = scheme_ecdaa),
	AK("nameAlg SHA-1", .edit = name_sha1),
	AK("a point off its curve", .edit = off_curve),
	AK("P-192", .edit = curve_p192),
	AK("an HMAC key", .edit = keyed_hash),
	{ "RSA of 1024 bits", claim_rsa_ak, REFUSED_AK, .edit = attack_rsa_1024 },
	{ "RSA with exponent 3", claim_rsa_ak, REFUSED_AK, .edit = attack_exponent_3 },
	{ "RSA with a ROCA modulus", claim_rsa_ak, REFUSED_AK, .edit = attack_modulus_roca },
	{ "the EK", other_ak, REFUSED_AK, .text = "ek" },
	{ "a key that signs anything", other_ak, REFUSED_AK, .text = "key" },
	{ "another device's", other_ak, 409, "ak-bound", .text = "victim" },
};

const struct attack_table attack_ak[] = {
	ATTACK_TABLE("AK: sign, restricted, fixed, scheme and hash; one EK's", aks),
	{ NULL, NULL, 0 },
};

/* ---- The device key ------------------------------------------------------------------------ */

/* Certified by the AK over the right nonce, and with a CSR, as a TPM would for such a key. */
static json_t *
claim_key(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	struct kit_device dev = env->dev;

	dev.key = attack_claim(&env->dev.key, row);
	return kit_issue(&dev, challenge);
}

static json_t *
claim_rsa_key(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	struct kit_device dev = env->dev;
	TPMT_PUBLIC area;

	rsa_area(row, false, &area);
	softkey_claim(&dev.key, &area);
	return kit_issue(&dev, challenge);
}

static json_t *
other_key(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	struct kit_device dev = env->dev;

	dev.key = row->text[0] == 'a'   ? env->dev.ak
	          : row->text[0] == 'v' ? env->victim.key
	                                : env->dev.ek;
	return kit_issue_with(&dev, challenge, &dev.key, &env->dev.ak, false,
	    row->text[0] == 'e' ? &env->dev.key : &dev.key);
}

#define REFUSED_KEY 422, "key-unsuitable", .second = true
#define KEY(what, ...)                                                                             \
	{                                                                                          \
		what, claim_key, REFUSED_KEY, __VA_ARGS__                                          \
	}

static const struct attack keys[] = {
	KEY("with a reserved attribute bit", .flip = 0x8000),
	KEY("made outside", .flip = TPMA_OBJECT_SENSITIVEDATAORIGIN),
	KEY("not fixed to its TPM", .flip = TPMA_OBJECT_FIXEDTPM),
	KEY("not fixed to its parent", .flip = TPMA_OBJECT_FIXEDPARENT),
	KEY("does not sign", .flip = TPMA_OBJECT_SIGN_ENCRYPT),
	KEY("restricted", .flip = TPMA_OBJECT_RESTRICTED),
	KEY("nameAlg SHA-1", .edit = name_sha1),
	KEY("a point off its curve", .edit = off_curve),
	KEY("P-192", .edit = curve_p192),
	KEY("an HMAC key", .edit = keyed_hash),
	{ "RSA of 1024 bits", claim_rsa_key, REFUSED_KEY, .edit = attack_rsa_1024 },
	{ "RSA with exponent 3", claim_rsa_key, REFUSED_KEY, .edit = attack_exponent_3 },
	{ "RSA with a ROCA modulus", claim_rsa_key, REFUSED_KEY, .edit = attack_modulus_roca },
	{ "the AK itself", other_key, REFUSED_KEY, .text = "ak" },
	{ "the EK", other_key, REFUSED_KEY, .text = "ek" },
	{ "another device's", other_key, 409, "key-already-certified", .second = true,
	    .text = "victim" },
};

/* ---- The CSR --------------------------------------------------------------------------------- */

static json_t *
csr_of(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	(void)row;
	return kit_issue_with(
	    &env->dev, challenge, &env->dev.key, &env->dev.ak, false, &env->victim.key);
}

/* The right key in the CSR, which another key has signed. */
static json_t *
csr_signed_by_other(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	json_t *body = kit_issue(&env->dev, challenge);
	X509_REQ *req = X509_REQ_new();
	unsigned char *der = NULL;
	int len;

	(void)row;
	X509_REQ_set_pubkey(req, env->dev.key.pkey);
	assert_true(X509_REQ_sign(req, env->victim.key.pkey, EVP_sha256()) > 0);
	len = i2d_X509_REQ(req, &der);
	kit_set(body, "csr", kit_b64(der, (size_t)len));
	OPENSSL_free(der);
	X509_REQ_free(req);
	return body;
}

static json_t *
csr_is_a_certificate(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	json_t *body = kit_issue(&env->dev, challenge);
	struct tpmiot_buf der = TPMIOT_BUF_INIT;

	(void)row;
	certkit_put(env->dev.ek_cert, &der);
	kit_set(body, "csr", kit_b64(der.data, der.len));
	tpmiot_buf_free(&der);
	return body;
}

static const struct attack csrs[] = {
	{ "for another key", csr_of, 422, "csr-key-mismatch", .second = true },
	{ "signed by another key", csr_signed_by_other, 422, "csr-invalid", .second = true },
	{ "a certificate", csr_is_a_certificate, 422, "csr-invalid", .second = true },
};

const struct attack_table attack_key[] = {
	ATTACK_TABLE(
	    "device key: fixed, sensitiveDataOrigin, sign, not restricted, strength", keys),
	ATTACK_TABLE("CSR: self-signature, key = certified key", csrs),
	{ NULL, NULL, 0 },
};
