/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/enrol/hook.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

/* What is not known, or no UTF-8, is null. */
static json_t *
text_or_null(const char *text)
{
	json_t *value = text[0] != '\0' ? json_string(text) : NULL;

	return value != NULL ? value : json_null();
}

enum tpmiot_rc
ca_hook_put(const struct ca_hook_facts *f, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	char ek[CA_HEX_SPKI_MAX], key[CA_HEX_SPKI_MAX];
	char *text;
	json_t *doc;

	ca_hex(f->ek_spki, CA_SHA256_LEN, ek);
	ca_hex(f->key_spki, CA_SHA256_LEN, key);
	doc = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:o, s:o, s:o, s:s}", "version",
	    1, "event", f->event, "device_id", f->device_id, "group", f->group, "profile",
	    f->profile, "ek", ek, "key", key, "ek_certificate_trusted", f->ek_trusted,
	    "tpm_manufacturer", text_or_null(f->tpm->manufacturer), "tpm_model",
	    text_or_null(f->tpm->model), "tpm_version", text_or_null(f->tpm->version), "peer",
	    f->peer);
	text = doc != NULL ? json_dumps(doc, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
	json_decref(doc);
	if (text == NULL)
		return tpmiot_err_memory(err);
	tpmiot_buf_printf(out, "%s\n", text);
	free(text);
	return tpmiot_buf_done(out, err);
}

bool
ca_hook_failed(struct ca_problem *problem, const char *why)
{
	struct tpmiot_err err;

	(void)tpmiot_err_set(&err, TPMIOT_E_IO, "hook: %s", why);
	return ca_fail(problem, &err);
}

/* What the program says is shown to others: harmless, and of one line. */
static void
copy_reason(const char *reason, char *out, size_t size)
{
	size_t n = 0;

	for (; n < size - 1 && reason[n] != '\0'; n++)
		out[n] = reason[n] >= ' ' && reason[n] <= '~' ? reason[n] : '?';
	out[n] = '\0';
}

bool
ca_hook_judge(const void *answer, size_t len, struct ca_problem *problem)
{
	json_t *doc = json_loadb(answer, len, JSON_REJECT_DUPLICATES, NULL);
	const char *decision = json_string_value(json_object_get(doc, "decision"));
	const char *reason = json_string_value(json_object_get(doc, "reason"));
	char text[256] = "no reason was given";
	bool ok = false;

	if (decision != NULL && strcmp(decision, "allow") == 0) {
		ok = true;
	} else if (decision != NULL && strcmp(decision, "deny") == 0) {
		if (reason != NULL)
			copy_reason(reason, text, sizeof(text));
		ca_refuse(problem, CA_PROBLEM_EXTERNAL_POLICY, "%s", text);
	} else {
		ca_hook_failed(
		    problem, "its output is not {\"decision\": \"allow\"} nor \"deny\" in JSON");
	}
	json_decref(doc);
	return ok;
}
