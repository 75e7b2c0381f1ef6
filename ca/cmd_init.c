/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tpmiot-ca init: makes a CA in DIR. The configuration is written last and
 * says that all the rest is there; without it an earlier run was interrupted, and
 * this one goes on with the keys that are there.
 */
#include "cli.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include "file.h"
#include "keyuri.h"
#include "x509.h"

#define DAY ((int64_t)86400)
#define CA_VALIDITY (20 * 365 * DAY)
#define TLS_VALIDITY (825 * DAY) /* more is refused by some clients */

struct init {
	struct ca_cli *cli;
	const char *name;
	struct ca_cli_list hosts;
	bool own_cert; /* --ca-cert: a CA that is there already */
	struct ca_config config;
	EVP_PKEY *ca_key, *tls_key;
	X509 *ca_cert, *tls_cert;
};

static enum tpmiot_rc write_pem(const struct init *in, const char *name, mode_t mode,
    EVP_PKEY *key, X509 *cert, struct tpmiot_err *err)
{
	struct tpmiot_buf pem = TPMIOT_BUF_INIT;
	BIO *bio = BIO_new(BIO_s_secmem());
	char *text = NULL;
	enum tpmiot_rc rc;
	long len;

	if (bio == NULL ||
	    (key != NULL &&
	        PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1) ||
	    (cert != NULL && PEM_write_bio_X509(bio, cert) != 1)) {
		rc = tpmiot_err_crypto(err, "cannot write %s", name);
		goto out;
	}
	len = BIO_get_mem_data(bio, &text);
	tpmiot_buf_put(&pem, text, (size_t)len);
	rc = tpmiot_buf_done(&pem, err);
	if (rc == TPMIOT_OK)
		rc = ca_file_write(in->config.dir, name, &pem, mode, err);
out:
	BIO_free(bio);
	tpmiot_buf_free(&pem);
	return rc;
}

/* The key that is there (of an interrupted run, or the operator's), else a new one in `file`. */
static enum tpmiot_rc get_key(const struct init *in, const char *uri, const char *passphrase_file,
    const char *file, EVP_PKEY **out, struct tpmiot_err *err)
{
	EVP_PKEY *key;
	enum tpmiot_rc rc;

	if (strcmp(uri, file) != 0 || ca_file_exists(in->config.dir, file))
		return ca_key_load(in->config.dir, uri, passphrase_file, out, err);
	key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	if (key == NULL)
		return tpmiot_err_crypto(err, "cannot make a key");
	rc = write_pem(in, file, 0600, key, NULL, err);
	if (rc == TPMIOT_OK)
		*out = key;
	else
		EVP_PKEY_free(key);
	return rc;
}

static enum tpmiot_rc load_ca_cert(struct init *in, struct tpmiot_err *err)
{
	STACK_OF(X509) *certs = NULL;
	enum tpmiot_rc rc = ca_certs_load(in->config.dir, in->config.ca_cert, &certs, err);

	if (rc != TPMIOT_OK)
		return rc;
	in->ca_cert = sk_X509_shift(certs);
	sk_X509_pop_free(certs, X509_free);
	if (EVP_PKEY_eq(X509_get0_pubkey(in->ca_cert), in->ca_key) != 1 ||
	    X509_check_ca(in->ca_cert) != 1)
		return tpmiot_err_set(err, TPMIOT_E_CONFLICT,
		    "%s is there and is not a CA certificate for the key %s; move it away, or name "
		    "both with --ca-key and --ca-cert", in->config.ca_cert, in->config.ca_key);
	return TPMIOT_OK;
}

static enum tpmiot_rc make_ca_cert(struct init *in, struct tpmiot_err *err)
{
	struct ca_x509_spec spec = {
		.is_ca = 1, .path_len = 0, .key_usage = "keyCertSign,cRLSign",
		.not_before = in->cli->now - in->config.clock_skew,
		.not_after = in->cli->now + CA_VALIDITY,
	};
	enum tpmiot_rc rc = ca_x509_name(in->name, &spec.subject, err);

	if (rc == TPMIOT_OK)
		rc = ca_x509_serial(spec.serial, &spec.serial_len, err);
	if (rc == TPMIOT_OK)
		rc = ca_x509_issue(&spec, in->ca_key, NULL, in->ca_key, &in->ca_cert, err);
	if (rc == TPMIOT_OK)
		rc = write_pem(in, "ca.crt", 0644, NULL, in->ca_cert, err);
	X509_NAME_free(spec.subject);
	return rc;
}

