/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/enrol/wire.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include <tpmiot/alg.h>
#include <tpmiot/b64.h>

#include "ca/json.h"

static bool
load(const void *body, size_t len, json_t **out, struct ca_problem *problem)
{
	struct tpmiot_err err = { .text = "" };

	if (ca_json_load(body, len, CA_WIRE_DEPTH_MAX, out, &err) != TPMIOT_OK)
		return ca_refuse(problem, CA_PROBLEM_MALFORMED_REQUEST, "%s", err.text);
	return true;
}

static bool
get_object(const json_t *parent, const char *name, json_t **out, struct ca_problem *problem)
{
	json_t *v = json_object_get(parent, name);

	if (v == NULL)
		return ca_refuse(problem, CA_PROBLEM_MALFORMED_REQUEST, "\"%s\" is missing", name);
	if (!json_is_object(v))
		return ca_refuse(
		    problem, CA_PROBLEM_MALFORMED_REQUEST, "\"%s\" is not an object", name);
	*out = v;
	return true;
}

/* ---- Fields ---------------------------------------------------------------- */

static bool
decode(const json_t *v, const char *path, size_t max, struct tpmiot_buf *out,
    struct ca_problem *problem)
{
	struct tpmiot_err err = { 0 };
	size_t len;

	if (!json_is_string(v))
		return ca_refuse(
		    problem, CA_PROBLEM_MALFORMED_REQUEST, "\"%s\" is not a string", path);
	len = json_string_length(v);
	if (len == 0)
		return ca_refuse(problem, CA_PROBLEM_MALFORMED_REQUEST, "\"%s\" is empty", path);
	if (len > (max + 2) / 3 * 4)
		return ca_refuse(problem, CA_PROBLEM_MALFORMED_REQUEST,
		    "\"%s\" is longer than %zu bytes", path, max);
	if (tpmiot_b64_decode(json_string_value(v), len, out, &err) != TPMIOT_OK)
		return ca_refuse(
		    problem, CA_PROBLEM_MALFORMED_REQUEST, "\"%s\": %s", path, err.text);
	return true;
}

/* A field of base64: path is "ek.public" for people, its last part the key. */
static bool
get_b64(const json_t *parent, const char *path, size_t max, struct tpmiot_buf *out,
    struct ca_problem *problem)
{
	const char *dot = strrchr(path, '.');
	const json_t *v = json_object_get(parent, dot != NULL ? dot + 1 : path);

	if (v == NULL)
		return ca_refuse(problem, CA_PROBLEM_MALFORMED_REQUEST, "\"%s\" is missing", path);
	return decode(v, path, max, out, problem);
}

static bool
get_chain(const json_t *ek, struct ca_attest_request *out, struct ca_problem *problem)
{
	const json_t *chain = json_object_get(ek, "chain");
	size_t n;

	if (chain == NULL)
		return true;
	if (!json_is_array(chain))
		return ca_refuse(
		    problem, CA_PROBLEM_MALFORMED_REQUEST, "\"ek.chain\" is not an array");
	n = json_array_size(chain);
	if (n > TPMIOT_EKCERT_CHAIN_MAX)
		return ca_refuse(problem, CA_PROBLEM_MALFORMED_REQUEST,
		    "\"ek.chain\" has more than %d certificates", TPMIOT_EKCERT_CHAIN_MAX);
	for (size_t i = 0; i < n; i++) {
		if (!decode(json_array_get(chain, i), "ek.chain", TPMIOT_EKCERT_MAX,
		        &out->ek_chain[i], problem))
			return false;
		out->ek_chain_n = i + 1;
	}
	return true;
}

static bool
get_device_id(const json_t *root, struct ca_attest_request *out, struct ca_problem *problem)
{
	const json_t *v = json_object_get(root, "device_id");

	if (v == NULL)
		return true;
	if (!json_is_string(v) || !tpmiot_device_id_valid(json_string_value(v)))
		return ca_refuse(problem, CA_PROBLEM_MALFORMED_REQUEST,
		    "\"device_id\" is not 1 to %d of letters, digits and ._:@- that begin with "
		    "a letter or digit",
		    CA_DEVICE_ID_MAX);
	memcpy(out->device_id, json_string_value(v), json_string_length(v) + 1);
	return true;
}

