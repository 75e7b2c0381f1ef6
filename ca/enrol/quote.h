/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCR policies: which PCRs a group's devices have to quote, whether a quote holds, and
 * whether the values in it are allowed. Every value that is judged is one that the quote covers.
 */
#ifndef CA_QUOTE_H
#define CA_QUOTE_H

#include "ca/enrol/api_int.h"
#include "ca/enrol/wire.h"

/* What a TPM stated, verified. */
struct ca_quoted {
	struct tpmiot_pcrset pcrs; /* n 0: nothing was asked for */
	TPMS_CLOCK_INFO clock;
};

/* The PCRs that a group wants quoted: out->n is 0 if none. */
TPMIOT_MUST_USE enum tpmiot_rc ca_quote_wanted(
    const struct ca_group *group, struct tpmiot_pcrset *out, struct tpmiot_err *err);

/* The quote against the ticket: by its AK, over its nonce, of exactly what was asked for. */
TPMIOT_MUST_USE bool ca_quote_prove(OSSL_LIB_CTX *libctx, const struct ca_ticket *ticket,
    const struct ca_issue_request *req, struct ca_quoted *out, struct ca_problem *problem);

/* Whether the group, as it is now, asks for what the ticket did, and allows these values. */
TPMIOT_MUST_USE bool ca_quote_judge(struct ca_store *store, const struct ca_group *group,
    const struct ca_ticket *ticket, const struct ca_quoted *quoted, struct ca_problem *problem);

/* Records it as the device's last. Nothing to do where none was asked for. */
TPMIOT_MUST_USE enum tpmiot_rc ca_quote_record(struct ca_store *store,
    const uint8_t ek_spki[CA_SHA256_LEN], const struct ca_quoted *quoted, int64_t now,
    struct tpmiot_err *err);

#endif
