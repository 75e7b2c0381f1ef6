/* SPDX-License-Identifier: Apache-2.0 */
/* The running server: HTTPS in front of the API, until SIGTERM or SIGINT. */
#ifndef CA_SERVER_H
#define CA_SERVER_H

#include "ca/config/config.h"
#include "ca/store/store.h"

/*
 * Listens on config->listen, prints "listening on https://ADDR:PORT" on standard
 * output when ready (with port 0 the port it got), logs to standard error, and
 * returns after a clean stop. The store stays the caller's.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_server_run(
    const struct ca_config *config, struct ca_store *store, struct tpmiot_err *err);

#endif
