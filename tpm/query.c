/* SPDX-License-Identifier: Apache-2.0 */
/* What there is in the TPM: handles, properties, clock, NV indices. */
#include <string.h>

#include "conn.h"

#define NV_CHUNK 1024    /* what most TPMs read at once */
#define NV_CHUNK_MIN 256 /* and what every one can */
#define HANDLES_AT_ONCE 254

static enum tpmiot_rc
get_capability(struct tpmiot_tpm *tpm, TPM2_CAP cap, UINT32 property, UINT32 count, bool *more,
    TPMS_CAPABILITY_DATA *out, struct tpmiot_err *err)
{
	static const struct tpm_call call = { .what = "TPM2_GetCapability" };
	enum tpmiot_rc rc = tpm_begin(tpm, err);
	TPMI_YES_NO yes = TPM2_NO;

	if (rc != TPMIOT_OK)
		return rc;
	rc = tpm_exec(
	    tpm, &call, Tss2_Sys_GetCapability_Prepare(tpm->sys, cap, property, count), err);
	if (rc == TPMIOT_OK)
		rc = tpm_complete(&call, Tss2_Sys_GetCapability_Complete(tpm->sys, &yes, out), err);
	if (rc == TPMIOT_OK && out->capability != cap)
		rc = tpmiot_err_set(
		    err, TPMIOT_E_TPM, "TPM2_GetCapability: the TPM answered another question");
	if (rc == TPMIOT_OK && more != NULL)
		*more = yes == TPM2_YES;
	tpm_end(tpm);
	return rc;
}

enum tpmiot_rc
tpmiot_tpm_handles(struct tpmiot_tpm *tpm, TPM2_HANDLE first, TPM2_HANDLE out[TPMIOT_HANDLES_MAX],
    size_t *n, struct tpmiot_err *err)
{
	TPMS_CAPABILITY_DATA data;
	TPM2_HANDLE next = first;
	bool more = true;
	size_t got = 0;

	while (more && got < TPMIOT_HANDLES_MAX) {
		enum tpmiot_rc rc =
		    get_capability(tpm, TPM2_CAP_HANDLES, next, HANDLES_AT_ONCE, &more, &data, err);

		if (rc != TPMIOT_OK)
			return rc;
		for (UINT32 i = 0; i < data.data.handles.count && got < TPMIOT_HANDLES_MAX; i++)
			out[got++] = data.data.handles.handle[i];
		if (data.data.handles.count == 0)
			break;
		next = out[got - 1] + 1;
	}
	*n = got;
	return TPMIOT_OK;
}

enum tpmiot_rc
tpmiot_tpm_properties(
    struct tpmiot_tpm *tpm, TPM2_PT first, size_t n, uint32_t *values, struct tpmiot_err *err)
{
	TPMS_CAPABILITY_DATA data;
	enum tpmiot_rc rc =
	    get_capability(tpm, TPM2_CAP_TPM_PROPERTIES, first, (UINT32)n, NULL, &data, err);

	if (rc != TPMIOT_OK)
		return rc;
	memset(values, 0, n * sizeof(values[0]));
	for (UINT32 i = 0; i < data.data.tpmProperties.count; i++) {
		const TPMS_TAGGED_PROPERTY *p = &data.data.tpmProperties.tpmProperty[i];

		if (p->property >= first && p->property - first < n)
			values[p->property - first] = p->value;
	}
	return TPMIOT_OK;
}

enum tpmiot_rc
tpmiot_tpm_property(struct tpmiot_tpm *tpm, TPM2_PT property, uint32_t *out, struct tpmiot_err *err)
{
	TPMS_CAPABILITY_DATA data;
	enum tpmiot_rc rc =
	    get_capability(tpm, TPM2_CAP_TPM_PROPERTIES, property, 1, NULL, &data, err);

	if (rc != TPMIOT_OK)
		return rc;
	if (data.data.tpmProperties.count == 0 ||
	    data.data.tpmProperties.tpmProperty[0].property != property)
		return tpmiot_err_set(
		    err, TPMIOT_E_NOT_FOUND, "the TPM has no property 0x%x", property);
	*out = data.data.tpmProperties.tpmProperty[0].value;
	return TPMIOT_OK;
}

