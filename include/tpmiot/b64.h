/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648 sections 4 and 5) and hexadecimal, strictly: one encoding per value. */
#ifndef TPMIOT_B64_H
#define TPMIOT_B64_H

#include <tpmiot/buf.h>

/* Appends the padded base64 of data. */
void tpmiot_b64_encode(const void *data, size_t len, struct tpmiot_buf *out);

/*
 * Appends what str decodes to. Refused with TPMIOT_E_FORMAT: characters outside
 * the alphabet (white space included), missing or misplaced padding, non-zero
 * bits behind the last byte (RFC 4648 section 3.5).
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_b64_decode(
    const char *str, size_t len, struct tpmiot_buf *out, struct tpmiot_err *err);

/* The same in the alphabet for URLs, without padding (RFC 7515 section 2). */
void tpmiot_b64url_encode(const void *data, size_t len, struct tpmiot_buf *out);
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_b64url_decode(
    const char *str, size_t len, struct tpmiot_buf *out, struct tpmiot_err *err);

/* Appends lower-case hexadecimal. */
void tpmiot_hex_encode(const void *data, size_t len, struct tpmiot_buf *out);

/* Decodes exactly out_len bytes from a string of 2 * out_len digits, either case. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_hex_decode(
    const char *str, uint8_t *out, size_t out_len, struct tpmiot_err *err);

#endif
