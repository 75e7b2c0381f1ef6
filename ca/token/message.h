/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message that a device signed, held against the registry: `tpmiot-ca message verify`. That it is
 * new is not told by a signature: a message should have a number or a time of its own.
 */
#ifndef CA_MESSAGE_H
#define CA_MESSAGE_H

#include <openssl/cms.h>

#include <tpmiot/kdf.h>

#include "ca/store/store.h"

#define CA_MESSAGE_MAX (16 * 1024 * 1024)
#define CA_MESSAGE_SIGNATURE_MAX 65536

/* What whoever got the message expects of it. Strings are borrowed. */
struct ca_message_asked {
	const char *device_id; /* NULL: any device */
	int64_t now;
	bool bare_keys; /* keys that no TPM was proved for count, too */
};

struct ca_message_facts {
	char device_id[CA_DEVICE_ID_MAX + 1];
	const char *kind; /* "cms", "jws" */
	uint8_t key_spki[CA_SHA256_LEN];
	int64_t signed_at; /* by the device's clock; 0: it does not say */
};

/*
 * A JWS in its compact form with "typ": "JOSE", as `tpmiot-enroll token jws` makes it: a token is
 * no message. Appends the payload. Errors as of ca_bearer_check.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_message_verify_jws(struct ca_store *store,
    struct tpmiot_bytes text, const struct ca_message_asked *asked, struct ca_message_facts *out,
    struct tpmiot_buf *payload, struct tpmiot_err *err);

/*
 * A message and its detached CMS signature (RFC 5652), PEM or DER, by `openssl cms -sign -binary`:
 * one signer, whose certificate comes along or is one of ours, and signed attributes. Who issued
 * that certificate counts for nothing: its key is looked up.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_message_verify_cms(struct ca_store *store,
    struct tpmiot_bytes message, struct tpmiot_bytes signature,
    const struct ca_message_asked *asked, struct ca_message_facts *out, struct tpmiot_err *err);

/* ---- Pure, for the tests ---------------------------------------------------------- */

/*
 * The parser: TPMIOT_E_FORMAT, what is not that; TPMIOT_E_VERIFY, what such a signature may not be.
 * The caller owns *out.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_message_parse_cms(
    struct tpmiot_bytes signature, CMS_ContentInfo **out, struct tpmiot_err *err);

#endif
