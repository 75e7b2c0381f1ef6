/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/dps/regkey.h"

#include <string.h>

#include <openssl/crypto.h>

#define LABEL "tpmiot dps registration"

/* Each text with its end, so that none runs into the next. */
static enum tpmiot_rc
put_subject(
    const struct ca_dps_subject *s, int64_t window, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	tpmiot_buf_put(out, s->scope, strlen(s->scope) + 1);
	tpmiot_buf_put(out, s->id, strlen(s->id) + 1);
	tpmiot_buf_put(out, s->ek_spki, CA_SHA256_LEN);
	tpmiot_buf_put(out, s->srk->name.name, s->srk->name.size);
	tpmiot_buf_put_u64(out, (uint64_t)s->registrations);
	tpmiot_buf_put_u64(out, (uint64_t)window);
	return tpmiot_buf_done(out, err);
}

static enum tpmiot_rc
derive(struct ca_api *api, const struct ca_seal_key *key, const struct ca_dps_subject *subject,
    int64_t window, uint8_t out[CA_DPS_REGKEY_LEN], struct tpmiot_err *err)
{
	struct tpmiot_buf context = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc = put_subject(subject, window, &context, err);

	if (rc == TPMIOT_OK)
		rc = tpmiot_kdfa(api->libctx, TPM2_ALG_SHA256,
		    (struct tpmiot_bytes){ key->key, sizeof(key->key) }, LABEL,
		    (struct tpmiot_bytes){ context.data, context.len },
		    (struct tpmiot_bytes){ NULL, 0 }, out, CA_DPS_REGKEY_LEN, err);
	tpmiot_buf_free(&context);
	return rc;
}

static int64_t
window_of(const struct ca_api *api, int64_t now)
{
	return now / api->config->session_lifetime;
}

enum tpmiot_rc
ca_dps_regkey(struct ca_api *api, const struct ca_dps_subject *subject, int64_t now,
    uint8_t out[CA_DPS_REGKEY_LEN], struct tpmiot_err *err)
{
	struct ca_seal_key key;
	enum tpmiot_rc rc = ca_seal_key_newest(api->store, &key, err);

	if (rc == TPMIOT_OK)
		rc = derive(api, &key, subject, window_of(api, now), out, err);
	OPENSSL_cleanse(&key, sizeof(key));
	return rc;
}

/* Of this window and the one before. */
static enum tpmiot_rc
verify_with(struct ca_api *api, const struct ca_seal_key *key, const struct ca_dps_subject *subject,
    const struct tpmiot_sas *sas, int64_t now, struct tpmiot_err *err)
{
	uint8_t regkey[CA_DPS_REGKEY_LEN];
	enum tpmiot_rc rc = TPMIOT_E_VERIFY;

	for (int64_t back = 0; rc == TPMIOT_E_VERIFY && back < 2; back++) {
		rc = derive(api, key, subject, window_of(api, now) - back, regkey, err);
		if (rc == TPMIOT_OK)
			rc = tpmiot_sas_verify(
			    api->libctx, sas, (struct tpmiot_bytes){ regkey, sizeof(regkey) }, err);
	}
	OPENSSL_cleanse(regkey, sizeof(regkey));
	return rc;
}

enum tpmiot_rc
ca_dps_regkey_verify(struct ca_api *api, const struct ca_dps_subject *subject,
    const struct tpmiot_sas *sas, int64_t now, struct tpmiot_err *err)
{
	struct ca_seal_key key;
	enum tpmiot_rc rc = ca_seal_key_newest(api->store, &key, err);
	const uint32_t newest = rc == TPMIOT_OK ? key.id : 0;

	if (rc == TPMIOT_OK)
		rc = verify_with(api, &key, subject, sas, now, err);
	/* The sealing key may be a new one since the challenge. */
	if (rc == TPMIOT_E_VERIFY && newest > 1 &&
	    ca_seal_key_find(api->store, newest - 1, &key, NULL) == TPMIOT_OK)
		rc = verify_with(api, &key, subject, sas, now, err);
	OPENSSL_cleanse(&key, sizeof(key));
	return rc;
}
