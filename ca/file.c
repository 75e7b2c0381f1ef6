/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

static enum tpmiot_rc
read_all(int fd, size_t max, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	struct tpmiot_buf data = TPMIOT_BUF_INIT;
	uint8_t chunk[4096];
	enum tpmiot_rc rc;
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) != 0 && data.len <= max) {
		if (n > 0)
			tpmiot_buf_put(&data, chunk, (size_t)n);
		else if (errno != EINTR)
			break;
	}
	if (n < 0)
		rc = tpmiot_err_errno(err, "reading");
	else if (data.len > max)
		rc = tpmiot_err_set(err, TPMIOT_E_FORMAT, "larger than %zu bytes", max);
	else
		rc = tpmiot_buf_done(&data, err);
	if (rc == TPMIOT_OK && data.len > 0) {
		tpmiot_buf_put(out, data.data, data.len);
		rc = tpmiot_buf_done(out, err);
	}
	OPENSSL_cleanse(chunk, sizeof(chunk));
	tpmiot_buf_free(&data);
	return rc;
}

enum tpmiot_rc
ca_file_read(const char *path, size_t max, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	enum tpmiot_rc rc;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return tpmiot_err_set(err, TPMIOT_E_NOT_FOUND, "%s: no such file", path);
	if (fd < 0)
		return tpmiot_err_errno(err, "%s", path);
	rc = read_all(fd, max, out, err);
	if (rc != TPMIOT_OK)
		rc = tpmiot_err_prefix(err, "%s", path);
	close(fd);
	return rc;
}

static bool
write_all(int fd, const struct tpmiot_buf *data)
{
	size_t done = 0;

	while (done < data->len) {
		ssize_t n = write(fd, data->data + done, data->len - done);

		if (n < 0 && errno != EINTR)
			return false;
		done += n > 0 ? (size_t)n : 0;
	}
	return fsync(fd) == 0;
}

/*
 * What root writes is for the account that the directory belongs to, which the server runs as: it
 * could not read a file of root's.
 */
static bool
give_to_owner(int dirfd, int fd)
{
	struct stat dir;

	return geteuid() != 0 || (fstat(dirfd, &dir) == 0 &&
	                             (dir.st_uid == 0 || fchown(fd, dir.st_uid, dir.st_gid) == 0));
}

/* Into the directory's file, and the name into its place. */
static bool
write_and_rename(
    int dirfd, const char *tmp, const char *name, const struct tpmiot_buf *data, mode_t mode)
{
	int fd, saved;
	bool ok;

	(void)unlinkat(dirfd, tmp, 0); /* of an interrupted run that had our number */
	fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return false;
	ok = fchmod(fd, mode) == 0 && give_to_owner(dirfd, fd) && write_all(fd, data);
	saved = errno;
	if (close(fd) != 0 && ok) {
		saved = errno;
		ok = false;
	}
	errno = saved;
	if (ok && renameat(dirfd, tmp, dirfd, name) == 0 && fsync(dirfd) == 0)
		return true;
	saved = errno;
	(void)unlinkat(dirfd, tmp, 0);
	errno = saved;
	return false;
}

enum tpmiot_rc
ca_file_write(const char *dir, const char *name, const struct tpmiot_buf *data, mode_t mode,
    struct tpmiot_err *err)
{
	enum tpmiot_rc rc = TPMIOT_OK;
	char tmp[NAME_MAX + 1];
	int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dirfd < 0)
		return tpmiot_err_errno(err, "%s", dir);
	/* Of this process: nobody else who writes the file at the same time takes it away. */
	snprintf(tmp, sizeof(tmp), ".%s.%ld.tmp", name, (long)getpid());
	if (!write_and_rename(dirfd, tmp, name, data, mode))
		rc = tpmiot_err_errno(err, "cannot write %s/%s", dir, name);
	close(dirfd);
	return rc;
}

void
ca_file_clean(const char *dir, const char *name)
{
	char pattern[NAME_MAX + 1];
	DIR *d = opendir(dir);
	const struct dirent *entry;

	snprintf(pattern, sizeof(pattern), ".%s.*.tmp", name);
	while (d != NULL && (entry = readdir(d)) != NULL) {
		if (fnmatch(pattern, entry->d_name, 0) == 0)
			(void)unlinkat(dirfd(d), entry->d_name, 0);
	}
	if (d != NULL)
		closedir(d);
}

bool
ca_file_exists(const char *dir, const char *name)
{
	int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool there = dirfd >= 0 && faccessat(dirfd, name, F_OK, 0) == 0;

	if (dirfd >= 0)
		close(dirfd);
	return there;
}
