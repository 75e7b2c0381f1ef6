/* SPDX-License-Identifier: Apache-2.0 */
/* SubjectPublicKeyInfo from the numbers of a key, wherever they were. */
#ifndef LIB_SPKI_H
#define LIB_SPKI_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/bn.h>
#include <openssl/x509.h>

/* group as OpenSSL names it; the point as SEC 1 clause 2.3.3 has it. */
bool spki_set_ec(X509_PUBKEY *out, const char *group, const uint8_t *point, size_t len);
bool spki_set_rsa(X509_PUBKEY *out, const BIGNUM *n, const BIGNUM *e);

#endif
