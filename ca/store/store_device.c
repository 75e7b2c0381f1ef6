/* SPDX-License-Identifier: Apache-2.0 */
/* Devices and their attestation keys. */
#include "ca/store/store_int.h"

#include <string.h>

#define DEVICE_COLUMNS                                                                             \
	"ek_spki, id, grp, state, first_seen, last_seen, manufacturer, model, version, ek_cert"
#define AK_COLUMNS "spki, ek_spki, name, public, first_seen, last_seen"

enum tpmiot_rc
ca_device_enrol(struct ca_store *store, const struct ca_device *dev, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store,
	    "INSERT INTO devices (ek_spki, id, grp, state, first_seen, last_seen,"
	    " manufacturer, model, version, ek_cert) VALUES (?, ?, ?, 0, ?5, ?5, ?6, ?7, ?8, ?4)"
	    " ON CONFLICT (ek_spki) DO UPDATE SET id = excluded.id, grp = excluded.grp,"
	    " last_seen = excluded.last_seen,"
	    " manufacturer = coalesce(excluded.manufacturer, manufacturer),"
	    " model = coalesce(excluded.model, model),"
	    " version = coalesce(excluded.version, version),"
	    " ek_cert = coalesce(excluded.ek_cert, ek_cert)"
	    " WHERE id = excluded.id OR instr(id, '~') > 0");
	enum tpmiot_rc rc;

	ca_bind_blob(&st, dev->ek_spki, CA_SHA256_LEN);
	ca_bind_text(&st, dev->id);
	ca_bind_text(&st, dev->group);
	ca_bind_buf(&st, &dev->ek_cert);
	ca_bind_int(&st, dev->last_seen);
	ca_bind_text(&st, dev->manufacturer);
	ca_bind_text(&st, dev->model);
	ca_bind_text(&st, dev->version);
	rc = ca_stmt_run(&st, "device", err);
	if (rc == TPMIOT_E_CONFLICT)
		return tpmiot_err_set(
		    err, rc, "the device id %s belongs to another device", dev->id);
	if (rc == TPMIOT_OK && ca_store_changes(store) == 0)
		return tpmiot_err_set(
		    err, TPMIOT_E_CONFLICT, "this device is known by another id than %s", dev->id);
	return rc;
}

static void
device_read(struct ca_stmt *st, struct ca_device *dev)
{
	ca_col_blob(st, dev->ek_spki, sizeof(dev->ek_spki));
	ca_col_text(st, dev->id, sizeof(dev->id));
	ca_col_text(st, dev->group, sizeof(dev->group));
	dev->state = ca_col_int(st) == CA_DEVICE_ACTIVE ? CA_DEVICE_ACTIVE : CA_DEVICE_BLOCKED;
	dev->first_seen = ca_col_int(st);
	dev->last_seen = ca_col_int(st);
	ca_col_text(st, dev->manufacturer, sizeof(dev->manufacturer));
	ca_col_text(st, dev->model, sizeof(dev->model));
	ca_col_text(st, dev->version, sizeof(dev->version));
	ca_col_buf(st, &dev->ek_cert);
}

/* Ends a query for one device. */
static enum tpmiot_rc
device_take(struct ca_stmt *st, struct ca_device *out, struct tpmiot_err *err)
{
	struct ca_device dev = { .ek_cert = TPMIOT_BUF_INIT };
	bool found = ca_stmt_row(st);
	enum tpmiot_rc rc;

	if (found)
		device_read(st, &dev);
	rc = ca_stmt_end(st, "device", err);
	if (rc == TPMIOT_OK && !found)
		rc = tpmiot_err_set(err, TPMIOT_E_NOT_FOUND, "no such device");
	if (rc == TPMIOT_OK) {
		tpmiot_buf_free(&out->ek_cert);
		*out = dev;
	} else {
		tpmiot_buf_free(&dev.ek_cert);
	}
	return rc;
}

enum tpmiot_rc
ca_device_find(struct ca_store *store, const uint8_t ek_spki[CA_SHA256_LEN], struct ca_device *out,
    struct tpmiot_err *err)
{
	struct ca_stmt st =
	    ca_stmt_start(store, "SELECT " DEVICE_COLUMNS " FROM devices WHERE ek_spki = ?");

	ca_bind_blob(&st, ek_spki, CA_SHA256_LEN);
	return device_take(&st, out, err);
}

enum tpmiot_rc
ca_device_find_id(
    struct ca_store *store, const char *id, struct ca_device *out, struct tpmiot_err *err)
{
	struct ca_stmt st =
	    ca_stmt_start(store, "SELECT " DEVICE_COLUMNS " FROM devices WHERE id = ?");

	ca_bind_text(&st, id);
	return device_take(&st, out, err);
}

enum tpmiot_rc
ca_device_set_state(struct ca_store *store, const uint8_t ek_spki[CA_SHA256_LEN],
    enum ca_device_state state, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store, "UPDATE devices SET state = ? WHERE ek_spki = ?");
	enum tpmiot_rc rc;

	ca_bind_int(&st, state);
	ca_bind_blob(&st, ek_spki, CA_SHA256_LEN);
	rc = ca_stmt_run(&st, "device", err);
	if (rc == TPMIOT_OK && ca_store_changes(store) == 0)
		rc = tpmiot_err_set(err, TPMIOT_E_NOT_FOUND, "no such device");
	return rc;
}

