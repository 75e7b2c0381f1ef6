/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <openssl/ecdsa.h>

#include <tpmiot/alg.h>
#include <tpmiot/signature.h>

/* Signed by a TPM (test/vectors/README.md). */
static const struct {
	const char *sig, *key;
	TPMI_ALG_SIG_SCHEME scheme;
	TPMI_ALG_HASH hash;
} VECTORS[] = {
	{ "rsa-2048-rsassa-sha256", "rsa-2048", TPM2_ALG_RSASSA, TPM2_ALG_SHA256 },
	{ "rsa-2048-rsapss-sha384", "rsa-2048", TPM2_ALG_RSAPSS, TPM2_ALG_SHA384 },
	{ "pss-rsa-rsapss-sha384", "pss-rsa", TPM2_ALG_RSAPSS, TPM2_ALG_SHA384 },
	{ "ak-rsa-rsassa-sha256", "ak-rsa", TPM2_ALG_RSASSA, TPM2_ALG_SHA256 },
	{ "ecc-p256-ecdsa-sha256", "ecc-p256", TPM2_ALG_ECDSA, TPM2_ALG_SHA256 },
	{ "ecc-p384-ecdsa-sha384", "ecc-p384", TPM2_ALG_ECDSA, TPM2_ALG_SHA384 },
	{ "ak-ecc-ecdsa-sha256", "ak-ecc", TPM2_ALG_ECDSA, TPM2_ALG_SHA256 },
};
#define RSA_VECTOR 0
#define ECC_VECTOR 4

struct vector {
	struct tpmiot_buf msg, raw;
	struct tpmiot_public key;
	TPMT_SIGNATURE sig;
};

static void
load_public(const char *key, struct tpmiot_public *out)
{
	struct tpmiot_buf tpm2b = TPMIOT_BUF_INIT;
	struct tpmiot_err err;
	char name[128];

	(void)snprintf(name, sizeof(name), "public/%s.tpm2b", key);
	read_vector(name, &tpm2b);
	assert_ok(tpmiot_public_parse(NULL, tpm2b.data, tpm2b.len, out, &err), &err);
	tpmiot_buf_free(&tpm2b);
}

static struct vector
load(size_t i)
{
	struct vector v = { .msg = TPMIOT_BUF_INIT };
	struct tpmiot_err err;
	char name[128];

	(void)snprintf(name, sizeof(name), "signature/%s.sig", VECTORS[i].sig);
	read_vector(name, &v.raw);
	read_vector("signature/message", &v.msg);
	load_public(VECTORS[i].key, &v.key);
	assert_ok(tpmiot_signature_parse(v.raw.data, v.raw.len, &v.sig, &err), &err);
	return v;
}

static void
unload(struct vector *v)
{
	tpmiot_buf_free(&v->msg);
	tpmiot_buf_free(&v->raw);
}

static enum tpmiot_rc
verify(const struct vector *v, struct tpmiot_err *err)
{
	return tpmiot_signature_verify(NULL, &v->key, &v->sig, v->msg.data, v->msg.len, err);
}

static void
test_signature_verify_tpm(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(VECTORS); i++) {
		struct vector v = load(i);
		struct tpmiot_err err;

		assert_int_equal(v.sig.sigAlg, VECTORS[i].scheme);
		assert_int_equal(v.sig.signature.any.hashAlg, VECTORS[i].hash);
		assert_ok(verify(&v, &err), &err);
		unload(&v);
	}
}

static void
test_signature_verify_other_message(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(VECTORS); i++) {
		struct vector v = load(i);
		struct tpmiot_err err;

		v.msg.data[0] ^= 1;
		assert_refused(verify(&v, &err), TPMIOT_E_VERIFY, &err, "did not sign");
		v.msg.data[0] ^= 1;
		v.msg.len--;
		assert_refused(verify(&v, &err), TPMIOT_E_VERIFY, &err, "did not sign");
		unload(&v);
	}
}

static void
test_signature_verify_other_key(void **state)
{
	struct vector rsa = load(RSA_VECTOR), ecc = load(ECC_VECTOR);
	struct tpmiot_err err;

	(void)state;
	load_public("ak-rsa", &rsa.key);
	assert_refused(verify(&rsa, &err), TPMIOT_E_VERIFY, &err, "did not sign");
	load_public("srk-ecc", &ecc.key);
	assert_refused(verify(&ecc, &err), TPMIOT_E_VERIFY, &err, "did not sign");
	load_public("ecc-p384", &ecc.key);
	assert_refused(verify(&ecc, &err), TPMIOT_E_VERIFY, &err, "did not sign");
	unload(&rsa);
	unload(&ecc);
}

