/* SPDX-License-Identifier: Apache-2.0 */
/* Random bytes from the TPM. */
#include <openssl/crypto.h>

#include "session.h"

static enum tpmiot_rc
get_random(struct tpmiot_tpm *tpm, struct tpmiot_session *session, size_t len,
    struct tpmiot_buf *out, struct tpmiot_err *err)
{
	const struct tpmiot_auth auth = { .session = session };
	const struct tpm_call call = { .what = "TPM2_GetRandom",
		.auth = { &auth },
		.n_auth = session == NULL ? 0 : 1,
		.secret_out = session != NULL };
	TPM2B_DIGEST made = { 0 };
	enum tpmiot_rc rc = tpm_begin(tpm, err);

	if (rc != TPMIOT_OK)
		return rc;
	if (len > sizeof(made.buffer))
		len = sizeof(made.buffer);
	rc = tpm_exec(tpm, &call, Tss2_Sys_GetRandom_Prepare(tpm->sys, (UINT16)len), err);
	if (rc == TPMIOT_OK)
		rc = tpm_complete(&call, Tss2_Sys_GetRandom_Complete(tpm->sys, &made), err);
	if (rc == TPMIOT_OK && (made.size == 0 || made.size > len))
		rc = tpmiot_err_set(
		    err, TPMIOT_E_TPM, "TPM2_GetRandom: %u bytes for %zu", made.size, len);
	if (rc == TPMIOT_OK) {
		tpmiot_buf_put(out, made.buffer, made.size);
		rc = tpmiot_buf_done(out, err);
	}
	OPENSSL_cleanse(&made, sizeof(made));
	tpm_wipe_response(tpm);
	tpm_end(tpm);
	return rc;
}

/* NULL where none can be started. */
static struct tpmiot_session *
start_session(struct tpmiot_tpm *tpm)
{
	struct tpmiot_session *session = NULL;
	struct tpmiot_err err;

	return tpm_salted_session(tpm, &session, &err) == TPMIOT_OK ? session : NULL;
}

enum tpmiot_rc
tpmiot_tpm_random(
    struct tpmiot_tpm *tpm, size_t len, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	struct tpmiot_buf made = TPMIOT_BUF_INIT;
	struct tpmiot_session *session = NULL;
	enum tpmiot_rc rc = tpm_begin(tpm, err);

	if (rc != TPMIOT_OK)
		return rc;
	session = start_session(tpm);
	while (rc == TPMIOT_OK && made.len < len)
		rc = get_random(tpm, session, len - made.len, &made, err);
	if (rc == TPMIOT_OK) {
		tpmiot_buf_put(out, made.data, made.len);
		rc = tpmiot_buf_done(out, err);
	}
	tpmiot_session_end(&session);
	tpmiot_buf_free(&made);
	tpm_end(tpm);
	return rc;
}
