/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/secret/atrest.h"

/* A row that is put in another one's place does not open. */
static void
put_binding(const struct ca_secret *secret, struct tpmiot_buf *out)
{
	tpmiot_buf_printf(
	    out, "tpmiot-ca secret 1 %d %s %d ", (int)secret->kind, secret->name, secret->has_ek);
	if (secret->has_ek)
		tpmiot_buf_put(out, secret->ek_spki, CA_SHA256_LEN);
	else
		tpmiot_buf_put_str(out, secret->group);
}

enum tpmiot_rc
ca_secret_seal(const struct ca_vault *vault, struct tpmiot_bytes value, struct ca_secret *secret,
    struct tpmiot_err *err)
{
	struct tpmiot_buf binding = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	put_binding(secret, &binding);
	rc = tpmiot_buf_done(&binding, err);
	if (rc == TPMIOT_OK)
		rc = ca_vault_seal(vault, (struct tpmiot_bytes){ binding.data, binding.len }, value,
		    &secret->sealed, err);
	tpmiot_buf_free(&binding);
	return rc;
}

enum tpmiot_rc
ca_secret_unseal(const struct ca_vault *vault, const struct ca_secret *secret,
    struct tpmiot_buf *value, struct tpmiot_err *err)
{
	struct tpmiot_buf binding = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	put_binding(secret, &binding);
	rc = tpmiot_buf_done(&binding, err);
	if (rc == TPMIOT_OK)
		rc = ca_vault_unseal(vault, (struct tpmiot_bytes){ binding.data, binding.len },
		    (struct tpmiot_bytes){ secret->sealed.data, secret->sealed.len }, value, err);
	if (rc != TPMIOT_OK)
		(void)tpmiot_err_prefix(err, "secret %s", secret->name);
	tpmiot_buf_free(&binding);
	return rc;
}
