/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/vault.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "ca/file.h"

static enum tpmiot_rc
make_key(const char *dir, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	uint8_t *key = tpmiot_buf_grow(out, TPMIOT_GCM_KEY_LEN);

	if (key == NULL)
		return tpmiot_err_memory(err);
	if (RAND_priv_bytes_ex(NULL, key, TPMIOT_GCM_KEY_LEN, 0) != 1)
		return tpmiot_err_crypto(err, "no random bytes");
	return ca_file_write(dir, CA_VAULT_FILE, out, 0600, err);
}

enum tpmiot_rc
ca_vault_open(const char *dir, bool make, struct ca_vault *out, struct tpmiot_err *err)
{
	struct tpmiot_buf path = TPMIOT_BUF_INIT, key = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	tpmiot_buf_printf(&path, "%s/" CA_VAULT_FILE, dir);
	if (tpmiot_buf_cstr(&path) == NULL)
		rc = tpmiot_err_memory(err);
	else if (!ca_file_exists(dir, CA_VAULT_FILE))
		rc = make ? make_key(dir, &key, err)
		          : tpmiot_err_set(err, TPMIOT_E_NOT_FOUND,
		                "there is no %s, with which devices' keys are encrypted",
		                (const char *)path.data);
	else
		rc = ca_file_read((const char *)path.data, TPMIOT_GCM_KEY_LEN, &key, err);
	if (rc == TPMIOT_OK && (key.data == NULL || key.len != TPMIOT_GCM_KEY_LEN))
		rc = tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "%s is damaged: bring it back from a backup", (const char *)path.data);
	else if (rc == TPMIOT_OK)
		memcpy(out->key, key.data, sizeof(out->key));
	tpmiot_buf_free(&key);
	tpmiot_buf_free(&path);
	return rc;
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
