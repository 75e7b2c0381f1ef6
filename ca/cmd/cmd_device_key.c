/* SPDX-License-Identifier: Apache-2.0 */
/* tpmiot-ca device add, drop-key: keys that are registered as they are, by bare_keys = yes. */
#include "ca/cmd/cmd.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <tpmiot/b64.h>
#include <tpmiot/jws.h>

#include "ca/file.h"
#include "ca/pki/x509.h"

#define FILE_MAX 16384

static json_t *
key_json(const struct ca_device_key *key)
{
	return json_pack("{s:o, s:o, s:b, s:o, s:o, s:o}", "key",
	    ca_out_hex(key->spki, CA_SHA256_LEN), "device_id", ca_out_text(key->device_id),
	    "self_signed", key->cert.len > 0, "not_before", ca_out_time(key->not_before),
	    "not_after", ca_out_time(key->not_after), "added", ca_out_time(key->added));
}

bool
ca_cmd_device_key_row(void *arg, const struct ca_device_key *key)
{
	return ca_out_append(arg, key_json(key));
}

/* ---- The file: a public key or a self-signed certificate, PEM or DER -------------------- */

static X509 *
read_cert(const struct tpmiot_buf *data)
{
	const unsigned char *at = data->data;
	BIO *bio = BIO_new_mem_buf(data->data, (int)data->len);
	X509 *cert = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	if (cert == NULL)
		cert = d2i_X509(NULL, &at, (long)data->len);
	BIO_free(bio);
	return cert;
}

static EVP_PKEY *
read_public(const struct tpmiot_buf *data)
{
	const unsigned char *at = data->data;
	BIO *bio = BIO_new_mem_buf(data->data, (int)data->len);
	EVP_PKEY *key = bio != NULL ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;

	if (key == NULL)
		key = d2i_PUBKEY(NULL, &at, (long)data->len);
	BIO_free(bio);
	return key;
}

/* Its own time bounds the key's. */
static enum tpmiot_rc
take_cert(X509 *cert, struct ca_device_key *out, struct tpmiot_err *err)
{
	unsigned char *der = NULL;
	enum tpmiot_rc rc;
	int len;

	if (X509_self_signed(cert, 1) != 1)
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "the certificate is not self-signed: with others, the device's key counts by "
		    "itself (openssl x509 -noout -pubkey)");
	if ((rc = ca_x509_time(X509_get0_notBefore(cert), &out->not_before, err)) != TPMIOT_OK ||
	    (rc = ca_x509_time(X509_get0_notAfter(cert), &out->not_after, err)) != TPMIOT_OK)
		return rc;
	len = i2d_X509(cert, &der);
	if (len <= 0)
		return tpmiot_err_crypto(err, "encoding the certificate");
	tpmiot_buf_put(&out->cert, der, (size_t)len);
	OPENSSL_free(der);
	return tpmiot_buf_done(&out->cert, err);
}

static enum tpmiot_rc
take_public(EVP_PKEY *key, struct ca_device_key *out, struct tpmiot_err *err)
{
	unsigned char *der = NULL;
	int len;

	if (tpmiot_jws_algs_of(key) == NULL)
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "RSA of 2048 bits or more, P-256 and P-384 are what a device signs with");
	len = i2d_PUBKEY(key, &der);
	if (len <= 0)
		return tpmiot_err_crypto(err, "encoding the key");
	tpmiot_buf_put(&out->public, der, (size_t)len);
	OPENSSL_free(der);
	return tpmiot_spki_sha256(NULL, key, out->spki, err);
}

