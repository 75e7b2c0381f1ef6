/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tpmiot-enroll token KIND: a kind is a row in the table of enroll/cmd/cmd_token.c and a function
 * here. It signs, and appends what is to be printed; cmd_token prints it, or runs a program with
 * it. Nothing of it is written to disk.
 */
#ifndef ENROLL_TOKEN_TOKEN_H
#define ENROLL_TOKEN_TOKEN_H

#include "enroll/cmd/cli.h"

struct enroll_token {
	int64_t now;
	int64_t ttl;            /* seconds, positive */
	struct tpmiot_buf text; /* what was made */
	int64_t expires;        /* filled where the kind has an end; 0 otherwise */
};

typedef enum tpmiot_rc enroll_token_make(
    struct enroll_env *env, struct enroll_token *token, struct tpmiot_err *err);

/* A JSON Web Token (RFC 7519). */
enroll_token_make enroll_token_jwt;
/* A message from stdin as a JSON Web Signature (RFC 7515). */
enroll_token_make enroll_token_jws;
/* A shared access signature for Azure's services. */
enroll_token_make enroll_token_sas;

#endif
