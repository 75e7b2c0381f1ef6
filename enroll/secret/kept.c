/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/secret/kept.h"

#include <stdio.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <tpmiot/gcm.h>

#define DATA_PEM_NAME "TPMIOT SECRET DATA"
#define FILE_MAX (TPMIOT_KEY_NAME_MAX + 16)

static const struct tpmiot_bytes NOTHING = { NULL, 0 };

static void
file_name(const char *name, char out[FILE_MAX])
{
	(void)snprintf(out, FILE_MAX, "%s" ENROLL_KEPT_SUFFIX, name);
}

void
enroll_kept_free(struct enroll_kept *kept)
{
	tpmiot_keyfile_clear(&kept->file);
	tpmiot_buf_free(&kept->data);
}

/* ---- the file ----------------------------------------------------------------------- */

/* The block of this name, if there is one. */
static enum tpmiot_rc
find_data(const struct tpmiot_buf *pem, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	BIO *bio = BIO_new_mem_buf(pem->data, (int)pem->len);
	char *name = NULL, *header = NULL;
	unsigned char *data = NULL;
	enum tpmiot_rc rc = bio != NULL ? TPMIOT_OK : tpmiot_err_memory(err);
	long len = 0;

	while (rc == TPMIOT_OK && PEM_read_bio(bio, &name, &header, &data, &len) == 1) {
		if (strcmp(name, DATA_PEM_NAME) == 0) {
			tpmiot_buf_put(out, data, (size_t)len);
			rc = tpmiot_buf_done(out, err);
		}
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_free(data);
	}
	ERR_clear_error();
	BIO_free(bio);
	return rc;
}

enum tpmiot_rc
enroll_kept_read(const char *dir, const char *name, struct enroll_kept *out, struct tpmiot_err *err)
{
	struct enroll_kept kept = { .data = TPMIOT_BUF_INIT };
	struct tpmiot_buf pem = TPMIOT_BUF_INIT;
	char file[FILE_MAX];
	enum tpmiot_rc rc;

	file_name(name, file);
	rc = tpmiot_statedir_read(dir, file, &pem, err);
	if (rc == TPMIOT_E_NOT_FOUND)
		(void)tpmiot_err_set(err, rc,
		    "this device has no secret %s; 'tpmiot-enroll secret list' shows what there is",
		    name);
	if (rc == TPMIOT_OK) {
		rc = tpmiot_keyfile_parse_pem(NULL, pem.data, pem.len, &kept.file, err);
		if (rc == TPMIOT_OK && kept.file.type != TPMIOT_KEYFILE_SEALED &&
		    !tpmiot_public_is_hmac_key(&kept.file.pub))
			rc = tpmiot_err_set(err, TPMIOT_E_FORMAT, "a key, not a secret");
		if (rc == TPMIOT_OK)
			rc = find_data(&pem, &kept.data, err);
		if (rc == TPMIOT_E_NOT_FOUND)
			rc = tpmiot_err_set(err, TPMIOT_E_FORMAT, "no secret in it");
		if (rc != TPMIOT_OK)
			(void)tpmiot_err_prefix(err,
			    "%s/%s ('tpmiot-enroll renew --before=36500d' brings it anew)", dir,
			    file);
	}
	if (rc == TPMIOT_OK)
		*out = kept;
	else
		enroll_kept_free(&kept);
	tpmiot_buf_free(&pem);
	return rc;
}

static enum tpmiot_rc
put_data(const struct tpmiot_buf *data, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long len;

	if (bio == NULL ||
	    PEM_write_bio(bio, DATA_PEM_NAME, "", data->data, (long)data->len) == 0 ||
	    (len = BIO_get_mem_data(bio, &text)) <= 0) {
		BIO_free(bio);
		return tpmiot_err_memory(err);
	}
	tpmiot_buf_put(out, text, (size_t)len);
	BIO_free(bio);
	return tpmiot_buf_done(out, err);
}

static enum tpmiot_rc
write_kept(const struct enroll_state *state, const char *name, const struct enroll_kept *kept,
    struct tpmiot_err *err)
{
	struct tpmiot_buf pem = TPMIOT_BUF_INIT;
	char file[FILE_MAX];
	enum tpmiot_rc rc = tpmiot_keyfile_put_pem(&kept->file, &pem, err);

