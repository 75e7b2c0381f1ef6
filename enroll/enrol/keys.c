/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/enrol/keys.h"

bool
enroll_keys_kind_of(const TPMT_PUBLIC *area, enum tpmiot_key_kind *out)
{
	static const enum tpmiot_key_kind kinds[] = { TPMIOT_KEY_EC_P256, TPMIOT_KEY_EC_P384,
		TPMIOT_KEY_RSA_2048, TPMIOT_KEY_RSA_3072 };
	TPMT_PUBLIC template;
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		tpmiot_template_key(kinds[i], &template);
		if (template.type != area->type)
			continue;
		if (area->type == TPM2_ALG_RSA ? area->parameters.rsaDetail.keyBits ==
		                                     template.parameters.rsaDetail.keyBits
		                               : area->parameters.eccDetail.curveID ==
		                                     template.parameters.eccDetail.curveID) {
			*out = kinds[i];
			return true;
		}
	}
	return false;
}

enum tpmiot_rc
enroll_keys_check_kind(const char *name, const struct tpmiot_keyfile *file,
    const enum tpmiot_key_kind *want, struct tpmiot_err *err)
{
	enum tpmiot_key_kind kind;
	bool known = enroll_keys_kind_of(&file->pub.area, &kind);

	if (want == NULL || (known && kind == *want))
		return TPMIOT_OK;
	return tpmiot_err_set(err, TPMIOT_E_USAGE,
	    "the key %s exists and is %s, not %s; choose another name with --name=N, or give the "
	    "key up with 'tpmiot-enroll reset --name=%s'",
	    name, known ? tpmiot_key_kind_name(kind) : "of another kind",
	    tpmiot_key_kind_name(*want), name);
}

/* A new key, on disk before anything is done with it: a blob that is lost is a key that is lost. */
static enum tpmiot_rc
create(const struct enroll_state *state, struct tpmiot_tpm *tpm, const char *name,
    const TPMT_PUBLIC *template, struct tpmiot_key **out, struct tpmiot_err *err)
{
	const struct tpmiot_bytes empty = { NULL, 0 };
	struct tpmiot_key *key = NULL;
	struct tpmiot_keyfile file;
	enum tpmiot_rc rc;

	rc = tpmiot_key_create(tpm, 0, empty, template, empty, &key, err);
	if (rc == TPMIOT_OK) {
		tpmiot_key_to_file(key, &file);
		rc = enroll_state_write_key(state, name, &file, err);
		tpmiot_keyfile_clear(&file);
	}
	if (rc == TPMIOT_OK) {
		*out = key;
		key = NULL;
	}
	tpmiot_key_unref(&key);
	return rc;
}

static enum tpmiot_rc
load(struct tpmiot_tpm *tpm, struct tpmiot_key *key, struct tpmiot_err *err)
{
	TPM2_HANDLE handle;
	enum tpmiot_rc rc;

	tpmiot_tpm_lock(tpm);
	rc = tpmiot_key_handle_loaded(key, &handle, err);
	tpmiot_tpm_unlock(tpm);
	return rc;
}

/* A stored key that the TPM does not take: say what that means, unless it is something else. */
static enum tpmiot_rc
explain_load(
    enum tpmiot_rc rc, const struct enroll_state *state, const char *name, struct tpmiot_err *err)
{
	if (rc == TPMIOT_E_TPM || rc == TPMIOT_E_NOT_FOUND)
		(void)tpmiot_err_prefix(err,
		    "%s/%s.key does not load into this TPM; if the TPM "
		    "was cleared or replaced, run 'tpmiot-enroll reset' and enrol again",
		    state->dir, name);
	return rc;
}

enum tpmiot_rc
enroll_keys_get_ak(const struct enroll_state *state, struct tpmiot_tpm *tpm,
    const struct enroll_ui *ui, struct tpmiot_key **out, struct tpmiot_err *err)
{
	struct tpmiot_key *key = NULL;
	struct tpmiot_keyfile file = { .extra = NULL };
	TPMT_PUBLIC template;
	enum tpmiot_rc rc;

	rc = enroll_state_read_key(state->dir, ENROLL_AK_NAME, &file, err);
	if (rc == TPMIOT_OK) {
		enroll_ui_detail(ui, "using the attestation key that is there");
		rc = tpmiot_key_from_file(tpm, &file, &key, err);
	} else if (rc == TPMIOT_E_NOT_FOUND) {
		enroll_ui_detail(ui, "making an attestation key");
		tpmiot_template_ak_ecc(&template);
		rc = create(state, tpm, ENROLL_AK_NAME, &template, &key, err);
	}
	if (rc == TPMIOT_OK)
		rc = explain_load(load(tpm, key, err), state, ENROLL_AK_NAME, err);
	if (rc == TPMIOT_OK) {
		*out = key;
		key = NULL;
	}
	tpmiot_keyfile_clear(&file);
	tpmiot_key_unref(&key);
	return rc;
}

static enum tpmiot_rc
make(const struct enroll_state *state, struct tpmiot_tpm *tpm, const struct enroll_ui *ui,
    const char *name, enum tpmiot_key_kind kind, struct tpmiot_key **out, struct tpmiot_err *err)
{
	struct enroll_progress *progress;
	TPMT_PUBLIC template;
	enum tpmiot_rc rc;

	enroll_ui_detail(ui, "making the key %s (%s)", name, tpmiot_key_kind_name(kind));
	progress = enroll_progress_start(ui, "The TPM is making the key");
	tpmiot_template_key(kind, &template);
	rc = create(state, tpm, name, &template, out, err);
	enroll_progress_stop(&progress);
	if (rc == TPMIOT_E_UNSUPPORTED)
		(void)tpmiot_err_prefix(err,
		    "this TPM cannot make a key of the kind %s; choose "
		    "another one with --key",
		    tpmiot_key_kind_name(kind));
	return rc;
}

enum tpmiot_rc
enroll_keys_get(const struct enroll_state *state, struct tpmiot_tpm *tpm,
    const struct enroll_ui *ui, const char *name, const enum tpmiot_key_kind *want,
    struct tpmiot_key **out, struct tpmiot_err *err)
{
	struct tpmiot_key *key = NULL;
	struct tpmiot_keyfile file = { .extra = NULL };
	enum tpmiot_rc rc;

	rc = enroll_state_read_key(state->dir, name, &file, err);
	if (rc == TPMIOT_E_NOT_FOUND)
		return make(
		    state, tpm, ui, name, want != NULL ? *want : TPMIOT_KEY_EC_P256, out, err);
	if (rc == TPMIOT_OK)
		rc = enroll_keys_check_kind(name, &file, want, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_key_from_file(tpm, &file, &key, err);
	if (rc == TPMIOT_OK)
		rc = explain_load(load(tpm, key, err), state, name, err);
	if (rc == TPMIOT_OK) {
		enroll_ui_detail(ui, "using the key %s that is there", name);
		*out = key;
		key = NULL;
	}
	tpmiot_keyfile_clear(&file);
	tpmiot_key_unref(&key);
	return rc;
}
