/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <tpmiot/public.h>

/* What TPMs made: test/vectors/README.md. */
static const char *const VECTORS[] = { "ek-l1", "ek-l2", "ek-h3", "ek-h4", "ek-h6", "srk-ecc",
	"ak-rsa", "ak-ecc", "rsa-2048", "pss-rsa", "ecc-p256", "ecc-p384" };

static void
read_part(const char *object, const char *suffix, struct tpmiot_buf *out)
{
	char name[128];

	(void)snprintf(name, sizeof(name), "public/%s.%s", object, suffix);
	read_vector(name, out);
}

static struct tpmiot_public
load(const char *object)
{
	struct tpmiot_buf tpm2b = TPMIOT_BUF_INIT;
	struct tpmiot_public pub;
	struct tpmiot_err err;

	read_part(object, "tpm2b", &tpm2b);
	assert_ok(tpmiot_public_parse(NULL, tpm2b.data, tpm2b.len, &pub, &err), &err);
	tpmiot_buf_free(&tpm2b);
	return pub;
}

static EVP_PKEY *
load_pkey(const char *object)
{
	struct tpmiot_buf pem = TPMIOT_BUF_INIT;
	EVP_PKEY *pkey;
	BIO *bio;

	read_part(object, "pem", &pem);
	bio = BIO_new_mem_buf(pem.data, (int)pem.len);
	pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	assert_non_null(pkey);
	BIO_free(bio);
	tpmiot_buf_free(&pem);
	return pkey;
}

static void
test_public_parse_name_is_the_tpms(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(VECTORS); i++) {
		struct tpmiot_buf name = TPMIOT_BUF_INIT;
		struct tpmiot_public pub = load(VECTORS[i]);

		read_part(VECTORS[i], "name", &name);
		assert_int_equal(pub.name.size, name.len);
		assert_memory_equal(pub.name.name, name.data, name.len);
		tpmiot_buf_free(&name);
	}
}

static void
test_public_put_is_what_was_parsed(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(VECTORS); i++) {
		struct tpmiot_buf tpm2b = TPMIOT_BUF_INIT, out = TPMIOT_BUF_INIT;
		struct tpmiot_public pub = load(VECTORS[i]);

		read_part(VECTORS[i], "tpm2b", &tpm2b);
		tpmiot_public_put(&pub, &out);
		assert_int_equal(out.len, tpm2b.len);
		assert_memory_equal(out.data, tpm2b.data, out.len);
		tpmiot_buf_free(&tpm2b);
		tpmiot_buf_free(&out);
	}
}

static void
test_public_from_area(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(VECTORS); i++) {
		struct tpmiot_public pub = load(VECTORS[i]), again;
		struct tpmiot_err err;

		assert_ok(tpmiot_public_from_area(NULL, &pub.area, &again, &err), &err);
		assert_int_equal(again.raw_len, pub.raw_len);
		assert_memory_equal(again.raw, pub.raw, pub.raw_len);
		assert_int_equal(again.name.size, pub.name.size);
		assert_memory_equal(again.name.name, pub.name.name, pub.name.size);
	}
}

static void
test_public_from_area_refused(void **state)
{
	struct tpmiot_public pub = load("ecc-p256"), out = { .raw_len = 0x55 };
	struct tpmiot_err err;

	(void)state;
	pub.area.type = TPM2_ALG_AES;
	assert_refused(tpmiot_public_from_area(NULL, &pub.area, &out, &err), TPMIOT_E_FORMAT, &err,
	    "marshalled");
	pub = load("ecc-p256");
	pub.area.nameAlg = TPM2_ALG_NULL;
	assert_refused(tpmiot_public_from_area(NULL, &pub.area, &out, &err), TPMIOT_E_UNSUPPORTED,
	    &err, "Name");
	assert_int_equal(out.raw_len, 0x55);
}

