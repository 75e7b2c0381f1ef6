/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of the store while it is in use, and a copy put in the store's place. */
#include "ca/store/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * How far the numbers of revocation lists jump: beyond every list that was published since
 * the copy was made, because clients take no lower number (RFC 5280 section 5.2.3).
 */
#define CRL_NUMBERS "1048576"

static enum tpmiot_rc
fail(sqlite3 *db, int rc, const char *what, struct tpmiot_err *err)
{
	const char *why = db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(rc);

	if ((rc & 0xff) == SQLITE_NOTADB || (rc & 0xff) == SQLITE_CORRUPT)
		return tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "%s: damaged or no store: %s", what, why);
	return tpmiot_err_set(err, TPMIOT_E_IO, "%s: %s", what, why);
}

/* An empty file that nobody else can read from its first byte on. */
static enum tpmiot_rc
make_empty(const char *path, struct tpmiot_err *err)
{
	int fd;

	(void)unlink(path); /* of an interrupted run */
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		return tpmiot_err_errno(err, "%s", path);
	close(fd);
	return TPMIOT_OK;
}

/* In one step: a snapshot, which holds up nobody who writes meanwhile. */
static enum tpmiot_rc
copy(sqlite3 *from, const char *path, struct tpmiot_err *err)
{
	sqlite3 *to = NULL;
	sqlite3_backup *backup = NULL;
	enum tpmiot_rc rc = make_empty(path, err);
	int sq;

	if (rc != TPMIOT_OK)
		return rc;
	sq = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE, NULL);
	if (sq == SQLITE_OK && (backup = sqlite3_backup_init(to, "main", from, "main")) == NULL)
		sq = sqlite3_errcode(to);
	if (backup != NULL) {
		sq = sqlite3_backup_step(backup, -1);
		(void)sqlite3_backup_finish(backup);
		if (sq == SQLITE_DONE)
			sq = SQLITE_OK;
	}
	/* One file, with nothing beside it that belongs to it. */
	if (sq == SQLITE_OK)
		sq = sqlite3_exec(to, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL);
	if (sq != SQLITE_OK)
		rc = fail(to, sq, path, err);
	sqlite3_close(to);
	if (rc != TPMIOT_OK)
		(void)unlink(path);
	return rc;
}

/* The name into its place, durably. */
static enum tpmiot_rc
put(const char *tmp, const char *path, struct tpmiot_err *err)
{
	char dir[4096];
	const char *slash = strrchr(path, '/');
	int fd;

	if (rename(tmp, path) != 0)
		return tpmiot_err_errno(err, "%s", path);
	snprintf(dir, sizeof(dir), "%.*s", slash != NULL ? (int)(slash - path) + 1 : 1,
	    slash != NULL ? path : ".");
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		(void)fsync(fd);
		close(fd);
	}
	return TPMIOT_OK;
}

static bool
same_file(sqlite3 *db, const char *path)
{
	struct stat a, b;

	return stat(sqlite3_db_filename(db, "main"), &a) == 0 && stat(path, &b) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

enum tpmiot_rc
ca_store_backup(struct ca_store *store, const char *path, struct tpmiot_err *err)
{
	sqlite3 *db = ca_store_db(store);
	struct tpmiot_buf tmp = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	if (same_file(db, path))
		return tpmiot_err_set(
		    err, TPMIOT_E_USAGE, "%s is the store itself; name another file", path);
	tpmiot_buf_printf(&tmp, "%s.tmp", path);
	if ((rc = tpmiot_buf_done(&tmp, err)) == TPMIOT_OK &&
	    (rc = copy(db, tpmiot_buf_cstr(&tmp), err)) == TPMIOT_OK)
		rc = put(tpmiot_buf_cstr(&tmp), path, err);
	tpmiot_buf_free(&tmp);
	return rc;
}

/* ---- Restore ------------------------------------------------------------------------ */

/* An empty file would open as a database, too, and become an empty store. */
static enum tpmiot_rc
check_ours(sqlite3 *db, struct tpmiot_err *err)
{
	sqlite3_stmt *stmt = NULL;
	bool ours = sqlite3_prepare_v2(db, "PRAGMA application_id", -1, &stmt, NULL) == SQLITE_OK &&
	            sqlite3_step(stmt) == SQLITE_ROW &&
	            sqlite3_column_int(stmt, 0) == APPLICATION_ID;

	sqlite3_finalize(stmt);
	return ours ? TPMIOT_OK
	            : tpmiot_err_set(err, TPMIOT_E_FORMAT, "this is no backup of a store");
}

/*
 * While anybody has it open in WAL mode, an exclusive lock is not to be had. A store that is
 * damaged is in nobody's use.
 */
static enum tpmiot_rc
check_unused(const char *path, struct tpmiot_err *err)
{
	sqlite3 *db = NULL;
	int sq = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL);

	if (sq == SQLITE_OK)
		sq = sqlite3_exec(db,
		    "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT;"
		    "PRAGMA journal_mode=DELETE",
		    NULL, NULL, NULL);
	sqlite3_close(db);
	if ((sq & 0xff) == SQLITE_BUSY || (sq & 0xff) == SQLITE_LOCKED)
		return tpmiot_err_set(err, TPMIOT_E_CONFLICT,
		    "%s is in use; stop the server (and other commands) first", path);
	return TPMIOT_OK;
}

