/* SPDX-License-Identifier: Apache-2.0 */
/* The tables, and how an older store is brought up to date. */
#include "ca/store/store_int.h"
/*
 * One step for each version; the n-th makes version n out of n - 1. What was
 * released is never edited: add a step.
 */
static const char *const steps[] = {
	/* 1 */
	"CREATE TABLE devices ("
	"  ek_spki BLOB NOT NULL PRIMARY KEY CHECK (length(ek_spki) = 32),"
	"  id TEXT NOT NULL UNIQUE,"
	"  grp TEXT,"
	"  state INTEGER NOT NULL CHECK (state IN (0, 1)),"
	"  first_seen INTEGER NOT NULL,"
	"  last_seen INTEGER NOT NULL,"
	"  manufacturer TEXT, model TEXT, version TEXT,"
	"  ek_cert BLOB);"
	"CREATE TABLE aks ("
	"  spki BLOB NOT NULL PRIMARY KEY CHECK (length(spki) = 32),"
	"  ek_spki BLOB NOT NULL REFERENCES devices(ek_spki),"
	"  name BLOB NOT NULL,"
	"  public BLOB NOT NULL,"
	"  first_seen INTEGER NOT NULL,"
	"  last_seen INTEGER NOT NULL);"
	"CREATE INDEX aks_by_device ON aks(ek_spki, last_seen);"
	"CREATE TABLE certificates ("
	"  id INTEGER PRIMARY KEY,"
	"  serial BLOB NOT NULL UNIQUE CHECK (length(serial) BETWEEN 1 AND 20),"
	"  ek_spki BLOB NOT NULL REFERENCES devices(ek_spki),"
	"  key_spki BLOB NOT NULL CHECK (length(key_spki) = 32),"
	"  session BLOB NOT NULL,"
	"  issued INTEGER NOT NULL,"
	"  not_before INTEGER NOT NULL,"
	"  not_after INTEGER NOT NULL,"
	"  state INTEGER NOT NULL CHECK (state IN (0, 1)),"
	"  revoked_at INTEGER NOT NULL DEFAULT 0,"
	"  reason INTEGER NOT NULL DEFAULT 0,"
	"  der BLOB NOT NULL);"
	"CREATE INDEX certificates_by_device ON certificates(ek_spki);"
	"CREATE INDEX certificates_by_key ON certificates(key_spki);"
	"CREATE TABLE allow ("
	"  ek_spki BLOB NOT NULL PRIMARY KEY CHECK (length(ek_spki) = 32),"
	"  device_id TEXT UNIQUE,"
	"  grp TEXT, serial_number TEXT, model TEXT, note TEXT,"
	"  added INTEGER NOT NULL);"
	"CREATE TABLE roots ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  sha256 BLOB NOT NULL UNIQUE CHECK (length(sha256) = 32),"
	"  kind INTEGER NOT NULL CHECK (kind IN (0, 1)),"
	"  subject TEXT, label TEXT,"
	"  not_after INTEGER NOT NULL,"
	"  added INTEGER NOT NULL,"
	"  der BLOB NOT NULL);"
	"CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);"
	"INSERT INTO counters VALUES ('roots', 1);"
	"CREATE TRIGGER roots_added AFTER INSERT ON roots BEGIN"
	"  UPDATE counters SET value = value + 1 WHERE name = 'roots'; END;"
	"CREATE TRIGGER roots_removed AFTER DELETE ON roots BEGIN"
	"  UPDATE counters SET value = value + 1 WHERE name = 'roots'; END;"
	/* AUTOINCREMENT: a session in flight names its token by number, which must not come back.
	 */
	"CREATE TABLE tokens ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  sha256 BLOB NOT NULL UNIQUE CHECK (length(sha256) = 32),"
	"  uses_allowed INTEGER NOT NULL CHECK (uses_allowed > 0),"
	"  expires INTEGER NOT NULL,"
	"  device_id TEXT, grp TEXT, note TEXT,"
	"  added INTEGER NOT NULL);"
	"CREATE TABLE token_uses ("
	"  token INTEGER NOT NULL REFERENCES tokens(id) ON DELETE CASCADE,"
	"  ek_spki BLOB NOT NULL CHECK (length(ek_spki) = 32),"
	"  used INTEGER NOT NULL,"
	"  PRIMARY KEY (token, ek_spki)) WITHOUT ROWID;"
	"CREATE TABLE sessions ("
	"  id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),"
	"  ek_spki BLOB NOT NULL,"
	"  key_spki BLOB NOT NULL,"
	"  serial BLOB NOT NULL REFERENCES certificates(serial),"
	"  expires INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX sessions_by_expiry ON sessions(expires);"
	"CREATE TABLE seal_keys ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id BETWEEN 1 AND 4294967295),"
	"  key BLOB NOT NULL CHECK (length(key) = 32),"
	"  added INTEGER NOT NULL);"
	"CREATE TABLE settings (name TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL);"
	"CREATE TABLE audit ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  time INTEGER NOT NULL,"
	"  event TEXT NOT NULL,"
	"  decision TEXT NOT NULL,"
	"  reason TEXT, device_id TEXT, ek_spki BLOB, peer TEXT, detail TEXT);"
	"CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN"
	"  SELECT RAISE(ABORT, 'the audit log is append-only'); END;"
	"CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN"
	"  SELECT RAISE(ABORT, 'the audit log is append-only'); END;"
	/* REPLACE would delete without asking the trigger above. */
	"CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit"
	"  WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id) BEGIN"
	"  SELECT RAISE(ABORT, 'the audit log is append-only'); END;",
	/* 2: revocation lists */
	"CREATE INDEX certificates_revoked ON certificates(not_after) WHERE state = 1;"
	"INSERT INTO counters VALUES ('revocations', 1);"
	"CREATE TRIGGER certificates_revoked AFTER UPDATE OF state ON certificates BEGIN"
	"  UPDATE counters SET value = value + 1 WHERE name = 'revocations'; END;"
	"CREATE TABLE crls ("
	"  number INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  revocations INTEGER NOT NULL,"
	"  issuer BLOB NOT NULL CHECK (length(issuer) = 32),"
	"  this_update INTEGER NOT NULL,"
	"  next_update INTEGER NOT NULL,"
	"  der BLOB NOT NULL);",
	/* 3: profiles */
	"ALTER TABLE certificates ADD COLUMN profile TEXT;",
	/* 4: keys that are registered for a device as they are */
	"CREATE TABLE device_keys ("
	"  spki BLOB NOT NULL PRIMARY KEY CHECK (length(spki) = 32),"
	"  ek_spki BLOB NOT NULL REFERENCES devices(ek_spki),"
	"  public BLOB NOT NULL,"
	"  cert BLOB,"
	"  not_before INTEGER NOT NULL,"
	"  not_after INTEGER NOT NULL,"
	"  added INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX device_keys_by_device ON device_keys(ek_spki);",
	/* 5: for counting them, and for finding those that end soon */
	"CREATE INDEX certificates_end ON certificates(state, not_after);",
	/* 6: PCR policies, and what was quoted */
	"CREATE TABLE pcr_policies ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  policy TEXT NOT NULL,"
	"  pcrs TEXT NOT NULL,"
	"  note TEXT,"
	"  added INTEGER NOT NULL,"
	"  UNIQUE (policy, pcrs));"
	"CREATE TABLE quotes ("
	"  ek_spki BLOB NOT NULL PRIMARY KEY REFERENCES devices(ek_spki),"
	"  time INTEGER NOT NULL,"
	"  pcrs TEXT NOT NULL,"
	"  resets INTEGER NOT NULL,"
	"  restarts INTEGER NOT NULL,"
	"  clock_ms INTEGER NOT NULL,"
	"  clock_safe INTEGER NOT NULL CHECK (clock_safe IN (0, 1)));"
	"ALTER TABLE audit ADD COLUMN pcrs TEXT;",
	/* 7: registrations by Azure's provisioning protocol */
	"CREATE TABLE registrations ("
	"  ek_spki BLOB NOT NULL PRIMARY KEY CHECK (length(ek_spki) = 32),"
	"  key BLOB NOT NULL,"
	"  registration_id TEXT UNIQUE,"
	"  hub TEXT,"
	"  ek_public BLOB, srk_public BLOB,"
	"  registrations INTEGER NOT NULL,"
	"  registered INTEGER NOT NULL);"
	"CREATE INDEX registrations_by_hub ON registrations(hub, ek_spki);",
	/* 8: devices' secrets */
	"CREATE TABLE secrets ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  name TEXT NOT NULL,"
	"  ek_spki BLOB CHECK (length(ek_spki) = 32),"
	"  grp TEXT,"
	"  kind INTEGER NOT NULL CHECK (kind IN (0, 1)),"
	"  added INTEGER NOT NULL,"
	"  sealed BLOB NOT NULL,"
	"  CHECK ((ek_spki IS NULL) <> (grp IS NULL)));"
	"CREATE UNIQUE INDEX secrets_by_target ON secrets("
	"  coalesce(ek_spki, x''), coalesce(grp, ''), name);",
	/* 9: an id that a device chose is looked up among those that tokens are kept for */
	"CREATE INDEX tokens_by_device_id ON tokens(device_id) WHERE device_id IS NOT NULL;",
	/* 10: spent sessions stay as long as the key that opens them */
	"ALTER TABLE sessions RENAME TO sessions_by_time;"
	"CREATE TABLE sessions ("
	"  id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),"
	"  ek_spki BLOB NOT NULL,"
	"  key_spki BLOB NOT NULL,"
	"  serial BLOB NOT NULL REFERENCES certificates(serial),"
	"  seal_key INTEGER NOT NULL) WITHOUT ROWID;"
	"INSERT INTO sessions SELECT id, ek_spki, key_spki, serial,"
	"  (SELECT coalesce(max(id), 0) FROM seal_keys) FROM sessions_by_time;"
	"DROP TABLE sessions_by_time;",
	/* 11: a device's registrations within a day are counted */
	("ALTER TABLE registrations ADD COLUMN day INTEGER NOT NULL DEFAULT 0;"
	 "ALTER TABLE registrations ADD COLUMN of_day INTEGER NOT NULL DEFAULT 0;")
};

