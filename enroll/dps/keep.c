/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/dps/keep.h"

#include <string.h>

#include "enroll/dps/register.h"
#include "enroll/enrol/secret.h"

static const struct tpmiot_bytes EMPTY_AUTH = { NULL, 0 };

/* A former registration's key makes room; whatever else is there stays. */
static enum tpmiot_rc
free_handle(struct enroll_dps_tpm *t, struct tpmiot_err *err)
{
	struct tpmiot_tpm *tpm = t->tpm;
	struct tpmiot_public pub;
	enum tpmiot_rc rc;

	if (!tpmiot_ek_survey_has(&t->there, ENROLL_DPS_HANDLE))
		return TPMIOT_OK;
	rc = tpmiot_tpm_read_public(tpm, ENROLL_DPS_HANDLE, &pub, err);
	if (rc == TPMIOT_E_NOT_FOUND)
		return TPMIOT_OK;
	if (rc != TPMIOT_OK)
		return rc;
	if (!tpmiot_public_is_hmac_key(&pub))
		return tpmiot_err_set(err, TPMIOT_E_CONFLICT,
		    "there is another key at 0x%08x; move it away (tpm2_evictcontrol), or "
		    "register without --persistent",
		    ENROLL_DPS_HANDLE);
	return tpmiot_tpm_evict(tpm, EMPTY_AUTH, ENROLL_DPS_HANDLE, ENROLL_DPS_HANDLE, err);
}

/* A full TPM shows at the load, when what is at the handle is still there. */
static enum tpmiot_rc
make_persistent(struct enroll_dps_tpm *t, const struct tpmiot_keyfile *key, struct tpmiot_err *err)
{
	TPM2_HANDLE handle = 0;
	enum tpmiot_rc rc = enroll_dps_load(t, key, &handle, err);

	if (rc == TPMIOT_OK)
		rc = free_handle(t, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_tpm_evict(t->tpm, EMPTY_AUTH, handle, ENROLL_DPS_HANDLE, err);
	tpmiot_tpm_flush(t->tpm, &handle);
	return rc;
}

/* Whether NAME.key stands for what a registration put at a handle. */
static bool
has_handle(const struct enroll_state *state, const char *name, struct tpmiot_keyfile *out)
{
	return enroll_state_read_key(state->dir, name, out, NULL) == TPMIOT_OK &&
	       out->type == TPMIOT_KEYFILE_REFERENCE && tpmiot_public_is_hmac_key(&out->pub);
}

/* Only the very key that was put there: somebody may have registered by other means since. */
static enum tpmiot_rc
empty_handle(struct tpmiot_tpm *tpm, const struct tpmiot_keyfile *file, struct tpmiot_err *err)
{
	struct tpmiot_public pub;
	enum tpmiot_rc rc = tpmiot_tpm_read_public(tpm, file->parent, &pub, err);

	if (rc == TPMIOT_OK && pub.name.size == file->pub.name.size &&
	    memcmp(pub.name.name, file->pub.name.name, pub.name.size) == 0)
		rc = tpmiot_tpm_evict(tpm, EMPTY_AUTH, file->parent, file->parent, err);
	return rc == TPMIOT_E_NOT_FOUND ? TPMIOT_OK : rc;
}

enum tpmiot_rc
enroll_dps_keep(struct enroll_dps_tpm *t, const struct enroll_state *state, const char *name,
    bool persistent, const struct tpmiot_keyfile *key, const struct enroll_dps_record *record,
    const struct enroll_server *trust, struct tpmiot_err *err)
{
	const struct tpmiot_keyfile reference = { .type = TPMIOT_KEYFILE_REFERENCE,
		.empty_auth = true,
		.parent = ENROLL_DPS_HANDLE,
		.pub = key->pub };
	struct tpmiot_keyfile old = { .extra = NULL };
	const bool moves = !persistent && has_handle(state, name, &old);
	enum tpmiot_rc rc = TPMIOT_OK;

	/* Before NAME.key, by which alone it is known what is at the handle: cut short in between,
	 * the same command finds nothing there, and registers again. */
	if (persistent)
		rc = make_persistent(t, key, err);
	else if (moves)
		rc = empty_handle(t->tpm, &old, err);
	if (rc == TPMIOT_OK)
		rc = enroll_state_write_key(state, name, persistent ? &reference : key, err);
	if (rc == TPMIOT_OK)
		rc = enroll_dps_record_write(state, name, record, trust, err);
	tpmiot_keyfile_clear(&old);
	return rc;
}

enum tpmiot_rc
enroll_dps_forget(const struct enroll_env *env, const struct enroll_state *state, const char *name,
    struct tpmiot_err *err)
{
	struct tpmiot_keyfile file = { .extra = NULL };
	struct tpmiot_tpm *tpm = NULL;
	enum tpmiot_rc rc = TPMIOT_OK;

	if (has_handle(state, name, &file)) {
		rc = enroll_secret_open_tpm(env, &tpm, err);
		if (rc == TPMIOT_OK)
			rc = empty_handle(tpm, &file, err);
		tpmiot_tpm_free(&tpm);
	}
	tpmiot_keyfile_clear(&file);
	return rc == TPMIOT_OK ? enroll_dps_record_remove(state, name, err) : rc;
}
