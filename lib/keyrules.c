/* SPDX-License-Identifier: Apache-2.0 */
#include <tpmiot/alg.h>
#include <tpmiot/keyrules.h>

#include "outerwrap.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define MIN_RSA_BITS 2048
#define MIN_HASH_SIZE TPM2_SHA256_DIGEST_SIZE

/* Made in this TPM, from its own random numbers, and never to leave it (Part 1, clause 23). */
#define ATTR_RESIDENT                                                                              \
	(TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN)

/*
 * Part 2, clause 8.3.2: what is reserved "shall be zero". Bits 8 and 9 are firmwareLimited and
 * svnLimited since version 1.83.
 */
#define ATTR_RESERVED ((TPMA_OBJECT)0xfff0f009)

static const struct {
	TPMA_OBJECT bit;
	const char *name;
} ATTRIBUTES[] = {
	{ TPMA_OBJECT_FIXEDTPM, "fixedTPM" },
	{ TPMA_OBJECT_FIXEDPARENT, "fixedParent" },
	{ TPMA_OBJECT_SENSITIVEDATAORIGIN, "sensitiveDataOrigin" },
	{ TPMA_OBJECT_RESTRICTED, "restricted" },
	{ TPMA_OBJECT_DECRYPT, "decrypt" },
	{ TPMA_OBJECT_SIGN_ENCRYPT, "sign" },
};

static enum tpmiot_rc
check_attributes(const struct tpmiot_public *pub, const char *what, TPMA_OBJECT must,
    TPMA_OBJECT must_not, struct tpmiot_err *err)
{
	TPMA_OBJECT has = pub->area.objectAttributes;

	if ((has & ATTR_RESERVED) != 0)
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "%s: reserved attribute bits are set (0x%08x)", what, has & ATTR_RESERVED);
	for (size_t i = 0; i < COUNT(ATTRIBUTES); i++) {
		TPMA_OBJECT bit = ATTRIBUTES[i].bit;

		if ((must & bit) != 0 && (has & bit) == 0)
			return tpmiot_err_set(err, TPMIOT_E_VERIFY, "%s: attribute %s must be set",
			    what, ATTRIBUTES[i].name);
		if ((must_not & bit) != 0 && (has & bit) != 0)
			return tpmiot_err_set(err, TPMIOT_E_VERIFY,
			    "%s: attribute %s must not be set", what, ATTRIBUTES[i].name);
	}
	return TPMIOT_OK;
}

static enum tpmiot_rc
check_rsa(const TPMT_PUBLIC *area, const char *what, struct tpmiot_err *err)
{
	const TPMS_RSA_PARMS *rsa = &area->parameters.rsaDetail;

	if (rsa->keyBits < MIN_RSA_BITS)
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "%s: RSA with %u bits; at least %d are asked for", what, rsa->keyBits,
		    MIN_RSA_BITS);
	if (rsa->exponent != 0 && rsa->exponent != 65537)
		return tpmiot_err_set(err, TPMIOT_E_VERIFY, "%s: RSA exponent %u; it must be 65537",
		    what, rsa->exponent);
	if (tpmiot_roca_fingerprint(area->unique.rsa.buffer, area->unique.rsa.size))
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "%s: the RSA modulus has the fingerprint of ROCA (CVE-2017-15361): its "
		    "private key can be computed. Update the TPM's firmware and make new keys",
		    what);
	return TPMIOT_OK;
}

static enum tpmiot_rc
check_ecc(const TPMT_PUBLIC *area, const char *what, struct tpmiot_err *err)
{
	switch (area->parameters.eccDetail.curveID) {
	case TPM2_ECC_NIST_P256:
	case TPM2_ECC_NIST_P384:
	case TPM2_ECC_NIST_P521:
		return TPMIOT_OK;
	default:
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "%s: curve 0x%04x; P-256, P-384 and P-521 are served", what,
		    area->parameters.eccDetail.curveID);
	}
}

/* What is malformed for the parser is, to whoever judges keys, a rule that does not hold. */
static enum tpmiot_rc
not_a_key(enum tpmiot_rc rc, const char *what, struct tpmiot_err *err)
{
	if (rc == TPMIOT_E_FORMAT)
		rc = TPMIOT_E_VERIFY;
	if (err != NULL) {
		err->rc = rc;
		(void)tpmiot_err_prefix(err, "%s", what);
	}
	return rc;
}

/* Size, exponent, curve, known weaknesses; and that it is a key at all. */
static enum tpmiot_rc
check_strength(
    OSSL_LIB_CTX *libctx, const struct tpmiot_public *pub, const char *what, struct tpmiot_err *err)
{
	EVP_PKEY *pkey = NULL;
	enum tpmiot_rc rc;

	if (tpmiot_alg_md_size(pub->area.nameAlg) < MIN_HASH_SIZE)
		return tpmiot_err_set(
		    err, TPMIOT_E_VERIFY, "%s: its nameAlg must be SHA-256 or better", what);
	rc = tpmiot_public_to_pkey(libctx, pub, &pkey, err);
	EVP_PKEY_free(pkey);
	if (rc != TPMIOT_OK)
		return not_a_key(rc, what, err);
	return pub->area.type == TPM2_ALG_RSA ? check_rsa(&pub->area, what, err)
	                                      : check_ecc(&pub->area, what, err);
}

