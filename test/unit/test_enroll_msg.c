/* SPDX-License-Identifier: Apache-2.0 */
/* The protocol's messages, and what a hostile server may answer. */
#include <jansson.h>

#include <tpmiot/b64.h>
#include <tpmiot/template.h>

#include "enroll/net/exchange.h"
#include "enroll/net/msg.h"
#include "unit.h"

#define CHALLENGE                                                                                  \
	"{\"challenge\":{\"credential_blob\":\"AAEC\",\"encrypted_secret\":\"AwQF\"},"             \
	"\"nonce\":\"AAECAwQFBgcICQoLDA0ODw==\",\"session\":\"s1.x\",\"expires_in\":300,\"new\":"  \
	"1}"
#define ISSUED "{\"certificate\":\"c\",\"ca\":\"a\",\"device_id\":\"ek-00:A_b.c\"}"

static struct tpmiot_bytes
text(const char *str)
{
	return (struct tpmiot_bytes){ str, strlen(str) };
}

static void
make_public(struct tpmiot_public *out)
{
	struct tpmiot_err err;
	TPMT_PUBLIC area;

	tpmiot_template_ak_ecc(&area);
	assert_ok(tpmiot_public_from_area(NULL, &area, out, &err), &err);
}

static json_t *
parse_request(struct tpmiot_buf *body)
{
	json_t *root = json_loadb((char *)body->data, body->len, JSON_REJECT_DUPLICATES, NULL);

	assert_non_null(root);
	tpmiot_buf_free(body);
	return root;
}

static void
assert_is_public(const json_t *value, const struct tpmiot_public *pub)
{
	struct tpmiot_buf want = TPMIOT_BUF_INIT, got = TPMIOT_BUF_INIT;
	struct tpmiot_err err;

	tpmiot_public_put(pub, &want);
	assert_true(json_is_string(value));
	assert_ok(
	    tpmiot_b64_decode(json_string_value(value), json_string_length(value), &got, &err),
	    &err);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.data, want.data, want.len);
	tpmiot_buf_free(&want);
	tpmiot_buf_free(&got);
}

static void
test_put_attestation_least(void **state)
{
	struct enroll_msg_attestation msg = { .ek = NULL };
	struct tpmiot_buf body = TPMIOT_BUF_INIT;
	struct tpmiot_public pub;
	struct tpmiot_err err;
	json_t *root;

	(void)state;
	make_public(&pub);
	msg.ek = msg.ak = &pub;
	assert_ok(enroll_msg_put_attestation(&msg, &body, &err), &err);
	root = parse_request(&body);
	assert_is_public(json_object_get(json_object_get(root, "ek"), "public"), &pub);
	assert_is_public(json_object_get(json_object_get(root, "ak"), "public"), &pub);
	assert_int_equal(json_object_size(root), 2);
	assert_int_equal(json_object_size(json_object_get(root, "ek")), 1);
	json_decref(root);
}

static void
test_put_attestation_all(void **state)
{
	struct enroll_msg_attestation msg = { .device_id = "d1",
		.profile = "server",
		.join_token = "t\"1",
		.ek_cert = text("0123") };
	struct tpmiot_buf body = TPMIOT_BUF_INIT;
	struct tpmiot_public pub;
	struct tpmiot_err err;
	json_t *root;

	(void)state;
	make_public(&pub);
	msg.ek = msg.ak = &pub;
	assert_ok(enroll_msg_put_attestation(&msg, &body, &err), &err);
	root = parse_request(&body);
	assert_string_equal(json_string_value(json_object_get(root, "device_id")), "d1");
	assert_string_equal(json_string_value(json_object_get(root, "profile")), "server");
	assert_string_equal(json_string_value(json_object_get(root, "join_token")), "t\"1");
	assert_string_equal(
	    json_string_value(json_object_get(json_object_get(root, "ek"), "certificate")),
	    "MDEyMw==");
	json_decref(root);
}