static void
test_public_to_pkey(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(VECTORS); i++) {
		struct tpmiot_public pub = load(VECTORS[i]);
		EVP_PKEY *pkey = load_pkey(VECTORS[i]), *ours = NULL;
		struct tpmiot_err err;

		assert_ok(tpmiot_public_to_pkey(NULL, &pub, &ours, &err), &err);
		assert_int_equal(EVP_PKEY_eq(ours, pkey), 1);
		assert_true(tpmiot_public_is_key(NULL, &pub, pkey));
		EVP_PKEY_free(ours);
		EVP_PKEY_free(pkey);
	}
}

static void
test_public_is_key_of_others(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(VECTORS); i++) {
		struct tpmiot_public pub = load(VECTORS[i]);
		EVP_PKEY *pkey = load_pkey(VECTORS[(i + 1) % COUNT(VECTORS)]);

		assert_false(tpmiot_public_is_key(NULL, &pub, pkey));
		EVP_PKEY_free(pkey);
	}
}

/* 0 stands for 65537 (Part 2, clause 12.2.3.5), and only for that. */
static void
test_public_to_pkey_exponent(void **state)
{
	struct tpmiot_public pub = load("rsa-2048");
	EVP_PKEY *pkey = load_pkey("rsa-2048");

	(void)state;
	assert_int_equal(pub.area.parameters.rsaDetail.exponent, 0);
	pub.area.parameters.rsaDetail.exponent = 65537;
	assert_true(tpmiot_public_is_key(NULL, &pub, pkey));
	pub.area.parameters.rsaDetail.exponent = 3;
	assert_false(tpmiot_public_is_key(NULL, &pub, pkey));
	EVP_PKEY_free(pkey);
}

/* A coordinate may come without its leading zero bytes. */
static void
test_public_to_pkey_short_coordinate(void **state)
{
	struct tpmiot_public pub = load("ecc-p256");
	TPMS_ECC_POINT *point = &pub.area.unique.ecc;
	EVP_PKEY *pkey = NULL, *again = NULL;
	struct tpmiot_err err;
	uint8_t y[32] = { 0 };
	bool found = false;

	(void)state;
	/* Keys are made until one has a y that begins with a zero: one in 256. */
	for (int i = 0; i < 10000 && !found; i++) {
		uint8_t octets[65];
		size_t len = 0;

		EVP_PKEY_free(pkey);
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
		assert_non_null(pkey);
		assert_int_equal(
		    EVP_PKEY_get_octet_string_param(pkey, "pub", octets, sizeof(octets), &len), 1);
		assert_int_equal(len, sizeof(octets));
		found = octets[33] == 0;
		memcpy(point->x.buffer, octets + 1, 32);
		memcpy(y, octets + 33, 32);
	}
	assert_true(found);
	point->x.size = 32;
	point->y.size = 31;
	memcpy(point->y.buffer, y + 1, 31);
	assert_ok(tpmiot_public_to_pkey(NULL, &pub, &again, &err), &err);
	assert_int_equal(EVP_PKEY_eq(again, pkey), 1);
	EVP_PKEY_free(again);
	EVP_PKEY_free(pkey);
}

static void
assert_no_pkey(const struct tpmiot_public *pub, enum tpmiot_rc rc, const char *word)
{
	EVP_PKEY *pkey = NULL;
	struct tpmiot_err err;

	assert_refused(tpmiot_public_to_pkey(NULL, pub, &pkey, &err), rc, &err, word);
	assert_null(pkey);
}

