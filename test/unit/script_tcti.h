/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TPM that says what it is told: each command takes the next response of a
 * list, and the commands are kept to be looked at. Beyond the list's end the
 * connection is broken.
 */
#ifndef TEST_SCRIPT_TCTI_H
#define TEST_SCRIPT_TCTI_H

#include <tss2/tss2_tcti.h>
#include <tss2/tss2_tpm2_types.h>

#include <tpmiot/buf.h>

#define SCRIPT_MAX 32

struct script_step {
	TSS2_RC rc; /* of Receive; SUCCESS: the bytes are the response */
	struct tpmiot_buf response;
};

struct script_tcti {
	TSS2_TCTI_CONTEXT_COMMON_V2 common;
	struct script_step steps[SCRIPT_MAX];
	size_t n;
	size_t at;
	struct tpmiot_buf commands[SCRIPT_MAX];
	size_t sent;
};

TSS2_TCTI_CONTEXT *script_init(struct script_tcti *script);
void script_free(struct script_tcti *script);

/* The next response: a bare header with this code, */
void script_code(struct script_tcti *script, TPM2_RC code);
/* a successful one with a handle (0: none) and parameters, authorised by a password or not, */
void script_ok(struct script_tcti *script, TPM2_HANDLE handle, const struct tpmiot_buf *params,
    bool authorised);
/* or none at all: Receive fails. */
void script_break(struct script_tcti *script, TSS2_RC rc);

/* The command code of the i-th command sent. */
TPM2_CC script_command(const struct script_tcti *script, size_t i);

#endif
