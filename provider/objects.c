/* SPDX-License-Identifier: Apache-2.0 */
#include "objects.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/store.h>
#include <openssl/x509.h>

#include <tpmiot/ekcert.h>
#include <tpmiot/statedir.h>

#include "load.h"

void
prov_objects_free(struct prov_objects *objects)
{
	BIO_free(objects->pem);
	tpmiot_buf_free(&objects->content);
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

/* ---- What it is ---------------------------------------------------------------- */

static bool
is_certificate(OSSL_LIB_CTX *libctx, const unsigned char *der, size_t len)
{
	X509 *cert = X509_new_ex(libctx, NULL);
	bool is = cert != NULL && d2i_X509(&cert, &der, (long)len) != NULL;

	X509_free(cert); /* NULL if it failed */
	return is;
}

static bool
is_crl(OSSL_LIB_CTX *libctx, const unsigned char *der, size_t len)
{
	X509_CRL *crl = X509_CRL_new_ex(libctx, NULL);
	bool is = crl != NULL && d2i_X509_CRL(&crl, &der, (long)len) != NULL;

	X509_CRL_free(crl);
	return is;
}

static bool
is_public_key(OSSL_LIB_CTX *libctx, const unsigned char *der, size_t len)
{
	EVP_PKEY *pkey = d2i_PUBKEY_ex(NULL, &der, (long)len, libctx, NULL);

	EVP_PKEY_free(pkey);
	return pkey != NULL;
}

enum prov_object
prov_object_kind(struct prov_ctx *prov, const unsigned char *der, size_t len)
{
	OSSL_LIB_CTX *libctx = prov_libctx(prov);
	enum prov_object kind = PROV_OBJECT_OTHER;

	if (libctx == NULL)
		return PROV_OBJECT_OTHER;
	ERR_set_mark();
	if (tpmiot_keyfile_is_der(der, len))
		kind = PROV_OBJECT_KEY_FILE;
	else if (is_certificate(libctx, der, len))
		kind = PROV_OBJECT_CERTIFICATE;
	else if (is_public_key(libctx, der, len))
		kind = PROV_OBJECT_PUBLIC_KEY;
	else if (is_crl(libctx, der, len))
		kind = PROV_OBJECT_CRL;
	ERR_pop_to_mark();
	return kind;
}

/* A key file has both halves. */
static bool
is_wanted(enum prov_object kind, int expect)
{
	switch (expect) {
	case 0:
		return kind != PROV_OBJECT_OTHER;
	case OSSL_STORE_INFO_CERT:
		return kind == PROV_OBJECT_CERTIFICATE;
	case OSSL_STORE_INFO_CRL:
		return kind == PROV_OBJECT_CRL;
	case OSSL_STORE_INFO_PUBKEY:
		return kind == PROV_OBJECT_PUBLIC_KEY || kind == PROV_OBJECT_KEY_FILE;
	case OSSL_STORE_INFO_PKEY:
		return kind == PROV_OBJECT_KEY_FILE;
	default:
		return false;
	}
}

/* ---- Handed on ----------------------------------------------------------------- */

static int
deliver_key(const struct prov_objects_want *want, const unsigned char *der, size_t len)
{
	struct tpmiot_keyfile *file = OPENSSL_zalloc(sizeof(*file));
	struct prov_pkey *key = NULL;
	struct tpmiot_err err;

	if (file == NULL)
		return 0;
	if (tpmiot_keyfile_parse_der(prov_libctx(want->prov), der, len, file, &err) != TPMIOT_OK)
		prov_raise_err(want->prov, &err);
	else
		key = prov_load_keyfile(want->prov, file, want->uri, want->pw_cb, want->pw_arg);
	prov_keyfile_free(file);
	return key != NULL && prov_pkey_deliver(key, want->cb, want->arg);
}

/* libcrypto itself parses it, a public key with the decoders of the program's providers. */
static int
deliver_der(const struct prov_objects_want *want, int type, const unsigned char *der, size_t len)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_int(OSSL_OBJECT_PARAM_TYPE, &type),
		OSSL_PARAM_octet_string(OSSL_OBJECT_PARAM_DATA, (void *)(uintptr_t)der, len),
		OSSL_PARAM_END,
	};

	return want->cb(params, want->arg);
}

