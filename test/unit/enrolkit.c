/* SPDX-License-Identifier: Apache-2.0 */
#include "enrolkit.h"

#include <openssl/pem.h>
#include <openssl/sha.h>
#include <sqlite3.h>

#include <tpmiot/alg.h>
#include <tpmiot/b64.h>
#include <tpmiot/template.h>

#include "ca/log.h"
#include "ca/pki/x509.h"
#include "ca/secret/atrest.h"

int64_t kit_now;
struct kit_device kit_a, kit_b, kit_foreign;
X509 *kit_root, *kit_link;
EVP_PKEY *kit_root_key, *kit_link_key;

int64_t
kit_clock(void)
{
	return kit_now;
}

/* ---- TPMs ------------------------------------------------------------------------ */

static X509 *
make_ca(EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *issuer_key)
{
	const struct certkit_spec spec = { .subject = name,
		.key = key,
		.issuer = issuer,
		.issuer_key = issuer_key,
		.extensions = CERTKIT_CA };

	return certkit_issue(&spec);
}

void
kit_device_make(struct kit_device *dev, const char *profile, X509 *issuer, EVP_PKEY *issuer_key)
{
	struct certkit_spec spec = { .issuer = issuer, .issuer_key = issuer_key };
	TPMT_PUBLIC area;
	struct tpmiot_err err;

	softkey_make_ek(&dev->ek, profile);
	tpmiot_template_srk_ecc(&area);
	softkey_make(&dev->srk, &area);
	tpmiot_template_ak_ecc(&area);
	softkey_make(&dev->ak, &area);
	tpmiot_template_key(TPMIOT_KEY_EC_P256, &area);
	softkey_make(&dev->key, &area);
	assert_ok(tpmiot_spki_sha256(NULL, dev->ek.pkey, dev->ek_spki, &err));
	spec.key = dev->ek.pkey;
	spec.extensions = EVP_PKEY_is_a(dev->ek.pkey, "RSA") ? CERTKIT_EK_RSA : CERTKIT_EK_ECC;
	dev->ek_cert = certkit_issue(&spec);
}

void
kit_device_free(struct kit_device *dev)
{
	softkey_free(&dev->ek);
	softkey_free(&dev->srk);
	softkey_free(&dev->ak);
	softkey_free(&dev->key);
	X509_free(dev->ek_cert);
	dev->ek_cert = NULL;
}

int
kit_group_setup(void **state)
{
	EVP_PKEY *foreign_key = EVP_EC_gen("P-256");
	X509 *foreign;

	(void)state;
	kit_root_key = EVP_EC_gen("P-256");
	kit_link_key = EVP_EC_gen("P-256");
	kit_root = make_ca(kit_root_key, "maker", NULL, NULL);
	kit_link = make_ca(kit_link_key, "maker's plant", kit_root, kit_root_key);
	foreign = make_ca(foreign_key, "another maker", NULL, NULL);
	kit_device_make(&kit_a, "L-1", kit_root, kit_root_key);
	kit_device_make(&kit_b, "L-2", kit_link, kit_link_key);
	kit_device_make(&kit_foreign, "L-2", foreign, foreign_key);
	X509_free(foreign);
	EVP_PKEY_free(foreign_key);
	return 0;
}

int
kit_group_teardown(void **state)
{
	(void)state;
	kit_device_free(&kit_a);
	kit_device_free(&kit_b);
	kit_device_free(&kit_foreign);
	X509_free(kit_root);
	X509_free(kit_link);
	EVP_PKEY_free(kit_root_key);
	EVP_PKEY_free(kit_link_key);
	return 0;
}

/* ---- The CA ------------------------------------------------------------------------ */

static void
make_signer(struct ca_signer *signer)
{
	struct ca_x509_spec spec = { .is_ca = 1,
		.path_len = -1,
		.key_usage = "keyCertSign,cRLSign",
		.not_before = kit_now - 3600,
		.not_after = kit_now + 10 * 365 * 86400LL };
	struct tpmiot_err err;

	signer->key = EVP_EC_gen("P-256");
	signer->chain = sk_X509_new_null();
	assert_ok(ca_x509_name("Test CA", &spec.subject, &err));
	assert_ok(ca_x509_serial(spec.serial, &spec.serial_len, &err));
	assert_ok(ca_x509_issue(&spec, signer->key, NULL, signer->key, &signer->cert, &err));
	X509_NAME_free(spec.subject);
}

