/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "enroll/doctor/doctor.h"

static const struct {
	const char *shown;
	const char *member;
} verdicts[] = {
	[ENROLL_FINE] = { "OK  ", "ok" },
	[ENROLL_WARNING] = { "WARN", "warning" },
	[ENROLL_FAULT] = { "FAIL", "fault" },
};

void
enroll_doctor_say(struct enroll_doctor *doctor, enum enroll_verdict verdict, const char *check,
    const char *next, const char *fmt, ...)
{
	const struct enroll_ui *ui = &doctor->env->ui;
	char text[TPMIOT_ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (verdict == ENROLL_FAULT)
		doctor->faults++;
	(void)json_array_append_new(
	    doctor->checks, json_pack("{s:s,s:s,s:s,s:s*}", "check", check, "verdict",
	                        verdicts[verdict].member, "text", text, "next", next));
	if (ui->json || (ui->quiet && verdict == ENROLL_FINE))
		return;
	(void)printf("%s  %-15s %s\n", verdicts[verdict].shown, check, text);
	if (next != NULL)
		(void)printf("      %-15s -> %s\n", "", next);
}

static const char *
remedy(enum tpmiot_rc rc)
{
	switch (rc) {
	case TPMIOT_E_TPM_GONE:
		return "name the one there is with --tcti=CONF ('ls /dev/tpm*' shows the "
		       "kernel's); where there is none, switch it on in the firmware's settings";
	case TPMIOT_E_PERM:
		return "run this as root, or as a member of the file's group ('ls -l' shows it)";
	case TPMIOT_E_TPM_FULL:
		return "end the programs that hold its slots, or use /dev/tpmrm0";
	case TPMIOT_E_NET:
		return "see that the CA runs and can be reached from here, or name another address "
		       "with --server=URL";
	case TPMIOT_E_TRUST:
		return "name the CA's certificate with --ca-file=FILE, or its SHA-256 with "
		       "--ca-fingerprint=";
	default:
		return NULL;
	}
}

void
enroll_doctor_fault(
    struct enroll_doctor *doctor, const char *check, const struct tpmiot_err *err, const char *next)
{
	const char *known = remedy(err->rc);

	enroll_doctor_say(
	    doctor, ENROLL_FAULT, check, known != NULL ? known : next, "%s", err->text);
}

enum tpmiot_rc
enroll_cmd_doctor(struct enroll_env *env, struct tpmiot_err *err)
{
	struct enroll_doctor doctor = {
		.env = env, .checks = json_array(), .now = (int64_t)time(NULL)
	};

	enroll_doctor_tpm(&doctor);
	enroll_doctor_state(&doctor);
	enroll_doctor_openssl(&doctor);
	enroll_doctor_ca(&doctor);
	enroll_ui_member(&env->ui, "checks", doctor.checks);
	if (doctor.faults == 0)
		return TPMIOT_OK;
	return tpmiot_err_set(err, TPMIOT_E_IO, "%u fault%s found; each line says what to do",
	    doctor.faults, doctor.faults == 1 ? "" : "s");
}
