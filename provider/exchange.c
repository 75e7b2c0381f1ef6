/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ECDH with a key in the TPM, plain or with the KDF of X9.63. As with signatures,
 * `soft` is the same operation in the private library context on the public
 * halves: it takes and checks parameters and the peer's key, and derives where
 * ours is a software key.
 */
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <tpmiot/alg.h>

#include "pkey.h"
#include "tables.h"

#define NAME_MAX_LEN 64

struct exchange {
	struct prov_ctx *prov;
	struct prov_pkey *key, *peer;
	EVP_PKEY_CTX *soft;
};

static OSSL_FUNC_keyexch_newctx_fn exchange_new;
static OSSL_FUNC_keyexch_freectx_fn exchange_free;
static OSSL_FUNC_keyexch_dupctx_fn exchange_dup;
static OSSL_FUNC_keyexch_init_fn exchange_init;
static OSSL_FUNC_keyexch_set_peer_fn exchange_set_peer;
static OSSL_FUNC_keyexch_derive_fn exchange_derive;
static OSSL_FUNC_keyexch_get_ctx_params_fn exchange_get_params;
static OSSL_FUNC_keyexch_gettable_ctx_params_fn exchange_gettable;
static OSSL_FUNC_keyexch_set_ctx_params_fn exchange_set_params;
static OSSL_FUNC_keyexch_settable_ctx_params_fn exchange_settable;

static void *
exchange_new(void *provctx)
{
	struct exchange *ex = OPENSSL_zalloc(sizeof(*ex));

	if (ex != NULL)
		ex->prov = provctx;
	return ex;
}

static void
exchange_free(void *vex)
{
	struct exchange *ex = vex;

	if (ex == NULL)
		return;
	prov_pkey_unref(ex->key);
	prov_pkey_unref(ex->peer);
	EVP_PKEY_CTX_free(ex->soft);
	OPENSSL_free(ex);
}

static void *
exchange_dup(void *vex)
{
	const struct exchange *from = vex;
	struct exchange *ex = exchange_new(from->prov);

	if (ex == NULL)
		return NULL;
	if (from->key != NULL)
		ex->key = prov_pkey_ref(from->key);
	if (from->peer != NULL)
		ex->peer = prov_pkey_ref(from->peer);
	if (from->soft != NULL && (ex->soft = EVP_PKEY_CTX_dup(from->soft)) == NULL) {
		exchange_free(ex);
		return NULL;
	}
	return ex;
}

