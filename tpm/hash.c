/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes and HMACs by the TPM: at once, or in a sequence. */
#include "conn.h"

#include <string.h>

/* What every TPM takes in one command (MAX_DIGEST_BUFFER). */
#define CHUNK 1024

static void
set_chunk(TPM2B_MAX_BUFFER *chunk, const uint8_t *data, size_t len)
{
	chunk->size = (UINT16)len;
	if (len != 0)
		memcpy(chunk->buffer, data, len);
}

static enum tpmiot_rc
hash_once(struct tpmiot_tpm *tpm, TPMI_ALG_HASH alg, const uint8_t *msg, size_t len,
    TPM2B_DIGEST *digest, TPMT_TK_HASHCHECK *ticket, struct tpmiot_err *err)
{
	static const struct tpm_call call = { .what = "TPM2_Hash" };
	TPM2B_MAX_BUFFER chunk;
	enum tpmiot_rc rc;

	set_chunk(&chunk, msg, len);
	rc = tpm_exec(tpm, &call, Tss2_Sys_Hash_Prepare(tpm->sys, &chunk, alg, TPM2_RH_OWNER), err);
	if (rc == TPMIOT_OK)
		rc = tpm_complete(&call, Tss2_Sys_Hash_Complete(tpm->sys, digest, ticket), err);
	return rc;
}

static enum tpmiot_rc
sequence_start(
    struct tpmiot_tpm *tpm, TPMI_ALG_HASH alg, TPM2_HANDLE *handle, struct tpmiot_err *err)
{
	static const struct tpm_call call = { .what = "TPM2_HashSequenceStart" };
	enum tpmiot_rc rc = tpm_exec(
	    tpm, &call, Tss2_Sys_HashSequenceStart_Prepare(tpm->sys, &tpm_no_auth_value, alg), err);

	if (rc == TPMIOT_OK)
		rc =
		    tpm_complete(&call, Tss2_Sys_HashSequenceStart_Complete(tpm->sys, handle), err);
	if (rc == TPMIOT_OK)
		tpm_own(tpm, *handle);
	return rc;
}

static enum tpmiot_rc
sequence_update(struct tpmiot_tpm *tpm, TPM2_HANDLE handle, const TPM2B_MAX_BUFFER *chunk,
    struct tpmiot_err *err)
{
	static const struct tpm_call call = {
		.what = "TPM2_SequenceUpdate", .auth = { &tpm_no_auth }, .n_auth = 1
	};
	enum tpmiot_rc rc =
	    tpm_exec(tpm, &call, Tss2_Sys_SequenceUpdate_Prepare(tpm->sys, handle, chunk), err);

	if (rc == TPMIOT_OK)
		rc = tpm_complete(&call, Tss2_Sys_SequenceUpdate_Complete(tpm->sys), err);
	return rc;
}

static enum tpmiot_rc
sequence_complete(struct tpmiot_tpm *tpm, TPM2_HANDLE *handle, const TPM2B_MAX_BUFFER *chunk,
    TPM2B_DIGEST *digest, TPMT_TK_HASHCHECK *ticket, struct tpmiot_err *err)
{
	static const struct tpm_call call = {
		.what = "TPM2_SequenceComplete", .auth = { &tpm_no_auth }, .n_auth = 1
	};
	enum tpmiot_rc rc = tpm_exec(tpm, &call,
	    Tss2_Sys_SequenceComplete_Prepare(tpm->sys, *handle, chunk, TPM2_RH_OWNER), err);

	if (rc == TPMIOT_OK) {
		/* The sequence object went with it. */
		tpm_disown(tpm, *handle);
		*handle = 0;
		rc = tpm_complete(
		    &call, Tss2_Sys_SequenceComplete_Complete(tpm->sys, digest, ticket), err);
	}
	return rc;
}

/* Feeds what a sequence is of, and ends it, whatever comes of that. */
static enum tpmiot_rc
sequence_run(struct tpmiot_tpm *tpm, TPM2_HANDLE handle, const uint8_t *msg, size_t len,
    TPM2B_DIGEST *digest, TPMT_TK_HASHCHECK *ticket, struct tpmiot_err *err)
{
	TPM2B_MAX_BUFFER chunk;
	enum tpmiot_rc rc = TPMIOT_OK;

	for (; rc == TPMIOT_OK && len > CHUNK; msg += CHUNK, len -= CHUNK) {
		set_chunk(&chunk, msg, CHUNK);
		rc = sequence_update(tpm, handle, &chunk, err);
	}
	if (rc == TPMIOT_OK) {
		set_chunk(&chunk, msg, len);
		rc = sequence_complete(tpm, &handle, &chunk, digest, ticket, err);
	}
	tpmiot_tpm_flush(tpm, &handle);
	return rc;
}

