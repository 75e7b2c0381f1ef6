/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static enum ca_log_level threshold = CA_LOG_INFO;

void
ca_log_level(enum ca_log_level level)
{
	threshold = level;
}

void
ca_log(enum ca_log_level level, const char *fmt, ...)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };
	char line[2048], stamp[32];
	const time_t now = time(NULL);
	struct tm tm;
	va_list ap;

	if (level > threshold)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	for (char *p = line; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &tm);
	/* One write for a line: those of two processes do not mix. */
	dprintf(STDERR_FILENO, "%s %s: %s\n", stamp, names[level], line);
}
