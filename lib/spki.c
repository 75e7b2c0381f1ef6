/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SubjectPublicKeyInfo (RFC 5280 section 4.1, RFC 3279 section 2.3, RFC 5480 section 2)
 * from a key's numbers. OpenSSL 3.0 looks for an encoder for each, which takes longer
 * than a signature.
 */
#include "spki.h"

#include <openssl/asn1.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/objects.h>
#include <tss2/tss2_tpm2_types.h>

#include <tpmiot/public.h>

static BIGNUM *
number(const EVP_PKEY *pkey, const char *param)
{
	BIGNUM *n = NULL;

	return EVP_PKEY_get_bn_param(pkey, param, &n) == 1 ? n : NULL;
}

bool
spki_set_ec(X509_PUBKEY *out, const char *group, const uint8_t *point, size_t len)
{
	ASN1_OBJECT *curve = OBJ_txt2obj(group, 0);
	unsigned char *owned = OPENSSL_memdup(point, len);

	if (curve != NULL && owned != NULL &&
	    X509_PUBKEY_set0_param(out, OBJ_nid2obj(NID_X9_62_id_ecPublicKey), V_ASN1_OBJECT, curve,
	        owned, (int)len) == 1)
		return true;
	ASN1_OBJECT_free(curve);
	OPENSSL_free(owned);
	return false;
}

/* One key has one fingerprint, however it was written: the point is uncompressed. */
static bool
set_ec(X509_PUBKEY *out, const EVP_PKEY *pkey)
{
	BIGNUM *x = number(pkey, OSSL_PKEY_PARAM_EC_PUB_X);
	BIGNUM *y = number(pkey, OSSL_PKEY_PARAM_EC_PUB_Y);
	const int size = (EVP_PKEY_get_bits(pkey) + 7) / 8;
	uint8_t point[1 + 2 * TPM2_MAX_ECC_KEY_BYTES] = { 0x04 };
	char group[64];
	bool ok = x != NULL && y != NULL && size > 0 && size <= TPM2_MAX_ECC_KEY_BYTES &&
	          EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) == 1 &&
	          BN_bn2binpad(x, point + 1, size) == size &&
	          BN_bn2binpad(y, point + 1 + size, size) == size &&
	          spki_set_ec(out, group, point, 1 + 2 * (size_t)size);

	BN_free(x);
	BN_free(y);
	return ok;
}

/* RSAPublicKey: the two numbers in a SEQUENCE. */
static int
put_rsa(const ASN1_INTEGER *n, const ASN1_INTEGER *e, unsigned char **der)
{
	const int n_len = i2d_ASN1_INTEGER(n, NULL), e_len = i2d_ASN1_INTEGER(e, NULL);
	const int len = ASN1_object_size(1, n_len + e_len, V_ASN1_SEQUENCE);
	unsigned char *p;

	if (n_len <= 0 || e_len <= 0 || len <= 0 || (*der = OPENSSL_malloc((size_t)len)) == NULL)
		return -1;
	p = *der;
	ASN1_put_object(&p, 1, n_len + e_len, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
	(void)i2d_ASN1_INTEGER(n, &p);
	(void)i2d_ASN1_INTEGER(e, &p);
	return len;
}

bool
spki_set_rsa(X509_PUBKEY *out, const BIGNUM *n_bn, const BIGNUM *e_bn)
{
	ASN1_INTEGER *n = BN_to_ASN1_INTEGER(n_bn, NULL), *e = BN_to_ASN1_INTEGER(e_bn, NULL);
	unsigned char *der = NULL;
	bool ok = false;
	int len;

	if (n != NULL && e != NULL && (len = put_rsa(n, e, &der)) > 0)
		ok = X509_PUBKEY_set0_param(
		         out, OBJ_nid2obj(NID_rsaEncryption), V_ASN1_NULL, NULL, der, len) == 1;
	if (!ok)
		OPENSSL_free(der);
	ASN1_INTEGER_free(n);
	ASN1_INTEGER_free(e);
	return ok;
}

static bool
set_rsa(X509_PUBKEY *out, const EVP_PKEY *pkey)
{
	BIGNUM *n = number(pkey, OSSL_PKEY_PARAM_RSA_N);
	BIGNUM *e = number(pkey, OSSL_PKEY_PARAM_RSA_E);
	const bool ok = n != NULL && e != NULL && spki_set_rsa(out, n, e);

	BN_free(n);
	BN_free(e);
	return ok;
}

enum tpmiot_rc
tpmiot_spki_set(X509_PUBKEY *out, const EVP_PKEY *pkey, struct tpmiot_err *err)
{
	bool ok;

	if (EVP_PKEY_is_a(pkey, "EC"))
		ok = set_ec(out, pkey);
	else if (EVP_PKEY_is_a(pkey, "RSA"))
		ok = set_rsa(out, pkey);
	else
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED, "the key is neither RSA nor EC");
	return ok ? TPMIOT_OK : tpmiot_err_crypto(err, "SubjectPublicKeyInfo");
}

static int
encode(const EVP_PKEY *pkey, unsigned char **der)
{
	X509_PUBKEY *spki = X509_PUBKEY_new();
	int len = -1;

	if (spki != NULL && tpmiot_spki_set(spki, pkey, NULL) == TPMIOT_OK)
		len = i2d_X509_PUBKEY(spki, der);
	else
		len = i2d_PUBKEY(pkey, der);
	X509_PUBKEY_free(spki);
	return len;
}

enum tpmiot_rc
tpmiot_spki_sha256(OSSL_LIB_CTX *libctx, const EVP_PKEY *pkey, uint8_t out[TPMIOT_SPKI_SHA256_LEN],
    struct tpmiot_err *err)
{
	unsigned char *der = NULL;
	int len = encode(pkey, &der);
	enum tpmiot_rc rc = TPMIOT_OK;

	if (len <= 0 || EVP_Q_digest(libctx, "SHA256", NULL, der, (size_t)len, out, NULL) != 1)
		rc = tpmiot_err_crypto(err, "SubjectPublicKeyInfo");
	OPENSSL_free(der);
	return rc;
}
