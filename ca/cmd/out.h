/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the commands print. Rows are JSON objects whatever the form: --json
 * prints them whole, the table prints some of their members. What came from a
 * device or a certificate cannot reach the terminal as control characters.
 */
#ifndef CA_OUT_H
#define CA_OUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <tpmiot/err.h>

struct ca_column {
	const char *key;   /* the member */
	const char *title; /* "DEVICE"; NULL ends the columns */
};

/* An array of objects: a table, or JSON. Takes the reference to rows. */
TPMIOT_MUST_USE enum tpmiot_rc ca_out_rows(
    FILE *f, bool json, json_t *rows, const struct ca_column *columns, struct tpmiot_err *err);

/* One object: a line for each member (an array of objects is a list below it), or JSON. */
TPMIOT_MUST_USE enum tpmiot_rc ca_out_record(
    FILE *f, bool json, json_t *record, struct tpmiot_err *err);

/*
 * Appends a row, whose reference it takes. Out of memory: false, and *rows is
 * freed and NULL, which ca_out_rows() reports.
 */
bool ca_out_append(json_t **rows, json_t *row);

/* Values of members. Empty text is null; what is no UTF-8 becomes '?'. NULL: out of memory. */
json_t *ca_out_text(const char *text);
json_t *ca_out_time(int64_t time); /* RFC 3339, UTC; 0 is null */
json_t *ca_out_hex(const void *data, size_t len);

#endif
