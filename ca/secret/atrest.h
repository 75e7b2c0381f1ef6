/* SPDX-License-Identifier: Apache-2.0 */
/* Devices' secrets in the store: encrypted, and bound to their name, kind and device or group. */
#ifndef CA_ATREST_H
#define CA_ATREST_H

#include "ca/store/store.h"
#include "ca/vault.h"

/* Into secret->sealed. */
TPMIOT_MUST_USE enum tpmiot_rc ca_secret_seal(const struct ca_vault *vault,
    struct tpmiot_bytes value, struct ca_secret *secret, struct tpmiot_err *err);
/* Appends the value. TPMIOT_E_VERIFY: it was not put in for this target under this name. */
TPMIOT_MUST_USE enum tpmiot_rc ca_secret_unseal(const struct ca_vault *vault,
    const struct ca_secret *secret, struct tpmiot_buf *value, struct tpmiot_err *err);

#endif
