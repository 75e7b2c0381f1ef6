/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdlib.h>

#include "enroll/cmd/duration.h"

#define DAY (24 * 3600)
#define LONGEST (100 * 366 * (int64_t)DAY)

enum tpmiot_rc
enroll_duration_parse(
    const char *option, const char *text, int64_t *seconds, struct tpmiot_err *err)
{
	static const struct {
		char letter;
		int64_t seconds;
	} units[] = { { 'd', DAY }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 } };
	char *end = NULL;
	long long n = text[0] >= '0' && text[0] <= '9' ? strtoll(text, &end, 10) : -1;
	size_t i;

	for (i = 0; n >= 0 && i < sizeof(units) / sizeof(units[0]); i++)
		if (*end == units[i].letter && end[1] == '\0' && n <= LONGEST / units[i].seconds) {
			*seconds = n * units[i].seconds;
			return TPMIOT_OK;
		}
	return tpmiot_err_set(err, TPMIOT_E_USAGE,
	    "--%s=%s: a time with its unit is wanted, such as 30d, 12h, 90m or 3600s", option,
	    text);
}
