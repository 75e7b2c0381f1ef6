/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <openssl/decoder.h>
#include <openssl/objects.h>

#include <tpmiot/ekcert.h>

/*
 * TCG_PCCLIENT_STORED_CERT: structTag 0x1001, certType (0: a full certificate),
 * certSize; then TCG_FULL_CERT: tag 0x1002, which some makers leave out.
 */
#define STORED_CERT_TAG 0x1001
#define FULL_CERT_TAG 0x1002

/* Enters a TCG_PCCLIENT_STORED_CERT, if there is one. */
static enum tpmiot_rc
enter_header(struct tpmiot_reader *r, struct tpmiot_err *err)
{
	struct tpmiot_reader inner = *r, tag;
	const uint8_t *body;
	size_t size;
	uint8_t type;

	if (tpmiot_reader_u16(&inner) != STORED_CERT_TAG)
		return TPMIOT_OK;
	type = tpmiot_reader_u8(&inner);
	size = tpmiot_reader_u16(&inner);
	body = tpmiot_reader_take(&inner, size);
	if (inner.failed || type != 0)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "EK certificate in NV: its header (10 01 00, size) does not fit what follows");
	tpmiot_reader_init(&tag, body, size);
	if (tpmiot_reader_u16(&tag) == FULL_CERT_TAG) {
		body += 2;
		size -= 2;
	}
	/* What is behind the stored certificate is padding, too. */
	r->data = body;
	r->len = size + inner.len;
	return TPMIOT_OK;
}

/* Size of the DER SEQUENCE at the beginning, header included; 0 if there is none that fits. */
static size_t
sequence_size(const uint8_t *data, size_t len)
{
	const unsigned char *p = data;
	int tag, class;
	long content;

	/* Bit 0 of the answer: indefinite length; bit 7: an error. */
	if (len == 0 || (ASN1_get_object(&p, &content, &tag, &class, (long)len) & 0x81) != 0 ||
	    tag != V_ASN1_SEQUENCE || class != V_ASN1_UNIVERSAL)
		return 0;
	return (size_t)(p - data) + (size_t)content;
}

static bool
is_padding(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (data[i] != data[0] || (data[i] != 0x00 && data[i] != 0xff))
			return false;
	return true;
}

enum tpmiot_rc
tpmiot_ekcert_strip(
    const uint8_t *nv, size_t len, const uint8_t **der, size_t *der_len, struct tpmiot_err *err)
{
	struct tpmiot_reader r;
	enum tpmiot_rc rc;
	size_t size;

	if (len > TPMIOT_EKCERT_MAX)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "EK certificate: %zu bytes; at most %d are taken", len, TPMIOT_EKCERT_MAX);
	tpmiot_reader_init(&r, nv, len);
	rc = enter_header(&r, err);
	if (rc != TPMIOT_OK)
		return rc;
	size = sequence_size(r.data, r.len);
	tpmiot_err_forget();
	if (size == 0)
		return tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "EK certificate: not a certificate in DER, or truncated");
	if (!is_padding(r.data + size, r.len - size))
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "EK certificate: %zu bytes behind it that are not padding", r.len - size);
	*der = r.data;
	*der_len = size;
	return TPMIOT_OK;
}

enum tpmiot_rc
tpmiot_ekcert_parse(
    OSSL_LIB_CTX *libctx, const uint8_t *nv, size_t len, X509 **out, struct tpmiot_err *err)
{
	const uint8_t *der = NULL, *p;
	size_t der_len = 0;
	enum tpmiot_rc rc = tpmiot_ekcert_strip(nv, len, &der, &der_len, err);
	X509 *cert;

	if (rc != TPMIOT_OK)
		return rc;
	cert = X509_new_ex(libctx, NULL);
	if (cert == NULL)
		return tpmiot_err_memory(err);
	p = der;
	/* On failure d2i_X509() frees what it was given. */
	if (d2i_X509(&cert, &p, (long)der_len) == NULL || p != der + der_len) {
		X509_free(cert);
		(void)tpmiot_err_crypto(err, "EK certificate: not an X.509 certificate");
		if (err != NULL)
			err->rc = TPMIOT_E_FORMAT;
		return TPMIOT_E_FORMAT;
	}
	*out = cert;
	return TPMIOT_OK;
}

static EVP_PKEY *
decode_rsa_public_key(OSSL_LIB_CTX *libctx, const unsigned char *data, size_t len)
{
	EVP_PKEY *pkey = NULL;
	OSSL_DECODER_CTX *ctx = OSSL_DECODER_CTX_new_for_pkey(
	    &pkey, "DER", "type-specific", "RSA", EVP_PKEY_PUBLIC_KEY, libctx, NULL);

	if (ctx == NULL || OSSL_DECODER_from_data(ctx, &data, &len) != 1 || len != 0) {
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	OSSL_DECODER_CTX_free(ctx);
	return pkey;
}

enum tpmiot_rc
tpmiot_ekcert_pubkey(OSSL_LIB_CTX *libctx, const X509 *cert, EVP_PKEY **out, struct tpmiot_err *err)
{
	const unsigned char *data;
	ASN1_OBJECT *algorithm;
	EVP_PKEY *pkey = NULL;
	int len;

	if (X509_PUBKEY_get0_param(&algorithm, &data, &len, NULL, X509_get_X509_PUBKEY(cert)) != 1)
		return tpmiot_err_crypto(err, "EK certificate: its public key");
	if (OBJ_obj2nid(algorithm) == NID_rsaesOaep) {
		pkey = decode_rsa_public_key(libctx, data, (size_t)len);
	} else {
		pkey = X509_get0_pubkey(cert);
		if (pkey != NULL && EVP_PKEY_up_ref(pkey) != 1)
			pkey = NULL;
	}
	if (pkey == NULL) {
		(void)tpmiot_err_crypto(err, "EK certificate: its public key cannot be read");
		if (err != NULL)
			err->rc = TPMIOT_E_FORMAT;
		return TPMIOT_E_FORMAT;
	}
	*out = pkey;
	return TPMIOT_OK;
}

enum tpmiot_rc
tpmiot_ekcert_check_key(
    OSSL_LIB_CTX *libctx, const X509 *cert, const struct tpmiot_public *ek, struct tpmiot_err *err)
{
	EVP_PKEY *pkey = NULL;
	enum tpmiot_rc rc;

	if (tpmiot_public_has_spki(ek, X509_get_X509_PUBKEY(cert)))
		return TPMIOT_OK;
	rc = tpmiot_ekcert_pubkey(libctx, cert, &pkey, err);
	if (rc == TPMIOT_OK && !tpmiot_public_is_key(libctx, ek, pkey))
		rc = tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "EK certificate: it is for another key than the EK that was sent; send the "
		    "certificate of this EK");
	EVP_PKEY_free(pkey);
	return rc;
}