static bool
get_join_token(const json_t *root, struct ca_attest_request *out, struct ca_problem *problem)
{
	const json_t *v = json_object_get(root, "join_token");

	if (v == NULL)
		return true;
	if (!json_is_string(v) || json_string_length(v) == 0 ||
	    json_string_length(v) > CA_WIRE_TOKEN_MAX)
		return ca_refuse(problem, CA_PROBLEM_MALFORMED_REQUEST,
		    "\"join_token\" is not a string of 1 to %d characters", CA_WIRE_TOKEN_MAX);
	tpmiot_buf_put(&out->join_token, json_string_value(v), json_string_length(v));
	return true;
}

static bool
get_profile(const json_t *root, struct ca_attest_request *out, struct ca_problem *problem)
{
	const json_t *v = json_object_get(root, "profile");

	if (v == NULL)
		return true;
	if (!json_is_string(v) || json_string_length(v) == 0 ||
	    json_string_length(v) > CA_GROUP_MAX)
		return ca_refuse(problem, CA_PROBLEM_MALFORMED_REQUEST,
		    "\"profile\" is not a string of 1 to %d characters", CA_GROUP_MAX);
	memcpy(out->profile, json_string_value(v), json_string_length(v) + 1);
	return true;
}

/* ---- Quotes ------------------------------------------------------------------ */

/* "0" to "23", as we write them. */
static bool
pcr_number(const char *text, unsigned *out)
{
	char back[8];
	unsigned n = 0;

	for (const char *p = text; *p >= '0' && *p <= '9' && n < TPMIOT_PCRS; p++)
		n = 10 * n + (unsigned)(*p - '0');
	snprintf(back, sizeof(back), "%u", n);
	*out = n;
	return n < TPMIOT_PCRS && strcmp(back, text) == 0;
}

static bool
get_pcr(TPMI_ALG_HASH alg, const char *number, const json_t *v, struct tpmiot_pcrset *out,
    struct ca_problem *problem)
{
	struct tpmiot_buf value = TPMIOT_BUF_INIT;
	unsigned pcr = 0;
	bool ok = pcr_number(number, &pcr) &&
	          decode(v, "quote.pcrs", TPM2_SHA512_DIGEST_SIZE, &value, problem) &&
	          value.len == tpmiot_alg_md_size(alg) &&
	          tpmiot_pcrset_add(out, alg, pcr, value.data);

	if (!ok)
		ca_refuse(problem, CA_PROBLEM_MALFORMED_REQUEST,
		    "\"quote.pcrs\": \"%.16s\" is no PCR with a value of its bank's size", number);
	tpmiot_buf_free(&value);
	return ok;
}

static bool
get_quote_pcrs(json_t *pcrs, struct tpmiot_pcrset *out, struct ca_problem *problem)
{
	const char *name, *number;
	json_t *bank, *v;

	json_object_foreach(pcrs, name, bank)
	{
		TPMI_ALG_HASH alg = tpmiot_pcrset_bank_parse(name, strlen(name));

		if (alg == TPM2_ALG_ERROR || !json_is_object(bank))
			return ca_refuse(problem, CA_PROBLEM_MALFORMED_REQUEST,
			    "\"quote.pcrs\": \"%.16s\" is no bank with values", name);
		json_object_foreach(bank, number, v)
		{
			if (!get_pcr(alg, number, v, out, problem))
				return false;
		}
	}
	return true;
}

static bool
get_quote(const json_t *root, struct ca_issue_request *out, struct ca_problem *problem)
{
	json_t *quote = NULL, *pcrs = NULL;

	if (json_object_get(root, "quote") == NULL)
		return true;
	return get_object(root, "quote", &quote, problem) &&
	       get_b64(quote, "quote.attest", CA_WIRE_ATTEST_MAX, &out->quote_attest, problem) &&
	       get_b64(quote, "quote.signature", CA_WIRE_SIGNATURE_MAX, &out->quote_signature,
	           problem) &&
	       get_object(quote, "pcrs", &pcrs, problem) &&
	       get_quote_pcrs(pcrs, &out->quote_pcrs, problem);
}

/* ---- Requests -------------------------------------------------------------- */

bool
ca_attest_request_parse(
    const void *body, size_t len, struct ca_attest_request *out, struct ca_problem *problem)
{
	json_t *root = NULL, *ek = NULL, *ak = NULL;
	bool ok;

	if (!load(body, len, &root, problem))
		return false;
	ok = get_object(root, "ek", &ek, problem) &&
	     get_b64(ek, "ek.public", CA_WIRE_PUBLIC_MAX, &out->ek_public, problem) &&
	     (json_object_get(ek, "certificate") == NULL ||
	         get_b64(ek, "ek.certificate", TPMIOT_EKCERT_MAX, &out->ek_certificate, problem)) &&
	     get_chain(ek, out, problem) && get_object(root, "ak", &ak, problem) &&
	     get_b64(ak, "ak.public", CA_WIRE_PUBLIC_MAX, &out->ak_public, problem) &&
	     get_device_id(root, out, problem) && get_join_token(root, out, problem) &&
	     get_profile(root, out, problem);
	json_decref(root);
	return ok;
}

