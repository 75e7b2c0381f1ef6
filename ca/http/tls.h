/* SPDX-License-Identifier: Apache-2.0 */
/* The server's TLS: its certificate and key (any OpenSSL URI), its versions. */
#ifndef CA_TLS_H
#define CA_TLS_H

#include <openssl/ssl.h>

#include "ca/config/config.h"
#include "ca/pki/keyuri.h"

/*
 * TLS 1.2 and later. Clients are asked for a certificate, best one by `signer`, and need
 * none: whether one is good, and for what, is to be found out by whoever uses it. The caller owns
 * *out.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_tls_new(const struct ca_config *config,
    const struct ca_signer *signer, SSL_CTX **out, struct tpmiot_err *err);

#endif