static void
test_public_to_pkey_rsa_refused(void **state)
{
	static const uint32_t exponents[] = { 1, 2, 4, 65536, 0xfffffffe };
	struct tpmiot_public good = load("rsa-2048"), pub = good;

	(void)state;
	for (size_t i = 0; i < COUNT(exponents); i++) {
		pub.area.parameters.rsaDetail.exponent = exponents[i];
		assert_no_pkey(&pub, TPMIOT_E_FORMAT, "exponent");
	}
	pub = good;
	pub.area.unique.rsa.buffer[255] ^= 1;
	assert_no_pkey(&pub, TPMIOT_E_FORMAT, "modulus");
	pub = good;
	pub.area.unique.rsa.buffer[0] &= 0x7f;
	assert_no_pkey(&pub, TPMIOT_E_FORMAT, "modulus");
	pub = good;
	pub.area.unique.rsa.size = 0;
	assert_no_pkey(&pub, TPMIOT_E_FORMAT, "modulus");
	pub.area.unique.rsa.size = 255;
	assert_no_pkey(&pub, TPMIOT_E_FORMAT, "modulus");
	pub.area.unique.rsa.size = sizeof(pub.area.unique.rsa.buffer) + 1;
	assert_no_pkey(&pub, TPMIOT_E_FORMAT, "modulus");
	pub = good;
	pub.area.parameters.rsaDetail.keyBits = 3072;
	assert_no_pkey(&pub, TPMIOT_E_FORMAT, "3072 bits");
}

static void
test_public_to_pkey_ecc_refused(void **state)
{
	struct tpmiot_public good = load("ecc-p256"), pub = good;

	(void)state;
	pub.area.unique.ecc.x.buffer[5] ^= 1;
	assert_no_pkey(&pub, TPMIOT_E_FORMAT, "ECC public key");
	pub = good;
	pub.area.unique.ecc.x.size = pub.area.unique.ecc.y.size = 0;
	assert_no_pkey(&pub, TPMIOT_E_FORMAT, "ECC public key");
	pub = good;
	pub.area.unique.ecc.y.size = 33;
	assert_no_pkey(&pub, TPMIOT_E_FORMAT, "longer than its curve");
	pub.area.unique.ecc.y.size = 0xffff;
	assert_no_pkey(&pub, TPMIOT_E_FORMAT, "longer than its curve");
	pub = good;
	pub.area.parameters.eccDetail.curveID = TPM2_ECC_NIST_P384; /* not a point of it */
	assert_no_pkey(&pub, TPMIOT_E_FORMAT, "ECC public key");
	pub.area.parameters.eccDetail.curveID = TPM2_ECC_BN_P256;
	assert_no_pkey(&pub, TPMIOT_E_UNSUPPORTED, "curve 0x0010");
	pub.area.type = TPM2_ALG_KEYEDHASH;
	assert_no_pkey(&pub, TPMIOT_E_UNSUPPORTED, "neither RSA nor ECC");
}

static void
test_public_parse_truncated_and_trailing(void **state)
{
	static const char *const shapes[] = { "ek-l1", "ek-h3" };

	(void)state;
	for (size_t i = 0; i < COUNT(shapes); i++) {
		struct tpmiot_buf tpm2b = TPMIOT_BUF_INIT;

		read_part(shapes[i], "tpm2b", &tpm2b);
		tpmiot_buf_put_u8(&tpm2b, 0);
		for (size_t len = 0; len <= tpm2b.len; len++) {
			uint8_t *copy = exact_copy(tpm2b.data, len);
			struct tpmiot_public pub = { .raw_len = 0x55 };
			struct tpmiot_err err;

			if (len != tpm2b.len - 1) {
				assert_refused(tpmiot_public_parse(NULL, copy, len, &pub, &err),
				    TPMIOT_E_FORMAT, &err, "size field");
				assert_int_equal(pub.raw_len, 0x55);
			}
			free(copy);
		}
		tpmiot_buf_free(&tpm2b);
	}
}

/*
 * The size field and the bytes agree, but not with the structure within: cut
 * short at every length, or with a byte behind. Tss2_MU alone accepts some.
 */
