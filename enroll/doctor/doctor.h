/* SPDX-License-Identifier: Apache-2.0 */
/* What doctor looks at. Each function adds lines: fine, or what is wrong and what to do. */
#ifndef ENROLL_DOCTOR_H
#define ENROLL_DOCTOR_H

#include "enroll/cmd/cli.h"

enum enroll_verdict { ENROLL_FINE, ENROLL_WARNING, ENROLL_FAULT };

struct enroll_doctor {
	const struct enroll_env *env;
	json_t *checks;
	unsigned faults;
	int64_t now;
};

/* One line. next: what to do, NULL where nothing is. */
void enroll_doctor_say(struct enroll_doctor *doctor, enum enroll_verdict verdict, const char *check,
    const char *next, const char *fmt, ...) TPMIOT_PRINTF(5, 6);

/* A fault by its code: what helps against such, and where nothing is known to, next. */
void enroll_doctor_fault(struct enroll_doctor *doctor, const char *check,
    const struct tpmiot_err *err, const char *next);

/* Access, kind, lockout, hierarchy passwords, room, EK. */
void enroll_doctor_tpm(struct enroll_doctor *doctor);
/* The state directory: rights, interrupted run; keys and their certificates. */
void enroll_doctor_state(struct enroll_doctor *doctor);
/* Whether programs here find the provider. */
void enroll_doctor_openssl(struct enroll_doctor *doctor);
/* Whether the CA answers, and whether its clock and ours agree. */
void enroll_doctor_ca(struct enroll_doctor *doctor);

#endif
