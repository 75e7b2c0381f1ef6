/* SPDX-License-Identifier: Apache-2.0 */
/* RSA paddings against OpenSSL's own, around the bare operation of a software key. */
#include "unit.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include <tpmiot/rsapad.h>

#define SIZE 256

static EVP_PKEY *key;
static const uint8_t SECRET[32] = { 1, 2, 3 };
static const struct tpmiot_bytes secret = { SECRET, sizeof(SECRET) };

static int
make_key(void **state)
{
	(void)state;
	key = EVP_RSA_gen(SIZE * 8);
	return key == NULL;
}

static int
free_key(void **state)
{
	(void)state;
	EVP_PKEY_free(key);
	return 0;
}

/* What TPM2_RSA_Decrypt does. */
static void
bare(const uint8_t *in, uint8_t out[SIZE])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	size_t len = SIZE;

	assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING), 1);
	assert_int_equal(EVP_PKEY_decrypt(ctx, out, &len, in, SIZE), 1);
	assert_int_equal(len, SIZE);
	EVP_PKEY_CTX_free(ctx);
}

/* ---- PKCS #1 ----------------------------------------------------------------- */

static void
decode_pkcs1(const uint8_t em[SIZE], const uint8_t ciphertext[SIZE], struct tpmiot_buf *out)
{
	struct tpmiot_err err;

	tpmiot_buf_reset(out);
	assert_ok(
	    tpmiot_rsapad_pkcs1_decode(NULL, secret, (struct tpmiot_bytes){ ciphertext, SIZE },
	        (struct tpmiot_bytes){ em, SIZE }, out, &err),
	    &err);
}

/* 00 02 and bytes that are not zero, a zero in front of a message of that length. */
static void
pad_pkcs1(uint8_t em[SIZE], size_t message_len)
{
	memset(em, 0x5a, SIZE);
	em[0] = 0;
	em[1] = 2;
	em[SIZE - message_len - 1] = 0;
}

static void
test_pkcs1_decode_every_length(void **state)
{
	struct tpmiot_buf out = TPMIOT_BUF_INIT;
	uint8_t em[SIZE], ciphertext[SIZE] = { 7 };

	(void)state;
	for (size_t len = 0; len <= SIZE - 11; len++) {
		pad_pkcs1(em, len);
		decode_pkcs1(em, ciphertext, &out);
		assert_int_equal(out.len, len);
		if (len > 0)
			assert_memory_equal(out.data, em + SIZE - len, len);
	}
	tpmiot_buf_free(&out);
}

/* A message with zeros in it: the first zero counts. */
static void
test_pkcs1_decode_openssl(void **state)
{
	static const uint8_t message[] = { 0, 1, 0, 2 };
	struct tpmiot_buf out = TPMIOT_BUF_INIT;
	uint8_t em[SIZE], ciphertext[SIZE];
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	size_t len = SIZE;

	(void)state;
	assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
	assert_int_equal(EVP_PKEY_encrypt(ctx, ciphertext, &len, message, sizeof(message)), 1);
	bare(ciphertext, em);
	decode_pkcs1(em, ciphertext, &out);
	assert_int_equal(out.len, sizeof(message));
	assert_memory_equal(out.data, message, sizeof(message));
	EVP_PKEY_CTX_free(ctx);
	tpmiot_buf_free(&out);
}

static void
assert_rejected(const uint8_t em[SIZE], const uint8_t ciphertext[SIZE])
{
	static const uint8_t garbage[SIZE] = { 0xff };
	struct tpmiot_buf out = TPMIOT_BUF_INIT, other = TPMIOT_BUF_INIT;

	decode_pkcs1(em, ciphertext, &out);
	decode_pkcs1(garbage, ciphertext, &other); /* the ciphertext alone decides */
	assert_int_equal(out.len, other.len);
	assert_true(out.len <= SIZE - 11);
	if (out.len > 0)
		assert_memory_equal(out.data, other.data, out.len);
	tpmiot_buf_free(&out);
	tpmiot_buf_free(&other);
}

