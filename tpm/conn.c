/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting, fork, and what is to be flushed at the end. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "conn.h"
#include "opentcti.h"
#include "session.h"

static pthread_once_t forks_once = PTHREAD_ONCE_INIT, exit_once = PTHREAD_ONCE_INIT;
static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;
static struct tpmiot_tpm *all; /* so that fork finds every connection */

/* ---- fork: the child has the parent's bytes, but not its connection -------- */

/*
 * /dev/tpm0 is open in one process at a time. From the first fork on, parent and
 * child may both want it, and neither knows whether the other does: each gives it
 * up after every operation (let_go()).
 */
static bool
is_exclusive(const struct tpmiot_tpm *tpm)
{
	return tpm->bare || (tpm->conf != NULL && tpm_names_bare_device(tpm->conf));
}

/* Unloads keys and closes, unless somebody holds another handle. */
static void
let_go(struct tpmiot_tpm *tpm)
{
	static const TPM2_HANDLE none[2] = { 0, 0 };
	TPM2_HANDLE handle;

	if (tpm->tcti == NULL || tpm->given != NULL)
		return;
	while (tpm->tcti != NULL && (handle = tpm_key_give_up(tpm, none)) != 0)
		tpmiot_tpm_flush(tpm, &handle);
	tpmiot_session_end(&tpm->auth_session);
	tpm_flush_lost(tpm);
	tpm_restore_room(tpm);
	if (tpm->owned_n == 0)
		tpm_disconnect(tpm);
}

static void
fork_prepare(void)
{
	(void)pthread_mutex_lock(&all_lock);
	for (struct tpmiot_tpm *tpm = all; tpm != NULL; tpm = tpm->next) {
		tpmiot_tpm_lock(tpm);
		tpm->forked = true;
		tpm->shared = is_exclusive(tpm);
		tpm->crowded = tpm_is_open_to_others(tpm);
		if (tpm->shared)
			let_go(tpm);
	}
}

static void
fork_parent(void)
{
	for (struct tpmiot_tpm *tpm = all; tpm != NULL; tpm = tpm->next)
		tpmiot_tpm_unlock(tpm);
	(void)pthread_mutex_unlock(&all_lock);
}

static void
close_sys(TSS2_SYS_CONTEXT **sys)
{
	if (*sys != NULL)
		Tss2_Sys_Finalize(*sys);
	OPENSSL_clear_free(*sys, Tss2_Sys_GetContextSize(0));
	*sys = NULL;
}

/*
 * Finalising the TCTI here could tell the TPM (or its resource manager) that
 * the parent is done. Only the descriptor's copy is closed, because a TPM that
 * serves one connection at a time would wait for it; the rest is left behind.
 */
static void
abandon(struct tpmiot_tpm *tpm)
{
	if (tpm->given == NULL)
		tpm_abandon_tcti(tpm);
	close_sys(&tpm->sys);
	close_sys(&tpm->aside);
	tpm_restore_room(tpm);
	tpm->tcti = NULL;
	tpm->owned_n = 0;
	/* What may be lost in the TPM is the parent's. */
	tpm->doubtful = tpm->hangs = false;
	tpm->epoch++;
	tpm_session_forget(&tpm->auth_session);
}

static void
fork_child(void)
{
	for (struct tpmiot_tpm *tpm = all; tpm != NULL; tpm = tpm->next) {
		tpm_lock_init(&tpm->lock);
		abandon(tpm);
	}
	(void)pthread_mutex_init(&all_lock, NULL);
	tpm_opentcti_forked();
}

static void
watch_forks(void)
{
	(void)pthread_atfork(fork_prepare, fork_parent, fork_child);
}

/* ---- exit ------------------------------------------------------------------ */

/*
 * A program may end without having freed its keys or unloaded the provider. What a TPM
 * without a resource manager holds by then would stay there. Who is in the middle of a
 * command is not waited for, be it another thread or, in a signal handler, this one. (Also
 * run when the module is unloaded; then there is no connection any more.)
 */
