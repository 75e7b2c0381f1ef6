/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/dps/unwrap.h"

#include <tpmiot/ekcert.h>

#include "enroll/enrol/ekpick.h"

static const struct tpmiot_bytes EMPTY_AUTH = { NULL, 0 };

/* ---- Keys ------------------------------------------------------------------------------ */

/* Reads the EK's certificate; whether it has one that can be read. */
static enum tpmiot_rc
read_cert(struct enroll_dps_tpm *t, const struct tpmiot_ek_profile *profile, bool *found,
    struct tpmiot_err *err)
{
	enum tpmiot_rc rc =
	    tpmiot_tpm_nv_read(t->tpm, profile->cert_index, TPMIOT_EKCERT_MAX, &t->ek.cert, err);

	*found = rc == TPMIOT_OK;
	return rc == TPMIOT_E_TPM_GONE || rc == TPMIOT_E_MEMORY ? rc : TPMIOT_OK;
}

/* Somebody may keep another key at the EK's handle. */
static bool
take_key(struct enroll_dps_tpm *t, const struct tpmiot_ek_profile *profile)
{
	struct tpmiot_public pub;

	if (!tpmiot_ek_survey_has(&t->there, profile->persistent) ||
	    tpmiot_tpm_read_public(t->tpm, profile->persistent, &pub, NULL) != TPMIOT_OK ||
	    tpmiot_ek_profile_match(&pub.area) != profile)
		return false;
	t->ek.profile = profile;
	t->ek.pub = pub;
	t->ek.persistent = t->ek.handle = profile->persistent;
	return true;
}

/*
 * The first one that is persistent, as it should be, and certified if that is wanted. Where there
 * is one, find_ek() would choose it, too; this needs no list of NV indices. Without a certificate
 * the list is next: it costs less than to ask for each of them.
 */
static enum tpmiot_rc
guess_ek(struct enroll_dps_tpm *t, const char *which, bool certified, bool *found,
    struct tpmiot_err *err)
{
	const struct tpmiot_ek_profile *profile;
	enum tpmiot_rc rc = TPMIOT_OK;

	*found = false;
	for (size_t i = 0; !*found && (profile = tpmiot_ek_profile_at(i)) != NULL; i++) {
		bool meant = which == NULL || enroll_ekpick_can_mean(which, profile->name);
		bool there = tpmiot_ek_survey_has(&t->there, profile->persistent);

		if (!meant || (!there && which == NULL))
			continue;
		*found = there;
		if (there && certified)
			rc = read_cert(t, profile, found, err);
		if (!*found)
			break;
		*found = take_key(t, profile);
		if (!*found)
			tpmiot_ek_free(&t->ek);
	}
	return rc;
}

static enum tpmiot_rc
find_ek(
    struct enroll_dps_tpm *t, const char *which, const struct enroll_ui *ui, struct tpmiot_err *err)
{
	struct enroll_progress *progress = NULL;
	enum tpmiot_rc rc = tpmiot_ek_survey_nv(t->tpm, &t->there, err);

	if (rc == TPMIOT_OK)
		rc =
		    tpmiot_ek_find(t->tpm, &t->there, enroll_ekpick(which, &t->there), &t->ek, err);
	if (rc != TPMIOT_OK)
		return rc;
	enroll_ekpick_warn(ui, &t->ek);
	if (take_key(t, t->ek.profile))
		return TPMIOT_OK;
	t->ek.persistent = 0;
	rc = enroll_journal_list_objects(t->state, t->tpm, t->journal, err);
	if (rc != TPMIOT_OK)
		return rc;
	progress = enroll_progress_start(ui, "The TPM is making its endorsement key");
	rc = tpmiot_ek_load(t->tpm, &t->ek, EMPTY_AUTH, err);
	enroll_progress_stop(&progress);
	return rc;
}

