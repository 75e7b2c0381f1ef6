/* SPDX-License-Identifier: Apache-2.0 */
#include "ca_test.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "ca/pki/ident.h"
#include "ca/pki/keyuri.h"
#include "ca/pki/x509.h"

#define NOW ((int64_t)1800000000)

static struct ca_x509_spec
spec_for(const char *cn, int is_ca)
{
	struct ca_x509_spec spec = {
		.is_ca = is_ca,
		.path_len = -1,
		.not_before = NOW,
		.not_after = NOW + 3600,
		.key_usage = is_ca ? "keyCertSign,cRLSign" : "digitalSignature",
		.ext_key_usage = is_ca ? NULL : "clientAuth",
	};
	struct tpmiot_err err = { 0 };

	assert_ok(ca_x509_name(cn, &spec.subject, &err));
	assert_ok(ca_x509_serial(spec.serial, &spec.serial_len, &err));
	return spec;
}

static X509 *
issue(const struct ca_x509_spec *spec, EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key)
{
	struct tpmiot_err err = { 0 };
	X509 *cert = NULL;

	assert_ok(ca_x509_issue(spec, key, ca, ca_key, &cert, &err));
	return cert;
}

static void
verify(X509 *leaf, X509 *ca)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param = X509_STORE_get0_param(store);

	X509_STORE_add_cert(store, ca);
	X509_VERIFY_PARAM_set_time(param, (time_t)NOW + 1);
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT);
	assert_int_equal(X509_STORE_CTX_init(ctx, store, leaf, NULL), 1);
	if (X509_verify_cert(ctx) != 1)
		fail_msg("%s", X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
}

/* A CA and a leaf for each kind of CA key: OpenSSL's strict verification passes. */
static void
test_issue_verifies(void **state)
{
	static const struct {
		const char *group;
		int md;
	} cases[] = { { "P-256", NID_sha256 }, { "P-384", NID_sha384 }, { "P-521", NID_sha512 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", cases[i].group);
		struct ca_x509_spec root = spec_for("root", 1), end = spec_for("leaf", 0);
		X509 *ca = issue(&root, key, NULL, key);
		X509 *leaf = issue(&end, key, ca, key);
		int md = 0;

		verify(leaf, ca);
		assert_int_equal(X509_get_signature_info(leaf, &md, NULL, NULL, NULL), 1);
		assert_int_equal(md, cases[i].md);
		assert_int_equal(X509_check_ca(ca), 1);
		assert_int_equal(X509_check_ca(leaf), 0);
		assert_int_equal(X509_get_extended_key_usage(leaf), XKU_SSL_CLIENT);
		assert_int_equal(X509_get_key_usage(leaf), KU_DIGITAL_SIGNATURE);
		X509_free(leaf);
		X509_free(ca);
		X509_NAME_free(root.subject);
		X509_NAME_free(end.subject);
		EVP_PKEY_free(key);
	}
}

/* Some tokens give a curve by its numbers; certificates name it (RFC 5480 section 2.1.1). */
static void
test_issue_names_curve(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct ca_x509_spec spec = spec_for("CA", 1);
	unsigned char *der = NULL;
	X509 *cert;

	(void)state;
	assert_int_equal(EVP_PKEY_set_utf8_string_param(key, "encoding", "explicit"), 1);
	assert_true(i2d_PUBKEY(key, &der) > 200); /* with all the numbers */
	OPENSSL_free(der);
	der = NULL;
	cert = issue(&spec, key, NULL, key);
	assert_int_equal(i2d_PUBKEY(X509_get0_pubkey(cert), &der), 91);
	verify(cert, cert);
	OPENSSL_free(der);
	X509_free(cert);
	X509_NAME_free(spec.subject);
	EVP_PKEY_free(key);
}

static void
test_issue_ed25519(void **state)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	struct ca_x509_spec root = spec_for("root", 1);
	X509 *ca = issue(&root, key, NULL, key);

	(void)state;
	verify(ca, ca);
	X509_free(ca);
	X509_NAME_free(root.subject);
	EVP_PKEY_free(key);
}

