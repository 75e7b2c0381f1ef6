/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/pki/x509.h"

#include <string.h>

#include <tpmiot/public.h>

/* RFC 7093 section 2, method 1: the leftmost 160 bits of the key's SHA-256. */
#define KEY_ID_LEN 20

static enum tpmiot_rc
add_key_id(X509 *cert, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = TPMIOT_OK;
	uint8_t digest[EVP_MAX_MD_SIZE];
	ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();

	if (id == NULL || X509_pubkey_digest(cert, EVP_sha256(), digest, NULL) != 1 ||
	    ASN1_OCTET_STRING_set(id, digest, KEY_ID_LEN) != 1 ||
	    X509_add1_ext_i2d(cert, NID_subject_key_identifier, id, 0, X509V3_ADD_DEFAULT) != 1)
		rc = tpmiot_err_crypto(err, "cannot add the subject key identifier");
	ASN1_OCTET_STRING_free(id);
	return rc;
}

/* RFC 5280 section 4.2.1.1: the issuer's own key identifier, whatever its method was. */
enum tpmiot_rc
ca_x509_authority(X509 *issuer, AUTHORITY_KEYID **out, struct tpmiot_err *err)
{
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(issuer);
	AUTHORITY_KEYID *aki;

	if (id == NULL)
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "the CA certificate has no subject key identifier (RFC 5280 section 4.2.1.2); "
		    "issue it again with one");
	aki = AUTHORITY_KEYID_new();
	if (aki == NULL || (aki->keyid = ASN1_OCTET_STRING_dup(id)) == NULL) {
		AUTHORITY_KEYID_free(aki);
		return tpmiot_err_memory(err);
	}
	*out = aki;
	return TPMIOT_OK;
}

static enum tpmiot_rc
add_issuer_key_id(X509 *cert, X509 *issuer, struct tpmiot_err *err)
{
	AUTHORITY_KEYID *aki = NULL;
	enum tpmiot_rc rc = ca_x509_authority(issuer, &aki, err);

	if (rc == TPMIOT_OK &&
	    X509_add1_ext_i2d(cert, NID_authority_key_identifier, aki, 0, X509V3_ADD_DEFAULT) != 1)
		rc = tpmiot_err_crypto(err, "cannot add the authority key identifier");
	AUTHORITY_KEYID_free(aki);
	return rc;
}

/* RFC 5280 section 4.2.1.13: one point, by its full name. */
static enum tpmiot_rc
add_crl_url(X509 *cert, const char *url, struct tpmiot_err *err)
{
	CRL_DIST_POINTS *points = sk_DIST_POINT_new_null();
	DIST_POINT *point = DIST_POINT_new();
	enum tpmiot_rc rc;

	if (points == NULL || point == NULL || (point->distpoint = DIST_POINT_NAME_new()) == NULL ||
	    sk_DIST_POINT_push(points, point) <= 0) {
		DIST_POINT_free(point);
		rc = tpmiot_err_memory(err);
		goto out;
	}
	point->distpoint->type = 0; /* fullName */
	rc = ca_x509_san_add(&point->distpoint->name.fullname, CA_SAN_URI, url, err);
	if (rc == TPMIOT_OK && X509_add1_ext_i2d(cert, NID_crl_distribution_points, points, 0,
	                           X509V3_ADD_DEFAULT) != 1)
		rc = tpmiot_err_crypto(err, "cannot add the CRL's address");
out:
	sk_DIST_POINT_pop_free(points, DIST_POINT_free);
	return rc;
}

static enum tpmiot_rc
add_constraints(X509 *cert, const struct ca_x509_spec *spec, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = TPMIOT_OK;
	BASIC_CONSTRAINTS *bc = BASIC_CONSTRAINTS_new();

	if (bc == NULL)
		return tpmiot_err_memory(err);
	bc->ca = spec->is_ca ? 0xff : 0;
	if (spec->is_ca && spec->path_len >= 0) {
		bc->pathlen = ASN1_INTEGER_new();
		if (bc->pathlen == NULL || ASN1_INTEGER_set(bc->pathlen, spec->path_len) != 1)
			rc = tpmiot_err_memory(err);
	}
	if (rc == TPMIOT_OK &&
	    X509_add1_ext_i2d(cert, NID_basic_constraints, bc, 1, X509V3_ADD_DEFAULT) != 1)
		rc = tpmiot_err_crypto(err, "cannot add the basic constraints");
	BASIC_CONSTRAINTS_free(bc);
	return rc;
}

/* An extension in openssl.cnf's words; they come from this program's policy, never from a device.
 */
static enum tpmiot_rc
add_text(X509 *cert, int nid, const char *value, int critical, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = TPMIOT_OK;
	X509_EXTENSION *ext = X509V3_EXT_nconf_nid(NULL, NULL, nid, value);

	if (ext == NULL)
		return tpmiot_err_crypto(err, "\"%s\" is no %s", value, OBJ_nid2ln(nid));
	if (X509_EXTENSION_set_critical(ext, critical) != 1 || X509_add_ext(cert, ext, -1) != 1)
		rc = tpmiot_err_crypto(err, "cannot add the %s", OBJ_nid2ln(nid));
	X509_EXTENSION_free(ext);
	return rc;
}

