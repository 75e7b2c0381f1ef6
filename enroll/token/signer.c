/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/token/signer.h"

#include "enroll/enrol/certs.h"
#include "enroll/enrol/secret.h"
#include "enroll/state/state.h"

static enum tpmiot_rc
open_key(const struct enroll_env *env, const char *name, struct enroll_signer *signer,
    struct tpmiot_err *err)
{
	struct tpmiot_keyfile file = { .extra = NULL };
	const char *dir = env->dir;
	enum tpmiot_rc rc = enroll_state_read_key(dir, name, &file, err);

	if (rc == TPMIOT_E_NOT_FOUND)
		return tpmiot_err_set(err, rc,
		    "there is no key %s in %s: name the directory that it is in, for example "
		    "--state-dir=" TPMIOT_STATEDIR_ROOT
		    "; or 'tpmiot-enroll enroll --name=%s' makes one",
		    name, dir, name);
	if (rc == TPMIOT_OK)
		rc = tpmiot_key_from_file(signer->tpm, &file, &signer->key, err);
	tpmiot_keyfile_clear(&file);
	if (rc == TPMIOT_OK) {
		signer->has_password = tpmiot_key_needs_auth(signer->key);
		rc = enroll_secret_give_key(env, signer->key, err);
	}
	return rc;
}

enum tpmiot_rc
enroll_signer_open(const struct enroll_env *env, const char *name, struct enroll_signer *out,
    struct tpmiot_err *err)
{
	enum tpmiot_rc rc = enroll_state_check_name(name, err);

	if (rc == TPMIOT_OK)
		rc = enroll_secret_open_tpm(env, &out->tpm, err);
	if (rc == TPMIOT_OK)
		rc = open_key(env, name, out, err);
	if (rc != TPMIOT_OK)
		return rc;
	rc = enroll_certs_read_leaf(env->dir, name, &out->leaf, err);
	if (rc == TPMIOT_OK && !enroll_certs_device_id(out->leaf, out->device_id))
		out->device_id[0] = '\0';
	return rc == TPMIOT_E_NOT_FOUND ? TPMIOT_OK : rc;
}

enum tpmiot_rc
enroll_signer_explain(const struct enroll_signer *signer, enum tpmiot_rc rc, struct tpmiot_err *err)
{
	if (!signer->has_password || rc != TPMIOT_E_AUTH)
		return enroll_secret_explain(rc, err);
	(void)tpmiot_err_prefix(err, "the key's password");
	return rc;
}

void
enroll_signer_close(struct enroll_signer *signer)
{
	X509_free(signer->leaf);
	signer->leaf = NULL;
	tpmiot_key_unref(&signer->key);
	tpmiot_tpm_free(&signer->tpm);
}
