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