static void
test_put_evidence(void **state)
{
	struct tpmiot_buf bytes = TPMIOT_BUF_INIT, body = TPMIOT_BUF_INIT;
	struct tpmiot_public pub;
	struct tpmiot_err err;
	json_t *root, *key;

	(void)state;
	make_public(&pub);
	tpmiot_buf_put_str(&bytes, "0123");
	assert_ok(enroll_msg_put_evidence(&(struct enroll_msg_evidence){ .session = &bytes,
	                                      .secret = &bytes,
	                                      .key = &pub,
	                                      .attest = &bytes,
	                                      .signature = &bytes,
	                                      .csr = &bytes },
	              &body, &err),
	    &err);
	root = parse_request(&body);
	key = json_object_get(root, "key");
	assert_string_equal(json_string_value(json_object_get(root, "session")), "0123");
	assert_string_equal(json_string_value(json_object_get(root, "secret")), "MDEyMw==");
	assert_string_equal(json_string_value(json_object_get(root, "csr")), "MDEyMw==");
	assert_string_equal(json_string_value(json_object_get(key, "attest")), "MDEyMw==");
	assert_string_equal(json_string_value(json_object_get(key, "signature")), "MDEyMw==");
	assert_is_public(json_object_get(key, "public"), &pub);
	json_decref(root);
	tpmiot_buf_free(&bytes);
}

/* No secret, and no AK where the CA is to take the last one: the members are not there. */
static void
test_put_renewal(void **state)
{
	struct tpmiot_buf bytes = TPMIOT_BUF_INIT, body = TPMIOT_BUF_INIT;
	struct tpmiot_public pub;
	struct tpmiot_err err;
	json_t *root;

	(void)state;
	make_public(&pub);
	assert_ok(enroll_msg_put_renewal(NULL, &body, &err), &err);
	root = parse_request(&body);
	assert_int_equal(json_object_size(root), 0);
	json_decref(root);
	assert_ok(enroll_msg_put_renewal(&pub, &body, &err), &err);
	root = parse_request(&body);
	assert_is_public(json_object_get(json_object_get(root, "ak"), "public"), &pub);
	json_decref(root);
	tpmiot_buf_put_str(&bytes, "0123");
	assert_ok(enroll_msg_put_evidence(&(struct enroll_msg_evidence){ .session = &bytes,
	                                      .key = &pub,
	                                      .attest = &bytes,
	                                      .signature = &bytes,
	                                      .csr = &bytes },
	              &body, &err),
	    &err);
	root = parse_request(&body);
	assert_null(json_object_get(root, "secret"));
	assert_non_null(json_object_get(root, "csr"));
	json_decref(root);
	tpmiot_buf_free(&bytes);
}

static void
test_parse_renewal(void **state)
{
	static const char reply[] = "{\"nonce\":\"AAECAwQFBgcICQoLDA0ODw==\",\"session\":\"s\"}";
	struct enroll_msg_challenge challenge;
	struct tpmiot_err err;

	(void)state;
	assert_ok(enroll_msg_parse_renewal(text(reply), &challenge, &err), &err);
	assert_int_equal(challenge.nonce.len, 16);
	assert_int_equal(challenge.credential_blob.len, 0);
	enroll_msg_challenge_free(&challenge);
	assert_refused(enroll_msg_parse_challenge(text(reply), &challenge, &err), TPMIOT_E_FORMAT,
	    &err, "credential_blob");
	assert_refused(enroll_msg_parse_renewal(text("{\"session\":\"s\"}"), &challenge, &err),
	    TPMIOT_E_FORMAT, &err, "nonce");
}

static void
test_parse_challenge(void **state)
{
	struct enroll_msg_challenge challenge;
	struct tpmiot_err err;

	(void)state;
	assert_ok(enroll_msg_parse_challenge(text(CHALLENGE), &challenge, &err), &err);
	assert_int_equal(challenge.credential_blob.len, 3);
	assert_memory_equal(challenge.credential_blob.data, "\0\1\2", 3);
	assert_memory_equal(challenge.encrypted_secret.data, "\3\4\5", 3);
	assert_int_equal(challenge.nonce.len, 16);
	assert_int_equal(challenge.session.len, 4);
	assert_memory_equal(challenge.session.data, "s1.x", 4);
	enroll_msg_challenge_free(&challenge);
}

