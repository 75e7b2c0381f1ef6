/* SPDX-License-Identifier: Apache-2.0 */
/* What monitoring is told: counters, histogram, health. */
#include "enrolkit.h"

#include "ca/enrol/metrics.h"

static void
ask(struct kit *kit, const char *method, const char *path, int64_t tls_end,
    struct ca_http_reply *out)
{
	const struct ca_http_request req = { .method = method, .path = path, .peer_host = "::1" };
	const struct ca_api_about about = {
		.connections = 3, .started = 5, .reload_ok = true, .tls_end = tls_end
	};

	tpmiot_buf_free(&out->body);
	*out = (struct ca_http_reply){ .status = 0 };
	ca_api_monitor(kit->api, &about, &req, out);
}

#define assert_says(reply, part)                                                                   \
	do {                                                                                       \
		if (strstr(tpmiot_buf_cstr(&(reply).body), part) == NULL)                          \
			fail_msg("lacks %s:\n%s", part, (char *)(reply).body.data);                \
	} while (0)

static void
test_metrics_put_histogram(void **state)
{
	struct ca_metrics m = { 0 };
	const struct ca_metrics_facts facts = { .counts = { .devices_blocked = 4 } };
	struct ca_http_reply r = { .status = 0 };

	(void)state;
	ca_metrics_count(&m, CA_METRICS_ISSUE, CA_PROBLEM_NONE, 0.0005);
	ca_metrics_count(&m, CA_METRICS_ISSUE, CA_PROBLEM_NONE, 0.003);
	ca_metrics_count(&m, CA_METRICS_ISSUE, CA_PROBLEM_CSR_INVALID, 99);
	ca_metrics_put(&m, &facts, &r.body);
	assert_says(r, "requests_total{request=\"issue\",result=\"ok\"} 2\n");
	assert_says(r, "requests_total{request=\"issue\",result=\"csr-invalid\"} 1\n");
	assert_says(r, "_bucket{request=\"issue\",le=\"0.001\"} 1\n");
	assert_says(r, "_bucket{request=\"issue\",le=\"0.0025\"} 1\n");
	assert_says(r, "_bucket{request=\"issue\",le=\"0.005\"} 2\n");
	assert_says(r, "_bucket{request=\"issue\",le=\"2.5\"} 2\n");
	assert_says(r, "_bucket{request=\"issue\",le=\"+Inf\"} 3\n");
	assert_says(r, "_count{request=\"issue\"} 3\n");
	assert_says(r, "devices{state=\"blocked\"} 4\n");
	assert_null(strstr((char *)r.body.data, "request=\"attest\""));
	assert_null(strstr((char *)r.body.data, "crl_next_update"));
	tpmiot_buf_free(&r.body);
}

static void
test_monitor_metrics(void **state)
{
	struct kit *kit = *state;
	struct kit_answer answer;
	struct ca_http_reply r = { .status = 0 };

	ask(kit, "GET", "/metrics", kit_now + 1, &r);
	assert_int_equal(r.status, 200);
	assert_says(r, "certificates{state=\"good\"} 0\n");
	kit_enrol(kit, &kit_a, NULL, &answer, NULL);
	kit_answer_free(&answer);
	ask(kit, "GET", "/metrics", kit_now + 1, &r);
	assert_says(r, "certificates{state=\"good\"} 1\n");
	assert_says(r, "devices{state=\"active\"} 1\n");
	assert_says(r, "tpmiot_ca_connections 3\n");
	assert_says(r, "requests_total{request=\"attest\",result=\"ok\"} 1\n");
	kit_sql(kit, "UPDATE certificates SET state = 1; UPDATE devices SET state = 1");
	ask(kit, "GET", "/metrics", kit_now + 1, &r);
	assert_says(r, "certificates{state=\"good\"} 0\n");
	assert_says(r, "certificates{state=\"revoked\"} 1\n");
	assert_says(r, "devices{state=\"blocked\"} 1\n");
	tpmiot_buf_free(&r.body);
}

static void
test_monitor_health(void **state)
{
	struct kit *kit = *state;
	struct ca_http_reply r = { .status = 0 };

	ask(kit, "GET", "/health", kit_now + 1, &r);
	assert_int_equal(r.status, 200);
	assert_string_equal(tpmiot_buf_cstr(&r.body), "ok\n");
	ask(kit, "GET", "/health", kit_now, &r);
	assert_int_equal(r.status, 503);
	assert_says(r, "the server's certificate has expired");
	kit_now += 20 * 365 * 86400LL;
	ask(kit, "GET", "/health", kit_now + 1, &r);
	assert_int_equal(r.status, 503);
	assert_says(r, "the CA's certificate has expired");
	kit_sql(kit, "DROP TABLE allow");
	ask(kit, "GET", "/health", kit_now + 1, &r);
	assert_int_equal(r.status, 503);
	assert_says(r, "no such table");
	tpmiot_buf_free(&r.body);
}

/* What cannot be written is seen by the next tick at the latest, and its end at once. */
static void
test_monitor_store(void **state)
{
	struct kit *kit = *state;
	struct ca_http_reply r = { .status = 0 };
	struct ca_store *other = NULL;
	struct tpmiot_err err;

	ca_store_group(kit->store);
	assert_ok(ca_store_open(kit->path, &other, &err));
	assert_ok(ca_store_begin(other, &err));
	ca_api_tick(kit->api);
	ask(kit, "GET", "/health", kit_now + 1, &r);
	assert_int_equal(r.status, 503);
	assert_says(r, "holds the store");
	ca_store_free(&other);
	ask(kit, "GET", "/health", kit_now + 1, &r);
	assert_int_equal(r.status, 200);
	ca_api_tick(kit->api);
	ask(kit, "GET", "/health", kit_now + 1, &r);
	assert_int_equal(r.status, 200);
	tpmiot_buf_free(&r.body);
}

static void
test_monitor_refuses(void **state)
{
	struct kit *kit = *state;
	struct ca_http_reply r = { .status = 0 };

	ask(kit, "GET", "/v1/crl", kit_now + 1, &r);
	assert_int_equal(r.status, 404);
	ask(kit, "POST", "/metrics", kit_now + 1, &r);
	assert_int_equal(r.status, 405);
	assert_string_equal(r.allow, "GET");
	tpmiot_buf_free(&r.body);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, kit_setup, kit_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_metrics_put_histogram),
		TEST(test_monitor_metrics),
		TEST(test_monitor_health),
		TEST(test_monitor_store),
		TEST(test_monitor_refuses),
	};

	return cmocka_run_group_tests_name(
	    "ca_monitor", tests, kit_group_setup, kit_group_teardown);
}
