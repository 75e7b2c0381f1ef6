/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/token/message.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "ca/pki/x509.h"
#include "ca/token/devkey.h"

#define VERIFY_FLAGS (CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY)

/* ---- Parsing --------------------------------------------------------------------- */

static CMS_ContentInfo *
read_der(struct tpmiot_bytes der)
{
	const unsigned char *at = der.data, *end = at + der.len;
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)der.len);

	if (cms != NULL && at != end) {
		CMS_ContentInfo_free(cms);
		return NULL;
	}
	return cms;
}

static CMS_ContentInfo *
read_pem(struct tpmiot_bytes text)
{
	BIO *bio = BIO_new_mem_buf(text.data, (int)text.len);
	char *name = NULL, *header = NULL;
	unsigned char *der = NULL;
	CMS_ContentInfo *cms = NULL;
	long len = 0;

	if (bio != NULL && PEM_read_bio(bio, &name, &header, &der, &len) == 1 &&
	    (strcmp(name, PEM_STRING_CMS) == 0 || strcmp(name, PEM_STRING_PKCS7) == 0))
		cms = read_der((struct tpmiot_bytes){ der, (size_t)len });
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(der);
	BIO_free(bio);
	return cms;
}

static bool
strong_digest(const CMS_SignerInfo *signer)
{
	const ASN1_OBJECT *oid = NULL;
	X509_ALGOR *digest = NULL;

	CMS_SignerInfo_get0_algs((CMS_SignerInfo *)(uintptr_t)signer, NULL, NULL, &digest, NULL);
	if (digest == NULL)
		return false;
	X509_ALGOR_get0(&oid, NULL, NULL, digest);
	switch (OBJ_obj2nid(oid)) {
	case NID_sha256:
	case NID_sha384:
	case NID_sha512:
		return true;
	default:
		return false;
	}
}

static CMS_SignerInfo *
only_signer(CMS_ContentInfo *cms)
{
	STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(cms);

	return sk_CMS_SignerInfo_num(signers) == 1 ? sk_CMS_SignerInfo_value(signers, 0) : NULL;
}

static enum tpmiot_rc
check_form(CMS_ContentInfo *cms, struct tpmiot_err *err)
{
	const CMS_SignerInfo *signer;

	if (OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed)
		return tpmiot_err_set(
		    err, TPMIOT_E_VERIFY, "the CMS is no SignedData (RFC 5652 section 5)");
	if (CMS_is_detached(cms) != 1)
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "the signature has a message in it: it has to be detached, beside one");
	signer = only_signer(cms);
	if (signer == NULL)
		return tpmiot_err_set(err, TPMIOT_E_VERIFY, "the CMS has not exactly one signer");
	/* Without them, the attributes of another signature could be shown as a message. */
	if (CMS_signed_get_attr_count(signer) <= 0)
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "the signature has no signed attributes: sign without -noattr");
	if (!strong_digest(signer))
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "the signature's digest is none of SHA-256, SHA-384, SHA-512");
	return TPMIOT_OK;
}

enum tpmiot_rc
ca_message_parse_cms(struct tpmiot_bytes signature, CMS_ContentInfo **out, struct tpmiot_err *err)
{
	CMS_ContentInfo *cms = NULL;
	enum tpmiot_rc rc;

	if (signature.len > 0 && signature.len <= CA_MESSAGE_SIGNATURE_MAX &&
	    (cms = read_der(signature)) == NULL)
		cms = read_pem(signature);
	ERR_clear_error();
	if (cms == NULL)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "no CMS signature, PEM or DER (openssl cms -sign -binary -outform PEM)");
	rc = check_form(cms, err);
	if (rc == TPMIOT_OK)
		*out = cms;
	else
		CMS_ContentInfo_free(cms);
	return rc;
}

/* ---- Whose it is --------------------------------------------------------------------- */

/* The certificate that the signer names, if it is one of ours: it need not come along. */
static enum tpmiot_rc
ours(struct ca_store *store, const CMS_SignerInfo *signer, STACK_OF(X509) *out,
    struct tpmiot_err *err)
{
	struct ca_cert cert = { .der = TPMIOT_BUF_INIT };
	const ASN1_INTEGER *serial;
	const unsigned char *at;
	ASN1_INTEGER *number = NULL;
	enum tpmiot_rc rc;
	X509 *x509;

	if (CMS_SignerInfo_get0_signer_id(
	        (CMS_SignerInfo *)(uintptr_t)signer, NULL, NULL, &number) != 1 ||
	    number == NULL)
		return TPMIOT_OK;
	serial = number;
	if (ASN1_STRING_length(serial) <= 0 || ASN1_STRING_length(serial) > CA_SERIAL_MAX)
		return TPMIOT_OK;
	rc = ca_cert_find(
	    store, ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial), &cert, err);
	if (rc != TPMIOT_OK)
		return rc == TPMIOT_E_NOT_FOUND ? TPMIOT_OK : rc;
	at = cert.der.data;
	x509 = d2i_X509(NULL, &at, (long)cert.der.len);
	tpmiot_buf_free(&cert.der);
	if (x509 == NULL || sk_X509_push(out, x509) <= 0) {
		X509_free(x509);
		return tpmiot_err_crypto(err, "a certificate in the store cannot be read");
	}
	return TPMIOT_OK;
}

