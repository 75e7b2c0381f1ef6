/* SPDX-License-Identifier: Apache-2.0 */
/* A key name; one that is accepted names a file only within the rules. */
#include <string.h>

#include <tpmiot/uri.h>

#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tpmiot_uri uri;
	struct tpmiot_err err;
	char *str = malloc(size + 1);

	FUZZ_ASSERT(str != NULL);
	if (size != 0)
		memcpy(str, data, size);
	str[size] = '\0';
	if (tpmiot_uri_parse(str, &uri, &err) == TPMIOT_OK) {
		FUZZ_ASSERT(uri.kind != TPMIOT_URI_NAME || tpmiot_key_name_valid(uri.name));
		FUZZ_ASSERT(uri.path.len == 0 || memchr(uri.path.data, 0, uri.path.len) == NULL);
		FUZZ_ASSERT(uri.kind != TPMIOT_URI_OBJECT || uri.path.len != 0);
		tpmiot_uri_free(&uri);
	}
	free(str);
	return 0;
}