static void
test_parse_truncated_at_every_length(void **state)
{
	struct enroll_msg_challenge challenge;
	struct enroll_msg_issued issued;
	struct tpmiot_err err;
	uint8_t *copy;
	size_t len;

	(void)state;
	for (len = 0; len < strlen(CHALLENGE); len++) {
		copy = exact_copy(CHALLENGE, len);
		assert_int_equal(enroll_msg_parse_challenge(
		                     (struct tpmiot_bytes){ copy, len }, &challenge, &err),
		    TPMIOT_E_FORMAT);
		free(copy);
	}
	for (len = 0; len < strlen(ISSUED); len++) {
		copy = exact_copy(ISSUED, len);
		assert_int_equal(
		    enroll_msg_parse_issued((struct tpmiot_bytes){ copy, len }, &issued, &err),
		    TPMIOT_E_FORMAT);
		free(copy);
	}
}

/* Each is a challenge but for one thing; `word` is what the message has to name. */
static void
test_parse_challenge_refusals(void **state)
{
	static const struct {
		const char *from, *to, *word;
	} cases[] = {
		{ "\"AAEC\"", "\"AAE\"", "credential_blob" },
		{ "\"AAEC\"", "\"AA EC\"", "credential_blob" },
		{ "\"AAEC\"", "\"\"", "credential_blob" },
		{ "\"AAEC\"", "7", "credential_blob" },
		{ "\"AwQF\"", "null", "encrypted_secret" },
		{ "\"AAECAwQFBgcICQoLDA0ODw==\"", "\"AAEC\"", "nonce" },
		{ "\"s1.x\"", "\"\"", "session" },
		{ "\"s1.x\"", "[]", "session" },
		{ "\"s1.x\"", "\"a\\u0000b\"", "JSON" },
		{ "\"new\":1", "\"nonce\":\"x\"", "JSON" },
		{ "\"new\":1}", "\"new\":1}x", "JSON" },
		{ "\"challenge\":{", "\"challenge\":[{", "JSON" },
		{ "\"challenge\"", "\"chalenge\"", "credential_blob" },
	};
	struct enroll_msg_challenge challenge;
	char changed[sizeof(CHALLENGE) + 32];
	struct tpmiot_err err;
	const char *at;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		at = strstr(CHALLENGE, cases[i].from);
		assert_non_null(at);
		(void)snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(at - CHALLENGE),
		    CHALLENGE, cases[i].to, at + strlen(cases[i].from));
		assert_refused(enroll_msg_parse_challenge(text(changed), &challenge, &err),
		    TPMIOT_E_FORMAT, &err, cases[i].word);
	}
}

static void
test_parse_challenge_limits(void **state)
{
	struct tpmiot_buf big = TPMIOT_BUF_INIT;
	struct enroll_msg_challenge challenge;
	struct tpmiot_err err;

	(void)state;
	tpmiot_buf_put_str(&big, "{\"challenge\":{\"credential_blob\":\"");
	memset(tpmiot_buf_grow(&big, 1400), 'A', 1400);
	tpmiot_buf_put_str(&big, "\"}}");
	assert_refused(enroll_msg_parse_challenge(
	                   (struct tpmiot_bytes){ big.data, big.len }, &challenge, &err),
	    TPMIOT_E_FORMAT, &err, "credential_blob");
	memset(tpmiot_buf_grow(&big, ENROLL_MSG_REPLY_MAX), ' ', ENROLL_MSG_REPLY_MAX);
	assert_refused(enroll_msg_parse_challenge(
	                   (struct tpmiot_bytes){ big.data, big.len }, &challenge, &err),
	    TPMIOT_E_FORMAT, &err, "too long");
	tpmiot_buf_reset(&big);
	memset(tpmiot_buf_grow(&big, 60000), '[', 60000); /* as deep as it goes */
	assert_refused(enroll_msg_parse_challenge(
	                   (struct tpmiot_bytes){ big.data, big.len }, &challenge, &err),
	    TPMIOT_E_FORMAT, &err, "JSON");
	tpmiot_buf_free(&big);
}

