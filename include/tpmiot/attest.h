/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an attestation key states (Part 2, clause 10.12): TPMS_ATTEST, parsed
 * exactly and checked against what was asked.
 */
#ifndef TPMIOT_ATTEST_H
#define TPMIOT_ATTEST_H

#include <tpmiot/public.h>
#include <tpmiot/kdf.h>

/* What every TPMS_ATTEST says, whatever its type. The bytes are borrowed. */
struct tpmiot_attest {
	TPMI_ST_ATTEST type;
	struct tpmiot_bytes qualified_signer;
	struct tpmiot_bytes extra_data;
	TPMS_CLOCK_INFO clock;
	uint64_t firmware_version;
	struct tpmiot_bytes attested; /* what depends on the type, to the end */
};

/*
 * Parses a TPMS_ATTEST (the content of a TPM2B_ATTEST), which must begin with
 * TPM_GENERATED_VALUE and be of this type: TPMIOT_E_FORMAT. Says nothing about
 * who signed it.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_attest_parse(struct tpmiot_bytes tpms_attest,
    TPMI_ST_ATTEST type, struct tpmiot_attest *out, struct tpmiot_err *err);

/*
 * TPM2_Certify: `attest` is a whole TPM2B_ATTEST, `signature` a TPMT_SIGNATURE.
 * Holds if the AK signed it with its own scheme and hash, magic and type are
 * right, extraData is the nonce, and the name is key's Name, the qualified name
 * present. TPMIOT_E_FORMAT or TPMIOT_E_VERIFY names what does not hold.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_attest_verify_certify(OSSL_LIB_CTX *libctx,
    const struct tpmiot_public *ak, const struct tpmiot_public *key, struct tpmiot_bytes nonce,
    struct tpmiot_bytes attest, struct tpmiot_bytes signature, struct tpmiot_err *err);

/*
 * Whether the key of a TPM2_Certify that was verified (`attest` is the same whole TPM2B_ATTEST) is
 * a child of `parent`, and that a primary key of this hierarchy of the same TPM. The qualified name
 * that the TPM stated is a hash over the Names of all ancestors (Part 1, clause 16), so the
 * certification vouches for the parent, too. TPMIOT_E_VERIFY if not.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_attest_check_parent(OSSL_LIB_CTX *libctx,
    struct tpmiot_bytes attest, const struct tpmiot_public *key, const struct tpmiot_public *parent,
    TPM2_HANDLE hierarchy, struct tpmiot_err *err);

/* The qualified name of an object: that of its parent (or the hierarchy's handle), and its Name. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_qualified_name(OSSL_LIB_CTX *libctx,
    struct tpmiot_bytes parent, const struct tpmiot_public *pub, TPM2B_NAME *out,
    struct tpmiot_err *err);

#define TPMIOT_PCRS 24     /* PCRs of a bank (PC Client profile) */
#define TPMIOT_BANKS_MAX 4 /* banks of one quote */

/* Values of PCRs in one bank. */
struct tpmiot_pcr_bank {
	TPMI_ALG_HASH alg;
	uint32_t selected;                                    /* bit i: PCR i */
	uint8_t values[TPMIOT_PCRS][TPM2_SHA512_DIGEST_SIZE]; /* those selected, of alg's size */
};

/*
 * TPM2_Quote: holds if the AK signed it with its own scheme and hash, magic and type are right,
 * extraData is the nonce, its selection is exactly what `banks` have selected (which
 * must be something, each bank once), and its digest is that of their values: so each
 * value in `banks` is what the TPM had. TPMIOT_E_FORMAT or TPMIOT_E_VERIFY names what does not
 * hold. Clock and counters are not judged; *clock (may be NULL) has them. Of a key in the owner
 * hierarchy the TPM gives its counters moved by a number of that key's (Part 3, clause 18.1), so
 * that only their changes say something.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_attest_verify_quote(OSSL_LIB_CTX *libctx,
    const struct tpmiot_public *ak, const struct tpmiot_pcr_bank *banks, size_t banks_n,
    struct tpmiot_bytes nonce, struct tpmiot_bytes attest, struct tpmiot_bytes signature,
    TPMS_CLOCK_INFO *clock, struct tpmiot_err *err);

#endif