void
ca_attest_request_free(struct ca_attest_request *req)
{
	tpmiot_buf_free(&req->ek_public);
	tpmiot_buf_free(&req->ek_certificate);
	for (size_t i = 0; i < TPMIOT_EKCERT_CHAIN_MAX; i++)
		tpmiot_buf_free(&req->ek_chain[i]);
	tpmiot_buf_free(&req->ak_public);
	tpmiot_buf_free(&req->join_token);
}

bool
ca_renew_request_parse(
    const void *body, size_t len, struct ca_renew_request *out, struct ca_problem *problem)
{
	json_t *root = NULL, *ak = NULL;
	bool ok;

	if (!load(body, len, &root, problem))
		return false;
	ok = json_object_get(root, "ak") == NULL ||
	     (get_object(root, "ak", &ak, problem) &&
	         get_b64(ak, "ak.public", CA_WIRE_PUBLIC_MAX, &out->ak_public, problem));
	json_decref(root);
	return ok;
}

void
ca_renew_request_free(struct ca_renew_request *req)
{
	tpmiot_buf_free(&req->ak_public);
}

bool
ca_issue_request_parse(
    const void *body, size_t len, struct ca_issue_request *out, struct ca_problem *problem)
{
	json_t *root = NULL, *key = NULL;
	bool ok;

	if (!load(body, len, &root, problem))
		return false;
	ok = get_b64(root, "session", CA_WIRE_SESSION_MAX, &out->session, problem) &&
	     (json_object_get(root, "secret") == NULL ||
	         get_b64(root, "secret", CA_WIRE_SECRET_MAX, &out->secret, problem)) &&
	     get_object(root, "key", &key, problem) &&
	     get_b64(key, "key.public", CA_WIRE_PUBLIC_MAX, &out->key_public, problem) &&
	     get_b64(key, "key.attest", CA_WIRE_ATTEST_MAX, &out->key_attest, problem) &&
	     get_b64(key, "key.signature", CA_WIRE_SIGNATURE_MAX, &out->key_signature, problem) &&
	     get_b64(root, "csr", CA_WIRE_CSR_MAX, &out->csr, problem) &&
	     (json_object_get(root, "parent") == NULL ||
	         get_b64(root, "parent", CA_WIRE_PUBLIC_MAX, &out->parent, problem)) &&
	     get_quote(root, out, problem);
	json_decref(root);
	return ok;
}

void
ca_issue_request_free(struct ca_issue_request *req)
{
	tpmiot_buf_free(&req->session);
	tpmiot_buf_free(&req->secret);
	tpmiot_buf_free(&req->key_public);
	tpmiot_buf_free(&req->key_attest);
	tpmiot_buf_free(&req->key_signature);
	tpmiot_buf_free(&req->csr);
	tpmiot_buf_free(&req->parent);
	tpmiot_buf_free(&req->quote_attest);
	tpmiot_buf_free(&req->quote_signature);
}

/* ---- Replies --------------------------------------------------------------- */

/* Dumps and releases root; NULL (some part of it could not be made) is out of memory. */
static enum tpmiot_rc
dump(json_t *root, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	enum tpmiot_rc rc;
	char *text = NULL;

	if (root != NULL)
		text = json_dumps(root, JSON_COMPACT);
	json_decref(root);
	if (text == NULL)
		return tpmiot_err_memory(err);
	tpmiot_buf_put_str(out, text);
	rc = tpmiot_buf_done(out, err);
	free(text);
	return rc;
}

/* A JSON string of base64, NULL when out of memory. */
static json_t *
b64(const void *data, size_t len)
{
	struct tpmiot_buf buf = TPMIOT_BUF_INIT;
	const char *text;
	json_t *v = NULL;

	tpmiot_b64_encode(data, len, &buf);
	text = tpmiot_buf_cstr(&buf);
	if (text != NULL)
		v = json_string(text);
	tpmiot_buf_free(&buf);
	return v;
}

/* Adds a member; takes both references. NULL when out of memory. */
static json_t *
with(json_t *object, const char *name, json_t *member)
{
	if (json_object_set_new(object, name, member) == 0)
		return object;
	json_decref(object);
	return NULL;
}

