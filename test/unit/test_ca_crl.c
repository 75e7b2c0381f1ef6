/* SPDX-License-Identifier: Apache-2.0 */
/* Revocation, the list that says so, and an id that goes to another TPM. */
#include "enrolkit.h"

#include <openssl/x509v3.h>

#include "ca/pki/crl.h"

static X509_CRL *
fetch(struct kit *kit)
{
	const struct ca_http_request req = {
		.method = "GET", .path = "/v1/crl", .peer_host = "192.0.2.7"
	};
	struct ca_http_reply reply = { .status = 0 };
	const unsigned char *p;
	X509_CRL *crl;

	ca_api_handle(kit->api, &req, &reply);
	assert_int_equal(reply.status, 200);
	assert_string_equal(reply.content_type, "application/pkix-crl");
	p = reply.body.data;
	crl = d2i_X509_CRL(NULL, &p, (long)reply.body.len);
	assert_non_null(crl);
	assert_ptr_equal(p, reply.body.data + reply.body.len);
	assert_int_equal(X509_CRL_verify(crl, kit->signer.key), 1);
	tpmiot_buf_free(&reply.body);
	return crl;
}

static int64_t
number_of(X509_CRL *crl)
{
	ASN1_INTEGER *value = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
	int64_t number = 0;

	assert_non_null(value);
	assert_int_equal(ASN1_INTEGER_get_int64(&number, value), 1);
	ASN1_INTEGER_free(value);
	return number;
}

/* Fetches it; how many it has revoked. */
static int
count(struct kit *kit, int64_t number)
{
	X509_CRL *crl = fetch(kit);
	const int n = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl));

	assert_int_equal(number_of(crl), number);
	X509_CRL_free(crl);
	return n > 0 ? n : 0;
}

static enum tpmiot_rc
revoke_cert(struct kit *kit, const X509 *cert, const char *reason, struct tpmiot_err *err)
{
	BIGNUM *bn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	uint8_t serial[CA_SERIAL_MAX];
	const size_t len = (size_t)BN_bn2bin(bn, serial);

	BN_free(bn);
	return ca_cert_revoke(kit->store, serial, len, ca_crl_reason(reason), kit_now, err);
}

static void
test_crl_empty(void **state)
{
	struct kit *kit = *state;
	X509_CRL *crl = fetch(kit);
	AUTHORITY_KEYID *aki;

	assert_int_equal(X509_CRL_get_version(crl), X509_CRL_VERSION_2);
	assert_int_equal(number_of(crl), 1);
	assert_int_equal(
	    sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)), -1); /* absent, not empty */
	assert_int_equal(
	    X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(kit->signer.cert)), 0);
	assert_int_equal(X509_cmp_time(X509_CRL_get0_lastUpdate(crl),
	                     &(time_t){ kit_now - kit->config.clock_skew + 1 }),
	    -1);
	assert_int_equal(X509_cmp_time(X509_CRL_get0_lastUpdate(crl),
	                     &(time_t){ kit_now - kit->config.clock_skew - 1 }),
	    1);
	assert_int_equal(
	    X509_cmp_time(X509_CRL_get0_nextUpdate(crl), &(time_t){ kit_now + 7 * 86400 - 1 }), 1);
	aki = X509_CRL_get_ext_d2i(crl, NID_authority_key_identifier, NULL, NULL);
	assert_non_null(aki);
	assert_int_equal(
	    ASN1_OCTET_STRING_cmp(aki->keyid, X509_get0_subject_key_id(kit->signer.cert)), 0);
	AUTHORITY_KEYID_free(aki);
	X509_CRL_free(crl);
}

/* Libcrypto refuses the certificate by the list, and accepts the other one. */
static int
verify(struct kit *kit, X509 *cert, X509_CRL *crl)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param = X509_STORE_get0_param(store);
	int error;

	X509_STORE_add_cert(store, kit->signer.cert);
	X509_STORE_add_crl(store, crl);
	X509_VERIFY_PARAM_set_time(param, (time_t)kit_now);
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_X509_STRICT);
	assert_int_equal(X509_STORE_CTX_init(ctx, store, cert, NULL), 1);
	(void)X509_verify_cert(ctx);
	error = X509_STORE_CTX_get_error(ctx);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	return error;
}

