/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/enrol/quote.h"

#include <tpmiot/attest.h>

#include "ca/config/words.h"

enum tpmiot_rc
ca_quote_wanted(const struct ca_group *group, struct tpmiot_pcrset *out, struct tpmiot_err *err)
{
	if (group->pcrs[0] != '\0')
		return tpmiot_pcrset_parse_selection(group->pcrs, out, err);
	*out = (struct tpmiot_pcrset){ .n = 0 };
	return TPMIOT_OK;
}

bool
ca_quote_prove(OSSL_LIB_CTX *libctx, const struct ca_ticket *ticket,
    const struct ca_issue_request *req, struct ca_quoted *out, struct ca_problem *problem)
{
	const struct tpmiot_bytes nonce = { ticket->nonce, sizeof(ticket->nonce) };
	const struct tpmiot_bytes attest = { req->quote_attest.data, req->quote_attest.len };
	const struct tpmiot_bytes sig = { req->quote_signature.data, req->quote_signature.len };
	const struct tpmiot_pcrset *sent = &req->quote_pcrs;
	struct tpmiot_err err = { 0 };

	if (ticket->pcrs.n == 0)
		return true;
	if (attest.len == 0)
		return ca_refuse(problem, CA_PROBLEM_QUOTE_REQUIRED,
		    "PCRs were asked for, and the request has no \"quote\"");
	if (!tpmiot_pcrset_same_selection(sent, &ticket->pcrs))
		return ca_refuse(problem, CA_PROBLEM_QUOTE_INVALID,
		    "\"quote.pcrs\" are not the PCRs that were asked for");
	if (tpmiot_attest_verify_quote(libctx, &ticket->ak, sent->bank, sent->n, nonce, attest, sig,
	        &out->clock, &err) != TPMIOT_OK)
		return ca_refuse_err(problem, CA_PROBLEM_QUOTE_INVALID, &err);
	out->pcrs = *sent;
	return true;
}

/* By any one of the policies. */
static enum tpmiot_rc
is_allowed(struct ca_store *store, const char *policies, const char *values, bool *out,
    struct tpmiot_err *err)
{
	char policy[CA_WORD_MAX];
	enum tpmiot_rc rc = TPMIOT_OK;
	bool allowed = false;

	while (rc == TPMIOT_OK && !allowed && ca_word_next(&policies, policy))
		rc = ca_pcr_allowed(store, policy, values, &allowed, err);
	if (rc == TPMIOT_OK)
		*out = allowed;
	return rc;
}

static bool
refuse_values(const struct ca_group *group, struct ca_problem *problem)
{
	ca_refuse(problem, CA_PROBLEM_PCRS_REFUSED,
	    "the PCR values are none that %s allows: the firmware or its settings are others",
	    group->pcr_policies);
	return ca_refuse_next(problem,
	    "If that was meant: on the CA, tpmiot-ca audit shows the number of this refusal, and "
	    "tpmiot-ca pcr allow --audit=NUMBER %s allows its values.",
	    group->pcr_policies);
}

bool
ca_quote_judge(struct ca_store *store, const struct ca_group *group, const struct ca_ticket *ticket,
    const struct ca_quoted *quoted, struct ca_problem *problem)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	struct tpmiot_pcrset wanted;
	struct tpmiot_err err = { 0 };
	bool allowed = false;
	enum tpmiot_rc rc = ca_quote_wanted(group, &wanted, &err);

	if (rc != TPMIOT_OK)
		return ca_fail(problem, &err);
	if (!tpmiot_pcrset_same_selection(&wanted, &ticket->pcrs))
		return ca_refuse(problem, CA_PROBLEM_SESSION_EXPIRED,
		    "this CA asks for other PCRs than when the session began");
	if (group->pcr_policies[0] == '\0')
		return true;
	tpmiot_pcrset_put_values(&quoted->pcrs, &text);
	rc = tpmiot_buf_done(&text, &err);
	if (rc == TPMIOT_OK)
		rc = is_allowed(store, group->pcr_policies, tpmiot_buf_cstr(&text), &allowed, &err);
	tpmiot_buf_free(&text);
	if (rc != TPMIOT_OK)
		return ca_fail(problem, &err);
	return allowed || refuse_values(group, problem);
}

enum tpmiot_rc
ca_quote_record(struct ca_store *store, const uint8_t ek_spki[CA_SHA256_LEN],
    const struct ca_quoted *quoted, int64_t now, struct tpmiot_err *err)
{
	struct ca_quote row = { .time = now,
		.resets = quoted->clock.resetCount,
		.restarts = quoted->clock.restartCount,
		.clock_ms = (int64_t)(quoted->clock.clock & INT64_MAX),
		.clock_safe = quoted->clock.safe == TPM2_YES };
	enum tpmiot_rc rc;

	if (quoted->pcrs.n == 0)
		return TPMIOT_OK;
	tpmiot_pcrset_put_values(&quoted->pcrs, &row.pcrs);
	rc = tpmiot_buf_done(&row.pcrs, err);
	if (rc == TPMIOT_OK)
		rc = ca_quote_put(store, ek_spki, &row, err);
	tpmiot_buf_free(&row.pcrs);
	return rc;
}
