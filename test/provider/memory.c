/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

static long outstanding;

static unsigned long countdown; /* 0: nothing is refused */
static bool refuse_all, refused;

void
memory_refuse(unsigned long n, bool for_good)
{
	countdown = n;
	refuse_all = for_good;
	refused = false;
}

bool
memory_refused(void)
{
	return refused;
}

/* libcrypto's are ../crypto/… and ../providers/…: what it does without memory is its own affair. */
static bool
is_ours(const char *file)
{
	return file != NULL &&
	       (strstr(file, "provider/") != NULL || strstr(file, "tpm/") != NULL ||
	           strncmp(file, "../lib/", 7) == 0 || strncmp(file, "lib/", 4) == 0);
}

static bool
refuses(const char *file)
{
	if (countdown == 0 || !is_ours(file))
		return false;
	if (countdown > 1) {
		countdown--;
		return false;
	}
	if (refused && !refuse_all)
		return false;
	refused = true;
	return true;
}

static void *
watched_malloc(size_t n, const char *file, int line)
{
	void *p = refuses(file) ? NULL : malloc(n);

	(void)line;
	outstanding += p != NULL;
	return p;
}

static void *
watched_realloc(void *old, size_t n, const char *file, int line)
{
	void *p;

	(void)line;
	if (refuses(file))
		return NULL;
	p = realloc(old, n);
	outstanding += old == NULL && p != NULL;
	return p;
}

static void
watched_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	outstanding -= p != NULL;
	free(p);
}

bool
memory_watch(void)
{
	return CRYPTO_set_mem_functions(watched_malloc, watched_realloc, watched_free) == 1;
}

long
memory_outstanding(void)
{
	OPENSSL_thread_stop();
	return outstanding;
}
