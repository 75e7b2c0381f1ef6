/* SPDX-License-Identifier: Apache-2.0 */
/* Keys: public half and recipe, made and given up. */
#include <openssl/crypto.h>

#include <tpmiot/alg.h>
#include <tpmiot/template.h>

#include "key.h"

/* ---- life ---------------------------------------------------------------------------------- */

static enum tpmiot_rc
new_key(struct tpmiot_tpm *tpm, enum tpmiot_keyfile_type type, const struct tpmiot_public *pub,
    struct tpmiot_key **out, struct tpmiot_err *err)
{
	struct tpmiot_key *key = OPENSSL_zalloc(sizeof(*key));
	enum tpmiot_rc rc = TPMIOT_OK;

	if (key == NULL)
		return tpmiot_err_memory(err);
	if (type != TPMIOT_KEYFILE_SEALED && !tpmiot_public_is_hmac_key(pub))
		rc = tpmiot_public_to_pkey(tpm->libctx, pub, &key->pkey, err);
	if (rc != TPMIOT_OK) {
		OPENSSL_free(key);
		return rc;
	}
	atomic_init(&key->refs, 1);
	key->tpm = tpm;
	key->type = type;
	key->sealed = type == TPMIOT_KEYFILE_SEALED;
	key->pub = *pub;
	tpmiot_tpm_lock(tpm);
	key->next = tpm->keys;
	tpm->keys = key;
	tpmiot_tpm_unlock(tpm);
	*out = key;
	return TPMIOT_OK;
}

enum tpmiot_rc
tpmiot_key_from_file(struct tpmiot_tpm *tpm, const struct tpmiot_keyfile *file,
    struct tpmiot_key **out, struct tpmiot_err *err)
{
	TPM2B_ENCRYPTED_SECRET *secret = NULL;
	struct tpmiot_key *key = NULL;
	enum tpmiot_rc rc;

	if (file->secret.size != 0) {
		secret = OPENSSL_memdup(&file->secret, sizeof(file->secret));
		if (secret == NULL)
			return tpmiot_err_memory(err);
	}
	rc = new_key(tpm, file->type, &file->pub, &key, err);
	if (rc != TPMIOT_OK) {
		OPENSSL_free(secret);
		return rc;
	}
	if (file->type == TPMIOT_KEYFILE_REFERENCE)
		key->persistent = file->parent;
	key->parent = (struct tpm_parent){ file->parent, file->rsa_parent, file->parent_name };
	key->priv = file->priv;
	key->secret = secret;
	key->extra = tpmiot_keyextra_ref(file->extra);
	key->empty_auth = file->empty_auth;
	*out = key;
	return TPMIOT_OK;
}

enum tpmiot_rc
tpmiot_key_from_handle(
    struct tpmiot_tpm *tpm, TPM2_HANDLE handle, struct tpmiot_key **out, struct tpmiot_err *err)
{
	struct tpmiot_public pub;
	enum tpmiot_rc rc;

	if (handle >> TPM2_HR_SHIFT != TPM2_HT_PERSISTENT)
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "0x%08x is no persistent handle: these are 0x81000000 to 0x81ffffff", handle);
	rc = tpmiot_tpm_read_public(tpm, handle, &pub, err);
	if (rc == TPMIOT_E_NOT_FOUND)
		return tpmiot_err_set(err, rc,
		    "no key at 0x%08x; tpm2_getcap handles-persistent lists what there is", handle);
	if (rc == TPMIOT_OK)
		rc = new_key(tpm, TPMIOT_KEYFILE_REFERENCE, &pub, out, err);
	if (rc == TPMIOT_OK) {
		(*out)->persistent = handle;
		(*out)->checked = true;
		(*out)->empty_auth = true;
	}
	return rc;
}

struct tpmiot_key *
tpmiot_key_ref(struct tpmiot_key *key)
{
	(void)atomic_fetch_add(&key->refs, 1);
	return key;
}