static void
test_issue_san(void **state)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	struct ca_x509_spec spec = spec_for("x", 0);
	struct tpmiot_err err = { 0 };
	GENERAL_NAMES *san = NULL;
	X509 *cert;

	(void)state;
	assert_ok(ca_x509_san_add(&san, CA_SAN_DNS, "ca.example", &err));
	assert_ok(ca_x509_san_add(&san, CA_SAN_IP, "::1", &err));
	assert_ok(ca_x509_san_add(&san, CA_SAN_URI, "urn:x", &err));
	assert_fails(ca_x509_san_add(&san, CA_SAN_IP, "1.2.3", &err), TPMIOT_E_CRYPTO, "1.2.3");
	assert_int_equal(sk_GENERAL_NAME_num(san), 3);
	spec.san = san;
	cert = issue(&spec, key, NULL, key);
	assert_int_equal(X509_check_host(cert, "ca.example", 0, 0, NULL), 1);
	assert_int_equal(X509_check_ip_asc(cert, "::1", 0), 1);
	assert_int_equal(X509_check_ip_asc(cert, "::2", 0), 0);
	X509_free(cert);
	X509_NAME_free(spec.subject);
	spec.subject = X509_NAME_new(); /* RFC 5280 section 4.1.2.6: then the SAN is critical */
	cert = issue(&spec, key, NULL, key);
	assert_true(X509_EXTENSION_get_critical(
	    X509_get_ext(cert, X509_get_ext_by_NID(cert, NID_subject_alt_name, -1))));
	X509_free(cert);
	X509_NAME_free(spec.subject);
	GENERAL_NAMES_free(san);
	EVP_PKEY_free(key);
}

static void
test_issue_refuses(void **state)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	struct ca_x509_spec spec = spec_for("x", 0);
	struct tpmiot_err err = { 0 };
	X509 *cert = NULL, *bare = X509_new();

	(void)state;
	assert_fails(ca_x509_issue(&spec, key, bare, key, &cert, &err), TPMIOT_E_VERIFY,
	    "subject key identifier");
	spec.key_usage = "flying";
	assert_fails(ca_x509_issue(&spec, key, NULL, key, &cert, &err), TPMIOT_E_CRYPTO, "flying");
	assert_null(cert);
	X509_free(bare);
	X509_NAME_free(spec.subject);
	EVP_PKEY_free(key);
}

static void
test_serial(void **state)
{
	struct tpmiot_err err = { 0 };
	uint8_t serial[CA_SERIAL_MAX];
	size_t len = 0;

	(void)state;
	for (int i = 0; i < 200; i++) {
		assert_ok(ca_x509_serial(serial, &len, &err));
		assert_int_equal(len, 16);
		assert_int_equal(serial[0] & 0xc0, 0x40);
	}
}

static void
test_time(void **state)
{
	struct tpmiot_err err = { 0 };
	ASN1_TIME *time = ASN1_TIME_set(NULL, (time_t)4102444800); /* 2100: GeneralizedTime */
	int64_t got = 0;

	(void)state;
	assert_ok(ca_x509_time(time, &got, &err));
	assert_int_equal(got, 4102444800);
	ASN1_TIME_free(time);
}

static void
write_key(const char *dir, const char *name, EVP_PKEY *key, const char *passphrase)
{
	char path[128];
	BIO *bio;

	scratch_path(dir, name, path);
	bio = BIO_new_file(path, "w");
	assert_non_null(bio);
	assert_int_equal(
	    PEM_write_bio_PKCS8PrivateKey(bio, key, passphrase != NULL ? EVP_aes_128_cbc() : NULL,
	        passphrase, passphrase != NULL ? (int)strlen(passphrase) : 0, NULL, NULL),
	    1);
	BIO_free(bio);
}

static void
test_key_load(void **state)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), *got = NULL;
	struct tpmiot_err err = { 0 };
	char dir[64];

	(void)state;
	scratch_make(dir);
	assert_fails(ca_key_load(dir, "a", NULL, &got, &err), TPMIOT_E_IO, "/a");
	write_key(dir, "a", key, NULL);
	assert_ok(ca_key_load(dir, "a", "", &got, &err));
	assert_int_equal(EVP_PKEY_eq(got, key), 1);
	EVP_PKEY_free(got);
	got = NULL;
	write_key(dir, "a", key, "secret");
	assert_fails(ca_key_load(dir, "a", NULL, &got, &err), TPMIOT_E_CRYPTO, "passphrase");
	scratch_write(dir, "b", "wrong\n");
	assert_fails(ca_key_load(dir, "a", "b", &got, &err), TPMIOT_E_CRYPTO, "passphrase");
	assert_null(got);
	scratch_write(dir, "b", "secret\nsecond line\n");
	assert_ok(ca_key_load(dir, "a", "b", &got, &err));
	EVP_PKEY_free(got);
	EVP_PKEY_free(key);
	scratch_remove(dir);
}

