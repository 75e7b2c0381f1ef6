/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCTI in front of the real one, for what SAPI leaves to its callers: a
 * command that the TPM wants to see again is sent again, and a TPM that nobody
 * started is started.
 */
#ifndef TPM_TCTI_H
#define TPM_TCTI_H

#include <tss2/tss2_tcti.h>
#include <tss2/tss2_tpm2_types.h>

#define TCTI_COMMAND_MAX 4096

struct tcti_shim {
	TSS2_TCTI_CONTEXT_COMMON_V2 common; /* first: SAPI sees this */
	TSS2_TCTI_CONTEXT *real;            /* borrowed */
	uint8_t command[TCTI_COMMAND_MAX];
	size_t len;
	uint8_t response[TCTI_COMMAND_MAX]; /* SAPI asks for the size first, then for the bytes */
	size_t response_len;                /* 0: not received yet */
};

TSS2_TCTI_CONTEXT *tcti_shim_init(struct tcti_shim *shim, TSS2_TCTI_CONTEXT *real);

#endif
