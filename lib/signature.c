/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include <tpmiot/alg.h>
#include <tpmiot/signature.h>

/*
 * RSASSA and RSAPSS share one structure in TPMU_SIGNATURE, as do the schemes'
 * hashes in TPMU_ASYM_SCHEME: each is used under its first name here.
 */
static const char *
scheme_name(TPMI_ALG_SIG_SCHEME scheme)
{
	switch (scheme) {
	case TPM2_ALG_RSASSA:
		return "RSASSA";
	case TPM2_ALG_RSAPSS:
		return "RSAPSS";
	case TPM2_ALG_ECDSA:
		return "ECDSA";
	default:
		return NULL;
	}
}

static enum tpmiot_rc
check_algorithms(TPMI_ALG_SIG_SCHEME scheme, TPMI_ALG_HASH hash, struct tpmiot_err *err)
{
	if (scheme_name(scheme) == NULL)
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "signature: scheme 0x%04x is none of RSASSA, RSAPSS and ECDSA", scheme);
	if (tpmiot_alg_md_name(hash) == NULL)
		return tpmiot_err_set(
		    err, TPMIOT_E_UNSUPPORTED, "signature: hash 0x%04x is not known", hash);
	return TPMIOT_OK;
}

static void
read_rsa(struct tpmiot_reader *r, TPMS_SIGNATURE_RSASSA *out)
{
	size_t len;
	const uint8_t *data = tpmiot_reader_tpm2b(r, sizeof(out->sig.buffer), &len);

	if (data == NULL)
		return;
	memcpy(out->sig.buffer, data, len);
	out->sig.size = (UINT16)len;
}

static void
read_parameter(struct tpmiot_reader *r, TPM2B_ECC_PARAMETER *out)
{
	size_t len;
	const uint8_t *data = tpmiot_reader_tpm2b(r, sizeof(out->buffer), &len);

	if (data == NULL)
		return;
	memcpy(out->buffer, data, len);
	out->size = (UINT16)len;
}

enum tpmiot_rc
tpmiot_signature_parse(const uint8_t *data, size_t len, TPMT_SIGNATURE *out, struct tpmiot_err *err)
{
	TPMT_SIGNATURE sig = { 0 };
	struct tpmiot_reader r;
	enum tpmiot_rc rc;

	tpmiot_reader_init(&r, data, len);
	sig.sigAlg = tpmiot_reader_u16(&r);
	sig.signature.any.hashAlg = tpmiot_reader_u16(&r);
	if (r.failed)
		goto format;
	rc = check_algorithms(sig.sigAlg, sig.signature.any.hashAlg, err);
	if (rc != TPMIOT_OK)
		return rc;
	if (sig.sigAlg == TPM2_ALG_ECDSA) {
		read_parameter(&r, &sig.signature.ecdsa.signatureR);
		read_parameter(&r, &sig.signature.ecdsa.signatureS);
	} else {
		read_rsa(&r, &sig.signature.rsassa);
	}
	if (!tpmiot_reader_done(&r))
		goto format;
	*out = sig;
	return TPMIOT_OK;
format:
	return tpmiot_err_set(
	    err, TPMIOT_E_FORMAT, "signature: its size fields do not fit its %zu bytes", len);
}

/* What the caller hands in may have been filled by Tss2_MU: its sizes are checked, too. */
static enum tpmiot_rc
check_signature(const TPMT_SIGNATURE *sig, struct tpmiot_err *err)
{
	const TPMS_SIGNATURE_ECDSA *ecdsa = &sig->signature.ecdsa;
	const TPM2B_PUBLIC_KEY_RSA *rsa = &sig->signature.rsassa.sig;
	enum tpmiot_rc rc = check_algorithms(sig->sigAlg, sig->signature.any.hashAlg, err);
	bool fits;

	if (rc != TPMIOT_OK)
		return rc;
	if (sig->sigAlg == TPM2_ALG_ECDSA)
		fits = ecdsa->signatureR.size <= sizeof(ecdsa->signatureR.buffer) &&
		       ecdsa->signatureS.size <= sizeof(ecdsa->signatureS.buffer);
	else
		fits = rsa->size <= sizeof(rsa->buffer);
	if (!fits)
		return tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "signature: longer than any TPM makes it");
	return TPMIOT_OK;
}

