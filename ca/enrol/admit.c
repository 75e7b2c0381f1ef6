/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/enrol/admit.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "ca/config/words.h"

static bool
refuse_unlisted(const struct ca_admit_facts *f, struct ca_problem *problem)
{
	char hex[CA_HEX_SPKI_MAX];

	ca_hex(f->ek_spki, CA_SHA256_LEN, hex);
	ca_refuse(problem, CA_PROBLEM_EK_NOT_LISTED,
	    "this CA enrols listed devices only, and the EK %s is not on its allow-list", hex);
	return ca_refuse_next(problem, "On the CA: tpmiot-ca --dir=DIR allow add --ek=%s", hex);
}

/* Nobody but its maker vouches for the EK, or for what TPM it is: then its certificate has to. */
static bool
check_cert(const struct ca_admit_facts *f, struct ca_problem *problem)
{
	if (!f->has_cert)
		return ca_refuse(problem, CA_PROBLEM_EK_CERTIFICATE_REQUIRED,
		    f->allow != NULL
		        ? "the EK came without a certificate, which has to say what TPM it is of "
		          "(tpms)"
		        : "the EK is not on the allow-list and came without a certificate");
	if (f->cert_problem->type != CA_PROBLEM_NONE) {
		*problem = *f->cert_problem;
		return false;
	}
	return true;
}

static bool
check_token(const struct ca_admit_facts *f, struct ca_problem *problem)
{
	if (!f->token_given)
		return ca_refuse(problem, CA_PROBLEM_JOIN_TOKEN_REQUIRED,
		    "this CA wants a join token from devices that are not on its allow-list");
	if (f->token == NULL)
		return ca_refuse(problem, CA_PROBLEM_JOIN_TOKEN_INVALID,
		    "this CA does not know the join token, or it was removed");
	if (f->token->expires <= f->now)
		return ca_refuse(
		    problem, CA_PROBLEM_JOIN_TOKEN_EXPIRED, "the join token has expired");
	if (f->token->uses >= f->token->uses_allowed && !f->token_used)
		return ca_refuse(problem, CA_PROBLEM_JOIN_TOKEN_SPENT,
		    "the join token was good for %lld device%s, and other devices have used it",
		    (long long)f->token->uses_allowed, f->token->uses_allowed == 1 ? "" : "s");
	return true;
}

static bool
check_claim(const struct ca_admit_facts *f, const char *device_id, struct ca_problem *problem)
{
	if (f->claimed_id[0] == '\0' || strcmp(f->claimed_id, device_id) == 0)
		return true;
	return ca_refuse(problem, CA_PROBLEM_DEVICE_ID_MISMATCH,
	    "the device says that it is \"%s\", but this CA knows it as \"%s\"", f->claimed_id,
	    device_id);
}

/* What is made from an EK is that EK's, whether it has come yet or not. */
static bool
check_choice(const char *chosen, const char *by_ek, struct ca_problem *problem)
{
	if (strncmp(chosen, CA_EK_ID_PREFIX, strlen(CA_EK_ID_PREFIX)) != 0 ||
	    strcmp(chosen, by_ek) == 0)
		return true;
	return ca_refuse(problem, CA_PROBLEM_DEVICE_ID_TAKEN,
	    "\"%s\" is no id to choose: such are made from EKs, and this device's is \"%s\"",
	    chosen, by_ek);
}

/* As whom: its own choice counts where nobody said. */
static bool
name_device(const struct ca_admit_facts *f, const char *given, struct ca_admission *a,
    struct ca_problem *problem)
{
	char by_ek[CA_DEVICE_ID_MAX + 1];

	ca_device_id_from_ek(f->ek_spki, by_ek);
	a->claimed = given[0] == '\0' && f->accept_ids && f->claimed_id[0] != '\0';
	if (a->claimed && !check_choice(f->claimed_id, by_ek, problem))
		return false;
	snprintf(a->device_id, sizeof(a->device_id), "%s",
	    a->claimed         ? f->claimed_id
	    : given[0] != '\0' ? given
	                       : by_ek);
	return check_claim(f, a->device_id, problem);
}