	file_name(name, file);
	if (rc == TPMIOT_OK && kept->data.len > 0)
		rc = put_data(&kept->data, &pem, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_buf_done(&pem, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_statedir_write(state->dir, file, pem.data, pem.len,
		    state->group == (gid_t)-1 ? 0600 : 0640, state->group, err);
	tpmiot_buf_free(&pem);
	return rc;
}

/* ---- what came ------------------------------------------------------------------------ */

/*
 * Under the parent of the device key, for which the CA has wrapped it. Nothing is loaded that the
 * next run would not know for ours, if this one is killed.
 */
static enum tpmiot_rc
import(struct tpmiot_tpm *tpm, const struct tpmiot_key *device_key,
    const struct enroll_msg_secret *secret, struct tpmiot_keyfile *out, struct tpmiot_err *err)
{
	struct tpmiot_keyfile file, like;
	struct tpmiot_key *key = NULL;
	enum tpmiot_rc rc;

	tpmiot_key_to_file(device_key, &like);
	file = (struct tpmiot_keyfile){ .type = tpmiot_public_is_hmac_key(&secret->pub)
		                                    ? TPMIOT_KEYFILE_IMPORTABLE
		                                    : TPMIOT_KEYFILE_SEALED,
		.empty_auth = true,
		.rsa_parent = like.rsa_parent,
		.parent = like.parent,
		.pub = secret->pub,
		.priv = secret->priv,
		.secret = secret->seed };
	tpmiot_keyfile_clear(&like);
	rc = tpmiot_key_from_file(tpm, &file, &key, err);
	if (rc != TPMIOT_OK)
		return rc;
	rc = tpmiot_key_import(key, err);
	if (rc == TPMIOT_OK)
		tpmiot_key_to_file(key, out);
	tpmiot_key_unref(&key);
	return rc;
}

static enum tpmiot_rc
accept_one(const struct enroll_state *state, struct tpmiot_tpm *tpm, const struct tpmiot_key *key,
    const struct enroll_msg_secret *secret, struct tpmiot_err *err)
{
	struct enroll_kept kept = { .data = TPMIOT_BUF_INIT };
	enum tpmiot_rc rc = import(tpm, key, secret, &kept.file, err);

	if (rc != TPMIOT_OK) {
		(void)tpmiot_err_prefix(err, "the TPM does not take the secret %s", secret->name);
		return rc;
	}
	tpmiot_buf_put(&kept.data, secret->data.data, secret->data.len);
	rc = tpmiot_buf_done(&kept.data, err);
	if (rc == TPMIOT_OK)
		rc = write_kept(state, secret->name, &kept, err);
	enroll_kept_free(&kept);
	return rc;
}

/* The first name in the directory that did not come; "" if there is none. */
struct stale {
	const struct enroll_msg_issued *issued;
	char name[TPMIOT_KEY_NAME_MAX + 1];
};

static bool
is_stale(void *arg, const char *name)
{
	struct stale *stale = arg;

	for (size_t i = 0; i < stale->issued->secrets_n; i++)
		if (strcmp(stale->issued->secrets[i].name, name) == 0)
			return true;
	(void)snprintf(stale->name, sizeof(stale->name), "%s", name);
	return false;
}

static enum tpmiot_rc
remove_others(const struct enroll_state *state, const struct enroll_msg_issued *issued,
    struct tpmiot_err *err)
{
	struct stale stale = { issued, "" };
	char file[FILE_MAX];
	enum tpmiot_rc rc;

	do {
		stale.name[0] = '\0';
		rc = tpmiot_statedir_each(state->dir, ENROLL_KEPT_SUFFIX, is_stale, &stale, err);
		file_name(stale.name, file);
		if (rc == TPMIOT_OK && stale.name[0] != '\0')
			rc = tpmiot_statedir_remove(state->dir, file, err);
	} while (rc == TPMIOT_OK && stale.name[0] != '\0');
	return rc;
}

enum tpmiot_rc
enroll_kept_accept(const struct enroll_state *state, struct tpmiot_tpm *tpm,
    const struct tpmiot_key *key, const struct enroll_msg_issued *issued, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = TPMIOT_OK;

	if (!issued->has_secrets)
		return TPMIOT_OK;
	for (size_t i = 0; rc == TPMIOT_OK && i < issued->secrets_n; i++)
		rc = accept_one(state, tpm, key, &issued->secrets[i], err);
	return rc == TPMIOT_OK ? remove_others(state, issued, err) : rc;
}

enum tpmiot_rc
enroll_kept_remove_all(const struct enroll_state *state, struct tpmiot_err *err)
{
	const struct enroll_msg_issued none = { .secrets_n = 0 };

	return remove_others(state, &none, err);
}

/* ---- its value ------------------------------------------------------------------------- */

enum tpmiot_rc
enroll_kept_open(struct tpmiot_tpm *tpm, const struct enroll_kept *kept, struct tpmiot_buf *out,
    struct tpmiot_err *err)
{
	struct tpmiot_buf sealed = TPMIOT_BUF_INIT;
	struct tpmiot_key *key = NULL;
	enum tpmiot_rc rc = tpmiot_key_from_file(tpm, &kept->file, &key, err);

	if (rc == TPMIOT_OK)
		rc = tpmiot_key_unseal(key, kept->data.len > 0 ? &sealed : out, err);
	if (rc == TPMIOT_OK && kept->data.len > 0 && sealed.len != TPMIOT_GCM_KEY_LEN)
		rc = tpmiot_err_set(err, TPMIOT_E_FORMAT, "what is sealed is no key for the data");
	if (rc == TPMIOT_OK && kept->data.len > 0)
		rc = tpmiot_gcm_open(NULL, sealed.data, NOTHING,
		    (struct tpmiot_bytes){ kept->data.data, kept->data.len }, out, err);
	tpmiot_key_unref(&key);
	tpmiot_buf_free(&sealed);
	return rc;
}
