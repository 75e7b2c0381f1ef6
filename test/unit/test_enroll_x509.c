/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate requests signed by somebody else, and certificates that a CA may or may not send. */
#include <time.h>

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <tpmiot/template.h>

#include "enroll/enrol/certs.h"
#include "enroll/enrol/csr.h"
#include "enroll/enrol/renewal.h"
#include "unit.h"

#define NOW 1800000000

static EVP_PKEY *
new_key(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	assert_non_null(key);
	return key;
}

static void
add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(ext);
	assert_int_equal(X509_add_ext(cert, ext, -1), 1);
	X509_EXTENSION_free(ext);
}

/* A certificate for key with the subject CN, by issuer (NULL: itself). */
static X509 *
new_cert(EVP_PKEY *key, const char *cn, bool is_ca, const X509 *issuer, EVP_PKEY *issuer_key,
    int64_t not_after)
{
	X509 *cert = X509_new();

	assert_non_null(cert);
	assert_int_equal(X509_set_version(cert, X509_VERSION_3), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(cert), 7), 1);
	assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
	                     (const unsigned char *)cn, -1, -1, 0),
	    1);
	assert_int_equal(
	    X509_set_issuer_name(cert, X509_get_subject_name(issuer != NULL ? issuer : cert)), 1);
	assert_non_null(ASN1_TIME_set(X509_getm_notBefore(cert), NOW + 3600)); /* clocks differ */
	assert_non_null(ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)not_after));
	assert_int_equal(X509_set_pubkey(cert, key), 1);
	add_extension(cert, NID_basic_constraints, is_ca ? "critical,CA:TRUE" : "CA:FALSE");
	assert_true(X509_sign(cert, issuer_key, EVP_sha256()) > 0);
	return cert;
}

/* Root, intermediate and leaf; `issued` is what a CA sends. */
struct fixture {
	EVP_PKEY *root_key, *inter_key, *leaf_key;
	X509 *root, *inter, *leaf;
	STACK_OF(X509) *issued, *ca;
	struct tpmiot_err err;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->root_key = new_key();
	f->inter_key = new_key();
	f->leaf_key = new_key();
	f->root = new_cert(f->root_key, "root", true, NULL, f->root_key, NOW + 1000);
	f->inter = new_cert(f->inter_key, "inter", true, f->root, f->root_key, NOW + 1000);
	f->leaf = new_cert(f->leaf_key, "leaf", false, f->inter, f->inter_key, NOW + 1000);
	f->issued = sk_X509_new_null();
	f->ca = sk_X509_new_null();
	assert_true(sk_X509_push(f->issued, f->leaf) > 0 && sk_X509_push(f->issued, f->inter) > 0 &&
	            sk_X509_push(f->ca, f->root) > 0);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	sk_X509_free(f->issued);
	sk_X509_free(f->ca);
	X509_free(f->root);
	X509_free(f->inter);
	X509_free(f->leaf);
	EVP_PKEY_free(f->root_key);
	EVP_PKEY_free(f->inter_key);
	EVP_PKEY_free(f->leaf_key);
	free(f);
	return 0;
}

static enum tpmiot_rc
check(struct fixture *f, const EVP_PKEY *key, int64_t now)
{
	return enroll_certs_check_issued(f->issued, f->ca, key, now, &f->err);
}

static void
test_check_issued(void **state)
{
	struct fixture *f = *state;

	assert_ok(check(f, f->leaf_key, NOW), &f->err);
}

static void
test_check_issued_other_key(void **state)
{
	struct fixture *f = *state;

	assert_refused(check(f, f->root_key, NOW), TPMIOT_E_TRUST, &f->err, "another key");
}

static void
test_check_issued_expired(void **state)
{
	struct fixture *f = *state;

	assert_refused(check(f, f->leaf_key, NOW + 1000), TPMIOT_E_TRUST, &f->err, "clock");
}

static void
test_check_issued_path_broken(void **state)
{
	struct fixture *f = *state;

	(void)sk_X509_pop(f->issued); /* without the intermediate */
	assert_refused(check(f, f->leaf_key, NOW), TPMIOT_E_TRUST, &f->err, "does not lead");
}

static void
test_check_issued_other_root(void **state)
{
	struct fixture *f = *state;
	X509 *other = new_cert(f->leaf_key, "root", true, NULL, f->leaf_key, NOW + 1000);

	(void)sk_X509_set(f->ca, 0, other); /* same name, another key */
	assert_refused(check(f, f->leaf_key, NOW), TPMIOT_E_TRUST, &f->err, "does not lead");
	X509_free(other);
}

static void
test_check_issued_ca_is_none(void **state)
{
	struct fixture *f = *state;

	(void)sk_X509_set(f->ca, 0, f->leaf);
	assert_refused(check(f, f->leaf_key, NOW), TPMIOT_E_TRUST, &f->err, "no CA certificate");
}

