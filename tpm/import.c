/* SPDX-License-Identifier: Apache-2.0 */
/* Objects from elsewhere, and data instead of keys. */
#include "import.h"

#include <openssl/crypto.h>

#include "parent.h"

enum tpmiot_rc
tpm_import(struct tpmiot_tpm *tpm, TPM2_HANDLE parent, struct tpmiot_bytes parent_auth,
    const struct tpmiot_public *pub, const TPM2B_PRIVATE *duplicate,
    const TPM2B_ENCRYPTED_SECRET *secret, TPM2B_PRIVATE *out, struct tpmiot_err *err)
{
	static const TPMT_SYM_DEF_OBJECT no_inner_wrapper = { .algorithm = TPM2_ALG_NULL };
	struct tpmiot_auth auth = { .value = parent_auth };
	const struct tpm_call call = { .what = "TPM2_Import",
		.auth = { &auth },
		.n_auth = 1,
		.name = { &auth.name },
		.n_name = 1 };
	TPM2B_PUBLIC area = { .publicArea = pub->area };
	TPM2B_PRIVATE wrapped = { 0 };
	enum tpmiot_rc rc = tpm_begin(tpm, err);

	if (rc != TPMIOT_OK)
		return rc;
	if (parent_auth.len != 0)
		rc = tpm_parent_session(tpm, parent, &auth, err);
	if (rc == TPMIOT_OK)
		rc = tpm_exec(tpm, &call,
		    Tss2_Sys_Import_Prepare(
		        tpm->sys, parent, NULL, &area, duplicate, secret, &no_inner_wrapper),
		    err);
	if (rc == TPMIOT_OK)
		rc = tpm_complete(&call, Tss2_Sys_Import_Complete(tpm->sys, &wrapped), err);
	if (rc == TPMIOT_OK)
		*out = wrapped;
	tpmiot_session_end(&auth.session);
	tpm_end(tpm);
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
	tpm_end(tpm);
	return rc;
}
