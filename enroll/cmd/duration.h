/* SPDX-License-Identifier: Apache-2.0 */
/* Spans of time as options name them. */
#ifndef ENROLL_DURATION_H
#define ENROLL_DURATION_H

#include <tpmiot/err.h>

/* "30d", "12h", "90m", "3600s": never without its unit. TPMIOT_E_USAGE names the option. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_duration_parse(
    const char *option, const char *text, int64_t *seconds, struct tpmiot_err *err);

#endif