static enum tpmiot_rc
hash_sequence(struct tpmiot_tpm *tpm, TPMI_ALG_HASH alg, const uint8_t *msg, size_t len,
    TPM2B_DIGEST *digest, TPMT_TK_HASHCHECK *ticket, struct tpmiot_err *err)
{
	TPM2_HANDLE handle = 0;
	enum tpmiot_rc rc = sequence_start(tpm, alg, &handle, err);

	return rc == TPMIOT_OK ? sequence_run(tpm, handle, msg, len, digest, ticket, err) : rc;
}

enum tpmiot_rc
tpmiot_tpm_hash(struct tpmiot_tpm *tpm, TPMI_ALG_HASH alg, const void *msg, size_t len,
    TPM2B_DIGEST *digest, TPMT_TK_HASHCHECK *ticket, struct tpmiot_err *err)
{
	TPMT_TK_HASHCHECK got_ticket = { 0 };
	TPM2B_DIGEST got = { 0 };
	enum tpmiot_rc rc = tpm_begin(tpm, err);

	if (rc != TPMIOT_OK)
		return rc;
	rc = len <= CHUNK ? hash_once(tpm, alg, msg, len, &got, &got_ticket, err)
	                  : hash_sequence(tpm, alg, msg, len, &got, &got_ticket, err);
	if (rc == TPMIOT_OK) {
		*digest = got;
		*ticket = got_ticket;
	}
	tpm_end(tpm);
	return rc;
}

/* ---- TPM2_HMAC --------------------------------------------------------------------- */

static enum tpmiot_rc
hmac_once(struct tpmiot_tpm *tpm, TPM2_HANDLE key, const struct tpm_call *call, TPMI_ALG_HASH alg,
    struct tpmiot_bytes msg, TPM2B_DIGEST *out, struct tpmiot_err *err)
{
	TPM2B_MAX_BUFFER chunk;
	enum tpmiot_rc rc;

	set_chunk(&chunk, msg.data, msg.len);
	rc = tpm_exec(tpm, call, Tss2_Sys_HMAC_Prepare(tpm->sys, key, &chunk, alg), err);
	if (rc == TPMIOT_OK)
		rc = tpm_complete(call, Tss2_Sys_HMAC_Complete(tpm->sys, out), err);
	return rc;
}

static enum tpmiot_rc
hmac_sequence(struct tpmiot_tpm *tpm, TPM2_HANDLE key, const struct tpm_call *call,
    TPMI_ALG_HASH alg, struct tpmiot_bytes msg, TPM2B_DIGEST *out, struct tpmiot_err *err)
{
	TPMT_TK_HASHCHECK ticket = { 0 };
	TPM2_HANDLE handle = 0;
	enum tpmiot_rc rc = tpm_exec(
	    tpm, call, Tss2_Sys_HMAC_Start_Prepare(tpm->sys, key, &tpm_no_auth_value, alg), err);

	if (rc == TPMIOT_OK)
		rc = tpm_complete(call, Tss2_Sys_HMAC_Start_Complete(tpm->sys, &handle), err);
	if (rc != TPMIOT_OK)
		return rc;
	tpm_own(tpm, handle);
	return sequence_run(tpm, handle, msg.data, msg.len, out, &ticket, err);
}

enum tpmiot_rc
tpmiot_tpm_hmac(struct tpmiot_tpm *tpm, TPM2_HANDLE key, const struct tpmiot_auth *auth,
    TPMI_ALG_HASH alg, struct tpmiot_bytes msg, TPM2B_DIGEST *out, struct tpmiot_err *err)
{
	const bool once = msg.len <= CHUNK;
	const struct tpm_call call = { .what = once ? "TPM2_HMAC" : "TPM2_HMAC_Start",
		.auth = { auth },
		.n_auth = 1,
		.name = { &auth->name },
		.n_name = 1 };
	TPM2B_DIGEST got = { 0 };
	enum tpmiot_rc rc = tpm_begin(tpm, err);

	if (rc != TPMIOT_OK)
		return rc;
	rc = once ? hmac_once(tpm, key, &call, alg, msg, &got, err)
	          : hmac_sequence(tpm, key, &call, alg, msg, &got, err);
	if (rc == TPMIOT_OK)
		*out = got;
	tpm_end(tpm);
	return rc;
}
