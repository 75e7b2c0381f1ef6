/* SPDX-License-Identifier: Apache-2.0 */
/* The connection: opening, transactions, and statements kept prepared. */
#include "ca/store/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATEMENTS_MAX 64
/* How long the write lock is waited for. A server does nothing else meanwhile. */
#define BUSY_TIMEOUT_MS 5000
#define BUSY_TIMEOUT_SERVER_MS 250
#define BUSY_TIMEOUT_AGAIN_MS 20

struct ca_store {
	sqlite3 *db;
	struct {
		const char *sql;
		sqlite3_stmt *stmt;
	} kept[STATEMENTS_MAX];
	size_t kept_n;
	bool outdated;      /* its schema is an older one */
	bool grouped;       /* ca_store_group() */
	bool busy;          /* the lock was waited for in vain the last time */
	bool in_member;     /* a transaction of a group is open */
	unsigned unsettled; /* and these were before it */
};

enum tpmiot_rc
ca_store_fail(struct ca_store *store, int rc, const char *what, struct tpmiot_err *err)
{
	const char *why = store->db != NULL && sqlite3_extended_errcode(store->db) == rc
	                      ? sqlite3_errmsg(store->db)
	                      : sqlite3_errstr(rc);

	/* As it is where the file with the locks cannot grow. */
	if ((rc & 0xff) == SQLITE_IOERR && store->db != NULL &&
	    sqlite3_system_errno(store->db) == ENOSPC)
		rc = SQLITE_FULL;
	switch (rc & 0xff) {
	case SQLITE_NOMEM:
		return tpmiot_err_memory(err);
	case SQLITE_CONSTRAINT:
		return tpmiot_err_set(err, TPMIOT_E_CONFLICT, "%s: %s", what, why);
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "%s: the store is damaged or not one (%s); restore it from a backup", what,
		    why);
	case SQLITE_FULL:
		return tpmiot_err_set(
		    err, TPMIOT_E_IO, "%s: the store's file system is full; make room", what);
	case SQLITE_BUSY:
		return tpmiot_err_set(
		    err, TPMIOT_E_IO, "%s: another process holds the store; try again", what);
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return tpmiot_err_set(
		    err, TPMIOT_E_PERM, "%s: %s; run it as the store's owner", what, why);
	default:
		return tpmiot_err_set(err, TPMIOT_E_IO, "%s: %s", what, why);
	}
}

enum tpmiot_rc
ca_store_exec(struct ca_store *store, const char *sql, struct tpmiot_err *err)
{
	int rc = sqlite3_exec(store->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? TPMIOT_OK : ca_store_fail(store, rc, "store", err);
}

static enum tpmiot_rc
configure(struct ca_store *store, struct tpmiot_err *err)
{
	sqlite3_extended_result_codes(store->db, 1);
	sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS);
	/* A store that somebody tampered with must not run SQL of theirs. */
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	/*
	 * temp_store: what a savepoint would take back goes to memory, and to no file each time.
	 * cache_size (KiB): an enrolment changes a page at random in each of the indexes. With
	 * SQLite's 2 MB and 20,000 devices that was 17 reads and 41 writes, and is 1 and 18.
	 */
	return ca_store_exec(store,
	    "PRAGMA trusted_schema=OFF;"
	    "PRAGMA temp_store=MEMORY;"
	    "PRAGMA cache_size=-16384;"
	    "PRAGMA journal_mode=WAL;"
	    "PRAGMA synchronous=FULL;"
	    "PRAGMA foreign_keys=ON;"
	    "PRAGMA secure_delete=ON;",
	    err);
}

