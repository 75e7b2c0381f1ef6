/* SPDX-License-Identifier: Apache-2.0 */
/* A JWT against the registry: whose key it is, and whether it counts. */
#include <string.h>

#include "ca/token/devkey.h"
#include "ca/token/jwt.h"
#include "ca/token/signed.h"

static enum tpmiot_rc
check_subject(const struct ca_jwt *jwt, const struct ca_devkey *key, struct tpmiot_err *err)
{
	if (jwt->sub != NULL && strcmp(jwt->sub, key->device_id) != 0)
		return tpmiot_err_set(err, TPMIOT_E_POLICY,
		    "it is %s's, and its subject another (\"sub\")", key->device_id);
	return TPMIOT_OK;
}

enum tpmiot_rc
ca_bearer_verify_jwt(struct ca_store *store, struct tpmiot_bytes text,
    const struct ca_bearer_asked *asked, struct ca_bearer_facts *out, struct tpmiot_err *err)
{
	struct ca_jwt jwt = { .claims = NULL };
	struct ca_devkey key = { .key = NULL };
	enum tpmiot_rc rc = ca_jwt_parse(text, &jwt, err);

	if (rc == TPMIOT_OK)
		rc = ca_signed_find(store, &jwt.jws, &jwt.jose,
		    jwt.sub != NULL ? jwt.sub : asked->device_id, &key, err);
	if (rc == TPMIOT_OK)
		rc = check_subject(&jwt, &key, err);
	if (rc == TPMIOT_OK)
		rc = ca_devkey_is(&key, asked->device_id, err);
	if (rc == TPMIOT_OK)
		rc = ca_jwt_check_claims(&jwt, asked, err);
	if (rc == TPMIOT_OK)
		rc = ca_devkey_usable(&key, asked->now, asked->bare_keys, err);
	if (rc == TPMIOT_OK) {
		*out = (struct ca_bearer_facts){ .kind = "jwt",
			.alg = tpmiot_jws_alg_name(jwt.jose.alg),
			.has_key = true,
			.expires = jwt.exp };
		memcpy(out->device_id, key.device_id, sizeof(out->device_id));
		memcpy(out->key_spki, key.spki, sizeof(out->key_spki));
	}
	ca_devkey_clear(&key);
	ca_jwt_clear(&jwt);
	return rc;
}
