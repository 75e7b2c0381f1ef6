/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "enroll/enrol/certs.h"
#include "enroll/cmd/cli.h"
#include "enroll/cmd/describe.h"
#include "enroll/enrol/keys.h"
#include "enroll/state/state.h"

#define HMAC_KIND "hmac-sha256"

struct listing {
	const char *dir;
	json_t *keys;
	int64_t now;
};

static json_t *
cert_of(const struct listing *listing, const char *name, const EVP_PKEY *pkey)
{
	struct tpmiot_buf pem = TPMIOT_BUF_INIT;
	char file[ENROLL_FILE_NAME_MAX];
	STACK_OF(X509) *certs = NULL;
	json_t *out = NULL;
	const X509 *leaf;

	enroll_state_file_name(name, ".crt", file);
	if (tpmiot_statedir_read(listing->dir, file, &pem, NULL) == TPMIOT_OK &&
	    enroll_certs_parse((struct tpmiot_bytes){ pem.data, pem.len }, &certs, NULL) ==
	        TPMIOT_OK) {
		leaf = sk_X509_value(certs, 0);
		out = json_object();
		enroll_describe_cert(leaf, listing->now, out);
		(void)json_object_set_new(out, "for_this_key",
		    json_boolean(pkey != NULL && X509_get0_pubkey(leaf) != NULL &&
		                 EVP_PKEY_eq(X509_get0_pubkey(leaf), pkey) == 1));
	}
	sk_X509_pop_free(certs, X509_free);
	tpmiot_buf_free(&pem);
	return out;
}

/* What is signed with a certificate of its own. */
static void
describe_pair(const struct listing *listing, const char *name, const struct tpmiot_public *pub,
    json_t *entry, struct tpmiot_err *err)
{
	enum tpmiot_key_kind kind;
	EVP_PKEY *pkey = NULL;
	json_t *cert;

	if (tpmiot_public_to_pkey(NULL, pub, &pkey, err) != TPMIOT_OK)
		(void)json_object_set_new(entry, "error", json_string(err->text));
	else if (enroll_keys_kind_of(&pub->area, &kind))
		(void)json_object_set_new(entry, "kind", json_string(tpmiot_key_kind_name(kind)));
	cert = cert_of(listing, name, pkey);
	if (cert != NULL)
		(void)json_object_set_new(entry, "certificate", cert);
	EVP_PKEY_free(pkey);
}

/* The key of a hub (tpmiot-enroll dps). */
static void
describe_hmac(const struct listing *listing, const char *name, const struct tpmiot_public *pub,
    json_t *entry, struct tpmiot_err *err)
{
	struct enroll_dps_record record;
	json_t *out;
	enum tpmiot_rc rc = enroll_dps_record_read(listing->dir, name, &record, NULL, err);

	(void)json_object_set_new(entry, "kind", json_string(HMAC_KIND));
	if (rc == TPMIOT_E_NOT_FOUND)
		return;
	if (rc != TPMIOT_OK) {
		(void)json_object_set_new(entry, "error", json_string(err->text));
		return;
	}
	out = json_object();
	enroll_describe_registration(&record, out);
	(void)json_object_set_new(
	    out, "for_this_key", json_boolean(enroll_dps_record_is_of(&record, pub)));
	(void)json_object_set_new(entry, "registration", out);
}

static void
list_key(const struct listing *listing, const char *name)
{
	struct tpmiot_err err = { .rc = TPMIOT_OK };
	json_t *entry = json_pack("{s:s}", "name", name);
	struct tpmiot_keyfile file = { .extra = NULL };

	if (enroll_state_read_key(listing->dir, name, &file, &err) != TPMIOT_OK)
		(void)json_object_set_new(entry, "error", json_string(err.text));
	else if (tpmiot_public_is_hmac_key(&file.pub))
		describe_hmac(listing, name, &file.pub, entry, &err);
	else
		describe_pair(listing, name, &file.pub, entry, &err);
	(void)json_array_append_new(listing->keys, entry);
	tpmiot_keyfile_clear(&file);
}

static bool
list_one(void *arg, const char *name)
{
	if (strcmp(name, ENROLL_AK_NAME) != 0)
		list_key(arg, name);
	return true;
}

/* No directory is no keys. */
static enum tpmiot_rc
list_keys(const char *dir, json_t *keys, struct tpmiot_err *err)
{
	struct listing listing = { dir, keys, (int64_t)time(NULL) };
	enum tpmiot_rc rc = tpmiot_statedir_each_key(dir, list_one, &listing, err);

	return rc == TPMIOT_E_NOT_FOUND ? TPMIOT_OK : rc;
}

