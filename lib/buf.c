/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include <tpmiot/buf.h>

#define FIRST_CAP 64

/* Makes room for len more bytes and one NUL. What is outgrown is wiped. */
static bool
reserve(struct tpmiot_buf *buf, size_t len)
{
	size_t need, cap;
	uint8_t *data;

	if (buf->failed)
		return false;
	if (len > SIZE_MAX / 2 - buf->len - 1)
		goto fail;
	need = buf->len + len + 1;
	if (need <= buf->cap)
		return true;
	for (cap = buf->cap != 0 ? buf->cap : FIRST_CAP; cap < need; cap *= 2)
		;
	data = OPENSSL_clear_realloc(buf->data, buf->cap, cap);
	if (data == NULL)
		goto fail;
	buf->data = data;
	buf->cap = cap;
	return true;
fail:
	buf->failed = true;
	return false;
}

uint8_t *
tpmiot_buf_grow(struct tpmiot_buf *buf, size_t len)
{
	uint8_t *room;

	if (!reserve(buf, len))
		return NULL;
	room = buf->data + buf->len;
	memset(room, 0, len);
	buf->len += len;
	return room;
}

void
tpmiot_buf_put(struct tpmiot_buf *buf, const void *data, size_t len)
{
	uint8_t *room = tpmiot_buf_grow(buf, len);

	if (room != NULL && len != 0)
		memcpy(room, data, len);
}

void
tpmiot_buf_put_str(struct tpmiot_buf *buf, const char *str)
{
	tpmiot_buf_put(buf, str, strlen(str));
}

static void
put_be(struct tpmiot_buf *buf, uint64_t v, size_t size)
{
	uint8_t *room = tpmiot_buf_grow(buf, size);

	if (room == NULL)
		return;
	while (size-- > 0) {
		room[size] = (uint8_t)v;
		v >>= 8;
	}
}

void
tpmiot_buf_put_u8(struct tpmiot_buf *buf, uint8_t v)
{
	put_be(buf, v, sizeof(v));
}

void
tpmiot_buf_put_u16(struct tpmiot_buf *buf, uint16_t v)
{
	put_be(buf, v, sizeof(v));
}

void
tpmiot_buf_put_u32(struct tpmiot_buf *buf, uint32_t v)
{
	put_be(buf, v, sizeof(v));
}

void
tpmiot_buf_put_u64(struct tpmiot_buf *buf, uint64_t v)
{
	put_be(buf, v, sizeof(v));
}

void
tpmiot_buf_printf(struct tpmiot_buf *buf, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0 || !reserve(buf, (size_t)len)) {
		buf->failed = true;
		return;
	}
	va_start(ap, fmt);
	(void)vsnprintf((char *)buf->data + buf->len, (size_t)len + 1, fmt, ap);
	va_end(ap);
	buf->len += (size_t)len;
}

const char *
tpmiot_buf_cstr(struct tpmiot_buf *buf)
{
	if (!reserve(buf, 0))
		return NULL;
	buf->data[buf->len] = '\0';
	return (const char *)buf->data;
}

enum tpmiot_rc
tpmiot_buf_done(const struct tpmiot_buf *buf, struct tpmiot_err *err)
{
	return buf->failed ? tpmiot_err_memory(err) : TPMIOT_OK;
}

void
tpmiot_buf_move(struct tpmiot_buf *dst, struct tpmiot_buf *src)
{
	static const struct tpmiot_buf empty = TPMIOT_BUF_INIT;

	tpmiot_buf_free(dst);
	*dst = *src;
	*src = empty;
}

void
tpmiot_buf_reset(struct tpmiot_buf *buf)
{
	if (buf->data != NULL)
		OPENSSL_cleanse(buf->data, buf->cap);
	buf->len = 0;
	buf->failed = false;
}

void
tpmiot_buf_free(struct tpmiot_buf *buf)
{
	static const struct tpmiot_buf empty = TPMIOT_BUF_INIT;

	OPENSSL_clear_free(buf->data, buf->cap);
	*buf = empty;
}

void
tpmiot_reader_init(struct tpmiot_reader *r, const void *data, size_t len)
{
	r->data = data;
	r->len = len;
	r->failed = false;
}

const uint8_t *
tpmiot_reader_take(struct tpmiot_reader *r, size_t len)
{
	const uint8_t *taken = r->data;

	if (r->failed || len > r->len) {
		r->failed = true;
		return NULL;
	}
	if (len != 0)
		r->data += len;
	r->len -= len;
	return taken;
}

static uint64_t
take_be(struct tpmiot_reader *r, size_t size)
{
	const uint8_t *p = tpmiot_reader_take(r, size);
	uint64_t v = 0;

	if (p == NULL)
		return 0;
	while (size-- > 0)
		v = v << 8 | *p++;
	return v;
}

uint8_t
tpmiot_reader_u8(struct tpmiot_reader *r)
{
	return (uint8_t)take_be(r, 1);
}

uint16_t
tpmiot_reader_u16(struct tpmiot_reader *r)
{
	return (uint16_t)take_be(r, 2);
}

uint32_t
tpmiot_reader_u32(struct tpmiot_reader *r)
{
	return (uint32_t)take_be(r, 4);
}

uint64_t
tpmiot_reader_u64(struct tpmiot_reader *r)
{
	return take_be(r, 8);
}

const uint8_t *
tpmiot_reader_tpm2b(struct tpmiot_reader *r, size_t max, size_t *len)
{
	size_t size = tpmiot_reader_u16(r);
	const uint8_t *taken;

	if (size > max)
		r->failed = true;
	taken = tpmiot_reader_take(r, size);
	*len = taken != NULL ? size : 0;
	return taken;
}

bool
tpmiot_reader_done(const struct tpmiot_reader *r)
{
	return !r->failed && r->len == 0;
}
