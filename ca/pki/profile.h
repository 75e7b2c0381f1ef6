/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profiles: what a certificate says, from the operator's words and what the CA knows of a device.
 *
 * In subject and SAN, %{device_id}, %{serial_number}, %{model} (the unit's, of its allow-list
 * entry), %{group}, %{ek} (SHA-256 of the EK's SPKI, hexadecimal), %{ek_base64} and %{uuid} (the
 * device id if that is a UUID, else one made of %{ek}) stand for what is known. They are filled in
 * after the template was taken apart, so that no value can add a name.
 */
#ifndef CA_PROFILE_H
#define CA_PROFILE_H

#include <openssl/x509v3.h>

#include <tpmiot/ekcert.h>

#include "ca/config/config.h"
#include "ca/store/store.h"

struct ca_profile_facts {
	const char *device_id;
	const char *group;
	const char *serial_number;
	const char *model;
	const uint8_t *ek_spki; /* CA_SHA256_LEN */
	const struct tpmiot_ekcert_info *tpm;
};

/*
 * The group's profile that is asked for; NULL or "": its first. TPMIOT_E_POLICY: the group does not
 * have it; TPMIOT_E_NOT_FOUND: the configuration does not. *out is borrowed.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_profile_choose(const struct ca_config *config,
    const struct ca_group *group, const char *asked, struct ca_profile *out,
    struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_profile_find(const struct ca_config *config, const char *name,
    struct ca_profile *out, struct tpmiot_err *err);

/* Whether its words can be understood. TPMIOT_E_FORMAT. */
TPMIOT_MUST_USE enum tpmiot_rc ca_profile_check(
    const struct ca_profile *profile, struct tpmiot_err *err);

/* "keys = ak": the certificate is for the attestation key itself. */
bool ca_profile_is_ak(const struct ca_profile *profile);
/* Whether it takes a key of this kind. TPMIOT_E_POLICY says which it takes. */
TPMIOT_MUST_USE enum tpmiot_rc ca_profile_check_key(
    const struct ca_profile *profile, const struct tpmiot_public *key, struct tpmiot_err *err);

/*
 * Both make *out, for the caller to free; *san stays NULL if there is none. TPMIOT_E_POLICY names
 * what the CA would have to know of the device and does not.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_profile_subject(const struct ca_profile *profile,
    const struct ca_profile_facts *facts, X509_NAME **out, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc ca_profile_san(const struct ca_profile *profile,
    const struct ca_profile_facts *facts, GENERAL_NAMES **out, struct tpmiot_err *err);

#endif
