/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counterpart, ActivateCredential, is played here in software with the
 * private key of an EK. That it plays it right is shown by credentials that a
 * TPM made (test/vectors/README.md).
 */
#include "unit.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <tpmiot/alg.h>
#include <tpmiot/credential.h>
#include <tpmiot/kdf.h>

static const char *const EKS[] = { "ek-rsa", "ek-p256", "ek-p384" };

struct ek {
	struct tpmiot_public pub;
	EVP_PKEY *private;
	struct tpmiot_buf vector; /* TPM2B_ID_OBJECT ‖ TPM2B_ENCRYPTED_SECRET */
};

static void
read_part(const char *ek, const char *suffix, struct tpmiot_buf *out)
{
	char name[128];

	(void)snprintf(name, sizeof(name), "credential/%s.%s", ek, suffix);
	read_vector(name, out);
}

static struct ek
load_ek(const char *name)
{
	struct tpmiot_buf pub = TPMIOT_BUF_INIT, pem = TPMIOT_BUF_INIT;
	struct ek ek = { .private = NULL };
	struct tpmiot_err err;
	BIO *bio;

	read_part(name, "tpm2b", &pub);
	assert_ok(tpmiot_public_parse(NULL, pub.data, pub.len, &ek.pub, &err), &err);
	read_part(name, "key", &pem);
	bio = BIO_new_mem_buf(pem.data, (int)pem.len);
	ek.private = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	assert_non_null(ek.private);
	read_part(name, "cred", &ek.vector);
	BIO_free(bio);
	tpmiot_buf_free(&pub);
	tpmiot_buf_free(&pem);
	return ek;
}

static void
unload_ek(struct ek *ek)
{
	EVP_PKEY_free(ek->private);
	tpmiot_buf_free(&ek->vector);
}

static TPM2B_NAME
ak_name(void)
{
	struct tpmiot_buf buf = TPMIOT_BUF_INIT;
	TPM2B_NAME name = { 0 };

	read_vector("public/ak-ecc.name", &buf);
	memcpy(name.name, buf.data, buf.len);
	name.size = (UINT16)buf.len;
	tpmiot_buf_free(&buf);
	return name;
}

/* ---- ActivateCredential in software --------------------------------------- */

static size_t
seed_rsa(const struct ek *ek, const uint8_t *enc, size_t len, uint8_t *seed)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(ek->private, NULL);
	const char *md = tpmiot_alg_md_name(ek->pub.area.nameAlg);
	size_t seed_len = TPM2_MAX_RSA_KEY_BYTES;

	assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, md, NULL), 1);
	assert_int_equal(
	    EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, OPENSSL_memdup("IDENTITY", 9), 9), 1);
	assert_int_equal(EVP_PKEY_decrypt(ctx, seed, &seed_len, enc, len), 1);
	EVP_PKEY_CTX_free(ctx);
	return seed_len;
}

static EVP_PKEY *
peer_point(const struct ek *ek, const uint8_t *x, const uint8_t *y, size_t size)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	const char *group = tpmiot_alg_group_name(ek->pub.area.parameters.eccDetail.curveID);
	uint8_t point[1 + 2 * TPM2_MAX_ECC_KEY_BYTES] = { 4 };
	EVP_PKEY *peer = NULL;
	OSSL_PARAM *params;

	memcpy(point + 1, x, size);
	memcpy(point + 1 + size, y, size);
	OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
	OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * size);
	params = OSSL_PARAM_BLD_to_param(bld);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &peer, EVP_PKEY_PUBLIC_KEY, params), 1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(ctx);
	return peer;
}

