/* SPDX-License-Identifier: Apache-2.0 */
/* Which CA this device enrolled with: remembered, so that renewal needs no option. */
#ifndef ENROLL_SERVER_H
#define ENROLL_SERVER_H

#include <jansson.h>

#include "enroll/net/http.h"
#include "enroll/state/state.h"

#define ENROLL_SERVER_FILE "server.json"

struct enroll_server {
	const char *url;           /* borrowed; NULL: not known */
	const char *ca_file;       /* borrowed, as given; NULL: none was given */
	const char *ca_pem;        /* what stands in it, or stood when it was remembered; NULL:
	                            * ca.crt of the enrolment, and the system's */
	const char *fingerprint;   /* borrowed; NULL: none. Instead of ca_file, not beside it */
	bool recalled;             /* ca_pem is of a former enrolment; and see open() */
	struct tpmiot_buf text[3]; /* what they point into, if they were read */
};

#define ENROLL_SERVER_INIT                                                                         \
	{                                                                                          \
		NULL, NULL, NULL, NULL, false,                                                     \
		{                                                                                  \
			TPMIOT_BUF_INIT, TPMIOT_BUF_INIT, TPMIOT_BUF_INIT                          \
		}                                                                                  \
	}

/*
 * Writes it down, with the certificates themselves: the file of --ca-file may be on a stick, or on
 * the factory's host.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_server_remember(
    const struct enroll_state *state, const struct enroll_server *server, struct tpmiot_err *err);

/*
 * Fills in from the state directory what is NULL. Certificates or a fingerprint that were
 * remembered are used only with the url that it was remembered for, and only if neither is
 * given. No such file is no error; TPMIOT_E_FORMAT for one that is not ours.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_server_recall(
    const char *dir, struct enroll_server *server, struct tpmiot_err *err);

/* Fills in ca_pem, or else fingerprint, by the members that enroll_server_remember() writes. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_server_take_trust(
    const json_t *root, struct enroll_server *server, struct tpmiot_err *err);
void enroll_server_free(struct enroll_server *server);

/*
 * The connection; no packet is sent yet, but ca_file is read: ca_pem is known from then on. Beside
 * certificates that were recalled, what the CA said since that it is (ca.crt in dir) is trusted,
 * too: else no device would outlive the CA's first certificate. TPMIOT_E_USAGE: both a file and a
 * fingerprint. dir NULL: no former enrolment is looked at.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_server_open(const char *dir, struct enroll_server *server,
    struct enroll_http **out, struct tpmiot_err *err);

#endif
