/* SPDX-License-Identifier: Apache-2.0 */
/* RSA encryption and decryption: init, parameters, and the dispatch table. */
#include "cipher.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include <tpmiot/rsapad.h>

#include "tables.h"

static OSSL_FUNC_asym_cipher_newctx_fn cipher_new;
static OSSL_FUNC_asym_cipher_freectx_fn cipher_free;
static OSSL_FUNC_asym_cipher_dupctx_fn cipher_dup;
static OSSL_FUNC_asym_cipher_encrypt_init_fn cipher_encrypt_init;
static OSSL_FUNC_asym_cipher_encrypt_fn cipher_encrypt;
static OSSL_FUNC_asym_cipher_decrypt_init_fn cipher_decrypt_init;
static OSSL_FUNC_asym_cipher_decrypt_fn cipher_decrypt;
static OSSL_FUNC_asym_cipher_get_ctx_params_fn cipher_get_params;
static OSSL_FUNC_asym_cipher_gettable_ctx_params_fn cipher_gettable;
static OSSL_FUNC_asym_cipher_set_ctx_params_fn cipher_set_params;
static OSSL_FUNC_asym_cipher_settable_ctx_params_fn cipher_settable;

static void *
cipher_new(void *provctx)
{
	struct prov_cipher *op = OPENSSL_zalloc(sizeof(*op));

	if (op != NULL)
		op->prov = provctx;
	return op;
}

static void
cipher_free(void *vop)
{
	struct prov_cipher *op = vop;

	if (op == NULL)
		return;
	prov_pkey_unref(op->key);
	EVP_PKEY_CTX_free(op->soft);
	OPENSSL_free(op);
}

static void *
cipher_dup(void *vop)
{
	const struct prov_cipher *from = vop;
	struct prov_cipher *op = cipher_new(from->prov);

	if (op == NULL)
		return NULL;
	op->decrypting = from->decrypting;
	if (from->key != NULL)
		op->key = prov_pkey_ref(from->key);
	if (from->soft != NULL && (op->soft = EVP_PKEY_CTX_dup(from->soft)) == NULL) {
		cipher_free(op);
		return NULL;
	}
	return op;
}

