/* SPDX-License-Identifier: Apache-2.0 */
/* The keys and certificates that init makes, or finds. */
#include "ca/cmd/init.h"

#include <arpa/inet.h>
#include <string.h>

#include <openssl/pem.h>

#include "ca/file.h"
#include "ca/pki/keyuri.h"
#include "ca/pki/x509.h"

#define DAY ((int64_t)86400)
#define CA_VALIDITY (20 * 365 * DAY)
#define TLS_VALIDITY (825 * DAY) /* more is refused by some clients */

/* What the operator brings along is used where it is, and never written. */
static bool
is_own(const char *configured, const char *file)
{
	return strcmp(configured, file) != 0;
}

/* Takes bio, in which PEM was written if written is true. */
static enum tpmiot_rc
write_file(const struct ca_init *in, const char *name, mode_t mode, BIO *bio, bool written,
    struct tpmiot_err *err)
{
	struct tpmiot_buf pem = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;
	char *text = NULL;
	long len;

	if (!written) {
		rc = tpmiot_err_crypto(err, "cannot write %s", name);
	} else {
		len = BIO_get_mem_data(bio, &text);
		tpmiot_buf_put(&pem, text, (size_t)len);
		rc = tpmiot_buf_done(&pem, err);
		if (rc == TPMIOT_OK)
			rc = ca_file_write(in->config.dir, name, &pem, mode, err);
	}
	BIO_free(bio);
	tpmiot_buf_free(&pem);
	return rc;
}

static enum tpmiot_rc
write_key(const struct ca_init *in, const char *name, EVP_PKEY *key, struct tpmiot_err *err)
{
	BIO *bio = BIO_new(BIO_s_secmem()); /* wiped when freed */

	return write_file(in, name, 0600, bio,
	    bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1,
	    err);
}

/* The certificate, and what leads from it to a root. */
static enum tpmiot_rc
write_certs(
    const struct ca_init *in, const char *name, X509 *cert, X509 *issuer, struct tpmiot_err *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	bool ok = bio != NULL && PEM_write_bio_X509(bio, cert) == 1;

	if (ok && issuer != NULL && X509_self_signed(issuer, 0) != 1)
		ok = PEM_write_bio_X509(bio, issuer) == 1;
	for (int i = 0; ok && issuer != NULL && i < sk_X509_num(in->above); i++)
		ok = PEM_write_bio_X509(bio, sk_X509_value(in->above, i)) == 1;
	return write_file(in, name, 0644, bio, ok, err);
}

/* The key that is there (of an interrupted run, or the operator's), else a new one in `file`. */
static enum tpmiot_rc
get_key(const struct ca_init *in, const char *uri, const char *passphrase_file, const char *file,
    EVP_PKEY **out, struct tpmiot_err *err)
{
	EVP_PKEY *key;
	enum tpmiot_rc rc;

	if (is_own(uri, file) || ca_file_exists(in->config.dir, file))
		return ca_key_load(in->config.dir, uri, passphrase_file, out, err);
	key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	if (key == NULL)
		return tpmiot_err_crypto(err, "cannot make a key");
	rc = write_key(in, file, key, err);
	if (rc == TPMIOT_OK)
		*out = key;
	else
		EVP_PKEY_free(key);
	return rc;
}

static enum tpmiot_rc
load_ca_cert(struct ca_init *in, struct tpmiot_err *err)
{
	STACK_OF(X509) *certs = NULL;
	enum tpmiot_rc rc = ca_certs_load(in->config.dir, in->config.ca_cert, &certs, err);

	if (rc != TPMIOT_OK)
		return rc;
	in->ca_cert = sk_X509_shift(certs);
	in->above = certs;
	if (EVP_PKEY_eq(X509_get0_pubkey(in->ca_cert), in->ca_key) != 1 ||
	    X509_check_ca(in->ca_cert) != 1)
		return tpmiot_err_set(err, TPMIOT_E_CONFLICT,
		    "%s is there and is not a CA certificate for the key %s; move it away, or name "
		    "both with --ca-key and --ca-cert",
		    in->config.ca_cert, in->config.ca_key);
	return ca_signer_check_chain(in->ca_cert, in->above, err);
}

