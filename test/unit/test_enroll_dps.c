/* SPDX-License-Identifier: Apache-2.0 */
/* A provisioning service's messages, and what a hostile one may answer; the record of a
 * registration. */
#include <unistd.h>

#include <jansson.h>

#include <tpmiot/template.h>

#include "enroll/dps/record.h"
#include "enroll/dps/wire.h"
#include "unit.h"

#define STATE(hub, id, key)                                                                        \
	"{\"status\":\"assigned\",\"operationId\":\"4.x.1\",\"registrationState\":{"               \
	"\"assignedHub\":\"" hub "\",\"deviceId\":\"" id                                           \
	"\",\"tpm\":{\"authenticationKey\":\"" key "\"},\"payload\":[1]}}"

static struct tpmiot_bytes
text(const char *str)
{
	return (struct tpmiot_bytes){ str, strlen(str) };
}

/* ---- Written ------------------------------------------------------------------------------ */

static void
make_public(struct tpmiot_public *out)
{
	struct tpmiot_err err;
	TPMT_PUBLIC area;

	tpmiot_template_srk_ecc(&area);
	assert_ok(tpmiot_public_from_area(NULL, &area, out, &err), &err);
}

/* Whom Microsoft's service gets to know is nobody but the two keys; ours is told more. */
static void
test_put_request(void **state)
{
	struct tpmiot_public pub;
	struct enroll_dps_request msg = { .id = "Dev_1.a:b", .ek = &pub, .srk = &pub };
	struct tpmiot_buf body = TPMIOT_BUF_INIT;
	struct tpmiot_err err;
	json_t *root;

	(void)state;
	make_public(&pub);
	assert_ok(enroll_dps_put_request(&msg, &body, &err), &err);
	root = json_loadb((char *)body.data, body.len, JSON_REJECT_DUPLICATES, NULL);
	assert_int_equal(json_object_size(root), 2);
	assert_string_equal(
	    json_string_value(json_object_get(root, "registrationId")), "Dev_1.a:b");
	assert_int_equal(json_object_size(json_object_get(root, "tpm")), 2);
	json_decref(root);
	tpmiot_buf_reset(&body);
	msg.join_token = "token";
	msg.ek_cert = (struct tpmiot_bytes){ "\0\1", 2 };
	assert_ok(enroll_dps_put_request(&msg, &body, &err), &err);
	root = json_loadb((char *)body.data, body.len, JSON_REJECT_DUPLICATES, NULL);
	assert_string_equal(
	    json_string_value(json_object_get(json_object_get(root, "tpmiot"), "ekCertificate")),
	    "AAE=");
	assert_string_equal(
	    json_string_value(json_object_get(json_object_get(root, "tpmiot"), "joinToken")),
	    "token");
	json_decref(root);
	tpmiot_buf_free(&body);
}

static void
test_names(void **state)
{
	struct tpmiot_buf path = TPMIOT_BUF_INIT;

	(void)state;
	enroll_dps_put_path("0ne", "Dev_1.a:b", NULL, &path);
	assert_string_equal(
	    tpmiot_buf_cstr(&path), "/0ne/registrations/Dev_1.a:b/register?api-version=2019-03-31");
	tpmiot_buf_reset(&path);
	enroll_dps_put_path("0ne", "d", "4.x.1", &path);
	assert_string_equal(
	    tpmiot_buf_cstr(&path), "/0ne/registrations/d/operations/4.x.1?api-version=2019-03-31");
	tpmiot_buf_free(&path);
	assert_true(enroll_dps_id_valid("Dev_1.a:b-"));
	assert_false(enroll_dps_id_valid(""));
	assert_false(enroll_dps_id_valid("a/b"));
	assert_false(enroll_dps_id_valid("a?b"));
	assert_true(enroll_dps_is_microsofts("https://global.azure-devices-provisioning.net"));
	assert_true(enroll_dps_is_microsofts("https://x.AZURE-devices-provisioning.us:443/y"));
	assert_false(enroll_dps_is_microsofts("https://azure-devices-provisioning.net.evil.com"));
	assert_false(enroll_dps_is_microsofts("https://evilazure-devices-provisioning.net"));
	assert_false(enroll_dps_is_microsofts("https://localhost:8443"));
}

/* ---- Read ---------------------------------------------------------------------------------- */

static void
test_parse_challenge(void **state)
{
	static const char *const bad[] = { "", "{}", "[]", "{\"authenticationKey\":1}",
		"{\"authenticationKey\":\"\"}", "{\"authenticationKey\":\"!\"}",
		"{\"authenticationKey\":\"AAE\"}", "{\"authenticationKey\":\"AAE=\"} x",
		"{\"authenticationKey\":\"AAE=\",\"authenticationKey\":\"AAE=\"}",
		"{\"authenticationkey\":\"AAE=\"}" };
	struct tpmiot_buf key = TPMIOT_BUF_INIT;
	struct tpmiot_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (enroll_dps_parse_challenge(text(bad[i]), &key, &err) != TPMIOT_E_FORMAT)
			fail_msg("accepted: %s", bad[i]);
	assert_int_equal(key.len, 0);
	assert_ok(enroll_dps_parse_challenge(
	              text("{\"message\":\"x\",\"authenticationKey\":\"AAE=\",\"keyName\":\"r\"}"),
	              &key, &err),
	    &err);
	assert_int_equal(key.len, 2);
	tpmiot_buf_free(&key);
}