/* With a key in the TPM, `soft` only remembers: any operation on the public half does. */
static int
init(struct prov_cipher *op, struct prov_pkey *key, bool decrypting, const OSSL_PARAM params[])
{
	if (key != NULL) {
		prov_pkey_ref(key);
		prov_pkey_unref(op->key);
		op->key = key;
	}
	if (op->key == NULL || op->key->soft == NULL)
		return prov_raise(op->prov, TPMIOT_E_USAGE, "no key to encrypt or decrypt with");
	if (decrypting && (op->key->has & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0)
		return prov_raise(
		    op->prov, TPMIOT_E_USAGE, "this is a public key: it can't decrypt");
	op->decrypting = decrypting;
	EVP_PKEY_CTX_free(op->soft);
	op->soft = EVP_PKEY_CTX_new_from_pkey(prov_libctx(op->prov), op->key->soft, NULL);
	if (op->soft == NULL)
		return 0;
	if ((decrypting && op->key->tpm == NULL ? EVP_PKEY_decrypt_init(op->soft)
	                                        : EVP_PKEY_encrypt_init(op->soft)) <= 0)
		return 0;
	return cipher_set_params(op, params);
}

static int
cipher_encrypt_init(void *vop, void *key, const OSSL_PARAM params[])
{
	return init(vop, key, false, params);
}

static int
cipher_decrypt_init(void *vop, void *key, const OSSL_PARAM params[])
{
	return init(vop, key, true, params);
}

static int
cipher_encrypt(void *vop, unsigned char *out, size_t *out_len, size_t out_size,
    const unsigned char *in, size_t len)
{
	struct prov_cipher *op = vop;

	*out_len = out_size;
	return EVP_PKEY_encrypt(op->soft, out, out_len, in, len) > 0;
}

static size_t
room_for_message(const struct prov_cipher *op)
{
	return prov_cipher_is_tls(op) ? TPMIOT_TLS_PREMASTER_LEN
	                              : (size_t)EVP_PKEY_get_size(op->key->soft);
}

/*
 * Whether there is room does not depend on the message, as in libcrypto: too little of it for
 * some would tell how long it is, and with that whether its PKCS #1 padding was right.
 */
static int
cipher_decrypt(void *vop, unsigned char *out, size_t *out_len, size_t out_size,
    const unsigned char *in, size_t len)
{
	struct prov_cipher *op = vop;
	int ret;

	if (out == NULL) {
		*out_len = room_for_message(op);
		return 1;
	}
	if (prov_cipher_in_tpm(op)) {
		if (out_size < room_for_message(op))
			return prov_raise(op->prov, TPMIOT_E_USAGE,
			    "%zu bytes are too few for what may come out, up to %zu", out_size,
			    room_for_message(op));
		ERR_set_mark();
		ret = prov_tpm_decrypt(op, out, out_len, out_size, in, len);
		ERR_clear_last_mark();
		return ret;
	}
	*out_len = out_size;
	return EVP_PKEY_decrypt(op->soft, out, out_len, in, len) > 0;
}

/* ---- Parameters -------------------------------------------------------------------- */

#define IMPLICIT_REJECTION "implicit-rejection" /* since OpenSSL 3.2 */

static int
cipher_get_params(void *vop, OSSL_PARAM params[])
{
	struct prov_cipher *op = vop;

	return op->soft != NULL && EVP_PKEY_CTX_get_params(op->soft, params) > 0;
}

static int
cipher_set_params(void *vop, const OSSL_PARAM params[])
{
	struct prov_cipher *op = vop;
	const OSSL_PARAM *p;
	unsigned int on = 1;

	if (params == NULL || params[0].key == NULL)
		return 1;
	p = OSSL_PARAM_locate_const(params, IMPLICIT_REJECTION);
	if (p != NULL && prov_cipher_in_tpm(op) && (!OSSL_PARAM_get_uint(p, &on) || on == 0))
		return prov_raise(op->prov, TPMIOT_E_UNSUPPORTED,
		    "implicit rejection can't be switched off for keys in the TPM");
	return op->soft != NULL &&
	       EVP_PKEY_CTX_set_params(op->soft, prov_params_unconst(params)) > 0;
}

#define SETTINGS                                                                                   \
	OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, NULL, 0),                       \
	    OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, NULL, 0),                      \
	    OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, NULL, 0),                   \
	    OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, NULL),                      \
	    OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION, NULL),                  \
	    OSSL_PARAM_uint(IMPLICIT_REJECTION, NULL), OSSL_PARAM_END

static const OSSL_PARAM *
cipher_gettable(void *vop, void *provctx)
{
	static const OSSL_PARAM gettable[] = {
		OSSL_PARAM_octet_ptr(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, NULL, 0),
		SETTINGS,
	};

	(void)vop;
	(void)provctx;
	return gettable;
}

static const OSSL_PARAM *
cipher_settable(void *vop, void *provctx)
{
	static const OSSL_PARAM settable[] = {
		OSSL_PARAM_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST_PROPS, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST_PROPS, NULL, 0),
		SETTINGS,
	};

	(void)vop;
	(void)provctx;
	return settable;
}

const OSSL_DISPATCH prov_asymcipher_rsa[] = {
	PROV_FN(ASYM_CIPHER_NEWCTX, cipher_new),
	PROV_FN(ASYM_CIPHER_FREECTX, cipher_free),
	PROV_FN(ASYM_CIPHER_DUPCTX, cipher_dup),
	PROV_FN(ASYM_CIPHER_ENCRYPT_INIT, cipher_encrypt_init),
	PROV_FN(ASYM_CIPHER_ENCRYPT, cipher_encrypt),
	PROV_FN(ASYM_CIPHER_DECRYPT_INIT, cipher_decrypt_init),
	PROV_FN(ASYM_CIPHER_DECRYPT, cipher_decrypt),
	PROV_FN(ASYM_CIPHER_GET_CTX_PARAMS, cipher_get_params),
	PROV_FN(ASYM_CIPHER_GETTABLE_CTX_PARAMS, cipher_gettable),
	PROV_FN(ASYM_CIPHER_SET_CTX_PARAMS, cipher_set_params),
	PROV_FN(ASYM_CIPHER_SETTABLE_CTX_PARAMS, cipher_settable),
	{ 0, NULL },
};
