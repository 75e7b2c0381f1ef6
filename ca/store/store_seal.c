/* SPDX-License-Identifier: Apache-2.0 */
/* Session sealing keys and settings. */
#include "ca/store/store_int.h"

#include <openssl/crypto.h>

enum tpmiot_rc
ca_seal_key_add(
    struct ca_store *store, const uint8_t key[CA_SEAL_KEY_LEN], int64_t now, struct tpmiot_err *err)
{
	struct ca_stmt st =
	    ca_stmt_start(store, "INSERT INTO seal_keys (key, added) VALUES (?, ?)");

	ca_bind_blob(&st, key, CA_SEAL_KEY_LEN);
	ca_bind_int(&st, now);
	return ca_stmt_run(&st, "session sealing key", err);
}

static enum tpmiot_rc
seal_key_take(struct ca_stmt *st, struct ca_seal_key *out, struct tpmiot_err *err)
{
	struct ca_seal_key key = { .id = 0 };
	bool found = ca_stmt_row(st);
	enum tpmiot_rc rc;

	if (found) {
		key.id = (uint32_t)ca_col_int(st);
		ca_col_blob(st, key.key, sizeof(key.key));
		key.added = ca_col_int(st);
	}
	rc = ca_stmt_end(st, "session sealing key", err);
	if (rc == TPMIOT_OK && !found)
		rc = tpmiot_err_set(err, TPMIOT_E_NOT_FOUND, "no such session sealing key");
	if (rc == TPMIOT_OK)
		*out = key;
	OPENSSL_cleanse(&key, sizeof(key));
	return rc;
}

enum tpmiot_rc
ca_seal_key_newest(struct ca_store *store, struct ca_seal_key *out, struct tpmiot_err *err)
{
	struct ca_stmt st =
	    ca_stmt_start(store, "SELECT id, key, added FROM seal_keys ORDER BY id DESC LIMIT 1");

	return seal_key_take(&st, out, err);
}

enum tpmiot_rc
ca_seal_key_find(
    struct ca_store *store, uint32_t id, struct ca_seal_key *out, struct tpmiot_err *err)
{
	struct ca_stmt st =
	    ca_stmt_start(store, "SELECT id, key, added FROM seal_keys WHERE id = ?");

	ca_bind_int(&st, id);
	return seal_key_take(&st, out, err);
}

enum tpmiot_rc
ca_seal_key_purge(struct ca_store *store, int64_t before, int64_t after, struct tpmiot_err *err)
{
	struct ca_stmt st =
	    ca_stmt_start(store, "DELETE FROM seal_keys WHERE (added < ? OR added > ?)"
	                         " AND id < (SELECT max(id) FROM seal_keys)");

	ca_bind_int(&st, before);
	ca_bind_int(&st, after);
	return ca_stmt_run(&st, "session sealing keys", err);
}

enum tpmiot_rc
ca_setting_set(
    struct ca_store *store, const char *name, const void *data, size_t len, struct tpmiot_err *err)
{
	struct ca_stmt st =
	    ca_stmt_start(store, "INSERT INTO settings (name, value) VALUES (?, ?)"
	                         " ON CONFLICT (name) DO UPDATE SET value = excluded.value");

	ca_bind_text(&st, name);
	ca_bind_blob(&st, len > 0 ? data : "", len);
	return ca_stmt_run(&st, "setting", err);
}

enum tpmiot_rc
ca_setting_get(
    struct ca_store *store, const char *name, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store, "SELECT value FROM settings WHERE name = ?");
	struct tpmiot_buf value = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;
	bool found;

	ca_bind_text(&st, name);
	found = ca_stmt_row(&st);
	if (found)
		ca_col_buf(&st, &value);
	rc = ca_stmt_end(&st, "setting", err);
	if (rc == TPMIOT_OK && !found)
		rc = tpmiot_err_set(err, TPMIOT_E_NOT_FOUND, "no setting %s", name);
	if (rc == TPMIOT_OK && value.len > 0) {
		tpmiot_buf_put(out, value.data, value.len);
		rc = tpmiot_buf_done(out, err);
	}
	tpmiot_buf_free(&value);
	return rc;
}
