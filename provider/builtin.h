/* SPDX-License-Identifier: Apache-2.0 */
/* The provider inside a program of ours, for OSSL_PROVIDER_add_builtin(). */
#ifndef PROVIDER_BUILTIN_H
#define PROVIDER_BUILTIN_H

#include <openssl/core.h>

#include <tpmiot/tpm.h>

OSSL_provider_init_fn OSSL_provider_init;

/*
 * Has the provider use this connection instead of one of its own: a TPM without a
 * resource manager has one client. provctx is what OSSL_provider_init() answered; tpm is
 * borrowed and outlives the provider. Before the first key only.
 */
void prov_lend_tpm(void *provctx, struct tpmiot_tpm *tpm);

#endif