static enum tpmiot_rc
read_key(const char *path, struct ca_device_key *out, struct tpmiot_err *err)
{
	struct tpmiot_buf data = TPMIOT_BUF_INIT;
	EVP_PKEY *key = NULL;
	X509 *cert = NULL;
	enum tpmiot_rc rc = ca_file_read(path, FILE_MAX, &data, err);

	if (rc == TPMIOT_OK && (cert = read_cert(&data)) != NULL)
		rc = take_cert(cert, out, err);
	if (rc == TPMIOT_OK) {
		key = cert != NULL ? X509_get_pubkey(cert) : read_public(&data);
		rc = key != NULL ? take_public(key, out, err)
		                 : tpmiot_err_set(err, TPMIOT_E_FORMAT,
		                       "neither a public key nor a certificate, PEM or DER");
	}
	ERR_clear_error();
	EVP_PKEY_free(key);
	X509_free(cert);
	tpmiot_buf_free(&data);
	return rc == TPMIOT_OK ? rc : tpmiot_err_prefix(err, "%s", path);
}

/* ---- add ---------------------------------------------------------------------------------- */

struct add {
	const char *id, *file, *group, *valid;
	struct ca_device_key key;
};

/* A key that has a certificate belongs to that certificate's device, and is judged by it. */
static enum tpmiot_rc
check_certified(struct ca_store *store, const struct ca_device_key *key, struct tpmiot_err *err)
{
	struct ca_cert cert = { .der = TPMIOT_BUF_INIT };
	enum tpmiot_rc rc = ca_cert_find_key(store, key->spki, &cert, err);

	if (rc == TPMIOT_OK)
		rc = tpmiot_err_set(err, TPMIOT_E_CONFLICT,
		    "this key has a certificate, as the device %s: it needs no other entry",
		    cert.device_id);
	tpmiot_buf_free(&cert.der);
	return rc == TPMIOT_E_NOT_FOUND ? TPMIOT_OK : rc;
}

/* The device that is there, or a new one that is known by this key. */
static enum tpmiot_rc
find_or_register(struct ca_cli *cli, struct add *add, const char *group, struct tpmiot_err *err)
{
	struct ca_device dev = { .ek_cert = TPMIOT_BUF_INIT };
	enum tpmiot_rc rc = ca_device_find_id(cli->store, add->id, &dev, err);

	if (rc == TPMIOT_E_NOT_FOUND) {
		dev.last_seen = cli->now;
		memcpy(dev.ek_spki, add->key.spki, CA_SHA256_LEN);
		(void)snprintf(dev.id, sizeof(dev.id), "%s", add->id);
		(void)snprintf(dev.group, sizeof(dev.group), "%s", group);
		rc = ca_device_register(cli->store, &dev, err);
	} else if (rc == TPMIOT_OK && group[0] != '\0') {
		rc = tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "--group: the device %s is there already, and stays in its group", add->id);
	}
	memcpy(add->key.ek_spki, dev.ek_spki, CA_SHA256_LEN);
	tpmiot_buf_free(&dev.ek_cert);
	return rc;
}

static enum tpmiot_rc
add_key(struct ca_cli *cli, struct add *add, const char *group, struct tpmiot_err *err)
{
	char hex[2 * CA_SHA256_LEN + 1];
	enum tpmiot_rc rc = check_certified(cli->store, &add->key, err);

	if (rc == TPMIOT_OK)
		rc = find_or_register(cli, add, group, err);
	if (rc == TPMIOT_OK)
		rc = ca_device_key_add(cli->store, &add->key, err);
	if (rc != TPMIOT_OK)
		return rc;
	ca_hex(add->key.spki, CA_SHA256_LEN, hex);
	return ca_cli_audit(cli, add->id, add->key.ek_spki, err, "key %s, %s", hex,
	    add->key.cert.len > 0 ? "self-signed certificate" : "bare");
}

static enum tpmiot_rc
check_policy(const struct ca_cli *cli, struct tpmiot_err *err)
{
	struct ca_config config;
	enum tpmiot_rc rc = ca_cli_config(cli, &config, err);

	if (rc != TPMIOT_OK)
		return rc;
	if (config.bare_keys != CA_YES)
		rc = tpmiot_err_set(err, TPMIOT_E_POLICY,
		    "the policy is bare_keys = no: nothing proves that this key is in a TPM; set "
		    "bare_keys = yes in " CA_CONFIG_FILE " if that shall not matter");
	ca_config_free(&config);
	return rc;
}

