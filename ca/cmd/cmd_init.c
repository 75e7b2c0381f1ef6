/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tpmiot-ca init: makes a CA in DIR. The configuration is written last and
 * says that all the rest is there; without it an earlier run was interrupted, and
 * this one goes on with the keys that are there.
 */
#include "ca/cmd/init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "ca/config/guard.h"
#include "ca/file.h"
#include "ca/pki/keyuri.h"

static enum tpmiot_rc
fill_store(struct ca_init *in, struct tpmiot_err *err)
{
	struct ca_cli *cli = in->cli;
	struct ca_seal_key key;
	enum tpmiot_rc rc = ca_seal_key_newest(cli->store, &key, err);

	if (rc == TPMIOT_E_NOT_FOUND) {
		rc = TPMIOT_OK;
		if (RAND_priv_bytes(key.key, sizeof(key.key)) != 1)
			rc = tpmiot_err_crypto(err, "no random numbers for the sealing key");
		if (rc == TPMIOT_OK)
			rc = ca_seal_key_add(cli->store, key.key, cli->now, err);
	}
	OPENSSL_cleanse(&key, sizeof(key));
	if (rc == TPMIOT_OK)
		rc = ca_cli_audit(cli, "", NULL, err, "CA \"%s\"", in->name);
	return rc;
}

static enum tpmiot_rc
make_store(struct ca_init *in, struct tpmiot_err *err)
{
	struct tpmiot_buf path = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	ca_config_path(in->config.dir, CA_STORE_FILE, &path);
	rc = tpmiot_buf_done(&path, err);
	if (rc == TPMIOT_OK && !ca_file_exists(in->config.dir, CA_STORE_FILE))
		rc = ca_store_create(tpmiot_buf_cstr(&path), err);
	tpmiot_buf_free(&path);
	/* One that an interrupted run left has no schema yet. */
	if (rc == TPMIOT_OK && (rc = ca_cli_store_any(in->cli, err)) == TPMIOT_OK)
		rc = ca_store_upgrade(in->cli->store, err);
	if (rc == TPMIOT_OK)
		rc = ca_store_begin(in->cli->store, err);
	return rc == TPMIOT_OK ? ca_cli_end(in->cli, fill_store(in, err), err) : rc;
}

static enum tpmiot_rc
write_config(const struct ca_init *in, struct tpmiot_err *err)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc = ca_config_write(in->cli->sets.items, in->cli->sets.n, &text, err);

	if (rc == TPMIOT_OK)
		rc = ca_file_write(in->config.dir, CA_CONFIG_FILE, &text, 0600, err);
	tpmiot_buf_free(&text);
	return rc;
}

static enum tpmiot_rc
make_dir(const char *dir, struct tpmiot_err *err)
{
	struct stat st;

	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return tpmiot_err_errno(err, "cannot make the directory %s", dir);
	if (stat(dir, &st) != 0)
		return tpmiot_err_errno(err, "%s", dir);
	if (!S_ISDIR(st.st_mode))
		return tpmiot_err_set(err, TPMIOT_E_CONFLICT, "%s is not a directory", dir);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return tpmiot_err_set(
		    err, TPMIOT_E_PERM, "%s: others may write to it; chmod 0700 it", dir);
	return TPMIOT_OK;
}

/*
 * One run after the other: at once, they would take each other's keys and certificates for those
 * of an interrupted one.
 */
static enum tpmiot_rc
lock_dir(struct ca_init *in, const char *dir, struct tpmiot_err *err)
{
	in->lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (in->lock < 0)
		return tpmiot_err_errno(err, "%s", dir);
	/* Errors: a file system without locks, where it has to do without. */
	while (flock(in->lock, LOCK_EX) != 0 && errno == EINTR)
		;
	if (ca_file_exists(dir, CA_CONFIG_FILE))
		return tpmiot_err_set(err, TPMIOT_E_CONFLICT,
		    "there is a CA in %s already (%s); nothing was changed", dir, CA_CONFIG_FILE);
	return TPMIOT_OK;
}

/* What an interrupted run was writing when it ended. */
static void
clean(const char *dir)
{
	static const char *const names[] = { CA_INIT_CA_KEY, CA_INIT_CA_CERT, CA_INIT_TLS_KEY,
		CA_INIT_TLS_CERT, CA_CONFIG_FILE };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ca_file_clean(dir, names[i]);
}

