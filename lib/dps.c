/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <tpmiot/alg.h>
#include <tpmiot/credential.h>
#include <tpmiot/dps.h>

/* ---- Who ------------------------------------------------------------------------------- */

static void
base32(const uint8_t *data, size_t len, char *out)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
	unsigned bits = 0, have = 0;

	for (size_t i = 0; i < len; i++) {
		bits = bits << 8 | data[i];
		for (have += 8; have >= 5; have -= 5)
			*out++ = alphabet[bits >> (have - 5) & 31];
	}
	if (have > 0)
		*out++ = alphabet[bits << (5 - have) & 31];
	*out = '\0';
}

enum tpmiot_rc
tpmiot_dps_registration_id(OSSL_LIB_CTX *libctx, const struct tpmiot_public *ek,
    char out[TPMIOT_DPS_ID_LEN + 1], struct tpmiot_err *err)
{
	struct tpmiot_buf tpm2b = TPMIOT_BUF_INIT;
	TPM2B_DIGEST digest;
	enum tpmiot_rc rc;

	tpmiot_public_put(ek, &tpm2b);
	rc = tpmiot_buf_done(&tpm2b, err);
	if (rc == TPMIOT_OK)
		rc =
		    tpmiot_alg_digest(libctx, TPM2_ALG_SHA256, tpm2b.data, tpm2b.len, &digest, err);
	if (rc == TPMIOT_OK)
		base32(digest.buffer, digest.size, out);
	tpmiot_buf_free(&tpm2b);
	return rc;
}

bool
tpmiot_dps_scope_valid(const char *scope)
{
	static const char letters[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	const size_t len = strlen(scope);

	return len >= 1 && len <= TPMIOT_DPS_SCOPE_MAX && strspn(scope, letters) == len;
}

void
tpmiot_dps_put_resource(const char *scope, const char *id, struct tpmiot_buf *out)
{
	tpmiot_buf_printf(out, "%s/registrations/%s", scope, id);
}

/* ---- Read ---------------------------------------------------------------------------------- */

static enum tpmiot_rc
bad(const char *what, struct tpmiot_err *err)
{
	return tpmiot_err_set(
	    err, TPMIOT_E_FORMAT, "authenticationKey: %s is not what it should be", what);
}

/* The next TPM2B, not empty; its content is borrowed. */
static enum tpmiot_rc
take(struct tpmiot_reader *r, const char *what, size_t max, struct tpmiot_bytes *out,
    struct tpmiot_err *err)
{
	size_t len = 0;
	const uint8_t *data = tpmiot_reader_tpm2b(r, max, &len);

	if (r->failed || data == NULL || len == 0)
		return bad(what, err);
	*out = (struct tpmiot_bytes){ data, len };
	return TPMIOT_OK;
}

/* The same, whole, into a buffer. */
static enum tpmiot_rc
take_whole(struct tpmiot_reader *r, const char *what, size_t max, struct tpmiot_buf *out,
    struct tpmiot_err *err)
{
	struct tpmiot_bytes content = { NULL, 0 };
	enum tpmiot_rc rc = take(r, what, max, &content, err);

	if (rc != TPMIOT_OK)
		return rc;
	tpmiot_buf_put_u16(out, (uint16_t)content.len);
	tpmiot_buf_put(out, content.data, content.len);
	return tpmiot_buf_done(out, err);
}

static enum tpmiot_rc
take_public(OSSL_LIB_CTX *libctx, struct tpmiot_reader *r, struct tpmiot_public *out,
    struct tpmiot_err *err)
{
	struct tpmiot_bytes content = { NULL, 0 };
	enum tpmiot_rc rc = take(r, "TPM2B_PUBLIC", sizeof(out->raw), &content, err);

	if (rc != TPMIOT_OK)
		return rc;
	rc = tpmiot_public_parse(
	    libctx, (const uint8_t *)content.data - 2, content.len + 2, out, err);
	return rc == TPMIOT_E_FORMAT ? bad("TPM2B_PUBLIC", err) : rc;
}

/* What a server may put into this TPM: a plain HMAC key that is used without a secret of its own.
 */
static enum tpmiot_rc
check_public(const struct tpmiot_public *pub, struct tpmiot_err *err)
{
	const TPMA_OBJECT must = TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_USERWITHAUTH;
	const TPMA_OBJECT must_not = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
	                             TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT;
	const TPMT_KEYEDHASH_SCHEME *scheme = &pub->area.parameters.keyedHashDetail.scheme;

	if (pub->area.type != TPM2_ALG_KEYEDHASH || pub->area.nameAlg != TPM2_ALG_SHA256 ||
	    scheme->scheme != TPM2_ALG_HMAC || scheme->details.hmac.hashAlg != TPM2_ALG_SHA256)
		return tpmiot_err_set(
		    err, TPMIOT_E_VERIFY, "authenticationKey: the key is not for HMAC-SHA256");
	if ((pub->area.objectAttributes & must) != must ||
	    (pub->area.objectAttributes & must_not) != 0 || pub->area.authPolicy.size != 0)
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "authenticationKey: the key has attributes (0x%08x) or a policy that a key "
		    "from "
		    "elsewhere, for signatures, cannot have",
		    pub->area.objectAttributes);
	return TPMIOT_OK;
}

static enum tpmiot_rc
read_key(OSSL_LIB_CTX *libctx, struct tpmiot_bytes in, struct tpmiot_dps_key *key,
    struct tpmiot_err *err)
{
	struct tpmiot_bytes private = { NULL, 0 }, seed = { NULL, 0 }, resource;
	struct tpmiot_reader r;
	enum tpmiot_rc rc;