/* Holds message and signature against each other; the key that signed, by its SPKI. */
static enum tpmiot_rc
find_signer(CMS_ContentInfo *cms, STACK_OF(X509) *certs, struct tpmiot_bytes message,
    uint8_t spki[CA_SHA256_LEN], struct tpmiot_err *err)
{
	BIO *content = BIO_new_mem_buf(message.data, (int)message.len);
	STACK_OF(X509) *signers = NULL;
	enum tpmiot_rc rc;

	if (content == NULL)
		return tpmiot_err_memory(err);
	if (CMS_verify(cms, certs, NULL, content, NULL, VERIFY_FLAGS) != 1)
		rc = ERR_GET_REASON(ERR_peek_error()) == CMS_R_SIGNER_CERTIFICATE_NOT_FOUND
		         ? tpmiot_err_set(err, TPMIOT_E_VERIFY,
		               "the signer's certificate does not come along, and is none of ours")
		         : tpmiot_err_set(
		               err, TPMIOT_E_VERIFY, "the signature is not of this message");
	else if ((signers = CMS_get0_signers(cms)) == NULL || sk_X509_num(signers) != 1)
		rc = tpmiot_err_set(err, TPMIOT_E_VERIFY, "the signer is not told");
	else
		rc = tpmiot_spki_sha256(
		    NULL, X509_get0_pubkey(sk_X509_value(signers, 0)), spki, err);
	ERR_clear_error();
	sk_X509_free(signers);
	BIO_free(content);
	return rc;
}

/* The attribute signingTime (RFC 5652 section 11.3); 0: there is none. */
static enum tpmiot_rc
signing_time(const CMS_SignerInfo *signer, int64_t *out, struct tpmiot_err *err)
{
	int at = CMS_signed_get_attr_by_NID(signer, NID_pkcs9_signingTime, -1);
	X509_ATTRIBUTE *attribute = at >= 0 ? CMS_signed_get_attr(signer, at) : NULL;
	const ASN1_TYPE *value = attribute != NULL ? X509_ATTRIBUTE_get0_type(attribute, 0) : NULL;

	if (value == NULL)
		return TPMIOT_OK;
	if (value->type != V_ASN1_UTCTIME && value->type != V_ASN1_GENERALIZEDTIME)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT, "its signingTime is no time");
	return ca_x509_time(value->value.asn1_string, out, err);
}

static enum tpmiot_rc
judge(struct ca_store *store, const uint8_t spki[CA_SHA256_LEN],
    const struct ca_message_asked *asked, struct ca_message_facts *facts, struct tpmiot_err *err)
{
	struct ca_devkey key = { .key = NULL };
	enum tpmiot_rc rc = ca_devkey_find(store, spki, &key, err);

	if (rc == TPMIOT_E_NOT_FOUND)
		rc = tpmiot_err_set(
		    err, TPMIOT_E_VERIFY, "the key that signed it is nobody's on record");
	if (rc == TPMIOT_OK)
		rc = ca_devkey_usable(&key, asked->now, asked->bare_keys, err);
	if (rc == TPMIOT_OK)
		rc = ca_devkey_is(&key, asked->device_id, err);
	if (rc == TPMIOT_OK)
		rc = ca_devkey_signed_at(facts->signed_at, asked->now, err);
	if (rc == TPMIOT_OK) {
		facts->kind = "cms";
		memcpy(facts->device_id, key.device_id, sizeof(facts->device_id));
		memcpy(facts->key_spki, spki, CA_SHA256_LEN);
	}
	ca_devkey_clear(&key);
	return rc;
}

enum tpmiot_rc
ca_message_verify_cms(struct ca_store *store, struct tpmiot_bytes message,
    struct tpmiot_bytes signature, const struct ca_message_asked *asked,
    struct ca_message_facts *out, struct tpmiot_err *err)
{
	struct ca_message_facts facts = { .signed_at = 0 };
	STACK_OF(X509) *certs = sk_X509_new_null();
	CMS_ContentInfo *cms = NULL;
	uint8_t spki[CA_SHA256_LEN];
	enum tpmiot_rc rc;

	if (certs == NULL)
		return tpmiot_err_memory(err);
	rc = ca_message_parse_cms(signature, &cms, err);
	if (rc == TPMIOT_OK)
		rc = ours(store, only_signer(cms), certs, err);
	if (rc == TPMIOT_OK)
		rc = find_signer(cms, certs, message, spki, err);
	if (rc == TPMIOT_OK)
		rc = signing_time(only_signer(cms), &facts.signed_at, err);
	if (rc == TPMIOT_OK)
		rc = judge(store, spki, asked, &facts, err);
	if (rc == TPMIOT_OK)
		*out = facts;
	sk_X509_pop_free(certs, X509_free);
	CMS_ContentInfo_free(cms);
	return rc;
}
