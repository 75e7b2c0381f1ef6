/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h> /* dl_iterate_phdr() */

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tss2/tss2_tctildr.h>

#include "opentcti.h"
#include "relay.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BUSY_RETRIES 24      /* about six seconds in all: */
#define BUSY_PAUSE_LONGEST 5 /* 320 ms, see tcti_back_off() */

/*
 * tpm2-abrmd is reached by D-Bus, whose library (GLib) has a thread of its own and does
 * not survive a fork: a child that turned to D-Bus after its parent did would wait for ever for
 * that thread. The parent may have done so unasked, in tpm2-tss's default search.
 */
static atomic_bool dbus_used, dbus_lost;
static atomic_bool found_abrmd; /* by the default search */

static bool
is_by_dbus(const struct tpmiot_tpm *tpm)
{
	if (tpm->conf == NULL)
		return tpm->given == NULL && atomic_load(&found_abrmd);
	return strstr(tpm->conf, "tabrmd") != NULL;
}

static int
is_named(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	return info->dlpi_name != NULL && strstr(info->dlpi_name, arg) != NULL;
}

/* Whether a library is loaded in this process. */
static bool
is_library(const char *name)
{
	return dl_iterate_phdr(is_named, (void *)(uintptr_t)name) != 0;
}

void
tpm_opentcti_forked(void)
{
	atomic_store(&dbus_lost, atomic_load(&dbus_used));
}

bool
tpm_is_open_to_others(const struct tpmiot_tpm *tpm)
{
	if (tpm->given != NULL)
		return true;
	/* The default search finds devices and resource managers before what is for tests. */
	return tpm->conf != NULL && strstr(tpm->conf, "/dev/tpm") == NULL && !is_by_dbus(tpm);
}

bool
tpm_names_bare_device(const char *text)
{
	const char *device = strstr(text, "/dev/tpm");

	return device != NULL && isdigit((unsigned char)device[strlen("/dev/tpm")]);
}

bool
tpm_is_bare_device(int fd)
{
	char link[32], path[PATH_MAX];
	ssize_t len;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 0)
		return false;
	path[len] = '\0';
	return tpm_names_bare_device(path);
}

/* ---- opening --------------------------------------------------------------------- */

/* tctildr keeps errno of the device's open() more often than not: say what helps. */
static enum tpmiot_rc
no_tcti(const struct tpmiot_tpm *tpm, TSS2_RC rc, int saved, struct tpmiot_err *err)
{
	const char *conf = tpm->conf != NULL ? tpm->conf : "default search";
	const char *device = strstr(conf, "/dev/");
	enum tpmiot_rc result;

	if (is_by_dbus(tpm) && atomic_load(&dbus_lost))
		result = tpmiot_err_set(err, TPMIOT_E_TPM_GONE,
		    "a process whose parent used tpm2-abrmd before the fork can reach it by "
		    "/usr/bin/tpm2_send only: install tpm2-tools, or use the kernel's resource "
		    "manager, device:/dev/tpmrm0");
	else if (saved == EACCES ||
	         (device != NULL && access(device, F_OK) == 0 && access(device, R_OK | W_OK) != 0))
		result = tpmiot_err_set(err, TPMIOT_E_PERM,
		    "no permission to use the TPM (TCTI %s): run as root or join the group that "
		    "owns the device (often tss)",
		    conf);
	else if (tpm->conf != NULL && rc == TSS2_TCTI_RC_BAD_VALUE)
		result = tpmiot_err_set(err, TPMIOT_E_TPM_GONE,
		    "TCTI %s: what stands behind the first ':' is not understood; it is "
		    "NAME:OPTIONS, for example device:/dev/tpmrm0 or "
		    "swtpm:host=localhost,port=2321",
		    conf);
	else if (tpm->conf != NULL && rc == TSS2_TCTI_RC_NOT_SUPPORTED)
		result = tpmiot_err_set(err, TPMIOT_E_TPM_GONE,
		    "TCTI %s: no such kind is installed (libtss2-tcti-NAME.so, often in a package "
		    "of its own); it is NAME:OPTIONS, for example device:/dev/tpmrm0",
		    conf);
	else if (saved == EBUSY)
		result = tpmiot_err_set(err, TPMIOT_E_TPM_GONE,
		    "another program holds the TPM (TCTI %s) and does not let go: stop it, or let "
		    "both use a resource manager (device:/dev/tpmrm0, tabrmd)",
		    conf);
	else
		result = tpmiot_err_set(err, TPMIOT_E_TPM_GONE,
		    "no TPM at TCTI %s (0x%x): check that it is there and running, or name "
		    "another with TPMIOT_TCTI, for example device:/dev/tpmrm0",
		    conf, rc);
	if (err != NULL)
		err->tss = rc;
	return result;
}

