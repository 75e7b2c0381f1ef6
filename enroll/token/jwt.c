/* SPDX-License-Identifier: Apache-2.0 */
/* token jwt, token jws: the same signature over claims, or over a message. */
#include <stdio.h>
#include <string.h>

#include "enroll/enrol/secret.h"
#include "enroll/state/state.h"
#include "enroll/token/claims.h"
#include "enroll/token/clock.h"
#include "enroll/token/jws.h"
#include "enroll/token/signer.h"
#include "enroll/token/token.h"

/* The key, the algorithm, and a clock that can be signed by. */
static enum tpmiot_rc
open_signer(struct enroll_env *env, int64_t now, struct enroll_signer *signer,
    const struct tpmiot_jws_alg **alg, struct tpmiot_err *err)
{
	const char *name = env->opts->name != NULL ? env->opts->name : ENROLL_DEFAULT_NAME;
	enum tpmiot_rc rc = enroll_signer_open(env, name, signer, err);

	if (rc == TPMIOT_OK)
		rc = enroll_jws_alg(env->opts->alg, tpmiot_key_pkey(signer->key), alg, err);
	if (rc == TPMIOT_OK)
		rc = enroll_clock_check(signer->leaf, now, err);
	if (rc == TPMIOT_OK && env->opts->check_clock)
		rc = enroll_clock_ask(env, now, err);
	return rc;
}

enum tpmiot_rc
enroll_token_jwt(struct enroll_env *env, struct enroll_token *token, struct tpmiot_err *err)
{
	struct enroll_signer signer = { .tpm = NULL };
	struct tpmiot_buf payload = TPMIOT_BUF_INIT;
	const struct tpmiot_jws_alg *alg = NULL;
	json_t *more = json_pack("{s:s}", "typ", "JWT");
	enum tpmiot_rc rc = TPMIOT_OK;

	if (env->opts->aud == NULL)
		rc = tpmiot_err_set(err, TPMIOT_E_USAGE, "token jwt: --aud=AUDIENCE is missing");
	if (rc == TPMIOT_OK)
		rc = open_signer(env, token->now, &signer, &alg, err);
	if (rc == TPMIOT_OK) {
		const struct enroll_claims claims = { .audience = env->opts->aud,
			.subject = env->opts->sub != NULL ? env->opts->sub : signer.device_id,
			.issued = token->now,
			.expires = token->now + token->ttl,
			.more = &env->opts->claims };

		token->expires = claims.expires;
		rc = enroll_claims_put(&claims, &payload, err);
	}
	if (rc == TPMIOT_OK)
		rc = enroll_jws_sign(
		    signer.key, alg, more, payload.data, payload.len, &token->text, err);
	enroll_signer_close(&signer);
	json_decref(more);
	tpmiot_buf_free(&payload);
	return enroll_signer_explain(&signer, rc, err);
}

static enum tpmiot_rc
read_stdin(struct tpmiot_buf *out, struct tpmiot_err *err)
{
	char chunk[4096];
	size_t len;

	while (out->len <= TPMIOT_JWS_MAX && (len = fread(chunk, 1, sizeof(chunk), stdin)) > 0)
		tpmiot_buf_put(out, chunk, len);
	if (ferror(stdin) != 0)
		return tpmiot_err_errno(err, "cannot read the message from stdin");
	return tpmiot_buf_done(out, err);
}

enum tpmiot_rc
enroll_token_jws(struct enroll_env *env, struct enroll_token *token, struct tpmiot_err *err)
{
	struct enroll_signer signer = { .tpm = NULL };
	struct tpmiot_buf message = TPMIOT_BUF_INIT;
	const struct tpmiot_jws_alg *alg = NULL;
	/* No reader takes this for a JWT; when it was signed is said as in one (RFC 7519 5.3). */
	json_t *more = json_pack("{s:s, s:I}", "typ", "JOSE", "iat", (json_int_t)token->now);
	enum tpmiot_rc rc = open_signer(env, token->now, &signer, &alg, err);

	if (rc == TPMIOT_OK)
		rc = read_stdin(&message, err);
	if (rc == TPMIOT_OK)
		rc = enroll_jws_sign(
		    signer.key, alg, more, message.data, message.len, &token->text, err);
	enroll_signer_close(&signer);
	json_decref(more);
	tpmiot_buf_free(&message);
	return enroll_signer_explain(&signer, rc, err);
}
