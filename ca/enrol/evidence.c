/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/enrol/evidence.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include <tpmiot/alg.h>
#include <tpmiot/attest.h>
#include <tpmiot/der.h>
#include <tpmiot/keyless.h>
#include <tpmiot/keyrules.h>

static bool
no_memory(struct ca_problem *problem)
{
	struct tpmiot_err err;

	(void)tpmiot_err_memory(&err);
	return ca_fail(problem, &err);
}

static enum tpmiot_rc
sha256(OSSL_LIB_CTX *libctx, const void *data, size_t len, uint8_t *out, struct tpmiot_err *err)
{
	TPM2B_DIGEST digest;
	enum tpmiot_rc rc = tpmiot_alg_digest(libctx, TPM2_ALG_SHA256, data, len, &digest, err);

	if (rc == TPMIOT_OK)
		memcpy(out, digest.buffer, CA_SHA256_LEN);
	return rc;
}

/* ---- EK --------------------------------------------------------------------- */

bool
ca_evidence_ek(OSSL_LIB_CTX *libctx, const struct ca_attest_request *req, struct ca_ek *out,
    struct ca_problem *problem)
{
	struct ca_ek ek = { 0 };
	struct tpmiot_err err = { 0 };

	if (tpmiot_public_parse(libctx, req->ek_public.data, req->ek_public.len, &ek.pub, &err) !=
	        TPMIOT_OK ||
	    tpmiot_keyrules_check_ek(libctx, &ek.pub, NULL, &err) != TPMIOT_OK ||
	    tpmiot_public_spki_sha256(libctx, &ek.pub, ek.spki, &err) != TPMIOT_OK)
		return ca_refuse_err(problem, CA_PROBLEM_EK_UNSUPPORTED, &err);
	*out = ek;
	return true;
}

/* Header and padding of NV content, which may stand between certificates as well. */
static size_t
skip_padding(const uint8_t *p, size_t len)
{
	size_t n = 0;

	while (n < len && (p[n] == 0x00 || p[n] == 0xff))
		n++;
	if (len - n >= 5 && p[n] == 0x10 && p[n + 1] == 0x01 && p[n + 2] == 0x00)
		n += 5;
	return n;
}

/* One entry of ek.chain: certificates in a row. */
static bool
add_links(const struct tpmiot_buf *entry, struct ca_links *sent, STACK_OF(X509) *untrusted,
    struct ca_problem *problem)
{
	const uint8_t *p = entry->data, *end = entry->data + entry->len;
	X509 *cert;

	for (p += skip_padding(p, entry->len); p < end; p += skip_padding(p, (size_t)(end - p))) {
		if (sk_X509_num(untrusted) >= TPMIOT_EKCERT_CHAIN_MAX)
			return ca_refuse(problem, CA_PROBLEM_EK_CERTIFICATE_INVALID,
			    "ek.chain holds more than %d certificates", TPMIOT_EKCERT_CHAIN_MAX);
		if ((cert = ca_links_read(sent, &p, (size_t)(end - p))) == NULL)
			return ca_refuse(problem, CA_PROBLEM_EK_CERTIFICATE_INVALID,
			    "ek.chain holds something that is no certificate");
		if (sk_X509_push(untrusted, cert) <= 0) {
			X509_free(cert);
			return no_memory(problem);
		}
	}
	return true;
}

static bool
add_link(X509 *link, STACK_OF(X509) *untrusted, struct ca_problem *problem)
{
	if (X509_up_ref(link) != 1)
		return no_memory(problem);
	if (sk_X509_push(untrusted, link) > 0)
		return true;
	X509_free(link);
	return no_memory(problem);
}

/* What the device sent first (NULL: nothing), then the links that the operator added. */
static bool
collect_links(const struct ca_attest_request *req, struct ca_roots *roots, STACK_OF(X509) **out,
    struct ca_problem *problem)
{
	STACK_OF(X509) *all = sk_X509_new_null();
	bool ok = all != NULL || no_memory(problem);

