/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/http/limit.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#define BUCKETS 8192u /* a power of two; 128 KiB */

struct ca_limiter {
	int64_t per_minute;
	uint64_t seed[2];
	struct ca_bucket buckets[BUCKETS];
};

unsigned
ca_bucket_take(struct ca_bucket *bucket, int64_t per_minute, int64_t burst, int64_t now_ms)
{
	const double per_ms = (double)per_minute / 60000.0;

	if (now_ms > bucket->updated) {
		bucket->level -= (double)(now_ms - bucket->updated) * per_ms;
		if (bucket->level < 0)
			bucket->level = 0;
	}
	bucket->updated = now_ms;
	if (bucket->level + 1 > (double)burst)
		return 1 + (unsigned)((bucket->level + 1 - (double)burst) / per_ms / 1000.0);
	bucket->level += 1;
	return 0;
}

enum tpmiot_rc
ca_limiter_new(int64_t per_minute, struct ca_limiter **out, struct tpmiot_err *err)
{
	struct ca_limiter *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return tpmiot_err_memory(err);
	l->per_minute = per_minute;
	if (RAND_bytes((unsigned char *)l->seed, sizeof(l->seed)) != 1) {
		free(l);
		return tpmiot_err_crypto(err, "no random bytes");
	}
	*out = l;
	return TPMIOT_OK;
}

void
ca_limiter_free(struct ca_limiter **limiter)
{
	free(*limiter);
	*limiter = NULL;
}

void
ca_limiter_change(struct ca_limiter *limiter, int64_t per_minute)
{
	limiter->per_minute = per_minute;
}

/*
 * A keyed mix of the address' 64 leading bits. On [::] an IPv4 client comes as
 * ::ffff:a.b.c.d; by these bits all of them would be one.
 */
static size_t
slot(const struct ca_limiter *l, const char *host)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	uint8_t addr[16] = { 0 };
	uint64_t v;

	if (inet_pton(AF_INET6, host, addr) != 1)
		inet_pton(AF_INET, host, addr);
	else if (memcmp(addr, mapped, sizeof(mapped)) == 0)
		memmove(addr, addr + sizeof(mapped), sizeof(addr) - sizeof(mapped));
	memcpy(&v, addr, sizeof(v));
	for (size_t i = 0; i < 2; i++) {
		v = (v ^ l->seed[i]) * (l->seed[1 - i] | 1);
		v ^= v >> 32;
	}
	return (size_t)v & (BUCKETS - 1);
}

unsigned
ca_limiter_take(struct ca_limiter *limiter, const char *host, int64_t now_ms)
{
	if (limiter->per_minute == 0)
		return 0;
	/* A minute's worth at once: a factory's devices start together. */
	return ca_bucket_take(&limiter->buckets[slot(limiter, host)], limiter->per_minute,
	    limiter->per_minute, now_ms);
}
