/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

static enum ca_log_level threshold = CA_LOG_INFO;
static enum ca_log_format form = CA_LOG_TEXT;

static const char *const level_names[] = { "error", "warning", "info", "debug" };

void
ca_log_level(enum ca_log_level level)
{
	threshold = level;
}

void
ca_log_format(enum ca_log_format format)
{
	form = format;
}

static void
clean(char *line)
{
	for (char *p = line; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
}

static void
now_text(char *out, size_t size)
{
	const time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(out, size, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

/* One write for a line: those of two processes do not mix. */
static void
put_text(enum ca_log_level level, char *line)
{
	char stamp[32];

	clean(line);
	now_text(stamp, sizeof(stamp));
	dprintf(STDERR_FILENO, "%s %s: %s\n", stamp, level_names[level], line);
}

/* members: what stands behind time and level; taken over, NULL when there was no memory for it. */
static void
put_json(enum ca_log_level level, json_t *members)
{
	char stamp[32];
	json_t *entry;
	char *line = NULL;

	now_text(stamp, sizeof(stamp));
	entry = json_pack("{s:s, s:s}", "time", stamp, "level", level_names[level]);
	if (entry != NULL && members != NULL && json_object_update(entry, members) == 0)
		line = json_dumps(entry, JSON_PRESERVE_ORDER);
	dprintf(STDERR_FILENO, "%s\n", line != NULL ? line : "{\"message\": \"out of memory\"}");
	free(line);
	json_decref(members);
	json_decref(entry);
}

void
ca_log(enum ca_log_level level, const char *fmt, ...)
{
	char line[2048];
	va_list ap;

	if (level > threshold)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (form == CA_LOG_TEXT) {
		put_text(level, line);
		return;
	}
	clean(line);
	put_json(level, json_pack("{s:s}", "message", line));
}

void
ca_log_exchange(enum ca_log_level level, const struct ca_log_request *r)
{
	char line[2048], path[65], detail[1024];

	if (level > threshold)
		return;
	if (form == CA_LOG_TEXT) {
		snprintf(line, sizeof(line), "%s port %u: %s %.64s %d %s device=%s ek=%s: %s",
		    r->peer, r->port, r->method, r->path, r->status, r->result,
		    r->device[0] != '\0' ? r->device : "-", r->ek[0] != '\0' ? r->ek : "-",
		    r->detail);
		put_text(level, line);
		return;
	}
	snprintf(path, sizeof(path), "%s", r->path);
	snprintf(detail, sizeof(detail), "%s", r->detail);
	clean(path);
	clean(detail);
	put_json(level,
	    json_pack("{s:s, s:s, s:i, s:s, s:s, s:i, s:s, s:s, s:s}", "message", detail, "peer",
	        r->peer, "port", (int)r->port, "method", r->method, "path", path, "status",
	        r->status, "result", r->result, "device_id", r->device, "ek", r->ek));
}
