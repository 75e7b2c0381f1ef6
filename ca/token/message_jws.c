/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/token/message.h"

#include <string.h>

#include "ca/token/jwt.h"
#include "ca/token/signed.h"

static enum tpmiot_rc
check(const struct ca_jose *jose, const struct ca_devkey *key, const struct ca_message_asked *asked,
    struct ca_message_facts *out, struct tpmiot_err *err)
{
	struct ca_message_facts facts = { .kind = "jws",
		.signed_at = jose->issued > 0 ? jose->issued : 0 };
	enum tpmiot_rc rc = ca_devkey_usable(key, asked->now, asked->bare_keys, err);

	if (rc == TPMIOT_OK)
		rc = ca_devkey_is(key, asked->device_id, err);
	if (rc == TPMIOT_OK)
		rc = ca_devkey_signed_at(facts.signed_at, asked->now, err);
	if (rc != TPMIOT_OK)
		return rc;
	memcpy(facts.device_id, key->device_id, sizeof(facts.device_id));
	memcpy(facts.key_spki, key->spki, sizeof(facts.key_spki));
	*out = facts;
	return TPMIOT_OK;
}

enum tpmiot_rc
ca_message_verify_jws(struct ca_store *store, struct tpmiot_bytes text,
    const struct ca_message_asked *asked, struct ca_message_facts *out, struct tpmiot_buf *payload,
    struct tpmiot_err *err)
{
	struct tpmiot_jws jws = { .text = NULL };
	struct ca_devkey key = { .key = NULL };
	struct ca_jose jose = { .alg = NULL };
	enum tpmiot_rc rc = tpmiot_jws_parse((const char *)text.data, text.len, &jws, err);

	if (rc == TPMIOT_OK)
		rc = ca_jose_parse(&jws.header, &jose, err);
	if (rc == TPMIOT_OK && strcmp(jose.typ, "JOSE") != 0)
		rc = tpmiot_err_set(
		    err, TPMIOT_E_VERIFY, "it is not signed as a message: its \"typ\" is not JOSE");
	if (rc == TPMIOT_OK)
		rc = ca_signed_find(store, &jws, &jose, asked->device_id, &key, err);
	if (rc == TPMIOT_OK)
		rc = check(&jose, &key, asked, out, err);
	if (rc == TPMIOT_OK)
		tpmiot_buf_move(payload, &jws.payload);
	ca_devkey_clear(&key);
	tpmiot_jws_clear(&jws);
	return rc;
}
