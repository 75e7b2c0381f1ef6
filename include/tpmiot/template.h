/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Templates: the public areas that keys are made from.
 *
 * EK templates and their NV indices are those of the TCG EK Credential Profile
 * (version 2.5, clause 2.2 and annex B); the storage root key is the one of
 * the TCG TPM v2.0 Provisioning Guidance, table 2, which tpm2-tools and the
 * peers use as well, so that keys move between them.
 */
#ifndef TPMIOT_TEMPLATE_H
#define TPMIOT_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include <tss2/tss2_tpm2_types.h>

/* One way an EK can be made. Low range: empty policy OR branch L; high range: H. */
struct tpmiot_ek_profile {
	const char *name;           /* "L-1" */
	const char *label;          /* "RSA 2048, low range" */
	TPM2_HANDLE cert_index;     /* NV index of its certificate */
	TPM2_HANDLE template_index; /* low range only, else 0: NV index of another template */
	TPM2_HANDLE nonce_index;    /* low range only, else 0 */
	TPM2_HANDLE persistent;     /* handle that is reserved for it */
	bool high_range;            /* user with auth, PolicySecret OR branch */
	TPMI_ALG_PUBLIC type;
	uint16_t bits; /* RSA modulus, or AES key */
	TPMI_ECC_CURVE curve;
	TPMI_ALG_HASH name_alg;
	uint16_t aes_bits;
};

/*
 * The profiles L-1, L-2, H-1, H-2, H-3, H-4, H-6, H-7, in the order they are looked for. NULL past
 * the end. H-5 is the one with SM2, SM3 and SM4, which tpm2-tss has no templates for.
 */
const struct tpmiot_ek_profile *tpmiot_ek_profile_at(size_t i);

/* The template of a profile; unique is zero-filled (L-*) or empty (H-*) as the profile says. */
void tpmiot_template_ek(const struct tpmiot_ek_profile *profile, TPMT_PUBLIC *out);

/*
 * The profile whose template this EK public area was made from: everything but
 * unique must be the same, policy digest and symmetric definition included.
 * NULL if none is.
 */
const struct tpmiot_ek_profile *tpmiot_ek_profile_match(const TPMT_PUBLIC *area);

/* The branches of a high-range EK's PolicyOR; the first is met by PolicySecret(endorsement). */
void tpmiot_ek_policy_branches(const struct tpmiot_ek_profile *profile, TPM2B_DIGEST out[2]);

/* Storage root key: P-256 (default, made when there is none at 0x81000001) and RSA-2048. */
void tpmiot_template_srk_ecc(TPMT_PUBLIC *out);
void tpmiot_template_srk_rsa(TPMT_PUBLIC *out);

/* Whether an area was made from either. */
bool tpmiot_template_is_srk(const TPMT_PUBLIC *area);

#define TPMIOT_SRK_HANDLE 0x81000001u

/* Attestation key: restricted, signing, P-256 with ECDSA-SHA256 or RSA-2048 with RSASSA-SHA256. */
void tpmiot_template_ak_ecc(TPMT_PUBLIC *out);
void tpmiot_template_ak_rsa(TPMT_PUBLIC *out);

enum tpmiot_key_kind {
	TPMIOT_KEY_EC_P256,
	TPMIOT_KEY_EC_P384,
	TPMIOT_KEY_RSA_2048,
	TPMIOT_KEY_RSA_3072
};

/* "ec-p256" and so on; false if there is no such kind. */
bool tpmiot_key_kind_parse(const char *name, enum tpmiot_key_kind *out);
const char *tpmiot_key_kind_name(enum tpmiot_key_kind kind);

/*
 * Device signing key: unrestricted, sign only, no scheme, fixedTPM, fixedParent,
 * sensitiveDataOrigin, userWithAuth, noDA (its auth is empty: nothing to guess).
 */
void tpmiot_template_key(enum tpmiot_key_kind kind, TPMT_PUBLIC *out);

/*
 * What comes from elsewhere (TPM2_Import): data to be unsealed, and a key for HMACs with
 * one hash. Used with the empty authorisation value; noDA. Without a policy, they are
 * never duplicated to another TPM (Part 3, clause 13.1).
 */
void tpmiot_template_sealed(TPMT_PUBLIC *out);
void tpmiot_template_hmac_key(TPMI_ALG_HASH hash, TPMT_PUBLIC *out);

/* Whether an area was made from the latter, with SHA-256. */
bool tpmiot_template_is_hmac_key(const TPMT_PUBLIC *area);

#endif
