/* SPDX-License-Identifier: Apache-2.0 */
/* Facts about TPM, endorsement key and certificates, as JSON members: what status and ek print. */
#ifndef ENROLL_DESCRIBE_H
#define ENROLL_DESCRIBE_H

#include <jansson.h>
#include <openssl/x509.h>

#include <tpmiot/ek.h>

#include "enroll/dps/record.h"

/* manufacturer, model, firmware: one TPM command. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_describe_tpm(
    struct tpmiot_tpm *tpm, json_t *out, struct tpmiot_err *err);

/* profile, label, handle, certificate_sha256. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_describe_ek(
    const struct tpmiot_ek *ek, json_t *out, struct tpmiot_err *err);

/* subject, not_after, expired at `now`. */
void enroll_describe_cert(const X509 *cert, int64_t now, json_t *out);

/* hub, device_id, registration_id, server, assigned. */
void enroll_describe_registration(const struct enroll_dps_record *record, json_t *out);

/* Hexadecimal SHA-256 of a key's SPKI, of a certificate's DER. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_describe_put_spki(
    const EVP_PKEY *pkey, struct tpmiot_buf *out, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc enroll_describe_put_fingerprint(
    const X509 *cert, struct tpmiot_buf *out, struct tpmiot_err *err);

/* The EK certificate of NV, or NULL: there is none, or none that can be read. */
X509 *enroll_describe_ek_cert(const struct tpmiot_ek *ek);

#endif