static size_t
seed_ecc(const struct ek *ek, const uint8_t *enc, size_t len, uint8_t *seed)
{
	const TPM2B_ECC_PARAMETER *own_x = &ek->pub.area.unique.ecc.x;
	size_t x_len, y_len, z_len = TPM2_MAX_ECC_KEY_BYTES;
	size_t seed_len = tpmiot_alg_md_size(ek->pub.area.nameAlg);
	uint8_t z[TPM2_MAX_ECC_KEY_BYTES];
	const uint8_t *x, *y;
	struct tpmiot_reader r;
	struct tpmiot_err err;
	EVP_PKEY_CTX *ctx;
	EVP_PKEY *peer;

	tpmiot_reader_init(&r, enc, len);
	x = tpmiot_reader_tpm2b(&r, TPM2_MAX_ECC_KEY_BYTES, &x_len);
	y = tpmiot_reader_tpm2b(&r, TPM2_MAX_ECC_KEY_BYTES, &y_len);
	assert_true(tpmiot_reader_done(&r));
	assert_int_equal(x_len, own_x->size);
	assert_int_equal(y_len, own_x->size);
	peer = peer_point(ek, x, y, x_len);
	ctx = EVP_PKEY_CTX_new(ek->private, NULL);
	assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
	assert_int_equal(EVP_PKEY_derive_set_peer(ctx, peer), 1);
	assert_int_equal(EVP_PKEY_derive(ctx, z, &z_len), 1);
	assert_ok(tpmiot_kdfe(NULL, ek->pub.area.nameAlg, (struct tpmiot_bytes){ z, z_len },
	              "IDENTITY", (struct tpmiot_bytes){ x, x_len },
	              (struct tpmiot_bytes){ own_x->buffer, own_x->size }, seed, seed_len, &err),
	    &err);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(peer);
	return seed_len;
}

/* Whether the integrity holds; if so, *secret has what was in the credential. */
static bool
activate(const struct ek *ek, const TPM2B_NAME *name, const struct tpmiot_buf *credential,
    struct tpmiot_buf *secret)
{
	static const uint8_t iv[16];
	bool is_rsa = ek->pub.area.type == TPM2_ALG_RSA;
	TPMI_ALG_HASH alg = ek->pub.area.nameAlg;
	size_t md_len = tpmiot_alg_md_size(alg), blob_len, enc_len, mac_len, len, key_len;
	uint8_t seed[TPM2_MAX_RSA_KEY_BYTES], key[64], mac[64], identity[256];
	struct tpmiot_bytes nothing = { NULL, 0 }, seed_bytes,
	                    name_bytes = { name->name, name->size };
	const uint8_t *blob, *enc, *sent_mac;
	struct tpmiot_reader r, in;
	struct tpmiot_err err;

	tpmiot_reader_init(&r, credential->data, credential->len);
	blob = tpmiot_reader_tpm2b(&r, UINT16_MAX, &blob_len);
	enc = tpmiot_reader_tpm2b(&r, UINT16_MAX, &enc_len);
	assert_true(tpmiot_reader_done(&r));
	seed_bytes.data = seed;
	seed_bytes.len =
	    is_rsa ? seed_rsa(ek, enc, enc_len, seed) : seed_ecc(ek, enc, enc_len, seed);
	assert_int_equal(seed_bytes.len, md_len);

	tpmiot_reader_init(&in, blob, blob_len);
	sent_mac = tpmiot_reader_tpm2b(&in, md_len, &mac_len);
	assert_int_equal(mac_len, md_len);
	assert_true(in.len <= sizeof(identity));
	memcpy(identity, in.data, in.len);
	assert_ok(
	    tpmiot_kdfa(NULL, alg, seed_bytes, "INTEGRITY", nothing, nothing, key, md_len, &err),
	    &err);
	assert_ok(tpmiot_hmac(NULL, alg, (struct tpmiot_bytes){ key, md_len },
	              (struct tpmiot_bytes[]){ { identity, in.len }, name_bytes }, 2, mac, &mac_len,
	              &err),
	    &err);
	if (memcmp(mac, sent_mac, mac_len) != 0)
		return false;
	key_len = is_rsa ? ek->pub.area.parameters.rsaDetail.symmetric.keyBits.aes / 8
	                 : ek->pub.area.parameters.eccDetail.symmetric.keyBits.aes / 8;
	assert_ok(
	    tpmiot_kdfa(NULL, alg, seed_bytes, "STORAGE", name_bytes, nothing, key, key_len, &err),
	    &err);
	assert_ok(tpmiot_aes_cfb(NULL, false, (struct tpmiot_bytes){ key, key_len }, iv, identity,
	              in.len, &err),
	    &err);
	len = (size_t)(identity[0] << 8 | identity[1]);
	assert_int_equal(len + 2, in.len);
	tpmiot_buf_put(secret, identity + 2, len);
	return true;
}