enum tpmiot_rc
tpmiot_signature_put(const TPMT_SIGNATURE *sig, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	const TPMS_SIGNATURE_ECDSA *ecdsa = &sig->signature.ecdsa;
	const TPM2B_PUBLIC_KEY_RSA *rsa = &sig->signature.rsassa.sig;
	enum tpmiot_rc rc = check_signature(sig, err);

	if (rc != TPMIOT_OK)
		return rc;
	tpmiot_buf_put_u16(out, sig->sigAlg);
	tpmiot_buf_put_u16(out, sig->signature.any.hashAlg);
	if (sig->sigAlg == TPM2_ALG_ECDSA) {
		tpmiot_buf_put_u16(out, ecdsa->signatureR.size);
		tpmiot_buf_put(out, ecdsa->signatureR.buffer, ecdsa->signatureR.size);
		tpmiot_buf_put_u16(out, ecdsa->signatureS.size);
		tpmiot_buf_put(out, ecdsa->signatureS.buffer, ecdsa->signatureS.size);
	} else {
		tpmiot_buf_put_u16(out, rsa->size);
		tpmiot_buf_put(out, rsa->buffer, rsa->size);
	}
	return tpmiot_buf_done(out, err);
}

/*
 * DER of two numbers: written here, because it is part of each signature that a device makes,
 * and i2d_ECDSA_SIG() takes numbers, allocated, and goes through templates.
 */
#define DER_INTEGER 0x02
#define DER_SEQUENCE 0x30

/* Without leading zeros. */
struct number {
	const uint8_t *data;
	size_t len;
};

static struct number
number_of(const TPM2B_ECC_PARAMETER *parameter)
{
	struct number number = { parameter->buffer, parameter->size };

	while (number.len > 0 && number.data[0] == 0) {
		number.data++;
		number.len--;
	}
	return number;
}

/* A first bit set would be a sign; and 0 is one byte. */
static bool
wants_a_zero(struct number number)
{
	return number.len == 0 || (number.data[0] & 0x80) != 0;
}

static size_t
integer_len(struct number number)
{
	return number.len + wants_a_zero(number);
}

/* Up to 65535: more than two of TPM2B_ECC_PARAMETER take. */
static void
put_der_header(struct tpmiot_buf *out, uint8_t tag, size_t len)
{
	tpmiot_buf_put_u8(out, tag);
	if (len > 0xff) {
		tpmiot_buf_put_u8(out, 0x82);
		tpmiot_buf_put_u16(out, (uint16_t)len);
		return;
	}
	if (len > 0x7f)
		tpmiot_buf_put_u8(out, 0x81);
	tpmiot_buf_put_u8(out, (uint8_t)len);
}

static size_t
der_header_len(size_t len)
{
	return len > 0xff ? 4 : len > 0x7f ? 3 : 2;
}

static void
put_integer(struct tpmiot_buf *out, struct number number)
{
	put_der_header(out, DER_INTEGER, integer_len(number));
	if (wants_a_zero(number))
		tpmiot_buf_put_u8(out, 0);
	tpmiot_buf_put(out, number.data, number.len);
}

static enum tpmiot_rc
put_ecdsa_der(const TPMS_SIGNATURE_ECDSA *ecdsa, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	struct number r = number_of(&ecdsa->signatureR);
	struct number s = number_of(&ecdsa->signatureS);
	size_t r_len = integer_len(r), s_len = integer_len(s);

	put_der_header(
	    out, DER_SEQUENCE, der_header_len(r_len) + r_len + der_header_len(s_len) + s_len);
	put_integer(out, r);
	put_integer(out, s);
	return tpmiot_buf_done(out, err);
}

enum tpmiot_rc
tpmiot_signature_put_openssl(
    const TPMT_SIGNATURE *sig, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	const TPM2B_PUBLIC_KEY_RSA *rsa = &sig->signature.rsassa.sig;
	enum tpmiot_rc rc = check_signature(sig, err);

	if (rc != TPMIOT_OK)
		return rc;
	if (sig->sigAlg == TPM2_ALG_ECDSA)
		return put_ecdsa_der(&sig->signature.ecdsa, out, err);
	tpmiot_buf_put(out, rsa->buffer, rsa->size);
	return tpmiot_buf_done(out, err);
}

