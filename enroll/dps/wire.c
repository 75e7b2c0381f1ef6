/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/dps/wire.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <tpmiot/dps.h>

#define API_VERSION "2019-03-31"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

/* ---- Names ------------------------------------------------------------------------ */

static bool
is_of(const char *text, const char *letters, size_t max)
{
	const size_t len = strlen(text);

	return len >= 1 && len <= max && strspn(text, letters) == len;
}

bool
enroll_dps_id_valid(const char *id)
{
	return is_of(id, LETTERS "-._:", ENROLL_DPS_ID_MAX);
}

bool
enroll_dps_is_microsofts(const char *server)
{
	static const char *const domains[] = { ".azure-devices-provisioning.net",
		".azure-devices-provisioning.us", ".azure-devices-provisioning.cn" };
	const char *scheme = strstr(server, "://");
	const char *host = scheme != NULL ? scheme + 3 : server;
	const size_t len = strcspn(host, ":/");

	for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++) {
		const size_t domain = strlen(domains[i]);

		if (len > domain && strncasecmp(host + len - domain, domains[i], domain) == 0)
			return true;
	}
	return false;
}

void
enroll_dps_put_path(
    const char *scope, const char *id, const char *operation, struct tpmiot_buf *out)
{
	tpmiot_buf_printf(out, "/%s/registrations/%s/%s%s?api-version=" API_VERSION, scope, id,
	    operation != NULL ? "operations/" : "register", operation != NULL ? operation : "");
}

/* ---- Written ------------------------------------------------------------------------ */

static json_t *
extension(const struct enroll_dps_request *msg)
{
	json_t *ext = json_object();
	bool failed = ext == NULL;

	if (msg->ek_cert.len > 0 &&
	    json_object_set_new(
	        ext, "ekCertificate", enroll_json_binary(msg->ek_cert.data, msg->ek_cert.len)) != 0)
		failed = true;
	if (msg->join_token != NULL &&
	    json_object_set_new(ext, "joinToken", json_string(msg->join_token)) != 0)
		failed = true;
	if (failed) {
		json_decref(ext);
		return NULL;
	}
	return ext;
}

enum tpmiot_rc
enroll_dps_put_request(
    const struct enroll_dps_request *msg, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	json_t *tpm = json_object(), *root = json_object();
	bool failed;

	failed = json_object_set_new(tpm, "endorsementKey", enroll_json_public(msg->ek)) != 0 ||
	         json_object_set_new(tpm, "storageRootKey", enroll_json_public(msg->srk)) != 0 ||
	         json_object_set_new(root, "registrationId", json_string(msg->id)) != 0;
	failed = json_object_set_new(root, "tpm", tpm) != 0 || failed;
	if ((msg->ek_cert.len > 0 || msg->join_token != NULL) &&
	    json_object_set_new(root, "tpmiot", extension(msg)) != 0)
		failed = true;
	return enroll_json_put(root, failed, out, err);
}

/* ---- Read ------------------------------------------------------------------------------ */

enum tpmiot_rc
enroll_dps_parse_challenge(struct tpmiot_bytes json, struct tpmiot_buf *key, struct tpmiot_err *err)
{
	json_t *root = enroll_json_parse(json, err);
	struct tpmiot_buf made = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	if (root == NULL)
		return TPMIOT_E_FORMAT;
	rc = enroll_json_get_binary(root, "authenticationKey", 1, TPMIOT_DPS_KEY_MAX, &made, err);
	if (rc == TPMIOT_OK)
		tpmiot_buf_move(key, &made);
	tpmiot_buf_free(&made);
	json_decref(root);
	return rc;
}

/* A name that becomes part of a URL, a file or a terminal's line. */
static enum tpmiot_rc
get_name(const json_t *object, const char *member, const char *letters, char *out, size_t max,
    struct tpmiot_err *err)
{
	const char *text = enroll_json_text(object, member, max);

