/* SPDX-License-Identifier: Apache-2.0 */
/* Registrations as with Azure's provisioning service: good ones, and every one that is not. */
#include "enrolkit.h"

#include <openssl/crypto.h>

#include <tpmiot/dps.h>
#include <tpmiot/sas.h>
#include <tpmiot/template.h>

#include "ca/dps/hub.h"
#include "ca/dps/path.h"
#include "ca/dps/recent.h"
#include "ca/token/bearer.h"
#include "ca/vault.h"

#define SCOPE "0ne00ABC"

static struct softkey srk, srk_ecc;

static int
group_setup(void **state)
{
	TPMT_PUBLIC template;

	tpmiot_template_srk_rsa(&template);
	softkey_make(&srk, &template);
	tpmiot_template_srk_ecc(&template);
	softkey_make(&srk_ecc, &template);
	return kit_group_setup(state);
}

static int
group_teardown(void **state)
{
	softkey_free(&srk);
	softkey_free(&srk_ecc);
	return kit_group_teardown(state);
}

static void
set(char **field, const char *value)
{
	OPENSSL_free(*field);
	*field = OPENSSL_strdup(value);
}

static int
setup(void **state)
{
	int rc = kit_setup(state);
	struct kit *kit = *state;

	if (rc != 0)
		return rc;
	kit->config.enrolment = CA_ENROLMENT_LISTED;
	kit->config.rate_limit = 0;
	set(&kit->config.dir, kit->dir);
	set(&kit->config.dps_scope, SCOPE);
	set(&kit->config.hubs, "one.example=2, two.example");
	return 0;
}

static int
teardown(void **state)
{
	struct kit *kit = *state;
	char path[128];

	scratch_path(kit->dir, CA_VAULT_FILE, path);
	(void)unlink(path);
	return kit_teardown(state);
}

/* ---- A device ------------------------------------------------------------------------- */

static json_t *
request(const struct softkey *ek, const struct softkey *storage)
{
	return json_pack("{s:{s:o, s:o}}", "tpm", "endorsementKey", kit_public(ek),
	    "storageRootKey", kit_public(storage));
}

static void
send(struct kit *kit, const char *method, const char *path, const char *authorization, json_t *body,
    struct kit_answer *out)
{
	struct ca_http_reply reply = { .status = 0 };
	char *text = body != NULL ? json_dumps(body, 0) : NULL;
	const struct ca_http_request req = { .method = method,
		.path = path,
		.content_type = "application/json; charset=utf-8",
		.authorization = authorization,
		.body = (const uint8_t *)text,
		.body_len = text != NULL ? strlen(text) : 0,
		.peer_host = "127.0.0.1",
		.peer_port = 1 };

	memset(out, 0, sizeof(*out));
	ca_api_handle(kit->api, &req, &reply);
	out->status = reply.status;
	out->retry_after = reply.retry_after;
	out->doc = json_loadb((char *)reply.body.data, reply.body.len, 0, NULL);
	assert_non_null(out->doc);
	/* Clients look for this in the label of every reply, refusals too. */
	if (kit->config.dps_scope[0] != '\0' && strstr(path, SCOPE) != NULL)
		assert_string_equal(reply.content_type, "application/json; charset=utf-8");
	tpmiot_buf_free(&reply.body);
	free(text);
	json_decref(body);
}

static const char *
path_of(const char *id, const char *what)
{
	static char path[256];

	snprintf(path, sizeof(path), "/%s/registrations/%s/%s", SCOPE, id, what);
	return path;
}

/* What a TPM with both keys gets out of an authenticationKey; false: it is not for it. */
static bool
unwrap(const struct softkey *ek, const struct softkey *storage, const json_t *value,
    struct tpmiot_buf *out)
{
	struct tpmiot_buf raw = TPMIOT_BUF_INIT, inner = TPMIOT_BUF_INIT;
	struct tpmiot_buf duplicate = TPMIOT_BUF_INIT, seed = TPMIOT_BUF_INIT;
	struct tpmiot_dps_key parts = { .credential = TPMIOT_BUF_INIT };
	struct tpmiot_err err;
	bool ok;

	kit_unb64(value, &raw);
	assert_ok(
	    tpmiot_dps_key_parse(NULL, (struct tpmiot_bytes){ raw.data, raw.len }, &parts, &err));
	soft_put_tpm2b(parts.duplicate.buffer, parts.duplicate.size, &duplicate);
	soft_put_tpm2b(parts.seed.secret, parts.seed.size, &seed);
	ok = softtpm_activate(ek, &storage->pub.name,
	         (struct tpmiot_bytes){ parts.credential.data, parts.credential.len },
	         (struct tpmiot_bytes){ parts.secret.data, parts.secret.len }, &inner) &&
	     softtpm_import(storage, &parts.pub,
	         (struct tpmiot_bytes){ duplicate.data, duplicate.len },
	         (struct tpmiot_bytes){ seed.data, seed.len },
	         (struct tpmiot_bytes){ inner.data, inner.len }, out);
	tpmiot_dps_key_free(&parts);
	tpmiot_buf_free(&raw);
	tpmiot_buf_free(&inner);
	tpmiot_buf_free(&duplicate);
	tpmiot_buf_free(&seed);
	return ok;
}

