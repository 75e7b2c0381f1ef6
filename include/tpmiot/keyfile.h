/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "TSS2 PRIVATE KEY" files: a key wrapped for one TPM, as in the draft "ASN.1
 * Specification for TPM 2.0 Key Files" (object identifier 2.23.133.10.1.3).
 */
#ifndef TPMIOT_KEYFILE_H
#define TPMIOT_KEYFILE_H

#include <tpmiot/buf.h>
#include <tpmiot/public.h>

#define TPMIOT_KEYFILE_PEM_NAME "TSS2 PRIVATE KEY"

struct tpmiot_keyfile {
	bool empty_auth;         /* no password needed */
	TPM2_HANDLE parent;      /* persistent handle, or TPM2_RH_OWNER and the like */
	struct tpmiot_public pub;
	TPM2B_PRIVATE priv;      /* wrapped by the parent: not secret */
};

/*
 * Parses one DER object, exactly. TPMIOT_E_FORMAT when it is not one;
 * TPMIOT_E_UNSUPPORTED, naming the field, for what we do not honour (yet): a
 * policy, a secret, another type than a loadable key.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_keyfile_parse_der(OSSL_LIB_CTX *libctx,
    const uint8_t *der, size_t len, struct tpmiot_keyfile *out,
    struct tpmiot_err *err);

/*
 * Finds the first TSS2 PRIVATE KEY block in a PEM text (other blocks may stand
 * before and behind it). TPMIOT_E_NOT_FOUND when there is none.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_keyfile_parse_pem(OSSL_LIB_CTX *libctx,
    const void *pem, size_t len, struct tpmiot_keyfile *out,
    struct tpmiot_err *err);

/* Appends the DER or PEM form. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_keyfile_put_der(
    const struct tpmiot_keyfile *key, struct tpmiot_buf *out,
    struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_keyfile_put_pem(
    const struct tpmiot_keyfile *key, struct tpmiot_buf *out,
    struct tpmiot_err *err);

#endif
