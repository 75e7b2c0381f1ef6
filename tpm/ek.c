/* SPDX-License-Identifier: Apache-2.0 */
/* The endorsement key: found, loaded, put to work. */
#include <string.h>

#include <tss2/tss2_mu.h>

#include <tpmiot/ek.h>
#include <tpmiot/ekcert.h>

#include "session.h"

#define NV_FIRST 0x01000000u
#define PERSISTENT_FIRST 0x81000000u
#define CHAIN_MAX (TPMIOT_EKCERT_MAX * TPMIOT_EKCERT_CHAIN_MAX)

enum tpmiot_rc
tpmiot_ek_survey_nv(struct tpmiot_tpm *tpm, struct tpmiot_ek_survey *out, struct tpmiot_err *err)
{
	return tpmiot_tpm_handles(tpm, NV_FIRST, out->nv, &out->nv_n, err);
}

enum tpmiot_rc
tpmiot_ek_survey_persistent(
    struct tpmiot_tpm *tpm, struct tpmiot_ek_survey *out, struct tpmiot_err *err)
{
	return tpmiot_tpm_handles(tpm, PERSISTENT_FIRST, out->persistent, &out->persistent_n, err);
}

enum tpmiot_rc
tpmiot_ek_survey(struct tpmiot_tpm *tpm, struct tpmiot_ek_survey *out, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = tpmiot_ek_survey_nv(tpm, out, err);

	return rc == TPMIOT_OK ? tpmiot_ek_survey_persistent(tpm, out, err) : rc;
}

static bool
is_among(const TPM2_HANDLE *handles, size_t n, TPM2_HANDLE handle)
{
	for (size_t i = 0; i < n; i++)
		if (handles[i] == handle)
			return true;
	return false;
}

bool
tpmiot_ek_survey_has(const struct tpmiot_ek_survey *survey, TPM2_HANDLE handle)
{
	return handle != 0 && (is_among(survey->nv, survey->nv_n, handle) ||
	                          is_among(survey->persistent, survey->persistent_n, handle));
}

/* A certificate counts most, then a key that is there already. */
static int
worth(const struct tpmiot_ek_survey *survey, const struct tpmiot_ek_profile *profile)
{
	return 2 * tpmiot_ek_survey_has(survey, profile->cert_index) +
	       tpmiot_ek_survey_has(survey, profile->persistent);
}

static const struct tpmiot_ek_profile *
best_profile(const struct tpmiot_ek_survey *survey)
{
	const struct tpmiot_ek_profile *best = tpmiot_ek_profile_at(0), *profile;

	for (size_t i = 1; (profile = tpmiot_ek_profile_at(i)) != NULL; i++)
		if (worth(survey, profile) > worth(survey, best))
			best = profile;
	return best;
}

/* Not for what the TPM says of this index, but where there is no TPM or no memory, it is a failure.
 */
static enum tpmiot_rc
read_if_possible(struct tpmiot_tpm *tpm, TPM2_HANDLE index, size_t max, struct tpmiot_buf *out,
    TPM2_HANDLE *unread, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = tpmiot_tpm_nv_read(tpm, index, max, out, err);

	if (rc == TPMIOT_OK || rc == TPMIOT_E_TPM_GONE || rc == TPMIOT_E_MEMORY)
		return rc;
	if (*unread == 0)
		*unread = index;
	return TPMIOT_OK;
}

static enum tpmiot_rc
read_chain(struct tpmiot_tpm *tpm, const struct tpmiot_ek_survey *survey, struct tpmiot_ek *ek,
    struct tpmiot_err *err)
{
	struct tpmiot_buf *out = &ek->chain;
	enum tpmiot_rc rc = TPMIOT_OK;

	for (size_t i = 0; rc == TPMIOT_OK && i < survey->nv_n; i++) {
		TPM2_HANDLE index = survey->nv[i];

		if (index >= TPMIOT_EK_CHAIN_FIRST && index <= TPMIOT_EK_CHAIN_LAST &&
		    out->len < CHAIN_MAX)
			rc = read_if_possible(
			    tpm, index, CHAIN_MAX - out->len, out, &ek->unread, err);
	}
	return rc;
}

