/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <tpmiot/alg.h>
#include <tpmiot/duplicate.h>
#include <tpmiot/template.h>

#include "outerwrap.h"

/* A keyed-hash object while it is put together. */
struct object {
	TPMT_PUBLIC area;
	TPM2B_DIGEST seed; /* seedValue: blinds the digest of the data in `unique` */
	struct tpmiot_bytes data;
};

/* unique = H_nameAlg(seedValue ‖ data) (Part 1, clause 27.5.3.4). */
static enum tpmiot_rc
bind_data(OSSL_LIB_CTX *libctx, struct object *object, struct tpmiot_err *err)
{
	struct tpmiot_buf both = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	object->seed.size = (UINT16)tpmiot_alg_md_size(object->area.nameAlg);
	if (RAND_priv_bytes_ex(libctx, object->seed.buffer, object->seed.size, 0) != 1)
		return tpmiot_err_crypto(err, "random bytes");
	tpmiot_buf_put(&both, object->seed.buffer, object->seed.size);
	tpmiot_buf_put(&both, object->data.data, object->data.len);
	rc = tpmiot_buf_done(&both, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_alg_digest(libctx, object->area.nameAlg, both.data, both.len,
		    &object->area.unique.keyedHash, err);
	tpmiot_buf_free(&both);
	return rc;
}

/* TPM2B_SENSITIVE; the authorisation value is empty. */
static void
put_sensitive(const struct object *object, struct tpmiot_buf *out)
{
	tpmiot_buf_put_u16(out, (uint16_t)(2 + 2 + 2 + object->seed.size + 2 + object->data.len));
	tpmiot_buf_put_u16(out, TPM2_ALG_KEYEDHASH);
	tpmiot_buf_put_u16(out, 0);
	tpmiot_buf_put_u16(out, object->seed.size);
	tpmiot_buf_put(out, object->seed.buffer, object->seed.size);
	tpmiot_buf_put_u16(out, (uint16_t)object->data.len);
	tpmiot_buf_put(out, object->data.data, object->data.len);
}

/* innerIntegrity = H_nameAlg(sensitive ‖ Name), in front; both encrypted (Part 1, clause 23.3.2.3).
 */
static enum tpmiot_rc
wrap_inner(OSSL_LIB_CTX *libctx, const struct tpmiot_public *pub, struct tpmiot_bytes key,
    struct tpmiot_buf *sensitive, struct tpmiot_err *err)
{
	static const uint8_t iv[16];
	struct tpmiot_buf hashed = TPMIOT_BUF_INIT, wrapped = TPMIOT_BUF_INIT;
	TPM2B_DIGEST integrity;
	enum tpmiot_rc rc;

	tpmiot_buf_put(&hashed, sensitive->data, sensitive->len);
	tpmiot_buf_put(&hashed, pub->name.name, pub->name.size);
	rc = tpmiot_buf_done(&hashed, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_alg_digest(
		    libctx, pub->area.nameAlg, hashed.data, hashed.len, &integrity, err);
	if (rc != TPMIOT_OK)
		goto out;
	tpmiot_buf_put_u16(&wrapped, integrity.size);
	tpmiot_buf_put(&wrapped, integrity.buffer, integrity.size);
	tpmiot_buf_put(&wrapped, sensitive->data, sensitive->len);
	rc = tpmiot_buf_done(&wrapped, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_aes_cfb(libctx, true, key, iv, wrapped.data, wrapped.len, err);
	if (rc == TPMIOT_OK)
		tpmiot_buf_move(sensitive, &wrapped);
out:
	tpmiot_buf_free(&hashed);
	tpmiot_buf_free(&wrapped);
	return rc;
}

static enum tpmiot_rc
wrap(OSSL_LIB_CTX *libctx, const struct tpmiot_public *parent, const struct object *object,
    struct tpmiot_bytes inner, struct tpmiot_duplicate *out, struct tpmiot_err *err)
{
	struct tpmiot_duplicate made = { .priv = TPMIOT_BUF_INIT, .seed = TPMIOT_BUF_INIT };
	struct tpmiot_buf sensitive = TPMIOT_BUF_INIT;
	TPM2B_ENCRYPTED_SECRET encrypted;
	TPM2B_DIGEST seed = { 0 };
	enum tpmiot_rc rc = tpmiot_public_from_area(libctx, &object->area, &made.pub, err);

	if (rc == TPMIOT_OK)
		rc = tpmiot_secret_share(libctx, parent, "DUPLICATE", &seed, &encrypted, err);
	if (rc != TPMIOT_OK)
		return rc;
	put_sensitive(object, &sensitive);
	rc = tpmiot_buf_done(&sensitive, err);
	if (rc == TPMIOT_OK && inner.len != 0)
		rc = wrap_inner(libctx, &made.pub, inner, &sensitive, err);
	if (rc == TPMIOT_OK)
		rc = outerwrap_put(
		    libctx, &parent->area, &seed, &made.pub.name, &sensitive, &made.priv, err);
	if (rc == TPMIOT_OK) {
		outerwrap_put_secret(&encrypted, &made.seed);
		rc = tpmiot_buf_done(&made.seed, err);
	}
	if (rc == TPMIOT_OK)
		*out = made;
	else
		tpmiot_duplicate_free(&made);
	OPENSSL_cleanse(&seed, sizeof(seed));
	tpmiot_buf_free(&sensitive);
	return rc;
}

static enum tpmiot_rc
make(OSSL_LIB_CTX *libctx, const struct tpmiot_public *parent, struct object *object,
    struct tpmiot_bytes inner, struct tpmiot_duplicate *out, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = outerwrap_check_key(&parent->area, "duplicate", "storage key", err);

	if (rc == TPMIOT_OK && object->data.len == 0)
		rc = tpmiot_err_set(err, TPMIOT_E_USAGE, "duplicate: nothing to wrap");
	if (rc == TPMIOT_OK && inner.len != 0 && inner.len != TPMIOT_INNER_KEY_LEN)
		rc = tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "duplicate: an inner wrapper's key of %zu bytes; it takes %d", inner.len,
		    TPMIOT_INNER_KEY_LEN);
	if (rc == TPMIOT_OK)
		rc = bind_data(libctx, object, err);
	if (rc == TPMIOT_OK)
		rc = wrap(libctx, parent, object, inner, out, err);
	OPENSSL_cleanse(&object->seed, sizeof(object->seed));
	return rc;
}

enum tpmiot_rc
tpmiot_duplicate_seal(OSSL_LIB_CTX *libctx, const struct tpmiot_public *parent,
    struct tpmiot_bytes data, struct tpmiot_bytes inner, struct tpmiot_duplicate *out,
    struct tpmiot_err *err)
{
	struct object object = { .data = data };

	if (data.len > TPMIOT_SEALED_MAX)
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "duplicate: %zu bytes; a sealed object holds %d", data.len, TPMIOT_SEALED_MAX);
	tpmiot_template_sealed(&object.area);
	return make(libctx, parent, &object, inner, out, err);
}

enum tpmiot_rc
tpmiot_duplicate_hmac_key(OSSL_LIB_CTX *libctx, const struct tpmiot_public *parent,
    TPMI_ALG_HASH hash, struct tpmiot_bytes key, struct tpmiot_bytes inner,
    struct tpmiot_duplicate *out, struct tpmiot_err *err)
{
	size_t block = tpmiot_alg_md_block_size(hash);
	struct object object = { .data = key };
	TPM2B_DIGEST hashed = { 0 };
	enum tpmiot_rc rc = TPMIOT_OK;

	if (block == 0)
		return tpmiot_err_set(
		    err, TPMIOT_E_UNSUPPORTED, "duplicate: HMAC with hash 0x%04x", hash);
	if (key.len > block) {
		rc = tpmiot_alg_digest(libctx, hash, key.data, key.len, &hashed, err);
		object.data = (struct tpmiot_bytes){ hashed.buffer, hashed.size };
	}
	tpmiot_template_hmac_key(hash, &object.area);
	if (rc == TPMIOT_OK)
		rc = make(libctx, parent, &object, inner, out, err);
	OPENSSL_cleanse(&hashed, sizeof(hashed));
	return rc;
}

void
tpmiot_duplicate_free(struct tpmiot_duplicate *dup)
{
	tpmiot_buf_free(&dup->priv);
	tpmiot_buf_free(&dup->seed);
}