/*
 * /dev/tpm0 lets in one program at a time; most stay for moments only. Pauses stop growing, or
 * who waits longest would have the least chance against those that come and go.
 */
static TSS2_RC
open_patiently(const char *conf, TSS2_TCTI_CONTEXT **tcti, int *saved)
{
	unsigned int tries = 0;
	TSS2_RC rc;

	for (;;) {
		errno = 0;
		rc = Tss2_TctiLdr_Initialize(conf, tcti);
		*saved = errno;
		if (rc == TSS2_RC_SUCCESS)
			return rc;
		*tcti = NULL;
		if (*saved != EBUSY || tries == BUSY_RETRIES)
			return rc;
		tcti_back_off(tries < BUSY_PAUSE_LONGEST ? tries : BUSY_PAUSE_LONGEST);
		tries++;
	}
}

/* The connection's descriptor; -1: none, or nobody may know. */
static int
tcti_fd(TSS2_TCTI_CONTEXT *tcti)
{
	TSS2_TCTI_POLL_HANDLE fds[1];
	size_t n = 1;

	if (Tss2_Tcti_GetPollHandles(tcti, fds, &n) != TSS2_RC_SUCCESS || n != 1)
		return -1;
	return fds[0].fd;
}

/* Of what the default search may find, only tpm2-abrmd is connected so: it sends one by D-Bus. */
static bool
is_unix_socket(int fd)
{
	struct sockaddr_storage addr = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(addr);

	return getsockname(fd, (struct sockaddr *)&addr, &len) == 0 && addr.ss_family == AF_UNIX;
}

/* What the default search goes on with behind tpm2-abrmd. */
static const char *const DEVICES[] = { "device:/dev/tpmrm0", "device:/dev/tpm0", "swtpm", "mssim" };

static TSS2_RC
search_devices(struct tpmiot_tpm *tpm, int *saved)
{
	TSS2_RC rc = TSS2_TCTI_RC_NOT_SUPPORTED;

	for (size_t i = 0; rc != TSS2_RC_SUCCESS && i < COUNT(DEVICES); i++)
		rc = open_patiently(DEVICES[i], &tpm->tcti, saved);
	return rc;
}

/* In a child that cannot do by D-Bus what its parent did. */
static TSS2_RC
open_without_dbus(struct tpmiot_tpm *tpm, int *saved)
{
	const char *conf = tpm->conf != NULL ? tpm->conf : "tabrmd";

	if (!is_by_dbus(tpm))
		return search_devices(tpm, saved);
	if (tpm_relay_open_tpm2_send(conf, &tpm->tcti))
		return TSS2_RC_SUCCESS;
	return TSS2_TCTI_RC_NO_CONNECTION;
}

static TSS2_RC
open_any(struct tpmiot_tpm *tpm, int *saved)
{
	bool may_use_dbus = tpm->conf == NULL || is_by_dbus(tpm);
	TSS2_RC rc;

	if (may_use_dbus && atomic_load(&dbus_lost))
		return open_without_dbus(tpm, saved);
	rc = open_patiently(tpm->conf, &tpm->tcti, saved);
	if (may_use_dbus && is_library("libgio-2.0"))
		atomic_store(&dbus_used, true);
	if (rc == TSS2_RC_SUCCESS && tpm->conf == NULL)
		atomic_store(&found_abrmd, is_unix_socket(tcti_fd(tpm->tcti)));
	return rc;
}

enum tpmiot_rc
tpm_open_tcti(struct tpmiot_tpm *tpm, struct tpmiot_err *err)
{
	int saved = 0, fd;
	TSS2_RC rc = open_any(tpm, &saved);

	if (rc != TSS2_RC_SUCCESS)
		return no_tcti(tpm, rc, saved, err);
	/* What the program starts must not keep the TPM open. */
	fd = tcti_fd(tpm->tcti);
	if (fd >= 0)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	tpm->bare = tpm_is_bare_device(fd);
	return TPMIOT_OK;
}

/* ---- closing --------------------------------------------------------------------- */

void
tpm_close_tcti(struct tpmiot_tpm *tpm)
{
	if (tpm->tcti != NULL && !tpm_relay_close(&tpm->tcti))
		Tss2_TctiLdr_Finalize(&tpm->tcti);
	tpm->tcti = NULL;
}

void
tpm_abandon_tcti(struct tpmiot_tpm *tpm)
{
	int fd = tpm->tcti != NULL ? tcti_fd(tpm->tcti) : -1;

	if (fd >= 0)
		(void)close(fd);
	tpm->tcti = NULL;
}
