/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys by name: the store loader for the schemes tpmiot:, handle: and object:
 * (include/tpmiot/uri.h). Opening parses the name and touches nothing.
 */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/store.h>

#include <tpmiot/statedir.h>
#include <tpmiot/uri.h>

#include "bio.h"
#include "load.h"
#include "objects.h"
#include "tables.h"

struct store {
	struct prov_ctx *prov;
	struct tpmiot_uri uri;
	int expect; /* OSSL_STORE_INFO_…, 0 for anything */
	bool done;
	struct prov_objects objects;
	/* during load only */
	OSSL_PASSPHRASE_CALLBACK *pw_cb;
	void *pw_arg;
};

static OSSL_FUNC_store_open_fn key_open;
static OSSL_FUNC_store_settable_ctx_params_fn key_settable;
static OSSL_FUNC_store_set_ctx_params_fn key_set_params;
static OSSL_FUNC_store_load_fn key_load;
static OSSL_FUNC_store_eof_fn key_eof;
static OSSL_FUNC_store_close_fn key_close;

static void *
key_open(void *provctx, const char *uri)
{
	struct store *store = OPENSSL_zalloc(sizeof(*store));
	struct tpmiot_err err;

	if (store == NULL)
		return NULL;
	store->prov = provctx;
	if (tpmiot_uri_parse(uri, &store->uri, &err) != TPMIOT_OK) {
		prov_raise_err(provctx, &err);
		OPENSSL_free(store);
		return NULL;
	}
	return store;
}

#ifdef OSSL_FUNC_STORE_OPEN_EX
static OSSL_FUNC_store_open_ex_fn key_open_ex;

/* A password is asked for when the key is loaded, if it has one. */
static void *
key_open_ex(void *provctx, const char *uri, const OSSL_PARAM params[],
    OSSL_PASSPHRASE_CALLBACK *pw_cb, void *pw_arg)
{
	struct store *store = key_open(provctx, uri);

	(void)pw_cb;
	(void)pw_arg;
	if (store != NULL && !key_set_params(store, params)) {
		key_close(store);
		return NULL;
	}
	return store;
}
#endif

static int
key_close(void *ctx)
{
	struct store *store = ctx;

	if (store != NULL) {
		tpmiot_uri_free(&store->uri);
		prov_objects_free(&store->objects);
	}
	OPENSSL_free(store);
	return 1;
}

static int
key_eof(void *ctx)
{
	const struct store *store = ctx;

	return store->done;
}

static const OSSL_PARAM *
key_settable(void *provctx)
{
	static const OSSL_PARAM settable[] = {
		OSSL_PARAM_int(OSSL_STORE_PARAM_EXPECT, NULL),
		OSSL_PARAM_END,
	};

	(void)provctx;
	return settable;
}

static int
key_set_params(void *ctx, const OSSL_PARAM params[])
{
	struct store *store = ctx;
	const OSSL_PARAM *p =
	    params == NULL ? NULL : OSSL_PARAM_locate_const(params, OSSL_STORE_PARAM_EXPECT);

	return p == NULL || OSSL_PARAM_get_int(p, &store->expect);
}

/* ---- Where the key is ------------------------------------------------------ */

static struct prov_pkey *
from_keyfile(struct store *store, const struct tpmiot_keyfile *file)
{
	return prov_load_keyfile(store->prov, file, &store->uri, store->pw_cb, store->pw_arg);
}

static struct prov_pkey *
from_handle(struct store *store, TPM2_HANDLE handle)
{
	struct tpmiot_tpm *tpm = prov_tpm(store->prov);
	struct tpmiot_key *loaded = NULL;
	struct prov_pkey *key = NULL;
	struct tpmiot_err err;

	if (tpm == NULL)
		return NULL;
	if (tpmiot_key_from_handle(tpm, handle, &loaded, &err) != TPMIOT_OK)
		prov_raise_err(store->prov, &err);
	else if (prov_auth_provide(store->prov, loaded, &store->uri, store->pw_cb, store->pw_arg))
		key = prov_pkey_from_tpm(store->prov, &loaded);
	tpmiot_key_unref(&loaded);
	return key;
}

/* The key NAME of the state directory dir. */
static enum tpmiot_rc
read_named(struct store *store, const char *dir, const char *name, struct tpmiot_keyfile *out,
    struct tpmiot_err *err)
{
	struct tpmiot_buf file = TPMIOT_BUF_INIT, pem = TPMIOT_BUF_INIT;
	const char *path;
	enum tpmiot_rc rc;

