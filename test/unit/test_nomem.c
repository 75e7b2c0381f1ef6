/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory runs out at every allocation of every operation, in our code and in
 * libcrypto's, once and from there on: it is refused or right, nothing crashes,
 * nothing leaks (under the sanitizers), outputs stay untouched.
 */
#include "unit.h"

#include <openssl/crypto.h>

#include <tpmiot/b64.h>
#include <tpmiot/credential.h>
#include <tpmiot/kdf.h>
#include <tpmiot/keyfile.h>
#include <tpmiot/signature.h>
#include <tpmiot/uri.h>

static bool armed, for_good;
static unsigned long countdown;
static bool hit;

static bool
fails(void)
{
	if (!armed)
		return false;
	if (countdown > 0) {
		countdown--;
		return false;
	}
	if (hit && !for_good)
		return false;
	hit = true;
	return true;
}

static void *
counted_malloc(size_t len, const char *file, int line)
{
	(void)file;
	(void)line;
	return fails() ? NULL : malloc(len);
}

static void *
counted_realloc(void *p, size_t len, const char *file, int line)
{
	(void)file;
	(void)line;
	return fails() ? NULL : realloc(p, len);
}

static void
plain_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

/* What the operations work on, loaded before memory runs out. */
static struct {
	struct tpmiot_buf pem, signed_pem, sig_raw, msg;
	struct tpmiot_keyfile key, signed_key;
	struct tpmiot_public ek_rsa, ek_ecc, signer;
	TPMT_SIGNATURE sig;
	TPM2B_NAME name;
} in;

static void
load_public(const char *file, struct tpmiot_public *out)
{
	struct tpmiot_buf buf = TPMIOT_BUF_INIT;
	struct tpmiot_err err;

	read_vector(file, &buf);
	assert_ok(tpmiot_public_parse(NULL, buf.data, buf.len, out, &err), &err);
	tpmiot_buf_free(&buf);
}

static int
setup(void **state)
{
	struct tpmiot_err err;

	(void)state;
	read_vector("keyfile/ec-p256-owner.pem", &in.pem);
	read_vector("keyfile/ec-signed-policy.pem", &in.signed_pem);
	assert_ok(tpmiot_keyfile_parse_pem(
	              NULL, in.signed_pem.data, in.signed_pem.len, &in.signed_key, &err),
	    &err);
	read_vector("signature/ak-ecc-ecdsa-sha256.sig", &in.sig_raw);
	read_vector("signature/message", &in.msg);
	assert_ok(tpmiot_keyfile_parse_pem(NULL, in.pem.data, in.pem.len, &in.key, &err), &err);
	assert_ok(tpmiot_signature_parse(in.sig_raw.data, in.sig_raw.len, &in.sig, &err), &err);
	load_public("public/ak-ecc.tpm2b", &in.signer);
	load_public("public/ek-l1.tpm2b", &in.ek_rsa);
	load_public("public/ek-l2.tpm2b", &in.ek_ecc);
	in.name = in.signer.name;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	tpmiot_buf_free(&in.pem);
	tpmiot_buf_free(&in.signed_pem);
	tpmiot_keyfile_clear(&in.signed_key);
	tpmiot_buf_free(&in.sig_raw);
	tpmiot_buf_free(&in.msg);
	return 0;
}

/* Each gives its result and checks what it made, or that nothing was. */

static enum tpmiot_rc
parse_pem(void)
{
	struct tpmiot_keyfile key = { .parent = 0x55 };
	enum tpmiot_rc rc = tpmiot_keyfile_parse_pem(NULL, in.pem.data, in.pem.len, &key, NULL);

	assert_int_equal(key.parent, rc == TPMIOT_OK ? TPM2_RH_OWNER : 0x55);
	return rc;
}

/* One with everything that is allocated besides. */
static enum tpmiot_rc
parse_signed_policy(void)
{
	struct tpmiot_keyfile key = { .parent = 0x55 };
	enum tpmiot_rc rc =
	    tpmiot_keyfile_parse_pem(NULL, in.signed_pem.data, in.signed_pem.len, &key, NULL);

	assert_int_equal(key.parent, rc == TPMIOT_OK ? 0x81000001 : 0x55);
	tpmiot_keyfile_clear(&key);
	return rc;
}

static enum tpmiot_rc
put_signed_policy(void)
{
	struct tpmiot_buf out = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc = tpmiot_keyfile_put_pem(&in.signed_key, &out, NULL);

	if (rc == TPMIOT_OK)
		assert_int_equal(out.data[0], '-');
	tpmiot_buf_free(&out);
	return rc;
}

static enum tpmiot_rc
put_pem(void)
{
	struct tpmiot_buf out = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc = tpmiot_keyfile_put_pem(&in.key, &out, NULL);

	if (rc == TPMIOT_OK)
		assert_int_equal(out.data[0], '-');
	tpmiot_buf_free(&out);
	return rc;
}

static enum tpmiot_rc
parse_uri(void)
{
	struct tpmiot_uri uri = { .handle = 0x55 };
	enum tpmiot_rc rc = tpmiot_uri_parse("object:/a%20b?auth-file=c", &uri, NULL);

	if (rc != TPMIOT_OK)
		assert_int_equal(uri.handle, 0x55);
	else
		tpmiot_uri_free(&uri);
	return rc;
}

