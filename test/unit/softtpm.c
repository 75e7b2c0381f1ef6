/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include <tpmiot/alg.h>
#include <tpmiot/template.h>

#include "softtpm.h"

#define BLOCK_SIZE 16 /* AES */

/* ---- keys ----------------------------------------------------------------- */

static uint16_t
get_number(const EVP_PKEY *pkey, const char *param, uint8_t *out, size_t size)
{
	BIGNUM *n = NULL;

	assert_int_equal(EVP_PKEY_get_bn_param(pkey, param, &n), 1);
	assert_int_equal(BN_bn2binpad(n, out, (int)size), (int)size);
	BN_free(n);
	return (uint16_t)size;
}

static void
set_unique(const EVP_PKEY *pkey, TPMT_PUBLIC *area)
{
	size_t size;

	if (area->type == TPM2_ALG_RSA) {
		area->unique.rsa.size = get_number(pkey, OSSL_PKEY_PARAM_RSA_N,
		    area->unique.rsa.buffer, area->parameters.rsaDetail.keyBits / 8u);
		return;
	}
	size = tpmiot_alg_group_size(area->parameters.eccDetail.curveID);
	area->unique.ecc.x.size =
	    get_number(pkey, OSSL_PKEY_PARAM_EC_PUB_X, area->unique.ecc.x.buffer, size);
	area->unique.ecc.y.size =
	    get_number(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, area->unique.ecc.y.buffer, size);
}

void
softkey_make(struct softkey *key, const TPMT_PUBLIC *template)
{
	TPMT_PUBLIC area = *template;

	if (area.type == TPM2_ALG_RSA)
		key->pkey = EVP_RSA_gen(area.parameters.rsaDetail.keyBits);
	else
		key->pkey = EVP_EC_gen(tpmiot_alg_group_name(area.parameters.eccDetail.curveID));
	assert_non_null(key->pkey);
	set_unique(key->pkey, &area);
	softkey_claim(key, &area);
}

void
softkey_make_ek(struct softkey *key, const char *profile)
{
	const struct tpmiot_ek_profile *p;
	TPMT_PUBLIC area;

	for (size_t i = 0; (p = tpmiot_ek_profile_at(i)) != NULL; i++)
		if (strcmp(p->name, profile) == 0)
			break;
	assert_non_null(p);
	tpmiot_template_ek(p, &area);
	softkey_make(key, &area);
}

void
softkey_claim(struct softkey *key, const TPMT_PUBLIC *area)
{
	TPMT_PUBLIC copy = *area; /* it may be key's own */

	assert_int_equal(tpmiot_public_from_area(NULL, &copy, &key->pub, NULL), TPMIOT_OK);
}

void
softkey_free(struct softkey *key)
{
	EVP_PKEY_free(key->pkey);
	key->pkey = NULL;
}

/* ---- signatures ----------------------------------------------------------- */

void
soft_put_tpm2b(const void *data, size_t len, struct tpmiot_buf *out)
{
	tpmiot_buf_put_u16(out, (uint16_t)len);
	tpmiot_buf_put(out, data, len);
}

static void
put_bignum(const BIGNUM *n, size_t size, struct tpmiot_buf *out)
{
	uint8_t bytes[TPM2_MAX_ECC_KEY_BYTES];

	assert_int_equal(BN_bn2binpad(n, bytes, (int)size), (int)size);
	soft_put_tpm2b(bytes, size, out);
}

/* Part 2, clause 11.3.2: two numbers instead of a DER SEQUENCE. */
static void
put_ecdsa(const uint8_t *der, size_t len, size_t size, struct tpmiot_buf *out)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);

	assert_non_null(sig);
	put_bignum(ECDSA_SIG_get0_r(sig), size, out);
	put_bignum(ECDSA_SIG_get0_s(sig), size, out);
	ECDSA_SIG_free(sig);
}

