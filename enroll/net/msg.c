/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include <tpmiot/device_id.h>
#include <tpmiot/alg.h>
#include <tpmiot/b64.h>
#include <tpmiot/pcrset.h>

#include "enroll/net/msg.h"

#define BLOB_MAX 1024
#define NONCE_MIN 16
#define NONCE_MAX 64
#define SESSION_MAX 8192
#define SECRET_DATA_MAX 9000 /* 8 KiB, encrypted */
#define PROBLEM_PREFIX "urn:tpmiot:problem:"

/* ---- Requests -------------------------------------------------------------- */

enum tpmiot_rc
enroll_msg_put_attestation(
    const struct enroll_msg_attestation *msg, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	json_t *ek = json_object(), *ak = json_object(), *root = json_object();
	bool failed;

	failed = json_object_set_new(ek, "public", enroll_json_public(msg->ek)) != 0 ||
	         json_object_set_new(ak, "public", enroll_json_public(msg->ak)) != 0;
	if (msg->ek_cert.len > 0 &&
	    json_object_set_new(
	        ek, "certificate", enroll_json_binary(msg->ek_cert.data, msg->ek_cert.len)) != 0)
		failed = true;
	if (msg->ek_chain != NULL && sk_X509_num(msg->ek_chain) > 0 &&
	    json_object_set_new(ek, "chain", enroll_json_chain(msg->ek_chain)) != 0)
		failed = true;
	if (msg->device_id != NULL &&
	    json_object_set_new(root, "device_id", json_string(msg->device_id)) != 0)
		failed = true;
	if (msg->profile != NULL &&
	    json_object_set_new(root, "profile", json_string(msg->profile)) != 0)
		failed = true;
	if (msg->join_token != NULL &&
	    json_object_set_new(root, "join_token", json_string(msg->join_token)) != 0)
		failed = true;
	failed = json_object_set_new(root, "ek", ek) != 0 || failed;
	failed = json_object_set_new(root, "ak", ak) != 0 || failed;
	return enroll_json_put(root, failed, out, err);
}

enum tpmiot_rc
enroll_msg_put_renewal(
    const struct tpmiot_public *ak, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	json_t *root = json_object(), *member;
	bool failed = false;

	if (ak != NULL) {
		member = json_object();
		failed = json_object_set_new(member, "public", enroll_json_public(ak)) != 0;
		failed = json_object_set_new(root, "ak", member) != 0 || failed;
	}
	return enroll_json_put(root, failed, out, err);
}

/* {"0": base64, ...}: the registers that are selected */
static json_t *
pcr_values(const struct tpmiot_pcr_bank *bank)
{
	json_t *values = json_object();
	char number[4];
	int i, failed = values == NULL;

	for (i = 0; !failed && i < TPMIOT_PCRS; i++) {
		if ((bank->selected & (1u << i)) == 0)
			continue;
		(void)snprintf(number, sizeof(number), "%d", i);
		failed =
		    json_object_set_new(values, number,
		        enroll_json_binary(bank->values[i], tpmiot_alg_md_size(bank->alg))) != 0;
	}
	if (failed) {
		json_decref(values);
		return NULL;
	}
	return values;
}

static json_t *
quote(const struct enroll_msg_evidence *msg)
{
	json_t *root = json_object(), *pcrs = json_object();
	struct tpmiot_buf name = TPMIOT_BUF_INIT;
	bool failed;
	size_t i;

	failed =
	    json_object_set_new(root, "attest",
	        enroll_json_binary(msg->quote_attest->data, msg->quote_attest->len)) != 0 ||
	    json_object_set_new(root, "signature",
	        enroll_json_binary(msg->quote_signature->data, msg->quote_signature->len)) != 0;
	for (i = 0; i < msg->banks_n && !failed; i++) {
		tpmiot_buf_reset(&name);
		tpmiot_pcrset_put_bank(msg->banks[i].alg, &name);
		failed = tpmiot_buf_cstr(&name) == NULL ||
		         json_object_set_new(
		             pcrs, tpmiot_buf_cstr(&name), pcr_values(&msg->banks[i])) != 0;
	}
	tpmiot_buf_free(&name);
	failed = json_object_set_new(root, "pcrs", pcrs) != 0 || failed;
	if (failed) {
		json_decref(root);
		return NULL;
	}
	return root;
}