static void
test_parse_assigned(void **state)
{
	static const struct {
		const char *json, *why;
	} bad[] = {
		{ STATE("", "d", "AAE="), "assignedHub" },
		{ STATE("h/x", "d", "AAE="), "assignedHub" },
		{ STATE("h\\n", "d", "AAE="), "assignedHub" },
		{ STATE("h\\u0000x", "d", "AAE="), "no JSON" },
		{ STATE("h", "", "AAE="), "deviceId" },
		{ STATE("h", "a/b", "AAE="), "deviceId" },
		{ STATE("h", "a\\\"b", "AAE="), "deviceId" },
		{ STATE("h", "d", ""), "authenticationKey" },
		{ STATE("h", "d", "A"), "authenticationKey" },
		{ "{\"status\":\"assigned\"}", "assignedHub" },
		{ "{\"status\":\"assigned\",\"registrationState\":[]}", "assignedHub" },
		{ "{\"status\":\"assigned\",\"registrationState\":{\"assignedHub\":\"h\","
		  "\"deviceId\":\"d\"}}",
		    "authenticationKey" },
	};
	struct enroll_dps_answer answer = { .key = TPMIOT_BUF_INIT };
	struct tpmiot_buf big = TPMIOT_BUF_INIT;
	struct tpmiot_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_refused(enroll_dps_parse_answer(text(bad[i].json), &answer, &err),
		    TPMIOT_E_FORMAT, &err, bad[i].why);
	/* One letter more than a host's name can have, and the most. */
	for (int n = ENROLL_DPS_HUB_MAX + 1; n >= ENROLL_DPS_HUB_MAX; n--) {
		tpmiot_buf_reset(&big);
		tpmiot_buf_put_str(&big,
		    "{\"status\":\"assigned\",\"registrationState\":{\"deviceId\":\"d\","
		    "\"tpm\":{\"authenticationKey\":\"AAE=\"},\"assignedHub\":\"");
		for (int i = 0; i < n; i++)
			tpmiot_buf_put_u8(&big, 'h');
		tpmiot_buf_put_str(&big, "\"}}");
		assert_int_equal(
		    enroll_dps_parse_answer(text(tpmiot_buf_cstr(&big)), &answer, &err),
		    n > ENROLL_DPS_HUB_MAX ? TPMIOT_E_FORMAT : TPMIOT_OK);
	}
	assert_ok(enroll_dps_parse_answer(
	              text(STATE("hub.example.net", "it's!*(%41)", "AAE=")), &answer, &err),
	    &err);
	assert_int_equal(answer.status, ENROLL_DPS_ASSIGNED);
	assert_string_equal(answer.hub, "hub.example.net");
	assert_string_equal(answer.device_id, "it's!*(%41)");
	assert_int_equal(answer.key.len, 2);
	enroll_dps_answer_free(&answer);
	tpmiot_buf_free(&big);
}

static void
test_parse_others(void **state)
{
	static const char *const bad[] = { "{}", "{\"status\":7}", "{\"status\":\"\"}",
		"{\"status\":\"Assigned\",\"operationId\":\"x\"}", "{\"status\":\"assigning\"}",
		"{\"status\":\"assigning\",\"operationId\":\"../x\"}",
		"{\"status\":\"assigning\",\"operationId\":\"x?y\"}",
		"{\"status\":\"assigning\",\"operationId\":\"x%2fy\"}",
		"{\"status\":\"assigning\",\"operationId\":\"\"}" };
	struct enroll_dps_answer answer = { .key = TPMIOT_BUF_INIT };
	struct tpmiot_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (enroll_dps_parse_answer(text(bad[i]), &answer, &err) != TPMIOT_E_FORMAT)
			fail_msg("accepted: %s", bad[i]);
	assert_ok(
	    enroll_dps_parse_answer(
	        text("{\"status\":\"assigning\",\"operationId\":\"4.a-b.1\"}"), &answer, &err),
	    &err);
	assert_int_equal(answer.status, ENROLL_DPS_ASSIGNING);
	assert_string_equal(answer.operation, "4.a-b.1");
	assert_ok(enroll_dps_parse_answer(
	              text("{\"status\":\"failed\",\"registrationState\":{\"errorCode\":400209,"
	                   "\"errorMessage\":\"no\\u001b[2J\"}}"),
	              &answer, &err),
	    &err);
	assert_int_equal(answer.status, ENROLL_DPS_FAILED);
	assert_string_equal(answer.reason, "no?[2J [400209]");
	assert_ok(enroll_dps_parse_answer(text("{\"status\":\"disabled\"}"), &answer, &err), &err);
	assert_string_equal(answer.reason, "no reason given [0]");
	enroll_dps_answer_free(&answer);
}

