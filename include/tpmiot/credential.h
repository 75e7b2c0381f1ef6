/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MakeCredential in software (Part 1, clause 24; Part 3, clause 12.6): a secret
 * that only the TPM which holds the EK's private key *and* an object of this
 * Name gives back. Uses the EK's nameAlg and symmetric key size.
 */
#ifndef TPMIOT_CREDENTIAL_H
#define TPMIOT_CREDENTIAL_H

#include <tpmiot/public.h>

struct tpmiot_credential {
	struct tpmiot_buf blob;             /* TPM2B_ID_OBJECT, with its size */
	struct tpmiot_buf encrypted_secret; /* TPM2B_ENCRYPTED_SECRET, with its size */
};

/*
 * TPMIOT_E_USAGE if secret is empty or longer than the digest of the EK's
 * nameAlg; TPMIOT_E_UNSUPPORTED if the EK is no restricted decryption key with
 * AES-CFB.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_credential_make(OSSL_LIB_CTX *libctx,
    const struct tpmiot_public *ek, const TPM2B_NAME *name, const void *secret, size_t secret_len,
    struct tpmiot_credential *out, struct tpmiot_err *err);
void tpmiot_credential_free(struct tpmiot_credential *cred);

#endif
