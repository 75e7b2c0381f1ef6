/* SPDX-License-Identifier: Apache-2.0 */
/* A key file, as PEM or DER; what is accepted is written and read again as the same. */
#include <string.h>

#include <tpmiot/keyfile.h>

#include "fuzz.h"

static void
check_round_trip(const struct tpmiot_keyfile *key)
{
	struct tpmiot_buf der = TPMIOT_BUF_INIT;
	struct tpmiot_keyfile again;

	FUZZ_ASSERT(tpmiot_keyfile_put_der(key, &der, NULL) == TPMIOT_OK);
	FUZZ_ASSERT(tpmiot_keyfile_parse_der(NULL, der.data, der.len, &again, NULL) == TPMIOT_OK);
	FUZZ_ASSERT(again.type == key->type && again.rsa_parent == key->rsa_parent);
	FUZZ_ASSERT((again.extra == NULL) == (key->extra == NULL));
	FUZZ_ASSERT(again.parent == key->parent && again.empty_auth == key->empty_auth);
	FUZZ_ASSERT(again.pub.raw_len == key->pub.raw_len &&
	            memcmp(again.pub.raw, key->pub.raw, key->pub.raw_len) == 0);
	FUZZ_ASSERT(again.priv.size == key->priv.size &&
	            memcmp(again.priv.buffer, key->priv.buffer, key->priv.size) == 0);
	tpmiot_keyfile_clear(&again);
	tpmiot_buf_free(&der);
}

static void
check_and_free(struct tpmiot_keyfile *key)
{
	check_round_trip(key);
	tpmiot_keyfile_clear(key);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tpmiot_keyfile key;
	struct tpmiot_err err;

	if (tpmiot_keyfile_parse_der(NULL, data, size, &key, &err) == TPMIOT_OK)
		check_and_free(&key);
	if (tpmiot_keyfile_parse_pem(NULL, data, size, &key, &err) == TPMIOT_OK)
		check_and_free(&key);
	return 0;
}