static void
test_pkcs1_decode_wrong(void **state)
{
	uint8_t em[SIZE], ciphertext[SIZE] = { 7 };

	(void)state;
	pad_pkcs1(em, 20);
	em[0] = 1;
	assert_rejected(em, ciphertext);
	pad_pkcs1(em, 20);
	em[1] = 1;
	assert_rejected(em, ciphertext);
	for (size_t i = 2; i < 10; i++) { /* fewer than eight bytes of padding */
		pad_pkcs1(em, 20);
		em[i] = 0;
		assert_rejected(em, ciphertext);
	}
	pad_pkcs1(em, 20);
	em[SIZE - 21] = 1; /* no zero at all */
	assert_rejected(em, ciphertext);
}

/* Messages for wrong paddings are of all lengths and depend on secret and ciphertext. */
static void
test_pkcs1_decode_synthetic(void **state)
{
	static const uint8_t other_secret[32] = { 9 };
	uint8_t em[SIZE] = { 0 }, ciphertext[SIZE] = { 0 };
	struct tpmiot_buf out = TPMIOT_BUF_INIT, other = TPMIOT_BUF_INIT;
	size_t shortest = SIZE, longest = 0;
	struct tpmiot_err err;

	(void)state;
	for (unsigned int i = 0; i < 200; i++) {
		ciphertext[SIZE - 1] = (uint8_t)i;
		decode_pkcs1(em, ciphertext, &out);
		shortest = out.len < shortest ? out.len : shortest;
		longest = out.len > longest ? out.len : longest;
	}
	assert_true(shortest < 20);
	assert_true(longest > SIZE - 31 && longest <= SIZE - 11);
	assert_ok(tpmiot_rsapad_pkcs1_decode(NULL, (struct tpmiot_bytes){ other_secret, 32 },
	              (struct tpmiot_bytes){ ciphertext, SIZE }, (struct tpmiot_bytes){ em, SIZE },
	              &other, &err),
	    &err);
	assert_false(out.len == other.len && memcmp(out.data, other.data, out.len) == 0);
	tpmiot_buf_free(&out);
	tpmiot_buf_free(&other);
}

static void
test_pkcs1_decode_sizes(void **state)
{
	struct tpmiot_buf out = TPMIOT_BUF_INIT;
	uint8_t em[SIZE] = { 0 };
	struct tpmiot_err err;

	(void)state;
	assert_refused(tpmiot_rsapad_pkcs1_decode(NULL, secret, (struct tpmiot_bytes){ em, 10 },
	                   (struct tpmiot_bytes){ em, 10 }, &out, &err),
	    TPMIOT_E_USAGE, &err, "10 bytes");
	assert_refused(
	    tpmiot_rsapad_pkcs1_decode(NULL, secret, (struct tpmiot_bytes){ em, SIZE - 1 },
	        (struct tpmiot_bytes){ em, SIZE }, &out, &err),
	    TPMIOT_E_USAGE, &err, "256 bytes");
	assert_int_equal(out.len, 0);
}

/* ---- TLS ------------------------------------------------------------------------ */

static void
decode_tls(const uint8_t em[SIZE], unsigned int alternative, uint8_t out[48])
{
	struct tpmiot_err err;

	assert_ok(tpmiot_rsapad_tls_decode(
	              NULL, (struct tpmiot_bytes){ em, SIZE }, 0x0303, alternative, out, &err),
	    &err);
}

static void
pad_tls(uint8_t em[SIZE], unsigned int version)
{
	pad_pkcs1(em, 48);
	em[SIZE - 48] = (uint8_t)(version >> 8);
	em[SIZE - 47] = (uint8_t)version;
}

static void
test_tls_decode_good(void **state)
{
	uint8_t em[SIZE], out[48];

	(void)state;
	pad_tls(em, 0x0303);
	decode_tls(em, 0, out);
	assert_memory_equal(out, em + SIZE - 48, 48);
	pad_tls(em, 0x0302);
	decode_tls(em, 0x0302, out);
	assert_memory_equal(out, em + SIZE - 48, 48);
}

static void
assert_tls_random(const uint8_t em[SIZE])
{
	uint8_t one[48], two[48];

	decode_tls(em, 0, one);
	decode_tls(em, 0, two);
	assert_memory_not_equal(one, em + SIZE - 48, 48);
	assert_memory_not_equal(one, two, 48);
}

static void
test_tls_decode_wrong(void **state)
{
	uint8_t em[SIZE];

	(void)state;
	pad_tls(em, 0x0302);
	assert_tls_random(em);
	pad_tls(em, 0x0303);
	em[0] = 1;
	assert_tls_random(em);
	pad_tls(em, 0x0303);
	em[1] = 1;
	assert_tls_random(em);
	pad_tls(em, 0x0303);
	em[SIZE - 49] = 1;
	assert_tls_random(em);
	pad_tls(em, 0x0303);
	em[100] = 0; /* a longer message */
	assert_tls_random(em);
}

