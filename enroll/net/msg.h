/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocol's messages (doc/PROTOCOL.md): requests written, replies read.
 * Pure: bytes in, bytes out. What a server sends is not believed to be well
 * meant: types, sizes and encodings are checked, and text for people is cleaned.
 */
#ifndef ENROLL_MSG_H
#define ENROLL_MSG_H

#include <openssl/x509.h>

#include <tpmiot/kdf.h>
#include <tpmiot/pcr.h>
#include <tpmiot/uri.h>

#include "enroll/net/json.h"

#define ENROLL_MSG_TEXT_MAX 256

struct enroll_msg_attestation {
	const struct tpmiot_public *ek;
	struct tpmiot_bytes ek_cert; /* as NV has it; empty if there is none */
	STACK_OF(X509) *ek_chain;    /* NULL: none */
	const struct tpmiot_public *ak;
	const char *device_id;  /* NULL: not claimed */
	const char *profile;    /* NULL: what the CA gives such devices */
	const char *join_token; /* NULL: none */
};

TPMIOT_MUST_USE enum tpmiot_rc enroll_msg_put_attestation(
    const struct enroll_msg_attestation *msg, struct tpmiot_buf *out, struct tpmiot_err *err);

struct enroll_msg_challenge {
	struct tpmiot_buf credential_blob;  /* TPM2B_ID_OBJECT; empty in a renewal, as the next */
	struct tpmiot_buf encrypted_secret; /* TPM2B_ENCRYPTED_SECRET */
	struct tpmiot_buf nonce;
	struct tpmiot_buf session;                      /* text */
	struct tpmiot_pcr_bank banks[TPMIOT_BANKS_MAX]; /* to be quoted: selections, no values */
	size_t banks_n;                                 /* 0: no quote is wanted */
	bool parent_wanted; /* there are secrets: the device key's parent is to be sent */
};

/* ak NULL: the one used last. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_msg_put_renewal(
    const struct tpmiot_public *ak, struct tpmiot_buf *out, struct tpmiot_err *err);

/* The reply to it: nonce and session. Errors as below. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_msg_parse_renewal(
    struct tpmiot_bytes json, struct enroll_msg_challenge *out, struct tpmiot_err *err);

/* TPMIOT_E_FORMAT names the field. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_msg_parse_challenge(
    struct tpmiot_bytes json, struct enroll_msg_challenge *out, struct tpmiot_err *err);
void enroll_msg_challenge_free(struct enroll_msg_challenge *challenge);

struct enroll_msg_evidence {
	const struct tpmiot_buf *session;
	const struct tpmiot_buf *secret; /* NULL in a renewal */
	const struct tpmiot_public *key;
	const struct tpmiot_buf *attest;    /* TPM2B_ATTEST */
	const struct tpmiot_buf *signature; /* TPMT_SIGNATURE */
	const struct tpmiot_buf *csr;       /* DER */
	const struct tpmiot_public *parent; /* NULL: not wanted */
	/* A quote; banks_n 0: none */
	const struct tpmiot_pcr_bank *banks;
	size_t banks_n;
	const struct tpmiot_buf *quote_attest;
	const struct tpmiot_buf *quote_signature;
};

TPMIOT_MUST_USE enum tpmiot_rc enroll_msg_put_evidence(
    const struct enroll_msg_evidence *msg, struct tpmiot_buf *out, struct tpmiot_err *err);

/* A secret, wrapped for the parent that was sent. */
struct enroll_msg_secret {
	char name[TPMIOT_KEY_NAME_MAX + 1];
	struct tpmiot_public pub; /* a keyed-hash object */
	TPM2B_PRIVATE priv;
	TPM2B_ENCRYPTED_SECRET seed;
	struct tpmiot_buf data;
};

#define ENROLL_MSG_SECRETS_MAX 16

struct enroll_msg_issued {
	struct tpmiot_buf certificate; /* PEM text, not looked into */
	struct tpmiot_buf ca;          /* likewise */
	char device_id[65];
	bool has_secrets; /* the following are all there are; otherwise nothing is said of any */
	size_t secrets_n;
	struct enroll_msg_secret secrets[ENROLL_MSG_SECRETS_MAX];
};

TPMIOT_MUST_USE enum tpmiot_rc enroll_msg_parse_issued(
    struct tpmiot_bytes json, struct enroll_msg_issued *out, struct tpmiot_err *err);
void enroll_msg_issued_free(struct enroll_msg_issued *issued);

/* A problem document; texts are cleaned and cut, empty where there is none. */
struct enroll_msg_problem {
	char type[64]; /* behind "urn:tpmiot:problem:"; empty if it is none of ours */
	char title[ENROLL_MSG_TEXT_MAX];
	char detail[ENROLL_MSG_TEXT_MAX];
	char next[ENROLL_MSG_TEXT_MAX];
};

/* Never fails: what cannot be read is empty. */
void enroll_msg_parse_problem(struct tpmiot_bytes json, struct enroll_msg_problem *out);

#endif
