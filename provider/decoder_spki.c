/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoders for public keys, while no provider is active that has them (see
 * peers.h): without, `openssl req -verify -provider tpmiot` could not take the
 * key out of a request or certificate.
 */
#include <openssl/err.h>
#include <openssl/x509.h>

#include "bio.h"
#include "load.h"
#include "tables.h"

static OSSL_FUNC_decoder_newctx_fn spki_new;
static OSSL_FUNC_decoder_freectx_fn spki_free;
static OSSL_FUNC_decoder_does_selection_fn public_selection;
static OSSL_FUNC_decoder_decode_fn rsa_decode, pss_decode, ec_decode;

static void *
spki_new(void *provctx)
{
	return provctx;
}

static void
spki_free(void *ctx)
{
	(void)ctx;
}

static int
public_selection(void *provctx, int selection)
{
	(void)provctx;
	return selection == 0 || ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 &&
	                             (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0);
}

static EVP_PKEY *
read_spki(struct prov_ctx *prov, OSSL_CORE_BIO *in)
{
	BIO *bio = prov_bio_new(prov, in);
	struct tpmiot_buf buf = TPMIOT_BUF_INIT;
	EVP_PKEY *pkey = NULL;

	if (bio != NULL && prov_bio_read_der(bio, &buf)) {
		const unsigned char *der = buf.data;

		pkey = d2i_PUBKEY_ex(NULL, &der, (long)buf.len, prov_libctx(prov), NULL);
	}
	tpmiot_buf_free(&buf);
	BIO_free(bio);
	return pkey;
}

/* What is no public key of this type is another decoder's: no error. */
static int
decode(struct prov_ctx *prov, enum prov_type type, OSSL_CORE_BIO *in, OSSL_CALLBACK *data_cb,
    void *data_arg)
{
	struct prov_pkey *key = NULL;
	EVP_PKEY *soft;

	ERR_set_mark();
	soft = read_spki(prov, in);
	ERR_pop_to_mark();
	if (soft != NULL && EVP_PKEY_is_a(soft, prov_type_name(type)))
		key = prov_pkey_from_soft(prov, &soft,
		    OSSL_KEYMGMT_SELECT_PUBLIC_KEY | OSSL_KEYMGMT_SELECT_ALL_PARAMETERS);
	EVP_PKEY_free(soft);
	return key == NULL || prov_pkey_deliver(key, data_cb, data_arg);
}

static int
rsa_decode(void *ctx, OSSL_CORE_BIO *in, int selection, OSSL_CALLBACK *data_cb, void *data_arg,
    OSSL_PASSPHRASE_CALLBACK *pw_cb, void *pw_arg)
{
	(void)selection;
	(void)pw_cb;
	(void)pw_arg;
	return decode(ctx, PROV_RSA, in, data_cb, data_arg);
}

static int
pss_decode(void *ctx, OSSL_CORE_BIO *in, int selection, OSSL_CALLBACK *data_cb, void *data_arg,
    OSSL_PASSPHRASE_CALLBACK *pw_cb, void *pw_arg)
{
	(void)selection;
	(void)pw_cb;
	(void)pw_arg;
	return decode(ctx, PROV_RSA_PSS, in, data_cb, data_arg);
}

static int
ec_decode(void *ctx, OSSL_CORE_BIO *in, int selection, OSSL_CALLBACK *data_cb, void *data_arg,
    OSSL_PASSPHRASE_CALLBACK *pw_cb, void *pw_arg)
{
	(void)selection;
	(void)pw_cb;
	(void)pw_arg;
	return decode(ctx, PROV_EC, in, data_cb, data_arg);
}

#define COMMON                                                                                     \
	PROV_FN(DECODER_NEWCTX, spki_new), PROV_FN(DECODER_FREECTX, spki_free),                    \
	    PROV_FN(DECODER_DOES_SELECTION, public_selection)

const OSSL_DISPATCH prov_decoder_spki_rsa[] = {
	COMMON,
	PROV_FN(DECODER_DECODE, rsa_decode),
	{ 0, NULL },
};

const OSSL_DISPATCH prov_decoder_spki_pss[] = {
	COMMON,
	PROV_FN(DECODER_DECODE, pss_decode),
	{ 0, NULL },
};

const OSSL_DISPATCH prov_decoder_spki_ec[] = {
	COMMON,
	PROV_FN(DECODER_DECODE, ec_decode),
	{ 0, NULL },
};
