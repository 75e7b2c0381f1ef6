/* SPDX-License-Identifier: Apache-2.0 */
/* Signing, attesting, activating. */
#include <string.h>

#include <openssl/crypto.h>
#include <tss2/tss2_mu.h>

#include <tpmiot/pcr.h>

#include "conn.h"
#include "session.h"

static TSS2_RC
prepare_sign(struct tpmiot_tpm *tpm, TPM2_HANDLE key, const TPMT_SIG_SCHEME *scheme,
    const TPM2B_DIGEST *digest, const TPMT_TK_HASHCHECK *ticket)
{
	static const TPMT_TK_HASHCHECK no_ticket = { TPM2_ST_HASHCHECK, TPM2_RH_NULL, { 0 } };

	return Tss2_Sys_Sign_Prepare(
	    tpm->sys, key, digest, scheme, ticket != NULL ? ticket : &no_ticket);
}

bool
tpm_sign_ahead(struct tpmiot_tpm *tpm, TPM2_HANDLE key, const TPMT_SIG_SCHEME *scheme,
    const TPM2B_DIGEST *digest, const TPMT_TK_HASHCHECK *ticket)
{
	static const struct tpm_call call = {
		.what = "TPM2_Sign", .auth = { &tpm_no_auth }, .n_auth = 1
	};

	return tpm_send_ahead(tpm, &call, prepare_sign(tpm, key, scheme, digest, ticket));
}

enum tpmiot_rc
tpmiot_tpm_sign(struct tpmiot_tpm *tpm, TPM2_HANDLE key, const struct tpmiot_auth *auth,
    const TPMT_SIG_SCHEME *scheme, const TPM2B_DIGEST *digest, const TPMT_TK_HASHCHECK *ticket,
    TPMT_SIGNATURE *out, struct tpmiot_err *err)
{
	struct tpm_call call = { .what = "TPM2_Sign",
		.auth = { auth },
		.n_auth = 1,
		.name = { &auth->name },
		.n_name = 1 };
	TPMT_SIGNATURE made = { 0 };
	enum tpmiot_rc rc = tpm_begin(tpm, err);

	if (rc != TPMIOT_OK)
		return rc;
	rc = tpm_exec(tpm, &call, prepare_sign(tpm, key, scheme, digest, ticket), err);
	if (rc == TPMIOT_OK)
		rc = tpm_complete(&call, Tss2_Sys_Sign_Complete(tpm->sys, &made), err);
	if (rc == TPMIOT_OK)
		*out = made;
	tpm_end(tpm);
	return rc;
}

/* ---- TPM2_Certify ---------------------------------------------------------------------- */

static enum tpmiot_rc
put_signature(const TPMT_SIGNATURE *sig, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	uint8_t raw[sizeof(*sig)];
	size_t used = 0;

	if (Tss2_MU_TPMT_SIGNATURE_Marshal(sig, raw, sizeof(raw), &used) != TSS2_RC_SUCCESS)
		return tpmiot_err_set(
		    err, TPMIOT_E_TPM, "the TPM's signature cannot be marshalled");
	tpmiot_buf_put(out, raw, used);
	return tpmiot_buf_done(out, err);
}

static const TPMT_SIG_SCHEME own_scheme = { .scheme = TPM2_ALG_NULL };

static enum tpmiot_rc
set_qualifying(struct tpmiot_bytes nonce, TPM2B_DATA *out, struct tpmiot_err *err)
{
	if (nonce.len > sizeof(out->buffer))
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "a nonce of %zu bytes is too long for this TPM", nonce.len);
	out->size = (UINT16)nonce.len;
	memcpy(out->buffer, nonce.data, nonce.len);
	return TPMIOT_OK;
}

static enum tpmiot_rc
put_statement(const TPM2B_ATTEST *stated, const TPMT_SIGNATURE *sig, struct tpmiot_buf *attest,
    struct tpmiot_buf *signature, struct tpmiot_err *err)
{
	enum tpmiot_rc rc;

	tpmiot_buf_put_u16(attest, stated->size);
	tpmiot_buf_put(attest, stated->attestationData, stated->size);
	rc = tpmiot_buf_done(attest, err);
	return rc == TPMIOT_OK ? put_signature(sig, signature, err) : rc;
}

enum tpmiot_rc
tpmiot_tpm_certify(struct tpmiot_tpm *tpm, TPM2_HANDLE object, TPM2_HANDLE ak,
    struct tpmiot_bytes nonce, struct tpmiot_buf *attest, struct tpmiot_buf *signature,
    struct tpmiot_err *err)
{
	static const struct tpm_call call = {
		.what = "TPM2_Certify", .auth = { &tpm_no_auth, &tpm_no_auth }, .n_auth = 2
	};
	TPM2B_DATA qualifying = { 0 };
	TPM2B_ATTEST stated = { 0 };
	TPMT_SIGNATURE sig = { 0 };
	enum tpmiot_rc rc = set_qualifying(nonce, &qualifying, err);

