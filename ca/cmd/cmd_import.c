/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tpmiot-ca allow import: an allow-list as a factory delivers it, all or nothing. CSV (RFC 4180),
 * and each record is one line.
 */
#include "ca/cmd/cli.h"

#include <string.h>

#include "ca/cmd/ekarg.h"
#include "ca/file.h"

#define FILE_MAX (64 * 1024 * 1024)
#define COLUMNS_MAX 16
#define BOM "\xef\xbb\xbf" /* spreadsheets write it in front of UTF-8 */

enum column { EK, DEVICE_ID, GROUP, SERIAL_NUMBER, MODEL, NOTE, COLUMNS };

static const char *const names[COLUMNS] = { "ek", "device_id", "group", "serial_number", "model",
	"note" };

struct import {
	struct ca_cli *cli;
	struct ca_config config;
	int at[COLUMNS]; /* which cell of a line; -1: no such column */
	int columns;     /* how many the first line has */
	int64_t added, known;
};

/* ---- CSV ---------------------------------------------------------------------------- */

/* One line, taken apart in place. */
struct line {
	char *cells[COLUMNS_MAX];
	int n;
};

/* The cell at **p; *p is then behind its comma, or NULL. False: a quote that is not closed. */
static bool
take_cell(char **p, char **out)
{
	char *from = *p, *to = *p;
	const bool quoted = *from == '"';

	*out = to;
	if (quoted) {
		for (from++; *from != '\0' && (from[0] != '"' || from[1] == '"'); from++) {
			if (*from == '"')
				from++;
			*to++ = *from;
		}
		if (*from++ != '"')
			return false;
	}
	while (!quoted && *from != '\0' && *from != ',')
		*to++ = *from++;
	if (*from != '\0' && *from != ',')
		return false;
	*p = *from == ',' ? from + 1 : NULL;
	*to = '\0';
	return true;
}

static bool
take_line(char *text, struct line *out)
{
	char *p = text;

	out->n = 0;
	while (p != NULL) {
		if (out->n == COLUMNS_MAX || !take_cell(&p, &out->cells[out->n]))
			return false;
		out->n++;
	}
	return true;
}

/* ---- Lines -------------------------------------------------------------------------- */

static enum tpmiot_rc
read_header(struct import *im, const struct line *line, struct tpmiot_err *err)
{
	for (int c = 0; c < COLUMNS; c++)
		im->at[c] = -1;
	im->columns = line->n;
	for (int i = 0; i < line->n; i++) {
		int c = 0;

		while (c < COLUMNS && strcmp(names[c], line->cells[i]) != 0)
			c++;
		if (c == COLUMNS)
			return tpmiot_err_set(err, TPMIOT_E_FORMAT,
			    "there is no column \"%.40s\"; there are ek, device_id, group, "
			    "serial_number, model, note",
			    line->cells[i]);
		if (im->at[c] >= 0)
			return tpmiot_err_set(
			    err, TPMIOT_E_FORMAT, "the column \"%s\" is there twice", names[c]);
		im->at[c] = i;
	}
	return im->at[EK] >= 0
	           ? TPMIOT_OK
	           : tpmiot_err_set(err, TPMIOT_E_FORMAT,
	                 "the first line has to name the columns, and \"ek\" is not there");
}

static const char *
cell(const struct import *im, const struct line *line, enum column c)
{
	return im->at[c] >= 0 && im->at[c] < line->n ? line->cells[im->at[c]] : "";
}

static enum tpmiot_rc
read_entry(
    const struct import *im, const struct line *line, struct ca_allow *out, struct tpmiot_err *err)
{
	const char *id = cell(im, line, DEVICE_ID);
	struct ca_group group;
	enum tpmiot_rc rc;

	if ((rc = ca_ekarg_parse(cell(im, line, EK), out->ek_spki, err)) != TPMIOT_OK ||
	    (rc = ca_cli_device_id(id[0] != '\0' ? id : NULL, out->device_id, err)) != TPMIOT_OK ||
	    (rc = ca_cli_text("group", cell(im, line, GROUP), out->group, sizeof(out->group),
	         err)) != TPMIOT_OK ||
	    (rc = ca_cli_text("serial-number", cell(im, line, SERIAL_NUMBER), out->serial_number,
	         sizeof(out->serial_number), err)) != TPMIOT_OK ||
	    (rc = ca_cli_text("model", cell(im, line, MODEL), out->model, sizeof(out->model),
	         err)) != TPMIOT_OK ||
	    (rc = ca_cli_text("note", cell(im, line, NOTE), out->note, sizeof(out->note), err)) !=
	        TPMIOT_OK)
		return rc;
	if (!ca_config_group(&im->config, out->group, &group))
		return tpmiot_err_set(err, TPMIOT_E_FORMAT, "there is no [group %s]", out->group);
	return TPMIOT_OK;
}

