/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/config/config.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/conf.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include "ca/config/config_keys.h"
#include "ca/config/guard.h"

_Static_assert(sizeof(enum ca_enrolment) == sizeof(unsigned), "stored as an index");
_Static_assert(sizeof(enum ca_crl_missing) == sizeof(unsigned), "stored as an index");
_Static_assert(sizeof(enum ca_log_format) == sizeof(unsigned), "stored as an index");
_Static_assert(sizeof(enum ca_log_level) == sizeof(unsigned), "stored as an index");

/* scheme ":" of RFC 3986 section 3.1; two letters at least. */
static bool
has_scheme(const char *value)
{
	size_t n =
	    strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");

	return n >= 2 && value[n] == ':';
}

void
ca_config_path(const char *dir, const char *value, struct tpmiot_buf *out)
{
	if (value[0] != '/' && !has_scheme(value))
		tpmiot_buf_printf(out, "%s/", dir);
	tpmiot_buf_put_str(out, value);
}

static enum tpmiot_rc
apply_set(const char *set, struct ca_config *config, struct tpmiot_err *err)
{
	const char *eq = strchr(set, '=');

	if (eq == NULL)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT, "\"%.100s\" is not KEY=VALUE", set);
	return ca_keys_set(&ca_keys, set, (size_t)(eq - set), eq + 1, config, err);
}

static enum tpmiot_rc
apply_sets(const char *const *sets, size_t sets_n, struct ca_config *config, struct tpmiot_err *err)
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

static enum tpmiot_rc
defaults(const char *dir, struct ca_config *config, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = ca_keys_default(&ca_keys, config, err);
	char *full;

	if (rc != TPMIOT_OK)
		return rc;
	full = realpath(dir, NULL);
	if (full == NULL)
		return errno == ENOENT ? tpmiot_err_set(err, TPMIOT_E_NOT_FOUND,
		                             "there is no CA in %s; run \"tpmiot-ca --dir=%s init "
		                             "--name=NAME\" first",
		                             dir, dir)
		                       : tpmiot_err_errno(err, "%s", dir);
	config->dir = OPENSSL_strdup(full);
	free(full);
	return config->dir != NULL ? TPMIOT_OK : tpmiot_err_memory(err);
}

static enum tpmiot_rc
apply_conf(const CONF *conf, struct ca_config *config, struct tpmiot_err *err)
{
	STACK_OF(CONF_VALUE) *values = NCONF_get_section(conf, "default");

	for (int i = 0; i < sk_CONF_VALUE_num(values); i++) {
		const CONF_VALUE *value = sk_CONF_VALUE_value(values, i);
		enum tpmiot_rc rc = ca_keys_set(
		    &ca_keys, value->name, strlen(value->name), value->value, config, err);

		if (rc != TPMIOT_OK)
			return rc;
	}
	return TPMIOT_OK;
}

/* --set goes before the file; the sections' fallbacks are what both came to. */
static enum tpmiot_rc
apply_all(const CONF *conf, const char *const *sets, size_t sets_n, struct ca_config *config,
    struct tpmiot_err *err)
{
	enum tpmiot_rc rc = apply_conf(conf, config, err);

	if (rc != TPMIOT_OK)
		return tpmiot_err_prefix(err, "%s/" CA_CONFIG_FILE, config->dir);
	if ((rc = apply_sets(sets, sets_n, config, err)) != TPMIOT_OK)
		return rc;
	rc = ca_config_sections(conf, config, err);
	if (rc != TPMIOT_OK)
		(void)tpmiot_err_prefix(err, "%s/" CA_CONFIG_FILE, config->dir);
	return rc;
}

