/* SPDX-License-Identifier: Apache-2.0 */
/* TPM2_Quote: statements about other PCRs, other values, other times, or by others; and none. */
#include "attack.h"

#define WANTED "sha256:0,7" /* what the server AT_PCRS asks for; its policy allows no values */

/* ---- The requests --------------------------------------------------------------------------- */

/* Of these PCRs (row->text), by the session's AK, forged as the row says and then signed. */
static json_t *
quoted(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	json_t *body = kit_issue(&env->dev, challenge);
	struct tpmiot_pcrset values;

	kit_measure(&values, row->text != NULL ? row->text : WANTED);
	kit_set(body, "quote", kit_quote(&env->dev.ak, challenge, &values, row->forge_quote));
	return body;
}

/* A sound quote, by the key that row->text says. */
static json_t *
by_whom(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	const struct softkey *const who = strcmp(row->text, "victim") == 0 ? &env->victim.ak
	                                  : strcmp(row->text, "own") == 0  ? &env->rsa.ak
	                                                                   : &env->dev.key;
	struct softkey signer = *who;
	json_t *body = kit_issue(&env->dev, challenge);
	struct tpmiot_pcrset values;

	if (who == &env->dev.key) /* it has no scheme of its own */
		signer.pub.area.parameters.eccDetail.scheme =
		    env->dev.ak.pub.area.parameters.eccDetail.scheme;
	kit_measure(&values, WANTED);
	kit_set(body, "quote", kit_quote(&signer, challenge, &values, NULL));
	return body;
}

/* What was quoted is one thing, what is sent as its values another (CVE-2022-0317). */
static json_t *
other_values(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	json_t *body = quoted(env, row, challenge);
	struct tpmiot_pcrset values;
	json_t *others;

	kit_measure(&values, row->field);
	values.bank[0].values[7][31] ^= 1;
	others = kit_quote(&env->dev.ak, challenge, &values, NULL);
	kit_set(body, "quote.pcrs", json_incref(json_object_get(others, "pcrs")));
	json_decref(others);
	return body;
}

/* The whole quote of another session of the same device. */
static json_t *
replayed(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	json_t *body = kit_issue(&env->dev, challenge);
	struct tpmiot_pcrset values;
	struct wire_answer before;

	(void)row;
	if (!attack_send(env, AT_PCRS, "/v1/attestations", kit_attest(&env->dev), &before))
		fail_msg("no first step");
	kit_measure(&values, WANTED);
	kit_set(body, "quote", kit_quote(&env->dev.ak, before.doc, &values, NULL));
	wire_answer_free(&before);
	return body;
}

/* The certification of the key in the quote's place: signed by the AK, with the right nonce. */
static json_t *
certification(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	json_t *body = quoted(env, row, challenge), *key = json_object_get(body, "key");

	kit_set(body, "quote.attest", json_incref(json_object_get(key, "attest")));
	kit_set(body, "quote.signature", json_incref(json_object_get(key, "signature")));
	return body;
}

static json_t *
absent(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	(void)row;
	return kit_issue(&env->dev, challenge);
}

static json_t *
shaped(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	json_t *body = quoted(env, &(struct attack){ .text = WANTED }, challenge);

	kit_set(body, row->field, json_loads(row->text, JSON_DECODE_ANY, NULL));
	return body;
}

/* ---- Forgeries --------------------------------------------------------------------------------
 */

static void
magic(struct soft_quote *q)
{
	q->head.magic = 0xff544348;
}

static void
type_certify(struct soft_quote *q)
{
	q->head.type = TPM2_ST_ATTEST_CERTIFY;
}

static void
type_unknown(struct soft_quote *q)
{
	q->head.type = 0x1234;
}

static void
nonce_changed(struct soft_quote *q)
{
	q->head.extra_data.buffer[31] ^= 1;
}

static void
nonce_none(struct soft_quote *q)
{
	q->head.extra_data.size = 0;
}

