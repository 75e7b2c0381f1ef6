/* SPDX-License-Identifier: Apache-2.0 */
/* libcrypto's functions on the BIO that libcrypto handed to the provider. */
#ifndef PROVIDER_BIO_H
#define PROVIDER_BIO_H

#include "prov.h"

/* One per provider context: reads and writes go to the core's functions. */
BIO_METHOD *prov_bio_method_new(void);

/* A BIO over `core`, which is borrowed. NULL when out of memory. */
BIO *prov_bio_new(struct prov_ctx *prov, OSSL_CORE_BIO *core);

#endif