	for (size_t i = 0; ok && req != NULL && i < req->ek_chain_n; i++)
		ok = add_links(&req->ek_chain[i], &roots->sent, all, problem);
	for (int i = 0; ok && i < sk_X509_num(roots->links); i++)
		ok = add_link(sk_X509_value(roots->links, i), all, problem);
	if (ok)
		*out = all;
	else
		sk_X509_pop_free(all, X509_free);
	return ok;
}

/* Its path to a root. What the device sent along, and led there, is kept for others like it. */
static enum tpmiot_rc
check_path(OSSL_LIB_CTX *libctx, X509 *cert, STACK_OF(X509) *untrusted, struct ca_roots *roots,
    const struct tpmiot_ekcert_crls *crls, int64_t now, struct tpmiot_err *err)
{
	const int sent = sk_X509_num(untrusted) - sk_X509_num(roots->links);
	STACK_OF(X509) *used = sk_X509_new_null();
	enum tpmiot_rc rc = used != NULL ? tpmiot_ekcert_find_path(libctx, cert, untrusted,
	                                       roots->anchors, crls, now, used, err)
	                                 : tpmiot_err_memory(err);

	for (int i = 0; rc == TPMIOT_OK && i < sk_X509_num(used); i++)
		if (sk_X509_find(untrusted, sk_X509_value(used, i)) < sent)
			ca_links_keep(&roots->sent, sk_X509_value(used, i));
	sk_X509_pop_free(used, X509_free);
	return rc;
}

bool
ca_evidence_ek_cert(OSSL_LIB_CTX *libctx, const struct ca_attest_request *req,
    struct ca_roots *roots, const struct tpmiot_ekcert_crls *crls, bool lenient_der, int64_t now,
    struct ca_ek *ek, struct ca_problem *problem)
{
	STACK_OF(X509) *untrusted = NULL;
	struct tpmiot_err err = { 0 };
	const uint8_t *der;
	size_t der_len;
	enum tpmiot_rc rc;
	X509 *cert = NULL;
	bool ok = false;

	if (req->ek_certificate.len == 0)
		return true;
	if (tpmiot_ekcert_strip(req->ek_certificate.data, req->ek_certificate.len, &der, &der_len,
	        &err) != TPMIOT_OK ||
	    tpmiot_ekcert_parse(libctx, der, der_len, &cert, &err) != TPMIOT_OK) {
		ca_refuse_err(problem, CA_PROBLEM_EK_CERTIFICATE_INVALID, &err);
		goto out;
	}
	if (tpmiot_ekcert_check_key(libctx, cert, &ek->pub, &err) != TPMIOT_OK) {
		ca_refuse_err(problem, CA_PROBLEM_EK_CERTIFICATE_MISMATCH, &err);
		goto out;
	}
	if (!collect_links(req, roots, &untrusted, problem))
		goto out;
	ek->has_cert = true;
	ek->cert = (struct tpmiot_bytes){ der, der_len };
	if (!lenient_der && tpmiot_der_check(der, der_len, &err) != TPMIOT_OK)
		ca_refuse_err(&ek->cert_problem, CA_PROBLEM_EK_CERTIFICATE_INVALID, &err);
	else if (tpmiot_ekcert_check_profile(cert, &ek->info, &err) != TPMIOT_OK)
		ca_refuse_err(&ek->cert_problem, CA_PROBLEM_EK_CERTIFICATE_INVALID, &err);
	else if ((rc = check_path(libctx, cert, untrusted, roots, crls, now, &err)) != TPMIOT_OK)
		ca_refuse_err(&ek->cert_problem,
		    rc == TPMIOT_E_POLICY ? CA_PROBLEM_EK_CERTIFICATE_REVOKED
		                          : CA_PROBLEM_EK_CERTIFICATE_UNTRUSTED,
		    &err);
	ok = true;
out:
	sk_X509_pop_free(untrusted, X509_free);
	X509_free(cert);
	return ok;
}