	if (rc == TPMIOT_OK)
		rc = tpm_begin(tpm, err);
	if (rc != TPMIOT_OK)
		return rc;
	rc = tpm_exec(tpm, &call,
	    Tss2_Sys_Certify_Prepare(tpm->sys, object, ak, &qualifying, &own_scheme), err);
	if (rc == TPMIOT_OK)
		rc = tpm_complete(&call, Tss2_Sys_Certify_Complete(tpm->sys, &stated, &sig), err);
	if (rc == TPMIOT_OK)
		rc = put_statement(&stated, &sig, attest, signature, err);
	tpm_end(tpm);
	return rc;
}

/* ---- TPM2_Quote ------------------------------------------------------------------------ */

enum tpmiot_rc
tpmiot_tpm_quote(struct tpmiot_tpm *tpm, TPM2_HANDLE ak, struct tpmiot_bytes nonce,
    const struct tpmiot_pcr_bank *banks, size_t n, struct tpmiot_buf *attest,
    struct tpmiot_buf *signature, struct tpmiot_err *err)
{
	static const struct tpm_call call = {
		.what = "TPM2_Quote", .auth = { &tpm_no_auth }, .n_auth = 1
	};
	TPML_PCR_SELECTION selection = { .count = (UINT32)n };
	TPM2B_DATA qualifying = { 0 };
	TPM2B_ATTEST stated = { 0 };
	TPMT_SIGNATURE sig = { 0 };
	enum tpmiot_rc rc = set_qualifying(nonce, &qualifying, err);

	if (rc == TPMIOT_OK && (n == 0 || n > TPMIOT_BANKS_MAX))
		rc = tpmiot_err_set(
		    err, TPMIOT_E_USAGE, "a quote is of 1 to %d banks", TPMIOT_BANKS_MAX);
	for (size_t i = 0; rc == TPMIOT_OK && i < n; i++)
		selection.pcrSelections[i] = tpmiot_pcr_selection(banks[i].alg, banks[i].selected);
	if (rc == TPMIOT_OK)
		rc = tpm_begin(tpm, err);
	if (rc != TPMIOT_OK)
		return rc;
	rc = tpm_exec(tpm, &call,
	    Tss2_Sys_Quote_Prepare(tpm->sys, ak, &qualifying, &own_scheme, &selection), err);
	if (rc == TPMIOT_OK)
		rc = tpm_complete(&call, Tss2_Sys_Quote_Complete(tpm->sys, &stated, &sig), err);
	if (rc == TPMIOT_OK)
		rc = put_statement(&stated, &sig, attest, signature, err);
	tpm_end(tpm);
	return rc;
}

/* ---- TPM2_ActivateCredential -------------------------------------------------------------- */

/* A whole TPM2B from somebody else, into a structure of this room. */
static enum tpmiot_rc
take_tpm2b(struct tpmiot_bytes whole, const char *what, uint8_t *to, size_t room, UINT16 *size,
    struct tpmiot_err *err)
{
	struct tpmiot_reader r;
	const uint8_t *bytes;
	size_t len;

	tpmiot_reader_init(&r, whole.data, whole.len);
	bytes = tpmiot_reader_tpm2b(&r, room, &len);
	if (!tpmiot_reader_done(&r) || len == 0)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "%s: its size field does not fit its %zu bytes", what, whole.len);
	memcpy(to, bytes, len);
	*size = (UINT16)len;
	return TPMIOT_OK;
}

enum tpmiot_rc
tpmiot_tpm_activate(struct tpmiot_tpm *tpm, TPM2_HANDLE ak, const TPM2B_NAME *ak_name,
    TPM2_HANDLE ek, const TPM2B_NAME *ek_name, struct tpmiot_session *ek_session,
    struct tpmiot_bytes blob, struct tpmiot_bytes encrypted_secret, struct tpmiot_buf *secret,
    struct tpmiot_err *err)
{
	const struct tpmiot_auth ek_auth = { .session = ek_session, .name = *ek_name };
	const struct tpm_call call = { .what = "TPM2_ActivateCredential",
		.auth = { &tpm_no_auth, &ek_auth },
		.n_auth = 2,
		.name = { ak_name, ek_name },
		.n_name = 2,
		.secret_out = true };
	TPM2B_ENCRYPTED_SECRET sealed = { 0 };
	TPM2B_ID_OBJECT credential = { 0 };
	TPM2B_DIGEST plain = { 0 };
	enum tpmiot_rc rc;

	rc = take_tpm2b(blob, "credential_blob", credential.credential,
	    sizeof(credential.credential), &credential.size, err);
	if (rc == TPMIOT_OK)
		rc = take_tpm2b(encrypted_secret, "encrypted_secret", sealed.secret,
		    sizeof(sealed.secret), &sealed.size, err);
	if (rc == TPMIOT_OK)
		rc = tpm_begin(tpm, err);
	if (rc != TPMIOT_OK)
		return rc;
	rc = tpm_exec(tpm, &call,
	    Tss2_Sys_ActivateCredential_Prepare(tpm->sys, ak, ek, &credential, &sealed), err);
	if (rc == TPMIOT_OK)
		rc = tpm_complete(
		    &call, Tss2_Sys_ActivateCredential_Complete(tpm->sys, &plain), err);
	if (rc == TPMIOT_OK) {
		tpmiot_buf_put(secret, plain.buffer, plain.size);
		rc = tpmiot_buf_done(secret, err);
	}
	OPENSSL_cleanse(&plain, sizeof(plain));
	tpm_wipe_response(tpm);
	tpm_end(tpm);
	return rc;
}
