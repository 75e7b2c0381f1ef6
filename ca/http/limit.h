/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Token buckets: how often something may happen. Per address in a table of
 * fixed size: an address is hashed (keyed, so that nobody can choose his
 * neighbour) to a bucket, and addresses that meet in one share it. Memory is
 * bounded whatever comes, and there is nothing to evict.
 */
#ifndef CA_LIMIT_H
#define CA_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include <tpmiot/err.h>

struct ca_bucket {
	double level;    /* what was used, running off by `rate` */
	int64_t updated; /* milliseconds */
};

/*
 * Takes one from a bucket that holds `burst` and refills with `per_minute`.
 * Returns 0, or the seconds to wait until there is one.
 */
unsigned ca_bucket_take(
    struct ca_bucket *bucket, int64_t per_minute, int64_t burst, int64_t now_ms);

struct ca_limiter;

/* per_minute 0: no limit. */
TPMIOT_MUST_USE enum tpmiot_rc ca_limiter_new(
    int64_t per_minute, struct ca_limiter **out, struct tpmiot_err *err);
void ca_limiter_free(struct ca_limiter **limiter);
/* Another limit from now on; what was used stays used. */
void ca_limiter_change(struct ca_limiter *limiter, int64_t per_minute);

/*
 * One request from `host`, a numeric address without port; an IPv6 address
 * counts by its /64. Returns 0, or the seconds to wait.
 */
unsigned ca_limiter_take(struct ca_limiter *limiter, const char *host, int64_t now_ms);

#endif
