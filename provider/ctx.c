/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h> /* secure_getenv() */

#include "prov.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/params.h>

#include "bio.h"
#include "builtin.h"
#include "peers.h"

/* Calls a function from libcrypto's table by its own type. */
#define TAKE(member, type)                                                                         \
	prov->up.member = (type *)(d)->function;                                                   \
	break

static void
take_upcall(struct prov_ctx *prov, const OSSL_DISPATCH *d)
{
	switch (d->function_id) {
	case OSSL_FUNC_CORE_GET_PARAMS:
		TAKE(get_params, OSSL_FUNC_core_get_params_fn);
	case OSSL_FUNC_CORE_NEW_ERROR:
		TAKE(new_error, OSSL_FUNC_core_new_error_fn);
	case OSSL_FUNC_CORE_SET_ERROR_DEBUG:
		TAKE(set_error_debug, OSSL_FUNC_core_set_error_debug_fn);
	case OSSL_FUNC_CORE_VSET_ERROR:
		TAKE(vset_error, OSSL_FUNC_core_vset_error_fn);
	case OSSL_FUNC_PROVIDER_REGISTER_CHILD_CB:
		TAKE(register_child_cb, OSSL_FUNC_provider_register_child_cb_fn);
	case OSSL_FUNC_PROVIDER_DEREGISTER_CHILD_CB:
		TAKE(deregister_child_cb, OSSL_FUNC_provider_deregister_child_cb_fn);
	case OSSL_FUNC_PROVIDER_NAME:
		TAKE(provider_name, OSSL_FUNC_provider_name_fn);
	case OSSL_FUNC_BIO_READ_EX:
		TAKE(bio_read_ex, OSSL_FUNC_BIO_read_ex_fn);
	case OSSL_FUNC_BIO_WRITE_EX:
		TAKE(bio_write_ex, OSSL_FUNC_BIO_write_ex_fn);
	case OSSL_FUNC_BIO_GETS:
		TAKE(bio_gets, OSSL_FUNC_BIO_gets_fn);
	case OSSL_FUNC_BIO_PUTS:
		TAKE(bio_puts, OSSL_FUNC_BIO_puts_fn);
	case OSSL_FUNC_BIO_CTRL:
		TAKE(bio_ctrl, OSSL_FUNC_BIO_ctrl_fn);
	case OSSL_FUNC_BIO_UP_REF:
		TAKE(bio_up_ref, OSSL_FUNC_BIO_up_ref_fn);
	case OSSL_FUNC_BIO_FREE:
		TAKE(bio_free, OSSL_FUNC_BIO_free_fn);
	default:
		break;
	}
}

static bool
has_upcalls(const struct prov_upcalls *up)
{
	return up->get_params != NULL && up->new_error != NULL && up->set_error_debug != NULL &&
	       up->vset_error != NULL && up->bio_read_ex != NULL && up->bio_write_ex != NULL &&
	       up->bio_gets != NULL && up->bio_puts != NULL && up->bio_ctrl != NULL &&
	       up->bio_up_ref != NULL && up->bio_free != NULL;
}

static bool
copy_setting(const char *value, char **out)
{
	if (value == NULL)
		return true;
	*out = OPENSSL_strdup(value);
	return *out != NULL;
}

/*
 * Reads our section of openssl.cnf. Whatever it says, loading succeeds: libcrypto
 * drops the whole file with its other providers, and without a word, if it does not.
 */
static bool
read_config(struct prov_ctx *prov)
{
	char *tcti = NULL, *state_dir = NULL, *keygen = NULL, *timeout = NULL;
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_ptr("tcti", &tcti, 0),
		OSSL_PARAM_utf8_ptr("state-dir", &state_dir, 0),
		OSSL_PARAM_utf8_ptr("keygen", &keygen, 0),
		OSSL_PARAM_utf8_ptr("timeout", &timeout, 0),
		OSSL_PARAM_END,
	};

	if (!prov->up.get_params(prov->core, params))
		return false;
	if (keygen == NULL || strcmp(keygen, "tpm") == 0)
		prov->keygen = PROV_KEYGEN_TPM;
	else
		prov->keygen =
		    strcmp(keygen, "software") == 0 ? PROV_KEYGEN_SOFTWARE : PROV_KEYGEN_UNKNOWN;
	return copy_setting(tcti, &prov->tcti) && copy_setting(state_dir, &prov->state_dir) &&
	       copy_setting(timeout, &prov->timeout);
}

