/* SPDX-License-Identifier: Apache-2.0 */
/* Lines on standard error. What clients sent is made harmless here: one line stays one. */
#ifndef CA_LOG_H
#define CA_LOG_H

#include "ca/config/config.h"

/* Lines of less weight than this are left out. */
void ca_log_level(enum ca_log_level level);

void ca_log(enum ca_log_level level, const char *fmt, ...) TPMIOT_PRINTF(2, 3);

#endif
