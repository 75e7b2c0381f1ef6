/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole enrolment without sockets: a CA over a scratch store, and devices with
 * a software TPM. Requests are JSON values, so that a test can make any field of
 * them wrong before they are sent.
 */
#ifndef TEST_ENROLKIT_H
#define TEST_ENROLKIT_H

#include "ca_test.h"
#include "certkit.h"
#include "softtpm.h"

#include <jansson.h>

#include <tpmiot/pcrset.h>

#include "ca/enrol/api.h"

/* Time stands still where certkit.h has it, until a test moves it. */
extern int64_t kit_now;
int64_t kit_clock(void);

/* TPMs and their maker: made once, for all tests of a program. */
struct kit_device {
	struct softkey ek, srk, ak, key;
	X509 *ek_cert; /* NULL: none */
	uint8_t ek_spki[CA_SHA256_LEN];
};
extern struct kit_device kit_a, kit_b; /* RSA and ECC EK, both by the trusted maker */
extern struct kit_device kit_foreign;  /* ECC EK by a maker that nobody trusts */
extern X509 *kit_root, *kit_link;      /* trusted root; intermediate under it */
extern EVP_PKEY *kit_root_key, *kit_link_key;
int kit_group_setup(void **state);
int kit_group_teardown(void **state);
/* One more, with an EK by its profile's name ("L-2") and a certificate by this issuer. */
void kit_device_make(
    struct kit_device *dev, const char *profile, X509 *issuer, EVP_PKEY *issuer_key);
void kit_device_free(struct kit_device *dev);

/* The CA: *state is one of these. Trusts kit_root. */
struct kit {
	char dir[64], path[128];
	struct ca_config config;
	struct ca_store *store;
	struct ca_signer signer;
	struct ca_api *api;
};
int kit_setup(void **state); /* enrolment = open */
int kit_teardown(void **state);

/* Replaces the configuration by a file of this text. */
void kit_configure(struct kit *kit, const char *text);

struct kit_answer {
	int status;
	char type[48]; /* of the problem, without its prefix; "" if there is none */
	unsigned retry_after;
	const char *allow;
	json_t *doc;
};
void kit_send(struct kit *kit, const struct ca_http_request *req, struct kit_answer *out);
/* Sends body (which is released) as JSON. */
void kit_post(struct kit *kit, const char *path, json_t *body, struct kit_answer *out);
/* The same over TLS with this client certificate (NULL: none). */
void kit_post_as(
    struct kit *kit, X509 *client, const char *path, json_t *body, struct kit_answer *out);
/* The first certificate of a PEM chain in an answer; the caller owns it. */
X509 *kit_leaf(const struct kit_answer *answer, const char *member);
void kit_answer_free(struct kit_answer *answer);

/* Good requests. The second is made from the first's answer. */
json_t *kit_attest(const struct kit_device *dev);
json_t *kit_issue(const struct kit_device *dev, const json_t *challenge);
/* The answer to a renewal has no challenge, and the request then no secret. */
/* The same, with anything done for another key, by another AK, over another nonce. */
json_t *kit_issue_with(const struct kit_device *dev, const json_t *challenge,
    const struct softkey *certified, const struct softkey *ak, bool stale_nonce,
    const struct softkey *csr_key);

/* What a device measures: these PCRs, each of its bank with a value that is made up. */
void kit_measure(struct tpmiot_pcrset *set, const char *selection);
/* The member "quote": these values, by this AK over the challenge's nonce; forge may be NULL. */
json_t *kit_quote(const struct softkey *ak, const json_t *challenge,
    const struct tpmiot_pcrset *values, void (*forge)(struct soft_quote *quote));

/* Sets a member by its path, "ek.public". value is taken over. */
void kit_set(json_t *body, const char *path, json_t *value);
json_t *kit_b64(const void *data, size_t len);
json_t *kit_public(const struct softkey *key);
json_t *kit_cert(const X509 *cert);
void kit_unb64(const json_t *value, struct tpmiot_buf *out);

/* Both steps; fails the test unless they succeed. The second answer, and its request if asked for.
 */
void kit_enrol(struct kit *kit, const struct kit_device *dev, const char *token,
    struct kit_answer *out, json_t **request);

/* The same; the device's certificate, which the caller owns. */
X509 *kit_enrolled(struct kit *kit, const struct kit_device *dev);

/* All that the store holds but the audit log, as text. */
void kit_snapshot(const struct kit *kit, struct tpmiot_buf *out);
void kit_sql(const struct kit *kit, const char *sql);
int64_t kit_count(const struct kit *kit, const char *sql);

/* Operator's doings. */
void kit_allow(struct kit *kit, const struct kit_device *dev, const char *device_id);
/* A secret for a device, or with dev NULL for a group. */
void kit_secret(struct kit *kit, const struct kit_device *dev, const char *group, const char *name,
    enum ca_secret_kind kind, struct tpmiot_bytes value);
int64_t kit_token(
    struct kit *kit, const char *token, int64_t uses, int64_t expires, const char *device_id);

#endif