static void
trust(struct ca_store *store, const X509 *cert)
{
	struct ca_root root = { .kind = CA_ROOT_ANCHOR, .subject = "maker", .added = kit_now };
	struct tpmiot_err err;

	certkit_put(cert, &root.der);
	SHA256(root.der.data, root.der.len, root.sha256);
	assert_ok(ca_root_add(store, &root, &err));
	tpmiot_buf_free(&root.der);
}

int
kit_setup(void **state)
{
	static const char *const sets[] = { "enrolment=open", "rate_limit=off" };
	struct kit *kit = calloc(1, sizeof(*kit));
	struct tpmiot_err err;

	assert_non_null(kit);
	kit_now = CERTKIT_NOW;
	ca_log_level(CA_LOG_ERROR);
	scratch_make(kit->dir);
	scratch_path(kit->dir, "store.db", kit->path);
	assert_ok(ca_config_defaults(kit->dir, sets, 2, &kit->config, &err));
	assert_ok(ca_store_create(kit->path, &err));
	assert_ok(ca_store_open(kit->path, &kit->store, &err));
	trust(kit->store, kit_root);
	make_signer(&kit->signer);
	assert_ok(ca_api_new(&kit->config, kit->store, &kit->signer, kit_clock, &kit->api, &err));
	*state = kit;
	return 0;
}

int
kit_teardown(void **state)
{
	struct kit *kit = *state;

	ca_api_free(&kit->api);
	ca_signer_free(&kit->signer);
	ca_store_free(&kit->store);
	ca_config_free(&kit->config);
	scratch_remove(kit->dir);
	free(kit);
	return 0;
}

void
kit_configure(struct kit *kit, const char *text)
{
	static const char *const sets[] = { "rate_limit=off" };
	struct tpmiot_err err = { 0 };

	scratch_write(kit->dir, CA_CONFIG_FILE, text);
	ca_config_free(&kit->config);
	assert_ok(ca_config_load(kit->dir, sets, 1, &kit->config, &err));
}

/* ---- Requests ------------------------------------------------------------------------ */

void
kit_send(struct kit *kit, const struct ca_http_request *req, struct kit_answer *out)
{
	static const char prefix[] = "urn:tpmiot:problem:";
	struct ca_http_reply reply = { .status = 0 };
	const char *type;

	memset(out, 0, sizeof(*out));
	ca_api_handle(kit->api, req, &reply);
	out->status = reply.status;
	out->retry_after = reply.retry_after;
	out->allow = reply.allow;
	out->doc = json_loadb((char *)reply.body.data, reply.body.len, 0, NULL);
	assert_non_null(out->doc);
	if (reply.status != 200) {
		assert_string_equal(reply.content_type, "application/problem+json");
		assert_int_equal(
		    json_integer_value(json_object_get(out->doc, "status")), reply.status);
		type = json_string_value(json_object_get(out->doc, "type"));
		assert_int_equal(strncmp(type, prefix, strlen(prefix)), 0);
		snprintf(out->type, sizeof(out->type), "%s", type + strlen(prefix));
	} else {
		assert_string_equal(reply.content_type, "application/json");
	}
	tpmiot_buf_free(&reply.body);
}

void
kit_post_as(struct kit *kit, X509 *client, const char *path, json_t *body, struct kit_answer *out)
{
	char *text = json_dumps(body, JSON_COMPACT);
	const struct ca_http_request req = { .method = "POST",
		.path = path,
		.content_type = "application/json; charset=utf-8",
		.body = (uint8_t *)text,
		.body_len = strlen(text),
		.peer_host = "192.0.2.7",
		.peer_port = 4711,
		.peer_cert = client };

	kit_send(kit, &req, out);
	free(text);
	json_decref(body);
}

void
kit_post(struct kit *kit, const char *path, json_t *body, struct kit_answer *out)
{
	kit_post_as(kit, NULL, path, body, out);
}

X509 *
kit_leaf(const struct kit_answer *answer, const char *member)
{
	const char *pem = json_string_value(json_object_get(answer->doc, member));
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	assert_non_null(cert);
	BIO_free(bio);
	return cert;
}

