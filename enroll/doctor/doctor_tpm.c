/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "enroll/cmd/describe.h"
#include "enroll/doctor/doctor.h"

#define SLOTS_WANTED 3 /* objects that enroll holds at a time, at most */

static const char *
text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "?";
}

/* /dev/tpm0: nobody manages its resources, and one program at a time may open it. */
static bool
is_bare_device(const char *tcti)
{
	static const char bare[] = "device:/dev/tpm";
	size_t len = sizeof(bare) - 1;

	return tcti != NULL && strncmp(tcti, bare, len) == 0 && tcti[len] >= '0' &&
	       tcti[len] <= '9';
}

static enum tpmiot_rc
look_at_kind(struct enroll_doctor *doctor, struct tpmiot_tpm *tpm, struct tpmiot_err *err)
{
	const char *tcti = doctor->env->tcti;
	json_t *facts = json_object();
	enum tpmiot_rc rc = enroll_describe_tpm(tpm, facts, err);

	if (rc == TPMIOT_OK)
		enroll_doctor_say(doctor, ENROLL_FINE, "tpm", NULL, "%s %s, firmware %s, by %s",
		    text_of(facts, "manufacturer"), text_of(facts, "model"),
		    text_of(facts, "firmware"), tcti != NULL ? tcti : "the default search");
	if (rc == TPMIOT_OK && is_bare_device(tcti))
		enroll_doctor_say(doctor, ENROLL_WARNING, "resource-manager",
		    "use device:/dev/tpmrm0, which several programs can share",
		    "%s has no resource manager", tcti);
	json_decref(facts);
	return rc;
}

static void
look_at_lockout(struct enroll_doctor *doctor, const uint32_t *var)
{
	uint32_t tries = var[TPM2_PT_LOCKOUT_COUNTER - TPM2_PT_VAR];
	uint32_t max = var[TPM2_PT_MAX_AUTH_FAIL - TPM2_PT_VAR];
	uint32_t interval = var[TPM2_PT_LOCKOUT_INTERVAL - TPM2_PT_VAR];

	if ((var[0] & TPMA_PERMANENT_INLOCKOUT) != 0)
		enroll_doctor_say(doctor, ENROLL_FAULT, "lockout",
		    "wait, or run tpm2_dictionarylockout --clear-lockout; then find out who "
		    "guesses authorisation values",
		    "the TPM is in dictionary-attack lockout: %u failures of %u, one forgotten "
		    "every %u s",
		    tries, max, interval);
	else
		enroll_doctor_say(
		    doctor, ENROLL_FINE, "lockout", NULL, "%u failures of %u", tries, max);
}

static void
look_at_room(struct enroll_doctor *doctor, const uint32_t *var)
{
	uint32_t room = var[TPM2_PT_HR_TRANSIENT_AVAIL - TPM2_PT_VAR];

	if (room >= SLOTS_WANTED)
		enroll_doctor_say(doctor, ENROLL_FINE, "room", NULL, "for %u objects", room);
	else
		enroll_doctor_say(doctor, ENROLL_FAULT, "room",
		    "end the programs that hold them, use /dev/tpmrm0, or run "
		    "tpm2_flushcontext --transient-object",
		    "the TPM has room for %u objects, %d are wanted: others are loaded", room,
		    SLOTS_WANTED);
}

/* The owner's password is needed where the storage root key has to be made. */
static void
look_at_passwords(
    struct enroll_doctor *doctor, const uint32_t *var, const struct tpmiot_ek_survey *survey)
{
	bool owner = (var[0] & TPMA_PERMANENT_OWNERAUTHSET) != 0 &&
	             !tpmiot_ek_survey_has(survey, TPMIOT_SRK_HANDLE);

	if (owner)
		enroll_doctor_say(doctor, ENROLL_WARNING, "passwords",
		    "make a storage root key persistent at 0x81000001: programs that use the keys "
		    "have no such password",
		    "the owner hierarchy has one, and there is no persistent storage root key");
	if ((var[0] & TPMA_PERMANENT_ENDORSEMENTAUTHSET) != 0)
		enroll_doctor_say(doctor, ENROLL_WARNING, "passwords",
		    "enrol with --endorsement-auth-file=FILE, or TPMIOT_ENDORSEMENT_AUTH",
		    "the endorsement hierarchy has one");
	else if (!owner)
		enroll_doctor_say(doctor, ENROLL_FINE, "passwords", NULL, "none is needed");
}

static enum tpmiot_rc
look_at_ek(struct enroll_doctor *doctor, struct tpmiot_tpm *tpm, const uint32_t *var,
    struct tpmiot_err *err)
{
	struct tpmiot_ek ek = TPMIOT_EK_INIT;
	struct tpmiot_ek_survey survey;
	enum tpmiot_rc rc;

	rc = tpmiot_ek_survey(tpm, &survey, err);
	if (rc == TPMIOT_OK)
		look_at_passwords(doctor, var, &survey);
	if (rc == TPMIOT_OK)
		rc = tpmiot_ek_find(tpm, &survey, NULL, &ek, err);
	if (rc == TPMIOT_OK && ek.cert.len > 0)
		enroll_doctor_say(
		    doctor, ENROLL_FINE, "ek", NULL, "%s, with a certificate", ek.profile->label);
	else if (rc == TPMIOT_OK && ek.unread == 0)
		enroll_doctor_say(doctor, ENROLL_WARNING, "ek",
		    "put the key on the CA's allow-list; 'tpmiot-enroll ek' shows it",
		    "%s, no certificate of the TPM's maker in NV", ek.profile->label);
	if (rc == TPMIOT_OK && ek.unread != 0)
		enroll_doctor_say(doctor, ENROLL_WARNING, "ek",
		    "put the key on the CA's allow-list, or see what is there: 'tpm2_nvreadpublic' "
		    "(an "
		    "index for the owner is read with --owner-auth-file)",
		    "%s: the NV index 0x%08x of its certificate or chain cannot be read",
		    ek.profile->label, ek.unread);
	tpmiot_ek_free(&ek);
	return rc;
}

void
enroll_doctor_tpm(struct enroll_doctor *doctor)
{
	uint32_t var[TPM2_PT_LOCKOUT_RECOVERY - TPM2_PT_VAR + 1];
	struct tpmiot_err err = { .rc = TPMIOT_OK };
	struct tpmiot_tpm *tpm = NULL;
	enum tpmiot_rc rc;

	rc = tpmiot_tpm_new(doctor->env->tcti, NULL, &tpm, &err);
	if (rc == TPMIOT_OK)
		rc = look_at_kind(doctor, tpm, &err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_tpm_properties(
		    tpm, TPM2_PT_VAR, sizeof(var) / sizeof(var[0]), var, &err);
	if (rc == TPMIOT_OK) {
		look_at_lockout(doctor, var);
		look_at_room(doctor, var);
		rc = look_at_ek(doctor, tpm, var, &err);
	}
	if (rc != TPMIOT_OK)
		enroll_doctor_fault(doctor, "tpm", &err,
		    "start the machine anew; if it stays so, have the TPM looked at");
	tpmiot_tpm_free(&tpm);
}
