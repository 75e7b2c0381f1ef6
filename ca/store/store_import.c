/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many entries for the allow-list at once. They are collected in a table of this connection's own,
 * so that the write lock is held for a few statements only, whatever their number.
 */
#include "ca/store/store_int.h"

#define FIELDS "ek_spki, device_id, grp, serial_number, model, note"

enum tpmiot_rc
ca_allow_stage_start(struct ca_store *store, struct tpmiot_err *err)
{
	return ca_store_exec(store,
	    "DROP TABLE IF EXISTS temp.staged;"
	    "CREATE TEMP TABLE staged ("
	    "  line INTEGER PRIMARY KEY,"
	    "  ek_spki BLOB NOT NULL UNIQUE,"
	    "  device_id TEXT UNIQUE,"
	    "  grp TEXT, serial_number TEXT, model TEXT, note TEXT)",
	    err);
}

static void
bind_fields(struct ca_stmt *st, const struct ca_allow *allow)
{
	ca_bind_blob(st, allow->ek_spki, CA_SHA256_LEN);
	ca_bind_text(st, allow->device_id);
	ca_bind_text(st, allow->group);
	ca_bind_text(st, allow->serial_number);
	ca_bind_text(st, allow->model);
	ca_bind_text(st, allow->note);
}

/* Whether another line has put exactly the same aside. */
static enum tpmiot_rc
is_staged(struct ca_store *store, const struct ca_allow *allow, bool *out, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store,
	    "SELECT 1 FROM staged WHERE ek_spki = ? AND device_id IS ? AND grp IS ?"
	    " AND serial_number IS ? AND model IS ? AND note IS ?");

	bind_fields(&st, allow);
	*out = ca_stmt_row(&st);
	return ca_stmt_end(&st, "allow-list", err);
}

enum tpmiot_rc
ca_allow_stage(struct ca_store *store, int64_t line, const struct ca_allow *allow, bool *known,
    struct tpmiot_err *err)
{
	struct ca_stmt st;
	enum tpmiot_rc rc = is_staged(store, allow, known, err);

	if (rc != TPMIOT_OK || *known)
		return rc;
	st = ca_stmt_start(
	    store, "INSERT INTO staged (line, " FIELDS ") VALUES (?, ?, ?, ?, ?, ?, ?)");
	ca_bind_int(&st, line);
	bind_fields(&st, allow);
	rc = ca_stmt_run(&st, "allow-list", err);
	if (rc == TPMIOT_E_CONFLICT)
		rc = tpmiot_err_set(err, rc,
		    "a line before this one has this EK or the device id \"%s\"", allow->device_id);
	return rc;
}

/* What is on the list already just so. */
static enum tpmiot_rc
drop_known(struct ca_store *store, int64_t *n, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store,
	    "DELETE FROM staged WHERE EXISTS (SELECT 1 FROM allow a"
	    " WHERE a.ek_spki = staged.ek_spki AND a.device_id IS staged.device_id"
	    " AND a.grp IS staged.grp AND a.serial_number IS staged.serial_number"
	    " AND a.model IS staged.model AND a.note IS staged.note)");
	enum tpmiot_rc rc = ca_stmt_run(&st, "allow-list", err);

	if (rc == TPMIOT_OK)
		*n = ca_store_changes(store);
	return rc;
}

/* The first line that list or devices contradict, and what ca_allow_add() says of it. */
static enum tpmiot_rc
check_staged(struct ca_store *store, int64_t *line, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store,
	    "SELECT line, ek_spki, device_id FROM staged s"
	    " WHERE EXISTS (SELECT 1 FROM allow a WHERE a.ek_spki = s.ek_spki)"
	    " OR EXISTS (SELECT 1 FROM allow a WHERE a.device_id = s.device_id)"
	    " OR EXISTS (SELECT 1 FROM devices d WHERE d.ek_spki = s.ek_spki"
	    "   AND d.id <> s.device_id AND instr(d.id, '~') = 0)"
	    " OR EXISTS (SELECT 1 FROM devices d WHERE d.id = s.device_id"
	    "   AND d.ek_spki <> s.ek_spki)"
	    " ORDER BY line LIMIT 1");
	struct ca_allow allow = { .added = 0 };
	const bool found = ca_stmt_row(&st);
	enum tpmiot_rc rc;

	if (found) {
		*line = ca_col_int(&st);
		ca_col_blob(&st, allow.ek_spki, sizeof(allow.ek_spki));
		ca_col_text(&st, allow.device_id, sizeof(allow.device_id));
	}
	rc = ca_stmt_end(&st, "allow-list", err);
	return rc == TPMIOT_OK && found ? ca_allow_add(store, &allow, err) : rc;
}

static enum tpmiot_rc
add_staged(struct ca_store *store, int64_t now, int64_t *n, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store,
	    "INSERT INTO allow (" FIELDS ", added) SELECT " FIELDS ", ? FROM staged ORDER BY line");
	enum tpmiot_rc rc;

	ca_bind_int(&st, now);
	rc = ca_stmt_run(&st, "allow-list", err);
	if (rc == TPMIOT_OK)
		*n = ca_store_changes(store);
	return rc;
}

static enum tpmiot_rc
audit_staged(struct ca_store *store, const struct ca_audit *entry, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store,
	    "INSERT INTO audit (time, event, decision, reason, peer, device_id, ek_spki, detail)"
	    " SELECT ?, ?, ?, ?, ?, device_id, ek_spki, note FROM staged ORDER BY line");

	ca_bind_int(&st, entry->time);
	ca_bind_text(&st, entry->event);
	ca_bind_text(&st, entry->decision);
	ca_bind_text(&st, entry->reason);
	ca_bind_text(&st, entry->peer);
	return ca_stmt_run(&st, "audit log", err);
}

enum tpmiot_rc
ca_allow_add_staged(struct ca_store *store, const struct ca_audit *entry,
    struct ca_allow_added *out, struct tpmiot_err *err)
{
	enum tpmiot_rc rc;

	*out = (struct ca_allow_added){ 0, 0, 0 };
	rc = drop_known(store, &out->known, err);
	if (rc == TPMIOT_OK)
		rc = check_staged(store, &out->line, err);
	if (rc == TPMIOT_OK)
		rc = add_staged(store, entry->time, &out->added, err);
	if (rc == TPMIOT_OK)
		rc = audit_staged(store, entry, err);
	return rc;
}
