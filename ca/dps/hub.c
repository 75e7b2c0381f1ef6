/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/dps/hub.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ca/config/words.h"

/* Cuts "HOST=WEIGHT" at the sign. */
static bool
read_weight(char *word, int64_t *out)
{
	char *sign = strchr(word, '='), *end;
	long weight = 1;

	if (sign != NULL) {
		weight = sign[1] >= '0' && sign[1] <= '9' ? strtol(sign + 1, &end, 10) : 0;
		if (weight < 1 || weight > CA_HUB_WEIGHT_MAX || *end != '\0')
			return false;
		*sign = '\0';
	}
	*out = weight;
	return true;
}

static bool
is_host(const char *name)
{
	static const char letters[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
	const size_t len = strlen(name);

	return len >= 1 && len <= CA_HUB_MAX && strspn(name, letters) == len;
}

static bool
is_there(const struct ca_hub *hubs, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(hubs[i].name, name) == 0)
			return true;
	return false;
}

enum tpmiot_rc
ca_hubs_parse(const char *list, struct ca_hub out[CA_HUBS_MAX], size_t *n, struct tpmiot_err *err)
{
	char word[CA_WORD_MAX];
	int64_t weight = 0;

	*n = 0;
	while (ca_word_next(&list, word)) {
		if (*n == CA_HUBS_MAX)
			return tpmiot_err_set(
			    err, TPMIOT_E_FORMAT, "more than %d hubs", CA_HUBS_MAX);
		if (!read_weight(word, &weight) || !is_host(word) || is_there(out, *n, word))
			return tpmiot_err_set(err, TPMIOT_E_FORMAT,
			    "\"%.80s\": each hub is HOST or HOST=WEIGHT (1 to %d), once", word,
			    CA_HUB_WEIGHT_MAX);
		out[*n] = (struct ca_hub){ .weight = weight };
		memcpy(out[*n].name, word, strlen(word) + 1);
		++*n;
	}
	return TPMIOT_OK;
}

size_t
ca_hub_choose(const struct ca_hub *hubs, size_t n, const char *current, bool keep)
{
	size_t best = 0;

	for (size_t i = 0; i < n; i++) {
		if (keep && strcasecmp(hubs[i].name, current) == 0)
			return i;
		/* (devices + 1) / weight, without dividing: with one more, who would be the
		 * emptiest?
		 */
		if ((hubs[i].devices + 1) * hubs[best].weight <
		    (hubs[best].devices + 1) * hubs[i].weight)
			best = i;
	}
	return best;
}
