/* SPDX-License-Identifier: Apache-2.0 */
/* A TPMT_SIGNATURE; what is accepted is put out again byte for byte. */
#include <string.h>

#include <tpmiot/signature.h>

#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tpmiot_buf out = TPMIOT_BUF_INIT;
	TPMT_SIGNATURE sig;
	struct tpmiot_err err;

	if (tpmiot_signature_parse(data, size, &sig, &err) != TPMIOT_OK)
		return 0;
	FUZZ_ASSERT(tpmiot_signature_put(&sig, &out, &err) == TPMIOT_OK);
	FUZZ_ASSERT(out.len == size && memcmp(out.data, data, size) == 0);
	FUZZ_ASSERT(tpmiot_signature_put_openssl(&sig, &out, &err) == TPMIOT_OK);
	tpmiot_buf_free(&out);
	return 0;
}
