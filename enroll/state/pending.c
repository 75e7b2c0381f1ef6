/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "enroll/state/pending.h"

void
enroll_pending_name(const char *name, char out[ENROLL_FILE_NAME_MAX])
{
	(void)snprintf(out, ENROLL_FILE_NAME_MAX - 4, ".%s.next", name);
}

static enum tpmiot_rc
put_in_place(
    const struct enroll_state *state, const char *name, const char *suffix, struct tpmiot_err *err)
{
	char from[ENROLL_FILE_NAME_MAX], to[ENROLL_FILE_NAME_MAX], next[ENROLL_FILE_NAME_MAX];

	enroll_pending_name(name, next);
	enroll_state_file_name(next, suffix, from);
	enroll_state_file_name(name, suffix, to);
	if (renameat(state->fd, from, state->fd, to) == 0 || errno == ENOENT)
		return TPMIOT_OK;
	return tpmiot_err_errno(err, "cannot rename %s/%s", state->dir, from);
}

/*
 * The certificate's presence is the decision. It goes last, so that what was cut short
 * anywhere in here is done again from the start.
 */
enum tpmiot_rc
enroll_pending_finish(const struct enroll_state *state, const char *name, struct tpmiot_err *err)
{
	char next[ENROLL_FILE_NAME_MAX], file[ENROLL_FILE_NAME_MAX];
	enum tpmiot_rc rc;

	enroll_pending_name(name, next);
	enroll_state_file_name(next, ".crt", file);
	if (faccessat(state->fd, file, F_OK, 0) != 0)
		return TPMIOT_OK;
	rc = put_in_place(state, name, ".key", err);
	if (rc == TPMIOT_OK && fsync(state->fd) != 0)
		rc = tpmiot_err_errno(err, "cannot write %s to disk", state->dir);
	if (rc == TPMIOT_OK)
		rc = put_in_place(state, name, ".crt", err);
	if (rc == TPMIOT_OK && fsync(state->fd) != 0)
		rc = tpmiot_err_errno(err, "cannot write %s to disk", state->dir);
	return rc;
}

enum tpmiot_rc
enroll_pending_drop(const struct enroll_state *state, const char *name, struct tpmiot_err *err)
{
	char next[ENROLL_FILE_NAME_MAX], file[ENROLL_FILE_NAME_MAX];
	enum tpmiot_rc rc;

	enroll_pending_name(name, next);
	enroll_state_file_name(next, ".crt", file);
	rc = tpmiot_statedir_remove(state->dir, file, err);
	enroll_state_file_name(next, ".key", file);
	if (rc == TPMIOT_OK)
		rc = tpmiot_statedir_remove(state->dir, file, err);
	return rc;
}
