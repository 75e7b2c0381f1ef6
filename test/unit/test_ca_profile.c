/* SPDX-License-Identifier: Apache-2.0 */
/* Groups and profiles: what a certificate says, and to whom it is given. */
#include "enrolkit.h"

#include <openssl/x509v3.h>

static void
list(struct kit *kit, const struct kit_device *dev, const char *group)
{
	struct ca_allow allow = {
		.added = kit_now, .device_id = "unit-7", .serial_number = "SN 0007", .model = "Pump"
	};
	struct tpmiot_err err = { 0 };

	memcpy(allow.ek_spki, dev->ek_spki, sizeof(allow.ek_spki));
	snprintf(allow.group, sizeof(allow.group), "%s", group);
	assert_ok(ca_allow_add(kit->store, &allow, &err));
}

/* Asks for a profile (NULL: none named); the status and type of the step that ended it. */
static X509 *
ask(struct kit *kit, const struct kit_device *dev, const char *profile, const char *type)
{
	json_t *body = kit_attest(dev);
	struct kit_answer first, answer;
	X509 *cert = NULL;

	if (profile != NULL)
		kit_set(body, "profile", json_string(profile));
	kit_post(kit, "/v1/attestations", body, &first);
	if (first.status != 200) {
		assert_string_equal(first.type, type);
		kit_answer_free(&first);
		return NULL;
	}
	kit_post(kit, "/v1/certificates", kit_issue(dev, first.doc), &answer);
	if (strcmp(answer.type, type) != 0)
		fail_msg("%s: %s", answer.type,
		    json_string_value(json_object_get(answer.doc, "detail")));
	if (answer.status == 200)
		cert = kit_leaf(&answer, "certificate");
	kit_answer_free(&first);
	kit_answer_free(&answer);
	return cert;
}

static void
assert_ext(X509 *cert, int nid, const char *want)
{
	const int at = X509_get_ext_by_NID(cert, nid, -1);
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long len;

	if (want == NULL) {
		assert_int_equal(at, -1);
	} else {
		assert_true(at >= 0);
		assert_int_equal(X509V3_EXT_print(bio, X509_get_ext(cert, at), 0, 0), 1);
		len = BIO_get_mem_data(bio, &text);
		if ((size_t)len != strlen(want) || memcmp(text, want, (size_t)len) != 0)
			fail_msg("%.*s instead of %s", (int)len, text, want);
	}
	BIO_free(bio);
}

static void
assert_subject(X509 *cert, const char *want)
{
	char *text = X509_NAME_oneline(X509_get_subject_name(cert), NULL, 0);

	assert_string_equal(text, want);
	OPENSSL_free(text);
}

#define OCF_EKU "TLS Web Server Authentication, TLS Web Client Authentication"

static void
test_builtin_profiles(void **state)
{
	static const struct {
		const char *profile, *subject, *san, *usage, *eku;
	} cases[] = {
		{ "client", "/CN=unit-7", "URI:urn:tpmiot:device:unit-7", "Digital Signature",
		    "TLS Web Client Authentication" },
		{ "server", "/CN=unit-7", "DNS:unit-7, URI:urn:tpmiot:device:unit-7",
		    "Digital Signature", "TLS Web Server Authentication" },
		{ "idevid", "/CN=Pump/serialNumber=SN 0007", NULL, "Digital Signature", NULL },
		{ "mine", "/O=Ours, if any/OU=g/CN=SN 0007", "IP Address:192.0.2.1",
		    "Digital Signature, Key Agreement", "Code Signing" },
	};
	struct kit *kit = *state;

	kit_configure(kit,
	    "[group g]\nprofiles = client, server, idevid, mine\n"
	    "[profile mine]\nsubject = O=%{model}, OU=%{group}, CN=%{serial_number}\n"
	    "san = IP:192.0.2.1\nkey_usage = digitalSignature, keyAgreement\n"
	    "ext_key_usage = codeSigning\nvalidity = 1h\n");
	list(kit, &kit_a, "g");
	/* A value is a value: its comma makes no further name. */
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		X509 *cert;

		if (strcmp(cases[i].profile, "mine") == 0)
			kit_sql(kit, "UPDATE allow SET model = 'Ours, if any'");
		cert = ask(kit, &kit_a, cases[i].profile, "");
		assert_subject(cert, cases[i].subject);
		assert_ext(cert, NID_subject_alt_name, cases[i].san);
		assert_ext(cert, NID_key_usage, cases[i].usage);
		assert_ext(cert, NID_ext_key_usage, cases[i].eku);
		if (strcmp(cases[i].profile, "mine") == 0)
			assert_int_equal(
			    X509_cmp_time(X509_get0_notAfter(cert), &(time_t){ kit_now + 3601 }),
			    -1);
		X509_free(cert);
	}
	assert_null(ask(kit, &kit_a, "ak", "profile-refused"));
	assert_null(ask(kit, &kit_a, "nonsense", "profile-refused"));
}

