/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/conf.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include "config_keys.h"

_Static_assert(sizeof(enum ca_enrolment) == sizeof(unsigned), "stored as an index");
_Static_assert(sizeof(enum ca_log_level) == sizeof(unsigned), "stored as an index");

/* scheme ":" of RFC 3986 section 3.1; two letters at least. */
static bool has_scheme(const char *value)
{
	size_t n = strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");

	return n >= 2 && value[n] == ':';
}

void ca_config_path(const char *dir, const char *value, struct tpmiot_buf *out)
{
	if (value[0] != '/' && !has_scheme(value))
		tpmiot_buf_printf(out, "%s/", dir);
	tpmiot_buf_put_str(out, value);
}

static enum tpmiot_rc apply_set(const char *set, struct ca_config *config, struct tpmiot_err *err)
{
	const char *eq = strchr(set, '=');
	const struct ca_key *key;

	if (eq == NULL)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT, "\"%.100s\" is not KEY=VALUE", set);
	key = ca_key_find(set, (size_t)(eq - set));
	if (key == NULL)
		return ca_key_unknown(set, (size_t)(eq - set), err);
	return ca_key_set(key, eq + 1, config, err);
}

static enum tpmiot_rc apply_sets(const char *const *sets, size_t sets_n,
    struct ca_config *config, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = TPMIOT_OK;

	for (size_t i = 0; i < sets_n && rc == TPMIOT_OK; i++)
		rc = apply_set(sets[i], config, err);
	if (rc != TPMIOT_E_FORMAT)
		return rc;
	(void)tpmiot_err_prefix(err, "--set");
	err->rc = TPMIOT_E_USAGE;
	return TPMIOT_E_USAGE;
}

static enum tpmiot_rc defaults(const char *dir, struct ca_config *config, struct tpmiot_err *err)
{
	char *full;

	for (size_t i = 0; i < ca_keys_n; i++) {
		enum tpmiot_rc rc = ca_key_set(&ca_keys[i], ca_keys[i].fallback, config, err);

		if (rc != TPMIOT_OK)
			return rc;
	}
	full = realpath(dir, NULL);
	if (full == NULL)
		return errno == ENOENT
		    ? tpmiot_err_set(err, TPMIOT_E_NOT_FOUND,
		          "there is no CA in %s; run \"tpmiot-ca --dir=%s init --name=NAME\" first", dir, dir)
		    : tpmiot_err_errno(err, "%s", dir);
	config->dir = OPENSSL_strdup(full);
	free(full);
	return config->dir != NULL ? TPMIOT_OK : tpmiot_err_memory(err);
}

/* Whoever may write the configuration is the CA. */
static enum tpmiot_rc check_file(const char *path, struct tpmiot_err *err)
{
	struct stat st;

	if (stat(path, &st) != 0 && errno == ENOENT)
		return tpmiot_err_set(err, TPMIOT_E_NOT_FOUND,
		    "%s is not there; run \"tpmiot-ca init --name=NAME\" first", path);
	if (stat(path, &st) != 0)
		return tpmiot_err_errno(err, "%s", path);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return tpmiot_err_set(err, TPMIOT_E_PERM,
		    "%s: others may write to it; chmod go-w it and see who did", path);
	return TPMIOT_OK;
}

static enum tpmiot_rc apply_conf(const CONF *conf, struct ca_config *config,
    struct tpmiot_err *err)
{
	STACK_OF(CONF_VALUE) *values = NCONF_get_section(conf, "default");

	for (int i = 0; i < sk_CONF_VALUE_num(values); i++) {
		const CONF_VALUE *value = sk_CONF_VALUE_value(values, i);
		const struct ca_key *key = ca_key_find(value->name, strlen(value->name));
		enum tpmiot_rc rc = key != NULL
		    ? ca_key_set(key, value->value, config, err)
		    : ca_key_unknown(value->name, strlen(value->name), err);

		if (rc != TPMIOT_OK)
			return rc;
	}
	return TPMIOT_OK;
}

static enum tpmiot_rc check_sections(const CONF *conf, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = TPMIOT_OK;
	STACK_OF(OPENSSL_CSTRING) *names = NCONF_get_section_names(conf);

	for (int i = 0; rc == TPMIOT_OK && i < sk_OPENSSL_CSTRING_num(names); i++) {
		const char *name = sk_OPENSSL_CSTRING_value(names, i);

		if (strcmp(name, "default") != 0)
			rc = tpmiot_err_set(err, TPMIOT_E_FORMAT,
			    "unknown section [%s]; all keys stand before any section", name);
	}
	sk_OPENSSL_CSTRING_free(names);
	return rc;
}

