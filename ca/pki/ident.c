/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/pki/ident.h"

#include <string.h>

void
ca_hex(const uint8_t *data, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[data[i] >> 4];
		out[2 * i + 1] = digits[data[i] & 15];
	}
	out[2 * len] = '\0';
}

void
ca_device_id_from_ek(const uint8_t ek_spki[TPMIOT_SPKI_SHA256_LEN], char out[CA_DEVICE_ID_MAX + 1])
{
	const size_t len = sizeof(CA_EK_ID_PREFIX) - 1;

	memcpy(out, CA_EK_ID_PREFIX, len);
	ca_hex(ek_spki, 16, out + len);
}
