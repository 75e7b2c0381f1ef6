/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages of doc/PROTOCOL.md: JSON to plain structs and back. Requests
 * come from anybody, so size and depth are bounded before the parser runs and
 * every field by itself after.
 */
#ifndef CA_WIRE_H
#define CA_WIRE_H

#include <tpmiot/ekcert.h>
#include <tpmiot/pcrset.h>

#include "ca/pki/ident.h"
#include "ca/enrol/problem.h"
#include "ca/secret/deliver.h"

#define CA_WIRE_DEPTH_MAX 8
#define CA_WIRE_PUBLIC_MAX 1024
#define CA_WIRE_ATTEST_MAX 2048
#define CA_WIRE_SIGNATURE_MAX 1024
#define CA_WIRE_CSR_MAX 8192
#define CA_WIRE_SESSION_MAX 6144 /* bytes sealed: 8 KiB of base64 */
#define CA_WIRE_SECRET_MAX 64
#define CA_WIRE_TOKEN_MAX 128

/* POST /v1/attestations. What is optional and absent is empty. */
struct ca_attest_request {
	struct tpmiot_buf ek_public;      /* TPM2B_PUBLIC */
	struct tpmiot_buf ek_certificate; /* as in NV */
	struct tpmiot_buf ek_chain[TPMIOT_EKCERT_CHAIN_MAX];
	size_t ek_chain_n;
	struct tpmiot_buf ak_public; /* TPM2B_PUBLIC */
	char device_id[CA_DEVICE_ID_MAX + 1];
	struct tpmiot_buf join_token; /* its characters */
	char profile[CA_GROUP_MAX + 1];
};

/* POST /v1/renewals. */
struct ca_renew_request {
	struct tpmiot_buf ak_public; /* TPM2B_PUBLIC; empty: the AK used last */
};

/* POST /v1/certificates. */
struct ca_issue_request {
	struct tpmiot_buf session;       /* sealed */
	struct tpmiot_buf secret;        /* empty in a renewal */
	struct tpmiot_buf key_public;    /* TPM2B_PUBLIC */
	struct tpmiot_buf key_attest;    /* TPM2B_ATTEST */
	struct tpmiot_buf key_signature; /* TPMT_SIGNATURE */
	struct tpmiot_buf csr;           /* DER */
	struct tpmiot_buf parent;        /* TPM2B_PUBLIC; empty: not sent */
	struct tpmiot_buf quote_attest;  /* TPM2B_ATTEST; empty: there is no quote */
	struct tpmiot_buf quote_signature;
	struct tpmiot_pcrset quote_pcrs;
};

/* All: false with CA_PROBLEM_MALFORMED_REQUEST, naming the field. *out must be zeroed; free it
 * either way.
 */
bool ca_attest_request_parse(
    const void *body, size_t len, struct ca_attest_request *out, struct ca_problem *problem);
void ca_attest_request_free(struct ca_attest_request *req);
bool ca_renew_request_parse(
    const void *body, size_t len, struct ca_renew_request *out, struct ca_problem *problem);
void ca_renew_request_free(struct ca_renew_request *req);
bool ca_issue_request_parse(
    const void *body, size_t len, struct ca_issue_request *out, struct ca_problem *problem);
void ca_issue_request_free(struct ca_issue_request *req);

/* The reply of the first step, or of what stands for it in a renewal; all borrowed. */
struct ca_attest_reply {
	const struct tpmiot_buf *credential_blob; /* NULL: a renewal, without challenge */
	const struct tpmiot_buf *encrypted_secret;
	const uint8_t *nonce;
	size_t nonce_len;
	const struct tpmiot_buf *session;
	int64_t expires_in;
	const struct tpmiot_pcrset *pcrs; /* NULL, or n 0: no quote is asked for */
	bool parent_wanted;               /* there are secrets for the device */
};
TPMIOT_MUST_USE enum tpmiot_rc ca_attest_reply_put(
    const struct ca_attest_reply *reply, struct tpmiot_buf *out, struct tpmiot_err *err);

/* The reply of the second step; the certificates are PEM. */
struct ca_issue_reply {
	const char *certificate;
	const char *ca;
	const char *device_id;
	const struct ca_deliveries *secrets; /* all there are; NULL: they are not told */
};
TPMIOT_MUST_USE enum tpmiot_rc ca_issue_reply_put(
    const struct ca_issue_reply *reply, struct tpmiot_buf *out, struct tpmiot_err *err);

TPMIOT_MUST_USE enum tpmiot_rc ca_problem_put(
    const struct ca_problem *problem, struct tpmiot_buf *out, struct tpmiot_err *err);

#endif
