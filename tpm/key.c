/* SPDX-License-Identifier: Apache-2.0 */
/* Keys: recipe, loading, giving way, signing. */
#include <stdatomic.h>
#include <string.h>

#include <openssl/crypto.h>

#include <tpmiot/alg.h>
#include <tpmiot/key.h>
#include <tpmiot/template.h>

#include "conn.h"
#include "session.h"

struct tpmiot_key {
	atomic_uint refs;
	struct tpmiot_tpm *tpm; /* borrowed */
	struct tpmiot_public pub;
	EVP_PKEY *pkey;
	TPM2_HANDLE persistent; /* 0 for a wrapped key */
	TPM2_HANDLE parent;     /* of a wrapped key */
	TPM2B_PRIVATE priv;
	bool empty_auth;
	bool auth_set;
	struct tpmiot_buf auth;
	struct tpmiot_buf parent_auth;
	/* Below: guarded by the connection's lock. */
	TPM2_HANDLE loaded;
	unsigned int epoch;
	uint64_t used; /* the connection's tick of the last use */
	struct tpmiot_key *next;
};

static struct tpmiot_bytes
bytes_of(const struct tpmiot_buf *buf)
{
	return (struct tpmiot_bytes){ buf->data, buf->len };
}

static bool
is_loaded(const struct tpmiot_key *key)
{
	return key->loaded != 0 && key->epoch == key->tpm->epoch;
}

static void
unload(struct tpmiot_key *key)
{
	if (is_loaded(key))
		tpmiot_tpm_flush(key->tpm, &key->loaded);
	key->loaded = 0;
}

/* ---- life ---------------------------------------------------------------------------------- */

static enum tpmiot_rc
new_key(struct tpmiot_tpm *tpm, const struct tpmiot_public *pub, struct tpmiot_key **out,
    struct tpmiot_err *err)
{
	struct tpmiot_key *key = OPENSSL_zalloc(sizeof(*key));
	enum tpmiot_rc rc;

	if (key == NULL)
		return tpmiot_err_memory(err);
	rc = tpmiot_public_to_pkey(tpm->libctx, pub, &key->pkey, err);
	if (rc != TPMIOT_OK) {
		OPENSSL_free(key);
		return rc;
	}
	atomic_init(&key->refs, 1);
	key->tpm = tpm;
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
	struct tpmiot_key *key = NULL;
	enum tpmiot_rc rc = new_key(tpm, &file->pub, &key, err);

	if (rc != TPMIOT_OK)
		return rc;
	key->parent = file->parent;
	key->priv = file->priv;
	key->empty_auth = file->empty_auth;
	*out = key;
	return TPMIOT_OK;
}

enum tpmiot_rc
tpmiot_key_from_handle(struct tpmiot_tpm *tpm, TPM2_HANDLE handle, struct tpmiot_key **out,
    struct tpmiot_err *err)
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
		rc = new_key(tpm, &pub, out, err);
	if (rc == TPMIOT_OK) {
		(*out)->persistent = handle;
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
	struct tpmiot_tpm *tpm;

	*key = NULL;
	if (old == NULL || atomic_fetch_sub(&old->refs, 1) != 1)
		return;
	tpm = old->tpm;
	tpmiot_tpm_lock(tpm);
	unload(old);
	for (at = &tpm->keys; *at != old; at = &(*at)->next)
		;
	*at = old->next;
	tpmiot_tpm_unlock(tpm);
	EVP_PKEY_free(old->pkey);
	tpmiot_buf_free(&old->auth);
	tpmiot_buf_free(&old->parent_auth);
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
tpmiot_key_to_file(const struct tpmiot_key *key, struct tpmiot_keyfile *out,
    struct tpmiot_err *err)
{
	if (key->persistent != 0)
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "the key at 0x%08x stays in the TPM: there is no file to write; name it "
		    "tpmiot:handle=0x%08x", key->persistent, key->persistent);
	out->empty_auth = key->empty_auth;
	out->parent = key->parent;
	out->pub = key->pub;
	out->priv = key->priv;
	return TPMIOT_OK;
}

bool
tpmiot_key_needs_auth(const struct tpmiot_key *key)
{
	return !key->empty_auth && !key->auth_set;
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
	enum tpmiot_rc rc;

	tpmiot_tpm_lock(key->tpm);
	rc = copy_auth(&key->auth, auth, err);
	key->auth_set = rc == TPMIOT_OK;
	tpmiot_tpm_unlock(key->tpm);
	return rc;
}

enum tpmiot_rc
tpmiot_key_set_parent_auth(struct tpmiot_key *key, struct tpmiot_bytes auth,
    struct tpmiot_err *err)
{
	enum tpmiot_rc rc;

	tpmiot_tpm_lock(key->tpm);
	rc = copy_auth(&key->parent_auth, auth, err);
	tpmiot_tpm_unlock(key->tpm);
	return rc;
}

