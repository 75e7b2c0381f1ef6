/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <tpmiot/device_id.h>

#define ALNUM "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

bool
tpmiot_device_id_valid(const char *id)
{
	size_t len = strlen(id);

	return len <= TPMIOT_DEVICE_ID_MAX && strspn(id, ALNUM) > 0 &&
	       strspn(id, ALNUM "._:@-") == len;
}
