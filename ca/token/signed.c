/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/token/signed.h"

/* TPMIOT_E_NOT_FOUND, TPMIOT_E_VERIFY. */
static enum tpmiot_rc
try_key(struct ca_store *store, const struct tpmiot_jws *jws, const struct ca_jose *jose,
    const uint8_t spki[CA_SHA256_LEN], struct ca_devkey *out, struct tpmiot_err *err)
{
	struct ca_devkey key = { .key = NULL };
	enum tpmiot_rc rc = ca_devkey_find(store, spki, &key, err);

	if (rc == TPMIOT_OK)
		rc = tpmiot_jws_verify(jws, jose->alg, key.key, err);
	if (rc == TPMIOT_OK)
		*out = key;
	else
		ca_devkey_clear(&key);
	return rc;
}

static enum tpmiot_rc
try_device(struct ca_store *store, const struct tpmiot_jws *jws, const struct ca_jose *jose,
    const char *device_id, struct ca_devkey *out, struct tpmiot_err *err)
{
	uint8_t spki[CA_DEVKEYS_MAX][CA_SHA256_LEN];
	size_t n = 0;
	enum tpmiot_rc rc = ca_devkey_list(store, device_id, spki, &n, err);

	if (rc == TPMIOT_E_NOT_FOUND)
		return tpmiot_err_set(
		    err, TPMIOT_E_VERIFY, "no device on record is called %.64s", device_id);
	if (rc == TPMIOT_OK)
		rc = tpmiot_err_set(
		    err, TPMIOT_E_VERIFY, "the device %.64s has no key on record", device_id);
	for (size_t i = 0; i < n && rc == TPMIOT_E_VERIFY; i++)
		rc = try_key(store, jws, jose, spki[i], out, err);
	if (rc == TPMIOT_E_VERIFY && n > 1)
		return tpmiot_err_set(err, rc,
		    "none of the %zu newest keys of %.64s on record signed it", n, device_id);
	return rc;
}

enum tpmiot_rc
ca_signed_find(struct ca_store *store, const struct tpmiot_jws *jws, const struct ca_jose *jose,
    const char *device_id, struct ca_devkey *out, struct tpmiot_err *err)
{
	enum tpmiot_rc rc;

	if (!jose->has_key) {
		if (device_id == NULL)
			return tpmiot_err_set(err, TPMIOT_E_VERIFY,
			    "it names neither its key (\"kid\") nor its device (\"sub\")");
		return try_device(store, jws, jose, device_id, out, err);
	}
	rc = try_key(store, jws, jose, jose->key_spki, out, err);
	if (rc == TPMIOT_E_NOT_FOUND)
		rc = tpmiot_err_set(
		    err, TPMIOT_E_VERIFY, "the key that it names (\"kid\") is nobody's on record");
	return rc;
}