/* ---- parents ---------------------------------------------------------------------------------- */

static bool
is_hierarchy(TPM2_HANDLE handle)
{
	return handle >> TPM2_HR_SHIFT == TPM2_HT_PERMANENT;
}

/*
 * A loaded parent: a persistent one as it is, a hierarchy's storage key made
 * from its template. *made says what to flush afterwards.
 */
static enum tpmiot_rc
open_parent(struct tpmiot_tpm *tpm, TPM2_HANDLE parent, TPM2_HANDLE *handle, TPM2_HANDLE *made,
    struct tpmiot_err *err)
{
	TPMT_PUBLIC template;
	enum tpmiot_rc rc;

	*made = 0;
	if (!is_hierarchy(parent)) {
		*handle = parent;
		return TPMIOT_OK;
	}
	tpmiot_template_srk_ecc(&template);
	rc = tpmiot_tpm_create_primary(tpm, parent, (struct tpmiot_bytes){ NULL, 0 }, &template,
	    made, NULL, err);
	*handle = *made;
	return rc;
}

static enum tpmiot_rc
create_under(struct tpmiot_tpm *tpm, TPM2_HANDLE parent, struct tpmiot_bytes parent_auth,
    const TPMT_PUBLIC *template, struct tpmiot_bytes user_auth, struct tpmiot_keyfile *out,
    struct tpmiot_err *err)
{
	TPM2_HANDLE handle = 0, made = 0;
	enum tpmiot_rc rc = open_parent(tpm, parent, &handle, &made, err);

	if (rc == TPMIOT_OK)
		rc = tpmiot_tpm_create(tpm, handle, parent_auth, template, user_auth, &out->pub,
		    &out->priv, err);
	tpmiot_tpm_flush(tpm, &made);
	out->parent = parent;
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
	rc = create_under(tpm, any ? TPMIOT_SRK_HANDLE : parent, parent_auth, template, user_auth,
	    &file, err);
	if (rc == TPMIOT_E_NOT_FOUND && any)
		rc = create_under(tpm, TPM2_RH_OWNER, parent_auth, template, user_auth, &file, err);
	tpmiot_tpm_unlock(tpm);
	if (rc == TPMIOT_E_NOT_FOUND)
		return tpmiot_err_set(err, rc,
		    "no parent at 0x%08x; tpm2_getcap handles-persistent lists what there is", parent);
	if (rc == TPMIOT_OK)
		rc = tpmiot_key_from_file(tpm, &file, out, err);
	if (rc == TPMIOT_OK && user_auth.len != 0) {
		rc = tpmiot_key_set_auth(*out, user_auth, err);
		if (rc != TPMIOT_OK)
			tpmiot_key_unref(out);
	}
	return rc;
}

/* ---- loading ------------------------------------------------------------------------------------ */

static enum tpmiot_rc
load(struct tpmiot_key *key, struct tpmiot_err *err)
{
	TPM2_HANDLE parent = 0, made = 0;
	enum tpmiot_rc rc = open_parent(key->tpm, key->parent, &parent, &made, err);

	if (rc == TPMIOT_OK)
		rc = tpmiot_tpm_load(key->tpm, parent, bytes_of(&key->parent_auth), &key->pub,
		    &key->priv, &key->loaded, err);
	tpmiot_tpm_flush(key->tpm, &made);
	if (rc == TPMIOT_E_NOT_FOUND && !is_hierarchy(key->parent))
		return tpmiot_err_set(err, rc,
		    "the key's parent, 0x%08x, is not in this TPM: was it cleared or replaced?",
		    key->parent);
	if (rc == TPMIOT_OK)
		key->epoch = key->tpm->epoch;
	return rc;
}

enum tpmiot_rc
tpmiot_key_handle_loaded(struct tpmiot_key *key, TPM2_HANDLE *out, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = TPMIOT_OK;

	tpmiot_tpm_lock(key->tpm);
	key->used = ++key->tpm->ticks;
	if (key->persistent == 0 && !is_loaded(key))
		rc = load(key, err);
	if (rc == TPMIOT_OK)
		*out = key->persistent != 0 ? key->persistent : key->loaded;
	tpmiot_tpm_unlock(key->tpm);
	return rc;
}

bool
tpm_make_room(struct tpmiot_tpm *tpm)
{
	struct tpmiot_key *oldest = NULL;

	for (struct tpmiot_key *key = tpm->keys; key != NULL; key = key->next)
		if (is_loaded(key) && (oldest == NULL || key->used < oldest->used))
			oldest = key;
	if (oldest == NULL)
		return false;
	unload(oldest);
	return true;
}

/* ---- signing -------------------------------------------------------------------------------------- */

