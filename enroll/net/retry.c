/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/net/retry.h"

#include <time.h>

#define LONGEST_STEP 4 /* 16 seconds */

int64_t
enroll_retry_now(void)
{
	struct timespec now = { 0, 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

void
enroll_retry_start(struct enroll_retry *retry, int64_t patience)
{
	retry->until = enroll_retry_now() + patience;
	retry->tries = 0;
}

bool
enroll_retry_is_passing(long status)
{
	return status == 429 || status == 500 || (status >= 502 && status <= 504);
}

unsigned
enroll_retry_delay(
    struct enroll_retry *retry, enum tpmiot_rc rc, const struct enroll_http_reply *reply)
{
	const unsigned step = retry->tries < LONGEST_STEP ? retry->tries : LONGEST_STEP;
	unsigned delay = 1u << step;

	retry->tries++;
	if (rc != TPMIOT_E_NET && (rc != TPMIOT_OK || !enroll_retry_is_passing(reply->status)))
		return 0;
	if (rc == TPMIOT_OK && reply->retry_after > 0)
		delay = reply->retry_after;
	return enroll_retry_now() + delay <= retry->until ? delay : 0;
}