/* A token over `escaped` as it is; static. */
static const char *
sign(const struct tpmiot_buf *key, const char *escaped, int64_t expires, const char *skn)
{
	static char text[1024];
	struct tpmiot_buf message = TPMIOT_BUF_INIT, token = TPMIOT_BUF_INIT;
	uint8_t mac[64];
	size_t len;
	struct tpmiot_err err;

	tpmiot_sas_put_to_sign(escaped, expires, &message);
	const struct tpmiot_bytes part = { message.data, message.len };
	assert_ok(tpmiot_hmac(NULL, TPM2_ALG_SHA256, (struct tpmiot_bytes){ key->data, key->len },
	    &part, 1, mac, &len, &err));
	tpmiot_sas_put(escaped, expires, mac, skn, &token);
	snprintf(text, sizeof(text), "%s", tpmiot_buf_cstr(&token));
	tpmiot_buf_free(&message);
	tpmiot_buf_free(&token);
	return text;
}

static const char *
sign_for(const struct tpmiot_buf *key, const char *id)
{
	char escaped[256];

	snprintf(escaped, sizeof(escaped), SCOPE "%%2Fregistrations%%2F%s", id);
	return sign(key, escaped, kit_now + 3600, "registration");
}

/* The challenge's key. */
static void
begin(struct kit *kit, const struct kit_device *dev, const char *id, struct tpmiot_buf *key)
{
	struct kit_answer answer;

	tpmiot_buf_reset(key);
	send(kit, "PUT", path_of(id, "register"), NULL, request(&dev->ek, &srk), &answer);
	assert_int_equal(answer.status, 401);
	assert_string_equal(
	    json_string_value(json_object_get(answer.doc, "keyName")), "registration");
	assert_null(json_object_get(answer.doc, "status"));
	assert_true(unwrap(&dev->ek, &srk, json_object_get(answer.doc, "authenticationKey"), key));
	kit_answer_free(&answer);
}

static void
expect_refused(struct kit *kit, const char *id, const char *authorization, json_t *body, int status,
    const char *type)
{
	struct tpmiot_buf before = TPMIOT_BUF_INIT, after = TPMIOT_BUF_INIT;
	struct kit_answer answer;
	const char *got;

	kit_snapshot(kit, &before);
	send(kit, "PUT", path_of(id, "register"), authorization, body, &answer);
	got = json_string_value(json_object_get(json_object_get(answer.doc, "info"), "type"));
	if (answer.status != status || got == NULL || strcmp(got, type) != 0)
		fail_msg("%d %s, wanted %d %s", answer.status, got, status, type);
	assert_int_equal(
	    json_integer_value(json_object_get(answer.doc, "errorCode")), status * 1000);
	assert_null(json_object_get(answer.doc, "authenticationKey"));
	kit_snapshot(kit, &after);
	assert_string_equal(tpmiot_buf_cstr(&before), tpmiot_buf_cstr(&after));
	kit_answer_free(&answer);
	tpmiot_buf_free(&before);
	tpmiot_buf_free(&after);
}

/* All of it; the hub's key. */
static void
do_register(struct kit *kit, const struct kit_device *dev, const char *id, const char *hub,
    struct tpmiot_buf *hub_key)
{
	struct tpmiot_buf key = TPMIOT_BUF_INIT;
	struct kit_answer answer;
	char token[1024], what[128];
	const json_t *registered;

	begin(kit, dev, id, &key);
	snprintf(token, sizeof(token), "%s", sign_for(&key, id));
	send(kit, "PUT", path_of(id, "register"), token, request(&dev->ek, &srk), &answer);
	assert_int_equal(answer.status, 202);
	assert_true(answer.retry_after > 0);
	snprintf(what, sizeof(what), "operations/%s",
	    json_string_value(json_object_get(answer.doc, "operationId")));
	kit_answer_free(&answer);
	send(kit, "GET", path_of(id, what), token, NULL, &answer);
	assert_int_equal(answer.status, 200);
	assert_string_equal(json_string_value(json_object_get(answer.doc, "status")), "assigned");
	registered = json_object_get(answer.doc, "registrationState");
	assert_string_equal(json_string_value(json_object_get(registered, "assignedHub")), hub);
	tpmiot_buf_reset(hub_key);
	assert_true(unwrap(&dev->ek, &srk,
	    json_object_get(json_object_get(registered, "tpm"), "authenticationKey"), hub_key));
	kit_answer_free(&answer);
	tpmiot_buf_free(&key);
}

/* ---- Registrations ------------------------------------------------------------------------ */

static void
test_register_whole(void **state)
{
	struct kit *kit = *state;
	struct tpmiot_buf first = TPMIOT_BUF_INIT, again = TPMIOT_BUF_INIT;

	kit_allow(kit, &kit_a, "pump-1");
	do_register(kit, &kit_a, "pump-1", "one.example", &first);
	kit_now += 1000;
	do_register(kit, &kit_a, "pump-1", "one.example", &again);
	assert_int_equal(first.len, again.len);
	assert_memory_equal(first.data, again.data, first.len);
	/* At rest it is not to be found. */
	assert_int_equal(kit_count(kit, "SELECT registrations FROM registrations"), 2);
	assert_int_equal(kit_count(kit, "SELECT length(key) FROM registrations"), 32 + 12 + 16);
	tpmiot_buf_free(&first);
	tpmiot_buf_free(&again);
}

