/* SPDX-License-Identifier: Apache-2.0 */
/* What the two steps share with the router. */
#ifndef CA_API_INT_H
#define CA_API_INT_H

#include "admit.h"
#include "api.h"
#include "limit.h"
#include "problem.h"
#include "roots.h"
#include "seal.h"

struct ca_api {
	OSSL_LIB_CTX *libctx;
	const struct ca_config *config;
	struct ca_store *store;
	const struct ca_signer *signer;
	int64_t (*now)(void);
	struct ca_roots roots;
	struct ca_limiter *limiter; /* NULL: off */
	struct ca_bucket audit;     /* how many refusals may be written */
	uint64_t audit_left_out;    /* refusals that were not */
};

/* One request on its way: what it is about, as far as that is known, and where it ends. */
struct ca_exchange {
	const struct ca_http_request *req;
	int64_t now;
	bool has_ek;
	uint8_t ek_spki[CA_SHA256_LEN];
	char device_id[CA_DEVICE_ID_MAX + 1];
	char note[128]; /* for the log: what was done */
	bool limited;   /* refused before anything was looked at: not for the audit log */
	struct ca_problem problem;
	struct tpmiot_buf body; /* of the reply */
};

/* The steps. False: x->problem says why. */
TPMIOT_MUST_USE bool ca_step_attest(struct ca_api *api, struct ca_exchange *x);
TPMIOT_MUST_USE bool ca_step_issue(struct ca_api *api, struct ca_exchange *x);

/* Who asks: what the store is asked about. */
struct ca_applicant {
	const uint8_t *ek_spki; /* CA_SHA256_LEN */
	bool has_cert;
	const struct ca_problem *cert_problem;
	const uint8_t *token_sha256; /* first step: CA_SHA256_LEN; NULL: none given */
	int64_t token;               /* second step: its number; 0: none */
	const char *claimed_id;
	const struct tpmiot_public *ak;
	const uint8_t *key_spki; /* second step; NULL before */
};

/* Fetches the facts and decides. */
TPMIOT_MUST_USE bool ca_decide(struct ca_api *api, const struct ca_applicant *who, int64_t now,
    struct ca_admission *out, struct ca_problem *problem);

/* An entry of the audit log about this exchange. */
void ca_audit_of(
    const struct ca_exchange *x, const char *event, const char *decision, struct ca_audit *out);

#endif