static enum tpmiot_rc get_ca(struct init *in, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = get_key(in, in->config.ca_key, in->config.ca_key_passphrase_file,
	    "ca.key", &in->ca_key, err);

	if (rc != TPMIOT_OK)
		return rc;
	return in->own_cert || ca_file_exists(in->config.dir, "ca.crt")
	    ? load_ca_cert(in, err) : make_ca_cert(in, err);
}

static enum tpmiot_rc make_san(const struct init *in, GENERAL_NAMES **san, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = TPMIOT_OK;
	uint8_t addr[16];

	for (size_t i = 0; i < in->hosts.n && rc == TPMIOT_OK; i++) {
		const char *host = in->hosts.items[i];
		bool ip = inet_pton(AF_INET, host, addr) == 1 || inet_pton(AF_INET6, host, addr) == 1;

		rc = ca_x509_san_add(san, ip ? CA_SAN_IP : CA_SAN_DNS, host, err);
	}
	return rc;
}

static enum tpmiot_rc make_tls(struct init *in, struct tpmiot_err *err)
{
	struct ca_x509_spec spec = {
		.key_usage = "digitalSignature", .ext_key_usage = "serverAuth",
		.not_before = in->cli->now - in->config.clock_skew,
	};
	int64_t ca_end = 0;
	enum tpmiot_rc rc = get_key(in, in->config.tls_key, in->config.tls_key_passphrase_file,
	    "tls.key", &in->tls_key, err);

	if (rc == TPMIOT_OK)
		rc = ca_x509_time(X509_get0_notAfter(in->ca_cert), &ca_end, err);
	if (rc == TPMIOT_OK)
		rc = ca_x509_name(in->hosts.items[0], &spec.subject, err);
	if (rc == TPMIOT_OK)
		rc = make_san(in, &spec.san, err);
	if (rc == TPMIOT_OK)
		rc = ca_x509_serial(spec.serial, &spec.serial_len, err);
	spec.not_after = in->cli->now + TLS_VALIDITY < ca_end ? in->cli->now + TLS_VALIDITY : ca_end;
	if (rc == TPMIOT_OK)
		rc = ca_x509_issue(&spec, in->tls_key, in->ca_cert, in->ca_key, &in->tls_cert, err);
	if (rc == TPMIOT_OK)
		rc = write_pem(in, "tls.crt", 0644, NULL, in->tls_cert, err);
	GENERAL_NAMES_free(spec.san);
	X509_NAME_free(spec.subject);
	return rc;
}

static enum tpmiot_rc fill_store(struct init *in, struct tpmiot_err *err)
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

static enum tpmiot_rc make_store(struct init *in, struct tpmiot_err *err)
{
	struct tpmiot_buf path = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	ca_config_path(in->config.dir, CA_STORE_FILE, &path);
	rc = tpmiot_buf_done(&path, err);
	if (rc == TPMIOT_OK && !ca_file_exists(in->config.dir, CA_STORE_FILE))
		rc = ca_store_create(tpmiot_buf_cstr(&path), err);
	tpmiot_buf_free(&path);
	if (rc == TPMIOT_OK)
		rc = ca_cli_store(in->cli, err);
	if (rc == TPMIOT_OK)
		rc = ca_store_begin(in->cli->store, err);
	return rc == TPMIOT_OK ? ca_cli_end(in->cli, fill_store(in, err), err) : rc;
}

static enum tpmiot_rc write_config(const struct init *in, struct tpmiot_err *err)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc = ca_config_write(in->cli->sets.items, in->cli->sets.n, &text, err);

	if (rc == TPMIOT_OK)
		rc = ca_file_write(in->config.dir, CA_CONFIG_FILE, &text, 0600, err);
	tpmiot_buf_free(&text);
	return rc;
}

static enum tpmiot_rc make_dir(const char *dir, struct tpmiot_err *err)
{
	struct stat st;

	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return tpmiot_err_errno(err, "cannot make the directory %s", dir);
	if (stat(dir, &st) != 0)
		return tpmiot_err_errno(err, "%s", dir);
	if (!S_ISDIR(st.st_mode))
		return tpmiot_err_set(err, TPMIOT_E_CONFLICT, "%s is not a directory", dir);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return tpmiot_err_set(err, TPMIOT_E_PERM,
		    "%s: others may write to it; chmod 0700 it", dir);
	if (ca_file_exists(dir, CA_CONFIG_FILE))
		return tpmiot_err_set(err, TPMIOT_E_CONFLICT,
		    "there is a CA in %s already (%s); nothing was changed", dir, CA_CONFIG_FILE);
	return TPMIOT_OK;
}

