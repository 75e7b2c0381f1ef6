/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes: a growing buffer that wipes what it held, and a bounded reader.
 *
 * Both keep failure inside: append or take as often as you like and ask once
 * at the end. Anything secret lives in a struct tpmiot_buf, so that wiping is
 * not a matter of remembering it.
 */
#ifndef TPMIOT_BUF_H
#define TPMIOT_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tpmiot/err.h>

struct tpmiot_buf {
	uint8_t *data; /* owned; NULL while empty */
	size_t len;
	size_t cap;
	bool failed; /* sticky: an append ran out of memory */
};

#define TPMIOT_BUF_INIT                                                                            \
	{                                                                                          \
		NULL, 0, 0, false                                                                  \
	}

void tpmiot_buf_put(struct tpmiot_buf *buf, const void *data, size_t len);
void tpmiot_buf_put_str(struct tpmiot_buf *buf, const char *str); /* without its NUL */
void tpmiot_buf_put_u8(struct tpmiot_buf *buf, uint8_t v);
void tpmiot_buf_put_u16(struct tpmiot_buf *buf, uint16_t v); /* big endian */
void tpmiot_buf_put_u32(struct tpmiot_buf *buf, uint32_t v);
void tpmiot_buf_put_u64(struct tpmiot_buf *buf, uint64_t v);
void tpmiot_buf_printf(struct tpmiot_buf *buf, const char *fmt, ...) TPMIOT_PRINTF(2, 3);

/*
 * Room for len bytes at the end, counted as written (zeroed); NULL when out of
 * memory. The pointer is good until the next append.
 */
uint8_t *tpmiot_buf_grow(struct tpmiot_buf *buf, size_t len);

/* The content as a C string: NUL put behind the end, not counted. NULL when out of memory. */
const char *tpmiot_buf_cstr(struct tpmiot_buf *buf);

/* TPMIOT_OK, or TPMIOT_E_MEMORY if any append failed. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_buf_done(
    const struct tpmiot_buf *buf, struct tpmiot_err *err);

/* dst takes over what src held; dst's former content is wiped, src is left empty. */
void tpmiot_buf_move(struct tpmiot_buf *dst, struct tpmiot_buf *src);

void tpmiot_buf_reset(struct tpmiot_buf *buf); /* wipes, keeps the memory */
void tpmiot_buf_free(struct tpmiot_buf *buf);  /* wipes, frees, empties */

struct tpmiot_reader {
	const uint8_t *data; /* borrowed: what is left */
	size_t len;
	bool failed; /* sticky */
};

void tpmiot_reader_init(struct tpmiot_reader *r, const void *data, size_t len);
uint8_t tpmiot_reader_u8(struct tpmiot_reader *r);
uint16_t tpmiot_reader_u16(struct tpmiot_reader *r);
uint32_t tpmiot_reader_u32(struct tpmiot_reader *r);
uint64_t tpmiot_reader_u64(struct tpmiot_reader *r);
/* The next len bytes, borrowed; NULL and failed if there are fewer. */
const uint8_t *tpmiot_reader_take(struct tpmiot_reader *r, size_t len);
/* A TPM2B: a 16-bit size and so many bytes, of at most max. */
const uint8_t *tpmiot_reader_tpm2b(struct tpmiot_reader *r, size_t max, size_t *len);
/* True only if nothing failed and nothing remains. */
bool tpmiot_reader_done(const struct tpmiot_reader *r);

#endif
