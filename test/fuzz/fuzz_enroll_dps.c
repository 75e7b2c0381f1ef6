/* SPDX-License-Identifier: Apache-2.0 */
/* What a provisioning service answers a device: names in it go into URLs, files and terminals. */
#include <string.h>

#include "enroll/dps/wire.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct tpmiot_bytes json = { data, size };
	struct enroll_dps_answer answer = { .key = TPMIOT_BUF_INIT };
	struct tpmiot_buf key = TPMIOT_BUF_INIT;
	struct enroll_dps_refusal refusal;
	struct tpmiot_err err;

	if (enroll_dps_parse_challenge(json, &key, &err) == TPMIOT_OK)
		FUZZ_ASSERT(key.len > 0);
	if (enroll_dps_parse_answer(json, &answer, &err) == TPMIOT_OK) {
		FUZZ_ASSERT(answer.status != ENROLL_DPS_ASSIGNED ||
		            (answer.key.len > 0 && strpbrk(answer.hub, "/%\n") == NULL &&
		                strpbrk(answer.device_id, "/\"\n") == NULL));
		FUZZ_ASSERT(answer.status != ENROLL_DPS_ASSIGNING ||
		            strpbrk(answer.operation, "/?#%") == NULL);
	}
	enroll_dps_parse_refusal(json, &refusal);
	for (const char *at = refusal.reason; *at != '\0'; at++)
		FUZZ_ASSERT(*at >= 0x20 && *at < 0x7f);
	for (const char *at = refusal.next; *at != '\0'; at++)
		FUZZ_ASSERT(*at >= 0x20 && *at < 0x7f);
	enroll_dps_answer_free(&answer);
	tpmiot_buf_free(&key);
	return 0;
}
