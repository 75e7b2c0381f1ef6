/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library context in which there is no more than it takes to decode the key of an EK certificate:
 * RSA and EC. For each key that it decodes OpenSSL 3.0 asks every decoder of its context whether it
 * might help, and in the default one there are more than a hundred: that takes longer than to
 * verify the certificate.
 */
#ifndef LIB_FEWDECODERS_H
#define LIB_FEWDECODERS_H

#include <openssl/types.h>

/*
 * Shared by all threads, and there as long as the process lives. NULL, which is the default library
 * context, when decoders come from elsewhere than OpenSSL's default provider: then they are the
 * configuration's business.
 */
OSSL_LIB_CTX *fewdecoders_ctx(void);

#endif
