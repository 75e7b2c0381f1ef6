/* SPDX-License-Identifier: Apache-2.0 */
/* The requests that anybody may send to the CA; the first byte says which. */
#include <string.h>

#include "ca/enrol/wire.h"
#include "fuzz.h"

static void
attest(const uint8_t *data, size_t size)
{
	struct ca_attest_request req = { 0 };
	struct ca_problem problem = { 0 };

	if (ca_attest_request_parse(data, size, &req, &problem)) {
		FUZZ_ASSERT(req.ek_public.len > 0 && req.ek_public.len <= CA_WIRE_PUBLIC_MAX + 2);
		FUZZ_ASSERT(req.ak_public.len > 0 && req.ek_chain_n <= TPMIOT_EKCERT_CHAIN_MAX);
		FUZZ_ASSERT(req.device_id[0] == '\0' || tpmiot_device_id_valid(req.device_id));
		FUZZ_ASSERT(req.join_token.len <= CA_WIRE_TOKEN_MAX);
		FUZZ_ASSERT(req.join_token.len == 0 ||
		            memchr(req.join_token.data, '\0', req.join_token.len) == NULL);
	} else {
		FUZZ_ASSERT(problem.type == CA_PROBLEM_MALFORMED_REQUEST);
	}
	ca_attest_request_free(&req);
}

static void
issue(const uint8_t *data, size_t size)
{
	struct ca_issue_request req = { 0 };
	struct ca_problem problem = { 0 };

	if (ca_issue_request_parse(data, size, &req, &problem))
		FUZZ_ASSERT(req.session.len > 0 && req.secret.len <= CA_WIRE_SECRET_MAX + 2 &&
		            req.csr.len > 0);
	else
		FUZZ_ASSERT(problem.type == CA_PROBLEM_MALFORMED_REQUEST);
	ca_issue_request_free(&req);
}

static void
renew(const uint8_t *data, size_t size)
{
	struct ca_renew_request req = { .ak_public = TPMIOT_BUF_INIT };
	struct ca_problem problem = { 0 };

	if (ca_renew_request_parse(data, size, &req, &problem))
		FUZZ_ASSERT(req.ak_public.len <= CA_WIRE_PUBLIC_MAX + 2);
	else
		FUZZ_ASSERT(problem.type == CA_PROBLEM_MALFORMED_REQUEST);
	ca_renew_request_free(&req);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 0 && data[0] == 'a')
		attest(data + 1, size - 1);
	else if (size > 0 && data[0] == 'r')
		renew(data + 1, size - 1);
	else if (size > 0)
		issue(data + 1, size - 1);
	return 0;
}
