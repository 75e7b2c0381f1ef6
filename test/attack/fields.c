/* SPDX-License-Identifier: Apache-2.0 */
/* Every field of both requests, each wrong in every way that a field can be wrong. */
#include "attack.h"

#define MALFORMED "malformed-request"

static const struct field {
	const char *path;
	bool second, optional;
	const char *broken;  /* problem of what is cut, extended or changed at an end */
	const char *swapped; /* problem of the other device's */
	int broken_status, swapped_status;
	enum attack_server server;
} fields[] = {
	{ "ek.public", false, false, "ek-unsupported", "ek-certificate-mismatch", 422, 422 },
	{ "ek.certificate", false, true, "ek-certificate-invalid", "ek-certificate-mismatch", 422,
	    422 },
	{ "ek.chain", false, true, "ek-certificate-invalid", "ek-certificate-untrusted", 422, 403 },
	{ "ak.public", false, false, "ak-unsuitable", "ak-bound", 422, 409 },
	{ "session", true, false, "session-invalid", "secret-wrong", 422, 422 },
	{ "secret", true, false, "secret-wrong", "secret-wrong", 422, 422 },
	{ "key.public", true, false, "key-unsuitable", "certify-invalid", 422, 422 },
	{ "key.attest", true, false, "certify-invalid", "certify-invalid", 422, 422 },
	{ "key.signature", true, false, "certify-invalid", "certify-invalid", 422, 422 },
	{ "csr", true, false, "csr-invalid", "csr-key-mismatch", 422, 422 },
	{ "parent", true, true, "parent-invalid", "parent-invalid", 422, 422 },
	{ "quote.attest", true, false, "quote-invalid", "quote-invalid", 422, 422, AT_PCRS },
	{ "quote.signature", true, false, "quote-invalid", "quote-invalid", 422, 422, AT_PCRS },
};

/* ---- What is done to a field ---------------------------------------------------------- */

static json_t **
find(json_t *body, const char *path, json_t **at, const char **name)
{
	const char *dot = strchr(path, '.');
	char first[32];

	*at = body;
	*name = path;
	if (dot != NULL) {
		snprintf(first, sizeof(first), "%.*s", (int)(dot - path), path);
		*at = json_object_get(body, first);
		*name = dot + 1;
	}
	return at;
}

static void
set(json_t *body, const char *path, json_t *value)
{
	const char *name;
	json_t *at;

	find(body, path, &at, &name);
	assert_int_equal(json_object_set_new(at, name, value), 0);
}

static json_t *
get(json_t *body, const char *path)
{
	const char *name;
	json_t *at;

	find(body, path, &at, &name);
	return json_object_get(at, name);
}

static void
drop(json_t *body, const char *path)
{
	const char *name;
	json_t *at;

	find(body, path, &at, &name);
	json_object_del(at, name);
}

static void
cut(struct tpmiot_buf *buf)
{
	buf->len--;
}

static void
extend(struct tpmiot_buf *buf)
{
	tpmiot_buf_put_u8(buf, 0x42);
}

static void
flip_first(struct tpmiot_buf *buf)
{
	buf->data[0] ^= 0x80;
}

static void
to_one_byte(struct tpmiot_buf *buf)
{
	buf->len = 1;
}

static void
to_too_much(struct tpmiot_buf *buf)
{
	while (buf->len < 9000)
		tpmiot_buf_put_u8(buf, 0x42);
}

/* ---- One field ---------------------------------------------------------------------------- */

struct run {
	struct attack_env *env;
	const struct field *field;
	json_t *good, *others; /* a sound request of the attacker's, and one of another TPM */
};

static void
send(struct run *run, const char *how, json_t *body, int status, const char *type)
{
	static const char clause[] = "every field: sizes checked, nothing behind, one record";
	const struct field *field = run->field;
	char what[96];
	const struct attack row = {
		.what = what, .status = status, .type = type, .server = field->server
	};

	snprintf(what, sizeof(what), "%s %s", field->path, how);
	attack_expect(run->env, clause, &row,
	    field->second ? "/v1/certificates" : "/v1/attestations", body, NULL, NULL);
}

static void
send_edited(struct run *run, const char *how, void (*change)(struct tpmiot_buf *))
{
	json_t *body = json_deep_copy(run->good);

	attack_edit(body, run->field->path, change);
	send(run, how, body, run->field->broken_status, run->field->broken);
}

static void
send_as(struct run *run, const char *how, json_t *value, int status, const char *type)
{
	json_t *body = json_deep_copy(run->good);

	set(body, run->field->path, value);
	send(run, how, body, status, type);
}

static void
attack_field(struct run *run)
{
	const struct field *field = run->field;
	json_t *body;

	send_edited(run, "cut short", cut);
	send_edited(run, "with a byte more", extend);
	send_edited(run, "with its first bit changed", flip_first);
	send_edited(run, "of one byte", to_one_byte);
	send_as(run, "another device's", json_incref(get(run->others, field->path)),
	    field->swapped_status, field->swapped);
	send_as(run, "a number", json_integer(7), 400, MALFORMED);
	send_as(run, "not base64", json_string("AAA*"), 400, MALFORMED);
	if (!field->optional) {
		send_as(run, "empty", json_string(""), 400, MALFORMED);
		body = json_deep_copy(run->good);
		drop(body, field->path);
		send(run, "missing", body, 400, MALFORMED);
	}
	body = json_deep_copy(run->good);
	attack_edit(body, field->path, to_too_much);
	send(run, "of 9000 bytes", body, 400, MALFORMED);
}

/* A second step with everything that may be in one. */
static json_t *
whole(struct attack_env *env, enum attack_server server, const struct kit_device *dev)
{
	struct wire_answer first;
	struct tpmiot_pcrset values;
	json_t *body;

	if (!attack_send(env, server, "/v1/attestations", kit_attest(dev), &first))
		fail_msg("no first step");
	body = kit_issue(dev, first.doc);
	kit_measure(&values, "sha256:0,7");
	kit_set(body, "parent", kit_public(&dev->srk));
	kit_set(body, "quote", kit_quote(&dev->ak, first.doc, &values, NULL));
	wire_answer_free(&first);
	return body;
}

void
attack_fields(struct attack_env *env)
{
	struct run run = { .env = env };
	struct kit_device other;

	kit_device_make(&other, "L-2", kit_root, kit_root_key);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		run.field = &fields[i];
		if (fields[i].second) {
			run.good = whole(env, fields[i].server, &env->dev);
			run.others = whole(env, fields[i].server, &other);
		} else {
			run.good = kit_attest(&env->dev);
			run.others = json_deep_copy(env->victim_first);
			if (strcmp(fields[i].path, "ek.chain") == 0) /* one that leads nowhere */
				set(run.others, "ek.chain",
				    json_pack("[o]",
				        json_incref(json_object_get(
				            json_object_get(run.good, "ek"), "certificate"))));
		}
		attack_field(&run);
		json_decref(run.good);
		json_decref(run.others);
	}
	kit_device_free(&other);
}