enum tpmiot_rc
ca_device_release(
    struct ca_store *store, const uint8_t ek_spki[CA_SHA256_LEN], struct tpmiot_err *err)
{
	/* Cut so that the whole stays within CA_DEVICE_ID_MAX. */
	struct ca_stmt st = ca_stmt_start(store,
	    "UPDATE devices SET id = substr(id, 1, 50) || '~' || lower(hex(substr(ek_spki, 1, 6)))"
	    " WHERE ek_spki = ? AND instr(id, '~') = 0");
	enum tpmiot_rc rc;

	ca_bind_blob(&st, ek_spki, CA_SHA256_LEN);
	rc = ca_stmt_run(&st, "device", err);
	if (rc == TPMIOT_OK && ca_store_changes(store) == 0)
		rc = tpmiot_err_set(err, TPMIOT_E_NOT_FOUND, "no such device, or released already");
	return rc;
}

bool
ca_device_is_released(const struct ca_device *dev)
{
	return strchr(dev->id, '~') != NULL;
}

enum tpmiot_rc
ca_device_list(struct ca_store *store, bool (*fn)(void *arg, const struct ca_device *dev),
    void *arg, struct tpmiot_err *err)
{
	struct ca_stmt st =
	    ca_stmt_start(store, "SELECT " DEVICE_COLUMNS " FROM devices ORDER BY id");
	struct ca_device dev = { .ek_cert = TPMIOT_BUF_INIT };
	bool more = true;

	while (more && ca_stmt_row(&st)) {
		device_read(&st, &dev);
		more = fn(arg, &dev);
	}
	tpmiot_buf_free(&dev.ek_cert);
	return ca_stmt_end(&st, "device", err);
}

enum tpmiot_rc
ca_ak_enrol(struct ca_store *store, const struct ca_ak *ak, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store,
	    "INSERT INTO aks (spki, ek_spki, name, public, first_seen, last_seen)"
	    " VALUES (?, ?, ?, ?, ?5, ?5)"
	    " ON CONFLICT (spki) DO UPDATE SET name = excluded.name, public = excluded.public,"
	    " last_seen = excluded.last_seen WHERE ek_spki = excluded.ek_spki");
	enum tpmiot_rc rc;

	ca_bind_blob(&st, ak->spki, CA_SHA256_LEN);
	ca_bind_blob(&st, ak->ek_spki, CA_SHA256_LEN);
	ca_bind_blob(&st, ak->name, ak->name_len);
	ca_bind_buf(&st, &ak->public);
	ca_bind_int(&st, ak->last_seen);
	rc = ca_stmt_run(&st, "attestation key", err);
	if (rc == TPMIOT_OK && ca_store_changes(store) == 0)
		rc = tpmiot_err_set(
		    err, TPMIOT_E_CONFLICT, "the attestation key belongs to another device");
	return rc;
}

static enum tpmiot_rc
ak_take(struct ca_stmt *st, struct ca_ak *out, struct tpmiot_err *err)
{
	struct ca_ak ak = { .public = TPMIOT_BUF_INIT };
	bool found = ca_stmt_row(st);
	enum tpmiot_rc rc;

	if (found) {
		ca_col_blob(st, ak.spki, sizeof(ak.spki));
		ca_col_blob(st, ak.ek_spki, sizeof(ak.ek_spki));
		ak.name_len = ca_col_bytes(st, ak.name, sizeof(ak.name));
		ca_col_buf(st, &ak.public);
		ak.first_seen = ca_col_int(st);
		ak.last_seen = ca_col_int(st);
	}
	rc = ca_stmt_end(st, "attestation key", err);
	if (rc == TPMIOT_OK && !found)
		rc = tpmiot_err_set(err, TPMIOT_E_NOT_FOUND, "no such attestation key");
	if (rc == TPMIOT_OK) {
		tpmiot_buf_free(&out->public);
		*out = ak;
	} else {
		tpmiot_buf_free(&ak.public);
	}
	return rc;
}

enum tpmiot_rc
ca_ak_find(struct ca_store *store, const uint8_t spki[CA_SHA256_LEN], struct ca_ak *out,
    struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store, "SELECT " AK_COLUMNS " FROM aks WHERE spki = ?");

	ca_bind_blob(&st, spki, CA_SHA256_LEN);
	return ak_take(&st, out, err);
}

enum tpmiot_rc
ca_ak_latest(struct ca_store *store, const uint8_t ek_spki[CA_SHA256_LEN], struct ca_ak *out,
    struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store, "SELECT " AK_COLUMNS " FROM aks WHERE ek_spki = ?"
	                                         " ORDER BY last_seen DESC, rowid DESC LIMIT 1");

	ca_bind_blob(&st, ek_spki, CA_SHA256_LEN);
	return ak_take(&st, out, err);
}
