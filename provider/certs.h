/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that a store gives out: of an NV index, or beside a key in the state directory. */
#ifndef PROVIDER_CERTS_H
#define PROVIDER_CERTS_H

#include <tpmiot/uri.h>

#include "prov.h"

struct prov_certs {
	struct tpmiot_buf content;
	BIO *pem; /* over content; NULL for one certificate in DER, or before it was opened */
	bool opened;
};

/*
 * Hands the next certificate to `cb`, and returns what that returned; *done at the
 * end, with 0. An error is raised.
 */
int prov_certs_next(struct prov_ctx *prov, const struct tpmiot_uri *uri, struct prov_certs *certs,
    OSSL_CALLBACK *cb, void *arg, bool *done);

void prov_certs_free(struct prov_certs *certs);

#endif
