/* SPDX-License-Identifier: Apache-2.0 */
/* What the CA's unit tests share: cmocka in its order, and a scratch directory. */
#ifndef CA_TEST_H
#define CA_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <tpmiot/err.h>

/* The error's own text when it was not expected. */
#define assert_ok(call)                                                                            \
	do {                                                                                       \
		enum tpmiot_rc rc_ = (call);                                                       \
		if (rc_ != TPMIOT_OK)                                                              \
			fail_msg("%s: %d %s", #call, (int)rc_, err.text);                          \
	} while (0)

#define assert_fails(call, code, part)                                                             \
	do {                                                                                       \
		assert_int_equal((call), (code));                                                  \
		if (strstr(err.text, (part)) == NULL)                                              \
			fail_msg("%s: \"%s\" lacks \"%s\"", #call, err.text, part);                \
	} while (0)

static inline void
scratch_make(char dir[64])
{
	strcpy(dir, "/tmp/tpmiot-ca-test.XXXXXX");
	assert_non_null(mkdtemp(dir));
}

static inline void
scratch_path(const char *dir, const char *name, char out[128])
{
	snprintf(out, 128, "%.63s/%.60s", dir, name);
}

static inline void
scratch_write(const char *dir, const char *name, const char *text)
{
	char path[128];
	FILE *f;

	scratch_path(dir, name, path);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* Names that tests make; what else is there is left, and seen. */
static inline void
scratch_remove(const char *dir)
{
	static const char *const names[] = { "store.db", "store.db-wal", "store.db-shm",
		"tpmiot-ca.conf", "a", "b", NULL };
	char path[128];

	for (int i = 0; names[i] != NULL; i++) {
		scratch_path(dir, names[i], path);
		(void)unlink(path);
	}
	(void)rmdir(dir);
}

#endif
