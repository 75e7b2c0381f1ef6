/* SPDX-License-Identifier: Apache-2.0 */
/* libcrypto's functions on the BIO that libcrypto handed to the provider. */
#ifndef PROVIDER_BIO_H
#define PROVIDER_BIO_H

#include <tpmiot/buf.h>

#include "prov.h"

/* One per provider context: reads and writes go to the core's functions. */
BIO_METHOD *prov_bio_method_new(void);

/*
 * A BIO over `core`, of which it holds a reference: libcrypto's store gives up its own right
 * after attach (provider-storemgmt(7) does not say so). NULL when out of memory.
 */
BIO *prov_bio_new(struct prov_ctx *prov, OSSL_CORE_BIO *core);

/* Longest file, or object in a file, that is read. */
#define PROV_BIO_MAX (1024 * 1024)

/*
 * Appends the next DER object, and reads nothing behind it. False if there is
 * none of a definite length that we would read; one that is cut off is
 * appended as it is, for the parser to refuse.
 */
bool prov_bio_read_der(BIO *bio, struct tpmiot_buf *out);

/* Appends the rest, up to PROV_BIO_MAX bytes. */
bool prov_bio_read_all(BIO *bio, struct tpmiot_buf *out);

#endif