/* The copy as a store that may go on: see ca_store_restore(). */
static enum tpmiot_rc
prepare(const char *path, int64_t now, struct tpmiot_err *err)
{
	struct ca_audit entry = {
		.time = now, .event = "admin", .decision = "done", .reason = "restore"
	};
	struct ca_store *store = NULL;
	int64_t fine = 0;
	enum tpmiot_rc rc = ca_store_open_any(path, &store, err);

	if (rc == TPMIOT_OK)
		rc = ca_store_pragma(
		    store, "SELECT quick_check = 'ok' FROM pragma_quick_check(1)", &fine, err);
	if (rc == TPMIOT_OK && fine == 0)
		rc = tpmiot_err_set(err, TPMIOT_E_FORMAT, "the file is damaged");
	if (rc == TPMIOT_OK)
		rc = ca_store_upgrade(store, err);
	if (rc == TPMIOT_OK)
		rc = ca_store_begin(store, err);
	if (rc == TPMIOT_OK)
		rc = ca_store_exec(store,
		    "DELETE FROM seal_keys; DELETE FROM crls;"
		    "INSERT INTO sqlite_sequence (name, seq) SELECT 'crls', 0"
		    "  WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'crls');"
		    "UPDATE sqlite_sequence SET seq = seq + " CRL_NUMBERS " WHERE name = 'crls'",
		    err);
	if (rc == TPMIOT_OK)
		rc = ca_audit_add(store, &entry, err);
	if (rc == TPMIOT_OK)
		rc = ca_store_commit(store, err);
	ca_store_free(&store);
	return rc;
}

/* PATH and what SQLite keeps beside it under its name. */
static const char *const parts[] = { "", "-wal", "-shm" };
#define PARTS (sizeof(parts) / sizeof(parts[0]))

/* One part of a former store; there need not be one. */
static enum tpmiot_rc
drop_part(const char *old, const char *part, struct tpmiot_err *err)
{
	struct tpmiot_buf name = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	tpmiot_buf_printf(&name, "%s%s", old, part);
	rc = tpmiot_buf_done(&name, err);
	if (rc == TPMIOT_OK && unlink(tpmiot_buf_cstr(&name)) != 0 && errno != ENOENT)
		rc = tpmiot_err_errno(err, "%s", (char *)name.data);
	tpmiot_buf_free(&name);
	return rc;
}

static enum tpmiot_rc
move_part(const char *path, const char *old, const char *part, struct tpmiot_err *err)
{
	struct tpmiot_buf from = TPMIOT_BUF_INIT, to = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	tpmiot_buf_printf(&from, "%s%s", path, part);
	tpmiot_buf_printf(&to, "%s%s", old, part);
	if ((rc = tpmiot_buf_done(&from, err)) == TPMIOT_OK &&
	    (rc = tpmiot_buf_done(&to, err)) == TPMIOT_OK &&
	    rename(tpmiot_buf_cstr(&from), tpmiot_buf_cstr(&to)) != 0 && errno != ENOENT)
		rc = tpmiot_err_errno(err, "%s", (char *)from.data);
	tpmiot_buf_free(&from);
	tpmiot_buf_free(&to);
	return rc;
}

/*
 * What was there goes aside, its log with it: the store first, so that without one an earlier run
 * was interrupted, and what is aside is not to be replaced.
 */
static enum tpmiot_rc
set_aside(const char *path, struct tpmiot_err *err)
{
	const bool complete = access(path, F_OK) == 0;
	struct tpmiot_buf old = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	tpmiot_buf_printf(&old, "%s.old", path);
	rc = tpmiot_buf_done(&old, err);
	for (size_t i = 1; complete && rc == TPMIOT_OK && i < PARTS; i++)
		rc = drop_part(tpmiot_buf_cstr(&old), parts[i], err);
	for (size_t i = 0; rc == TPMIOT_OK && i < PARTS; i++)
		rc = move_part(path, tpmiot_buf_cstr(&old), parts[i], err);
	tpmiot_buf_free(&old);
	return rc;
}

static enum tpmiot_rc
replace(const char *tmp, const char *path, int64_t now, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = prepare(tmp, now, err);

	if (rc == TPMIOT_OK)
		rc = check_unused(path, err);
	if (rc == TPMIOT_OK)
		rc = set_aside(path, err);
	return rc == TPMIOT_OK ? put(tmp, path, err) : rc;
}

enum tpmiot_rc
ca_store_restore(const char *backup, const char *path, int64_t now, struct tpmiot_err *err)
{
	struct tpmiot_buf tmp = TPMIOT_BUF_INIT;
	sqlite3 *from = NULL;
	enum tpmiot_rc rc;
	int sq;

	if (access(backup, R_OK) != 0)
		return tpmiot_err_errno(err, "%s", backup);
	tpmiot_buf_printf(&tmp, "%s.restore", path);
	if ((rc = tpmiot_buf_done(&tmp, err)) != TPMIOT_OK)
		goto out;
	sq = sqlite3_open_v2(backup, &from, SQLITE_OPEN_READONLY, NULL);
	if (sq != SQLITE_OK) {
		rc = fail(from, sq, backup, err);
		goto out;
	}
	if (same_file(from, path)) {
		rc = tpmiot_err_set(err, TPMIOT_E_USAGE, "%s is the store itself", backup);
		goto out;
	}
	if ((rc = check_ours(from, err)) == TPMIOT_OK &&
	    (rc = copy(from, tpmiot_buf_cstr(&tmp), err)) == TPMIOT_OK) {
		rc = replace(tpmiot_buf_cstr(&tmp), path, now, err);
		(void)unlink(tpmiot_buf_cstr(&tmp));
	}
	if (rc != TPMIOT_OK)
		(void)tpmiot_err_prefix(err, "%s", backup);
out:
	sqlite3_close(from);
	tpmiot_buf_free(&tmp);
	return rc;
}