static void
test_signature_verify_other_type(void **state)
{
	struct vector rsa = load(RSA_VECTOR), ecc = load(ECC_VECTOR);
	struct tpmiot_public tmp = rsa.key;
	struct tpmiot_err err;

	(void)state;
	rsa.key = ecc.key;
	ecc.key = tmp;
	assert_refused(verify(&rsa, &err), TPMIOT_E_VERIFY, &err, "another type");
	assert_refused(verify(&ecc, &err), TPMIOT_E_VERIFY, &err, "another type");
	rsa.key.area.type = TPM2_ALG_KEYEDHASH;
	assert_refused(verify(&rsa, &err), TPMIOT_E_VERIFY, &err, "another type");
	unload(&rsa);
	unload(&ecc);
}

/* A scheme that is built into the key binds: the same bits under another one do not count. */
static void
test_signature_verify_other_scheme(void **state)
{
	struct vector rsa = load(RSA_VECTOR), ecc = load(ECC_VECTOR);
	struct tpmiot_err err;

	(void)state;
	rsa.key.area.parameters.rsaDetail.scheme.scheme = TPM2_ALG_RSAPSS;
	rsa.key.area.parameters.rsaDetail.scheme.details.rsapss.hashAlg = TPM2_ALG_SHA256;
	assert_refused(verify(&rsa, &err), TPMIOT_E_VERIFY, &err, "scheme is RSAPSS");
	rsa.key.area.parameters.rsaDetail.scheme.scheme = TPM2_ALG_OAEP;
	assert_refused(verify(&rsa, &err), TPMIOT_E_VERIFY, &err, "another (0x0017)");
	rsa.key.area.parameters.rsaDetail.scheme.scheme = TPM2_ALG_RSASSA;
	assert_ok(verify(&rsa, &err), &err);
	rsa.key.area.parameters.rsaDetail.scheme.details.rsassa.hashAlg = TPM2_ALG_SHA384;
	assert_refused(verify(&rsa, &err), TPMIOT_E_VERIFY, &err, "has SHA384");
	ecc.key.area.parameters.eccDetail.scheme.scheme = TPM2_ALG_ECDSA;
	ecc.key.area.parameters.eccDetail.scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA1;
	assert_refused(verify(&ecc, &err), TPMIOT_E_VERIFY, &err, "has SHA1");
	ecc.key.area.parameters.eccDetail.scheme.scheme = TPM2_ALG_ECDAA;
	assert_refused(verify(&ecc, &err), TPMIOT_E_VERIFY, &err, "scheme is another");
	unload(&rsa);
	unload(&ecc);
}

/* The signature says another scheme or hash than it was made with. */
static void
test_signature_verify_relabelled(void **state)
{
	struct vector rsa = load(RSA_VECTOR), ecc = load(ECC_VECTOR);
	struct tpmiot_err err;

	(void)state;
	rsa.sig.sigAlg = TPM2_ALG_RSAPSS;
	assert_refused(verify(&rsa, &err), TPMIOT_E_VERIFY, &err, "did not sign");
	rsa.sig.sigAlg = TPM2_ALG_RSASSA;
	rsa.sig.signature.any.hashAlg = TPM2_ALG_SHA384;
	assert_refused(verify(&rsa, &err), TPMIOT_E_VERIFY, &err, "did not sign");
	ecc.sig.signature.any.hashAlg = TPM2_ALG_SHA384;
	assert_refused(verify(&ecc, &err), TPMIOT_E_VERIFY, &err, "did not sign");
	unload(&rsa);
	unload(&ecc);
}

