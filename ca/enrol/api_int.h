/* SPDX-License-Identifier: Apache-2.0 */
/* What the two steps share with the router. */
#ifndef CA_API_INT_H
#define CA_API_INT_H

#include "ca/enrol/admit.h"
#include "ca/enrol/api.h"
#include "ca/enrol/metrics.h"
#include "ca/http/limit.h"
#include "ca/enrol/problem.h"
#include "ca/pki/roots.h"
#include "ca/enrol/seal.h"

/*
 * Kinds of requests, each with a rate for itself: an enrolment takes one of each of the first two,
 * and who fetches lists leaves room to enrol.
 */
enum ca_rate {
	CA_RATE_BEGIN,  /* first steps and renewals: nothing is proved yet */
	CA_RATE_FINISH, /* second steps: decryption, signatures, and the store's lock */
	CA_RATE_FETCH,  /* revocation lists, results of registrations */
	CA_RATES        /* how many there are */
};

struct ca_api {
	OSSL_LIB_CTX *libctx;
	const struct ca_config *config;
	struct ca_store *store;
	const struct ca_signer *signer;
	int64_t (*now)(void);
	struct ca_roots roots;
	const struct tpmiot_ekcert_crls *ek_crls; /* NULL: none */
	struct ca_limiter *limiters[CA_RATES];
	struct ca_dps_recent *dps_recent; /* NULL: none yet */
	struct ca_metrics metrics;
	ca_api_run *run; /* of the hook; NULL: there is nothing to run it with */
	void *run_arg;
	struct ca_asked *asked;   /* requests that wait for it; issue_hook.c */
	struct ca_bucket audit;   /* how many refusals may be written */
	uint64_t audit_left_out;  /* refusals that were not */
	uint64_t audit_unsettled; /* refusals that the store has, but not yet for good */
	bool store_failed;        /* the last time that something was written */
};

/*
 * Whether the store can be written: what was not, last, or tried now. Until it can, each asking is
 * a try.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_api_check_store(struct ca_api *api, struct tpmiot_err *err);

/* One request on its way: what it is about, as far as that is known, and where it ends. */
struct ca_exchange {
	const struct ca_http_request *req;
	int64_t now;
	const struct ca_route *route; /* NULL: none */
	double begun;                 /* seconds, of a clock that only goes forward */
	bool later;                   /* goes on in ca_api_resume() */
	bool has_ek;
	uint8_t ek_spki[CA_SHA256_LEN];
	char device_id[CA_DEVICE_ID_MAX + 1];
	char note[128]; /* for the log: what was done */
	bool limited;   /* refused before anything was looked at: not for the audit log */
	struct ca_problem problem;
	struct tpmiot_buf pcrs;   /* values that were verified, as text; for the audit log */
	struct tpmiot_buf body;   /* of the reply */
	const char *content_type; /* static; NULL: JSON */
	int status;               /* of a reply that is no refusal; 0: 200 */
	unsigned retry_after;     /* of the same; seconds; 0: no such header */
};

/* The end of a request that was left for later: it was refused if x->problem says so. */
void ca_api_resume(struct ca_api *api, struct ca_exchange *x);

/* The steps. False: x->problem says why. */
TPMIOT_MUST_USE bool ca_step_attest(struct ca_api *api, struct ca_exchange *x);
TPMIOT_MUST_USE bool ca_step_renew(struct ca_api *api, struct ca_exchange *x);
TPMIOT_MUST_USE bool ca_step_issue(struct ca_api *api, struct ca_exchange *x);

/* ---- what they share: steps.c ---- */

/* Whether this address may have a request of that kind now. Before anything else is looked at. */
TPMIOT_MUST_USE bool ca_steps_limit(struct ca_api *api, enum ca_rate rate, struct ca_exchange *x);

/* Whether this device may have another certificate today; for good in the transaction that issues.
 */
TPMIOT_MUST_USE bool ca_steps_issue_limit(struct ca_api *api, struct ca_exchange *x);

/* A group that a row of the store names; an operator may have taken it out of the configuration.
 * *out is borrowed. */
