/* SPDX-License-Identifier: Apache-2.0 */
/* PCR policies, and what each device quoted last. */
#include "ca/store/store_int.h"

enum tpmiot_rc
ca_pcr_add(struct ca_store *store, const struct ca_pcr *row, int64_t *id, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(
	    store, "INSERT INTO pcr_policies (policy, pcrs, note, added) VALUES (?, ?, ?, ?)");
	enum tpmiot_rc rc;

	ca_bind_text(&st, row->policy);
	ca_bind_text(&st, row->pcrs);
	ca_bind_text(&st, row->note);
	ca_bind_int(&st, row->added);
	rc = ca_stmt_run(&st, "PCR policy", err);
	if (rc == TPMIOT_E_CONFLICT)
		return tpmiot_err_set(
		    err, rc, "the policy %s allows these values already", row->policy);
	if (rc == TPMIOT_OK)
		*id = ca_store_last_id(store);
	return rc;
}

enum tpmiot_rc
ca_pcr_allowed(
    struct ca_store *store, const char *policy, const char *pcrs, bool *out, struct tpmiot_err *err)
{
	struct ca_stmt st =
	    ca_stmt_start(store, "SELECT 1 FROM pcr_policies WHERE policy = ? AND pcrs = ?");
	enum tpmiot_rc rc;
	bool found;

	ca_bind_text(&st, policy);
	ca_bind_text(&st, pcrs);
	found = ca_stmt_row(&st);
	rc = ca_stmt_end(&st, "PCR policy", err);
	if (rc == TPMIOT_OK)
		*out = found;
	return rc;
}

enum tpmiot_rc
ca_pcr_list(struct ca_store *store, bool (*fn)(void *arg, const struct ca_pcr *row), void *arg,
    struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(
	    store, "SELECT id, policy, note, added, pcrs FROM pcr_policies ORDER BY policy, id");
	struct tpmiot_buf pcrs = TPMIOT_BUF_INIT;
	struct ca_pcr row;
	bool more = true;

	while (more && ca_stmt_row(&st)) {
		row.id = ca_col_int(&st);
		ca_col_text(&st, row.policy, sizeof(row.policy));
		ca_col_text(&st, row.note, sizeof(row.note));
		row.added = ca_col_int(&st);
		ca_col_buf(&st, &pcrs);
		row.pcrs = tpmiot_buf_cstr(&pcrs);
		more = row.pcrs != NULL && fn(arg, &row);
	}
	tpmiot_buf_free(&pcrs);
	return ca_stmt_end(&st, "PCR policy", err);
}

enum tpmiot_rc
ca_pcr_remove(struct ca_store *store, int64_t id, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store, "DELETE FROM pcr_policies WHERE id = ?");
	enum tpmiot_rc rc;

	ca_bind_int(&st, id);
	rc = ca_stmt_run(&st, "PCR policy", err);
	if (rc == TPMIOT_OK && ca_store_changes(store) == 0)
		rc = tpmiot_err_set(err, TPMIOT_E_NOT_FOUND,
		    "no PCR values have the number %lld; see \"tpmiot-ca pcr list\"",
		    (long long)id);
	return rc;
}

enum tpmiot_rc
ca_quote_put(struct ca_store *store, const uint8_t ek_spki[CA_SHA256_LEN],
    const struct ca_quote *quote, struct tpmiot_err *err)
{
	struct ca_stmt st =
	    ca_stmt_start(store, "INSERT OR REPLACE INTO quotes"
	                         " (ek_spki, time, pcrs, resets, restarts, clock_ms, clock_safe)"
	                         " VALUES (?, ?, ?, ?, ?, ?, ?)");

	ca_bind_blob(&st, ek_spki, CA_SHA256_LEN);
	ca_bind_int(&st, quote->time);
	ca_bind_buf(&st, &quote->pcrs);
	ca_bind_int(&st, quote->resets);
	ca_bind_int(&st, quote->restarts);
	ca_bind_int(&st, quote->clock_ms);
	ca_bind_int(&st, quote->clock_safe);
	return ca_stmt_run(&st, "quote", err);
}

enum tpmiot_rc
ca_quote_find(struct ca_store *store, const uint8_t ek_spki[CA_SHA256_LEN], struct ca_quote *out,
    struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store,
	    "SELECT time, pcrs, resets, restarts, clock_ms, clock_safe FROM quotes"
	    " WHERE ek_spki = ?");
	struct ca_quote quote = { .pcrs = TPMIOT_BUF_INIT };
	enum tpmiot_rc rc;
	bool found;

	ca_bind_blob(&st, ek_spki, CA_SHA256_LEN);
	found = ca_stmt_row(&st);
	if (found) {
		quote.time = ca_col_int(&st);
		ca_col_buf(&st, &quote.pcrs);
		quote.resets = (uint32_t)ca_col_int(&st);
		quote.restarts = (uint32_t)ca_col_int(&st);
		quote.clock_ms = ca_col_int(&st);
		quote.clock_safe = ca_col_int(&st) != 0;
	}
	rc = ca_stmt_end(&st, "quote", err);
	if (rc == TPMIOT_OK && !found)
		rc = tpmiot_err_set(err, TPMIOT_E_NOT_FOUND, "the device has quoted no PCRs");
	if (rc == TPMIOT_OK) {
		tpmiot_buf_free(&out->pcrs);
		*out = quote;
	} else {
		tpmiot_buf_free(&quote.pcrs);
	}
	return rc;
}