static void
test_usable(void **state)
{
	struct fixture *f = *state;

	assert_true(enroll_certs_usable(f->leaf, f->leaf_key, NOW));
	assert_false(enroll_certs_usable(f->leaf, f->root_key, NOW));
	assert_false(enroll_certs_usable(f->leaf, f->leaf_key, NOW + 1000));
	assert_int_equal(enroll_certs_not_after(f->leaf), NOW + 1000);
}

static void
test_put_time(void **state)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;

	(void)state;
	enroll_certs_put_time(NOW, &text);
	assert_string_equal(tpmiot_buf_cstr(&text), "2027-01-15T08:00:00Z");
	tpmiot_buf_free(&text);
}

static void
test_parse_pem(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_buf pem = TPMIOT_BUF_INIT;
	STACK_OF(X509) *certs = NULL;
	size_t len;

	assert_ok(enroll_certs_put_pem(f->issued, &pem, &f->err), &f->err);
	assert_ok(enroll_certs_parse((struct tpmiot_bytes){ pem.data, pem.len }, &certs, &f->err),
	    &f->err);
	assert_int_equal(sk_X509_num(certs), 2);
	assert_int_equal(X509_cmp(sk_X509_value(certs, 0), f->leaf), 0);
	sk_X509_pop_free(certs, X509_free);
	/* Cut inside the second: broken, not "one certificate". */
	for (len = pem.len - 2; len > pem.len - 300; len -= 7)
		assert_refused(
		    enroll_certs_parse((struct tpmiot_bytes){ pem.data, len }, &certs, &f->err),
		    TPMIOT_E_FORMAT, &f->err, "broken");
	tpmiot_buf_free(&pem);
	assert_refused(enroll_certs_parse((struct tpmiot_bytes){ "nothing", 7 }, &certs, &f->err),
	    TPMIOT_E_FORMAT, &f->err, "no PEM certificate");
	assert_refused(enroll_certs_parse((struct tpmiot_bytes){ "", 0 }, &certs, &f->err),
	    TPMIOT_E_FORMAT, &f->err, "no PEM certificate");
}

static void
test_parse_pem_too_many(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_buf pem = TPMIOT_BUF_INIT;
	STACK_OF(X509) *certs = NULL;
	int i;

	for (i = 0; i < 5; i++)
		assert_ok(enroll_certs_put_pem(f->issued, &pem, &f->err), &f->err);
	assert_refused(
	    enroll_certs_parse((struct tpmiot_bytes){ pem.data, pem.len }, &certs, &f->err),
	    TPMIOT_E_FORMAT, &f->err, "more than 8");
	tpmiot_buf_free(&pem);
}

static void
put_der(const X509 *cert, struct tpmiot_buf *out)
{
	unsigned char *der = NULL;
	int len = i2d_X509(cert, &der);

	assert_true(len > 0);
	tpmiot_buf_put(out, der, (size_t)len);
	OPENSSL_free(der);
}

static void
test_split(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_buf der = TPMIOT_BUF_INIT;
	STACK_OF(X509) *certs = NULL;
	size_t two;

	put_der(f->leaf, &der);
	put_der(f->inter, &der);
	two = der.len;
	tpmiot_buf_put(&der, "\xff\xff\x00", 3);
	assert_ok(enroll_certs_split((struct tpmiot_bytes){ der.data, der.len }, &certs, &f->err),
	    &f->err);
	assert_int_equal(sk_X509_num(certs), 2);
	sk_X509_pop_free(certs, X509_free);
	assert_refused(
	    enroll_certs_split((struct tpmiot_bytes){ der.data, two - 1 }, &certs, &f->err),
	    TPMIOT_E_CRYPTO, &f->err, "not a certificate");
	tpmiot_buf_put_u8(&der, 1);
	assert_refused(
	    enroll_certs_split((struct tpmiot_bytes){ der.data, der.len }, &certs, &f->err),
	    TPMIOT_E_CRYPTO, &f->err, "not a certificate");
	tpmiot_buf_free(&der);
}

/* ---- Requests ---------------------------------------------------------------- */

struct signer {
	EVP_PKEY *key;
	const char *md;
	bool fail;
};

static enum tpmiot_rc
sign(void *arg, const void *msg, size_t len, struct tpmiot_buf *signature, struct tpmiot_err *err)
{
	const struct signer *signer = arg;
	EVP_MD_CTX *ctx;
	size_t sig_len = 512;
	uint8_t sig[512];

	if (signer->fail)
		return tpmiot_err_set(err, TPMIOT_E_TPM, "the TPM said no");
	ctx = EVP_MD_CTX_new();
	assert_non_null(ctx);
	assert_int_equal(
	    EVP_DigestSignInit_ex(ctx, NULL, signer->md, NULL, NULL, signer->key, NULL), 1);
	assert_int_equal(EVP_DigestSign(ctx, sig, &sig_len, msg, len), 1);
	EVP_MD_CTX_free(ctx);
	tpmiot_buf_put(signature, sig, sig_len);
	return TPMIOT_OK;
}

