/* SPDX-License-Identifier: Apache-2.0 */
/* NV content all the way: certificate, profile, key, and a path that leads nowhere. */
#include <string.h>

#include <tpmiot/der.h>
#include <tpmiot/ekcert.h>
#include <tpmiot/template.h>

#include "fuzz.h"

#define NOW 1767225600

static void
check(X509 *cert)
{
	X509_STORE *nobody = X509_STORE_new();
	struct tpmiot_ekcert_info info;
	struct tpmiot_public ek;
	EVP_PKEY *pkey = NULL;
	struct tpmiot_err err;
	TPMT_PUBLIC area;

	FUZZ_ASSERT(nobody != NULL);
	if (tpmiot_ekcert_check_profile(cert, &info, &err) == TPMIOT_OK) {
		FUZZ_ASSERT(memchr(info.manufacturer, 0, sizeof(info.manufacturer)) != NULL);
		FUZZ_ASSERT(memchr(info.model, 0, sizeof(info.model)) != NULL);
		FUZZ_ASSERT(memchr(info.version, 0, sizeof(info.version)) != NULL);
	}
	tpmiot_template_ek(tpmiot_ek_profile_at(0), &area);
	FUZZ_ASSERT(tpmiot_public_from_area(NULL, &area, &ek, &err) == TPMIOT_OK);
	FUZZ_ASSERT(tpmiot_ekcert_check_key(NULL, cert, &ek, &err) != TPMIOT_OK);
	FUZZ_ASSERT(tpmiot_ekcert_check_path(NULL, cert, NULL, nobody, NOW, &err) != TPMIOT_OK);
	if (tpmiot_ekcert_pubkey(NULL, cert, &pkey, &err) == TPMIOT_OK)
		EVP_PKEY_free(pkey);
	X509_STORE_free(nobody);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tpmiot_err err;
	X509 *cert = NULL;

	if (tpmiot_der_check(data, size, &err) == TPMIOT_OK)
		FUZZ_ASSERT(size >= 2);
	if (tpmiot_ekcert_parse(NULL, data, size, &cert, &err) != TPMIOT_OK)
		return 0;
	check(cert);
	X509_free(cert);
	return 0;
}
