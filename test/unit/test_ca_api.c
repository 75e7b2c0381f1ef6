/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolments that succeed, and what they leave behind. */
#include "enrolkit.h"

#include <openssl/x509v3.h>

#include "ca/enrol/api_int.h"
#include "ca/pki/x509.h"

static void
assert_extension(X509 *cert, int nid, const char *want)
{
	const int at = X509_get_ext_by_NID(cert, nid, -1);
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len;

	assert_true(at >= 0);
	assert_int_equal(X509V3_EXT_print(bio, X509_get_ext(cert, at), 0, 0), 1);
	len = BIO_get_mem_data(bio, &text);
	assert_int_equal(len, strlen(want));
	assert_memory_equal(text, want, strlen(want));
	BIO_free(bio);
}

static void
assert_certificate(
    const struct kit *kit, const struct kit_answer *answer, const struct kit_device *dev)
{
	const char *id = json_string_value(json_object_get(answer->doc, "device_id"));
	X509 *cert = kit_leaf(answer, "certificate"), *root = kit_leaf(answer, "ca");
	char cn[80], uri[128];

	assert_int_equal(X509_NAME_entry_count(X509_get_subject_name(cert)), 1);
	X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, cn, sizeof(cn));
	assert_string_equal(cn, id);
	snprintf(uri, sizeof(uri), "URI:urn:tpmiot:device:%s", id);
	assert_extension(cert, NID_subject_alt_name, uri);
	assert_extension(cert, NID_ext_key_usage, "TLS Web Client Authentication");
	assert_extension(cert, NID_key_usage, "Digital Signature");
	assert_extension(cert, NID_basic_constraints, "CA:FALSE");
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(cert), dev->key.pkey), 1);
	assert_int_equal(X509_cmp(root, kit->signer.cert), 0);
	assert_int_equal(X509_verify(cert, kit->signer.key), 1);
	assert_int_equal(X509_check_issued(root, cert), X509_V_OK);
	assert_true(ASN1_STRING_length(X509_get0_serialNumber(cert)) >= 16);
	assert_int_equal(X509_cmp_time(X509_get0_notBefore(cert), &(time_t){ kit_now }), -1);
	X509_free(cert);
	X509_free(root);
}

static void
test_enrol_rsa_and_ecc_ek(void **state)
{
	struct kit *kit = *state;
	struct kit_answer answer;

	kit_enrol(kit, &kit_a, NULL, &answer, NULL);
	assert_certificate(kit, &answer, &kit_a);
	kit_answer_free(&answer);
	kit_enrol(kit, &kit_b, NULL, &answer, NULL);
	assert_certificate(kit, &answer, &kit_b);
	kit_answer_free(&answer);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM devices"), 2);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM aks"), 2);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM certificates"), 2);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM sessions"), 2);
	assert_int_equal(
	    kit_count(kit, "SELECT count(*) FROM audit WHERE decision = 'accepted'"), 2);
}

static void
test_enrol_records_maker(void **state)
{
	struct kit *kit = *state;
	struct ca_device dev = { .state = CA_DEVICE_ACTIVE };
	struct kit_answer answer;
	struct tpmiot_err err;

	kit_enrol(kit, &kit_a, NULL, &answer, NULL);
	kit_answer_free(&answer);
	assert_ok(ca_device_find(kit->store, kit_a.ek_spki, &dev, &err));
	assert_string_equal(dev.manufacturer, "id:54534554");
	assert_string_equal(dev.model, "softtpm");
	assert_int_equal(strncmp(dev.id, "ek-", 3), 0);
	assert_int_equal(strlen(dev.id), 35);
	assert_int_equal(dev.first_seen, kit_now);
	tpmiot_buf_free(&dev.ek_cert);
}

static void
test_enrol_id_from_list(void **state)
{
	struct kit *kit = *state;
	struct kit_answer answer;

	kit->config.enrolment = CA_ENROLMENT_LISTED;
	kit_allow(kit, &kit_foreign, "pump-1"); /* the list vouches, not its maker */
	kit_enrol(kit, &kit_foreign, NULL, &answer, NULL);
	assert_certificate(kit, &answer, &kit_foreign);
	assert_string_equal(json_string_value(json_object_get(answer.doc, "device_id")), "pump-1");
	kit_answer_free(&answer);
}

