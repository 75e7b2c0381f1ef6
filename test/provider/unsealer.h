/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed data, which OpenSSL has no operation for: by the device layer alone. */
#ifndef TEST_PROVIDER_UNSEALER_H
#define TEST_PROVIDER_UNSEALER_H

#include <tpmiot/buf.h>

/* What the key file holds; password NULL: none. The TPM is TPMIOT_TCTI's. */
TPMIOT_MUST_USE enum tpmiot_rc unseal_file(
    const char *path, const char *password, struct tpmiot_buf *out, struct tpmiot_err *err);

#endif