static int
deliver(const struct prov_objects_want *want, enum prov_object kind, const unsigned char *der,
    size_t len)
{
	switch (kind) {
	case PROV_OBJECT_KEY_FILE:
		return deliver_key(want, der, len);
	case PROV_OBJECT_PUBLIC_KEY:
		return deliver_der(want, OSSL_OBJECT_PKEY, der, len);
	case PROV_OBJECT_CRL:
		return deliver_der(want, OSSL_OBJECT_CRL, der, len);
	case PROV_OBJECT_CERTIFICATE:
		return deliver_der(want, OSSL_OBJECT_CERT, der, len);
	case PROV_OBJECT_OTHER:
	default:
		return 0;
	}
}

static int
none_of_the_kind(const struct prov_objects_want *want)
{
	const char *kind = want->expect == OSSL_STORE_INFO_CERT     ? "certificate"
	                   : want->expect == OSSL_STORE_INFO_CRL    ? "revocation list"
	                   : want->expect == OSSL_STORE_INFO_PUBKEY ? "public key"
	                   : want->expect == OSSL_STORE_INFO_PKEY   ? "private key"
	                                                            : "certificate or key";

	if (want->uri->kind == TPMIOT_URI_NAME)
		return prov_raise(
		    want->prov, TPMIOT_E_FORMAT, "%s.crt holds no %s", want->uri->name, kind);
	return prov_raise(want->prov, TPMIOT_E_FORMAT,
	    "NV index 0x%08x holds no %s; keys in the TPM are named tpmiot:NAME or handle:0x81...",
	    want->uri->handle, kind);
}

/* As TPM makers store it: with or without a header, and padding behind. */
static int
only_der(const struct prov_objects_want *want, struct prov_objects *objects)
{
	const uint8_t *der = NULL;
	size_t len = 0;
	enum prov_object kind;

	if (tpmiot_ekcert_strip(objects->content.data, objects->content.len, &der, &len, NULL) !=
	    TPMIOT_OK)
		return none_of_the_kind(want);
	kind = prov_object_kind(want->prov, der, len);
	if (!is_wanted(kind, want->expect))
		return none_of_the_kind(want);
	return deliver(want, kind, der, len);
}

/* What is not of the kind is passed over. */
static int
next_pem(const struct prov_objects_want *want, struct prov_objects *objects, bool *done)
{
	unsigned char *der = NULL;
	char *name = NULL, *header = NULL;
	enum prov_object kind = PROV_OBJECT_OTHER;
	long len = 0;
	int ret = 0;

	ERR_set_mark();
	while (!is_wanted(kind, want->expect)) {
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_clear_free(der, (size_t)len);
		name = header = NULL;
		der = NULL;
		if (!PEM_read_bio(objects->pem, &name, &header, &der, &len))
			break;
		kind = prov_object_kind(want->prov, der, (size_t)len);
	}
	ERR_pop_to_mark();
	if (der != NULL) {
		objects->given = true;
		ret = deliver(want, kind, der, (size_t)len);
	} else {
		*done = true;
		if (!objects->given)
			none_of_the_kind(want);
	}
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_clear_free(der, (size_t)len);
	return ret;
}

int
prov_objects_next(const struct prov_objects_want *want, struct prov_objects *objects, bool *done)
{
	struct tpmiot_buf *content = &objects->content;
	struct tpmiot_err err;

	if (!objects->opened) {
		objects->opened = true;
		if (read_content(want->prov, want->uri, content, &err) != TPMIOT_OK) {
			*done = true;
			return prov_raise_err(want->prov, &err);
		}
		if (content->len > 0 && content->data[0] == '-')
			objects->pem = BIO_new_mem_buf(content->data, (int)content->len);
	}
	if (objects->pem != NULL)
		return next_pem(want, objects, done);
	*done = true;
	return only_der(want, objects);
}