static enum tpmiot_rc
add_extensions(X509 *cert, const struct ca_x509_spec *spec, X509 *issuer, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = add_constraints(cert, spec, err);

	if (rc == TPMIOT_OK)
		rc = add_text(cert, NID_key_usage, spec->key_usage, 1, err);
	if (rc == TPMIOT_OK && spec->ext_key_usage != NULL)
		rc = add_text(cert, NID_ext_key_usage, spec->ext_key_usage, 0, err);
	if (rc == TPMIOT_OK && spec->san != NULL &&
	    X509_add1_ext_i2d(cert, NID_subject_alt_name, spec->san,
	        X509_NAME_entry_count(spec->subject) == 0, X509V3_ADD_DEFAULT) != 1)
		rc = tpmiot_err_crypto(err, "cannot add the subject alternative name");
	if (rc == TPMIOT_OK)
		rc = add_key_id(cert, err);
	if (rc == TPMIOT_OK && issuer != NULL)
		rc = add_issuer_key_id(cert, issuer, err);
	if (rc == TPMIOT_OK && spec->crl_url != NULL)
		rc = add_crl_url(cert, spec->crl_url, err);
	return rc;
}

static EVP_PKEY *
take_spki(unsigned char *der, int len)
{
	const unsigned char *p = der;
	EVP_PKEY *key = len > 0 ? d2i_PUBKEY(NULL, &p, len) : NULL;

	OPENSSL_free(der);
	return key;
}

/*
 * The public half in software, its curve by name (RFC 5480 section 2.1.1): SoftHSM gives the
 * curve's numbers instead, which whoever verifies refuses. NULL: it is none of the usual kinds.
 */
static EVP_PKEY *
software_key(EVP_PKEY *key)
{
	X509_PUBKEY *spki = X509_PUBKEY_new();
	EVP_PKEY *as_it_came, *named = NULL;
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(key, &der);

	as_it_came = take_spki(der, len);
	der = NULL;
	if (spki != NULL && as_it_came != NULL &&
	    tpmiot_spki_set(spki, as_it_came, NULL) == TPMIOT_OK) {
		len = i2d_X509_PUBKEY(spki, &der);
		named = take_spki(der, len);
	}
	EVP_PKEY_free(as_it_came);
	X509_PUBKEY_free(spki);
	return named;
}

static bool
set_key(X509 *cert, const struct ca_x509_spec *spec, EVP_PKEY *key)
{
	EVP_PKEY *soft;
	bool ok;

	if (spec->key != NULL)
		return tpmiot_public_set_spki(spec->key, X509_get_X509_PUBKEY(cert), NULL) ==
		       TPMIOT_OK;
	soft = software_key(key);
	ok = X509_set_pubkey(cert, soft != NULL ? soft : key) == 1;
	EVP_PKEY_free(soft);
	return ok;
}

static enum tpmiot_rc
set_fields(X509 *cert, const struct ca_x509_spec *spec, EVP_PKEY *key, X509 *issuer,
    struct tpmiot_err *err)
{
	enum tpmiot_rc rc = TPMIOT_OK;
	BIGNUM *serial = BN_bin2bn(spec->serial, (int)spec->serial_len, NULL);
	const X509_NAME *from = issuer != NULL ? X509_get_subject_name(issuer) : spec->subject;

	if (serial == NULL || X509_set_version(cert, X509_VERSION_3) != 1 ||
	    BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(cert)) == NULL ||
	    X509_set_issuer_name(cert, from) != 1 ||
	    X509_set_subject_name(cert, spec->subject) != 1 ||
	    ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)spec->not_before) == NULL ||
	    ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)spec->not_after) == NULL ||
	    !set_key(cert, spec, key))
		rc = tpmiot_err_crypto(err, "cannot build the certificate");
	BN_free(serial);
	return rc;
}

const EVP_MD *
ca_x509_digest(EVP_PKEY *key)
{
	char name[32];
	int bits = EVP_PKEY_get_bits(key);

	if (EVP_PKEY_get_default_digest_name(key, name, sizeof(name)) == 2 &&
	    strcmp(name, "UNDEF") == 0)
		return NULL;
	if (EVP_PKEY_is_a(key, "EC") && bits > 384)
		return EVP_sha512();
	if (EVP_PKEY_is_a(key, "EC") && bits > 256)
		return EVP_sha384();
	return EVP_sha256();
}

enum tpmiot_rc
ca_x509_issue(const struct ca_x509_spec *spec, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key,
    X509 **out, struct tpmiot_err *err)
{
	X509 *cert = X509_new();
	enum tpmiot_rc rc;

	if (cert == NULL)
		return tpmiot_err_memory(err);
	rc = set_fields(cert, spec, key, issuer, err);
	if (rc == TPMIOT_OK)
		rc = add_extensions(cert, spec, issuer, err);
	if (rc == TPMIOT_OK && X509_sign(cert, issuer_key, ca_x509_digest(issuer_key)) <= 0)
		rc = tpmiot_err_crypto(err, "the CA key cannot sign");
	if (rc == TPMIOT_OK) {
		*out = cert;
		cert = NULL;
	}
	X509_free(cert);
	return rc;
}