enum tpmiot_rc
tpmiot_tpm_curves(struct tpmiot_tpm *tpm, TPMI_ECC_CURVE out[TPM2_MAX_ECC_CURVES], size_t *n,
    struct tpmiot_err *err)
{
	TPMS_CAPABILITY_DATA data;
	enum tpmiot_rc rc =
	    get_capability(tpm, TPM2_CAP_ECC_CURVES, 0, TPM2_MAX_ECC_CURVES, NULL, &data, err);

	if (rc != TPMIOT_OK)
		return rc;
	*n = 0;
	for (UINT32 i = 0; i < data.data.eccCurves.count && i < TPM2_MAX_ECC_CURVES; i++)
		out[(*n)++] = data.data.eccCurves.eccCurves[i];
	return TPMIOT_OK;
}

bool
tpmiot_tpm_has_rsa(struct tpmiot_tpm *tpm, size_t bits)
{
	static const struct tpm_call call = { .what = "TPM2_TestParms" };
	TPMT_PUBLIC_PARMS parms = { .type = TPM2_ALG_RSA };
	bool has;

	if (bits > UINT16_MAX || tpm_begin(tpm, NULL) != TPMIOT_OK)
		return false;
	parms.parameters.rsaDetail.symmetric.algorithm = TPM2_ALG_NULL;
	parms.parameters.rsaDetail.scheme.scheme = TPM2_ALG_NULL;
	parms.parameters.rsaDetail.keyBits = (UINT16)bits;
	has =
	    tpm_exec(tpm, &call, Tss2_Sys_TestParms_Prepare(tpm->sys, &parms), NULL) == TPMIOT_OK &&
	    tpm_complete(&call, Tss2_Sys_TestParms_Complete(tpm->sys), NULL) == TPMIOT_OK;
	tpm_end(tpm);
	return has;
}

enum tpmiot_rc
tpmiot_tpm_read_clock(struct tpmiot_tpm *tpm, TPMS_TIME_INFO *out, struct tpmiot_err *err)
{
	static const struct tpm_call call = { .what = "TPM2_ReadClock" };
	TPMS_TIME_INFO now = { 0 };
	enum tpmiot_rc rc = tpm_begin(tpm, err);

	if (rc != TPMIOT_OK)
		return rc;
	rc = tpm_exec(tpm, &call, Tss2_Sys_ReadClock_Prepare(tpm->sys), err);
	if (rc == TPMIOT_OK)
		rc = tpm_complete(&call, Tss2_Sys_ReadClock_Complete(tpm->sys, &now), err);
	if (rc == TPMIOT_OK)
		*out = now;
	tpm_end(tpm);
	return rc;
}

/* ---- NV ------------------------------------------------------------------------------------ */

/* What is read, and how: by the owner if the index itself does not let itself be read. */
struct nv_index {
	TPMS_NV_PUBLIC pub;
	TPM2B_NAME name;
	bool as_owner;
};

static enum tpmiot_rc
nv_read_public(
    struct tpmiot_tpm *tpm, TPM2_HANDLE index, struct nv_index *out, struct tpmiot_err *err)
{
	static const struct tpm_call call = { .what = "TPM2_NV_ReadPublic" };
	TPM2B_NV_PUBLIC pub = { 0 };
	TPM2B_NAME name = { 0 };
	enum tpmiot_rc rc =
	    tpm_exec(tpm, &call, Tss2_Sys_NV_ReadPublic_Prepare(tpm->sys, index), err);

	if (rc == TPMIOT_OK)
		rc = tpm_complete(
		    &call, Tss2_Sys_NV_ReadPublic_Complete(tpm->sys, &pub, &name), err);
	if (rc == TPMIOT_OK && pub.nvPublic.nvIndex != index)
		rc = tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "TPM2_NV_ReadPublic: asked for NV index 0x%08x, the TPM told of 0x%08x", index,
		    pub.nvPublic.nvIndex);
	if (rc == TPMIOT_OK)
		*out = (struct nv_index){ .pub = pub.nvPublic,
			.name = name,
			.as_owner = (pub.nvPublic.attributes & TPMA_NV_AUTHREAD) == 0 &&
			            (pub.nvPublic.attributes & TPMA_NV_OWNERREAD) != 0 };
	return rc;
}

