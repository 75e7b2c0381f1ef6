/* SPDX-License-Identifier: Apache-2.0 */
/* Binding, stepping and reading of statements. */
#include "ca/store/store_int.h"

#include <string.h>

void
ca_bind_int(struct ca_stmt *st, int64_t value)
{
	if (st->rc == SQLITE_OK)
		st->rc = sqlite3_bind_int64(st->stmt, st->param++, value);
}

void
ca_bind_blob(struct ca_stmt *st, const void *data, size_t len)
{
	if (st->rc == SQLITE_OK)
		st->rc = sqlite3_bind_blob64(st->stmt, st->param++, data, len, SQLITE_STATIC);
}

static void
bind_null(struct ca_stmt *st)
{
	if (st->rc == SQLITE_OK)
		st->rc = sqlite3_bind_null(st->stmt, st->param++);
}

void
ca_bind_buf(struct ca_stmt *st, const struct tpmiot_buf *buf)
{
	if (buf->len == 0)
		bind_null(st);
	else
		ca_bind_blob(st, buf->data, buf->len);
}

void
ca_bind_text(struct ca_stmt *st, const char *str)
{
	if (str[0] == '\0')
		bind_null(st);
	else if (st->rc == SQLITE_OK)
		st->rc = sqlite3_bind_text(st->stmt, st->param++, str, -1, SQLITE_STATIC);
}

bool
ca_stmt_row(struct ca_stmt *st)
{
	if (st->rc != SQLITE_OK && st->rc != SQLITE_ROW)
		return false;
	st->column = 0;
	st->rc = sqlite3_step(st->stmt);
	return st->rc == SQLITE_ROW;
}

int64_t
ca_col_int(struct ca_stmt *st)
{
	return sqlite3_column_int64(st->stmt, st->column++);
}

void
ca_col_text(struct ca_stmt *st, char *out, size_t size)
{
	const unsigned char *text = sqlite3_column_text(st->stmt, st->column++);
	size_t len = text != NULL ? strlen((const char *)text) : 0;

	if (len >= size) { /* not written by us */
		st->rc = SQLITE_CORRUPT;
		len = 0;
	}
	if (len > 0)
		memcpy(out, text, len);
	out[len] = '\0';
}

size_t
ca_col_bytes(struct ca_stmt *st, void *out, size_t max)
{
	const void *data = sqlite3_column_blob(st->stmt, st->column);
	size_t len = (size_t)sqlite3_column_bytes(st->stmt, st->column++);

	if (len > max) {
		st->rc = SQLITE_CORRUPT;
		return 0;
	}
	if (len > 0)
		memcpy(out, data, len);
	return len;
}

void
ca_col_blob(struct ca_stmt *st, void *out, size_t len)
{
	if (ca_col_bytes(st, out, len) != len)
		st->rc = SQLITE_CORRUPT;
}

void
ca_col_buf(struct ca_stmt *st, struct tpmiot_buf *out)
{
	const void *data = sqlite3_column_blob(st->stmt, st->column);
	size_t len = (size_t)sqlite3_column_bytes(st->stmt, st->column++);

	tpmiot_buf_reset(out);
	if (len > 0)
		tpmiot_buf_put(out, data, len);
	if (out->failed)
		st->rc = SQLITE_NOMEM;
}

enum tpmiot_rc
ca_stmt_end(struct ca_stmt *st, const char *what, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = TPMIOT_OK;

	if (st->rc != SQLITE_OK && st->rc != SQLITE_ROW && st->rc != SQLITE_DONE)
		rc = ca_store_fail(st->store, st->rc, what, err);
	if (st->stmt != NULL) {
		(void)sqlite3_reset(st->stmt);
		(void)sqlite3_clear_bindings(st->stmt);
	}
	return rc;
}

enum tpmiot_rc
ca_stmt_run(struct ca_stmt *st, const char *what, struct tpmiot_err *err)
{
	(void)ca_stmt_row(st);
	return ca_stmt_end(st, what, err);
}
