/* SPDX-License-Identifier: Apache-2.0 */
#include "certs.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/pem.h>

#include <tpmiot/ekcert.h>
#include <tpmiot/statedir.h>

void
prov_certs_free(struct prov_certs *certs)
{
	BIO_free(certs->pem);
	tpmiot_buf_free(&certs->content);
}

/* NAME.crt in the state directory. */
static enum tpmiot_rc
read_named(struct prov_ctx *prov, const char *name, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	struct tpmiot_buf dir = TPMIOT_BUF_INIT, file = TPMIOT_BUF_INIT;
	const char *dir_path = NULL, *path = NULL;
	enum tpmiot_rc rc = tpmiot_statedir_path(prov->state_dir, &dir, err);

	if (rc == TPMIOT_OK) {
		tpmiot_buf_printf(&file, "%s.crt", name);
		dir_path = tpmiot_buf_cstr(&dir);
		path = tpmiot_buf_cstr(&file);
		rc = dir_path == NULL || path == NULL
		         ? tpmiot_err_memory(err)
		         : tpmiot_statedir_read(dir_path, path, out, err);
	}
	if (rc == TPMIOT_E_NOT_FOUND && path != NULL)
		rc = tpmiot_err_set(err, rc,
		    "no certificate for %s: there is no %s/%s; `tpmiot-enroll enroll` gets one",
		    name, dir_path, path);
	tpmiot_buf_free(&dir);
	tpmiot_buf_free(&file);
	return rc;
}

static enum tpmiot_rc
read_content(struct prov_ctx *prov, const struct tpmiot_uri *uri, struct tpmiot_buf *out,
    struct tpmiot_err *err)
{
	struct tpmiot_tpm *tpm;
	enum tpmiot_rc rc;

	if (uri->kind == TPMIOT_URI_NAME)
		return read_named(prov, uri->name, out, err);
	tpm = prov_tpm(prov);
	if (tpm == NULL)
		return tpmiot_err_memory(err);
	rc = tpmiot_tpm_nv_read(tpm, uri->handle, TPMIOT_EKCERT_MAX, out, err);
	if (rc == TPMIOT_E_NOT_FOUND)
		return tpmiot_err_set(err, rc,
		    "no NV index 0x%08x; tpm2_getcap handles-nv-index lists what there is",
		    uri->handle);
	return rc;
}

/* libcrypto itself parses it. */
static int
deliver(const unsigned char *der, size_t len, OSSL_CALLBACK *cb, void *arg)
{
	int object_type = OSSL_OBJECT_CERT;
	OSSL_PARAM params[] = {
		OSSL_PARAM_int(OSSL_OBJECT_PARAM_TYPE, &object_type),
		OSSL_PARAM_octet_string(OSSL_OBJECT_PARAM_DATA, (void *)(uintptr_t)der, len),
		OSSL_PARAM_END,
	};

	return cb(params, arg);
}

/* As TPM makers store them: with or without a header, and padding behind. */
static int
next_der(struct prov_ctx *prov, const struct prov_certs *certs, OSSL_CALLBACK *cb, void *arg)
{
	const uint8_t *der = NULL;
	size_t len = 0;
	struct tpmiot_err err;

	if (tpmiot_ekcert_strip(certs->content.data, certs->content.len, &der, &len, &err) !=
	    TPMIOT_OK)
		return prov_raise_err(prov, &err);
	return deliver(der, len, cb, arg);
}

static int
next_pem(struct prov_certs *certs, OSSL_CALLBACK *cb, void *arg, bool *done)
{
	unsigned char *der = NULL;
	char *name = NULL;
	long len = 0;
	int ret = 0;

	ERR_set_mark();
	if (PEM_bytes_read_bio(&der, &len, &name, PEM_STRING_X509, certs->pem, NULL, NULL)) {
		ERR_clear_last_mark();
		ret = deliver(der, (size_t)len, cb, arg);
	} else {
		ERR_pop_to_mark();
		*done = true;
	}
	OPENSSL_free(der);
	OPENSSL_free(name);
	return ret;
}

int
prov_certs_next(struct prov_ctx *prov, const struct tpmiot_uri *uri, struct prov_certs *certs,
    OSSL_CALLBACK *cb, void *arg, bool *done)
{
	struct tpmiot_err err;

	if (!certs->opened) {
		certs->opened = true;
		if (read_content(prov, uri, &certs->content, &err) != TPMIOT_OK) {
			*done = true;
			return prov_raise_err(prov, &err);
		}
		if (certs->content.len > 0 && certs->content.data[0] == '-')
			certs->pem = BIO_new_mem_buf(certs->content.data, (int)certs->content.len);
	}
	if (certs->pem != NULL)
		return next_pem(certs, cb, arg, done);
	*done = true;
	return next_der(prov, certs, cb, arg);
}
