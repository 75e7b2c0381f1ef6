/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoders for TSS2 PRIVATE KEY: from PEM to DER, from DER to a key. libcrypto
 * tries them on every key that it reads, whosoever it is: they look first, and
 * what is not ours is no error.
 */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/pem.h>

#include "bio.h"
#include "load.h"
#include "tables.h"

#define HANDLED 1 /* or nothing of ours, which libcrypto wants to be told the same way */

static OSSL_FUNC_decoder_newctx_fn decoder_new;
static OSSL_FUNC_decoder_freectx_fn decoder_free;
static OSSL_FUNC_decoder_does_selection_fn private_selection;
static OSSL_FUNC_decoder_decode_fn pem_decode, rsa_decode, pss_decode, ec_decode;
static OSSL_FUNC_decoder_export_object_fn export_object;

/* A decoder keeps nothing of its own. */
static void *
decoder_new(void *provctx)
{
	return provctx;
}

static void
decoder_free(void *ctx)
{
	(void)ctx;
}

static int
private_selection(void *provctx, int selection)
{
	(void)provctx;
	return selection == 0 || (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0;
}

/*
 * A damaged key file is told of here: what a decoder says after this one is lost
 * when the key comes through a store.
 */
static bool
check_der(struct prov_ctx *prov, const unsigned char *der, size_t len)
{
	struct tpmiot_keyfile *file = OPENSSL_zalloc(sizeof(*file));
	OSSL_LIB_CTX *libctx = prov_libctx(prov);
	struct tpmiot_err err;
	bool ok = file != NULL && libctx != NULL;

	if (ok && tpmiot_keyfile_parse_der(libctx, der, len, file, &err) != TPMIOT_OK)
		ok = prov_raise_err(prov, &err);
	else if (ok)
		ok = prov_keyfile_is_key(prov, file);
	prov_keyfile_free(file);
	return ok;
}

static int
deliver_der(const unsigned char *der, size_t len, OSSL_CALLBACK *cb, void *arg)
{
	char structure[] = "TSS2";
	int object_type = OSSL_OBJECT_PKEY;
	OSSL_PARAM params[] = {
		OSSL_PARAM_int(OSSL_OBJECT_PARAM_TYPE, &object_type),
		OSSL_PARAM_utf8_string(
		    OSSL_OBJECT_PARAM_DATA_STRUCTURE, structure, sizeof(structure) - 1),
		OSSL_PARAM_octet_string(OSSL_OBJECT_PARAM_DATA, (void *)(uintptr_t)der, len),
		OSSL_PARAM_END,
	};

	return cb(params, arg);
}

/* One block: libcrypto comes again for the next one. */
static int
pem_decode(void *ctx, OSSL_CORE_BIO *in, int selection, OSSL_CALLBACK *data_cb, void *data_arg,
    OSSL_PASSPHRASE_CALLBACK *pw_cb, void *pw_arg)
{
	BIO *bio = prov_bio_new(ctx, in);
	char *name = NULL, *header = NULL;
	unsigned char *der = NULL;
	long len = 0;
	int ret = HANDLED;

	(void)selection;
	(void)pw_cb;
	(void)pw_arg;
	ERR_set_mark();
	if (bio != NULL && PEM_read_bio(bio, &name, &header, &der, &len) > 0 &&
	    tpmiot_keyfile_is_pem_name(name))
		ret = check_der(ctx, der, (size_t)len) &&
		      deliver_der(der, (size_t)len, data_cb, data_arg);
	if (name == NULL)
		ERR_pop_to_mark(); /* no PEM at all */
	else
		ERR_clear_last_mark();
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_clear_free(der, (size_t)len); /* it may have been a plain private key */
	BIO_free(bio);
	return ret;
}

/* Sealed data and HMAC keys are of no type: told once, by the first of them. */
static bool
is_type(const struct tpmiot_keyfile *file, enum prov_type type)
{
	enum prov_type real = PROV_RSA;

	if (file->pub.area.type == TPM2_ALG_KEYEDHASH)
		return type == PROV_RSA;
	return prov_type_of(&file->pub.area, &real) && real == type;
}

static int
decode(struct prov_ctx *prov, enum prov_type type, OSSL_CORE_BIO *in, OSSL_CALLBACK *data_cb,
    void *data_arg, OSSL_PASSPHRASE_CALLBACK *pw_cb, void *pw_arg)
{
	BIO *bio = prov_bio_new(prov, in);
	struct tpmiot_buf der = TPMIOT_BUF_INIT;
	struct tpmiot_keyfile *file = OPENSSL_zalloc(sizeof(*file));
	struct prov_pkey *key;
	struct tpmiot_err err;
	int ret = HANDLED;

	ERR_set_mark();
	if (bio == NULL || file == NULL || !prov_bio_read_der(bio, &der) ||
	    !tpmiot_keyfile_is_der(der.data, der.len))
		goto out;
	if (tpmiot_keyfile_parse_der(prov_libctx(prov), der.data, der.len, file, &err) !=
	    TPMIOT_OK) {
		/* Of no known type: told once, by the first of them. */
		if (type == PROV_RSA)
			prov_raise_err(prov, &err);
		goto out;
	}
	if (!is_type(file, type))
		goto out;
	key = prov_load_keyfile(prov, file, NULL, pw_cb, pw_arg);
	ret = key == NULL ? 0 : prov_pkey_deliver(key, data_cb, data_arg);
out:
	ERR_clear_last_mark();
	prov_keyfile_free(file);
	tpmiot_buf_free(&der);
	BIO_free(bio);
	return ret;
}

static int
rsa_decode(void *ctx, OSSL_CORE_BIO *in, int selection, OSSL_CALLBACK *data_cb, void *data_arg,
    OSSL_PASSPHRASE_CALLBACK *pw_cb, void *pw_arg)
{
	(void)selection;
	return decode(ctx, PROV_RSA, in, data_cb, data_arg, pw_cb, pw_arg);
}

static int
pss_decode(void *ctx, OSSL_CORE_BIO *in, int selection, OSSL_CALLBACK *data_cb, void *data_arg,
    OSSL_PASSPHRASE_CALLBACK *pw_cb, void *pw_arg)
{
	(void)selection;
	return decode(ctx, PROV_RSA_PSS, in, data_cb, data_arg, pw_cb, pw_arg);
}

static int
ec_decode(void *ctx, OSSL_CORE_BIO *in, int selection, OSSL_CALLBACK *data_cb, void *data_arg,
    OSSL_PASSPHRASE_CALLBACK *pw_cb, void *pw_arg)
{
	(void)selection;
	return decode(ctx, PROV_EC, in, data_cb, data_arg, pw_cb, pw_arg);
}

/* Another provider's key management can't have a key that is in the TPM. */
static int
export_object(void *ctx, const void *reference, size_t len, OSSL_CALLBACK *cb, void *arg)
{
	(void)ctx;
	(void)reference;
	(void)len;
	(void)cb;
	(void)arg;
	return 0;
}

#define COMMON                                                                                     \
	PROV_FN(DECODER_NEWCTX, decoder_new), PROV_FN(DECODER_FREECTX, decoder_free),              \
	    PROV_FN(DECODER_DOES_SELECTION, private_selection)

const OSSL_DISPATCH prov_decoder_pem[] = {
	COMMON,
	PROV_FN(DECODER_DECODE, pem_decode),
	{ 0, NULL },
};

const OSSL_DISPATCH prov_decoder_rsa[] = {
	COMMON,
	PROV_FN(DECODER_DECODE, rsa_decode),
	PROV_FN(DECODER_EXPORT_OBJECT, export_object),
	{ 0, NULL },
};

const OSSL_DISPATCH prov_decoder_pss[] = {
	COMMON,
	PROV_FN(DECODER_DECODE, pss_decode),
	PROV_FN(DECODER_EXPORT_OBJECT, export_object),
	{ 0, NULL },
};

const OSSL_DISPATCH prov_decoder_ec[] = {
	COMMON,
	PROV_FN(DECODER_DECODE, ec_decode),
	PROV_FN(DECODER_EXPORT_OBJECT, export_object),
	{ 0, NULL },
};
