/* SPDX-License-Identifier: Apache-2.0 */
/* AES-256-GCM, as the CA seals sessions and keeps devices' keys. */
#ifndef CA_GCM_H
#define CA_GCM_H

#include <tpmiot/kdf.h>

#define CA_GCM_KEY_LEN 32
#define CA_GCM_IV_LEN 12
#define CA_GCM_TAG_LEN 16

/* Over data in place; the tag is written, or compared: TPMIOT_E_VERIFY. */
TPMIOT_MUST_USE enum tpmiot_rc ca_gcm(OSSL_LIB_CTX *libctx, const uint8_t key[CA_GCM_KEY_LEN],
    const uint8_t iv[CA_GCM_IV_LEN], struct tpmiot_bytes aad, uint8_t *data, size_t len,
    uint8_t tag[CA_GCM_TAG_LEN], bool encrypt, struct tpmiot_err *err);

#endif