static void
test_ocf_profiles(void **state)
{
	struct kit *kit = *state;
	X509 *cert;

	kit_configure(kit, "profiles = ocf-manufacturer, ocf-identity\n");
	kit_sql(kit, "DELETE FROM allow");
	list(kit, &kit_b, "");
	cert = ask(kit, &kit_b, NULL, "");
	assert_ext(cert, NID_key_usage, "Digital Signature, Key Agreement");
	assert_ext(cert, NID_ext_key_usage, OCF_EKU);
	assert_ext(cert, NID_subject_alt_name, NULL);
	X509_free(cert);
	/* Its id is a UUID from now on: as the same device, so by its own row. */
	kit_sql(kit, "UPDATE allow SET device_id = '0a1b2c3d-0000-4000-8000-00000000000f'");
	kit_sql(kit, "UPDATE devices SET id = '0a1b2c3d-0000-4000-8000-00000000000f'");
	cert = ask(kit, &kit_b, "ocf-identity", "");
	assert_subject(cert, "/CN=uuid:0a1b2c3d-0000-4000-8000-00000000000f");
	assert_ext(cert, NID_ext_key_usage, OCF_EKU ", 1.3.6.1.4.1.44924.1.6");
	X509_free(cert);
}

/* Derived from the EK: a version 8 UUID, the same each time. */
static void
test_ocf_derived_uuid(void **state)
{
	struct kit *kit = *state;
	char cn[80];
	X509 *cert;

	kit_configure(kit, "enrolment = open\nprofiles = ocf-identity\n");
	cert = ask(kit, &kit_b, NULL, "");
	X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, cn, sizeof(cn));
	assert_int_equal(strlen(cn), 5 + 36);
	assert_int_equal(cn[5 + 14], '8');
	assert_non_null(strchr("89ab", cn[5 + 19]));
	assert_int_equal(strspn(cn + 5, "0123456789abcdef-"), 36);
	X509_free(cert);
}

static void
test_key_kinds(void **state)
{
	struct kit *kit = *state;
	X509 *cert;

	kit_configure(kit,
	    "enrolment = open\nprofiles = big, small\n[profile big]\nkeys = ec-p384, rsa-3072\n"
	    "[profile small]\nkeys = ec-p256\n");
	assert_null(ask(kit, &kit_a, "big", "profile-refused"));
	cert = ask(kit, &kit_a, "small", "");
	assert_non_null(cert);
	X509_free(cert);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM certificates"), 1);
	assert_int_equal(
	    kit_count(kit, "SELECT count(*) FROM certificates WHERE profile = 'small'"), 1);
}

static void
test_profile_wants_more_than_is_known(void **state)
{
	struct kit *kit = *state;

	kit_configure(kit, "enrolment = open\nprofiles = idevid\n");
	assert_null(ask(kit, &kit_a, NULL, "profile-refused"));
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM devices"), 0);
}

/* ---- The AK's own certificate ------------------------------------------------------------ */

static void
test_ak_certificate(void **state)
{
	struct kit *kit = *state;
	struct kit_device ak = kit_a;
	GENERAL_NAMES *san;
	X509 *cert;
	int critical = -1;

	kit_configure(kit, "enrolment = open\nprofiles = ak\n");
	assert_null(ask(kit, &kit_a, NULL, "key-unsuitable")); /* another key than the AK */
	ak.key = kit_a.ak;
	cert = ask(kit, &ak, NULL, "");
	assert_int_equal(X509_NAME_entry_count(X509_get_subject_name(cert)), 0);
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(cert), kit_a.ak.pkey), 1);
	assert_ext(cert, NID_ext_key_usage, "2.23.133.8.3");
	san = X509_get_ext_d2i(cert, NID_subject_alt_name, &critical, NULL);
	assert_int_equal(critical, 1);
	assert_int_equal(sk_GENERAL_NAME_num(san), 2);
	assert_int_equal(sk_GENERAL_NAME_value(san, 0)->type, GEN_DIRNAME);
	assert_int_equal(X509_NAME_entry_count(sk_GENERAL_NAME_value(san, 0)->d.directoryName), 3);
	assert_int_equal(strncmp((const char *)ASN1_STRING_get0_data(
	                             sk_GENERAL_NAME_value(san, 1)->d.uniformResourceIdentifier),
	                     "urn:ek:sha256:", 14),
	    0);
	GENERAL_NAMES_free(san);
	X509_free(cert);
}

