/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/cmd/out.h"

#include <string.h>
#include <time.h>

#include <tpmiot/b64.h>

#define COLUMNS_MAX 12

json_t *
ca_out_text(const char *text)
{
	size_t len = strlen(text);
	json_t *value;
	char *copy;

	if (len == 0)
		return json_null();
	value = json_stringn(text, len);
	if (value != NULL || (copy = strdup(text)) == NULL)
		return value;
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)copy[i] >= 0x80)
			copy[i] = '?';
	}
	value = json_stringn(copy, len);
	free(copy);
	return value;
}

json_t *
ca_out_time(int64_t when)
{
	time_t t = (time_t)when;
	char text[32];
	struct tm tm;

	if (when == 0)
		return json_null();
	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return json_integer(when);
	return json_string(text);
}

json_t *
ca_out_hex(const void *data, size_t len)
{
	struct tpmiot_buf hex = TPMIOT_BUF_INIT;
	const char *text;
	json_t *value;

	tpmiot_hex_encode(data, len, &hex);
	text = tpmiot_buf_cstr(&hex);
	value = hex.failed || text == NULL ? NULL : json_string(text);
	tpmiot_buf_free(&hex);
	return value;
}

/* A member as people read it. */
static void
put_value(const json_t *value, bool lines, struct tpmiot_buf *out)
{
	const char *text;

	if (json_is_integer(value)) {
		tpmiot_buf_printf(out, "%lld", (long long)json_integer_value(value));
	} else if (json_is_boolean(value)) {
		tpmiot_buf_put_str(out, json_is_true(value) ? "yes" : "no");
	} else if ((text = json_string_value(value)) == NULL) {
		tpmiot_buf_put_str(out, "-");
	} else {
		for (; *text != '\0'; text++) {
			unsigned char c = (unsigned char)*text;

			/* 0xC2 0x80 to 0x9F are control characters as well (C1). */
			if (c == 0xc2 && (unsigned char)text[1] < 0xa0) {
				tpmiot_buf_put_u8(out, '?');
				text++;
			} else {
				bool control = (c < 0x20 || c == 0x7f) && !(lines && c == '\n');

				tpmiot_buf_put_u8(out, control ? '?' : c);
			}
		}
	}
}

/* Characters, not bytes. */
static size_t
width(const struct tpmiot_buf *cell)
{
	size_t n = 0;

	for (size_t i = 0; i < cell->len; i++)
		n += (cell->data[i] & 0xc0) != 0x80;
	return n;
}

static void
measure(const json_t *rows, const struct ca_column *columns, size_t *widths)
{
	struct tpmiot_buf cell = TPMIOT_BUF_INIT;
	const json_t *row;
	size_t i;

	for (size_t c = 0; columns[c].title != NULL; c++)
		widths[c] = strlen(columns[c].title);
	json_array_foreach(rows, i, row)
	{
		for (size_t c = 0; columns[c].title != NULL; c++) {
			tpmiot_buf_reset(&cell);
			put_value(json_object_get(row, columns[c].key), false, &cell);
			if (width(&cell) > widths[c])
				widths[c] = width(&cell);
		}
	}
	tpmiot_buf_free(&cell);
}

static void
put_cell(const struct tpmiot_buf *cell, size_t room, bool last, struct tpmiot_buf *out)
{
	if (cell->len > 0)
		tpmiot_buf_put(out, cell->data, cell->len);
	for (size_t n = width(cell); !last && n < room + 2; n++)
		tpmiot_buf_put_u8(out, ' ');
	if (last)
		tpmiot_buf_put_u8(out, '\n');
}

/* row NULL: the titles. */
static void
put_row(const json_t *row, const struct ca_column *columns, const size_t *widths,
    struct tpmiot_buf *out)
{
	struct tpmiot_buf cell = TPMIOT_BUF_INIT;

	for (size_t c = 0; columns[c].title != NULL; c++) {
		tpmiot_buf_reset(&cell);
		if (row == NULL)
			tpmiot_buf_put_str(&cell, columns[c].title);
		else
			put_value(json_object_get(row, columns[c].key), false, &cell);
		if (cell.failed)
			out->failed = true;
		put_cell(&cell, widths[c], columns[c + 1].title == NULL, out);
	}
	tpmiot_buf_free(&cell);
}

static void
put_table(const json_t *rows, const struct ca_column *columns, struct tpmiot_buf *out)
{
	size_t widths[COLUMNS_MAX] = { 0 }, i;
	const json_t *row;

	measure(rows, columns, widths);
	put_row(NULL, columns, widths, out);
	json_array_foreach(rows, i, row) put_row(row, columns, widths, out);
}

static void
put_record(json_t *record, const char *indent, struct tpmiot_buf *out)
{
	const char *key;
	json_t *value, *item;
	size_t i;

	json_object_foreach(record, key, value)
	{
		tpmiot_buf_printf(out, "%s%s:", indent, key);
		if (json_is_array(value)) {
			tpmiot_buf_put_str(out, json_array_size(value) == 0 ? " -\n" : "\n");
			json_array_foreach(value, i, item)
			{
				put_record(item, "    ", out);
				if (i + 1 < json_array_size(value))
					tpmiot_buf_put_str(out, "\n");
			}
			continue;
		}
		/* A value of several lines (PEM) stands by itself. */
		tpmiot_buf_put_str(out,
		    json_is_string(value) && strchr(json_string_value(value), '\n') != NULL ? "\n"
		                                                                            : " ");
		put_value(value, true, out);
		tpmiot_buf_put_str(out, "\n");
	}
}

bool
ca_out_append(json_t **rows, json_t *row)
{
	if (json_array_append_new(*rows, row) == 0)
		return true;
	json_decref(*rows);
	*rows = NULL;
	return false;
}

static enum tpmiot_rc
flush(FILE *f, struct tpmiot_buf *text, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = tpmiot_buf_done(text, err);

	if (rc == TPMIOT_OK && (fwrite(text->data, 1, text->len, f) != text->len || fflush(f) != 0))
		rc = tpmiot_err_errno(err, "standard output");
	tpmiot_buf_free(text);
	return rc;
}

static void
put_json(const json_t *value, struct tpmiot_buf *out)
{
	char *text = json_dumps(value, JSON_INDENT(2));

	if (text == NULL)
		out->failed = true;
	else
		tpmiot_buf_printf(out, "%s\n", text);
	free(text);
}

enum tpmiot_rc
ca_out_rows(
    FILE *f, bool json, json_t *rows, const struct ca_column *columns, struct tpmiot_err *err)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;

	if (rows == NULL)
		return tpmiot_err_memory(err);
	if (json)
		put_json(rows, &text);
	else
		put_table(rows, columns, &text);
	json_decref(rows);
	return flush(f, &text, err);
}

enum tpmiot_rc
ca_out_record(FILE *f, bool json, json_t *record, struct tpmiot_err *err)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;

	if (record == NULL)
		return tpmiot_err_memory(err);
	if (json)
		put_json(record, &text);
	else
		put_record(record, "", &text);
	json_decref(record);
	return flush(f, &text, err);
}
