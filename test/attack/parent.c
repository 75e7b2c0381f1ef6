/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets: storage keys that are not the TPM's own, or not fit, for which they would be wrapped. */
#include "attack.h"

#include <tpmiot/template.h>

/* ---- The requests -----------------------------------------------------------------------------
 */

/* The device key certified under its own storage key; this one is shown. */
static json_t *
shown(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	const struct softkey *const parent = strcmp(row->text, "victim") == 0 ? &env->victim.srk
	                                     : strcmp(row->text, "own") == 0  ? &env->rsa.srk
	                                     : strcmp(row->text, "ek") == 0   ? &env->dev.ek
	                                     : strcmp(row->text, "ak") == 0   ? &env->dev.ak
	                                                                      : &env->dev.key;
	json_t *body = kit_issue(&env->dev, challenge);

	kit_set(body, "parent", kit_public(parent));
	return body;
}

/* The device key is certified as the child of this parent, which is shown; takes `parent` over. */
static json_t *
under(struct attack_env *env, const json_t *challenge, struct softkey parent)
{
	struct kit_device dev = env->dev;
	json_t *body;

	dev.srk = parent;
	body = kit_issue(&dev, challenge);
	kit_set(body, "parent", kit_public(&parent));
	return body;
}

/* The attacker's TPM has a storage key whose public area the row makes unfit. */
static json_t *
unfit(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	return under(env, challenge, attack_claim(&env->dev.srk, row));
}

static json_t *
short_rsa(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	struct softkey parent;
	TPMT_PUBLIC area;
	json_t *body;

	(void)row;
	tpmiot_template_srk_rsa(&area);
	area.parameters.rsaDetail.keyBits = 1024;
	softkey_make(&parent, &area);
	body = under(env, challenge, parent);
	softkey_free(&parent);
	return body;
}

/* Signed by the AK: qualified names that the parent shown does not give. */
static json_t *
forged(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	struct tpmiot_buf nonce = TPMIOT_BUF_INIT, content = TPMIOT_BUF_INIT;
	struct tpmiot_buf attest = TPMIOT_BUF_INIT, sig = TPMIOT_BUF_INIT;
	json_t *body = kit_issue(&env->dev, challenge);
	struct soft_attest fields;

	kit_unb64(json_object_get(challenge, "nonce"), &nonce);
	soft_attest_init(&fields, &env->dev.key, (struct tpmiot_bytes){ nonce.data, nonce.len });
	row->forge(&fields);
	soft_attest_put(&fields, &content);
	soft_put_tpm2b(content.data, content.len, &attest);
	softkey_sign_own(&env->dev.ak, content.data, content.len, &sig);
	kit_set(body, "key.attest", kit_b64(attest.data, attest.len));
	kit_set(body, "key.signature", kit_b64(sig.data, sig.len));
	kit_set(body, "parent", kit_public(&env->dev.srk));
	tpmiot_buf_free(&nonce);
	tpmiot_buf_free(&content);
	tpmiot_buf_free(&attest);
	tpmiot_buf_free(&sig);
	return body;
}

static json_t *
shaped(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	json_t *body = kit_issue(&env->dev, challenge);

	kit_set(body, "parent", json_loads(row->text, JSON_DECODE_ANY, NULL));
	return body;
}

/* ---- What is wrong ----------------------------------------------------------------------------
 */

static void
off_curve(TPMT_PUBLIC *area)
{
	area->unique.ecc.y.buffer[31] ^= 1;
}

static void
sha1(TPMT_PUBLIC *area)
{
	area->nameAlg = TPM2_ALG_SHA1;
}

/* A key that lies under no storage key, or deeper: any other hash. */
static void
qualified_otherwise(struct soft_attest *a)
{
	a->qualified_name.name[20] ^= 1;
}

static void
qualified_as_name(struct soft_attest *a)
{
	a->qualified_name = a->name;
}

#define REFUSED 422, "parent-invalid", .second = true
#define SHOWN(what, which)                                                                         \
	{                                                                                          \
		what, shown, REFUSED, .text = which                                                \
	}
