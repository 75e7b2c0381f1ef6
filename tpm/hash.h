/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TPM_HASH_H
#define TPM_HASH_H

#include "conn.h"

/* TPM2_HMAC up to 1,024 bytes, else a sequence. alg has to be the one that the key is for. */
TPMIOT_MUST_USE enum tpmiot_rc tpm_hmac(struct tpmiot_tpm *tpm, TPM2_HANDLE key,
    const struct tpmiot_auth *auth, TPMI_ALG_HASH alg, struct tpmiot_bytes msg, TPM2B_DIGEST *out,
    struct tpmiot_err *err);

#endif