/* A restricted key gets no certificate under any other profile. */
static void
test_ak_is_no_client(void **state)
{
	struct kit *kit = *state;
	struct kit_device ak = kit_a;

	ak.key = kit_a.ak;
	assert_null(ask(kit, &ak, NULL, "key-unsuitable"));
}

/* ---- Groups -------------------------------------------------------------------------- */

static void
test_group_enrolment(void **state)
{
	struct kit *kit = *state;
	json_t *body;
	struct kit_answer answer;

	kit_configure(kit, "enrolment = token\n[group strict]\nenrolment = listed\n[group lax]\n");
	kit_token(kit, "tj_strict", 1, kit_now + 9, "");
	kit_sql(kit, "UPDATE tokens SET grp = 'strict'");
	body = kit_attest(&kit_a);
	kit_set(body, "join_token", json_string("tj_strict"));
	kit_post(kit, "/v1/attestations", body, &answer);
	assert_string_equal(answer.type, "ek-not-listed");
	kit_answer_free(&answer);
	kit_sql(kit, "UPDATE tokens SET grp = 'lax'");
	kit_enrol(kit, &kit_a, "tj_strict", &answer, NULL);
	kit_answer_free(&answer);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM devices WHERE grp = 'lax'"), 1);
	kit_sql(kit, "UPDATE tokens SET grp = 'gone'");
	body = kit_attest(&kit_a);
	kit_set(body, "join_token", json_string("tj_strict"));
	kit_post(kit, "/v1/attestations", body, &answer);
	assert_string_equal(answer.type, "group-unknown");
	kit_answer_free(&answer);
}

static void
test_accept_ids(void **state)
{
	struct kit *kit = *state;
	json_t *body;
	struct kit_answer first, answer;

	kit_configure(kit, "enrolment = open\naccept_ids = yes\n");
	body = kit_attest(&kit_a);
	kit_set(body, "device_id", json_string("pump-1"));
	kit_post(kit, "/v1/attestations", body, &first);
	kit_post(kit, "/v1/certificates", kit_issue(&kit_a, first.doc), &answer);
	assert_int_equal(answer.status, 200);
	assert_string_equal(json_string_value(json_object_get(answer.doc, "device_id")), "pump-1");
	kit_answer_free(&first);
	kit_answer_free(&answer);
	body = kit_attest(&kit_b);
	kit_set(body, "device_id", json_string("pump-1"));
	kit_post(kit, "/v1/attestations", body, &answer);
	assert_string_equal(answer.type, "device-id-taken");
	kit_answer_free(&answer);
	list(kit, &kit_b, ""); /* an entry that names an id goes before a claim */
	body = kit_attest(&kit_b);
	kit_set(body, "device_id", json_string("pump-2"));
	kit_post(kit, "/v1/attestations", body, &answer);
	assert_string_equal(answer.type, "device-id-mismatch");
	kit_answer_free(&answer);
}

/* Claims an id; the type of the answer to the first step, "" if it is a challenge. */
static void
claim(struct kit *kit, const struct kit_device *dev, const char *id, const char *type)
{
	json_t *body = kit_attest(dev);
	struct kit_answer answer;

	kit_set(body, "device_id", json_string(id));
	kit_post(kit, "/v1/attestations", body, &answer);
	if (strcmp(answer.type, type) != 0)
		fail_msg("%s: %s", id, answer.type);
	kit_answer_free(&answer);
}

/* An id is kept for whom the operator or an EK gave it to, though nobody has come for it yet. */
static void
test_reserved_ids(void **state)
{
	struct kit *kit = *state;
	struct kit_answer first, answer;
	char by_ek[CA_DEVICE_ID_MAX + 1];
	json_t *body;

	kit_configure(kit, "enrolment = open\naccept_ids = yes\n");
	kit_token(kit, "tj_kept", 1, kit_now + 600, "pump-2");
	claim(kit, &kit_b, "pump-2", "device-id-taken");
	ca_device_id_from_ek(kit_a.ek_spki, by_ek);
	claim(kit, &kit_b, by_ek, "device-id-taken");
	claim(kit, &kit_b, "ek-pump", "device-id-taken");
	ca_device_id_from_ek(kit_b.ek_spki, by_ek);
	claim(kit, &kit_b, by_ek, "");
	/* Between the steps as well. */
	body = kit_attest(&kit_b);
	kit_set(body, "device_id", json_string("pump-1"));
	kit_post(kit, "/v1/attestations", body, &first);
	assert_int_equal(first.status, 200);
	kit_allow(kit, &kit_a, "pump-1");
	kit_post(kit, "/v1/certificates", kit_issue(&kit_b, first.doc), &answer);
	assert_string_equal(answer.type, "device-id-taken");
	kit_answer_free(&answer);
	kit_answer_free(&first);
	claim(kit, &kit_b, "pump-1", "device-id-taken");
	/* Those whom it is kept for get it, and then may claim it. */
	kit_enrol(kit, &kit_b, "tj_kept", &answer, NULL);
	kit_answer_free(&answer);
	kit_token(kit, "tj_next", 1, kit_now + 600, "pump-2");
	claim(kit, &kit_b, "pump-2", "");
	claim(kit, &kit_a, "pump-1", "");
	/* What nobody can use any more keeps nothing. */
	kit_token(kit, "tj_late", 1, kit_now, "pump-3");
	kit_sql(kit, "DELETE FROM allow");
	claim(kit, &kit_a, "pump-3", "");
}

