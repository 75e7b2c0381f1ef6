/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/config/words.h"

#include <stdio.h>
#include <string.h>

bool
ca_word_next(const char **rest, char out[CA_WORD_MAX])
{
	size_t len;

	*rest += strspn(*rest, ", \t");
	len = strcspn(*rest, ",");
	if (len == 0)
		return false;
	snprintf(out, CA_WORD_MAX, "%.*s", (int)len, *rest);
	*rest += len;
	for (len = strlen(out); len > 0 && strchr(" \t", out[len - 1]) != NULL; len--)
		out[len - 1] = '\0';
	return true;
}
