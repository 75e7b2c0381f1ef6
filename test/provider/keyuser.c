/* SPDX-License-Identifier: Apache-2.0 */
#include "keyuser.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <openssl/x509.h>

bool
user_open(struct user *user)
{
	memset(user, 0, sizeof(*user));
	user->libctx = OSSL_LIB_CTX_new();
	user->tpmiot = OSSL_PROVIDER_load(user->libctx, "tpmiot");
	user->software = OSSL_PROVIDER_load(user->libctx, "default");
	return user->tpmiot != NULL && user->software != NULL;
}

void
user_close(struct user *user)
{
	OSSL_PROVIDER_unload(user->tpmiot);
	OSSL_PROVIDER_unload(user->software);
	OSSL_LIB_CTX_free(user->libctx);
	memset(user, 0, sizeof(*user));
}

static int
password(char *buf, int size, int rwflag, void *arg)
{
	const char *pass = getenv("KEYUSER_PASS");

	(void)rwflag;
	(void)arg;
	return pass == NULL ? -1 : snprintf(buf, (size_t)size, "%s", pass);
}

EVP_PKEY *
user_load(struct user *user, const char *name)
{
	UI_METHOD *ui = UI_UTIL_wrap_read_pem_callback(password, 0);
	OSSL_STORE_CTX *store =
	    OSSL_STORE_open_ex(name, user->libctx, NULL, ui, NULL, NULL, NULL, NULL);
	EVP_PKEY *key = NULL;

	while (store != NULL && key == NULL && !OSSL_STORE_eof(store)) {
		OSSL_STORE_INFO *info = OSSL_STORE_load(store);

		if (info == NULL)
			break;
		key = OSSL_STORE_INFO_get1_PKEY(info);
		OSSL_STORE_INFO_free(info);
	}
	OSSL_STORE_close(store);
	UI_destroy_method(ui);
	return key;
}

EVP_PKEY *
user_generate(struct user *user, const char *parent)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(user->libctx, "EC", "provider=tpmiot");
	EVP_PKEY *key = NULL;
	uint32_t handle = (uint32_t)strtoul(parent, NULL, 0);
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t) "P-256", 5),
		OSSL_PARAM_uint32("parent", &handle),
		OSSL_PARAM_END,
	};

	if (ctx != NULL && EVP_PKEY_keygen_init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_params(ctx, params) == 1)
		(void)EVP_PKEY_generate(ctx, &key);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static bool
set_pss(EVP_PKEY_CTX *ctx, bool pss)
{
	return !pss || (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
	                   EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1);
}

/* By its public key alone, in the process's default context, which knows no tpmiot. */
static bool
holds(EVP_PKEY *key, bool pss, const unsigned char *sig, size_t len, const unsigned char *msg,
    size_t msg_len)
{
	unsigned char *spki = NULL;
	int spki_len = i2d_PUBKEY(key, &spki);
	const unsigned char *p = spki;
	EVP_PKEY *public = spki_len > 0 ? d2i_PUBKEY(NULL, &p, spki_len) : NULL;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	bool ok;

	ok = public != NULL &&
	     EVP_DigestVerifyInit_ex(ctx, &pctx, "SHA256", NULL, NULL, public, NULL) == 1 &&
	     set_pss(pctx, pss) && EVP_DigestVerify(ctx, sig, len, msg, msg_len) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(public);
	OPENSSL_free(spki);
	return ok;
}

bool
user_sign(struct user *user, EVP_PKEY *key, bool pss)
{
	unsigned char msg[100], sig[1024];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	size_t len = sizeof(sig);
	bool ok;

	RAND_bytes(msg, sizeof(msg));
	ok = EVP_DigestSignInit_ex(ctx, &pctx, "SHA256", user->libctx, NULL, key, NULL) == 1 &&
	     set_pss(pctx, pss) && EVP_DigestSign(ctx, sig, &len, msg, sizeof(msg)) == 1;
	EVP_MD_CTX_free(ctx);
	if (ok && !holds(key, pss, sig, len, msg, sizeof(msg))) {
		fprintf(stderr, "a signature that was said to be good is not\n");
		exit(42);
	}
	return ok;
}
