/* SPDX-License-Identifier: Apache-2.0 */
#include "ident.h"

#include <string.h>

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool ca_device_id_valid(const char *id)
{
	size_t len = strlen(id);

	if (len == 0 || len > CA_DEVICE_ID_MAX || !is_alnum(id[0]))
		return false;
	for (size_t i = 1; i < len; i++) {
		if (!is_alnum(id[i]) && strchr("._:@-", id[i]) == NULL)
			return false;
	}
	return true;
}

void ca_hex(const uint8_t *data, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[data[i] >> 4];
		out[2 * i + 1] = digits[data[i] & 15];
	}
	out[2 * len] = '\0';
}

void ca_device_id_from_ek(const uint8_t ek_spki[TPMIOT_SPKI_SHA256_LEN],
    char out[CA_DEVICE_ID_MAX + 1])
{
	memcpy(out, "ek-", 3);
	ca_hex(ek_spki, 16, out + 3);
}
