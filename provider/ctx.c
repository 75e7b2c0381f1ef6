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

/* Both at once, so that nobody sees the one before the other is there. */
struct prov_software {
	OSSL_LIB_CTX *libctx;
	OSSL_PROVIDER *provider; /* its default provider, to be unloaded */
};

static void
software_free(struct prov_software *software)
{
	if (software == NULL)
		return;
	OSSL_PROVIDER_unload(software->provider);
	OSSL_LIB_CTX_free(software->libctx);
	OPENSSL_free(software);
}

static struct prov_software *
software_new(void)
{
	struct prov_software *software = OPENSSL_zalloc(sizeof(*software));

	if (software == NULL)
		return NULL;
	software->libctx = OSSL_LIB_CTX_new();
	if (software->libctx != NULL)
		software->provider = OSSL_PROVIDER_load(software->libctx, "default");
	if (software->provider != NULL)
		return software;
	software_free(software);
	return NULL;
}

void
prov_ctx_free(struct prov_ctx *prov)
{
	struct tpmiot_tpm *tpm;

	if (prov == NULL)
		return;
	prov_peers_unwatch(prov);
	tpm = atomic_load(&prov->tpm);
	if (!prov->tpm_lent)
		tpmiot_tpm_free(&tpm);
	software_free(atomic_load(&prov->software));
	BIO_meth_free(prov->bio_method);
	OPENSSL_free(prov->tcti);
	OPENSSL_free(prov->state_dir);
	OPENSSL_free(prov->timeout);
	OPENSSL_free(prov);
}

void
prov_lend_tpm(void *provctx, struct tpmiot_tpm *tpm)
{
	struct prov_ctx *prov = provctx;

	atomic_store(&prov->tpm, tpm);
	prov->tpm_lent = true;
}

static const struct prov_software *
get_software(struct prov_ctx *prov)
{
	struct prov_software *made, *known = atomic_load(&prov->software);

	if (known != NULL)
		return known;
	made = software_new();
	if (made == NULL) {
		(void)prov_raise(prov, TPMIOT_E_CRYPTO,
		    "OpenSSL's default provider can't be loaded for software operations");
		return NULL;
	}
	if (atomic_compare_exchange_strong(&prov->software, &known, made))
		return made;
	software_free(made);
	return known;
}

OSSL_LIB_CTX *
prov_libctx(struct prov_ctx *prov)
{
	const struct prov_software *software = get_software(prov);

	return software == NULL ? NULL : software->libctx;
}

OSSL_PROVIDER *
prov_default_provider(struct prov_ctx *prov)
{
	const struct prov_software *software = get_software(prov);

	return software == NULL ? NULL : software->provider;
}

/* In seconds; 0 is what the device layer thinks best. */
static bool
read_timeout(struct prov_ctx *prov, unsigned int *out)
{
	const char *text = prov->timeout != NULL ? prov->timeout : secure_getenv("TPMIOT_TIMEOUT");
	char *end = NULL;
	unsigned long value = text != NULL ? strtoul(text, &end, 10) : 0;

	if (text != NULL && (end == text || *end != '\0' || value == 0 || value > 86400))
		return prov_raise(prov, TPMIOT_E_USAGE,
		    "timeout (or TPMIOT_TIMEOUT) = %s: 1 to 86400 seconds make sense", text);
	*out = (unsigned int)value;
	return true;
}

/*
 * A TCTI may be any shared object or command: a setuid program does not take it from its
 * caller's environment.
 */
struct tpmiot_tpm *
prov_tpm(struct prov_ctx *prov)
{
	const char *tcti = prov->tcti != NULL ? prov->tcti : secure_getenv("TPMIOT_TCTI");
	struct tpmiot_tpm *made = NULL, *tpm = atomic_load(&prov->tpm);
	OSSL_LIB_CTX *libctx = prov_libctx(prov);
	unsigned int timeout = 0;
	struct tpmiot_err err;

	if (libctx == NULL || tpm != NULL)
		return libctx == NULL ? NULL : tpm;
	if (!read_timeout(prov, &timeout))
		return NULL;
	if (tpmiot_tpm_new(tcti, libctx, &made, &err) != TPMIOT_OK) {
		(void)prov_raise_err(prov, &err);
		return NULL;
	}
	tpmiot_tpm_set_timeout(made, timeout);
	if (atomic_compare_exchange_strong(&prov->tpm, &tpm, made))
		return made;
	tpmiot_tpm_free(&made);
	return tpm;
}