struct prov_ctx *
prov_ctx_new(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in)
{
	struct prov_ctx *prov = OPENSSL_zalloc(sizeof(*prov));

	if (prov == NULL)
		return NULL;
	pthread_mutex_init(&prov->lock, NULL);
	prov->core = core;
	for (; in->function_id != 0; in++)
		take_upcall(prov, in);
	if (!has_upcalls(&prov->up) || !read_config(prov) ||
	    (prov->bio_method = prov_bio_method_new()) == NULL) {
		prov_ctx_free(prov);
		return NULL;
	}
	prov_peers_watch(prov);
	return prov;
}

void
prov_ctx_free(struct prov_ctx *prov)
{
	if (prov == NULL)
		return;
	prov_peers_unwatch(prov);
	if (!prov->tpm_lent)
		tpmiot_tpm_free(&prov->tpm);
	OSSL_PROVIDER_unload(prov->software);
	OSSL_LIB_CTX_free(prov->libctx);
	BIO_meth_free(prov->bio_method);
	OPENSSL_free(prov->tcti);
	OPENSSL_free(prov->state_dir);
	OPENSSL_free(prov->timeout);
	pthread_mutex_destroy(&prov->lock);
	OPENSSL_free(prov);
}

void
prov_lend_tpm(void *provctx, struct tpmiot_tpm *tpm)
{
	struct prov_ctx *prov = provctx;

	prov->tpm = tpm;
	prov->tpm_lent = true;
}

/* With the lock held. */
static bool
make_libctx(struct prov_ctx *prov)
{
	OSSL_LIB_CTX *libctx;
	OSSL_PROVIDER *software;

	if (prov->libctx != NULL)
		return true;
	libctx = OSSL_LIB_CTX_new();
	software = libctx == NULL ? NULL : OSSL_PROVIDER_load(libctx, "default");
	if (software == NULL) {
		OSSL_LIB_CTX_free(libctx);
		return prov_raise(prov, TPMIOT_E_CRYPTO,
		    "OpenSSL's default provider can't be loaded for software operations");
	}
	prov->libctx = libctx;
	prov->software = software;
	return true;
}

/* In seconds; 0 is what the device layer thinks best. */
static bool
read_timeout(struct prov_ctx *prov, unsigned int *out)
{
	const char *text = prov->timeout != NULL ? prov->timeout : getenv("TPMIOT_TIMEOUT");
	char *end = NULL;
	unsigned long value = text != NULL ? strtoul(text, &end, 10) : 0;

	if (text != NULL && (end == text || *end != '\0' || value == 0 || value > 86400))
		return prov_raise(prov, TPMIOT_E_USAGE,
		    "timeout (or TPMIOT_TIMEOUT) = %s: 1 to 86400 seconds make sense", text);
	*out = (unsigned int)value;
	return true;
}

/*
 * With the lock held. A TCTI may be any shared object or command: a setuid
 * program does not take it from its caller's environment.
 */
static bool
make_tpm(struct prov_ctx *prov)
{
	const char *tcti = prov->tcti != NULL ? prov->tcti : secure_getenv("TPMIOT_TCTI");
	unsigned int timeout = 0;
	struct tpmiot_err err;

	if (prov->tpm != NULL)
		return true;
	if (!read_timeout(prov, &timeout))
		return false;
	if (tpmiot_tpm_new(tcti, prov->libctx, &prov->tpm, &err) != TPMIOT_OK)
		return prov_raise_err(prov, &err);
	tpmiot_tpm_set_timeout(prov->tpm, timeout);
	return true;
}

OSSL_LIB_CTX *
prov_libctx(struct prov_ctx *prov)
{
	bool ok;

	pthread_mutex_lock(&prov->lock);
	ok = make_libctx(prov);
	pthread_mutex_unlock(&prov->lock);
	return ok ? prov->libctx : NULL;
}

struct tpmiot_tpm *
prov_tpm(struct prov_ctx *prov)
{
	bool ok;

	pthread_mutex_lock(&prov->lock);
	ok = make_libctx(prov) && make_tpm(prov);
	pthread_mutex_unlock(&prov->lock);
	return ok ? prov->tpm : NULL;
}
