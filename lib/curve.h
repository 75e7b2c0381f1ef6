/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Curves that are set up already. OpenSSL computes what it needs of a curve (Montgomery forms of
 * field and order) for each key that is made by the curve's name, which takes almost as long as to
 * sign with the key; a key that is made of another one's parameters has it copied.
 */
#ifndef LIB_CURVE_H
#define LIB_CURVE_H

#include <openssl/evp.h>

/*
 * A key that is a curve only, by OpenSSL's name for it; borrowed, and shared by all threads. NULL:
 * none is kept of this curve, or in this library context (those that are not the default one may
 * go at any time), and the caller names the curve.
 */
EVP_PKEY *curve_key(OSSL_LIB_CTX *libctx, const char *group);

#endif
