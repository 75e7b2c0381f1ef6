/* SPDX-License-Identifier: Apache-2.0 */
/* A compact JWS: what is accepted is, put together again, what was read, to the byte. */
#include <string.h>

#include <tpmiot/b64.h>
#include <tpmiot/jws.h>

#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tpmiot_jws jws = { .text = NULL };
	struct tpmiot_buf again = TPMIOT_BUF_INIT;
	struct tpmiot_err err;

	if (tpmiot_jws_parse((const char *)data, size, &jws, &err) == TPMIOT_OK) {
		tpmiot_jws_put_input(
		    jws.header.data, jws.header.len, jws.payload.data, jws.payload.len, &again);
		FUZZ_ASSERT(again.len == jws.input_len);
		tpmiot_buf_put_u8(&again, '.');
		tpmiot_b64url_encode(jws.signature.data, jws.signature.len, &again);
		FUZZ_ASSERT(again.len == size && memcmp(again.data, data, size) == 0);
	}
	tpmiot_jws_clear(&jws);
	tpmiot_buf_free(&again);
	return 0;
}