/* Links that other devices sent and that led to a root then do as well as the operator's. */
static bool
collect_known_links(struct ca_roots *roots, STACK_OF(X509) **out, struct ca_problem *problem)
{
	STACK_OF(X509) *all = NULL;
	bool ok = collect_links(NULL, roots, &all, problem);

	for (size_t i = 0; ok && i < CA_LINKS_MAX; i++)
		if (roots->sent.kept[i].cert != NULL)
			ok = add_link(roots->sent.kept[i].cert, all, problem);
	if (ok)
		*out = all;
	else
		sk_X509_pop_free(all, X509_free);
	return ok;
}

bool
ca_evidence_not_revoked(OSSL_LIB_CTX *libctx, const struct tpmiot_buf *ek_cert,
    struct ca_roots *roots, const struct tpmiot_ekcert_crls *crls, int64_t now,
    struct ca_problem *problem)
{
	STACK_OF(X509) *untrusted = NULL;
	struct tpmiot_err err = { 0 };
	X509 *cert = NULL;
	enum tpmiot_rc rc = tpmiot_ekcert_parse(libctx, ek_cert->data, ek_cert->len, &cert, &err);
	bool ok = rc == TPMIOT_OK ? collect_known_links(roots, &untrusted, problem)
	                          : ca_fail(problem, &err);

	if (ok) {
		rc = tpmiot_ekcert_check_not_revoked(
		    libctx, cert, untrusted, roots->anchors, crls, now, &err);
		if (rc == TPMIOT_E_POLICY)
			ok = ca_refuse_err(problem, CA_PROBLEM_EK_CERTIFICATE_REVOKED, &err);
		else if (rc != TPMIOT_OK && !crls->missing_ok)
			ok = ca_refuse_err(problem, CA_PROBLEM_EK_CERTIFICATE_UNTRUSTED, &err);
	}
	sk_X509_pop_free(untrusted, X509_free);
	X509_free(cert);
	return ok;
}

/* ---- AK and device key ------------------------------------------------------- */

bool
ca_evidence_ak(OSSL_LIB_CTX *libctx, const struct ca_attest_request *req, struct tpmiot_public *out,
    struct ca_problem *problem)
{
	struct tpmiot_err err = { 0 };
	struct tpmiot_public ak;

	if (tpmiot_public_parse(libctx, req->ak_public.data, req->ak_public.len, &ak, &err) !=
	        TPMIOT_OK ||
	    tpmiot_keyrules_check_ak(libctx, &ak, &err) != TPMIOT_OK)
		return ca_refuse_err(problem, CA_PROBLEM_AK_UNSUITABLE, &err);
	*out = ak;
	return true;
}

bool
ca_evidence_secret(OSSL_LIB_CTX *libctx, const struct ca_ticket *ticket,
    const struct ca_issue_request *req, struct ca_problem *problem)
{
	struct tpmiot_err err = { 0 };
	uint8_t digest[CA_SHA256_LEN];

	if (sha256(libctx, req->secret.data, req->secret.len, digest, &err) != TPMIOT_OK)
		return ca_fail(problem, &err);
	if (CRYPTO_memcmp(digest, ticket->secret_sha256, sizeof(digest)) != 0)
		return ca_refuse(problem, CA_PROBLEM_SECRET_WRONG,
		    "the secret is not the one that the challenge holds");
	return true;
}

static bool
is_for_key(OSSL_LIB_CTX *libctx, const X509_PUBKEY *spki, const struct tpmiot_public *key)
{
	EVP_PKEY *pkey;
	bool same;

	if (tpmiot_public_has_spki(key, spki))
		return true;
	pkey = tpmiot_keyless_pubkey(libctx, spki);
	same = pkey != NULL && tpmiot_public_is_key(libctx, key, pkey);
	EVP_PKEY_free(pkey);
	return same;
}

