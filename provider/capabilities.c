/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS groups and signature algorithms. libssl takes one only from the provider whose key
 * management it would use for its keys. Where that is ours, because tpmiot stands first, the
 * default provider's elliptic curves would be gone; they are handed on, as the keys for them
 * are (keygen.c), and so is a signature algorithm for keys of our types. The algorithms of
 * RSA and ECDSA themselves are libssl's own: to repeat them would only offer them twice.
 */
#include "capabilities.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

struct receiver {
	const char *type_param; /* the parameter that names the keys' type */
	OSSL_CALLBACK *cb;
	void *arg;
};

static bool
is_our_type(const char *name)
{
	return OPENSSL_strcasecmp(name, "EC") == 0 || OPENSSL_strcasecmp(name, "RSA") == 0 ||
	       OPENSSL_strcasecmp(name, "RSA-PSS") == 0;
}

static int
hand_on_ours(const OSSL_PARAM params[], void *arg)
{
	const struct receiver *to = arg;
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, to->type_param);
	const char *type = NULL;

	if (p == NULL || !OSSL_PARAM_get_utf8_string_ptr(p, &type) || !is_our_type(type))
		return 1;
	return to->cb(params, to->arg);
}

static int
hand_on(struct prov_ctx *prov, const char *capability, struct receiver *to)
{
	OSSL_PROVIDER *software = prov_default_provider(prov);

	return software != NULL &&
	       OSSL_PROVIDER_get_capabilities(software, capability, hand_on_ours, to);
}

/* To have none of a kind is no failure: libssl gives up on every provider otherwise. */
int
prov_get_capabilities(void *provctx, const char *capability, OSSL_CALLBACK *cb, void *arg)
{
	struct prov_ctx *prov = provctx;
	struct receiver to = { OSSL_CAPABILITY_TLS_GROUP_ALG, cb, arg };

	/* Keys that are made in the TPM are of no use in a key exchange. */
	if (prov->keygen != PROV_KEYGEN_SOFTWARE)
		return 1;
	if (OPENSSL_strcasecmp(capability, "TLS-GROUP") == 0)
		return hand_on(prov, capability, &to);
#ifdef OSSL_CAPABILITY_TLS_SIGALG_KEYTYPE
	to.type_param = OSSL_CAPABILITY_TLS_SIGALG_KEYTYPE;
	if (OPENSSL_strcasecmp(capability, "TLS-SIGALG") == 0)
		return hand_on(prov, capability, &to);
#endif
	return 1;
}