static enum tpmiot_rc
decode_b64(void)
{
	struct tpmiot_buf out = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc = tpmiot_b64_decode("Zm9v", 4, &out, NULL);

	if (rc == TPMIOT_OK)
		assert_memory_equal(out.data, "foo", 3);
	tpmiot_buf_free(&out);
	return rc;
}

static enum tpmiot_rc
encode_b64(void)
{
	struct tpmiot_buf out = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	tpmiot_b64_encode("foo", 3, &out);
	tpmiot_hex_encode("foo", 3, &out);
	rc = tpmiot_buf_done(&out, NULL);
	if (rc == TPMIOT_OK)
		assert_memory_equal(out.data, "Zm9v666f6f", 10);
	tpmiot_buf_free(&out);
	return rc;
}

static enum tpmiot_rc
verify(void)
{
	return tpmiot_signature_verify(NULL, &in.signer, &in.sig, in.msg.data, in.msg.len, NULL);
}

static enum tpmiot_rc
make_credential(const struct tpmiot_public *ek)
{
	struct tpmiot_credential cred = { { (uint8_t *)&in, 0, 0, false }, TPMIOT_BUF_INIT };
	enum tpmiot_rc rc = tpmiot_credential_make(NULL, ek, &in.name, "secret", 6, &cred, NULL);

	if (rc != TPMIOT_OK)
		assert_ptr_equal(cred.blob.data, &in);
	else
		tpmiot_credential_free(&cred);
	return rc;
}

static enum tpmiot_rc
make_credential_rsa(void)
{
	return make_credential(&in.ek_rsa);
}

static enum tpmiot_rc
make_credential_ecc(void)
{
	return make_credential(&in.ek_ecc);
}

static enum tpmiot_rc
derive(void)
{
	const struct tpmiot_bytes key = { "key", 3 }, none = { NULL, 0 };
	uint8_t out[48];
	enum tpmiot_rc rc;

	rc = tpmiot_kdfa(NULL, TPM2_ALG_SHA256, key, "L", none, none, out, sizeof(out), NULL);
	if (rc == TPMIOT_OK)
		rc = tpmiot_kdfe(
		    NULL, TPM2_ALG_SHA256, key, "L", none, none, out, sizeof(out), NULL);
	return rc;
}

static enum tpmiot_rc
fingerprint(void)
{
	uint8_t out[TPMIOT_SPKI_SHA256_LEN];
	EVP_PKEY *pkey = NULL;
	enum tpmiot_rc rc = tpmiot_public_to_pkey(NULL, &in.ek_rsa, &pkey, NULL);

	if (rc != TPMIOT_OK)
		assert_null(pkey);
	else
		rc = tpmiot_spki_sha256(NULL, pkey, out, NULL);
	EVP_PKEY_free(pkey);
	return rc;
}

/* Runs the operation with the n-th allocation failing, until it has no n-th. */
static void run_dry(enum tpmiot_rc (*op)(void))
{
	unsigned long refused = 0;

	assert_int_equal(op(), TPMIOT_OK); /* warms libcrypto's caches */
	for (int mode = 0; mode < 2; mode++) {
		for_good = mode == 1;
		for (unsigned long n = 0;; n++) {
			enum tpmiot_rc rc;

			countdown = n;
			hit = false;
			armed = true;
			rc = op();
			armed = false;
			refused += rc != TPMIOT_OK;
			if (!hit)
				break;
		}
	}
	assert_int_equal(op(), TPMIOT_OK);
	assert_true(refused > 0);
}

#define NOMEM_TEST(op)                                                                             \
	static void test_nomem_##op(void **state)                                                  \
	{                                                                                          \
		(void)state;                                                                       \
		run_dry(op);                                                                       \
	}

NOMEM_TEST(parse_pem)
NOMEM_TEST(put_pem)
NOMEM_TEST(parse_signed_policy)
NOMEM_TEST(put_signed_policy)
NOMEM_TEST(parse_uri)
NOMEM_TEST(decode_b64)
NOMEM_TEST(encode_b64)
NOMEM_TEST(verify)
NOMEM_TEST(make_credential_rsa)
NOMEM_TEST(make_credential_ecc)
NOMEM_TEST(derive)
NOMEM_TEST(fingerprint)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nomem_parse_pem),
		cmocka_unit_test(test_nomem_put_pem),
		cmocka_unit_test(test_nomem_parse_signed_policy),
		cmocka_unit_test(test_nomem_put_signed_policy),
		cmocka_unit_test(test_nomem_parse_uri),
		cmocka_unit_test(test_nomem_decode_b64),
		cmocka_unit_test(test_nomem_encode_b64),
		cmocka_unit_test(test_nomem_verify),
		cmocka_unit_test(test_nomem_make_credential_rsa),
		cmocka_unit_test(test_nomem_make_credential_ecc),
		cmocka_unit_test(test_nomem_derive),
		cmocka_unit_test(test_nomem_fingerprint),
	};

	/* Before libcrypto allocates anything. */
	if (CRYPTO_set_mem_functions(counted_malloc, counted_realloc, plain_free) != 1)
		return 1;
	return cmocka_run_group_tests(tests, setup, teardown);
}
