/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a store gives out of bytes: certificates, revocation lists, public keys and key files in an
 * NV index, as in tpm2-openssl; or the certificates beside a key in the state directory.
 */
#ifndef PROVIDER_OBJECTS_H
#define PROVIDER_OBJECTS_H

#include <tpmiot/uri.h>

#include "prov.h"

enum prov_object {
	PROV_OBJECT_OTHER,
	PROV_OBJECT_CERTIFICATE,
	PROV_OBJECT_CRL,
	PROV_OBJECT_PUBLIC_KEY,
	PROV_OBJECT_KEY_FILE /* of either kind: tpmiot/keyfile.h */
};

/* What this is, in DER. Raises no error. */
enum prov_object prov_object_kind(struct prov_ctx *prov, const unsigned char *der, size_t len);

struct prov_objects {
	struct tpmiot_buf content;
	BIO *pem; /* over content; NULL for one object in DER, or before it was opened */
	bool opened;
	bool given; /* one at least */
};

/* Whose objects, which kind (OSSL_STORE_INFO_…, 0 for any), and where they go. */
struct prov_objects_want {
	struct prov_ctx *prov;
	const struct tpmiot_uri *uri;
	int expect;
	OSSL_CALLBACK *cb;
	void *arg;
	OSSL_PASSPHRASE_CALLBACK *pw_cb; /* for a key file */
	void *pw_arg;
};

/*
 * Hands the next object of the kind to want->cb, and returns what that returned; *done at the
 * end, with 0. An error is raised; so it is where none is of the kind.
 */
int prov_objects_next(
    const struct prov_objects_want *want, struct prov_objects *objects, bool *done);

void prov_objects_free(struct prov_objects *objects);

#endif