void
softkey_sign(const struct softkey *key, TPMI_ALG_SIG_SCHEME scheme, TPMI_ALG_HASH hash,
    const void *msg, size_t len, struct tpmiot_buf *out)
{
	uint8_t sig[TPM2_MAX_RSA_KEY_BYTES];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	size_t sig_len = sizeof(sig);

	assert_non_null(ctx);
	assert_int_equal(EVP_DigestSignInit_ex(
	                     ctx, &pctx, tpmiot_alg_md_name(hash), NULL, NULL, key->pkey, NULL),
	    1);
	if (scheme == TPM2_ALG_RSAPSS) {
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST), 1);
	}
	assert_int_equal(EVP_DigestSign(ctx, sig, &sig_len, msg, len), 1);
	tpmiot_buf_put_u16(out, scheme);
	tpmiot_buf_put_u16(out, hash);
	if (scheme == TPM2_ALG_ECDSA)
		put_ecdsa(sig, sig_len,
		    tpmiot_alg_group_size(key->pub.area.parameters.eccDetail.curveID), out);
	else
		soft_put_tpm2b(sig, sig_len, out);
	EVP_MD_CTX_free(ctx);
}

void
softkey_sign_own(const struct softkey *key, const void *msg, size_t len, struct tpmiot_buf *out)
{
	const TPMU_PUBLIC_PARMS *p = &key->pub.area.parameters;

	if (key->pub.area.type == TPM2_ALG_RSA)
		softkey_sign(key, p->rsaDetail.scheme.scheme,
		    p->rsaDetail.scheme.details.anySig.hashAlg, msg, len, out);
	else
		softkey_sign(key, p->eccDetail.scheme.scheme,
		    p->eccDetail.scheme.details.anySig.hashAlg, msg, len, out);
}

/* ---- attestation ---------------------------------------------------------- */

void
soft_attest_init(struct soft_attest *attest, const struct softkey *key, struct tpmiot_bytes nonce)
{
	memset(attest, 0, sizeof(*attest));
	attest->magic = TPM2_GENERATED_VALUE;
	attest->type = TPM2_ST_ATTEST_CERTIFY;
	attest->signer = key->pub.name; /* any Name's shape: nobody but the TPM can tell */
	assert_true(nonce.len <= sizeof(attest->extra_data.buffer));
	attest->extra_data.size = (UINT16)nonce.len;
	memcpy(attest->extra_data.buffer, nonce.data, nonce.len);
	attest->safe = 1;
	attest->name = key->pub.name;
	attest->qualified_name = key->pub.name;
	attest->qualified_name.name[2] ^= 0xff;
}

void
soft_attest_put(const struct soft_attest *attest, struct tpmiot_buf *out)
{
	tpmiot_buf_put_u32(out, attest->magic);
	tpmiot_buf_put_u16(out, attest->type);
	soft_put_tpm2b(attest->signer.name, attest->signer.size, out);
	soft_put_tpm2b(attest->extra_data.buffer, attest->extra_data.size, out);
	tpmiot_buf_put_u64(out, 123456); /* clock, milliseconds */
	tpmiot_buf_put_u32(out, 7);      /* resetCount */
	tpmiot_buf_put_u32(out, 0);      /* restartCount */
	tpmiot_buf_put_u8(out, attest->safe);
	tpmiot_buf_put_u64(out, 0x2019102300163636u); /* firmwareVersion */
	soft_put_tpm2b(attest->name.name, attest->name.size, out);
	soft_put_tpm2b(attest->qualified_name.name, attest->qualified_name.size, out);
	tpmiot_buf_put(out, attest->tail.data, attest->tail.len);
}

void
softtpm_certify(const struct softkey *ak, const struct softkey *key, struct tpmiot_bytes nonce,
    struct tpmiot_buf *attest, struct tpmiot_buf *signature)
{
	struct tpmiot_buf content = TPMIOT_BUF_INIT;
	struct soft_attest fields;

	soft_attest_init(&fields, key, nonce);
	soft_attest_put(&fields, &content);
	soft_put_tpm2b(content.data, content.len, attest);
	softkey_sign_own(ak, content.data, content.len, signature);
	tpmiot_buf_free(&content);
}

