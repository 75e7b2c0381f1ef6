/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files, while no provider is active that opens them (see peers.h): with
 * `-provider tpmiot` alone, a key file, a certificate or a public key still is
 * what it is. PEM with any number of blocks, or one object in DER.
 */
#include <string.h>
#include <strings.h>

#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/pem.h>

#include "bio.h"
#include "load.h"
#include "objects.h"
#include "tables.h"

struct file {
	struct prov_ctx *prov;
	BIO *bio;
	bool done;
	char input_type[8]; /* "PEM" or "DER", if only that will do */
	/* during load only */
	OSSL_CALLBACK *object_cb;
	void *object_arg;
	OSSL_PASSPHRASE_CALLBACK *pw_cb;
	void *pw_arg;
};

static OSSL_FUNC_store_open_fn file_open;
static OSSL_FUNC_store_attach_fn file_attach;
static OSSL_FUNC_store_settable_ctx_params_fn file_settable;
static OSSL_FUNC_store_set_ctx_params_fn file_set_params;
static OSSL_FUNC_store_load_fn file_load;
static OSSL_FUNC_store_eof_fn file_eof;
static OSSL_FUNC_store_close_fn file_close;

/* Takes over bio, also when it fails. */
static void *
file_new(struct prov_ctx *prov, BIO *bio)
{
	struct file *file = bio == NULL ? NULL : OPENSSL_zalloc(sizeof(*file));

	if (file == NULL) {
		BIO_free(bio);
		return NULL;
	}
	file->prov = prov;
	file->bio = bio;
	return file;
}

/* file:PATH and file:///PATH (RFC 8089), or just a path. */
static void *
file_open(void *provctx, const char *uri)
{
	const char *path = uri;

	if (strncasecmp(path, "file:", 5) == 0) {
		path += 5;
		if (strncmp(path, "///", 3) == 0)
			path += 2;
	}
	return file_new(provctx, BIO_new_file(path, "rb"));
}

static void *
file_attach(void *provctx, OSSL_CORE_BIO *in)
{
	return file_new(provctx, prov_bio_new(provctx, in));
}

static int
file_close(void *ctx)
{
	struct file *file = ctx;

	if (file != NULL)
		BIO_free(file->bio);
	OPENSSL_free(file);
	return 1;
}

static int
file_eof(void *ctx)
{
	const struct file *file = ctx;

	return file->done;
}

/* libcrypto sorts out what was not expected. */
static const OSSL_PARAM *
file_settable(void *provctx)
{
	static const OSSL_PARAM settable[] = {
		OSSL_PARAM_int(OSSL_STORE_PARAM_EXPECT, NULL),
		OSSL_PARAM_utf8_string(OSSL_STORE_PARAM_PROPERTIES, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_STORE_PARAM_INPUT_TYPE, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)provctx;
	return settable;
}

static int
file_set_params(void *ctx, const OSSL_PARAM params[])
{
	struct file *file = ctx;
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_STORE_PARAM_INPUT_TYPE);
	const char *type = NULL;

	if (p == NULL)
		return 1;
	return OSSL_PARAM_get_utf8_string_ptr(p, &type) && type != NULL &&
	       OPENSSL_strlcpy(file->input_type, type, sizeof(file->input_type)) <
	           sizeof(file->input_type);
}

/* ---- One object ------------------------------------------------------------ */

static int
deliver_key(struct file *file, struct prov_pkey *key)
{
	return key != NULL && prov_pkey_deliver(key, file->object_cb, file->object_arg);
}

static int
load_tss2(struct file *file, const unsigned char *der, size_t len)
{
	struct tpmiot_keyfile *key = OPENSSL_zalloc(sizeof(*key));
	struct tpmiot_err err;
	int ret = 0;

	if (key == NULL || prov_libctx(file->prov) == NULL)
		ret = 0;
	else if (tpmiot_keyfile_parse_der(prov_libctx(file->prov), der, len, key, &err) !=
	         TPMIOT_OK)
		ret = prov_raise_err(file->prov, &err);
	else
		ret = deliver_key(
		    file, prov_load_keyfile(file->prov, key, NULL, file->pw_cb, file->pw_arg));
	prov_keyfile_free(key);
	return ret;
}

/* Any other key, public or private: a software key of the private context. */
static int
load_soft(struct file *file, const unsigned char *der, size_t len, int selection)
{
	EVP_PKEY *soft = NULL;
	OSSL_DECODER_CTX *ctx = OSSL_DECODER_CTX_new_for_pkey(
	    &soft, "DER", NULL, NULL, selection, prov_libctx(file->prov), NULL);
	int ret = 0;

	if (ctx != NULL)
		OSSL_DECODER_CTX_set_passphrase_cb(ctx, file->pw_cb, file->pw_arg);
	if (ctx != NULL && OSSL_DECODER_from_data(ctx, &der, &len))
		ret = deliver_key(file, prov_pkey_from_soft(file->prov, &soft,
		                            selection | OSSL_KEYMGMT_SELECT_ALL_PARAMETERS));
	EVP_PKEY_free(soft);
	OSSL_DECODER_CTX_free(ctx);
	return ret;
}