enum tpmiot_rc
tpmiot_ek_find(struct tpmiot_tpm *tpm, const struct tpmiot_ek_survey *survey,
    const struct tpmiot_ek_profile *want, struct tpmiot_ek *out, struct tpmiot_err *err)
{
	struct tpmiot_ek ek = { .profile = want != NULL ? want : best_profile(survey) };
	enum tpmiot_rc rc = TPMIOT_OK;

	if (tpmiot_ek_survey_has(survey, ek.profile->persistent))
		ek.persistent = ek.profile->persistent;
	/* A custom template or nonce in NV is used when the key has to be made. */
	ek.nonce_index =
	    tpmiot_ek_survey_has(survey, ek.profile->nonce_index) ? ek.profile->nonce_index : 0;
	ek.template_index = tpmiot_ek_survey_has(survey, ek.profile->template_index)
	                        ? ek.profile->template_index
	                        : 0;
	if (tpmiot_ek_survey_has(survey, ek.profile->cert_index)) {
		rc = read_if_possible(
		    tpm, ek.profile->cert_index, TPMIOT_EKCERT_MAX, &ek.cert, &ek.unread, err);
		if (rc == TPMIOT_OK && ek.cert.len > 0)
			rc = read_chain(tpm, survey, &ek, err);
	} else if (tpmiot_ek_survey_has(survey, TPMIOT_EK_CERT_SM2)) {
		ek.unusable = TPMIOT_EK_CERT_SM2;
	}
	if (rc == TPMIOT_OK)
		*out = ek;
	else
		tpmiot_ek_free(&ek);
	return rc;
}

/* ---- making it ------------------------------------------------------------------------------ */

/* EK Credential Profile, clause 2.2.1.5: the template index holds a TPMT_PUBLIC. */
static enum tpmiot_rc
read_template(struct tpmiot_tpm *tpm, TPM2_HANDLE index, TPMT_PUBLIC *out, struct tpmiot_err *err)
{
	struct tpmiot_buf nv = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc = tpmiot_tpm_nv_read(tpm, index, sizeof(*out), &nv, err);
	TPMT_PUBLIC area;
	size_t used = 0;

	if (rc == TPMIOT_OK &&
	    (Tss2_MU_TPMT_PUBLIC_Unmarshal(nv.data, nv.len, &used, &area) != TSS2_RC_SUCCESS ||
	        used != nv.len))
		rc = tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "NV index 0x%08x does not hold an EK template", index);
	if (rc == TPMIOT_OK)
		*out = area;
	tpmiot_buf_free(&nv);
	return rc;
}

/* The nonce goes to the front of unique.rsa, or to x. */
static enum tpmiot_rc
read_nonce(struct tpmiot_tpm *tpm, TPM2_HANDLE index, TPMT_PUBLIC *template, struct tpmiot_err *err)
{
	TPMU_PUBLIC_ID *unique = &template->unique;
	bool rsa = template->type == TPM2_ALG_RSA;
	uint8_t *to = rsa ? unique->rsa.buffer : unique->ecc.x.buffer;
	size_t room = rsa ? unique->rsa.size : unique->ecc.x.size;
	struct tpmiot_buf nv = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc = tpmiot_tpm_nv_read(tpm, index, room, &nv, err);

	if (rc == TPMIOT_OK && nv.len != 0)
		memcpy(to, nv.data, nv.len);
	tpmiot_buf_free(&nv);
	return rc;
}

static enum tpmiot_rc
make_ek(struct tpmiot_tpm *tpm, struct tpmiot_ek *ek, struct tpmiot_bytes endorsement_auth,
    struct tpmiot_err *err)
{
	enum tpmiot_rc rc = TPMIOT_OK;
	TPMT_PUBLIC template;

	tpmiot_template_ek(ek->profile, &template);
	if (ek->template_index != 0)
		rc = read_template(tpm, ek->template_index, &template, err);
	if (rc == TPMIOT_OK && ek->nonce_index != 0)
		rc = read_nonce(tpm, ek->nonce_index, &template, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_tpm_create_primary(tpm, TPM2_RH_ENDORSEMENT, endorsement_auth,
		    &template, &ek->handle, &ek->pub, err);
	return rc;
}

enum tpmiot_rc
tpmiot_ek_load(struct tpmiot_tpm *tpm, struct tpmiot_ek *ek, struct tpmiot_bytes endorsement_auth,
    struct tpmiot_err *err)
{
	struct tpmiot_public pub;
	enum tpmiot_rc rc;

