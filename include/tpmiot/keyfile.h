/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key files: "TSS2 PRIVATE KEY", a key wrapped for one TPM, as in the draft
 * "ASN.1 Specification for TPM 2.0 Key Files" (object identifiers below
 * 2.23.133.10.1), with all its fields; and "TPMIOT KEY REFERENCE", our own, which
 * says where in the TPM a persistent key is (doc/KEYFILE.md).
 */
#ifndef TPMIOT_KEYFILE_H
#define TPMIOT_KEYFILE_H

#include <tpmiot/buf.h>
#include <tpmiot/policy.h>
#include <tpmiot/public.h>

#define TPMIOT_KEYFILE_PEM_NAME "TSS2 PRIVATE KEY"
#define TPMIOT_KEYREF_PEM_NAME "TPMIOT KEY REFERENCE"

enum tpmiot_keyfile_type {
	TPMIOT_KEYFILE_LOADABLE,   /* TPM2_Load */
	TPMIOT_KEYFILE_IMPORTABLE, /* a key for TPM2_Import, then TPM2_Load */
	TPMIOT_KEYFILE_SEALED,     /* data for TPM2_Unseal; with a secret, to be imported first */
	TPMIOT_KEYFILE_REFERENCE   /* a persistent key */
};

/* What few files have. Constant once made, and reference counted. */
struct tpmiot_keyextra {
	unsigned int refs;                   /* atomic */
	char *description;                   /* NULL for none */
	struct tpmiot_policy policy;         /* n 0: none */
	struct tpmiot_policy *signed_policy; /* the file's authPolicy */
	size_t n_signed;
};

struct tpmiot_keyfile {
	enum tpmiot_keyfile_type type;
	bool empty_auth;        /* no password needed */
	bool rsa_parent;        /* a hierarchy's storage key is RSA 2048, not P-256 */
	TPM2_HANDLE parent;     /* persistent handle, or TPM2_RH_OWNER and the like; of a
	                           reference, the key's own handle */
	TPM2B_NAME parent_name; /* the parent has to have it; size 0: any */
	struct tpmiot_public pub;
	TPM2B_PRIVATE priv;            /* wrapped by the parent: not secret. Not in a reference. */
	TPM2B_ENCRYPTED_SECRET secret; /* seed of what is to be imported; size 0: none */
	struct tpmiot_keyextra *extra; /* owned; NULL for most */
};

/* Gives up what the file owns. */
void tpmiot_keyfile_clear(struct tpmiot_keyfile *file);

struct tpmiot_keyextra *tpmiot_keyextra_ref(struct tpmiot_keyextra *extra); /* NULL is fine */
void tpmiot_keyextra_unref(struct tpmiot_keyextra **extra);

/*
 * Parses one DER object of either kind, exactly. TPMIOT_E_FORMAT when it is not
 * one, or contradicts itself: a policy that does not lead to the key's
 * authPolicy, a secret in a loadable key. TPMIOT_E_UNSUPPORTED, naming it, for a
 * type or policy command that is not served. Free with tpmiot_keyfile_clear().
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_keyfile_parse_der(OSSL_LIB_CTX *libctx, const uint8_t *der,
    size_t len, struct tpmiot_keyfile *out, struct tpmiot_err *err);

/*
 * Finds the first block of either kind in a PEM text (other blocks may stand
 * before and behind it). TPMIOT_E_NOT_FOUND when there is none.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_keyfile_parse_pem(OSSL_LIB_CTX *libctx, const void *pem,
    size_t len, struct tpmiot_keyfile *out, struct tpmiot_err *err);

/* Whether a PEM block of this name is a key file of either kind. */
bool tpmiot_keyfile_is_pem_name(const char *name);

/* Whether the bytes begin as the DER of either kind does: cheap. */
bool tpmiot_keyfile_is_der(const uint8_t *der, size_t len);

/* Appends the DER or PEM form. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_keyfile_put_der(
    const struct tpmiot_keyfile *key, struct tpmiot_buf *out, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_keyfile_put_pem(
    const struct tpmiot_keyfile *key, struct tpmiot_buf *out, struct tpmiot_err *err);

#endif