/* Kept, moved, and moved because its hub is gone; its key is the same at each. */
static void
test_register_elsewhere(void **state)
{
	struct kit *kit = *state;
	struct tpmiot_buf first = TPMIOT_BUF_INIT, key = TPMIOT_BUF_INIT;

	kit_allow(kit, &kit_a, "pump-1");
	kit_allow(kit, &kit_b, "pump-2");
	set(&kit->config.hubs, "one.example, two.example");
	do_register(kit, &kit_a, "pump-1", "one.example", &first);
	do_register(kit, &kit_b, "pump-2", "two.example", &key);
	set(&kit->config.hubs, "three.example=9, one.example");
	do_register(kit, &kit_a, "pump-1", "one.example", &key);
	kit->config.reprovision = CA_REPROVISION_MOVE;
	do_register(kit, &kit_a, "pump-1", "three.example", &key);
	assert_memory_equal(first.data, key.data, first.len);
	kit->config.reprovision = CA_REPROVISION_KEEP;
	set(&kit->config.hubs, "one.example");
	do_register(kit, &kit_a, "pump-1", "one.example", &key);
	set(&kit->config.hubs, "");
	{
		struct kit_answer answer;

		begin(kit, &kit_a, "pump-1", &key);
		send(kit, "PUT", path_of("pump-1", "register"), sign_for(&key, "pump-1"),
		    request(&kit_a.ek, &srk), &answer);
		assert_int_equal(answer.status, 503);
		kit_answer_free(&answer);
	}
	assert_int_equal(
	    kit_count(kit, "SELECT count(*) FROM registrations WHERE hub = 'one.example'"), 1);
	tpmiot_buf_free(&first);
	tpmiot_buf_free(&key);
}

static void
test_register_by_ek(void **state)
{
	struct kit *kit = *state;
	struct tpmiot_buf key = TPMIOT_BUF_INIT;
	char id[TPMIOT_DPS_ID_LEN + 1];
	struct tpmiot_err err;

	assert_ok(tpmiot_dps_registration_id(NULL, &kit_b.ek.pub, id, &err));
	kit_allow(kit, &kit_b, "");
	do_register(kit, &kit_b, id, "one.example", &key);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM devices WHERE id LIKE 'ek-%'"), 1);
	tpmiot_buf_free(&key);
}

/* The same signature again changes nothing; the next registration needs a new one. */
static void
test_register_replayed(void **state)
{
	struct kit *kit = *state;
	struct tpmiot_buf key = TPMIOT_BUF_INIT, hub_key = TPMIOT_BUF_INIT;
	struct kit_answer answer;
	char token[1024];

	kit_allow(kit, &kit_a, "pump-1");
	begin(kit, &kit_a, "pump-1", &key);
	snprintf(token, sizeof(token), "%s", sign_for(&key, "pump-1"));
	for (int i = 0; i < 3; i++) {
		send(kit, "PUT", path_of("pump-1", "register"), token, request(&kit_a.ek, &srk),
		    &answer);
		assert_int_equal(answer.status, 202);
		assert_int_equal(kit_count(kit, "SELECT registrations FROM registrations"), 1);
		kit_answer_free(&answer);
	}
	do_register(kit, &kit_a, "pump-1", "one.example", &hub_key);
	expect_refused(kit, "pump-1", token, request(&kit_a.ek, &srk), 401, "signature-invalid");
	tpmiot_buf_free(&key);
	tpmiot_buf_free(&hub_key);
}

/* As Microsoft's client for Rust: whom it is about stands in the first request only. */
static void
test_register_said_once(void **state)
{
	struct kit *kit = *state;
	struct tpmiot_buf key = TPMIOT_BUF_INIT;
	struct kit_answer answer;
	char token[1024];
	json_t *body = json_pack("{s:s}", "registrationId", "pump-1");

	kit_allow(kit, &kit_a, "pump-1");
	begin(kit, &kit_a, "pump-1", &key);
	snprintf(token, sizeof(token), "%s", sign_for(&key, "pump-1"));
	/* Somebody begins in its name, with a storage root key of his own. */
	send(
	    kit, "PUT", path_of("pump-1", "register"), NULL, request(&kit_a.ek, &srk_ecc), &answer);
	assert_int_equal(answer.status, 401);
	kit_answer_free(&answer);
	for (int i = 0; i < 2; i++) {
		send(kit, "PUT", path_of("pump-1", "register"), token, json_incref(body), &answer);
		assert_int_equal(answer.status, 202);
		kit_answer_free(&answer);
	}
	send(kit, "PUT", path_of("pump-1", "register"), token,
	    json_pack("{s:n, s:n}", "tpm", "payload"), &answer);
	assert_int_equal(answer.status, 202);
	kit_answer_free(&answer);
	assert_int_equal(kit_count(kit, "SELECT registrations FROM registrations"), 1);

	/* Not by a key of ours; and without a challenge. */
	begin(kit, &kit_a, "pump-1", &key);
	key.data[0] ^= 1;
	expect_refused(
	    kit, "pump-1", sign_for(&key, "pump-1"), json_incref(body), 401, "signature-invalid");
	key.data[0] ^= 1;
	expect_refused(kit, "pump-1", NULL, json_incref(body), 400, "malformed-request");
	/* Memory is no way around the time that a challenge is good for. */
	kit_now += 2 * kit->config.session_lifetime;
	expect_refused(kit, "pump-1", sign_for(&key, "pump-1"), body, 401, "signature-invalid");
	tpmiot_buf_free(&key);
}

