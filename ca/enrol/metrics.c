/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h> /* Autoconf's */

#include "ca/enrol/metrics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static const char *const requests[CA_METRICS_REQUESTS] = { "other", "attest", "renew", "issue",
	"crl", "register" };

/* Seconds. A first step is a signature's worth of work; a second one waits for the disk. */
static const double bounds[CA_METRICS_BUCKETS] = { 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5,
	2.5 };

void
ca_metrics_count(struct ca_metrics *metrics, enum ca_metrics_request request,
    enum ca_problem_type result, double seconds)
{
	metrics->results[request][result]++;
	metrics->count[request]++;
	metrics->seconds[request] += seconds;
	for (size_t i = 0; i < CA_METRICS_BUCKETS; i++) {
		if (seconds <= bounds[i]) {
			metrics->within[request][i]++;
			return;
		}
	}
}

static void
head(struct tpmiot_buf *out, const char *name, const char *type, const char *help)
{
	tpmiot_buf_printf(
	    out, "# HELP tpmiot_ca_%s %s\n# TYPE tpmiot_ca_%s %s\n", name, help, name, type);
}

static void
gauge(struct tpmiot_buf *out, const char *name, const char *help, int64_t value)
{
	head(out, name, "gauge", help);
	tpmiot_buf_printf(out, "tpmiot_ca_%s %" PRId64 "\n", name, value);
}

static void
put_results(const struct ca_metrics *m, struct tpmiot_buf *out)
{
	head(out, "requests_total", "counter",
	    "Requests by what they asked for and how they ended.");
	for (size_t r = 0; r < CA_METRICS_REQUESTS; r++)
		for (size_t t = 0; t < CA_PROBLEM_TYPES; t++)
			if (m->results[r][t] > 0)
				tpmiot_buf_printf(out,
				    "tpmiot_ca_requests_total{request=\"%s\",result=\"%s\"} "
				    "%" PRIu64 "\n",
				    requests[r], ca_problem_name((enum ca_problem_type)t),
				    m->results[r][t]);
}

static void
put_durations(const struct ca_metrics *m, struct tpmiot_buf *out)
{
	static const char name[] = "tpmiot_ca_request_duration_seconds";

	head(out, "request_duration_seconds", "histogram", "Time until the reply was ready.");
	for (size_t r = 0; r < CA_METRICS_REQUESTS; r++) {
		uint64_t sum = 0;

		if (m->count[r] == 0)
			continue;
		for (size_t i = 0; i < CA_METRICS_BUCKETS; i++) {
			sum += m->within[r][i];
			tpmiot_buf_printf(out, "%s_bucket{request=\"%s\",le=\"%g\"} %" PRIu64 "\n",
			    name, requests[r], bounds[i], sum);
		}
		tpmiot_buf_printf(out,
		    "%s_bucket{request=\"%s\",le=\"+Inf\"} %" PRIu64 "\n"
		    "%s_sum{request=\"%s\"} %.6f\n%s_count{request=\"%s\"} %" PRIu64 "\n",
		    name, requests[r], m->count[r], name, requests[r], m->seconds[r], name,
		    requests[r], m->count[r]);
	}
}

static void
put_counts(const struct ca_counts *c, struct tpmiot_buf *out)
{
	head(out, "devices", "gauge", "Devices that enrolled.");
	tpmiot_buf_printf(out,
	    "tpmiot_ca_devices{state=\"active\"} %" PRId64
	    "\ntpmiot_ca_devices{state=\"blocked\"} %" PRId64 "\n",
	    c->devices_active, c->devices_blocked);
	head(out, "certificates", "gauge", "Certificates that have not ended.");
	tpmiot_buf_printf(out,
	    "tpmiot_ca_certificates{state=\"good\"} %" PRId64
	    "\ntpmiot_ca_certificates{state=\"revoked\"} %" PRId64 "\n",
	    c->certs_good, c->certs_revoked);
	gauge(out, "allow_list_entries", "EKs on the allow-list.", c->allowed);
}

static void
put_ends(const struct ca_metrics_facts *f, struct tpmiot_buf *out)
{
	head(out, "certificate_end_seconds", "gauge", "When the CA's own certificates end.");
	tpmiot_buf_printf(out,
	    "tpmiot_ca_certificate_end_seconds{certificate=\"ca\"} %" PRId64
	    "\ntpmiot_ca_certificate_end_seconds{certificate=\"tls\"} %" PRId64 "\n",
	    f->ca_end, f->tls_end);
	if (f->crl_next_update != 0)
		gauge(out, "crl_next_update_seconds",
		    "When the revocation list that was made last ends.", f->crl_next_update);
}

void
ca_metrics_put(
    const struct ca_metrics *metrics, const struct ca_metrics_facts *facts, struct tpmiot_buf *out)
{
	head(out, "build_info", "gauge", "Which tpmiot-ca this is.");
	tpmiot_buf_put_str(out, "tpmiot_ca_build_info{version=\"" PACKAGE_VERSION "\"} 1\n");
	gauge(out, "start_time_seconds", "When the server was started.", facts->started);
	gauge(out, "reload_time_seconds", "When the configuration was last to be read anew.",
	    facts->reloaded);
	gauge(out, "reload_ok", "Whether that went well; 0: the one before is in force.",
	    facts->reload_ok);
	put_results(metrics, out);
	put_durations(metrics, out);
	gauge(out, "connections", "Connections that are open.", facts->connections);
	head(out, "audit_left_out", "gauge",
	    "Refusals since the last entry of the audit log that it has not: too many, or the "
	    "store "
	    "could not be written.");
	tpmiot_buf_printf(out, "tpmiot_ca_audit_left_out %" PRIu64 "\n", facts->audit_left_out);
	put_counts(&facts->counts, out);
	put_ends(facts, out);
}
