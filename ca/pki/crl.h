/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate revocation lists (RFC 5280 section 5), made when they are needed and kept in the
 * store. */
#ifndef CA_CRL_H
#define CA_CRL_H

#include "ca/config/config.h"
#include "ca/pki/keyuri.h"
#include "ca/store/store.h"

/* Whether the CA's certificate allows it to sign lists (keyUsage cRLSign). */
bool ca_crl_allowed(const struct ca_signer *signer);

/*
 * The list in force, DER and what the store knows of it. The one that is kept, unless it is older
 * than half of config->crl_lifetime, a certificate was revoked since, or another key
 * signs now: then a new one with the next number, kept durably. TPMIOT_E_USAGE: the CA's
 * certificate does not allow it (keyUsage without cRLSign).
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_crl_current(const struct ca_config *config,
    const struct ca_signer *signer, struct ca_store *store, int64_t now, struct ca_crl *out,
    struct tpmiot_err *err);

/* Reasons that an operator may give (RFC 5280 section 5.3.1), by their names there; -1: none. */
int ca_crl_reason(const char *name);
/* "keyCompromise"; "?" for a number that is none of them. */
const char *ca_crl_reason_name(int reason);

#endif