/* The scheme and hash a signing key is bound to; TPM2_ALG_NULL if to none. */
static TPMI_ALG_SIG_SCHEME
scheme_of(const TPMT_PUBLIC *area, TPMI_ALG_HASH *hash)
{
	if (area->type == TPM2_ALG_RSA) {
		*hash = area->parameters.rsaDetail.scheme.details.anySig.hashAlg;
		return area->parameters.rsaDetail.scheme.scheme;
	}
	*hash = area->parameters.eccDetail.scheme.details.anySig.hashAlg;
	return area->parameters.eccDetail.scheme.scheme;
}

/* A scheme that we can verify, with a hash that holds. */
static enum tpmiot_rc
check_scheme(const TPMT_PUBLIC *area, const char *what, bool required, struct tpmiot_err *err)
{
	TPMI_ALG_HASH hash;
	TPMI_ALG_SIG_SCHEME scheme = scheme_of(area, &hash);

	switch (scheme) {
	case TPM2_ALG_NULL:
		if (!required)
			return TPMIOT_OK;
		return tpmiot_err_set(
		    err, TPMIOT_E_VERIFY, "%s: it must be bound to a signing scheme", what);
	case TPM2_ALG_RSASSA:
	case TPM2_ALG_RSAPSS:
	case TPM2_ALG_ECDSA:
		break;
	default:
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "%s: signing scheme 0x%04x; RSASSA, RSAPSS and ECDSA are served", what, scheme);
	}
	if (tpmiot_alg_md_size(hash) < MIN_HASH_SIZE)
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "%s: it signs with hash 0x%04x; SHA-256 or better is asked for", what, hash);
	return TPMIOT_OK;
}

enum tpmiot_rc
tpmiot_keyrules_check_ek(OSSL_LIB_CTX *libctx, const struct tpmiot_public *ek,
    const struct tpmiot_ek_profile **profile, struct tpmiot_err *err)
{
	const struct tpmiot_ek_profile *found;
	enum tpmiot_rc rc =
	    check_attributes(ek, "EK", ATTR_RESIDENT | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT,
	        TPMA_OBJECT_SIGN_ENCRYPT, err);

	if (rc == TPMIOT_OK)
		rc = check_strength(libctx, ek, "EK", err);
	if (rc != TPMIOT_OK)
		return rc;
	found = tpmiot_ek_profile_match(&ek->area);
	if (found == NULL)
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "EK: not made from a known template of the TCG EK Credential Profile (L-1, "
		    "L-2, "
		    "H-1 to H-4, H-6, H-7): type, size, policy, attributes and cipher must be the "
		    "template's");
	if (profile != NULL)
		*profile = found;
	return TPMIOT_OK;
}

enum tpmiot_rc
tpmiot_keyrules_check_ak(
    OSSL_LIB_CTX *libctx, const struct tpmiot_public *ak, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = check_attributes(ak, "AK",
	    ATTR_RESIDENT | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SIGN_ENCRYPT, TPMA_OBJECT_DECRYPT,
	    err);

	if (rc == TPMIOT_OK)
		rc = check_strength(libctx, ak, "AK", err);
	if (rc == TPMIOT_OK)
		rc = check_scheme(&ak->area, "AK", true, err);
	return rc;
}

enum tpmiot_rc
tpmiot_keyrules_check_key(
    OSSL_LIB_CTX *libctx, const struct tpmiot_public *key, struct tpmiot_err *err)
{
	enum tpmiot_rc rc =
	    check_attributes(key, "device key", ATTR_RESIDENT | TPMA_OBJECT_SIGN_ENCRYPT,
	        TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT, err);

	if (rc == TPMIOT_OK)
		rc = check_strength(libctx, key, "device key", err);
	if (rc == TPMIOT_OK)
		rc = check_scheme(&key->area, "device key", false, err);
	return rc;
}

enum tpmiot_rc
tpmiot_keyrules_check_srk(
    OSSL_LIB_CTX *libctx, const struct tpmiot_public *srk, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = check_attributes(srk, "storage root key",
	    ATTR_RESIDENT | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT, TPMA_OBJECT_SIGN_ENCRYPT,
	    err);

	if (rc == TPMIOT_OK)
		rc = check_strength(libctx, srk, "storage root key", err);
	/* What will be wrapped for it has to be possible to wrap. */
	if (rc == TPMIOT_OK)
		rc = outerwrap_check_key(&srk->area, "storage root key", "key", err);
	return rc;
}