TPMIOT_MUST_USE bool ca_steps_group(
    struct ca_api *api, const char *name, struct ca_group *out, struct ca_problem *problem);

/* Gives a ticket its id, nonce and end. */
TPMIOT_MUST_USE enum tpmiot_rc ca_steps_new_ticket(
    struct ca_api *api, int64_t now, struct ca_ticket *out, struct tpmiot_err *err);
/* Sealed with the newest key. Appends. */
TPMIOT_MUST_USE enum tpmiot_rc ca_steps_seal(struct ca_api *api, const struct ca_ticket *ticket,
    struct tpmiot_buf *out, struct tpmiot_err *err);
/* Whether the session has not ended at x->now. */
TPMIOT_MUST_USE bool ca_steps_in_time(struct ca_exchange *x, const struct ca_ticket *ticket);
/* What a device brought back, in time. */
TPMIOT_MUST_USE bool ca_steps_unseal(struct ca_api *api, struct ca_exchange *x,
    const struct tpmiot_buf *session, struct ca_ticket *out);

/*
 * The device's row, as let in. `tpm` and `ek_cert` (DER; empty: none) are what a trusted EK
 * certificate said and was; what is empty leaves what was known before.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_steps_record_device(struct ca_api *api, int64_t now,
    const uint8_t *ek_spki, const struct ca_admission *as, const struct tpmiot_ekcert_info *tpm,
    struct tpmiot_bytes ek_cert, struct tpmiot_err *err);

/* ---- client.c ---- */

/*
 * The certificate that the client showed in the TLS handshake: one that this CA recorded,
 * to the byte, in its validity, not revoked, nor its key with another one, and its device not
 * blocked. *out as from ca_cert_find().
 */
TPMIOT_MUST_USE bool ca_client(struct ca_api *api, struct ca_exchange *x, struct ca_cert *out);

/* Who asks: what the store is asked about. */
struct ca_applicant {
	const uint8_t *ek_spki; /* CA_SHA256_LEN */
	bool has_cert;
	const struct ca_problem *cert_problem;
	const uint8_t *token_sha256; /* first step: CA_SHA256_LEN; NULL: none given */
	int64_t token;               /* second step: its number; 0: none */
	const char *claimed_id;
	const char *sealed_id; /* second step: what it was let in as; NULL before */
	const struct tpmiot_ekcert_info *tpm;
	const struct tpmiot_public *ak; /* NULL: a registration, which has none */
	const uint8_t *key_spki;        /* second step; NULL before */
};

/* Fetches the facts and decides: enrolment. */
TPMIOT_MUST_USE bool ca_decide(struct ca_api *api, const struct ca_applicant *who, int64_t now,
    struct ca_admission *out, struct ca_problem *problem);

/*
 * The same for a device that has a certificate: whether it may enrol is not asked again, only
 * whether device, id, AK and key still belong together, and ca_decide_maker().
 */
TPMIOT_MUST_USE bool ca_decide_renewal(struct ca_api *api, const struct ca_applicant *who,
    int64_t now, const char *device_id, struct ca_admission *out, struct ca_problem *problem);

/*
 * Whether the maker still stands by a device: its EK certificate, as it is kept with it, is held
 * against the makers' revocation lists. As at enrolment, a device on the allow-list needs no maker.
 */
TPMIOT_MUST_USE bool ca_decide_maker(
    struct ca_api *api, const struct ca_device *device, int64_t now, struct ca_problem *problem);

/* What the operator's list says of a unit now; without an entry, what is in *a stays. */
TPMIOT_MUST_USE bool ca_decide_unit(
    struct ca_api *api, const uint8_t *ek_spki, struct ca_admission *a, struct ca_problem *problem);

/* Whether there are secrets for a device of this group: then its storage key is asked for. */
TPMIOT_MUST_USE bool ca_steps_has_secrets(struct ca_api *api, const uint8_t *ek_spki,
    const char *group, bool *out, struct ca_problem *problem);

/* An entry of the audit log about this exchange, from which it borrows. */
void ca_audit_of(
    const struct ca_exchange *x, const char *event, const char *decision, struct ca_audit *out);

#endif
