/* SPDX-License-Identifier: Apache-2.0 */
/* A key that is to be made: what was asked for. */
#ifndef PROVIDER_KEYGEN_H
#define PROVIDER_KEYGEN_H

#include "pkey.h"

#define KEYGEN_NAME_LEN 64
#define KEYGEN_EXPONENT 65537
#define KEYGEN_PRIMES 2
#define KEYGEN_SALT_UNSAID (-1)

struct keygen {
	struct prov_ctx *prov;
	enum prov_type type;
	bool in_tpm;
	EVP_PKEY_CTX *soft; /* NULL where software keys are out of the question */
	/* RSA */
	size_t bits, primes;
	unsigned long exponent;
	/* RSA-PSS */
	char mgf1_md[KEYGEN_NAME_LEN]; /* "" where it was not said, as in the next */
	int salt;
	/* EC */
	char group[KEYGEN_NAME_LEN];
	/* of a TPM key */
	char md[KEYGEN_NAME_LEN];
	TPM2_HANDLE parent;
	bool parent_auth_said;
	struct tpmiot_buf parent_auth;
	struct tpmiot_buf user_auth;
};

/* NULL, and an error raised, if the TPM can't make what was asked for. */
struct prov_pkey *keygen_in_tpm(struct keygen *gen);

#endif
