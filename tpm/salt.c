/* SPDX-License-Identifier: Apache-2.0 */
/* What sessions are salted to. */
#include <tpmiot/template.h>

#include "session.h"

enum tpmiot_rc
tpm_salt_key(struct tpmiot_tpm *tpm, TPM2_HANDLE *handle, TPM2_HANDLE *made,
    struct tpmiot_public *pub, struct tpmiot_err *err)
{
	const struct tpmiot_bytes empty = { NULL, 0 };
	TPMT_PUBLIC template;
	enum tpmiot_rc rc;

	*made = 0;
	*handle = TPMIOT_SRK_HANDLE;
	rc = tpmiot_tpm_read_public(tpm, *handle, pub, err);
	if (rc != TPMIOT_E_NOT_FOUND)
		return rc;
	tpmiot_template_srk_ecc(&template);
	rc = tpmiot_tpm_create_primary(tpm, TPM2_RH_NULL, empty, &template, made, pub, err);
	*handle = *made;
	return rc;
}

enum tpmiot_rc
tpm_salted_session(struct tpmiot_tpm *tpm, struct tpmiot_session **out, struct tpmiot_err *err)
{
	TPM2_HANDLE handle = 0, made = 0;
	struct tpmiot_public pub;
	enum tpmiot_rc rc = tpm_salt_key(tpm, &handle, &made, &pub, err);

	if (rc == TPMIOT_OK)
		rc = tpmiot_session_start(tpm, TPM2_SE_HMAC, handle, &pub, out, err);
	tpmiot_tpm_flush(tpm, &made);
	return rc;
}
