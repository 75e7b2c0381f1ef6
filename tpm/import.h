/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TPM_IMPORT_H
#define TPM_IMPORT_H

#include "conn.h"

/* TPM2_Unseal: appends the data, which crosses the bus encrypted in auth's session. */
TPMIOT_MUST_USE enum tpmiot_rc tpm_unseal(struct tpmiot_tpm *tpm, TPM2_HANDLE object,
    const struct tpmiot_auth *auth, struct tpmiot_buf *out, struct tpmiot_err *err);

#endif
