/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that libcrypto's EVP functions do with one key: evp KEY…
 *
 * Prints "ok WHAT" or "not ok WHAT" for each operation that the key's type has. What comes
 * out is held against software that has nothing to do with the module.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/decoder.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "keyuser.h"

#define TPMIOT "provider=tpmiot"

static struct user user;
static EVP_PKEY *key;      /* the one in the TPM */
static EVP_PKEY *software; /* its public half in a context without tpmiot */
static EVP_PKEY *imported; /* its public half, brought to tpmiot */
static char md[64];        /* the digest that suits it */
static unsigned char sig[1024];
static size_t sig_len;

static const unsigned char MESSAGE[] = "what is to be signed, in more than one piece";
static const unsigned char OTHER[] = "what is to be signed, in more than one place";

static bool
is(const char *type)
{
	return EVP_PKEY_is_a(key, type) == 1;
}

/* ---- Signing and verifying ------------------------------------------------------------- */

static bool
verifies_with(OSSL_LIB_CTX *libctx, EVP_PKEY *public, const unsigned char *message)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = EVP_DigestVerifyInit_ex(ctx, NULL, md, libctx, NULL, public, NULL) == 1 &&
	          EVP_DigestVerify(ctx, sig, sig_len, message, sizeof(MESSAGE)) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

/* By software, by tpmiot, and not with another message. */
static bool
verifies(void)
{
	return verifies_with(NULL, software, MESSAGE) &&
	       verifies_with(user.libctx, imported, MESSAGE) &&
	       verifies_with(user.libctx, key, MESSAGE) && !verifies_with(user.libctx, key, OTHER);
}

static bool
sign_with(EVP_PKEY *signer)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok;

	sig_len = 0;
	ok = EVP_DigestSignInit_ex(ctx, NULL, md, user.libctx, NULL, signer, NULL) == 1 &&
	     EVP_DigestSign(ctx, NULL, &sig_len, MESSAGE, sizeof(MESSAGE)) == 1 && sig_len > 0 &&
	     sig_len <= sizeof(sig) &&
	     EVP_DigestSign(ctx, sig, &sig_len, MESSAGE, sizeof(MESSAGE)) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

static bool
sign_message(void)
{
	return sign_with(key) && verifies();
}

/* In pieces, and from a copy that was made in the middle. */
static bool
sign_stream(void)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new(), *copy = EVP_MD_CTX_new();
	bool ok = EVP_DigestSignInit_ex(ctx, NULL, md, user.libctx, NULL, key, NULL) == 1 &&
	          EVP_DigestSignUpdate(ctx, MESSAGE, 10) == 1 && EVP_MD_CTX_copy_ex(copy, ctx) == 1;

	for (int i = 0; ok && i < 2; i++) {
		EVP_MD_CTX *one = i == 0 ? ctx : copy;

		sig_len = sizeof(sig);
		ok = EVP_DigestSignUpdate(one, MESSAGE + 10, sizeof(MESSAGE) - 10) == 1 &&
		     EVP_DigestSignFinal(one, sig, &sig_len) == 1 && verifies();
	}
	EVP_MD_CTX_free(ctx);
	EVP_MD_CTX_free(copy);
	return ok;
}

/* The digest once more among the parameters, as libssl does, and then another one. */
static bool
say_digest_again(void)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	char other[] = "SHA1";
	OSSL_PARAM again[] = {
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, md, strlen(md)),
		OSSL_PARAM_END,
	};
	OSSL_PARAM change[] = {
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, other, sizeof(other) - 1),
		OSSL_PARAM_END,
	};
	bool ok = EVP_DigestSignInit_ex(ctx, &pctx, md, user.libctx, NULL, key, again) == 1 &&
	          EVP_PKEY_CTX_set_params(pctx, change) != 1;

	sig_len = sizeof(sig);
	ok = ok && EVP_DigestSign(ctx, sig, &sig_len, MESSAGE, sizeof(MESSAGE)) == 1 && verifies();
	EVP_MD_CTX_free(ctx);
	return ok;
}

