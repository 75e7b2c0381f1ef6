/* SPDX-License-Identifier: Apache-2.0 */
/* The signature itself: one TPM2_Sign, and a look at what came out. */
#include "sig.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include <tpmiot/alg.h>
#include <tpmiot/signature.h>

/* The TPM's signature in OpenSSL's form, into the caller's buffer. */
static int
deliver(struct prov_sig *sig, const TPMT_SIGNATURE *made, unsigned char *out, size_t *out_len,
    size_t out_size)
{
	struct tpmiot_buf buf = TPMIOT_BUF_INIT;
	struct tpmiot_err err;
	int ok = 0;

	if (tpmiot_signature_put_openssl(made, &buf, &err) != TPMIOT_OK) {
		prov_raise_err(sig->prov, &err);
	} else if (buf.len > out_size) {
		prov_raise(sig->prov, TPMIOT_E_USAGE,
		    "%zu bytes are too few for the signature, of %zu", out_size, buf.len);
	} else {
		memcpy(out, buf.data, buf.len);
		*out_len = buf.len;
		ok = 1;
	}
	tpmiot_buf_free(&buf);
	return ok;
}

/* What the TPM's refusal means where it has not this hash. */
static bool
is_unknown_hash(const struct tpmiot_err *err)
{
	const uint32_t no_parameter = 0x0bf; /* which parameter it is (Part 2, clause 6.6.2) */

	return (err->tss & no_parameter) == TPM2_RC_HASH;
}

static int
raise_sign_error(struct prov_sig *sig, const TPMT_SIG_SCHEME *scheme, const struct tpmiot_err *err)
{
	if (is_unknown_hash(err))
		return prov_raise(sig->prov, TPMIOT_E_UNSUPPORTED,
		    "this TPM does not sign %s digests with this key: use SHA256",
		    tpmiot_alg_md_name(scheme->details.any.hashAlg));
	return prov_raise_use(sig->key, err);
}

/*
 * How long the salt is, is the TPM's choice: the digest's size, or the largest
 * that fits (Part 1, annex B.7). The signature is held against what was asked for.
 */
static bool
salt_is_right(struct prov_sig *sig, const unsigned char *signature, size_t signature_len,
    const unsigned char *digest, size_t len)
{
	bool ok;

	ERR_set_mark();
	ok = EVP_PKEY_verify(sig->soft, signature, signature_len, digest, len) == 1;
	ERR_pop_to_mark();
	return ok;
}

static int
raise_salt(struct prov_sig *sig)
{
	return prov_raise(sig->prov, TPMIOT_E_UNSUPPORTED,
	    "this TPM uses another salt length for PSS than asked for: "
	    "use rsa_pss_saltlen:digest, or :max with a TPM that knows only that");
}

/*
 * A digest of any length as one of `size` bytes, of which the TPM takes the leftmost that the
 * curve's order has: the number that ECDSA signs stands there, with zeros before it where the
 * digest is shorter (FIPS 186-4, section 6.4).
 */
static void
fit_ecdsa(const struct prov_pkey *key, const unsigned char *digest, size_t len, size_t size,
    unsigned char *out)
{
	size_t order =
	    tpmiot_alg_group_size(tpmiot_key_public(key->tpm)->area.parameters.eccDetail.curveID);
	size_t number = order < size ? order : size, take = len < number ? len : number;

	memset(out, 0, size);
	if (take > 0)
		memcpy(out + number - take, digest, take);
}

/* As in libcrypto: where the hash was said, the digest is one of its. Else it is of any length. */
static bool
is_digest_of(const struct prov_sig *sig, size_t len)
{
	size_t size = 0;
	OSSL_PARAM params[] = {
		OSSL_PARAM_size_t(OSSL_SIGNATURE_PARAM_DIGEST_SIZE, &size),
		OSSL_PARAM_END,
	};

	return EVP_PKEY_CTX_get_params(sig->soft, params) > 0 && (size == 0 || len == size);
}

