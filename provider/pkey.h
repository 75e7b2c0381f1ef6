/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key as the provider knows it: what software may know of it, and the
 * private half in the TPM if there is one.
 *
 * Three kinds: a TPM key (tpm set; soft is its public half), a public key, and
 * a whole software key. The last comes about where tpmiot stands before the
 * default provider and libcrypto therefore brings us keys that are none of the
 * TPM's, such as those of a TLS key exchange: everything is then handed on to
 * the private library context.
 */
#ifndef PROVIDER_PKEY_H
#define PROVIDER_PKEY_H

#include <openssl/evp.h>

#include <tpmiot/key.h>

#include "prov.h"

enum prov_type { PROV_RSA, PROV_RSA_PSS, PROV_EC };

struct prov_pkey {
	atomic_int refs;
	struct prov_ctx *prov;
	enum prov_type type;
	EVP_PKEY *soft;         /* in the private context; NULL while empty */
	struct tpmiot_key *tpm; /* NULL if the private half is not in the TPM */
	int has;                /* OSSL_KEYMGMT_SELECT_… */
	atomic_bool
	    odd_salt; /* PSS: the TPM has been seen to use another salt than the digest's size */
	_Atomic(TPM2B_DIGEST *) reject; /* see tpmdecrypt.c; NULL until needed, then constant */
};

/* OpenSSL's name for it. */
const char *prov_type_name(enum prov_type type);

/*
 * What a TPM key is to OpenSSL; false for what is none of these. A key with the scheme
 * RSAPSS is of type RSA-PSS, as in tpm2-openssl: it does nothing else.
 */
bool prov_type_of(const TPMT_PUBLIC *area, enum prov_type *out);

/* An empty one, to be imported into. NULL when out of memory. */
struct prov_pkey *prov_pkey_new(struct prov_ctx *prov, enum prov_type type);
struct prov_pkey *prov_pkey_ref(struct prov_pkey *key);
void prov_pkey_unref(struct prov_pkey *key); /* NULL is fine */

/* Why a key that OpenSSL cannot use is refused. */
#define PROV_NO_HMAC_KEYS                                                                          \
	"this is an HMAC key, which OpenSSL does not use: 'tpmiot-enroll token sas' signs with it"

/* Takes over *tpm. NULL, and an error raised, for a type that is none of these. */
struct prov_pkey *prov_pkey_from_tpm(struct prov_ctx *prov, struct tpmiot_key **tpm);

/* Takes over *soft (a key of the private context) with what `has` says. NULL as above. */
struct prov_pkey *prov_pkey_from_soft(struct prov_ctx *prov, EVP_PKEY **soft, int has);

/*
 * The public half of a TPM key in the private context: with the scheme RSAPSS a key of type
 * RSA-PSS that is restricted to the scheme's hash. NULL, and an error raised, if there is none.
 */
EVP_PKEY *prov_soft_from_area(struct prov_ctx *prov, const TPMT_PUBLIC *area, EVP_PKEY *plain);

/* A key made from parameters in the private context; NULL if they make none. */
EVP_PKEY *prov_soft_from_params(
    struct prov_ctx *prov, enum prov_type type, int selection, const OSSL_PARAM params[]);

/* The hash that the key's own scheme fixes, or TPM2_ALG_NULL. */
TPMI_ALG_HASH prov_pkey_fixed_hash(const struct prov_pkey *key);
/* The signature scheme that is fixed, or TPM2_ALG_NULL. */
TPMI_ALG_ASYM_SCHEME prov_pkey_fixed_scheme(const struct prov_pkey *key);
/* Whether a TPM key has all these attributes (TPMA_OBJECT_…); other keys have none. */
bool prov_pkey_is(const struct prov_pkey *key, TPMA_OBJECT attributes);

/* The largest PSS salt of a key of so many bits: RFC 8017, section 9.1.1. Below 0: none fits. */
long prov_pss_largest_salt(size_t bits, size_t hash_size);
/* The one that a TPM takes: of the digest's size, where that fits (Part 1, annex B.7). */
long prov_pss_tpm_salt(size_t bits, size_t hash_size);

/*
 * Refuses a key whose password is not there, if a wrong guess counts towards the
 * TPM's lockout. Elsewhere it may have none after all: tpm2_encodeobject 5.4
 * writes emptyAuth inverted.
 */
bool prov_pkey_check_auth(const struct prov_pkey *key);

/* Raises what the TPM said when the key was used. Returns 0. */
int prov_raise_use(const struct prov_pkey *key, const struct tpmiot_err *err);

/*
 * Hands the key to libcrypto: calls `cb` with a reference that keymgmt's load
 * takes over. Returns what cb returned; the key is consumed in any case.
 */
int prov_pkey_deliver(struct prov_pkey *key, OSSL_CALLBACK *cb, void *arg);

/* The other end. NULL if it is no such reference or not of this type. */
struct prov_pkey *prov_pkey_accept(enum prov_type type, const void *reference, size_t len);

#endif
