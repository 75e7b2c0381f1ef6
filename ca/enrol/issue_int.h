/* SPDX-License-Identifier: Apache-2.0 */
/* The second step's parts: what the request proves, the hook's word, what is recorded. */
#ifndef CA_ISSUE_INT_H
#define CA_ISSUE_INT_H

#include "ca/enrol/api_int.h"
#include "ca/enrol/quote.h"
#include "ca/enrol/ticket.h"
#include "ca/enrol/wire.h"
#include "ca/secret/deliver.h"

/* What the request proved. */
struct ca_proven {
	struct ca_ticket ticket;
	struct tpmiot_public key;
	uint8_t key_spki[CA_SHA256_LEN];
	struct ca_quoted quoted;
	bool has_parent;
	struct tpmiot_public parent; /* its storage key */
	struct ca_secrets secrets;   /* what the device is to get; found in the transaction */
};

bool ca_is_renewal(const struct ca_proven *p);

/* ---- issue_proof.c ---- */

/* Everything that the request's evidence has to show by itself, without the store's rows. */
TPMIOT_MUST_USE bool ca_prove(struct ca_api *api, struct ca_exchange *x,
    const struct ca_issue_request *req, struct ca_proven *p);
/* A renewal stands on the certificate that it was begun with, in this connection as well. */
TPMIOT_MUST_USE bool ca_prove_client(
    struct ca_api *api, struct ca_exchange *x, const struct ca_proven *p);

/* ---- issue_record.c ---- */

/* Device, AK, PCR values, certificate, spent session and audit entry; in a transaction. */
TPMIOT_MUST_USE enum tpmiot_rc ca_record(struct ca_api *api, const struct ca_exchange *x,
    const struct ca_proven *p, const struct ca_admission *as, const struct ca_cert *cert,
    struct tpmiot_err *err);

/* ---- issue_hook.c ---- */

/*
 * Has the hook run; ca_issue_finish() follows when it has allowed it. Takes p over if it succeeds.
 * Once at a time for one device: else a single one could keep it busy for all.
 */
TPMIOT_MUST_USE bool ca_ask(struct ca_api *api, struct ca_exchange *x, struct ca_proven *p);

/* ---- step_issue.c ---- */

/* Decides, issues, records and answers. False: x->problem says why. */
bool ca_issue_finish(struct ca_api *api, struct ca_exchange *x, struct ca_proven *p);

#endif
