/* SPDX-License-Identifier: Apache-2.0 */
/* A key certified by another one. */
#include <tpmiot/attest.h>

#include "key.h"

#define CERTIFY_TRIES 3

static enum tpmiot_rc
load_in_turn(struct tpmiot_key *key, struct tpmiot_key *ak, TPM2_HANDLE *handle,
    TPM2_HANDLE *ak_handle, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = tpmiot_key_handle_loaded(ak, ak_handle, err);

	if (rc == TPMIOT_OK)
		rc = tpmiot_key_handle_loaded(key, handle, err);
	if (rc == TPMIOT_OK) /* again: making room for the key may have cost it its place */
		rc = tpmiot_key_handle_loaded(ak, ak_handle, err);
	return rc;
}

static bool
is_there(const struct tpmiot_key *key)
{
	return key->persistent != 0 || tpm_key_is_loaded(key);
}

/*
 * Both at once. While a key is loaded its persistent parent takes a slot as well, so that a TPM
 * of three has no room for both where another program keeps an object in it; unless that is a
 * key that we hold, too, and the other one can load again.
 */
static enum tpmiot_rc
load_both(struct tpmiot_key *key, struct tpmiot_key *ak, TPM2_HANDLE *handle,
    TPM2_HANDLE *ak_handle, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = load_in_turn(key, ak, handle, ak_handle, err);

	if (rc == TPMIOT_OK && !is_there(key)) {
		key->tpm->doubtful = true;
		tpm_flush_lost(key->tpm);
		rc = load_in_turn(key, ak, handle, ak_handle, err);
	}
	if (rc == TPMIOT_OK && !is_there(key))
		rc = tpmiot_err_set(err, TPMIOT_E_TPM_FULL,
		    "the TPM has no room for the key and the AK at once: another program keeps "
		    "objects in it; end that one for now, or have both go through a resource "
		    "manager (tpm2-abrmd, /dev/tpmrm0)");
	return rc;
}

static enum tpmiot_rc
certify_once(struct tpmiot_key *key, struct tpmiot_key *ak, struct tpmiot_bytes nonce,
    struct tpmiot_buf *attest, struct tpmiot_buf *signature, struct tpmiot_err *err)
{
	TPM2_HANDLE ak_handle, handle;
	enum tpmiot_rc rc = load_both(key, ak, &handle, &ak_handle, err);

	if (rc == TPMIOT_OK)
		rc = tpmiot_tpm_certify(key->tpm, handle, ak_handle, nonce, attest, signature, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_attest_verify_certify(key->tpm->libctx, &ak->pub, &key->pub, nonce,
		    tpm_bytes_of(attest), tpm_bytes_of(signature), err);
	return rc;
}

/* Not flushed: what the handle means now may be another program's. */
static void
forget(struct tpmiot_key *key)
{
	if (key->loaded != 0)
		tpm_disown(key->tpm, key->loaded);
	key->loaded = 0;
}

static bool
may_be_taken(enum tpmiot_rc rc)
{
	return rc == TPMIOT_E_VERIFY || rc == TPMIOT_E_NOT_FOUND || rc == TPMIOT_E_UNSUPPORTED ||
	       rc == TPMIOT_E_TPM;
}

enum tpmiot_rc
tpmiot_key_certify(struct tpmiot_key *key, struct tpmiot_key *ak, struct tpmiot_bytes nonce,
    struct tpmiot_buf *attest, struct tpmiot_buf *signature, struct tpmiot_err *err)
{
	enum tpmiot_rc rc;

	tpmiot_tpm_lock(key->tpm);
	for (int tries = 1;; tries++) {
		tpmiot_buf_reset(attest);
		tpmiot_buf_reset(signature);
		rc = certify_once(key, ak, nonce, attest, signature, err);
		if (!may_be_taken(rc) || tries == CERTIFY_TRIES)
			break;
		forget(key);
		forget(ak);
	}
	tpmiot_tpm_unlock(key->tpm);
	return rc;
}