static json_t *
challenge(const struct ca_attest_reply *reply)
{
	return json_pack("{s:o, s:o}", "credential_blob",
	    b64(reply->credential_blob->data, reply->credential_blob->len), "encrypted_secret",
	    b64(reply->encrypted_secret->data, reply->encrypted_secret->len));
}

/* {"sha256": [0, 1, 7]}; NULL when out of memory. */
static json_t *
selection(const struct tpmiot_pcrset *set)
{
	struct tpmiot_buf name = TPMIOT_BUF_INIT;
	json_t *root = json_object();

	for (size_t b = 0; root != NULL && b < set->n; b++) {
		json_t *list = json_array();
		bool ok = list != NULL;

		for (unsigned i = 0; ok && i < TPMIOT_PCRS; i++)
			if ((set->bank[b].selected >> i & 1) != 0)
				ok = json_array_append_new(list, json_integer(i)) == 0;
		tpmiot_buf_reset(&name);
		tpmiot_pcrset_put_bank(set->bank[b].alg, &name);
		if (!ok || tpmiot_buf_cstr(&name) == NULL) {
			json_decref(list);
			json_decref(root);
			root = NULL;
		} else {
			root = with(root, (const char *)name.data, list);
		}
	}
	tpmiot_buf_free(&name);
	return root;
}

enum tpmiot_rc
ca_attest_reply_put(
    const struct ca_attest_reply *reply, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	json_t *root = json_pack("{s:o, s:o, s:I}", "nonce", b64(reply->nonce, reply->nonce_len),
	    "session", b64(reply->session->data, reply->session->len), "expires_in",
	    (json_int_t)reply->expires_in);

	if (reply->credential_blob != NULL)
		root = with(root, "challenge", challenge(reply));
	if (reply->pcrs != NULL && reply->pcrs->n > 0)
		root = with(root, "pcrs", selection(reply->pcrs));
	if (reply->parent_wanted)
		root = with(root, "parent_wanted", json_true());
	return dump(root, out, err);
}

/* One secret; NULL when out of memory. */
static json_t *
secret(const struct ca_delivery *item)
{
	struct tpmiot_buf pub = TPMIOT_BUF_INIT;
	const struct tpmiot_duplicate *object = &item->object;
	json_t *root;

	tpmiot_public_put(&object->pub, &pub);
	if (pub.failed)
		return NULL;
	root = json_pack("{s:s, s:s, s:o, s:o, s:o}", "name", item->name, "kind",
	    item->kind == CA_SECRET_HMAC ? "hmac" : "data", "public", b64(pub.data, pub.len),
	    "duplicate", b64(object->priv.data, object->priv.len), "seed",
	    b64(object->seed.data, object->seed.len));
	tpmiot_buf_free(&pub);
	if (item->data.len > 0)
		root = with(root, "data", b64(item->data.data, item->data.len));
	return root;
}

enum tpmiot_rc
ca_issue_reply_put(
    const struct ca_issue_reply *reply, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	json_t *root = json_pack("{s:s, s:s, s:s}", "certificate", reply->certificate, "ca",
	    reply->ca, "device_id", reply->device_id);
	json_t *list = NULL;

	if (reply->secrets != NULL) {
		list = json_array();
		for (size_t i = 0; i < reply->secrets->n; i++)
			if (json_array_append_new(list, secret(&reply->secrets->item[i])) != 0) {
				json_decref(list);
				json_decref(root);
				return tpmiot_err_memory(err);
			}
		root = with(root, "secrets", list);
	}
	return dump(root, out, err);
}

/* Details may quote what came from outside: only printable ASCII goes back. */
static json_t *
plain(const char *text)
{
	char copy[TPMIOT_ERR_TEXT_MAX];
	size_t n = 0;

	for (; *text != '\0' && n < sizeof(copy) - 1; text++)
		copy[n++] = *text >= ' ' && *text <= '~' ? *text : '?';
	copy[n] = '\0';
	return json_string(copy);
}

enum tpmiot_rc
ca_problem_put(const struct ca_problem *problem, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	char type[96];

	snprintf(type, sizeof(type), CA_PROBLEM_URN "%s", ca_problem_name(problem->type));
	return dump(json_pack("{s:s, s:s, s:i, s:o, s:o}", "type", type, "title",
	                ca_problem_title(problem->type), "status", ca_problem_status(problem->type),
	                "detail", plain(problem->detail), "next", plain(ca_problem_next(problem))),
	    out, err);
}
