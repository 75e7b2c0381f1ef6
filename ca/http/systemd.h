/* SPDX-License-Identifier: Apache-2.0 */
/* What a service and systemd tell each other: sd_listen_fds(3) and sd_notify(3), without its
 * library. */
#ifndef CA_SYSTEMD_H
#define CA_SYSTEMD_H

#include <tpmiot/err.h>

/*
 * The listening TCP socket that this process was started with, in *fd; 0: none. The variables that
 * say so are taken out of the environment, so that no child takes them for its own.
 * TPMIOT_E_USAGE: something else was passed.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_systemd_socket(int *fd, struct tpmiot_err *err);

/* Tells the service manager, if one wants to know. A lost message is no error. */
void ca_systemd_ready(void);
void ca_systemd_reloading(void); /* until it is ready again */
void ca_systemd_stopping(void);

#endif
