/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/config/guard.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ca/store/store.h"
#include "ca/vault.h"

#define OTHERS_WRITE (S_IWGRP | S_IWOTH)
#define INCLUDES_MAX 8 /* one in another: more is a circle */

/* ---- Files with secrets --------------------------------------------------------------------- */

const char *
ca_guard_secret(const struct ca_config *config, size_t n)
{
	const char *const values[] = { config->ca_key, config->ca_key_passphrase_file,
		config->tls_key, config->tls_key_passphrase_file, CA_STORE_FILE, CA_VAULT_FILE };

	return n < sizeof(values) / sizeof(values[0]) ? values[n] : NULL;
}

/* OpenSSL takes files by their name and as file:NAME. */
static const char *
without_scheme(const char *value)
{
	if (strncmp(value, "file://", 7) == 0)
		return value + 7;
	return strncmp(value, "file:", 5) == 0 ? value + 5 : value;
}

enum tpmiot_rc
ca_guard_private(const char *dir, const char *value, struct tpmiot_err *err)
{
	struct tpmiot_buf path = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc = TPMIOT_OK;
	struct stat st;

	if (value[0] == '\0')
		return TPMIOT_OK;
	ca_config_path(dir, without_scheme(value), &path);
	if ((rc = tpmiot_buf_done(&path, err)) == TPMIOT_OK &&
	    stat(tpmiot_buf_cstr(&path), &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_mode & (OTHERS_WRITE | S_IROTH)) != 0)
		rc = tpmiot_err_set(err, TPMIOT_E_PERM,
		    "%s: others may read or write it; chmod 0600 it (0640 for a group that needs "
		    "it), and if they did, make a new one",
		    (const char *)path.data);
	tpmiot_buf_free(&path);
	return rc;
}

enum tpmiot_rc
ca_guard_program(const char *path, struct tpmiot_err *err)
{
	struct stat st;

	if (stat(path, &st) == 0 && (st.st_mode & OTHERS_WRITE) != 0)
		return tpmiot_err_set(
		    err, TPMIOT_E_PERM, "%s: others may write to it; chmod go-w it", path);
	return TPMIOT_OK;
}

enum tpmiot_rc
ca_guard_all(const struct ca_config *config, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = TPMIOT_OK;
	const char *value;

	for (size_t i = 0; rc == TPMIOT_OK && (value = ca_guard_secret(config, i)) != NULL; i++)
		rc = ca_guard_private(config->dir, value, err);
	if (rc == TPMIOT_OK && config->hook[0] != '\0')
		rc = ca_guard_program(config->hook, err);
	return rc;
}

/* ---- The configuration ------------------------------------------------------------------------
 */

static enum tpmiot_rc check_included(const char *path, unsigned depth, struct tpmiot_err *err);

static enum tpmiot_rc
check_mode(const char *path, const struct stat *st, struct tpmiot_err *err)
{
	if ((st->st_mode & OTHERS_WRITE) != 0)
		return tpmiot_err_set(err, TPMIOT_E_PERM,
		    "%s: others may write to it; chmod go-w it and see what they changed", path);
	return TPMIOT_OK;
}

/* Who may put another file in its place. */
static enum tpmiot_rc
check_dir_of(const char *path, struct tpmiot_err *err)
{
	struct tpmiot_buf dir = TPMIOT_BUF_INIT;
	const char *slash = strrchr(path, '/');
	enum tpmiot_rc rc;
	struct stat st;

	tpmiot_buf_put(&dir, path, slash > path ? (size_t)(slash - path) : 1);
	if ((rc = tpmiot_buf_done(&dir, err)) == TPMIOT_OK)
		rc = stat(tpmiot_buf_cstr(&dir), &st) == 0
		         ? check_mode(tpmiot_buf_cstr(&dir), &st, err)
		         : tpmiot_err_errno(err, "%s", tpmiot_buf_cstr(&dir));
	tpmiot_buf_free(&dir);
	return rc;
}

/*
 * What a line includes, in place; NULL: nothing. OpenSSL takes ".include NAME", with or without
 * '='.
 */
