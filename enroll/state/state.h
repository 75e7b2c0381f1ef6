/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state directory as tpmiot-enroll owns it: one writer at a time, fixed
 * file names, who may read which file.
 */
#ifndef ENROLL_STATE_H
#define ENROLL_STATE_H

#include <tpmiot/keyfile.h>
#include <tpmiot/statedir.h>
#include <tpmiot/uri.h>

/* The group of the TPM device: its services may use the keys. */
#define ENROLL_DEVICE_GROUP "tss"
#define ENROLL_DEFAULT_NAME "device"
#define ENROLL_AK_NAME "ak"
#define ENROLL_CA_NAME "ca"
#define ENROLL_JOURNAL_FILE ".journal"
#define ENROLL_FILE_NAME_MAX (TPMIOT_KEY_NAME_MAX + 16) /* ".NAME.next.key" */

struct enroll_state {
	const char *dir; /* borrowed */
	int fd;          /* of the directory, locked; -1 if not open */
	gid_t group;     /* whose services may use the keys; (gid_t)-1 if nobody's */
};

#define ENROLL_STATE_INIT                                                                          \
	{                                                                                          \
		NULL, -1, (gid_t)-1                                                                \
	}

/*
 * Makes the directory where there is none, locks it against other runs of this
 * program (waits for them, but not for ever: TPMIOT_E_IO), and removes what an
 * interrupted write left behind. TPMIOT_E_PERM: others could write to it.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_state_open(
    const char *dir, struct enroll_state *out, struct tpmiot_err *err);
void enroll_state_close(struct enroll_state *state);

/*
 * Whose services may use the keys that are written from now on: a group's name, or number. NULL: as
 * it was said for NAME.key, which that group may read; without one it stays the TPM device's.
 * TPMIOT_E_USAGE: no such group.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_state_set_group(
    struct enroll_state *state, const char *name, const char *group, struct tpmiot_err *err);

/* Whether a key may have this name: valid, and not one that our own files have. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_state_check_name(const char *name, struct tpmiot_err *err);

/* NAME and ".key" or ".crt". */
void enroll_state_file_name(const char *name, const char *suffix, char out[ENROLL_FILE_NAME_MAX]);

/* TPMIOT_E_NOT_FOUND if there is no such key; what is no key file is named. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_state_read_key(
    const char *dir, const char *name, struct tpmiot_keyfile *out, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc enroll_state_write_key(const struct enroll_state *state,
    const char *name, const struct tpmiot_keyfile *key, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc enroll_state_write_cert(const struct enroll_state *state,
    const char *name, const void *pem, size_t len, struct tpmiot_err *err);
/* A file of our own that is no secret. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_state_write_text(
    const struct enroll_state *state, const char *file, const char *text, struct tpmiot_err *err);

#endif
