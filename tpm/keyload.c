/* SPDX-License-Identifier: Apache-2.0 */
/* Keys into the TPM and out of it again. */
#include <string.h>

#include <openssl/crypto.h>

#include "import.h"
#include "key.h"

bool
tpm_key_is_loaded(const struct tpmiot_key *key)
{
	return key->loaded != 0 && key->epoch == key->tpm->epoch;
}

void
tpm_key_unload(struct tpmiot_key *key)
{
	if (tpm_key_is_loaded(key))
		tpmiot_tpm_flush(key->tpm, &key->loaded);
	key->loaded = 0;
}

static struct tpmiot_bytes
parent_auth(const struct tpmiot_key *key)
{
	return tpm_parent_auth(key->parent.handle, tpm_bytes_of(&key->parent_auth));
}

static enum tpmiot_rc
open_parent(struct tpmiot_key *key, TPM2_HANDLE *parent, TPM2_HANDLE *made, struct tpmiot_err *err)
{
	return tpm_parent_open(
	    key->tpm, &key->parent, tpm_bytes_of(&key->parent_auth), parent, made, err);
}

/* Only the first time: what comes back is wrapped by the parent, as any other key. */
static enum tpmiot_rc
import(struct tpmiot_key *key, TPM2_HANDLE parent, struct tpmiot_err *err)
{
	TPM2B_PRIVATE wrapped;
	const struct tpmiot_wrapped duplicate = { &key->pub, &key->priv, key->secret, { NULL, 0 } };
	enum tpmiot_rc rc =
	    tpmiot_tpm_import(key->tpm, parent, parent_auth(key), &duplicate, &wrapped, err);

	if (rc != TPMIOT_OK) {
		(void)tpmiot_err_prefix(
		    err, "importing the key under its parent 0x%08x", key->parent.handle);
		return rc;
	}
	key->priv = wrapped;
	OPENSSL_free(key->secret);
	key->secret = NULL;
	if (key->type == TPMIOT_KEYFILE_IMPORTABLE)
		key->type = TPMIOT_KEYFILE_LOADABLE;
	return rc;
}

static enum tpmiot_rc
load(struct tpmiot_key *key, struct tpmiot_err *err)
{
	TPM2_HANDLE parent = 0, made = 0;
	enum tpmiot_rc rc = open_parent(key, &parent, &made, err);

	if (rc == TPMIOT_OK && key->secret != NULL)
		rc = import(key, parent, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_tpm_load(
		    key->tpm, parent, parent_auth(key), &key->pub, &key->priv, &key->loaded, err);
	tpmiot_tpm_flush(key->tpm, &made);
	if (rc == TPMIOT_E_NOT_FOUND && key->parent.handle >> TPM2_HR_SHIFT == TPM2_HT_PERSISTENT)
		return tpmiot_err_set(err, rc,
		    "the key's parent, 0x%08x, is not in this TPM: was it cleared or replaced?",
		    key->parent.handle);
	if (rc == TPMIOT_E_AUTH)
		return tpm_parent_refused(key->parent.handle, tpm_bytes_of(&key->parent_auth), err);
	if (rc == TPMIOT_OK)
		key->epoch = key->tpm->epoch;
	return rc;
}

enum tpmiot_rc
tpmiot_key_import(struct tpmiot_key *key, struct tpmiot_err *err)
{
	TPM2_HANDLE parent = 0, made = 0;
	enum tpmiot_rc rc = TPMIOT_OK;

	tpmiot_tpm_lock(key->tpm);
	if (key->secret != NULL)
		rc = open_parent(key, &parent, &made, err);
	if (rc == TPMIOT_OK && key->secret != NULL)
		rc = import(key, parent, err);
	tpmiot_tpm_flush(key->tpm, &made);
	tpmiot_tpm_unlock(key->tpm);
	return rc;
}

/* Whether what is at the handle still is the key that a reference was made for. */
static enum tpmiot_rc
check_persistent(struct tpmiot_key *key, struct tpmiot_err *err)
{
	struct tpmiot_public pub;
	enum tpmiot_rc rc = tpmiot_tpm_read_public(key->tpm, key->persistent, &pub, err);

	if (rc == TPMIOT_E_NOT_FOUND)
		return tpmiot_err_set(err, rc,
		    "no key at 0x%08x, where the key reference says it is: was the TPM cleared or "
		    "replaced?",
		    key->persistent);
	if (rc != TPMIOT_OK)
		return rc;
	if (pub.name.size != key->pub.name.size ||
	    memcmp(pub.name.name, key->pub.name.name, pub.name.size) != 0)
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "the key at 0x%08x is not the one that the key reference was made for: another "
		    "one was put in its place; if that was meant, write the reference again",
		    key->persistent);
	key->checked = true;
	return TPMIOT_OK;
}

enum tpmiot_rc
tpmiot_key_handle_loaded(struct tpmiot_key *key, TPM2_HANDLE *out, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = TPMIOT_OK;

	tpmiot_tpm_lock(key->tpm);
	key->used = ++key->tpm->ticks;
	if (key->persistent != 0 && !key->checked)
		rc = check_persistent(key, err);
	else if (key->persistent == 0 && !tpm_key_is_loaded(key))
		rc = load(key, err);
	if (rc == TPMIOT_OK)
		*out = key->persistent != 0 ? key->persistent : key->loaded;
	tpmiot_tpm_unlock(key->tpm);
	return rc;
}

TPM2_HANDLE
tpm_key_give_up(struct tpmiot_tpm *tpm, const TPM2_HANDLE in[2])
{
	struct tpmiot_key *oldest = NULL;
	TPM2_HANDLE handle;

	for (struct tpmiot_key *key = tpm->keys; key != NULL; key = key->next)
		if (tpm_key_is_loaded(key) && key->loaded != in[0] && key->loaded != in[1] &&
		    (oldest == NULL || key->used < oldest->used))
			oldest = key;
	if (oldest == NULL)
		return 0;
	handle = oldest->loaded;
	oldest->loaded = 0;
	return handle;
}

bool
tpm_key_is_named(const struct tpmiot_tpm *tpm, const TPM2B_NAME *name)
{
	for (const struct tpmiot_key *key = tpm->keys; key != NULL; key = key->next)
		if (key->pub.name.size == name->size &&
		    memcmp(key->pub.name.name, name->name, name->size) == 0)
			return true;
	return false;
}
