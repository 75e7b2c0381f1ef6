/* SPDX-License-Identifier: Apache-2.0 */
/* The running server: HTTPS in front of the API, until SIGTERM or SIGINT. */
#ifndef CA_SERVER_H
#define CA_SERVER_H

#include "ca/config/config.h"
#include "ca/store/store.h"

/* Where its configuration comes from: as in ca_config_load(). All borrowed. */
struct ca_server_source {
	const char *dir;
	const char *const *sets;
	size_t sets_n;
};

/*
 * Reads the configuration, listens, prints "listening on https://ADDR:PORT" on standard
 * output when ready (with port 0 the port it got), logs to standard error, and
 * returns after a clean stop. At SIGHUP configuration, keys and certificates are read anew; if
 * anything about them is wrong, that is logged, and those from before stay. The store stays the
 * caller's.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_server_run(
    const struct ca_server_source *source, struct ca_store *store, struct tpmiot_err *err);

#endif