static int
exchange_init(void *vex, void *key, const OSSL_PARAM params[])
{
	struct exchange *ex = vex;
	struct prov_pkey *own = key;

	if (own == NULL || own->soft == NULL || (own->has & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0)
		return prov_raise(ex->prov, TPMIOT_E_USAGE, "a public key can't agree on a secret");
	prov_pkey_ref(own);
	prov_pkey_unref(ex->key);
	ex->key = own;
	prov_pkey_unref(ex->peer);
	ex->peer = NULL;
	EVP_PKEY_CTX_free(ex->soft);
	ex->soft = EVP_PKEY_CTX_new_from_pkey(prov_libctx(ex->prov), own->soft, NULL);
	return ex->soft != NULL && EVP_PKEY_derive_init(ex->soft) > 0 &&
	       exchange_set_params(ex, params);
}

/* A point that is not on the key's curve would give the key away, bit by bit: checked there. */
static int
exchange_set_peer(void *vex, void *key)
{
	struct exchange *ex = vex;
	struct prov_pkey *peer = key;

	if (ex->soft == NULL || peer == NULL || peer->soft == NULL)
		return prov_raise(ex->prov, TPMIOT_E_USAGE, "no key to agree with");
	if (EVP_PKEY_derive_set_peer(ex->soft, peer->soft) <= 0)
		return prov_raise(
		    ex->prov, TPMIOT_E_USAGE, "the other key is not a valid key on the same curve");
	prov_pkey_ref(peer);
	prov_pkey_unref(ex->peer);
	ex->peer = peer;
	return 1;
}

/* ---- The secret, from the TPM ------------------------------------------------------- */

static bool
get_coordinate(const EVP_PKEY *key, const char *name, size_t size, TPM2B_ECC_PARAMETER *out)
{
	BIGNUM *n = NULL;
	bool ok = size <= sizeof(out->buffer) && EVP_PKEY_get_bn_param(key, name, &n) &&
	          BN_bn2binpad(n, out->buffer, (int)size) >= 0;

	out->size = (UINT16)size;
	BN_free(n);
	return ok;
}

static size_t
secret_size(const struct exchange *ex)
{
	return tpmiot_alg_group_size(
	    tpmiot_key_public(ex->key->tpm)->area.parameters.eccDetail.curveID);
}

static int
agree(struct exchange *ex, struct tpmiot_buf *secret)
{
	size_t size = secret_size(ex);
	TPMS_ECC_POINT point;
	struct tpmiot_err err;

	if (!prov_pkey_check_auth(ex->key))
		return 0;
	if (!get_coordinate(ex->peer->soft, OSSL_PKEY_PARAM_EC_PUB_X, size, &point.x) ||
	    !get_coordinate(ex->peer->soft, OSSL_PKEY_PARAM_EC_PUB_Y, size, &point.y))
		return prov_raise(
		    ex->prov, TPMIOT_E_USAGE, "the other key is no point of the curve");
	if (tpmiot_key_ecdh(ex->key->tpm, &point, secret, &err) != TPMIOT_OK)
		return prov_raise_use(ex->key, &err);
	return 1;
}

/* ---- The KDF -------------------------------------------------------------------------- */

struct kdf {
	char type[NAME_MAX_LEN], md[NAME_MAX_LEN];
	size_t len;
	void *ukm;
	size_t ukm_len;
};

static bool
get_kdf(const struct exchange *ex, struct kdf *kdf)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_TYPE, kdf->type, NAME_MAX_LEN),
		OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST, kdf->md, NAME_MAX_LEN),
		OSSL_PARAM_size_t(OSSL_EXCHANGE_PARAM_KDF_OUTLEN, &kdf->len),
		OSSL_PARAM_octet_ptr(OSSL_EXCHANGE_PARAM_KDF_UKM, &kdf->ukm, 0),
		OSSL_PARAM_END,
	};

	memset(kdf, 0, sizeof(*kdf));
	if (EVP_PKEY_CTX_get_params(ex->soft, params) <= 0)
		return false;
	if (kdf->ukm != NULL && params[3].return_size != OSSL_PARAM_UNMODIFIED)
		kdf->ukm_len = params[3].return_size;
	return true;
}

static int
run_kdf(
    const struct exchange *ex, struct kdf *kdf, const struct tpmiot_buf *secret, unsigned char *out)
{
	EVP_KDF *fetched = EVP_KDF_fetch(prov_libctx(ex->prov), kdf->type, NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(fetched);
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, kdf->md, strlen(kdf->md)),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_KEY, secret->data, secret->len),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_INFO, kdf->ukm, kdf->ukm_len),
		OSSL_PARAM_END,
	};
	int ok;

	if (kdf->ukm_len == 0)
		params[2] = OSSL_PARAM_construct_end();
	ok = ctx != NULL && EVP_KDF_derive(ctx, out, kdf->len, params) > 0;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(fetched);
	return ok;
}

