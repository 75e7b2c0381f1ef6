/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoders: a TPM key's private half as TSS2 PRIVATE KEY (of a persistent key, as
 * TPMIOT KEY REFERENCE), everything else as the default provider in the private
 * library context writes it.
 */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include "bio.h"
#include "load.h"
#include "tables.h"

struct encoder {
	struct prov_ctx *prov;
	char cipher[64]; /* "" for none */
};

/* What one encoder writes. */
struct form {
	const char *output;    /* "DER", "PEM" or "TEXT" */
	const char *structure; /* NULL for text */
};

static const struct form SPKI_DER = { "DER", "SubjectPublicKeyInfo" };
static const struct form SPKI_PEM = { "PEM", "SubjectPublicKeyInfo" };
static const struct form PRIVATE_DER = { "DER", "PrivateKeyInfo" };
static const struct form PRIVATE_PEM = { "PEM", "PrivateKeyInfo" };
static const struct form PKCS1_DER = { "DER", "pkcs1" };
static const struct form PKCS1_PEM = { "PEM", "pkcs1" };
static const struct form PARAMS_DER = { "DER", "type-specific" };
static const struct form PARAMS_PEM = { "PEM", "type-specific" };
static const struct form TEXT = { "TEXT", NULL };

static OSSL_FUNC_encoder_newctx_fn encoder_new;
static OSSL_FUNC_encoder_freectx_fn encoder_free;
static OSSL_FUNC_encoder_set_ctx_params_fn encoder_set_params;
static OSSL_FUNC_encoder_settable_ctx_params_fn encoder_settable;
static OSSL_FUNC_encoder_does_selection_fn public_selection, private_selection, params_selection;
static OSSL_FUNC_encoder_encode_fn encode_spki_der, encode_spki_pem, encode_private_der,
    encode_private_pem, encode_pkcs1_der, encode_pkcs1_pem, encode_params_der, encode_params_pem,
    encode_text;

static void *
encoder_new(void *provctx)
{
	struct encoder *enc = OPENSSL_zalloc(sizeof(*enc));

	if (enc != NULL)
		enc->prov = provctx;
	return enc;
}

static void
encoder_free(void *ctx)
{
	OPENSSL_free(ctx);
}

static const OSSL_PARAM *
encoder_settable(void *provctx)
{
	static const OSSL_PARAM settable[] = {
		OSSL_PARAM_utf8_string(OSSL_ENCODER_PARAM_CIPHER, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_ENCODER_PARAM_PROPERTIES, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)provctx;
	return settable;
}

static int
encoder_set_params(void *ctx, const OSSL_PARAM params[])
{
	struct encoder *enc = ctx;
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_ENCODER_PARAM_CIPHER);
	const char *name = NULL;

	if (p == NULL)
		return 1;
	enc->cipher[0] = '\0';
	if (p->data == NULL)
		return 1;
	return OSSL_PARAM_get_utf8_string_ptr(p, &name) &&
	       OPENSSL_strlcpy(enc->cipher, name, sizeof(enc->cipher)) < sizeof(enc->cipher);
}

/* By the most private thing that is selected, as the default provider has it. */
static int
public_selection(void *provctx, int selection)
{
	(void)provctx;
	return selection == 0 || ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 &&
	                             (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0);
}

static int
private_selection(void *provctx, int selection)
{
	(void)provctx;
	return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0;
}

static int
params_selection(void *provctx, int selection)
{
	(void)provctx;
	return (selection & OSSL_KEYMGMT_SELECT_KEYPAIR) == 0 &&
	       (selection & OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS) != 0;
}

/* ---- TSS2 PRIVATE KEY -------------------------------------------------------- */

static enum tpmiot_rc
put_keyfile(const struct tpmiot_key *key, const struct form *form, struct tpmiot_buf *out,
    struct tpmiot_err *err)
{
	struct tpmiot_keyfile file;
	enum tpmiot_rc rc;

