/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TPM in software, for tests: keys with their public areas, and what a TPM
 * does with them on the way to a certificate. Every step can be done wrong: the
 * area a key claims, each field of an attestation, scheme and hash of its signature.
 *
 * A step that cannot be done fails the test (cmocka) that runs.
 */
#ifndef TEST_SOFTTPM_H
#define TEST_SOFTTPM_H

#include <openssl/evp.h>

#include <tpmiot/attest.h>
#include <tpmiot/buf.h>
#include <tpmiot/kdf.h>
#include <tpmiot/public.h>

struct softkey {
	EVP_PKEY *pkey; /* owned, with its private half */
	struct tpmiot_public pub;
};

/* Makes a key from a template, as TPM2_Create(Primary) does. */
void softkey_make(struct softkey *key, const TPMT_PUBLIC *template);
/* Makes an EK by its profile's name ("L-1"). */
void softkey_make_ek(struct softkey *key, const char *profile);
/* The area is as it is now said to be, true or not; the private half stays. */
void softkey_claim(struct softkey *key, const TPMT_PUBLIC *area);
void softkey_free(struct softkey *key);

/* Appends a TPMT_SIGNATURE over msg, whatever the key's own scheme and hash are. */
void softkey_sign(const struct softkey *key, TPMI_ALG_SIG_SCHEME scheme, TPMI_ALG_HASH hash,
    const void *msg, size_t len, struct tpmiot_buf *out);
/* The same, by the key's own scheme and hash. */
void softkey_sign_own(
    const struct softkey *key, const void *msg, size_t len, struct tpmiot_buf *out);

/* A TPMS_ATTEST of TPM2_Certify, every field open to be made wrong. */
struct soft_attest {
	uint32_t magic;
	uint16_t type;
	TPM2B_NAME signer;
	TPM2B_DATA extra_data;
	uint8_t safe;
	TPM2B_NAME name;
	TPM2B_NAME qualified_name;
	struct tpmiot_bytes tail; /* behind the end; nothing */
};

/* What a sound TPM says when `key` is certified. */
void soft_attest_init(
    struct soft_attest *attest, const struct softkey *key, struct tpmiot_bytes nonce);
/* Appends the TPMS_ATTEST, without a size. */
void soft_attest_put(const struct soft_attest *attest, struct tpmiot_buf *out);
/* Appends data as a TPM2B. */
void soft_put_tpm2b(const void *data, size_t len, struct tpmiot_buf *out);

/* TPM2_Certify, done right: appends TPM2B_ATTEST and TPMT_SIGNATURE. */
void softtpm_certify(const struct softkey *ak, const struct softkey *key, struct tpmiot_bytes nonce,
    struct tpmiot_buf *attest, struct tpmiot_buf *signature);

/* The same of a key under `parent`, a primary key of the owner hierarchy. */
void softtpm_certify_under(const struct softkey *ak, const struct softkey *key,
    const struct softkey *parent, struct tpmiot_bytes nonce, struct tpmiot_buf *attest,
    struct tpmiot_buf *signature);

/* A TPMS_ATTEST of TPM2_Quote. */
struct soft_quote {
	struct soft_attest head; /* its names are left out */
	struct {
		uint16_t alg;
		uint8_t size;
		uint32_t selected;
	} lines[4];
	uint32_t count;
	TPM2B_DIGEST digest;
};

/* What a sound TPM says of these banks, by an AK with this hash. */
void soft_quote_init(struct soft_quote *quote, const struct softkey *ak, struct tpmiot_bytes nonce,
    const struct tpmiot_pcr_bank *banks, size_t n, TPMI_ALG_HASH hash);
/* Appends the TPMS_ATTEST, without a size. */
void soft_quote_put(const struct soft_quote *quote, struct tpmiot_buf *out);

/*
 * TPM2_ActivateCredential: gives the secret back if blob and encrypted_secret
 * (with their sizes) were made for this EK and an object of this Name.
 */
bool softtpm_activate(const struct softkey *ek, const TPM2B_NAME *name, struct tpmiot_bytes blob,
    struct tpmiot_bytes encrypted_secret, struct tpmiot_buf *secret);

/*
 * TPM2_Import of a keyed-hash object (duplicate and seed with their sizes; inner of
 * length 0: no inner wrapper): appends what is in it, if it was made for this storage key.
 */
bool softtpm_import(const struct softkey *parent, const struct tpmiot_public *pub,
    struct tpmiot_bytes duplicate, struct tpmiot_bytes seed, struct tpmiot_bytes inner,
    struct tpmiot_buf *data);

#endif
