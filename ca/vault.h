/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices' secrets at rest: encrypted with DIR/secrets.key, so that a copy of the store alone
 * gives none of them away. Whoever has both has the secrets: back them up apart.
 */
#ifndef CA_VAULT_H
#define CA_VAULT_H

#include <tpmiot/gcm.h>

struct ca_store;

#define CA_VAULT_FILE "secrets.key"

struct ca_vault {
	uint8_t key[TPMIOT_GCM_KEY_LEN];
};

/* Reads DIR/secrets.key. TPMIOT_E_NOT_FOUND, TPMIOT_E_FORMAT. ca_vault_close() it. */
TPMIOT_MUST_USE enum tpmiot_rc ca_vault_open(
    const char *dir, struct ca_vault *out, struct tpmiot_err *err);
/*
 * The same for who has something to encrypt: makes the key where there is none, unless it is lost,
 * that is, the store has what was encrypted with it (TPMIOT_E_NOT_FOUND). The caller holds the
 * store's write lock, so that no two make one.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_vault_open_or_make(
    const char *dir, struct ca_store *store, struct ca_vault *out, struct tpmiot_err *err);
void ca_vault_close(struct ca_vault *vault); /* wipes */

/* Appends the secret encrypted; `owner`, whose it is, has to be said again to get it back. */
TPMIOT_MUST_USE enum tpmiot_rc ca_vault_seal(const struct ca_vault *vault,
    struct tpmiot_bytes owner, struct tpmiot_bytes secret, struct tpmiot_buf *out,
    struct tpmiot_err *err);

/* Appends the secret. TPMIOT_E_VERIFY: of another vault or owner, or changed. */
TPMIOT_MUST_USE enum tpmiot_rc ca_vault_unseal(const struct ca_vault *vault,
    struct tpmiot_bytes owner, struct tpmiot_bytes sealed, struct tpmiot_buf *out,
    struct tpmiot_err *err);

#endif