static enum tpmiot_rc
open_srk(struct enroll_dps_tpm *t, struct tpmiot_err *err)
{
	enum tpmiot_rc rc;

	if (tpmiot_ek_survey_has(&t->there, TPMIOT_SRK_HANDLE))
		return tpmiot_tpm_open_srk(t->tpm, &t->srk, &t->srk_made, &t->srk_pub, err);
	rc = enroll_journal_list_objects(t->state, t->tpm, t->journal, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_tpm_make_srk(t->tpm, &t->srk_made, &t->srk_pub, err);
	t->srk = t->srk_made;
	return rc;
}

enum tpmiot_rc
enroll_dps_tpm_open(struct enroll_dps_tpm *t, const char *ek, bool microsofts,
    const struct enroll_ui *ui, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = tpmiot_ek_survey_persistent(t->tpm, &t->there, err);
	bool found = false;

	if (rc == TPMIOT_OK)
		rc = guess_ek(t, ek, !microsofts, &found, err);
	if (rc == TPMIOT_OK && !found)
		rc = find_ek(t, ek, ui, err);
	if (rc == TPMIOT_OK)
		rc = open_srk(t, err);
	if (rc == TPMIOT_OK)
		enroll_ui_detail(ui, "EK %s, %s certificate read; storage root key 0x%08x",
		    t->ek.profile->label, t->ek.cert.len > 0 ? "its" : "no", t->srk);
	return rc;
}

void
enroll_dps_tpm_rest(struct enroll_dps_tpm *t)
{
	tpmiot_session_end(&t->session);
}

void
enroll_dps_tpm_close(struct enroll_dps_tpm *t)
{
	tpmiot_session_end(&t->session);
	tpmiot_tpm_flush(t->tpm, &t->srk_made);
	tpmiot_ek_unload(t->tpm, &t->ek);
	tpmiot_ek_free(&t->ek);
}

/* ---- Unwrapping ----------------------------------------------------------------------------- */

static struct tpmiot_bytes
bytes(const struct tpmiot_buf *buf)
{
	return (struct tpmiot_bytes){ buf->data, buf->len };
}

/* What the TPM does not take was not made for it, whoever it was made for. */
static enum tpmiot_rc
not_for_us(enum tpmiot_rc rc, const char *what, struct tpmiot_err *err)
{
	if (rc != TPMIOT_E_TPM && rc != TPMIOT_E_VERIFY && rc != TPMIOT_E_FORMAT &&
	    rc != TPMIOT_E_UNSUPPORTED && rc != TPMIOT_E_NOT_FOUND && rc != TPMIOT_E_AUTH)
		return rc;
	(void)tpmiot_err_prefix(
	    err, "the server sent a key that is not for this TPM: it does not take the %s", what);
	err->rc = TPMIOT_E_TRUST;
	return TPMIOT_E_TRUST;
}

static enum tpmiot_rc
import(struct enroll_dps_tpm *t, const struct tpmiot_dps_key *key, const struct tpmiot_buf *inner,
    TPM2B_PRIVATE *out, struct tpmiot_err *err)
{
	const struct tpmiot_wrapped in = { &key->pub, &key->duplicate, &key->seed, bytes(inner) };

	return tpmiot_tpm_import(t->tpm, t->srk, EMPTY_AUTH, &in, out, err);
}

static enum tpmiot_rc
open_key(struct enroll_dps_tpm *t, const struct tpmiot_dps_key *key, bool last, TPM2B_PRIVATE *out,
    struct tpmiot_err *err)
{
	struct tpmiot_session **session = last && t->session == NULL ? NULL : &t->session;
	struct tpmiot_buf inner = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	rc = not_for_us(tpmiot_ek_activate(t->tpm, &t->ek, EMPTY_AUTH, t->srk, &t->srk_pub.name,
	                    bytes(&key->credential), bytes(&key->secret), session, &inner, err),
	    "credential", err);
	if (rc == TPMIOT_OK)
		rc = not_for_us(import(t, key, &inner, out, err), "wrapped key", err);
	tpmiot_buf_free(&inner);
	return rc;
}

enum tpmiot_rc
enroll_dps_unwrap(struct enroll_dps_tpm *t, const struct tpmiot_buf *key, bool last,
    struct tpmiot_keyfile *out, struct tpmiot_err *err)
{
	struct tpmiot_dps_key parts = { .credential = TPMIOT_BUF_INIT };
	struct tpmiot_keyfile file = { .type = TPMIOT_KEYFILE_LOADABLE, .empty_auth = true };
	enum tpmiot_rc rc = tpmiot_dps_key_parse(NULL, bytes(key), &parts, err);

	if (rc != TPMIOT_OK) {
		(void)tpmiot_err_prefix(err, "the server's answer is not what the protocol says");
		err->rc = TPMIOT_E_TRUST;
		return TPMIOT_E_TRUST;
	}
	tpmiot_tpm_lock(t->tpm);
	if (last && t->session != NULL)
		tpmiot_session_last(t->session);
	rc = open_key(t, &parts, last, &file.priv, err);
	tpmiot_tpm_unlock(t->tpm);
	if (rc == TPMIOT_OK) {
		file.pub = parts.pub;
		file.parent = t->srk_made != 0 ? TPM2_RH_OWNER : t->srk;
		*out = file;
	}
	tpmiot_dps_key_free(&parts);
	return rc;
}

enum tpmiot_rc
enroll_dps_load(struct enroll_dps_tpm *t, const struct tpmiot_keyfile *key, TPM2_HANDLE *out,
    struct tpmiot_err *err)
{
	enum tpmiot_rc rc = enroll_journal_expect(t->state, t->journal, &key->pub.name, err);

	return rc == TPMIOT_OK
	           ? tpmiot_tpm_load(t->tpm, t->srk, EMPTY_AUTH, &key->pub, &key->priv, out, err)
	           : rc;
}

enum tpmiot_rc
enroll_dps_hmac(struct enroll_dps_tpm *t, const struct tpmiot_keyfile *key,
    struct tpmiot_bytes message, TPM2B_DIGEST *out, struct tpmiot_err *err)
{
	const struct tpmiot_auth auth = { .session = NULL };
	TPM2_HANDLE handle = 0;
	enum tpmiot_rc rc;

	tpmiot_tpm_lock(t->tpm);
	rc = enroll_dps_load(t, key, &handle, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_tpm_hmac(t->tpm, handle, &auth, TPM2_ALG_SHA256, message, out, err);
	tpmiot_tpm_flush(t->tpm, &handle);
	tpmiot_tpm_unlock(t->tpm);
	return rc;
}
