/* SPDX-License-Identifier: Apache-2.0 */
/* The allow-list: EKs that the operator vouches for. */
#include "ca/store/store_int.h"

#define COLUMNS "ek_spki, device_id, grp, serial_number, model, note, added"

/* An entry that could never be used is refused while somebody is looking. A released device may
 * come back under any id. */
static enum tpmiot_rc
check_devices(struct ca_store *store, const struct ca_allow *allow, struct tpmiot_err *err)
{
	struct ca_stmt st =
	    ca_stmt_start(store, "SELECT id FROM devices WHERE (ek_spki <> ?1 AND id = ?2)"
	                         " OR (ek_spki = ?1 AND id <> ?2 AND instr(id, '~') = 0)");
	char id[CA_DEVICE_ID_MAX + 1];
	bool found;
	enum tpmiot_rc rc;

	if (allow->device_id[0] == '\0')
		return TPMIOT_OK;
	ca_bind_blob(&st, allow->ek_spki, CA_SHA256_LEN);
	ca_bind_text(&st, allow->device_id);
	found = ca_stmt_row(&st);
	if (found)
		ca_col_text(&st, id, sizeof(id));
	rc = ca_stmt_end(&st, "allow-list", err);
	if (rc == TPMIOT_OK && found)
		rc = tpmiot_err_set(err, TPMIOT_E_CONFLICT,
		    "%s is enrolled: this EK under another id, or this id with another EK; "
		    "see \"tpmiot-ca device show %s\"",
		    id, id);
	return rc;
}

enum tpmiot_rc
ca_allow_add(struct ca_store *store, const struct ca_allow *allow, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = check_devices(store, allow, err);
	struct ca_stmt st;

	if (rc != TPMIOT_OK)
		return rc;
	st = ca_stmt_start(store, "INSERT INTO allow (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?)");
	ca_bind_blob(&st, allow->ek_spki, CA_SHA256_LEN);
	ca_bind_text(&st, allow->device_id);
	ca_bind_text(&st, allow->group);
	ca_bind_text(&st, allow->serial_number);
	ca_bind_text(&st, allow->model);
	ca_bind_text(&st, allow->note);
	ca_bind_int(&st, allow->added);
	rc = ca_stmt_run(&st, "allow-list", err);
	if (rc == TPMIOT_E_CONFLICT)
		rc = tpmiot_err_set(err, rc,
		    "this EK or the device id \"%s\" is on the allow-list already; "
		    "see \"tpmiot-ca allow list\"",
		    allow->device_id);
	return rc;
}

static void
allow_read(struct ca_stmt *st, struct ca_allow *allow)
{
	ca_col_blob(st, allow->ek_spki, sizeof(allow->ek_spki));
	ca_col_text(st, allow->device_id, sizeof(allow->device_id));
	ca_col_text(st, allow->group, sizeof(allow->group));
	ca_col_text(st, allow->serial_number, sizeof(allow->serial_number));
	ca_col_text(st, allow->model, sizeof(allow->model));
	ca_col_text(st, allow->note, sizeof(allow->note));
	allow->added = ca_col_int(st);
}

enum tpmiot_rc
ca_allow_find(struct ca_store *store, const uint8_t ek_spki[CA_SHA256_LEN], struct ca_allow *out,
    struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store, "SELECT " COLUMNS " FROM allow WHERE ek_spki = ?");
	struct ca_allow allow = { .added = 0 };
	enum tpmiot_rc rc;
	bool found;

	ca_bind_blob(&st, ek_spki, CA_SHA256_LEN);
	found = ca_stmt_row(&st);
	if (found)
		allow_read(&st, &allow);
	rc = ca_stmt_end(&st, "allow-list", err);
	if (rc == TPMIOT_OK && !found)
		return tpmiot_err_set(err, TPMIOT_E_NOT_FOUND, "this EK is not on the allow-list");
	if (rc == TPMIOT_OK)
		*out = allow;
	return rc;
}

enum tpmiot_rc
ca_allow_reserved(struct ca_store *store, const char *device_id,
    const uint8_t ek_spki[CA_SHA256_LEN], int64_t now, bool *out, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store,
	    "SELECT 1 FROM allow WHERE device_id = ?1 AND ek_spki <> ?2 UNION ALL"
	    " SELECT 1 FROM tokens WHERE device_id = ?1 AND expires > ?3"
	    " AND NOT EXISTS (SELECT 1 FROM token_uses WHERE token = tokens.id)");
	enum tpmiot_rc rc;
	bool found;

	ca_bind_text(&st, device_id);
	ca_bind_blob(&st, ek_spki, CA_SHA256_LEN);
	ca_bind_int(&st, now);
	found = ca_stmt_row(&st);
	rc = ca_stmt_end(&st, "allow-list", err);
	if (rc == TPMIOT_OK)
		*out = found;
	return rc;
}

enum tpmiot_rc
ca_allow_remove(
    struct ca_store *store, const uint8_t ek_spki[CA_SHA256_LEN], struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store, "DELETE FROM allow WHERE ek_spki = ?");
	enum tpmiot_rc rc;

	ca_bind_blob(&st, ek_spki, CA_SHA256_LEN);
	rc = ca_stmt_run(&st, "allow-list", err);
	if (rc == TPMIOT_OK && ca_store_changes(store) == 0)
		rc = tpmiot_err_set(err, TPMIOT_E_NOT_FOUND, "this EK is not on the allow-list");
	return rc;
}

enum tpmiot_rc
ca_allow_list(struct ca_store *store, bool (*fn)(void *arg, const struct ca_allow *allow),
    void *arg, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store, "SELECT " COLUMNS " FROM allow ORDER BY rowid");
	struct ca_allow allow;
	bool more = true;

	while (more && ca_stmt_row(&st)) {
		allow_read(&st, &allow);
		more = fn(arg, &allow);
	}
	return ca_stmt_end(&st, "allow-list", err);
}