	tpmiot_key_to_file(key, &file);
	rc = form == &PRIVATE_PEM ? tpmiot_keyfile_put_pem(&file, out, err)
	                          : tpmiot_keyfile_put_der(&file, out, err);
	tpmiot_keyfile_clear(&file);
	return rc;
}

static int
encode_tpm(struct encoder *enc, const struct form *form, const struct prov_pkey *key, BIO *bio)
{
	struct tpmiot_buf out = TPMIOT_BUF_INIT;
	struct tpmiot_err err;
	size_t done = 0;
	int ok;

	if (enc->cipher[0] != '\0')
		return prov_raise(enc->prov, TPMIOT_E_UNSUPPORTED,
		    "a TPM key's file is not encrypted, the TPM wraps the key already: leave out "
		    "the cipher (-noenc), and give the key a password with -pkeyopt user-auth:");
	ERR_set_mark();
	if (put_keyfile(key->tpm, form, &out, &err) != TPMIOT_OK)
		ok = prov_raise_err(enc->prov, &err);
	else
		ok = BIO_write_ex(bio, out.data, out.len, &done) && done == out.len;
	ERR_clear_last_mark();
	tpmiot_buf_free(&out);
	return ok;
}

/* ---- Everything else ----------------------------------------------------------- */

static int
encode_soft(struct encoder *enc, const struct form *form, const struct prov_pkey *key,
    int selection, BIO *bio, OSSL_PASSPHRASE_CALLBACK *cb, void *arg)
{
	OSSL_ENCODER_CTX *ctx = OSSL_ENCODER_CTX_new_for_pkey(
	    key->soft, selection, form->output, form->structure, NULL);
	int ok = ctx != NULL;

	if (ok && enc->cipher[0] != '\0')
		ok = OSSL_ENCODER_CTX_set_cipher(ctx, enc->cipher, NULL) &&
		     (cb == NULL || OSSL_ENCODER_CTX_set_passphrase_cb(ctx, cb, arg));
	ok = ok && OSSL_ENCODER_to_bio(ctx, bio);
	OSSL_ENCODER_CTX_free(ctx);
	return ok;
}

/* Where only parameters were imported, OpenSSL's own encoders crash (RSA) or leak (EC). */
static bool
lacks_public(const struct prov_pkey *key, const struct form *form)
{
	return (key->has & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) == 0 &&
	       (key->type == PROV_RSA || form == &SPKI_DER || form == &SPKI_PEM ||
	           form == &PKCS1_DER || form == &PKCS1_PEM);
}

static int
encode(struct encoder *enc, const struct form *form, OSSL_CORE_BIO *out,
    const struct prov_pkey *key, const OSSL_PARAM abstract[], int selection,
    OSSL_PASSPHRASE_CALLBACK *cb, void *arg)
{
	BIO *bio;
	int ok;

	if (key == NULL || key->soft == NULL || lacks_public(key, form) || abstract != NULL)
		return prov_raise(enc->prov, TPMIOT_E_USAGE, "nothing to encode");
	bio = prov_bio_new(enc->prov, out);
	if (bio == NULL)
		return 0;
	if (key->tpm == NULL) {
		ok = encode_soft(enc, form, key, selection, bio, cb, arg);
	} else if (form == &PRIVATE_DER || form == &PRIVATE_PEM) {
		ok = encode_tpm(enc, form, key, bio);
	} else {
		/* Of a TPM key, software knows the public half. */
		selection &= ~OSSL_KEYMGMT_SELECT_PRIVATE_KEY;
		if (form != &PARAMS_DER && form != &PARAMS_PEM)
			selection |= OSSL_KEYMGMT_SELECT_PUBLIC_KEY;
		if (form == &TEXT && BIO_puts(bio, "Private key in the TPM\n") <= 0)
			ok = 0;
		else
			ok = encode_soft(enc, form, key, selection, bio, NULL, NULL);
	}
	BIO_free(bio);
	return ok;
}