	if (ek->handle != 0)
		return TPMIOT_OK;
	if (ek->persistent == 0)
		return make_ek(tpm, ek, endorsement_auth, err);
	rc = tpmiot_tpm_read_public(tpm, ek->persistent, &pub, err);
	if (rc != TPMIOT_OK && rc != TPMIOT_E_NOT_FOUND)
		return rc;
	/* Somebody may keep another key at the EK's handle. */
	if (rc == TPMIOT_E_NOT_FOUND || tpmiot_ek_profile_match(&pub.area) != ek->profile) {
		ek->persistent = 0;
		return make_ek(tpm, ek, endorsement_auth, err);
	}
	ek->pub = pub;
	ek->handle = ek->persistent;
	return TPMIOT_OK;
}

void
tpmiot_ek_unload(struct tpmiot_tpm *tpm, struct tpmiot_ek *ek)
{
	tpmiot_tpm_flush(tpm, &ek->handle);
}

void
tpmiot_ek_free(struct tpmiot_ek *ek)
{
	tpmiot_buf_free(&ek->cert);
	tpmiot_buf_free(&ek->chain);
}

/* ---- activation ------------------------------------------------------------------------------ */

/* What an activation is made of. */
struct activation {
	struct tpmiot_tpm *tpm;
	const struct tpmiot_ek *ek;
	struct tpmiot_bytes endorsement_auth;
	TPM2_HANDLE ak;
	const TPM2B_NAME *ak_name;
	struct tpmiot_bytes blob;
	struct tpmiot_bytes encrypted_secret;
	bool once; /* the session ends with it */
};

static enum tpmiot_rc
satisfy_policy(const struct activation *a, struct tpmiot_session *policy, struct tpmiot_err *err)
{
	TPM2B_DIGEST branches[2];
	enum tpmiot_rc rc =
	    tpmiot_tpm_policy_secret(a->tpm, policy, TPM2_RH_ENDORSEMENT, a->endorsement_auth, err);

	if (rc == TPMIOT_OK && a->ek->profile->high_range) {
		tpmiot_ek_policy_branches(a->ek->profile, branches);
		rc = tpmiot_tpm_policy_or(a->tpm, policy, branches, 2, err);
	}
	return rc;
}

/* *session NULL: one of this type is started. */
static enum tpmiot_rc
activate_in(const struct activation *a, TPM2_SE type, struct tpmiot_session **session,
    struct tpmiot_buf *secret, struct tpmiot_err *err)
{
	const struct tpmiot_ek *ek = a->ek;
	enum tpmiot_rc rc = TPMIOT_OK;

	if (*session == NULL)
		rc = tpmiot_session_start(a->tpm, type, ek->handle, &ek->pub, session, err);
	if (rc == TPMIOT_OK && (*session)->type == TPM2_SE_POLICY)
		rc = satisfy_policy(a, *session, err);
	if (rc == TPMIOT_OK && a->once)
		tpmiot_session_last(*session);
	if (rc == TPMIOT_OK)
		rc = tpmiot_tpm_activate(a->tpm, a->ak, a->ak_name, ek->handle, &ek->pub.name,
		    *session, a->blob, a->encrypted_secret, secret, err);
	return rc;
}

/* By the policy in a lockout, too, or where somebody gave the EK another value. */
static enum tpmiot_rc
activate(const struct activation *a, struct tpmiot_session **session, struct tpmiot_buf *secret,
    struct tpmiot_err *err)
{
	const bool by_value =
	    a->ek->by_value && (a->ek->pub.area.objectAttributes & TPMA_OBJECT_USERWITHAUTH) != 0;
	enum tpmiot_rc rc =
	    activate_in(a, by_value ? TPM2_SE_HMAC : TPM2_SE_POLICY, session, secret, err);

	if ((rc != TPMIOT_E_AUTH && rc != TPMIOT_E_LOCKOUT) || *session == NULL ||
	    (*session)->type != TPM2_SE_HMAC)
		return rc;
	tpmiot_session_end(session);
	return activate_in(a, TPM2_SE_POLICY, session, secret, err);
}

enum tpmiot_rc
tpmiot_ek_activate(struct tpmiot_tpm *tpm, const struct tpmiot_ek *ek,
    struct tpmiot_bytes endorsement_auth, TPM2_HANDLE ak, const TPM2B_NAME *ak_name,
    struct tpmiot_bytes blob, struct tpmiot_bytes encrypted_secret, struct tpmiot_session **session,
    struct tpmiot_buf *secret, struct tpmiot_err *err)
{
	const struct activation a = { tpm, ek, endorsement_auth, ak, ak_name, blob,
		encrypted_secret, session == NULL };
	struct tpmiot_session *own = NULL;
	enum tpmiot_rc rc;

	if (ek->handle == 0)
		return tpmiot_err_set(err, TPMIOT_E_USAGE, "the EK is not loaded");
	rc = activate(&a, session != NULL ? session : &own, secret, err);
	tpmiot_session_end(&own);
	return rc;
}
