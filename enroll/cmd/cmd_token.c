/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "enroll/cmd/cli.h"
#include "enroll/cmd/duration.h"
#include "enroll/enrol/certs.h"
#include "enroll/token/exec.h"
#include "enroll/token/token.h"

#define TTL_DEFAULT 3600

static const struct {
	const char *name;
	enroll_token_make *make;
} kinds[] = {
	{ "jwt", enroll_token_jwt },
	{ "jws", enroll_token_jws },
	{ "sas", enroll_token_sas },
};

static enroll_token_make *
find_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return kinds[i].make;
	return NULL;
}

static enum tpmiot_rc
read_ttl(const struct enroll_opts *opts, int64_t *out, struct tpmiot_err *err)
{
	enum tpmiot_rc rc;

	if (opts->ttl == NULL)
		return TPMIOT_OK;
	rc = enroll_duration_parse("ttl", opts->ttl, out, err);
	if (rc == TPMIOT_OK && *out == 0)
		rc = tpmiot_err_set(
		    err, TPMIOT_E_USAGE, "--ttl=%s: such a token would never be good", opts->ttl);
	return rc;
}

/* The token itself, whatever -q says, and nothing but it. */
static void
print(struct enroll_env *env, struct enroll_token *token, const char *text)
{
	struct tpmiot_buf until = TPMIOT_BUF_INIT;

	if (!env->ui.json) {
		(void)puts(text);
		return;
	}
	enroll_ui_result(&env->ui, "token", NULL, text);
	if (token->expires != 0) {
		enroll_certs_put_time(token->expires, &until);
		enroll_ui_result(&env->ui, "expires", NULL, tpmiot_buf_cstr(&until));
	}
	tpmiot_buf_free(&until);
}

enum tpmiot_rc
enroll_cmd_token(struct enroll_env *env, struct tpmiot_err *err)
{
	const struct enroll_opts *opts = env->opts;
	struct enroll_token token = { .now = (int64_t)time(NULL), .ttl = TTL_DEFAULT };
	enroll_token_make *make = opts->kind != NULL ? find_kind(opts->kind) : NULL;
	const char *text = NULL;
	enum tpmiot_rc rc;

	if (make == NULL)
		return tpmiot_err_set(
		    err, TPMIOT_E_USAGE, "which token? 'tpmiot-enroll token jwt', jws or sas");
	rc = read_ttl(opts, &token.ttl, err);
	if (rc == TPMIOT_OK)
		rc = make(env, &token, err);
	if (rc == TPMIOT_E_POLICY)
		(void)tpmiot_err_prefix(err, "not signed");
	if (rc == TPMIOT_OK && (text = tpmiot_buf_cstr(&token.text)) == NULL)
		rc = tpmiot_err_memory(err);
	if (rc == TPMIOT_OK && opts->exec != NULL)
		rc = enroll_token_exec(opts->exec, ENROLL_TOKEN_VARIABLE, text, err);
	else if (rc == TPMIOT_OK)
		print(env, &token, text);
	tpmiot_buf_free(&token.text);
	return rc;
}
