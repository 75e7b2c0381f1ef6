/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the store's files share: statements whose parameters are bound and whose
 * columns are read in order, so that each query reads like the struct it fills.
 * Failure sticks to the statement and is asked for once, at its end.
 */
#ifndef CA_STORE_INT_H
#define CA_STORE_INT_H

#include <sqlite3.h>

#include "ca/store/store.h"

/* SQLite's application_id of our files. */
#define APPLICATION_ID 0x74706d69 /* "tpmi" */

struct ca_stmt {
	struct ca_store *store;
	sqlite3_stmt *stmt; /* borrowed from the store's cache; NULL after a failure */
	int rc;             /* SQLite's; sticky */
	int param;          /* next parameter */
	int column;         /* next column */
};

/* sql must be a string literal: prepared once and kept under its address. */
struct ca_stmt ca_stmt_start(struct ca_store *store, const char *sql);

void ca_bind_int(struct ca_stmt *st, int64_t value);
void ca_bind_blob(struct ca_stmt *st, const void *data, size_t len); /* borrowed until the end */
void ca_bind_buf(struct ca_stmt *st, const struct tpmiot_buf *buf);  /* empty: NULL */
void ca_bind_text(struct ca_stmt *st, const char *str);              /* empty: NULL */

/* True if there is another row. */
bool ca_stmt_row(struct ca_stmt *st);

int64_t ca_col_int(struct ca_stmt *st);
void ca_col_text(struct ca_stmt *st, char *out, size_t size);   /* NULL: "" */
void ca_col_blob(struct ca_stmt *st, void *out, size_t len);    /* exactly len bytes */
size_t ca_col_bytes(struct ca_stmt *st, void *out, size_t max); /* up to max; returns how many */
void ca_col_buf(struct ca_stmt *st, struct tpmiot_buf *out);    /* replaces its content */

/* Ends the statement. TPMIOT_E_CONFLICT for a constraint, TPMIOT_E_IO else. `what` begins the text.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_stmt_end(
    struct ca_stmt *st, const char *what, struct tpmiot_err *err);
/* Runs a statement that yields no row, and ends it. */
TPMIOT_MUST_USE enum tpmiot_rc ca_stmt_run(
    struct ca_stmt *st, const char *what, struct tpmiot_err *err);

/* Rows that the last statement changed. */
int64_t ca_store_changes(struct ca_store *store);
int64_t ca_store_last_id(struct ca_store *store);

/* The connection itself, for what is no statement. */
sqlite3 *ca_store_db(struct ca_store *store);

/* SQLite's error as ours. */
enum tpmiot_rc ca_store_fail(
    struct ca_store *store, int rc, const char *what, struct tpmiot_err *err);

/* store_schema.c */
TPMIOT_MUST_USE enum tpmiot_rc ca_store_schema_check(
    struct ca_store *store, bool *outdated, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_store_migrate(struct ca_store *store, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_store_exec(
    struct ca_store *store, const char *sql, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_store_pragma(
    struct ca_store *store, const char *sql, int64_t *out, struct tpmiot_err *err);

#endif
