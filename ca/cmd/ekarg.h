/* SPDX-License-Identifier: Apache-2.0 */
/* An endorsement key as an operator names one. */
#ifndef CA_EKARG_H
#define CA_EKARG_H

#include <tpmiot/public.h>

/*
 * The fingerprint of the EK that arg means: 64 hexadecimal digits are it already;
 * else arg is a file with an EK certificate (PEM, DER, or as read from NV), a
 * public key (SPKI, PEM or DER) or a TPM2B_PUBLIC. TPMIOT_E_FORMAT: none of these.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_ekarg_parse(
    const char *arg, uint8_t ek_spki[TPMIOT_SPKI_SHA256_LEN], struct tpmiot_err *err);

/* The same for what was in the file. */
TPMIOT_MUST_USE enum tpmiot_rc ca_ekarg_bytes(const uint8_t *data, size_t len,
    uint8_t ek_spki[TPMIOT_SPKI_SHA256_LEN], struct tpmiot_err *err);

#endif