	tpmiot_buf_printf(&file, "%s.key", name);
	path = tpmiot_buf_cstr(&file);
	if (path == NULL) {
		rc = tpmiot_err_memory(err);
		goto out;
	}
	rc = tpmiot_statedir_read(dir, path, &pem, err);
	if (rc == TPMIOT_E_NOT_FOUND)
		rc = tpmiot_err_set(err, rc,
		    "no key %s: there is no %s/%s; `tpmiot-enroll status` lists the keys", name,
		    dir, path);
	if (rc != TPMIOT_OK)
		goto out;
	rc = tpmiot_keyfile_parse_pem(prov_libctx(store->prov), pem.data, pem.len, out, err);
	if (rc != TPMIOT_OK)
		(void)tpmiot_err_prefix(err, "%s/%s", dir, path);
out:
	tpmiot_buf_free(&file);
	tpmiot_buf_free(&pem);
	return rc;
}

struct search {
	struct store *store;
	const char *dir;
	struct tpmiot_keyfile *file;
	bool found;
};

static bool
has_digest(OSSL_LIB_CTX *libctx, const EVP_PKEY *pkey, const uint8_t digest[TPMIOT_SPKI_SHA256_LEN])
{
	uint8_t spki[TPMIOT_SPKI_SHA256_LEN];

	return pkey != NULL && tpmiot_spki_sha256(libctx, pkey, spki, NULL) == TPMIOT_OK &&
	       memcmp(spki, digest, sizeof(spki)) == 0;
}

/*
 * A file that can't be read is not the one that is looked for. A key of type RSA-PSS has
 * two SubjectPublicKeyInfo: a certificate may say rsaEncryption as well.
 */
static bool
search_one(void *arg, const char *name)
{
	struct search *s = arg;
	struct prov_ctx *prov = s->store->prov;
	OSSL_LIB_CTX *libctx = prov_libctx(prov);
	EVP_PKEY *plain = NULL, *soft = NULL;

	ERR_set_mark();
	tpmiot_keyfile_clear(s->file); /* the one before */
	if (read_named(s->store, s->dir, name, s->file, NULL) == TPMIOT_OK &&
	    tpmiot_public_to_pkey(libctx, &s->file->pub, &plain, NULL) == TPMIOT_OK) {
		soft = prov_soft_from_area(prov, &s->file->pub.area, plain);
		s->found = has_digest(libctx, plain, s->store->uri.spki) ||
		           has_digest(libctx, soft, s->store->uri.spki);
	}
	EVP_PKEY_free(plain);
	EVP_PKEY_free(soft);
	ERR_pop_to_mark();
	return !s->found;
}

static enum tpmiot_rc
find_by_spki(
    struct store *store, const char *dir, struct tpmiot_keyfile *out, struct tpmiot_err *err)
{
	struct search s = { .store = store, .dir = dir, .file = out };
	enum tpmiot_rc rc = tpmiot_statedir_each_key(dir, search_one, &s, err);

	if (rc == TPMIOT_OK && !s.found)
		rc = tpmiot_err_set(err, TPMIOT_E_NOT_FOUND,
		    "no key in %s has this public key; `tpmiot-enroll status` lists the keys", dir);
	return rc;
}

static struct prov_pkey *
from_statedir(struct store *store)
{
	struct tpmiot_keyfile *file = OPENSSL_zalloc(sizeof(*file));
	struct tpmiot_buf dir = TPMIOT_BUF_INIT;
	struct prov_pkey *key = NULL;
	struct tpmiot_err err;
	enum tpmiot_rc rc;
	const char *path = NULL;

	if (file == NULL || prov_libctx(store->prov) == NULL)
		goto out;
	rc = tpmiot_statedir_path(store->prov->state_dir, &dir, &err);
	if (rc == TPMIOT_OK && (path = tpmiot_buf_cstr(&dir)) == NULL)
		rc = tpmiot_err_memory(&err);
	if (rc == TPMIOT_OK)
		rc = store->uri.kind == TPMIOT_URI_NAME
		         ? read_named(store, path, store->uri.name, file, &err)
		         : find_by_spki(store, path, file, &err);
	if (rc == TPMIOT_OK)
		key = from_keyfile(store, file);
	else
		prov_raise_err(store->prov, &err);
out:
	prov_keyfile_free(file);
	tpmiot_buf_free(&dir);
	return key;
}

static bool
read_file(struct store *store, struct tpmiot_buf *out)
{
	struct tpmiot_buf path = TPMIOT_BUF_INIT;
	const char *name;
	BIO *bio = NULL;
	bool ok;

	tpmiot_buf_put(&path, store->uri.path.data, store->uri.path.len);
	name = tpmiot_buf_cstr(&path);
	if (name != NULL)
		bio = BIO_new_file(name, "rb");
	if (bio == NULL)
		prov_raise(store->prov, TPMIOT_E_IO, "object:%s can't be opened",
		    name == NULL ? "" : name);
	ok = bio != NULL && prov_bio_read_all(bio, out);
	tpmiot_buf_free(&path);
	BIO_free(bio);
	return ok;
}