enum tpmiot_rc
enroll_msg_put_evidence(
    const struct enroll_msg_evidence *msg, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	json_t *key = json_object(), *root = json_object();
	bool failed;

	failed = json_object_set_new(key, "public", enroll_json_public(msg->key)) != 0 ||
	         json_object_set_new(
	             key, "attest", enroll_json_binary(msg->attest->data, msg->attest->len)) != 0 ||
	         json_object_set_new(key, "signature",
	             enroll_json_binary(msg->signature->data, msg->signature->len)) != 0 ||
	         json_object_set_new(root, "session",
	             json_stringn((const char *)msg->session->data, msg->session->len)) != 0 ||
	         json_object_set_new(
	             root, "csr", enroll_json_binary(msg->csr->data, msg->csr->len)) != 0;
	if (msg->secret != NULL &&
	    json_object_set_new(
	        root, "secret", enroll_json_binary(msg->secret->data, msg->secret->len)) != 0)
		failed = true;
	if (msg->banks_n > 0 && json_object_set_new(root, "quote", quote(msg)) != 0)
		failed = true;
	if (msg->parent != NULL &&
	    json_object_set_new(root, "parent", enroll_json_public(msg->parent)) != 0)
		failed = true;
	failed = json_object_set_new(root, "key", key) != 0 || failed;
	return enroll_json_put(root, failed, out, err);
}

/* ---- Replies ----------------------------------------------------------------- */

static enum tpmiot_rc
read_session(const json_t *root, struct enroll_msg_challenge *out, struct tpmiot_err *err)
{
	enum tpmiot_rc rc;

	rc = enroll_json_get_binary(root, "nonce", NONCE_MIN, NONCE_MAX, &out->nonce, err);
	if (rc == TPMIOT_OK)
		rc = enroll_json_get_text(root, "session", SESSION_MAX, &out->session, err);
	return rc;
}

static enum tpmiot_rc
read_challenge(const json_t *root, struct enroll_msg_challenge *out, struct tpmiot_err *err)
{
	const json_t *challenge = json_object_get(root, "challenge");
	enum tpmiot_rc rc;

	rc = enroll_json_get_binary(
	    challenge, "credential_blob", 1, BLOB_MAX, &out->credential_blob, err);
	if (rc == TPMIOT_OK)
		rc = enroll_json_get_binary(
		    challenge, "encrypted_secret", 1, BLOB_MAX, &out->encrypted_secret, err);
	if (rc == TPMIOT_OK)
		rc = read_session(root, out, err);
	return rc;
}

static bool
read_registers(const json_t *list, uint32_t *out)
{
	const json_t *entry;
	json_int_t n;
	size_t i;

	*out = 0;
	json_array_foreach(list, i, entry)
	{
		n = json_integer_value(entry);
		if (!json_is_integer(entry) || n < 0 || n >= TPMIOT_PCRS || (*out & (1u << n)) != 0)
			return false;
		*out |= 1u << n;
	}
	return *out != 0;
}

/* {"sha256": [0, 1, 7]}; not there is no quote. */
static enum tpmiot_rc
read_pcrs(json_t *root, struct enroll_msg_challenge *out, struct tpmiot_err *err)
{
	json_t *pcrs = json_object_get(root, "pcrs"), *list;
	const char *name;

	if (pcrs == NULL)
		return TPMIOT_OK;
	if (json_object_size(pcrs) == 0 || json_object_size(pcrs) > TPMIOT_BANKS_MAX)
		return tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "the CA's reply has no usable \"pcrs\"");
	json_object_foreach(pcrs, name, list)
	{
		struct tpmiot_pcr_bank *bank = &out->banks[out->banks_n++];

		bank->alg = tpmiot_pcrset_bank_parse(name, strlen(name));
		if (bank->alg == TPM2_ALG_ERROR || !read_registers(list, &bank->selected))
			return tpmiot_err_set(
			    err, TPMIOT_E_FORMAT, "the CA's reply has no usable \"pcrs\"");
	}
	return TPMIOT_OK;
}

