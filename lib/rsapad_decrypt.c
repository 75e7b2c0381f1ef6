/* SPDX-License-Identifier: Apache-2.0 */
/* Paddings of encryption taken off, telling as little as can be. */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "rsapad.h"

/* 00 02, at least eight bytes that are not zero, 00. */
#define PKCS1_OVERHEAD 11

/* ---- PKCS #1 v1.5 -----------------------------------------------------------------------------
 */

#define SYNTHETIC_LENGTHS 128

static const char LABEL_LENGTH[] = "length";
static const char LABEL_MESSAGE[] = "message";

/* HMAC-SHA256 in counter mode: counter ‖ label ‖ bits asked for. */
static enum tpmiot_rc
prf(OSSL_LIB_CTX *libctx, struct tpmiot_bytes key, const char *label, uint8_t *out, size_t len,
    struct tpmiot_err *err)
{
	const uint8_t bits[2] = { (uint8_t)((len * 8) >> 8), (uint8_t)(len * 8) };
	uint8_t block[TPM2_SHA512_DIGEST_SIZE], counter[2];
	const struct tpmiot_bytes parts[] = { { counter, sizeof(counter) },
		{ label, strlen(label) }, { bits, sizeof(bits) } };
	enum tpmiot_rc rc = TPMIOT_OK;
	size_t size = 0;

	for (size_t i = 0, done = 0; rc == TPMIOT_OK && done < len; i++) {
		counter[0] = (uint8_t)(i >> 8);
		counter[1] = (uint8_t)i;
		rc = tpmiot_hmac(libctx, TPM2_ALG_SHA256, key, parts, 3, block, &size, err);
		if (rc != TPMIOT_OK)
			break;
		if (size > len - done)
			size = len - done;
		memcpy(out + done, block, size);
		done += size;
	}
	OPENSSL_cleanse(block, sizeof(block));
	return rc;
}

/* Some length of a message that fits, taken from 128 numbers in the same time each. */
static uint32_t
synthetic_length(const uint8_t numbers[2 * SYNTHETIC_LENGTHS], size_t em_len)
{
	const uint32_t end = (uint32_t)em_len - PKCS1_OVERHEAD + 1;
	uint32_t mask = end, length = 0;

	for (unsigned int shift = 1; shift < 16; shift *= 2)
		mask |= mask >> shift;
	for (size_t i = 0; i < SYNTHETIC_LENGTHS; i++) {
		uint32_t n = ((uint32_t)numbers[2 * i] << 8 | numbers[2 * i + 1]) & mask;

		length = ct_select(ct_lt(n, end), n, length);
	}
	return length;
}

/* What is given out for a wrong padding: its last *length bytes. */
static enum tpmiot_rc
synthesise(OSSL_LIB_CTX *libctx, struct tpmiot_bytes secret, struct tpmiot_bytes ciphertext,
    uint8_t *message, uint32_t *length, struct tpmiot_err *err)
{
	uint8_t key[TPM2_SHA512_DIGEST_SIZE], numbers[2 * SYNTHETIC_LENGTHS];
	size_t key_len = 0;
	enum tpmiot_rc rc =
	    tpmiot_hmac(libctx, TPM2_ALG_SHA256, secret, &ciphertext, 1, key, &key_len, err);
	struct tpmiot_bytes derived = { key, key_len };

	if (rc == TPMIOT_OK)
		rc = prf(libctx, derived, LABEL_LENGTH, numbers, sizeof(numbers), err);
	if (rc == TPMIOT_OK)
		rc = prf(libctx, derived, LABEL_MESSAGE, message, ciphertext.len, err);
	if (rc == TPMIOT_OK)
		*length = synthetic_length(numbers, ciphertext.len);
	OPENSSL_cleanse(key, sizeof(key));
	OPENSSL_cleanse(numbers, sizeof(numbers));
	return rc;
}

/* Where the message begins; *good says whether the padding is right. */
static uint32_t
find_message(const uint8_t *em, uint32_t len, uint32_t *good)
{
	uint32_t found = 0, zero_at = 0;

	*good = ct_is_zero(em[0]) & ct_eq(em[1], 2);
	for (uint32_t i = 2; i < len; i++) {
		uint32_t first = ct_is_zero(em[i]) & ~found;

		zero_at = ct_select(first, i, zero_at);
		found |= first;
	}
	*good &= found & ~ct_lt(zero_at, PKCS1_OVERHEAD - 1);
	return zero_at + 1;
}

enum tpmiot_rc
tpmiot_rsapad_pkcs1_decode(OSSL_LIB_CTX *libctx, struct tpmiot_bytes secret,
    struct tpmiot_bytes ciphertext, struct tpmiot_bytes em, struct tpmiot_buf *out,
    struct tpmiot_err *err)
{
	const uint8_t *block = em.data;
	uint8_t synthetic[TPMIOT_RSA_MAX_BYTES], *message;
	uint32_t length = 0, good = 0, start, len = (uint32_t)em.len;
	enum tpmiot_rc rc;