enum tpmiot_rc
ca_store_open_any(const char *path, struct ca_store **out, struct tpmiot_err *err)
{
	enum tpmiot_rc rc;
	int sq;
	struct ca_store *store;

	if (access(path, F_OK) != 0 && errno == ENOENT)
		return tpmiot_err_set(
		    err, TPMIOT_E_NOT_FOUND, "%s is not there; run \"tpmiot-ca init\" first", path);
	store = calloc(1, sizeof(*store));
	if (store == NULL)
		return tpmiot_err_memory(err);
	sq = sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (sq != SQLITE_OK)
		rc = ca_store_fail(store, sq, path, err);
	else if ((rc = configure(store, err)) == TPMIOT_OK)
		rc = ca_store_schema_check(store, &store->outdated, err);
	if (rc == TPMIOT_OK) {
		*out = store;
		store = NULL;
	}
	ca_store_free(&store);
	return rc;
}

enum tpmiot_rc
ca_store_open(const char *path, struct ca_store **out, struct tpmiot_err *err)
{
	struct ca_store *store = NULL;
	enum tpmiot_rc rc = ca_store_open_any(path, &store, err);

	if (rc == TPMIOT_OK && store->outdated)
		rc = tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "%s is of an older tpmiot-ca; make a copy (tpmiot-ca backup), then bring it up "
		    "to date: tpmiot-ca upgrade, or the start of serve, does",
		    path);
	if (rc == TPMIOT_OK) {
		*out = store;
		store = NULL;
	}
	ca_store_free(&store);
	return rc;
}

bool
ca_store_outdated(const struct ca_store *store)
{
	return store->outdated;
}

enum tpmiot_rc
ca_store_upgrade(struct ca_store *store, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = ca_store_migrate(store, err);

	if (rc == TPMIOT_OK)
		store->outdated = false;
	return rc;
}

enum tpmiot_rc
ca_store_create(const char *path, struct tpmiot_err *err)
{
	enum tpmiot_rc rc;
	struct ca_store *store = NULL;
	/* Made here and not by SQLite, so that nobody else can read it from the first byte on. */
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0 && errno == EEXIST)
		return tpmiot_err_set(err, TPMIOT_E_CONFLICT, "%s is there already", path);
	if (fd < 0)
		return tpmiot_err_errno(err, "%s", path);
	close(fd);
	rc = ca_store_open_any(path, &store, err);
	if (rc == TPMIOT_OK)
		rc = ca_store_upgrade(store, err); /* of nothing */
	ca_store_free(&store);
	if (rc != TPMIOT_OK)
		unlink(path);
	return rc;
}

void
ca_store_free(struct ca_store **storep)
{
	struct ca_store *store = *storep;

	if (store == NULL)
		return;
	for (size_t i = 0; i < store->kept_n; i++)
		sqlite3_finalize(store->kept[i].stmt);
	sqlite3_close(store->db); /* rolls back */
	free(store);
	*storep = NULL;
}

/* ---- Transactions ------------------------------------------------------------------------- */

/*
 * A server's wait for the lock: short, and when it was in vain, the next ones are shorter still,
 * so that requests are refused quickly as long as somebody holds the store.
 */
static enum tpmiot_rc
begin_group(struct ca_store *store, struct tpmiot_err *err)
{
	int sq;

	sqlite3_busy_timeout(
	    store->db, store->busy ? BUSY_TIMEOUT_AGAIN_MS : BUSY_TIMEOUT_SERVER_MS);
	sq = sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	store->busy = (sq & 0xff) == SQLITE_BUSY;
	return sq == SQLITE_OK ? TPMIOT_OK : ca_store_fail(store, sq, "store", err);
}

