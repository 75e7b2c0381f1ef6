/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/secret/deliver.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "ca/secret/atrest.h"

static const struct tpmiot_bytes NOTHING = { NULL, 0 };

static bool
collect(void *arg, const struct ca_secret *secret)
{
	struct ca_secrets *all = arg;
	struct ca_secret *copy;

	if (all->n == sizeof(all->item) / sizeof(all->item[0]))
		return false;
	copy = &all->item[all->n++];
	*copy = *secret;
	copy->sealed = (struct tpmiot_buf)TPMIOT_BUF_INIT;
	tpmiot_buf_put(&copy->sealed, secret->sealed.data, secret->sealed.len);
	return true;
}

enum tpmiot_rc
ca_secrets_for(struct ca_store *store, const uint8_t ek_spki[CA_SHA256_LEN], const char *group,
    struct ca_secrets *out, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = ca_secret_each_for(store, ek_spki, group, collect, out, err);

	for (size_t i = 0; rc == TPMIOT_OK && i < out->n; i++)
		rc = tpmiot_buf_done(&out->item[i].sealed, err);
	return rc;
}

void
ca_secrets_free(struct ca_secrets *secrets)
{
	for (size_t i = 0; i < secrets->n; i++)
		tpmiot_buf_free(&secrets->item[i].sealed);
	secrets->n = 0;
}

/* More than a sealed object holds: a key in the object, and what it encrypts beside. */
static enum tpmiot_rc
wrap_large(OSSL_LIB_CTX *libctx, const struct tpmiot_public *parent, struct tpmiot_bytes value,
    struct ca_delivery *out, struct tpmiot_err *err)
{
	uint8_t key[TPMIOT_GCM_KEY_LEN];
	enum tpmiot_rc rc;

	if (RAND_priv_bytes_ex(libctx, key, sizeof(key), 0) != 1)
		return tpmiot_err_crypto(err, "no random bytes");
	rc = tpmiot_gcm_seal(libctx, key, NOTHING, value, &out->data, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_duplicate_seal(libctx, parent,
		    (struct tpmiot_bytes){ key, sizeof(key) }, NOTHING, &out->object, err);
	OPENSSL_cleanse(key, sizeof(key));
	return rc;
}

static enum tpmiot_rc
wrap(OSSL_LIB_CTX *libctx, const struct tpmiot_public *parent, const struct ca_secret *secret,
    struct tpmiot_bytes value, struct ca_delivery *out, struct tpmiot_err *err)
{
	memcpy(out->name, secret->name, sizeof(out->name));
	out->kind = secret->kind;
	if (secret->kind == CA_SECRET_HMAC)
		return tpmiot_duplicate_hmac_key(
		    libctx, parent, TPM2_ALG_SHA256, value, NOTHING, &out->object, err);
	if (value.len <= TPMIOT_SEALED_MAX)
		return tpmiot_duplicate_seal(libctx, parent, value, NOTHING, &out->object, err);
	return wrap_large(libctx, parent, value, out, err);
}

enum tpmiot_rc
ca_secrets_wrap(OSSL_LIB_CTX *libctx, const char *dir, const struct ca_secrets *secrets,
    const struct tpmiot_public *parent, struct ca_deliveries *out, struct tpmiot_err *err)
{
	struct tpmiot_buf value = TPMIOT_BUF_INIT;
	struct ca_vault vault;
	enum tpmiot_rc rc = TPMIOT_OK;

	if (secrets->n == 0)
		return TPMIOT_OK;
	rc = ca_vault_open(dir, &vault, err);
	if (rc != TPMIOT_OK)
		return rc;
	for (size_t i = 0; i < secrets->n && rc == TPMIOT_OK; i++) {
		tpmiot_buf_reset(&value);
		rc = ca_secret_unseal(&vault, &secrets->item[i], &value, err);
		if (rc == TPMIOT_OK)
			rc = wrap(libctx, parent, &secrets->item[i],
			    (struct tpmiot_bytes){ value.data, value.len }, &out->item[out->n++],
			    err);
	}
	ca_vault_close(&vault);
	tpmiot_buf_free(&value);
	return rc;
}

void
ca_deliveries_free(struct ca_deliveries *deliveries)
{
	for (size_t i = 0; i < deliveries->n; i++) {
		tpmiot_duplicate_free(&deliveries->item[i].object);
		tpmiot_buf_free(&deliveries->item[i].data);
	}
	deliveries->n = 0;
}
