/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include <tpmiot/b64.h>
#include <tpmiot/uri.h>

/* A borrowed piece of the string that is parsed. */
struct piece {
	const char *str;
	size_t len;
};

static bool
is_word(struct piece p, const char *word)
{
	return p.len == strlen(word) && memcmp(p.str, word, p.len) == 0;
}

/* Takes the prefix off, if it is there. */
static bool
take_prefix(struct piece *p, const char *prefix)
{
	size_t len = strlen(prefix);

	if (p->len < len || memcmp(p->str, prefix, len) != 0)
		return false;
	p->str += len;
	p->len -= len;
	return true;
}

/* What stands before the first of the separators; *p goes on behind it. */
static struct piece
take_until(struct piece *p, const char *separators, bool *found)
{
	struct piece head = { p->str, 0 };

	while (head.len < p->len && strchr(separators, p->str[head.len]) == NULL)
		head.len++;
	*found = head.len < p->len;
	p->str += head.len + *found;
	p->len -= head.len + *found;
	return head;
}

static int
hex_digit(char c)
{
	return OPENSSL_hexchar2int((unsigned char)c);
}

/* Percent-decoding (RFC 3986 section 2.1). A NUL would cut file names short. */
static enum tpmiot_rc
decode(struct piece p, const char *what, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	for (size_t i = 0; i < p.len; i++) {
		int hi, lo;

		if (p.str[i] != '%') {
			tpmiot_buf_put_u8(out, (uint8_t)p.str[i]);
			continue;
		}
		hi = i + 2 < p.len ? hex_digit(p.str[i + 1]) : -1;
		lo = i + 2 < p.len ? hex_digit(p.str[i + 2]) : -1;
		if (hi < 0 || lo < 0)
			return tpmiot_err_set(err, TPMIOT_E_FORMAT,
			    "key name: %s has a %% that is not followed by two hexadecimal "
			    "digits; write %%25 for a %%",
			    what);
		if (hi == 0 && lo == 0)
			return tpmiot_err_set(
			    err, TPMIOT_E_FORMAT, "key name: %s has a %%00", what);
		tpmiot_buf_put_u8(out, (uint8_t)(hi << 4 | lo));
		i += 2;
	}
	return tpmiot_buf_done(out, err);
}

bool
tpmiot_key_name_valid(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	                              "0123456789._-";
	size_t len = strlen(name);

	return len >= 1 && len <= TPMIOT_KEY_NAME_MAX && name[0] != '.' &&
	       strspn(name, allowed) == len;
}

static enum tpmiot_rc
parse_name(struct piece p, struct tpmiot_uri *uri, struct tpmiot_err *err)
{
	uri->kind = TPMIOT_URI_NAME;
	if (p.len < sizeof(uri->name)) {
		memcpy(uri->name, p.str, p.len);
		uri->name[p.len] = '\0';
	}
	/* Not quoted: with a mistyped separator it holds the password. */
	if (p.len >= sizeof(uri->name) || !tpmiot_key_name_valid(uri->name))
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "key name: what follows tpmiot: is neither handle=, nv=, spki-sha256= nor a "
		    "name "
		    "(1 to %d of A-Z a-z 0-9 . _ -, not beginning with a dot)",
		    TPMIOT_KEY_NAME_MAX);
	return TPMIOT_OK;
}

/* Hexadecimal, as in tpm2-openssl, with or without 0x. 0 if it is no number. */
static TPM2_HANDLE
get_handle(struct piece p)
{
	TPM2_HANDLE handle = 0;

	if (!take_prefix(&p, "0x"))
		(void)take_prefix(&p, "0X");
	for (size_t i = 0; i < p.len; i++) {
		if (p.len > 8 || hex_digit(p.str[i]) < 0)
			return 0;
		handle = handle << 4 | (TPM2_HANDLE)hex_digit(p.str[i]);
	}
	return handle;
}

static enum tpmiot_rc
parse_nv(struct piece p, struct tpmiot_uri *uri, struct tpmiot_err *err)
{
	uri->kind = TPMIOT_URI_NV;
	uri->handle = get_handle(p);
	if (uri->handle >> TPM2_HR_SHIFT != TPM2_HT_NV_INDEX)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "key name: what follows nv= is no NV index (0x01000000 to 0x01ffffff)");
	return TPMIOT_OK;
}

static enum tpmiot_rc
parse_handle(struct piece p, struct tpmiot_uri *uri, struct tpmiot_err *err)
{
	uri->kind = TPMIOT_URI_HANDLE;
	uri->handle = get_handle(p);
	if (uri->handle >> TPM2_HR_SHIFT != TPM2_HT_PERSISTENT)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "key name: the handle is not that of a persistent object "
		    "(0x81000000 to 0x81ffffff)");
	return TPMIOT_OK;
}