	tpmiot_reader_init(&r, in.data, in.len);
	rc = take_whole(&r, "TPM2B_ID_OBJECT", sizeof(TPMS_ID_OBJECT), &key->credential, err);
	if (rc == TPMIOT_OK)
		rc = take_whole(&r, "the credential's TPM2B_ENCRYPTED_SECRET",
		    sizeof(key->seed.secret), &key->secret, err);
	if (rc == TPMIOT_OK)
		rc = take(&r, "TPM2B_PRIVATE", sizeof(key->duplicate.buffer), &private, err);
	if (rc == TPMIOT_OK)
		rc = take(
		    &r, "the key's TPM2B_ENCRYPTED_SECRET", sizeof(key->seed.secret), &seed, err);
	if (rc == TPMIOT_OK)
		rc = take_public(libctx, &r, &key->pub, err);
	if (rc == TPMIOT_OK)
		rc = take(&r, "the encrypted resource", TPMIOT_DPS_KEY_MAX, &resource, err);
	if (rc == TPMIOT_OK && !tpmiot_reader_done(&r))
		rc = tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "authenticationKey: there is something behind its end");
	if (rc != TPMIOT_OK)
		return rc;
	key->duplicate.size = (UINT16) private.len;
	memcpy(key->duplicate.buffer, private.data, private.len);
	key->seed.size = (UINT16)seed.len;
	memcpy(key->seed.secret, seed.data, seed.len);
	return check_public(&key->pub, err);
}

enum tpmiot_rc
tpmiot_dps_key_parse(OSSL_LIB_CTX *libctx, struct tpmiot_bytes in, struct tpmiot_dps_key *out,
    struct tpmiot_err *err)
{
	struct tpmiot_dps_key key = { .credential = TPMIOT_BUF_INIT };
	enum tpmiot_rc rc;

	if (in.len > TPMIOT_DPS_KEY_MAX)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "authenticationKey: longer than %d bytes", TPMIOT_DPS_KEY_MAX);
	rc = read_key(libctx, in, &key, err);
	if (rc == TPMIOT_OK)
		*out = key;
	else
		tpmiot_dps_key_free(&key);
	return rc;
}

void
tpmiot_dps_key_free(struct tpmiot_dps_key *key)
{
	tpmiot_buf_free(&key->credential);
	tpmiot_buf_free(&key->secret);
}

/* ---- Written --------------------------------------------------------------------------------- */

/* Some clients decrypt it, so there has to be something: AES-CFB by the inner key, a zero IV. */
static enum tpmiot_rc
put_resource(OSSL_LIB_CTX *libctx, struct tpmiot_bytes inner, const char *resource,
    struct tpmiot_buf *out, struct tpmiot_err *err)
{
	static const uint8_t iv[16];
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	tpmiot_buf_put_str(&text, resource);
	rc = tpmiot_buf_done(&text, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_aes_cfb(libctx, true, inner, iv, text.data, text.len, err);
	if (rc == TPMIOT_OK) {
		tpmiot_buf_put_u16(out, (uint16_t)text.len);
		tpmiot_buf_put(out, text.data, text.len);
	}
	tpmiot_buf_free(&text);
	return rc;
}

enum tpmiot_rc
tpmiot_dps_key_put(OSSL_LIB_CTX *libctx, const struct tpmiot_public *ek,
    const struct tpmiot_public *srk, struct tpmiot_bytes key, const char *resource,
    struct tpmiot_buf *out, struct tpmiot_err *err)
{
	struct tpmiot_credential cred = { TPMIOT_BUF_INIT, TPMIOT_BUF_INIT };
	struct tpmiot_duplicate dup = { .priv = TPMIOT_BUF_INIT, .seed = TPMIOT_BUF_INIT };
	struct tpmiot_buf made = TPMIOT_BUF_INIT;
	uint8_t inner_key[TPMIOT_INNER_KEY_LEN];
	const struct tpmiot_bytes inner = { inner_key, sizeof(inner_key) };
	enum tpmiot_rc rc;

	if (key.len == 0 || key.len > TPMIOT_DPS_HMAC_KEY_MAX || strlen(resource) == 0 ||
	    strlen(resource) > TPMIOT_DPS_KEY_MAX)
		return tpmiot_err_set(
		    err, TPMIOT_E_USAGE, "authenticationKey: a key of %zu bytes", key.len);
	if (RAND_priv_bytes_ex(libctx, inner_key, sizeof(inner_key), 0) != 1)
		return tpmiot_err_crypto(err, "no random bytes");
	rc = tpmiot_credential_make(
	    libctx, ek, &srk->name, inner_key, sizeof(inner_key), &cred, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_duplicate_hmac_key(libctx, srk, TPM2_ALG_SHA256, key, inner, &dup, err);
	if (rc == TPMIOT_OK) {
		tpmiot_buf_put(&made, cred.blob.data, cred.blob.len);
		tpmiot_buf_put(&made, cred.encrypted_secret.data, cred.encrypted_secret.len);
		tpmiot_buf_put(&made, dup.priv.data, dup.priv.len);
		tpmiot_buf_put(&made, dup.seed.data, dup.seed.len);
		tpmiot_public_put(&dup.pub, &made);
		rc = put_resource(libctx, inner, resource, &made, err);
	}
	if (rc == TPMIOT_OK)
		rc = tpmiot_buf_done(&made, err);
	if (rc == TPMIOT_OK) {
		tpmiot_buf_put(out, made.data, made.len);
		rc = tpmiot_buf_done(out, err);
	}
	OPENSSL_cleanse(inner_key, sizeof(inner_key));
	tpmiot_credential_free(&cred);
	tpmiot_duplicate_free(&dup);
	tpmiot_buf_free(&made);
	return rc;
}
