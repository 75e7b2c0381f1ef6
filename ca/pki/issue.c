/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/pki/issue.h"

#include <stdio.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "ca/pki/x509.h"

static enum tpmiot_rc
validity(const struct ca_config *config, const struct ca_signer *signer, int64_t lifetime,
    int64_t now, struct ca_x509_spec *spec, struct tpmiot_err *err)
{
	int64_t from, until;
	enum tpmiot_rc rc;

	if ((rc = ca_x509_time(X509_get0_notBefore(signer->cert), &from, err)) != TPMIOT_OK ||
	    (rc = ca_x509_time(X509_get0_notAfter(signer->cert), &until, err)) != TPMIOT_OK)
		return rc;
	if (until <= now)
		return tpmiot_err_set(
		    err, TPMIOT_E_USAGE, "the CA's own certificate has expired; renew it");
	spec->not_before = now - config->clock_skew < from ? from : now - config->clock_skew;
	spec->not_after = lifetime < until - now ? now + lifetime : until;
	return TPMIOT_OK;
}

static const char *
or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

static enum tpmiot_rc
sign(const struct ca_config *config, const struct ca_signer *signer,
    const struct ca_profile *profile, const struct ca_profile_facts *facts,
    const struct tpmiot_public *key, int64_t now, struct ca_x509_spec *spec, X509 **out,
    struct tpmiot_err *err)
{
	const int64_t lifetime = profile->validity > 0 ? profile->validity : config->validity;
	X509_NAME *subject = NULL;
	GENERAL_NAMES *san = NULL;
	enum tpmiot_rc rc;

	if ((rc = ca_profile_check_key(profile, key, err)) != TPMIOT_OK ||
	    (rc = validity(config, signer, lifetime, now, spec, err)) != TPMIOT_OK ||
	    (rc = ca_x509_serial(spec->serial, &spec->serial_len, err)) != TPMIOT_OK ||
	    (rc = ca_profile_subject(profile, facts, &subject, err)) != TPMIOT_OK ||
	    (rc = ca_profile_san(profile, facts, &san, err)) != TPMIOT_OK)
		goto out;
	spec->subject = subject;
	spec->san = san;
	spec->key_usage = profile->key_usage;
	spec->ext_key_usage = or_null(profile->ext_key_usage);
	spec->crl_url = or_null(config->crl_url);
	rc = ca_x509_issue(spec, NULL, signer->cert, signer->key, out, err);
	spec->subject = NULL;
	spec->san = NULL;
out:
	X509_NAME_free(subject);
	GENERAL_NAMES_free(san);
	return rc;
}

enum tpmiot_rc
ca_issue(const struct ca_config *config, const struct ca_signer *signer,
    const struct ca_profile *profile, const struct ca_profile_facts *facts,
    const struct tpmiot_public *key, int64_t now, struct ca_cert *out, struct tpmiot_err *err)
{
	struct ca_x509_spec spec = { .key = key };
	unsigned char *der = NULL;
	X509 *cert = NULL;
	enum tpmiot_rc rc;
	int len;

	rc = sign(config, signer, profile, facts, key, now, &spec, &cert, err);
	if (rc != TPMIOT_OK)
		return rc;
	if ((len = i2d_X509(cert, &der)) <= 0) {
		rc = tpmiot_err_crypto(err, "cannot encode the certificate");
		goto out;
	}
	tpmiot_buf_put(&out->der, der, (size_t)len);
	if ((rc = tpmiot_buf_done(&out->der, err)) != TPMIOT_OK)
		goto out;
	memcpy(out->serial, spec.serial, spec.serial_len);
	out->serial_len = spec.serial_len;
	snprintf(out->device_id, sizeof(out->device_id), "%s", facts->device_id);
	snprintf(out->profile, sizeof(out->profile), "%s", profile->name);
	out->issued = now;
	out->not_before = spec.not_before;
	out->not_after = spec.not_after;
	out->state = CA_CERT_GOOD;
out:
	OPENSSL_free(der);
	X509_free(cert);
	return rc;
}

/* ---- What goes with it --------------------------------------------------------- */

static bool
is_root(X509 *cert)
{
	return (X509_get_extension_flags(cert) & EXFLAG_SS) != 0;
}

static enum tpmiot_rc
put_pem(const unsigned char *der, long len, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	enum tpmiot_rc rc;
	char *text;
	long text_len;

	if (bio == NULL || PEM_write_bio(bio, PEM_STRING_X509, "", der, len) <= 0) {
		rc = tpmiot_err_crypto(err, "cannot write a certificate as PEM");
	} else {
		text_len = BIO_get_mem_data(bio, &text);
		tpmiot_buf_put(out, text, (size_t)text_len);
		rc = tpmiot_buf_done(out, err);
	}
	BIO_free(bio);
	return rc;
}

static enum tpmiot_rc
put_cert(X509 *cert, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	unsigned char *der = NULL;
	const int len = i2d_X509(cert, &der);
	enum tpmiot_rc rc;

	rc = len > 0 ? put_pem(der, len, out, err)
	             : tpmiot_err_crypto(err, "cannot write a certificate");
	OPENSSL_free(der);
	return rc;
}

enum tpmiot_rc
ca_issue_put_chain(const struct ca_signer *signer, const struct tpmiot_buf *der,
    struct tpmiot_buf *out, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = put_pem(der->data, (long)der->len, out, err);
	X509 *link;

	if (rc == TPMIOT_OK && !is_root(signer->cert))
		rc = put_cert(signer->cert, out, err);
	for (int i = 0; rc == TPMIOT_OK && i < sk_X509_num(signer->chain); i++) {
		link = sk_X509_value(signer->chain, i);
		if (!is_root(link) && X509_cmp(link, signer->cert) != 0)
			rc = put_cert(link, out, err);
	}
	return rc;
}

enum tpmiot_rc
ca_issue_put_root(const struct ca_signer *signer, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	X509 *top = signer->cert;

	for (int i = 0; !is_root(top) && i < sk_X509_num(signer->chain); i++)
		top = sk_X509_value(signer->chain, i);
	return put_cert(top, out, err);
}