/* ---- OAEP ------------------------------------------------------------------------- */

static void
encrypt_oaep(const char *md, const char *mgf1, const char *label, size_t len, uint8_t em[SIZE])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	uint8_t message[SIZE] = { 0 }, ciphertext[SIZE];
	size_t size = SIZE;

	assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, md, NULL), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, mgf1, NULL), 1);
	if (label != NULL)
		assert_int_equal(EVP_PKEY_CTX_set0_rsa_oaep_label(
		                     ctx, OPENSSL_strdup(label), (int)strlen(label)),
		    1);
	memset(message, 1, len); /* ones: the separator's own value */
	assert_int_equal(EVP_PKEY_encrypt(ctx, ciphertext, &size, message, len), 1);
	EVP_PKEY_CTX_free(ctx);
	bare(ciphertext, em);
}

static enum tpmiot_rc
decode_oaep(const char *md_name, const char *mgf1_name, const char *label, const uint8_t em[SIZE],
    struct tpmiot_buf *out, struct tpmiot_err *err)
{
	EVP_MD *md = EVP_MD_fetch(NULL, md_name, NULL), *mgf1 = EVP_MD_fetch(NULL, mgf1_name, NULL);
	enum tpmiot_rc rc;

	tpmiot_buf_reset(out);
	rc = tpmiot_rsapad_oaep_decode(md, mgf1,
	    (struct tpmiot_bytes){ label, label == NULL ? 0 : strlen(label) },
	    (struct tpmiot_bytes){ em, SIZE }, out, err);
	EVP_MD_free(md);
	EVP_MD_free(mgf1);
	return rc;
}

static void
test_oaep_decode_good(void **state)
{
	static const char *const names[] = { "SHA1", "SHA224", "SHA256", "SHA384", "SHA512",
		"SHA3-256" };
	struct tpmiot_buf out = TPMIOT_BUF_INIT;
	uint8_t em[SIZE];
	struct tpmiot_err err;

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		for (size_t len = 0; len < 100; len += 33) {
			encrypt_oaep(names[i], "SHA1", "a label", len, em);
			assert_ok(decode_oaep(names[i], "SHA1", "a label", em, &out, &err), &err);
			assert_int_equal(out.len, len);
			for (size_t j = 0; j < len; j++)
				assert_int_equal(out.data[j], 1);
		}
	}
	tpmiot_buf_free(&out);
}

static void
test_oaep_decode_wrong(void **state)
{
	struct tpmiot_buf out = TPMIOT_BUF_INIT;
	uint8_t em[SIZE];
	struct tpmiot_err err;

	(void)state;
	encrypt_oaep("SHA256", "SHA256", "a label", 20, em);
	assert_refused(
	    decode_oaep("SHA256", "SHA256", NULL, em, &out, &err), TPMIOT_E_VERIFY, &err, "label");
	assert_refused(decode_oaep("SHA256", "SHA1", "a label", em, &out, &err), TPMIOT_E_VERIFY,
	    &err, "label");
	assert_refused(decode_oaep("SHA384", "SHA256", "a label", em, &out, &err), TPMIOT_E_VERIFY,
	    &err, "label");
	for (size_t i = 0; i < SIZE - 20; i += 5) { /* anywhere but in the message */
		em[i] ^= 0x10;
		assert_int_equal(
		    decode_oaep("SHA256", "SHA256", "a label", em, &out, &err), TPMIOT_E_VERIFY);
		em[i] ^= 0x10;
	}
	assert_int_equal(out.len, 0);
	tpmiot_buf_free(&out);
}

/* ---- Signatures ------------------------------------------------------------------- */

static EVP_PKEY_CTX *
verifier(int padding, const EVP_MD *md)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);

	assert_int_equal(EVP_PKEY_verify_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, padding), 1);
	assert_int_equal(EVP_PKEY_CTX_set_signature_md(ctx, md), 1);
	return ctx;
}

