/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets on their way to a device: which ones it gets, and each wrapped for the storage key that
 * its evidence proved to be in its TPM.
 */
#ifndef CA_DELIVER_H
#define CA_DELIVER_H

#include <tpmiot/duplicate.h>

#include "ca/store/store.h"

/* One wrapped secret, as the wire has it. */
struct ca_delivery {
	char name[CA_GROUP_MAX + 1];
	enum ca_secret_kind kind;
	struct tpmiot_duplicate object; /* the value, or the key of `data` */
	struct tpmiot_buf data; /* AES-256-GCM: IV, value, tag; empty: the value is in the object */
};

struct ca_deliveries {
	struct ca_delivery item[2 * CA_SECRETS_MAX];
	size_t n;
};

/*
 * Rows for a device of this group, as they are in the store: its own, and the group's where it
 * has none of that name. *out must be zeroed, and is freed by ca_secrets_free().
 */
struct ca_secrets {
	struct ca_secret item[2 * CA_SECRETS_MAX];
	size_t n;
};
TPMIOT_MUST_USE enum tpmiot_rc ca_secrets_for(struct ca_store *store,
    const uint8_t ek_spki[CA_SHA256_LEN], const char *group, struct ca_secrets *out,
    struct tpmiot_err *err);
void ca_secrets_free(struct ca_secrets *secrets);

/* Decrypts and wraps them for the holder of `parent`. */
TPMIOT_MUST_USE enum tpmiot_rc ca_secrets_wrap(OSSL_LIB_CTX *libctx, const char *dir,
    const struct ca_secrets *secrets, const struct tpmiot_public *parent, struct ca_deliveries *out,
    struct tpmiot_err *err);
void ca_deliveries_free(struct ca_deliveries *deliveries);

#endif
