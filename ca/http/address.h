/* SPDX-License-Identifier: Apache-2.0 */
/* "ADDR:PORT": where a server listens. */
#ifndef CA_ADDRESS_H
#define CA_ADDRESS_H

#include <netdb.h>

#include <tpmiot/err.h>

/*
 * "ADDR:PORT" or "[ADDR]:PORT"; no ADDR is any. The caller frees *out with
 * freeaddrinfo(). TPMIOT_E_USAGE: not an address; the text begins with `key`, which said it.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_address_resolve(
    const char *key, const char *listen, struct addrinfo **out, struct tpmiot_err *err);

/*
 * "SCHEME://ADDR:PORT" as it was given, but with the port that the socket got; listen NULL: by the
 * socket alone.
 */
void ca_address_url(const char *scheme, const char *listen, int fd, char *out, size_t size);

#endif
