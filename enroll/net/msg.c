/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include <tpmiot/device_id.h>
#include <tpmiot/alg.h>
#include <tpmiot/b64.h>

#include "enroll/net/msg.h"

#define BLOB_MAX 1024
#define NONCE_MIN 16
#define NONCE_MAX 64
#define SESSION_MAX 8192
#define PROBLEM_PREFIX "urn:tpmiot:problem:"

/* ---- Requests -------------------------------------------------------------- */

/* A new base64 string; NULL (which jansson's setters refuse) when out of memory. */
static json_t *
binary(const void *data, size_t len)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	json_t *str = NULL;

	tpmiot_b64_encode(data, len, &text);
	if (tpmiot_buf_done(&text, NULL) == TPMIOT_OK)
		str = json_stringn((const char *)text.data, text.len);
	tpmiot_buf_free(&text);
	return str;
}

static json_t *
public_area(const struct tpmiot_public *pub)
{
	struct tpmiot_buf tpm2b = TPMIOT_BUF_INIT;
	json_t *str = NULL;

	tpmiot_public_put(pub, &tpm2b);
	if (tpmiot_buf_done(&tpm2b, NULL) == TPMIOT_OK)
		str = binary(tpm2b.data, tpm2b.len);
	tpmiot_buf_free(&tpm2b);
	return str;
}

static json_t *
chain_array(STACK_OF(X509) *chain)
{
	json_t *array = json_array();
	unsigned char *der;
	int i, len, failed = array == NULL;

	for (i = 0; !failed && i < sk_X509_num(chain); i++) {
		der = NULL;
		len = i2d_X509(sk_X509_value(chain, i), &der);
		failed = len <= 0 || json_array_append_new(array, binary(der, (size_t)len)) != 0;
		OPENSSL_free(der);
	}
	if (failed) {
		json_decref(array);
		return NULL;
	}
	return array;
}

/* Appends msg, which is freed. `failed`: some part could not be made. */
static enum tpmiot_rc
put_json(json_t *msg, bool failed, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	uint8_t *at = NULL;
	size_t len = 0;

	if (!failed)
		len = json_dumpb(msg, NULL, 0, JSON_COMPACT);
	if (len > 0)
		at = tpmiot_buf_grow(out, len);
	if (at != NULL)
		(void)json_dumpb(msg, (char *)at, len, JSON_COMPACT);
	json_decref(msg);
	return at != NULL ? TPMIOT_OK : tpmiot_err_memory(err);
}

enum tpmiot_rc
enroll_msg_put_attestation(
    const struct enroll_msg_attestation *msg, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	json_t *ek = json_object(), *ak = json_object(), *root = json_object();
	bool failed;

	failed = json_object_set_new(ek, "public", public_area(msg->ek)) != 0 ||
	         json_object_set_new(ak, "public", public_area(msg->ak)) != 0;
	if (msg->ek_cert.len > 0 && json_object_set_new(ek, "certificate",
	                                binary(msg->ek_cert.data, msg->ek_cert.len)) != 0)
		failed = true;
	if (msg->ek_chain != NULL && sk_X509_num(msg->ek_chain) > 0 &&
	    json_object_set_new(ek, "chain", chain_array(msg->ek_chain)) != 0)
		failed = true;
	if (msg->device_id != NULL &&
	    json_object_set_new(root, "device_id", json_string(msg->device_id)) != 0)
		failed = true;
	if (msg->join_token != NULL &&
	    json_object_set_new(root, "join_token", json_string(msg->join_token)) != 0)
		failed = true;
	failed = json_object_set_new(root, "ek", ek) != 0 || failed;
	failed = json_object_set_new(root, "ak", ak) != 0 || failed;
	return put_json(root, failed, out, err);
}

enum tpmiot_rc
enroll_msg_put_renewal(
    const struct tpmiot_public *ak, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	json_t *root = json_object(), *member;
	bool failed = false;

	if (ak != NULL) {
		member = json_object();
		failed = json_object_set_new(member, "public", public_area(ak)) != 0;
		failed = json_object_set_new(root, "ak", member) != 0 || failed;
	}
	return put_json(root, failed, out, err);
}