/* ---- verifying ----------------------------------------------------------- */

/* The scheme that is built into the key, or TPM2_ALG_NULL. */
static TPMI_ALG_SIG_SCHEME
key_scheme(const TPMT_PUBLIC *area, TPMI_ALG_HASH *hash)
{
	if (area->type == TPM2_ALG_ECC) {
		*hash = area->parameters.eccDetail.scheme.details.anySig.hashAlg;
		return area->parameters.eccDetail.scheme.scheme;
	}
	*hash = area->parameters.rsaDetail.scheme.details.anySig.hashAlg;
	return area->parameters.rsaDetail.scheme.scheme;
}

static enum tpmiot_rc
check_scheme(const TPMT_PUBLIC *area, const TPMT_SIGNATURE *sig, struct tpmiot_err *err)
{
	TPMI_ALG_PUBLIC type = sig->sigAlg == TPM2_ALG_ECDSA ? TPM2_ALG_ECC : TPM2_ALG_RSA;
	TPMI_ALG_HASH used = sig->signature.any.hashAlg, hash;
	TPMI_ALG_SIG_SCHEME scheme;

	if (area->type != type)
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "signature: it is %s, but the key is of another type (0x%04x)",
		    scheme_name(sig->sigAlg), area->type);
	scheme = key_scheme(area, &hash);
	if (scheme == TPM2_ALG_NULL)
		return TPMIOT_OK;
	if (scheme != sig->sigAlg)
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "signature: it is %s, but the key's scheme is %s (0x%04x)",
		    scheme_name(sig->sigAlg),
		    scheme_name(scheme) != NULL ? scheme_name(scheme) : "another", scheme);
	if (hash != used)
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "signature: its hash is %s, but the key's scheme has %s (0x%04x)",
		    tpmiot_alg_md_name(used),
		    tpmiot_alg_md_name(hash) != NULL ? tpmiot_alg_md_name(hash) : "another", hash);
	return TPMIOT_OK;
}

/* The salt of a PSS signature is as long as that TPM makes it: TPMs differ. */
static bool
set_padding(EVP_PKEY_CTX *ctx, TPMI_ALG_SIG_SCHEME scheme)
{
	if (scheme == TPM2_ALG_RSASSA)
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
	if (scheme == TPM2_ALG_RSAPSS)
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
		       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_AUTO) == 1;
	return true;
}

static enum tpmiot_rc
verify(OSSL_LIB_CTX *libctx, EVP_PKEY *pkey, const TPMT_SIGNATURE *sig,
    const struct tpmiot_buf *octets, const void *msg, size_t len, struct tpmiot_err *err)
{
	const char *md = tpmiot_alg_md_name(sig->signature.any.hashAlg);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	enum tpmiot_rc rc = TPMIOT_OK;

	if (ctx == NULL || EVP_DigestVerifyInit_ex(ctx, &pctx, md, libctx, NULL, pkey, NULL) != 1 ||
	    !set_padding(pctx, sig->sigAlg)) {
		rc = tpmiot_err_crypto(
		    err, "signature: preparing to verify %s with %s", scheme_name(sig->sigAlg), md);
	} else if (EVP_DigestVerify(ctx, octets->data, octets->len, msg, len) != 1) {
		tpmiot_err_forget();
		rc = tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "signature: this key did not sign these bytes (%s with %s)",
		    scheme_name(sig->sigAlg), md);
	}
	EVP_MD_CTX_free(ctx);
	return rc;
}