/* ---- tests ---------------------------------------------------------------- */

static void
test_credential_activate_what_a_tpm_made(void **state)
{
	TPM2B_NAME name = ak_name();

	(void)state;
	for (size_t i = 0; i < COUNT(EKS); i++) {
		struct tpmiot_buf expected = TPMIOT_BUF_INIT, secret = TPMIOT_BUF_INIT;
		struct ek ek = load_ek(EKS[i]);

		read_vector("credential/secret", &expected);
		assert_true(activate(&ek, &name, &ek.vector, &secret));
		assert_int_equal(secret.len, expected.len);
		assert_memory_equal(secret.data, expected.data, secret.len);
		tpmiot_buf_free(&expected);
		tpmiot_buf_free(&secret);
		unload_ek(&ek);
	}
}

static bool
make_and_activate(const struct ek *ek, const TPM2B_NAME *made_for, const TPM2B_NAME *asked_for,
    const void *data, size_t len)
{
	struct tpmiot_buf both = TPMIOT_BUF_INIT, secret = TPMIOT_BUF_INIT;
	struct tpmiot_credential cred;
	struct tpmiot_err err;
	bool ok;

	assert_ok(tpmiot_credential_make(NULL, &ek->pub, made_for, data, len, &cred, &err), &err);
	tpmiot_buf_put(&both, cred.blob.data, cred.blob.len);
	tpmiot_buf_put(&both, cred.encrypted_secret.data, cred.encrypted_secret.len);
	ok = activate(ek, asked_for, &both, &secret);
	if (ok) {
		assert_int_equal(secret.len, len);
		assert_memory_equal(secret.data, data, len);
	}
	tpmiot_credential_free(&cred);
	assert_null(cred.blob.data);
	tpmiot_buf_free(&both);
	tpmiot_buf_free(&secret);
	return ok;
}

static void
test_credential_make(void **state)
{
	static const uint8_t data[48] = "0123456789abcdef0123456789abcdef0123456789abcde";
	TPM2B_NAME name = ak_name();

	(void)state;
	for (size_t i = 0; i < COUNT(EKS); i++) {
		struct ek ek = load_ek(EKS[i]);
		size_t max = tpmiot_alg_md_size(ek.pub.area.nameAlg);

		assert_true(make_and_activate(&ek, &name, &name, data, 1));
		assert_true(make_and_activate(&ek, &name, &name, data, 16));
		assert_true(make_and_activate(&ek, &name, &name, data, max));
		unload_ek(&ek);
	}
}

static void
test_credential_make_binds_the_name(void **state)
{
	TPM2B_NAME name = ak_name(), other = ak_name();

	(void)state;
	other.name[33] ^= 1;
	for (size_t i = 0; i < COUNT(EKS); i++) {
		struct ek ek = load_ek(EKS[i]);

		assert_false(make_and_activate(&ek, &name, &other, "secret", 6));
		unload_ek(&ek);
	}
}