static void
let_go_of_all(void)
{
	if (pthread_mutex_trylock(&all_lock) != 0)
		return;
	for (struct tpmiot_tpm *tpm = all; tpm != NULL; tpm = tpm->next) {
		if (!tpm_lock_try(&tpm->lock))
			continue;
		if (tpm->lock.depth == 1)
			let_go(tpm);
		tpm_lock_release(&tpm->lock);
	}
	(void)pthread_mutex_unlock(&all_lock);
}

/* Once something is in a TPM: later than libcrypto's own handler, so that it runs before it. */
static void
watch_exit(void)
{
	(void)atexit(let_go_of_all);
}

/* ---- life ------------------------------------------------------------------ */

static enum tpmiot_rc
new_tpm(const char *conf, TSS2_TCTI_CONTEXT *given, OSSL_LIB_CTX *libctx, struct tpmiot_tpm **out,
    struct tpmiot_err *err)
{
	struct tpmiot_tpm *tpm = OPENSSL_zalloc(sizeof(*tpm));

	if (tpm == NULL)
		return tpmiot_err_memory(err);
	if (conf != NULL && conf[0] != '\0' && (tpm->conf = OPENSSL_strdup(conf)) == NULL) {
		OPENSSL_free(tpm);
		return tpmiot_err_memory(err);
	}
	tpm->given = given;
	tpm->libctx = libctx;
	tpm_lock_init(&tpm->lock);
	(void)pthread_once(&forks_once, watch_forks);
	(void)pthread_mutex_lock(&all_lock);
	tpm->next = all;
	all = tpm;
	(void)pthread_mutex_unlock(&all_lock);
	*out = tpm;
	return TPMIOT_OK;
}

enum tpmiot_rc
tpmiot_tpm_new(
    const char *tcti, OSSL_LIB_CTX *libctx, struct tpmiot_tpm **out, struct tpmiot_err *err)
{
	return new_tpm(tcti, NULL, libctx, out, err);
}

enum tpmiot_rc
tpmiot_tpm_new_on(
    TSS2_TCTI_CONTEXT *tcti, OSSL_LIB_CTX *libctx, struct tpmiot_tpm **out, struct tpmiot_err *err)
{
	return new_tpm(NULL, tcti, libctx, out, err);
}

static void
forget(struct tpmiot_tpm *tpm)
{
	struct tpmiot_tpm **at = &all;

	(void)pthread_mutex_lock(&all_lock);
	while (*at != tpm)
		at = &(*at)->next;
	*at = tpm->next;
	(void)pthread_mutex_unlock(&all_lock);
}

void
tpmiot_tpm_free(struct tpmiot_tpm **tpm)
{
	struct tpmiot_tpm *old = *tpm;

	if (old == NULL)
		return;
	tpmiot_tpm_lock(old);
	tpmiot_session_end(&old->auth_session);
	while (old->tcti != NULL && old->owned_n > 0) {
		/* Off the list first: a garbled response may have put there what is no handle. */
		TPM2_HANDLE handle = old->owned[--old->owned_n];

		tpmiot_tpm_flush(old, &handle);
	}
	tpm_flush_lost(old);
	tpm_restore_room(old);
	tpm_disconnect(old);
	tpmiot_tpm_unlock(old);
	forget(old);
	tpm_lock_free(&old->lock);
	tpmiot_buf_free(&old->owner_auth);
	tpmiot_buf_free(&old->endorsement_auth);
	OPENSSL_free(old->conf);
	OPENSSL_free(old);
	*tpm = NULL;
}

void
tpmiot_tpm_set_timeout(struct tpmiot_tpm *tpm, unsigned int seconds)
{
	tpm->limit_s = seconds;
}

OSSL_LIB_CTX *
tpmiot_tpm_libctx(const struct tpmiot_tpm *tpm)
{
	return tpm->libctx;
}

void
tpm_lock(struct tpmiot_tpm *tpm, const struct tpm_plan *plan)
{
	tpm_lock_take(&tpm->lock, plan);
}

void
tpmiot_tpm_lock(struct tpmiot_tpm *tpm)
{
	tpm_lock(tpm, NULL);
}

/* The first command of the thread that comes next. */
static bool
send_next(struct tpmiot_tpm *tpm)
{
	const struct tpm_plan *plan = tpm_lock_next_plan(&tpm->lock);

	return plan != NULL && tpm->sys != NULL && plan->send(tpm, plan->arg);
}

