/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session that a device brings back: nothing that we did not seal opens. And
 * what is inside one: whatever is accepted is what we would write, to the byte.
 */
#include <string.h>

#include "ca/enrol/seal.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct ca_seal_key key = { .id = 1, .key = { 1 } };
	struct tpmiot_buf out = TPMIOT_BUF_INIT;
	struct ca_ticket ticket;
	struct tpmiot_err err;

	FUZZ_ASSERT(ca_unseal(NULL, &key, data, size, &ticket, &err) != TPMIOT_OK);
	if (ca_ticket_parse(NULL, data, size, &ticket, &err) == TPMIOT_OK) {
		ca_ticket_put(&ticket, &out);
		FUZZ_ASSERT(out.len == size && memcmp(out.data, data, size) == 0);
	}
	tpmiot_buf_free(&out);
	return 0;
}