bool
ca_admit_tpm(const char *tpms, const struct tpmiot_ekcert_info *info, struct ca_problem *problem)
{
	char tpm[3 * sizeof(info->model)], pattern[CA_WORD_MAX];
	const char *rest = tpms;

	if (tpms == NULL || tpms[0] == '\0')
		return true;
	if (info->manufacturer[0] == '\0')
		return ca_refuse(problem, CA_PROBLEM_TPM_REFUSED,
		    "the EK certificate does not say what TPM it is for, and those let in are: %s",
		    tpms);
	snprintf(tpm, sizeof(tpm), "%s/%s/%s", info->manufacturer, info->model, info->version);
	while (ca_word_next(&rest, pattern))
		if (fnmatch(pattern, tpm, FNM_PATHNAME) == 0)
			return true;
	return ca_refuse(
	    problem, CA_PROBLEM_TPM_REFUSED, "the TPM is %s, and those let in are: %s", tpm, tpms);
}

/* What an EK certificate says counts only if somebody who is trusted signed it. */
static bool
check_tpm(const struct ca_admit_facts *f, struct ca_problem *problem)
{
	if (f->tpms == NULL || f->tpms[0] == '\0')
		return true;
	return check_cert(f, problem) && ca_admit_tpm(f->tpms, f->tpm, problem);
}

const char *
ca_admit_group(const struct ca_admit_facts *f)
{
	if (f->allow != NULL)
		return f->allow->group;
	if (f->token != NULL && f->token->group[0] != '\0')
		return f->token->group;
	return f->known != NULL && !ca_device_is_released(f->known) ? f->known->group : "";
}

bool
ca_admit(const struct ca_admit_facts *f, struct ca_admission *out, struct ca_problem *problem)
{
	struct ca_admission a = { 0 };
	const char *id = "";

	if (f->allow != NULL) {
		id = f->allow->device_id;
	} else {
		if (f->enrolment == CA_ENROLMENT_LISTED)
			return refuse_unlisted(f, problem);
		if (!check_cert(f, problem))
			return false;
		/* Where none is needed, one that is sent still says as whom. */
		if (f->enrolment != CA_ENROLMENT_OPEN || f->token_given) {
			if (!check_token(f, problem))
				return false;
			a.token = f->token->id;
			id = f->token->device_id;
		}
	}
	snprintf(a.group, sizeof(a.group), "%s", ca_admit_group(f));
	if (f->allow != NULL) {
		memcpy(a.serial_number, f->allow->serial_number, sizeof(a.serial_number));
		memcpy(a.model, f->allow->model, sizeof(a.model));
	}
	if (!name_device(f, id, &a, problem) || !check_tpm(f, problem))
		return false;
	*out = a;
	return true;
}

bool
ca_admit_bindings(const uint8_t ek_spki[CA_SHA256_LEN], const char *device_id,
    const struct ca_bindings *bound, struct ca_problem *problem)
{
	if (bound->device != NULL && bound->device->state == CA_DEVICE_BLOCKED)
		return ca_refuse(problem, CA_PROBLEM_DEVICE_BLOCKED, "the device \"%s\" is blocked",
		    bound->device->id);
	if (bound->device != NULL && !ca_device_is_released(bound->device) &&
	    strcmp(bound->device->id, device_id) != 0)
		return ca_refuse(problem, CA_PROBLEM_DEVICE_ENROLLED_OTHERWISE,
		    "the device is enrolled as \"%s\" and would become \"%s\"", bound->device->id,
		    device_id);
	if (bound->holder != NULL && memcmp(bound->holder->ek_spki, ek_spki, CA_SHA256_LEN) != 0)
		return ca_refuse(problem, CA_PROBLEM_DEVICE_ID_TAKEN,
		    "the id \"%s\" belongs to a device with another EK", device_id);
	if (bound->reserved)
		return ca_refuse(problem, CA_PROBLEM_DEVICE_ID_TAKEN,
		    "the id \"%s\" is kept for another device, by allow-list or join token",
		    device_id);
	if (bound->ak != NULL && memcmp(bound->ak->ek_spki, ek_spki, CA_SHA256_LEN) != 0)
		return ca_refuse(problem, CA_PROBLEM_AK_BOUND,
		    "the attestation key was enrolled with another EK");
	if (bound->cert != NULL && memcmp(bound->cert->ek_spki, ek_spki, CA_SHA256_LEN) != 0)
		return ca_refuse(problem, CA_PROBLEM_KEY_ALREADY_CERTIFIED,
		    "the device key was certified for the device \"%s\"", bound->cert->device_id);
	if (bound->key_revoked)
		return ca_refuse(problem, CA_PROBLEM_KEY_REVOKED,
		    "a certificate of the device key was revoked, so that nobody may rely on the "
		    "key");
	return true;
}
