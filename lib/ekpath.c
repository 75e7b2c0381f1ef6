/* SPDX-License-Identifier: Apache-2.0 */
/* The way from an EK certificate to a root that the operator trusts (RFC 5280 section 6). */
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <tpmiot/ekcert.h>

/* libcrypto's security level 2: RSA 2048, P-224, and no SHA-1 signatures. */
#define SECURITY_LEVEL 2

#define NAME_TEXT_MAX 160

static enum tpmiot_rc
explain(X509_STORE_CTX *ctx, struct tpmiot_err *err)
{
	int error = X509_STORE_CTX_get_error(ctx);
	X509 *at = X509_STORE_CTX_get_current_cert(ctx);
	char subject[NAME_TEXT_MAX] = "", issuer[NAME_TEXT_MAX] = "";

	tpmiot_err_forget();
	if (at != NULL) {
		X509_NAME_oneline(X509_get_subject_name(at), subject, sizeof(subject));
		X509_NAME_oneline(X509_get_issuer_name(at), issuer, sizeof(issuer));
	}
	switch (error) {
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "EK certificate: no path to a trusted TPM maker: no trusted certificate of "
		    "the issuer \"%s\". If it is to be trusted, add it with `tpmiot-ca trust add`",
		    issuer);
	case X509_V_ERR_CERT_REVOKED:
		return tpmiot_err_set(err, TPMIOT_E_POLICY,
		    "EK certificate: certificate %d (subject \"%s\", issuer \"%s\") was revoked by "
		    "its issuer",
		    X509_STORE_CTX_get_error_depth(ctx), subject, issuer);
	case X509_V_ERR_UNABLE_TO_GET_CRL:
	case X509_V_ERR_CRL_HAS_EXPIRED:
	case X509_V_ERR_CRL_NOT_YET_VALID:
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "EK certificate: no revocation list of the issuer \"%s\" is in force (%s): get "
		    "one, or let such issuers pass with ek_crl_missing = accept",
		    issuer, X509_verify_cert_error_string(error));
	default:
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "EK certificate: path refused at certificate %d (subject \"%s\", issuer "
		    "\"%s\"): %s",
		    X509_STORE_CTX_get_error_depth(ctx), subject, issuer,
		    X509_verify_cert_error_string(error));
	}
}

/*
 * libcrypto lets CAs pass that have no basicConstraints (version 1) or no key
 * usage; TPM makers' CAs have both.
 */
static enum tpmiot_rc
check_links(X509_STORE_CTX *ctx, struct tpmiot_err *err)
{
	const STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
	char subject[NAME_TEXT_MAX];

	if (X509_STORE_CTX_get_num_untrusted(ctx) == 0)
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "EK certificate: it stands itself among the trusted roots. Put the maker's CA "
		    "there, and the EK on the allow-list (`tpmiot-ca allow add`)");
	for (int i = 1; i < sk_X509_num(chain); i++) {
		X509 *ca = sk_X509_value(chain, i);
		uint32_t flags = X509_get_extension_flags(ca);

		if ((flags & EXFLAG_CA) != 0 && (flags & EXFLAG_KUSAGE) != 0 &&
		    (X509_get_key_usage(ca) & KU_KEY_CERT_SIGN) != 0)
			continue;
		X509_NAME_oneline(X509_get_subject_name(ca), subject, sizeof(subject));
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "EK certificate: path refused at certificate %d (subject \"%s\"): a CA needs "
		    "CA:TRUE and keyCertSign (RFC 5280 sections 4.2.1.3 and 4.2.1.9)",
		    i, subject);
	}
	return TPMIOT_OK;
}

/*
 * libcrypto gives up on a certificate whose key it cannot read, RSAES-OAEP ones
 * for example. It gets a twin that has the same key as an ordinary RSA key;
 * whether the issuer signed the original is then ours to check. Any other
 * certificate is its own twin.
 */
static X509 *
readable_twin(OSSL_LIB_CTX *libctx, X509 *cert)
{
	EVP_PKEY *pkey = NULL;
	X509 *twin = NULL;

	if (X509_get0_pubkey(cert) == NULL &&
	    tpmiot_ekcert_pubkey(libctx, cert, &pkey, NULL) == TPMIOT_OK) {
		twin = X509_dup(cert);
		if (twin != NULL && X509_set_pubkey(twin, pkey) != 1) {
			X509_free(twin);
			twin = NULL;
		}
	} else if (X509_up_ref(cert) == 1) {
		twin = cert;
	}
	EVP_PKEY_free(pkey);
	tpmiot_err_forget();
	return twin;
}

/* What libcrypto finds wrong and is right all the same. */
struct excuses {
	bool twin;        /* the twin's own signature need not hold: see check_signature() */
	bool missing_crl; /* an issuer needs no revocation list in force */
	bool ended;       /* certificates may have ended */
};

/* The trusted certificate at the path's end is trusted by the operator's word, not its issuer's. */
static bool
excused(X509_STORE_CTX *ctx, const struct excuses *excuses)
{
	const int depth = X509_STORE_CTX_get_error_depth(ctx);

	switch (X509_STORE_CTX_get_error(ctx)) {
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
		return excuses->twin && depth == 0;
	case X509_V_ERR_UNABLE_TO_GET_CRL:
	case X509_V_ERR_CRL_HAS_EXPIRED:
	case X509_V_ERR_CRL_NOT_YET_VALID:
		return excuses->missing_crl ||
		       depth == sk_X509_num(X509_STORE_CTX_get0_chain(ctx)) - 1;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return excuses->ended;
	default:
		return false;
	}
}