static void
test_parse_challenge_pcrs(void **state)
{
	struct enroll_msg_challenge challenge;
	struct tpmiot_err err;

	static const char *const bad[] = { "[]", "{}", "7", "{\"sha256\":[]}", "{\"sha256\":7}",
		"{\"sha256\":[24]}", "{\"sha256\":[-1]}", "{\"sha256\":[1,1]}",
		"{\"sha256\":[1.5]}", "{\"sha257\":[1]}", "{\"sha256\":[\"1\"]}" };
	static const char rest[] = "\"nonce\":\"AAECAwQFBgcICQoLDA0ODw==\",\"session\":\"s\"}";
	char reply[200];
	size_t i;

	(void)state;
	(void)snprintf(
	    reply, sizeof(reply), "{\"pcrs\":{\"sha256\":[0,7,23],\"sha1\":[1]},%s", rest);
	assert_ok(enroll_msg_parse_renewal(text(reply), &challenge, &err), &err);
	assert_int_equal(challenge.banks_n, 2);
	assert_int_equal(challenge.banks[0].alg, TPM2_ALG_SHA256);
	assert_int_equal(challenge.banks[0].selected, 0x800081);
	assert_int_equal(challenge.banks[1].selected, 2);
	enroll_msg_challenge_free(&challenge);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)snprintf(reply, sizeof(reply), "{\"pcrs\":%s,%s", bad[i], rest);
		assert_refused(enroll_msg_parse_renewal(text(reply), &challenge, &err),
		    TPMIOT_E_FORMAT, &err, "pcrs");
	}
}

static void
test_parse_issued(void **state)
{
	struct enroll_msg_issued issued;
	struct tpmiot_err err;

	(void)state;
	assert_ok(enroll_msg_parse_issued(text(ISSUED), &issued, &err), &err);
	assert_string_equal(issued.device_id, "ek-00:A_b.c");
	assert_memory_equal(issued.certificate.data, "c", 1);
	assert_memory_equal(issued.ca.data, "a", 1);
	enroll_msg_issued_free(&issued);
	assert_refused(enroll_msg_parse_issued(text("{\"certificate\":\"c\",\"ca\":\"a\","
	                                            "\"device_id\":\"\\u001b[2J\"}"),
	                   &issued, &err),
	    TPMIOT_E_FORMAT, &err, "device_id");
	assert_refused(enroll_msg_parse_issued(
	                   text("{\"certificate\":\"c\",\"device_id\":\"x\"}"), &issued, &err),
	    TPMIOT_E_FORMAT, &err, "\"ca\"");
}

/* ---- Secrets in the answer -------------------------------------------------------------- */

static json_t *
binary(const void *data, size_t len)
{
	struct tpmiot_buf buf = TPMIOT_BUF_INIT;
	json_t *v;

	tpmiot_b64_encode(data, len, &buf);
	v = json_stringn((char *)buf.data, buf.len);
	tpmiot_buf_free(&buf);
	return v;
}

static json_t *
public_of(const TPMT_PUBLIC *area)
{
	struct tpmiot_buf buf = TPMIOT_BUF_INIT;
	struct tpmiot_public pub;
	struct tpmiot_err err;
	json_t *v;

	assert_ok(tpmiot_public_from_area(NULL, area, &pub, &err), &err);
	tpmiot_public_put(&pub, &buf);
	v = binary(buf.data, buf.len);
	tpmiot_buf_free(&buf);
	return v;
}

static json_t *
secret_named(const char *name)
{
	const TPMT_PUBLIC sealed = { .type = TPM2_ALG_KEYEDHASH,
		.nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = TPMA_OBJECT_USERWITHAUTH,
		.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL,
		.unique.keyedHash = { .size = 32 } };

	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "name", name, "kind", "data", "public",
	    public_of(&sealed), "duplicate", binary("\0\3abc", 5), "seed", binary("\0\2de", 4),
	    "data", binary("ciphertext", 10));
}

/* Takes `secrets` over. */
static enum tpmiot_rc
parse_secrets(json_t *secrets, struct enroll_msg_issued *out, struct tpmiot_err *err)
{
	json_t *root = json_loads(ISSUED, 0, NULL);
	enum tpmiot_rc rc;
	char *reply;

	json_object_set_new(root, "secrets", secrets);
	reply = json_dumps(root, JSON_COMPACT);
	rc = enroll_msg_parse_issued(text(reply), out, err);
	free(reply);
	json_decref(root);
	return rc;
}

