/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sweep FAULT-TCTI STRIDE SCENARIO…: every fault at every command of what an
 * application does with a key (every STRIDE-th one). After each fault the same is
 * done again without one, and has to work. Scenarios: scenario.h.
 *
 * A fault may turn an operation into an error; it must not crash the program, let it
 * wait for ever, leave an object in the TPM, leave memory behind, or give a wrong result for a good
 * one. TPMIOT_TCTI leads to the TPM through FAULT-TCTI.
 */
#include <config.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include <tss2/tss2_tpm2_types.h>

#include "memory.h"
#include "scenario.h"
#include "test/tcti/fault.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define COMMANDS_MAX 40
#define FLIPS 8 * 200 /* bits of a response */

static fault_arm_fn *arm;
static fault_sent_fn *sent;
static unsigned long n_cases, n_errors, n_bad;

/* The fault that waits for scenario_begins() */
static struct {
	unsigned int n;
	enum fault_kind kind;
	uint32_t arg;
} planned;

static void
arm_planned(void)
{
	arm(planned.n, planned.kind, planned.arg, 1);
}

/* One of each class: a format-one code with handle, session and parameter; warnings; what is waited
 * out. */
static const uint32_t CODES[] = {
	TPM2_RC_VALUE | TPM2_RC_P | TPM2_RC_1,
	TPM2_RC_HANDLE | TPM2_RC_H | TPM2_RC_1,
	TPM2_RC_BAD_AUTH | TPM2_RC_S | TPM2_RC_1,
	TPM2_RC_INTEGRITY | TPM2_RC_P | TPM2_RC_1,
	TPM2_RC_SCHEME | TPM2_RC_P | TPM2_RC_2,
	TPM2_RC_REFERENCE_H0,
	TPM2_RC_REFERENCE_S0,
	TPM2_RC_OBJECT_MEMORY,
	TPM2_RC_SESSION_MEMORY,
	TPM2_RC_MEMORY,
	TPM2_RC_RETRY,
	TPM2_RC_YIELDED,
	TPM2_RC_TESTING,
	TPM2_RC_CANCELED,
	TPM2_RC_LOCKOUT,
	TPM2_RC_NV_RATE,
	TPM2_RC_INITIALIZE,
	TPM2_RC_FAILURE,
	TPM2_RC_COMMAND_CODE,
	TPM2_RC_BAD_TAG,
	0xffffffff,
};

static const struct {
	enum fault_kind kind;
	uint32_t arg;
} OTHERS[] = {
	{ FAULT_TRUNCATE, 1 },
	{ FAULT_TRUNCATE, 7 },
	{ FAULT_TRUNCATE, 30 },
	{ FAULT_TRUNCATE, 9999 },
	{ FAULT_CUT, 1 },
	{ FAULT_CUT, 20 },
	{ FAULT_CUT, 9999 },
	{ FAULT_TRAIL, 1 },
	{ FAULT_TRAIL, 64 },
	{ FAULT_TRAIL, 4000 },
	{ FAULT_SIZE, 0 },
	{ FAULT_SIZE, 9 },
	{ FAULT_SIZE, 10 },
	{ FAULT_SIZE, 0xffffffff },
	{ FAULT_CLOSED, 0 },
	{ FAULT_LOST, 0 },
	{ FAULT_HANG, 0 },
};

static void
bad(const char *what, unsigned int n, enum fault_kind kind, uint32_t arg, const char *why)
{
	n_bad++;
	printf("# %s, command %u, fault %d (0x%x): %s\n", what, n, (int)kind, arg, why);
	ERR_print_errors_fp(stdout);
	fflush(stdout);
}

/* libcrypto's own tables grow and shrink by one now and then; a leak leaks every time. */
#define LEAK_RUNS 3

/* False where the scenario has fewer than n commands. */
static bool
strike(const char *what, unsigned int n, enum fault_kind kind, uint32_t arg, unsigned int run)
{
	long before = memory_outstanding();
	bool fired, ok;

	planned.n = n;
	planned.kind = kind;
	planned.arg = arg;
	if (strncmp(what, "often=", 6) == 0)
		scenario_begins = arm_planned;
	else
		arm_planned();
	ok = scenario_run(what);
	scenario_begins = NULL;
	(void)sent(&fired);
	arm(0, FAULT_NONE, 0, 0);
	if (!fired)
		return false;
	n_cases++;
	n_errors += !ok;
	ERR_clear_error();
	if (!scenario_run(what))
		bad(what, n, kind, arg, "the next operation does not work");
	if (!scenario_empty_tpm() && kind != FAULT_HANG) /* who hangs is not asked to tidy up */
		bad(what, n, kind, arg, "an object is left in the TPM");
	ERR_clear_error();
	if (memory_outstanding() <= before)
		return true;
	if (run < LEAK_RUNS)
		return strike(what, n, kind, arg, run + 1);
	bad(what, n, kind, arg, "memory is left behind");
	return true;
}

static bool
strike_all(const char *what, unsigned int n, unsigned int stride)
{
	unsigned int turn = n;

	for (size_t i = 0; i < COUNT(CODES); i++)
		if (turn++ % stride == 0 && !strike(what, n, FAULT_CODE, CODES[i], 1))
			return false;
	for (size_t i = 0; i < COUNT(OTHERS); i++)
		if (turn++ % stride == 0 && !strike(what, n, OTHERS[i].kind, OTHERS[i].arg, 1))
			return false;
	for (uint32_t bit = 0; bit < FLIPS; bit += 7)
		if (turn++ % (stride * stride) == 0 && !strike(what, n, FAULT_FLIP, bit, 1))
			return false;
	return true;
}

static bool
sweep(const char *what, unsigned int stride)
{
	unsigned int n;
	bool fired;

	for (int i = 0; i < 3; i++) /* what is allocated once, is now */
		if (!scenario_run(what)) {
			ERR_print_errors_fp(stdout);
			return false;
		}
	planned.kind = FAULT_NONE;
	arm_planned();
	scenario_begins = strncmp(what, "often=", 6) == 0 ? arm_planned : NULL;
	if (!scenario_run(what))
		return false;
	scenario_begins = NULL;
	printf("# %s: %u commands\n", what, sent(&fired));
	for (n = 1; n < COMMANDS_MAX && strike_all(what, n, stride); n++)
		;
	return true;
}

int
main(int argc, char **argv)
{
	void *library;
	int status = 0;

	if (argc < 4 || !memory_watch())
		return 2;
	library = dlopen(argv[1], RTLD_NOW);
	if (library == NULL)
		return 2;
	*(void **)&arm = dlsym(library, "fault_arm");
	*(void **)&sent = dlsym(library, "fault_sent");
	for (int i = 3; i < argc; i++)
		if (!sweep(argv[i], (unsigned int)atoi(argv[2]))) {
			printf("# %s does not work at all\n", argv[i]);
			status = 1;
		}
	printf("# %lu faults, %lu ended in an error, %lu wrong\n", n_cases, n_errors, n_bad);
	return status != 0 || n_bad != 0 || n_cases == 0;
}
