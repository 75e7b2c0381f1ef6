/* SPDX-License-Identifier: Apache-2.0 */
/* tpmiot-ca crl: the certificate revocation list in force. */
#include "ca/cmd/cli.h"

#include <string.h>

#include <openssl/pem.h>

#include "ca/pki/crl.h"
#include "ca/file.h"
#include "ca/pki/keyuri.h"

static enum tpmiot_rc
to_pem(const struct tpmiot_buf *der, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	enum tpmiot_rc rc = TPMIOT_OK;
	char *text = NULL;
	long len;

	if (bio == NULL ||
	    PEM_write_bio(bio, PEM_STRING_X509_CRL, "", der->data, (long)der->len) <= 0)
		rc = tpmiot_err_crypto(err, "cannot write the list as PEM");
	else if ((len = BIO_get_mem_data(bio, &text)) > 0)
		tpmiot_buf_put(out, text, (size_t)len);
	BIO_free(bio);
	return rc == TPMIOT_OK ? tpmiot_buf_done(out, err) : rc;
}

static enum tpmiot_rc
deliver(const struct tpmiot_buf *data, const char *path, struct tpmiot_err *err)
{
	const char *slash = path != NULL ? strrchr(path, '/') : NULL;
	struct tpmiot_buf dir = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	if (path == NULL) {
		if (fwrite(data->data, 1, data->len, stdout) != data->len || fflush(stdout) != 0)
			return tpmiot_err_errno(err, "standard output");
		return TPMIOT_OK;
	}
	if (slash == NULL)
		tpmiot_buf_put_str(&dir, ".");
	else
		tpmiot_buf_put(&dir, path, (size_t)(slash - path) + 1);
	rc = tpmiot_buf_cstr(&dir) != NULL ? ca_file_write(tpmiot_buf_cstr(&dir),
	                                         slash != NULL ? slash + 1 : path, data, 0644, err)
	                                   : tpmiot_err_memory(err);
	tpmiot_buf_free(&dir);
	return rc;
}

static enum tpmiot_rc
current(struct ca_cli *cli, struct ca_crl *out, struct tpmiot_err *err)
{
	struct ca_signer signer = { NULL, NULL, NULL };
	struct ca_config config;
	enum tpmiot_rc rc = ca_cli_config(cli, &config, err);

	if (rc != TPMIOT_OK)
		return rc;
	if ((rc = ca_signer_load(&config, &signer, err)) == TPMIOT_OK)
		rc = ca_crl_current(&config, &signer, cli->store, cli->now, out, err);
	ca_signer_free(&signer);
	ca_config_free(&config);
	return rc;
}

static enum tpmiot_rc
show(const struct ca_crl *crl, struct tpmiot_buf *pem, struct tpmiot_err *err)
{
	return ca_out_record(stdout, true,
	    json_pack("{s:I, s:o, s:o}", "number", (json_int_t)crl->number, "next_update",
	        ca_out_time(crl->next_update), "pem", ca_out_text(tpmiot_buf_cstr(pem))),
	    err);
}

enum tpmiot_rc
ca_cmd_crl(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	const char *path = NULL;
	bool der = false;
	const struct ca_cli_option options[] = {
		{ .name = "out", .value = &path },
		{ .name = "der", .flag = &der },
		{ .name = NULL },
	};
	struct ca_crl crl = { .der = TPMIOT_BUF_INIT };
	struct tpmiot_buf pem = TPMIOT_BUF_INIT;
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, options, 0, 0, &first, err);

	if (rc == TPMIOT_OK)
		rc = ca_cli_store(cli, err);
	if (rc == TPMIOT_OK)
		rc = current(cli, &crl, err);
	if (rc == TPMIOT_OK)
		rc = to_pem(&crl.der, &pem, err);
	if (rc == TPMIOT_OK && cli->json)
		rc = show(&crl, &pem, err);
	if (rc == TPMIOT_OK && (!cli->json || path != NULL))
		rc = deliver(der ? &crl.der : &pem, path, err);
	tpmiot_buf_free(&crl.der);
	tpmiot_buf_free(&pem);
	return rc;
}
