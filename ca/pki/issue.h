/* SPDX-License-Identifier: Apache-2.0 */
/* A device's certificate: what the profile says, over x509.h. */
#ifndef CA_ISSUE_H
#define CA_ISSUE_H

#include "ca/config/config.h"
#include "ca/pki/keyuri.h"
#include "ca/pki/profile.h"
#include "ca/store/store.h"

/*
 * Issues a certificate for a device's key by a profile, valid from a little before now (clocks
 * differ) for the profile's validity or config's, but not longer than the issuer. Fills all
 * of *out but ek_spki, key_spki and session. TPMIOT_E_USAGE: the issuer has expired.
 * TPMIOT_E_POLICY: the profile does not take this key, or needs to know more of the device.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_issue(const struct ca_config *config,
    const struct ca_signer *signer, const struct ca_profile *profile,
    const struct ca_profile_facts *facts, const struct tpmiot_public *key, int64_t now,
    struct ca_cert *out, struct tpmiot_err *err);

/* The certificate and the intermediates that lead to the root, PEM. Appends. */
TPMIOT_MUST_USE enum tpmiot_rc ca_issue_put_chain(const struct ca_signer *signer,
    const struct tpmiot_buf *der, struct tpmiot_buf *out, struct tpmiot_err *err);

/* The root, PEM: the self-signed one of signer's certificates, else the topmost. Appends. */
TPMIOT_MUST_USE enum tpmiot_rc ca_issue_put_root(
    const struct ca_signer *signer, struct tpmiot_buf *out, struct tpmiot_err *err);

#endif