static enum tpmiot_rc
nv_read_chunk(struct tpmiot_tpm *tpm, const struct nv_index *index, size_t offset, size_t len,
    struct tpmiot_buf *out, struct tpmiot_err *err)
{
	const struct tpmiot_bytes as_set = { NULL, 0 };
	const TPM2_HANDLE handle = index->pub.nvIndex;
	struct tpmiot_auth auth = { .session = NULL };
	const struct tpm_call call = { .what = "TPM2_NV_Read",
		.auth = { &auth },
		.n_auth = 1,
		.name = { &auth.name, &index->name },
		.n_name = 2 };
	TPM2B_MAX_NV_BUFFER data = { 0 };
	enum tpmiot_rc rc = TPMIOT_OK;

	if (index->as_owner)
		rc = tpm_hierarchy_authorise(tpm, TPM2_RH_OWNER, as_set, &auth, err);
	if (rc == TPMIOT_OK)
		rc = tpm_exec(tpm, &call,
		    Tss2_Sys_NV_Read_Prepare(tpm->sys, index->as_owner ? TPM2_RH_OWNER : handle,
		        handle, (UINT16)len, (UINT16)offset),
		    err);
	if (rc == TPMIOT_OK)
		rc = tpm_complete(&call, Tss2_Sys_NV_Read_Complete(tpm->sys, &data), err);
	if (rc == TPMIOT_OK && data.size != len)
		rc = tpmiot_err_set(
		    err, TPMIOT_E_TPM, "TPM2_NV_Read: %u bytes instead of %zu", data.size, len);
	if (rc == TPMIOT_OK) {
		tpmiot_buf_put(out, data.buffer, data.size);
		rc = tpmiot_buf_done(out, err);
	}
	tpmiot_session_end(&auth.session);
	return rc;
}

static enum tpmiot_rc
nv_read_all(struct tpmiot_tpm *tpm, const struct nv_index *index, struct tpmiot_buf *out,
    struct tpmiot_err *err)
{
	size_t chunk = NV_CHUNK, done = 0;

	while (done < index->pub.dataSize) {
		size_t rest = index->pub.dataSize - done;
		enum tpmiot_rc rc =
		    nv_read_chunk(tpm, index, done, rest < chunk ? rest : chunk, out, err);

		if (rc == TPMIOT_E_TPM && chunk > NV_CHUNK_MIN && rest > NV_CHUNK_MIN) {
			chunk /= 2; /* more than this TPM hands out at once */
			continue;
		}
		if (rc != TPMIOT_OK)
			return rc;
		done += rest < chunk ? rest : chunk;
	}
	return TPMIOT_OK;
}

enum tpmiot_rc
tpmiot_tpm_nv_read(struct tpmiot_tpm *tpm, TPM2_HANDLE index, size_t max, struct tpmiot_buf *out,
    struct tpmiot_err *err)
{
	struct tpmiot_buf content = TPMIOT_BUF_INIT;
	struct nv_index found = { 0 };
	enum tpmiot_rc rc = tpm_begin(tpm, err);

	if (rc != TPMIOT_OK)
		return rc;
	rc = nv_read_public(tpm, index, &found, err);
	if (rc == TPMIOT_OK && found.pub.dataSize > max)
		rc = tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "NV index 0x%08x holds %u bytes, more than the %zu expected", index,
		    found.pub.dataSize, max);
	if (rc == TPMIOT_OK)
		rc = nv_read_all(tpm, &found, &content, err);
	if (rc == TPMIOT_OK) {
		tpmiot_buf_put(out, content.data, content.len);
		rc = tpmiot_buf_done(out, err);
	}
	tpmiot_buf_free(&content);
	tpm_end(tpm);
	return rc;
}