static enum tpmiot_rc
make(struct ca_init *in, struct tpmiot_err *err)
{
	struct ca_cli *cli = in->cli;
	enum tpmiot_rc rc = make_dir(cli->dir, err);

	if (rc == TPMIOT_OK)
		rc = lock_dir(in, cli->dir, err);
	if (rc == TPMIOT_OK)
		clean(cli->dir);
	if (rc == TPMIOT_OK)
		rc = ca_config_defaults(cli->dir, cli->sets.items, cli->sets.n, &in->config, err);
	if (rc == TPMIOT_OK)
		rc = ca_guard_all(&in->config, err);
	if (rc == TPMIOT_OK)
		rc = ca_providers_load(in->config.providers, err);
	if (rc == TPMIOT_OK)
		rc = ca_init_ca(in, err);
	if (rc == TPMIOT_OK)
		rc = ca_init_tls(in, err);
	if (rc == TPMIOT_OK)
		rc = make_store(in, err);
	if (rc == TPMIOT_OK)
		rc = write_config(in, err);
	return rc;
}

static enum tpmiot_rc
report(const struct ca_init *in, struct tpmiot_err *err)
{
	static const char *const next[] = {
		[CA_ENROLMENT_LISTED] = "listed: the next step is \"tpmiot-ca allow add\"",
		[CA_ENROLMENT_TOKEN] = "token: the next steps are \"trust add\" and \"join add\"",
		[CA_ENROLMENT_OPEN] = "open: after \"trust add\" whoever has such a TPM may enrol",
	};
	char fingerprint[2 * CA_SHA256_LEN + 1];
	uint8_t sha256[EVP_MAX_MD_SIZE];

	if (X509_digest(in->ca_cert, EVP_sha256(), sha256, NULL) != 1)
		return tpmiot_err_crypto(err, "cannot hash the CA certificate");
	ca_hex(sha256, CA_SHA256_LEN, fingerprint);
	return ca_out_record(stdout, in->cli->json,
	    json_pack("{s:o, s:o, s:s, s:s}", "ca", ca_out_text(in->name), "directory",
	        ca_out_text(in->config.dir), "ca_cert_sha256", fingerprint, "enrolment",
	        next[in->config.enrolment]),
	    err);
}

/*
 * "--ca-key=FILE" goes into the configuration, where a relative name would be DIR's
 * and not, as here, the working directory's.
 */
static enum tpmiot_rc
add_set(struct ca_cli *cli, const char *key, const char *value, struct tpmiot_buf *set,
    struct tpmiot_err *err)
{
	enum tpmiot_rc rc;
	char *full;

	if (value == NULL)
		return TPMIOT_OK;
	full = realpath(value, NULL); /* NULL for a URI */
	if (cli->sets.n == CA_CLI_LIST_MAX) {
		free(full);
		return tpmiot_err_set(
		    err, TPMIOT_E_USAGE, "--set: at most %d times", CA_CLI_LIST_MAX);
	}
	tpmiot_buf_printf(set, "%s=%s", key, full != NULL ? full : value);
	free(full);
	rc = tpmiot_buf_done(set, err);
	if (rc == TPMIOT_OK)
		cli->sets.items[cli->sets.n++] = tpmiot_buf_cstr(set);
	return rc;
}

enum tpmiot_rc
ca_cmd_init(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	struct ca_init in = { .cli = cli, .lock = -1 };
	const char *ca_key = NULL, *ca_cert = NULL;
	const struct ca_cli_option options[] = {
		{ .name = "name", .value = &in.name },
		{ .name = "host", .list = &in.hosts },
		{ .name = "ca-key", .value = &ca_key },
		{ .name = "ca-cert", .value = &ca_cert },
		{ .name = NULL },
	};
	struct tpmiot_buf key_set = TPMIOT_BUF_INIT, cert_set = TPMIOT_BUF_INIT;
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, options, 0, 0, &first, err);

	if (rc == TPMIOT_OK && in.name == NULL)
		rc = tpmiot_err_set(
		    err, TPMIOT_E_USAGE, "--name is missing: what is the CA called?");
	if (in.hosts.n == 0)
		in.hosts = (struct ca_cli_list){ { "localhost", "127.0.0.1" }, 2 };
	if (rc == TPMIOT_OK)
		rc = add_set(cli, "ca_key", ca_key, &key_set, err);
	if (rc == TPMIOT_OK)
		rc = add_set(cli, "ca_cert", ca_cert, &cert_set, err);
	if (rc == TPMIOT_OK)
		rc = make(&in, err);
	if (rc == TPMIOT_OK)
		rc = report(&in, err);
	if (in.lock >= 0)
		close(in.lock);
	ca_config_free(&in.config);
	EVP_PKEY_free(in.ca_key);
	EVP_PKEY_free(in.tls_key);
	X509_free(in.ca_cert);
	X509_free(in.tls_cert);
	sk_X509_pop_free(in.above, X509_free);
	tpmiot_buf_free(&key_set);
	tpmiot_buf_free(&cert_set);
	return rc;
}
