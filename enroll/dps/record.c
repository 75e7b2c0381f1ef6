/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/dps/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tpmiot/b64.h>

enum tpmiot_rc
enroll_dps_record_write(const struct enroll_state *state, const char *name,
    const struct enroll_dps_record *record, const struct enroll_server *trust,
    struct tpmiot_err *err)
{
	struct tpmiot_buf key = TPMIOT_BUF_INIT;
	char file[ENROLL_FILE_NAME_MAX];
	char *text = NULL;
	json_t *root;
	enum tpmiot_rc rc;

	tpmiot_hex_encode(record->key.name, record->key.size, &key);
	root = json_pack("{s:s, s:s*, s:s*, s:s, s:s, s:s, s:s, s:s, s:I, s:s}", "server",
	    record->server, "ca_certificates", trust->ca_pem, "ca_fingerprint", trust->fingerprint,
	    "ek", record->ek, "id_scope", record->scope, "registration_id", record->registration_id,
	    "hub", record->hub, "device_id", record->device_id, "assigned",
	    (json_int_t)record->assigned, "key", tpmiot_buf_cstr(&key));
	text = json_dumps(root, JSON_INDENT(2));
	enroll_state_file_name(name, ENROLL_DPS_SUFFIX, file);
	rc =
	    text != NULL ? enroll_state_write_text(state, file, text, err) : tpmiot_err_memory(err);
	free(text);
	json_decref(root);
	tpmiot_buf_free(&key);
	return rc;
}

static bool
take(const json_t *root, const char *member, char *out, size_t size)
{
	const char *text = enroll_json_text(root, member, size - 1);

	if (text != NULL)
		(void)snprintf(out, size, "%s", text);
	return text != NULL;
}

static bool
take_name(const json_t *root, TPM2B_NAME *out)
{
	const char *text = enroll_json_text(root, "key", 2 * sizeof(out->name));

	if (text == NULL || strlen(text) % 2 != 0)
		return false;
	out->size = (UINT16)(strlen(text) / 2);
	return tpmiot_hex_decode(text, out->name, out->size, NULL) == TPMIOT_OK;
}

static bool
take_all(const json_t *root, struct enroll_dps_record *r)
{
	r->assigned = json_integer_value(json_object_get(root, "assigned"));
	return take(root, "server", r->server, sizeof(r->server)) &&
	       take(root, "ek", r->ek, sizeof(r->ek)) &&
	       take(root, "id_scope", r->scope, sizeof(r->scope)) &&
	       take(root, "registration_id", r->registration_id, sizeof(r->registration_id)) &&
	       take(root, "hub", r->hub, sizeof(r->hub)) &&
	       take(root, "device_id", r->device_id, sizeof(r->device_id)) &&
	       take_name(root, &r->key);
}

enum tpmiot_rc
enroll_dps_record_read(const char *dir, const char *name, struct enroll_dps_record *out,
    struct enroll_server *trust, struct tpmiot_err *err)
{
	struct enroll_dps_record r = { .server = "" };
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	char file[ENROLL_FILE_NAME_MAX];
	json_t *root = NULL;
	enum tpmiot_rc rc;

	enroll_state_file_name(name, ENROLL_DPS_SUFFIX, file);
	rc = tpmiot_statedir_read(dir, file, &text, err);
	if (rc == TPMIOT_OK) {
		root = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
		if (!take_all(root, &r))
			rc = tpmiot_err_set(err, TPMIOT_E_FORMAT,
			    "%s/%s is damaged; 'tpmiot-enroll dps --again' writes a new one", dir,
			    file);
	}
	if (rc == TPMIOT_OK && trust != NULL)
		rc = enroll_server_take_trust(root, trust, err);
	if (rc == TPMIOT_OK)
		*out = r;
	json_decref(root);
	tpmiot_buf_free(&text);
	return rc;
}

bool
enroll_dps_record_is_of(const struct enroll_dps_record *record, const struct tpmiot_public *key)
{
	return record->key.size == key->name.size &&
	       memcmp(record->key.name, key->name.name, key->name.size) == 0;
}

enum tpmiot_rc
enroll_dps_record_remove(const struct enroll_state *state, const char *name, struct tpmiot_err *err)
{
	char file[ENROLL_FILE_NAME_MAX];

	enroll_state_file_name(name, ENROLL_DPS_SUFFIX, file);
	return tpmiot_statedir_remove(state->dir, file, err);
}