static void
rollback_member(struct ca_store *store)
{
	if (store->in_member)
		(void)sqlite3_exec(
		    store->db, "ROLLBACK TO member; RELEASE member", NULL, NULL, NULL);
	store->in_member = false;
	if (store->unsettled == 0 && sqlite3_get_autocommit(store->db) == 0)
		(void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
}

/* A transaction of a group is a savepoint in the one that ca_store_settle() commits. */
static enum tpmiot_rc
begin_member(struct ca_store *store, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = TPMIOT_OK;
	const bool outside = sqlite3_get_autocommit(store->db) != 0;

	if (store->in_member)
		return tpmiot_err_set(err, TPMIOT_E_USAGE, "store: a transaction is open");
	if (outside && store->unsettled > 0) /* as SQLite does when the disk is full */
		return tpmiot_err_set(err, TPMIOT_E_IO, "store: earlier changes were lost");
	if (outside)
		rc = begin_group(store, err);
	if (rc != TPMIOT_OK)
		return rc;
	if ((rc = ca_store_exec(store, "SAVEPOINT member", err)) == TPMIOT_OK)
		store->in_member = true;
	else
		rollback_member(store); /* the lock would be held, with nothing to settle */
	return rc;
}

enum tpmiot_rc
ca_store_begin(struct ca_store *store, struct tpmiot_err *err)
{
	return store->grouped ? begin_member(store, err)
	                      : ca_store_exec(store, "BEGIN IMMEDIATE", err);
}

enum tpmiot_rc
ca_store_commit(struct ca_store *store, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = ca_store_exec(store, store->grouped ? "RELEASE member" : "COMMIT", err);

	if (rc != TPMIOT_OK) {
		ca_store_rollback(store);
	} else if (store->grouped) {
		store->in_member = false;
		store->unsettled++;
	}
	return rc;
}

void
ca_store_rollback(struct ca_store *store)
{
	if (store->grouped)
		rollback_member(store);
	else if (sqlite3_get_autocommit(store->db) == 0)
		(void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
}

void
ca_store_group(struct ca_store *store)
{
	store->grouped = true;
	sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_SERVER_MS);
}

unsigned
ca_store_unsettled(const struct ca_store *store)
{
	return store->unsettled;
}

enum tpmiot_rc
ca_store_settle(struct ca_store *store, struct tpmiot_err *err)
{
	enum tpmiot_rc rc;

	if (store->unsettled == 0)
		return TPMIOT_OK;
	store->unsettled = 0;
	if (sqlite3_get_autocommit(store->db) != 0)
		return tpmiot_err_set(err, TPMIOT_E_IO, "store: changes were lost");
	if ((rc = ca_store_exec(store, "COMMIT", err)) != TPMIOT_OK)
		rollback_member(store);
	return rc;
}

sqlite3 *
ca_store_db(struct ca_store *store)
{
	return store->db;
}

/* ---- Statements ----------------------------------------------------------------------------- */

int64_t
ca_store_changes(struct ca_store *store)
{
	return sqlite3_changes(store->db);
}

int64_t
ca_store_last_id(struct ca_store *store)
{
	return sqlite3_last_insert_rowid(store->db);
}

enum tpmiot_rc
ca_store_pragma(struct ca_store *store, const char *sql, int64_t *out, struct tpmiot_err *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL);

	if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		*out = sqlite3_column_int64(stmt, 0);
		rc = SQLITE_OK;
	}
	sqlite3_finalize(stmt);
	return rc == SQLITE_OK ? TPMIOT_OK : ca_store_fail(store, rc, "store", err);
}

struct ca_stmt
ca_stmt_start(struct ca_store *store, const char *sql)
{
	struct ca_stmt st = { .store = store, .rc = SQLITE_OK, .param = 1 };

	for (size_t i = 0; i < store->kept_n && st.stmt == NULL; i++) {
		if (store->kept[i].sql == sql)
			st.stmt = store->kept[i].stmt;
	}
	if (st.stmt != NULL)
		return st;
	if (store->kept_n == STATEMENTS_MAX) {
		st.rc = SQLITE_NOMEM;
		return st;
	}
	st.rc = sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &st.stmt, NULL);
	if (st.rc == SQLITE_OK) {
		store->kept[store->kept_n].sql = sql;
		store->kept[store->kept_n++].stmt = st.stmt;
	}
	return st;
}
