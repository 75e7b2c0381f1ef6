/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/net/pin.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509_vfy.h>

enum tpmiot_rc
enroll_pin_parse(const char *text, struct enroll_pin *out, struct tpmiot_err *err)
{
	const char separator = strlen(text) > 2 && text[2] == ':' ? ':' : '\0';
	size_t len = 0;

	if (OPENSSL_hexstr2buf_ex(out->sha256, sizeof(out->sha256), &len, text, separator) == 1 &&
	    len == sizeof(out->sha256))
		return TPMIOT_OK;
	return tpmiot_err_set(err, TPMIOT_E_USAGE,
	    "\"%s\" is not the SHA-256 of a certificate: 64 hexadecimal digits, as 'tpmiot-ca "
	    "init' "
	    "and 'openssl x509 -noout -fingerprint -sha256' print it",
	    text);
}

static X509 *
find_pinned(const struct enroll_pin *pin, STACK_OF(X509) *shown)
{
	uint8_t sha256[EVP_MAX_MD_SIZE];

	for (int i = 0; i < sk_X509_num(shown); i++)
		if (X509_digest(sk_X509_value(shown, i), EVP_sha256(), sha256, NULL) == 1 &&
		    memcmp(sha256, pin->sha256, sizeof(pin->sha256)) == 0)
			return sk_X509_value(shown, i);
	return NULL;
}

/* The chain, with `anchor` as the only trust, by the rules that ctx came with. */
static int
verify_to(X509_STORE_CTX *ctx, X509 *anchor)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *own = X509_STORE_CTX_new();
	int error = X509_V_ERR_OUT_OF_MEM;

	if (store != NULL && own != NULL && X509_STORE_add_cert(store, anchor) == 1 &&
	    X509_STORE_CTX_init(own, store, X509_STORE_CTX_get0_cert(ctx),
	        X509_STORE_CTX_get0_untrusted(ctx)) == 1 &&
	    X509_VERIFY_PARAM_set1(
	        X509_STORE_CTX_get0_param(own), X509_STORE_CTX_get0_param(ctx)) == 1) {
		/* What is pinned need not be a root. */
		X509_STORE_CTX_set_flags(own, X509_V_FLAG_PARTIAL_CHAIN);
		if (X509_verify_cert(own) == 1)
			X509_STORE_CTX_set0_verified_chain(ctx, X509_STORE_CTX_get1_chain(own));
		error = X509_STORE_CTX_get_error(own);
	}
	X509_STORE_CTX_free(own);
	X509_STORE_free(store);
	return error;
}

static int
verify(X509_STORE_CTX *ctx, void *arg)
{
	const struct enroll_pin *pin = arg;
	X509 *anchor = find_pinned(pin, X509_STORE_CTX_get0_untrusted(ctx));
	const int error = anchor != NULL ? verify_to(ctx, anchor) : X509_V_ERR_CERT_UNTRUSTED;

	X509_STORE_CTX_set_error(ctx, error);
	return error == X509_V_OK;
}

void
enroll_pin_apply(SSL_CTX *ctx, const struct enroll_pin *pin)
{
	SSL_CTX_set_cert_verify_callback(ctx, verify, (void *)(uintptr_t)pin);
}
