/* SPDX-License-Identifier: Apache-2.0 */
/* Memory from libcrypto's functions, which the module uses too: counted, or refused. */
#ifndef TEST_PROVIDER_MEMORY_H
#define TEST_PROVIDER_MEMORY_H

#include <stdbool.h>

/* Before libcrypto allocates anything; false if that is over. */
bool memory_watch(void);

/*
 * Allocations that were not freed. What libcrypto keeps for this thread is freed first: texts of
 * errors and, since OpenSSL 4.0, a table that grows with each library context.
 */
long memory_outstanding(void);

/*
 * From now on the n-th allocation by our own code (1 is the next) is refused, and with
 * `for_good` all after it. 0: none is.
 */
void memory_refuse(unsigned long n, bool for_good);
/* Whether it came to that. */
bool memory_refused(void);

#endif