static void
assert_request_holds(enum tpmiot_key_kind kind, EVP_PKEY *key, const char *md)
{
	struct signer signer = { key, md, false };
	struct tpmiot_buf der = TPMIOT_BUF_INIT;
	TPMT_SIG_SCHEME scheme;
	struct tpmiot_err err;
	const unsigned char *at;
	TPMT_PUBLIC area;
	X509_REQ *req;
	int nid;

	assert_non_null(key);
	tpmiot_template_key(kind, &area);
	assert_ok(enroll_csr_scheme(&area, &scheme, &nid, &err), &err);
	assert_ok(enroll_csr_build(key, nid, sign, &signer, &der, &err), &err);
	at = der.data;
	req = d2i_X509_REQ(NULL, &at, (long)der.len);
	assert_non_null(req);
	assert_ptr_equal(at, der.data + der.len);
	assert_int_equal(X509_REQ_verify(req, key), 1);
	assert_int_equal(X509_REQ_get_signature_nid(req), nid);
	assert_int_equal(X509_NAME_entry_count(X509_REQ_get_subject_name(req)), 0);
	X509_REQ_free(req);
	tpmiot_buf_free(&der);
	EVP_PKEY_free(key);
}

static void
test_csr_every_kind(void **state)
{
	(void)state;
	assert_request_holds(TPMIOT_KEY_EC_P256, EVP_EC_gen("P-256"), "SHA256");
	assert_request_holds(TPMIOT_KEY_EC_P384, EVP_EC_gen("P-384"), "SHA384");
	assert_request_holds(TPMIOT_KEY_RSA_2048, EVP_RSA_gen(2048), "SHA256");
}

static void
test_csr_signer_fails(void **state)
{
	struct signer signer = { NULL, NULL, true };
	struct tpmiot_buf der = TPMIOT_BUF_INIT;
	EVP_PKEY *key = new_key();
	struct tpmiot_err err;

	(void)state;
	assert_refused(enroll_csr_build(key, NID_ecdsa_with_SHA256, sign, &signer, &der, &err),
	    TPMIOT_E_TPM, &err, "said no");
	assert_int_equal(der.len, 0);
	EVP_PKEY_free(key);
}

static void
test_csr_scheme_unsupported(void **state)
{
	TPMT_SIG_SCHEME scheme;
	struct tpmiot_err err;
	TPMT_PUBLIC area;
	int nid;

	(void)state;
	tpmiot_template_key(TPMIOT_KEY_EC_P256, &area);
	area.parameters.eccDetail.curveID = TPM2_ECC_BN_P256;
	assert_refused(
	    enroll_csr_scheme(&area, &scheme, &nid, &err), TPMIOT_E_UNSUPPORTED, &err, "P-256");
}

#define WITH_CERTS(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* A year: 27 to 30 days; nine days: 2.7 to 3; not all alike. */
static void
test_renewal_default_before(void **state)
{
	static const int64_t lifetimes[] = { 365 * 86400, 9 * 86400 };
	static const int64_t latest[] = { 30 * 86400, 3 * 86400 };
	EVP_PKEY *key = new_key();
	int64_t before, last = -1;
	int i, n, differ = 0;
	X509 *cert;

	(void)state;
	for (i = 0; i < 2; i++) {
		for (n = 0; n < 20; n++) {
			cert = new_cert(key, "x", false, NULL, key, NOW + 3600 + lifetimes[i]);
			before = enroll_renewal_default_before(cert);
			assert_true(before <= latest[i]);
			assert_true(before >= latest[i] - latest[i] / 10);
			differ += last >= 0 && before != last;
			last = before;
			X509_free(cert);
		}
	}
	assert_true(differ > 10);
	EVP_PKEY_free(key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CERTS(test_check_issued),
		WITH_CERTS(test_check_issued_other_key),
		WITH_CERTS(test_check_issued_expired),
		WITH_CERTS(test_check_issued_path_broken),
		WITH_CERTS(test_check_issued_other_root),
		WITH_CERTS(test_check_issued_ca_is_none),
		WITH_CERTS(test_usable),
		cmocka_unit_test(test_put_time),
		WITH_CERTS(test_parse_pem),
		WITH_CERTS(test_parse_pem_too_many),
		WITH_CERTS(test_split),
		cmocka_unit_test(test_renewal_default_before),
		cmocka_unit_test(test_csr_every_kind),
		cmocka_unit_test(test_csr_signer_fails),
		cmocka_unit_test(test_csr_scheme_unsupported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