static bool
check_csr(OSSL_LIB_CTX *libctx, const struct tpmiot_buf *der, const struct tpmiot_public *key,
    struct ca_problem *problem)
{
	const uint8_t *p = der->data;
	X509_REQ *csr = tpmiot_keyless_req(&p, der->len);
	struct tpmiot_err err = { 0 };
	EVP_PKEY *pkey = NULL;
	bool ok = false;

	if (csr == NULL || p != der->data + der->len)
		ca_refuse(problem, CA_PROBLEM_CSR_INVALID,
		    "csr is not one PKCS #10 request in DER (RFC 2986)");
	else if (!is_for_key(libctx, X509_REQ_get_X509_PUBKEY(csr), key))
		ca_refuse(problem, CA_PROBLEM_CSR_KEY_MISMATCH,
		    "the request's public key is not the one that the AK certified");
	else if (tpmiot_public_to_pkey(libctx, key, &pkey, &err) != TPMIOT_OK)
		ca_refuse_err(problem, CA_PROBLEM_KEY_UNSUITABLE, &err);
	else if (X509_REQ_verify_ex(csr, pkey, libctx, NULL) != 1)
		ca_refuse(problem, CA_PROBLEM_CSR_INVALID,
		    "the request's signature does not hold (RFC 2986 section 4.2)");
	else
		ok = true;
	ERR_clear_error();
	EVP_PKEY_free(pkey);
	X509_REQ_free(csr);
	return ok;
}

bool
ca_evidence_key(OSSL_LIB_CTX *libctx, const struct ca_ticket *ticket,
    const struct ca_issue_request *req, bool is_ak, struct tpmiot_public *out,
    struct ca_problem *problem)
{
	const struct tpmiot_bytes nonce = { ticket->nonce, sizeof(ticket->nonce) };
	const struct tpmiot_bytes attest = { req->key_attest.data, req->key_attest.len };
	const struct tpmiot_bytes sig = { req->key_signature.data, req->key_signature.len };
	struct tpmiot_err err = { 0 };
	struct tpmiot_public key;

	if (tpmiot_public_parse(libctx, req->key_public.data, req->key_public.len, &key, &err) !=
	        TPMIOT_OK ||
	    (!is_ak && tpmiot_keyrules_check_key(libctx, &key, &err) != TPMIOT_OK))
		return ca_refuse_err(problem, CA_PROBLEM_KEY_UNSUITABLE, &err);
	if (is_ak && (key.raw_len != ticket->ak.raw_len ||
	                 memcmp(key.raw, ticket->ak.raw, key.raw_len) != 0))
		return ca_refuse(problem, CA_PROBLEM_KEY_UNSUITABLE,
		    "the profile is for attestation keys, and the key is not the session's AK");
	if (tpmiot_attest_verify_certify(libctx, &ticket->ak, &key, nonce, attest, sig, &err) !=
	    TPMIOT_OK)
		return ca_refuse_err(problem, CA_PROBLEM_CERTIFY_INVALID, &err);
	if (!check_csr(libctx, &req->csr, &key, problem))
		return false;
	*out = key;
	return true;
}

bool
ca_evidence_parent(OSSL_LIB_CTX *libctx, const struct ca_issue_request *req,
    struct tpmiot_public *out, struct ca_problem *problem)
{
	const struct tpmiot_bytes attest = { req->key_attest.data, req->key_attest.len };
	struct tpmiot_public parent, key;
	struct tpmiot_err err = { 0 };

	if (tpmiot_public_parse(libctx, req->parent.data, req->parent.len, &parent, &err) !=
	        TPMIOT_OK ||
	    tpmiot_keyrules_check_srk(libctx, &parent, &err) != TPMIOT_OK ||
	    tpmiot_public_parse(libctx, req->key_public.data, req->key_public.len, &key, &err) !=
	        TPMIOT_OK ||
	    tpmiot_attest_check_parent(libctx, attest, &key, &parent, TPM2_RH_OWNER, &err) !=
	        TPMIOT_OK)
		return ca_refuse_err(problem, CA_PROBLEM_PARENT_INVALID, &err);
	*out = parent;
	return true;
}