static void
test_register_forged(void **state)
{
	struct kit *kit = *state;
	struct tpmiot_buf key = TPMIOT_BUF_INIT, other = TPMIOT_BUF_INIT;
	const char *right = SCOPE "%2Fregistrations%2Fpump-1";

	kit_allow(kit, &kit_a, "pump-1");
	kit_allow(kit, &kit_b, "pump-2");
	begin(kit, &kit_a, "pump-1", &key);
	begin(kit, &kit_b, "pump-2", &other);
#define REFUSED(token)                                                                             \
	expect_refused(kit, "pump-1", token, request(&kit_a.ek, &srk), 401, "signature-invalid")
	REFUSED(sign(&other, right, kit_now + 60, "registration"));
	REFUSED(sign(&key, right, kit_now - 600, "registration"));
	REFUSED(sign(&key, right, kit_now + 3 * 86400, "registration"));
	REFUSED(sign(&key, right, kit_now + 60, NULL));
	REFUSED(sign(&key, right, kit_now + 60, "device"));
	REFUSED(sign(&key, "0ne00ABD%2Fregistrations%2Fpump-1", kit_now + 60, "registration"));
	REFUSED(sign(&key, SCOPE "%2Fregistrations%2Fpump-2", kit_now + 60, "registration"));
	REFUSED(sign(&key, SCOPE "%2Fregistrations%2Fpump-1%00", kit_now + 60, "registration"));
	REFUSED("Bearer x");
	REFUSED("");
	/* Another storage root key than the challenge was for. */
	expect_refused(kit, "pump-1", sign_for(&key, "pump-1"), request(&kit_a.ek, &srk_ecc), 401,
	    "signature-invalid");
	/* Another EK; another id. */
	expect_refused(kit, "pump-1", sign_for(&key, "pump-1"), request(&kit_b.ek, &srk), 401,
	    "signature-invalid");
	expect_refused(kit, "pump-2", sign_for(&key, "pump-2"), request(&kit_a.ek, &srk), 401,
	    "signature-invalid");
	/* The certificate is not looked at for strangers: it is what takes time. */
	{
		json_t *body = request(&kit_a.ek, &srk);

		kit_set(body, "tpmiot", json_pack("{s:o}", "ekCertificate", kit_b64("x", 1)));
		expect_refused(kit, "pump-1", sign_for(&other, "pump-1"), json_incref(body), 401,
		    "signature-invalid");
		expect_refused(
		    kit, "pump-1", sign_for(&key, "pump-1"), body, 400, "ek-certificate-invalid");
	}
	/* As some clients spell it, it holds. */
	{
		struct kit_answer answer;

		send(kit, "PUT", path_of("pump-1", "register"),
		    sign(&key, "0NE00abc%2fregistrations%2fPUMP-1", kit_now + 30, "registration"),
		    request(&kit_a.ek, &srk), &answer);
		assert_int_equal(answer.status, 202);
		kit_answer_free(&answer);
	}
	tpmiot_buf_free(&key);
	tpmiot_buf_free(&other);
}

static void
test_register_too_late(void **state)
{
	struct kit *kit = *state;
	struct tpmiot_buf key = TPMIOT_BUF_INIT;

	kit_allow(kit, &kit_a, "pump-1");
	begin(kit, &kit_a, "pump-1", &key);
	kit_now += 2 * kit->config.session_lifetime;
	expect_refused(kit, "pump-1", sign_for(&key, "pump-1"), request(&kit_a.ek, &srk), 401,
	    "signature-invalid");
	tpmiot_buf_free(&key);
}

static void
test_begin_refused(void **state)
{
	struct kit *kit = *state;
	struct softkey leaky;
	TPMT_PUBLIC area = srk.pub.area;
	json_t *body;

	expect_refused(kit, "pump-1", NULL, request(&kit_a.ek, &srk), 403, "ek-not-listed");
	kit_allow(kit, &kit_a, "pump-1");
	expect_refused(kit, "pump-2", NULL, request(&kit_a.ek, &srk), 403, "device-id-mismatch");
	expect_refused(kit, "pump-1", NULL, request(&srk, &srk), 400, "ek-unsupported");
	expect_refused(kit, "pump-1", NULL, request(&kit_a.ek, &kit_a.ak), 400, "key-unsuitable");
	set(&kit->config.pcrs, "sha256:0");
	expect_refused(kit, "pump-1", NULL, request(&kit_a.ek, &srk), 400, "quote-required");
	set(&kit->config.pcrs, "");
	set(&kit->config.hook, "/bin/true");
	expect_refused(kit, "pump-1", NULL, request(&kit_a.ek, &srk), 403, "external-policy");
	set(&kit->config.hook, "");
	/* A storage key that may leave its TPM proves nothing. */
	area.objectAttributes &= ~(TPMA_OBJECT)TPMA_OBJECT_FIXEDTPM;
	leaky = srk;
	EVP_PKEY_up_ref(leaky.pkey);
	softkey_claim(&leaky, &area);
	expect_refused(kit, "pump-1", NULL, request(&kit_a.ek, &leaky), 400, "key-unsuitable");
	softkey_free(&leaky);
	expect_refused(kit, "pump-1", NULL, json_object(), 400, "malformed-request");
	expect_refused(kit, "pump-1", NULL, json_array(), 400, "malformed-request");
	body = request(&kit_a.ek, &srk);
	kit_set(body, "registrationId", json_string("pump-9"));
	expect_refused(kit, "pump-1", NULL, body, 400, "malformed-request");
	body = request(&kit_a.ek, &srk);
	kit_set(body, "tpm.endorsementKey", json_string("AAA"));
	expect_refused(kit, "pump-1", NULL, body, 400, "malformed-request");
	body = request(&kit_a.ek, &srk);
	kit_set(body, "tpm.storageRootKey", json_integer(1));
	expect_refused(kit, "pump-1", NULL, body, 400, "malformed-request");
}

static void
test_begin_stores_nothing(void **state)
{
	struct kit *kit = *state;
	struct tpmiot_buf before = TPMIOT_BUF_INIT, after = TPMIOT_BUF_INIT, key = TPMIOT_BUF_INIT;

	kit_allow(kit, &kit_a, "pump-1");
	kit_snapshot(kit, &before);
	for (int i = 0; i < 50; i++)
		begin(kit, &kit_a, "pump-1", &key);
	kit_snapshot(kit, &after);
	assert_string_equal(tpmiot_buf_cstr(&before), tpmiot_buf_cstr(&after));
	tpmiot_buf_free(&before);
	tpmiot_buf_free(&after);
	tpmiot_buf_free(&key);
}