static char *
included_by(char *line)
{
	static const char word[] = ".include";
	char *name = line + strspn(line, " \t");
	size_t len;

	if (strncmp(name, word, sizeof(word) - 1) != 0)
		return NULL;
	name += sizeof(word) - 1;
	if (strchr(" \t=", name[0]) == NULL)
		return NULL;
	name += strspn(name, " \t=");
	len = strcspn(name, "#\r\n");
	while (len > 0 && strchr(" \t", name[len - 1]) != NULL)
		len--;
	name[len] = '\0';
	return name;
}

/*
 * A name that OpenSSL would first make something of, or that depends on where the program was
 * started, could be of another file than the one that is looked at here.
 */
static enum tpmiot_rc
check_name(const char *name, struct tpmiot_err *err)
{
	if (name[0] == '/' && strpbrk(name, "$\\\"'`") == NULL)
		return TPMIOT_OK;
	return tpmiot_err_set(err, TPMIOT_E_FORMAT,
	    ".include %.200s: write the whole path, as /etc/tpmiot/NAME.conf, without variables "
	    "and quotes",
	    name);
}

static enum tpmiot_rc
check_lines(FILE *f, unsigned depth, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = TPMIOT_OK;
	const char *name;
	char *line = NULL;
	size_t size = 0;

	while (rc == TPMIOT_OK && getline(&line, &size, f) >= 0)
		if ((name = included_by(line)) != NULL && (rc = check_name(name, err)) == TPMIOT_OK)
			rc = check_included(name, depth + 1, err);
	free(line);
	return rc;
}

static enum tpmiot_rc
check_file(const char *path, unsigned depth, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = check_dir_of(path, err);
	struct stat st;
	FILE *f;

	if (rc != TPMIOT_OK)
		return rc;
	if ((f = fopen(path, "re")) == NULL || fstat(fileno(f), &st) != 0)
		rc = tpmiot_err_errno(err, "%s", path);
	else if ((rc = check_mode(path, &st, err)) == TPMIOT_OK)
		rc = check_lines(f, depth, err);
	if (f != NULL)
		fclose(f);
	return rc;
}

/* As OpenSSL chooses among the files of a directory. */
static bool
is_conf(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot != NULL && dot != name &&
	       (strcasecmp(dot, ".conf") == 0 || strcasecmp(dot, ".cnf") == 0);
}

static enum tpmiot_rc
check_files_in(const char *dir, unsigned depth, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = TPMIOT_OK;
	struct tpmiot_buf path = TPMIOT_BUF_INIT;
	const struct dirent *entry;
	DIR *d = opendir(dir);

	if (d == NULL)
		return tpmiot_err_errno(err, "%s", dir);
	while (rc == TPMIOT_OK && (entry = readdir(d)) != NULL) {
		if (!is_conf(entry->d_name))
			continue;
		tpmiot_buf_reset(&path);
		tpmiot_buf_printf(&path, "%s/%s", dir, entry->d_name);
		if ((rc = tpmiot_buf_done(&path, err)) == TPMIOT_OK)
			rc = check_file(tpmiot_buf_cstr(&path), depth, err);
	}
	tpmiot_buf_free(&path);
	closedir(d);
	return rc;
}

static enum tpmiot_rc
check_included(const char *path, unsigned depth, struct tpmiot_err *err)
{
	struct stat st;

	if (depth > INCLUDES_MAX)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    ".include %.200s: more than %d files, one in another", path, INCLUDES_MAX);
	if (stat(path, &st) != 0)
		return tpmiot_err_errno(err, ".include %.200s", path);
	return S_ISDIR(st.st_mode) ? check_files_in(path, depth, err)
	                           : check_file(path, depth, err);
}

enum tpmiot_rc
ca_guard_config(const char *path, struct tpmiot_err *err)
{
	if (access(path, F_OK) != 0 && errno == ENOENT)
		return tpmiot_err_set(err, TPMIOT_E_NOT_FOUND,
		    "%s is not there; run \"tpmiot-ca init --name=NAME\" first", path);
	return check_file(path, 0, err);
}
