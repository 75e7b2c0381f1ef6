/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outer wrapper (Part 1, clauses 22.4 and 24.4): what protects a credential, and an
 * object that is duplicated, on the way to a TPM. Encrypted and authenticated by
 * keys that are derived from a seed which the TPM's storage key alone gives back,
 * and bound to an object's Name.
 */
#ifndef LIB_OUTERWRAP_H
#define LIB_OUTERWRAP_H

#include <tpmiot/kdf.h>

/*
 * Whether things can be wrapped for the holder of this key: a restricted decryption
 * key whose nameAlg we know and whose symmetric algorithm is AES in CFB mode. Else
 * TPMIOT_E_UNSUPPORTED, beginning with "what: the role …" (role "EK").
 */
TPMIOT_MUST_USE enum tpmiot_rc outerwrap_check_key(
    const TPMT_PUBLIC *area, const char *what, const char *role, struct tpmiot_err *err);

/*
 * Appends to out a TPM2B of the integrity HMAC (a TPM2B) and the encrypted content,
 * which is encrypted in place. key as checked above; seed shared with it.
 */
TPMIOT_MUST_USE enum tpmiot_rc outerwrap_put(OSSL_LIB_CTX *libctx, const TPMT_PUBLIC *key,
    const TPM2B_DIGEST *seed, const TPM2B_NAME *name, struct tpmiot_buf *content,
    struct tpmiot_buf *out, struct tpmiot_err *err);

/* Appends a TPM2B_ENCRYPTED_SECRET, with its size. */
void outerwrap_put_secret(const TPM2B_ENCRYPTED_SECRET *encrypted, struct tpmiot_buf *out);

#endif
