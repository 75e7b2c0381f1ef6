/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/token/devkey.h"

#include <string.h>

#include <openssl/x509.h>

#include "ca/token/bearer.h"

/* ---- From the store ------------------------------------------------------------------ */

static enum tpmiot_rc
from_cert(struct ca_store *store, const struct ca_cert *cert, struct ca_devkey *out,
    struct tpmiot_err *err)
{
	const unsigned char *at = cert->der.data;
	enum tpmiot_rc rc = ca_cert_key_revoked(store, cert->key_spki, &out->revoked, err);
	X509 *x509 = d2i_X509(NULL, &at, (long)cert->der.len);
	EVP_PKEY *key = x509 != NULL ? X509_get_pubkey(x509) : NULL;

	X509_free(x509);
	out->key = key;
	if (rc != TPMIOT_OK)
		return rc;
	if (key == NULL)
		return tpmiot_err_crypto(err, "a certificate in the store cannot be read");
	out->revoked = out->revoked || cert->state != CA_CERT_GOOD;
	out->not_before = cert->not_before;
	out->not_after = cert->not_after;
	memcpy(out->device_id, cert->device_id, sizeof(out->device_id));
	return TPMIOT_OK;
}

static enum tpmiot_rc
from_registered(const struct ca_device_key *row, struct ca_devkey *out, struct tpmiot_err *err)
{
	const unsigned char *at = row->public.data;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)row->public.len);

	if (key == NULL)
		return tpmiot_err_crypto(err, "a key in the store cannot be read");
	out->key = key;
	out->bare = true;
	out->not_before = row->not_before;
	out->not_after = row->not_after;
	memcpy(out->device_id, row->device_id, sizeof(out->device_id));
	return TPMIOT_OK;
}

static enum tpmiot_rc
add_device(struct ca_store *store, struct ca_devkey *key, struct tpmiot_err *err)
{
	struct ca_device device = { .ek_cert = TPMIOT_BUF_INIT };
	enum tpmiot_rc rc = ca_device_find_id(store, key->device_id, &device, err);

	if (rc == TPMIOT_OK) {
		key->state = device.state;
		key->released = ca_device_is_released(&device);
	}
	tpmiot_buf_free(&device.ek_cert);
	return rc;
}

/*
 * A key that has a certificate is judged by that, registered or not: revoking it has to help. One
 * that was revoked for a reason that may be the key's stays in the way of later ones.
 */
enum tpmiot_rc
ca_devkey_find(struct ca_store *store, const uint8_t spki[CA_SHA256_LEN], struct ca_devkey *out,
    struct tpmiot_err *err)
{
	struct ca_cert cert = { .der = TPMIOT_BUF_INIT };
	struct ca_device_key row = { .public = TPMIOT_BUF_INIT };
	struct ca_devkey key = { .key = NULL };
	enum tpmiot_rc rc = ca_cert_find_key(store, spki, &cert, err);

	memcpy(key.spki, spki, CA_SHA256_LEN);
	if (rc == TPMIOT_OK) {
		rc = from_cert(store, &cert, &key, err);
	} else if (rc == TPMIOT_E_NOT_FOUND) {
		rc = ca_device_key_find(store, spki, &row, err);
		if (rc == TPMIOT_OK)
			rc = from_registered(&row, &key, err);
	}
	if (rc == TPMIOT_OK)
		rc = add_device(store, &key, err);
	tpmiot_buf_free(&cert.der);
	ca_device_key_free(&row);
	if (rc == TPMIOT_OK)
		*out = key;
	else
		ca_devkey_clear(&key);
	return rc;
}

void
ca_devkey_clear(struct ca_devkey *key)
{
	EVP_PKEY_free(key->key);
	key->key = NULL;
}

/* ---- A device's keys -------------------------------------------------------------------- */

struct listing {
	uint8_t (*spki)[CA_SHA256_LEN];
	size_t n;
};

/* In front of the others, without its double, and the oldest falls out. */
static void
put_first(struct listing *list, const uint8_t spki[CA_SHA256_LEN])
{
	size_t at = 0;

	while (at < list->n && memcmp(list->spki[at], spki, CA_SHA256_LEN) != 0)
		at++;
	if (at == list->n && list->n < CA_DEVKEYS_MAX)
		list->n++;
	if (at == CA_DEVKEYS_MAX)
		at--;
	memmove(list->spki + 1, list->spki, at * CA_SHA256_LEN);
	memcpy(list->spki[0], spki, CA_SHA256_LEN);
}

static bool
list_cert(void *arg, const struct ca_cert *cert)
{
	put_first(arg, cert->key_spki);
	return true;
}

static bool
list_registered(void *arg, const struct ca_device_key *row)
{
	put_first(arg, row->spki);
	return true;
}

enum tpmiot_rc
ca_devkey_list(struct ca_store *store, const char *device_id,
    uint8_t out[CA_DEVKEYS_MAX][CA_SHA256_LEN], size_t *n, struct tpmiot_err *err)
{
	struct ca_device device = { .ek_cert = TPMIOT_BUF_INIT };
	struct listing list = { out, 0 };
	enum tpmiot_rc rc = ca_device_find_id(store, device_id, &device, err);

	if (rc == TPMIOT_OK)
		rc = ca_device_key_list(store, device.ek_spki, list_registered, &list, err);
	if (rc == TPMIOT_OK)
		rc = ca_cert_list(store, device.ek_spki, list_cert, &list, err);
	tpmiot_buf_free(&device.ek_cert);
	if (rc == TPMIOT_OK)
		*n = list.n;
	return rc;
}

/* ---- Whether it counts -------------------------------------------------------------------- */

enum tpmiot_rc
ca_devkey_usable(const struct ca_devkey *key, int64_t now, bool bare_keys, struct tpmiot_err *err)
{
	if (key->state != CA_DEVICE_ACTIVE)
		return tpmiot_err_set(
		    err, TPMIOT_E_POLICY, "the device %s is blocked", key->device_id);
	if (key->released)
		return tpmiot_err_set(
		    err, TPMIOT_E_POLICY, "the device was released, and is %s now", key->device_id);
	if (key->bare && !bare_keys)
		return tpmiot_err_set(err, TPMIOT_E_POLICY,
		    "it was signed with a key that is registered only, and bare_keys = no");
	if (key->revoked)
		return tpmiot_err_set(
		    err, TPMIOT_E_POLICY, "a certificate of the key that signed it is revoked");
	if (key->not_after != 0 && key->not_after <= now)
		return tpmiot_err_set(err, TPMIOT_E_POLICY,
		    "%s of the key that signed it has ended",
		    key->bare ? "the time" : "the certificate");
	if (key->not_before > now + CA_BEARER_LEEWAY)
		return tpmiot_err_set(
		    err, TPMIOT_E_POLICY, "the time of the key that signed it has not begun");
	return TPMIOT_OK;
}

enum tpmiot_rc
ca_devkey_is(const struct ca_devkey *key, const char *device_id, struct tpmiot_err *err)
{
	if (device_id != NULL && strcmp(device_id, key->device_id) != 0)
		return tpmiot_err_set(err, TPMIOT_E_POLICY, "it is %s's, and %.64s was asked for",
		    key->device_id, device_id);
	return TPMIOT_OK;
}

enum tpmiot_rc
ca_devkey_signed_at(int64_t signed_at, int64_t now, struct tpmiot_err *err)
{
	if (signed_at > now + CA_BEARER_LEEWAY)
		return tpmiot_err_set(err, TPMIOT_E_POLICY,
		    "it was signed in the future: one of the clocks is wrong");
	return TPMIOT_OK;
}
