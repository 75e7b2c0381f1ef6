/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which device a public key belongs to, and whether that counts: a key that a certificate of ours
 * was issued for, or one that the operator registered as it is (`device add`).
 */
#ifndef CA_DEVKEY_H
#define CA_DEVKEY_H

#include <openssl/evp.h>

#include "ca/store/store.h"

#define CA_DEVKEYS_MAX 16 /* of one device that are tried */

/* Starts as { 0 }; ca_devkey_clear() it. */
struct ca_devkey {
	uint8_t spki[CA_SHA256_LEN];
	char device_id[CA_DEVICE_ID_MAX + 1];
	enum ca_device_state state; /* of the device */
	bool released;              /* its id is another device's now, or free */
	EVP_PKEY *key;
	bool bare;          /* registered: no TPM was proved for it */
	bool revoked;       /* its last certificate, or an earlier one together with the key */
	int64_t not_before; /* as the certificate says, the last one for this key */
	int64_t not_after;  /* 0: no end */
};

/* TPMIOT_E_NOT_FOUND: nobody's. */
TPMIOT_MUST_USE enum tpmiot_rc ca_devkey_find(struct ca_store *store,
    const uint8_t spki[CA_SHA256_LEN], struct ca_devkey *out, struct tpmiot_err *err);

/*
 * The SPKI digests of a device's keys, the newest first, at most CA_DEVKEYS_MAX.
 * TPMIOT_E_NOT_FOUND: no such device.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_devkey_list(struct ca_store *store, const char *device_id,
    uint8_t out[CA_DEVKEYS_MAX][CA_SHA256_LEN], size_t *n, struct tpmiot_err *err);

/*
 * Whether what it signed counts at `now`: TPMIOT_E_POLICY for a blocked or released device, a
 * revoked or ended certificate or key, a registered key where bare_keys says no.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_devkey_usable(
    const struct ca_devkey *key, int64_t now, bool bare_keys, struct tpmiot_err *err);

/* Whether it is this device's (NULL: any will do). TPMIOT_E_POLICY. */
TPMIOT_MUST_USE enum tpmiot_rc ca_devkey_is(
    const struct ca_devkey *key, const char *device_id, struct tpmiot_err *err);

/* Whether a device can have signed at that time (0: it does not say), give or take a minute. */
TPMIOT_MUST_USE enum tpmiot_rc ca_devkey_signed_at(
    int64_t signed_at, int64_t now, struct tpmiot_err *err);

void ca_devkey_clear(struct ca_devkey *key);

#endif
