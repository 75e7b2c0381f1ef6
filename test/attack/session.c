/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions, identity, join tokens, clocks; JSON that no sound client sends. */
#include "attack.h"

/* ---- The second step ------------------------------------------------------------------------ */

static json_t *
as_it_is(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	(void)row;
	return kit_issue(&env->dev, challenge);
}

/* What somebody recorded who sees all of the victim's traffic, for a key of his own. */
static json_t *
recorded_session(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	json_t *body = kit_issue(&env->dev, challenge);

	(void)row;
	kit_set(body, "session", json_incref(json_object_get(env->victim_second, "session")));
	kit_set(body, "secret", json_incref(json_object_get(env->victim_second, "secret")));
	return body;
}

static json_t *
recorded_of_revoked(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	(void)row;
	(void)challenge;
	return json_deep_copy(env->revoked_second);
}

/* Another AK of the owner's in the second step (CVE-2022-1053). */
static json_t *
another_ak(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	(void)row;
	return kit_issue_with(
	    &env->dev, challenge, &env->dev.key, &env->rsa.ak, false, &env->dev.key);
}

static json_t *
stale_nonce(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	(void)row;
	return kit_issue_with(
	    &env->dev, challenge, &env->dev.key, &env->dev.ak, true, &env->dev.key);
}

static void
shift(struct tpmiot_buf *buf)
{
	buf->data[1] ^= 0x7f; /* the number of the key that it is sealed with */
}

static void
tag(struct tpmiot_buf *buf)
{
	buf->data[buf->len - 1] ^= 1;
}

static void
middle(struct tpmiot_buf *buf)
{
	buf->data[buf->len / 2] ^= 1;
}

static void
salt(struct tpmiot_buf *buf)
{
	buf->data[6] ^= 1;
}

static json_t *
edited(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	json_t *body = kit_issue(&env->dev, challenge);

	attack_edit(body, row->field, row->change);
	return body;
}

#define SECOND .second = true

static const struct attack sessions[] = {
	{ "the victim's session and secret, for another key", recorded_session, 422,
	    "certify-invalid", SECOND },
	{ "the request of a device whose certificate was revoked", recorded_of_revoked, 403,
	    "certificate-revoked", SECOND },
	{ "another AK than in the first step", another_ak, 422, "certify-invalid", SECOND },
	{ "another nonce", stale_nonce, 422, "certify-invalid", SECOND },
	{ "sealed with a key that there is not", edited, 422, "session-invalid", SECOND,
	    .field = "session", .change = shift },
	{ "its tag changed", edited, 422, "session-invalid", SECOND, .field = "session",
	    .change = tag },
	{ "its content changed", edited, 422, "session-invalid", SECOND, .field = "session",
	    .change = middle },
	{ "its salt changed", edited, 422, "session-invalid", SECOND, .field = "session",
	    .change = salt },
	{ "one bit of the secret changed", edited, 422, "secret-wrong", SECOND, .field = "secret",
	    .change = middle },
};

static const struct attack clocks[] = {
	{ "the CA's clock goes forward an hour", as_it_is, 410, "session-expired", SECOND,
	    .server = AT_LATER },
	{ "it goes forward two hours", as_it_is, 410, "session-expired", SECOND, .server = AT_LATER,
	    .first_server = AT_EARLIER },
	{ "an instance an hour behind: its session is over here", as_it_is, 410, "session-expired",
	    SECOND, .first_server = AT_EARLIER },
};

/* ---- The first step -------------------------------------------------------------------------- */

static json_t *
claiming(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	json_t *body = kit_attest(&env->dev);
	char id[CA_DEVICE_ID_MAX + 1];

	(void)challenge;
	ca_device_id_from_ek(env->victim.ek_spki, id);
	kit_set(body, "device_id", json_string(row->text != NULL ? row->text : id));
	return body;
}

static json_t *
of_blocked(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	(void)row;
	(void)challenge;
	return kit_attest(&env->blocked);
}

static json_t *
attest(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	(void)row;
	(void)challenge;
	return kit_attest(&env->dev);
}

static json_t *
with_token(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	json_t *body = kit_attest(&env->dev);

	(void)challenge;
	kit_set(body, "join_token", json_string(row->text));
	return body;
}

