/* SPDX-License-Identifier: Apache-2.0 */
/* From OpenSSL's signature parameters to the TPM's signing scheme, or a reason why not. */
#include "sig.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include <tpmiot/alg.h>

bool
prov_sig_get_string(const struct prov_sig *sig, const char *name, char value[PROV_SIG_NAME_LEN])
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(name, value, PROV_SIG_NAME_LEN),
		OSSL_PARAM_END,
	};

	value[0] = '\0';
	return EVP_PKEY_CTX_get_params(sig->soft, params) > 0;
}

bool
prov_sig_get_padding(const struct prov_sig *sig, int *padding)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_int(OSSL_SIGNATURE_PARAM_PAD_MODE, padding),
		OSSL_PARAM_END,
	};

	return EVP_PKEY_CTX_get_params(sig->soft, params) > 0;
}

bool
prov_scheme_init(struct prov_sig *sig)
{
	char pss[] = OSSL_PKEY_RSA_PAD_MODE_PSS;
	char hash[PROV_SIG_NAME_LEN];
	OSSL_PARAM params[3] = { OSSL_PARAM_END, OSSL_PARAM_END, OSSL_PARAM_END };

	if (prov_pkey_fixed_scheme(sig->key) != TPM2_ALG_RSAPSS)
		return true;
	OPENSSL_strlcpy(hash, tpmiot_alg_md_name(prov_pkey_fixed_hash(sig->key)), sizeof(hash));
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, hash, 0);
	params[1] = OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, pss, 0);
	return EVP_PKEY_CTX_set_params(sig->soft, params) > 0;
}

/*
 * "auto" (and "auto-digestmax", since OpenSSL 3.1) leaves the salt's length to who signs; that is
 * the TPM. Nearly all of them use the digest's size, and the algorithm identifier in a certificate
 * has to say it before the signature is made.
 */
bool
prov_scheme_settle(struct prov_sig *sig)
{
	char digest[] = OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST;
	char salt[PROV_SIG_NAME_LEN];
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(
		    OSSL_SIGNATURE_PARAM_PSS_SALTLEN, digest, sizeof(digest) - 1),
		OSSL_PARAM_END,
	};
	int padding = 0;

	if (!prov_sig_in_tpm(sig) || sig->key->type == PROV_EC)
		return true;
	if (!prov_sig_get_padding(sig, &padding) ||
	    !prov_sig_get_string(sig, OSSL_SIGNATURE_PARAM_PSS_SALTLEN, salt))
		return false;
	if (padding != RSA_PKCS1_PSS_PADDING || strncmp(salt, "auto", 4) != 0)
		return true;
	return EVP_PKEY_CTX_set_params(sig->soft, params) > 0;
}

static bool
refuse_digest(const struct prov_sig *sig)
{
	const char *name = tpmiot_alg_md_name(prov_pkey_fixed_hash(sig->key));

	return prov_raise(sig->prov, TPMIOT_E_UNSUPPORTED,
	    "this key signs %s only: choose that digest (openssl: -%s)", name, name);
}

static bool
refuse_padding(const struct prov_sig *sig, TPMI_ALG_ASYM_SCHEME fixed, TPMI_ALG_ASYM_SCHEME scheme)
{
	if (scheme == TPM2_ALG_RSAPSS)
		return prov_raise(sig->prov, TPMIOT_E_UNSUPPORTED,
		    "this key does not sign with PSS padding: use pkcs1 (rsa_padding_mode:pkcs1)");
	return prov_raise(sig->prov, TPMIOT_E_UNSUPPORTED,
	    fixed == TPM2_ALG_RSAPSS
	        ? "this key signs with PSS padding only: use rsa_padding_mode:pss"
	        : "this key has a signing scheme that OpenSSL does not know");
}

