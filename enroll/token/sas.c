/* SPDX-License-Identifier: Apache-2.0 */
/* token sas: a shared access signature by the key that a registration gave. */
#include <tpmiot/sas.h>

#include "enroll/dps/record.h"
#include "enroll/enrol/secret.h"
#include "enroll/token/clock.h"
#include "enroll/token/signer.h"
#include "enroll/token/token.h"

static enum tpmiot_rc
open_signer(const struct enroll_env *env, const char *name, struct enroll_signer *signer,
    struct enroll_dps_record *record, struct enroll_server *trust, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = enroll_dps_record_read(env->dir, name, record, trust, err);

	if (rc == TPMIOT_E_NOT_FOUND)
		return tpmiot_err_set(err, rc,
		    "%s is not registered with a hub: 'tpmiot-enroll dps --name=%s' does that",
		    name, name);
	if (rc == TPMIOT_OK)
		rc = enroll_signer_open(env, name, signer, err);
	if (rc == TPMIOT_OK && !enroll_dps_record_is_of(record, tpmiot_key_public(signer->key)))
		rc = tpmiot_err_set(err, TPMIOT_E_CONFLICT,
		    "the key %s is not the one of its registration, which was cut short: run "
		    "'tpmiot-enroll dps' again",
		    name);
	return rc;
}

static enum tpmiot_rc
check_clock(const struct enroll_env *env, const struct enroll_dps_record *record,
    struct enroll_server *server, int64_t now, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = enroll_clock_check_since(record->assigned, now, err);

	server->url = record->server;
	if (rc == TPMIOT_OK && env->opts->check_clock)
		rc = enroll_clock_ask_server(env->dir, server, now, err);
	return rc;
}

/* Signed is what is printed, character for character. */
static enum tpmiot_rc
sign(struct tpmiot_key *key, const char *resource, struct enroll_token *token,
    struct tpmiot_err *err)
{
	struct tpmiot_buf escaped = TPMIOT_BUF_INIT, message = TPMIOT_BUF_INIT;
	TPM2B_DIGEST mac = { 0 };
	enum tpmiot_rc rc;

	tpmiot_sas_escape(resource, TPMIOT_SAS_HUB, &escaped);
	if (tpmiot_buf_cstr(&escaped) == NULL)
		return tpmiot_err_memory(err);
	token->expires = token->now + token->ttl;
	tpmiot_sas_put_to_sign((const char *)escaped.data, token->expires, &message);
	rc = tpmiot_buf_done(&message, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_key_hmac(
		    key, (struct tpmiot_bytes){ message.data, message.len }, &mac, err);
	if (rc == TPMIOT_OK && mac.size != TPMIOT_SAS_SIG_LEN)
		rc = tpmiot_err_set(err, TPMIOT_E_TPM, "the TPM's HMAC has %u bytes", mac.size);
	if (rc == TPMIOT_OK) {
		tpmiot_sas_put(
		    (const char *)escaped.data, token->expires, mac.buffer, NULL, &token->text);
		rc = tpmiot_buf_done(&token->text, err);
	}
	tpmiot_buf_free(&escaped);
	tpmiot_buf_free(&message);
	return rc;
}

/* What was asked for, or the device itself at its hub. */
static enum tpmiot_rc
put_resource(const char *asked, const struct enroll_dps_record *record, struct tpmiot_buf *out,
    struct tpmiot_err *err)
{
	if (asked != NULL)
		tpmiot_buf_put_str(out, asked);
	else
		tpmiot_buf_printf(out, "%s/devices/%s", record->hub, record->device_id);
	return tpmiot_buf_cstr(out) != NULL ? TPMIOT_OK : tpmiot_err_memory(err);
}

enum tpmiot_rc
enroll_token_sas(struct enroll_env *env, struct enroll_token *token, struct tpmiot_err *err)
{
	const char *name = env->opts->name != NULL ? env->opts->name : ENROLL_DPS_NAME;
	struct enroll_signer signer = { .tpm = NULL };
	struct tpmiot_buf resource = TPMIOT_BUF_INIT;
	struct enroll_dps_record record = { .server = "" };
	struct enroll_server server = ENROLL_SERVER_INIT;
	enum tpmiot_rc rc = open_signer(env, name, &signer, &record, &server, err);

	if (rc == TPMIOT_OK)
		rc = check_clock(env, &record, &server, token->now, err);
	if (rc == TPMIOT_OK)
		rc = put_resource(env->opts->resource, &record, &resource, err);
	if (rc == TPMIOT_OK)
		rc = sign(signer.key, (const char *)resource.data, token, err);
	enroll_signer_close(&signer);
	enroll_server_free(&server);
	tpmiot_buf_free(&resource);
	return enroll_secret_explain(rc, err);
}
