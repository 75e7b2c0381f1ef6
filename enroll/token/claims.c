/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/token/claims.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

/* Sets a claim, whose value it takes. */
static enum tpmiot_rc
set_claim(json_t *payload, const char *word, size_t name_len, json_t *value, struct tpmiot_err *err)
{
	char name[128];

	if (value == NULL || name_len == 0 || name_len >= sizeof(name)) {
		json_decref(value);
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "--claim=%.200s: NAME=TEXT or NAME:=JSON is wanted, in UTF-8", word);
	}
	memcpy(name, word, name_len);
	name[name_len] = '\0';
	if (json_object_get(payload, name) != NULL || strcmp(name, "sub") == 0) {
		json_decref(value);
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "--claim=%.200s: %s is said already, or by an option of its own (--aud, --sub, "
		    "--ttl)",
		    word, name);
	}
	return json_object_set_new(payload, name, value) == 0
	           ? TPMIOT_OK
	           : tpmiot_err_set(err, TPMIOT_E_USAGE, "--claim=%.200s: not UTF-8", word);
}

static enum tpmiot_rc
add_claim(json_t *payload, const char *word, struct tpmiot_err *err)
{
	const char *equals = strchr(word, '=');
	json_error_t where;
	bool is_json;
	size_t len;

	if (equals == NULL)
		return set_claim(payload, word, 0, NULL, err);
	is_json = equals > word && equals[-1] == ':';
	len = (size_t)(equals - word) - (is_json ? 1 : 0);
	return set_claim(payload, word, len,
	    is_json ? json_loads(equals + 1, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &where)
	            : json_string(equals + 1),
	    err);
}

enum tpmiot_rc
enroll_claims_put(
    const struct enroll_claims *claims, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	bool has_subject = claims->subject != NULL && claims->subject[0] != '\0';
	json_t *payload = json_pack("{s:s, s:I, s:I}", "aud", claims->audience, "iat",
	    (json_int_t)claims->issued, "exp", (json_int_t)claims->expires);
	enum tpmiot_rc rc = TPMIOT_OK;
	char *text = NULL;

	if (payload == NULL)
		return tpmiot_err_set(
		    err, TPMIOT_E_USAGE, "--aud=%.200s: not UTF-8", claims->audience);
	for (size_t i = 0; claims->more != NULL && rc == TPMIOT_OK && i < claims->more->n; i++)
		rc = add_claim(payload, claims->more->items[i], err);
	if (rc == TPMIOT_OK && has_subject &&
	    json_object_set_new(payload, "sub", json_string(claims->subject)) != 0)
		rc =
		    tpmiot_err_set(err, TPMIOT_E_USAGE, "--sub=%.200s: not UTF-8", claims->subject);
	if (rc == TPMIOT_OK && (text = json_dumps(payload, JSON_COMPACT)) == NULL)
		rc = tpmiot_err_memory(err);
	json_decref(payload);
	if (rc == TPMIOT_OK) {
		tpmiot_buf_put_str(out, text);
		rc = tpmiot_buf_done(out, err);
	}
	free(text);
	return rc;
}
