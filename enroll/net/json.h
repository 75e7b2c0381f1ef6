/* SPDX-License-Identifier: Apache-2.0 */
/* What the messages of all protocols are made of: JSON values written, and read from a server
 * that is not believed to be well meant. */
#ifndef ENROLL_JSON_H
#define ENROLL_JSON_H

#include <jansson.h>
#include <openssl/x509.h>

#include <tpmiot/kdf.h>

#define ENROLL_MSG_REPLY_MAX (256 * 1024) /* room for secrets */

/* ---- Written: new values; NULL (which jansson's setters refuse) when out of memory ---- */

json_t *enroll_json_binary(const void *data, size_t len);    /* base64 */
json_t *enroll_json_public(const struct tpmiot_public *pub); /* TPM2B_PUBLIC in base64 */
json_t *enroll_json_chain(STACK_OF(X509) *chain);            /* an array of DER in base64 */

/* Appends msg, which is freed. `failed`: some part of it could not be made. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_json_put(
    json_t *msg, bool failed, struct tpmiot_buf *out, struct tpmiot_err *err);

/* ---- Read ---- */

/* A reply as one object without duplicate keys; NULL, and err says why. */
json_t *enroll_json_parse(struct tpmiot_bytes json, struct tpmiot_err *err);

/* A string member of 1 to max bytes, borrowed; NULL if it is not there or not that. */
const char *enroll_json_text(const json_t *object, const char *name, size_t max);

/* The same appended, or decoded from base64; TPMIOT_E_FORMAT names the member. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_json_get_text(const json_t *object, const char *name,
    size_t max, struct tpmiot_buf *out, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc enroll_json_get_binary(const json_t *object, const char *name,
    size_t min, size_t max, struct tpmiot_buf *out, struct tpmiot_err *err);

/* Text for a terminal: what is not printable ASCII becomes a question mark; cut to size. */
void enroll_json_clean(const char *text, char *out, size_t size);

#endif