static enum tpmiot_rc
parse_spki(struct piece p, struct tpmiot_uri *uri, struct tpmiot_err *err)
{
	char hex[2 * TPMIOT_SPKI_SHA256_LEN + 1] = { 0 };

	uri->kind = TPMIOT_URI_SPKI;
	if (p.len == sizeof(hex) - 1)
		memcpy(hex, p.str, p.len);
	if (tpmiot_hex_decode(hex, uri->spki, sizeof(uri->spki), NULL) != TPMIOT_OK)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "key name: spki-sha256 takes %d hexadecimal digits, not %zu characters",
		    2 * TPMIOT_SPKI_SHA256_LEN, p.len);
	return TPMIOT_OK;
}

static enum tpmiot_rc
parse_object(struct piece p, struct tpmiot_uri *uri, struct tpmiot_err *err)
{
	uri->kind = TPMIOT_URI_OBJECT;
	if (p.len == 0)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT, "key name: object: without a file");
	return decode(p, "object", &uri->path, err);
}

static enum tpmiot_rc
parse_target(struct piece p, struct tpmiot_uri *uri, struct tpmiot_err *err)
{
	if (take_prefix(&p, "handle:"))
		return get_handle(p) >> TPM2_HR_SHIFT == TPM2_HT_NV_INDEX
		           ? parse_nv(p, uri, err)
		           : parse_handle(p, uri, err);
	if (take_prefix(&p, "object:"))
		return parse_object(p, uri, err);
	if (!take_prefix(&p, "tpmiot:"))
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "key name: it begins with none of tpmiot:, handle: and object:");
	if (take_prefix(&p, "nv="))
		return parse_nv(p, uri, err);
	if (take_prefix(&p, "handle="))
		return parse_handle(p, uri, err);
	if (take_prefix(&p, "spki-sha256="))
		return parse_spki(p, uri, err);
	return parse_name(p, uri, err);
}

static enum tpmiot_rc
parse_attribute(struct piece p, struct tpmiot_uri *uri, struct tpmiot_err *err)
{
	static const struct {
		const char *name;
		enum tpmiot_uri_auth auth;
	} attributes[] = {
		{ "auth", TPMIOT_URI_AUTH_VALUE },
		{ "auth-file", TPMIOT_URI_AUTH_FILE },
		{ "auth-env", TPMIOT_URI_AUTH_ENV },
	};
	bool has_value;
	struct piece key = take_until(&p, "=", &has_value);

	/* tpm2-openssl's "?pass". What says where the password is says more. */
	if (!has_value && is_word(key, "pass")) {
		if (uri->auth == TPMIOT_URI_AUTH_NONE)
			uri->auth = TPMIOT_URI_AUTH_ASK;
		return TPMIOT_OK;
	}
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		if (!is_word(key, attributes[i].name))
			continue;
		if (uri->auth != TPMIOT_URI_AUTH_NONE && uri->auth != TPMIOT_URI_AUTH_ASK)
			return tpmiot_err_set(err, TPMIOT_E_FORMAT,
			    "key name: a second of auth=, auth-file= and auth-env=; give one");
		if (!has_value || (p.len == 0 && attributes[i].auth != TPMIOT_URI_AUTH_VALUE))
			return tpmiot_err_set(
			    err, TPMIOT_E_FORMAT, "key name: %s= has no value", attributes[i].name);
		uri->auth = attributes[i].auth;
		return decode(p, attributes[i].name, &uri->auth_arg, err);
	}
	/* Not quoted: what was taken for its name may be a piece of a secret. */
	return tpmiot_err_set(err, TPMIOT_E_FORMAT,
	    "key name: unknown attribute; known are auth=, auth-file=, auth-env= and pass (write "
	    "%%26 and %%3B for & and ; in a value)");
}

enum tpmiot_rc
tpmiot_uri_parse(const char *str, struct tpmiot_uri *out, struct tpmiot_err *err)
{
	struct piece rest = { str, strlen(str) };
	struct tpmiot_uri uri = { 0 };
	bool more;
	enum tpmiot_rc rc;

	rc = parse_target(take_until(&rest, ";?", &more), &uri, err);
	while (rc == TPMIOT_OK && more)
		rc = parse_attribute(take_until(&rest, ";&", &more), &uri, err);
	if (rc == TPMIOT_OK)
		*out = uri;
	else
		tpmiot_uri_free(&uri);
	return rc;
}

void
tpmiot_uri_free(struct tpmiot_uri *uri)
{
	tpmiot_buf_free(&uri->path);
	tpmiot_buf_free(&uri->auth_arg);
	*uri = (struct tpmiot_uri){ 0 };
}
