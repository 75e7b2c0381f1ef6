/* SPDX-License-Identifier: Apache-2.0 */
/* What gives out a secret: RSA decryption, key agreement. Each in a salted session. */
#include <string.h>

#include <openssl/crypto.h>

#include <tpmiot/alg.h>

#include "key.h"
#include "session.h"

/* ---- TPM2_RSA_Decrypt ------------------------------------------------------------------------ */

struct to_decrypt {
	const TPMT_RSA_DECRYPT *scheme;
	TPM2B_PUBLIC_KEY_RSA in;
	struct tpmiot_buf *out;
};

static enum tpmiot_rc
rsa_decrypt(struct tpmiot_tpm *tpm, TPM2_HANDLE handle, const struct tpmiot_auth *auth, void *arg,
    struct tpmiot_err *err)
{
	const struct tpm_call call = { .what = "TPM2_RSA_Decrypt",
		.auth = { auth },
		.n_auth = 1,
		.name = { &auth->name },
		.n_name = 1,
		.secret_out = tpm_auth_hides(auth) };
	static const TPM2B_DATA no_label = { 0 };
	struct to_decrypt *job = arg;
	TPM2B_PUBLIC_KEY_RSA message = { 0 };
	enum tpmiot_rc rc = tpm_begin(tpm, err);

	if (rc != TPMIOT_OK)
		return rc;
	rc = tpm_exec(tpm, &call,
	    Tss2_Sys_RSA_Decrypt_Prepare(tpm->sys, handle, &job->in, job->scheme, &no_label), err);
	if (rc == TPMIOT_OK)
		rc = tpm_complete(&call, Tss2_Sys_RSA_Decrypt_Complete(tpm->sys, &message), err);
	if (rc == TPMIOT_OK) {
		tpmiot_buf_put(job->out, message.buffer, message.size);
		rc = tpmiot_buf_done(job->out, err);
	}
	OPENSSL_cleanse(&message, sizeof(message));
	tpm_wipe_response(tpm);
	tpm_end(tpm);
	return rc;
}

/* Right-aligned in the modulus' size. */
static enum tpmiot_rc
set_ciphertext(const struct tpmiot_key *key, struct tpmiot_bytes in, TPM2B_PUBLIC_KEY_RSA *out,
    struct tpmiot_err *err)
{
	size_t size = key->pub.area.unique.rsa.size;

	if (in.len > size)
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "%zu bytes are no ciphertext for an RSA key of %zu bytes", in.len, size);
	out->size = (UINT16)size;
	memset(out->buffer, 0, size - in.len);
	if (in.len > 0)
		memcpy(out->buffer + size - in.len, in.data, in.len);
	return TPMIOT_OK;
}

static enum tpmiot_rc
check_decrypts(const struct tpmiot_key *key, TPMI_ALG_PUBLIC type, struct tpmiot_err *err)
{
	TPMA_OBJECT attributes = key->pub.area.objectAttributes;

	if (key->pub.area.type != type || key->sealed)
		return tpmiot_err_set(err, TPMIOT_E_USAGE, "not a key of the right type");
	if ((attributes & TPMA_OBJECT_DECRYPT) == 0)
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "this key was made to sign, not to decrypt or agree on keys: make another one, "
		    "without a digest of its own");
	if ((attributes & TPMA_OBJECT_RESTRICTED) != 0)
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "this is a storage key: it decrypts for the TPM itself only; make another one");
	return TPMIOT_OK;
}

static enum tpmiot_rc
use_rsa(struct tpmiot_key *key, bool secret, const TPMT_RSA_DECRYPT *scheme, struct tpmiot_bytes in,
    struct tpmiot_buf *out, struct tpmiot_err *err)
{
	struct to_decrypt job = { .scheme = scheme, .out = out };
	enum tpmiot_rc rc = check_decrypts(key, TPM2_ALG_RSA, err);