/* libcrypto itself parses certificates and revocation lists. */
static int
load_by_value(struct file *file, int object_type, const unsigned char *der, size_t len)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_int(OSSL_OBJECT_PARAM_TYPE, &object_type),
		OSSL_PARAM_octet_string(OSSL_OBJECT_PARAM_DATA, (void *)(uintptr_t)der, len),
		OSSL_PARAM_END,
	};

	return file->object_cb(params, file->object_arg);
}

static bool
ends_with(const char *str, const char *end)
{
	size_t len = strlen(str), end_len = strlen(end);

	return len >= end_len && strcmp(str + len - end_len, end) == 0;
}

static int
load_block(struct file *file, const char *name, const unsigned char *der, size_t len)
{
	if (tpmiot_keyfile_is_pem_name(name))
		return load_tss2(file, der, len);
	if (strcmp(name, PEM_STRING_PUBLIC) == 0)
		return load_soft(file, der, len, OSSL_KEYMGMT_SELECT_PUBLIC_KEY);
	if (ends_with(name, "PRIVATE KEY"))
		return load_soft(file, der, len, OSSL_KEYMGMT_SELECT_KEYPAIR);
	if (ends_with(name, "CERTIFICATE"))
		return load_by_value(file, OSSL_OBJECT_CERT, der, len);
	if (strcmp(name, PEM_STRING_X509_CRL) == 0)
		return load_by_value(file, OSSL_OBJECT_CRL, der, len);
	return 1; /* nothing that a store has: the next block, please */
}

/* ---- The file -------------------------------------------------------------- */

/* The next block. At the file's end `done` is set. */
static int
load_pem(struct file *file)
{
	char *name = NULL, *header = NULL;
	unsigned char *der = NULL;
	long len = 0;
	int ret = 0;

	ERR_set_mark();
	if (PEM_read_bio(file->bio, &name, &header, &der, &len) <= 0) {
		ERR_pop_to_mark();
		file->done = true;
		return 0;
	}
	ERR_clear_last_mark();
	if (header[0] == '\0')
		ret = load_block(file, name, der, (size_t)len);
	else
		prov_raise(file->prov, TPMIOT_E_UNSUPPORTED,
		    "an encrypted key in the old PEM form needs OpenSSL's own provider: "
		    "add -provider default");
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_clear_free(der, (size_t)len);
	return ret;
}

static int
load_object(struct file *file, const unsigned char *der, size_t len)
{
	switch (prov_object_kind(file->prov, der, len)) {
	case PROV_OBJECT_KEY_FILE:
		return load_tss2(file, der, len);
	case PROV_OBJECT_CERTIFICATE:
		return load_by_value(file, OSSL_OBJECT_CERT, der, len);
	case PROV_OBJECT_CRL:
		return load_by_value(file, OSSL_OBJECT_CRL, der, len);
	case PROV_OBJECT_PUBLIC_KEY:
		return load_soft(file, der, len, OSSL_KEYMGMT_SELECT_PUBLIC_KEY);
	case PROV_OBJECT_OTHER:
	default:
		return load_soft(file, der, len, OSSL_KEYMGMT_SELECT_KEYPAIR);
	}
}

/* A file in DER holds one object; whether it is one shows at its first byte. */
static int
load_der(struct file *file)
{
	struct tpmiot_buf der = TPMIOT_BUF_INIT;
	int ret;

	file->done = true;
	if (strcasecmp(file->input_type, "PEM") == 0)
		return prov_raise(file->prov, TPMIOT_E_FORMAT,
		    "PEM was asked for, and the file is in DER: -inform DER");
	ret = prov_bio_read_all(file->bio, &der) && load_object(file, der.data, der.len);
	tpmiot_buf_free(&der);
	return ret;
}

static bool
is_der(BIO *bio)
{
	char first = 0;
	bool seen = BIO_tell(bio) == 0 && BIO_read(bio, &first, 1) == 1;

	return seen && BIO_seek(bio, 0) >= 0 && first == 0x30;
}

static int
file_load(void *ctx, OSSL_CALLBACK *object_cb, void *object_arg, OSSL_PASSPHRASE_CALLBACK *pw_cb,
    void *pw_arg)
{
	struct file *file = ctx;
	int ret;

	file->object_cb = object_cb;
	file->object_arg = object_arg;
	file->pw_cb = pw_cb;
	file->pw_arg = pw_arg;
	ERR_set_mark();
	ret = is_der(file->bio) ? load_der(file) : load_pem(file);
	ERR_clear_last_mark();
	return ret;
}

const OSSL_DISPATCH prov_store_file[] = {
	PROV_FN(STORE_OPEN, file_open),
	PROV_FN(STORE_ATTACH, file_attach),
	PROV_FN(STORE_SETTABLE_CTX_PARAMS, file_settable),
	PROV_FN(STORE_SET_CTX_PARAMS, file_set_params),
	PROV_FN(STORE_LOAD, file_load),
	PROV_FN(STORE_EOF, file_eof),
	PROV_FN(STORE_CLOSE, file_close),
	{ 0, NULL },
};