static enum tpmiot_rc
import_line(struct import *im, int64_t n, char *text, bool header, struct tpmiot_err *err)
{
	struct ca_allow allow = { .added = 0 };
	struct line line;
	enum tpmiot_rc rc;
	bool known = false;

	if (!take_line(text, &line))
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "not CSV: quotes that do not close in this line, or too many columns");
	if (header)
		return read_header(im, &line, err);
	if (line.n > im->columns)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "more cells than the first line has columns: a cell with a comma in it stands "
		    "in "
		    "quotes");
	rc = read_entry(im, &line, &allow, err);
	if (rc == TPMIOT_OK)
		rc = ca_allow_stage(im->cli->store, n, &allow, &known, err);
	im->known += known;
	return rc;
}

/* Which line it is about. What would be a wrong option is a wrong file here. */
static enum tpmiot_rc
name_line(const char *path, int64_t n, struct tpmiot_err *err)
{
	(void)tpmiot_err_prefix(err, "%s, line %lld", path, (long long)n);
	if (err->rc == TPMIOT_E_USAGE)
		err->rc = TPMIOT_E_FORMAT;
	return err->rc;
}

static enum tpmiot_rc
import_text(struct import *im, char *text, const char *path, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = TPMIOT_OK;
	bool header = true;

	if (strncmp(text, BOM, strlen(BOM)) == 0)
		text += strlen(BOM);
	for (int64_t n = 1; text != NULL && rc == TPMIOT_OK; n++) {
		char *end = strchr(text, '\n'), *next = end != NULL ? end + 1 : NULL;

		if (end == NULL)
			end = text + strlen(text);
		if (end > text && end[-1] == '\r')
			end--;
		*end = '\0';
		if (text[0] != '\0') {
			rc = import_line(im, n, text, header, err);
			header = false;
		}
		if (rc != TPMIOT_OK)
			rc = name_line(path, n, err);
		text = next;
	}
	return rc;
}

/* The store is held for no longer than this takes. */
static enum tpmiot_rc
add_all(struct import *im, const char *path, struct tpmiot_err *err)
{
	struct ca_allow_added done;
	struct ca_audit entry;
	enum tpmiot_rc rc = ca_store_begin(im->cli->store, err);

	if (rc != TPMIOT_OK)
		return rc;
	ca_cli_audit_entry(im->cli, &entry);
	rc = ca_allow_add_staged(im->cli->store, &entry, &done, err);
	if (rc == TPMIOT_E_CONFLICT)
		rc = name_line(path, done.line, err);
	im->added = done.added;
	im->known += done.known;
	return ca_cli_end(im->cli, rc, err);
}

static enum tpmiot_rc
import(struct import *im, const char *path, struct tpmiot_err *err)
{
	struct tpmiot_buf data = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc = ca_file_read(path, FILE_MAX, &data, err);

	if (rc == TPMIOT_OK && tpmiot_buf_cstr(&data) == NULL)
		rc = tpmiot_err_memory(err);
	if (rc == TPMIOT_OK && strlen((char *)data.data) != data.len)
		rc = tpmiot_err_set(err, TPMIOT_E_FORMAT, "%s: not a text file", path);
	if (rc == TPMIOT_OK)
		rc = ca_allow_stage_start(im->cli->store, err);
	if (rc == TPMIOT_OK)
		rc = import_text(im, (char *)data.data, path, err);
	if (rc == TPMIOT_OK)
		rc = add_all(im, path, err);
	tpmiot_buf_free(&data);
	return rc;
}

enum tpmiot_rc
ca_cmd_allow_import(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	struct import im = { .cli = cli };
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, NULL, 1, 1, &first, err);

	if (rc == TPMIOT_OK)
		rc = ca_cli_config(cli, &im.config, err);
	if (rc != TPMIOT_OK)
		return rc;
	rc = ca_cli_store(cli, err);
	if (rc == TPMIOT_OK)
		rc = import(&im, argv[first], err);
	ca_config_free(&im.config);
	if (rc == TPMIOT_OK)
		rc = ca_out_record(stdout, cli->json,
		    json_pack("{s:I, s:I}", "added", (json_int_t)im.added, "already_listed",
		        (json_int_t)im.known),
		    err);
	return rc;
}