/* kit_a's EK certificate says id:54534554, softtpm, id:00010002. */
static void
test_tpms(void **state)
{
	static const struct {
		const char *tpms, *type;
	} cases[] = {
		{ "id:54534554/*/*", "" },
		{ "id:49465800/*/*, id:54534554/softtpm/id:0001*", "" },
		{ "id:49465800/*/*", "tpm-refused" },
		{ "id:54534554/other/*", "tpm-refused" },
		{ "id:54534554/softtpm/id:0002*", "tpm-refused" },
	};
	struct kit_device bare = kit_foreign;
	struct kit *kit = *state;
	X509 *cert;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[256];

		snprintf(text, sizeof(text), "enrolment = open\ntpms = %s\n", cases[i].tpms);
		kit_configure(kit, text);
		cert = ask(kit, &kit_a, NULL, cases[i].type);
		assert_int_equal(cert != NULL, cases[i].type[0] == '\0');
		X509_free(cert);
	}
	/* On the list, but who says what TPM it is? */
	kit_configure(kit, "tpms = id:54534554/*/*\n");
	list(kit, &kit_foreign, "");
	assert_null(ask(kit, &kit_foreign, NULL, "ek-certificate-untrusted"));
	bare.ek_cert = NULL;
	assert_null(ask(kit, &bare, NULL, "ek-certificate-required"));
	/* Both, whatever TPM it is. */
	kit_configure(kit, "tpms = */*/*\n");
	assert_null(ask(kit, &bare, NULL, "ek-certificate-required"));
	assert_null(ask(kit, &kit_b, NULL, "ek-not-listed"));
	kit_sql(kit, "DELETE FROM allow");
	list(kit, &kit_b, "");
	cert = ask(kit, &kit_b, NULL, "");
	assert_non_null(cert);
	X509_free(cert);
}

/* ---- Renewal ------------------------------------------------------------------------- */

static void
test_renewal_keeps_profile(void **state)
{
	struct kit *kit = *state;
	struct kit_device ak = kit_a;
	struct kit_answer first, answer;
	X509 *cert, *next;

	kit_configure(kit, "enrolment = open\nprofiles = client, ak\n");
	ak.key = kit_a.ak;
	cert = ask(kit, &ak, "ak", "");
	kit_post_as(kit, cert, "/v1/renewals", json_object(), &first);
	kit_post_as(kit, cert, "/v1/certificates", kit_issue(&kit_a, first.doc), &answer);
	assert_string_equal(answer.type, "key-unsuitable");
	kit_answer_free(&answer);
	kit_post_as(kit, cert, "/v1/certificates", kit_issue(&ak, first.doc), &answer);
	assert_int_equal(answer.status, 200);
	next = kit_leaf(&answer, "certificate");
	assert_ext(next, NID_ext_key_usage, "2.23.133.8.3");
	X509_free(next);
	kit_answer_free(&answer);
	kit_answer_free(&first);
	kit_configure(kit, "enrolment = open\nprofiles = client\n"); /* no more of these */
	kit_post_as(kit, cert, "/v1/renewals", json_object(), &first);
	kit_post_as(kit, cert, "/v1/certificates", kit_issue(&ak, first.doc), &answer);
	assert_string_equal(answer.type, "profile-refused");
	kit_answer_free(&answer);
	kit_answer_free(&first);
	X509_free(cert);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, kit_setup, kit_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_builtin_profiles),
		TEST(test_ocf_profiles),
		TEST(test_ocf_derived_uuid),
		TEST(test_key_kinds),
		TEST(test_profile_wants_more_than_is_known),
		TEST(test_ak_certificate),
		TEST(test_ak_is_no_client),
		TEST(test_group_enrolment),
		TEST(test_accept_ids),
		TEST(test_reserved_ids),
		TEST(test_tpms),
		TEST(test_renewal_keeps_profile),
	};

	return cmocka_run_group_tests_name(
	    "ca_profile", tests, kit_group_setup, kit_group_teardown);
}
