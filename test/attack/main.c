/* SPDX-License-Identifier: Apache-2.0 */
/*
 *	attack maker DIR              makes DIR/maker.pem for the CA to trust, and DIR/crls
 *	attack run DIR CA CADIR PORT…
 *
 * CA is the program tpmiot-ca, the ports are those of attack.h's servers, in their order. Prints
 * TAP.
 */
#include "attack.h"

#include <signal.h>
#include <time.h>

#include <openssl/bn.h>
#include <openssl/pem.h>

#include "../unit/roca_modulus.h"

static unsigned tests, failures;
static const char *doing; /* NULL: all is done */

/* ---- Results ----------------------------------------------------------------------- */

void
attack_result(bool ok, const char *clause, const char *what, const char *got)
{
	printf("%s %u - %s: %s\n", ok ? "ok" : "not ok", ++tests, clause, what);
	if (!ok)
		printf("#   got: %s\n", got);
	fflush(stdout);
	failures += !ok;
}

/* cmocka's assertions outside of its tests end the program without a word. */
static void
say_where(void)
{
	if (doing != NULL)
		printf("Bail out! in: %s\n", doing);
}

/* ---- The operator -------------------------------------------------------------------- */

void
attack_operator(struct attack_env *env, const char *arguments, struct tpmiot_buf *out)
{
	char command[1024], piece[4096];
	FILE *from;
	size_t n;

	snprintf(command, sizeof(command), "'%s' --dir='%s' %s", env->ca, env->dir, arguments);
	from = popen(command, "r");
	assert_non_null(from);
	while ((n = fread(piece, 1, sizeof(piece), from)) > 0)
		tpmiot_buf_put(out, piece, n);
	if (pclose(from) != 0)
		fail_msg("%s failed", command);
}

/* The newest entry of the audit log; the caller releases it. */
static json_t *
last_audit(struct attack_env *env)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	json_t *rows, *entry;

	attack_operator(env, "audit --json --last=1", &text);
	rows = json_loadb((char *)text.data, text.len, 0, NULL);
	entry = json_is_array(rows)
	            ? json_array_get(rows, 0)
	            : json_array_get(json_object_iter_value(json_object_iter(rows)), 0);
	assert_non_null(entry);
	json_incref(entry);
	json_decref(rows);
	tpmiot_buf_free(&text);
	return entry;
}

/* ---- Requests -------------------------------------------------------------------------- */

bool
attack_send(struct attack_env *env, enum attack_server server, const char *path, json_t *body,
    struct wire_answer *out)
{
	char *text = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
	struct wire_conn conn = { -1, NULL };
	bool ok;

	memset(out, 0, sizeof(*out));
	ok = wire_open(&env->servers[server], NULL, NULL, &conn) &&
	     wire_post(&conn, path, text, strlen(text), out);
	wire_close(&conn);
	free(text);
	json_decref(body);
	return ok;
}

static bool
post_as(struct attack_env *env, const struct attack *row, const char *path, json_t *body,
    X509 *cert, EVP_PKEY *key, struct wire_answer *out)
{
	char *text = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
	struct wire_conn conn = { -1, NULL };
	bool ok;

	memset(out, 0, sizeof(*out));
	ok = wire_open(&env->servers[row->server], cert, key, &conn) &&
	     wire_post(&conn, path, text, strlen(text), out);
	wire_close(&conn);
	free(text);
	json_decref(body);
	return ok;
}

/* Malformed requests say nothing of a device: they are for the log only. */
static bool
is_audited(const struct attack *row)
{
	return row->status != 200 && strcmp(row->type, "malformed-request") != 0;
}

static bool
audit_ok(
    struct attack_env *env, const struct attack *row, json_int_t before, char *why, size_t size)
{
	json_t *entry = last_audit(env);
	const json_int_t id = json_integer_value(json_object_get(entry, "id"));
	const char *reason = json_string_value(json_object_get(entry, "reason"));
	const char *decision = json_string_value(json_object_get(entry, "decision"));
	bool ok;

	if (is_audited(row))
		ok = id == before + 1 && strcmp(reason, row->type) == 0 &&
		     strcmp(decision, "refused") == 0;
	else
		ok = id == before;
	snprintf(why, size, "audit: %s %s after entry %lld", decision, reason, (long long)before);
	json_decref(entry);
	return ok;
}

