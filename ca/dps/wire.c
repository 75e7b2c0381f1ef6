/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/dps/wire.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/rand.h>

#include <tpmiot/b64.h>
#include <tpmiot/dps.h>

#include "ca/json.h"

/* ---- Read ---------------------------------------------------------------------------- */

static bool
malformed(struct ca_problem *problem, const char *name)
{
	return ca_refuse(
	    problem, CA_PROBLEM_MALFORMED_REQUEST, "\"%s\" is not what it should be", name);
}

/* Base64 of 1 to max bytes; required: it has to be there. */
static bool
get_binary(const json_t *object, const char *name, size_t max, bool required,
    struct tpmiot_buf *out, struct ca_problem *problem)
{
	const json_t *v = json_object_get(object, name);
	const size_t len = json_string_length(v);

	if (v == NULL && !required)
		return true;
	if (len == 0 || len > (max + 2) / 3 * 4 ||
	    tpmiot_b64_decode(json_string_value(v), len, out, NULL) != TPMIOT_OK || out->len > max)
		return malformed(problem, name);
	return true;
}

static bool
get_token(const json_t *object, struct tpmiot_buf *out, struct ca_problem *problem)
{
	const json_t *v = json_object_get(object, "joinToken");
	const size_t len = json_string_length(v);

	if (v == NULL)
		return true;
	if (len == 0 || len > CA_WIRE_TOKEN_MAX)
		return malformed(problem, "joinToken");
	tpmiot_buf_put(out, json_string_value(v), len);
	return true;
}

/* Microsoft's clients send a payload as their users like: a join token may be in it. */
static bool
read_extensions(const json_t *root, struct ca_attest_request *out, struct ca_problem *problem)
{
	const json_t *ours = json_object_get(root, "tpmiot");

	if (ours != NULL && !json_is_object(ours))
		return malformed(problem, "tpmiot");
	if (!get_binary(
	        ours, "ekCertificate", TPMIOT_EKCERT_MAX, false, &out->ek_certificate, problem) ||
	    !get_token(ours, &out->join_token, problem))
		return false;
	return out->join_token.len > 0 ||
	       get_token(json_object_get(root, "payload"), &out->join_token, problem);
}

static bool
read_request(
    const json_t *root, const char *id, struct ca_dps_request *out, struct ca_problem *problem)
{
	const json_t *said = json_object_get(root, "registrationId");
	const json_t *tpm = json_object_get(root, "tpm");

	if (said != NULL && (!json_is_string(said) || strcmp(json_string_value(said), id) != 0))
		return ca_refuse(
		    problem, CA_PROBLEM_MALFORMED_REQUEST, "\"registrationId\" is not the path's");
	if (!read_extensions(root, &out->ek, problem))
		return false;
	if (tpm == NULL || json_is_null(tpm))
		return true;
	return get_binary(
	           tpm, "endorsementKey", CA_WIRE_PUBLIC_MAX, true, &out->ek.ek_public, problem) &&
	       get_binary(
	           tpm, "storageRootKey", CA_WIRE_PUBLIC_MAX, true, &out->srk_public, problem);
}

bool
ca_dps_request_parse(const void *body, size_t len, const char *id, struct ca_dps_request *out,
    struct ca_problem *problem)
{
	struct tpmiot_err err = { 0 };
	json_t *root = NULL;
	bool ok;

	if (ca_json_load(body, len, CA_WIRE_DEPTH_MAX, &root, &err) != TPMIOT_OK)
		return ca_refuse_err(problem, CA_PROBLEM_MALFORMED_REQUEST, &err);
	ok = read_request(root, id, out, problem);
	json_decref(root);
	return ok;
}

void
ca_dps_request_free(struct ca_dps_request *req)
{
	ca_attest_request_free(&req->ek);
	tpmiot_buf_free(&req->srk_public);
}

/* ---- Written ------------------------------------------------------------------------------ */

static json_t *
binary(const struct tpmiot_buf *data)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	json_t *str = NULL;

	tpmiot_b64_encode(data->data, data->len, &text);
	if (tpmiot_buf_done(&text, NULL) == TPMIOT_OK)
		str = json_stringn((const char *)text.data, text.len);
	tpmiot_buf_free(&text);
	return str;
}

/* As Azure's services write a time. */
static json_t *
date(int64_t when)
{
	time_t t = (time_t)when;
	struct tm tm;
	char text[32] = "";

	if (gmtime_r(&t, &tm) != NULL)
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

/* Takes the reference. */
static enum tpmiot_rc
put(json_t *root, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	const size_t len = root != NULL ? json_dumpb(root, NULL, 0, JSON_COMPACT) : 0;
	uint8_t *at = len > 0 ? tpmiot_buf_grow(out, len) : NULL;

	if (at != NULL)
		(void)json_dumpb(root, (char *)at, len, JSON_COMPACT);
	json_decref(root);
	return at != NULL ? TPMIOT_OK : tpmiot_err_memory(err);
}

enum tpmiot_rc
ca_dps_challenge_put(const struct tpmiot_buf *key, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	return put(json_pack("{s:s, s:o, s:s}", "message", "Authorization required.",
	               "authenticationKey", binary(key), "keyName", TPMIOT_DPS_KEY_NAME),
	    out, err);
}

enum tpmiot_rc
ca_dps_assigning_put(const char *operation, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	return put(
	    json_pack("{s:s, s:s}", "operationId", operation, "status", "assigning"), out, err);
}

enum tpmiot_rc
ca_dps_assigned_put(
    const struct ca_dps_assigned *reply, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	json_t *state = json_pack("{s:s, s:s, s:s, s:s, s:o, s:{s:o}}", "registrationId",
	    reply->registration_id, "assignedHub", reply->hub, "deviceId", reply->device_id,
	    "status", "assigned", "lastUpdatedDateTimeUtc", date(reply->registered), "tpm",
	    "authenticationKey", binary(reply->key));

	return put(json_pack("{s:s, s:s, s:o}", "operationId", reply->operation, "status",
	               "assigned", "registrationState", state),
	    out, err);
}

/* ---- What is wrong ----------------------------------------------------------------------------
 */

int
ca_dps_status(const struct ca_problem *problem)
{
	const int status = ca_problem_status(problem->type);

	return status == 422 ? 400 : status == 410 ? 401 : status;
}

enum tpmiot_rc
ca_dps_problem_put(
    const struct ca_problem *problem, int64_t now, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	char tracking[40] = "";
	uint8_t r[16];

	if (RAND_bytes_ex(NULL, r, sizeof(r), 0) == 1)
		(void)snprintf(tracking, sizeof(tracking),
		    "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", r[0],
		    r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12],
		    r[13], r[14], r[15]);
	return put(json_pack("{s:i, s:s, s:s, s:o, s:{s:s, s:s}}", "errorCode",
	               ca_dps_status(problem) * 1000, "trackingId", tracking, "message",
	               problem->detail, "timestampUtc", date(now), "info", "type",
	               ca_problem_name(problem->type), "next", ca_problem_next(problem)),
	    out, err);
}
