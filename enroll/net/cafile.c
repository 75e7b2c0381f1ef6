/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/net/cafile.h"

#include <stdio.h>

#include <openssl/err.h>
#include <openssl/pem.h>

/* No passphrase is ever asked for: a certificate has none. */
static int
no_password(char *buf, int size, int rwflag, void *arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)arg;
	return -1;
}

static enum tpmiot_rc
cannot_read(const char *path, struct tpmiot_err *err)
{
	(void)tpmiot_err_errno(err, "cannot read --ca-file=%s", path);
	if (err != NULL)
		err->rc = TPMIOT_E_TRUST;
	return TPMIOT_E_TRUST;
}

/* Whole, or not: a bundle that is cut would be a smaller trust than was asked for. */
static enum tpmiot_rc
read_file(const char *path, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	FILE *file = fopen(path, "re");
	char chunk[4096];
	size_t n;
	bool ok;

	if (file == NULL)
		return cannot_read(path, err);
	while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0 && out->len <= ENROLL_CAFILE_MAX)
		tpmiot_buf_put(out, chunk, n);
	ok = ferror(file) == 0;
	if (!ok)
		(void)cannot_read(path, err);
	(void)fclose(file);
	if (!ok)
		return TPMIOT_E_TRUST;
	if (out->len > ENROLL_CAFILE_MAX)
		return tpmiot_err_set(err, TPMIOT_E_TRUST, "--ca-file=%s has more than %d bytes",
		    path, ENROLL_CAFILE_MAX);
	return tpmiot_buf_done(out, err);
}

static bool
put_certificates(const struct tpmiot_buf *text, BIO *out, int *n)
{
	BIO *in = BIO_new_mem_buf(text->data, (int)text->len);
	STACK_OF(X509_INFO) *all =
	    in != NULL ? PEM_X509_INFO_read_bio(in, NULL, no_password, NULL) : NULL;
	bool ok = true;

	for (int i = 0; ok && i < sk_X509_INFO_num(all); i++) {
		const X509_INFO *info = sk_X509_INFO_value(all, i);

		if (info->x509 == NULL)
			continue;
		ok = PEM_write_bio_X509(out, info->x509) == 1;
		++*n;
	}
	sk_X509_INFO_pop_free(all, X509_INFO_free);
	ERR_clear_error();
	BIO_free(in);
	return ok;
}

enum tpmiot_rc
enroll_cafile_read(const char *path, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	BIO *certs = BIO_new(BIO_s_mem());
	enum tpmiot_rc rc = read_file(path, &text, err);
	char *pem = NULL;
	int n = 0;
	long len;

	if (rc == TPMIOT_OK && (certs == NULL || !put_certificates(&text, certs, &n)))
		rc = tpmiot_err_memory(err);
	else if (rc == TPMIOT_OK && n == 0)
		rc = tpmiot_err_set(err, TPMIOT_E_TRUST,
		    "--ca-file=%s holds no CA certificate in PEM form; it should be the ca.crt of "
		    "the CA",
		    path);
	if (rc == TPMIOT_OK && (len = BIO_get_mem_data(certs, &pem)) > 0)
		tpmiot_buf_put(out, pem, (size_t)len);
	if (rc == TPMIOT_OK && tpmiot_buf_cstr(out) == NULL)
		rc = tpmiot_err_memory(err);
	BIO_free(certs);
	tpmiot_buf_free(&text);
	return rc;
}
