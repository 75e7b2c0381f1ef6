/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCTI that passes everything on to another one, and does one thing wrong: at
 * the n-th command of the process it answers with an error, mangles the response,
 * loses it, or hangs. Loaded by path:
 *
 *	TPMIOT_TCTI=/PATH/libtss2-tcti-fault.so:n=3,fault=closed,swtpm:port=2321
 *
 * Other settings, each before the TCTI that it passes on to: arg=NUMBER (see
 * enum fault_kind), times=N (this command and the N - 1 after it), lock=FILE (like
 * /dev/tpm0, only one process can have it open; the others get EBUSY).
 * A program that has loaded this library can set the same by fault_arm().
 */
#ifndef TEST_TCTI_FAULT_H
#define TEST_TCTI_FAULT_H

#include <stdbool.h>
#include <stdint.h>

enum fault_kind {
	FAULT_NONE,
	FAULT_CODE, /* answered with the response code `arg`; the TPM does not see the command */
	FAULT_TRUNCATE, /* the last `arg` bytes of the response are missing, and its header knows */
	FAULT_CUT,      /* the same, and its header does not know */
	FAULT_TRAIL,    /* `arg` bytes too many, and its header knows */
	FAULT_SIZE,     /* the header says that the response has `arg` bytes */
	FAULT_FLIP,     /* bit `arg` of the response is the other way round */
	FAULT_CLOSED,   /* the connection breaks before the command is sent */
	FAULT_LOST,     /* it breaks after the TPM has carried the command out */
	FAULT_KILL,     /* the process is killed after the TPM has carried the command out */
	FAULT_HANG,     /* no answer: the time limit passes at once */
	FAULT_SLEEP     /* no answer, for real: polls and waits until the time limit */
};

/* Arms for the n-th command from now on (1 is the next one). */
typedef void fault_arm_fn(unsigned int n, enum fault_kind kind, uint32_t arg, unsigned int times);
/* How many commands were sent since; whether the fault came to pass. */
typedef unsigned int fault_sent_fn(bool *fired);
fault_arm_fn fault_arm;
fault_sent_fn fault_sent;

#endif