void
softtpm_certify_under(const struct softkey *ak, const struct softkey *key,
    const struct softkey *parent, struct tpmiot_bytes nonce, struct tpmiot_buf *attest,
    struct tpmiot_buf *signature)
{
	static const uint8_t owner[] = { 0x40, 0, 0, 1 };
	struct tpmiot_buf content = TPMIOT_BUF_INIT;
	struct soft_attest fields;
	TPM2B_NAME of_parent;

	soft_attest_init(&fields, key, nonce);
	assert_int_equal(tpmiot_qualified_name(NULL, (struct tpmiot_bytes){ owner, sizeof(owner) },
	                     &parent->pub, &of_parent, NULL),
	    TPMIOT_OK);
	assert_int_equal(
	    tpmiot_qualified_name(NULL, (struct tpmiot_bytes){ of_parent.name, of_parent.size },
	        &key->pub, &fields.qualified_name, NULL),
	    TPMIOT_OK);
	soft_attest_put(&fields, &content);
	soft_put_tpm2b(content.data, content.len, attest);
	softkey_sign_own(ak, content.data, content.len, signature);
	tpmiot_buf_free(&content);
}

void
soft_quote_init(struct soft_quote *quote, const struct softkey *ak, struct tpmiot_bytes nonce,
    const struct tpmiot_pcr_bank *banks, size_t n, TPMI_ALG_HASH hash)
{
	struct tpmiot_buf values = TPMIOT_BUF_INIT;

	memset(quote, 0, sizeof(*quote));
	soft_attest_init(&quote->head, ak, nonce);
	quote->head.type = TPM2_ST_ATTEST_QUOTE;
	for (size_t b = 0; b < n; b++) {
		quote->lines[b].alg = banks[b].alg;
		quote->lines[b].size = 3;
		quote->lines[b].selected = banks[b].selected;
		for (size_t i = 0; i < TPMIOT_PCRS; i++)
			if ((banks[b].selected >> i & 1) != 0)
				tpmiot_buf_put(
				    &values, banks[b].values[i], tpmiot_alg_md_size(banks[b].alg));
	}
	quote->count = (uint32_t)n;
	assert_int_equal(
	    tpmiot_alg_digest(NULL, hash, values.data, values.len, &quote->digest, NULL),
	    TPMIOT_OK);
	tpmiot_buf_free(&values);
}

void
soft_quote_put(const struct soft_quote *quote, struct tpmiot_buf *out)
{
	const size_t names = 4u + quote->head.name.size + quote->head.qualified_name.size;
	struct tpmiot_buf head = TPMIOT_BUF_INIT;

	soft_attest_put(&quote->head, &head);
	tpmiot_buf_put(out, head.data, head.len - names);
	tpmiot_buf_free(&head);
	tpmiot_buf_put_u32(out, quote->count);
	for (size_t i = 0; i < quote->count && i < 4; i++) {
		tpmiot_buf_put_u16(out, quote->lines[i].alg);
		tpmiot_buf_put_u8(out, quote->lines[i].size);
		for (size_t b = 0; b < quote->lines[i].size; b++)
			tpmiot_buf_put_u8(
			    out, (uint8_t)(b < 4 ? quote->lines[i].selected >> (8 * b) : 0));
	}
	soft_put_tpm2b(quote->digest.buffer, quote->digest.size, out);
}

/* ---- what is wrapped for a storage key (Part 1, clauses 22.4 and 24) ----------- */

/* Part 1, annex B.4: OAEP with nameAlg and the label, its NUL included. */
static bool
recover_seed_rsa(const struct softkey *ek, const char *label, const uint8_t *data, size_t len,
    TPM2B_DIGEST *seed)
{
	const char *md = tpmiot_alg_md_name(ek->pub.area.nameAlg);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, ek->pkey, NULL);
	uint8_t plain[TPM2_MAX_RSA_KEY_BYTES];
	size_t plain_len = sizeof(plain);
	bool ok;

	assert_non_null(ctx);
	assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, md, NULL), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, md, NULL), 1);
	assert_int_equal(EVP_PKEY_CTX_set0_rsa_oaep_label(
	                     ctx, OPENSSL_memdup(label, strlen(label) + 1), (int)strlen(label) + 1),
	    1);
	ok = EVP_PKEY_decrypt(ctx, plain, &plain_len, data, len) == 1 &&
	     plain_len <= sizeof(seed->buffer);
	if (ok) {
		memcpy(seed->buffer, plain, plain_len);
		seed->size = (UINT16)plain_len;
	}
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

