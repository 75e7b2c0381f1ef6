/* SPDX-License-Identifier: Apache-2.0 */
/* Objects from elsewhere, and data instead of keys. */
#include "import.h"

#include <string.h>

#include <openssl/crypto.h>

#include "parent.h"

/* The inner wrapper's key crosses the bus openly: who reads it there still has the outer wrapper
 * before him, which the parent alone opens. */
static enum tpmiot_rc
set_inner(
    struct tpmiot_bytes inner, TPM2B_DATA *key, TPMT_SYM_DEF_OBJECT *def, struct tpmiot_err *err)
{
	*def = (TPMT_SYM_DEF_OBJECT){ .algorithm = TPM2_ALG_NULL };
	key->size = (UINT16)inner.len;
	if (inner.len == 0)
		return TPMIOT_OK;
	if (inner.len != 16 && inner.len != 32)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "an inner wrapper's key of %zu bytes; AES takes 16 or 32", inner.len);
	memcpy(key->buffer, inner.data, inner.len);
	def->algorithm = TPM2_ALG_AES;
	def->keyBits.aes = (UINT16)(8 * inner.len);
	def->mode.aes = TPM2_ALG_CFB;
	return TPMIOT_OK;
}

enum tpmiot_rc
tpmiot_tpm_import(struct tpmiot_tpm *tpm, TPM2_HANDLE parent, struct tpmiot_bytes parent_auth,
    const struct tpmiot_wrapped *in, TPM2B_PRIVATE *out, struct tpmiot_err *err)
{
	struct tpmiot_auth auth = { .value = parent_auth };
	const struct tpm_call call = { .what = "TPM2_Import",
		.auth = { &auth },
		.n_auth = 1,
		.name = { &auth.name },
		.n_name = 1 };
	TPM2B_PUBLIC area = { .publicArea = in->pub->area };
	TPM2B_PRIVATE wrapped = { 0 };
	TPMT_SYM_DEF_OBJECT inner_def;
	TPM2B_DATA inner = { 0 };
	enum tpmiot_rc rc = set_inner(in->inner, &inner, &inner_def, err);

	if (rc == TPMIOT_OK)
		rc = tpm_begin(tpm, err);
	if (rc != TPMIOT_OK)
		goto out;
	if (parent_auth.len != 0)
		rc = tpm_parent_session(tpm, parent, &auth, err);
	if (rc == TPMIOT_OK)
		rc = tpm_exec(tpm, &call,
		    Tss2_Sys_Import_Prepare(tpm->sys, parent, inner.size != 0 ? &inner : NULL,
		        &area, in->priv, in->seed, &inner_def),
		    err);
	if (rc == TPMIOT_OK)
		rc = tpm_complete(&call, Tss2_Sys_Import_Complete(tpm->sys, &wrapped), err);
	if (rc == TPMIOT_OK)
		*out = wrapped;
	tpmiot_session_end(&auth.session);
	tpm_end(tpm);
out:
	OPENSSL_cleanse(&inner, sizeof(inner));
	return rc;
}

enum tpmiot_rc
tpm_unseal(struct tpmiot_tpm *tpm, TPM2_HANDLE object, const struct tpmiot_auth *auth,
    struct tpmiot_buf *out, struct tpmiot_err *err)
{
	const struct tpm_call call = { .what = "TPM2_Unseal",
		.auth = { auth },
		.n_auth = 1,
		.name = { &auth->name },
		.n_name = 1,
		.secret_out = true };
	TPM2B_SENSITIVE_DATA data = { 0 };
	enum tpmiot_rc rc = tpm_begin(tpm, err);

	if (rc != TPMIOT_OK)
		return rc;
	rc = tpm_exec(tpm, &call, Tss2_Sys_Unseal_Prepare(tpm->sys, object), err);
	if (rc == TPMIOT_OK)
		rc = tpm_complete(&call, Tss2_Sys_Unseal_Complete(tpm->sys, &data), err);
	if (rc == TPMIOT_OK) {
		tpmiot_buf_put(out, data.buffer, data.size);
		rc = tpmiot_buf_done(out, err);
	}
	OPENSSL_cleanse(&data, sizeof(data));
	tpm_wipe_response(tpm);
	tpm_end(tpm);
	return rc;
}
