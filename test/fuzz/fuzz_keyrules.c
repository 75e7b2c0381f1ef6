/* SPDX-License-Identifier: Apache-2.0 */
/* A TPM2B_PUBLIC under the rules of each role; no key may be good for two of them. */
#include <tpmiot/keyrules.h>

#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct tpmiot_ek_profile *profile = NULL;
	struct tpmiot_public pub;
	struct tpmiot_err err;
	unsigned int roles = 0;

	if (tpmiot_public_parse(NULL, data, size, &pub, &err) != TPMIOT_OK)
		return 0;
	if (tpmiot_keyrules_check_ek(NULL, &pub, &profile, &err) == TPMIOT_OK) {
		FUZZ_ASSERT(profile != NULL);
		roles++;
	}
	roles += tpmiot_keyrules_check_ak(NULL, &pub, &err) == TPMIOT_OK;
	roles += tpmiot_keyrules_check_key(NULL, &pub, &err) == TPMIOT_OK;
	FUZZ_ASSERT(roles <= 1);
	return 0;
}
