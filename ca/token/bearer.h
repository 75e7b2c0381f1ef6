/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token that a device signed and somebody else got (a bearer token), held against the registry:
 * `tpmiot-ca token verify`. A kind of token is a file here with one function; bearer.c tells them
 * apart. (Join tokens are another matter: store.h's struct ca_token.)
 */
#ifndef CA_BEARER_H
#define CA_BEARER_H

#include <tpmiot/kdf.h>

#include "ca/store/store.h"

#define CA_BEARER_MAX 16384     /* of the text */
#define CA_BEARER_LEEWAY 60     /* seconds that clocks may differ */
#define CA_BEARER_TTL_MAX 86400 /* default of max_ttl */

/* What whoever got the token expects of it. Strings are borrowed. */
struct ca_bearer_asked {
	const char *dir;       /* the CA's directory, for keys that are kept encrypted */
	const char *audience;  /* has to be the token's, or one of them */
	const char *device_id; /* NULL: any device; else the token has to be this one's */
	int64_t now;
	int64_t max_ttl; /* seconds that a token may be good for */
	bool bare_keys;  /* keys that no TPM was proved for count, too */
};

/* What is known when all of it held. */
struct ca_bearer_facts {
	char device_id[CA_DEVICE_ID_MAX + 1];
	const char *kind; /* "jwt", "sas" */
	const char *alg;
	bool has_key; /* it was signed with a key pair, which is */
	uint8_t key_spki[CA_SHA256_LEN];
	int64_t expires;
};

/*
 * TPMIOT_E_FORMAT: no token. TPMIOT_E_VERIFY: it does not hold. TPMIOT_E_POLICY: it holds, and its
 * time, its audience, its device or its key do not let it pass. Whatever else is about the store,
 * and nothing was decided. The store is only read.
 */
typedef enum tpmiot_rc ca_bearer_check(struct ca_store *store, struct tpmiot_bytes text,
    const struct ca_bearer_asked *asked, struct ca_bearer_facts *out, struct tpmiot_err *err);

/* Any kind. */
ca_bearer_check ca_bearer_verify;

/* A JSON Web Token (RFC 7519) of a key on record. */
ca_bearer_check ca_bearer_verify_jwt;

/* A shared access signature for the hub that a device is assigned to; the hub is the audience. */
ca_bearer_check ca_bearer_verify_sas;

#endif
