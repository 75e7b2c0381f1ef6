/* SPDX-License-Identifier: Apache-2.0 */
#include "load.h"

#include <string.h>

#include <openssl/asn1.h>

/* The OBJECT IDENTIFIERs 2.23.133.10.1.x, up to the x. */
static const uint8_t OID_START[] = { 0x06, 0x06, 0x67, 0x81, 0x05, 0x0a, 0x01 };

bool
prov_der_is_keyfile(const uint8_t *der, size_t len)
{
	size_t header;

	if (len < 2 || der[0] != (V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED))
		return false;
	header = der[1] < 0x80 ? 2 : 2 + (size_t)(der[1] & 0x7f);
	return len >= header + sizeof(OID_START) &&
	    memcmp(der + header, OID_START, sizeof(OID_START)) == 0;
}

struct prov_pkey *
prov_load_keyfile(struct prov_ctx *prov, const struct tpmiot_keyfile *file,
    const struct tpmiot_uri *uri, OSSL_PASSPHRASE_CALLBACK *cb, void *arg)
{
	struct tpmiot_tpm *tpm = prov_tpm(prov);
	struct tpmiot_key *loaded = NULL;
	struct prov_pkey *key = NULL;
	struct tpmiot_err err;

	if (tpm == NULL)
		return NULL;
	if (tpmiot_key_from_file(tpm, file, &loaded, &err) != TPMIOT_OK)
		prov_raise_err(prov, &err);
	else if (prov_auth_provide(prov, loaded, uri, cb, arg))
		key = prov_pkey_from_tpm(prov, &loaded);
	tpmiot_key_unref(&loaded);
	return key;
}
