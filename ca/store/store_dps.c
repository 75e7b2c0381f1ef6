/* SPDX-License-Identifier: Apache-2.0 */
/* Registrations by Azure's provisioning protocol: keys and hubs. */
#include "ca/store/store_int.h"

#define COLUMNS                                                                                    \
	"ek_spki, key, registration_id, hub, ek_public, srk_public, registrations, registered,"    \
	" day, of_day"

enum tpmiot_rc
ca_dps_set_key(struct ca_store *store, const uint8_t ek_spki[CA_SHA256_LEN],
    const struct tpmiot_buf *key, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store,
	    "INSERT INTO registrations (ek_spki, key, registrations, registered)"
	    " VALUES (?, ?, 0, 0) ON CONFLICT (ek_spki) DO UPDATE SET key = excluded.key");

	ca_bind_blob(&st, ek_spki, CA_SHA256_LEN);
	ca_bind_buf(&st, key);
	return ca_stmt_run(&st, "registration", err);
}

/* Whoever is let in under an id has it: what a device of former times had is history. */
static enum tpmiot_rc
free_id(struct ca_store *store, const struct ca_dps *dps, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store, "UPDATE registrations SET registration_id = NULL"
	                                         " WHERE registration_id = ? AND ek_spki <> ?");

	ca_bind_text(&st, dps->registration_id);
	ca_bind_blob(&st, dps->ek_spki, CA_SHA256_LEN);
	return ca_stmt_run(&st, "registration", err);
}

enum tpmiot_rc
ca_dps_put(struct ca_store *store, const struct ca_dps *dps, struct tpmiot_err *err)
{
	struct ca_stmt st;
	enum tpmiot_rc rc = free_id(store, dps, err);

	if (rc != TPMIOT_OK)
		return rc;
	st = ca_stmt_start(store,
	    "INSERT INTO registrations (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
	    " ON CONFLICT (ek_spki) DO UPDATE SET key = excluded.key,"
	    " registration_id = excluded.registration_id, hub = excluded.hub,"
	    " ek_public = excluded.ek_public, srk_public = excluded.srk_public,"
	    " registrations = excluded.registrations, registered = excluded.registered,"
	    " day = excluded.day, of_day = excluded.of_day");
	ca_bind_blob(&st, dps->ek_spki, CA_SHA256_LEN);
	ca_bind_buf(&st, &dps->key);
	ca_bind_text(&st, dps->registration_id);
	ca_bind_text(&st, dps->hub);
	ca_bind_buf(&st, &dps->ek_public);
	ca_bind_buf(&st, &dps->srk_public);
	ca_bind_int(&st, dps->registrations);
	ca_bind_int(&st, dps->registered);
	ca_bind_int(&st, dps->day);
	ca_bind_int(&st, dps->of_day);
	return ca_stmt_run(&st, "registration", err);
}

static void
read_row(struct ca_stmt *st, struct ca_dps *dps)
{
	ca_col_blob(st, dps->ek_spki, sizeof(dps->ek_spki));
	ca_col_buf(st, &dps->key);
	ca_col_text(st, dps->registration_id, sizeof(dps->registration_id));
	ca_col_text(st, dps->hub, sizeof(dps->hub));
	ca_col_buf(st, &dps->ek_public);
	ca_col_buf(st, &dps->srk_public);
	dps->registrations = ca_col_int(st);
	dps->registered = ca_col_int(st);
	dps->day = ca_col_int(st);
	dps->of_day = ca_col_int(st);
}

static enum tpmiot_rc
take(struct ca_stmt *st, struct ca_dps *out, struct tpmiot_err *err)
{
	struct ca_dps dps = { .registrations = 0 };
	bool found = ca_stmt_row(st);
	enum tpmiot_rc rc;

	if (found)
		read_row(st, &dps);
	rc = ca_stmt_end(st, "registration", err);
	if (rc == TPMIOT_OK && !found)
		rc = tpmiot_err_set(err, TPMIOT_E_NOT_FOUND, "no such registration");
	if (rc == TPMIOT_OK) {
		ca_dps_clear(out);
		*out = dps;
	} else {
		ca_dps_clear(&dps);
	}
	return rc;
}

enum tpmiot_rc
ca_dps_find(struct ca_store *store, const uint8_t ek_spki[CA_SHA256_LEN], struct ca_dps *out,
    struct tpmiot_err *err)
{
	struct ca_stmt st =
	    ca_stmt_start(store, "SELECT " COLUMNS " FROM registrations WHERE ek_spki = ?");

	ca_bind_blob(&st, ek_spki, CA_SHA256_LEN);
	return take(&st, out, err);
}

enum tpmiot_rc
ca_dps_find_id(
    struct ca_store *store, const char *registration_id, struct ca_dps *out, struct tpmiot_err *err)
{
	struct ca_stmt st =
	    ca_stmt_start(store, "SELECT " COLUMNS " FROM registrations WHERE registration_id = ?");

	ca_bind_text(&st, registration_id);
	return take(&st, out, err);
}

enum tpmiot_rc
ca_dps_count_hub(struct ca_store *store, const char *hub, const uint8_t but[CA_SHA256_LEN],
    int64_t *out, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(
	    store, "SELECT count(*) FROM registrations WHERE hub = ? AND ek_spki <> ?");
	int64_t n = 0;
	enum tpmiot_rc rc;

	ca_bind_text(&st, hub);
	ca_bind_blob(&st, but, CA_SHA256_LEN);
	if (ca_stmt_row(&st))
		n = ca_col_int(&st);
	rc = ca_stmt_end(&st, "registrations", err);
	if (rc == TPMIOT_OK)
		*out = n;
	return rc;
}

enum tpmiot_rc
ca_dps_list(struct ca_store *store, bool (*fn)(void *arg, const struct ca_dps *dps), void *arg,
    struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(
	    store, "SELECT " COLUMNS " FROM registrations ORDER BY registration_id, ek_spki");
	struct ca_dps dps = { .registrations = 0 };
	bool more = true;

	while (more && ca_stmt_row(&st)) {
		read_row(&st, &dps);
		more = fn(arg, &dps);
	}
	ca_dps_clear(&dps);
	return ca_stmt_end(&st, "registration", err);
}

enum tpmiot_rc
ca_dps_remove(struct ca_store *store, const uint8_t ek_spki[CA_SHA256_LEN], struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store, "DELETE FROM registrations WHERE ek_spki = ?");
	enum tpmiot_rc rc;

	ca_bind_blob(&st, ek_spki, CA_SHA256_LEN);
	rc = ca_stmt_run(&st, "registration", err);
	if (rc == TPMIOT_OK && ca_store_changes(store) == 0)
		rc = tpmiot_err_set(err, TPMIOT_E_NOT_FOUND, "no such registration");
	return rc;
}

void
ca_dps_clear(struct ca_dps *dps)
{
	tpmiot_buf_free(&dps->key);
	tpmiot_buf_free(&dps->ek_public);
	tpmiot_buf_free(&dps->srk_public);
}
