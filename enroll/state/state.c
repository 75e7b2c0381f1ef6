/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "enroll/state/state.h"
#include "enroll/cmd/ui.h"

#define LOCK_WAIT_MS 60000
#define LOCK_POLL_MS 100

/* The group of the TPM device's users, if there is one and we may give files to it. */
static gid_t
device_group(void)
{
	const struct group *group = getgrnam(ENROLL_DEVICE_GROUP);
	gid_t mine[256];
	int i, n;

	if (group == NULL)
		return (gid_t)-1;
	if (geteuid() == 0 || getegid() == group->gr_gid)
		return group->gr_gid;
	n = getgroups((int)(sizeof(mine) / sizeof(mine[0])), mine);
	for (i = 0; i < n; i++)
		if (mine[i] == group->gr_gid)
			return group->gr_gid;
	return (gid_t)-1;
}

/*
 * Makes one directory, if it is not there. Root's is for the services of the device, whatever the
 * umask of the line's script or the service manager is: what is secret in it is protected file by
 * file. Of a user's, only the last one is ours to say.
 */
static bool
make_one(const char *path, bool last)
{
	const bool root = geteuid() == 0;
	bool ok;
	int fd;

	if (mkdir(path, last && !root ? 0700 : 0755) != 0)
		return errno == EEXIST;
	if (!root)
		return true;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	ok = fd >= 0 && fchmod(fd, 0755) == 0;
	if (fd >= 0)
		(void)close(fd);
	return ok;
}

/* mkdir -p */
static enum tpmiot_rc
make_dir(const char *dir, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = TPMIOT_OK;
	char *path = strdup(dir), *slash;

	if (path == NULL)
		return tpmiot_err_memory(err);
	for (slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)make_one(path, false); /* what fails here shows below */
		*slash = '/';
	}
	if (!make_one(path, true))
		rc = tpmiot_err_errno(err,
		    "cannot make the state directory %s "
		    "(--state-dir=DIR names another one)",
		    dir);
	free(path);
	return rc;
}

static enum tpmiot_rc
lock_dir(const char *dir, int fd, struct tpmiot_err *err)
{
	const struct timespec nap = { 0, LOCK_POLL_MS * 1000000L };
	enum tpmiot_rc rc;
	int waited;

	for (waited = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; waited += LOCK_POLL_MS) {
		if (errno != EWOULDBLOCK)
			return tpmiot_err_errno(err, "cannot lock the state directory %s", dir);
		if (waited >= LOCK_WAIT_MS)
			return tpmiot_err_set(err, TPMIOT_E_IO,
			    "another tpmiot-enroll has been at work in %s for a minute; "
			    "wait for it or end it, then try again",
			    dir);
		rc = enroll_signals_check(err);
		if (rc != TPMIOT_OK)
			return rc;
		(void)nanosleep(&nap, NULL);
	}
	return TPMIOT_OK;
}

/* Whoever can put files here chooses the key that gets the certificate. */
static enum tpmiot_rc
check_dir(const char *dir, int fd, struct tpmiot_err *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return tpmiot_err_errno(err, "state directory %s", dir);
	if ((st.st_mode & (S_IWOTH | S_IWGRP)) != 0)
		return tpmiot_err_set(err, TPMIOT_E_PERM,
		    "%s may write to the state directory %s; look at what is in it, then chmod "
		    "go-w it, or choose another one with --state-dir=DIR",
		    (st.st_mode & S_IWOTH) != 0 ? "everybody" : "a group", dir);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return tpmiot_err_set(err, TPMIOT_E_PERM,
		    "the state directory %s belongs to another user (%u), who could put a key of "
		    "their own there; look at what is in it, then chown it, or choose another one "
		    "with --state-dir=DIR",
		    dir, (unsigned)st.st_uid);
	return TPMIOT_OK;
}

static bool
is_leftover(const char *name)
{
	size_t len = strlen(name);

	return len > 5 && name[0] == '.' && strcmp(name + len - 4, ".tmp") == 0;
}

/* A write that was cut short leaves ".NAME.tmp"; whoever holds the lock may take it away. */
static void
sweep(int fd)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = copy >= 0 ? fdopendir(copy) : NULL;
	const struct dirent *entry;

	if (entries == NULL) {
		if (copy >= 0)
			(void)close(copy);
		return;
	}
	while ((entry = readdir(entries)) != NULL)
		if (is_leftover(entry->d_name))
			(void)unlinkat(fd, entry->d_name, 0);
	(void)closedir(entries);
}

enum tpmiot_rc
enroll_state_open(const char *dir, struct enroll_state *out, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = make_dir(dir, err);
	int fd;

	if (rc != TPMIOT_OK)
		return rc;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return tpmiot_err_errno(err, "cannot open the state directory %s", dir);
	rc = check_dir(dir, fd, err);
	if (rc == TPMIOT_OK)
		rc = lock_dir(dir, fd, err);
	if (rc != TPMIOT_OK) {
		(void)close(fd);
		return rc;
	}
	sweep(fd);
	out->dir = dir;
	out->fd = fd;
	out->group = device_group();
	return TPMIOT_OK;
}

