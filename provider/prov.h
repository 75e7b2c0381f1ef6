/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every part of the provider shares: the context that libcrypto hands
 * back with each call, its upcalls, and the way out for errors.
 */
#ifndef PROVIDER_PROV_H
#define PROVIDER_PROV_H

#include <stdatomic.h>
#include <stdbool.h>

#include <openssl/bio.h>
#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/provider.h>

#include <tpmiot/err.h>
#include <tpmiot/tpm.h>

/* libcrypto's functions for us; those that an old libcrypto may lack are NULL there. */
struct prov_upcalls {
	OSSL_FUNC_core_get_params_fn *get_params;
	OSSL_FUNC_core_new_error_fn *new_error;
	OSSL_FUNC_core_set_error_debug_fn *set_error_debug;
	OSSL_FUNC_core_vset_error_fn *vset_error;
	OSSL_FUNC_provider_register_child_cb_fn *register_child_cb;
	OSSL_FUNC_provider_deregister_child_cb_fn *deregister_child_cb;
	OSSL_FUNC_provider_name_fn *provider_name;
	OSSL_FUNC_BIO_read_ex_fn *bio_read_ex;
	OSSL_FUNC_BIO_write_ex_fn *bio_write_ex;
	OSSL_FUNC_BIO_gets_fn *bio_gets;
	OSSL_FUNC_BIO_puts_fn *bio_puts;
	OSSL_FUNC_BIO_ctrl_fn *bio_ctrl;
	OSSL_FUNC_BIO_up_ref_fn *bio_up_ref;
	OSSL_FUNC_BIO_free_fn *bio_free;
};

struct prov_software;

struct prov_ctx {
	const OSSL_CORE_HANDLE *core;
	struct prov_upcalls up;
	BIO_METHOD *bio_method; /* see bio.h */

	/* openssl.cnf; NULL where it says nothing */
	char *tcti;
	char *timeout;
	char *state_dir;
	enum {
		PROV_KEYGEN_TPM,      /* also where it says nothing */
		PROV_KEYGEN_SOFTWARE, /* `keygen = software` */
		PROV_KEYGEN_UNKNOWN   /* a word that makes no sense: told when a key is made */
	} keygen;

	atomic_uint peers; /* see peers.h */

	/*
	 * Made when first needed, then constant. Without a lock: a fork could come while another
	 * thread has it, and the child would wait for ever. Of two threads that make one at once,
	 * the slower throws its own away.
	 */
	_Atomic(struct prov_software *) software; /* see prov_libctx() */
	_Atomic(struct tpmiot_tpm *) tpm;
	bool tpm_lent; /* not ours: builtin.h */
};

TPMIOT_MUST_USE struct prov_ctx *prov_ctx_new(
    const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in);
void prov_ctx_free(struct prov_ctx *prov);

/*
 * The private library context with OpenSSL's default provider: whatever is
 * computed in software is computed there, so that it never comes back to us
 * and does not depend on what the application loaded. NULL (and an error
 * raised) if it can't be made.
 */
OSSL_LIB_CTX *prov_libctx(struct prov_ctx *prov);
/* That default provider itself; NULL as above. */
OSSL_PROVIDER *prov_default_provider(struct prov_ctx *prov);

/* The TPM, not connected before its first command. NULL and an error raised as above. */
struct tpmiot_tpm *prov_tpm(struct prov_ctx *prov);

/* Puts an error on OpenSSL's stack. Always returns 0, libcrypto's word for failure. */
#define prov_raise(prov, ...) prov_raise_at(prov, __FILE__, __LINE__, __func__, __VA_ARGS__)
#define prov_raise_err(prov, err) prov_raise(prov, (err)->rc, "%s", (err)->text)

int prov_raise_at(struct prov_ctx *prov, const char *file, int line, const char *function,
    enum tpmiot_rc rc, const char *fmt, ...) TPMIOT_PRINTF(6, 7);

/*
 * Between ERR_set_mark() and ERR_clear_last_mark() stands what calls into lib and tpm: what
 * these leave on libcrypto's stack is dropped down to the mark (tpmiot_err_forget()), so that
 * the application's own errors stay.
 */

/* The table of reasons behind those errors. */
const OSSL_ITEM *prov_reasons(void);

/* libcrypto's functions take parameters without const and leave them alone. */
static inline OSSL_PARAM *
prov_params_unconst(const OSSL_PARAM params[])
{
	return (OSSL_PARAM *)(uintptr_t)params;
}

#endif
