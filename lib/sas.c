/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#include <tpmiot/b64.h>
#include <tpmiot/sas.h>

#define TIME_DIGITS_MAX 15

/* ---- Percent encoding (RFC 3986 section 2.1) --------------------------------------- */

static bool
is_unreserved(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("-_.~", c) != NULL);
}

void
tpmiot_sas_escape(const char *text, enum tpmiot_sas_escape how, struct tpmiot_buf *out)
{
	for (; *text != '\0'; text++) {
		const bool special = strchr("!*'()", *text) != NULL;

		if (is_unreserved(*text) || (special && how == TPMIOT_SAS_REGISTRATION))
			tpmiot_buf_put_u8(out, (uint8_t)*text);
		else
			tpmiot_buf_printf(out, special ? "%%%02x" : "%%%02X", (uint8_t)*text);
	}
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decodes into out, with a NUL behind it; false for a bad escape, a NUL, or too much. */
static bool
unescape(struct tpmiot_bytes in, char *out, size_t size)
{
	const char *p = in.data, *end = p + in.len;
	size_t n = 0;

	while (p < end) {
		char c = *p++;

		if (c == '%') {
			int high = p < end ? hex_digit(p[0]) : -1;
			int low = p + 1 < end ? hex_digit(p[1]) : -1;

			if (high < 0 || low < 0)
				return false;
			c = (char)(high << 4 | low);
			p += 2;
		}
		if (c == '\0' || n + 1 >= size)
			return false;
		out[n++] = c;
	}
	out[n] = '\0';
	return true;
}

/* ---- Written ------------------------------------------------------------------------ */

void
tpmiot_sas_put_to_sign(const char *escaped, int64_t expires, struct tpmiot_buf *out)
{
	tpmiot_buf_printf(out, "%s\n%" PRId64, escaped, expires);
}

void
tpmiot_sas_put(const char *escaped, int64_t expires, const uint8_t sig[TPMIOT_SAS_SIG_LEN],
    const char *key_name, struct tpmiot_buf *out)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	const char *sig_text;

	tpmiot_b64_encode(sig, TPMIOT_SAS_SIG_LEN, &text);
	sig_text = tpmiot_buf_cstr(&text);
	if (sig_text == NULL) {
		out->failed = true;
		return;
	}
	tpmiot_buf_printf(out, TPMIOT_SAS_PREFIX "sr=%s&sig=", escaped);
	tpmiot_sas_escape(sig_text, TPMIOT_SAS_REGISTRATION, out);
	tpmiot_buf_printf(out, "&se=%" PRId64, expires);
	if (key_name != NULL)
		tpmiot_buf_printf(out, "&skn=%s", key_name);
	tpmiot_buf_free(&text);
}

/* ---- Read ----------------------------------------------------------------------------- */

enum member { SR, SIG, SE, SKN, MEMBERS };

static const char *const names[MEMBERS] = { "sr", "sig", "se", "skn" };

static enum tpmiot_rc
take_member(
    const char *text, size_t len, struct tpmiot_bytes members[MEMBERS], struct tpmiot_err *err)
{
	for (size_t i = 0; i < MEMBERS; i++) {
		const size_t name_len = strlen(names[i]);

		if (len <= name_len || strncmp(text, names[i], name_len) != 0 ||
		    text[name_len] != '=')
			continue;
		if (members[i].data != NULL)
			return tpmiot_err_set(err, TPMIOT_E_FORMAT,
			    "shared access signature: %s stands there twice", names[i]);
		members[i] = (struct tpmiot_bytes){ text + name_len + 1, len - name_len - 1 };
		return TPMIOT_OK;
	}
	return tpmiot_err_set(err, TPMIOT_E_FORMAT,
	    "shared access signature: a member that is none of sr, sig, se, skn");
}

