/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TPM_IMPORT_H
#define TPM_IMPORT_H

#include "conn.h"

/*
 * TPM2_Import of an object with an outer wrapper only, whose seed is encrypted
 * to the parent in `secret`: *out is what TPM2_Load takes. In a session with the
 * parent if that has a password.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpm_import(struct tpmiot_tpm *tpm, TPM2_HANDLE parent,
    struct tpmiot_bytes parent_auth, const struct tpmiot_public *pub,
    const TPM2B_PRIVATE *duplicate, const TPM2B_ENCRYPTED_SECRET *secret, TPM2B_PRIVATE *out,
    struct tpmiot_err *err);

/* TPM2_Unseal: appends the data, which crosses the bus encrypted in auth's session. */
TPMIOT_MUST_USE enum tpmiot_rc tpm_unseal(struct tpmiot_tpm *tpm, TPM2_HANDLE object,
    const struct tpmiot_auth *auth, struct tpmiot_buf *out, struct tpmiot_err *err);

#endif
