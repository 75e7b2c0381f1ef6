/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting, fork, and what is to be flushed at the end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <tss2/tss2_tctildr.h>

#include "conn.h"
#include "session.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;
static struct tpmiot_tpm *all; /* so that fork finds every connection */

static void
init_lock(struct tpmiot_tpm *tpm)
{
	pthread_mutexattr_t attr;

	(void)pthread_mutexattr_init(&attr);
	(void)pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	(void)pthread_mutex_init(&tpm->lock, &attr);
	(void)pthread_mutexattr_destroy(&attr);
}

/* ---- fork: the child has the parent's bytes, but not its connection -------- */

static void
fork_prepare(void)
{
	(void)pthread_mutex_lock(&all_lock);
	for (struct tpmiot_tpm *tpm = all; tpm != NULL; tpm = tpm->next)
		(void)pthread_mutex_lock(&tpm->lock);
}

static void
fork_parent(void)
{
	for (struct tpmiot_tpm *tpm = all; tpm != NULL; tpm = tpm->next)
		(void)pthread_mutex_unlock(&tpm->lock);
	(void)pthread_mutex_unlock(&all_lock);
}

/*
 * Finalising the TCTI here could tell the TPM (or its resource manager) that
 * the parent is done. Only the descriptor's copy is closed, because a TPM that
 * serves one connection at a time would wait for it; the rest is left behind.
 */
static void
abandon(struct tpmiot_tpm *tpm)
{
	TSS2_TCTI_POLL_HANDLE poll[1];
	size_t n = 1;

	if (tpm->tcti != NULL && tpm->given == NULL &&
	    Tss2_Tcti_GetPollHandles(tpm->tcti, poll, &n) == TSS2_RC_SUCCESS && n == 1)
		(void)close(poll[0].fd);
	free(tpm->sys);
	tpm->sys = NULL;
	tpm->tcti = NULL;
	tpm->owned_n = 0;
	tpm->epoch++;
	tpm_session_forget(&tpm->auth_session);
}

static void
fork_child(void)
{
	for (struct tpmiot_tpm *tpm = all; tpm != NULL; tpm = tpm->next) {
		init_lock(tpm);
		abandon(tpm);
	}
	(void)pthread_mutex_init(&all_lock, NULL);
}

static void
watch_forks(void)
{
	(void)pthread_atfork(fork_prepare, fork_parent, fork_child);
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
	init_lock(tpm);
	(void)pthread_once(&once, watch_forks);
	(void)pthread_mutex_lock(&all_lock);
	tpm->next = all;
	all = tpm;
	(void)pthread_mutex_unlock(&all_lock);
	*out = tpm;
	return TPMIOT_OK;
}

enum tpmiot_rc
tpmiot_tpm_new(const char *tcti, OSSL_LIB_CTX *libctx, struct tpmiot_tpm **out,
    struct tpmiot_err *err)
{
	return new_tpm(tcti, NULL, libctx, out, err);
}

enum tpmiot_rc
tpmiot_tpm_new_on(TSS2_TCTI_CONTEXT *tcti, OSSL_LIB_CTX *libctx, struct tpmiot_tpm **out,
    struct tpmiot_err *err)
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
		TPM2_HANDLE handle = old->owned[old->owned_n - 1];

		tpmiot_tpm_flush(old, &handle);
	}
	tpm_disconnect(old);
	tpmiot_tpm_unlock(old);
	forget(old);
	(void)pthread_mutex_destroy(&old->lock);
	tpmiot_buf_free(&old->owner_auth);
	tpmiot_buf_free(&old->endorsement_auth);
	OPENSSL_free(old->conf);
	OPENSSL_free(old);
	*tpm = NULL;
}

OSSL_LIB_CTX *
tpmiot_tpm_libctx(const struct tpmiot_tpm *tpm)
{
	return tpm->libctx;
}

void
tpmiot_tpm_lock(struct tpmiot_tpm *tpm)
{
	(void)pthread_mutex_lock(&tpm->lock);
}

void
tpmiot_tpm_unlock(struct tpmiot_tpm *tpm)
{
	(void)pthread_mutex_unlock(&tpm->lock);
}

/* ---- connecting ------------------------------------------------------------- */

/* tctildr keeps errno of the device's open() more often than not: say what helps. */
static enum tpmiot_rc
no_tcti(const struct tpmiot_tpm *tpm, TSS2_RC rc, int saved, struct tpmiot_err *err)
{
	const char *conf = tpm->conf != NULL ? tpm->conf : "default search";
	const char *device = strstr(conf, "/dev/");
	enum tpmiot_rc result;

	if (saved == EACCES || (device != NULL && access(device, F_OK) == 0 &&
	    access(device, R_OK | W_OK) != 0))
		result = tpmiot_err_set(err, TPMIOT_E_PERM,
		    "no permission to use the TPM (TCTI %s): run as root or join the group that "
		    "owns the device (often tss)", conf);
	else
		result = tpmiot_err_set(err, TPMIOT_E_TPM_GONE,
		    "no TPM at TCTI %s (0x%x): check that it is there and running, or name "
		    "another with TPMIOT_TCTI, for example device:/dev/tpmrm0", conf, rc);
	if (err != NULL)
		err->tss = rc;
	return result;
}

static enum tpmiot_rc
open_sys(struct tpmiot_tpm *tpm, struct tpmiot_err *err)
{
	TSS2_ABI_VERSION abi = TSS2_ABI_VERSION_CURRENT;
	size_t size = Tss2_Sys_GetContextSize(0);
	TSS2_RC rc;

	tpm->sys = calloc(1, size);
	if (tpm->sys == NULL)
		return tpmiot_err_memory(err);
	rc = Tss2_Sys_Initialize(tpm->sys, size, tcti_shim_init(&tpm->shim, tpm->tcti), &abi);
	return tpm_rc("connecting to the TPM", rc, err);
}

static enum tpmiot_rc
tpm_connect(struct tpmiot_tpm *tpm, struct tpmiot_err *err)
{
	enum tpmiot_rc rc;
	TSS2_RC tss;

	if (tpm->tcti != NULL)
		return TPMIOT_OK;
	if (tpm->given != NULL)
		tpm->tcti = tpm->given;
	else {
		errno = 0;
		tss = Tss2_TctiLdr_Initialize(tpm->conf, &tpm->tcti);
		if (tss != TSS2_RC_SUCCESS) {
			tpm->tcti = NULL;
			return no_tcti(tpm, tss, errno, err);
		}
	}
	tpm->epoch++;
	rc = open_sys(tpm, err);
	if (rc != TPMIOT_OK)
		tpm_disconnect(tpm);
	return rc;
}

void
tpm_disconnect(struct tpmiot_tpm *tpm)
{
	if (tpm->sys != NULL) {
		Tss2_Sys_Finalize(tpm->sys);
		free(tpm->sys);
		tpm->sys = NULL;
	}
	if (tpm->tcti != NULL && tpm->given == NULL)
		Tss2_TctiLdr_Finalize(&tpm->tcti);
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