static enum tpmiot_rc read_file(struct ca_config *config, struct tpmiot_err *err)
{
	struct tpmiot_buf path = TPMIOT_BUF_INIT;
	CONF *conf = NCONF_new(NULL);
	long line = 0;
	enum tpmiot_rc rc;

	ca_config_path(config->dir, CA_CONFIG_FILE, &path);
	rc = tpmiot_buf_done(&path, err);
	if (rc == TPMIOT_OK)
		rc = check_file(tpmiot_buf_cstr(&path), err);
	if (rc != TPMIOT_OK)
		goto out;
	ERR_clear_error();
	if (conf == NULL || NCONF_load(conf, (char *)path.data, &line) != 1)
		rc = tpmiot_err_crypto(err, "line %ld", line);
	if (rc == TPMIOT_OK)
		rc = check_sections(conf, err);
	if (rc == TPMIOT_OK)
		rc = apply_conf(conf, config, err);
	if (rc != TPMIOT_OK)
		rc = tpmiot_err_prefix(err, "%s", (char *)path.data);
out:
	NCONF_free(conf);
	tpmiot_buf_free(&path);
	return rc;
}

static enum tpmiot_rc load(const char *dir, bool file, const char *const *sets, size_t sets_n,
    struct ca_config *out, struct tpmiot_err *err)
{
	struct ca_config config = { .dir = NULL };
	enum tpmiot_rc rc = defaults(dir, &config, err);

	if (rc == TPMIOT_OK && file)
		rc = read_file(&config, err);
	if (rc == TPMIOT_OK)
		rc = apply_sets(sets, sets_n, &config, err);
	if (rc == TPMIOT_OK)
		*out = config;
	else
		ca_config_free(&config);
	return rc;
}

enum tpmiot_rc ca_config_load(const char *dir, const char *const *sets, size_t sets_n,
    struct ca_config *out, struct tpmiot_err *err)
{
	return load(dir, true, sets, sets_n, out, err);
}

enum tpmiot_rc ca_config_defaults(const char *dir, const char *const *sets, size_t sets_n,
    struct ca_config *out, struct tpmiot_err *err)
{
	return load(dir, false, sets, sets_n, out, err);
}

void ca_config_free(struct ca_config *config)
{
	for (size_t i = 0; i < ca_keys_n; i++) {
		if (ca_keys[i].type == CA_KEY_STRING) {
			char **field = (char **)(void *)((char *)config + ca_keys[i].offset);

			OPENSSL_free(*field);
			*field = NULL;
		}
	}
	OPENSSL_free(config->dir);
	config->dir = NULL;
}

/* NCONF reads '$', '\', quotes and '#' as its own. */
static void write_value(const char *value, struct tpmiot_buf *out)
{
	for (; *value != '\0'; value++) {
		if (strchr("$\\\"'`#", *value) != NULL)
			tpmiot_buf_put_u8(out, '\\');
		tpmiot_buf_put_u8(out, (uint8_t)*value);
	}
}

static const char *set_value(const char *name, const char *const *sets, size_t sets_n)
{
	size_t len = strlen(name);
	const char *value = NULL;

	for (size_t i = 0; i < sets_n; i++) {
		if (strncmp(sets[i], name, len) == 0 && sets[i][len] == '=')
			value = sets[i] + len + 1;
	}
	return value;
}

static void write_help(const char *help, struct tpmiot_buf *out)
{
	while (*help != '\0') {
		size_t len = strcspn(help, "\n");

		tpmiot_buf_put_str(out, "# ");
		tpmiot_buf_put(out, help, len);
		tpmiot_buf_put_str(out, "\n");
		help += len + (help[len] == '\n');
	}
}

enum tpmiot_rc ca_config_write(const char *const *sets, size_t sets_n, struct tpmiot_buf *out,
    struct tpmiot_err *err)
{
	tpmiot_buf_put_str(out,
	    "# Configuration of tpmiot-ca, in the syntax of OpenSSL's config(5). What is\n"
	    "# commented out is the default.\n");
	for (size_t i = 0; i < ca_keys_n; i++) {
		const struct ca_key *key = &ca_keys[i];
		const char *value = set_value(key->name, sets, sets_n);

		tpmiot_buf_put_str(out, "\n");
		write_help(key->help, out);
		tpmiot_buf_printf(out, "%s%s = ", value == NULL ? "#" : "", key->name);
		write_value(value != NULL ? value : key->fallback, out);
		tpmiot_buf_put_str(out, "\n");
	}
	return tpmiot_buf_done(out, err);
}
