/* SPDX-License-Identifier: Apache-2.0 */
/* A TPM2B_PUBLIC; what is accepted is put out again byte for byte and may become a key. */
#include <string.h>

#include <tpmiot/public.h>
#include <tpmiot/template.h>

#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tpmiot_buf out = TPMIOT_BUF_INIT;
	uint8_t spki[TPMIOT_SPKI_SHA256_LEN];
	struct tpmiot_public pub;
	struct tpmiot_err err;
	EVP_PKEY *pkey = NULL;

	if (tpmiot_public_parse(NULL, data, size, &pub, &err) != TPMIOT_OK)
		return 0;
	tpmiot_public_put(&pub, &out);
	FUZZ_ASSERT(out.len == size && memcmp(out.data, data, size) == 0);
	(void)tpmiot_ek_profile_match(&pub.area);
	if (tpmiot_public_to_pkey(NULL, &pub, &pkey, &err) == TPMIOT_OK) {
		FUZZ_ASSERT(tpmiot_public_is_key(NULL, &pub, pkey));
		FUZZ_ASSERT(tpmiot_spki_sha256(NULL, pkey, spki, &err) == TPMIOT_OK);
	}
	EVP_PKEY_free(pkey);
	tpmiot_buf_free(&out);
	return 0;
}
