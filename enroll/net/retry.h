/* SPDX-License-Identifier: Apache-2.0 */
/* When a request that failed is sent again: a network that is not up yet, a busy server. */
#ifndef ENROLL_RETRY_H
#define ENROLL_RETRY_H

#include "enroll/net/http.h"

#define ENROLL_RETRY_PATIENCE 30 /* seconds, unless --timeout says otherwise */

struct enroll_retry {
	int64_t until; /* by enroll_retry_now() */
	unsigned tries;
};

/* Seconds of a clock that nobody sets. */
int64_t enroll_retry_now(void);

/* patience: seconds in which to begin another try; 0: there is but one. */
void enroll_retry_start(struct enroll_retry *retry, int64_t patience);

/* Whether the status says that the server is busy, or that something in front of it cannot reach
 * it: 429, 500, 502, 503, 504. */
bool enroll_retry_is_passing(long status);

/*
 * After a request that came to rc and (if TPMIOT_OK) reply: seconds until the same makes sense
 * again, as the server says, else 1, 2, 4, 8, 16 and 16 again. 0: it does not, or not in time.
 */
unsigned enroll_retry_delay(
    struct enroll_retry *retry, enum tpmiot_rc rc, const struct enroll_http_reply *reply);

#endif
