/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS groups. libssl takes a group from the provider whose key management it
 * would use for the group's keys. Where that is ours, because tpmiot stands
 * first, the default provider's elliptic curves would be gone; they are handed
 * on, as the keys for them are (keygen.c).
 */
#include "capabilities.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

struct receiver {
	OSSL_CALLBACK *cb;
	void *arg;
};

static int
hand_on_ec(const OSSL_PARAM params[], void *arg)
{
	const struct receiver *to = arg;
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_CAPABILITY_TLS_GROUP_ALG);
	const char *algorithm = NULL;

	if (p == NULL || !OSSL_PARAM_get_utf8_string_ptr(p, &algorithm) ||
	    OPENSSL_strcasecmp(algorithm, "EC") != 0)
		return 1;
	return to->cb(params, to->arg);
}

int
prov_get_capabilities(void *provctx, const char *capability, OSSL_CALLBACK *cb, void *arg)
{
	struct prov_ctx *prov = provctx;
	struct receiver to = { cb, arg };

	/*
	 * Keys that are made in the TPM are of no use in a key exchange. To have
	 * none is no failure: libssl gives up on every provider otherwise.
	 */
	if (prov->keygen != PROV_KEYGEN_SOFTWARE ||
	    OPENSSL_strcasecmp(capability, "TLS-GROUP") != 0)
		return 1;
	return prov_libctx(prov) != NULL &&
	       OSSL_PROVIDER_get_capabilities(prov->software, capability, hand_on_ec, &to);
}
