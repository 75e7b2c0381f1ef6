/* SPDX-License-Identifier: Apache-2.0 */
/* tpmiot-enroll secret: what the CA gave this device to keep. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include <tpmiot/b64.h>

#include "enroll/cmd/cli.h"
#include "enroll/enrol/secret.h"
#include "enroll/net/json.h"
#include "enroll/secret/kept.h"
#include "enroll/token/exec.h"

#define SECRET_VARIABLE "TPMIOT_SECRET"
#define MESSAGE_MAX (16 * 1024 * 1024)

/* ---- list ---------------------------------------------------------------------------- */

struct listing {
	struct enroll_env *env;
	json_t *rows;
};

static bool
add_row(void *arg, const char *name)
{
	struct listing *listing = arg;
	struct enroll_kept kept;
	struct tpmiot_err err;
	const char *kind = "unreadable";

	if (enroll_kept_read(listing->env->dir, name, &kept, &err) == TPMIOT_OK) {
		kind = tpmiot_public_is_hmac_key(&kept.file.pub) ? "hmac" : "data";
		enroll_kept_free(&kept);
	}
	if (!listing->env->ui.json)
		(void)printf("%-32s %s\n", name, kind);
	(void)json_array_append_new(
	    listing->rows, json_pack("{s:s, s:s}", "name", name, "kind", kind));
	return true;
}

static enum tpmiot_rc
list(struct enroll_env *env, struct tpmiot_err *err)
{
	struct listing listing = { env, json_array() };
	enum tpmiot_rc rc =
	    tpmiot_statedir_each(env->dir, ENROLL_KEPT_SUFFIX, add_row, &listing, err);

	enroll_ui_member(&env->ui, "secrets", listing.rows);
	return rc == TPMIOT_E_NOT_FOUND ? TPMIOT_OK : rc;
}

/* ---- show, use ------------------------------------------------------------------------ */

static enum tpmiot_rc
write_out(const void *data, size_t len, struct tpmiot_err *err)
{
	if (fwrite(data, 1, len, stdout) != len || fflush(stdout) != 0)
		return tpmiot_err_errno(err, "standard output");
	return TPMIOT_OK;
}

/* In the --json object: as text, or where no string of JSON takes the bytes, in base64. */
static enum tpmiot_rc
put_value(struct enroll_env *env, const struct tpmiot_buf *value, struct tpmiot_err *err)
{
	json_t *text = memchr(value->data, 0, value->len) == NULL
	                   ? json_stringn((const char *)value->data, value->len)
	                   : NULL;
	const char *member = text != NULL ? "value" : "value_base64";

	if (text == NULL)
		text = enroll_json_binary(value->data, value->len);
	if (text == NULL)
		return tpmiot_err_memory(err);
	enroll_ui_member(&env->ui, member, text);
	return TPMIOT_OK;
}

/* The bytes as they are: text or not, without a line end of our own. */
static enum tpmiot_rc
show(struct enroll_env *env, struct tpmiot_tpm *tpm, const struct enroll_kept *kept,
    struct tpmiot_err *err)
{
	struct tpmiot_buf value = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	if (tpmiot_public_is_hmac_key(&kept->file.pub))
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "this is an HMAC key, which the TPM uses and never gives out: "
		    "'tpmiot-enroll secret use' computes HMACs with it");
	rc = enroll_kept_open(tpm, kept, &value, err);
	if (rc == TPMIOT_OK)
		rc = env->ui.json ? put_value(env, &value, err)
		                  : write_out(value.data, value.len, err);
	tpmiot_buf_free(&value);
	return rc;
}

static enum tpmiot_rc
read_message(struct tpmiot_buf *out, struct tpmiot_err *err)
{
	uint8_t chunk[4096];
	ssize_t n;

	enroll_signals_release(); /* nothing is loaded yet */
	while ((n = read(STDIN_FILENO, chunk, sizeof(chunk))) > 0 && out->len <= MESSAGE_MAX)
		tpmiot_buf_put(out, chunk, (size_t)n);
	enroll_signals_hold();
	if (n < 0)
		return tpmiot_err_errno(err, "standard input");
	if (out->len > MESSAGE_MAX)
		return tpmiot_err_set(
		    err, TPMIOT_E_USAGE, "a message has at most %d bytes", MESSAGE_MAX);
	return tpmiot_buf_done(out, err);
}

