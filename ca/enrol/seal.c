/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/enrol/seal.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <tpmiot/gcm.h>

/*
 * Sealed: version (1) ‖ key id (4) ‖ salt (16) ‖ iv (12) ‖ ciphertext ‖ tag (16).
 * The first two are the associated data.
 */
#define VERSION 1
#define HEAD_LEN 5
#define SALT_LEN 16
#define IV_LEN TPMIOT_GCM_IV_LEN
#define TAG_LEN TPMIOT_GCM_TAG_LEN
#define OVERHEAD (HEAD_LEN + SALT_LEN + IV_LEN + TAG_LEN)

/* ---- The cipher --------------------------------------------------------------- */

static enum tpmiot_rc
derive(OSSL_LIB_CTX *libctx, const struct ca_seal_key *key, const uint8_t salt[SALT_LEN],
    uint8_t out[CA_SEAL_KEY_LEN], struct tpmiot_err *err)
{
	static char info[] = "tpmiot session";
	static char md[] = "SHA256";
	uint8_t master[CA_SEAL_KEY_LEN], s[SALT_LEN];
	OSSL_PARAM params[] = { OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, md, sizeof(md) - 1),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_KEY, master, sizeof(master)),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_SALT, s, sizeof(s)),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_INFO, info, sizeof(info) - 1),
		OSSL_PARAM_END };
	EVP_KDF *kdf = EVP_KDF_fetch(libctx, "HKDF", NULL);
	EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
	enum tpmiot_rc rc = TPMIOT_OK;

	memcpy(master, key->key, sizeof(master));
	memcpy(s, salt, sizeof(s));
	if (ctx == NULL || EVP_KDF_derive(ctx, out, CA_SEAL_KEY_LEN, params) <= 0)
		rc = tpmiot_err_crypto(err, "cannot derive the session's key");
	OPENSSL_cleanse(master, sizeof(master));
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return rc;
}

enum tpmiot_rc
ca_seal(OSSL_LIB_CTX *libctx, const struct ca_seal_key *key, const struct ca_ticket *ticket,
    struct tpmiot_buf *out, struct tpmiot_err *err)
{
	struct tpmiot_buf buf = TPMIOT_BUF_INIT;
	uint8_t random[SALT_LEN + IV_LEN], derived[CA_SEAL_KEY_LEN], tag[TAG_LEN];
	const size_t start = HEAD_LEN + sizeof(random);
	enum tpmiot_rc rc;

	if (RAND_bytes_ex(libctx, random, sizeof(random), 0) != 1)
		return tpmiot_err_crypto(err, "no random bytes");
	if ((rc = derive(libctx, key, random, derived, err)) != TPMIOT_OK)
		return rc;
	tpmiot_buf_put_u8(&buf, VERSION);
	tpmiot_buf_put_u32(&buf, key->id);
	tpmiot_buf_put(&buf, random, sizeof(random));
	ca_ticket_put(ticket, &buf);
	if ((rc = tpmiot_buf_done(&buf, err)) != TPMIOT_OK)
		goto out;
	rc = tpmiot_gcm(libctx, true, derived, random + SALT_LEN,
	    (struct tpmiot_bytes){ buf.data, HEAD_LEN }, buf.data + start, buf.len - start, tag,
	    err);
	if (rc != TPMIOT_OK)
		goto out;
	tpmiot_buf_put(&buf, tag, sizeof(tag));
	tpmiot_buf_put(out, buf.data, buf.len);
	if ((rc = tpmiot_buf_done(&buf, err)) == TPMIOT_OK)
		rc = tpmiot_buf_done(out, err);
out:
	OPENSSL_cleanse(derived, sizeof(derived));
	tpmiot_buf_free(&buf);
	return rc;
}

enum tpmiot_rc
ca_seal_key_id(const uint8_t *sealed, size_t len, uint32_t *out, struct tpmiot_err *err)
{
	struct tpmiot_reader r;
	uint8_t version;
	uint32_t id;

	tpmiot_reader_init(&r, sealed, len);
	version = tpmiot_reader_u8(&r);
	id = tpmiot_reader_u32(&r);
	if (len <= OVERHEAD || version != VERSION)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT, "this is no session of this CA");
	*out = id;
	return TPMIOT_OK;
}

static enum tpmiot_rc
parse(OSSL_LIB_CTX *libctx, const struct tpmiot_buf *plain, uint32_t seal_key,
    struct ca_ticket *out, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = ca_ticket_parse(libctx, plain->data, plain->len, out, err);

	if (rc == TPMIOT_OK)
		out->seal_key = seal_key;
	return rc;
}

enum tpmiot_rc
ca_unseal(OSSL_LIB_CTX *libctx, const struct ca_seal_key *key, const uint8_t *sealed, size_t len,
    struct ca_ticket *out, struct tpmiot_err *err)
{
	const size_t start = HEAD_LEN + SALT_LEN + IV_LEN;
	struct tpmiot_buf buf = TPMIOT_BUF_INIT;
	uint8_t derived[CA_SEAL_KEY_LEN], tag[TAG_LEN];
	enum tpmiot_rc rc;
	uint32_t id = 0;

	if ((rc = ca_seal_key_id(sealed, len, &id, err)) != TPMIOT_OK)
		return rc;
	if (id != key->id)
		return tpmiot_err_set(err, TPMIOT_E_VERIFY, "the session is of another key");
	if ((rc = derive(libctx, key, sealed + HEAD_LEN, derived, err)) != TPMIOT_OK)
		return rc;
	memcpy(tag, sealed + len - TAG_LEN, TAG_LEN);
	tpmiot_buf_put(&buf, sealed + start, len - start - TAG_LEN);
	if ((rc = tpmiot_buf_done(&buf, err)) == TPMIOT_OK &&
	    (rc = tpmiot_gcm(libctx, false, derived, sealed + HEAD_LEN + SALT_LEN,
	         (struct tpmiot_bytes){ sealed, HEAD_LEN }, buf.data, buf.len, tag, err)) ==
	        TPMIOT_OK)
		rc = parse(libctx, &buf, id, out, err);
	else if (rc == TPMIOT_E_VERIFY)
		rc = tpmiot_err_set(
		    err, rc, "the session was not sealed by this CA, or was changed");
	OPENSSL_cleanse(derived, sizeof(derived));
	tpmiot_buf_free(&buf);
	return rc;
}
