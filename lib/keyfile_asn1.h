/* SPDX-License-Identifier: Apache-2.0 */
/* Key files as ASN.1: the draft's structures and our own, field by field. */
#ifndef LIB_KEYFILE_ASN1_H
#define LIB_KEYFILE_ASN1_H

#include <openssl/asn1t.h>

#include <tpmiot/keyfile.h>

struct keyfile_step {
	ASN1_INTEGER *code;
	ASN1_OCTET_STRING *body;
};
typedef struct keyfile_step keyfile_step;
DEFINE_STACK_OF(keyfile_step)

struct keyfile_policy {
	ASN1_UTF8STRING *name;
	STACK_OF(keyfile_step) *steps;
};
typedef struct keyfile_policy keyfile_policy;
DEFINE_STACK_OF(keyfile_policy)

struct keyfile_key {
	ASN1_OBJECT *type;
	ASN1_BOOLEAN empty_auth;
	STACK_OF(keyfile_step) *policy;
	ASN1_OCTET_STRING *secret;
	STACK_OF(keyfile_policy) *auth_policy;
	ASN1_UTF8STRING *description;
	ASN1_BOOLEAN rsa_parent;
	ASN1_OCTET_STRING *parent_name;
	ASN1_INTEGER *parent;
	ASN1_OCTET_STRING *pubkey;
	ASN1_OCTET_STRING *privkey;
};
typedef struct keyfile_key keyfile_key;
DECLARE_ASN1_ITEM(keyfile_key)

/* The first field tells it from every other structure. */
#define KEYFILE_REFERENCE_MAGIC "TPMIOT KEY REFERENCE"
#define KEYFILE_REFERENCE_VERSION 1

struct keyfile_reference {
	ASN1_UTF8STRING *magic;
	ASN1_INTEGER *version;
	ASN1_BOOLEAN empty_auth;
	ASN1_INTEGER *handle;
	ASN1_OCTET_STRING *pubkey;
};
typedef struct keyfile_reference keyfile_reference;
DECLARE_ASN1_ITEM(keyfile_reference)

DECLARE_ASN1_ITEM(keyfile_step)
DECLARE_ASN1_ITEM(keyfile_policy)

/*
 * Description and policies, from and to ASN.1 (keyfile_extra.c). Reading
 * checks them against the key, which is parsed into `file` already; *extra is
 * NULL if there is none of them.
 */
TPMIOT_MUST_USE enum tpmiot_rc keyfile_extra_read(OSSL_LIB_CTX *libctx, const keyfile_key *from,
    const struct tpmiot_keyfile *file, struct tpmiot_keyextra **extra, struct tpmiot_err *err);
/* False when out of memory. */
bool keyfile_extra_write(const struct tpmiot_keyextra *extra, keyfile_key *to);

#endif
