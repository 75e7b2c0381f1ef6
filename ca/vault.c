/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/vault.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "ca/file.h"
#include "ca/store/store.h"

enum tpmiot_rc
ca_vault_open(const char *dir, struct ca_vault *out, struct tpmiot_err *err)
{
	struct tpmiot_buf path = TPMIOT_BUF_INIT, key = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	tpmiot_buf_printf(&path, "%s/" CA_VAULT_FILE, dir);
	if (tpmiot_buf_cstr(&path) == NULL)
		rc = tpmiot_err_memory(err);
	else if (!ca_file_exists(dir, CA_VAULT_FILE))
		rc = tpmiot_err_set(err, TPMIOT_E_NOT_FOUND,
		    "there is no %s, with which devices' keys are encrypted",
		    (const char *)path.data);
	else
		rc = ca_file_read((const char *)path.data, TPMIOT_GCM_KEY_LEN, &key, err);
	if (rc == TPMIOT_OK && key.len != TPMIOT_GCM_KEY_LEN)
		rc = tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "%s is damaged: bring it back from a backup", (const char *)path.data);
	else if (rc == TPMIOT_OK)
		memcpy(out->key, key.data, sizeof(out->key));
	tpmiot_buf_free(&key);
	tpmiot_buf_free(&path);
	return rc;
}

/* A second key would open none of what the first one has encrypted, nor the first what comes. */
static enum tpmiot_rc
check_unused(const char *dir, struct ca_store *store, struct tpmiot_err *err)
{
	bool sealed = false;
	enum tpmiot_rc rc = ca_store_has_sealed(store, &sealed, err);

	if (rc == TPMIOT_OK && sealed)
		rc = tpmiot_err_set(err, TPMIOT_E_NOT_FOUND,
		    "%s/" CA_VAULT_FILE " is lost, and the store has secrets or hub keys that need "
		    "it: bring it back from where it is kept, or remove those (secret remove, dps "
		    "remove)",
		    dir);
	return rc;
}

static enum tpmiot_rc
make_key(const char *dir, struct tpmiot_err *err)
{
	struct tpmiot_buf key = TPMIOT_BUF_INIT;
	uint8_t *bytes = tpmiot_buf_grow(&key, TPMIOT_GCM_KEY_LEN);
	enum tpmiot_rc rc;

	if (bytes == NULL)
		rc = tpmiot_err_memory(err);
	else if (RAND_priv_bytes_ex(NULL, bytes, TPMIOT_GCM_KEY_LEN, 0) != 1)
		rc = tpmiot_err_crypto(err, "no random bytes");
	else
		rc = ca_file_write(dir, CA_VAULT_FILE, &key, 0600, err);
	tpmiot_buf_free(&key);
	return rc;
}

enum tpmiot_rc
ca_vault_open_or_make(
    const char *dir, struct ca_store *store, struct ca_vault *out, struct tpmiot_err *err)
{
	enum tpmiot_rc rc;

	if (!ca_file_exists(dir, CA_VAULT_FILE)) {
		if ((rc = check_unused(dir, store, err)) != TPMIOT_OK ||
		    (rc = make_key(dir, err)) != TPMIOT_OK)
			return rc;
	}
	return ca_vault_open(dir, out, err);
}

void
ca_vault_close(struct ca_vault *vault)
{
	OPENSSL_cleanse(vault, sizeof(*vault));
}

enum tpmiot_rc
ca_vault_seal(const struct ca_vault *vault, struct tpmiot_bytes owner, struct tpmiot_bytes secret,
    struct tpmiot_buf *out, struct tpmiot_err *err)
{
	return tpmiot_gcm_seal(NULL, vault->key, owner, secret, out, err);
}

enum tpmiot_rc
ca_vault_unseal(const struct ca_vault *vault, struct tpmiot_bytes owner, struct tpmiot_bytes sealed,
    struct tpmiot_buf *out, struct tpmiot_err *err)
{
	return tpmiot_gcm_open(NULL, vault->key, owner, sealed, out, err);
}
