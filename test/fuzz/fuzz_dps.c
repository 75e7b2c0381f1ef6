/* SPDX-License-Identifier: Apache-2.0 */
/* An authenticationKey, as a server sends it to a device; one that is accepted is a plain key. */
#include <string.h>

#include <tpmiot/dps.h>

#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tpmiot_dps_key key = { .credential = TPMIOT_BUF_INIT };
	struct tpmiot_err err;

	if (tpmiot_dps_key_parse(NULL, (struct tpmiot_bytes){ data, size }, &key, &err) ==
	    TPMIOT_OK) {
		FUZZ_ASSERT(tpmiot_public_is_hmac_key(&key.pub));
		FUZZ_ASSERT((key.pub.area.objectAttributes &
		                (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_RESTRICTED)) == 0);
		FUZZ_ASSERT(key.duplicate.size > 0 && key.seed.size > 0);
		FUZZ_ASSERT(key.credential.len + key.secret.len + key.duplicate.size +
		                key.seed.size + key.pub.raw_len <
		            size);
	}
	tpmiot_dps_key_free(&key);
	return 0;
}