static void
test_signature_verify_damaged(void **state)
{
	struct vector rsa = load(RSA_VECTOR), ecc = load(ECC_VECTOR);
	struct tpmiot_err err;

	(void)state;
	rsa.sig.signature.rsassa.sig.buffer[17] ^= 0x40;
	assert_refused(verify(&rsa, &err), TPMIOT_E_VERIFY, &err, "did not sign");
	rsa.sig.signature.rsassa.sig.size = 0;
	assert_refused(verify(&rsa, &err), TPMIOT_E_VERIFY, &err, "did not sign");
	ecc.sig.signature.ecdsa.signatureS.buffer[31] ^= 1;
	assert_refused(verify(&ecc, &err), TPMIOT_E_VERIFY, &err, "did not sign");
	ecc.sig.signature.ecdsa.signatureR.size = 0;
	ecc.sig.signature.ecdsa.signatureS.size = 0;
	assert_refused(verify(&ecc, &err), TPMIOT_E_VERIFY, &err, "did not sign");
	/* 128 bytes of 0xff each: what crashed others */
	ecc.sig.signature.ecdsa.signatureR.size = sizeof(ecc.sig.signature.ecdsa.signatureR.buffer);
	memset(ecc.sig.signature.ecdsa.signatureR.buffer, 0xff,
	    sizeof(ecc.sig.signature.ecdsa.signatureR.buffer));
	ecc.sig.signature.ecdsa.signatureS = ecc.sig.signature.ecdsa.signatureR;
	assert_refused(verify(&ecc, &err), TPMIOT_E_VERIFY, &err, "did not sign");
	unload(&rsa);
	unload(&ecc);
}

/* Sizes beyond their buffers, as Tss2_MU may hand them out. */
static enum tpmiot_rc
verify_digest(const struct vector *v, EVP_PKEY *key, bool spoiled, struct tpmiot_verifier **kept)
{
	TPM2B_DIGEST digest;
	struct tpmiot_err err;

	assert_ok(tpmiot_alg_digest(
	              NULL, v->sig.signature.any.hashAlg, v->msg.data, v->msg.len, &digest, &err),
	    &err);
	if (spoiled)
		digest.buffer[0] ^= 1;
	return tpmiot_signature_verify_digest(NULL, key, &v->sig, &digest, kept, &err);
}

/* What is kept verifies the next one as well, and is no key to one of another scheme. */
static void
test_signature_verify_digest_kept(void **state)
{
	struct vector ssa = load(RSA_VECTOR), pss = load(RSA_VECTOR + 1), ecc = load(ECC_VECTOR);
	struct tpmiot_verifier *kept = NULL, *first;
	EVP_PKEY *key;
	struct tpmiot_err err;

	(void)state;
	assert_ok(tpmiot_public_to_pkey(NULL, &ssa.key, &key, &err), &err);
	assert_int_equal(verify_digest(&ssa, key, false, &kept), TPMIOT_OK);
	first = kept;
	assert_non_null(first);
	assert_int_equal(verify_digest(&ssa, key, true, &kept), TPMIOT_E_VERIFY);
	assert_int_equal(verify_digest(&ssa, key, false, &kept), TPMIOT_OK);
	assert_ptr_equal(kept, first);
	assert_int_equal(verify_digest(&pss, key, false, &kept), TPMIOT_OK);
	assert_int_equal(verify_digest(&pss, key, true, &kept), TPMIOT_E_VERIFY);
	pss.sig.sigAlg = TPM2_ALG_RSASSA;
	assert_int_equal(verify_digest(&pss, key, false, &kept), TPMIOT_E_VERIFY);
	assert_int_equal(verify_digest(&ecc, key, false, &kept), TPMIOT_E_VERIFY);
	assert_int_equal(verify_digest(&ssa, key, false, &kept), TPMIOT_OK);
	tpmiot_verifier_free(&kept);
	assert_null(kept);
	EVP_PKEY_free(key);
	unload(&ssa);
	unload(&pss);
	unload(&ecc);
}

static void
test_signature_sizes_out_of_bounds(void **state)
{
	struct vector rsa = load(RSA_VECTOR), ecc = load(ECC_VECTOR);
	struct tpmiot_buf out = TPMIOT_BUF_INIT;
	struct tpmiot_err err;

	(void)state;
	rsa.sig.signature.rsassa.sig.size = sizeof(rsa.sig.signature.rsassa.sig.buffer) + 1;
	assert_refused(verify(&rsa, &err), TPMIOT_E_FORMAT, &err, "longer");
	assert_refused(tpmiot_signature_put(&rsa.sig, &out, &err), TPMIOT_E_FORMAT, &err, "longer");
	ecc.sig.signature.ecdsa.signatureS.size = 0xffff;
	assert_refused(verify(&ecc, &err), TPMIOT_E_FORMAT, &err, "longer");
	assert_refused(
	    tpmiot_signature_put_openssl(&ecc.sig, &out, &err), TPMIOT_E_FORMAT, &err, "longer");
	assert_int_equal(out.len, 0);
	tpmiot_buf_free(&out);
	unload(&rsa);
	unload(&ecc);
}

