/* SPDX-License-Identifier: Apache-2.0 */
/* Which CA this device enrolled with: remembered, so that renewal needs no option. */
#ifndef ENROLL_SERVER_H
#define ENROLL_SERVER_H

#include "enroll/net/http.h"
#include "enroll/state/state.h"

#define ENROLL_SERVER_FILE "server.json"

struct enroll_server {
	const char *url;           /* borrowed; NULL: not known */
	const char *ca_file;       /* borrowed; NULL: ca.crt of the enrolment, and the system's */
	const char *fingerprint;   /* borrowed; NULL: none. Instead of ca_file, not beside it */
	struct tpmiot_buf text[3]; /* what they point into, if they were read */
};

#define ENROLL_SERVER_INIT                                                                         \
	{                                                                                          \
		NULL, NULL, NULL,                                                                  \
		{                                                                                  \
			TPMIOT_BUF_INIT, TPMIOT_BUF_INIT, TPMIOT_BUF_INIT                          \
		}                                                                                  \
	}

/* Writes it down; a relative ca_file as an absolute path. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_server_remember(
    const struct enroll_state *state, const struct enroll_server *server, struct tpmiot_err *err);

/*
 * Fills in from the state directory what is NULL. A ca_file or fingerprint that was
 * remembered is used only with the url that it was remembered for, and only if neither is
 * given. No such file is no error; TPMIOT_E_FORMAT for one that is not ours.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_server_recall(
    const char *dir, struct enroll_server *server, struct tpmiot_err *err);
void enroll_server_free(struct enroll_server *server);

/* The connection; no packet is sent yet. TPMIOT_E_USAGE: both a file and a fingerprint. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_server_open(const char *dir,
    const struct enroll_server *server, struct enroll_http **out, struct tpmiot_err *err);

#endif
