/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What EK, AK and a device's key must be before anything is signed for them.
 * Each refusal is TPMIOT_E_VERIFY (or _UNSUPPORTED) and names the rule.
 */
#ifndef TPMIOT_KEYRULES_H
#define TPMIOT_KEYRULES_H

#include <tpmiot/public.h>
#include <tpmiot/template.h>

/*
 * EK: restricted, decrypt, fixedTPM, fixedParent, sensitiveDataOrigin, not sign;
 * a known template with its policy and symmetric definition; strong enough
 * (RSA at least 2048 bits, exponent 65537, no ROCA modulus: CVE-2017-15361; point on its curve).
 * *profile may be NULL.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_keyrules_check_ek(OSSL_LIB_CTX *libctx,
    const struct tpmiot_public *ek, const struct tpmiot_ek_profile **profile,
    struct tpmiot_err *err);

/*
 * AK: sign, restricted, fixedTPM, fixedParent, sensitiveDataOrigin, not decrypt;
 * scheme set, hashes (scheme and nameAlg) at least SHA-256; RSA at least 2048
 * bits or P-256 and better, no ROCA modulus.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_keyrules_check_ak(
    OSSL_LIB_CTX *libctx, const struct tpmiot_public *ak, struct tpmiot_err *err);

/* Device key: sign, fixedTPM, fixedParent, sensitiveDataOrigin, not restricted, not decrypt;
 * strength as above. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_keyrules_check_key(
    OSSL_LIB_CTX *libctx, const struct tpmiot_public *key, struct tpmiot_err *err);

/*
 * Storage root key, to wrap secrets for: restricted, decrypt, fixedTPM, fixedParent,
 * sensitiveDataOrigin, not sign, AES-CFB; strength as above.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_keyrules_check_srk(
    OSSL_LIB_CTX *libctx, const struct tpmiot_public *srk, struct tpmiot_err *err);

/* Whether an RSA modulus (big endian) has the fingerprint of the ROCA weakness. */
bool tpmiot_roca_fingerprint(const uint8_t *modulus, size_t len);

#endif
