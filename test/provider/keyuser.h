/* SPDX-License-Identifier: Apache-2.0 */
/* What an application does with keys, for programs that try it under odd conditions. */
#ifndef TEST_PROVIDER_KEYUSER_H
#define TEST_PROVIDER_KEYUSER_H

#include <stdbool.h>

#include <openssl/evp.h>

struct user {
	OSSL_LIB_CTX *libctx; /* tpmiot and the default provider, as an application has them */
	OSSL_PROVIDER *tpmiot, *software;
};

bool user_open(struct user *user);
void user_close(struct user *user);

/* A key by file or URI; its password is in the environment variable KEYUSER_PASS. NULL on failure.
 */
EVP_PKEY *user_load(struct user *user, const char *name);

/* A new EC P-256 key in the TPM. NULL on failure. */
EVP_PKEY *user_generate(struct user *user, const char *parent);

/*
 * One operation each. What is said to be good is held against what software that has
 * nothing to do with the module makes of it: a wrong result ends the program.
 */
bool user_sign(struct user *user, EVP_PKEY *key, bool pss);
bool user_decrypt(struct user *user, EVP_PKEY *key, bool oaep); /* else PKCS #1 */
bool user_derive(struct user *user, EVP_PKEY *key);             /* plain ECDH */

#endif
