/* SPDX-License-Identifier: Apache-2.0 */
/* A TPMS_ATTEST of any type; what is accepted lies within the input, in its order. */
#include <tpmiot/attest.h>

#include "fuzz.h"

static const uint8_t *
end_of(struct tpmiot_bytes bytes)
{
	return (const uint8_t *)bytes.data + bytes.len;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tpmiot_attest attest;
	struct tpmiot_err err;

	for (unsigned int type = TPM2_ST_ATTEST_NV; type <= TPM2_ST_ATTEST_CREATION; type++) {
		if (tpmiot_attest_parse((struct tpmiot_bytes){ data, size }, (TPMI_ST_ATTEST)type,
		        &attest, &err) != TPMIOT_OK)
			continue;
		FUZZ_ASSERT(attest.type == type);
		FUZZ_ASSERT((const uint8_t *)attest.qualified_signer.data == data + 8);
		FUZZ_ASSERT(
		    (const uint8_t *)attest.extra_data.data == end_of(attest.qualified_signer) + 2);
		FUZZ_ASSERT(
		    (const uint8_t *)attest.attested.data == end_of(attest.extra_data) + 17 + 8);
		FUZZ_ASSERT(end_of(attest.attested) == data + size);
	}
	return 0;
}