void
tpmiot_key_unref(struct tpmiot_key **key)
{
	struct tpmiot_key *old = *key, **at;
	struct tpmiot_verifier *verifier;
	struct tpmiot_tpm *tpm;

	*key = NULL;
	if (old == NULL || atomic_fetch_sub(&old->refs, 1) != 1)
		return;
	tpm = old->tpm;
	tpmiot_tpm_lock(tpm);
	tpm_key_unload(old);
	tpm_flush_lost(tpm);
	for (at = &tpm->keys; *at != old; at = &(*at)->next)
		;
	*at = old->next;
	tpmiot_tpm_unlock(tpm);
	verifier = atomic_load(&old->verifier);
	tpmiot_verifier_free(&verifier);
	EVP_PKEY_free(old->pkey);
	tpmiot_buf_free(&old->auth);
	tpmiot_buf_free(&old->parent_auth);
	tpmiot_keyextra_unref(&old->extra);
	OPENSSL_free(old->secret);
	OPENSSL_free(old);
}

/* ---- what it is ------------------------------------------------------------------------------ */

const struct tpmiot_public *
tpmiot_key_public(const struct tpmiot_key *key)
{
	return &key->pub;
}

EVP_PKEY *
tpmiot_key_pkey(const struct tpmiot_key *key)
{
	return key->pkey;
}

TPM2_HANDLE
tpmiot_key_handle(const struct tpmiot_key *key)
{
	return key->persistent;
}

enum tpmiot_rc
tpmiot_key_parent_public(struct tpmiot_key *key, struct tpmiot_public *out, struct tpmiot_err *err)
{
	if (key->persistent != 0)
		return tpmiot_err_set(
		    err, TPMIOT_E_UNSUPPORTED, "of a persistent key the parent is not known");
	return tpm_parent_public(key->tpm, &key->parent, tpm_bytes_of(&key->parent_auth), out, err);
}

void
tpmiot_key_to_file(const struct tpmiot_key *key, struct tpmiot_keyfile *out)
{
	*out = (struct tpmiot_keyfile){ .pub = key->pub,
		.rsa_parent = key->parent.rsa,
		.parent_name = key->parent.name,
		.extra = tpmiot_keyextra_ref(key->extra),
		.parent = key->persistent != 0 ? key->persistent : key->parent.handle };
	tpmiot_tpm_lock(key->tpm); /* what an import or a password changes */
	out->type = key->type;
	out->priv = key->priv;
	if (key->secret != NULL)
		out->secret = *key->secret;
	out->empty_auth = key->empty_auth && key->auth.len == 0;
	tpmiot_tpm_unlock(key->tpm);
}

void
tpmiot_key_expect_auth(struct tpmiot_key *key)
{
	key->empty_auth = false;
}

bool
tpmiot_key_needs_auth(const struct tpmiot_key *key)
{
	return !key->empty_auth && !key->auth_set;
}

bool
tpmiot_key_has_auth(const struct tpmiot_key *key)
{
	return key->auth_set;
}

static enum tpmiot_rc
copy_auth(struct tpmiot_buf *to, struct tpmiot_bytes auth, struct tpmiot_err *err)
{
	tpmiot_buf_free(to);
	tpmiot_buf_put(to, auth.data, auth.len);
	return tpmiot_buf_done(to, err);
}

enum tpmiot_rc
tpmiot_key_set_auth(struct tpmiot_key *key, struct tpmiot_bytes auth, struct tpmiot_err *err)
{
	/* A policy may want the password of another entity. */
	const size_t max = key->extra != NULL && key->extra->policy.n > 0
	                       ? sizeof(((TPM2B_AUTH *)NULL)->buffer)
	                       : tpmiot_alg_md_size(key->pub.area.nameAlg);
	enum tpmiot_rc rc;

	if (auth.len > max)
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "a password of %zu bytes is not this key's, which has at most %zu", auth.len,
		    max);
	tpmiot_tpm_lock(key->tpm);
	rc = copy_auth(&key->auth, auth, err);
	key->auth_set = rc == TPMIOT_OK;
	key->refused = key->proven = false;
	tpmiot_tpm_unlock(key->tpm);
	return rc;
}

