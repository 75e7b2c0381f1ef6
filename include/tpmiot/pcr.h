/* SPDX-License-Identifier: Apache-2.0 */
/* Platform configuration registers: their values, and a statement about them. */
#ifndef TPMIOT_PCR_H
#define TPMIOT_PCR_H

#include <tpmiot/attest.h>
#include <tpmiot/tpm.h>

/*
 * Reads the values of what is selected, by as many TPM2_PCR_Read as that takes (one for 8
 * registers). TPMIOT_E_UNSUPPORTED if this TPM does not have the bank or a register.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_tpm_pcr_read(
    struct tpmiot_tpm *tpm, struct tpmiot_pcr_bank *bank, struct tpmiot_err *err);

/*
 * TPM2_Quote by `ak`, with empty auth and its own scheme, of what n banks select. Appends
 * TPM2B_ATTEST (with its size) and TPMT_SIGNATURE.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_tpm_quote(struct tpmiot_tpm *tpm, TPM2_HANDLE ak,
    struct tpmiot_bytes nonce, const struct tpmiot_pcr_bank *banks, size_t n,
    struct tpmiot_buf *attest, struct tpmiot_buf *signature, struct tpmiot_err *err);

/* One bank's part of a TPML_PCR_SELECTION. */
TPMS_PCR_SELECTION tpmiot_pcr_selection(TPMI_ALG_HASH alg, uint32_t selected);

#endif
