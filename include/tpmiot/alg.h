/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TPM's algorithm identifiers (TCG Algorithm Registry) and OpenSSL's names
 * for the same things. Every function that computes takes the library context
 * to compute in: the provider hands in a private one, the programs may hand in
 * NULL for the default.
 */
#ifndef TPMIOT_ALG_H
#define TPMIOT_ALG_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/evp.h>
#include <tss2/tss2_tpm2_types.h>

#include <tpmiot/err.h>

/* OpenSSL's name ("SHA256") of a TPM hash, or NULL if unknown. */
const char *tpmiot_alg_md_name(TPMI_ALG_HASH alg);
/* The TPM's hash for any OpenSSL name ("SHA2-256", "sha256"), or TPM2_ALG_ERROR. */
TPMI_ALG_HASH tpmiot_alg_from_md_name(const char *name);
/* Digest size in bytes, or 0 if unknown. */
size_t tpmiot_alg_md_size(TPMI_ALG_HASH alg);
/* Size of the block that it works in (and of the longest HMAC key), or 0. */
size_t tpmiot_alg_md_block_size(TPMI_ALG_HASH alg);

/* OpenSSL's group name ("prime256v1") of a TPM curve, or NULL if unknown. */
const char *tpmiot_alg_group_name(TPMI_ECC_CURVE curve);
/* The TPM's curve for any OpenSSL or NIST name, or TPM2_ECC_NONE. */
TPMI_ECC_CURVE tpmiot_alg_from_group_name(const char *name);
/* Size of a coordinate in bytes, or 0 if unknown. */
size_t tpmiot_alg_group_size(TPMI_ECC_CURVE curve);

/* The digest of data. Unknown hash: TPMIOT_E_UNSUPPORTED. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_alg_digest(OSSL_LIB_CTX *libctx, TPMI_ALG_HASH alg,
    const void *data, size_t len, TPM2B_DIGEST *out, struct tpmiot_err *err);

#endif