enum tpmiot_rc
tpmiot_key_set_parent_auth(struct tpmiot_key *key, struct tpmiot_bytes auth, struct tpmiot_err *err)
{
	const size_t max = sizeof(((TPM2B_AUTH *)NULL)->buffer);
	enum tpmiot_rc rc;

	if (auth.len > max)
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "a password of %zu bytes is no parent's, which has at most %zu", auth.len, max);
	tpmiot_tpm_lock(key->tpm);
	rc = copy_auth(&key->parent_auth, auth, err);
	key->refused = false;
	tpmiot_tpm_unlock(key->tpm);
	return rc;
}

/* ---- new keys -----------------------------------------------------------------------------------
 */

static enum tpmiot_rc
create_under(struct tpmiot_tpm *tpm, TPM2_HANDLE parent, struct tpmiot_bytes parent_auth,
    const TPMT_PUBLIC *template, struct tpmiot_bytes user_auth, struct tpmiot_keyfile *out,
    struct tpmiot_err *err)
{
	const struct tpm_parent from = { .handle = parent };
	TPM2_HANDLE handle = 0, made = 0;
	enum tpmiot_rc rc = tpm_parent_open(tpm, &from, parent_auth, &handle, &made, err);

	if (rc == TPMIOT_OK)
		rc = tpmiot_tpm_create(tpm, handle, tpm_parent_auth(parent, parent_auth), template,
		    user_auth, &out->pub, &out->priv, err);
	tpmiot_tpm_flush(tpm, &made);
	out->parent = parent;
	if (rc == TPMIOT_E_AUTH && parent >> TPM2_HR_SHIFT == TPM2_HT_PERSISTENT)
		rc = tpm_parent_refused(parent, parent_auth, err);
	return rc;
}

enum tpmiot_rc
tpmiot_key_create(struct tpmiot_tpm *tpm, TPM2_HANDLE parent, struct tpmiot_bytes parent_auth,
    const TPMT_PUBLIC *template, struct tpmiot_bytes user_auth, struct tpmiot_key **out,
    struct tpmiot_err *err)
{
	struct tpmiot_keyfile file = { .empty_auth = user_auth.len == 0 };
	bool any = parent == 0;
	enum tpmiot_rc rc;

	tpmiot_tpm_lock(tpm);
	rc = create_under(
	    tpm, any ? TPMIOT_SRK_HANDLE : parent, parent_auth, template, user_auth, &file, err);
	if (rc == TPMIOT_E_NOT_FOUND && any)
		rc = create_under(tpm, TPM2_RH_OWNER, parent_auth, template, user_auth, &file, err);
	/* What looks like an error may be a garbled response, and the storage key was made. */
	if (rc != TPMIOT_OK && rc != TPMIOT_E_AUTH && rc != TPMIOT_E_LOCKOUT &&
	    file.parent >> TPM2_HR_SHIFT == TPM2_HT_PERMANENT)
		tpm->doubtful = true;
	tpmiot_tpm_unlock(tpm);
	if (rc == TPMIOT_E_NOT_FOUND)
		return tpmiot_err_set(err, rc,
		    "no parent at 0x%08x; tpm2_getcap handles-persistent lists what there is",
		    parent);
	if (rc == TPMIOT_OK)
		rc = tpmiot_key_from_file(tpm, &file, out, err);
	if (rc != TPMIOT_OK)
		return rc;
	if (user_auth.len != 0)
		rc = tpmiot_key_set_auth(*out, user_auth, err);
	if (rc == TPMIOT_OK && parent_auth.len != 0)
		rc = tpmiot_key_set_parent_auth(*out, parent_auth, err);
	if (rc != TPMIOT_OK)
		tpmiot_key_unref(out);
	return rc;
}