bool
prov_scheme_takes_digest(struct prov_sig *sig, const char *name)
{
	TPMI_ALG_HASH fixed = prov_pkey_fixed_hash(sig->key);

	return !prov_sig_in_tpm(sig) || fixed == TPM2_ALG_NULL ||
	       tpmiot_alg_from_md_name(name) == fixed || refuse_digest(sig);
}

/* A padding comes as OpenSSL's number or by its name. */
static bool
is_pss(const OSSL_PARAM *p)
{
	const char *name = NULL;
	int mode = 0;

	if (p->data_type == OSSL_PARAM_UTF8_STRING)
		return OSSL_PARAM_get_utf8_string_ptr(p, &name) && name != NULL &&
		       strcmp(name, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0;
	return OSSL_PARAM_get_int(p, &mode) && mode == RSA_PKCS1_PSS_PADDING;
}

/* OpenSSL from 3.2 on has nonces by RFC 6979 as a setting; a TPM's ECDSA takes its own. */
static bool
takes_nonce(struct prov_sig *sig, const OSSL_PARAM params[])
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, "nonce-type");
	unsigned int type = 0;

	return p == NULL || !prov_sig_in_tpm(sig) || sig->key->type != PROV_EC ||
	       (OSSL_PARAM_get_uint(p, &type) && type == 0) ||
	       prov_raise(sig->prov, TPMIOT_E_UNSUPPORTED,
	           "the TPM takes a random nonce for each signature: leave out nonce-type");
}

bool
prov_scheme_takes(struct prov_sig *sig, const OSSL_PARAM params[])
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_DIGEST);
	TPMI_ALG_ASYM_SCHEME fixed = prov_pkey_fixed_scheme(sig->key);
	const char *name = NULL;

	if (p != NULL && OSSL_PARAM_get_utf8_string_ptr(p, &name) &&
	    (name == NULL || !prov_scheme_takes_digest(sig, name)))
		return false;
	if (!takes_nonce(sig, params))
		return false;
	p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
	if (p == NULL || !prov_sig_in_tpm(sig) || fixed == TPM2_ALG_NULL)
		return true;
	return is_pss(p) == (fixed == TPM2_ALG_RSAPSS) ||
	       refuse_padding(sig, fixed, is_pss(p) ? TPM2_ALG_RSAPSS : TPM2_ALG_RSASSA);
}

/* A key made for one hash or padding signs with no other. */
static bool
check_fixed(struct prov_sig *sig, TPMI_ALG_ASYM_SCHEME scheme, TPMI_ALG_HASH hash)
{
	TPMI_ALG_ASYM_SCHEME fixed = prov_pkey_fixed_scheme(sig->key);
	TPMI_ALG_HASH fixed_hash = prov_pkey_fixed_hash(sig->key);

	if (fixed == TPM2_ALG_NULL)
		return true;
	if (fixed != scheme)
		return refuse_padding(sig, fixed, scheme);
	return fixed_hash == hash || refuse_digest(sig);
}

static bool
check_pss(struct prov_sig *sig, TPMI_ALG_HASH hash)
{
	size_t size = tpmiot_alg_md_size(hash), bits = (size_t)EVP_PKEY_get_bits(sig->key->soft);
	char salt[PROV_SIG_NAME_LEN], mgf1[PROV_SIG_NAME_LEN];
	long n;

	if (!prov_sig_get_string(sig, OSSL_SIGNATURE_PARAM_PSS_SALTLEN, salt) ||
	    !prov_sig_get_string(sig, OSSL_SIGNATURE_PARAM_MGF1_DIGEST, mgf1))
		return false;
	if (mgf1[0] != '\0' && tpmiot_alg_from_md_name(mgf1) != hash)
		return prov_raise(sig->prov, TPMIOT_E_UNSUPPORTED,
		    "a TPM uses one hash for the message and for MGF1: leave out rsa_mgf1_md");
	if (strcmp(salt, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST) == 0 ||
	    strcmp(salt, OSSL_PKEY_RSA_PSS_SALT_LEN_MAX) == 0)
		return true;
	n = strtol(salt, NULL, 10);
	if (n != (long)size && n != prov_pss_largest_salt(bits, size))
		return prov_raise(sig->prov, TPMIOT_E_UNSUPPORTED,
		    "rsa_pss_saltlen:%s: a TPM signs PSS with a salt of the digest's size "
		    "(%zu bytes): use rsa_pss_saltlen:digest",
		    salt, size);
	return true;
}

