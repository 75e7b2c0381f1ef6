/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <string.h>

#include <openssl/evp.h>

#include <tpmiot/b64.h>

/* Keeps EVP's int lengths from overflowing; far above any message we accept. */
#define B64_MAX (INT_MAX / 4)

static const char HEX[] = "0123456789abcdef";

void
tpmiot_b64_encode(const void *data, size_t len, struct tpmiot_buf *out)
{
	size_t encoded = (len + 2) / 3 * 4;
	uint8_t *room;

	if (len > B64_MAX) {
		out->failed = true;
		return;
	}
	/* EVP writes a NUL behind: one byte more, taken off again. */
	room = tpmiot_buf_grow(out, encoded + 1);
	if (room == NULL)
		return;
	(void)EVP_EncodeBlock(room, data, (int)len);
	out->len--;
}

void
tpmiot_b64url_encode(const void *data, size_t len, struct tpmiot_buf *out)
{
	size_t start = out->len;

	tpmiot_b64_encode(data, len, out);
	if (out->failed)
		return;
	while (out->len > start && out->data[out->len - 1] == '=')
		out->len--;
	for (size_t i = start; i < out->len; i++)
		if (out->data[i] == '+')
			out->data[i] = '-';
		else if (out->data[i] == '/')
			out->data[i] = '_';
}

/* The two characters in which the alphabets differ. */
static const char STANDARD[] = "+/", URL[] = "-_";

/* 0 to 63, or -1 for a character that is not in the alphabet. */
static int
b64_value(char c, const char *last_two)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == last_two[0])
		return 62;
	return c == last_two[1] ? 63 : -1;
}

static enum tpmiot_rc
b64_bad(struct tpmiot_err *err, const char *why)
{
	return tpmiot_err_set(err, TPMIOT_E_FORMAT, "not base64: %s", why);
}

/*
 * EVP_DecodeBlock tolerates white space and loose bits, so the form is checked
 * here and the few lines that decode stand with it.
 */
static enum tpmiot_rc
decode_digits(const char *str, size_t digits, const char *last_two, struct tpmiot_buf *out,
    struct tpmiot_err *err)
{
	struct tpmiot_buf plain = TPMIOT_BUF_INIT;
	/* Room for all at once: requests are mostly base64. */
	uint8_t *room = tpmiot_buf_grow(&plain, digits / 4 * 3 + digits % 4 * 6 / 8);
	uint32_t bits = 0;
	unsigned int held = 0;
	enum tpmiot_rc rc;

	for (size_t i = 0; room != NULL && i < digits; i++) {
		int v = b64_value(str[i], last_two);

		if (v < 0) {
			tpmiot_buf_free(&plain);
			return b64_bad(err, "a character outside the alphabet");
		}
		bits = bits << 6 | (uint32_t)v;
		held += 6;
		if (held >= 8) {
			held -= 8;
			*room++ = (uint8_t)(bits >> held);
		}
	}
	if ((bits & ((1u << held) - 1)) != 0)
		rc = b64_bad(err, "loose bits behind the last byte");
	else
		rc = tpmiot_buf_done(&plain, err);
	if (rc == TPMIOT_OK) {
		tpmiot_buf_put(out, plain.data, plain.len);
		rc = tpmiot_buf_done(out, err);
	}
	OPENSSL_cleanse(&bits, sizeof(bits));
	tpmiot_buf_free(&plain);
	return rc;
}

enum tpmiot_rc
tpmiot_b64_decode(const char *str, size_t len, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	size_t digits = len;

	if (len % 4 != 0)
		return b64_bad(err, "length is no multiple of four");
	while (digits > 0 && len - digits < 2 && str[digits - 1] == '=')
		digits--;
	return decode_digits(str, digits, STANDARD, out, err);
}

enum tpmiot_rc
tpmiot_b64url_decode(const char *str, size_t len, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	if (len % 4 == 1)
		return b64_bad(err, "no bytes have so many digits");
	return decode_digits(str, len, URL, out, err);
}

void
tpmiot_hex_encode(const void *data, size_t len, struct tpmiot_buf *out)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++) {
		tpmiot_buf_put_u8(out, (uint8_t)HEX[p[i] >> 4]);
		tpmiot_buf_put_u8(out, (uint8_t)HEX[p[i] & 15]);
	}
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

enum tpmiot_rc
tpmiot_hex_decode(const char *str, uint8_t *out, size_t out_len, struct tpmiot_err *err)
{
	if (strlen(str) != 2 * out_len)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "%zu hexadecimal digits expected, %zu given", 2 * out_len, strlen(str));
	for (size_t i = 0; i < 2 * out_len; i++)
		if (hex_value(str[i]) < 0)
			return tpmiot_err_set(
			    err, TPMIOT_E_FORMAT, "character %zu is no hexadecimal digit", i + 1);
	for (size_t i = 0; i < out_len; i++)
		out[i] = (uint8_t)(hex_value(str[2 * i]) << 4 | hex_value(str[2 * i + 1]));
	return TPMIOT_OK;
}
