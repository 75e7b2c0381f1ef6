/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>

#include <openssl/asn1.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>

#include <tpmiot/keyless.h>

/*
 * A library context in which there are no decoders. Made once, since it is never used for
 * anything else, and kept as long as the process lives, as the default one is.
 */
static OSSL_LIB_CTX *nowhere;
static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;

static void
make_nowhere(void)
{
	OSSL_LIB_CTX *libctx = OSSL_LIB_CTX_new();

	/* Else it would get the default provider by itself. */
	if (libctx != NULL && OSSL_PROVIDER_load(libctx, "null") != NULL)
		nowhere = libctx;
	else
		OSSL_LIB_CTX_free(libctx);
}

X509_REQ *
tpmiot_keyless_req(const uint8_t **p, size_t len)
{
	/* Without `nowhere` (no memory) the key is decoded as ever: slower, and right. */
	if (len > LONG_MAX || CRYPTO_THREAD_run_once(&once, make_nowhere) != 1)
		return NULL;
	return (X509_REQ *)ASN1_item_d2i_ex(
	    NULL, p, (long)len, ASN1_ITEM_rptr(X509_REQ), nowhere, NULL);
}

EVP_PKEY *
tpmiot_keyless_pubkey(OSSL_LIB_CTX *libctx, const X509_PUBKEY *spki)
{
	unsigned char *der = NULL;
	const unsigned char *p;
	EVP_PKEY *pkey = NULL;
	const int len = i2d_X509_PUBKEY(spki, &der);

	p = der;
	if (len > 0)
		pkey = d2i_PUBKEY_ex(NULL, &p, len, libctx, NULL);
	OPENSSL_free(der);
	return pkey;
}