/* The storage root key, to which a session for auth values is salted. */
static enum tpmiot_rc
start_auth_session(struct tpmiot_tpm *tpm, struct tpmiot_err *err)
{
	struct tpmiot_public pub;
	TPM2_HANDLE handle = TPMIOT_SRK_HANDLE, made = 0;
	TPMT_PUBLIC template;
	enum tpmiot_rc rc;

	if (tpm->auth_session != NULL)
		return TPMIOT_OK;
	rc = tpmiot_tpm_read_public(tpm, handle, &pub, err);
	if (rc == TPMIOT_E_NOT_FOUND) {
		tpmiot_template_srk_ecc(&template);
		rc = tpmiot_tpm_create_primary(tpm, TPM2_RH_OWNER, (struct tpmiot_bytes){ NULL, 0 },
		    &template, &made, &pub, err);
		handle = made;
	}
	if (rc == TPMIOT_OK)
		rc = tpmiot_session_start(tpm, TPM2_SE_HMAC, handle, &pub, &tpm->auth_session, err);
	tpmiot_tpm_flush(tpm, &made);
	return rc;
}

static enum tpmiot_rc
sign_once(struct tpmiot_key *key, const TPMT_SIG_SCHEME *scheme, const TPM2B_DIGEST *digest,
    const TPMT_TK_HASHCHECK *ticket, TPMT_SIGNATURE *out, struct tpmiot_err *err)
{
	struct tpmiot_auth auth = { .value = bytes_of(&key->auth), .name = key->pub.name };
	enum tpmiot_rc rc = TPMIOT_OK;
	TPM2_HANDLE handle = 0;

	if (auth.value.len != 0) {
		rc = start_auth_session(key->tpm, err);
		auth.session = key->tpm->auth_session;
	}
	if (rc == TPMIOT_OK)
		rc = tpmiot_key_handle_loaded(key, &handle, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_tpm_sign(key->tpm, handle, &auth, scheme, digest, ticket, out, err);
	return rc;
}

/* Once more when the handle or the connection had gone: a wrapped key can be made again. */
static enum tpmiot_rc
sign(struct tpmiot_key *key, const TPMT_SIG_SCHEME *scheme, const TPM2B_DIGEST *digest,
    const TPMT_TK_HASHCHECK *ticket, TPMT_SIGNATURE *out, struct tpmiot_err *err)
{
	bool was_loaded = is_loaded(key);
	enum tpmiot_rc rc = sign_once(key, scheme, digest, ticket, out, err);

	if (was_loaded && (rc == TPMIOT_E_NOT_FOUND || rc == TPMIOT_E_TPM_GONE)) {
		key->loaded = 0;
		tpmiot_session_end(&key->tpm->auth_session);
		rc = sign_once(key, scheme, digest, ticket, out, err);
	}
	return rc;
}

static bool
is_restricted(const struct tpmiot_key *key)
{
	return (key->pub.area.objectAttributes & TPMA_OBJECT_RESTRICTED) != 0;
}

enum tpmiot_rc
tpmiot_key_sign_digest(struct tpmiot_key *key, const TPMT_SIG_SCHEME *scheme, const void *digest,
    size_t len, TPMT_SIGNATURE *out, struct tpmiot_err *err)
{
	TPM2B_DIGEST in = { .size = (UINT16)len };
	enum tpmiot_rc rc;

	if (is_restricted(key))
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "this is a restricted (attestation) key: it signs messages that the TPM has "
		    "hashed itself, not digests; give it the message, as openssl dgst -sign does");
	if (len > sizeof(in.buffer))
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED, "a digest of %zu bytes", len);
	memcpy(in.buffer, digest, len);
	tpmiot_tpm_lock(key->tpm);
	rc = sign(key, scheme, &in, NULL, out, err);
	tpmiot_tpm_unlock(key->tpm);
	return rc;
}

enum tpmiot_rc
tpmiot_key_sign_message(struct tpmiot_key *key, const TPMT_SIG_SCHEME *scheme, const void *msg,
    size_t len, TPMT_SIGNATURE *out, struct tpmiot_err *err)
{
	TPMI_ALG_HASH alg = scheme->details.any.hashAlg;
	TPMT_TK_HASHCHECK ticket;
	TPM2B_DIGEST digest;
	enum tpmiot_rc rc;

	if (!is_restricted(key)) {
		rc = tpmiot_alg_digest(key->tpm->libctx, alg, msg, len, &digest, err);
		if (rc != TPMIOT_OK)
			return rc;
		return tpmiot_key_sign_digest(key, scheme, digest.buffer, digest.size, out, err);
	}
	tpmiot_tpm_lock(key->tpm);
	rc = tpmiot_tpm_hash(key->tpm, alg, msg, len, &digest, &ticket, err);
	if (rc == TPMIOT_OK)
		rc = sign(key, scheme, &digest, &ticket, out, err);
	tpmiot_tpm_unlock(key->tpm);
	return rc;
}