static enum tpmiot_rc
read_add(struct ca_cli *cli, struct add *add, char id[CA_DEVICE_ID_MAX + 1],
    char group[CA_GROUP_MAX + 1], struct tpmiot_err *err)
{
	int64_t valid = 0;
	enum tpmiot_rc rc = TPMIOT_OK;

	if (add->id == NULL || add->file == NULL)
		rc =
		    tpmiot_err_set(err, TPMIOT_E_USAGE, "--device-id and --key are what is needed");
	if (rc == TPMIOT_OK)
		rc = ca_cli_device_id(add->id, id, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_group(cli, add->group, group, err);
	if (rc == TPMIOT_OK && add->valid != NULL &&
	    (rc = ca_duration_parse(add->valid, &valid, err)) != TPMIOT_OK)
		rc = tpmiot_err_set(
		    err, TPMIOT_E_USAGE, "--valid=%.40s: as 12h, 30d, 2y", add->valid);
	if (rc == TPMIOT_OK)
		rc = check_policy(cli, err);
	if (rc == TPMIOT_OK)
		rc = read_key(add->file, &add->key, err);
	if (valid > 0 && (add->key.not_after == 0 || add->key.not_after > cli->now + valid))
		add->key.not_after = cli->now + valid;
	add->key.added = cli->now;
	return rc;
}

enum tpmiot_rc
ca_cmd_device_add(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	struct add add = { .id = NULL };
	const struct ca_cli_option options[] = {
		{ .name = "device-id", .value = &add.id },
		{ .name = "key", .value = &add.file },
		{ .name = "group", .value = &add.group },
		{ .name = "valid", .value = &add.valid },
		{ .name = NULL },
	};
	char id[CA_DEVICE_ID_MAX + 1], group[CA_GROUP_MAX + 1];
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, options, 0, 0, &first, err);

	if (rc == TPMIOT_OK)
		rc = read_add(cli, &add, id, group, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_begin(cli, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_end(cli, add_key(cli, &add, group, err), err);
	if (rc == TPMIOT_OK) {
		memcpy(add.key.device_id, id, sizeof(add.key.device_id));
		rc = ca_out_record(stdout, cli->json, key_json(&add.key), err);
	}
	ca_device_key_free(&add.key);
	return rc;
}

/* ---- drop-key ------------------------------------------------------------------------------ */

static enum tpmiot_rc
drop(struct ca_cli *cli, const uint8_t spki[CA_SHA256_LEN], struct tpmiot_err *err)
{
	struct ca_device_key key = { .added = 0 };
	char hex[2 * CA_SHA256_LEN + 1];
	enum tpmiot_rc rc = ca_device_key_find(cli->store, spki, &key, err);

	ca_hex(spki, CA_SHA256_LEN, hex);
	if (rc == TPMIOT_E_NOT_FOUND)
		rc = tpmiot_err_set(err, rc,
		    "no key %s is registered; \"tpmiot-ca device show ID\" lists a device's", hex);
	if (rc == TPMIOT_OK)
		rc = ca_device_key_remove(cli->store, spki, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_audit(cli, key.device_id, key.ek_spki, err, "key %s", hex);
	ca_device_key_free(&key);
	return rc;
}

enum tpmiot_rc
ca_cmd_device_drop_key(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	uint8_t spki[CA_SHA256_LEN];
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, NULL, 1, 1, &first, err);

	if (rc == TPMIOT_OK &&
	    tpmiot_hex_decode(argv[first], spki, sizeof(spki), NULL) != TPMIOT_OK)
		rc = tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "%.80s: the 64 hexadecimal digits of the key's SHA-256 are wanted",
		    argv[first]);
	if (rc == TPMIOT_OK)
		rc = ca_cli_begin(cli, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_end(cli, drop(cli, spki, err), err);
	return rc;
}
