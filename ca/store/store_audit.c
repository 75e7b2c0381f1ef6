/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log; that it only grows is the schema's to enforce. */
#include "ca/store/store_int.h"

#define COLUMNS "id, time, event, decision, reason, device_id, ek_spki, peer, detail, pcrs"

enum tpmiot_rc
ca_audit_add(struct ca_store *store, const struct ca_audit *entry, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store,
	    "INSERT INTO audit (time, event, decision, reason, device_id, peer, detail, pcrs,"
	    " ek_spki) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");

	ca_bind_int(&st, entry->time);
	ca_bind_text(&st, entry->event);
	ca_bind_text(&st, entry->decision);
	ca_bind_text(&st, entry->reason);
	ca_bind_text(&st, entry->device_id);
	ca_bind_text(&st, entry->peer);
	ca_bind_text(&st, entry->detail);
	ca_bind_text(&st, entry->pcrs != NULL ? entry->pcrs : "");
	if (entry->has_ek)
		ca_bind_blob(&st, entry->ek_spki, CA_SHA256_LEN);
	return ca_stmt_run(&st, "audit log", err);
}

static void
audit_read(struct ca_stmt *st, struct ca_audit *entry, struct tpmiot_buf *pcrs)
{
	entry->id = ca_col_int(st);
	entry->time = ca_col_int(st);
	ca_col_text(st, entry->event, sizeof(entry->event));
	ca_col_text(st, entry->decision, sizeof(entry->decision));
	ca_col_text(st, entry->reason, sizeof(entry->reason));
	ca_col_text(st, entry->device_id, sizeof(entry->device_id));
	entry->has_ek = ca_col_bytes(st, entry->ek_spki, sizeof(entry->ek_spki)) == CA_SHA256_LEN;
	ca_col_text(st, entry->peer, sizeof(entry->peer));
	ca_col_text(st, entry->detail, sizeof(entry->detail));
	ca_col_buf(st, pcrs);
	entry->pcrs = pcrs->len > 0 ? tpmiot_buf_cstr(pcrs) : NULL;
}

enum tpmiot_rc
ca_audit_pcrs(struct ca_store *store, int64_t id, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store, "SELECT pcrs FROM audit WHERE id = ?");
	struct tpmiot_buf pcrs = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	ca_bind_int(&st, id);
	if (ca_stmt_row(&st))
		ca_col_buf(&st, &pcrs);
	rc = ca_stmt_end(&st, "audit log", err);
	if (rc == TPMIOT_OK && pcrs.len == 0)
		rc = tpmiot_err_set(err, TPMIOT_E_NOT_FOUND,
		    "the audit log has no PCR values under the number %lld", (long long)id);
	if (rc == TPMIOT_OK) {
		tpmiot_buf_put(out, pcrs.data, pcrs.len);
		rc = tpmiot_buf_done(out, err);
	}
	tpmiot_buf_free(&pcrs);
	return rc;
}

enum tpmiot_rc
ca_audit_list(struct ca_store *store, int64_t last,
    bool (*fn)(void *arg, const struct ca_audit *entry), void *arg, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store,
	    "SELECT * FROM (SELECT " COLUMNS " FROM audit ORDER BY id DESC LIMIT ?) ORDER BY id");
	struct tpmiot_buf pcrs = TPMIOT_BUF_INIT;
	struct ca_audit entry;
	bool more = true;

	ca_bind_int(&st, last > 0 ? last : -1);
	while (more && ca_stmt_row(&st)) {
		audit_read(&st, &entry, &pcrs);
		more = fn(arg, &entry);
	}
	tpmiot_buf_free(&pcrs);
	return ca_stmt_end(&st, "audit log", err);
}