static void
test_signature_put_is_what_was_parsed(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(VECTORS); i++) {
		struct vector v = load(i);
		struct tpmiot_buf out = TPMIOT_BUF_INIT;
		struct tpmiot_err err;

		assert_ok(tpmiot_signature_put(&v.sig, &out, &err), &err);
		assert_int_equal(out.len, v.raw.len);
		assert_memory_equal(out.data, v.raw.data, out.len);
		tpmiot_buf_free(&out);
		unload(&v);
	}
}

static void
test_signature_put_openssl_ecdsa(void **state)
{
	struct vector v = load(ECC_VECTOR);
	struct tpmiot_buf der = TPMIOT_BUF_INIT;
	const unsigned char *p;
	uint8_t number[32];
	struct tpmiot_err err;
	ECDSA_SIG *sig;

	(void)state;
	assert_ok(tpmiot_signature_put_openssl(&v.sig, &der, &err), &err);
	p = der.data;
	sig = d2i_ECDSA_SIG(NULL, &p, (long)der.len);
	assert_non_null(sig);
	assert_ptr_equal(p, der.data + der.len);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(sig), number, 32), 32);
	assert_memory_equal(number, v.sig.signature.ecdsa.signatureR.buffer, 32);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(sig), number, 32), 32);
	assert_memory_equal(number, v.sig.signature.ecdsa.signatureS.buffer, 32);
	ECDSA_SIG_free(sig);
	tpmiot_buf_free(&der);
	unload(&v);
}

/* As OpenSSL writes it: numbers of every length, with the first bit set and not, and zeros before.
 */
static void
test_signature_put_openssl_ecdsa_as_openssl(void **state)
{
	static const uint8_t FIRST[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
	const size_t max = sizeof(((TPM2B_ECC_PARAMETER *)NULL)->buffer);

	(void)state;
	for (size_t len = 0; len <= max; len++)
		for (size_t i = 0; i < sizeof(FIRST); i++) {
			TPMT_SIGNATURE sig = { .sigAlg = TPM2_ALG_ECDSA,
				.signature.ecdsa.hash = TPM2_ALG_SHA256 };
			TPM2B_ECC_PARAMETER *r = &sig.signature.ecdsa.signatureR,
			                    *s = &sig.signature.ecdsa.signatureS;
			struct tpmiot_buf der = TPMIOT_BUF_INIT;
			ECDSA_SIG *theirs = ECDSA_SIG_new();
			unsigned char *wanted = NULL;
			struct tpmiot_err err;
			int wanted_len;

			memset(r->buffer, 0x55, len);
			if (len > 0)
				r->buffer[0] = FIRST[i];
			r->size = (UINT16)len;
			s->size = (UINT16)(max - len);
			memset(s->buffer, i == 0 ? 0 : 0xaa, s->size);
			assert_int_equal(ECDSA_SIG_set0(theirs, BN_bin2bn(r->buffer, r->size, NULL),
			                     BN_bin2bn(s->buffer, s->size, NULL)),
			    1);
			wanted_len = i2d_ECDSA_SIG(theirs, &wanted);
			assert_true(wanted_len > 0);
			assert_ok(tpmiot_signature_put_openssl(&sig, &der, &err), &err);
			assert_int_equal(der.len, wanted_len);
			assert_memory_equal(der.data, wanted, der.len);
			tpmiot_buf_free(&der);
			OPENSSL_free(wanted);
			ECDSA_SIG_free(theirs);
		}
}

static void
test_signature_put_openssl_rsa(void **state)
{
	struct vector v = load(RSA_VECTOR);
	struct tpmiot_buf out = TPMIOT_BUF_INIT;
	struct tpmiot_err err;

	(void)state;
	assert_ok(tpmiot_signature_put_openssl(&v.sig, &out, &err), &err);
	assert_int_equal(out.len, 256);
	assert_memory_equal(out.data, v.raw.data + 6, 256);
	tpmiot_buf_free(&out);
	unload(&v);
}

/* Every length but the right one, for one signature of each shape. */
static void
test_signature_parse_truncated_and_trailing(void **state)
{
	const size_t shapes[] = { RSA_VECTOR, ECC_VECTOR };

	(void)state;
	for (size_t i = 0; i < COUNT(shapes); i++) {
		struct vector v = load(shapes[i]);

		tpmiot_buf_put_u8(&v.raw, 0);
		for (size_t len = 0; len <= v.raw.len; len++) {
			uint8_t *copy = exact_copy(v.raw.data, len);
			TPMT_SIGNATURE sig = { .sigAlg = 0x55 };
			struct tpmiot_err err = { 0 };

			if (len != v.raw.len - 1) {
				assert_refused(tpmiot_signature_parse(copy, len, &sig, &err),
				    TPMIOT_E_FORMAT, &err, "size fields");
				assert_int_equal(sig.sigAlg, 0x55);
			}
			free(copy);
		}
		unload(&v);
	}
}

static void
test_signature_parse_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		enum tpmiot_rc rc;
		const char *word;
	} cases[] = {
		{ "\x00\x10\x00\x0b\x00\x00", 6, TPMIOT_E_UNSUPPORTED, "scheme 0x0010" },
		{ "\x00\x1a\x00\x0b\x00\x00\x00\x00", 8, TPMIOT_E_UNSUPPORTED, "scheme 0x001a" },
		{ "\x00\x05\x00\x0b\x00\x00", 6, TPMIOT_E_UNSUPPORTED, "scheme 0x0005" },
		{ "\x00\x14\x00\x10\x00\x00", 6, TPMIOT_E_UNSUPPORTED, "hash 0x0010" },
		{ "\x00\x18\xff\xff\x00\x00\x00\x00", 8, TPMIOT_E_UNSUPPORTED, "hash 0xffff" },
		{ "\x00\x14\x00\x0b\xff\xff", 6, TPMIOT_E_FORMAT, "size fields" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const uint8_t *bytes = (const uint8_t *)cases[i].bytes;
		TPMT_SIGNATURE sig;
		struct tpmiot_err err = { 0 };

		assert_refused(tpmiot_signature_parse(bytes, cases[i].len, &sig, &err), cases[i].rc,
		    &err, cases[i].word);
	}
}