/* Open, by the certificate in our extension; then without it, by the one on file. */
static void
test_register_by_certificate(void **state)
{
	struct kit *kit = *state;
	struct tpmiot_buf key = TPMIOT_BUF_INIT;
	struct kit_answer answer;
	json_t *body = request(&kit_a.ek, &srk);
	unsigned char *der = NULL;
	const int len = i2d_X509(kit_a.ek_cert, &der);
	char token[1024];

	kit->config.enrolment = CA_ENROLMENT_OPEN;
	kit->config.accept_ids = CA_YES;
	expect_refused(
	    kit, "pump-1", NULL, request(&kit_a.ek, &srk), 403, "ek-certificate-required");
	kit_set(body, "tpmiot", json_pack("{s:o}", "ekCertificate", kit_b64(der, (size_t)len)));
	send(kit, "PUT", path_of("pump-1", "register"), NULL, json_incref(body), &answer);
	assert_int_equal(answer.status, 401);
	assert_true(
	    unwrap(&kit_a.ek, &srk, json_object_get(answer.doc, "authenticationKey"), &key));
	kit_answer_free(&answer);
	snprintf(token, sizeof(token), "%s", sign_for(&key, "pump-1"));
	send(kit, "PUT", path_of("pump-1", "register"), token, body, &answer);
	assert_int_equal(answer.status, 202);
	kit_answer_free(&answer);
	do_register(kit, &kit_a, "pump-1", "one.example", &key);
	/* Somebody else's certificate is none. */
	body = request(&kit_b.ek, &srk);
	kit_set(body, "tpmiot", json_pack("{s:o}", "ekCertificate", kit_b64(der, (size_t)len)));
	expect_refused(kit, "pump-2", NULL, body, 400, "ek-certificate-mismatch");
	OPENSSL_free(der);
	tpmiot_buf_free(&key);
}

/* A device that enrolled by the native protocol: its certificate is on file as well. */
static void
test_register_after_enrolment(void **state)
{
	struct kit *kit = *state;
	struct tpmiot_buf key = TPMIOT_BUF_INIT;
	struct kit_answer answer;

	kit->config.enrolment = CA_ENROLMENT_OPEN;
	kit->config.accept_ids = CA_YES;
	kit_enrol(kit, &kit_a, NULL, &answer, NULL);
	assert_int_equal(answer.status, 200);
	kit_answer_free(&answer);
	assert_int_equal(
	    kit_count(kit, "SELECT count(*) FROM devices WHERE ek_cert IS NOT NULL"), 1);
	kit_sql(kit, "UPDATE devices SET id = 'pump-1'");
	do_register(kit, &kit_a, "pump-1", "one.example", &key);
	/* It is no certificate for another one's key, and what is not trusted any more does not
	 * count. */
	expect_refused(
	    kit, "pump-2", NULL, request(&kit_b.ek, &srk), 403, "ek-certificate-required");
	kit_sql(kit, "DELETE FROM roots");
	expect_refused(
	    kit, "pump-1", NULL, request(&kit_a.ek, &srk), 403, "ek-certificate-untrusted");
	tpmiot_buf_free(&key);
}

/* Registrations of one device within a day; a new day, and another device, are others. */
static void
test_issue_limit(void **state)
{
	struct kit *kit = *state;
	struct tpmiot_buf key = TPMIOT_BUF_INIT;
	struct kit_answer answer;
	char token[1024];

	kit_allow(kit, &kit_a, "pump-1");
	kit_allow(kit, &kit_b, "pump-2");
	set(&kit->config.hubs, "one.example");
	kit->config.issue_limit = 2;
	do_register(kit, &kit_a, "pump-1", "one.example", &key);
	kit_now += 3600;
	do_register(kit, &kit_a, "pump-1", "one.example", &key);
	tpmiot_buf_reset(&key);
	begin(kit, &kit_a, "pump-1", &key);
	snprintf(token, sizeof(token), "%s", sign_for(&key, "pump-1"));
	send(kit, "PUT", path_of("pump-1", "register"), token, request(&kit_a.ek, &srk), &answer);
	assert_int_equal(answer.status, 429);
	assert_int_equal(answer.retry_after, 86400 - 3600);
	kit_answer_free(&answer);
	assert_int_equal(
	    kit_count(kit, "SELECT count(*) FROM audit WHERE decision = 'accepted'"), 2);
	do_register(kit, &kit_b, "pump-2", "one.example", &key);
	kit_now += 86400 - 3600;
	do_register(kit, &kit_a, "pump-1", "one.example", &key);
	tpmiot_buf_free(&key);
}

/* Nor is it a way out of the group that a token put the device in. */
static void
test_group_stays(void **state)
{
	struct kit *kit = *state;
	struct kit_answer answer;

	kit->config.enrolment = CA_ENROLMENT_OPEN;
	kit_enrol(kit, &kit_a, NULL, &answer, NULL);
	kit_answer_free(&answer);
	kit_configure(kit, "enrolment = open\naccept_ids = yes\ndps_scope = " SCOPE
	                   "\nhubs = one.example\n[group locked]\npcrs = sha256:0\n");
	kit_sql(kit, "UPDATE devices SET id = 'pump-1', grp = 'locked'");
	expect_refused(kit, "pump-1", NULL, request(&kit_a.ek, &srk), 400, "quote-required");
}

