/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/pki/crl.h"

#include <string.h>

#include <openssl/x509v3.h>

#include "ca/pki/x509.h"

static const struct {
	const char *name;
	int number;
} reasons[] = {
	{ "unspecified", CRL_REASON_UNSPECIFIED },
	{ "keyCompromise", CRL_REASON_KEY_COMPROMISE },
	{ "affiliationChanged", CRL_REASON_AFFILIATION_CHANGED },
	{ "superseded", CRL_REASON_SUPERSEDED },
	{ "cessationOfOperation", CRL_REASON_CESSATION_OF_OPERATION },
	{ "privilegeWithdrawn", CRL_REASON_PRIVILEGE_WITHDRAWN },
};

#define REASONS_N (sizeof(reasons) / sizeof(reasons[0]))

int
ca_crl_reason(const char *name)
{
	for (size_t i = 0; i < REASONS_N; i++)
		if (strcmp(reasons[i].name, name) == 0)
			return reasons[i].number;
	return -1;
}

const char *
ca_crl_reason_name(int reason)
{
	for (size_t i = 0; i < REASONS_N; i++)
		if (reasons[i].number == reason)
			return reasons[i].name;
	return "?";
}

/* ---- Entries ------------------------------------------------------------------------ */

struct fill {
	X509_CRL *crl;
	enum tpmiot_rc rc;
	struct tpmiot_err *err;
};

/* "unspecified" is said by saying nothing (RFC 5280 section 5.3.1). */
static bool
set_reason(X509_REVOKED *entry, int reason)
{
	ASN1_ENUMERATED *value;
	bool ok;

	if (reason == CRL_REASON_UNSPECIFIED)
		return true;
	value = ASN1_ENUMERATED_new();
	ok = value != NULL && ASN1_ENUMERATED_set(value, reason) == 1 &&
	     X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, value, 0, X509V3_ADD_DEFAULT) == 1;
	ASN1_ENUMERATED_free(value);
	return ok;
}

static bool
set_entry(X509_REVOKED *entry, const struct ca_cert *cert)
{
	BIGNUM *bn = BN_bin2bn(cert->serial, (int)cert->serial_len, NULL);
	ASN1_INTEGER *serial = bn != NULL ? BN_to_ASN1_INTEGER(bn, NULL) : NULL;
	ASN1_TIME *time = ASN1_TIME_set(NULL, (time_t)cert->revoked_at);
	const bool ok =
	    serial != NULL && time != NULL && X509_REVOKED_set_serialNumber(entry, serial) == 1 &&
	    X509_REVOKED_set_revocationDate(entry, time) == 1 && set_reason(entry, cert->reason);

	ASN1_TIME_free(time);
	ASN1_INTEGER_free(serial);
	BN_free(bn);
	return ok;
}

static bool
add_entry(void *arg, const struct ca_cert *cert)
{
	struct fill *fill = arg;
	X509_REVOKED *entry = X509_REVOKED_new();

	if (entry != NULL && set_entry(entry, cert) && X509_CRL_add0_revoked(fill->crl, entry) == 1)
		return true;
	X509_REVOKED_free(entry);
	fill->rc = tpmiot_err_crypto(fill->err, "cannot add to the revocation list");
	return false;
}

/* ---- The list ----------------------------------------------------------------------- */

static bool
set_number(X509_CRL *crl, int64_t number)
{
	ASN1_INTEGER *value = ASN1_INTEGER_new();
	const bool ok =
	    value != NULL && ASN1_INTEGER_set_int64(value, number) == 1 &&
	    X509_CRL_add1_ext_i2d(crl, NID_crl_number, value, 0, X509V3_ADD_DEFAULT) == 1;

	ASN1_INTEGER_free(value);
	return ok;
}

/* thisUpdate is set back as notBefore of a certificate is, for those whose clock is behind. */
static enum tpmiot_rc
set_fields(const struct ca_config *config, X509_CRL *crl, const struct ca_signer *signer,
    const struct ca_crl *row, struct tpmiot_err *err)
{
	ASN1_TIME *this_update =
	    ASN1_TIME_set(NULL, (time_t)(row->this_update - config->clock_skew));
	ASN1_TIME *next_update = ASN1_TIME_set(NULL, (time_t)row->next_update);
	AUTHORITY_KEYID *aki = NULL;
	enum tpmiot_rc rc = ca_x509_authority(signer->cert, &aki, err);

	if (rc == TPMIOT_OK &&
	    (this_update == NULL || next_update == NULL ||
	        X509_CRL_set_version(crl, X509_CRL_VERSION_2) != 1 ||
	        X509_CRL_set_issuer_name(crl, X509_get_subject_name(signer->cert)) != 1 ||
	        X509_CRL_set1_lastUpdate(crl, this_update) != 1 ||
	        X509_CRL_set1_nextUpdate(crl, next_update) != 1 ||
	        X509_CRL_add1_ext_i2d(
	            crl, NID_authority_key_identifier, aki, 0, X509V3_ADD_DEFAULT) != 1 ||
	        !set_number(crl, row->number)))
		rc = tpmiot_err_crypto(err, "cannot build the revocation list");
	AUTHORITY_KEYID_free(aki);
	ASN1_TIME_free(this_update);
	ASN1_TIME_free(next_update);
	return rc;
}