/* HMAC of standard input, in hexadecimal. */
static enum tpmiot_rc
use_hmac(struct enroll_env *env, struct tpmiot_tpm *tpm, const struct enroll_kept *kept,
    struct tpmiot_err *err)
{
	struct tpmiot_buf message = TPMIOT_BUF_INIT, text = TPMIOT_BUF_INIT;
	struct tpmiot_key *key = NULL;
	TPM2B_DIGEST hmac;
	enum tpmiot_rc rc = read_message(&message, err);

	if (rc == TPMIOT_OK)
		rc = tpmiot_key_from_file(tpm, &kept->file, &key, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_key_hmac(
		    key, (struct tpmiot_bytes){ message.data, message.len }, &hmac, err);
	if (rc == TPMIOT_OK) {
		tpmiot_hex_encode(hmac.buffer, hmac.size, &text);
		enroll_ui_result(&env->ui, "hmac", NULL, tpmiot_buf_cstr(&text));
		tpmiot_buf_put_str(&text, "\n");
		rc = tpmiot_buf_done(&text, err);
	}
	if (rc == TPMIOT_OK && !env->ui.json)
		rc = write_out(text.data, text.len, err);
	tpmiot_key_unref(&key);
	tpmiot_buf_free(&message);
	tpmiot_buf_free(&text);
	return rc;
}

/* A program with the value in its environment. The TPM is given up before. */
static enum tpmiot_rc
run_with(struct enroll_env *env, struct tpmiot_tpm **tpm, const struct enroll_kept *kept,
    struct tpmiot_err *err)
{
	struct tpmiot_buf value = TPMIOT_BUF_INIT;
	const char *text = NULL;
	enum tpmiot_rc rc = enroll_kept_open(*tpm, kept, &value, err);

	if (rc == TPMIOT_OK && (text = tpmiot_buf_cstr(&value)) == NULL)
		rc = tpmiot_err_memory(err);
	else if (rc == TPMIOT_OK && strlen(text) != value.len)
		rc = tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "the value has a zero byte in it, which no environment takes; "
		    "'tpmiot-enroll secret show' writes it to a pipe");
	tpmiot_tpm_free(tpm);
	if (rc == TPMIOT_OK)
		rc = enroll_token_exec(env->opts->exec, SECRET_VARIABLE, text, err);
	tpmiot_buf_free(&value);
	return rc;
}

static enum tpmiot_rc
use(struct enroll_env *env, struct tpmiot_tpm **tpm, const struct enroll_kept *kept,
    struct tpmiot_err *err)
{
	if (tpmiot_public_is_hmac_key(&kept->file.pub) && env->opts->exec == NULL)
		return use_hmac(env, *tpm, kept, err);
	if (tpmiot_public_is_hmac_key(&kept->file.pub))
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "an HMAC key is no value for a program: without --exec, the HMAC of standard "
		    "input is printed");
	if (env->opts->exec == NULL)
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "which program? --exec COMMAND runs one with the value in " SECRET_VARIABLE);
	return run_with(env, tpm, kept, err);
}

static enum tpmiot_rc
with_secret(struct enroll_env *env, bool showing, struct tpmiot_err *err)
{
	struct enroll_kept kept = { .data = TPMIOT_BUF_INIT };
	struct tpmiot_tpm *tpm = NULL;
	enum tpmiot_rc rc = TPMIOT_OK;

	if (env->opts->word == NULL || !tpmiot_key_name_valid(env->opts->word))
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "which secret? 'tpmiot-enroll secret list' shows their names");
	rc = enroll_kept_read(env->dir, env->opts->word, &kept, err);
	if (rc == TPMIOT_OK)
		rc = enroll_secret_open_tpm(env, &tpm, err);
	if (rc == TPMIOT_OK)
		rc = showing ? show(env, tpm, &kept, err) : use(env, &tpm, &kept, err);
	tpmiot_tpm_free(&tpm);
	enroll_kept_free(&kept);
	return rc;
}

enum tpmiot_rc
enroll_cmd_secret(struct enroll_env *env, struct tpmiot_err *err)
{
	const char *kind = env->opts->kind != NULL ? env->opts->kind : "";

	if (strcmp(kind, "list") == 0)
		return list(env, err);
	if (strcmp(kind, "show") == 0 || strcmp(kind, "use") == 0)
		return with_secret(env, strcmp(kind, "show") == 0, err);
	return tpmiot_err_set(
	    err, TPMIOT_E_USAGE, "secret what? 'tpmiot-enroll secret list', show or use");
}
