/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authorisation values of the owner and the endorsement hierarchy. They belong to
 * the connection, because a storage root key may have to be made at any moment.
 */
#include "conn.h"
#include "session.h"

static struct tpmiot_buf *
slot(struct tpmiot_tpm *tpm, TPM2_HANDLE hierarchy)
{
	switch (hierarchy) {
	case TPM2_RH_OWNER:
		return &tpm->owner_auth;
	case TPM2_RH_ENDORSEMENT:
		return &tpm->endorsement_auth;
	default:
		return NULL;
	}
}

enum tpmiot_rc
tpmiot_tpm_set_hierarchy_auth(
    struct tpmiot_tpm *tpm, TPM2_HANDLE hierarchy, struct tpmiot_bytes auth, struct tpmiot_err *err)
{
	struct tpmiot_buf *to = slot(tpm, hierarchy);
	enum tpmiot_rc rc;

	if (to == NULL)
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "0x%08x is no hierarchy that has a "
		    "remembered authorisation value",
		    hierarchy);
	tpmiot_tpm_lock(tpm);
	tpmiot_buf_free(to);
	tpmiot_buf_put(to, auth.data, auth.len);
	rc = tpmiot_buf_done(to, err);
	tpmiot_tpm_unlock(tpm);
	return rc;
}

enum tpmiot_rc
tpm_hierarchy_authorise(struct tpmiot_tpm *tpm, TPM2_HANDLE hierarchy, struct tpmiot_bytes given,
    struct tpmiot_auth *out, struct tpmiot_err *err)
{
	const struct tpmiot_buf *known = slot(tpm, hierarchy);
	struct tpmiot_session *session = NULL;
	enum tpmiot_rc rc = TPMIOT_OK;

	if (given.len == 0 && known != NULL)
		given = (struct tpmiot_bytes){ known->data, known->len };
	if (given.len != 0)
		rc = tpm_salted_session(tpm, &session, err);
	if (rc != TPMIOT_OK)
		return rc;
	if (session != NULL)
		tpmiot_session_last(session);
	*out = (struct tpmiot_auth){
		.value = given, .session = session, .name = tpm_handle_name(hierarchy)
	};
	return TPMIOT_OK;
}
