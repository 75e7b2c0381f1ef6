/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dry STRIDE SCENARIO…: memory runs out at every allocation that the module makes in a
 * scenario (every STRIDE-th one), once and from there on. It is an error or it works; nothing
 * crashes, no memory and no object in the TPM stays behind, and the next operation
 * works. Scenarios: scenario.h.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>

#include "memory.h"
#include "scenario.h"

static unsigned long n_cases, n_errors, n_bad;

static void
bad(const char *what, unsigned long n, bool for_good, const char *why)
{
	n_bad++;
	printf("# %s, allocation %lu%s: %s\n", what, n, for_good ? " and on" : "", why);
	ERR_print_errors_fp(stdout);
	fflush(stdout);
}

/* libcrypto's own tables grow and shrink by one now and then; a leak leaks every time. */
#define LEAK_RUNS 3

/* False where the scenario has fewer than n allocations. */
static bool
strike(const char *what, unsigned long n, bool for_good, unsigned int run)
{
	long before = memory_outstanding();
	bool ok;

	memory_refuse(n, for_good);
	ok = scenario_run(what);
	if (!memory_refused()) {
		memory_refuse(0, false);
		return false;
	}
	memory_refuse(0, false);
	n_cases++;
	n_errors += !ok;
	ERR_clear_error();
	if (!scenario_run(what))
		bad(what, n, for_good, "the next operation does not work");
	if (!scenario_empty_tpm())
		bad(what, n, for_good, "an object is left in the TPM");
	ERR_clear_error();
	if (memory_outstanding() <= before)
		return true;
	if (run < LEAK_RUNS)
		return strike(what, n, for_good, run + 1);
	bad(what, n, for_good, "memory is left behind");
	return true;
}

static void
run_dry(const char *what, unsigned long stride)
{
	unsigned long n;

	for (int i = 0; i < 3; i++) /* what is allocated once, is now */
		if (!scenario_run(what)) {
			bad(what, 0, false, "does not work at all");
			return;
		}
	for (n = 1; strike(what, n, false, 1) && strike(what, n, true, 1); n += stride)
		;
}

int
main(int argc, char **argv)
{
	unsigned long stride = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;

	if (argc < 3 || stride == 0 || !memory_watch())
		return 2;
	for (int i = 2; i < argc; i++)
		run_dry(argv[i], stride);
	printf("# %lu times without memory, %lu ended in an error, %lu wrong\n", n_cases, n_errors,
	    n_bad);
	return n_bad != 0 || n_errors == 0;
}
