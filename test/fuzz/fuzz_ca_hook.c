/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator's hook may answer: allowed, or refused with a reason that is clean. */
#include <string.h>

#include "ca/enrol/hook.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ca_problem problem = { .type = CA_PROBLEM_NONE };
	const bool allowed = ca_hook_judge(data, size, &problem);

	FUZZ_ASSERT(allowed == (problem.type == CA_PROBLEM_NONE));
	FUZZ_ASSERT(allowed || problem.type == CA_PROBLEM_EXTERNAL_POLICY ||
	            problem.type == CA_PROBLEM_SERVER_ERROR);
	for (const char *p = problem.detail; *p != '\0'; p++)
		FUZZ_ASSERT(*p >= ' ' && *p <= '~');
	return 0;
}
