/* SPDX-License-Identifier: Apache-2.0 */
/* TPM2_Certify: attestations that no TPM made, or not for this, and signatures over them. */
#include "attack.h"

/* The right request, but for attestation and signature. */
static json_t *
with_evidence(struct attack_env *env, const json_t *challenge, const struct tpmiot_buf *attest,
    const struct tpmiot_buf *signature)
{
	json_t *body = kit_issue(&env->dev, challenge);

	kit_set(body, "key.attest", kit_b64(attest->data, attest->len));
	kit_set(body, "key.signature", kit_b64(signature->data, signature->len));
	return body;
}

/* What a sound TPM would attest, not yet marshalled. */
static void
begin(const struct attack_env *env, const json_t *challenge, struct soft_attest *out)
{
	struct tpmiot_buf nonce = TPMIOT_BUF_INIT;

	kit_unb64(json_object_get(challenge, "nonce"), &nonce);
	soft_attest_init(out, &env->dev.key, (struct tpmiot_bytes){ nonce.data, nonce.len });
	tpmiot_buf_free(&nonce);
}

/* Forged as the row says, and signed by the AK as if nothing were wrong. */
static json_t *
forged(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	struct tpmiot_buf content = TPMIOT_BUF_INIT, attest = TPMIOT_BUF_INIT;
	struct tpmiot_buf signature = TPMIOT_BUF_INIT;
	struct soft_attest fields;
	json_t *body;

	begin(env, challenge, &fields);
	row->forge(&fields);
	soft_attest_put(&fields, &content);
	soft_put_tpm2b(content.data, content.len, &attest);
	softkey_sign_own(&env->dev.ak, content.data, content.len, &signature);
	body = with_evidence(env, challenge, &attest, &signature);
	tpmiot_buf_free(&content);
	tpmiot_buf_free(&attest);
	tpmiot_buf_free(&signature);
	return body;
}

/* A sound attestation; row->text says who signs it and how. */
static json_t *
signed_by(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	struct tpmiot_buf content = TPMIOT_BUF_INIT, attest = TPMIOT_BUF_INIT;
	struct tpmiot_buf sig = TPMIOT_BUF_INIT;
	const struct softkey *ak = &env->dev.ak;
	struct soft_attest fields;
	json_t *body;

	begin(env, challenge, &fields);
	soft_attest_put(&fields, &content);
	soft_put_tpm2b(content.data, content.len, &attest);
	if (strcmp(row->text, "key") == 0)
		softkey_sign(&env->dev.key, TPM2_ALG_ECDSA, TPM2_ALG_SHA256, content.data,
		    content.len, &sig);
	else if (strcmp(row->text, "ek") == 0)
		softkey_sign(
		    &env->dev.ek, TPM2_ALG_ECDSA, TPM2_ALG_SHA256, content.data, content.len, &sig);
	else if (strcmp(row->text, "rsa") == 0)
		softkey_sign(&env->rsa.ek, TPM2_ALG_RSASSA, TPM2_ALG_SHA256, content.data,
		    content.len, &sig);
	else if (strcmp(row->text, "pss") == 0)
		softkey_sign(&env->rsa.ek, TPM2_ALG_RSAPSS, TPM2_ALG_SHA256, content.data,
		    content.len, &sig);
	else if (strcmp(row->text, "sha1") == 0)
		softkey_sign(ak, TPM2_ALG_ECDSA, TPM2_ALG_SHA1, content.data, content.len, &sig);
	else if (strcmp(row->text, "sha384") == 0)
		softkey_sign(ak, TPM2_ALG_ECDSA, TPM2_ALG_SHA384, content.data, content.len, &sig);
	else if (strcmp(row->text, "victim") == 0)
		softkey_sign_own(&env->victim.ak, content.data, content.len, &sig);
	else
		softkey_sign_own(&env->rsa.ak, content.data, content.len, &sig);
	body = with_evidence(env, challenge, &attest, &sig);
	tpmiot_buf_free(&content);
	tpmiot_buf_free(&attest);
	tpmiot_buf_free(&sig);
	return body;
}

/* Bytes in place of a signature; row->change writes them. */
static json_t *
signature_of(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	json_t *body = kit_issue(&env->dev, challenge);
	struct tpmiot_buf sig = TPMIOT_BUF_INIT;

	row->change(&sig);
	kit_set(body, "key.signature", kit_b64(sig.data, sig.len));
	tpmiot_buf_free(&sig);
	return body;
}

/* The size of the TPM2B says what the row says. */
static json_t *
outer_size(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	json_t *body = kit_issue(&env->dev, challenge);

	attack_edit(body, row->field, row->change);
	return body;
}

/* ---- Forgeries ------------------------------------------------------------------------------ */

static void
magic(struct soft_attest *a)
{
	a->magic = 0xff544348;
}

static void
type_quote(struct soft_attest *a)
{
	a->type = TPM2_ST_ATTEST_QUOTE;
}

static void
type_creation(struct soft_attest *a)
{
	a->type = TPM2_ST_ATTEST_CREATION;
}

static void
type_time(struct soft_attest *a)
{
	a->type = TPM2_ST_ATTEST_TIME;
}

static void
type_unknown(struct soft_attest *a)
{
	a->type = 0x1234;
}

static void
nonce_changed(struct soft_attest *a)
{
	a->extra_data.buffer[31] ^= 1;
}

static void
nonce_none(struct soft_attest *a)
{
	a->extra_data.size = 0;
}

static void
nonce_short(struct soft_attest *a)
{
	a->extra_data.size = 16;
}

static void
nonce_long(struct soft_attest *a)
{
	a->extra_data.size = 33;
}

static void
name_changed(struct soft_attest *a)
{
	a->name.name[10] ^= 1;
}

