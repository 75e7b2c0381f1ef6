/* SPDX-License-Identifier: Apache-2.0 */
#include <strings.h>

#include "enroll/enrol/ekpick.h"

static bool
is_meant(const char *which, const struct tpmiot_ek_profile *profile)
{
	if (strcasecmp(which, "rsa") == 0)
		return profile->type == TPM2_ALG_RSA;
	if (strcasecmp(which, "ecc") == 0)
		return profile->type == TPM2_ALG_ECC;
	return strcasecmp(which, profile->name) == 0;
}

enum tpmiot_rc
enroll_ekpick_check(const char *which, struct tpmiot_err *err)
{
	const struct tpmiot_ek_profile *profile;
	size_t i;

	if (which == NULL)
		return TPMIOT_OK;
	for (i = 0; (profile = tpmiot_ek_profile_at(i)) != NULL; i++)
		if (is_meant(which, profile))
			return TPMIOT_OK;
	return tpmiot_err_set(err, TPMIOT_E_USAGE,
	    "--ek=%s: rsa, ecc, or one of the templates L-1, L-2, H-1, H-2, H-3, H-4, H-6, H-7 is "
	    "wanted",
	    which);
}

static unsigned
rank(const struct tpmiot_ek_profile *profile, const struct tpmiot_ek_survey *survey)
{
	if (tpmiot_ek_survey_has(survey, profile->cert_index))
		return 2;
	return tpmiot_ek_survey_has(survey, profile->persistent) ? 1 : 0;
}

const struct tpmiot_ek_profile *
enroll_ekpick(const char *which, const struct tpmiot_ek_survey *survey)
{
	const struct tpmiot_ek_profile *profile, *best = NULL;
	size_t i;

	if (which == NULL)
		return NULL;
	for (i = 0; (profile = tpmiot_ek_profile_at(i)) != NULL; i++)
		if (is_meant(which, profile) &&
		    (best == NULL || rank(profile, survey) > rank(best, survey)))
			best = profile;
	return best;
}

bool
enroll_ekpick_can_mean(const char *which, const char *name)
{
	const struct tpmiot_ek_profile *profile;

	for (size_t i = 0; (profile = tpmiot_ek_profile_at(i)) != NULL; i++)
		if (strcasecmp(profile->name, name) == 0)
			return is_meant(which, profile);
	return false;
}

void
enroll_ekpick_warn(const struct enroll_ui *ui, const struct tpmiot_ek *ek)
{
	if (ek->unusable != 0)
		enroll_ui_warn(ui,
		    "the certificate in the TPM's NV index 0x%08x is for an SM2 EK (H-5), which "
		    "cannot be used here; the EK %s has none, so its SHA-256 has to be on the CA's "
		    "allow-list",
		    ek->unusable, ek->profile->name);
	if (ek->unread == 0)
		return;
	enroll_ui_warn(ui,
	    "the TPM's NV index 0x%08x, %s, cannot be read, and is left out; if it is for the "
	    "owner "
	    "only, give the password with --owner-auth-file=FILE",
	    ek->unread,
	    ek->unread == ek->profile->cert_index ? "with the EK's certificate"
	                                          : "of the EK certificate's chain");
}