void
kit_answer_free(struct kit_answer *answer)
{
	json_decref(answer->doc);
	answer->doc = NULL;
}

json_t *
kit_b64(const void *data, size_t len)
{
	struct tpmiot_buf buf = TPMIOT_BUF_INIT;
	json_t *v;

	tpmiot_b64_encode(data, len, &buf);
	v = json_stringn(len > 0 ? (char *)buf.data : "", buf.len);
	tpmiot_buf_free(&buf);
	return v;
}

void
kit_unb64(const json_t *value, struct tpmiot_buf *out)
{
	struct tpmiot_err err;

	assert_true(json_is_string(value));
	assert_ok(
	    tpmiot_b64_decode(json_string_value(value), json_string_length(value), out, &err));
}

void
kit_set(json_t *body, const char *path, json_t *value)
{
	const char *dot = strchr(path, '.');
	char first[32];

	if (dot != NULL) {
		snprintf(first, sizeof(first), "%.*s", (int)(dot - path), path);
		body = json_object_get(body, first);
		path = dot + 1;
	}
	assert_int_equal(json_object_set_new(body, path, value), 0);
}

json_t *
kit_public(const struct softkey *key)
{
	struct tpmiot_buf buf = TPMIOT_BUF_INIT;
	json_t *v;

	tpmiot_public_put(&key->pub, &buf);
	v = kit_b64(buf.data, buf.len);
	tpmiot_buf_free(&buf);
	return v;
}

json_t *
kit_cert(const X509 *cert)
{
	struct tpmiot_buf buf = TPMIOT_BUF_INIT;
	json_t *v;

	certkit_put(cert, &buf);
	v = kit_b64(buf.data, buf.len);
	tpmiot_buf_free(&buf);
	return v;
}

json_t *
kit_attest(const struct kit_device *dev)
{
	json_t *body = json_pack("{s:{s:o}, s:{s:o}}", "ek", "public", kit_public(&dev->ek), "ak",
	    "public", kit_public(&dev->ak));

	if (dev->ek_cert == NULL)
		return body;
	kit_set(body, "ek.certificate", kit_cert(dev->ek_cert));
	kit_set(body, "ek.chain", json_pack("[o]", kit_cert(kit_link)));
	return body;
}

static json_t *
activate(const struct kit_device *dev, const json_t *challenge)
{
	struct tpmiot_buf blob = TPMIOT_BUF_INIT, enc = TPMIOT_BUF_INIT, secret = TPMIOT_BUF_INIT;
	json_t *v;

	kit_unb64(json_object_get(challenge, "credential_blob"), &blob);
	kit_unb64(json_object_get(challenge, "encrypted_secret"), &enc);
	assert_true(softtpm_activate(&dev->ek, &dev->ak.pub.name,
	    (struct tpmiot_bytes){ blob.data, blob.len },
	    (struct tpmiot_bytes){ enc.data, enc.len }, &secret));
	v = kit_b64(secret.data, secret.len);
	tpmiot_buf_free(&blob);
	tpmiot_buf_free(&enc);
	tpmiot_buf_free(&secret);
	return v;
}

json_t *
kit_issue_with(const struct kit_device *dev, const json_t *challenge,
    const struct softkey *certified, const struct softkey *ak, bool stale_nonce,
    const struct softkey *csr_key)
{
	const json_t *c = json_object_get(challenge, "challenge");
	struct tpmiot_buf nonce = TPMIOT_BUF_INIT, attest = TPMIOT_BUF_INIT;
	struct tpmiot_buf sig = TPMIOT_BUF_INIT, csr = TPMIOT_BUF_INIT;
	json_t *body;

	kit_unb64(json_object_get(challenge, "nonce"), &nonce);
	assert_int_equal(nonce.len, 32);
	if (stale_nonce)
		nonce.data[0] ^= 1;
	softtpm_certify_under(ak, certified, &dev->srk,
	    (struct tpmiot_bytes){ nonce.data, nonce.len }, &attest, &sig);
	certkit_request(csr_key->pkey, "what the device would like to be", &csr);
	body = json_pack("{s:O, s:{s:o, s:o, s:o}, s:o}", "session",
	    json_object_get(challenge, "session"), "key", "public", kit_public(&dev->key), "attest",
	    kit_b64(attest.data, attest.len), "signature", kit_b64(sig.data, sig.len), "csr",
	    kit_b64(csr.data, csr.len));
	if (c != NULL)
		kit_set(body, "secret", activate(dev, c));
	tpmiot_buf_free(&nonce);
	tpmiot_buf_free(&attest);
	tpmiot_buf_free(&sig);
	tpmiot_buf_free(&csr);
	return body;
}

