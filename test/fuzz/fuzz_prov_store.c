/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program asks OSSL_STORE for. First byte: which URI, what is expected, and whether
 * the default provider is there; then, if the URI is not a fixed one, its text up to a
 * zero byte; then what is in the file that it names. What comes out is usable, or nothing comes.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/store.h>
#include <openssl/x509.h>

#include "world.h"

static char dir[64];
static char key_path[128], cert_path[128];

static void
remove_dir(void)
{
	(void)unlink(key_path);
	(void)unlink(cert_path);
	(void)rmdir(dir);
}

static void
make_dir(void)
{
	(void)snprintf(dir, sizeof(dir), "%s", "/tmp/tpmiot-fuzz.XXXXXX");
	FUZZ_ASSERT(mkdtemp(dir) != NULL);
	(void)snprintf(key_path, sizeof(key_path), "%s/x.key", dir);
	(void)snprintf(cert_path, sizeof(cert_path), "%s/x.crt", dir);
	FUZZ_ASSERT(setenv("TPMIOT_STATE_DIR", dir, 1) == 0);
	FUZZ_ASSERT(atexit(remove_dir) == 0);
}

static void
write_file(const char *path, const uint8_t *data, size_t size)
{
	FILE *file = fopen(path, "wb");

	FUZZ_ASSERT(file != NULL);
	FUZZ_ASSERT(fwrite(data, 1, size, file) == size);
	FUZZ_ASSERT(fclose(file) == 0);
}

static void
check_key(EVP_PKEY *key)
{
	unsigned char *der = NULL;
	int len;

	FUZZ_ASSERT(key != NULL);
	len = i2d_PUBKEY(key, &der);
	FUZZ_ASSERT(len > 0 || EVP_PKEY_missing_parameters(key));
	OPENSSL_free(der);
}

static void
check_object(const OSSL_STORE_INFO *info, int expect)
{
	int type = OSSL_STORE_INFO_get_type(info);

	FUZZ_ASSERT(expect == 0 || type == expect || type == OSSL_STORE_INFO_NAME);
	if (type == OSSL_STORE_INFO_PKEY)
		check_key(OSSL_STORE_INFO_get0_PKEY(info));
	else if (type == OSSL_STORE_INFO_PUBKEY)
		check_key(OSSL_STORE_INFO_get0_PUBKEY(info));
	else if (type == OSSL_STORE_INFO_CERT)
		FUZZ_ASSERT(OSSL_STORE_INFO_get0_CERT(info) != NULL);
}

/* It comes to an end: each object, or what is none, takes at least a byte of the `size`. */
static void
load_all(OSSL_LIB_CTX *libctx, const char *uri, int expect, size_t size)
{
	OSSL_STORE_CTX *store = OSSL_STORE_open_ex(uri, libctx, NULL, NULL, NULL, NULL, NULL, NULL);

	if (store != NULL && expect != 0)
		(void)OSSL_STORE_expect(store, expect);
	for (size_t n = 0; store != NULL && !OSSL_STORE_eof(store); n++) {
		OSSL_STORE_INFO *info = OSSL_STORE_load(store);

		FUZZ_ASSERT(n <= size + 1);
		if (info != NULL)
			check_object(info, expect);
		OSSL_STORE_INFO_free(info);
	}
	(void)OSSL_STORE_close(store);
	ERR_clear_error();
}

/* A URI in the input, with a scheme of ours: any other is libcrypto's business. */
static size_t
own_uri(const uint8_t *data, size_t size, char *out, size_t out_size)
{
	static const char *const SCHEMES[] = { "tpmiot:", "handle:", "object:x" };
	const uint8_t *end = memchr(data, '\0', size);
	size_t len = end != NULL ? (size_t)(end - data) : size;

	if (len > 200)
		len = 200;
	(void)snprintf(out, out_size, "%s%.*s", SCHEMES[len == 0 ? 0 : data[0] % 3],
	    len == 0 ? 0 : (int)len - 1, (const char *)data + 1);
	return end != NULL ? len + 1 : len;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int EXPECT[] = { 0, OSSL_STORE_INFO_PKEY, OSSL_STORE_INFO_CERT,
		OSSL_STORE_INFO_PUBKEY };
	OSSL_LIB_CTX *libctx;
	char uri[300] = "tpmiot:x";
	size_t used = 1;
	int expect;

	if (size < 1)
		return 0;
	if (dir[0] == '\0')
		make_dir();
	libctx = data[0] & 1 ? world_beside() : world_alone();
	expect = EXPECT[data[0] / 2 % 4];
	switch (data[0] / 8 % 4) {
	case 0:
		(void)snprintf(uri, sizeof(uri), "%s", key_path);
		break;
	case 1:
		(void)snprintf(uri, sizeof(uri), "object:%s", key_path);
		break;
	case 2:
		break;
	default:
		used += own_uri(data + 1, size - 1, uri, sizeof(uri));
		break;
	}
	write_file(expect == OSSL_STORE_INFO_CERT ? cert_path : key_path, data + used, size - used);
	load_all(libctx, uri, expect, size);
	return 0;
}