static bool
rsa_scheme(struct prov_sig *sig, TPMT_SIG_SCHEME *out)
{
	char name[PROV_SIG_NAME_LEN];
	TPMI_ALG_HASH hash;
	int padding = 0;

	if (!prov_sig_get_padding(sig, &padding) ||
	    !prov_sig_get_string(sig, OSSL_SIGNATURE_PARAM_DIGEST, name))
		return false;
	if (padding != RSA_PKCS1_PADDING && padding != RSA_PKCS1_PSS_PADDING)
		return prov_raise(sig->prov, TPMIOT_E_UNSUPPORTED,
		    "the TPM signs with PKCS#1 v1.5 or PSS padding: use rsa_padding_mode:pkcs1 or "
		    "pss");
	if (name[0] == '\0')
		return prov_raise(sig->prov, TPMIOT_E_USAGE,
		    "the TPM has to know which digest it signs: say it (-pkeyopt digest:sha256)");
	hash = tpmiot_alg_from_md_name(name);
	if (hash == TPM2_ALG_ERROR)
		return prov_raise(sig->prov, TPMIOT_E_UNSUPPORTED,
		    "a TPM signs no %s digests with RSA: use SHA256, SHA384 or SHA512", name);
	out->scheme = padding == RSA_PKCS1_PADDING ? TPM2_ALG_RSASSA : TPM2_ALG_RSAPSS;
	out->details.any.hashAlg = hash;
	return check_fixed(sig, out->scheme, hash) &&
	       (padding != RSA_PKCS1_PSS_PADDING || check_pss(sig, hash));
}

/* Every TPM that has the curve has this hash as well. */
static TPMI_ALG_HASH
hash_of_curve(const struct prov_sig *sig)
{
	switch (tpmiot_alg_group_size(
	    tpmiot_key_public(sig->key->tpm)->area.parameters.eccDetail.curveID)) {
	case 48:
		return TPM2_ALG_SHA384;
	case 64:
	case 66:
		return TPM2_ALG_SHA512;
	default:
		return TPM2_ALG_SHA256;
	}
}

/*
 * An ECDSA signature does not say which hash made its digest: what is signed is
 * a number of the curve's size (FIPS 186-4, section 6.4). So a key without a
 * scheme of its own signs any digest, brought to that size, by the hash that
 * goes with its curve, also where the TPM does not know the digest's own hash.
 */
static bool
ecdsa_scheme(struct prov_sig *sig, TPMT_SIG_SCHEME *out)
{
	char name[PROV_SIG_NAME_LEN];
	TPMI_ALG_HASH hash = hash_of_curve(sig);

	if (!prov_sig_get_string(sig, OSSL_SIGNATURE_PARAM_DIGEST, name))
		return false;
	if (prov_pkey_fixed_scheme(sig->key) != TPM2_ALG_NULL)
		hash = name[0] == '\0' ? prov_pkey_fixed_hash(sig->key)
		                       : tpmiot_alg_from_md_name(name);
	out->scheme = TPM2_ALG_ECDSA;
	out->details.any.hashAlg = hash;
	return check_fixed(sig, TPM2_ALG_ECDSA, hash);
}

bool
prov_scheme(struct prov_sig *sig, TPMT_SIG_SCHEME *out)
{
	memset(out, 0, sizeof(*out));
	return sig->key->type == PROV_EC ? ecdsa_scheme(sig, out) : rsa_scheme(sig, out);
}