json_t *
kit_issue(const struct kit_device *dev, const json_t *challenge)
{
	return kit_issue_with(dev, challenge, &dev->key, &dev->ak, false, &dev->key);
}

void
kit_measure(struct tpmiot_pcrset *set, const char *selection)
{
	struct tpmiot_err err;

	assert_ok(tpmiot_pcrset_parse_selection(selection, set, &err));
	for (size_t b = 0; b < set->n; b++)
		for (size_t i = 0; i < TPMIOT_PCRS; i++)
			memset(set->bank[b].values[i], (int)(0x30 + i),
			    tpmiot_alg_md_size(set->bank[b].alg));
}

/* {"sha256": {"0": …}} */
static json_t *
pcr_values(const struct tpmiot_pcrset *set)
{
	json_t *banks = json_object();
	char number[8];

	for (size_t b = 0; b < set->n; b++) {
		struct tpmiot_buf name = TPMIOT_BUF_INIT;
		json_t *bank = json_object();

		for (unsigned i = 0; i < TPMIOT_PCRS; i++) {
			if ((set->bank[b].selected >> i & 1) == 0)
				continue;
			snprintf(number, sizeof(number), "%u", i);
			json_object_set_new(bank, number,
			    kit_b64(set->bank[b].values[i], tpmiot_alg_md_size(set->bank[b].alg)));
		}
		tpmiot_pcrset_put_bank(set->bank[b].alg, &name);
		json_object_set_new(banks, tpmiot_buf_cstr(&name), bank);
		tpmiot_buf_free(&name);
	}
	return banks;
}

json_t *
kit_quote(const struct softkey *ak, const json_t *challenge, const struct tpmiot_pcrset *values,
    void (*forge)(struct soft_quote *quote))
{
	struct tpmiot_buf nonce = TPMIOT_BUF_INIT, content = TPMIOT_BUF_INIT;
	struct tpmiot_buf attest = TPMIOT_BUF_INIT, sig = TPMIOT_BUF_INIT;
	struct soft_quote quote;
	json_t *made;

	kit_unb64(json_object_get(challenge, "nonce"), &nonce);
	soft_quote_init(&quote, ak, (struct tpmiot_bytes){ nonce.data, nonce.len }, values->bank,
	    values->n, TPM2_ALG_SHA256);
	if (forge != NULL)
		forge(&quote);
	soft_quote_put(&quote, &content);
	soft_put_tpm2b(content.data, content.len, &attest);
	softkey_sign_own(ak, content.data, content.len, &sig);
	made = json_pack("{s:o, s:o, s:o}", "attest", kit_b64(attest.data, attest.len), "signature",
	    kit_b64(sig.data, sig.len), "pcrs", pcr_values(values));
	tpmiot_buf_free(&nonce);
	tpmiot_buf_free(&content);
	tpmiot_buf_free(&attest);
	tpmiot_buf_free(&sig);
	return made;
}

static void
expect_ok(const struct kit_answer *answer)
{
	if (answer->status != 200)
		fail_msg("%d %s: %s", answer->status, answer->type,
		    json_string_value(json_object_get(answer->doc, "detail")));
}

void
kit_enrol(struct kit *kit, const struct kit_device *dev, const char *token, struct kit_answer *out,
    json_t **request)
{
	json_t *body = kit_attest(dev);
	struct kit_answer first;

	if (token != NULL)
		kit_set(body, "join_token", json_string(token));
	kit_post(kit, "/v1/attestations", body, &first);
	expect_ok(&first);
	body = kit_issue(dev, first.doc);
	if (request != NULL)
		*request = json_incref(body);
	kit_post(kit, "/v1/certificates", body, out);
	expect_ok(out);
	kit_answer_free(&first);
}