	if (rc == TPMIOT_OK)
		rc = set_ciphertext(key, in, &job.in, err);
	if (rc == TPMIOT_OK)
		rc = tpm_key_use(key, secret, rsa_decrypt, &job, err);
	return rc;
}

enum tpmiot_rc
tpmiot_key_rsa_decrypt(struct tpmiot_key *key, const TPMT_RSA_DECRYPT *scheme,
    struct tpmiot_bytes in, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	struct tpmiot_buf made = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc = use_rsa(key, true, scheme, in, &made, err);

	if (rc == TPMIOT_OK) {
		tpmiot_buf_put(out, made.data, made.len);
		rc = tpmiot_buf_done(out, err);
	}
	tpmiot_buf_free(&made);
	return rc;
}

enum tpmiot_rc
tpmiot_key_rsa_private(struct tpmiot_key *key, bool secret, struct tpmiot_bytes in,
    struct tpmiot_buf *out, struct tpmiot_err *err)
{
	static const TPMT_RSA_DECRYPT raw = { .scheme = TPM2_ALG_NULL };
	struct tpmiot_buf made = TPMIOT_BUF_INIT;
	size_t size = key->pub.area.unique.rsa.size;
	enum tpmiot_rc rc = use_rsa(key, secret, &raw, in, &made, err);
	uint8_t *at;

	if (rc == TPMIOT_OK && made.len > size)
		rc = tpmiot_err_set(err, TPMIOT_E_TPM,
		    "TPM2_RSA_Decrypt: %zu bytes of an RSA key of %zu", made.len, size);
	if (rc == TPMIOT_OK) {
		at = tpmiot_buf_grow(out, size); /* some TPMs leave out leading zeros */
		if (at != NULL && made.len > 0)
			memcpy(at + size - made.len, made.data, made.len);
		rc = tpmiot_buf_done(out, err);
	}
	tpmiot_buf_free(&made);
	return rc;
}

/* ---- TPM2_ECDH_ZGen ---------------------------------------------------------------------------
 */

struct to_agree {
	const TPMS_ECC_POINT *peer;
	TPMS_ECC_POINT made;
};

static enum tpmiot_rc
ecdh_zgen(struct tpmiot_tpm *tpm, TPM2_HANDLE handle, const struct tpmiot_auth *auth, void *arg,
    struct tpmiot_err *err)
{
	const struct tpm_call call = { .what = "TPM2_ECDH_ZGen",
		.auth = { auth },
		.n_auth = 1,
		.name = { &auth->name },
		.n_name = 1,
		.secret_out = true };
	struct to_agree *job = arg;
	TPM2B_ECC_POINT peer = { .point = *job->peer }, made = { 0 };
	enum tpmiot_rc rc = tpm_begin(tpm, err);

	if (rc != TPMIOT_OK)
		return rc;
	rc = tpm_exec(tpm, &call, Tss2_Sys_ECDH_ZGen_Prepare(tpm->sys, handle, &peer), err);
	if (rc == TPMIOT_OK)
		rc = tpm_complete(&call, Tss2_Sys_ECDH_ZGen_Complete(tpm->sys, &made), err);
	if (rc == TPMIOT_OK)
		job->made = made.point;
	OPENSSL_cleanse(&made, sizeof(made));
	tpm_wipe_response(tpm);
	tpm_end(tpm);
	return rc;
}

enum tpmiot_rc
tpmiot_key_ecdh(struct tpmiot_key *key, const TPMS_ECC_POINT *peer, struct tpmiot_buf *out,
    struct tpmiot_err *err)
{
	struct to_agree job = { .peer = peer };
	enum tpmiot_rc rc = check_decrypts(key, TPM2_ALG_ECC, err);

	if (rc == TPMIOT_OK)
		rc = tpm_key_use(key, true, ecdh_zgen, &job, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_ecdh_secret(
		    &job.made, key->pub.area.parameters.eccDetail.curveID, out, err);
	OPENSSL_cleanse(&job, sizeof(job));
	return rc;
}
