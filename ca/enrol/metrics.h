/* SPDX-License-Identifier: Apache-2.0 */
/* What was asked, how it ended and how long it took, and that as text for Prometheus. */
#ifndef CA_METRICS_H
#define CA_METRICS_H

#include "ca/enrol/problem.h"
#include "ca/store/store.h"

/* By what a request asked for. */
enum ca_metrics_request {
	CA_METRICS_OTHER, /* a path that there is not */
	CA_METRICS_ATTEST,
	CA_METRICS_RENEW,
	CA_METRICS_ISSUE,
	CA_METRICS_CRL,
	CA_METRICS_DPS,
	CA_METRICS_REQUESTS /* how many there are */
};

#define CA_METRICS_BUCKETS 8

struct ca_metrics {
	uint64_t results[CA_METRICS_REQUESTS][CA_PROBLEM_TYPES];
	uint64_t within[CA_METRICS_REQUESTS][CA_METRICS_BUCKETS]; /* each bucket by itself */
	uint64_t count[CA_METRICS_REQUESTS];
	double seconds[CA_METRICS_REQUESTS];
};

void ca_metrics_count(struct ca_metrics *metrics, enum ca_metrics_request request,
    enum ca_problem_type result, double seconds);

/* What else is told; times are seconds since the epoch, 0: not known. */
struct ca_metrics_facts {
	struct ca_counts counts;
	int connections;
	uint64_t audit_left_out;
	int64_t started, reloaded;
	bool reload_ok; /* the last one, if there was one */
	int64_t ca_end, tls_end, crl_next_update;
};

/* Appends the Prometheus text format, version 0.0.4. */
void ca_metrics_put(
    const struct ca_metrics *metrics, const struct ca_metrics_facts *facts, struct tpmiot_buf *out);

#endif