X509 *
kit_enrolled(struct kit *kit, const struct kit_device *dev)
{
	struct kit_answer answer;
	X509 *cert;

	kit_enrol(kit, dev, NULL, &answer, NULL);
	cert = kit_leaf(&answer, "certificate");
	kit_answer_free(&answer);
	return cert;
}

/* ---- The store, from behind -------------------------------------------------------------- */

static sqlite3 *
open_db(const struct kit *kit)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(kit->path, &db), SQLITE_OK);
	return db;
}

static void
dump_rows(sqlite3 *db, const char *table, struct tpmiot_buf *out)
{
	char sql[128];
	sqlite3_stmt *st = NULL;

	snprintf(sql, sizeof(sql), "SELECT * FROM \"%.64s\" ORDER BY 1, 2", table);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	while (sqlite3_step(st) == SQLITE_ROW) {
		tpmiot_buf_printf(out, "\n%s", table);
		for (int i = 0; i < sqlite3_column_count(st); i++) {
			const void *data = sqlite3_column_blob(st, i);

			tpmiot_buf_put_str(out, " ");
			tpmiot_hex_encode(data, (size_t)sqlite3_column_bytes(st, i), out);
		}
	}
	sqlite3_finalize(st);
}

void
kit_snapshot(const struct kit *kit, struct tpmiot_buf *out)
{
	sqlite3 *db = open_db(kit);
	sqlite3_stmt *st = NULL;

	tpmiot_buf_reset(out);
	assert_int_equal(sqlite3_prepare_v2(db,
	                     "SELECT name FROM sqlite_master WHERE type = 'table'"
	                     " AND name NOT LIKE 'sqlite%' AND name <> 'audit' ORDER BY name",
	                     -1, &st, NULL),
	    SQLITE_OK);
	while (sqlite3_step(st) == SQLITE_ROW)
		dump_rows(db, (const char *)sqlite3_column_text(st, 0), out);
	sqlite3_finalize(st);
	sqlite3_close(db);
	assert_false(out->failed);
}

void
kit_sql(const struct kit *kit, const char *sql)
{
	sqlite3 *db = open_db(kit);

	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

int64_t
kit_count(const struct kit *kit, const char *sql)
{
	sqlite3 *db = open_db(kit);
	sqlite3_stmt *st = NULL;
	int64_t n;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

/* ---- The operator ---------------------------------------------------------------------- */

void
kit_allow(struct kit *kit, const struct kit_device *dev, const char *device_id)
{
	struct ca_allow allow = { .added = kit_now };
	struct tpmiot_err err;

	memcpy(allow.ek_spki, dev->ek_spki, sizeof(allow.ek_spki));
	snprintf(allow.device_id, sizeof(allow.device_id), "%s", device_id);
	assert_ok(ca_allow_add(kit->store, &allow, &err));
}

void
kit_secret(struct kit *kit, const struct kit_device *dev, const char *group, const char *name,
    enum ca_secret_kind kind, struct tpmiot_bytes value)
{
	struct ca_secret secret = {
		.kind = kind, .added = kit_now, .has_ek = dev != NULL, .sealed = TPMIOT_BUF_INIT
	};
	struct ca_vault vault;
	struct tpmiot_err err;
	int64_t id;

	snprintf(secret.name, sizeof(secret.name), "%s", name);
	snprintf(secret.group, sizeof(secret.group), "%s", group);
	if (dev != NULL)
		memcpy(secret.ek_spki, dev->ek_spki, CA_SHA256_LEN);
	assert_ok(ca_vault_open_or_make(kit->dir, kit->store, &vault, &err));
	assert_ok(ca_secret_seal(&vault, value, &secret, &err));
	assert_ok(ca_secret_put(kit->store, &secret, &id, &err));
	ca_vault_close(&vault);
	tpmiot_buf_free(&secret.sealed);
}

int64_t
kit_token(struct kit *kit, const char *token, int64_t uses, int64_t expires, const char *device_id)
{
	struct ca_token row = { .uses_allowed = uses, .expires = expires, .added = kit_now };
	struct tpmiot_err err;
	int64_t id;

	SHA256((const unsigned char *)token, strlen(token), row.sha256);
	snprintf(row.device_id, sizeof(row.device_id), "%s", device_id);
	assert_ok(ca_token_add(kit->store, &row, &id, &err));
	return id;
}