/* An interrupted run's certificate serves if it is the one that this run would make. */
static enum tpmiot_rc
check_name(const struct ca_init *in, struct tpmiot_err *err)
{
	X509_NAME *name = NULL;
	enum tpmiot_rc rc = ca_x509_name(in->name, &name, err);

	if (rc == TPMIOT_OK && X509_NAME_cmp(name, X509_get_subject_name(in->ca_cert)) != 0)
		rc = tpmiot_err_set(err, TPMIOT_E_CONFLICT,
		    CA_INIT_CA_CERT
		    " is there, of an interrupted run with another --name than \"%s\"; "
		    "repeat that name, or remove the file",
		    in->name);
	X509_NAME_free(name);
	return rc;
}

static enum tpmiot_rc
make_ca_cert(struct ca_init *in, struct tpmiot_err *err)
{
	struct ca_x509_spec spec = {
		.is_ca = 1,
		.path_len = 0,
		.key_usage = "keyCertSign,cRLSign",
		.not_before = in->cli->now - in->config.clock_skew,
		.not_after = in->cli->now + CA_VALIDITY,
	};
	enum tpmiot_rc rc = ca_x509_name(in->name, &spec.subject, err);

	if (rc == TPMIOT_OK)
		rc = ca_x509_serial(spec.serial, &spec.serial_len, err);
	if (rc == TPMIOT_OK)
		rc = ca_x509_issue(&spec, in->ca_key, NULL, in->ca_key, &in->ca_cert, err);
	if (rc == TPMIOT_OK)
		rc = write_certs(in, CA_INIT_CA_CERT, in->ca_cert, NULL, err);
	X509_NAME_free(spec.subject);
	return rc;
}

enum tpmiot_rc
ca_init_ca(struct ca_init *in, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = get_key(in, in->config.ca_key, in->config.ca_key_passphrase_file,
	    CA_INIT_CA_KEY, &in->ca_key, err);
	bool own = is_own(in->config.ca_cert, CA_INIT_CA_CERT);

	if (rc != TPMIOT_OK)
		return rc;
	if (!own && !ca_file_exists(in->config.dir, CA_INIT_CA_CERT))
		return make_ca_cert(in, err);
	rc = load_ca_cert(in, err);
	return rc == TPMIOT_OK && !own ? check_name(in, err) : rc;
}

static enum tpmiot_rc
make_san(const struct ca_init *in, GENERAL_NAMES **san, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = TPMIOT_OK;
	uint8_t addr[16];

	for (size_t i = 0; i < in->hosts.n && rc == TPMIOT_OK; i++) {
		const char *host = in->hosts.items[i];
		bool ip =
		    inet_pton(AF_INET, host, addr) == 1 || inet_pton(AF_INET6, host, addr) == 1;

		rc = ca_x509_san_add(san, ip ? CA_SAN_IP : CA_SAN_DNS, host, err);
	}
	return rc;
}

enum tpmiot_rc
ca_init_tls(struct ca_init *in, struct tpmiot_err *err)
{
	struct ca_x509_spec spec = {
		.key_usage = "digitalSignature",
		.ext_key_usage = "serverAuth",
		.not_before = in->cli->now - in->config.clock_skew,
	};
	int64_t ca_end = 0;
	enum tpmiot_rc rc = get_key(in, in->config.tls_key, in->config.tls_key_passphrase_file,
	    CA_INIT_TLS_KEY, &in->tls_key, err);

	if (rc == TPMIOT_OK && is_own(in->config.tls_cert, CA_INIT_TLS_CERT))
		return TPMIOT_OK;
	if (rc == TPMIOT_OK)
		rc = ca_x509_time(X509_get0_notAfter(in->ca_cert), &ca_end, err);
	if (rc == TPMIOT_OK)
		rc = ca_x509_name(in->hosts.items[0], &spec.subject, err);
	if (rc == TPMIOT_OK)
		rc = make_san(in, &spec.san, err);
	if (rc == TPMIOT_OK)
		rc = ca_x509_serial(spec.serial, &spec.serial_len, err);
	spec.not_after =
	    in->cli->now + TLS_VALIDITY < ca_end ? in->cli->now + TLS_VALIDITY : ca_end;
	if (rc == TPMIOT_OK)
		rc = ca_x509_issue(&spec, in->tls_key, in->ca_cert, in->ca_key, &in->tls_cert, err);
	if (rc == TPMIOT_OK)
		rc = write_certs(in, CA_INIT_TLS_CERT, in->tls_cert, in->ca_cert, err);
	GENERAL_NAMES_free(spec.san);
	X509_NAME_free(spec.subject);
	return rc;
}
