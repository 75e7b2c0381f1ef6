/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/crypto.h>

#include <tpmiot/alg.h>
#include <tpmiot/credential.h>
#include <tpmiot/kdf.h>

#include "outerwrap.h"

static enum tpmiot_rc
check_arguments(
    const TPMT_PUBLIC *ek, const TPM2B_NAME *name, size_t secret_len, struct tpmiot_err *err)
{
	size_t digest_len = tpmiot_alg_md_size(ek->nameAlg);

	if (secret_len == 0 || secret_len > digest_len)
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "credential: a secret of %zu bytes; this EK takes 1 to %zu", secret_len,
		    digest_len);
	if (name->size == 0 || name->size > sizeof(name->name))
		return tpmiot_err_set(
		    err, TPMIOT_E_USAGE, "credential: a Name of %u bytes", name->size);
	return TPMIOT_OK;
}

enum tpmiot_rc
tpmiot_credential_make(OSSL_LIB_CTX *libctx, const struct tpmiot_public *ek, const TPM2B_NAME *name,
    const void *secret, size_t secret_len, struct tpmiot_credential *out, struct tpmiot_err *err)
{
	struct tpmiot_credential made = { TPMIOT_BUF_INIT, TPMIOT_BUF_INIT };
	struct tpmiot_buf identity = TPMIOT_BUF_INIT; /* encIdentity is the secret as a TPM2B */
	TPM2B_ENCRYPTED_SECRET encrypted;
	TPM2B_DIGEST seed;
	enum tpmiot_rc rc;

	if ((rc = outerwrap_check_key(&ek->area, "credential", "EK", err)) != TPMIOT_OK ||
	    (rc = check_arguments(&ek->area, name, secret_len, err)) != TPMIOT_OK ||
	    (rc = tpmiot_secret_share(libctx, ek, "IDENTITY", &seed, &encrypted, err)) != TPMIOT_OK)
		return rc;
	tpmiot_buf_put_u16(&identity, (uint16_t)secret_len);
	tpmiot_buf_put(&identity, secret, secret_len);
	rc = outerwrap_put(libctx, &ek->area, &seed, name, &identity, &made.blob, err);
	if (rc == TPMIOT_OK) {
		outerwrap_put_secret(&encrypted, &made.encrypted_secret);
		rc = tpmiot_buf_done(&made.encrypted_secret, err);
	}
	if (rc == TPMIOT_OK)
		*out = made;
	else
		tpmiot_credential_free(&made);
	OPENSSL_cleanse(&seed, sizeof(seed));
	tpmiot_buf_free(&identity);
	return rc;
}

void
tpmiot_credential_free(struct tpmiot_credential *cred)
{
	tpmiot_buf_free(&cred->blob);
	tpmiot_buf_free(&cred->encrypted_secret);
}