static bool
verify_stream(void)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = sign_with(key) &&
	          EVP_DigestVerifyInit_ex(ctx, NULL, md, user.libctx, NULL, imported, NULL) == 1 &&
	          EVP_DigestVerifyUpdate(ctx, MESSAGE, 7) == 1 &&
	          EVP_DigestVerifyUpdate(ctx, MESSAGE + 7, sizeof(MESSAGE) - 7) == 1 &&
	          EVP_DigestVerifyFinal(ctx, sig, sig_len) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

static bool
set_md(EVP_PKEY_CTX *ctx)
{
	return EVP_PKEY_CTX_set_signature_md(ctx, EVP_get_digestbyname(md)) == 1;
}

static bool
sign_digest(void)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	size_t len = 0;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(user.libctx, key, NULL), *copy = NULL;
	bool ok = EVP_Q_digest(NULL, md, NULL, MESSAGE, sizeof(MESSAGE), digest, &len) == 1 &&
	          EVP_PKEY_sign_init(ctx) == 1 && set_md(ctx) &&
	          (copy = EVP_PKEY_CTX_dup(ctx)) != NULL;

	for (int i = 0; ok && i < 2; i++) {
		sig_len = sizeof(sig);
		ok = EVP_PKEY_sign(i == 0 ? ctx : copy, sig, &sig_len, digest, len) == 1 &&
		     verifies();
	}
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_CTX_free(copy);
	return ok;
}