static json_t *
many_secrets(int n)
{
	json_t *list = json_array();
	char name[16];

	for (int i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "s%d", i);
		json_array_append_new(list, secret_named(name));
	}
	return list;
}

static void
test_parse_secrets(void **state)
{
	struct enroll_msg_issued issued;
	struct tpmiot_err err = { 0 };
	json_t *one = secret_named("wifi");

	(void)state;
	assert_ok(enroll_msg_parse_issued(text(ISSUED), &issued, &err), &err);
	assert_false(issued.has_secrets); /* nothing is said: what is kept stays */
	enroll_msg_issued_free(&issued);
	assert_ok(parse_secrets(json_array(), &issued, &err), &err);
	assert_true(issued.has_secrets); /* there are none: what is kept goes */
	assert_int_equal(issued.secrets_n, 0);
	enroll_msg_issued_free(&issued);
	json_object_del(one, "data");
	assert_ok(
	    parse_secrets(json_pack("[o, o]", one, secret_named("api.key")), &issued, &err), &err);
	assert_int_equal(issued.secrets_n, 2);
	assert_string_equal(issued.secrets[0].name, "wifi");
	assert_int_equal(issued.secrets[0].data.len, 0);
	assert_string_equal(issued.secrets[1].name, "api.key");
	assert_int_equal(issued.secrets[1].pub.area.type, TPM2_ALG_KEYEDHASH);
	assert_int_equal(issued.secrets[1].priv.size, 3);
	assert_memory_equal(issued.secrets[1].priv.buffer, "abc", 3);
	assert_int_equal(issued.secrets[1].seed.size, 2);
	assert_memory_equal(issued.secrets[1].seed.secret, "de", 2);
	assert_memory_equal(issued.secrets[1].data.data, "ciphertext", 10);
	enroll_msg_issued_free(&issued);
	assert_ok(parse_secrets(many_secrets(ENROLL_MSG_SECRETS_MAX), &issued, &err), &err);
	assert_int_equal(issued.secrets_n, ENROLL_MSG_SECRETS_MAX);
	enroll_msg_issued_free(&issued);
}

static void
refuse_secrets(json_t *secrets)
{
	struct enroll_msg_issued issued;
	struct tpmiot_err err = { 0 };

	assert_refused(parse_secrets(secrets, &issued, &err), TPMIOT_E_FORMAT, &err, "\"secrets\"");
}

/* One that is right, with this member set to `value` (NULL: taken away); behind a sound one. */
static void
refuse_secret(const char *member, json_t *value)
{
	json_t *bad = secret_named("bad");

	if (value == NULL)
		json_object_del(bad, member);
	else
		json_object_set_new(bad, member, value);
	refuse_secrets(json_pack("[o, o]", secret_named("good"), bad));
}

static void
test_parse_secrets_refused(void **state)
{
	static const char *const names[] = { "", ".hidden", "../x", "a/b", "a b", "good",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };
	static const char *const required[] = { "name", "public", "duplicate", "seed" };
	static uint8_t huge[9001];
	TPMT_PUBLIC area;

	(void)state;
	refuse_secrets(json_object());
	refuse_secrets(json_null());
	refuse_secrets(json_pack("[i]", 1));
	refuse_secrets(json_pack("[[]]"));
	refuse_secrets(many_secrets(ENROLL_MSG_SECRETS_MAX + 1));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		refuse_secret("name", json_string(names[i]));
	for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
		refuse_secret(required[i], NULL);
		refuse_secret(required[i], json_integer(7));
		refuse_secret(required[i], json_string(""));
		refuse_secret(required[i], json_string("AA*A"));
	}
	tpmiot_template_srk_ecc(&area); /* no keyed-hash object */
	refuse_secret("public", public_of(&area));
	refuse_secret("public", binary("\0\10nonsense", 10));
	for (size_t i = 0; i < 2; i++) { /* sizes of a TPM2B */
		const char *const member = i == 0 ? "duplicate" : "seed";

		refuse_secret(member, binary("\0", 1));
		refuse_secret(member, binary("\0\0", 2));
		refuse_secret(member, binary("\0\4abc", 5));
		refuse_secret(member, binary("\0\2abc", 5));
		refuse_secret(member, binary("\377\377abc", 5));
		huge[0] = 0x23; /* 8,999, which are there */
		huge[1] = 0x27;
		refuse_secret(member, binary(huge, sizeof(huge)));
	}
	refuse_secret("data", json_string(""));
	refuse_secret("data", json_integer(7));
	refuse_secret("data", binary(huge, sizeof(huge)));
}