void
attack_expect(struct attack_env *env, const char *clause, const struct attack *row,
    const char *path, json_t *body, X509 *cert, EVP_PKEY *key)
{
	struct tpmiot_buf before = TPMIOT_BUF_INIT, after = TPMIOT_BUF_INIT;
	const json_int_t id = kit_count(&env->store, "SELECT coalesce(max(id), 0) FROM audit");
	struct wire_answer answer;
	char got[512];
	bool ok;

	kit_snapshot(&env->store, &before);
	ok = post_as(env, row, path, body, cert, key, &answer) && answer.status == row->status &&
	     strcmp(answer.type, row->type) == 0;
	snprintf(got, sizeof(got), "%d %s: %s", answer.status, answer.type,
	    json_string_value(json_object_get(answer.doc, "detail")));
	if (ok && row->status != 200) {
		ok = json_string_length(json_object_get(answer.doc, "detail")) > 0 &&
		     json_string_length(json_object_get(answer.doc, "next")) > 0;
		kit_snapshot(&env->store, &after);
		if (before.len != after.len || memcmp(before.data, after.data, after.len) != 0) {
			ok = false;
			snprintf(got, sizeof(got), "the store changed");
		}
		ok = ok && audit_ok(env, row, id, got, sizeof(got));
	}
	attack_result(ok, clause, row->what, got);
	wire_answer_free(&answer);
	tpmiot_buf_free(&before);
	tpmiot_buf_free(&after);
}

/* ---- Tables ------------------------------------------------------------------------------ */

static void
run_row(struct attack_env *env, const char *clause, const struct attack *row)
{
	struct wire_answer first = { .doc = NULL };

	doing = row->what;
	if (row->second && (!attack_send(env, row->first_server, "/v1/attestations",
	                        kit_attest(&env->dev), &first) ||
	                       first.status != 200)) {
		attack_result(false, clause, row->what, "the first step was refused");
	} else {
		attack_expect(env, clause, row,
		    row->second ? "/v1/certificates" : "/v1/attestations",
		    row->make(env, row, first.doc), NULL, NULL);
	}
	wire_answer_free(&first);
}

static void
run_tables(struct attack_env *env, const struct attack_table *tables)
{
	for (; tables->clause != NULL; tables++)
		for (size_t i = 0; i < tables->rows_n; i++)
			run_row(env, tables->clause, &tables->rows[i]);
}

/* ---- What the rows use --------------------------------------------------------------------- */

void
attack_rsa_1024(TPMT_PUBLIC *a)
{
	a->parameters.rsaDetail.keyBits = 1024;
}

void
attack_exponent_3(TPMT_PUBLIC *a)
{
	a->parameters.rsaDetail.exponent = 3;
}

void
attack_modulus_roca(TPMT_PUBLIC *a)
{
	BIGNUM *n = NULL;

	assert_true(BN_hex2bn(&n, ROCA_MODULUS) > 0);
	a->unique.rsa.size = 256;
	assert_int_equal(BN_bn2binpad(n, a->unique.rsa.buffer, 256), 256);
	BN_free(n);
}

struct softkey
attack_claim(const struct softkey *key, const struct attack *row)
{
	struct softkey claimed = *key;
	TPMT_PUBLIC area = key->pub.area;

	area.objectAttributes ^= row->flip;
	if (row->edit != NULL)
		row->edit(&area);
	softkey_claim(&claimed, &area);
	return claimed;
}

void
attack_edit(json_t *body, const char *path, void (*change)(struct tpmiot_buf *buf))
{
	const char *dot = strchr(path, '.');
	struct tpmiot_buf buf = TPMIOT_BUF_INIT;
	char first[32];
	json_t *at = body;

	if (dot != NULL) {
		snprintf(first, sizeof(first), "%.*s", (int)(dot - path), path);
		at = json_object_get(body, first);
	}
	at = json_object_get(at, dot != NULL ? dot + 1 : path);
	kit_unb64(json_is_array(at) ? json_array_get(at, 0) : at, &buf);
	change(&buf);
	if (json_is_array(at))
		json_array_set_new(at, 0, kit_b64(buf.data, buf.len));
	else
		kit_set(body, path, kit_b64(buf.data, buf.len));
	tpmiot_buf_free(&buf);
}