static void
keep_group(struct enroll_state *state, const char *name)
{
	char file[ENROLL_FILE_NAME_MAX];
	struct stat st;

	enroll_state_file_name(name, ".key", file);
	if (fstatat(state->fd, file, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_mode & S_IRGRP) != 0)
		state->group = st.st_gid;
}

/* A number first: a group of the device's image need not be known on the host that makes it. */
enum tpmiot_rc
enroll_state_set_group(
    struct enroll_state *state, const char *name, const char *group, struct tpmiot_err *err)
{
	const struct group *known;
	unsigned long id;
	char *end;

	if (group == NULL) {
		keep_group(state, name);
		return TPMIOT_OK;
	}
	id = strtoul(group, &end, 10);
	if (group[0] >= '0' && group[0] <= '9' && *end == '\0' && id < (gid_t)-1) {
		state->group = (gid_t)id;
		return TPMIOT_OK;
	}
	known = getgrnam(group);
	if (known == NULL)
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "--group=%s: there is no such group here; its number does as well", group);
	state->group = known->gr_gid;
	return TPMIOT_OK;
}

void
enroll_state_close(struct enroll_state *state)
{
	if (state->fd >= 0)
		(void)close(state->fd); /* and the lock with it */
	state->fd = -1;
}

enum tpmiot_rc
enroll_state_check_name(const char *name, struct tpmiot_err *err)
{
	if (!tpmiot_key_name_valid(name))
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "a key's name is 1 to %d of A-Z a-z 0-9 . _ - and does not begin with a dot",
		    TPMIOT_KEY_NAME_MAX);
	if (strcmp(name, ENROLL_AK_NAME) == 0 || strcmp(name, ENROLL_CA_NAME) == 0)
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "the name %s is taken by the program's own files; choose another one", name);
	return TPMIOT_OK;
}

void
enroll_state_file_name(const char *name, const char *suffix, char out[ENROLL_FILE_NAME_MAX])
{
	(void)snprintf(out, ENROLL_FILE_NAME_MAX, "%s%s", name, suffix);
}

enum tpmiot_rc
enroll_state_read_key(
    const char *dir, const char *name, struct tpmiot_keyfile *out, struct tpmiot_err *err)
{
	struct tpmiot_buf pem = TPMIOT_BUF_INIT;
	char file[ENROLL_FILE_NAME_MAX];
	enum tpmiot_rc rc;

	enroll_state_file_name(name, ".key", file);
	rc = tpmiot_statedir_read(dir, file, &pem, err);
	if (rc == TPMIOT_OK) {
		rc = tpmiot_keyfile_parse_pem(NULL, pem.data, pem.len, out, err);
		/* There is a file; only that no key is in it. */
		if (rc == TPMIOT_E_NOT_FOUND)
			rc = tpmiot_err_set(err, TPMIOT_E_FORMAT, "no TPM key in it");
		if (rc != TPMIOT_OK)
			(void)tpmiot_err_prefix(
			    err, "%s/%s ('tpmiot-enroll reset' makes a new start)", dir, file);
	}
	tpmiot_buf_free(&pem);
	return rc;
}

/* The next step, where the disk is what fails. */
static enum tpmiot_rc
written(
    enum tpmiot_rc rc, const struct enroll_state *state, const char *file, struct tpmiot_err *err)
{
	if (rc == TPMIOT_E_IO || rc == TPMIOT_E_PERM)
		(void)tpmiot_err_prefix(err,
		    "cannot store %s/%s (make room or give access, then run the same command "
		    "again)",
		    state->dir, file);
	return rc;
}

enum tpmiot_rc
enroll_state_write_key(const struct enroll_state *state, const char *name,
    const struct tpmiot_keyfile *key, struct tpmiot_err *err)
{
	bool ours = strcmp(name, ENROLL_AK_NAME) == 0 || state->group == (gid_t)-1;
	struct tpmiot_buf pem = TPMIOT_BUF_INIT;
	char file[ENROLL_FILE_NAME_MAX];
	enum tpmiot_rc rc;

	enroll_state_file_name(name, ".key", file);
	rc = tpmiot_keyfile_put_pem(key, &pem, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_buf_done(&pem, err);
	if (rc == TPMIOT_OK)
		rc = written(tpmiot_statedir_write(state->dir, file, pem.data, pem.len,
		                 ours ? 0600 : 0640, ours ? (gid_t)-1 : state->group, err),
		    state, file, err);
	tpmiot_buf_free(&pem);
	return rc;
}

enum tpmiot_rc
enroll_state_write_cert(const struct enroll_state *state, const char *name, const void *pem,
    size_t len, struct tpmiot_err *err)
{
	char file[ENROLL_FILE_NAME_MAX];

	enroll_state_file_name(name, ".crt", file);
	return written(tpmiot_statedir_write(state->dir, file, pem, len, 0644, (gid_t)-1, err),
	    state, file, err);
}

enum tpmiot_rc
enroll_state_write_text(
    const struct enroll_state *state, const char *file, const char *text, struct tpmiot_err *err)
{
	return written(
	    tpmiot_statedir_write(state->dir, file, text, strlen(text), 0644, (gid_t)-1, err),
	    state, file, err);
}
