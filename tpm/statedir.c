/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h> /* secure_getenv() */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tpmiot/statedir.h>
#include <tpmiot/uri.h>

/* In a setuid program the environment is the caller's, and may not say whose keys it uses. */
enum tpmiot_rc
tpmiot_statedir_path(const char *given, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	const char *dir = given != NULL ? given : secure_getenv("TPMIOT_STATE_DIR");
	const char *home;

	if (dir != NULL && dir[0] != '\0')
		tpmiot_buf_put_str(out, dir);
	else if (geteuid() == 0)
		tpmiot_buf_put_str(out, TPMIOT_STATEDIR_ROOT);
	else if ((dir = secure_getenv("XDG_STATE_HOME")) != NULL && dir[0] == '/')
		tpmiot_buf_printf(out, "%s/tpmiot", dir);
	else if ((home = secure_getenv("HOME")) != NULL && home[0] == '/')
		tpmiot_buf_printf(out, "%s/.local/state/tpmiot", home);
	else
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "no state directory: HOME is not set; name one with TPMIOT_STATE_DIR");
	return tpmiot_buf_done(out, err);
}

/* ---- reading ------------------------------------------------------------------------------- */

static enum tpmiot_rc
open_dir(const char *dir, int *fd, struct tpmiot_err *err)
{
	*fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd >= 0)
		return TPMIOT_OK;
	if (errno == ENOENT)
		return tpmiot_err_set(err, TPMIOT_E_NOT_FOUND, "no state directory %s", dir);
	return tpmiot_err_errno(err, "state directory %s", dir);
}

static enum tpmiot_rc
read_fd(int fd, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	uint8_t chunk[4096];
	size_t total = 0;
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return tpmiot_err_errno(err, "reading");
		total += (size_t)n;
		if (total > TPMIOT_STATE_FILE_MAX)
			return tpmiot_err_set(
			    err, TPMIOT_E_FORMAT, "larger than %d bytes", TPMIOT_STATE_FILE_MAX);
		tpmiot_buf_put(out, chunk, (size_t)n);
	}
	return tpmiot_buf_done(out, err);
}

enum tpmiot_rc
tpmiot_statedir_read(
    const char *dir, const char *name, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	struct tpmiot_buf content = TPMIOT_BUF_INIT;
	int dir_fd, fd;
	enum tpmiot_rc rc = open_dir(dir, &dir_fd, err);

	if (rc != TPMIOT_OK)
		return rc;
	fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		rc = tpmiot_err_set(err, TPMIOT_E_NOT_FOUND, "no file %s/%s", dir, name);
	else if (fd < 0)
		rc = tpmiot_err_errno(err, "%s/%s", dir, name);
	else {
		rc = read_fd(fd, &content, err);
		(void)close(fd);
		if (rc != TPMIOT_OK)
			(void)tpmiot_err_prefix(err, "%s/%s", dir, name);
	}
	(void)close(dir_fd);
	if (rc == TPMIOT_OK) {
		tpmiot_buf_put(out, content.data, content.len);
		rc = tpmiot_buf_done(out, err);
	}
	tpmiot_buf_free(&content);
	return rc;
}

/* ---- writing -------------------------------------------------------------------------------- */

static bool
write_all(int fd, const uint8_t *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

/* Rights first: nobody reads the content through rights that were meant to be narrower. */
static bool
fill(int fd, const void *data, size_t len, mode_t mode, gid_t group)
{
	return (group == (gid_t)-1 || fchown(fd, (uid_t)-1, group) == 0) && fchmod(fd, mode) == 0 &&
	       write_all(fd, data, len) && fsync(fd) == 0;
}

static bool
replace(int dir_fd, const char *tmp, const char *name, const void *data, size_t len, mode_t mode,
    gid_t group)
{
	int fd, saved;
	bool ok;

	(void)unlinkat(dir_fd, tmp, 0);
	fd = openat(dir_fd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return false;
	ok = fill(fd, data, len, mode, group);
	saved = errno;
	if (close(fd) != 0 && ok) {
		ok = false;
		saved = errno;
	}
	if (ok && renameat(dir_fd, tmp, dir_fd, name) != 0) {
		ok = false;
		saved = errno;
	}
	if (!ok)
		(void)unlinkat(dir_fd, tmp, 0);
	errno = saved;
	return ok && fsync(dir_fd) == 0;
}

enum tpmiot_rc
tpmiot_statedir_write(const char *dir, const char *name, const void *data, size_t len, mode_t mode,
    gid_t group, struct tpmiot_err *err)
{
	char tmp[NAME_MAX + 1];
	enum tpmiot_rc rc;
	int dir_fd;

	if (snprintf(tmp, sizeof(tmp), ".%s.tmp", name) >= (int)sizeof(tmp))
		return tpmiot_err_set(err, TPMIOT_E_USAGE, "file name %s is too long", name);
	rc = open_dir(dir, &dir_fd, err);
	if (rc != TPMIOT_OK)
		return rc;
	if (!replace(dir_fd, tmp, name, data, len, mode, group))
		rc = tpmiot_err_errno(err, "writing %s/%s", dir, name);
	(void)close(dir_fd);
	return rc;
}

enum tpmiot_rc
tpmiot_statedir_remove(const char *dir, const char *name, struct tpmiot_err *err)
{
	int dir_fd;
	enum tpmiot_rc rc = open_dir(dir, &dir_fd, err);

	if (rc == TPMIOT_E_NOT_FOUND)
		return TPMIOT_OK;
	if (rc != TPMIOT_OK)
		return rc;
	if ((unlinkat(dir_fd, name, 0) != 0 && errno != ENOENT) || fsync(dir_fd) != 0)
		rc = tpmiot_err_errno(err, "removing %s/%s", dir, name);
	(void)close(dir_fd);
	return rc;
}

/* ---- listing ----------------------------------------------------------------------------------
 */

/* NAME of NAME and suffix, where NAME is one; false otherwise. */
static bool
key_name(const char *file, const char *suffix, char name[TPMIOT_KEY_NAME_MAX + 1])
{
	size_t tail = strlen(suffix), len = strlen(file);

	if (len <= tail || len - tail > TPMIOT_KEY_NAME_MAX ||
	    strcmp(file + len - tail, suffix) != 0)
		return false;
	memcpy(name, file, len - tail);
	name[len - tail] = '\0';
	return tpmiot_key_name_valid(name);
}

enum tpmiot_rc
tpmiot_statedir_each(const char *dir, const char *suffix, bool (*fn)(void *arg, const char *name),
    void *arg, struct tpmiot_err *err)
{
	char name[TPMIOT_KEY_NAME_MAX + 1];
	struct dirent *entry;
	DIR *d = opendir(dir);

	if (d == NULL && errno == ENOENT)
		return tpmiot_err_set(err, TPMIOT_E_NOT_FOUND, "no state directory %s", dir);
	if (d == NULL)
		return tpmiot_err_errno(err, "state directory %s", dir);
	while ((entry = readdir(d)) != NULL)
		if (key_name(entry->d_name, suffix, name) && !fn(arg, name))
			break;
	(void)closedir(d);
	return TPMIOT_OK;
}

enum tpmiot_rc
tpmiot_statedir_each_key(
    const char *dir, bool (*fn)(void *arg, const char *name), void *arg, struct tpmiot_err *err)
{
	return tpmiot_statedir_each(dir, ".key", fn, arg, err);
}
