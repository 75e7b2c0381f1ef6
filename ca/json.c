/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/json.h"

#include <stdbool.h>

/* Nesting, counted before the parser recurses. */
static bool
depth_ok(const char *json, size_t len, int max)
{
	bool in_string = false;
	int depth = 0;

	for (size_t i = 0; i < len; i++) {
		char c = json[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '{' || c == '[') {
			if (++depth > max)
				return false;
		} else if ((c == '}' || c == ']') && depth > 0) {
			depth--;
		}
	}
	return true;
}

enum tpmiot_rc
ca_json_load(const void *data, size_t len, int depth_max, json_t **out, struct tpmiot_err *err)
{
	json_error_t jerr;
	json_t *root;

	if (!depth_ok(data, len, depth_max))
		return tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "the JSON is nested deeper than %d levels", depth_max);
	root = json_loadb(data, len, JSON_REJECT_DUPLICATES, &jerr);
	if (root == NULL)
		return tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "not JSON: %s, byte %d", jerr.text, jerr.position);
	if (!json_is_object(root)) {
		json_decref(root);
		return tpmiot_err_set(err, TPMIOT_E_FORMAT, "not a JSON object");
	}
	*out = root;
	return TPMIOT_OK;
}