/* The ephemeral share as a public area with the EK's curve. */
static bool
parse_share(const struct softkey *ek, const uint8_t *data, size_t len, struct tpmiot_public *out)
{
	struct tpmiot_reader r;
	const uint8_t *x, *y;
	size_t x_len, y_len;

	tpmiot_reader_init(&r, data, len);
	x = tpmiot_reader_tpm2b(&r, TPM2_MAX_ECC_KEY_BYTES, &x_len);
	y = tpmiot_reader_tpm2b(&r, TPM2_MAX_ECC_KEY_BYTES, &y_len);
	if (!tpmiot_reader_done(&r))
		return false;
	*out = ek->pub;
	memcpy(out->area.unique.ecc.x.buffer, x, x_len);
	memcpy(out->area.unique.ecc.y.buffer, y, y_len);
	out->area.unique.ecc.x.size = (UINT16)x_len;
	out->area.unique.ecc.y.size = (UINT16)y_len;
	return true;
}

/* Part 1, annex C.6.4: KDFe over the x coordinates. */
static bool
recover_seed_ecc(const struct softkey *ek, const char *label, const uint8_t *data, size_t len,
    TPM2B_DIGEST *seed)
{
	const TPM2B_ECC_PARAMETER *ours = &ek->pub.area.unique.ecc.x;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, ek->pkey, NULL);
	size_t z_len = TPM2_MAX_ECC_KEY_BYTES;
	uint8_t z[TPM2_MAX_ECC_KEY_BYTES];
	struct tpmiot_public share;
	EVP_PKEY *peer = NULL;
	bool ok;

	ok = ctx != NULL && parse_share(ek, data, len, &share) &&
	     tpmiot_public_to_pkey(NULL, &share, &peer, NULL) == TPMIOT_OK &&
	     EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, peer) == 1 &&
	     EVP_PKEY_derive(ctx, z, &z_len) == 1;
	if (ok) {
		const TPM2B_ECC_PARAMETER *theirs = &share.area.unique.ecc.x;

		seed->size = (UINT16)tpmiot_alg_md_size(ek->pub.area.nameAlg);
		ok = tpmiot_kdfe(NULL, ek->pub.area.nameAlg, (struct tpmiot_bytes){ z, z_len },
		         label, (struct tpmiot_bytes){ theirs->buffer, theirs->size },
		         (struct tpmiot_bytes){ ours->buffer, ours->size }, seed->buffer,
		         seed->size, NULL) == TPMIOT_OK;
	}
	EVP_PKEY_free(peer);
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static bool
recover_seed(const struct softkey *ek, const char *label, struct tpmiot_bytes encrypted_secret,
    TPM2B_DIGEST *seed)
{
	struct tpmiot_reader r;
	const uint8_t *data;
	size_t len;

	tpmiot_reader_init(&r, encrypted_secret.data, encrypted_secret.len);
	data = tpmiot_reader_tpm2b(&r, sizeof(TPMU_ENCRYPTED_SECRET), &len);
	if (!tpmiot_reader_done(&r))
		return false;
	return ek->pub.area.type == TPM2_ALG_RSA ? recover_seed_rsa(ek, label, data, len, seed)
	                                         : recover_seed_ecc(ek, label, data, len, seed);
}

/* Outer HMAC over the encrypted content and the Name. */
static bool
is_intact(TPMI_ALG_HASH alg, const TPM2B_DIGEST *seed, const TPM2B_NAME *name,
    struct tpmiot_bytes hmac, struct tpmiot_bytes content)
{
	const struct tpmiot_bytes none = { NULL, 0 };
	struct tpmiot_bytes parts[] = { content, { name->name, name->size } };
	uint8_t key[TPM2_SHA512_DIGEST_SIZE], mac[TPM2_SHA512_DIGEST_SIZE];
	size_t size = tpmiot_alg_md_size(alg), mac_len;

