/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/pki/keyuri.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>

#define PASSPHRASE_MAX 1024

static enum tpmiot_rc
provider_load(const char *name, struct tpmiot_err *err)
{
	if (OSSL_PROVIDER_load(NULL, name) == NULL)
		return tpmiot_err_crypto(err,
		    "cannot load the OpenSSL provider \"%s\" (configuration key \"providers\"); "
		    "is %s.so in %s, or in OPENSSL_MODULES?",
		    name, name, OPENSSL_info(OPENSSL_INFO_MODULES_DIR));
	return TPMIOT_OK;
}

enum tpmiot_rc
ca_providers_load(const char *providers, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = TPMIOT_OK;
	char *list, *name, *save = NULL;

	if (providers == NULL || providers[0] == '\0')
		return TPMIOT_OK;
	list = OPENSSL_strdup(providers);
	if (list == NULL)
		return tpmiot_err_memory(err);
	for (name = strtok_r(list, ", \t", &save); name != NULL && rc == TPMIOT_OK;
	     name = strtok_r(NULL, ", \t", &save))
		rc = provider_load(name, err);
	if (rc == TPMIOT_OK)
		rc = provider_load("default", err);
	/*
	 * A token is for its keys: it makes none of ours, and hashes nothing for us. Who asks for
	 * FIPS in openssl.cnf has said it already.
	 */
	if (rc == TPMIOT_OK && !EVP_default_properties_is_fips_enabled(NULL) &&
	    EVP_set_default_properties(NULL, "?provider=default") != 1)
		rc = tpmiot_err_crypto(err, "no default properties");
	OPENSSL_free(list);
	return rc;
}

static int
passphrase_cb(char *buf, int size, int rwflag, void *arg)
{
	const struct tpmiot_buf *passphrase = arg;

	(void)rwflag;
	if (passphrase->len == 0 || size < 0 || passphrase->len > (size_t)size)
		return -1;
	memcpy(buf, passphrase->data, passphrase->len);
	return (int)passphrase->len;
}

/* Appends the file's first line. */
static enum tpmiot_rc
passphrase_read(const char *dir, const char *file, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = TPMIOT_OK;
	struct tpmiot_buf path = TPMIOT_BUF_INIT;
	char line[PASSPHRASE_MAX];
	FILE *f = NULL;

	ca_config_path(dir, file, &path);
	if ((rc = tpmiot_buf_done(&path, err)) != TPMIOT_OK)
		goto out;
	f = fopen(tpmiot_buf_cstr(&path), "r");
	if (f == NULL) {
		rc = tpmiot_err_errno(err, "passphrase file %s", (char *)path.data);
		goto out;
	}
	setvbuf(f, NULL, _IONBF, 0); /* no copy that nobody wipes */
	if (fgets(line, sizeof(line), f) == NULL)
		line[0] = '\0';
	tpmiot_buf_put(out, line, strcspn(line, "\r\n"));
	rc = tpmiot_buf_done(out, err);
out:
	OPENSSL_cleanse(line, sizeof(line));
	if (f != NULL)
		fclose(f);
	tpmiot_buf_free(&path);
	return rc;
}

/* The first private key that the store yields; NULL with the reason on OpenSSL's stack. */
static EVP_PKEY *
store_key(const char *uri, const UI_METHOD *ui, void *ui_data)
{
	EVP_PKEY *key = NULL;
	OSSL_STORE_CTX *store = OSSL_STORE_open(uri, ui, ui_data, NULL, NULL);

	if (store == NULL)
		return NULL;
	if (OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY) != 1)
		goto out;
	while (key == NULL && !OSSL_STORE_eof(store)) {
		OSSL_STORE_INFO *info = OSSL_STORE_load(store);

		if (info != NULL && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
			key = OSSL_STORE_INFO_get1_PKEY(info);
		OSSL_STORE_INFO_free(info);
		if (info == NULL && OSSL_STORE_error(store))
			break;
	}
out:
	OSSL_STORE_close(store);
	return key;
}

enum tpmiot_rc
ca_key_load(const char *dir, const char *uri, const char *passphrase_file, EVP_PKEY **out,
    struct tpmiot_err *err)
{
	enum tpmiot_rc rc = TPMIOT_OK;
	struct tpmiot_buf full = TPMIOT_BUF_INIT, passphrase = TPMIOT_BUF_INIT;
	UI_METHOD *ui = NULL;
	EVP_PKEY *key = NULL;
	const char *name;

	ca_config_path(dir, uri, &full);
	if ((name = tpmiot_buf_cstr(&full)) == NULL) {
		rc = tpmiot_err_memory(err);
		goto out;
	}
	/* OpenSSL is silent about a file that is not there: it may be somebody's URI. */
	if (strchr(name, ':') == NULL && access(name, R_OK) != 0) {
		rc = tpmiot_err_errno(err, "private key %s", name);
		goto out;
	}
	if (passphrase_file != NULL && passphrase_file[0] != '\0' &&
	    (rc = passphrase_read(dir, passphrase_file, &passphrase, err)) != TPMIOT_OK)
		goto out;
	/* Always ours: with the default a daemon would ask its terminal. */
	ui = UI_UTIL_wrap_read_pem_callback(passphrase_cb, 0);
	if (ui == NULL) {
		rc = tpmiot_err_memory(err);
		goto out;
	}
	ERR_clear_error();
	key = store_key(name, ui, &passphrase);
	if (key == NULL)
		rc = tpmiot_err_crypto(err,
		    "no private key could be loaded from %s; see that it exists, is readable, and "
		    "that its provider and passphrase file are configured",
		    name);
	else
		*out = key;
out:
	UI_destroy_method(ui);
	tpmiot_buf_free(&passphrase);
	tpmiot_buf_free(&full);
	return rc;
}

static enum tpmiot_rc
certs_read(BIO *bio, STACK_OF(X509) *certs, struct tpmiot_err *err)
{
	X509 *cert;
	unsigned long last;

	ERR_clear_error();
	while ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		if (sk_X509_push(certs, cert) <= 0) {
			X509_free(cert);
			return tpmiot_err_memory(err);
		}
	}
	last = ERR_peek_last_error();
	if (ERR_GET_LIB(last) != ERR_LIB_PEM || ERR_GET_REASON(last) != PEM_R_NO_START_LINE)
		return tpmiot_err_crypto(err, "damaged certificate");
	ERR_clear_error();
	if (sk_X509_num(certs) == 0)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT, "no PEM certificate in it");
	return TPMIOT_OK;
}

enum tpmiot_rc
ca_certs_load(const char *dir, const char *file, STACK_OF(X509) **out, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = TPMIOT_OK;
	struct tpmiot_buf path = TPMIOT_BUF_INIT;
	STACK_OF(X509) *certs = sk_X509_new_null();
	BIO *bio = NULL;

	ca_config_path(dir, file, &path);
	if ((rc = tpmiot_buf_done(&path, err)) != TPMIOT_OK)
		goto out;
	bio = BIO_new_file(tpmiot_buf_cstr(&path), "r");
	if (certs == NULL || bio == NULL) {
		rc = tpmiot_err_crypto(err, "cannot read %s", (char *)path.data);
		goto out;
	}
	rc = certs_read(bio, certs, err);
	if (rc != TPMIOT_OK) {
		rc = tpmiot_err_prefix(err, "%s", (char *)path.data);
		goto out;
	}
	*out = certs;
	certs = NULL;
out:
	BIO_free(bio);
	sk_X509_pop_free(certs, X509_free);
	tpmiot_buf_free(&path);
	return rc;
}
