/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/token/bearer.h"

#include <string.h>

#include <tpmiot/sas.h>

/* How a kind begins; "" is what everything else is taken for. */
static const struct {
	const char *prefix;
	ca_bearer_check *check;
} kinds[] = {
	{ TPMIOT_SAS_PREFIX, ca_bearer_verify_sas },
	{ "", ca_bearer_verify_jwt },
};

enum tpmiot_rc
ca_bearer_verify(struct ca_store *store, struct tpmiot_bytes text,
    const struct ca_bearer_asked *asked, struct ca_bearer_facts *out, struct tpmiot_err *err)
{
	size_t i = 0;

	if (text.len > CA_BEARER_MAX)
		return tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "a token of more than %d bytes", CA_BEARER_MAX);
	while (text.len < strlen(kinds[i].prefix) ||
	       memcmp(text.data, kinds[i].prefix, strlen(kinds[i].prefix)) != 0)
		i++;
	return kinds[i].check(store, text, asked, out, err);
}
