/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "enroll/cmd/cli.h"
#include "enroll/dps/keep.h"
#include "enroll/enrol/secret.h"
#include "enroll/state/journal.h"
#include "enroll/state/pending.h"
#include "enroll/net/server.h"
#include "enroll/secret/kept.h"

#define KEYS_MAX 256

struct keys {
	char names[KEYS_MAX][TPMIOT_KEY_NAME_MAX + 1];
	size_t n;
};

static bool
collect(void *arg, const char *name)
{
	struct keys *keys = arg;

	if (keys->n < KEYS_MAX && strcmp(name, ENROLL_AK_NAME) != 0 &&
	    strcmp(name, ENROLL_CA_NAME) != 0)
		(void)snprintf(keys->names[keys->n++], sizeof(keys->names[0]), "%s", name);
	return keys->n < KEYS_MAX;
}

/* A script says what it wants by calling; a person at a terminal is asked once. */
static bool
confirmed(const struct enroll_env *env)
{
	char answer[8];
	bool yes;

	if (env->opts->yes || isatty(STDIN_FILENO) != 1)
		return true;
	(void)fprintf(stderr, "Give up the %s%s in %s? [y/N] ",
	    env->opts->name != NULL ? "key " : "keys and certificates",
	    env->opts->name != NULL ? env->opts->name : "", env->dir);
	enroll_signals_release(); /* nothing was begun: a signal is an answer, too */
	yes =
	    fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y');
	enroll_signals_hold();
	return yes;
}

/* What a killed run left in the TPM is known by the key files: so it goes before they do. */
static void
clean_tpm(const struct enroll_env *env, const struct enroll_state *state)
{
	struct tpmiot_tpm *tpm = NULL;
	struct tpmiot_err err;

	if (!enroll_journal_exists(state->dir))
		return;
	if (tpmiot_tpm_new(env->tcti, NULL, &tpm, &err) != TPMIOT_OK ||
	    enroll_journal_begin(state, tpm, &env->ui, &err) != TPMIOT_OK)
		enroll_ui_warn(
		    &env->ui, "an interrupted run may have left objects in the TPM: %s", err.text);
	tpmiot_tpm_free(&tpm);
}

/* The certificate first: a key without one is a state that enroll goes on from. */
static enum tpmiot_rc
remove_key(const struct enroll_env *env, const struct enroll_state *state, const char *name,
    json_t *removed, struct tpmiot_err *err)
{
	char file[ENROLL_FILE_NAME_MAX];
	enum tpmiot_rc rc;

	rc = enroll_pending_drop(state, name, err);
	enroll_state_file_name(name, ".crt", file);
	if (rc == TPMIOT_OK)
		rc = tpmiot_statedir_remove(state->dir, file, err);
	if (rc == TPMIOT_OK)
		rc = enroll_dps_forget(env, state, name, err);
	enroll_state_file_name(name, ".key", file);
	if (rc == TPMIOT_OK)
		rc = tpmiot_statedir_remove(state->dir, file, err);
	if (rc == TPMIOT_OK) {
		enroll_ui_detail(&env->ui, "removed %s", name);
		(void)json_array_append_new(removed, json_string(name));
	}
	return rc;
}

static enum tpmiot_rc
remove_with(const struct enroll_env *env, const struct enroll_state *state, const char *suffix,
    json_t *removed, struct tpmiot_err *err)
{
	struct keys keys = { .n = 0 };
	enum tpmiot_rc rc;

	do {
		keys.n = 0;
		rc = tpmiot_statedir_each(state->dir, suffix, collect, &keys, err);
		for (size_t i = 0; i < keys.n && rc == TPMIOT_OK; i++)
			rc = remove_key(env, state, keys.names[i], removed, err);
	} while (rc == TPMIOT_OK && keys.n == KEYS_MAX);
	return rc;
}

static enum tpmiot_rc
remove_all(const struct enroll_env *env, const struct enroll_state *state, json_t *removed,
    struct tpmiot_err *err)
{
	/* Also what lost its key: a certificate, a registration. */
	static const char *const suffixes[] = { ".key", ".crt", ENROLL_DPS_SUFFIX };
	enum tpmiot_rc rc = TPMIOT_OK;

	for (size_t i = 0; rc == TPMIOT_OK && i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		rc = remove_with(env, state, suffixes[i], removed, err);
	if (rc == TPMIOT_OK)
		rc = enroll_kept_remove_all(state, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_statedir_remove(state->dir, ENROLL_AK_NAME ".key", err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_statedir_remove(state->dir, ENROLL_CA_NAME ".crt", err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_statedir_remove(state->dir, ENROLL_SERVER_FILE, err);
	return rc;
}

static enum tpmiot_rc
reset(struct enroll_env *env, const struct enroll_state *state, struct tpmiot_err *err)
{
	json_t *removed = json_array();
	enum tpmiot_rc rc;

	clean_tpm(env, state);
	if (env->opts->name != NULL)
		rc = remove_key(env, state, env->opts->name, removed, err);
	else
		rc = remove_all(env, state, removed, err);
	rc = enroll_secret_explain(rc, err);
	if (rc == TPMIOT_OK)
		rc = enroll_journal_end(state, rc, err);
	enroll_ui_member(&env->ui, "removed", removed);
	if (rc == TPMIOT_OK)
		enroll_ui_note(&env->ui, "reset: %s has no %s%s any more", state->dir,
		    env->opts->name != NULL ? "key " : "keys",
		    env->opts->name != NULL ? env->opts->name : "");
	return rc;
}

enum tpmiot_rc
enroll_cmd_reset(struct enroll_env *env, struct tpmiot_err *err)
{
	struct enroll_state state = ENROLL_STATE_INIT;
	enum tpmiot_rc rc = TPMIOT_OK;

	if (env->opts->name != NULL)
		rc = enroll_state_check_name(env->opts->name, err);
	if (rc != TPMIOT_OK)
		return rc;
	if (access(env->dir, F_OK) != 0 && errno == ENOENT)
		return TPMIOT_OK; /* nothing was ever made */
	if (!confirmed(env))
		return tpmiot_err_set(err, TPMIOT_E_IO, "nothing was removed");
	rc = enroll_state_open(env->dir, &state, err);
	if (rc == TPMIOT_OK)
		rc = reset(env, &state, err);
	enroll_state_close(&state);
	return rc;
}
