/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "enroll/enrol/secret.h"

/* ---- Files ----------------------------------------------------------------------- */

/* At most size bytes, wherever the file's reads end. */
static ssize_t
read_all(int fd, char *out, size_t size)
{
	size_t have = 0;
	ssize_t n;

	while (have < size) {
		n = read(fd, out + have, size - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

enum tpmiot_rc
enroll_secret_read(const char *option, const char *what, const char *file,
    const struct enroll_ui *ui, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	bool is_stdin = strcmp(file, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
	char text[ENROLL_SECRET_MAX];
	enum tpmiot_rc rc;
	struct stat st;
	ssize_t len;

	if (fd < 0)
		return tpmiot_err_errno(err, "cannot open --%s=%s", option, file);
	if (!is_stdin && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_mode & (S_IROTH | S_IWOTH)) != 0)
		enroll_ui_warn(ui,
		    "everybody on this system can read the %s in %s; "
		    "'chmod 600 %s' changes that",
		    what, file, file);
	enroll_signals_release(); /* whoever is to type it may want to stop */
	len = read_all(fd, text, sizeof(text));
	enroll_signals_hold();
	if (len < 0) {
		rc = tpmiot_err_errno(err, "cannot read --%s=%s", option, file);
	} else {
		for (; len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL; len--)
			;
		tpmiot_buf_put(out, text, (size_t)len);
		rc = tpmiot_buf_done(out, err);
	}
	OPENSSL_cleanse(text, sizeof(text));
	if (!is_stdin)
		(void)close(fd);
	return rc;
}

/* ---- Where a password comes from --------------------------------------------------- */

struct source {
	const char *option;
	const char *variable;
	const char *prompt;
};

static enum tpmiot_rc
ask(const struct source *source, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	char text[sizeof(TPMU_HA) + 1] = "";
	int failed;

	enroll_signals_release(); /* OpenSSL takes them, and leaves the terminal as it was */
	failed = EVP_read_pw_string(text, sizeof(text), source->prompt, 0);
	enroll_signals_hold();
	if (failed == 0)
		tpmiot_buf_put_str(out, text);
	OPENSSL_cleanse(text, sizeof(text));
	if (failed != 0)
		return tpmiot_err_set(err, TPMIOT_E_IO, "no password was read from the terminal");
	return tpmiot_buf_done(out, err);
}

/* From the file (NULL: none), else the environment, else, if `asking`, from the terminal. */
static enum tpmiot_rc
find_value(const struct enroll_env *env, const struct source *source, const char *file, bool asking,
    struct tpmiot_buf *out, struct tpmiot_err *err)
{
	const char *variable = getenv(source->variable);
	enum tpmiot_rc rc = TPMIOT_OK;

	if (file != NULL)
		rc = enroll_secret_read(source->option, "TPM's password", file, &env->ui, out, err);
	else if (variable != NULL)
		tpmiot_buf_put_str(out, variable);
	else if (asking)
		rc = ask(source, out, err);
	if (rc == TPMIOT_OK && out->len > sizeof(TPMU_HA))
		rc = tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "--%s, %s: a TPM's password has at most %zu bytes", source->option,
		    source->variable, sizeof(TPMU_HA));
	return rc == TPMIOT_OK ? tpmiot_buf_done(out, err) : rc;
}

/* ---- Hierarchies ------------------------------------------------------------------ */

struct hierarchy {
	TPM2_HANDLE handle;
	TPMA_PERMANENT is_set;
	struct source source;
};

static const struct hierarchy hierarchies[] = {
	{ TPM2_RH_OWNER, TPMA_PERMANENT_OWNERAUTHSET,
	    { "owner-auth-file", "TPMIOT_OWNER_AUTH",
	        "Password of the TPM's owner hierarchy (empty: none): " } },
	{ TPM2_RH_ENDORSEMENT, TPMA_PERMANENT_ENDORSEMENTAUTHSET,
	    { "endorsement-auth-file", "TPMIOT_ENDORSEMENT_AUTH",
	        "Password of the TPM's endorsement hierarchy (empty: none): " } },
};

static enum tpmiot_rc
set_value(const struct enroll_env *env, struct tpmiot_tpm *tpm, const struct hierarchy *hierarchy,
    const char *file, TPMA_PERMANENT set, struct tpmiot_err *err)
{
	struct tpmiot_buf value = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc =
	    find_value(env, &hierarchy->source, file, (set & hierarchy->is_set) != 0, &value, err);

	if (rc == TPMIOT_OK && value.len > 0)
		rc = tpmiot_tpm_set_hierarchy_auth(
		    tpm, hierarchy->handle, (struct tpmiot_bytes){ value.data, value.len }, err);
	tpmiot_buf_free(&value);
	return rc;
}

enum tpmiot_rc
enroll_secret_open_tpm(
    const struct enroll_env *env, struct tpmiot_tpm **out, struct tpmiot_err *err)
{
	const char *files[] = { env->opts->owner_auth_file, env->opts->endorsement_auth_file };
	struct tpmiot_tpm *tpm = NULL;
	TPMA_PERMANENT set = 0;
	enum tpmiot_rc rc;
	size_t i;

	rc = tpmiot_tpm_new(env->tcti, NULL, &tpm, err);
	if (rc == TPMIOT_OK && isatty(STDIN_FILENO) == 1)
		rc = tpmiot_tpm_property(tpm, TPM2_PT_PERMANENT, &set, err);
	for (i = 0; rc == TPMIOT_OK && i < sizeof(hierarchies) / sizeof(hierarchies[0]); i++)
		rc = set_value(env, tpm, &hierarchies[i], files[i], set, err);
	if (rc == TPMIOT_OK)
		*out = tpm;
	else
		tpmiot_tpm_free(&tpm);
	return rc;
}

/* ---- Keys -------------------------------------------------------------------------- */

static const struct source of_key = { "key-auth-file", "TPMIOT_KEY_AUTH", "Password of the key: " };

enum tpmiot_rc
enroll_secret_give_key(const struct enroll_env *env, struct tpmiot_key *key, struct tpmiot_err *err)
{
	struct tpmiot_buf value = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	if (!tpmiot_key_needs_auth(key))
		return TPMIOT_OK;
	rc = find_value(
	    env, &of_key, env->opts->key_auth_file, isatty(STDIN_FILENO) == 1, &value, err);
	if (rc == TPMIOT_OK && value.len == 0)
		rc = tpmiot_err_set(err, TPMIOT_E_AUTH,
		    "the key has a password; give it with --key-auth-file=FILE or TPMIOT_KEY_AUTH");
	if (rc == TPMIOT_OK)
		rc = tpmiot_key_set_auth(key, (struct tpmiot_bytes){ value.data, value.len }, err);
	tpmiot_buf_free(&value);
	return rc;
}

void
enroll_secret_clear_environment(void)
{
	for (size_t i = 0; i < sizeof(hierarchies) / sizeof(hierarchies[0]); i++)
		(void)unsetenv(hierarchies[i].source.variable);
	(void)unsetenv(of_key.variable);
}

enum tpmiot_rc
enroll_secret_explain(enum tpmiot_rc rc, struct tpmiot_err *err)
{
	if (rc == TPMIOT_E_AUTH)
		(void)tpmiot_err_prefix(err,
		    "the TPM's owner or endorsement hierarchy has another "
		    "password; give it with --owner-auth-file=FILE, --endorsement-auth-file=FILE, "
		    "TPMIOT_OWNER_AUTH or TPMIOT_ENDORSEMENT_AUTH");
	return rc;
}
