/* SPDX-License-Identifier: Apache-2.0 */
/* The TPM makers' certificates in the store, parsed, and parsed again when they change. */
#ifndef CA_ROOTS_H
#define CA_ROOTS_H

#include <openssl/x509.h>

#include "ca/pki/links.h"
#include "ca/store/store.h"

struct ca_roots {
	X509_STORE *anchors;   /* owned; NULL until refreshed */
	STACK_OF(X509) *links; /* owned */
	struct ca_links sent;  /* by devices, and led to these anchors */
	int64_t generation;
};

/* Does nothing while the store's are the ones that are here. */
TPMIOT_MUST_USE enum tpmiot_rc ca_roots_refresh(
    struct ca_store *store, struct ca_roots *roots, struct tpmiot_err *err);
void ca_roots_free(struct ca_roots *roots);

#endif
