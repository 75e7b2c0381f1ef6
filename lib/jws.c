/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <openssl/ecdsa.h>
#include <openssl/rsa.h>

#include <tpmiot/alg.h>
#include <tpmiot/b64.h>
#include <tpmiot/jws.h>
#include <tpmiot/signature.h>

#define RSA_BITS_MIN 2048 /* RFC 7518 section 3.3 */

struct tpmiot_jws_alg {
	const char *name;
	TPMI_ALG_SIG_SCHEME scheme;
	TPMI_ALG_HASH hash;
	TPMI_ECC_CURVE curve; /* TPM2_ECC_NONE: RSA */
};

/* The first one that fits a key is its default. */
static const struct tpmiot_jws_alg algs[] = {
	{ "RS256", TPM2_ALG_RSASSA, TPM2_ALG_SHA256, TPM2_ECC_NONE },
	{ "PS256", TPM2_ALG_RSAPSS, TPM2_ALG_SHA256, TPM2_ECC_NONE },
	{ "ES256", TPM2_ALG_ECDSA, TPM2_ALG_SHA256, TPM2_ECC_NIST_P256 },
	{ "ES384", TPM2_ALG_ECDSA, TPM2_ALG_SHA384, TPM2_ECC_NIST_P384 },
};

#define ALGS_N (sizeof(algs) / sizeof(algs[0]))

const struct tpmiot_jws_alg *
tpmiot_jws_alg_find(const char *name)
{
	for (size_t i = 0; i < ALGS_N; i++)
		if (strcmp(algs[i].name, name) == 0)
			return &algs[i];
	return NULL;
}

const char *
tpmiot_jws_alg_name(const struct tpmiot_jws_alg *alg)
{
	return alg->name;
}

static TPMI_ECC_CURVE
curve_of(const EVP_PKEY *key)
{
	char group[64];
	size_t len = 0;

	if (EVP_PKEY_get_group_name(key, group, sizeof(group), &len) != 1)
		return TPM2_ECC_NONE;
	return tpmiot_alg_from_group_name(group);
}

bool
tpmiot_jws_alg_fits(const struct tpmiot_jws_alg *alg, const EVP_PKEY *key)
{
	if (alg->curve == TPM2_ECC_NONE)
		return EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) >= RSA_BITS_MIN;
	return EVP_PKEY_is_a(key, "EC") && curve_of(key) == alg->curve;
}

const struct tpmiot_jws_alg *
tpmiot_jws_alg_default(const EVP_PKEY *key)
{
	for (size_t i = 0; i < ALGS_N; i++)
		if (tpmiot_jws_alg_fits(&algs[i], key))
			return &algs[i];
	return NULL;
}

const char *
tpmiot_jws_algs_of(const EVP_PKEY *key)
{
	const struct tpmiot_jws_alg *first = tpmiot_jws_alg_default(key);

	if (first == NULL)
		return NULL;
	return first->curve == TPM2_ECC_NONE ? "RS256 or PS256" : first->name;
}

TPMT_SIG_SCHEME
tpmiot_jws_scheme(const struct tpmiot_jws_alg *alg)
{
	TPMT_SIG_SCHEME scheme = { .scheme = alg->scheme };

	scheme.details.any.hashAlg = alg->hash;
	return scheme;
}

/* ---- Writing ------------------------------------------------------------------- */

void
tpmiot_jws_put_input(const void *header, size_t header_len, const void *payload, size_t payload_len,
    struct tpmiot_buf *out)
{
	tpmiot_b64url_encode(header, header_len, out);
	tpmiot_buf_put_u8(out, '.');
	tpmiot_b64url_encode(payload, payload_len, out);
}

/* A TPM may leave zeros in front away, or put some there. False: longer than the curve. */
static bool
put_coordinate(const TPM2B_ECC_PARAMETER *value, size_t size, struct tpmiot_buf *out)
{
	const uint8_t *at = value->buffer;
	size_t len = value->size;
	uint8_t *room;

	if (len > sizeof(value->buffer))
		return false;
	for (; len > size && *at == 0; at++)
		len--;
	if (len > size)
		return false;
	room = tpmiot_buf_grow(out, size);
	if (room != NULL)
		memcpy(room + size - len, at, len);
	return true;
}

enum tpmiot_rc
tpmiot_jws_put_signature(const struct tpmiot_jws_alg *alg, const TPMT_SIGNATURE *sig,
    struct tpmiot_buf *out, struct tpmiot_err *err)
{
	const TPM2B_PUBLIC_KEY_RSA *rsa = &sig->signature.rsassa.sig;
	size_t size = tpmiot_alg_group_size(alg->curve);
	struct tpmiot_buf raw = TPMIOT_BUF_INIT;
	bool fits = sig->sigAlg == alg->scheme && sig->signature.any.hashAlg == alg->hash;
	enum tpmiot_rc rc;

	if (fits && alg->scheme == TPM2_ALG_ECDSA)
		fits = put_coordinate(&sig->signature.ecdsa.signatureR, size, &raw) &&
		       put_coordinate(&sig->signature.ecdsa.signatureS, size, &raw);
	else if (fits && (fits = rsa->size <= sizeof(rsa->buffer)))
		tpmiot_buf_put(&raw, rsa->buffer, rsa->size);
	rc = fits ? tpmiot_buf_done(&raw, err)
	          : tpmiot_err_set(err, TPMIOT_E_FORMAT, "this is no signature of %s", alg->name);
	if (rc == TPMIOT_OK) {
		tpmiot_buf_put_u8(out, '.');
		tpmiot_b64url_encode(raw.data, raw.len, out);
		rc = tpmiot_buf_done(out, err);
	}
	tpmiot_buf_free(&raw);
	return rc;
}