static enum tpmiot_rc
split(const char *text, struct tpmiot_bytes members[MEMBERS], struct tpmiot_err *err)
{
	const char *rest = text;
	enum tpmiot_rc rc = TPMIOT_OK;

	while (rc == TPMIOT_OK && rest != NULL) {
		const char *end = strchr(rest, '&');

		rc = take_member(
		    rest, end != NULL ? (size_t)(end - rest) : strlen(rest), members, err);
		rest = end != NULL ? end + 1 : NULL;
	}
	for (size_t i = 0; rc == TPMIOT_OK && i < SKN; i++)
		if (members[i].len == 0)
			rc = tpmiot_err_set(err, TPMIOT_E_FORMAT,
			    "shared access signature: %s is missing or empty", names[i]);
	return rc;
}

static bool
read_time(struct tpmiot_bytes text, int64_t *out)
{
	const char *p = text.data;
	int64_t value = 0;

	if (text.len > TIME_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		value = value * 10 + (p[i] - '0');
	}
	*out = value;
	return true;
}

static bool
read_sig(struct tpmiot_bytes text, uint8_t out[TPMIOT_SAS_SIG_LEN])
{
	struct tpmiot_buf sig = TPMIOT_BUF_INIT;
	char base64[64];
	bool ok;

	ok = unescape(text, base64, sizeof(base64)) &&
	     tpmiot_b64_decode(base64, strlen(base64), &sig, NULL) == TPMIOT_OK &&
	     sig.len == TPMIOT_SAS_SIG_LEN;
	if (ok)
		memcpy(out, sig.data, TPMIOT_SAS_SIG_LEN);
	tpmiot_buf_free(&sig);
	return ok;
}

enum tpmiot_rc
tpmiot_sas_parse(const char *text, struct tpmiot_sas *out, struct tpmiot_err *err)
{
	const size_t prefix = strlen(TPMIOT_SAS_PREFIX);
	struct tpmiot_bytes members[MEMBERS] = { { NULL, 0 } };
	struct tpmiot_sas sas = { .expires = 0 };
	enum tpmiot_rc rc;

	if (strnlen(text, TPMIOT_SAS_TEXT_MAX + 1) > TPMIOT_SAS_TEXT_MAX)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "shared access signature: longer than %d bytes", TPMIOT_SAS_TEXT_MAX);
	if (strncmp(text, TPMIOT_SAS_PREFIX, prefix) != 0)
		return tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "this does not begin with \"" TPMIOT_SAS_PREFIX "\"");
	rc = split(text + prefix, members, err);
	if (rc != TPMIOT_OK)
		return rc;
	if (!unescape(members[SR], sas.resource, sizeof(sas.resource)))
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "shared access signature: sr is badly encoded, or too long");
	if (!read_sig(members[SIG], sas.sig))
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "shared access signature: sig is not the base64 of an HMAC-SHA256");
	if (!read_time(members[SE], &sas.expires))
		return tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "shared access signature: se is not a time in seconds");
	sas.sr = members[SR];
	sas.se = members[SE];
	sas.skn = members[SKN];
	*out = sas;
	return TPMIOT_OK;
}

enum tpmiot_rc
tpmiot_sas_verify(OSSL_LIB_CTX *libctx, const struct tpmiot_sas *sas, struct tpmiot_bytes key,
    struct tpmiot_err *err)
{
	const struct tpmiot_bytes parts[] = { sas->sr, { "\n", 1 }, sas->se };
	uint8_t mac[TPM2_SHA512_DIGEST_SIZE];
	size_t len = 0;
	enum tpmiot_rc rc = tpmiot_hmac(libctx, TPM2_ALG_SHA256, key, parts, 3, mac, &len, err);

	if (rc == TPMIOT_OK && CRYPTO_memcmp(mac, sas->sig, TPMIOT_SAS_SIG_LEN) != 0)
		rc = tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "shared access signature: the signature is not by the key that it should be");
	OPENSSL_cleanse(mac, sizeof(mac));
	return rc;
}

bool
tpmiot_sas_is_for(const struct tpmiot_sas *sas, const char *resource)
{
	return strcasecmp(sas->resource, resource) == 0;
}