static void
test_public_parse_wrong_size_within(void **state)
{
	struct tpmiot_buf tpm2b = TPMIOT_BUF_INIT;
	struct tpmiot_public pub;
	struct tpmiot_err err;

	(void)state;
	read_part("ek-h3", "tpm2b", &tpm2b);
	tpmiot_buf_put_u8(&tpm2b, 0);
	for (size_t len = 2; len <= tpm2b.len; len++) {
		uint8_t *copy = exact_copy(tpm2b.data, len);

		copy[0] = (uint8_t)((len - 2) >> 8);
		copy[1] = (uint8_t)(len - 2);
		if (len == tpm2b.len)
			assert_refused(tpmiot_public_parse(NULL, copy, len, &pub, &err),
			    TPMIOT_E_FORMAT, &err, "1 bytes behind");
		else if (len != tpm2b.len - 1)
			assert_refused(tpmiot_public_parse(NULL, copy, len, &pub, &err),
			    TPMIOT_E_FORMAT, &err, "not a public area");
		free(copy);
	}
	tpmiot_buf_free(&tpm2b);
}

static void
test_public_parse_bad_algorithms(void **state)
{
	struct tpmiot_buf tpm2b = TPMIOT_BUF_INIT;
	struct tpmiot_public pub;
	struct tpmiot_err err;

	(void)state;
	read_part("ecc-p256", "tpm2b", &tpm2b);
	tpm2b.data[3] = 0x99; /* type */
	assert_refused(tpmiot_public_parse(NULL, tpm2b.data, tpm2b.len, &pub, &err),
	    TPMIOT_E_FORMAT, &err, "not a public area");
	tpm2b.data[3] = TPM2_ALG_ECC;
	tpm2b.data[5] = TPM2_ALG_NULL; /* nameAlg */
	assert_refused(tpmiot_public_parse(NULL, tpm2b.data, tpm2b.len, &pub, &err),
	    TPMIOT_E_UNSUPPORTED, &err, "0x0010");
	tpmiot_buf_free(&tpm2b);
}

/* A key that was written with a compressed point is still the same key. */
static void
test_spki_sha256_of_a_compressed_point(void **state)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), *read = NULL;
	uint8_t expected[TPMIOT_SPKI_SHA256_LEN], out[TPMIOT_SPKI_SHA256_LEN];
	struct tpmiot_err err;
	unsigned char *der = NULL;
	const unsigned char *p;
	int len;

	(void)state;
	assert_ok(tpmiot_spki_sha256(NULL, key, expected, &err), &err);
	assert_int_equal(EVP_PKEY_set_utf8_string_param(key, "point-format", "compressed"), 1);
	len = i2d_PUBKEY(key, &der);
	assert_in_range(len, 50, 70); /* 91 bytes when it is not compressed */
	p = der;
	read = d2i_PUBKEY(NULL, &p, len);
	assert_non_null(read);
	assert_ok(tpmiot_spki_sha256(NULL, read, out, &err), &err);
	assert_memory_equal(out, expected, sizeof(out));
	EVP_PKEY_free(read);
	EVP_PKEY_free(key);
	OPENSSL_free(der);
}

/* RFC 7469's pin is this digest: computed here from the PEM's own bytes. */
static void
test_spki_sha256(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(VECTORS); i++) {
		struct tpmiot_public pub = load(VECTORS[i]);
		EVP_PKEY *pkey = load_pkey(VECTORS[i]), *ours = NULL;
		uint8_t expected[32], out[TPMIOT_SPKI_SHA256_LEN];
		struct tpmiot_buf pem = TPMIOT_BUF_INIT;
		unsigned char *der = NULL;
		char *name = NULL, *header = NULL;
		struct tpmiot_err err;
		long len;
		BIO *bio;

		read_part(VECTORS[i], "pem", &pem);
		bio = BIO_new_mem_buf(pem.data, (int)pem.len);
		assert_int_equal(PEM_read_bio(bio, &name, &header, &der, &len), 1);
		assert_int_equal(
		    EVP_Q_digest(NULL, "SHA256", NULL, der, (size_t)len, expected, NULL), 1);
		assert_ok(tpmiot_public_to_pkey(NULL, &pub, &ours, &err), &err);
		assert_ok(tpmiot_spki_sha256(NULL, ours, out, &err), &err);
		assert_memory_equal(out, expected, 32);
		assert_ok(tpmiot_spki_sha256(NULL, pkey, out, &err), &err);
		assert_memory_equal(out, expected, 32);
		memset(out, 0, sizeof(out));
		assert_ok(tpmiot_public_spki_sha256(NULL, &pub, out, &err), &err);
		assert_memory_equal(out, expected, 32);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_free(der);
		BIO_free(bio);
		EVP_PKEY_free(ours);
		EVP_PKEY_free(pkey);
		tpmiot_buf_free(&pem);
	}
}

