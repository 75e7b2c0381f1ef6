/* SPDX-License-Identifier: Apache-2.0 */
/* What the unit tests share: cmocka with what it needs, and the files in test/vectors. */
#ifndef TPMIOT_TEST_UNIT_H
#define TPMIOT_TEST_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tpmiot/buf.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Fails with the error's text, which says more than a number. */
static inline void
assert_ok(enum tpmiot_rc rc, const struct tpmiot_err *err)
{
	if (rc != TPMIOT_OK)
		fail_msg("unexpected error %d: %s", (int)rc, err->text);
}

/* A refusal: the code, in both places, and a word that its text must have. */
static inline void
assert_refused(
    enum tpmiot_rc rc, enum tpmiot_rc expected, const struct tpmiot_err *err, const char *word)
{
	assert_int_equal(rc, expected);
	assert_int_equal(err->rc, expected);
	if (strstr(err->text, word) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err->text, word);
}

/* Appends the file test/vectors/NAME. */
static inline void
read_vector(const char *name, struct tpmiot_buf *out)
{
	const char *srcdir = getenv("srcdir"); /* set by Automake's test driver */
	char path[1024], chunk[4096];
	size_t len;
	FILE *file;

	(void)snprintf(
	    path, sizeof(path), "%s/test/vectors/%s", srcdir != NULL ? srcdir : ".", name);
	file = fopen(path, "rb");
	if (file == NULL)
		fail_msg("cannot open %s", path);
	while ((len = fread(chunk, 1, sizeof(chunk), file)) != 0)
		tpmiot_buf_put(out, chunk, len);
	(void)fclose(file);
	assert_int_not_equal(out->len, 0);
}

static inline void
put_file(const char *file, const char *content)
{
	FILE *out = fopen(file, "w");

	assert_non_null(out);
	assert_true(fputs(content, out) >= 0);
	assert_int_equal(fclose(out), 0);
}

/*
 * An exact copy on the heap, so that the sanitizers see a parser that reads one
 * byte too far. Free it with free().
 */
static inline uint8_t *
exact_copy(const void *data, size_t len)
{
	uint8_t *copy = malloc(len != 0 ? len : 1);

	assert_non_null(copy);
	if (len != 0)
		memcpy(copy, data, len);
	return copy;
}

#endif