enum tpmiot_rc
tpmiot_signature_verify(OSSL_LIB_CTX *libctx, const struct tpmiot_public *key,
    const TPMT_SIGNATURE *sig, const void *msg, size_t len, struct tpmiot_err *err)
{
	struct tpmiot_buf octets = TPMIOT_BUF_INIT;
	EVP_PKEY *pkey = NULL;
	enum tpmiot_rc rc;

	if ((rc = tpmiot_signature_put_openssl(sig, &octets, err)) == TPMIOT_OK &&
	    (rc = check_scheme(&key->area, sig, err)) == TPMIOT_OK &&
	    (rc = tpmiot_public_to_pkey(libctx, key, &pkey, err)) == TPMIOT_OK)
		rc = verify(libctx, pkey, sig, &octets, msg, len, err);
	EVP_PKEY_free(pkey);
	tpmiot_buf_free(&octets);
	return rc;
}

/* RSASSA without a hash is over the bytes as they are. */
static bool
set_digest(EVP_PKEY_CTX *ctx, const TPMT_SIGNATURE *sig)
{
	const char *md = tpmiot_alg_md_name(sig->signature.any.hashAlg);
	OSSL_PARAM params[2] = { OSSL_PARAM_END, OSSL_PARAM_END };

	if (sig->sigAlg == TPM2_ALG_ECDSA || md == NULL)
		return true;
	params[0] =
	    OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, (char *)(uintptr_t)md, 0);
	return EVP_PKEY_CTX_set_params(ctx, params) == 1;
}

struct tpmiot_verifier {
	EVP_PKEY_CTX *ctx;
	TPMI_ALG_SIG_SCHEME scheme;
	TPMI_ALG_HASH hash;
};

void
tpmiot_verifier_free(struct tpmiot_verifier **verifier)
{
	if (*verifier == NULL)
		return;
	EVP_PKEY_CTX_free((*verifier)->ctx);
	OPENSSL_free(*verifier);
	*verifier = NULL;
}

static enum tpmiot_rc
set_up(OSSL_LIB_CTX *libctx, EVP_PKEY *key, const TPMT_SIGNATURE *sig, struct tpmiot_verifier **out,
    struct tpmiot_err *err)
{
	struct tpmiot_verifier *verifier = OPENSSL_zalloc(sizeof(*verifier));

	if (verifier == NULL)
		return tpmiot_err_memory(err);
	verifier->scheme = sig->sigAlg;
	verifier->hash = sig->signature.any.hashAlg;
	verifier->ctx = EVP_PKEY_CTX_new_from_pkey(libctx, key, NULL);
	if (verifier->ctx == NULL || EVP_PKEY_verify_init(verifier->ctx) != 1 ||
	    !set_padding(verifier->ctx, sig->sigAlg) || !set_digest(verifier->ctx, sig)) {
		tpmiot_verifier_free(&verifier);
		return tpmiot_err_crypto(err, "signature: preparing to verify it");
	}
	*out = verifier;
	return TPMIOT_OK;
}

static bool
is_for(const struct tpmiot_verifier *verifier, const TPMT_SIGNATURE *sig)
{
	return verifier->scheme == sig->sigAlg && verifier->hash == sig->signature.any.hashAlg;
}

enum tpmiot_rc
tpmiot_signature_verify_digest(OSSL_LIB_CTX *libctx, EVP_PKEY *key, const TPMT_SIGNATURE *sig,
    const TPM2B_DIGEST *digest, struct tpmiot_verifier **kept, struct tpmiot_err *err)
{
	struct tpmiot_buf octets = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc = tpmiot_signature_put_openssl(sig, &octets, err);

	if (rc == TPMIOT_OK && EVP_PKEY_is_a(key, "EC") != (sig->sigAlg == TPM2_ALG_ECDSA))
		rc = tpmiot_err_set(
		    err, TPMIOT_E_VERIFY, "signature: it is for another type of key");
	if (rc == TPMIOT_OK && *kept != NULL && !is_for(*kept, sig))
		tpmiot_verifier_free(kept);
	if (rc == TPMIOT_OK && *kept == NULL)
		rc = set_up(libctx, key, sig, kept, err);
	if (rc == TPMIOT_OK && EVP_PKEY_verify((*kept)->ctx, octets.data, octets.len,
	                           digest->buffer, digest->size) != 1) {
		tpmiot_err_forget();
		rc = tpmiot_err_set(err, TPMIOT_E_VERIFY, "signature: it does not hold");
	}
	tpmiot_buf_free(&octets);
	return rc;
}
