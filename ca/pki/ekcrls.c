/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/pki/ekcrls.h"

#include <dirent.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "ca/file.h"

#define FILE_MAX (16u * 1024 * 1024)

static bool
push(STACK_OF(X509_CRL) *lists, X509_CRL *crl)
{
	if (sk_X509_CRL_push(lists, crl) > 0)
		return true;
	X509_CRL_free(crl);
	return false;
}

/* One or more, with nothing that is broken between them. */
static enum tpmiot_rc
read_pem(const struct tpmiot_buf *data, STACK_OF(X509_CRL) *lists, struct tpmiot_err *err)
{
	BIO *bio = BIO_new_mem_buf(data->data, (int)data->len);
	enum tpmiot_rc rc = TPMIOT_OK;
	X509_CRL *crl;
	int n = 0;

	if (bio == NULL)
		return tpmiot_err_memory(err);
	ERR_clear_error();
	for (; rc == TPMIOT_OK && (crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)) != NULL; n++)
		if (!push(lists, crl))
			rc = tpmiot_err_memory(err);
	if (rc == TPMIOT_OK &&
	    (n == 0 || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE))
		rc =
		    tpmiot_err_set(err, TPMIOT_E_FORMAT, "not certificate revocation lists in PEM");
	ERR_clear_error();
	BIO_free(bio);
	return rc;
}

static enum tpmiot_rc
read_der(const struct tpmiot_buf *data, STACK_OF(X509_CRL) *lists, struct tpmiot_err *err)
{
	const unsigned char *p = data->data;
	X509_CRL *crl = data->len > 0 ? d2i_X509_CRL(NULL, &p, (long)data->len) : NULL;

	ERR_clear_error();
	if (crl == NULL || p != data->data + data->len) {
		X509_CRL_free(crl);
		return tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "not one certificate revocation list in PEM or DER");
	}
	return push(lists, crl) ? TPMIOT_OK : tpmiot_err_memory(err);
}

enum tpmiot_rc
ca_ekcrls_parse(struct tpmiot_buf *file, STACK_OF(X509_CRL) *lists, struct tpmiot_err *err)
{
	const char *text = tpmiot_buf_cstr(file);

	if (text != NULL && strstr(text, "-----BEGIN ") != NULL)
		return read_pem(file, lists, err);
	return read_der(file, lists, err);
}

static enum tpmiot_rc
read_file(const char *path, STACK_OF(X509_CRL) *lists, struct tpmiot_err *err)
{
	struct tpmiot_buf data = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc = ca_file_read(path, FILE_MAX, &data, err);

	if (rc == TPMIOT_OK && (rc = ca_ekcrls_parse(&data, lists, err)) != TPMIOT_OK)
		rc = tpmiot_err_prefix(err, "%s", path);
	tpmiot_buf_free(&data);
	return rc;
}

static enum tpmiot_rc
read_dir(const char *dir, STACK_OF(X509_CRL) *lists, struct tpmiot_err *err)
{
	DIR *d = opendir(dir);
	enum tpmiot_rc rc = TPMIOT_OK;
	const struct dirent *entry;

	if (d == NULL)
		return tpmiot_err_errno(err, "%s", dir);
	while (rc == TPMIOT_OK && (entry = readdir(d)) != NULL) {
		struct tpmiot_buf path = TPMIOT_BUF_INIT;

		if (entry->d_name[0] == '.')
			continue;
		tpmiot_buf_printf(&path, "%s/%s", dir, entry->d_name);
		rc = tpmiot_buf_done(&path, err);
		if (rc == TPMIOT_OK)
			rc = read_file(tpmiot_buf_cstr(&path), lists, err);
		tpmiot_buf_free(&path);
	}
	closedir(d);
	return rc;
}

enum tpmiot_rc
ca_ekcrls_load(
    const struct ca_config *config, struct tpmiot_ekcert_crls *out, struct tpmiot_err *err)
{
	struct tpmiot_ekcert_crls crls = { NULL, config->ek_crl_missing == CA_CRL_MISSING_ACCEPT };
	struct tpmiot_buf path = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	if (config->ek_crls[0] == '\0') {
		*out = crls;
		return TPMIOT_OK;
	}
	if ((crls.lists = sk_X509_CRL_new_null()) == NULL)
		return tpmiot_err_memory(err);
	ca_config_path(config->dir, config->ek_crls, &path);
	rc = tpmiot_buf_done(&path, err);
	if (rc == TPMIOT_OK)
		rc = read_dir(tpmiot_buf_cstr(&path), crls.lists, err);
	tpmiot_buf_free(&path);
	if (rc == TPMIOT_OK) {
		*out = crls;
		return TPMIOT_OK;
	}
	ca_ekcrls_free(&crls);
	return tpmiot_err_prefix(err, "ek_crls");
}

void
ca_ekcrls_free(struct tpmiot_ekcert_crls *crls)
{
	sk_X509_CRL_pop_free(crls->lists, X509_CRL_free);
	crls->lists = NULL;
}
