/* SPDX-License-Identifier: Apache-2.0 */
/* AES-256-GCM, one message at a time. */
#ifndef TPMIOT_GCM_H
#define TPMIOT_GCM_H

#include <openssl/evp.h>

#include <tpmiot/kdf.h>

#define TPMIOT_GCM_KEY_LEN 32
#define TPMIOT_GCM_IV_LEN 12
#define TPMIOT_GCM_TAG_LEN 16
#define TPMIOT_GCM_OVERHEAD (TPMIOT_GCM_IV_LEN + TPMIOT_GCM_TAG_LEN)

/* Encrypts len bytes in place, or decrypts; the tag is written, or compared (TPMIOT_E_VERIFY). */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_gcm(OSSL_LIB_CTX *libctx, bool encrypt,
    const uint8_t key[TPMIOT_GCM_KEY_LEN], const uint8_t iv[TPMIOT_GCM_IV_LEN],
    struct tpmiot_bytes aad, uint8_t *data, size_t len, uint8_t tag[TPMIOT_GCM_TAG_LEN],
    struct tpmiot_err *err);

/* Appends a random IV, the encrypted text, and the tag. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_gcm_seal(OSSL_LIB_CTX *libctx,
    const uint8_t key[TPMIOT_GCM_KEY_LEN], struct tpmiot_bytes aad, struct tpmiot_bytes text,
    struct tpmiot_buf *out, struct tpmiot_err *err);

/* Appends the text. TPMIOT_E_VERIFY if another key or other associated data sealed it. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_gcm_open(OSSL_LIB_CTX *libctx,
    const uint8_t key[TPMIOT_GCM_KEY_LEN], struct tpmiot_bytes aad, struct tpmiot_bytes sealed,
    struct tpmiot_buf *out, struct tpmiot_err *err);

#endif