static void
nonce_short(struct soft_quote *q)
{
	q->head.extra_data.size = 16;
}

static void
safe_odd(struct soft_quote *q)
{
	q->head.safe = 2;
}

static void
selection_less(struct soft_quote *q)
{
	q->lines[0].selected = 1;
}

static void
selection_more(struct soft_quote *q)
{
	q->lines[0].selected |= 1 << 8;
}

static void
selection_empty(struct soft_quote *q)
{
	q->lines[0].selected = 0;
}

static void
selection_none(struct soft_quote *q)
{
	q->count = 0;
}

static void
selection_twice(struct soft_quote *q)
{
	q->lines[1] = q->lines[0];
	q->count = 2;
}

static void
selection_endless(struct soft_quote *q)
{
	q->count = 0xffffffff;
}

static void
bank_sha1(struct soft_quote *q)
{
	q->lines[0].alg = TPM2_ALG_SHA1;
}

static void
digest_changed(struct soft_quote *q)
{
	q->digest.buffer[0] ^= 1;
}

static void
digest_none(struct soft_quote *q)
{
	q->digest.size = 0;
}

static void
digest_short(struct soft_quote *q)
{
	q->digest.size = 20;
}

static void
truncated(struct soft_quote *q)
{
	q->lines[0].size = 200; /* more bits than follow */
}

#define ON_PCRS .second = true, .server = AT_PCRS, .first_server = AT_PCRS
#define REFUSED 422, "quote-invalid", ON_PCRS
#define FORGED(what, how)                                                                          \
	{                                                                                          \
		what, quoted, REFUSED, .forge_quote = how                                          \
	}
#define OF_PCRS(what, selection)                                                                   \
	{                                                                                          \
		what, quoted, REFUSED, .text = selection                                           \
	}
#define SHAPED(what, path, value)                                                                  \
	{                                                                                          \
		what, shaped, 400, "malformed-request", ON_PCRS, .field = path, .text = value      \
	}

static const struct attack statements[] = {
	FORGED("another magic", magic),
	FORGED("a certification by its type", type_certify),
	FORGED("a type that there is not", type_unknown),
	{ "the certification of the key", certification, REFUSED },
	FORGED("another nonce", nonce_changed),
	FORGED("no nonce", nonce_none),
	FORGED("half of the nonce", nonce_short),
	{ "that of another session", replayed, REFUSED },
	FORGED("a clock that is neither safe nor unsafe", safe_odd),
	FORGED("a selection that is cut short", truncated),
	{ "by another AK of the same owner (CVE-2022-1053)", by_whom, REFUSED, .text = "own" },
	{ "by another device's AK", by_whom, REFUSED, .text = "victim" },
	{ "by the device key", by_whom, REFUSED, .text = "key" },
	{ "none, where one is asked for", absent, 422, "quote-required", ON_PCRS },
};

static const struct attack selections[] = {
	FORGED("less than was asked for", selection_less),
	FORGED("more than was asked for", selection_more),
	FORGED("no PCR", selection_empty),
	FORGED("no bank", selection_none),
	FORGED("one bank twice", selection_twice),
	FORGED("4,294,967,295 banks", selection_endless),
	FORGED("another bank", bank_sha1),
	OF_PCRS("a sound one of less", "sha256:0"),
	OF_PCRS("a sound one of more", "sha256:0,7,8"),
	OF_PCRS("a sound one of others", "sha256:1,7"),
	OF_PCRS("a sound one of another bank", "sha3-256:0,7"),
	OF_PCRS("a sound one with a bank more", "sha256:0,7+sha384:0"),
};

