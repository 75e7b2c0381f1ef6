/* SPDX-License-Identifier: Apache-2.0 */
/* A shared access signature; what is taken apart stays within its text. */
#include <string.h>

#include <tpmiot/sas.h>

#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct tpmiot_bytes key = { "key", 3 };
	struct tpmiot_sas sas;
	struct tpmiot_err err;
	char *text = malloc(size + 1);

	FUZZ_ASSERT(text != NULL);
	if (size != 0)
		memcpy(text, data, size);
	text[size] = '\0';
	if (tpmiot_sas_parse(text, &sas, &err) == TPMIOT_OK) {
		const char *sr = sas.sr.data;

		FUZZ_ASSERT(sas.sr.len > 0 && sr > text && sr + sas.sr.len <= text + strlen(text));
		FUZZ_ASSERT(strlen(sas.resource) <= sas.sr.len && sas.expires >= 0);
		FUZZ_ASSERT(tpmiot_sas_is_for(&sas, sas.resource));
		FUZZ_ASSERT(tpmiot_sas_verify(NULL, &sas, key, &err) == TPMIOT_E_VERIFY);
	}
	free(text);
	return 0;
}