static void
test_pss_encode(void **state)
{
	static const size_t salts[] = { 0, 1, 20, 32, SIZE - 34 };
	EVP_MD *md = EVP_MD_fetch(NULL, "SHA256", NULL), *sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
	uint8_t digest[32] = { 4 }, signature[SIZE];
	struct tpmiot_err err;

	(void)state;
	for (size_t i = 0; i < COUNT(salts); i++) {
		struct tpmiot_buf em = TPMIOT_BUF_INIT;
		EVP_PKEY_CTX *ctx = verifier(RSA_PKCS1_PSS_PADDING, md);

		assert_ok(tpmiot_rsapad_pss_encode(NULL, md, sha1,
		              (struct tpmiot_bytes){ digest, 32 }, salts[i], SIZE * 8, &em, &err),
		    &err);
		assert_int_equal(em.len, SIZE);
		bare(em.data, signature);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)salts[i]), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, sha1), 1);
		assert_int_equal(EVP_PKEY_verify(ctx, signature, SIZE, digest, 32), 1);
		digest[0] ^= 1;
		assert_int_not_equal(EVP_PKEY_verify(ctx, signature, SIZE, digest, 32), 1);
		digest[0] ^= 1;
		ERR_clear_error();
		EVP_PKEY_CTX_free(ctx);
		tpmiot_buf_free(&em);
	}
	EVP_MD_free(md);
	EVP_MD_free(sha1);
}

static void
test_pss_encode_refused(void **state)
{
	EVP_MD *md = EVP_MD_fetch(NULL, "SHA256", NULL);
	struct tpmiot_buf em = TPMIOT_BUF_INIT;
	const uint8_t digest[32] = { 4 };
	struct tpmiot_err err;

	(void)state;
	assert_refused(tpmiot_rsapad_pss_encode(NULL, md, md, (struct tpmiot_bytes){ digest, 32 },
	                   SIZE - 33, SIZE * 8, &em, &err),
	    TPMIOT_E_UNSUPPORTED, &err, "does not fit");
	assert_refused(tpmiot_rsapad_pss_encode(NULL, md, md, (struct tpmiot_bytes){ digest, 31 },
	                   32, SIZE * 8, &em, &err),
	    TPMIOT_E_USAGE, &err, "31 bytes");
	assert_int_equal(em.len, 0);
	EVP_MD_free(md);
}

static void
test_pkcs1_encode(void **state)
{
	static const char *const names[] = { "SHA1", "SHA224", "SHA256", "SHA512", "SHA3-256" };
	uint8_t digest[64] = { 4 }, signature[SIZE];
	struct tpmiot_err err;

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		EVP_MD *md = EVP_MD_fetch(NULL, names[i], NULL);
		size_t len = (size_t)EVP_MD_get_size(md);
		EVP_PKEY_CTX *ctx = verifier(RSA_PKCS1_PADDING, md);
		struct tpmiot_buf em = TPMIOT_BUF_INIT;

		assert_ok(tpmiot_rsapad_pkcs1_encode(
		              md, (struct tpmiot_bytes){ digest, len }, SIZE * 8, &em, &err),
		    &err);
		bare(em.data, signature);
		assert_int_equal(EVP_PKEY_verify(ctx, signature, SIZE, digest, len), 1);
		assert_int_equal(tpmiot_rsapad_pkcs1_encode(md,
		                     (struct tpmiot_bytes){ digest, len - 1 }, SIZE * 8, &em, &err),
		    TPMIOT_E_USAGE);
		assert_int_equal(
		    tpmiot_rsapad_pkcs1_encode(
		        md, (struct tpmiot_bytes){ digest, len }, 8 * (len + 20), &em, &err),
		    TPMIOT_E_UNSUPPORTED);
		EVP_PKEY_CTX_free(ctx);
		tpmiot_buf_free(&em);
		EVP_MD_free(md);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pkcs1_decode_every_length),
		cmocka_unit_test(test_pkcs1_decode_openssl),
		cmocka_unit_test(test_pkcs1_decode_wrong),
		cmocka_unit_test(test_pkcs1_decode_synthetic),
		cmocka_unit_test(test_pkcs1_decode_sizes),
		cmocka_unit_test(test_tls_decode_good),
		cmocka_unit_test(test_tls_decode_wrong),
		cmocka_unit_test(test_oaep_decode_good),
		cmocka_unit_test(test_oaep_decode_wrong),
		cmocka_unit_test(test_pss_encode),
		cmocka_unit_test(test_pss_encode_refused),
		cmocka_unit_test(test_pkcs1_encode),
	};

	return cmocka_run_group_tests(tests, make_key, free_key);
}