/* The same secret twice looks different. */
static void
test_credential_make_is_random(void **state)
{
	struct tpmiot_credential a, b;
	TPM2B_NAME name = ak_name();
	struct tpmiot_err err;

	(void)state;
	for (size_t i = 0; i < COUNT(EKS); i++) {
		struct ek ek = load_ek(EKS[i]);

		assert_ok(
		    tpmiot_credential_make(NULL, &ek.pub, &name, "secret", 6, &a, &err), &err);
		assert_ok(
		    tpmiot_credential_make(NULL, &ek.pub, &name, "secret", 6, &b, &err), &err);
		assert_int_equal(a.blob.len, b.blob.len);
		assert_memory_not_equal(a.blob.data, b.blob.data, a.blob.len);
		assert_memory_not_equal(
		    a.encrypted_secret.data + 2, b.encrypted_secret.data + 2, 64);
		tpmiot_credential_free(&a);
		tpmiot_credential_free(&b);
		unload_ek(&ek);
	}
}

static void
test_credential_make_usage(void **state)
{
	static const uint8_t data[TPM2_SHA512_DIGEST_SIZE];
	struct ek ek = load_ek("ek-rsa");
	struct tpmiot_credential cred;
	TPM2B_NAME name = ak_name();
	struct tpmiot_err err;

	(void)state;
	assert_refused(tpmiot_credential_make(NULL, &ek.pub, &name, data, 0, &cred, &err),
	    TPMIOT_E_USAGE, &err, "0 bytes");
	assert_refused(tpmiot_credential_make(NULL, &ek.pub, &name, data, 33, &cred, &err),
	    TPMIOT_E_USAGE, &err, "33 bytes");
	name.size = 0;
	assert_refused(tpmiot_credential_make(NULL, &ek.pub, &name, data, 16, &cred, &err),
	    TPMIOT_E_USAGE, &err, "Name");
	name.size = sizeof(name.name) + 1;
	assert_refused(tpmiot_credential_make(NULL, &ek.pub, &name, data, 16, &cred, &err),
	    TPMIOT_E_USAGE, &err, "Name");
	unload_ek(&ek);
}

static void
assert_unsupported(const struct tpmiot_public *ek, const char *word)
{
	struct tpmiot_credential cred;
	TPM2B_NAME name = ak_name();
	struct tpmiot_err err;

	assert_refused(tpmiot_credential_make(NULL, ek, &name, "x", 1, &cred, &err),
	    TPMIOT_E_UNSUPPORTED, &err, word);
}

static void
test_credential_make_unsupported(void **state)
{
	struct ek good = load_ek("ek-rsa"), ek = good;
	TPMT_SYM_DEF_OBJECT *sym = &ek.pub.area.parameters.rsaDetail.symmetric;

	(void)state;
	ek.pub.area.objectAttributes &= ~TPMA_OBJECT_RESTRICTED;
	assert_unsupported(&ek.pub, "restricted");
	ek.pub = good.pub;
	ek.pub.area.objectAttributes &= ~TPMA_OBJECT_DECRYPT;
	assert_unsupported(&ek.pub, "restricted");
	ek.pub = good.pub;
	ek.pub.area.type = TPM2_ALG_KEYEDHASH;
	assert_unsupported(&ek.pub, "restricted");
	ek.pub = good.pub;
	sym->algorithm = TPM2_ALG_NULL;
	assert_unsupported(&ek.pub, "AES in CFB");
	sym->algorithm = TPM2_ALG_CAMELLIA;
	assert_unsupported(&ek.pub, "AES in CFB");
	ek.pub = good.pub;
	sym->mode.aes = TPM2_ALG_CBC;
	assert_unsupported(&ek.pub, "AES in CFB");
	ek.pub = good.pub;
	sym->keyBits.aes = 512;
	assert_unsupported(&ek.pub, "512 bits");
	ek.pub = good.pub;
	ek.pub.area.nameAlg = TPM2_ALG_NULL;
	assert_unsupported(&ek.pub, "nameAlg");
	unload_ek(&good);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_credential_activate_what_a_tpm_made),
		cmocka_unit_test(test_credential_make),
		cmocka_unit_test(test_credential_make_binds_the_name),
		cmocka_unit_test(test_credential_make_is_random),
		cmocka_unit_test(test_credential_make_usage),
		cmocka_unit_test(test_credential_make_unsupported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