/* ---- The scene ------------------------------------------------------------------------------ */

/* Enrols a device; the certificate is the caller's. *second: what it sent in the second step. */
static X509 *
enrol(struct attack_env *env, const struct kit_device *dev, json_t **second)
{
	struct wire_answer first, answer;
	struct kit_answer as_kit = { .doc = NULL };
	json_t *body;
	X509 *cert;

	if (!attack_send(env, AT_OPEN, "/v1/attestations", kit_attest(dev), &first) ||
	    first.status != 200)
		fail_msg("attest: %d %s", first.status, first.type);
	body = kit_issue(dev, first.doc);
	*second = json_incref(body);
	if (!attack_send(env, AT_OPEN, "/v1/certificates", body, &answer) || answer.status != 200)
		fail_msg("issue: %d %s", answer.status, answer.type);
	as_kit.doc = answer.doc;
	cert = kit_leaf(&as_kit, "certificate");
	wire_answer_free(&first);
	wire_answer_free(&answer);
	return cert;
}

static void
operate_on(struct attack_env *env, const char *words, const char *argument)
{
	struct tpmiot_buf out = TPMIOT_BUF_INIT;
	char command[256];

	snprintf(command, sizeof(command), "%s %s", words, argument);
	attack_operator(env, command, &out);
	tpmiot_buf_free(&out);
}

static void
set_scene(struct attack_env *env)
{
	json_t *second = NULL;
	char id[CA_DEVICE_ID_MAX + 1], *serial;
	BIGNUM *bn;

	kit_device_make(&env->dev, "L-2", kit_link, kit_link_key);
	kit_device_make(&env->rsa, "L-1", kit_root, kit_root_key);
	kit_device_make(&env->victim, "L-2", kit_link, kit_link_key);
	kit_device_make(&env->revoked, "L-2", kit_link, kit_link_key);
	kit_device_make(&env->blocked, "L-2", kit_link, kit_link_key);
	env->victim_first = kit_attest(&env->victim);
	env->victim_cert = enrol(env, &env->victim, &env->victim_second);
	env->revoked_cert = enrol(env, &env->revoked, &env->revoked_second);
	env->blocked_cert = enrol(env, &env->blocked, &second);
	json_decref(second);
	bn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(env->revoked_cert), NULL);
	serial = BN_bn2hex(bn);
	operate_on(env, "cert revoke", serial);
	ca_device_id_from_ek(env->blocked.ek_spki, id);
	operate_on(env, "device block", id);
	OPENSSL_free(serial);
	BN_free(bn);
}

/* After all of it: the attacker's genuine TPM enrols, the victim's certificate is what it was. */
static void
check_scene(struct attack_env *env)
{
	struct wire_answer answer;
	json_t *second = NULL;

	X509_free(enrol(env, &env->dev, &second));
	json_decref(second);
	attack_result(true, "after all of it", "the right request succeeds", "");
	if (!attack_send(
	        env, AT_OPEN, "/v1/certificates", json_incref(env->victim_second), &answer))
		answer.status = 0;
	attack_result(answer.status == 200, "after all of it",
	    "the victim's last request again: its certificate again", answer.type);
	wire_answer_free(&answer);
}

static void
clear_scene(struct attack_env *env)
{
	kit_device_free(&env->dev);
	kit_device_free(&env->rsa);
	kit_device_free(&env->victim);
	kit_device_free(&env->revoked);
	kit_device_free(&env->blocked);
	X509_free(env->victim_cert);
	X509_free(env->revoked_cert);
	X509_free(env->blocked_cert);
	json_decref(env->victim_first);
	json_decref(env->victim_second);
	json_decref(env->revoked_second);
	for (int i = 0; i < AT_SERVERS; i++)
		wire_clear(&env->servers[i]);
}

/* ---- The maker: made by one call, used by the next ------------------------------------------- */

static FILE *
open_in(const char *dir, const char *name, const char *mode)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, mode);
	assert_non_null(file);
	return file;
}

static void
write_key(const char *dir, const char *name, EVP_PKEY *key)
{
	FILE *file = open_in(dir, name, "w");

	assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(file);
}