static void
test_crl_revoked(void **state)
{
	struct kit *kit = *state;
	X509 *a = kit_enrolled(kit, &kit_a), *b = kit_enrolled(kit, &kit_b);
	X509_REVOKED *entry = NULL;
	ASN1_ENUMERATED *reason;
	struct tpmiot_err err = { 0 };
	X509_CRL *crl;

	assert_int_equal(count(kit, 1), 0);
	kit_now += 60;
	assert_ok(revoke_cert(kit, a, "keyCompromise", &err));
	crl = fetch(kit);
	assert_int_equal(number_of(crl), 2);
	assert_int_equal(verify(kit, a, crl), X509_V_ERR_CERT_REVOKED);
	assert_int_equal(verify(kit, b, crl), X509_V_OK);
	assert_int_equal(X509_CRL_get0_by_cert(crl, &entry, a), 1);
	reason = X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, NULL, NULL);
	assert_int_equal(ASN1_ENUMERATED_get(reason), CRL_REASON_KEY_COMPROMISE);
	ASN1_ENUMERATED_free(reason);
	X509_CRL_free(crl);
	assert_ok(revoke_cert(kit, b, "unspecified", &err));
	crl = fetch(kit);
	assert_int_equal(X509_CRL_get0_by_cert(crl, &entry, b), 1);
	assert_int_equal(X509_REVOKED_get_ext_count(entry), 0);
	X509_CRL_free(crl);
	X509_free(a);
	X509_free(b);
}

static void
test_revoke_twice_and_unknown(void **state)
{
	struct kit *kit = *state;
	X509 *a = kit_enrolled(kit, &kit_a);
	struct tpmiot_err err = { 0 };

	assert_ok(revoke_cert(kit, a, "superseded", &err));
	assert_int_equal(count(kit, 1), 1);
	kit_now++;
	assert_fails(revoke_cert(kit, a, "unspecified", &err), TPMIOT_E_CONFLICT, "already");
	assert_int_equal(
	    kit_count(kit, "SELECT count(*) FROM certificates WHERE state = 1 AND reason = 4"), 1);
	/* That the key is in others' hands may be known later, and has to be published. */
	assert_ok(revoke_cert(kit, a, "keyCompromise", &err));
	assert_int_equal(count(kit, 2), 1);
	assert_int_equal(kit_count(kit, "SELECT reason FROM certificates"), 1);
	assert_int_equal(kit_count(kit, "SELECT revoked_at FROM certificates"), kit_now - 1);
	assert_fails(revoke_cert(kit, a, "keyCompromise", &err), TPMIOT_E_CONFLICT, "already");
	assert_fails(
	    revoke_cert(kit, kit_root, "superseded", &err), TPMIOT_E_NOT_FOUND, "certificate");
	assert_int_equal(ca_crl_reason("certificateHold"), -1);
	X509_free(a);
}

/* Who asks makes no work: a list is made again for a reason only, and by every instance once. */
static void
test_crl_kept_and_made_again(void **state)
{
	struct kit *kit = *state;
	struct ca_store *second = NULL;
	struct ca_crl crl = { .der = TPMIOT_BUF_INIT };
	struct tpmiot_err err = { 0 };

	assert_int_equal(count(kit, 1), 0);
	kit_now += 3 * 86400;
	assert_int_equal(count(kit, 1), 0);
	kit_now += 86400; /* more than half of seven days */
	assert_int_equal(count(kit, 2), 0);
	assert_ok(ca_store_open(kit->path, &second, &err));
	assert_ok(ca_crl_current(&kit->config, &kit->signer, second, kit_now, &crl, &err));
	assert_int_equal(crl.number, 2);
	tpmiot_buf_free(&crl.der);
	ca_store_free(&second);
	kit_now -= 2 * 86400; /* the clock was set back */
	assert_int_equal(count(kit, 3), 0);
	kit_sql(kit, "DELETE FROM crls");
	assert_int_equal(count(kit, 4), 0);
}

