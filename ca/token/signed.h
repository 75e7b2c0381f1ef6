/* SPDX-License-Identifier: Apache-2.0 */
/* Which key on record signed a JWS. */
#ifndef CA_SIGNED_H
#define CA_SIGNED_H

#include "ca/token/devkey.h"
#include "ca/token/jwt.h"

/*
 * The key that the header names, or one of the device that is said to be the signer (device_id,
 * NULL: nobody says) where it names none; the signature holds. TPMIOT_E_VERIFY: no such key, no
 * such device, or it does not hold. Whether the key counts is still to be asked.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_signed_find(struct ca_store *store, const struct tpmiot_jws *jws,
    const struct ca_jose *jose, const char *device_id, struct ca_devkey *out,
    struct tpmiot_err *err);

#endif