#define UNFIT(what, attributes)                                                                    \
	{                                                                                          \
		what, unfit, REFUSED, .flip = attributes                                           \
	}

static const struct attack whose[] = {
	SHOWN("another device's storage key", "victim"),
	SHOWN("a storage key of another TPM of the same owner", "own"),
	SHOWN("the EK, which is in another hierarchy", "ek"),
	SHOWN("the AK", "ak"),
	SHOWN("the device key itself", "key"),
	{ "another qualified name", forged, REFUSED, .forge = qualified_otherwise },
	{ "the Name as qualified name", forged, REFUSED, .forge = qualified_as_name },
	{ "a number", shaped, 400, "malformed-request", .second = true, .text = "7" },
	{ "null", shaped, 400, "malformed-request", .second = true, .text = "null" },
	{ "empty", shaped, 400, "malformed-request", .second = true, .text = "\"\"" },
};

static const struct attack fitness[] = {
	UNFIT("not fixed to its TPM", TPMA_OBJECT_FIXEDTPM),
	UNFIT("not fixed to its parent", TPMA_OBJECT_FIXEDPARENT),
	UNFIT("made outside", TPMA_OBJECT_SENSITIVEDATAORIGIN),
	UNFIT("not restricted", TPMA_OBJECT_RESTRICTED),
	UNFIT("not for decryption", TPMA_OBJECT_DECRYPT),
	UNFIT("for signatures, too", TPMA_OBJECT_SIGN_ENCRYPT),
	{ "off the curve", unfit, REFUSED, .edit = off_curve },
	{ "its Name by SHA-1", unfit, REFUSED, .edit = sha1 },
	{ "RSA of 1,024 bits", short_rsa, REFUSED },
};

const struct attack_table attack_parent[] = {
	ATTACK_TABLE("secrets: the certified key's parent in the owner hierarchy", whose),
	ATTACK_TABLE("secrets: the parent's attributes and strength", fitness),
	{ NULL, NULL, 0 },
};

/* ---- What comes of it
 * ---------------------------------------------------------------------------- */

#define CLAUSE "secrets: what is right"

static json_t *
second(struct attack_env *env, const struct kit_device *dev, bool with_parent,
    struct wire_answer *answer)
{
	struct wire_answer first;
	json_t *body;

	if (!attack_send(env, AT_OPEN, "/v1/attestations", kit_attest(dev), &first) ||
	    !json_is_true(json_object_get(first.doc, "parent_wanted")))
		fail_msg("the CA does not ask for the parent");
	body = kit_issue(dev, first.doc);
	if (with_parent)
		kit_set(body, "parent", kit_public(&dev->srk));
	if (!attack_send(env, AT_OPEN, "/v1/certificates", body, answer))
		answer->status = 0;
	wire_answer_free(&first);
	return json_object_get(answer->doc, "secrets");
}

/* A device with a secret: without a parent it gets a certificate and no secret. */
void
attack_secrets(struct attack_env *env)
{
	struct tpmiot_buf out = TPMIOT_BUF_INIT;
	char command[160], ek[CA_HEX_SPKI_MAX];
	struct kit_device dev;
	struct wire_answer answer;
	json_t *secrets;

	kit_device_make(&dev, "L-2", kit_link, kit_link_key);
	ca_hex(dev.ek_spki, CA_SHA256_LEN, ek);
	snprintf(command, sizeof(command), "secret add --ek=%s --file='%s/maker.pem' wifi", ek,
	    env->dir_of_maker);
	attack_operator(env, command, &out);
	tpmiot_buf_free(&out);
	secrets = second(env, &dev, false, &answer);
	attack_result(answer.status == 200 && secrets == NULL, CLAUSE,
	    "no parent: a certificate, and no secret", answer.type);
	wire_answer_free(&answer);
	secrets = second(env, &dev, true, &answer);
	attack_result(answer.status == 200 && json_array_size(secrets) == 1, CLAUSE,
	    "its own parent: its secret", answer.type);
	wire_answer_free(&answer);
	kit_device_free(&dev);
}
