/* SPDX-License-Identifier: Apache-2.0 */
#include "load.h"

#include <openssl/crypto.h>

void
prov_keyfile_free(struct tpmiot_keyfile *file)
{
	if (file != NULL)
		tpmiot_keyfile_clear(file);
	OPENSSL_free(file);
}

bool
prov_keyfile_is_key(struct prov_ctx *prov, const struct tpmiot_keyfile *file)
{
	if (tpmiot_public_is_hmac_key(&file->pub))
		return prov_raise(prov, TPMIOT_E_UNSUPPORTED, PROV_NO_HMAC_KEYS);
	if (file->type != TPMIOT_KEYFILE_SEALED)
		return true;
	return prov_raise(prov, TPMIOT_E_UNSUPPORTED,
	    "this file holds sealed data, not a key: OpenSSL has no use for it");
}

struct prov_pkey *
prov_load_keyfile(struct prov_ctx *prov, const struct tpmiot_keyfile *file,
    const struct tpmiot_uri *uri, OSSL_PASSPHRASE_CALLBACK *cb, void *arg)
{
	struct tpmiot_tpm *tpm = prov_tpm(prov);
	struct tpmiot_key *loaded = NULL;
	struct prov_pkey *key = NULL;
	struct tpmiot_err err;

	if (tpm == NULL || !prov_keyfile_is_key(prov, file))
		return NULL;
	if (tpmiot_key_from_file(tpm, file, &loaded, &err) != TPMIOT_OK)
		prov_raise_err(prov, &err);
	else if (prov_auth_provide(prov, loaded, uri, cb, arg))
		key = prov_pkey_from_tpm(prov, &loaded);
	tpmiot_key_unref(&loaded);
	return key;
}