static X509_PUBKEY *
load_spki(const char *object)
{
	EVP_PKEY *pkey = load_pkey(object);
	X509_PUBKEY *spki = NULL;

	assert_int_equal(X509_PUBKEY_set(&spki, pkey), 1);
	EVP_PKEY_free(pkey);
	return spki;
}

static void
test_public_has_spki(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(VECTORS); i++) {
		struct tpmiot_public pub = load(VECTORS[i]);
		X509_PUBKEY *spki = load_spki(VECTORS[i]),
		            *other = load_spki(VECTORS[(i + 1) % COUNT(VECTORS)]);

		assert_true(tpmiot_public_has_spki(&pub, spki));
		assert_false(tpmiot_public_has_spki(&pub, other));
		/* The last bit of the key */
		if (pub.area.type == TPM2_ALG_ECC)
			pub.area.unique.ecc.y.buffer[pub.area.unique.ecc.y.size - 1] ^= 1;
		else
			pub.area.unique.rsa.buffer[1] ^= 1;
		assert_false(tpmiot_public_has_spki(&pub, spki));
		X509_PUBKEY_free(spki);
		X509_PUBKEY_free(other);
	}
}

static void
test_public_spki_refused(void **state)
{
	uint8_t out[TPMIOT_SPKI_SHA256_LEN];
	struct tpmiot_public pub = load("ecc-p256");
	X509_PUBKEY *spki = load_spki("ecc-p256");
	struct tpmiot_err err;

	(void)state;
	pub.area.unique.ecc.x.size = 33;
	assert_refused(tpmiot_public_spki_sha256(NULL, &pub, out, &err), TPMIOT_E_FORMAT, &err,
	    "longer than its curve");
	assert_false(tpmiot_public_has_spki(&pub, spki));
	pub.area.parameters.eccDetail.curveID = 0x7777;
	assert_refused(
	    tpmiot_public_spki_sha256(NULL, &pub, out, &err), TPMIOT_E_UNSUPPORTED, &err, "0x7777");
	pub.area.type = TPM2_ALG_KEYEDHASH;
	assert_refused(tpmiot_public_spki_sha256(NULL, &pub, out, &err), TPMIOT_E_UNSUPPORTED, &err,
	    "neither RSA nor ECC");
	pub = load("rsa-2048");
	pub.area.unique.rsa.buffer[0] = 0;
	assert_refused(
	    tpmiot_public_spki_sha256(NULL, &pub, out, &err), TPMIOT_E_FORMAT, &err, "modulus");
	X509_PUBKEY_free(spki);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_public_parse_name_is_the_tpms),
		cmocka_unit_test(test_public_put_is_what_was_parsed),
		cmocka_unit_test(test_public_from_area),
		cmocka_unit_test(test_public_from_area_refused),
		cmocka_unit_test(test_public_to_pkey),
		cmocka_unit_test(test_public_is_key_of_others),
		cmocka_unit_test(test_public_to_pkey_exponent),
		cmocka_unit_test(test_public_to_pkey_short_coordinate),
		cmocka_unit_test(test_public_to_pkey_rsa_refused),
		cmocka_unit_test(test_public_to_pkey_ecc_refused),
		cmocka_unit_test(test_public_parse_truncated_and_trailing),
		cmocka_unit_test(test_public_parse_wrong_size_within),
		cmocka_unit_test(test_public_parse_bad_algorithms),
		cmocka_unit_test(test_spki_sha256),
		cmocka_unit_test(test_public_has_spki),
		cmocka_unit_test(test_public_spki_refused),
		cmocka_unit_test(test_spki_sha256_of_a_compressed_point),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