/*
 * What tpm2_evictcontrol -o and tpm2_readpublic -t write: a handle, the Name,
 * and more that we do not need. 0 if it is something else.
 */
static TPM2_HANDLE
serialized_handle(const struct tpmiot_buf *content)
{
	struct tpmiot_reader r;
	TPM2_HANDLE handle;
	size_t name_len;

	tpmiot_reader_init(&r, content->data, content->len);
	handle = tpmiot_reader_u32(&r);
	if (tpmiot_reader_tpm2b(&r, sizeof(TPMU_NAME), &name_len) == NULL || r.failed ||
	    handle >> TPM2_HR_SHIFT != TPM2_HT_PERSISTENT)
		return 0;
	return handle;
}

static struct prov_pkey *
from_object(struct store *store)
{
	struct tpmiot_buf content = TPMIOT_BUF_INIT;
	struct tpmiot_keyfile *file = OPENSSL_zalloc(sizeof(*file));
	OSSL_LIB_CTX *libctx = prov_libctx(store->prov);
	struct prov_pkey *key = NULL;
	struct tpmiot_err err;
	enum tpmiot_rc rc;

	if (file == NULL || libctx == NULL || !read_file(store, &content))
		goto out;
	if (serialized_handle(&content) != 0) {
		key = from_handle(store, serialized_handle(&content));
		goto out;
	}
	rc = tpmiot_keyfile_is_der(content.data, content.len)
	         ? tpmiot_keyfile_parse_der(libctx, content.data, content.len, file, &err)
	         : tpmiot_keyfile_parse_pem(libctx, content.data, content.len, file, &err);
	if (rc == TPMIOT_OK)
		key = from_keyfile(store, file);
	else
		prov_raise_err(store->prov, &err);
out:
	prov_keyfile_free(file);
	tpmiot_buf_free(&content);
	return key;
}

static struct prov_pkey *
find_key(struct store *store)
{
	switch (store->uri.kind) {
	case TPMIOT_URI_HANDLE:
		return from_handle(store, store->uri.handle);
	case TPMIOT_URI_OBJECT:
		return from_object(store);
	case TPMIOT_URI_NAME:
	case TPMIOT_URI_SPKI:
	case TPMIOT_URI_NV:
	default:
		return from_statedir(store);
	}
}

/* Of a key's name, the certificates beside it where they are asked for. */
static bool
gives_objects(const struct store *store)
{
	return store->uri.kind == TPMIOT_URI_NV ||
	       (store->uri.kind == TPMIOT_URI_NAME && store->expect == OSSL_STORE_INFO_CERT);
}

static int
load_object(struct store *store, OSSL_CALLBACK *object_cb, void *object_arg)
{
	const struct prov_objects_want want = { store->prov, &store->uri, store->expect, object_cb,
		object_arg, store->pw_cb, store->pw_arg };

	return prov_objects_next(&want, &store->objects, &store->done);
}

static int
load_key(struct store *store, OSSL_CALLBACK *object_cb, void *object_arg)
{
	struct prov_pkey *key;

	store->done = true;
	if (store->expect != 0 && store->expect != OSSL_STORE_INFO_PKEY &&
	    store->expect != OSSL_STORE_INFO_PUBKEY)
		return 0;
	key = find_key(store);
	return key != NULL && prov_pkey_deliver(key, object_cb, object_arg);
}

static int
key_load(void *ctx, OSSL_CALLBACK *object_cb, void *object_arg, OSSL_PASSPHRASE_CALLBACK *pw_cb,
    void *pw_arg)
{
	struct store *store = ctx;
	int ret;

	store->pw_cb = pw_cb;
	store->pw_arg = pw_arg;
	ERR_set_mark();
	ret = gives_objects(store) ? load_object(store, object_cb, object_arg)
	                           : load_key(store, object_cb, object_arg);
	ERR_clear_last_mark();
	return ret;
}

const OSSL_DISPATCH prov_store_key[] = {
	PROV_FN(STORE_OPEN, key_open),
#ifdef OSSL_FUNC_STORE_OPEN_EX
	PROV_FN(STORE_OPEN_EX, key_open_ex),
#endif
#ifdef OSSL_FUNC_STORE_DELETE
	PROV_FN(STORE_DELETE, prov_store_delete),
#endif
	PROV_FN(STORE_SETTABLE_CTX_PARAMS, key_settable),
	PROV_FN(STORE_SET_CTX_PARAMS, key_set_params),
	PROV_FN(STORE_LOAD, key_load),
	PROV_FN(STORE_EOF, key_eof),
	PROV_FN(STORE_CLOSE, key_close),
	{ 0, NULL },
};