/* Where devices say who they are: an id is one TPM's, and a TPM has one id. */
static void
test_duplicates_refused(void **state)
{
	struct kit *kit = *state;
	struct tpmiot_buf key = TPMIOT_BUF_INIT;
	struct kit_answer answer;
	char token[1024];

	kit_allow(kit, &kit_a, "");
	kit_allow(kit, &kit_b, "");
	kit->config.accept_ids = CA_YES;
	/* Two that begin at the same time: the first to finish has it. */
	send(kit, "PUT", path_of("pump-1", "register"), NULL, request(&kit_b.ek, &srk), &answer);
	assert_int_equal(answer.status, 401);
	assert_true(
	    unwrap(&kit_b.ek, &srk, json_object_get(answer.doc, "authenticationKey"), &key));
	kit_answer_free(&answer);
	snprintf(token, sizeof(token), "%s", sign_for(&key, "pump-1"));
	tpmiot_buf_reset(&key);
	send(kit, "PUT", path_of("pump-1", "register"), NULL, request(&kit_a.ek, &srk), &answer);
	assert_true(
	    unwrap(&kit_a.ek, &srk, json_object_get(answer.doc, "authenticationKey"), &key));
	kit_answer_free(&answer);
	send(kit, "PUT", path_of("pump-1", "register"), sign_for(&key, "pump-1"),
	    request(&kit_a.ek, &srk), &answer);
	assert_int_equal(answer.status, 202);
	kit_answer_free(&answer);
	expect_refused(kit, "pump-1", token, request(&kit_b.ek, &srk), 409, "device-id-taken");
	expect_refused(kit, "pump-1", NULL, request(&kit_b.ek, &srk), 409, "device-id-taken");
	expect_refused(
	    kit, "pump-3", NULL, request(&kit_a.ek, &srk), 409, "device-enrolled-otherwise");
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM registrations"), 1);
	tpmiot_buf_free(&key);
}

/* The id that follows from an EK is no device's id, and yet nobody else's to register by. */
static void
test_id_of_another_ek(void **state)
{
	struct kit *kit = *state;
	struct tpmiot_buf key = TPMIOT_BUF_INIT;
	char id[TPMIOT_DPS_ID_LEN + 1];
	struct tpmiot_err err;

	assert_ok(tpmiot_dps_registration_id(NULL, &kit_a.ek.pub, id, &err));
	kit_allow(kit, &kit_a, "");
	kit_allow(kit, &kit_b, "");
	kit->config.accept_ids = CA_YES;
	do_register(kit, &kit_a, id, "one.example", &key);
	expect_refused(kit, id, NULL, request(&kit_b.ek, &srk), 409, "device-id-taken");
	do_register(kit, &kit_a, id, "one.example", &key);
	do_register(kit, &kit_b, "pump-2", "one.example", &key);
	do_register(kit, &kit_b, "pump-2", "one.example", &key);
	tpmiot_buf_free(&key);
}

static void
test_result_refused(void **state)
{
	struct kit *kit = *state;
	struct tpmiot_buf key = TPMIOT_BUF_INIT;
	struct kit_answer answer;
	char token[1024], what[128];

	kit_allow(kit, &kit_a, "pump-1");
	begin(kit, &kit_a, "pump-1", &key);
	snprintf(token, sizeof(token), "%s", sign_for(&key, "pump-1"));
	send(kit, "GET", path_of("pump-1", "operations/4.x.1"), token, NULL, &answer);
	assert_int_equal(answer.status, 404);
	kit_answer_free(&answer);
	send(kit, "PUT", path_of("pump-1", "register"), token, request(&kit_a.ek, &srk), &answer);
	snprintf(what, sizeof(what), "operations/%s",
	    json_string_value(json_object_get(answer.doc, "operationId")));
	kit_answer_free(&answer);
	send(kit, "GET", path_of("pump-1", "operations/4.x.1"), token, NULL, &answer);
	assert_int_equal(answer.status, 404);
	kit_answer_free(&answer);
	send(kit, "GET", path_of("pump-1", what), NULL, NULL, &answer);
	assert_int_equal(answer.status, 401);
	kit_answer_free(&answer);
	send(kit, "POST", path_of("pump-1", what), token, NULL, &answer);
	assert_int_equal(answer.status, 405);
	kit_answer_free(&answer);
	kit_sql(kit, "UPDATE devices SET state = 1");
	send(kit, "GET", path_of("pump-1", what), token, NULL, &answer);
	assert_int_equal(answer.status, 403);
	kit_answer_free(&answer);
	expect_refused(kit, "pump-1", NULL, request(&kit_a.ek, &srk), 403, "device-blocked");
	tpmiot_buf_free(&key);
}

/* Off where no scope is said; another scope is not ours. */
static void
test_scope(void **state)
{
	struct kit *kit = *state;
	struct kit_answer answer;

	send(kit, "PUT", "/0ne99/registrations/pump-1/register", NULL, request(&kit_a.ek, &srk),
	    &answer);
	assert_int_equal(answer.status, 404);
	kit_answer_free(&answer);
	set(&kit->config.dps_scope, "");
	send(kit, "PUT", path_of("pump-1", "register"), NULL, request(&kit_a.ek, &srk), &answer);
	assert_int_equal(answer.status, 404);
	assert_string_equal(
	    json_string_value(json_object_get(answer.doc, "type")), "urn:tpmiot:problem:not-found");
	kit_answer_free(&answer);
}

/* ---- Tokens ----------------------------------------------------------------------------- */

