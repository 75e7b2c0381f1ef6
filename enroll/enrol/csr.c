/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/x509.h>

#include <tpmiot/signature.h>

#include "enroll/enrol/csr.h"

enum tpmiot_rc
enroll_csr_scheme(
    const TPMT_PUBLIC *area, TPMT_SIG_SCHEME *scheme, int *nid, struct tpmiot_err *err)
{
	TPMT_SIG_SCHEME made = { .scheme = TPM2_ALG_NULL };

	if (area->type == TPM2_ALG_RSA) {
		made.scheme = TPM2_ALG_RSASSA;
		made.details.rsassa.hashAlg = TPM2_ALG_SHA256;
		*nid = NID_sha256WithRSAEncryption;
	} else if (area->type == TPM2_ALG_ECC &&
	           area->parameters.eccDetail.curveID == TPM2_ECC_NIST_P256) {
		made.scheme = TPM2_ALG_ECDSA;
		made.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
		*nid = NID_ecdsa_with_SHA256;
	} else if (area->type == TPM2_ALG_ECC &&
	           area->parameters.eccDetail.curveID == TPM2_ECC_NIST_P384) {
		made.scheme = TPM2_ALG_ECDSA;
		made.details.ecdsa.hashAlg = TPM2_ALG_SHA384;
		*nid = NID_ecdsa_with_SHA384;
	} else {
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "a certificate request needs an RSA, P-256 or P-384 key");
	}
	*scheme = made;
	return TPMIOT_OK;
}

/* RFC 4055 section 5 wants NULL parameters for RSA, RFC 5758 section 3.2 none for ECDSA. */
static bool
set_algorithm(X509_REQ *req, int nid)
{
	X509_ALGOR *alg = X509_ALGOR_new();
	int param = nid == NID_sha256WithRSAEncryption ? V_ASN1_NULL : V_ASN1_UNDEF;
	bool ok;

	ok = alg != NULL && X509_ALGOR_set0(alg, OBJ_nid2obj(nid), param, NULL) == 1 &&
	     X509_REQ_set1_signature_algo(req, alg) == 1;
	X509_ALGOR_free(alg);
	return ok;
}

static bool
set_signature(X509_REQ *req, const struct tpmiot_buf *signature)
{
	ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();

	if (bits == NULL || ASN1_BIT_STRING_set(bits, signature->data, (int)signature->len) != 1) {
		ASN1_BIT_STRING_free(bits);
		return false;
	}
	/* Whole bytes: no unused bits, whatever the last ones are. */
	bits->flags &= ~(ASN1_STRING_FLAG_BITS_LEFT | 0x07);
	bits->flags |= ASN1_STRING_FLAG_BITS_LEFT;
	X509_REQ_set0_signature(req, bits);
	return true;
}

enum tpmiot_rc
enroll_csr_build(EVP_PKEY *pkey, int nid, enroll_csr_sign_fn *sign, void *arg,
    struct tpmiot_buf *out, struct tpmiot_err *err)
{
	struct tpmiot_buf signature = TPMIOT_BUF_INIT;
	unsigned char *tbs = NULL, *der = NULL;
	X509_REQ *req = X509_REQ_new();
	enum tpmiot_rc rc;
	int len;

	if (req == NULL || X509_REQ_set_version(req, X509_REQ_VERSION_1) != 1 ||
	    X509_REQ_set_pubkey(req, pkey) != 1 || !set_algorithm(req, nid) ||
	    (len = i2d_re_X509_REQ_tbs(req, &tbs)) <= 0) {
		rc = tpmiot_err_crypto(err, "cannot make the certificate request");
		goto out;
	}
	rc = sign(arg, tbs, (size_t)len, &signature, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_buf_done(&signature, err);
	if (rc != TPMIOT_OK)
		goto out;
	if (!set_signature(req, &signature) || (len = i2d_X509_REQ(req, &der)) <= 0) {
		rc = tpmiot_err_crypto(err, "cannot make the certificate request");
		goto out;
	}
	tpmiot_buf_put(out, der, (size_t)len);
	rc = tpmiot_buf_done(out, err);
out:
	OPENSSL_free(tbs);
	OPENSSL_free(der);
	X509_REQ_free(req);
	tpmiot_buf_free(&signature);
	return rc;
}

struct tpm_signer {
	struct tpmiot_key *key;
	TPMT_SIG_SCHEME scheme;
};

static enum tpmiot_rc
tpm_sign(
    void *arg, const void *msg, size_t len, struct tpmiot_buf *signature, struct tpmiot_err *err)
{
	struct tpm_signer *signer = arg;
	TPMT_SIGNATURE sig;
	enum tpmiot_rc rc;

	rc = tpmiot_key_sign_message(signer->key, &signer->scheme, msg, len, &sig, err);
	if (rc != TPMIOT_OK)
		return rc;
	return tpmiot_signature_put_openssl(&sig, signature, err);
}

enum tpmiot_rc
enroll_csr_make(struct tpmiot_key *key, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	struct tpm_signer signer = { .key = key };
	enum tpmiot_rc rc;
	int nid = NID_undef;

	rc = enroll_csr_scheme(&tpmiot_key_public(key)->area, &signer.scheme, &nid, err);
	if (rc != TPMIOT_OK)
		return rc;
	return enroll_csr_build(tpmiot_key_pkey(key), nid, tpm_sign, &signer, out, err);
}