/* RFC 5280 section 3.3: on one list beyond its end, then no more. */
static void
test_crl_expired_certificate_leaves(void **state)
{
	struct kit *kit = *state;
	struct tpmiot_err err = { 0 };
	X509 *a;

	kit->config.validity = 86400;
	a = kit_enrolled(kit, &kit_a);
	assert_ok(revoke_cert(kit, a, "superseded", &err));
	assert_int_equal(count(kit, 1), 1);
	kit_now += 4 * 86400;
	assert_int_equal(count(kit, 2), 1);
	kit_now += 5 * 86400;
	assert_int_equal(count(kit, 3), 0);
	X509_free(a);
}

static void
test_crl_wrong_method_and_issuer(void **state)
{
	struct kit *kit = *state;
	struct ca_http_request req = {
		.method = "POST", .path = "/v1/crl", .peer_host = "192.0.2.7"
	};
	struct ca_crl crl = { .der = TPMIOT_BUF_INIT };
	struct ca_signer signer = kit->signer;
	struct kit_answer answer;
	struct tpmiot_err err = { 0 };

	kit_send(kit, &req, &answer);
	assert_int_equal(answer.status, 405);
	assert_string_equal(answer.allow, "GET");
	kit_answer_free(&answer);
	signer.cert = kit_a.ek_cert; /* a certificate without cRLSign */
	assert_fails(ca_crl_current(&kit->config, &signer, kit->store, kit_now, &crl, &err),
	    TPMIOT_E_USAGE, "cRLSign");
	ca_api_change(kit->api, &kit->config, &signer);
	req.method = "GET"; /* by anybody: no fault of ours, and nothing for the audit log */
	kit_send(kit, &req, &answer);
	assert_int_equal(answer.status, 404);
	assert_string_equal(answer.type, "not-found");
	kit_answer_free(&answer);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM audit"), 0);
	ca_api_change(kit->api, &kit->config, &kit->signer);
}

static void
test_issue_names_crl(void **state)
{
	struct kit *kit = *state;
	char url[] = "http://ca.example/a,b.crl", *none = kit->config.crl_url;
	CRL_DIST_POINTS *points;
	GENERAL_NAME *name;
	X509 *cert = kit_enrolled(kit, &kit_b);

	assert_int_equal(X509_get_ext_by_NID(cert, NID_crl_distribution_points, -1), -1);
	X509_free(cert);
	kit->config.crl_url = url;
	cert = kit_enrolled(kit, &kit_a);
	kit->config.crl_url = none;
	points = X509_get_ext_d2i(cert, NID_crl_distribution_points, NULL, NULL);
	assert_int_equal(sk_DIST_POINT_num(points), 1);
	name = sk_GENERAL_NAME_value(sk_DIST_POINT_value(points, 0)->distpoint->name.fullname, 0);
	assert_int_equal(name->type, GEN_URI);
	assert_string_equal(ASN1_STRING_get0_data(name->d.uniformResourceIdentifier), url);
	sk_DIST_POINT_pop_free(points, DIST_POINT_free);
	X509_free(cert);
}

/* ---- Block and release -------------------------------------------------------------- */

static void
test_revoke_device(void **state)
{
	struct kit *kit = *state;
	X509 *a = kit_enrolled(kit, &kit_a), *again = kit_enrolled(kit, &kit_a),
	     *b = kit_enrolled(kit, &kit_b);
	struct tpmiot_err err = { 0 };
	int64_t n = 0;

	assert_ok(ca_cert_revoke_device(
	    kit->store, kit_a.ek_spki, ca_crl_reason("privilegeWithdrawn"), kit_now, &n, &err));
	assert_int_equal(n, 2);
	assert_int_equal(count(kit, 1), 2);
	assert_ok(ca_cert_revoke_device(kit->store, kit_a.ek_spki, 0, kit_now, &n, &err));
	assert_int_equal(n, 0);
	X509_free(a);
	X509_free(again);
	X509_free(b);
}

static void
expect_refused(struct kit *kit, const struct kit_device *dev, const char *token, const char *type)
{
	json_t *body = kit_attest(dev);
	struct kit_answer answer;

	kit_set(body, "join_token", json_string(token));
	kit_post(kit, "/v1/attestations", body, &answer);
	assert_string_equal(answer.type, type);
	kit_answer_free(&answer);
}