static int
judge(int ok, X509_STORE_CTX *ctx)
{
	if (ok || !excused(ctx, X509_STORE_CTX_get_app_data(ctx)))
		return ok;
	X509_STORE_CTX_set_error(ctx, X509_V_OK);
	return 1;
}

static enum tpmiot_rc
check_signature(X509_STORE_CTX *ctx, X509 *cert, struct tpmiot_err *err)
{
	X509 *issuer = sk_X509_value(X509_STORE_CTX_get0_chain(ctx), 1);

	if (issuer != NULL && X509_verify(cert, X509_get0_pubkey(issuer)) == 1)
		return TPMIOT_OK;
	tpmiot_err_forget();
	return tpmiot_err_set(err, TPMIOT_E_VERIFY,
	    "EK certificate: path refused at certificate 0: certificate signature failure");
}

static void
set_rules(X509_STORE_CTX *ctx, int64_t now)
{
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);

	(void)X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_ANY);
	X509_VERIFY_PARAM_set_time(param, (time_t)now);
	X509_VERIFY_PARAM_set_depth(param, TPMIOT_EKCERT_CHAIN_MAX);
	X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
	/* A trusted certificate is a trust anchor even if it is no root. */
	(void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
}

static void
set_crls(X509_STORE_CTX *ctx, const struct tpmiot_ekcert_crls *crls)
{
	X509_STORE_CTX_set0_crls(ctx, crls->lists);
	(void)X509_VERIFY_PARAM_set_flags(
	    X509_STORE_CTX_get0_param(ctx), X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
}

/* Those between the EK certificate and the trusted one. */
static enum tpmiot_rc
put_links(X509_STORE_CTX *ctx, STACK_OF(X509) *used, struct tpmiot_err *err)
{
	const STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);

	for (int i = 1; i < X509_STORE_CTX_get_num_untrusted(ctx); i++) {
		X509 *link = sk_X509_value(chain, i);

		if (X509_up_ref(link) != 1)
			return tpmiot_err_memory(err);
		if (sk_X509_push(used, link) <= 0) {
			X509_free(link);
			return tpmiot_err_memory(err);
		}
	}
	return TPMIOT_OK;
}

/* used: NULL if nobody asks for it. */
static enum tpmiot_rc
check_path(OSSL_LIB_CTX *libctx, X509 *cert, STACK_OF(X509) *untrusted, X509_STORE *roots,
    const struct tpmiot_ekcert_crls *crls, struct excuses excuses, int64_t now,
    STACK_OF(X509) *used, struct tpmiot_err *err)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new_ex(libctx, NULL);
	X509 *twin = readable_twin(libctx, cert);
	enum tpmiot_rc rc;

	if (ctx == NULL || twin == NULL) {
		rc = tpmiot_err_memory(err);
		goto out;
	}
	if (X509_STORE_CTX_init(ctx, roots, twin, untrusted) != 1) {
		rc = tpmiot_err_crypto(err, "EK certificate: path");
		goto out;
	}
	set_rules(ctx, now);
	if (crls != NULL && crls->lists != NULL)
		set_crls(ctx, crls);
	excuses.missing_crl = crls != NULL && crls->missing_ok;
	excuses.twin = twin != cert;
	X509_STORE_CTX_set_app_data(ctx, &excuses);
	X509_STORE_CTX_set_verify_cb(ctx, judge);
	if (X509_verify_cert(ctx) != 1) {
		rc = explain(ctx, err);
		goto out;
	}
	rc = check_links(ctx, err);
	if (rc == TPMIOT_OK && twin != cert)
		rc = check_signature(ctx, cert, err);
	if (rc == TPMIOT_OK && used != NULL)
		rc = put_links(ctx, used, err);
out:
	X509_free(twin);
	X509_STORE_CTX_free(ctx);
	return rc;
}

enum tpmiot_rc
tpmiot_ekcert_check_path(OSSL_LIB_CTX *libctx, X509 *cert, STACK_OF(X509) *untrusted,
    X509_STORE *roots, int64_t now, struct tpmiot_err *err)
{
	return tpmiot_ekcert_check_path_crls(libctx, cert, untrusted, roots, NULL, now, err);
}

enum tpmiot_rc
tpmiot_ekcert_check_path_crls(OSSL_LIB_CTX *libctx, X509 *cert, STACK_OF(X509) *untrusted,
    X509_STORE *roots, const struct tpmiot_ekcert_crls *crls, int64_t now, struct tpmiot_err *err)
{
	return tpmiot_ekcert_find_path(libctx, cert, untrusted, roots, crls, now, NULL, err);
}

enum tpmiot_rc
tpmiot_ekcert_find_path(OSSL_LIB_CTX *libctx, X509 *cert, STACK_OF(X509) *untrusted,
    X509_STORE *roots, const struct tpmiot_ekcert_crls *crls, int64_t now, STACK_OF(X509) *used,
    struct tpmiot_err *err)
{
	const struct excuses none = { .ended = false };

	return check_path(libctx, cert, untrusted, roots, crls, none, now, used, err);
}

enum tpmiot_rc
tpmiot_ekcert_check_not_revoked(OSSL_LIB_CTX *libctx, X509 *cert, STACK_OF(X509) *untrusted,
    X509_STORE *roots, const struct tpmiot_ekcert_crls *crls, int64_t now, struct tpmiot_err *err)
{
	const struct excuses ended = { .ended = true };

	return check_path(libctx, cert, untrusted, roots, crls, ended, now, NULL, err);
}
