/* SPDX-License-Identifier: Apache-2.0 */
/* To be preloaded: time(2) is TEST_CLOCK_OFFSET seconds ahead (or, negative, behind). */
#include <stdlib.h>
#include <time.h>

__attribute__((visibility("default"))) time_t
time(time_t *out)
{
	const char *offset = getenv("TEST_CLOCK_OFFSET");
	struct timespec now;
	time_t t;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	t = now.tv_sec + (offset != NULL ? atol(offset) : 0);
	if (out != NULL)
		*out = t;
	return t;
}
