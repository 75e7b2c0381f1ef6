/* SPDX-License-Identifier: Apache-2.0 */
/* Devices' secrets: encrypted before they come here. */
#include "ca/store/store_int.h"

#define COLUMNS "id, name, ek_spki, grp, kind, added, sealed"

enum tpmiot_rc
ca_secret_put(
    struct ca_store *store, const struct ca_secret *secret, int64_t *id, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store,
	    "INSERT INTO secrets (name, grp, kind, added, sealed, ek_spki)"
	    " VALUES (?, ?, ?, ?, ?, ?)"
	    " ON CONFLICT (coalesce(ek_spki, x''), coalesce(grp, ''), name) DO UPDATE SET"
	    " kind = excluded.kind, added = excluded.added, sealed = excluded.sealed"
	    " RETURNING id");
	int64_t made = 0;
	enum tpmiot_rc rc;

	ca_bind_text(&st, secret->name);
	ca_bind_text(&st, secret->group);
	ca_bind_int(&st, secret->kind);
	ca_bind_int(&st, secret->added);
	ca_bind_buf(&st, &secret->sealed);
	if (secret->has_ek)
		ca_bind_blob(&st, secret->ek_spki, CA_SHA256_LEN);
	if (ca_stmt_row(&st))
		made = ca_col_int(&st);
	rc = ca_stmt_end(&st, "secret", err);
	if (rc == TPMIOT_OK)
		*id = made;
	return rc;
}

enum tpmiot_rc
ca_secret_remove(struct ca_store *store, int64_t id, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store, "DELETE FROM secrets WHERE id = ?");
	enum tpmiot_rc rc;

	ca_bind_int(&st, id);
	rc = ca_stmt_run(&st, "secret", err);
	if (rc == TPMIOT_OK && ca_store_changes(store) == 0)
		rc = tpmiot_err_set(err, TPMIOT_E_NOT_FOUND,
		    "no secret has the number %lld; see \"tpmiot-ca secret list\"", (long long)id);
	return rc;
}

enum tpmiot_rc
ca_secret_remove_device(struct ca_store *store, const uint8_t ek_spki[CA_SHA256_LEN], int64_t *n,
    struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store, "DELETE FROM secrets WHERE ek_spki = ?");
	enum tpmiot_rc rc;

	ca_bind_blob(&st, ek_spki, CA_SHA256_LEN);
	rc = ca_stmt_run(&st, "secret", err);
	if (rc == TPMIOT_OK)
		*n = ca_store_changes(store);
	return rc;
}

static enum tpmiot_rc
each(struct ca_stmt *st, bool (*fn)(void *arg, const struct ca_secret *secret), void *arg,
    struct tpmiot_err *err)
{
	struct ca_secret secret = { .sealed = TPMIOT_BUF_INIT };
	bool more = true;

	while (more && ca_stmt_row(st)) {
		secret.id = ca_col_int(st);
		ca_col_text(st, secret.name, sizeof(secret.name));
		secret.has_ek =
		    ca_col_bytes(st, secret.ek_spki, sizeof(secret.ek_spki)) == CA_SHA256_LEN;
		ca_col_text(st, secret.group, sizeof(secret.group));
		secret.kind = ca_col_int(st) == CA_SECRET_HMAC ? CA_SECRET_HMAC : CA_SECRET_DATA;
		secret.added = ca_col_int(st);
		ca_col_buf(st, &secret.sealed);
		more = fn(arg, &secret);
	}
	tpmiot_buf_free(&secret.sealed);
	return ca_stmt_end(st, "secret", err);
}

enum tpmiot_rc
ca_secret_list(struct ca_store *store, bool (*fn)(void *arg, const struct ca_secret *secret),
    void *arg, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(
	    store, "SELECT " COLUMNS " FROM secrets ORDER BY coalesce(grp, ''), ek_spki, name");

	return each(&st, fn, arg, err);
}

enum tpmiot_rc
ca_secret_each_for(struct ca_store *store, const uint8_t ek_spki[CA_SHA256_LEN], const char *group,
    bool (*fn)(void *arg, const struct ca_secret *secret), void *arg, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store,
	    "SELECT " COLUMNS " FROM secrets WHERE ek_spki = ?1 OR (ek_spki IS NULL AND grp = ?2"
	    " AND name NOT IN (SELECT name FROM secrets WHERE ek_spki = ?1)) ORDER BY name");

	ca_bind_blob(&st, ek_spki, CA_SHA256_LEN);
	ca_bind_text(&st, group);
	return each(&st, fn, arg, err);
}

enum tpmiot_rc
ca_store_has_sealed(struct ca_store *store, bool *out, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(
	    store, "SELECT EXISTS (SELECT 1 FROM secrets) OR EXISTS (SELECT 1 FROM registrations)");
	bool any = false;
	enum tpmiot_rc rc;

	if (ca_stmt_row(&st))
		any = ca_col_int(&st) != 0;
	rc = ca_stmt_end(&st, "secrets", err);
	if (rc == TPMIOT_OK)
		*out = any;
	return rc;
}