/* ---- Reading ------------------------------------------------------------------- */

/* The part up to the next dot, or up to the end; *at moves behind it. */
static enum tpmiot_rc
take_part(const char *what, const char **at, const char *end, bool last, struct tpmiot_buf *out,
    struct tpmiot_err *err)
{
	const char *dot = memchr(*at, '.', (size_t)(end - *at));
	const char *stop = last ? end : dot;
	enum tpmiot_rc rc;

	if ((dot == NULL) != last)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "no JWS in its compact form: that has three parts with dots between them");
	rc = tpmiot_b64url_decode(*at, (size_t)(stop - *at), out, err);
	if (rc == TPMIOT_E_FORMAT)
		return tpmiot_err_set(
		    err, rc, "the JWS's %s is not base64url without padding", what);
	*at = last ? end : dot + 1;
	return rc;
}

enum tpmiot_rc
tpmiot_jws_parse(const char *text, size_t len, struct tpmiot_jws *out, struct tpmiot_err *err)
{
	struct tpmiot_jws jws = { .text = text };
	const char *at = text, *end = text + len;
	enum tpmiot_rc rc;

	if (len > TPMIOT_JWS_MAX)
		return tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "a JWS of more than %d bytes", TPMIOT_JWS_MAX);
	rc = take_part("header", &at, end, false, &jws.header, err);
	if (rc == TPMIOT_OK)
		rc = take_part("payload", &at, end, false, &jws.payload, err);
	jws.input_len = (size_t)(at - text) - 1;
	if (rc == TPMIOT_OK)
		rc = take_part("signature", &at, end, true, &jws.signature, err);
	if (rc == TPMIOT_OK && (jws.header.len == 0 || jws.signature.len == 0))
		rc = tpmiot_err_set(err, TPMIOT_E_FORMAT, "the JWS's %s is missing",
		    jws.header.len == 0 ? "header" : "signature");
	if (rc != TPMIOT_OK) {
		tpmiot_jws_clear(&jws);
		return rc;
	}
	tpmiot_jws_clear(out);
	*out = jws;
	return TPMIOT_OK;
}

void
tpmiot_jws_clear(struct tpmiot_jws *jws)
{
	tpmiot_buf_free(&jws->header);
	tpmiot_buf_free(&jws->payload);
	tpmiot_buf_free(&jws->signature);
	jws->text = NULL;
	jws->input_len = 0;
}

/* ---- Verifying ------------------------------------------------------------------ */

/* R and S side by side into the DER that OpenSSL takes. */
static enum tpmiot_rc
ecdsa_der(const struct tpmiot_buf *raw, size_t size, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	TPMT_SIGNATURE sig = { .sigAlg = TPM2_ALG_ECDSA };
	TPMS_SIGNATURE_ECDSA *ecdsa = &sig.signature.ecdsa;

	if (raw->len != 2 * size)
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "the signature has %zu bytes, which for this curve would be %zu", raw->len,
		    2 * size);
	ecdsa->hash = TPM2_ALG_SHA256; /* not part of the DER */
	ecdsa->signatureR.size = ecdsa->signatureS.size = (UINT16)size;
	memcpy(ecdsa->signatureR.buffer, raw->data, size);
	memcpy(ecdsa->signatureS.buffer, raw->data + size, size);
	return tpmiot_signature_put_openssl(&sig, out, err);
}

/* RFC 7518 section 3.5: MGF1 with the same hash, a salt of the hash's size. */
static bool
set_padding(EVP_PKEY_CTX *ctx, TPMI_ALG_SIG_SCHEME scheme)
{
	if (scheme == TPM2_ALG_RSAPSS)
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
		       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
	return scheme != TPM2_ALG_RSASSA ||
	       EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
}

static enum tpmiot_rc
verify_octets(const struct tpmiot_jws *jws, const struct tpmiot_jws_alg *alg,
    const struct tpmiot_buf *octets, EVP_PKEY *key, struct tpmiot_err *err)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	enum tpmiot_rc rc = TPMIOT_OK;

	if (ctx == NULL ||
	    EVP_DigestVerifyInit_ex(
	        ctx, &pctx, tpmiot_alg_md_name(alg->hash), NULL, NULL, key, NULL) != 1 ||
	    !set_padding(pctx, alg->scheme)) {
		rc = tpmiot_err_crypto(err, "preparing to verify %s", alg->name);
	} else if (EVP_DigestVerify(ctx, octets->data, octets->len,
	               (const unsigned char *)jws->text, jws->input_len) != 1) {
		tpmiot_err_forget();
		rc = tpmiot_err_set(
		    err, TPMIOT_E_VERIFY, "the signature does not hold (%s)", alg->name);
	}
	EVP_MD_CTX_free(ctx);
	return rc;
}

enum tpmiot_rc
tpmiot_jws_verify(const struct tpmiot_jws *jws, const struct tpmiot_jws_alg *alg, EVP_PKEY *key,
    struct tpmiot_err *err)
{
	struct tpmiot_buf der = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc = TPMIOT_OK;

	if (!tpmiot_jws_alg_fits(alg, key))
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "it says %s, which is none of this key's algorithms", alg->name);
	if (alg->scheme == TPM2_ALG_ECDSA)
		rc = ecdsa_der(&jws->signature, tpmiot_alg_group_size(alg->curve), &der, err);
	if (rc == TPMIOT_OK)
		rc = verify_octets(
		    jws, alg, alg->scheme == TPM2_ALG_ECDSA ? &der : &jws->signature, key, err);
	tpmiot_buf_free(&der);
	return rc;
}