static const struct attack values[] = {
	FORGED("another digest", digest_changed),
	FORGED("no digest", digest_none),
	FORGED("a short digest", digest_short),
	{ "one bit of a value is another (CVE-2022-0317)", other_values, REFUSED, .field = WANTED },
	{ "a value more than was quoted", other_values, REFUSED, .field = "sha256:0,7,8" },
	{ "quoted more, and sent what was asked for", other_values, REFUSED, .field = WANTED,
	    .text = "sha256:0,7,8" },
	{ "values that no policy allows", quoted, 403, "pcrs-refused", ON_PCRS },
	SHAPED("the values are a list", "quote.pcrs", "[]"),
	SHAPED("a bank that there is not", "quote.pcrs", "{\"md5\": {}}"),
	SHAPED("PCR 24", "quote.pcrs",
	    "{\"sha256\": {\"24\": \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}}"),
	SHAPED("a value of one byte", "quote.pcrs", "{\"sha256\": {\"0\": \"AA==\"}}"),
	SHAPED("it is a string", "quote", "\"x\""),
};

const struct attack_table attack_quote[] = {
	ATTACK_TABLE("TPM2_Quote: magic, type, length, nonce, AK", statements),
	ATTACK_TABLE("TPM2_Quote: selection as requested, not empty, right bank", selections),
	ATTACK_TABLE("TPM2_Quote: the digest covers every value (CVE-2022-0317)", values),
	{ NULL, NULL, 0 },
};

/* ---- What is right is accepted ------------------------------------------------------------------
 */

#define CLAUSE "TPM2_Quote: what is right"

/* An unasked quote proves nothing and does no harm; it is looked at by nobody. */
static void
unasked(struct attack_env *env, const struct kit_device *dev)
{
	struct wire_answer first, answer;
	struct tpmiot_pcrset measured;
	json_t *body;

	if (!attack_send(env, AT_OPEN, "/v1/attestations", kit_attest(dev), &first))
		fail_msg("no first step");
	kit_measure(&measured, WANTED);
	body = kit_issue(dev, first.doc);
	kit_set(body, "quote", kit_quote(&env->victim.ak, first.doc, &measured, magic));
	if (!attack_send(env, AT_OPEN, "/v1/certificates", body, &answer))
		answer.status = 0;
	attack_result(
	    answer.status == 200 && kit_count(&env->store, "SELECT count(*) FROM quotes") == 0,
	    CLAUSE, "where none is asked for, none is looked at or kept", answer.type);
	wire_answer_free(&first);
	wire_answer_free(&answer);
}

/* The operator allows the values that the refused request left in the audit log. */
static void
allowed(struct attack_env *env, const struct kit_device *dev)
{
	struct tpmiot_buf out = TPMIOT_BUF_INIT;
	struct wire_answer first, answer;
	struct tpmiot_pcrset measured;
	char command[96];
	json_t *body;

	snprintf(command, sizeof(command), "pcr allow --audit=%lld fw",
	    (long long)kit_count(
	        &env->store, "SELECT max(id) FROM audit WHERE reason = 'pcrs-refused'"));
	attack_operator(env, command, &out);
	tpmiot_buf_free(&out);
	if (!attack_send(env, AT_PCRS, "/v1/attestations", kit_attest(dev), &first))
		fail_msg("no first step");
	kit_measure(&measured, WANTED);
	body = kit_issue(dev, first.doc);
	kit_set(body, "quote", kit_quote(&dev->ak, first.doc, &measured, NULL));
	if (!attack_send(env, AT_PCRS, "/v1/certificates", body, &answer))
		answer.status = 0;
	attack_result(
	    answer.status == 200 && kit_count(&env->store, "SELECT count(*) FROM quotes") == 1,
	    CLAUSE, "values that the operator allowed", answer.type);
	wire_answer_free(&first);
	wire_answer_free(&answer);
}

void
attack_quotes_accepted(struct attack_env *env)
{
	struct kit_device dev;

	kit_device_make(&dev, "L-2", kit_link, kit_link_key);
	unasked(env, &dev);
	allowed(env, &dev);
	kit_device_free(&dev);
}
