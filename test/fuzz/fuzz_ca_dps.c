/* SPDX-License-Identifier: Apache-2.0 */
/* What anybody may ask in Azure's protocol: a path ('p'), or a registration's JSON. */
#include <string.h>

#include "ca/dps/path.h"
#include "ca/dps/wire.h"
#include "fuzz.h"

static void
path(const uint8_t *data, size_t size)
{
	struct ca_dps_path parsed;
	char *text = malloc(size + 1);

	FUZZ_ASSERT(text != NULL);
	if (size != 0)
		memcpy(text, data, size);
	text[size] = '\0';
	if (ca_dps_path_parse(text, &parsed))
		FUZZ_ASSERT(tpmiot_device_id_valid(parsed.id) &&
		            tpmiot_dps_scope_valid(parsed.scope) &&
		            strchr(parsed.operation, '/') == NULL);
	free(text);
}

static void
request(const uint8_t *data, size_t size)
{
	struct ca_dps_request req = { 0 };
	struct ca_problem problem = { 0 };

	if (ca_dps_request_parse(data, size, "d", &req, &problem)) {
		FUZZ_ASSERT((req.ek.ek_public.len > 0) == (req.srk_public.len > 0));
		FUZZ_ASSERT(req.ek.ek_public.len <= CA_WIRE_PUBLIC_MAX &&
		            req.srk_public.len <= CA_WIRE_PUBLIC_MAX &&
		            req.ek.join_token.len <= CA_WIRE_TOKEN_MAX);
	} else {
		FUZZ_ASSERT(problem.type == CA_PROBLEM_MALFORMED_REQUEST);
	}
	ca_dps_request_free(&req);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 0 && data[0] == 'p')
		path(data + 1, size - 1);
	else
		request(data, size);
	return 0;
}
