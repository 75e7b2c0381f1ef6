/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/param_build.h>
#include <tss2/tss2_mu.h>

#include <tpmiot/alg.h>
#include <tpmiot/public.h>

#include "curve.h"
#include "spki.h"

#define RSA_DEFAULT_EXPONENT 65537u

/* Name = nameAlg ‖ H_nameAlg(raw). */
static enum tpmiot_rc
compute_name(OSSL_LIB_CTX *libctx, struct tpmiot_public *pub, struct tpmiot_err *err)
{
	TPM2B_DIGEST digest = { 0 };
	enum tpmiot_rc rc =
	    tpmiot_alg_digest(libctx, pub->area.nameAlg, pub->raw, pub->raw_len, &digest, err);

	if (rc != TPMIOT_OK) {
		(void)tpmiot_err_prefix(err, "Name of a public area");
		return rc;
	}
	pub->name.name[0] = (uint8_t)(pub->area.nameAlg >> 8);
	pub->name.name[1] = (uint8_t)pub->area.nameAlg;
	memcpy(pub->name.name + 2, digest.buffer, digest.size);
	pub->name.size = (UINT16)(digest.size + 2);
	return TPMIOT_OK;
}

enum tpmiot_rc
tpmiot_public_parse(OSSL_LIB_CTX *libctx, const uint8_t *tpm2b, size_t len,
    struct tpmiot_public *out, struct tpmiot_err *err)
{
	struct tpmiot_public pub = { 0 };
	struct tpmiot_reader r;
	const uint8_t *area;
	size_t area_len, used = 0;
	enum tpmiot_rc rc;

	tpmiot_reader_init(&r, tpm2b, len);
	area = tpmiot_reader_tpm2b(&r, sizeof(pub.raw), &area_len);
	if (!tpmiot_reader_done(&r))
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "TPM2B_PUBLIC: its size field does not fit its %zu bytes", len);
	if (Tss2_MU_TPMT_PUBLIC_Unmarshal(area, area_len, &used, &pub.area) != TSS2_RC_SUCCESS)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT, "TPM2B_PUBLIC: not a public area");
	if (used != area_len)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "TPM2B_PUBLIC: %zu bytes behind the public area", area_len - used);
	memcpy(pub.raw, area, area_len);
	pub.raw_len = (uint16_t)area_len;
	rc = compute_name(libctx, &pub, err);
	if (rc == TPMIOT_OK)
		*out = pub;
	return rc;
}

enum tpmiot_rc
tpmiot_public_from_area(OSSL_LIB_CTX *libctx, const TPMT_PUBLIC *area, struct tpmiot_public *out,
    struct tpmiot_err *err)
{
	struct tpmiot_public pub = { .area = *area };
	enum tpmiot_rc rc;
	size_t used = 0;

	if (Tss2_MU_TPMT_PUBLIC_Marshal(area, pub.raw, sizeof(pub.raw), &used) != TSS2_RC_SUCCESS)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT, "public area cannot be marshalled");
	pub.raw_len = (uint16_t)used;
	rc = compute_name(libctx, &pub, err);
	if (rc == TPMIOT_OK)
		*out = pub;
	return rc;
}

void
tpmiot_public_put(const struct tpmiot_public *pub, struct tpmiot_buf *out)
{
	tpmiot_buf_put_u16(out, pub->raw_len);
	tpmiot_buf_put(out, pub->raw, pub->raw_len);
}

/* ---- to and from OpenSSL -------------------------------------------------- */

static EVP_PKEY *
pkey_from_params(OSSL_LIB_CTX *libctx, const char *type, OSSL_PARAM_BLD *bld)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, type, NULL);
	EVP_PKEY *pkey = NULL;

	if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return pkey;
}

/* The caller frees *n and *e, if this succeeds. */
static enum tpmiot_rc
rsa_numbers(const TPMT_PUBLIC *area, BIGNUM **n, BIGNUM **e, struct tpmiot_err *err)
{
	const TPM2B_PUBLIC_KEY_RSA *modulus = &area->unique.rsa;
	uint32_t exponent = area->parameters.rsaDetail.exponent;

	if (exponent == 0)
		exponent = RSA_DEFAULT_EXPONENT;
	if (exponent < 3 || exponent % 2 == 0)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT, "RSA exponent %u", exponent);
	if (modulus->size == 0 || modulus->size > sizeof(modulus->buffer) ||
	    modulus->size * 8 != area->parameters.rsaDetail.keyBits ||
	    (modulus->buffer[0] & 0x80) == 0 || (modulus->buffer[modulus->size - 1] & 1) == 0)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "RSA modulus is not an odd number of %u bits",
		    area->parameters.rsaDetail.keyBits);
	*n = BN_bin2bn(modulus->buffer, modulus->size, NULL);
	*e = BN_new();
	if (*n != NULL && *e != NULL && BN_set_word(*e, exponent) == 1)
		return TPMIOT_OK;
	BN_free(*n);
	BN_free(*e);
	return tpmiot_err_memory(err);
}