static void
test_parse_refusal(void **state)
{
	struct enroll_dps_refusal refusal;

	(void)state;
	enroll_dps_parse_refusal(text("{\"errorCode\":403000,\"message\":\"not \\u00e9 listed\","
	                              "\"info\":{\"type\":\"x\",\"next\":\"list\\nit\"}}"),
	    &refusal);
	assert_string_equal(refusal.reason, "not ?? listed [403000]");
	assert_string_equal(refusal.next, "list?it");
	enroll_dps_parse_refusal(text("{\"info\":\"x\"}"), &refusal);
	assert_string_equal(refusal.reason, "no reason given [0]");
	assert_string_equal(refusal.next, "");
	enroll_dps_parse_refusal(text("<html>"), &refusal);
	assert_string_equal(refusal.next, "");
}

/* ---- Kept ---------------------------------------------------------------------------------- */

static void
test_record(void **state)
{
	static const char *const bad[] = { "", "{", "[]", "{}",
		"{\"server\":\"s\",\"ek\":\"L-1\",\"id_scope\":\"0\",\"registration_id\":\"r\","
		"\"hub\":\"h\","
		"\"device_id\":\"d\",\"assigned\":1,\"key\":\"0\"}",
		"{\"server\":\"s\",\"ek\":\"L-1\",\"id_scope\":\"0\",\"registration_id\":\"r\","
		"\"hub\":\"h\","
		"\"device_id\":\"d\",\"assigned\":1,\"key\":\"xy\"}",
		"{\"server\":\"s\",\"ek\":\"L-1\",\"id_scope\":\"0\",\"registration_id\":\"r\","
		"\"hub\":1,"
		"\"device_id\":\"d\",\"assigned\":1,\"key\":\"00\"}" };
	char dir[] = "/tmp/tpmiot-dps.XXXXXX", file[64];
	struct enroll_dps_record record = { .server = "https://ca",
		.ek = "L-1",
		.scope = "0ne",
		.registration_id = "r",
		.hub = "h",
		.device_id = "d",
		.assigned = 1767225600 };
	struct enroll_dps_record got = { .server = "untouched" };
	struct enroll_server trust = ENROLL_SERVER_INIT;
	struct enroll_state opened = ENROLL_STATE_INIT;
	struct tpmiot_public pub;
	struct tpmiot_err err;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(file, sizeof(file), "%s/hub.dps.json", dir);
	make_public(&pub);
	record.key = pub.name;
	assert_ok(enroll_state_open(dir, &opened, &err), &err);
	assert_int_equal(enroll_dps_record_read(dir, "hub", &got, NULL, &err), TPMIOT_E_NOT_FOUND);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put_file(file, bad[i]);
		assert_refused(enroll_dps_record_read(dir, "hub", &got, NULL, &err),
		    TPMIOT_E_FORMAT, &err, "--again");
	}
	assert_string_equal(got.server, "untouched");
	assert_ok(enroll_dps_record_write(&opened, "hub", &record, &trust, &err), &err);
	assert_ok(enroll_dps_record_read(dir, "hub", &got, &trust, &err), &err);
	assert_string_equal(got.server, "https://ca");
	assert_null(trust.ca_pem);
	assert_null(trust.fingerprint);
	trust.fingerprint = "aa";
	assert_ok(enroll_dps_record_write(&opened, "hub", &record, &trust, &err), &err);
	trust.fingerprint = NULL;
	assert_ok(enroll_dps_record_read(dir, "hub", &got, &trust, &err), &err);
	assert_string_equal(trust.fingerprint, "aa");
	enroll_server_free(&trust);
	trust = (struct enroll_server){ .ca_pem = "a certificate" };
	assert_ok(enroll_dps_record_write(&opened, "hub", &record, &trust, &err), &err);
	trust.ca_pem = NULL;
	assert_ok(enroll_dps_record_read(dir, "hub", &got, &trust, &err), &err);
	assert_string_equal(trust.ca_pem, "a certificate");
	assert_null(trust.fingerprint);
	enroll_server_free(&trust);
	assert_string_equal(got.hub, "h");
	assert_true(got.assigned == record.assigned);
	assert_true(enroll_dps_record_is_of(&got, &pub));
	pub.name.name[5] ^= 1;
	assert_false(enroll_dps_record_is_of(&got, &pub));
	assert_ok(enroll_dps_record_remove(&opened, "hub", &err), &err);
	assert_int_equal(access(file, F_OK), -1);
	enroll_state_close(&opened);
	(void)snprintf(file, sizeof(file), "rm -rf %s", dir);
	assert_int_equal(system(file), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_request),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_parse_challenge),
		cmocka_unit_test(test_parse_assigned),
		cmocka_unit_test(test_parse_others),
		cmocka_unit_test(test_parse_refusal),
		cmocka_unit_test(test_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