#define VERSION ((int64_t)(sizeof(steps) / sizeof(steps[0])))

static enum tpmiot_rc
set_version(struct ca_store *store, int64_t version, struct tpmiot_err *err)
{
	char sql[96];

	/* A PRAGMA takes no parameters. */
	sqlite3_snprintf(sizeof(sql), sql, "PRAGMA application_id=%d; PRAGMA user_version=%lld;",
	    APPLICATION_ID, (long long)version);
	return ca_store_exec(store, sql, err);
}

static enum tpmiot_rc
check(struct ca_store *store, int64_t *version, struct tpmiot_err *err)
{
	int64_t app = 0, tables = 0;
	enum tpmiot_rc rc;

	rc = ca_store_pragma(store, "PRAGMA application_id", &app, err);
	if (rc == TPMIOT_OK)
		rc = ca_store_pragma(store, "PRAGMA user_version", version, err);
	if (rc == TPMIOT_OK)
		rc = ca_store_pragma(store, "SELECT count(*) FROM sqlite_schema", &tables, err);
	if (rc != TPMIOT_OK)
		return rc;
	if (app != APPLICATION_ID && (tables > 0 || *version != 0))
		return tpmiot_err_set(err, TPMIOT_E_FORMAT, "this database is not tpmiot-ca's");
	if (*version > VERSION)
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "the store has schema %lld and this program knows %lld; use the newer "
		    "tpmiot-ca",
		    (long long)*version, (long long)VERSION);
	return TPMIOT_OK;
}

enum tpmiot_rc
ca_store_schema_check(struct ca_store *store, bool *outdated, struct tpmiot_err *err)
{
	int64_t version = 0;
	enum tpmiot_rc rc = check(store, &version, err);

	if (rc == TPMIOT_OK)
		*outdated = version < VERSION;
	return rc;
}

enum tpmiot_rc
ca_store_migrate(struct ca_store *store, struct tpmiot_err *err)
{
	int64_t version = 0;
	enum tpmiot_rc rc = check(store, &version, err);

	if (rc != TPMIOT_OK || version == VERSION)
		return rc;
	rc = ca_store_begin(store, err);
	if (rc == TPMIOT_OK)
		rc = check(store, &version, err); /* another process may have been first */
	for (; rc == TPMIOT_OK && version < VERSION; version++)
		rc = ca_store_exec(store, steps[version], err);
	if (rc == TPMIOT_OK)
		rc = set_version(store, version, err);
	if (rc == TPMIOT_OK)
		rc = ca_store_commit(store, err);
	ca_store_rollback(store);
	return rc;
}
