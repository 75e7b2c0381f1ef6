/* SPDX-License-Identifier: Apache-2.0 */
/* What a token is signed with: the key NAME of the state directory, and what its certificate says.
 */
#ifndef ENROLL_TOKEN_SIGNER_H
#define ENROLL_TOKEN_SIGNER_H

#include <openssl/x509.h>

#include <tpmiot/device_id.h>
#include <tpmiot/key.h>

#include "enroll/cmd/cli.h"

struct enroll_signer {
	struct tpmiot_tpm *tpm;
	struct tpmiot_key *key;
	bool has_password;                        /* the key; it was given */
	X509 *leaf;                               /* NULL: it has no certificate */
	char device_id[TPMIOT_DEVICE_ID_MAX + 1]; /* by the certificate; "" if it does not say */
};

/*
 * Reads key and certificate; no TPM command unless a password has to be found out about. The
 * state directory is neither locked nor written: whoever may read the key may sign. *out
 * starts as { 0 }; enroll_signer_close() it whatever came of this.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_signer_open(const struct enroll_env *env, const char *name,
    struct enroll_signer *out, struct tpmiot_err *err);
/* enroll_secret_explain(), unless it is the key's password that the TPM refused. */
enum tpmiot_rc enroll_signer_explain(
    const struct enroll_signer *signer, enum tpmiot_rc rc, struct tpmiot_err *err);
void enroll_signer_close(struct enroll_signer *signer);

#endif
