/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include <openssl/pem.h>

#include "enroll/cmd/cli.h"
#include "enroll/cmd/describe.h"
#include "enroll/enrol/ekpick.h"
#include "enroll/state/journal.h"
#include "enroll/enrol/secret.h"

struct look {
	struct enroll_env *env;
	struct tpmiot_tpm *tpm;
	struct tpmiot_ek ek;
	X509 *cert; /* NULL: none */
	EVP_PKEY *pkey;
};

static enum tpmiot_rc
find(struct look *look, struct tpmiot_err *err)
{
	struct tpmiot_ek_survey survey;
	enum tpmiot_rc rc;

	rc = tpmiot_ek_survey(look->tpm, &survey, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_ek_find(look->tpm, &survey, enroll_ekpick(look->env->opts->ek, &survey),
		    &look->ek, err);
	if (rc != TPMIOT_OK)
		return rc;
	look->cert = enroll_describe_ek_cert(&look->ek);
	if (look->cert == NULL && look->ek.cert.len > 0)
		enroll_ui_warn(&look->env->ui, "what NV holds as the EK certificate is none; "
		                               "the EK itself is shown");
	return TPMIOT_OK;
}

static enum tpmiot_rc
load(struct look *look, struct tpmiot_err *err)
{
	const struct tpmiot_bytes empty = { NULL, 0 };
	struct enroll_progress *progress = NULL;
	enum tpmiot_rc rc;

	if (look->ek.persistent == 0)
		progress =
		    enroll_progress_start(&look->env->ui, "The TPM is making its endorsement key");
	rc = tpmiot_ek_load(look->tpm, &look->ek, empty, err);
	enroll_progress_stop(&progress);
	if (rc == TPMIOT_OK)
		rc = tpmiot_public_to_pkey(NULL, &look->ek.pub, &look->pkey, err);
	tpmiot_ek_unload(look->tpm, &look->ek);
	return rc;
}

/* As for enrolment: what a killed run leaves in the TPM is found by the next one. */
static enum tpmiot_rc
load_with_journal(struct look *look, struct tpmiot_err *err)
{
	struct enroll_state state = ENROLL_STATE_INIT;
	enum tpmiot_rc rc;

	rc = enroll_state_open(look->env->dir, &state, err);
	if (rc == TPMIOT_OK)
		rc = enroll_journal_begin(&state, look->tpm, &look->env->ui, err);
	if (rc == TPMIOT_OK)
		rc = enroll_journal_end(&state, load(look, err), err);
	enroll_state_close(&state);
	return rc;
}

/* A certificate spares the TPM the making of an EK, which may take long. */
static enum tpmiot_rc
get_key(struct look *look, struct tpmiot_err *err)
{
	if (look->ek.persistent != 0)
		return load(look, err);
	if (look->cert != NULL) {
		look->pkey = X509_get_pubkey(look->cert);
		if (look->pkey != NULL)
			return TPMIOT_OK;
	}
	return load_with_journal(look, err);
}

/* ---- Output ---------------------------------------------------------------------------- */

static bool
write_key(BIO *bio, const void *pkey)
{
	return PEM_write_bio_PUBKEY_ex(bio, pkey, NULL, NULL) == 1;
}

static bool
write_cert(BIO *bio, const void *cert)
{
	return PEM_write_bio_X509(bio, cert) == 1;
}

static enum tpmiot_rc
write_file(const char *file, bool (*write)(BIO *bio, const void *object), const void *object,
    struct tpmiot_err *err)
{
	BIO *bio = BIO_new_file(file, "w");
	bool ok = bio != NULL && write(bio, object) && BIO_flush(bio) == 1;

	if (!ok)
		(void)tpmiot_err_errno(err, "cannot write %s", file);
	BIO_free(bio);
	return ok ? TPMIOT_OK : TPMIOT_E_IO;
}

static enum tpmiot_rc
write_files(const struct look *look, struct tpmiot_err *err)
{
	const struct enroll_opts *opts = look->env->opts;
	enum tpmiot_rc rc = TPMIOT_OK;

	if (opts->public_out != NULL)
		rc = write_file(opts->public_out, write_key, look->pkey, err);
	if (rc != TPMIOT_OK || opts->cert_out == NULL)
		return rc;
	if (look->cert == NULL)
		return tpmiot_err_set(err, TPMIOT_E_NOT_FOUND,
		    "this TPM holds no certificate for its EK %s; use --public-out, or the "
		    "SHA-256, "
		    "for the CA's allow-list",
		    look->ek.profile->name);
	return write_file(opts->cert_out, write_cert, look->cert, err);
}

static enum tpmiot_rc
print_public(struct look *look, struct tpmiot_err *err)
{
	struct tpmiot_buf pem = TPMIOT_BUF_INIT;
	BIO *bio = BIO_new(BIO_s_mem());
	char *data = NULL;
	const char *text;
	long len;

	if (bio == NULL || !write_key(bio, look->pkey)) {
		BIO_free(bio);
		return tpmiot_err_crypto(err, "cannot write the EK's public key");
	}
	len = BIO_get_mem_data(bio, &data);
	tpmiot_buf_put(&pem, data, (size_t)len);
	text = tpmiot_buf_cstr(&pem);
	enroll_ui_result(&look->env->ui, "public", NULL, text);
	if (!look->env->ui.json && text != NULL)
		(void)fputs(text, stdout);
	tpmiot_buf_free(&pem);
	BIO_free(bio);
	return TPMIOT_OK;
}

static enum tpmiot_rc
print(struct look *look, struct tpmiot_err *err)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	struct enroll_ui *ui = &look->env->ui;
	enum tpmiot_rc rc;

	enroll_ui_result(ui, "profile", "EK template:", look->ek.profile->name);
	enroll_ui_result(ui, "label", "EK:", look->ek.profile->label);
	rc = enroll_describe_put_spki(look->pkey, &text, err);
	if (rc == TPMIOT_OK)
		enroll_ui_result(ui, "spki_sha256", "SPKI SHA-256:", tpmiot_buf_cstr(&text));
	tpmiot_buf_reset(&text);
	if (rc == TPMIOT_OK && look->cert != NULL) {
		rc = enroll_describe_put_fingerprint(look->cert, &text, err);
		if (rc == TPMIOT_OK)
			enroll_ui_result(
			    ui, "certificate_sha256", "Cert. SHA-256:", tpmiot_buf_cstr(&text));
	}
	tpmiot_buf_free(&text);
	return rc == TPMIOT_OK ? print_public(look, err) : rc;
}

enum tpmiot_rc
enroll_cmd_ek(struct enroll_env *env, struct tpmiot_err *err)
{
	struct look look = { .env = env, .ek = TPMIOT_EK_INIT };
	enum tpmiot_rc rc;

	rc = enroll_ekpick_check(env->opts->ek, err);
	if (rc == TPMIOT_OK)
		rc = enroll_secret_open_tpm(env, &look.tpm, err);
	if (rc == TPMIOT_OK)
		rc = find(&look, err);
	if (rc == TPMIOT_OK)
		enroll_ekpick_warn(&env->ui, &look.ek);
	if (rc == TPMIOT_OK)
		rc = enroll_secret_explain(get_key(&look, err), err);
	if (rc == TPMIOT_OK)
		rc = write_files(&look, err);
	if (rc == TPMIOT_OK)
		rc = print(&look, err);
	EVP_PKEY_free(look.pkey);
	X509_free(look.cert);
	tpmiot_ek_free(&look.ek);
	tpmiot_tpm_free(&look.tpm);
	return rc;
}
