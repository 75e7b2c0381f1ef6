/* SPDX-License-Identifier: Apache-2.0 */
/* What happens on a connection before TLS stands: the socket's options, and clients that do not
 * speak it. */
#ifndef CA_HANDSHAKE_H
#define CA_HANDSHAKE_H

#include <openssl/ssl.h>

/* Logs handshakes that fail, and answers plain HTTP with a 400 that says to use https://. */
void ca_handshake_watch(SSL_CTX *ctx);

#endif
