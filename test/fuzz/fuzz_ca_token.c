/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What devices send to others: a JWT (whatever its claims are, checking them is safe), and a
 * detached CMS signature (one that is accepted has one signer and no content).
 */
#include "ca/token/jwt.h"
#include "ca/token/message.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct ca_bearer_asked asked = {
		.audience = "broker", .now = 1800000000, .max_ttl = 86400
	};
	const struct tpmiot_bytes bytes = { data, size };
	struct ca_jwt jwt = { .claims = NULL };
	CMS_ContentInfo *cms = NULL;
	struct tpmiot_err err;

	if (ca_jwt_parse(bytes, &jwt, &err) == TPMIOT_OK) {
		FUZZ_ASSERT(jwt.jose.alg != NULL && jwt.iat >= 0 && jwt.exp >= 0);
		if (ca_jwt_check_claims(&jwt, &asked, &err) == TPMIOT_OK)
			FUZZ_ASSERT(jwt.exp > asked.now - CA_BEARER_LEEWAY);
	}
	ca_jwt_clear(&jwt);
	if (ca_message_parse_cms(bytes, &cms, &err) == TPMIOT_OK) {
		FUZZ_ASSERT(CMS_is_detached(cms) == 1);
		FUZZ_ASSERT(sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(cms)) == 1);
	}
	CMS_ContentInfo_free(cms);
	return 0;
}
