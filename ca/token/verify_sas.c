/* SPDX-License-Identifier: Apache-2.0 */
/* A hub's shared access signature against the registry: whose key it is, for which hub. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <tpmiot/sas.h>

#include "ca/token/bearer.h"
#include "ca/vault.h"

/* "HUB/devices/ID…": cut into both; what may follow (a module, a path) narrows it only. */
static enum tpmiot_rc
read_resource(const char *resource, char hub[CA_HUB_MAX + 1], char id[CA_DEVICE_ID_MAX + 1],
    struct tpmiot_err *err)
{
	static const char middle[] = "/devices/";
	const char *at = strchr(resource, '/');
	size_t len;

	if (at == NULL || at == resource || (size_t)(at - resource) > CA_HUB_MAX ||
	    strncasecmp(at, middle, strlen(middle)) != 0)
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "the token is not for a device at a hub (HUB/devices/ID)");
	memcpy(hub, resource, (size_t)(at - resource));
	hub[at - resource] = '\0';
	at += strlen(middle);
	len = strcspn(at, "/");
	if (len == 0 || len > CA_DEVICE_ID_MAX)
		return tpmiot_err_set(err, TPMIOT_E_VERIFY, "the token names no device of this CA");
	memcpy(id, at, len);
	id[len] = '\0';
	return TPMIOT_OK;
}

/* Device and registration; a device that there is not is a token that does not hold. */
static enum tpmiot_rc
find(struct ca_store *store, const char *id, struct ca_device *device, struct ca_dps *dps,
    struct tpmiot_err *err)
{
	enum tpmiot_rc rc = ca_device_find_id(store, id, device, err);

	if (rc == TPMIOT_OK)
		rc = ca_dps_find(store, device->ek_spki, dps, err);
	if (rc == TPMIOT_E_NOT_FOUND || (rc == TPMIOT_OK && dps->registrations == 0))
		return tpmiot_err_set(
		    err, TPMIOT_E_VERIFY, "no device %s is registered with a hub", id);
	return rc;
}

static enum tpmiot_rc
check_signature(
    const char *dir, const struct ca_dps *dps, const struct tpmiot_sas *sas, struct tpmiot_err *err)
{
	const struct tpmiot_bytes owner = { dps->ek_spki, CA_SHA256_LEN };
	struct tpmiot_buf key = TPMIOT_BUF_INIT;
	struct ca_vault vault;
	enum tpmiot_rc rc = ca_vault_open(dir, &vault, err);

	if (rc == TPMIOT_OK)
		rc = ca_vault_unseal(
		    &vault, owner, (struct tpmiot_bytes){ dps->key.data, dps->key.len }, &key, err);
	if (rc == TPMIOT_E_VERIFY) /* our own fault, not the token's */
		err->rc = rc = TPMIOT_E_CRYPTO;
	if (rc == TPMIOT_OK)
		rc = tpmiot_sas_verify(NULL, sas, (struct tpmiot_bytes){ key.data, key.len }, err);
	ca_vault_close(&vault);
	tpmiot_buf_free(&key);
	return rc;
}

/* A good signature, and yet: for whom, how long, and of whom. */
static enum tpmiot_rc
check_policy(const struct ca_device *device, const struct ca_dps *dps, const char *hub,
    const struct tpmiot_sas *sas, const struct ca_bearer_asked *asked, struct tpmiot_err *err)
{
	if (sas->skn.len != 0)
		return tpmiot_err_set(
		    err, TPMIOT_E_POLICY, "the token names a key (skn), which a device's does not");
	if (strcasecmp(hub, asked->audience) != 0)
		return tpmiot_err_set(err, TPMIOT_E_POLICY, "the token is for %s, not for %.64s",
		    hub, asked->audience);
	if (strcasecmp(hub, dps->hub) != 0)
		return tpmiot_err_set(err, TPMIOT_E_POLICY,
		    "the token is for %s, and the device is assigned to %s", hub, dps->hub);
	if (asked->device_id != NULL && strcmp(asked->device_id, device->id) != 0)
		return tpmiot_err_set(err, TPMIOT_E_POLICY, "it is %s's, and %.64s was asked for",
		    device->id, asked->device_id);
	if (sas->expires + CA_BEARER_LEEWAY <= asked->now)
		return tpmiot_err_set(err, TPMIOT_E_POLICY, "the token ended %lld seconds ago",
		    (long long)(asked->now - sas->expires));
	if (sas->expires - asked->now > asked->max_ttl + CA_BEARER_LEEWAY)
		return tpmiot_err_set(err, TPMIOT_E_POLICY,
		    "the token is good for more than %lld seconds", (long long)asked->max_ttl);
	if (device->state == CA_DEVICE_BLOCKED)
		return tpmiot_err_set(err, TPMIOT_E_POLICY, "the device %s is blocked", device->id);
	return TPMIOT_OK;
}

enum tpmiot_rc
ca_bearer_verify_sas(struct ca_store *store, struct tpmiot_bytes text,
    const struct ca_bearer_asked *asked, struct ca_bearer_facts *out, struct tpmiot_err *err)
{
	struct ca_device device = { .ek_cert = TPMIOT_BUF_INIT };
	struct ca_dps dps = { .registrations = 0 };
	struct tpmiot_buf copy = TPMIOT_BUF_INIT;
	char hub[CA_HUB_MAX + 1], id[CA_DEVICE_ID_MAX + 1];
	struct tpmiot_sas sas = { .expires = 0 };
	enum tpmiot_rc rc;

	tpmiot_buf_put(&copy, text.data, text.len);
	if (tpmiot_buf_cstr(&copy) == NULL)
		rc = tpmiot_err_memory(err);
	else if (strlen((const char *)copy.data) != text.len)
		rc = tpmiot_err_set(err, TPMIOT_E_FORMAT, "a token with a NUL in it");
	else
		rc = tpmiot_sas_parse((const char *)copy.data, &sas, err);
	if (rc == TPMIOT_OK)
		rc = read_resource(sas.resource, hub, id, err);
	if (rc == TPMIOT_OK)
		rc = find(store, id, &device, &dps, err);
	if (rc == TPMIOT_OK)
		rc = check_signature(asked->dir, &dps, &sas, err);
	if (rc == TPMIOT_OK)
		rc = check_policy(&device, &dps, hub, &sas, asked, err);
	if (rc == TPMIOT_OK) {
		*out = (struct ca_bearer_facts){
			.kind = "sas", .alg = "HMAC-SHA256", .expires = sas.expires
		};
		snprintf(out->device_id, sizeof(out->device_id), "%s", device.id);
	}
	tpmiot_buf_free(&copy);
	tpmiot_buf_free(&device.ek_cert);
	ca_dps_clear(&dps);
	return rc;
}