/* {"0": base64, ...}: the registers that are selected */
static json_t *
pcr_values(const struct tpmiot_pcr_bank *bank)
{
	json_t *values = json_object();
	char number[4];
	int i, failed = values == NULL;

	for (i = 0; !failed && i < TPMIOT_PCRS_MAX; i++) {
		if ((bank->selected & (1u << i)) == 0)
			continue;
		(void)snprintf(number, sizeof(number), "%d", i);
		failed = json_object_set_new(values, number,
		             binary(bank->value[i].buffer, bank->value[i].size)) != 0;
	}
	if (failed) {
		json_decref(values);
		return NULL;
	}
	return values;
}

/* The TPM's own word for a bank is OpenSSL's name in small letters. */
static void
bank_name(TPMI_ALG_HASH alg, char out[16])
{
	const char *name = tpmiot_alg_md_name(alg);
	size_t i;

	for (i = 0; name != NULL && name[i] != '\0' && i < 15; i++)
		out[i] = (char)tolower((unsigned char)name[i]);
	out[i] = '\0';
}

static json_t *
quote(const struct enroll_msg_evidence *msg)
{
	json_t *root = json_object(), *pcrs = json_object();
	char name[16];
	bool failed;
	size_t i;

	failed = json_object_set_new(root, "attest",
	             binary(msg->quote_attest->data, msg->quote_attest->len)) != 0 ||
	         json_object_set_new(root, "signature",
	             binary(msg->quote_signature->data, msg->quote_signature->len)) != 0;
	for (i = 0; i < msg->banks_n && !failed; i++) {
		bank_name(msg->banks[i].alg, name);
		failed = json_object_set_new(pcrs, name, pcr_values(&msg->banks[i])) != 0;
	}
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

	failed =
	    json_object_set_new(key, "public", public_area(msg->key)) != 0 ||
	    json_object_set_new(key, "attest", binary(msg->attest->data, msg->attest->len)) != 0 ||
	    json_object_set_new(
	        key, "signature", binary(msg->signature->data, msg->signature->len)) != 0 ||
	    json_object_set_new(root, "session",
	        json_stringn((const char *)msg->session->data, msg->session->len)) != 0 ||
	    json_object_set_new(root, "csr", binary(msg->csr->data, msg->csr->len)) != 0;
	if (msg->secret != NULL &&
	    json_object_set_new(root, "secret", binary(msg->secret->data, msg->secret->len)) != 0)
		failed = true;
	if (msg->banks_n > 0 && json_object_set_new(root, "quote", quote(msg)) != 0)
		failed = true;
	failed = json_object_set_new(root, "key", key) != 0 || failed;
	return put_json(root, failed, out, err);
}

/* ---- Replies ----------------------------------------------------------------- */

static json_t *
parse_object(struct tpmiot_bytes json, struct tpmiot_err *err)
{
	json_error_t why;
	json_t *root;

	if (json.len > ENROLL_MSG_REPLY_MAX) {
		(void)tpmiot_err_set(err, TPMIOT_E_FORMAT, "the CA's reply is too long");
		return NULL;
	}
	root = json_loadb(json.data, json.len, JSON_REJECT_DUPLICATES, &why);
	if (root == NULL || !json_is_object(root)) {
		(void)tpmiot_err_set(err, TPMIOT_E_FORMAT, "the CA's reply is no JSON object");
		json_decref(root);
		return NULL;
	}
	return root;
}

/* A string member of 1 to max bytes, borrowed; NULL if it is not there or not that. */
static const char *
text_member(const json_t *object, const char *name, size_t max)
{
	const json_t *member = json_object_get(object, name);
	size_t len = json_string_length(member);

	return len > 0 && len <= max ? json_string_value(member) : NULL;
}

static enum tpmiot_rc
get_text(const json_t *object, const char *name, size_t max, struct tpmiot_buf *out,
    struct tpmiot_err *err)
{
	const char *text = text_member(object, name, max);