	assert_int_equal(tpmiot_kdfa(NULL, alg, (struct tpmiot_bytes){ seed->buffer, seed->size },
	                     "INTEGRITY", none, none, key, size, NULL),
	    TPMIOT_OK);
	assert_int_equal(tpmiot_hmac(NULL, alg, (struct tpmiot_bytes){ key, size }, parts, 2, mac,
	                     &mac_len, NULL),
	    TPMIOT_OK);
	return hmac.len == mac_len && CRYPTO_memcmp(mac, hmac.data, mac_len) == 0;
}

static void
decrypt_content(const struct softkey *ek, const TPM2B_DIGEST *seed, const TPM2B_NAME *name,
    uint8_t *content, size_t len)
{
	const TPMU_PUBLIC_PARMS *p = &ek->pub.area.parameters;
	size_t key_len = (ek->pub.area.type == TPM2_ALG_RSA ? p->rsaDetail.symmetric.keyBits.aes
	                                                    : p->eccDetail.symmetric.keyBits.aes) /
	                 8u;
	const struct tpmiot_bytes none = { NULL, 0 };
	const uint8_t iv[BLOCK_SIZE] = { 0 };
	uint8_t key[32];

	assert_int_equal(
	    tpmiot_kdfa(NULL, ek->pub.area.nameAlg,
	        (struct tpmiot_bytes){ seed->buffer, seed->size }, "STORAGE",
	        (struct tpmiot_bytes){ name->name, name->size }, none, key, key_len, NULL),
	    TPMIOT_OK);
	assert_int_equal(tpmiot_aes_cfb(NULL, false, (struct tpmiot_bytes){ key, key_len }, iv,
	                     content, len, NULL),
	    TPMIOT_OK);
}

/* What a TPM2B of integrity HMAC and encrypted content holds, if it is for this key and Name. */
static bool
open_outer(const struct softkey *key, const char *label, const TPM2B_NAME *name,
    struct tpmiot_bytes blob, struct tpmiot_bytes encrypted_secret, struct tpmiot_buf *plain)
{
	struct tpmiot_bytes hmac, content;
	struct tpmiot_reader r;
	TPM2B_DIGEST seed;
	const uint8_t *data;
	size_t len;

	tpmiot_reader_init(&r, blob.data, blob.len);
	data = tpmiot_reader_tpm2b(&r, UINT16_MAX, &len);
	if (!tpmiot_reader_done(&r) || !recover_seed(key, label, encrypted_secret, &seed))
		return false;
	tpmiot_reader_init(&r, data, len);
	hmac.data = tpmiot_reader_tpm2b(&r, TPM2_SHA512_DIGEST_SIZE, &hmac.len);
	content = (struct tpmiot_bytes){ r.data, r.len };
	if (r.failed || !is_intact(key->pub.area.nameAlg, &seed, name, hmac, content))
		return false;
	tpmiot_buf_put(plain, content.data, content.len);
	decrypt_content(key, &seed, name, plain->data, plain->len);
	return true;
}

bool
softtpm_activate(const struct softkey *ek, const TPM2B_NAME *name, struct tpmiot_bytes blob,
    struct tpmiot_bytes encrypted_secret, struct tpmiot_buf *secret)
{
	struct tpmiot_buf plain = TPMIOT_BUF_INIT;
	struct tpmiot_reader r;
	const uint8_t *data;
	size_t len;
	bool ok = open_outer(ek, "IDENTITY", name, blob, encrypted_secret, &plain);

	if (ok) {
		tpmiot_reader_init(&r, plain.data, plain.len);
		data = tpmiot_reader_tpm2b(&r, TPM2_SHA512_DIGEST_SIZE, &len);
		ok = tpmiot_reader_done(&r);
		if (ok)
			tpmiot_buf_put(secret, data, len);
	}
	tpmiot_buf_free(&plain);
	return ok;
}

/* ---- TPM2_Import (Part 3, clause 13.3) ------------------------------------------ */