	if (text == NULL || !is_of(text, letters, max))
		return tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "the server's reply has no usable \"%s\"", member);
	(void)snprintf(out, max + 1, "%s", text);
	return TPMIOT_OK;
}

static enum tpmiot_rc
read_assigned(const json_t *root, struct enroll_dps_answer *out, struct tpmiot_err *err)
{
	const json_t *state = json_object_get(root, "registrationState");
	enum tpmiot_rc rc;

	rc = get_name(state, "assignedHub", LETTERS "-.", out->hub, ENROLL_DPS_HUB_MAX, err);
	if (rc == TPMIOT_OK)
		rc = get_name(state, "deviceId", LETTERS "-:.+%_#*?!(),=@;$'", out->device_id,
		    ENROLL_DPS_ID_MAX, err);
	if (rc == TPMIOT_OK)
		rc = enroll_json_get_binary(json_object_get(state, "tpm"), "authenticationKey", 1,
		    TPMIOT_DPS_KEY_MAX, &out->key, err);
	return rc;
}

/* "MESSAGE [CODE]" */
static void
put_reason(const char *message, json_int_t code, char out[ENROLL_DPS_TEXT_MAX])
{
	char text[ENROLL_DPS_TEXT_MAX];

	(void)snprintf(text, sizeof(text), "%.200s [%lld]",
	    message != NULL ? message : "no reason given", (long long)code);
	enroll_json_clean(text, out, ENROLL_DPS_TEXT_MAX);
}

static enum tpmiot_rc
read_answer(const json_t *root, struct enroll_dps_answer *out, struct tpmiot_err *err)
{
	const json_t *state = json_object_get(root, "registrationState");
	const char *status = enroll_json_text(root, "status", 32);

	if (status != NULL && strcmp(status, "assigned") == 0) {
		out->status = ENROLL_DPS_ASSIGNED;
		return read_assigned(root, out, err);
	}
	if (status != NULL && (strcmp(status, "failed") == 0 || strcmp(status, "disabled") == 0)) {
		out->status = ENROLL_DPS_FAILED;
		put_reason(enroll_json_text(state, "errorMessage", ENROLL_MSG_REPLY_MAX),
		    json_integer_value(json_object_get(state, "errorCode")), out->reason);
		return TPMIOT_OK;
	}
	if (status == NULL ||
	    (strcmp(status, "assigning") != 0 && strcmp(status, "unassigned") != 0))
		return tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "the server's reply has no usable \"status\"");
	out->status = ENROLL_DPS_ASSIGNING;
	return get_name(
	    root, "operationId", LETTERS "-._~", out->operation, ENROLL_DPS_OPERATION_MAX, err);
}

enum tpmiot_rc
enroll_dps_parse_answer(
    struct tpmiot_bytes json, struct enroll_dps_answer *out, struct tpmiot_err *err)
{
	struct enroll_dps_answer made = { .key = TPMIOT_BUF_INIT };
	json_t *root = enroll_json_parse(json, err);
	enum tpmiot_rc rc = root != NULL ? read_answer(root, &made, err) : TPMIOT_E_FORMAT;

	if (rc == TPMIOT_OK) {
		enroll_dps_answer_free(out);
		*out = made;
	} else {
		enroll_dps_answer_free(&made);
	}
	json_decref(root);
	return rc;
}

void
enroll_dps_answer_free(struct enroll_dps_answer *answer)
{
	tpmiot_buf_free(&answer->key);
}

void
enroll_dps_parse_refusal(struct tpmiot_bytes json, struct enroll_dps_refusal *out)
{
	json_t *root = enroll_json_parse(json, NULL);
	const char *next =
	    enroll_json_text(json_object_get(root, "info"), "next", ENROLL_MSG_REPLY_MAX);

	put_reason(enroll_json_text(root, "message", ENROLL_MSG_REPLY_MAX),
	    json_integer_value(json_object_get(root, "errorCode")), out->reason);
	enroll_json_clean(next != NULL ? next : "", out->next, sizeof(out->next));
	json_decref(root);
}
