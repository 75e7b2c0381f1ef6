/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state directory: where a device keeps its wrapped keys and certificates.
 * Used by the provider (to find tpmiot:NAME) and by tpmiot-enroll (to write).
 */
#ifndef TPMIOT_STATEDIR_H
#define TPMIOT_STATEDIR_H

#include <sys/types.h>

#include <tpmiot/buf.h>

#define TPMIOT_STATEDIR_ROOT "/var/lib/tpmiot" /* of devices whose services use the keys */
#define TPMIOT_STATE_FILE_MAX (1024 * 1024)

/*
 * Appends the directory's path: `given` if not NULL, else TPMIOT_STATE_DIR, else
 * /var/lib/tpmiot for root, else $XDG_STATE_HOME/tpmiot or ~/.local/state/tpmiot.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_statedir_path(
    const char *given, struct tpmiot_buf *out, struct tpmiot_err *err);

/* Appends a whole file (name relative to dir), of at most TPMIOT_STATE_FILE_MAX bytes.
 * TPMIOT_E_NOT_FOUND if there is none. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_statedir_read(
    const char *dir, const char *name, struct tpmiot_buf *out, struct tpmiot_err *err);

/*
 * Replaces a file as a whole or not at all: written beside it under the fixed name
 * ".NAME.tmp", fsync, rename, fsync of the directory. group (gid_t)-1 keeps the
 * process's own.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_statedir_write(const char *dir, const char *name,
    const void *data, size_t len, mode_t mode, gid_t group, struct tpmiot_err *err);

/* Removes a file durably; not being there is no error. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_statedir_remove(
    const char *dir, const char *name, struct tpmiot_err *err);

/* Calls fn with the NAME of each NAME and suffix (".key") in dir until it returns false. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_statedir_each(const char *dir, const char *suffix,
    bool (*fn)(void *arg, const char *name), void *arg, struct tpmiot_err *err);
/* The same of NAME.key. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_statedir_each_key(
    const char *dir, bool (*fn)(void *arg, const char *name), void *arg, struct tpmiot_err *err);

#endif