static enum tpmiot_rc
rsa_to_pkey(OSSL_LIB_CTX *libctx, const TPMT_PUBLIC *area, EVP_PKEY **out, struct tpmiot_err *err)
{
	BIGNUM *n = NULL, *e = NULL;
	enum tpmiot_rc rc = rsa_numbers(area, &n, &e, err);
	OSSL_PARAM_BLD *bld;
	EVP_PKEY *pkey = NULL;

	if (rc != TPMIOT_OK)
		return rc;
	bld = OSSL_PARAM_BLD_new();
	if (bld == NULL || OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e) != 1 ||
	    (pkey = pkey_from_params(libctx, "RSA", bld)) == NULL)
		rc = tpmiot_err_crypto(err, "RSA public key");
	else
		*out = pkey;
	OSSL_PARAM_BLD_free(bld);
	BN_free(n);
	BN_free(e);
	return rc;
}

/* Writes a coordinate, left-padded with zeros to the curve's size. */
static bool
put_coordinate(uint8_t *to, size_t size, const TPM2B_ECC_PARAMETER *from)
{
	if (from->size > size || from->size > sizeof(from->buffer))
		return false;
	memset(to, 0, size - from->size);
	memcpy(to + size - from->size, from->buffer, from->size);
	return true;
}

struct ecc_point {
	const char *group;
	size_t len;
	uint8_t octets[1 + 2 * TPM2_MAX_ECC_KEY_BYTES]; /* SEC 1 clause 2.3.3, uncompressed */
};

static enum tpmiot_rc
ecc_read_point(const TPMT_PUBLIC *area, struct ecc_point *out, struct tpmiot_err *err)
{
	const TPMI_ECC_CURVE curve = area->parameters.eccDetail.curveID;
	const size_t size = tpmiot_alg_group_size(curve);

	out->group = tpmiot_alg_group_name(curve);
	if (out->group == NULL)
		return tpmiot_err_set(
		    err, TPMIOT_E_UNSUPPORTED, "curve 0x%04x is not known", curve);
	out->len = 1 + 2 * size;
	out->octets[0] = 0x04;
	if (!put_coordinate(out->octets + 1, size, &area->unique.ecc.x) ||
	    !put_coordinate(out->octets + 1 + size, size, &area->unique.ecc.y))
		return tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "point has coordinates longer than its curve");
	return TPMIOT_OK;
}

/* By the curve's name. */
static EVP_PKEY *
ecc_by_name(OSSL_LIB_CTX *libctx, const struct ecc_point *point)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	EVP_PKEY *pkey = NULL;

	if (bld != NULL &&
	    OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, point->group, 0) ==
	        1 &&
	    OSSL_PARAM_BLD_push_octet_string(
	        bld, OSSL_PKEY_PARAM_PUB_KEY, point->octets, point->len) == 1)
		pkey = pkey_from_params(libctx, "EC", bld);
	OSSL_PARAM_BLD_free(bld);
	return pkey;
}

static EVP_PKEY *
ecc_on_curve(const EVP_PKEY *curve, const struct ecc_point *point)
{
	EVP_PKEY *pkey = EVP_PKEY_new();

	if (pkey != NULL && EVP_PKEY_copy_parameters(pkey, curve) == 1 &&
	    EVP_PKEY_set1_encoded_public_key(pkey, point->octets, point->len) == 1)
		return pkey;
	EVP_PKEY_free(pkey);
	return NULL;
}

static enum tpmiot_rc
ecc_to_pkey(OSSL_LIB_CTX *libctx, const TPMT_PUBLIC *area, EVP_PKEY **out, struct tpmiot_err *err)
{
	struct ecc_point point;
	enum tpmiot_rc rc = ecc_read_point(area, &point, err);
	const EVP_PKEY *curve;
	EVP_PKEY *pkey;

	if (rc != TPMIOT_OK)
		return rc;
	curve = curve_key(libctx, point.group);
	/* Either way libcrypto refuses a point that is not on the curve. */
	pkey = curve != NULL ? ecc_on_curve(curve, &point) : ecc_by_name(libctx, &point);
	if (pkey == NULL) {
		(void)tpmiot_err_crypto(err, "ECC public key on %s", point.group);
		if (err != NULL)
			err->rc = TPMIOT_E_FORMAT;
		return TPMIOT_E_FORMAT;
	}
	*out = pkey;
	return TPMIOT_OK;
}