static void
test_certs_load_refuses(void **state)
{
	STACK_OF(X509) *certs = NULL;
	struct tpmiot_err err = { 0 };
	char dir[64];

	(void)state;
	scratch_make(dir);
	assert_fails(ca_certs_load(dir, "a", &certs, &err), TPMIOT_E_CRYPTO, "/a");
	scratch_write(dir, "a", "no PEM here\n");
	assert_fails(ca_certs_load(dir, "a", &certs, &err), TPMIOT_E_FORMAT, "no PEM");
	scratch_write(dir, "a", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	assert_fails(ca_certs_load(dir, "a", &certs, &err), TPMIOT_E_CRYPTO, "damaged");
	assert_null(certs);
	scratch_remove(dir);
}

static void
test_device_id(void **state)
{
	uint8_t ek[TPMIOT_SPKI_SHA256_LEN] = { 0xab, 0xcd };
	char id[CA_DEVICE_ID_MAX + 1], long_id[CA_DEVICE_ID_MAX + 2];

	(void)state;
	ca_device_id_from_ek(ek, id);
	assert_string_equal(id, "ek-abcd0000000000000000000000000000");
	assert_true(tpmiot_device_id_valid(id));
	assert_true(tpmiot_device_id_valid("Pump-7.eu:1@x_y"));
	assert_false(tpmiot_device_id_valid(""));
	assert_false(tpmiot_device_id_valid("-x"));
	assert_false(tpmiot_device_id_valid("a b"));
	assert_false(tpmiot_device_id_valid("a/b"));
	memset(long_id, 'a', sizeof(long_id));
	long_id[CA_DEVICE_ID_MAX + 1] = '\0';
	assert_false(tpmiot_device_id_valid(long_id));
	long_id[CA_DEVICE_ID_MAX] = '\0';
	assert_true(tpmiot_device_id_valid(long_id));
}

/* An intermediate with what may stand behind it, and with what may not. */
static void
test_signer_chain(void **state)
{
	EVP_PKEY *key[] = { EVP_EC_gen("P-256"), EVP_EC_gen("P-256"), EVP_EC_gen("P-256"),
		EVP_EC_gen("P-256") };
	const char *const names[] = { "root", "upper", "ca", "root" };
	X509 *cert[4]; /* root, upper, ca; and another root of the same name */
	STACK_OF(X509) *chain = sk_X509_new_null();
	struct tpmiot_err err = { 0 };
	struct ca_x509_spec spec;

	(void)state;
	for (int i = 0; i < 4; i++) {
		spec = spec_for(names[i], 1);
		cert[i] = i % 3 == 0 ? issue(&spec, key[i], NULL, key[i])
		                     : issue(&spec, key[i], cert[i - 1], key[i - 1]);
		X509_NAME_free(spec.subject);
	}
	assert_ok(ca_signer_check_chain(cert[2], chain, &err)); /* alone */
	sk_X509_push(chain, cert[1]);
	assert_ok(ca_signer_check_chain(cert[2], chain, &err)); /* without its root */
	sk_X509_push(chain, cert[2]);
	sk_X509_unshift(chain, cert[0]);
	assert_ok(ca_signer_check_chain(cert[2], chain, &err)); /* in any order */
	assert_int_equal(sk_X509_num(chain), 3);
	sk_X509_push(chain, cert[3]);
	assert_fails(ca_signer_check_chain(cert[2], chain, &err), TPMIOT_E_VERIFY, "root did not");
	sk_X509_zero(chain);
	sk_X509_push(chain, cert[0]); /* with a gap below it */
	assert_int_equal(ca_signer_check_chain(cert[2], chain, &err), TPMIOT_E_VERIFY);
	assert_ok(ca_signer_check_chain(cert[0], chain, &err));
	sk_X509_push(chain, cert[1]); /* below a root */
	assert_int_equal(ca_signer_check_chain(cert[0], chain, &err), TPMIOT_E_VERIFY);
	sk_X509_free(chain);
	for (int i = 0; i < 4; i++) {
		X509_free(cert[i]);
		EVP_PKEY_free(key[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_issue_verifies),
		cmocka_unit_test(test_issue_names_curve),
		cmocka_unit_test(test_issue_ed25519),
		cmocka_unit_test(test_issue_san),
		cmocka_unit_test(test_issue_refuses),
		cmocka_unit_test(test_serial),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_key_load),
		cmocka_unit_test(test_certs_load_refuses),
		cmocka_unit_test(test_signer_chain),
		cmocka_unit_test(test_device_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
