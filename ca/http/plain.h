/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP without TLS, on an address of its own: for those who watch over the server. */
#ifndef CA_PLAIN_H
#define CA_PLAIN_H

#include "ca/http/http.h"

/* At the same time. One more takes the place of who has asked for nothing for longest. */
#define CA_PLAIN_CONNECTIONS 32

struct ca_plain;

/*
 * Serves in http's loop: a request without body and its reply, one for each connection, which ends
 * after 5 seconds in any case. Listens on "ADDR:PORT". TPMIOT_E_NET: cannot listen there. To be
 * freed before http.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_plain_new(const struct ca_http *http, const char *listen,
    ca_http_handler *handler, void *arg, struct ca_plain **out, struct tpmiot_err *err);
void ca_plain_free(struct ca_plain **plain);

/* "http://ADDR:PORT", with the port that was got. */
const char *ca_plain_url(const struct ca_plain *plain);

#endif