static void
test_release_to_another_tpm(void **state)
{
	struct kit *kit = *state;
	struct ca_device dev = { .ek_cert = TPMIOT_BUF_INIT };
	struct kit_answer answer;
	struct tpmiot_err err = { 0 };

	kit_token(kit, "tj_a", 1, kit_now + 9, "pump-1");
	kit_enrol(kit, &kit_a, "tj_a", &answer, NULL);
	kit_answer_free(&answer);
	kit_sql(kit, "UPDATE tokens SET device_id = 'pump-0'");
	kit_token(kit, "tj_b", 1, kit_now + 9, "pump-1");
	expect_refused(kit, &kit_b, "tj_b", "device-id-taken");

	assert_ok(ca_device_release(kit->store, kit_a.ek_spki, &err));
	assert_ok(ca_device_find(kit->store, kit_a.ek_spki, &dev, &err));
	assert_true(ca_device_is_released(&dev));
	assert_false(tpmiot_device_id_valid(dev.id));
	tpmiot_buf_free(&dev.ek_cert);
	assert_fails(
	    ca_device_release(kit->store, kit_a.ek_spki, &err), TPMIOT_E_NOT_FOUND, "already");
	kit_enrol(kit, &kit_b, "tj_b", &answer, NULL);
	assert_string_equal(json_string_value(json_object_get(answer.doc, "device_id")), "pump-1");
	kit_answer_free(&answer);

	/* The old TPM is a new device now. */
	kit_sql(kit, "UPDATE tokens SET device_id = 'pump-9' WHERE device_id = 'pump-0'");
	kit_enrol(kit, &kit_a, "tj_a", &answer, NULL);
	assert_string_equal(json_string_value(json_object_get(answer.doc, "device_id")), "pump-9");
	kit_answer_free(&answer);
	kit_sql(kit, "UPDATE tokens SET device_id = 'pump-1' WHERE device_id = 'pump-9'");
	expect_refused(kit, &kit_a, "tj_a", "device-enrolled-otherwise");
}

/* ---- An older store ----------------------------------------------------------------- */

static void
test_store_of_version_1(void **state)
{
	struct kit *kit = *state;
	X509 *a = kit_enrolled(kit, &kit_a);
	struct tpmiot_err err = { 0 };

	ca_api_free(&kit->api);
	ca_store_free(&kit->store);
	kit_sql(kit, "DROP TABLE crls; DROP TABLE registrations; DROP TABLE secrets; DROP TABLE "
	             "pcr_policies; DROP TABLE quotes;"
	             "ALTER TABLE audit DROP COLUMN pcrs; DROP TRIGGER certificates_revoked;"
	             "DROP INDEX certificates_revoked; DROP INDEX certificates_end;"
	             "DROP TABLE device_keys; DROP INDEX tokens_by_device_id;"
	             "DELETE FROM counters WHERE name = 'revocations';"
	             "ALTER TABLE certificates DROP COLUMN profile; PRAGMA user_version=1");
	assert_ok(ca_store_open_any(kit->path, &kit->store, &err));
	assert_ok(ca_store_upgrade(kit->store, &err));
	assert_ok(ca_api_new(&kit->config, kit->store, &kit->signer, kit_clock, &kit->api, &err));
	assert_ok(revoke_cert(kit, a, "superseded", &err));
	assert_int_equal(count(kit, 1), 1);
	X509_free(a);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, kit_setup, kit_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_crl_empty),
		TEST(test_crl_revoked),
		TEST(test_revoke_twice_and_unknown),
		TEST(test_crl_kept_and_made_again),
		TEST(test_crl_expired_certificate_leaves),
		TEST(test_crl_wrong_method_and_issuer),
		TEST(test_issue_names_crl),
		TEST(test_revoke_device),
		TEST(test_release_to_another_tpm),
		TEST(test_store_of_version_1),
	};

	return cmocka_run_group_tests_name("ca_crl", tests, kit_group_setup, kit_group_teardown);
}
