/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the device shows, held against the rules: pure functions from a request
 * to facts. Whether the facts let it in is admit.h's question.
 */
#ifndef CA_EVIDENCE_H
#define CA_EVIDENCE_H

#include <openssl/x509.h>

#include "ca/enrol/seal.h"
#include "ca/enrol/wire.h"
#include "ca/pki/roots.h"

struct ca_ek {
	struct tpmiot_public pub;
	uint8_t spki[CA_SHA256_LEN];
	bool has_cert;
	struct tpmiot_bytes cert; /* DER, borrowed from the request; empty without one */
	struct tpmiot_ekcert_info info;
	/*
	 * CA_PROBLEM_NONE: the certificate keeps the profile and chains to a trusted root.
	 * Else why not; a refusal only for those whom nothing else vouches for.
	 */
	struct ca_problem cert_problem;
};

/* The EK's public area. */
TPMIOT_MUST_USE bool ca_evidence_ek(OSSL_LIB_CTX *libctx, const struct ca_attest_request *req,
    struct ca_ek *out, struct ca_problem *problem);

/* Its certificate, if one was sent: that has to be one, and for this EK, in any case. */
TPMIOT_MUST_USE bool ca_evidence_ek_cert(OSSL_LIB_CTX *libctx, const struct ca_attest_request *req,
    struct ca_roots *roots, const struct tpmiot_ekcert_crls *crls, bool lenient_der, int64_t now,
    struct ca_ek *ek, struct ca_problem *problem);

/*
 * The certificate that came with a former enrolment and was accepted then: whether a maker has
 * revoked it, or one on its path, since. What a missing list means is crls->missing_ok, and so is a
 * link that is not here any more.
 */
TPMIOT_MUST_USE bool ca_evidence_not_revoked(OSSL_LIB_CTX *libctx, const struct tpmiot_buf *ek_cert,
    struct ca_roots *roots, const struct tpmiot_ekcert_crls *crls, int64_t now,
    struct ca_problem *problem);

TPMIOT_MUST_USE bool ca_evidence_ak(OSSL_LIB_CTX *libctx, const struct ca_attest_request *req,
    struct tpmiot_public *out, struct ca_problem *problem);

/* The secret against the ticket's digest of it, in constant time. */
TPMIOT_MUST_USE bool ca_evidence_secret(OSSL_LIB_CTX *libctx, const struct ca_ticket *ticket,
    const struct ca_issue_request *req, struct ca_problem *problem);

/*
 * The device key: its rules, its certification by the ticket's AK over the ticket's nonce,
 * and the CSR. is_ak: it has to be that AK itself.
 */
TPMIOT_MUST_USE bool ca_evidence_key(OSSL_LIB_CTX *libctx, const struct ca_ticket *ticket,
    const struct ca_issue_request *req, bool is_ak, struct tpmiot_public *out,
    struct ca_problem *problem);

/*
 * The storage key that secrets are wrapped for: one that is fit for it, and that the certification
 * of the device key (checked before) shows to be its parent, in the owner hierarchy of the same
 * TPM.
 */
TPMIOT_MUST_USE bool ca_evidence_parent(OSSL_LIB_CTX *libctx, const struct ca_issue_request *req,
    struct tpmiot_public *out, struct ca_problem *problem);

#endif