static EVP_PKEY *
read_key(const char *dir, const char *name)
{
	FILE *file = open_in(dir, name, "r");
	EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);

	assert_non_null(key);
	fclose(file);
	return key;
}

/* The list of an issuer of this name, whatever else it is. */
static void
write_list(const char *dir, const char *issuer, EVP_PKEY *key, long ends)
{
	const struct certkit_spec named = { .subject = issuer, .key = kit_link_key };
	X509 *cert = certkit_issue(&named);
	X509_CRL *crl = certkit_crl(cert, key, ATTACK_REVOKED, ends);
	char name[64];
	FILE *file;

	snprintf(name, sizeof(name), "crls/%s", issuer);
	file = open_in(dir, name, "w");
	assert_int_equal(PEM_write_X509_CRL(file, crl), 1);
	fclose(file);
	X509_CRL_free(crl);
	X509_free(cert);
}

static void
write_maker(const char *dir)
{
	FILE *cert = open_in(dir, "maker.pem", "w");

	assert_int_equal(PEM_write_X509(cert, kit_root), 1);
	fclose(cert);
	write_key(dir, "maker.key", kit_root_key);
	write_key(dir, "plant.key", kit_link_key);
	write_list(dir, "maker", kit_root_key, 0);
	write_list(dir, ATTACK_PLANT, kit_link_key, 0);
	write_list(dir, ATTACK_PLANT_REVOKED, kit_link_key, 0);
	write_list(dir, ATTACK_PLANT_LATE, kit_link_key, -60);
	write_list(dir, ATTACK_PLANT_FORGED, kit_root_key, 0);
}

static void
read_maker(const char *dir)
{
	struct certkit_spec link = { .subject = ATTACK_PLANT, .extensions = CERTKIT_CA };
	FILE *cert = open_in(dir, "maker.pem", "r");

	X509_free(kit_root);
	X509_free(kit_link);
	EVP_PKEY_free(kit_root_key);
	EVP_PKEY_free(kit_link_key);
	kit_root = PEM_read_X509(cert, NULL, NULL, NULL);
	kit_root_key = read_key(dir, "maker.key");
	kit_link_key = read_key(dir, "plant.key");
	link.key = kit_link_key;
	link.issuer = kit_root;
	link.issuer_key = kit_root_key;
	kit_link = certkit_issue(&link);
	fclose(cert);
}

int
main(int argc, char **argv)
{
	struct attack_env env = { .ca = argv[argc > 3 ? 3 : 0] };
	char ca_file[256];

	certkit_now = (long)time(NULL);
	kit_group_setup(NULL);
	if (argc == 3 && strcmp(argv[1], "maker") == 0) {
		write_maker(argv[2]);
		kit_group_teardown(NULL);
		return 0;
	}
	if (argc != 5 + AT_SERVERS || strcmp(argv[1], "run") != 0)
		return 2;
	read_maker(argv[2]);
	env.dir = argv[4];
	env.dir_of_maker = argv[2];
	snprintf(env.store.path, sizeof(env.store.path), "%s/store.db", env.dir);
	snprintf(ca_file, sizeof(ca_file), "%s/ca.crt", env.dir);
	for (int i = 0; i < AT_SERVERS; i++)
		if (!wire_init(&env.servers[i], (uint16_t)atoi(argv[5 + i]), ca_file))
			return 1;
	signal(SIGPIPE, SIG_IGN);
	atexit(say_where);
	doing = "the scene";
	set_scene(&env);
	doing = "fields";
	attack_fields(&env);
	run_tables(&env, attack_ek);
	run_tables(&env, attack_ek_cert);
	run_tables(&env, attack_ak);
	run_tables(&env, attack_key);
	run_tables(&env, attack_certify);
	run_tables(&env, attack_session);
	run_tables(&env, attack_json);
	run_tables(&env, attack_quote);
	run_tables(&env, attack_parent);
	run_tables(&env, attack_operator_rules);
	doing = "HTTP, renewals, races";
	attack_http(&env);
	attack_renewals(&env);
	attack_races(&env);
	doing = "what is right";
	attack_quotes_accepted(&env);
	attack_secrets(&env);
	attack_hook_accepts(&env);
	check_scene(&env);
	printf("1..%u\n", tests);
	doing = NULL;
	clear_scene(&env);
	kit_group_teardown(NULL);
	return failures > 0;
}
