/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that are run beside the server: it goes on with others meanwhile. */
#ifndef CA_CHILD_H
#define CA_CHILD_H

#include "ca/http/http.h"

#define CA_CHILDREN_MAX 32 /* at the same time */

struct ca_children;

enum ca_child_end {
	CA_CHILD_EXITED,   /* by itself */
	CA_CHILD_LATE,     /* killed: it took too long */
	CA_CHILD_KILLED,   /* by a signal, or because the server stops */
	CA_CHILD_TALKATIVE /* killed: it wrote too much */
};

struct ca_child_result {
	enum ca_child_end end;
	int status;         /* of exit() */
	const void *output; /* borrowed */
	size_t len;
};

typedef void ca_child_done(void *arg, const struct ca_child_result *result);

/* In http's loop; to be freed before it. */
TPMIOT_MUST_USE enum tpmiot_rc ca_children_new(
    const struct ca_http *http, struct ca_children **out, struct tpmiot_err *err);
/* Kills those that run; their callbacks are called. */
void ca_children_free(struct ca_children **children);

/*
 * Starts a program, an absolute path without arguments, with `input` on its standard input, in
 * a process group of its own, and calls done once: when it has ended, or after `timeout` seconds.
 * It and what it left running are killed then. TPMIOT_E_CONFLICT: too many run already;
 * TPMIOT_E_IO: it cannot be started.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_children_run(struct ca_children *children, const char *program,
    const struct tpmiot_buf *input, unsigned timeout, ca_child_done *done, void *arg,
    struct tpmiot_err *err);

#endif
