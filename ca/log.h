/* SPDX-License-Identifier: Apache-2.0 */
/* Lines on standard error. What clients sent is made harmless here: one line stays one. */
#ifndef CA_LOG_H
#define CA_LOG_H

#include "ca/config/config.h"

/* Lines of less weight than this are left out. */
void ca_log_level(enum ca_log_level level);

/* Text for people, or one JSON object a line. */
void ca_log_format(enum ca_log_format format);

void ca_log(enum ca_log_level level, const char *fmt, ...) TPMIOT_PRINTF(2, 3);

/* A request and how it ended: in JSON a member for each of these. */
struct ca_log_request {
	const char *peer; /* numeric address */
	uint16_t port;
	const char *method, *path;
	int status;
	const char *result; /* "ok", or the problem type */
	const char *device; /* "": not known; so is ek, in hexadecimal */
	const char *ek;
	const char *detail;
};

void ca_log_exchange(enum ca_log_level level, const struct ca_log_request *request);

#endif
