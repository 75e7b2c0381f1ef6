/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/net/json.h"

#include <string.h>

#include <tpmiot/b64.h>

/* ---- Written ------------------------------------------------------------------- */

json_t *
enroll_json_binary(const void *data, size_t len)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	json_t *str = NULL;

	tpmiot_b64_encode(data, len, &text);
	if (tpmiot_buf_done(&text, NULL) == TPMIOT_OK)
		str = json_stringn((const char *)text.data, text.len);
	tpmiot_buf_free(&text);
	return str;
}

json_t *
enroll_json_public(const struct tpmiot_public *pub)
{
	struct tpmiot_buf tpm2b = TPMIOT_BUF_INIT;
	json_t *str = NULL;

	tpmiot_public_put(pub, &tpm2b);
	if (tpmiot_buf_done(&tpm2b, NULL) == TPMIOT_OK)
		str = enroll_json_binary(tpm2b.data, tpm2b.len);
	tpmiot_buf_free(&tpm2b);
	return str;
}

json_t *
enroll_json_chain(STACK_OF(X509) *chain)
{
	json_t *array = json_array();
	unsigned char *der;
	int i, len, failed = array == NULL;

	for (i = 0; !failed && i < sk_X509_num(chain); i++) {
		der = NULL;
		len = i2d_X509(sk_X509_value(chain, i), &der);
		failed = len <= 0 ||
		         json_array_append_new(array, enroll_json_binary(der, (size_t)len)) != 0;
		OPENSSL_free(der);
	}
	if (failed) {
		json_decref(array);
		return NULL;
	}
	return array;
}

enum tpmiot_rc
enroll_json_put(json_t *msg, bool failed, struct tpmiot_buf *out, struct tpmiot_err *err)
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

/* ---- Read ------------------------------------------------------------------------ */

json_t *
enroll_json_parse(struct tpmiot_bytes json, struct tpmiot_err *err)
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

const char *
enroll_json_text(const json_t *object, const char *name, size_t max)
{
	const json_t *member = json_object_get(object, name);
	size_t len = json_string_length(member);

	return len > 0 && len <= max ? json_string_value(member) : NULL;
}

enum tpmiot_rc
enroll_json_get_text(const json_t *object, const char *name, size_t max, struct tpmiot_buf *out,
    struct tpmiot_err *err)
{
	const char *text = enroll_json_text(object, name, max);

	if (text == NULL)
		return tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "the CA's reply has no usable \"%s\"", name);
	tpmiot_buf_put_str(out, text);
	return tpmiot_buf_done(out, err);
}

enum tpmiot_rc
enroll_json_get_binary(const json_t *object, const char *name, size_t min, size_t max,
    struct tpmiot_buf *out, struct tpmiot_err *err)
{
	const char *text = enroll_json_text(object, name, (max + 2) / 3 * 4);

	if (text == NULL || tpmiot_b64_decode(text, strlen(text), out, NULL) != TPMIOT_OK ||
	    out->len < min || out->len > max)
		return tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "the CA's reply has no usable \"%s\"", name);
	return TPMIOT_OK;
}

/*
 * The text goes to a terminal: printable ASCII stays, all else (escape
 * sequences, line breaks, what only looks like ASCII) becomes a question mark.
 */
void
enroll_json_clean(const char *text, char *out, size_t size)
{
	size_t i;

	for (i = 0; text != NULL && text[i] != '\0' && i + 1 < size; i++)
		out[i] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
	out[i] = '\0';
}