static enum tpmiot_rc
parse_with(enum tpmiot_rc (*read)(
               const json_t *root, struct enroll_msg_challenge *out, struct tpmiot_err *err),
    struct tpmiot_bytes json, struct enroll_msg_challenge *out, struct tpmiot_err *err)
{
	struct enroll_msg_challenge made = { .banks_n = 0 };
	json_t *root = enroll_json_parse(json, err);
	enum tpmiot_rc rc = root != NULL ? read_pcrs(root, &made, err) : TPMIOT_E_FORMAT;

	if (rc == TPMIOT_OK)
		rc = read(root, &made, err);
	made.parent_wanted = json_is_true(json_object_get(root, "parent_wanted"));
	if (rc == TPMIOT_OK)
		*out = made;
	else
		enroll_msg_challenge_free(&made);
	json_decref(root);
	return rc;
}

enum tpmiot_rc
enroll_msg_parse_challenge(
    struct tpmiot_bytes json, struct enroll_msg_challenge *out, struct tpmiot_err *err)
{
	return parse_with(read_challenge, json, out, err);
}

enum tpmiot_rc
enroll_msg_parse_renewal(
    struct tpmiot_bytes json, struct enroll_msg_challenge *out, struct tpmiot_err *err)
{
	return parse_with(read_session, json, out, err);
}

void
enroll_msg_challenge_free(struct enroll_msg_challenge *challenge)
{
	tpmiot_buf_free(&challenge->credential_blob);
	tpmiot_buf_free(&challenge->encrypted_secret);
	tpmiot_buf_free(&challenge->nonce);
	tpmiot_buf_free(&challenge->session);
	challenge->banks_n = 0;
}

/* A whole TPM2B of at most max bytes into one of the TPM's structures. */
static bool
read_tpm2b(const json_t *object, const char *name, size_t max, uint8_t *to, UINT16 *size)
{
	struct tpmiot_buf whole = TPMIOT_BUF_INIT;
	struct tpmiot_reader r;
	const uint8_t *bytes = NULL;
	size_t len = 0;
	bool ok = enroll_json_get_binary(object, name, 3, max + 2, &whole, NULL) == TPMIOT_OK;

	if (ok) {
		tpmiot_reader_init(&r, whole.data, whole.len);
		bytes = tpmiot_reader_tpm2b(&r, max, &len);
		ok = tpmiot_reader_done(&r) && len > 0;
	}
	if (ok) {
		memcpy(to, bytes, len);
		*size = (UINT16)len;
	}
	tpmiot_buf_free(&whole);
	return ok;
}

static bool
read_secret(const json_t *object, struct enroll_msg_secret *out)
{
	const char *name = enroll_json_text(object, "name", TPMIOT_KEY_NAME_MAX);
	struct tpmiot_buf pub = TPMIOT_BUF_INIT;
	bool ok = name != NULL && tpmiot_key_name_valid(name) &&
	          enroll_json_get_binary(object, "public", 1, sizeof(TPM2B_PUBLIC), &pub, NULL) ==
	              TPMIOT_OK &&
	          tpmiot_public_parse(NULL, pub.data, pub.len, &out->pub, NULL) == TPMIOT_OK &&
	          out->pub.area.type == TPM2_ALG_KEYEDHASH &&
	          read_tpm2b(object, "duplicate", sizeof(out->priv.buffer), out->priv.buffer,
	              &out->priv.size) &&
	          read_tpm2b(object, "seed", sizeof(out->seed.secret), out->seed.secret,
	              &out->seed.size) &&
	          (json_object_get(object, "data") == NULL ||
	              enroll_json_get_binary(
	                  object, "data", 1, SECRET_DATA_MAX, &out->data, NULL) == TPMIOT_OK);

	if (ok)
		memcpy(out->name, name, strlen(name) + 1);
	tpmiot_buf_free(&pub);
	return ok;
}

