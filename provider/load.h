/* SPDX-License-Identifier: Apache-2.0 */
/* From a key file to a key object: what decoders and stores share. */
#ifndef PROVIDER_LOAD_H
#define PROVIDER_LOAD_H

#include <tpmiot/keyfile.h>

#include "auth.h"
#include "pkey.h"

/* Of one that was allocated zeroed; NULL is fine. */
void prov_keyfile_free(struct tpmiot_keyfile *file);

/* False, and an error raised, for sealed data and HMAC keys. */
bool prov_keyfile_is_key(struct prov_ctx *prov, const struct tpmiot_keyfile *file);

/*
 * The key of a key file, with its password; uri and cb may be NULL. No TPM
 * command is sent. NULL, and an error raised, if the key can't be made.
 */
struct prov_pkey *prov_load_keyfile(struct prov_ctx *prov, const struct tpmiot_keyfile *file,
    const struct tpmiot_uri *uri, OSSL_PASSPHRASE_CALLBACK *cb, void *arg);

#ifdef OSSL_FUNC_STORE_DELETE
/* store_delete.c: OSSL_STORE_delete(), since OpenSSL 3.2. Persistent keys only. */
OSSL_FUNC_store_delete_fn prov_store_delete;
#endif

#endif