/* What is no digest of the hash that was set is not signed; nor does nothing make it crash. */
static bool
refuse_other_length(void)
{
	const unsigned char digest[EVP_MAX_MD_SIZE] = { 1 };
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(user.libctx, key, NULL);
	bool ok = EVP_PKEY_sign_init(ctx) == 1 && set_md(ctx);

	for (size_t len = 0; ok && len < 20; len += 19) {
		sig_len = sizeof(sig);
		ok = EVP_PKEY_sign(ctx, sig, &sig_len, len == 0 ? NULL : digest, len) != 1;
	}
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static bool
verify_digest(void)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	size_t len = 0;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(user.libctx, imported, NULL);
	bool ok = sign_with(key) &&
	          EVP_Q_digest(NULL, md, NULL, MESSAGE, sizeof(MESSAGE), digest, &len) == 1 &&
	          EVP_PKEY_verify_init(ctx) == 1 && set_md(ctx) &&
	          EVP_PKEY_verify(ctx, sig, sig_len, digest, len) == 1;

	digest[0] ^= 1;
	ok = ok && EVP_PKEY_verify(ctx, sig, sig_len, digest, len) != 1;
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

/* A buffer that is too small, before and after the TPM was asked. */
static bool
refuse_short_buffer(void)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok;

	sig_len = 8;
	ok = EVP_DigestSignInit_ex(ctx, NULL, md, user.libctx, NULL, key, NULL) == 1 &&
	     EVP_DigestSign(ctx, sig, &sig_len, MESSAGE, sizeof(MESSAGE)) != 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

/* Whether a signature by the key is begun, and this setting then refused. */
static bool
refuses_setting(OSSL_PARAM setting)
{
	OSSL_PARAM params[] = { setting, OSSL_PARAM_END };
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(user.libctx, key, NULL);
	bool ok = EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_CTX_set_params(ctx, params) <= 0;

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

/* And a setting for a new key of its type. */
static bool
refuses_to_make(OSSL_PARAM setting)
{
	OSSL_PARAM params[] = { setting, OSSL_PARAM_END };
	EVP_PKEY_CTX *ctx =
	    EVP_PKEY_CTX_new_from_name(user.libctx, EVP_PKEY_get0_type_name(key), TPMIOT);
	bool ok = EVP_PKEY_keygen_init(ctx) == 1 && EVP_PKEY_CTX_set_params(ctx, params) <= 0;

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static bool
refuse_settings_of_nothing(void)
{
	return refuses_setting(OSSL_PARAM_construct_utf8_string("digest", NULL, 0)) &&
	       (is("EC") ||
	           refuses_setting(OSSL_PARAM_construct_utf8_string("pad-mode", NULL, 0))) &&
	       refuses_to_make(OSSL_PARAM_construct_utf8_string("digest", NULL, 0)) &&
	       refuses_to_make(OSSL_PARAM_construct_octet_string("user-auth", NULL, 5)) &&
	       (!is("EC") || refuses_to_make(OSSL_PARAM_construct_utf8_string("group", NULL, 0)));
}

/* A nonce by RFC 6979, which a TPM does not make. */
static bool
refuse_nonce_type(void)
{
	unsigned int by_rfc6979 = 1;

	return refuses_setting(OSSL_PARAM_construct_uint("nonce-type", &by_rfc6979));
}

#if OPENSSL_VERSION_PREREQ(3, 4)
static EVP_SIGNATURE *
fetch_sigalg(const char *type)
{
	char name[128];

	(void)snprintf(name, sizeof(name), "%s-%s", type, md);
	return EVP_SIGNATURE_fetch(user.libctx, name, TPMIOT);
}

static EVP_SIGNATURE *
sigalg(void)
{
	return fetch_sigalg(is("EC") ? "ECDSA" : "RSA");
}

static bool
verify_sigalg(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(user.libctx, imported, NULL);
	EVP_SIGNATURE *alg = sigalg();
	bool ok = EVP_PKEY_verify_message_init(ctx, alg, NULL) == 1 &&
	          EVP_PKEY_verify(ctx, sig, sig_len, MESSAGE, sizeof(MESSAGE)) == 1 &&
	          EVP_PKEY_verify_message_init(ctx, alg, NULL) == 1 &&
	          EVP_PKEY_CTX_set_signature(ctx, sig, sig_len) == 1 &&
	          EVP_PKEY_verify_message_update(ctx, MESSAGE, 5) == 1 &&
	          EVP_PKEY_verify_message_update(ctx, MESSAGE + 5, sizeof(MESSAGE) - 5) == 1 &&
	          EVP_PKEY_verify_message_final(ctx) == 1 &&
	          EVP_PKEY_verify_message_init(ctx, alg, NULL) == 1 &&
	          EVP_PKEY_CTX_set_signature(ctx, sig, sig_len) == 1 &&
	          EVP_PKEY_verify_message_update(ctx, OTHER, sizeof(OTHER)) == 1 &&
	          EVP_PKEY_verify_message_final(ctx) != 1;

	EVP_SIGNATURE_free(alg);
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static bool
sign_by_sigalg(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(user.libctx, key, NULL);
	EVP_SIGNATURE *alg = sigalg();
	bool ok;

	sig_len = sizeof(sig);
	ok = EVP_PKEY_sign_message_init(ctx, alg, NULL) == 1 &&
	     EVP_PKEY_sign(ctx, sig, &sig_len, MESSAGE, sizeof(MESSAGE)) == 1 && verifies() &&
	     verify_sigalg();
	sig_len = sizeof(sig);
	ok = ok && EVP_PKEY_sign_message_init(ctx, alg, NULL) == 1 &&
	     EVP_PKEY_sign_message_update(ctx, MESSAGE, 5) == 1 &&
	     EVP_PKEY_sign_message_update(ctx, MESSAGE + 5, sizeof(MESSAGE) - 5) == 1 &&
	     EVP_PKEY_sign_message_final(ctx, sig, &sig_len) == 1 && verifies();
	EVP_SIGNATURE_free(alg);
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static bool
sign_digest_by_sigalg(void)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	size_t len = 0;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(user.libctx, key, NULL);
	EVP_PKEY_CTX *vctx = EVP_PKEY_CTX_new_from_pkey(user.libctx, imported, NULL);
	EVP_SIGNATURE *alg = sigalg();
	bool ok;

	sig_len = sizeof(sig);
	ok = EVP_Q_digest(NULL, md, NULL, MESSAGE, sizeof(MESSAGE), digest, &len) == 1 &&
	     EVP_PKEY_sign_init_ex2(ctx, alg, NULL) == 1 &&
	     EVP_PKEY_sign(ctx, sig, &sig_len, digest, len) == 1 && verifies() &&
	     EVP_PKEY_verify_init_ex2(vctx, alg, NULL) == 1 &&
	     EVP_PKEY_verify(vctx, sig, sig_len, digest, len) == 1;
	EVP_SIGNATURE_free(alg);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_CTX_free(vctx);
	return ok;
}

/* What an algorithm's key types are for. */
static bool
refuse_other_sigalg(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(user.libctx, key, NULL);
	EVP_SIGNATURE *alg = fetch_sigalg(is("EC") ? "RSA" : "ECDSA");
	bool ok = alg != NULL && EVP_PKEY_sign_message_init(ctx, alg, NULL) != 1;

	EVP_SIGNATURE_free(alg);
	EVP_PKEY_CTX_free(ctx);
	return ok;
}
#endif

/* ---- Key management -------------------------------------------------------------------- */

static bool
duplicate(void)
{
	EVP_PKEY *copy = EVP_PKEY_dup(key);
	bool ok = copy != NULL && EVP_PKEY_eq(copy, key) == 1 && sign_with(copy) && verifies();

	EVP_PKEY_free(copy);
	return ok;
}

static bool
match(void)
{
	EVP_PKEY *other = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	bool ok = EVP_PKEY_eq(key, software) == 1 && EVP_PKEY_eq(software, key) == 1 &&
	          EVP_PKEY_eq(key, imported) == 1 && EVP_PKEY_eq(key, other) != 1;

	EVP_PKEY_free(other);
	return ok;
}

static bool
validate(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(user.libctx, key, TPMIOT);
	bool ok = EVP_PKEY_public_check(ctx) == 1 && EVP_PKEY_public_check_quick(ctx) == 1 &&
	          EVP_PKEY_private_check(ctx) == 1 && EVP_PKEY_pairwise_check(ctx) == 1 &&
	          EVP_PKEY_check(ctx) == 1 && (!is("EC") || EVP_PKEY_param_check(ctx) == 1);

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

/* A public key is one: it verifies (see verifies()), and signs nothing. */
static bool
import_public(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(user.libctx, imported, TPMIOT);
	bool ok = EVP_PKEY_public_check(ctx) == 1 && EVP_PKEY_private_check(ctx) != 1 &&
	          !sign_with(imported);

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static bool
export_public_only(void)
{
	OSSL_PARAM *public = NULL, *pair = NULL;
	bool ok = EVP_PKEY_todata(key, EVP_PKEY_PUBLIC_KEY, &public) == 1 &&
	          EVP_PKEY_todata(key, EVP_PKEY_KEYPAIR, &pair) != 1 && pair == NULL;

	OSSL_PARAM_free(public);
	OSSL_PARAM_free(pair);
	return ok;
}

static bool
facts(void)
{
	return EVP_PKEY_get_bits(key) == EVP_PKEY_get_bits(software) &&
	       EVP_PKEY_get_security_bits(key) == EVP_PKEY_get_security_bits(software) &&
	       EVP_PKEY_get_size(key) == EVP_PKEY_get_size(software);
}

/* ---- Encoding and decoding --------------------------------------------------------------- */

static unsigned char *
encode(int selection, const char *format, const char *structure, size_t *len)
{
	OSSL_ENCODER_CTX *ctx =
	    OSSL_ENCODER_CTX_new_for_pkey(key, selection, format, structure, TPMIOT);
	unsigned char *out = NULL;

	*len = 0;
	if (OSSL_ENCODER_to_data(ctx, &out, len) != 1)
		out = NULL;
	OSSL_ENCODER_CTX_free(ctx);
	return out;
}

static EVP_PKEY *
decode(const unsigned char *data, size_t len, const char *format, int selection)
{
	EVP_PKEY *read = NULL;
	OSSL_DECODER_CTX *ctx =
	    OSSL_DECODER_CTX_new_for_pkey(&read, format, NULL, NULL, selection, user.libctx, NULL);

	if (OSSL_DECODER_from_data(ctx, &data, &len) != 1)
		read = NULL;
	OSSL_DECODER_CTX_free(ctx);
	return read;
}

static bool
round_trip(int selection, const char *format, const char *structure)
{
	size_t len = 0;
	unsigned char *data = encode(selection, format, structure, &len);
	EVP_PKEY *back = data == NULL ? NULL : decode(data, len, format, selection);
	bool ok = back != NULL && EVP_PKEY_eq(back, key) == 1 &&
	          sign_with(back) == (selection == EVP_PKEY_KEYPAIR);

	OPENSSL_free(data);
	EVP_PKEY_free(back);
	return ok;
}

static bool
as_private_pem(void)
{
	return round_trip(EVP_PKEY_KEYPAIR, "PEM", "PrivateKeyInfo");
}

static bool
as_private_der(void)
{
	return round_trip(EVP_PKEY_KEYPAIR, "DER", "PrivateKeyInfo");
}

static bool
as_spki_pem(void)
{
	return round_trip(EVP_PKEY_PUBLIC_KEY, "PEM", "SubjectPublicKeyInfo");
}

static bool
as_spki_der(void)
{
	return round_trip(EVP_PKEY_PUBLIC_KEY, "DER", "SubjectPublicKeyInfo");
}

static bool
as_text(void)
{
	size_t len = 0;
	unsigned char *text = encode(EVP_PKEY_KEYPAIR, "TEXT", NULL, &len);
	const char start[] = "Private key in the TPM\n";
	bool ok =
	    text != NULL && len > sizeof(start) && memcmp(text, start, sizeof(start) - 1) == 0;

	OPENSSL_free(text);
	return ok;
}

/* ---- All of it --------------------------------------------------------------------------- */

static bool
decrypt_pkcs1(void)
{
	return user_decrypt(&user, key, false);
}

static bool
decrypt_oaep(void)
{
	return user_decrypt(&user, key, true);
}

static bool
derive(void)
{
	return user_derive(&user, key);
}

/* The point at infinity, as a key of this module. */
static EVP_PKEY *
no_point(void)
{
	unsigned char infinity[] = { 0 };
	char group[64] = "";
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, infinity, sizeof(infinity)),
		OSSL_PARAM_END,
	};
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(user.libctx, "EC", TPMIOT);
	EVP_PKEY *peer = NULL;

	if (EVP_PKEY_get_group_name(key, group, sizeof(group), &params[0].data_size) == 1 &&
	    EVP_PKEY_fromdata_init(ctx) == 1 &&
	    EVP_PKEY_fromdata(ctx, &peer, EVP_PKEY_PUBLIC_KEY, params) != 1)
		peer = NULL;
	EVP_PKEY_CTX_free(ctx);
	return peer;
}

/* Whether or not libcrypto looks at the peer first. */
static bool
refuse_no_point(void)
{
	EVP_PKEY *peer = no_point();
	bool ok = true;

	for (int validate = 0; peer != NULL && validate < 2; validate++) {
		EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(user.libctx, key, NULL);

		ok = ok && EVP_PKEY_derive_init(ctx) == 1 &&
		     EVP_PKEY_derive_set_peer_ex(ctx, peer, validate) != 1;
		EVP_PKEY_CTX_free(ctx);
	}
	EVP_PKEY_free(peer);
	return ok;
}

static bool
sign_pss(void)
{
	return user_sign(&user, key, true);
}

enum { ANY = 1, RSA_ONLY = 2, EC_ONLY = 4, UNRESTRICTED = 8, NOT_PSS = 16 };

static const struct {
	const char *what;
	bool (*does)(void);
	int which;
} OPERATIONS[] = {
	{ "sign a message at once", sign_message, ANY },
	{ "sign a message in pieces, and from a copy", sign_stream, ANY },
	{ "take the same digest twice, and no other", say_digest_again, ANY },
	{ "verify a message in pieces", verify_stream, ANY },
	{ "sign a bare digest, and from a copy", sign_digest, ANY | UNRESTRICTED },
	{ "refuse a bare digest of another length", refuse_other_length, ANY | UNRESTRICTED },
	{ "verify a bare digest", verify_digest, ANY },
	{ "refuse a buffer that is too short", refuse_short_buffer, ANY },
	{ "refuse settings that say nothing", refuse_settings_of_nothing, ANY },
	{ "refuse another nonce than the TPM's", refuse_nonce_type, EC_ONLY },
#if OPENSSL_VERSION_PREREQ(3, 4)
	{ "sign and verify by an algorithm with its digest", sign_by_sigalg, ANY | NOT_PSS },
	{ "the same with a bare digest", sign_digest_by_sigalg, ANY | NOT_PSS | UNRESTRICTED },
	{ "refuse an algorithm for other keys", refuse_other_sigalg, ANY },
#endif
	{ "duplicate", duplicate, ANY },
	{ "match", match, ANY },
	{ "validate", validate, ANY },
	{ "import a public key", import_public, ANY },
	{ "export the public half, and nothing else", export_public_only, ANY },
	{ "bits, security bits, size", facts, ANY },
	{ "encode and decode a private key, PEM", as_private_pem, ANY },
	{ "encode and decode a private key, DER", as_private_der, ANY },
	{ "encode and decode a public key, PEM", as_spki_pem, ANY },
	{ "encode and decode a public key, DER", as_spki_der, ANY },
	{ "text", as_text, ANY },
	{ "sign with PSS", sign_pss, RSA_ONLY | UNRESTRICTED | NOT_PSS },
	{ "decrypt PKCS#1", decrypt_pkcs1, RSA_ONLY | UNRESTRICTED | NOT_PSS },
	{ "decrypt OAEP", decrypt_oaep, RSA_ONLY | UNRESTRICTED | NOT_PSS },
	{ "agree on a secret", derive, EC_ONLY | UNRESTRICTED },
	{ "refuse the point at infinity", refuse_no_point, EC_ONLY | UNRESTRICTED },
};

static bool
concerns(int which, bool signs_only)
{
	if (((which & UNRESTRICTED) != 0 && signs_only) ||
	    ((which & NOT_PSS) != 0 && is("RSA-PSS")))
		return false;
	return (which & ANY) != 0 || ((which & RSA_ONLY) != 0 && !is("EC")) ||
	       ((which & EC_ONLY) != 0 && is("EC"));
}

/* The public half, into a context without tpmiot and into tpmiot itself. */
static bool
prepare(const char *name)
{
	OSSL_PARAM *params = NULL;
	EVP_PKEY_CTX *ctx = NULL;
	unsigned char *spki = NULL;
	const unsigned char *p;
	int len;
	bool ok;

	key = user_load(&user, name);
	if (key == NULL || EVP_PKEY_get_default_digest_name(key, md, sizeof(md)) <= 0)
		return false;
	len = i2d_PUBKEY(key, &spki);
	p = spki;
	software = len > 0 ? d2i_PUBKEY(NULL, &p, len) : NULL;
	ctx = EVP_PKEY_CTX_new_from_name(user.libctx, EVP_PKEY_get0_type_name(key), TPMIOT);
	ok = software != NULL && EVP_PKEY_todata(software, EVP_PKEY_PUBLIC_KEY, &params) == 1 &&
	     EVP_PKEY_fromdata_init(ctx) == 1 &&
	     EVP_PKEY_fromdata(ctx, &imported, EVP_PKEY_PUBLIC_KEY, params) == 1;
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(ctx);
	OPENSSL_free(spki);
	return ok;
}

static void
forget(void)
{
	EVP_PKEY_free(key);
	EVP_PKEY_free(software);
	EVP_PKEY_free(imported);
	key = software = imported = NULL;
}

/* evp [--attestation] KEY */
int
main(int argc, char **argv)
{
	bool signs_only = argc == 3 && strcmp(argv[1], "--attestation") == 0;
	int failed = 0;

	if (argc != 2 && !signs_only)
		return 2;
	if (!user_open(&user) || !prepare(argv[argc - 1])) {
		ERR_print_errors_fp(stderr);
		printf("not ok the key is loaded\n");
		return 1;
	}
	for (size_t i = 0; i < sizeof(OPERATIONS) / sizeof(OPERATIONS[0]); i++) {
		bool ok;

		if (!concerns(OPERATIONS[i].which, signs_only))
			continue;
		ERR_clear_error();
		ok = OPERATIONS[i].does();
		if (!ok)
			ERR_print_errors_fp(stderr);
		printf("%s %s\n", ok ? "ok" : "not ok", OPERATIONS[i].what);
		failed += !ok;
	}
	forget();
	user_close(&user);
	return failed > 0;
}
