/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/net/cafile.h"

#include <stdio.h>

#include "enroll/enrol/certs.h"

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

enum tpmiot_rc
enroll_cafile_read(const char *path, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	STACK_OF(X509) *certs = NULL;
	enum tpmiot_rc rc = read_file(path, &text, err);

	if (rc == TPMIOT_OK)
		rc = enroll_certs_parse_bundle(
		    (struct tpmiot_bytes){ text.data, text.len }, &certs, err);
	if (rc == TPMIOT_E_FORMAT) {
		(void)tpmiot_err_prefix(
		    err, "--ca-file=%s should be the ca.crt of the CA, in PEM form", path);
		rc = TPMIOT_E_TRUST;
		if (err != NULL)
			err->rc = rc;
	}
	if (rc == TPMIOT_OK)
		rc = enroll_certs_put_pem(certs, out, err);
	if (rc == TPMIOT_OK && tpmiot_buf_cstr(out) == NULL)
		rc = tpmiot_err_memory(err);
	sk_X509_pop_free(certs, X509_free);
	tpmiot_buf_free(&text);
	return rc;
}