/* Sizes that fit the message, but not the structure. */
static void
test_signature_parse_oversized(void **state)
{
	struct tpmiot_buf raw = TPMIOT_BUF_INIT;
	TPMT_SIGNATURE sig;
	struct tpmiot_err err;

	(void)state;
	tpmiot_buf_put_u16(&raw, TPM2_ALG_ECDSA);
	tpmiot_buf_put_u16(&raw, TPM2_ALG_SHA256);
	for (int i = 0; i < 2; i++) {
		tpmiot_buf_put_u16(&raw, TPM2_MAX_ECC_KEY_BYTES + 1);
		assert_non_null(tpmiot_buf_grow(&raw, TPM2_MAX_ECC_KEY_BYTES + 1));
	}
	assert_refused(tpmiot_signature_parse(raw.data, raw.len, &sig, &err), TPMIOT_E_FORMAT, &err,
	    "size fields");
	tpmiot_buf_reset(&raw);
	tpmiot_buf_put_u16(&raw, TPM2_ALG_RSAPSS);
	tpmiot_buf_put_u16(&raw, TPM2_ALG_SHA256);
	tpmiot_buf_put_u16(&raw, TPM2_MAX_RSA_KEY_BYTES + 1);
	assert_non_null(tpmiot_buf_grow(&raw, TPM2_MAX_RSA_KEY_BYTES + 1));
	assert_refused(tpmiot_signature_parse(raw.data, raw.len, &sig, &err), TPMIOT_E_FORMAT, &err,
	    "size fields");
	tpmiot_buf_free(&raw);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signature_verify_tpm),
		cmocka_unit_test(test_signature_verify_other_message),
		cmocka_unit_test(test_signature_verify_other_key),
		cmocka_unit_test(test_signature_verify_other_type),
		cmocka_unit_test(test_signature_verify_other_scheme),
		cmocka_unit_test(test_signature_verify_relabelled),
		cmocka_unit_test(test_signature_verify_damaged),
		cmocka_unit_test(test_signature_verify_digest_kept),
		cmocka_unit_test(test_signature_sizes_out_of_bounds),
		cmocka_unit_test(test_signature_put_is_what_was_parsed),
		cmocka_unit_test(test_signature_put_openssl_ecdsa),
		cmocka_unit_test(test_signature_put_openssl_ecdsa_as_openssl),
		cmocka_unit_test(test_signature_put_openssl_rsa),
		cmocka_unit_test(test_signature_parse_truncated_and_trailing),
		cmocka_unit_test(test_signature_parse_refused),
		cmocka_unit_test(test_signature_parse_oversized),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
