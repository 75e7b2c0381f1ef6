/* SPDX-License-Identifier: Apache-2.0 */
/* Where a key's authorisation value comes from. */
#ifndef PROVIDER_AUTH_H
#define PROVIDER_AUTH_H

#include <tpmiot/uri.h>

#include "pkey.h"

/*
 * The password of the parents at persistent handles, and of hierarchies, from the environment (TPMIOT_PARENT_AUTH,
 * TPM2OPENSSL_PARENT_AUTH); data is NULL if it is not there.
 */
struct tpmiot_bytes prov_auth_parent(void);

/*
 * Gives the key its authorisation value if it needs one: what the URI says
 * (auth=, auth-file=, auth-env=; uri may be NULL), else what OpenSSL's
 * passphrase callback says (cb may be NULL), asked once. A key that got none is
 * left as it is: its public half works, and signing tells what is missing.
 * False, with an error raised, if the URI's own source can't be read. And its parent's, as above.
 */
bool prov_auth_provide(struct prov_ctx *prov, struct tpmiot_key *key, const struct tpmiot_uri *uri,
    OSSL_PASSPHRASE_CALLBACK *cb, void *arg);

#endif