static enum tpmiot_rc make(struct init *in, struct tpmiot_err *err)
{
	struct ca_cli *cli = in->cli;
	enum tpmiot_rc rc = make_dir(cli->dir, err);

	if (rc == TPMIOT_OK)
		rc = ca_config_defaults(cli->dir, cli->sets.items, cli->sets.n, &in->config, err);
	if (rc == TPMIOT_OK)
		rc = ca_providers_load(in->config.providers, err);
	if (rc == TPMIOT_OK)
		rc = get_ca(in, err);
	if (rc == TPMIOT_OK)
		rc = make_tls(in, err);
	if (rc == TPMIOT_OK)
		rc = make_store(in, err);
	if (rc == TPMIOT_OK)
		rc = write_config(in, err);
	return rc;
}

static enum tpmiot_rc report(const struct init *in, struct tpmiot_err *err)
{
	char fingerprint[2 * CA_SHA256_LEN + 1];
	uint8_t sha256[EVP_MAX_MD_SIZE];

	if (X509_digest(in->ca_cert, EVP_sha256(), sha256, NULL) != 1)
		return tpmiot_err_crypto(err, "cannot hash the CA certificate");
	ca_hex(sha256, CA_SHA256_LEN, fingerprint);
	return ca_out_record(stdout, in->cli->json,
	    json_pack("{s:o, s:o, s:s, s:s}", "ca", ca_out_text(in->name),
	        "directory", ca_out_text(in->config.dir), "ca_cert_sha256", fingerprint,
	        "enrolment", "listed: every device is refused until \"allow add\", or until "
	        "enrolment = token with \"trust add\" and \"join add\""), err);
}

/* "--ca-key=URI" goes into the configuration as what it is there. */
static enum tpmiot_rc add_set(struct ca_cli *cli, const char *key, const char *value,
    struct tpmiot_buf *set, struct tpmiot_err *err)
{
	enum tpmiot_rc rc;

	if (value == NULL)
		return TPMIOT_OK;
	if (cli->sets.n == CA_CLI_LIST_MAX)
		return tpmiot_err_set(err, TPMIOT_E_USAGE, "--set: at most %d times", CA_CLI_LIST_MAX);
	tpmiot_buf_printf(set, "%s=%s", key, value);
	rc = tpmiot_buf_done(set, err);
	if (rc == TPMIOT_OK)
		cli->sets.items[cli->sets.n++] = tpmiot_buf_cstr(set);
	return rc;
}

enum tpmiot_rc ca_cmd_init(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	struct init in = { .cli = cli };
	const char *ca_key = NULL, *ca_cert = NULL;
	const struct ca_cli_option options[] = {
		{ .name = "name", .value = &in.name }, { .name = "host", .list = &in.hosts },
		{ .name = "ca-key", .value = &ca_key }, { .name = "ca-cert", .value = &ca_cert },
		{ .name = NULL },
	};
	struct tpmiot_buf key_set = TPMIOT_BUF_INIT, cert_set = TPMIOT_BUF_INIT;
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, options, 0, 0, &first, err);

	if (rc == TPMIOT_OK && in.name == NULL)
		rc = tpmiot_err_set(err, TPMIOT_E_USAGE, "--name is missing: what is the CA called?");
	if (in.hosts.n == 0)
		in.hosts = (struct ca_cli_list){ { "localhost", "127.0.0.1" }, 2 };
	in.own_cert = ca_cert != NULL;
	if (rc == TPMIOT_OK)
		rc = add_set(cli, "ca_key", ca_key, &key_set, err);
	if (rc == TPMIOT_OK)
		rc = add_set(cli, "ca_cert", ca_cert, &cert_set, err);
	if (rc == TPMIOT_OK)
		rc = make(&in, err);
	if (rc == TPMIOT_OK)
		rc = report(&in, err);
	ca_config_free(&in.config);
	EVP_PKEY_free(in.ca_key);
	EVP_PKEY_free(in.tls_key);
	X509_free(in.ca_cert);
	X509_free(in.tls_cert);
	tpmiot_buf_free(&key_set);
	tpmiot_buf_free(&cert_set);
	return rc;
}
