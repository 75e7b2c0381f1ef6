/* SPDX-License-Identifier: Apache-2.0 */
/* Identities: what a device may be called, and how keys and serials are written for people. */
#ifndef CA_IDENT_H
#define CA_IDENT_H

#include <stdbool.h>
#include <stdint.h>

#include <tpmiot/device_id.h>
#include <tpmiot/public.h>

#define CA_DEVICE_ID_MAX TPMIOT_DEVICE_ID_MAX
#define CA_GROUP_MAX 64
#define CA_HEX_SPKI_MAX (2 * TPMIOT_SPKI_SHA256_LEN + 1)

#define CA_EK_ID_PREFIX "ek-"

/* The identity of a device that nobody named: "ek-" and 32 digits of its EK's fingerprint. */
void ca_device_id_from_ek(
    const uint8_t ek_spki[TPMIOT_SPKI_SHA256_LEN], char out[CA_DEVICE_ID_MAX + 1]);

/* Lower-case hexadecimal with its NUL; out has 2 * len + 1 bytes. */
void ca_hex(const uint8_t *data, size_t len, char *out);

#endif
