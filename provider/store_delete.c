/* SPDX-License-Identifier: Apache-2.0 */
/* OSSL_STORE_delete(): a persistent key is removed from the TPM; files are not ours to remove. */
#include <openssl/err.h>

#include <tpmiot/uri.h>

#include "load.h"

#ifdef OSSL_FUNC_STORE_DELETE

/* By the owner, whose password no key's name can hold. */
static int
evict(struct prov_ctx *prov, TPM2_HANDLE handle)
{
	struct tpmiot_tpm *tpm = prov_tpm(prov);
	struct tpmiot_bytes no_password = { NULL, 0 };
	struct tpmiot_err err;

	if (tpm == NULL)
		return 0;
	if (tpmiot_tpm_evict(tpm, no_password, handle, handle, &err) == TPMIOT_OK)
		return 1;
	if (err.rc == TPMIOT_E_AUTH)
		return prov_raise(prov, TPMIOT_E_AUTH,
		    "the TPM's owner has a password: use tpm2_evictcontrol -C o -P PASSWORD -c "
		    "0x%08x",
		    handle);
	return prov_raise_err(prov, &err);
}

static int
delete_key(struct prov_ctx *prov, const struct tpmiot_uri *uri)
{
	switch (uri->kind) {
	case TPMIOT_URI_HANDLE:
		return evict(prov, uri->handle);
	case TPMIOT_URI_NAME:
	case TPMIOT_URI_SPKI:
		return prov_raise(prov, TPMIOT_E_UNSUPPORTED,
		    "what enrolment made is removed by `tpmiot-enroll reset`");
	case TPMIOT_URI_OBJECT:
		return prov_raise(prov, TPMIOT_E_UNSUPPORTED,
		    "a key in a file is gone with the file: remove that");
	case TPMIOT_URI_NV:
	default:
		return prov_raise(prov, TPMIOT_E_UNSUPPORTED,
		    "an NV index is removed with tpm2_nvundefine, not here");
	}
}

int
prov_store_delete(void *provctx, const char *name, const OSSL_PARAM params[],
    OSSL_PASSPHRASE_CALLBACK *pw_cb, void *pw_arg)
{
	struct tpmiot_uri uri;
	struct tpmiot_err err;
	int ret;

	(void)params;
	(void)pw_cb;
	(void)pw_arg;
	if (tpmiot_uri_parse(name, &uri, &err) != TPMIOT_OK)
		return prov_raise_err(provctx, &err);
	ERR_set_mark();
	ret = delete_key(provctx, &uri);
	ERR_clear_last_mark();
	tpmiot_uri_free(&uri);
	return ret;
}

#else

/* No empty file, in C. */
typedef int prov_no_store_delete;

#endif
