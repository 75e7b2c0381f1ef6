/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key names, accepted wherever OpenSSL takes a URI:
 *
 *   tpmiot:NAME                  key NAME in the state directory
 *   tpmiot:handle=0x81000010     persistent object
 *   tpmiot:spki-sha256=HEX       key in the state directory with that public key
 *   tpmiot:nv=0x01c00002         certificates, public keys or key files in an NV index
 *   handle:0x81000010            as in tpm2-openssl (an NV index, too)
 *   object:FILE                  as in tpm2-openssl
 *
 * Handles are hexadecimal. FILE and the values of attributes are percent-decoded
 * (RFC 3986 section 2.1). Attributes follow after the first ';' or '?' and are
 * separated by ';' or '&': auth=VALUE, auth-file=FILE, auth-env=VARIABLE, at most
 * one of them; or tpm2-openssl's "?pass": the key has an auth value, whatever is known of it, to
 * be asked for. (Of a key at a handle nothing is known; a file says it.)
 */
#ifndef TPMIOT_URI_H
#define TPMIOT_URI_H

#include <tss2/tss2_tpm2_types.h>

#include <tpmiot/buf.h>
#include <tpmiot/public.h>

#define TPMIOT_KEY_NAME_MAX 64

enum tpmiot_uri_kind {
	TPMIOT_URI_NAME,
	TPMIOT_URI_HANDLE,
	TPMIOT_URI_SPKI,
	TPMIOT_URI_NV,
	TPMIOT_URI_OBJECT
};

enum tpmiot_uri_auth {
	TPMIOT_URI_AUTH_NONE, /* ask, if the key needs one */
	TPMIOT_URI_AUTH_ASK,  /* it does */
	TPMIOT_URI_AUTH_VALUE,
	TPMIOT_URI_AUTH_FILE,
	TPMIOT_URI_AUTH_ENV
};

struct tpmiot_uri {
	enum tpmiot_uri_kind kind;
	char name[TPMIOT_KEY_NAME_MAX + 1];
	TPM2_HANDLE handle;
	uint8_t spki[TPMIOT_SPKI_SHA256_LEN];
	struct tpmiot_buf path; /* of TPMIOT_URI_OBJECT */
	enum tpmiot_uri_auth auth;
	struct tpmiot_buf auth_arg; /* value, file name or variable name */
};

/*
 * TPMIOT_E_FORMAT, naming the part, for a scheme that is not ours, a name that
 * is not one, an unknown or repeated attribute, a bad escape. Free what it
 * made with tpmiot_uri_free().
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_uri_parse(
    const char *str, struct tpmiot_uri *out, struct tpmiot_err *err);
void tpmiot_uri_free(struct tpmiot_uri *uri); /* wipes */

/* 1 to 64 of [A-Za-z0-9._-], not beginning with a dot: safe as a file name. */
bool tpmiot_key_name_valid(const char *name);

#endif
