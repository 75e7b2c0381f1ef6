/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device and Azure's Device Provisioning Service give each other where the device
 * has a TPM: the id that it registers under, and keys for HMACs wrapped for its TPM.
 *
 * Such a key (`authenticationKey`) is six structures in a row, each with its size:
 *
 *	TPM2B_ID_OBJECT, TPM2B_ENCRYPTED_SECRET   TPM2_ActivateCredential by the EK for the SRK:
 *	                                          gives the key of the inner wrapper
 *	TPM2B_PRIVATE, TPM2B_ENCRYPTED_SECRET,    TPM2_Import under the SRK
 *	TPM2B_PUBLIC
 *	TPM2B                                     the resource, encrypted as the inner wrapper is
 */
#ifndef TPMIOT_DPS_H
#define TPMIOT_DPS_H

#include <tpmiot/duplicate.h>

#define TPMIOT_DPS_SCOPE_MAX 32
#define TPMIOT_DPS_ID_LEN 52    /* of the default registration id */
#define TPMIOT_DPS_KEY_MAX 4096 /* bytes of an authenticationKey */
#define TPMIOT_DPS_HMAC_KEY_MAX 64
#define TPMIOT_DPS_KEY_NAME "registration" /* skn of a registration's signature */

/* Lower-case base32 (RFC 4648 section 6, no padding) of SHA-256 over the EK's TPM2B_PUBLIC. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_dps_registration_id(OSSL_LIB_CTX *libctx,
    const struct tpmiot_public *ek, char out[TPMIOT_DPS_ID_LEN + 1], struct tpmiot_err *err);

/* A scope: 1 to 32 letters and digits. */
bool tpmiot_dps_scope_valid(const char *scope);

/* "SCOPE/registrations/ID": what a registration's signature is for. Appends. */
void tpmiot_dps_put_resource(const char *scope, const char *id, struct tpmiot_buf *out);

struct tpmiot_dps_key {
	struct tpmiot_buf credential; /* TPM2B_ID_OBJECT, with its size; as the next one */
	struct tpmiot_buf secret;     /* TPM2B_ENCRYPTED_SECRET */
	TPM2B_PRIVATE duplicate;
	TPM2B_ENCRYPTED_SECRET seed;
	struct tpmiot_public pub;
};

/*
 * TPMIOT_E_FORMAT names the structure that is wrong: in its size, or because bytes follow.
 * TPMIOT_E_VERIFY: the key is no plain HMAC-SHA256 key, or one that another TPM made and
 * keeps (fixedTPM and the like). Free with tpmiot_dps_key_free().
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_dps_key_parse(OSSL_LIB_CTX *libctx, struct tpmiot_bytes in,
    struct tpmiot_dps_key *out, struct tpmiot_err *err);
void tpmiot_dps_key_free(struct tpmiot_dps_key *key);

/*
 * Appends an authenticationKey: `key` (up to TPMIOT_DPS_HMAC_KEY_MAX bytes) for the TPM that
 * holds both `ek` and `srk`, which is what unwrapping it proves.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_dps_key_put(OSSL_LIB_CTX *libctx,
    const struct tpmiot_public *ek, const struct tpmiot_public *srk, struct tpmiot_bytes key,
    const char *resource, struct tpmiot_buf *out, struct tpmiot_err *err);

#endif