static void
test_parse_problem_is_cleaned(void **state)
{
	struct enroll_msg_problem problem;

	(void)state;
	enroll_msg_parse_problem(
	    text("{\"type\":\"urn:tpmiot:problem:ek-not-listed\","
	         "\"detail\":\"a\\u001b[2Jb\\nc\\u00e9\",\"next\":7,\"title\":\"T\"}"),
	    &problem);
	assert_string_equal(problem.type, "ek-not-listed");
	assert_string_equal(problem.detail, "a?[2Jb?c??");
	assert_string_equal(problem.next, "");
	assert_string_equal(problem.title, "T");
	enroll_msg_parse_problem(text("not JSON"), &problem);
	assert_string_equal(problem.type, "");
	enroll_msg_parse_problem(text("{\"type\":\"about:blank\",\"detail\":\"x\"}"), &problem);
	assert_string_equal(problem.type, "");
}

static void
judge(long status, bool is_problem, const char *body, enum tpmiot_rc want, const char *word)
{
	struct enroll_http_reply reply = {
		.status = status, .problem = is_problem, .body = TPMIOT_BUF_INIT
	};
	struct enroll_msg_problem problem;
	struct tpmiot_err err;

	tpmiot_buf_put_str(&reply.body, body);
	assert_refused(enroll_exchange_judge(&reply, &problem, &err), want, &err, word);
	enroll_http_reply_free(&reply);
}

static void
test_judge(void **state)
{
	(void)state;
	judge(403, true, "{\"type\":\"urn:tpmiot:problem:x\",\"detail\":\"D\",\"next\":\"do N\"}",
	    TPMIOT_E_REFUSED, "D [x]. Next step: do N");
	judge(422, true, "{\"type\":\"urn:tpmiot:problem:x\",\"title\":\"T\"}", TPMIOT_E_REFUSED,
	    "the CA refused: T [x]");
	judge(503, true, "{\"type\":\"urn:tpmiot:problem:server-error\",\"detail\":\"D\"}",
	    TPMIOT_E_NET, "try again later");
	judge(429, true, "{\"type\":\"urn:tpmiot:problem:rate-limited\"}", TPMIOT_E_NET,
	    "try again later");
	judge(404, false, "{\"type\":\"urn:tpmiot:problem:not-found\"}", TPMIOT_E_TRUST,
	    "no tpmiot CA");
	judge(200, false, "<html>", TPMIOT_E_TRUST, "no tpmiot CA");
	judge(302, true, "{}", TPMIOT_E_TRUST, "HTTP 302");
}

static void
test_restarts(void **state)
{
	struct enroll_msg_problem problem = { .type = "session-expired" };

	(void)state;
	assert_true(enroll_exchange_restarts(&problem));
	(void)strcpy(problem.type, "secret-wrong");
	assert_false(enroll_exchange_restarts(&problem));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_attestation_least),
		cmocka_unit_test(test_put_attestation_all),
		cmocka_unit_test(test_put_evidence),
		cmocka_unit_test(test_put_renewal),
		cmocka_unit_test(test_parse_renewal),
		cmocka_unit_test(test_parse_challenge),
		cmocka_unit_test(test_parse_truncated_at_every_length),
		cmocka_unit_test(test_parse_challenge_refusals),
		cmocka_unit_test(test_parse_challenge_limits),
		cmocka_unit_test(test_parse_challenge_pcrs),
		cmocka_unit_test(test_parse_issued),
		cmocka_unit_test(test_parse_secrets),
		cmocka_unit_test(test_parse_secrets_refused),
		cmocka_unit_test(test_parse_problem_is_cleaned),
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_restarts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