static int
derive_in_tpm(struct exchange *ex, unsigned char *out, size_t *out_len, size_t out_size)
{
	struct tpmiot_buf secret = TPMIOT_BUF_INIT;
	struct kdf kdf;
	size_t len;
	int ok;

	if (!get_kdf(ex, &kdf))
		return 0;
	len = kdf.type[0] == '\0' ? secret_size(ex) : kdf.len;
	if (out == NULL) {
		*out_len = len;
		return 1;
	}
	if (out_size < len)
		return prov_raise(ex->prov, TPMIOT_E_USAGE,
		    "%zu bytes are too few for the secret, of %zu", out_size, len);
	ok = agree(ex, &secret);
	if (ok && (secret.data == NULL || secret.len != secret_size(ex))) {
		prov_raise(
		    ex->prov, TPMIOT_E_TPM, "TPM2_ECDH_ZGen: a secret of %zu bytes", secret.len);
		ok = 0;
	}
	if (ok && kdf.type[0] == '\0')
		memcpy(out, secret.data, len);
	else if (ok)
		ok = run_kdf(ex, &kdf, &secret, out);
	if (ok)
		*out_len = len;
	tpmiot_buf_free(&secret);
	return ok;
}

static int
exchange_derive(void *vex, unsigned char *out, size_t *out_len, size_t out_size)
{
	struct exchange *ex = vex;
	int ret;

	if (ex->key == NULL || ex->peer == NULL)
		return prov_raise(ex->prov, TPMIOT_E_USAGE, "no key to agree with");
	if (ex->key->tpm != NULL) {
		ERR_set_mark();
		ret = derive_in_tpm(ex, out, out_len, out_size);
		ERR_clear_last_mark();
		return ret;
	}
	*out_len = out_size;
	return EVP_PKEY_derive(ex->soft, out, out_len) > 0;
}

/* ---- Parameters -------------------------------------------------------------------- */

static int
exchange_get_params(void *vex, OSSL_PARAM params[])
{
	struct exchange *ex = vex;

	return ex->soft != NULL && EVP_PKEY_CTX_get_params(ex->soft, params) > 0;
}

/* The TPM's curves have no cofactor: the mode makes no difference. */
static int
exchange_set_params(void *vex, const OSSL_PARAM params[])
{
	struct exchange *ex = vex;

	if (params == NULL || params[0].key == NULL)
		return 1;
	return ex->soft != NULL &&
	       EVP_PKEY_CTX_set_params(ex->soft, prov_params_unconst(params)) > 0;
}

#define SETTINGS                                                                                   \
	OSSL_PARAM_int(OSSL_EXCHANGE_PARAM_EC_ECDH_COFACTOR_MODE, NULL),                           \
	    OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_TYPE, NULL, 0),                         \
	    OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST, NULL, 0),                       \
	    OSSL_PARAM_size_t(OSSL_EXCHANGE_PARAM_KDF_OUTLEN, NULL)

static const OSSL_PARAM *
exchange_gettable(void *vex, void *provctx)
{
	static const OSSL_PARAM gettable[] = {
		SETTINGS,
		OSSL_PARAM_octet_ptr(OSSL_EXCHANGE_PARAM_KDF_UKM, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)vex;
	(void)provctx;
	return gettable;
}

static const OSSL_PARAM *
exchange_settable(void *vex, void *provctx)
{
	static const OSSL_PARAM settable[] = {
		SETTINGS,
		OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST_PROPS, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_EXCHANGE_PARAM_KDF_UKM, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)vex;
	(void)provctx;
	return settable;
}

const OSSL_DISPATCH prov_exchange_ecdh[] = {
	PROV_FN(KEYEXCH_NEWCTX, exchange_new),
	PROV_FN(KEYEXCH_FREECTX, exchange_free),
	PROV_FN(KEYEXCH_DUPCTX, exchange_dup),
	PROV_FN(KEYEXCH_INIT, exchange_init),
	PROV_FN(KEYEXCH_SET_PEER, exchange_set_peer),
	PROV_FN(KEYEXCH_DERIVE, exchange_derive),
	PROV_FN(KEYEXCH_GET_CTX_PARAMS, exchange_get_params),
	PROV_FN(KEYEXCH_GETTABLE_CTX_PARAMS, exchange_gettable),
	PROV_FN(KEYEXCH_SET_CTX_PARAMS, exchange_set_params),
	PROV_FN(KEYEXCH_SETTABLE_CTX_PARAMS, exchange_settable),
	{ 0, NULL },
};
