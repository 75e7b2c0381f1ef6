/* SPDX-License-Identifier: Apache-2.0 */
/* Response codes (Part 2, clause 6.6) in words, each with the next step. */
#include <stddef.h>

#include <tss2/tss2_common.h>

#include "conn.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	TPM2_RC code;
	enum tpmiot_rc rc;
	const char *text;
} KNOWN[] = {
	{ TPM2_RC_AUTH_FAIL, TPMIOT_E_AUTH,
	    "wrong authorisation value; this attempt counts towards the TPM's lockout" },
	{ TPM2_RC_BAD_AUTH, TPMIOT_E_AUTH, "wrong authorisation value" },
	{ TPM2_RC_AUTH_MISSING, TPMIOT_E_AUTH, "an authorisation value is needed" },
	{ TPM2_RC_AUTH_UNAVAILABLE, TPMIOT_E_AUTH,
	    "the key takes no password, only its policy; use the key file that holds it" },
	{ TPM2_RC_POLICY_FAIL, TPMIOT_E_POLICY,
	    "the key's policy does not hold: a PCR changed meanwhile, or the command is none that "
	    "the policy allows" },
	{ TPM2_RC_PCR_CHANGED, TPMIOT_E_POLICY, "a PCR changed while the policy was checked" },
	{ TPM2_RC_LOCALITY, TPMIOT_E_POLICY,
	    "the key's policy: not from this locality, which is where the command comes from (the "
	    "operating system's is 0)" },
	{ TPM2_RC_LOCKOUT, TPMIOT_E_LOCKOUT,
	    "the TPM is in dictionary-attack lockout; wait for its recovery time, or run "
	    "tpm2_dictionarylockout --clear-lockout" },
	{ TPM2_RC_OBJECT_MEMORY, TPMIOT_E_TPM_FULL,
	    "the TPM has no free slot for an object: other programs hold them all; stop them, "
	    "run tpm2_flushcontext -t, or use a resource manager (/dev/tpmrm0, tpm2-abrmd)" },
	{ TPM2_RC_OBJECT_HANDLES, TPMIOT_E_TPM_FULL, "the TPM has no free object handle" },
	{ TPM2_RC_SESSION_MEMORY, TPMIOT_E_TPM_FULL,
	    "the TPM has no free slot for a session: other programs hold them all; stop them, "
	    "run tpm2_flushcontext -l, or use a resource manager (/dev/tpmrm0, tpm2-abrmd)" },
	{ TPM2_RC_SESSION_HANDLES, TPMIOT_E_TPM_FULL,
	    "the TPM has no free session handle; run tpm2_flushcontext -s" },
	{ TPM2_RC_HANDLE, TPMIOT_E_NOT_FOUND, "the TPM has nothing at this handle" },
	{ TPM2_RC_INTEGRITY, TPMIOT_E_TPM,
	    "the key was not made by this TPM under this parent: the TPM was cleared or "
	    "replaced, or the file belongs to another device" },
	{ TPM2_RC_INITIALIZE, TPMIOT_E_TPM, "the TPM is not started and TPM2_Startup failed" },
	{ TPM2_RC_FAILURE, TPMIOT_E_TPM, "the TPM is in failure mode; reset it" },
	{ TPM2_RC_HIERARCHY, TPMIOT_E_TPM, "this hierarchy is disabled in the TPM" },
	{ TPM2_RC_NV_SPACE, TPMIOT_E_TPM, "the TPM's NV memory is full" },
	{ TPM2_RC_CURVE, TPMIOT_E_UNSUPPORTED, "this TPM does not have the curve" },
	{ TPM2_RC_COMMAND_CODE, TPMIOT_E_UNSUPPORTED, "this TPM does not have the command" },
	{ TPM2_RC_SCHEME, TPMIOT_E_UNSUPPORTED, "the key does not sign with this scheme" },
};

TPM2_RC
tpm_rc_code(TSS2_RC rc)
{
	TPM2_RC code = rc & 0xffff;

	return (code & TPM2_RC_FMT1) != 0 ? code & (TPM2_RC_FMT1 | 0x3f) : code;
}

bool
tpmiot_tpm_counts(const struct tpmiot_err *err)
{
	return err->rc == TPMIOT_E_AUTH && tpm_rc_code(err->tss) == TPM2_RC_AUTH_FAIL;
}

bool
tpmiot_tpm_lacks(const struct tpmiot_err *err)
{
	if (err->rc != TPMIOT_E_TPM && err->rc != TPMIOT_E_UNSUPPORTED)
		return false;
	switch (tpm_rc_code(err->tss)) {
	case TPM2_RC_CURVE:
	case TPM2_RC_KEY_SIZE:
	case TPM2_RC_VALUE:
	case TPM2_RC_RANGE:
		return true;
	default:
		return false;
	}
}

static bool
is_reference(TPM2_RC code)
{
	return code >= TPM2_RC_REFERENCE_H0 && code <= TPM2_RC_REFERENCE_S6;
}

static enum tpmiot_rc
from_tpm(const char *what, TSS2_RC rc, struct tpmiot_err *err)
{
	TPM2_RC code = tpm_rc_code(rc);

	for (size_t i = 0; i < COUNT(KNOWN); i++)
		if (KNOWN[i].code == code)
			return tpmiot_err_set(err, KNOWN[i].rc, "%s: %s", what, KNOWN[i].text);
	if (is_reference(code))
		return tpmiot_err_set(err, TPMIOT_E_NOT_FOUND,
		    "%s: the object is no longer loaded (TPM reset?)", what);
	return tpmiot_err_set(err, TPMIOT_E_TPM,
	    "%s: the TPM answered 0x%03x; tpm2_rc_decode 0x%x tells more", what, rc, rc);
}

enum tpmiot_rc
tpm_rc(const char *what, TSS2_RC rc, struct tpmiot_err *err)
{
	enum tpmiot_rc result;

	if (rc == TSS2_RC_SUCCESS)
		return TPMIOT_OK;
	switch (rc & TSS2_RC_LAYER_MASK) {
	case TSS2_TPM_RC_LAYER:
	case TSS2_RESMGR_TPM_RC_LAYER:
	case TSS2_RESMGR_RC_LAYER:
		result = from_tpm(what, rc, err);
		break;
	case TSS2_TCTI_RC_LAYER:
		if (rc == TSS2_TCTI_RC_TRY_AGAIN)
			result = tpmiot_err_set(err, TPMIOT_E_TPM_GONE,
			    "%s: the TPM did not answer in time: it hangs, or another program "
			    "keeps "
			    "it busy; if it stays so, reset it",
			    what);
		else
			result = tpmiot_err_set(err, TPMIOT_E_TPM_GONE,
			    "%s: the connection to the TPM broke (0x%x); is it still there?", what,
			    rc);
		break;
	default:
		result = tpmiot_err_set(
		    err, TPMIOT_E_TPM, "%s: the TPM's answer was not understood (0x%x)", what, rc);
		break;
	}
	if (err != NULL)
		err->tss = rc;
	return result;
}