static void
test_enrol_listed_without_certificate(void **state)
{
	struct kit *kit = *state;
	json_t *body = kit_attest(&kit_a);
	struct kit_answer answer;

	kit->config.enrolment = CA_ENROLMENT_LISTED;
	kit_allow(kit, &kit_a, "");
	json_object_del(json_object_get(body, "ek"), "certificate");
	json_object_del(json_object_get(body, "ek"), "chain");
	kit_post(kit, "/v1/attestations", body, &answer);
	assert_int_equal(answer.status, 200);
	kit_answer_free(&answer);
}

/* The list vouches for it, whatever becomes of its maker between the steps. */
static void
test_enrol_listed_without_maker(void **state)
{
	struct kit *kit = *state;
	struct kit_answer first, issued;

	kit_allow(kit, &kit_a, "pump-1");
	kit_post(kit, "/v1/attestations", kit_attest(&kit_a), &first);
	kit_sql(kit, "DELETE FROM roots");
	kit_post(kit, "/v1/certificates", kit_issue(&kit_a, first.doc), &issued);
	assert_int_equal(issued.status, 200);
	kit_answer_free(&first);
	kit_answer_free(&issued);
}

static void
test_first_step_stores_nothing(void **state)
{
	struct kit *kit = *state;
	struct tpmiot_buf before = TPMIOT_BUF_INIT, after = TPMIOT_BUF_INIT;
	struct kit_answer answer;

	kit_snapshot(kit, &before);
	kit_post(kit, "/v1/attestations", kit_attest(&kit_a), &answer);
	assert_int_equal(answer.status, 200);
	assert_int_equal(json_integer_value(json_object_get(answer.doc, "expires_in")), 300);
	kit_answer_free(&answer);
	kit_snapshot(kit, &after);
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.data, after.data, before.len);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM audit"), 0);
	tpmiot_buf_free(&before);
	tpmiot_buf_free(&after);
}

static void
test_second_step_repeated(void **state)
{
	struct kit *kit = *state;
	struct tpmiot_buf before = TPMIOT_BUF_INIT, after = TPMIOT_BUF_INIT;
	struct kit_answer answer, again;
	json_t *request;

	kit_enrol(kit, &kit_a, NULL, &answer, &request);
	kit_snapshot(kit, &before);
	kit_now += 60;
	kit_post(kit, "/v1/certificates", request, &again);
	assert_int_equal(again.status, 200);
	assert_true(json_equal(answer.doc, again.doc));
	kit_snapshot(kit, &after);
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.data, after.data, before.len);
	kit_answer_free(&answer);
	kit_answer_free(&again);
	tpmiot_buf_free(&before);
	tpmiot_buf_free(&after);
}

/* Another instance over the same store, which never saw the first step. */
static void
test_second_step_by_another_instance(void **state)
{
	struct kit *kit = *state;
	struct ca_api *first_instance = kit->api, *other = NULL;
	struct kit_answer answer, issued;
	struct tpmiot_err err;

	kit_post(kit, "/v1/attestations", kit_attest(&kit_a), &answer);
	/* The clock of both is the kit's; NULL would be the machine's. */
	assert_ok(ca_api_new(&kit->config, kit->store, &kit->signer, kit_clock, &other, &err));
	kit->api = other;
	kit_post(kit, "/v1/certificates", kit_issue(&kit_a, answer.doc), &issued);
	assert_int_equal(issued.status, 200);
	kit->api = first_instance;
	ca_api_free(&other);
	kit_answer_free(&answer);
	kit_answer_free(&issued);
}

/* Sessions outlive a change of the sealing key. */
static void
test_second_step_after_new_seal_key(void **state)
{
	struct kit *kit = *state;
	struct kit_answer answer, issued;

	kit_now += kit->config.seal_key_lifetime - 100;
	kit_post(kit, "/v1/attestations", kit_attest(&kit_a), &answer);
	kit_now += 200;
	ca_api_tick(kit->api);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM seal_keys"), 2);
	kit_post(kit, "/v1/certificates", kit_issue(&kit_a, answer.doc), &issued);
	assert_int_equal(issued.status, 200);
	kit_answer_free(&answer);
	kit_answer_free(&issued);
	kit_now += 2 * kit->config.seal_key_lifetime;
	ca_api_tick(kit->api);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM seal_keys"), 1);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM sessions"), 0);
}

