/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that the operator registered for a device, without a certificate of ours. */
#include "ca/store/store_int.h"

#define KEY_COLUMNS "k.spki, k.ek_spki, d.id, k.public, k.cert, k.not_before, k.not_after, k.added"
#define KEY_FROM " FROM device_keys k JOIN devices d USING (ek_spki) "

enum tpmiot_rc
ca_device_register(struct ca_store *store, const struct ca_device *dev, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store,
	    "INSERT INTO devices (ek_spki, id, grp, state, first_seen, last_seen)"
	    " SELECT ?1, ?2, ?3, 0, ?4, ?4"
	    " WHERE NOT EXISTS (SELECT 1 FROM allow WHERE device_id = ?2)");
	enum tpmiot_rc rc;

	ca_bind_blob(&st, dev->ek_spki, CA_SHA256_LEN);
	ca_bind_text(&st, dev->id);
	ca_bind_text(&st, dev->group);
	ca_bind_int(&st, dev->last_seen);
	rc = ca_stmt_run(&st, "device", err);
	if (rc == TPMIOT_E_CONFLICT)
		return tpmiot_err_set(
		    err, rc, "the device id %s or this key belongs to a device already", dev->id);
	if (rc == TPMIOT_OK && ca_store_changes(store) == 0)
		return tpmiot_err_set(err, TPMIOT_E_CONFLICT,
		    "the allow-list has the device id %s for a TPM: that device enrols", dev->id);
	return rc;
}

enum tpmiot_rc
ca_device_key_add(struct ca_store *store, const struct ca_device_key *key, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store,
	    "INSERT INTO device_keys (spki, ek_spki, public, cert, not_before, not_after, added)"
	    " VALUES (?, ?, ?, ?, ?, ?, ?)");
	enum tpmiot_rc rc;

	ca_bind_blob(&st, key->spki, CA_SHA256_LEN);
	ca_bind_blob(&st, key->ek_spki, CA_SHA256_LEN);
	ca_bind_buf(&st, &key->public);
	ca_bind_buf(&st, &key->cert);
	ca_bind_int(&st, key->not_before);
	ca_bind_int(&st, key->not_after);
	ca_bind_int(&st, key->added);
	rc = ca_stmt_run(&st, "device key", err);
	if (rc == TPMIOT_E_CONFLICT)
		rc = tpmiot_err_set(err, rc, "this key is registered already");
	return rc;
}

static void
key_read(struct ca_stmt *st, struct ca_device_key *key)
{
	ca_col_blob(st, key->spki, sizeof(key->spki));
	ca_col_blob(st, key->ek_spki, sizeof(key->ek_spki));
	ca_col_text(st, key->device_id, sizeof(key->device_id));
	ca_col_buf(st, &key->public);
	ca_col_buf(st, &key->cert);
	key->not_before = ca_col_int(st);
	key->not_after = ca_col_int(st);
	key->added = ca_col_int(st);
}

void
ca_device_key_free(struct ca_device_key *key)
{
	tpmiot_buf_free(&key->public);
	tpmiot_buf_free(&key->cert);
}

enum tpmiot_rc
ca_device_key_find(struct ca_store *store, const uint8_t spki[CA_SHA256_LEN],
    struct ca_device_key *out, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store, "SELECT " KEY_COLUMNS KEY_FROM "WHERE k.spki = ?");
	struct ca_device_key key = { .added = 0 };
	bool found;
	enum tpmiot_rc rc;

	ca_bind_blob(&st, spki, CA_SHA256_LEN);
	found = ca_stmt_row(&st);
	if (found)
		key_read(&st, &key);
	rc = ca_stmt_end(&st, "device key", err);
	if (rc == TPMIOT_OK && !found)
		rc = tpmiot_err_set(err, TPMIOT_E_NOT_FOUND, "no such key");
	if (rc == TPMIOT_OK) {
		ca_device_key_free(out);
		*out = key;
	} else {
		ca_device_key_free(&key);
	}
	return rc;
}

enum tpmiot_rc
ca_device_key_list(struct ca_store *store, const uint8_t ek_spki[CA_SHA256_LEN],
    bool (*fn)(void *arg, const struct ca_device_key *key), void *arg, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(
	    store, "SELECT " KEY_COLUMNS KEY_FROM "WHERE k.ek_spki = ? ORDER BY k.added, k.spki");
	struct ca_device_key key = { .added = 0 };
	bool more = true;

	ca_bind_blob(&st, ek_spki, CA_SHA256_LEN);
	while (more && ca_stmt_row(&st)) {
		key_read(&st, &key);
		more = fn(arg, &key);
	}
	ca_device_key_free(&key);
	return ca_stmt_end(&st, "device key", err);
}

enum tpmiot_rc
ca_device_key_remove(
    struct ca_store *store, const uint8_t spki[CA_SHA256_LEN], struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store, "DELETE FROM device_keys WHERE spki = ?");
	enum tpmiot_rc rc;

	ca_bind_blob(&st, spki, CA_SHA256_LEN);
	rc = ca_stmt_run(&st, "device key", err);
	if (rc == TPMIOT_OK && ca_store_changes(store) == 0)
		rc = tpmiot_err_set(err, TPMIOT_E_NOT_FOUND, "no such key is registered");
	return rc;
}