static void
name_none(struct soft_attest *a)
{
	a->name.size = 0;
}

static void
name_alg(struct soft_attest *a)
{
	a->name.name[1] = 0x04; /* SHA-1 */
}

static void
name_short(struct soft_attest *a)
{
	a->name.size = 22;
}

static void
qualified_none(struct soft_attest *a)
{
	a->qualified_name.size = 0;
}

static void
behind(struct soft_attest *a)
{
	a->tail = (struct tpmiot_bytes){ (const uint8_t *)"x", 1 };
}

#define REFUSED 422, "certify-invalid", .second = true
#define FORGED(what, how)                                                                          \
	{                                                                                          \
		what, forged, REFUSED, .forge = how                                                \
	}
#define SIGNED(what, who)                                                                          \
	{                                                                                          \
		what, signed_by, REFUSED, .text = who                                              \
	}

static const struct attack attestations[] = {
	FORGED("another magic", magic),
	FORGED("a quote", type_quote),
	FORGED("a creation", type_creation),
	FORGED("a time", type_time),
	FORGED("a type that there is not", type_unknown),
	FORGED("another nonce", nonce_changed),
	FORGED("no nonce", nonce_none),
	FORGED("half of the nonce", nonce_short),
	FORGED("a longer nonce", nonce_long),
	FORGED("another Name", name_changed),
	FORGED("no Name", name_none),
	FORGED("a Name of another algorithm", name_alg),
	FORGED("a short Name", name_short),
	FORGED("no qualified Name", qualified_none),
	FORGED("a byte behind it", behind),
};

/* ---- Signatures -------------------------------------------------------------------------------
 */

static void
zeros(struct tpmiot_buf *out)
{
	uint8_t zero[32] = { 0 };

	tpmiot_buf_put_u16(out, TPM2_ALG_ECDSA);
	tpmiot_buf_put_u16(out, TPM2_ALG_SHA256);
	soft_put_tpm2b(zero, sizeof(zero), out);
	soft_put_tpm2b(zero, sizeof(zero), out);
}

static void
no_numbers(struct tpmiot_buf *out)
{
	tpmiot_buf_put_u16(out, TPM2_ALG_ECDSA);
	tpmiot_buf_put_u16(out, TPM2_ALG_SHA256);
	tpmiot_buf_put_u16(out, 0);
	tpmiot_buf_put_u16(out, 0);
}

static void
null_scheme(struct tpmiot_buf *out)
{
	tpmiot_buf_put_u16(out, TPM2_ALG_NULL);
}

static void
hmac_scheme(struct tpmiot_buf *out)
{
	uint8_t zero[32] = { 0 };

	tpmiot_buf_put_u16(out, TPM2_ALG_HMAC);
	tpmiot_buf_put_u16(out, TPM2_ALG_SHA256);
	tpmiot_buf_put(out, zero, sizeof(zero));
}

static void
huge_number(struct tpmiot_buf *out)
{
	tpmiot_buf_put_u16(out, TPM2_ALG_ECDSA);
	tpmiot_buf_put_u16(out, TPM2_ALG_SHA256);
	tpmiot_buf_put_u16(out, 0xffff);
}

static void
size_more(struct tpmiot_buf *buf)
{
	buf->data[1]++;
}

static void
size_less(struct tpmiot_buf *buf)
{
	buf->data[1]--;
}

static void
size_most(struct tpmiot_buf *buf)
{
	buf->data[0] = buf->data[1] = 0xff;
}

static void
size_none(struct tpmiot_buf *buf)
{
	buf->data[0] = buf->data[1] = 0;
}

static const struct attack signatures[] = {
	SIGNED("by the device key", "key"),
	SIGNED("by the EK", "ek"),
	SIGNED("by another AK of the same owner (CVE-2022-1053)", "other"),
	SIGNED("by another device's AK", "victim"),
	SIGNED("RSASSA instead of ECDSA", "rsa"),
	SIGNED("RSAPSS instead of ECDSA", "pss"),
	SIGNED("over SHA-1", "sha1"),
	SIGNED("over SHA-384", "sha384"),
	{ "r = s = 0", signature_of, REFUSED, .change = zeros },
	{ "without numbers", signature_of, REFUSED, .change = no_numbers },
	{ "of no scheme", signature_of, REFUSED, .change = null_scheme },
	{ "an HMAC", signature_of, REFUSED, .change = hmac_scheme },
	{ "a number of 65,535 bytes", signature_of, REFUSED, .change = huge_number },
};

#define SIZE(what, path, problem, how)                                                             \
	{                                                                                          \
		what, outer_size, 422, problem, .second = true, .field = path, .change = how       \
	}

static const struct attack sizes[] = {
	SIZE("the attestation's size is one more", "key.attest", "certify-invalid", size_more),
	SIZE("it is one less", "key.attest", "certify-invalid", size_less),
	SIZE("it is 65,535", "key.attest", "certify-invalid", size_most),
	SIZE("it is 0", "key.attest", "certify-invalid", size_none),
	SIZE("the key's size is one more", "key.public", "key-unsuitable", size_more),
	SIZE("it is one less", "key.public", "key-unsuitable", size_less),
	SIZE("it is 65,535", "key.public", "key-unsuitable", size_most),
	SIZE("it is 0", "key.public", "key-unsuitable", size_none),
};

const struct attack_table attack_certify[] = {
	ATTACK_TABLE(
	    "TPM2_Certify: magic, type, length, nonce, Name, qualified name", attestations),
	ATTACK_TABLE("TPM2_Certify: signed by this AK, its own scheme and hash", signatures),
	ATTACK_TABLE("TPM2B sizes checked before any copy (CVE-2023-1017)", sizes),
	{ NULL, NULL, 0 },
};