enum tpmiot_rc
tpmiot_public_to_pkey(
    OSSL_LIB_CTX *libctx, const struct tpmiot_public *pub, EVP_PKEY **out, struct tpmiot_err *err)
{
	switch (pub->area.type) {
	case TPM2_ALG_RSA:
		return rsa_to_pkey(libctx, &pub->area, out, err);
	case TPM2_ALG_ECC:
		return ecc_to_pkey(libctx, &pub->area, out, err);
	default:
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "key type 0x%04x is neither RSA nor ECC", pub->area.type);
	}
}

bool
tpmiot_public_is_key(OSSL_LIB_CTX *libctx, const struct tpmiot_public *pub, const EVP_PKEY *pkey)
{
	EVP_PKEY *ours = NULL;
	bool same = tpmiot_public_to_pkey(libctx, pub, &ours, NULL) == TPMIOT_OK &&
	            EVP_PKEY_eq(ours, pkey) == 1;

	EVP_PKEY_free(ours);
	return same;
}

/* ---- SubjectPublicKeyInfo --------------------------------------------------- */

static enum tpmiot_rc
rsa_to_spki(const TPMT_PUBLIC *area, X509_PUBKEY *out, struct tpmiot_err *err)
{
	BIGNUM *n = NULL, *e = NULL;
	enum tpmiot_rc rc = rsa_numbers(area, &n, &e, err);

	if (rc != TPMIOT_OK)
		return rc;
	if (!spki_set_rsa(out, n, e))
		rc = tpmiot_err_crypto(err, "SubjectPublicKeyInfo");
	BN_free(n);
	BN_free(e);
	return rc;
}

static enum tpmiot_rc
ecc_to_spki(const TPMT_PUBLIC *area, X509_PUBKEY *out, struct tpmiot_err *err)
{
	struct ecc_point point;
	enum tpmiot_rc rc = ecc_read_point(area, &point, err);

	if (rc == TPMIOT_OK && !spki_set_ec(out, point.group, point.octets, point.len))
		rc = tpmiot_err_crypto(err, "SubjectPublicKeyInfo");
	return rc;
}

enum tpmiot_rc
tpmiot_public_set_spki(const struct tpmiot_public *pub, X509_PUBKEY *out, struct tpmiot_err *err)
{
	switch (pub->area.type) {
	case TPM2_ALG_RSA:
		return rsa_to_spki(&pub->area, out, err);
	case TPM2_ALG_ECC:
		return ecc_to_spki(&pub->area, out, err);
	default:
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "key type 0x%04x is neither RSA nor ECC", pub->area.type);
	}
}

/* The caller frees *der, also when this fails. */
static enum tpmiot_rc
encode_spki(
    const struct tpmiot_public *pub, unsigned char **der, size_t *len, struct tpmiot_err *err)
{
	X509_PUBKEY *spki = X509_PUBKEY_new();
	enum tpmiot_rc rc =
	    spki != NULL ? tpmiot_public_set_spki(pub, spki, err) : tpmiot_err_memory(err);
	int n;

	if (rc == TPMIOT_OK && (n = i2d_X509_PUBKEY(spki, der)) > 0)
		*len = (size_t)n;
	else if (rc == TPMIOT_OK)
		rc = tpmiot_err_crypto(err, "SubjectPublicKeyInfo");
	X509_PUBKEY_free(spki);
	return rc;
}

enum tpmiot_rc
tpmiot_public_spki_sha256(OSSL_LIB_CTX *libctx, const struct tpmiot_public *pub,
    uint8_t out[TPMIOT_SPKI_SHA256_LEN], struct tpmiot_err *err)
{
	unsigned char *der = NULL;
	size_t len = 0;
	enum tpmiot_rc rc = encode_spki(pub, &der, &len, err);

	if (rc == TPMIOT_OK && EVP_Q_digest(libctx, "SHA256", NULL, der, len, out, NULL) != 1)
		rc = tpmiot_err_crypto(err, "SubjectPublicKeyInfo");
	OPENSSL_free(der);
	return rc;
}

bool
tpmiot_public_has_spki(const struct tpmiot_public *pub, const X509_PUBKEY *spki)
{
	unsigned char *ours = NULL, *theirs = NULL;
	size_t len = 0;
	const bool same = encode_spki(pub, &ours, &len, NULL) == TPMIOT_OK &&
	                  i2d_X509_PUBKEY(spki, &theirs) == (int)len &&
	                  memcmp(ours, theirs, len) == 0;

	OPENSSL_free(ours);
	OPENSSL_free(theirs);
	return same;
}

bool
tpmiot_public_is_hmac_key(const struct tpmiot_public *pub)
{
	return pub->area.type == TPM2_ALG_KEYEDHASH &&
	       pub->area.parameters.keyedHashDetail.scheme.scheme == TPM2_ALG_HMAC;
}