static bool
is_new_name(const struct enroll_msg_issued *issued, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strcmp(issued->secrets[i].name, issued->secrets[at].name) == 0)
			return false;
	return true;
}

static enum tpmiot_rc
read_secrets(const json_t *root, struct enroll_msg_issued *out, struct tpmiot_err *err)
{
	const json_t *list = json_object_get(root, "secrets"), *object;
	bool ok = list == NULL ||
	          (json_is_array(list) && json_array_size(list) <= ENROLL_MSG_SECRETS_MAX);
	size_t i;

	out->has_secrets = list != NULL;
	if (ok)
		json_array_foreach(list, i, object)
		{
			out->secrets_n = i + 1;
			ok = read_secret(object, &out->secrets[i]) && is_new_name(out, i);
			if (!ok)
				break;
		}
	if (!ok)
		return tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "the CA's reply has no usable \"secrets\"");
	return TPMIOT_OK;
}

static enum tpmiot_rc
read_issued(const json_t *root, struct enroll_msg_issued *out, struct tpmiot_err *err)
{
	const char *id = enroll_json_text(root, "device_id", sizeof(out->device_id) - 1);
	enum tpmiot_rc rc;

	if (id == NULL || !tpmiot_device_id_valid(id))
		return tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "the CA's reply has no usable \"device_id\"");
	rc =
	    enroll_json_get_text(root, "certificate", ENROLL_MSG_REPLY_MAX, &out->certificate, err);
	if (rc == TPMIOT_OK)
		rc = enroll_json_get_text(root, "ca", ENROLL_MSG_REPLY_MAX, &out->ca, err);
	if (rc == TPMIOT_OK)
		rc = read_secrets(root, out, err);
	if (rc == TPMIOT_OK)
		memcpy(out->device_id, id, strlen(id) + 1);
	return rc;
}

enum tpmiot_rc
enroll_msg_parse_issued(
    struct tpmiot_bytes json, struct enroll_msg_issued *out, struct tpmiot_err *err)
{
	struct enroll_msg_issued made = { .device_id = "" };
	json_t *root = enroll_json_parse(json, err);
	enum tpmiot_rc rc = root != NULL ? read_issued(root, &made, err) : TPMIOT_E_FORMAT;

	if (rc == TPMIOT_OK)
		*out = made;
	else
		enroll_msg_issued_free(&made);
	json_decref(root);
	return rc;
}

void
enroll_msg_issued_free(struct enroll_msg_issued *issued)
{
	tpmiot_buf_free(&issued->certificate);
	tpmiot_buf_free(&issued->ca);
	for (size_t i = 0; i < issued->secrets_n; i++)
		tpmiot_buf_free(&issued->secrets[i].data);
	issued->secrets_n = 0;
}

static const char *
member_text(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

void
enroll_msg_parse_problem(struct tpmiot_bytes json, struct enroll_msg_problem *out)
{
	const size_t prefix = strlen(PROBLEM_PREFIX);
	json_t *root = enroll_json_parse(json, NULL);
	const char *type = member_text(root, "type");

	memset(out, 0, sizeof(*out));
	if (type != NULL && strncmp(type, PROBLEM_PREFIX, prefix) == 0)
		enroll_json_clean(type + prefix, out->type, sizeof(out->type));
	enroll_json_clean(member_text(root, "title"), out->title, sizeof(out->title));
	enroll_json_clean(member_text(root, "detail"), out->detail, sizeof(out->detail));
	enroll_json_clean(member_text(root, "next"), out->next, sizeof(out->next));
	json_decref(root);
}
