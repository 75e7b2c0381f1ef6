/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies as key files carry them (draft "ASN.1 Specification for TPM 2.0 Key
 * Files", sections on TPMPolicy and signed policies): commands in the order in
 * which they are executed, each with its parameters as bytes.
 *
 * Served are PolicyPCR, PolicyAuthValue, PolicyPassword, PolicySecret,
 * PolicyAuthorize, PolicyCounterTimer, PolicyLocality and PolicyOR. PolicyPCR and
 * PolicyCounterTimer are read in two forms: in the order of the wire, as the
 * draft has it, and as openssl_tpm2_engine writes them (the selection in front of
 * a digest without size; an operand without size).
 */
#ifndef TPMIOT_POLICY_H
#define TPMIOT_POLICY_H

#include <openssl/evp.h>
#include <tss2/tss2_tpm2_types.h>

#include <tpmiot/buf.h>
#include <tpmiot/public.h>

struct tpmiot_policy_step {
	TPM2_CC code;
	struct tpmiot_buf body; /* as in the file */
};

struct tpmiot_policy {
	char *name; /* of a signed policy, for display; NULL if it has none */
	struct tpmiot_policy_step *step;
	size_t n;
};

void tpmiot_policy_free(struct tpmiot_policy *policy); /* frees what it holds, empties it */

/* A step's parameters; which of them, says its code. */
union tpmiot_policy_body {
	struct {
		TPM2B_DIGEST digest;
		TPML_PCR_SELECTION pcrs;
	} pcr;
	struct {
		TPM2_HANDLE entity; /* of the Name or as said; 0: neither says it */
		TPM2B_NAME name;
		TPM2B_NONCE ref;
	} secret;
	struct {
		struct tpmiot_public signer;
		TPM2B_NONCE ref;
		TPMT_SIGNATURE signature; /* sigAlg TPM2_ALG_NULL: none */
	} authorize;
	struct {
		TPM2B_OPERAND operand;
		UINT16 offset;
		TPM2_EO operation;
	} timer;
	TPMA_LOCALITY locality;
	TPML_DIGEST branches;
};

/*
 * Takes a step's body apart, exactly. `alg` is the nameAlg of the key whose
 * policy it is. TPMIOT_E_FORMAT for a body that is none of its command;
 * TPMIOT_E_UNSUPPORTED, naming the command, for one that is not served.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_policy_step_parse(OSSL_LIB_CTX *libctx,
    const struct tpmiot_policy_step *step, TPMI_ALG_HASH alg, union tpmiot_policy_body *out,
    struct tpmiot_err *err);

/*
 * The policyDigest to which the steps lead (Part 3, the clauses on TPM2_Policy…),
 * to be held against a key's authPolicy.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_policy_digest(OSSL_LIB_CTX *libctx,
    const struct tpmiot_policy *policy, TPMI_ALG_HASH alg, TPM2B_DIGEST *out,
    struct tpmiot_err *err);

/* Whether such a command is among the steps. */
bool tpmiot_policy_has(const struct tpmiot_policy *policy, TPM2_CC code);

/* Appends a selection in words, "sha256:0,7 sha1:4". */
void tpmiot_policy_put_pcrs(const TPML_PCR_SELECTION *pcrs, struct tpmiot_buf *out);

#endif