void
tpmiot_tpm_unlock(struct tpmiot_tpm *tpm)
{
	const bool last = tpm->lock.depth == 1;

	if (last && tpm->shared)
		let_go(tpm);
	if (last && tpm->crowded)
		tpmiot_session_end(&tpm->auth_session);
	if (last && send_next(tpm))
		tpm_lock_hand_over(&tpm->lock);
	else
		tpm_lock_release(&tpm->lock);
}

/* ---- connecting ------------------------------------------------------------- */

static enum tpmiot_rc
open_sys(
    struct tpmiot_tpm *tpm, struct tcti_shim *shim, TSS2_SYS_CONTEXT **out, struct tpmiot_err *err)
{
	TSS2_ABI_VERSION abi = TSS2_ABI_VERSION_CURRENT;
	size_t size = Tss2_Sys_GetContextSize(0);
	TSS2_RC rc;

	*out = OPENSSL_zalloc(size);
	if (*out == NULL)
		return tpmiot_err_memory(err);
	rc = Tss2_Sys_Initialize(*out, size, tcti_shim_init(shim, tpm->tcti), &abi);
	shim->limit_s = tpm->limit_s;
	return tpm_rc("connecting to the TPM", rc, err);
}

static enum tpmiot_rc
tpm_connect(struct tpmiot_tpm *tpm, struct tpmiot_err *err)
{
	enum tpmiot_rc rc;

	if (tpm->tcti != NULL)
		return TPMIOT_OK;
	if (tpm->given != NULL)
		tpm->tcti = tpm->given;
	else {
		rc = tpm_open_tcti(tpm, err);
		tpm->absent = rc != TPMIOT_OK;
		if (rc != TPMIOT_OK)
			return rc;
		tpm->shared = tpm->forked && is_exclusive(tpm);
		(void)pthread_once(&exit_once, watch_exit);
	}
	tpm->epoch++;
	rc = open_sys(tpm, &tpm->shim, &tpm->sys, err);
	if (rc == TPMIOT_OK)
		rc = open_sys(tpm, &tpm->aside_shim, &tpm->aside, err);
	tpm->shim.make_room = tpm_make_room;
	tpm->shim.make_room_arg = tpm;
	if (rc != TPMIOT_OK)
		tpm_disconnect(tpm);
	return rc;
}

void
tpm_disconnect(struct tpmiot_tpm *tpm)
{
	close_sys(&tpm->sys);
	close_sys(&tpm->aside);
	tpm_restore_room(tpm);
	if (tpm->given == NULL)
		tpm_close_tcti(tpm);
	tpm->tcti = NULL;
	tpm->owned_n = 0;
	tpm->epoch++;
	tpm_session_forget(&tpm->auth_session);
}

enum tpmiot_rc
tpm_begin(struct tpmiot_tpm *tpm, struct tpmiot_err *err)
{
	enum tpmiot_rc rc;

	tpmiot_tpm_lock(tpm);
	rc = tpm_connect(tpm, err);
	if (rc != TPMIOT_OK)
		tpmiot_tpm_unlock(tpm);
	return rc;
}

void
tpm_end(struct tpmiot_tpm *tpm)
{
	tpmiot_tpm_unlock(tpm);
}

bool
tpm_owns(const struct tpmiot_tpm *tpm, TPM2_HANDLE handle)
{
	for (size_t i = 0; i < tpm->owned_n; i++)
		if (tpm->owned[i] == handle)
			return true;
	return false;
}

void
tpm_own(struct tpmiot_tpm *tpm, TPM2_HANDLE handle)
{
	if (tpm->owned_n < TPM_OWNED_MAX)
		tpm->owned[tpm->owned_n++] = handle;
}

void
tpm_disown(struct tpmiot_tpm *tpm, TPM2_HANDLE handle)
{
	for (size_t i = 0; i < tpm->owned_n; i++)
		if (tpm->owned[i] == handle) {
			tpm->owned[i] = tpm->owned[--tpm->owned_n];
			return;
		}
}