/* A token for one device, which the operator makes now, and the victim has used before. */
static json_t *
with_spent_token(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	struct tpmiot_buf token = TPMIOT_BUF_INIT;
	struct wire_answer first, second;
	json_t *body = kit_attest(&env->dev), *victims = kit_attest(&env->victim);
	const char *text;

	(void)row;
	(void)challenge;
	attack_operator(env, "join add", &token);
	text = strtok((char *)(uintptr_t)tpmiot_buf_cstr(&token), "\n");
	kit_set(body, "join_token", json_string(text));
	kit_set(victims, "join_token", json_string(text));
	if (!attack_send(env, AT_TOKEN, "/v1/attestations", victims, &first) ||
	    first.status != 200 ||
	    !attack_send(
	        env, AT_TOKEN, "/v1/certificates", kit_issue(&env->victim, first.doc), &second) ||
	    second.status != 200)
		fail_msg("the token does not work");
	wire_answer_free(&first);
	wire_answer_free(&second);
	tpmiot_buf_free(&token);
	return body;
}

/* A token that gives the victim's name. */
static json_t *
with_profile(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	json_t *body = kit_attest(&env->dev);

	(void)challenge;
	kit_set(body, "profile", json_string(row->text));
	return body;
}

static const struct attack identity[] = {
	{ "the victim's device id", claiming, 403, "device-id-mismatch" },
	{ "a device id of its own choice", claiming, 403, "device-id-mismatch", .text = "pump-1" },
	{ "a device that is blocked", of_blocked, 403, "device-blocked" },
	{ "not on the list", attest, 403, "ek-not-listed", .server = AT_LISTED },
	{ "no join token", attest, 403, "join-token-required", .server = AT_TOKEN },
	{ "an unknown join token", with_token, 403, "join-token-invalid", .server = AT_TOKEN,
	    .text = "tj_0000000000000000000000000000" },
	{ "an unknown join token where none is needed", with_token, 403, "join-token-invalid",
	    .text = "tj_0000000000000000000000000000" },
	{ "a join token that another device used", with_spent_token, 403, "join-token-spent",
	    .server = AT_TOKEN },
	{ "a profile that is not offered", with_profile, 403, "profile-refused", .text = "server" },
	{ "a profile with a newline", with_profile, 403, "profile-refused", .text = "client\n" },
	{ "a profile that there is not", with_profile, 403, "profile-refused", .text = "root" },
};

const struct attack_table attack_session[] = {
	ATTACK_TABLE("one record {EK, AK, key, nonce}; nonce, secret, replay", sessions),
	ATTACK_TABLE("sessions: minutes; clock steps", clocks),
	ATTACK_TABLE("identity: no second TPM under an id, who may enrol", identity),
	{ NULL, NULL, 0 },
};

/* ---- JSON -------------------------------------------------------------------------------------
 */

static json_t *
value(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	(void)env;
	(void)challenge;
	return json_loads(row->text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
}

static json_t *
member(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	json_t *body = challenge != NULL ? kit_issue(&env->dev, challenge) : kit_attest(&env->dev);

	kit_set(body, row->field, json_loads(row->text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL));
	return body;
}

#define MALFORMED 400, "malformed-request"

static const struct attack shapes[] = {
	{ "null", value, MALFORMED, .text = "null" },
	{ "a list", value, MALFORMED, .text = "[]" },
	{ "a string", value, MALFORMED, .text = "\"x\"" },
	{ "nothing in it", value, MALFORMED, .text = "{}" },
	{ "ek is a string", member, MALFORMED, .field = "ek", .text = "\"x\"" },
	{ "ak is a list", member, MALFORMED, .field = "ak", .text = "[]" },
	{ "key is null", member, MALFORMED, SECOND, .field = "key", .text = "null" },
	{ "the chain is an object", member, MALFORMED, .field = "ek.chain", .text = "{}" },
	{ "the chain holds numbers", member, MALFORMED, .field = "ek.chain", .text = "[1]" },
	{ "a device id with a slash", member, MALFORMED, .field = "device_id",
	    .text = "\"a/../b\"" },
	{ "a device id with a NUL", member, MALFORMED, .field = "device_id",
	    .text = "\"a\\u0000b\"" },
	{ "a device id that is too long", member, MALFORMED, .field = "device_id",
	    .text =
	        "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"" },
	{ "a device id as SQL", member, MALFORMED, .field = "device_id",
	    .text = "\"x'; DROP TABLE devices; --\"" },
	{ "a join token with a NUL", member, MALFORMED, .field = "join_token",
	    .text = "\"a\\u0000b\"" },
	{ "a join token that is a list", member, MALFORMED, .field = "join_token", .text = "[]" },
	{ "the secret of another session's form", member, MALFORMED, SECOND, .field = "secret",
	    .text = "{}" },
	{ "deeper than 8", member, MALFORMED, .field = "x", .text = "[[[[[[[[[[1]]]]]]]]]]" },
};

const struct attack_table attack_json[] = {
	ATTACK_TABLE("JSON: shape, depth, lengths", shapes),
	{ NULL, NULL, 0 },
};
