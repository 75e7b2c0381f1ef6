/* SPDX-License-Identifier: Apache-2.0 */
/* The provider's edge: struct tpmiot_err becomes an entry on OpenSSL's error stack. */
#include "prov.h"

#include <string.h>

static const OSSL_ITEM reasons[] = {
	{ TPMIOT_E_MEMORY, "out of memory" },
	{ TPMIOT_E_USAGE, "wrong use" },
	{ TPMIOT_E_FORMAT, "malformed input" },
	{ TPMIOT_E_VERIFY, "does not verify" },
	{ TPMIOT_E_POLICY, "refused by policy" },
	{ TPMIOT_E_UNSUPPORTED, "not supported" },
	{ TPMIOT_E_NOT_FOUND, "not found" },
	{ TPMIOT_E_CONFLICT, "conflict" },
	{ TPMIOT_E_IO, "file error" },
	{ TPMIOT_E_PERM, "permission denied" },
	{ TPMIOT_E_CRYPTO, "error in libcrypto" },
	{ TPMIOT_E_AUTH, "wrong authorisation value" },
	{ TPMIOT_E_LOCKOUT, "TPM in dictionary-attack lockout" },
	{ TPMIOT_E_TPM_FULL, "TPM is full" },
	{ TPMIOT_E_TPM_GONE, "TPM not reachable" },
	{ TPMIOT_E_TPM, "TPM error" },
	{ 0, NULL },
};

const OSSL_ITEM *
prov_reasons(void)
{
	return reasons;
}

int
prov_raise_at(struct prov_ctx *prov, const char *file, int line, const char *function,
    enum tpmiot_rc rc, const char *fmt, ...)
{
	const char *base = strrchr(file, '/'); /* where it was built is nobody's business */
	va_list ap;

	prov->up.new_error(prov->core);
	prov->up.set_error_debug(prov->core, base == NULL ? file : base + 1, line, function);
	va_start(ap, fmt);
	prov->up.vset_error(prov->core, (uint32_t)rc, fmt, ap);
	va_end(ap);
	return 0;
}
