/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data and HMAC keys wrapped for one TPM in software (Part 1, clause 23.3): what
 * TPM2_Duplicate would have made of them for a storage key of that TPM, so that
 * TPM2_Import takes them and nobody else can read them.
 *
 * Who wraps has to know that the storage key is in the TPM it is meant for: a
 * public area alone proves nothing.
 */
#ifndef TPMIOT_DUPLICATE_H
#define TPMIOT_DUPLICATE_H

#include <tpmiot/kdf.h>
#include <tpmiot/public.h>

#define TPMIOT_SEALED_MAX 128   /* MAX_SYM_DATA: what a sealed object holds */
#define TPMIOT_INNER_KEY_LEN 16 /* AES-128, the key of an inner wrapper */

struct tpmiot_duplicate {
	struct tpmiot_public pub;
	struct tpmiot_buf priv; /* TPM2B_PRIVATE, with its size: `duplicate` of TPM2_Import */
	struct tpmiot_buf seed; /* TPM2B_ENCRYPTED_SECRET, with its size: `inSymSeed` */
};

/*
 * Data to be unsealed: 1 to TPMIOT_SEALED_MAX bytes. `inner` is the key of an inner
 * wrapper (AES-128-CFB; `encryptionKey` of TPM2_Import) or of length 0 for none.
 * TPMIOT_E_USAGE for other sizes; TPMIOT_E_UNSUPPORTED if parent is no restricted
 * decryption key with AES-CFB. Free with tpmiot_duplicate_free().
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_duplicate_seal(OSSL_LIB_CTX *libctx,
    const struct tpmiot_public *parent, struct tpmiot_bytes data, struct tpmiot_bytes inner,
    struct tpmiot_duplicate *out, struct tpmiot_err *err);

/*
 * The same of an HMAC key, which the TPM uses and never gives back. A key longer than the
 * hash's block is hashed first, which HMAC itself does (RFC 2104, section 2).
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_duplicate_hmac_key(OSSL_LIB_CTX *libctx,
    const struct tpmiot_public *parent, TPMI_ALG_HASH hash, struct tpmiot_bytes key,
    struct tpmiot_bytes inner, struct tpmiot_duplicate *out, struct tpmiot_err *err);

void tpmiot_duplicate_free(struct tpmiot_duplicate *dup);

#endif