#define ENCODE(function, form)                                                                     \
	static int function(void *ctx, OSSL_CORE_BIO *out, const void *key,                        \
	    const OSSL_PARAM abstract[], int selection, OSSL_PASSPHRASE_CALLBACK *cb, void *arg)   \
	{                                                                                          \
		return encode(ctx, &(form), out, key, abstract, selection, cb, arg);               \
	}

ENCODE(encode_spki_der, SPKI_DER)
ENCODE(encode_spki_pem, SPKI_PEM)
ENCODE(encode_private_der, PRIVATE_DER)
ENCODE(encode_private_pem, PRIVATE_PEM)
ENCODE(encode_pkcs1_der, PKCS1_DER)
ENCODE(encode_pkcs1_pem, PKCS1_PEM)
ENCODE(encode_params_der, PARAMS_DER)
ENCODE(encode_params_pem, PARAMS_PEM)
ENCODE(encode_text, TEXT)

#define COMMON                                                                                     \
	PROV_FN(ENCODER_NEWCTX, encoder_new), PROV_FN(ENCODER_FREECTX, encoder_free),              \
	    PROV_FN(ENCODER_SET_CTX_PARAMS, encoder_set_params),                                   \
	    PROV_FN(ENCODER_SETTABLE_CTX_PARAMS, encoder_settable)

const OSSL_DISPATCH prov_encoder_spki_der[] = {
	COMMON,
	PROV_FN(ENCODER_DOES_SELECTION, public_selection),
	PROV_FN(ENCODER_ENCODE, encode_spki_der),
	{ 0, NULL },
};

const OSSL_DISPATCH prov_encoder_spki_pem[] = {
	COMMON,
	PROV_FN(ENCODER_DOES_SELECTION, public_selection),
	PROV_FN(ENCODER_ENCODE, encode_spki_pem),
	{ 0, NULL },
};

const OSSL_DISPATCH prov_encoder_private_der[] = {
	COMMON,
	PROV_FN(ENCODER_DOES_SELECTION, private_selection),
	PROV_FN(ENCODER_ENCODE, encode_private_der),
	{ 0, NULL },
};

const OSSL_DISPATCH prov_encoder_private_pem[] = {
	COMMON,
	PROV_FN(ENCODER_DOES_SELECTION, private_selection),
	PROV_FN(ENCODER_ENCODE, encode_private_pem),
	{ 0, NULL },
};

/* RSAPublicKey (RFC 8017, annex A.1.1): `openssl rsa -RSAPublicKey_out`. */
const OSSL_DISPATCH prov_encoder_pkcs1_der[] = {
	COMMON,
	PROV_FN(ENCODER_DOES_SELECTION, public_selection),
	PROV_FN(ENCODER_ENCODE, encode_pkcs1_der),
	{ 0, NULL },
};

const OSSL_DISPATCH prov_encoder_pkcs1_pem[] = {
	COMMON,
	PROV_FN(ENCODER_DOES_SELECTION, public_selection),
	PROV_FN(ENCODER_ENCODE, encode_pkcs1_pem),
	{ 0, NULL },
};

/* ECParameters (RFC 3279, clause 2.3.5): `openssl ecparam`. */
const OSSL_DISPATCH prov_encoder_params_der[] = {
	COMMON,
	PROV_FN(ENCODER_DOES_SELECTION, params_selection),
	PROV_FN(ENCODER_ENCODE, encode_params_der),
	{ 0, NULL },
};

const OSSL_DISPATCH prov_encoder_params_pem[] = {
	COMMON,
	PROV_FN(ENCODER_DOES_SELECTION, params_selection),
	PROV_FN(ENCODER_ENCODE, encode_params_pem),
	{ 0, NULL },
};

const OSSL_DISPATCH prov_encoder_text[] = {
	COMMON,
	PROV_FN(ENCODER_ENCODE, encode_text),
	{ 0, NULL },
};