static void
test_token_verify(void **state)
{
	struct kit *kit = *state;
	struct tpmiot_buf key = TPMIOT_BUF_INIT;
	struct ca_bearer_asked asked = {
		.dir = kit->dir, .audience = "one.example", .now = kit_now, .max_ttl = 86400
	};
	struct ca_bearer_facts facts;
	struct tpmiot_err err;
	const char *token;

	kit_allow(kit, &kit_a, "pump-1");
	do_register(kit, &kit_a, "pump-1", "one.example", &key);
#define VERIFY(sr, at, skn)                                                                        \
	(token = sign(&key, sr, at, skn),                                                          \
	    ca_bearer_verify(                                                                      \
	        kit->store, (struct tpmiot_bytes){ token, strlen(token) }, &asked, &facts, &err))
	asked.now = kit_now;
	assert_ok(VERIFY("one.example%2Fdevices%2Fpump-1", kit_now + 60, NULL));
	assert_string_equal(facts.device_id, "pump-1");
	assert_string_equal(facts.kind, "sas");
	assert_ok(VERIFY("ONE.example%2fdevices%2fpump-1%2Fmodules%2Fm", kit_now + 60, NULL));
	assert_fails(
	    VERIFY("one.example%2Fdevices%2Fpump-1", kit_now - 61, NULL), TPMIOT_E_POLICY, "ended");
	assert_fails(VERIFY("one.example%2Fdevices%2Fpump-1", kit_now + 90000, NULL),
	    TPMIOT_E_POLICY, "more than");
	assert_fails(VERIFY("one.example%2Fdevices%2Fpump-1", kit_now + 60, "iothubowner"),
	    TPMIOT_E_POLICY, "skn");
	assert_fails(VERIFY("two.example%2Fdevices%2Fpump-1", kit_now + 60, NULL), TPMIOT_E_POLICY,
	    "two.example");
	assert_fails(VERIFY("one.example%2Fdevices%2Fpump-2", kit_now + 60, NULL), TPMIOT_E_VERIFY,
	    "pump-2");
	assert_fails(VERIFY("one.example", kit_now + 60, NULL), TPMIOT_E_VERIFY, "HUB/devices");
	kit_sql(kit, "UPDATE devices SET state = 1");
	assert_fails(VERIFY("one.example%2Fdevices%2Fpump-1", kit_now + 60, NULL), TPMIOT_E_POLICY,
	    "blocked");
	kit_sql(kit, "UPDATE devices SET state = 0");
	kit_sql(kit, "UPDATE registrations SET hub = 'two.example'");
	assert_fails(VERIFY("one.example%2Fdevices%2Fpump-1", kit_now + 60, NULL), TPMIOT_E_POLICY,
	    "assigned to two.example");
	kit_sql(kit, "UPDATE registrations SET hub = 'one.example'");
	key.data[0] ^= 1;
	assert_fails(VERIFY("one.example%2Fdevices%2Fpump-1", kit_now + 60, NULL), TPMIOT_E_VERIFY,
	    "not by the key");
	kit_sql(kit, "DELETE FROM registrations");
	assert_fails(VERIFY("one.example%2Fdevices%2Fpump-1", kit_now + 60, NULL), TPMIOT_E_VERIFY,
	    "registered");
	tpmiot_buf_free(&key);
}

/* ---- Pure ------------------------------------------------------------------------------- */

/* The oldest goes, the join token stays with what it came with. */
static void
test_recent(void **state)
{
	struct ca_dps_request req = { 0 }, got = { 0 };
	struct ca_dps_recent *recent = NULL;
	uint8_t regkey[CA_DPS_REGKEY_LEN] = { 1 };
	struct tpmiot_buf key = TPMIOT_BUF_INIT;
	struct tpmiot_sas sas;
	struct tpmiot_err err;
	const char *token;

	(void)state;
	tpmiot_buf_put(&key, regkey, sizeof(regkey));
	token = sign(&key, "x", 1, NULL);
	assert_ok(tpmiot_sas_parse(token, &sas, &err));
	assert_int_equal(
	    ca_dps_recent_find(recent, NULL, "a", &sas, &got, &err), TPMIOT_E_NOT_FOUND);
	tpmiot_buf_put_str(&req.ek.ek_public, "EK");
	tpmiot_buf_put_str(&req.srk_public, "SRK");
	tpmiot_buf_put_str(&req.ek.join_token, "token");
	assert_ok(ca_dps_recent_add(&recent, "a", regkey, &req, &err));
	assert_int_equal(
	    ca_dps_recent_find(recent, NULL, "b", &sas, &got, &err), TPMIOT_E_NOT_FOUND);
	assert_ok(ca_dps_recent_find(recent, NULL, "a", &sas, &got, &err));
	assert_string_equal(tpmiot_buf_cstr(&got.ek.ek_public), "EK");
	assert_string_equal(tpmiot_buf_cstr(&got.srk_public), "SRK");
	assert_string_equal(tpmiot_buf_cstr(&got.ek.join_token), "token");
	ca_dps_request_free(&got);
	regkey[0] = 2;
	for (int i = 1; i < CA_DPS_RECENT_MAX; i++)
		assert_ok(ca_dps_recent_add(&recent, "a", regkey, &req, &err));
	assert_ok(ca_dps_recent_find(recent, NULL, "a", &sas, &got, &err));
	ca_dps_request_free(&got);
	assert_ok(ca_dps_recent_add(&recent, "c", regkey, &req, &err));
	assert_int_equal(
	    ca_dps_recent_find(recent, NULL, "a", &sas, &got, &err), TPMIOT_E_NOT_FOUND);
	assert_int_equal(got.ek.ek_public.len, 0);
	ca_dps_request_free(&req);
	ca_dps_recent_free(&recent);
	tpmiot_buf_free(&key);
}

static void
test_hub_choose(void **state)
{
	struct ca_hub hubs[CA_HUBS_MAX];
	struct tpmiot_err err;
	int64_t got[3] = { 0, 0, 0 };
	size_t n = 0;

	(void)state;
	assert_ok(ca_hubs_parse("a.example=3, b.example,c.example=2", hubs, &n, &err));
	assert_int_equal(n, 3);
	for (int i = 0; i < 600; i++) {
		size_t at = ca_hub_choose(hubs, n, "", true);

		hubs[at].devices++;
		got[at]++;
	}
	assert_int_equal(got[0], 300);
	assert_int_equal(got[1], 100);
	assert_int_equal(got[2], 200);
	assert_int_equal(ca_hub_choose(hubs, n, "B.example", true), 1);
	hubs[1].devices = 1000;
	assert_int_equal(ca_hub_choose(hubs, n, "b.example", true), 1);
	assert_int_not_equal(ca_hub_choose(hubs, n, "b.example", false), 1);
	assert_int_not_equal(ca_hub_choose(hubs, n, "gone.example", true), 1);
}

