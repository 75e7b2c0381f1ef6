/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <tpmiot/alg.h>
#include <tpmiot/pcr.h>

#include "conn.h"

TPMS_PCR_SELECTION
tpmiot_pcr_selection(TPMI_ALG_HASH alg, uint32_t selected)
{
	return (TPMS_PCR_SELECTION){ .hash = alg,
		.sizeofSelect = 3,
		.pcrSelect = { (BYTE)selected, (BYTE)(selected >> 8), (BYTE)(selected >> 16) } };
}

static uint32_t
selected_by(const TPMS_PCR_SELECTION *selection)
{
	uint32_t selected = 0;

	for (unsigned i = 0; i < 3 && i < selection->sizeofSelect; i++)
		selected |= (uint32_t)selection->pcrSelect[i] << (8 * i);
	return selected;
}

static enum tpmiot_rc
read_some(struct tpmiot_tpm *tpm, TPMI_ALG_HASH alg, uint32_t want, uint32_t *got,
    TPML_DIGEST *values, struct tpmiot_err *err)
{
	static const struct tpm_call call = { .what = "TPM2_PCR_Read" };
	TPML_PCR_SELECTION in = { .count = 1 }, out = { 0 };
	enum tpmiot_rc rc = tpm_begin(tpm, err);

	if (rc != TPMIOT_OK)
		return rc;
	in.pcrSelections[0] = tpmiot_pcr_selection(alg, want);
	rc = tpm_exec(tpm, &call, Tss2_Sys_PCR_Read_Prepare(tpm->sys, &in), err);
	if (rc == TPMIOT_OK)
		rc = tpm_complete(
		    &call, Tss2_Sys_PCR_Read_Complete(tpm->sys, NULL, &out, values), err);
	if (rc == TPMIOT_OK)
		*got = out.count == 1 && out.pcrSelections[0].hash == alg
		           ? selected_by(&out.pcrSelections[0]) & want
		           : 0;
	tpm_end(tpm);
	return rc;
}

/* Values come in the order of the registers. */
static bool
take(struct tpmiot_pcr_bank *bank, uint32_t got, const TPML_DIGEST *values)
{
	uint32_t used = 0;

	for (unsigned i = 0; i < TPMIOT_PCRS; i++) {
		if ((got & (1u << i)) == 0)
			continue;
		if (used >= values->count ||
		    values->digests[used].size != tpmiot_alg_md_size(bank->alg))
			return false;
		memcpy(bank->values[i], values->digests[used].buffer, values->digests[used].size);
		used++;
	}
	return used > 0 && used == values->count;
}

enum tpmiot_rc
tpmiot_tpm_pcr_read(struct tpmiot_tpm *tpm, struct tpmiot_pcr_bank *bank, struct tpmiot_err *err)
{
	struct tpmiot_pcr_bank read = *bank;
	uint32_t left = bank->selected, got = 0;
	TPML_DIGEST values;
	enum tpmiot_rc rc;

	while (left != 0) {
		values = (TPML_DIGEST){ 0 };
		rc = read_some(tpm, bank->alg, left, &got, &values, err);
		if (rc != TPMIOT_OK)
			return rc;
		if (!take(&read, got, &values))
			return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
			    "this TPM does not have the registers that are asked for in a bank %s; "
			    "tpm2_pcrread shows what it has",
			    tpmiot_alg_md_name(bank->alg));
		left &= ~got;
	}
	*bank = read;
	return TPMIOT_OK;
}