/* What can be told without loading anything. A TPM that is not there is an answer, too. */
static void
look_at_tpm(const struct enroll_env *env, json_t *tpm_out, json_t *ek_out)
{
	struct tpmiot_err err = { .rc = TPMIOT_OK };
	struct tpmiot_ek ek = TPMIOT_EK_INIT;
	struct tpmiot_ek_survey survey;
	struct tpmiot_tpm *tpm = NULL;
	enum tpmiot_rc rc;

	rc = tpmiot_tpm_new(env->tcti, NULL, &tpm, &err);
	if (rc == TPMIOT_OK)
		rc = enroll_describe_tpm(tpm, tpm_out, &err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_ek_survey(tpm, &survey, &err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_ek_find(tpm, &survey, NULL, &ek, &err);
	if (rc == TPMIOT_OK)
		rc = enroll_describe_ek(&ek, ek_out, &err);
	if (rc != TPMIOT_OK)
		(void)json_object_set_new(tpm_out, "error", json_string(err.text));
	tpmiot_ek_free(&ek);
	tpmiot_tpm_free(&tpm);
}

/* ---- For people --------------------------------------------------------------------- */

static const char *
text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

static void
print_registration(const json_t *entry)
{
	const json_t *registration = json_object_get(entry, "registration");

	if (registration == NULL || json_is_false(json_object_get(registration, "for_this_key")))
		(void)printf("  not registered: 'tpmiot-enroll dps --name=%s' does that\n",
		    text_of(entry, "name"));
	else
		(void)printf("  registered   as %s with the hub %s, since %s\n",
		    text_of(registration, "device_id"), text_of(registration, "hub"),
		    text_of(registration, "assigned"));
}

static void
print_cert(const json_t *entry)
{
	const json_t *cert = json_object_get(entry, "certificate");

	if (cert == NULL)
		(void)printf("  no certificate: 'tpmiot-enroll enroll --name=%s' gets one\n",
		    text_of(entry, "name"));
	else if (json_is_false(json_object_get(cert, "for_this_key")))
		(void)printf("  certificate of another key: 'tpmiot-enroll enroll --name=%s' gets "
		             "a new one\n",
		    text_of(entry, "name"));
	else
		(void)printf("  certificate  %s, %s %s\n", text_of(cert, "subject"),
		    json_is_true(json_object_get(cert, "expired")) ? "OUT OF DATE since"
		                                                   : "valid until",
		    text_of(cert, "not_after"));
}

static void
print_key(const char *dir, const json_t *entry)
{
	(void)printf("Key:           %s/%s.key %s%s%s\n", dir, text_of(entry, "name"),
	    text_of(entry, "kind"), json_object_get(entry, "error") != NULL ? " " : "",
	    text_of(entry, "error"));
	if (strcmp(text_of(entry, "kind"), HMAC_KIND) == 0)
		print_registration(entry);
	else
		print_cert(entry);
}

static void
print_all(const char *dir, const json_t *tpm, const json_t *ek, const json_t *keys)
{
	const json_t *entry;
	size_t i;

	if (json_object_get(tpm, "manufacturer") != NULL)
		(void)printf("TPM:           %s %s, firmware %s\n", text_of(tpm, "manufacturer"),
		    text_of(tpm, "model"), text_of(tpm, "firmware"));
	if (json_object_get(tpm, "error") != NULL)
		(void)printf("TPM:           %s\n", text_of(tpm, "error"));
	if (json_object_get(ek, "label") != NULL)
		(void)printf("EK:            %s, %s, %s\n", text_of(ek, "label"),
		    json_object_get(ek, "certificate_sha256") != NULL ? "with certificate"
		                                                      : "no certificate in NV",
		    json_object_get(ek, "handle") != NULL ? text_of(ek, "handle")
		                                          : "made when needed");
	json_array_foreach(keys, i, entry) print_key(dir, entry);
	if (json_array_size(keys) == 0)
		(void)printf("Keys:          none in %s: 'tpmiot-enroll enroll' makes one\n", dir);
}

enum tpmiot_rc
enroll_cmd_status(struct enroll_env *env, struct tpmiot_err *err)
{
	json_t *tpm = json_object(), *ek = json_object(), *keys = json_array();
	enum tpmiot_rc rc;

	look_at_tpm(env, tpm, ek);
	rc = list_keys(env->dir, keys, err);
	if (rc == TPMIOT_OK && !env->ui.json)
		print_all(env->dir, tpm, ek, keys);
	enroll_ui_result(&env->ui, "state_dir", NULL, env->dir);
	enroll_ui_member(&env->ui, "tpm", tpm);
	enroll_ui_member(&env->ui, "ek", ek);
	enroll_ui_member(&env->ui, "keys", keys);
	return rc;
}
