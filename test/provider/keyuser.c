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

/* Its public half alone, in the process's default context, which knows no tpmiot. */
static EVP_PKEY *
software_half(EVP_PKEY *key)
{
	unsigned char *spki = NULL;
	int len = i2d_PUBKEY(key, &spki);
	const unsigned char *p = spki;
	EVP_PKEY *public = len > 0 ? d2i_PUBKEY(NULL, &p, len) : NULL;

	OPENSSL_free(spki);
	return public;
}

static void
not_good(const char *what)
{
	fprintf(stderr, "%s that was said to be good is not\n", what);
	exit(42);
}

static bool
holds(EVP_PKEY *public, bool pss, const unsigned char *sig, size_t len, const unsigned char *msg,
    size_t msg_len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	bool ok;

	ok = EVP_DigestVerifyInit_ex(ctx, &pctx, "SHA256", NULL, NULL, public, NULL) == 1 &&
	     set_pss(pctx, pss) && EVP_DigestVerify(ctx, sig, len, msg, msg_len) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

bool
user_sign(struct user *user, EVP_PKEY *key, bool pss)
{
	unsigned char msg[100], sig[1024];
	EVP_PKEY *public = software_half(key);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	size_t len = sizeof(sig);
	bool ok;

	RAND_bytes(msg, sizeof(msg));
	ok = public != NULL &&
	     EVP_DigestSignInit_ex(ctx, &pctx, "SHA256", user->libctx, NULL, key, NULL) == 1 &&
	     set_pss(pctx, pss) && EVP_DigestSign(ctx, sig, &len, msg, sizeof(msg)) == 1;
	EVP_MD_CTX_free(ctx);
	if (ok && !holds(public, pss, sig, len, msg, sizeof(msg)))
		not_good("a signature");
	EVP_PKEY_free(public);
	return ok;
}

static bool
set_padding(EVP_PKEY_CTX *ctx, bool oaep)
{
	return EVP_PKEY_CTX_set_rsa_padding(
	           ctx, oaep ? RSA_PKCS1_OAEP_PADDING : RSA_PKCS1_PADDING) == 1;
}

static bool
encrypt(EVP_PKEY *key, bool oaep, const unsigned char *in, size_t in_len, unsigned char *out,
    size_t *out_len)
{
	EVP_PKEY *public = software_half(key);
	EVP_PKEY_CTX *ctx = public == NULL ? NULL : EVP_PKEY_CTX_new(public, NULL);
	bool ok = ctx != NULL && EVP_PKEY_encrypt_init(ctx) == 1 && set_padding(ctx, oaep) &&
	          EVP_PKEY_encrypt(ctx, out, out_len, in, in_len) == 1;

	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(public);
	return ok;
}

bool
user_decrypt(struct user *user, EVP_PKEY *key, bool oaep)
{
	unsigned char secret[32], box[1024], plain[1024];
	size_t box_len = sizeof(box), len = sizeof(plain);
	size_t too_short = (size_t)EVP_PKEY_get_size(key) - 1;
	EVP_PKEY_CTX *ctx = NULL;
	bool ok;

	RAND_bytes(secret, sizeof(secret));
	if (!encrypt(key, oaep, secret, sizeof(secret), box, &box_len))
		return false;
	ctx = EVP_PKEY_CTX_new_from_pkey(user->libctx, key, NULL);
	ok = ctx != NULL && EVP_PKEY_decrypt_init(ctx) == 1 && set_padding(ctx, oaep);
	/* Refused whatever the message, which would fit: or its length told of its padding. */
	ERR_set_mark();
	if (ok && EVP_PKEY_decrypt(ctx, plain, &too_short, box, box_len) == 1)
		not_good("a buffer that is too short for some messages");
	ERR_pop_to_mark();
	ok = ok && EVP_PKEY_decrypt(ctx, plain, &len, box, box_len) == 1;
	EVP_PKEY_CTX_free(ctx);
	if (ok && (len != sizeof(secret) || memcmp(plain, secret, len) != 0))
		not_good("a decryption");
	return ok;
}

/* A new key on the same curve, in software. */
static EVP_PKEY *
new_peer(EVP_PKEY *key)
{
	char group[64];
	size_t len = 0;

	return EVP_PKEY_get_group_name(key, group, sizeof(group), &len) != 1
	           ? NULL
	           : EVP_PKEY_Q_keygen(NULL, NULL, "EC", group);
}

static bool
derive(OSSL_LIB_CTX *libctx, EVP_PKEY *own, EVP_PKEY *peer, unsigned char *out, size_t *len)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, own, NULL);
	bool ok = ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
	          EVP_PKEY_derive_set_peer(ctx, peer) == 1 && EVP_PKEY_derive(ctx, out, len) == 1;

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

bool
user_derive(struct user *user, EVP_PKEY *key)
{
	unsigned char ours[128], theirs[128];
	size_t ours_len = sizeof(ours), theirs_len = sizeof(theirs);
	EVP_PKEY *peer = new_peer(key), *public = software_half(key);
	bool ok = peer != NULL && public != NULL &&
	          derive(NULL, peer, public, theirs, &theirs_len) &&
	          derive(user->libctx, key, peer, ours, &ours_len);

	EVP_PKEY_free(peer);
	EVP_PKEY_free(public);
	if (ok && (ours_len != theirs_len || memcmp(ours, theirs, ours_len) != 0))
		not_good("a shared secret");
	return ok;
}
