/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions: the CA's state between the two steps, sealed and given to the
 * device to bring back, so that the first step stores nothing and any instance
 * can serve the second.
 *
 * AES-256-GCM under a key derived by HKDF from the shared key and a random salt
 * of the session's own: callers drive how often we seal, and with 28 random
 * bytes for each session no count of them makes a nonce collide. Protocol
 * version and key id are associated data.
 */
#ifndef CA_SEAL_H
#define CA_SEAL_H

#include "ca/enrol/ticket.h"

/* Appends the sealed session. */
TPMIOT_MUST_USE enum tpmiot_rc ca_seal(OSSL_LIB_CTX *libctx, const struct ca_seal_key *key,
    const struct ca_ticket *ticket, struct tpmiot_buf *out, struct tpmiot_err *err);

/* Which key a session was sealed with. TPMIOT_E_FORMAT if it cannot be one of ours. */
TPMIOT_MUST_USE enum tpmiot_rc ca_seal_key_id(
    const uint8_t *sealed, size_t len, uint32_t *out, struct tpmiot_err *err);

/* TPMIOT_E_VERIFY if it was not sealed with this key, or was changed. */
TPMIOT_MUST_USE enum tpmiot_rc ca_unseal(OSSL_LIB_CTX *libctx, const struct ca_seal_key *key,
    const uint8_t *sealed, size_t len, struct ca_ticket *out, struct tpmiot_err *err);

#endif