static int
sign_digest(struct prov_sig *sig, unsigned char *out, size_t *out_len, size_t out_size,
    const unsigned char *digest, size_t len)
{
	unsigned char fitted[TPM2_SHA512_DIGEST_SIZE];
	const unsigned char *tbs = digest;
	TPMT_SIG_SCHEME scheme;
	TPMT_SIGNATURE made;
	struct tpmiot_err err;
	size_t size;

	if (prov_pkey_is(sig->key, TPMA_OBJECT_RESTRICTED))
		return prov_raise(sig->prov, TPMIOT_E_UNSUPPORTED,
		    "this is an attestation key: it signs what the TPM hashed itself, so give "
		    "it the message and not a digest (openssl dgst, or pkeyutl -rawin)");
	if (!prov_pkey_check_auth(sig->key))
		return 0;
	if (prov_raw_wanted(sig))
		return prov_raw_sign(sig, out, out_len, out_size, digest, len);
	if (!prov_scheme(sig, &scheme))
		return 0;
	size = tpmiot_alg_md_size(scheme.details.any.hashAlg);
	if (sig->key->type == PROV_EC && !is_digest_of(sig, len))
		return prov_raise(sig->prov, TPMIOT_E_USAGE,
		    "%zu bytes are no digest of the hash that was set", len);
	if (sig->key->type == PROV_EC && prov_pkey_fixed_scheme(sig->key) == TPM2_ALG_NULL) {
		fit_ecdsa(sig->key, digest, len, size, fitted);
		tbs = fitted;
	} else if (len != size) {
		return prov_raise(sig->prov, TPMIOT_E_USAGE, "a %s digest has %zu bytes, not %zu",
		    tpmiot_alg_md_name(scheme.details.any.hashAlg), size, len);
	}
	if (tpmiot_key_sign_digest(sig->key->tpm, &scheme, tbs, size, &made, &err) != TPMIOT_OK)
		return is_unknown_hash(&err) && prov_raw_possible(sig)
		           ? prov_raw_sign(sig, out, out_len, out_size, digest, len)
		           : raise_sign_error(sig, &scheme, &err);
	if (!deliver(sig, &made, out, out_len, out_size))
		return 0;
	if (scheme.scheme != TPM2_ALG_RSAPSS || salt_is_right(sig, out, *out_len, digest, len))
		return 1;
	if (!prov_raw_possible(sig))
		return raise_salt(sig);
	atomic_store(&sig->key->odd_salt, true); /* not tried again with this key */
	return prov_raw_sign(sig, out, out_len, out_size, digest, len);
}

static int
sign_message(struct prov_sig *sig, unsigned char *out, size_t *out_len, size_t out_size)
{
	OSSL_LIB_CTX *libctx = prov_libctx(sig->prov);
	TPM2B_DIGEST digest = { .size = 0 };
	TPMT_SIG_SCHEME scheme;
	TPMT_SIGNATURE made;
	struct tpmiot_err err;

	if (!prov_scheme(sig, &scheme) || !prov_pkey_check_auth(sig->key))
		return 0;
	if (tpmiot_key_sign_message(sig->key->tpm, &scheme, sig->message.data, sig->message.len,
	        &made, &err) != TPMIOT_OK)
		return raise_sign_error(sig, &scheme, &err);
	if (!deliver(sig, &made, out, out_len, out_size))
		return 0;
	if (scheme.scheme != TPM2_ALG_RSAPSS)
		return 1;
	if (tpmiot_alg_digest(libctx, scheme.details.any.hashAlg, sig->message.data,
	        sig->message.len, &digest, &err) != TPMIOT_OK)
		return prov_raise_err(sig->prov, &err);
	return salt_is_right(sig, out, *out_len, digest.buffer, digest.size) || raise_salt(sig);
}

int
prov_tpm_sign_digest(struct prov_sig *sig, unsigned char *out, size_t *out_len, size_t out_size,
    const unsigned char *digest, size_t len)
{
	int ret;

	ERR_set_mark();
	ret = sign_digest(sig, out, out_len, out_size, digest, len);
	ERR_clear_last_mark();
	return ret;
}

int
prov_tpm_sign_message(struct prov_sig *sig, unsigned char *out, size_t *out_len, size_t out_size)
{
	int ret;

	ERR_set_mark();
	ret = sign_message(sig, out, out_len, out_size);
	ERR_clear_last_mark();
	return ret;
}
