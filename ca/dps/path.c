/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/dps/path.h"

#include <string.h>

/* The next part of a path, up to the next slash; false if it is empty or does not fit. */
static bool
take(const char **rest, char *out, size_t size)
{
	const size_t len = strcspn(*rest, "/");

	if (**rest == '\0' || len == 0 || len >= size)
		return false;
	memcpy(out, *rest, len);
	out[len] = '\0';
	*rest += len;
	if (**rest == '/')
		++*rest;
	return true;
}

bool
ca_dps_path_parse(const char *path, struct ca_dps_path *out)
{
	struct ca_dps_path p = { .operation = "" };
	char word[16];

	if (path[0] != '/')
		return false;
	path++;
	if (!take(&path, p.scope, sizeof(p.scope)) || !take(&path, word, sizeof(word)) ||
	    strcmp(word, "registrations") != 0 || !take(&path, p.id, sizeof(p.id)) ||
	    !take(&path, word, sizeof(word)))
		return false;
	if (strcmp(word, "operations") == 0) {
		if (!take(&path, p.operation, sizeof(p.operation)))
			return false;
	} else if (strcmp(word, "register") != 0) {
		return false;
	}
	if (path[0] != '\0' || !tpmiot_dps_scope_valid(p.scope) || !tpmiot_device_id_valid(p.id))
		return false;
	*out = p;
	return true;
}
