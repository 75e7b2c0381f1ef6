/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The provider is not loaded as a module, which may not be installed where OpenSSL looks,
 * and which would open a second connection: a TPM without a resource manager has room for one.
 */
#include <string.h>

#include <openssl/decoder.h>
#include <openssl/provider.h>

#include "enroll/enrol/certs.h"
#include "enroll/net/mtls.h"
#include "provider/builtin.h"
#include "enroll/state/state.h"

struct enroll_mtls {
	OSSL_LIB_CTX *libctx;
	OSSL_PROVIDER *software;
	OSSL_PROVIDER *builtin;
	EVP_PKEY *key;
	STACK_OF(X509) *certs;
};

static struct tpmiot_tpm *lent; /* between load_providers() and init() */

static OSSL_provider_init_fn init;

static int
init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
    void **provctx)
{
	if (OSSL_provider_init(core, in, out, provctx) != 1)
		return 0;
	prov_lend_tpm(*provctx, lent);
	return 1;
}

static enum tpmiot_rc
load_providers(struct enroll_mtls *mtls, struct tpmiot_tpm *tpm, struct tpmiot_err *err)
{
	lent = tpm;
	mtls->libctx = OSSL_LIB_CTX_new();
	if (mtls->libctx == NULL ||
	    (mtls->software = OSSL_PROVIDER_load(mtls->libctx, "default")) == NULL ||
	    OSSL_PROVIDER_add_builtin(mtls->libctx, "tpmiot", init) != 1 ||
	    (mtls->builtin = OSSL_PROVIDER_load(mtls->libctx, "tpmiot")) == NULL)
		return tpmiot_err_crypto(err, "cannot make a context for TLS");
	return TPMIOT_OK;
}

static enum tpmiot_rc
read_key(struct enroll_mtls *mtls, const char *dir, const char *name, struct tpmiot_err *err)
{
	OSSL_DECODER_CTX *decoder = NULL;
	struct tpmiot_buf pem = TPMIOT_BUF_INIT;
	char file[ENROLL_FILE_NAME_MAX];
	const unsigned char *at;
	enum tpmiot_rc rc;
	size_t left;

	enroll_state_file_name(name, ".key", file);
	rc = tpmiot_statedir_read(dir, file, &pem, err);
	if (rc != TPMIOT_OK)
		return rc;
	decoder = OSSL_DECODER_CTX_new_for_pkey(
	    &mtls->key, "PEM", NULL, NULL, EVP_PKEY_KEYPAIR, mtls->libctx, "provider=tpmiot");
	at = pem.data;
	left = pem.len;
	if (decoder == NULL || OSSL_DECODER_from_data(decoder, &at, &left) != 1)
		rc = tpmiot_err_crypto(err, "%s/%s is no key for TLS", dir, file);
	OSSL_DECODER_CTX_free(decoder);
	tpmiot_buf_free(&pem);
	return rc;
}

static enum tpmiot_rc
read_certs(struct enroll_mtls *mtls, const char *dir, const char *name, struct tpmiot_err *err)
{
	struct tpmiot_buf pem = TPMIOT_BUF_INIT;
	char file[ENROLL_FILE_NAME_MAX];
	enum tpmiot_rc rc;

	enroll_state_file_name(name, ".crt", file);
	rc = tpmiot_statedir_read(dir, file, &pem, err);
	if (rc == TPMIOT_OK)
		rc = enroll_certs_parse(
		    (struct tpmiot_bytes){ pem.data, pem.len }, &mtls->certs, err);
	tpmiot_buf_free(&pem);
	return rc;
}

enum tpmiot_rc
enroll_mtls_new(struct tpmiot_tpm *tpm, const char *dir, const char *name, struct enroll_mtls **out,
    struct tpmiot_err *err)
{
	struct enroll_mtls *mtls = OPENSSL_zalloc(sizeof(*mtls));
	enum tpmiot_rc rc;

	if (mtls == NULL)
		return tpmiot_err_memory(err);
	rc = load_providers(mtls, tpm, err);
	if (rc == TPMIOT_OK)
		rc = read_key(mtls, dir, name, err);
	if (rc == TPMIOT_OK)
		rc = read_certs(mtls, dir, name, err);
	if (rc == TPMIOT_OK)
		*out = mtls;
	else
		enroll_mtls_free(&mtls);
	return rc;
}

void
enroll_mtls_free(struct enroll_mtls **mtls)
{
	struct enroll_mtls *old = *mtls;

	*mtls = NULL;
	if (old == NULL)
		return;
	EVP_PKEY_free(old->key);
	sk_X509_pop_free(old->certs, X509_free);
	(void)OSSL_PROVIDER_unload(old->builtin);
	(void)OSSL_PROVIDER_unload(old->software);
	OSSL_LIB_CTX_free(old->libctx);
	OPENSSL_free(old);
}

EVP_PKEY *
enroll_mtls_key(const struct enroll_mtls *mtls)
{
	return mtls->key;
}

STACK_OF(X509) *
enroll_mtls_certs(const struct enroll_mtls *mtls)
{
	return mtls->certs;
}
