/* SPDX-License-Identifier: Apache-2.0 */
#include "parent.h"

#include <string.h>

#include <tpmiot/template.h>

static const struct tpmiot_bytes no_auth = { NULL, 0 };

static bool
is_hierarchy(TPM2_HANDLE handle)
{
	return handle >> TPM2_HR_SHIFT == TPM2_HT_PERMANENT;
}

static enum tpmiot_rc
check_name(const struct tpm_parent *parent, const TPM2B_NAME *name, struct tpmiot_err *err)
{
	if (parent->name.size == 0 || (name->size == parent->name.size &&
	                                  memcmp(name->name, parent->name.name, name->size) == 0))
		return TPMIOT_OK;
	return tpmiot_err_set(err, TPMIOT_E_VERIFY,
	    "the parent 0x%08x is not the one that the key file names (parentName): another key "
	    "was put in its place, or the TPM was cleared or replaced",
	    parent->handle);
}

static enum tpmiot_rc
make_storage_key(struct tpmiot_tpm *tpm, TPM2_HANDLE hierarchy, bool rsa, struct tpmiot_bytes auth,
    TPM2_HANDLE *made, struct tpmiot_public *pub, struct tpmiot_err *err)
{
	TPMT_PUBLIC template;
	enum tpmiot_rc rc;

	if (rsa)
		tpmiot_template_srk_rsa(&template);
	else
		tpmiot_template_srk_ecc(&template);
	rc = tpmiot_tpm_create_primary(tpm, hierarchy, no_auth, &template, made, pub, err);
	if (rc == TPMIOT_E_AUTH && auth.len != 0)
		rc = tpmiot_tpm_create_primary(tpm, hierarchy, auth, &template, made, pub, err);
	return rc;
}

enum tpmiot_rc
tpm_parent_open(struct tpmiot_tpm *tpm, const struct tpm_parent *parent, struct tpmiot_bytes auth,
    TPM2_HANDLE *handle, TPM2_HANDLE *made, struct tpmiot_err *err)
{
	struct tpmiot_public pub = { 0 };
	enum tpmiot_rc rc = TPMIOT_OK;

	*made = 0;
	if (is_hierarchy(parent->handle))
		rc = make_storage_key(tpm, parent->handle, parent->rsa, auth, made, &pub, err);
	else if (parent->name.size != 0)
		rc = tpmiot_tpm_read_public(tpm, parent->handle, &pub, err);
	if (rc == TPMIOT_OK)
		rc = check_name(parent, &pub.name, err);
	if (rc != TPMIOT_OK)
		tpmiot_tpm_flush(tpm, made);
	else
		*handle = *made != 0 ? *made : parent->handle;
	return rc;
}

enum tpmiot_rc
tpm_parent_public(struct tpmiot_tpm *tpm, const struct tpm_parent *parent, struct tpmiot_bytes auth,
    struct tpmiot_public *out, struct tpmiot_err *err)
{
	TPM2_HANDLE made = 0;
	enum tpmiot_rc rc;

	if (!is_hierarchy(parent->handle))
		return tpmiot_tpm_read_public(tpm, parent->handle, out, err);
	rc = make_storage_key(tpm, parent->handle, parent->rsa, auth, &made, out, err);
	tpmiot_tpm_flush(tpm, &made);
	return rc;
}

enum tpmiot_rc
tpmiot_tpm_make_srk(
    struct tpmiot_tpm *tpm, TPM2_HANDLE *made, struct tpmiot_public *pub, struct tpmiot_err *err)
{
	return make_storage_key(tpm, TPM2_RH_OWNER, false, no_auth, made, pub, err);
}

enum tpmiot_rc
tpmiot_tpm_open_srk(struct tpmiot_tpm *tpm, TPM2_HANDLE *handle, TPM2_HANDLE *made,
    struct tpmiot_public *pub, struct tpmiot_err *err)
{
	enum tpmiot_rc rc;

	*made = 0;
	*handle = TPMIOT_SRK_HANDLE;
	rc = tpmiot_tpm_read_public(tpm, *handle, pub, err);
	if (rc == TPMIOT_E_NOT_FOUND) {
		rc = tpmiot_tpm_make_srk(tpm, made, pub, err);
		*handle = *made;
	}
	return rc;
}

struct tpmiot_bytes
tpm_parent_auth(TPM2_HANDLE parent, struct tpmiot_bytes given)
{
	return is_hierarchy(parent) ? no_auth : given;
}

enum tpmiot_rc
tpm_parent_refused(TPM2_HANDLE parent, struct tpmiot_bytes given, struct tpmiot_err *err)
{
	const char *what =
	    is_hierarchy(parent) ? "the hierarchy that the key is in" : "the key's parent";

	if (given.len == 0)
		return tpmiot_err_prefix(err,
		    "%s, 0x%08x, has a password, which was not given (in TPMIOT_PARENT_AUTH)", what,
		    parent);
	return tpmiot_err_prefix(err, "the password of %s, 0x%08x", what, parent);
}

enum tpmiot_rc
tpm_parent_session(
    struct tpmiot_tpm *tpm, TPM2_HANDLE parent, struct tpmiot_auth *auth, struct tpmiot_err *err)
{
	struct tpmiot_public pub;
	enum tpmiot_rc rc = tpmiot_tpm_read_public(tpm, parent, &pub, err);

	if (rc == TPMIOT_OK)
		rc = tpmiot_session_start(tpm, TPM2_SE_HMAC, parent, &pub, &auth->session, err);
	if (rc == TPMIOT_OK) {
		auth->name = pub.name;
		tpmiot_session_last(auth->session);
	}
	return rc;
}