static enum tpmiot_rc
read_file(const char *const *sets, size_t sets_n, struct ca_config *config, struct tpmiot_err *err)
{
	struct tpmiot_buf path = TPMIOT_BUF_INIT;
	CONF *conf = NCONF_new(NULL);
	long line = 0;
	enum tpmiot_rc rc;

	ca_config_path(config->dir, CA_CONFIG_FILE, &path);
	rc = tpmiot_buf_done(&path, err);
	if (rc == TPMIOT_OK)
		rc = ca_guard_config(tpmiot_buf_cstr(&path), err);
	if (rc != TPMIOT_OK)
		goto out;
	ERR_clear_error();
	if (conf == NULL || NCONF_load(conf, (char *)path.data, &line) != 1)
		rc = tpmiot_err_crypto(err, "%s: line %ld", (char *)path.data, line);
	if (rc == TPMIOT_OK)
		rc = apply_all(conf, sets, sets_n, config, err);
out:
	NCONF_free(conf);
	tpmiot_buf_free(&path);
	return rc;
}

static enum tpmiot_rc
load(const char *dir, bool file, const char *const *sets, size_t sets_n, struct ca_config *out,
    struct tpmiot_err *err)
{
	struct ca_config config = { .dir = NULL };
	enum tpmiot_rc rc = defaults(dir, &config, err);

	if (rc == TPMIOT_OK)
		rc = file ? read_file(sets, sets_n, &config, err)
		          : apply_sets(sets, sets_n, &config, err);
	if (rc == TPMIOT_OK)
		*out = config;
	else
		ca_config_free(&config);
	return rc;
}

enum tpmiot_rc
ca_config_load(const char *dir, const char *const *sets, size_t sets_n, struct ca_config *out,
    struct tpmiot_err *err)
{
	return load(dir, true, sets, sets_n, out, err);
}

enum tpmiot_rc
ca_config_defaults(const char *dir, const char *const *sets, size_t sets_n, struct ca_config *out,
    struct tpmiot_err *err)
{
	return load(dir, false, sets, sets_n, out, err);
}

void
ca_config_free(struct ca_config *config)
{
	ca_keys_free(&ca_keys, config);
	ca_config_sections_free(config);
	OPENSSL_free(config->dir);
	config->dir = NULL;
}

/* NCONF reads '$', '\', quotes and '#' as its own. */
static void
write_value(const char *value, struct tpmiot_buf *out)
{
	for (; *value != '\0'; value++) {
		if (strchr("$\\\"'`#", *value) != NULL)
			tpmiot_buf_put_u8(out, '\\');
		tpmiot_buf_put_u8(out, (uint8_t)*value);
	}
}

static const char *
set_value(const char *name, const char *const *sets, size_t sets_n)
{
	size_t len = strlen(name);
	const char *value = NULL;

	for (size_t i = 0; i < sets_n; i++) {
		if (strncmp(sets[i], name, len) == 0 && sets[i][len] == '=')
			value = sets[i] + len + 1;
	}
	return value;
}

static void
write_help(const char *help, struct tpmiot_buf *out)
{
	while (*help != '\0') {
		size_t len = strcspn(help, "\n");

		tpmiot_buf_put_str(out, "# ");
		tpmiot_buf_put(out, help, len);
		tpmiot_buf_put_str(out, "\n");
		help += len + (help[len] == '\n');
	}
}

enum tpmiot_rc
ca_config_write(
    const char *const *sets, size_t sets_n, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	tpmiot_buf_put_str(out,
	    "# Configuration of tpmiot-ca, in the syntax of OpenSSL's config(5). What is\n"
	    "# commented out is the default.\n");
	for (size_t i = 0; i < ca_keys.n; i++) {
		const struct ca_key *key = &ca_keys.keys[i];
		const char *value = set_value(key->name, sets, sets_n);

		tpmiot_buf_put_str(out, "\n");
		write_help(key->help, out);
		tpmiot_buf_printf(out, "%s%s = ", value == NULL ? "#" : "", key->name);
		write_value(value != NULL ? value : key->fallback, out);
		tpmiot_buf_put_str(out, "\n");
	}
	return tpmiot_buf_done(out, err);
}
