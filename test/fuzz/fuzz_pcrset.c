/* SPDX-License-Identifier: Apache-2.0 */
/* PCRs as text: what is accepted has one text, which is accepted again. */
#include <string.h>

#include <tpmiot/pcrset.h>

#include "fuzz.h"

static void
check_values(const struct tpmiot_pcrset *set)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT, again = TPMIOT_BUF_INIT;
	struct tpmiot_pcrset back;
	struct tpmiot_err err;

	tpmiot_pcrset_put_values(set, &text);
	FUZZ_ASSERT(tpmiot_pcrset_parse_values(tpmiot_buf_cstr(&text), &back, &err) == TPMIOT_OK);
	FUZZ_ASSERT(tpmiot_pcrset_same_selection(set, &back));
	tpmiot_pcrset_put_values(&back, &again);
	FUZZ_ASSERT(again.len == text.len && memcmp(again.data, text.data, text.len) == 0);
	tpmiot_buf_free(&text);
	tpmiot_buf_free(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct tpmiot_pcrset set;
	struct tpmiot_err err;

	FUZZ_ASSERT(text != NULL);
	if (size != 0)
		memcpy(text, data, size);
	text[size] = '\0';
	if (tpmiot_pcrset_parse_selection(text, &set, &err) == TPMIOT_OK)
		FUZZ_ASSERT(set.n > 0 && set.n <= TPMIOT_BANKS_MAX);
	if (tpmiot_pcrset_parse_values(text, &set, &err) == TPMIOT_OK)
		check_values(&set);
	if (tpmiot_pcrset_parse_pcrread(text, &set, &err) == TPMIOT_OK)
		check_values(&set);
	free(text);
	return 0;
}