	if (em.len < PKCS1_OVERHEAD || em.len > sizeof(synthetic) || ciphertext.len != em.len)
		return tpmiot_err_set(err, TPMIOT_E_USAGE, "a PKCS #1 block of %zu bytes", em.len);
	rc = synthesise(libctx, secret, ciphertext, synthetic, &length, err);
	if (rc != TPMIOT_OK)
		return rc;
	start = find_message(block, len, &good);
	start = ct_select(good, start, len - length);
	message = tpmiot_buf_grow(out, len - start);
	for (uint32_t i = start; message != NULL && i < len; i++)
		message[i - start] = (uint8_t)ct_select(good, block[i], synthetic[i]);
	OPENSSL_cleanse(synthetic, sizeof(synthetic));
	return tpmiot_buf_done(out, err);
}

/* ---- TLS ------------------------------------------------------------------------------------- */

static uint32_t
is_version(const uint8_t *premaster, unsigned int version)
{
	return ct_eq(premaster[0], version >> 8 & 0xff) & ct_eq(premaster[1], version & 0xff);
}

enum tpmiot_rc
tpmiot_rsapad_tls_decode(OSSL_LIB_CTX *libctx, struct tpmiot_bytes em, unsigned int version,
    unsigned int alternative, uint8_t out[TPMIOT_TLS_PREMASTER_LEN], struct tpmiot_err *err)
{
	uint8_t random[TPMIOT_TLS_PREMASTER_LEN];
	const uint8_t *block = em.data, *premaster;
	uint32_t good, right;
	size_t zero_at;

	if (em.len < TPMIOT_TLS_PREMASTER_LEN + PKCS1_OVERHEAD)
		return tpmiot_err_set(err, TPMIOT_E_USAGE, "a PKCS #1 block of %zu bytes", em.len);
	if (RAND_priv_bytes_ex(libctx, random, sizeof(random), 0) != 1)
		return tpmiot_err_crypto(err, "random premaster secret");
	zero_at = em.len - sizeof(random) - 1;
	premaster = block + zero_at + 1;
	good = ct_is_zero(block[0]) & ct_eq(block[1], 2) & ct_is_zero(block[zero_at]);
	for (size_t i = 2; i < zero_at; i++)
		good &= ~ct_is_zero(block[i]);
	right = is_version(premaster, version);
	if (alternative != 0) /* no secret: it was negotiated */
		right |= is_version(premaster, alternative);
	good &= right;
	for (size_t i = 0; i < sizeof(random); i++)
		out[i] = (uint8_t)ct_select(good, premaster[i], random[i]);
	OPENSSL_cleanse(random, sizeof(random));
	return TPMIOT_OK;
}

/* ---- OAEP ------------------------------------------------------------------------------------ */

/* Unmasks seed and data block in place. */
static bool
unmask(const EVP_MD *mgf1, uint8_t *block, size_t len, size_t size)
{
	struct tpmiot_bytes seed = { block + 1, size };
	struct tpmiot_bytes masked = { block + 1 + size, len - 1 - size };

	return rsapad_mgf1_xor(mgf1, masked, block + 1, size) &&
	       rsapad_mgf1_xor(mgf1, seed, block + 1 + size, len - 1 - size);
}

/* Where the message begins, behind zeros and a one; *good as above. */
static uint32_t
find_oaep_message(const uint8_t *block, uint32_t from, uint32_t len, uint32_t *good)
{
	uint32_t found = 0, one_at = 0;

	for (uint32_t i = from; i < len; i++) {
		uint32_t first = ct_eq(block[i], 1) & ~found;

		one_at = ct_select(first, i, one_at);
		found |= first;
		*good &= found | ct_is_zero(block[i]);
	}
	*good &= found;
	return one_at + 1;
}

enum tpmiot_rc
tpmiot_rsapad_oaep_decode(const EVP_MD *md, const EVP_MD *mgf1, struct tpmiot_bytes label,
    struct tpmiot_bytes em, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	uint8_t block[TPMIOT_RSA_MAX_BYTES], label_hash[EVP_MAX_MD_SIZE];
	size_t size = (size_t)EVP_MD_get_size(md);
	uint32_t good, start;
	enum tpmiot_rc rc;

	if (em.len > sizeof(block) || em.len < 2 * size + 2)
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "a key of %zu bits is too small for OAEP with %s", em.len * 8,
		    EVP_MD_get0_name(md));
	memcpy(block, em.data, em.len);
	if (!EVP_Digest(
	        label.data == NULL ? "" : label.data, label.len, label_hash, NULL, md, NULL) ||
	    !unmask(mgf1, block, em.len, size)) {
		rc = tpmiot_err_crypto(err, "OAEP");
		goto out;
	}
	good = ct_is_zero(block[0]) &
	       ct_is_zero((uint32_t)CRYPTO_memcmp(block + 1 + size, label_hash, size));
	start = find_oaep_message(block, (uint32_t)(1 + 2 * size), (uint32_t)em.len, &good);
	if (good == 0) {
		rc = tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "not encrypted to this key with OAEP, or with another digest or label");
		goto out;
	}
	tpmiot_buf_put(out, block + start, em.len - start);
	rc = tpmiot_buf_done(out, err);
out:
	OPENSSL_cleanse(block, sizeof(block));
	return rc;
}