static bool
digest_is(
    TPMI_ALG_HASH alg, struct tpmiot_bytes a, struct tpmiot_bytes b, struct tpmiot_bytes expected)
{
	struct tpmiot_buf both = TPMIOT_BUF_INIT;
	TPM2B_DIGEST digest = { 0 };

	tpmiot_buf_put(&both, a.data, a.len);
	tpmiot_buf_put(&both, b.data, b.len);
	assert_int_equal(
	    tpmiot_alg_digest(NULL, alg, both.data, both.len, &digest, NULL), TPMIOT_OK);
	tpmiot_buf_free(&both);
	return digest.size == expected.len &&
	       memcmp(digest.buffer, expected.data, expected.len) == 0;
}

/* Takes off the inner wrapper: leaves the TPM2B_SENSITIVE in `plain`. */
static bool
open_inner(const struct tpmiot_public *pub, struct tpmiot_bytes key, struct tpmiot_buf *plain)
{
	static const uint8_t iv[BLOCK_SIZE];
	struct tpmiot_buf sensitive = TPMIOT_BUF_INIT;
	struct tpmiot_bytes integrity;
	struct tpmiot_reader r;
	bool ok;

	assert_int_equal(
	    tpmiot_aes_cfb(NULL, false, key, iv, plain->data, plain->len, NULL), TPMIOT_OK);
	tpmiot_reader_init(&r, plain->data, plain->len);
	integrity.data = tpmiot_reader_tpm2b(&r, TPM2_SHA512_DIGEST_SIZE, &integrity.len);
	ok = !r.failed && digest_is(pub->area.nameAlg, (struct tpmiot_bytes){ r.data, r.len },
	                      (struct tpmiot_bytes){ pub->name.name, pub->name.size }, integrity);
	if (ok) {
		tpmiot_buf_put(&sensitive, r.data, r.len);
		tpmiot_buf_move(plain, &sensitive);
	}
	return ok;
}

/* TPM2B_SENSITIVE of a keyed-hash object, bound to its public area by the latter's `unique`. */
static bool
take_sensitive(
    const struct tpmiot_public *pub, const struct tpmiot_buf *plain, struct tpmiot_buf *out)
{
	const TPM2B_DIGEST *unique = &pub->area.unique.keyedHash;
	struct tpmiot_bytes seed, data;
	struct tpmiot_reader r;
	const uint8_t *inside;
	size_t len, auth_len;
	uint16_t type;

	tpmiot_reader_init(&r, plain->data, plain->len);
	inside = tpmiot_reader_tpm2b(&r, UINT16_MAX, &len);
	if (!tpmiot_reader_done(&r))
		return false;
	tpmiot_reader_init(&r, inside, len);
	type = tpmiot_reader_u16(&r);
	(void)tpmiot_reader_tpm2b(&r, 0, &auth_len);
	seed.data = tpmiot_reader_tpm2b(&r, TPM2_SHA512_DIGEST_SIZE, &seed.len);
	data.data = tpmiot_reader_tpm2b(&r, UINT16_MAX, &data.len);
	if (!tpmiot_reader_done(&r) || type != pub->area.type ||
	    seed.len != tpmiot_alg_md_size(pub->area.nameAlg) ||
	    !digest_is(pub->area.nameAlg, seed, data,
	        (struct tpmiot_bytes){ unique->buffer, unique->size }))
		return false;
	tpmiot_buf_put(out, data.data, data.len);
	return true;
}

bool
softtpm_import(const struct softkey *parent, const struct tpmiot_public *pub,
    struct tpmiot_bytes duplicate, struct tpmiot_bytes seed, struct tpmiot_bytes inner,
    struct tpmiot_buf *data)
{
	struct tpmiot_buf plain = TPMIOT_BUF_INIT;
	bool ok = open_outer(parent, "DUPLICATE", &pub->name, duplicate, seed, &plain) &&
	          (inner.len == 0 || open_inner(pub, inner, &plain)) &&
	          take_sensitive(pub, &plain, data);

	tpmiot_buf_free(&plain);
	return ok;
}