static void
test_hubs_parse_refused(void **state)
{
	static const char *const bad[] = { "a b", "a=0", "a=1001", "a=x", "a=1x", "=1", "a,a",
		"A,a", "a/b", "a=-1" };
	struct ca_hub hubs[CA_HUBS_MAX];
	struct tpmiot_err err;
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (ca_hubs_parse(bad[i], hubs, &n, &err) != TPMIOT_E_FORMAT)
			fail_msg("accepted: %s", bad[i]);
}

static void
test_path_parse(void **state)
{
	static const char *const bad[] = { "", "/", "0ne/registrations/a/register",
		"/0ne/registrations/a", "/0ne/registrations/a/", "/0ne/registrations//register",
		"/0ne/registration/a/register", "/0ne/registrations/a/registers",
		"/0ne/registrations/a/register/x", "/0ne/registrations/a/operations",
		"/0ne/registrations/a/operations/", "/0ne/registrations/a/operations/x/y",
		"/0-e/registrations/a/register", "/0ne/registrations/%41/register",
		"/0ne/registrations/-a/register", "//registrations/a/register" };
	struct ca_dps_path path;

	(void)state;
	assert_true(ca_dps_path_parse("/0ne/registrations/Dev_1.a:b/register", &path));
	assert_string_equal(path.scope, "0ne");
	assert_string_equal(path.id, "Dev_1.a:b");
	assert_string_equal(path.operation, "");
	assert_true(ca_dps_path_parse("/0ne/registrations/a/operations/4.x.1", &path));
	assert_string_equal(path.operation, "4.x.1");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (ca_dps_path_parse(bad[i], &path))
			fail_msg("accepted: %s", bad[i]);
}

static void
test_vault(void **state)
{
	const struct tpmiot_bytes owner = { "a", 1 }, other = { "b", 1 }, secret = { "secret", 6 };
	struct tpmiot_buf sealed = TPMIOT_BUF_INIT, out = TPMIOT_BUF_INIT;
	static const uint8_t dps_key_owner[CA_SHA256_LEN] = { 1 };
	const struct kit *kit = *state;
	struct ca_vault vault, again;
	char path[128];
	struct tpmiot_err err;

	assert_fails(ca_vault_open(kit->dir, &vault, &err), TPMIOT_E_NOT_FOUND, CA_VAULT_FILE);
	assert_ok(ca_vault_open_or_make(kit->dir, kit->store, &vault, &err));
	assert_ok(ca_vault_open_or_make(kit->dir, kit->store, &again, &err));
	assert_memory_equal(vault.key, again.key, sizeof(vault.key));
	assert_ok(ca_vault_seal(&vault, owner, secret, &sealed, &err));
	assert_ok(ca_vault_unseal(
	    &vault, owner, (struct tpmiot_bytes){ sealed.data, sealed.len }, &out, &err));
	assert_int_equal(out.len, 6);
	assert_memory_equal(out.data, "secret", 6);
	assert_int_equal(ca_vault_unseal(&vault, other,
	                     (struct tpmiot_bytes){ sealed.data, sealed.len }, &out, &err),
	    TPMIOT_E_VERIFY);
	for (size_t i = 0; i < sealed.len; i++)
		assert_int_equal(ca_vault_unseal(&vault, owner,
		                     (struct tpmiot_bytes){ sealed.data, i }, &out, &err),
		    TPMIOT_E_VERIFY);
	assert_ok(ca_dps_set_key(kit->store, dps_key_owner, &sealed, &err));
	scratch_path(kit->dir, CA_VAULT_FILE, path);
	assert_int_equal(unlink(path), 0);
	assert_fails(ca_vault_open_or_make(kit->dir, kit->store, &vault, &err), TPMIOT_E_NOT_FOUND,
	    "is lost, and the store has");
	assert_int_equal(access(path, F_OK), -1);
	scratch_write(kit->dir, CA_VAULT_FILE, "short");
	assert_fails(
	    ca_vault_open_or_make(kit->dir, kit->store, &vault, &err), TPMIOT_E_FORMAT, "damaged");
	tpmiot_buf_free(&sealed);
	tpmiot_buf_free(&out);
}

#define WITH_CA(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CA(test_register_whole),
		WITH_CA(test_register_elsewhere),
		WITH_CA(test_register_by_ek),
		WITH_CA(test_register_replayed),
		WITH_CA(test_register_said_once),
		WITH_CA(test_register_forged),
		WITH_CA(test_register_too_late),
		WITH_CA(test_begin_refused),
		WITH_CA(test_begin_stores_nothing),
		WITH_CA(test_register_by_certificate),
		WITH_CA(test_register_after_enrolment),
		WITH_CA(test_issue_limit),
		WITH_CA(test_group_stays),
		WITH_CA(test_duplicates_refused),
		WITH_CA(test_id_of_another_ek),
		WITH_CA(test_result_refused),
		WITH_CA(test_scope),
		WITH_CA(test_token_verify),
		cmocka_unit_test(test_recent),
		cmocka_unit_test(test_hub_choose),
		cmocka_unit_test(test_hubs_parse_refused),
		cmocka_unit_test(test_path_parse),
		WITH_CA(test_vault),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