static enum tpmiot_rc
sign(X509_CRL *crl, const struct ca_signer *signer, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	unsigned char *der = NULL;
	int len;

	if (X509_CRL_sort(crl) != 1 ||
	    X509_CRL_sign(crl, signer->key, ca_x509_digest(signer->key)) <= 0 ||
	    (len = i2d_X509_CRL(crl, &der)) <= 0)
		return tpmiot_err_crypto(err, "the CA key cannot sign the revocation list");
	tpmiot_buf_put(out, der, (size_t)len);
	OPENSSL_free(der);
	return tpmiot_buf_done(out, err);
}

/* A certificate leaves the list when one was published after its end (RFC 5280 section 3.3). */
static enum tpmiot_rc
build(const struct ca_config *config, const struct ca_signer *signer, struct ca_store *store,
    struct ca_crl *row, struct tpmiot_err *err)
{
	struct fill fill = { X509_CRL_new(), TPMIOT_OK, err };
	enum tpmiot_rc rc;

	if (fill.crl == NULL)
		return tpmiot_err_memory(err);
	if ((rc = set_fields(config, fill.crl, signer, row, err)) == TPMIOT_OK &&
	    (rc = ca_cert_list_revoked(store, row->this_update - config->crl_lifetime, add_entry,
	         &fill, err)) == TPMIOT_OK &&
	    (rc = fill.rc) == TPMIOT_OK)
		rc = sign(fill.crl, signer, &row->der, err);
	X509_CRL_free(fill.crl);
	return rc;
}

/* ---- Which one ---------------------------------------------------------------------- */

bool
ca_crl_allowed(const struct ca_signer *signer)
{
	return (X509_get_key_usage(signer->cert) & KU_CRL_SIGN) != 0;
}

static enum tpmiot_rc
describe(const struct ca_config *config, const struct ca_signer *signer, struct ca_store *store,
    int64_t now, struct ca_crl *out, struct tpmiot_err *err)
{
	if (!ca_crl_allowed(signer))
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "ca_cert (%s) may not sign revocation lists: its key usage lacks cRLSign",
		    config->ca_cert);
	if (X509_digest(signer->cert, EVP_sha256(), out->issuer, NULL) != 1)
		return tpmiot_err_crypto(err, "the CA certificate");
	out->this_update = now;
	out->next_update = now + config->crl_lifetime;
	return ca_revocations(store, &out->revocations, err);
}

static bool
still_good(const struct ca_crl *kept, const struct ca_crl *wanted, const struct ca_config *config)
{
	const int64_t age = wanted->this_update - kept->this_update;

	return kept->revocations == wanted->revocations &&
	       memcmp(kept->issuer, wanted->issuer, CA_SHA256_LEN) == 0 && age >= 0 &&
	       age < config->crl_lifetime / 2 && kept->next_update > wanted->this_update;
}

/* Inside a transaction, so that two processes do not make two lists of one number. */
static enum tpmiot_rc
renew(const struct ca_config *config, const struct ca_signer *signer, struct ca_store *store,
    struct ca_crl *wanted, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = ca_store_begin(store, err);

	if (rc != TPMIOT_OK)
		return rc;
	if ((rc = ca_revocations(store, &wanted->revocations, err)) == TPMIOT_OK &&
	    (rc = ca_crl_next_number(store, &wanted->number, err)) == TPMIOT_OK &&
	    (rc = build(config, signer, store, wanted, err)) == TPMIOT_OK)
		rc = ca_crl_put(store, wanted, err);
	if (rc == TPMIOT_OK)
		return ca_store_commit(store, err);
	ca_store_rollback(store);
	return rc;
}

enum tpmiot_rc
ca_crl_current(const struct ca_config *config, const struct ca_signer *signer,
    struct ca_store *store, int64_t now, struct ca_crl *out, struct tpmiot_err *err)
{
	struct ca_crl kept = { .der = TPMIOT_BUF_INIT }, wanted = { .der = TPMIOT_BUF_INIT };
	struct ca_crl *chosen = &kept;
	enum tpmiot_rc rc = describe(config, signer, store, now, &wanted, err);

	if (rc == TPMIOT_OK)
		rc = ca_crl_latest(store, &kept, err);
	if (rc == TPMIOT_E_NOT_FOUND || (rc == TPMIOT_OK && !still_good(&kept, &wanted, config))) {
		chosen = &wanted;
		rc = renew(config, signer, store, &wanted, err);
	}
	if (rc == TPMIOT_OK) {
		tpmiot_buf_free(&out->der);
		*out = *chosen;
		chosen->der = (struct tpmiot_buf)TPMIOT_BUF_INIT;
	}
	tpmiot_buf_free(&kept.der);
	tpmiot_buf_free(&wanted.der);
	return rc;
}
