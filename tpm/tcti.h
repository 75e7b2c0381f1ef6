/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCTI in front of the real one, for what SAPI leaves to its callers: a
 * command that the TPM wants to see again is sent again, a TPM that nobody
 * started is started, one that is full is asked again when there is room, and
 * one that does not answer is waited for only so long.
 */
#ifndef TPM_TCTI_H
#define TPM_TCTI_H

#include <stdbool.h>
#include <stdint.h>

#include <tss2/tss2_tcti.h>
#include <tss2/tss2_tpm2_types.h>

#define TCTI_COMMAND_MAX 4096

/*
 * Asked when the TPM has no slot left for `command`, which ends in the response
 * `code`: frees one by commands of its own. False if it cannot.
 */
typedef bool tcti_make_room_fn(void *arg, TPM2_RC code, const uint8_t *command, size_t len);

struct tcti_shim {
	TSS2_TCTI_CONTEXT_COMMON_V2 common; /* first: SAPI sees this */
	TSS2_TCTI_CONTEXT *real;            /* borrowed */
	uint8_t command[TCTI_COMMAND_MAX];
	size_t len;
	uint8_t response[TCTI_COMMAND_MAX]; /* SAPI asks for the size first, then for the bytes */
	size_t response_len;                /* 0: not received yet */
	/*
	 * The command is sent for somebody who is still to come with it: SAPI, told to try again,
	 * can do all that once more, and the second time nothing is sent (ahead).
	 */
	bool send_ahead, ahead;
	int64_t sent;             /* when the last one was, in nanoseconds; */
	int64_t sending, working; /* how long that took, and the response then */
	bool was_started;     /* it said that it was not, and was: nobody knows what it has done */
	unsigned int limit_s; /* for a response; 0: by the kind of command */
	tcti_make_room_fn *make_room; /* NULL: a full TPM is an error at once */
	void *make_room_arg;
};

/* limit_s and make_room are the caller's to set afterwards. */
TSS2_TCTI_CONTEXT *tcti_shim_init(struct tcti_shim *shim, TSS2_TCTI_CONTEXT *real);

/*
 * Whether sending leaves the caller free: some drivers do the whole command in write(), which
 * shows in the last one's times.
 */
bool tcti_shim_may_send_ahead(const struct tcti_shim *shim);

/* How long the last command took to be sent, and its response then, in nanoseconds. */
int64_t tcti_shim_took(const struct tcti_shim *shim);

/* Sleeps 10 ms, doubled with each try (0, 1, …) before this one. */
void tcti_back_off(unsigned int tries);

#endif