/* Once more with the session of `first`, for another key; ends as `type` says. */
static void
spend_again(struct kit *kit, const struct kit_answer *first, const char *type)
{
	struct kit_device other = kit_a;
	struct kit_answer answer;

	other.key = kit_b.key;
	kit_post(kit, "/v1/certificates", kit_issue(&other, first->doc), &answer);
	assert_string_equal(answer.type, type);
	kit_answer_free(&answer);
}

/* The clock goes on for long enough that everything is tidied away, and is set back. */
static void
test_session_never_twice(void **state)
{
	struct kit *kit = *state;
	struct kit_answer first, answer;
	const int64_t begun = kit_now;
	const int64_t day = kit->config.seal_key_lifetime;

	kit_post(kit, "/v1/attestations", kit_attest(&kit_a), &first);
	kit_post(kit, "/v1/certificates", kit_issue(&kit_a, first.doc), &answer);
	assert_int_equal(answer.status, 200);
	kit_answer_free(&answer);
	kit_now = begun + day / 2;
	ca_api_tick(kit->api);
	kit_now = begun;
	spend_again(kit, &first, "session-spent");
	kit_now = begun + 3 * day;
	ca_api_tick(kit->api);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM sessions"), 0);
	kit_now = begun;
	spend_again(kit, &first, "session-invalid");
	kit_answer_free(&first);
	/* Nor are those of the future good for as long as it takes. */
	kit_now = begun + 3 * day;
	kit_post(kit, "/v1/attestations", kit_attest(&kit_a), &first);
	kit_now = begun;
	ca_api_tick(kit->api);
	spend_again(kit, &first, "session-invalid");
	kit_answer_free(&first);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM seal_keys"), 1);
}

/* Of what a device sends along, the links of its path are kept for others: they alone. */
static void
test_links_kept(void **state)
{
	struct kit *kit = *state;
	struct kit_answer answer;
	json_t *body = kit_attest(&kit_b);
	json_t *chain = json_object_get(json_object_get(body, "ek"), "chain");

	json_array_insert_new(chain, 0, kit_cert(kit_foreign.ek_cert));
	json_array_append_new(chain, kit_cert(kit_root));
	json_array_append_new(chain, kit_cert(kit_link));
	kit_post(kit, "/v1/attestations", body, &answer);
	assert_int_equal(answer.status, 200);
	kit_answer_free(&answer);
	assert_int_equal(kit->api->roots.sent.next, 1);
	assert_int_equal(X509_cmp(kit->api->roots.sent.kept[0].cert, kit_link), 0);
}

static void
test_enrol_again_new_keys(void **state)
{
	struct kit *kit = *state;
	/* A's TPM, reset: same EK, other AK and key. */
	struct kit_device fresh = { .ek = kit_a.ek,
		.srk = kit_b.srk,
		.ak = kit_b.ak,
		.key = kit_b.key,
		.ek_cert = kit_a.ek_cert };
	struct kit_answer answer;

	kit_enrol(kit, &kit_a, NULL, &answer, NULL);
	kit_answer_free(&answer);
	kit_enrol(kit, &fresh, NULL, &answer, NULL);
	assert_certificate(kit, &answer, &fresh);
	kit_answer_free(&answer);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM devices"), 1);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM certificates"), 2);
}

static void
test_token_counts_devices(void **state)
{
	struct kit *kit = *state;
	struct kit_answer answer;
	json_t *body;

	kit->config.enrolment = CA_ENROLMENT_TOKEN;
	kit_token(kit, "tj_once", 1, kit_now + 1000, "");
	kit_enrol(kit, &kit_a, "tj_once", &answer, NULL);
	kit_answer_free(&answer);
	kit_enrol(kit, &kit_a, "tj_once", &answer, NULL); /* cut off: comes again */
	kit_answer_free(&answer);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM token_uses"), 1);
	body = kit_attest(&kit_b);
	kit_set(body, "join_token", json_string("tj_once"));
	kit_post(kit, "/v1/attestations", body, &answer);
	assert_string_equal(answer.type, "join-token-spent");
	kit_answer_free(&answer);
}