	if (text == NULL)
		return tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "the CA's reply has no usable \"%s\"", name);
	tpmiot_buf_put_str(out, text);
	return tpmiot_buf_done(out, err);
}

static enum tpmiot_rc
get_binary(const json_t *object, const char *name, size_t min, size_t max, struct tpmiot_buf *out,
    struct tpmiot_err *err)
{
	const char *text = text_member(object, name, (max + 2) / 3 * 4);

	if (text == NULL || tpmiot_b64_decode(text, strlen(text), out, NULL) != TPMIOT_OK ||
	    out->len < min || out->len > max)
		return tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "the CA's reply has no usable \"%s\"", name);
	return TPMIOT_OK;
}

static enum tpmiot_rc
read_session(const json_t *root, struct enroll_msg_challenge *out, struct tpmiot_err *err)
{
	enum tpmiot_rc rc;

	rc = get_binary(root, "nonce", NONCE_MIN, NONCE_MAX, &out->nonce, err);
	if (rc == TPMIOT_OK)
		rc = get_text(root, "session", SESSION_MAX, &out->session, err);
	return rc;
}

static enum tpmiot_rc
read_challenge(const json_t *root, struct enroll_msg_challenge *out, struct tpmiot_err *err)
{
	const json_t *challenge = json_object_get(root, "challenge");
	enum tpmiot_rc rc;

	rc = get_binary(challenge, "credential_blob", 1, BLOB_MAX, &out->credential_blob, err);
	if (rc == TPMIOT_OK)
		rc = get_binary(
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
		if (!json_is_integer(entry) || n < 0 || n >= TPMIOT_PCRS_MAX ||
		    (*out & (1u << n)) != 0)
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

		bank->alg = tpmiot_alg_from_md_name(name);
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
	json_t *root = parse_object(json, err);
	enum tpmiot_rc rc = root != NULL ? read_pcrs(root, &made, err) : TPMIOT_E_FORMAT;

	if (rc == TPMIOT_OK)
		rc = read(root, &made, err);
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

static enum tpmiot_rc
read_issued(const json_t *root, struct enroll_msg_issued *out, struct tpmiot_err *err)
{
	const char *id = text_member(root, "device_id", sizeof(out->device_id) - 1);
	enum tpmiot_rc rc;

	if (id == NULL || !tpmiot_device_id_valid(id))
		return tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "the CA's reply has no usable \"device_id\"");
	rc = get_text(root, "certificate", ENROLL_MSG_REPLY_MAX, &out->certificate, err);
	if (rc == TPMIOT_OK)
		rc = get_text(root, "ca", ENROLL_MSG_REPLY_MAX, &out->ca, err);
	if (rc == TPMIOT_OK)
		memcpy(out->device_id, id, strlen(id) + 1);
	return rc;
}

enum tpmiot_rc
enroll_msg_parse_issued(
    struct tpmiot_bytes json, struct enroll_msg_issued *out, struct tpmiot_err *err)
{
	struct enroll_msg_issued made = { TPMIOT_BUF_INIT, TPMIOT_BUF_INIT, "" };
	json_t *root = parse_object(json, err);
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
}

/*
 * The text goes to a terminal: printable ASCII stays, all else (escape
 * sequences, line breaks, what only looks like ASCII) becomes a question mark.
 */
static void
copy_clean(const char *text, char *out, size_t size)
{
	size_t i;

	for (i = 0; text != NULL && text[i] != '\0' && i + 1 < size; i++)
		out[i] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
	out[i] = '\0';
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
	json_t *root = parse_object(json, NULL);
	const char *type = member_text(root, "type");

	memset(out, 0, sizeof(*out));
	if (type != NULL && strncmp(type, PROBLEM_PREFIX, prefix) == 0)
		copy_clean(type + prefix, out->type, sizeof(out->type));
	copy_clean(member_text(root, "title"), out->title, sizeof(out->title));
	copy_clean(member_text(root, "detail"), out->detail, sizeof(out->detail));
	copy_clean(member_text(root, "next"), out->next, sizeof(out->next));
	json_decref(root);
}