/* Two devices hold challenges for one use: the second step decides. */
static void
test_token_raced_for(void **state)
{
	struct kit *kit = *state;
	struct kit_answer a, b, answer;
	json_t *body;

	kit->config.enrolment = CA_ENROLMENT_TOKEN;
	kit_token(kit, "tj_once", 1, kit_now + 1000, "");
	body = kit_attest(&kit_a);
	kit_set(body, "join_token", json_string("tj_once"));
	kit_post(kit, "/v1/attestations", body, &a);
	body = kit_attest(&kit_b);
	kit_set(body, "join_token", json_string("tj_once"));
	kit_post(kit, "/v1/attestations", body, &b);
	kit_post(kit, "/v1/certificates", kit_issue(&kit_b, b.doc), &answer);
	assert_int_equal(answer.status, 200);
	kit_answer_free(&answer);
	kit_post(kit, "/v1/certificates", kit_issue(&kit_a, a.doc), &answer);
	assert_string_equal(answer.type, "join-token-spent");
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM devices"), 1);
	kit_answer_free(&answer);
	kit_answer_free(&a);
	kit_answer_free(&b);
}

/* An issuing CA under a root: devices get it after their own, and the root apart. */
static void
test_issuer_under_root(void **state)
{
	struct kit *kit = *state;
	struct ca_x509_spec spec = { .is_ca = 1,
		.path_len = 0,
		.key_usage = "keyCertSign",
		.not_before = kit_now - 60,
		.not_after = kit_now + 86400 };
	struct ca_signer under = { EVP_EC_gen("P-384"), NULL, sk_X509_new_null() },
	                 root = kit->signer;
	struct kit_answer answer;
	struct tpmiot_err err;
	const char *pem;
	X509 *top;

	assert_ok(ca_x509_name("Issuing CA", &spec.subject, &err));
	assert_ok(ca_x509_serial(spec.serial, &spec.serial_len, &err));
	assert_ok(ca_x509_issue(&spec, under.key, root.cert, root.key, &under.cert, &err));
	assert_true(X509_up_ref(root.cert) && sk_X509_push(under.chain, root.cert) > 0);
	kit->signer = under;
	kit_enrol(kit, &kit_a, NULL, &answer, NULL);
	pem = json_string_value(json_object_get(answer.doc, "certificate"));
	pem = strstr(pem + 1, "-----BEGIN"); /* the second one */
	assert_non_null(pem);
	assert_null(strstr(pem + 1, "-----BEGIN"));
	top = kit_leaf(&answer, "ca");
	assert_int_equal(X509_cmp(top, root.cert), 0);
	X509_free(top);
	top = kit_leaf(&answer, "certificate");
	assert_int_equal(X509_verify(top, under.key), 1);
	assert_int_equal(X509_get_signature_nid(top), NID_ecdsa_with_SHA384);
	X509_free(top);
	kit->signer = root;
	ca_signer_free(&under);
	X509_NAME_free(spec.subject);
	kit_answer_free(&answer);
}

static void
test_validity_ends_with_issuer(void **state)
{
	struct kit *kit = *state;
	struct kit_answer answer;
	X509 *cert;

	kit->config.validity = 100LL * 365 * 86400;
	kit_enrol(kit, &kit_a, NULL, &answer, NULL);
	cert = kit_leaf(&answer, "certificate");
	assert_int_equal(
	    ASN1_TIME_compare(X509_get0_notAfter(cert), X509_get0_notAfter(kit->signer.cert)), 0);
	X509_free(cert);
	kit_answer_free(&answer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_enrol_rsa_and_ecc_ek, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_enrol_records_maker, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_enrol_id_from_list, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(
		    test_enrol_listed_without_certificate, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(
		    test_enrol_listed_without_maker, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(
		    test_first_step_stores_nothing, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_second_step_repeated, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(
		    test_second_step_by_another_instance, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(
		    test_second_step_after_new_seal_key, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_session_never_twice, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_links_kept, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_enrol_again_new_keys, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_token_counts_devices, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_token_raced_for, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_issuer_under_root, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(
		    test_validity_ends_with_issuer, kit_setup, kit_teardown),
	};

	return cmocka_run_group_tests_name("ca_api", tests, kit_group_setup, kit_group_teardown);
}
