/* SPDX-License-Identifier: Apache-2.0 */
/* The module through libcrypto's own functions: what programs call, with no TPM behind it. */
#include <config.h> /* memmem() */

#include <setjmp.h>
#include <stdarg.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/store.h>

#define EC_FILE VECTOR_DIR "/ec-p256-owner.pem"
#define RSA_FILE VECTOR_DIR "/rsa-2048-auth.pem"
#define HASHED_FILE VECTOR_DIR "/ec-policy.pem" /* signs with SHA-256 only */

struct world {
	OSSL_LIB_CTX *libctx;
	OSSL_PROVIDER *tpmiot;
	OSSL_PROVIDER *software; /* NULL: tpmiot alone */
};

static int
make_world(void **state, bool with_default)
{
	struct world *w = test_calloc(1, sizeof(*w));

	w->libctx = OSSL_LIB_CTX_new();
	assert_int_equal(OSSL_PROVIDER_set_default_search_path(w->libctx, MODULE_DIR), 1);
	if (with_default)
		w->software = OSSL_PROVIDER_load(w->libctx, "default");
	w->tpmiot = OSSL_PROVIDER_load(w->libctx, "tpmiot");
	assert_non_null(w->tpmiot);
	*state = w;
	return 0;
}

static int
setup_both(void **state)
{
	return make_world(state, true);
}

static int
setup_alone(void **state)
{
	return make_world(state, false);
}

static int
teardown(void **state)
{
	struct world *w = *state;

	OSSL_PROVIDER_unload(w->tpmiot);
	OSSL_PROVIDER_unload(w->software);
	OSSL_LIB_CTX_free(w->libctx);
	test_free(w);
	return 0;
}

static int
password(char *buf, int size, int writing, void *arg)
{
	(void)writing;
	(void)arg;
	return (int)OPENSSL_strlcpy(buf, "secret", (size_t)size);
}

static EVP_PKEY *
load_file(const struct world *w, const char *path)
{
	BIO *bio = BIO_new_file(path, "r");
	EVP_PKEY *pkey = PEM_read_bio_PrivateKey_ex(bio, NULL, password, NULL, w->libctx, NULL);

	BIO_free(bio);
	assert_int_equal(ERR_peek_error(), 0);
	return pkey;
}

/* The public half, as the default provider would have it from a certificate. */
static EVP_PKEY *
public_of(const struct world *w, EVP_PKEY *pkey)
{
	unsigned char *der = NULL;
	const unsigned char *p;
	int len = i2d_PUBKEY(pkey, &der);
	EVP_PKEY *pub;

	assert_true(len > 0);
	p = der;
	pub = d2i_PUBKEY_ex(NULL, &p, len, w->libctx, NULL);
	OPENSSL_free(der);
	return pub;
}

static int
take_nothing(const OSSL_PARAM params[], void *arg)
{
	(void)params;
	*(bool *)arg = true;
	return 1;
}

/* The key that both the tests with and without the default provider look at. */
static void
check_key(const struct world *w, const char *path, const char *type)
{
	EVP_PKEY *pkey = load_file(w, path), *copy = NULL;
	bool called = false;

	assert_non_null(pkey);
	assert_true(EVP_PKEY_is_a(pkey, type));
	assert_ptr_equal(EVP_PKEY_get0_provider(pkey), w->tpmiot);
	assert_int_equal(EVP_PKEY_export(pkey, EVP_PKEY_KEYPAIR, take_nothing, &called), 0);
	assert_false(called);
	assert_int_equal(EVP_PKEY_export(pkey, EVP_PKEY_PUBLIC_KEY, take_nothing, &called), 1);
	assert_true(called);
	copy = EVP_PKEY_dup(pkey);
	assert_non_null(copy);
	assert_int_equal(EVP_PKEY_eq(pkey, copy), 1);
	assert_int_equal(EVP_PKEY_export(copy, EVP_PKEY_KEYPAIR, take_nothing, &called), 0);
	EVP_PKEY_free(pkey);
	EVP_PKEY_free(copy);
}

static void
test_key_both(void **state)
{
	check_key(*state, EC_FILE, "EC");
	check_key(*state, RSA_FILE, "RSA");
}

static void
test_key_alone(void **state)
{
	check_key(*state, EC_FILE, "EC");
	check_key(*state, RSA_FILE, "RSA");
}

/* As SSL_CTX_check_private_key() does: the certificate's key against the TPM's, both ways. */
static void
test_match_across_providers(void **state)
{
	const struct world *w = *state;
	EVP_PKEY *ec = load_file(w, EC_FILE), *rsa = load_file(w, RSA_FILE);
	EVP_PKEY *ec_pub = public_of(w, ec), *rsa_pub = public_of(w, rsa);

	assert_ptr_equal(EVP_PKEY_get0_provider(ec_pub), w->software);
	assert_int_equal(EVP_PKEY_eq(ec_pub, ec), 1);
	assert_int_equal(EVP_PKEY_eq(ec, ec_pub), 1);
	assert_int_equal(EVP_PKEY_eq(rsa_pub, rsa), 1);
	assert_int_equal(EVP_PKEY_eq(rsa, rsa_pub), 1);
	assert_int_equal(EVP_PKEY_parameters_eq(ec_pub, ec), 1);
	assert_int_equal(EVP_PKEY_missing_parameters(ec), 0);
	assert_int_equal(EVP_PKEY_missing_parameters(rsa), 0);
	/* Servers find what is left there at the next handshake, and take it for a failure. */
	assert_int_equal(ERR_peek_error(), 0);
	assert_int_not_equal(EVP_PKEY_eq(ec_pub, rsa), 1);
	ERR_clear_error();
	EVP_PKEY_free(ec);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ec_pub);
	EVP_PKEY_free(rsa_pub);
}

static void
test_params(void **state)
{
	EVP_PKEY *ec = load_file(*state, EC_FILE), *rsa = load_file(*state, RSA_FILE);
	char text[64];
	size_t len = 0;

	assert_int_equal(EVP_PKEY_get_bits(ec), 256);
	assert_int_equal(EVP_PKEY_get_security_bits(ec), 128);
	assert_int_equal(EVP_PKEY_get_bits(rsa), 2048);
	assert_int_equal(EVP_PKEY_get_size(rsa), 256);
	assert_int_equal(EVP_PKEY_get_group_name(ec, text, sizeof(text), &len), 1);
	assert_string_equal(text, "prime256v1");
	assert_true(EVP_PKEY_get_default_digest_name(ec, text, sizeof(text)) > 0);
	assert_string_equal(text, "SHA256");
	EVP_PKEY_free(ec);
	EVP_PKEY_free(rsa);
}

/* The signature comes to the TPM, and not to the default provider with half a key. */
static bool
has_param(const OSSL_PARAM *params, const char *name)
{
	return params != NULL && OSSL_PARAM_locate_const(params, name) != NULL;
}

/* What a key says that it has is what it answers, and no private part is among it. */
static void
test_gettable(void **state)
{
	EVP_PKEY *rsa = load_file(*state, RSA_FILE), *ec = load_file(*state, EC_FILE);
	const OSSL_PARAM *can = EVP_PKEY_gettable_params(rsa);
	BIGNUM *n = NULL;

	assert_true(has_param(can, OSSL_PKEY_PARAM_RSA_N));
	assert_true(has_param(can, OSSL_PKEY_PARAM_MAX_SIZE));
	assert_int_equal(EVP_PKEY_get_bn_param(rsa, OSSL_PKEY_PARAM_RSA_N, &n), 1);
	assert_int_equal(BN_num_bits(n), 2048);
	BN_free(n);
	n = NULL;
	assert_int_equal(EVP_PKEY_get_bn_param(rsa, OSSL_PKEY_PARAM_RSA_D, &n), 0);
	can = EVP_PKEY_gettable_params(ec);
	assert_true(has_param(can, OSSL_PKEY_PARAM_GROUP_NAME));
	assert_true(has_param(can, OSSL_PKEY_PARAM_EC_PUB_X));
	assert_int_equal(EVP_PKEY_get_bn_param(ec, OSSL_PKEY_PARAM_EC_PUB_X, &n), 1);
	BN_free(n);
	n = NULL;
	assert_int_equal(EVP_PKEY_get_bn_param(ec, OSSL_PKEY_PARAM_PRIV_KEY, &n), 0);
	assert_false(has_param(EVP_PKEY_settable_params(rsa), OSSL_PKEY_PARAM_RSA_N));
	assert_true(has_param(EVP_PKEY_settable_params(ec), OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY));
	ERR_clear_error();
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ec);
}

/* What is imported: the default provider's public key by tpmiot's key management. */
static EVP_PKEY *
import(const struct world *w, const char *type, int selection, OSSL_PARAM params[])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(w->libctx, type, "provider=tpmiot");
	const OSSL_PARAM *can = EVP_PKEY_fromdata_settable(ctx, selection);
	EVP_PKEY *key = NULL;

	for (const OSSL_PARAM *p = params; p->key != NULL; p++)
		assert_true(has_param(can, p->key));
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	if (EVP_PKEY_fromdata(ctx, &key, selection, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static size_t
written(EVP_PKEY *key, const char *output, const char *structure)
{
	OSSL_ENCODER_CTX *ctx = OSSL_ENCODER_CTX_new_for_pkey(
	    key, EVP_PKEY_PUBLIC_KEY, output, structure, "provider=tpmiot");
	unsigned char *made = NULL;
	size_t len = 0;

	if (OSSL_ENCODER_to_data(ctx, &made, &len) != 1)
		len = 0;
	OPENSSL_free(made);
	OSSL_ENCODER_CTX_free(ctx);
	return len;
}

static void
test_import_public(void **state)
{
	EVP_PKEY *ec = load_file(*state, EC_FILE), *key;
	unsigned char point[200];
	size_t len = 0;
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t) "P-256", 5),
		OSSL_PARAM_END,
		OSSL_PARAM_END,
	};

	/* A curve alone is half a key: there are parameters, but no public key to be written. */
	key = import(*state, "EC", EVP_PKEY_KEY_PARAMETERS, params);
	assert_non_null(key);
	assert_int_equal(written(key, "DER", "SubjectPublicKeyInfo"), 0);
	EVP_PKEY_free(key);

	assert_int_equal(EVP_PKEY_get_octet_string_param(
	                     ec, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &len),
	    1);
	params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, len);
	key = import(*state, "EC", EVP_PKEY_PUBLIC_KEY, params);
	assert_non_null(key);
	assert_int_equal(EVP_PKEY_eq(key, ec), 1);
	assert_true(written(key, "DER", "SubjectPublicKeyInfo") > len);
	EVP_PKEY_free(key);
	point[len - 1] ^= 1; /* not on the curve */
	assert_null(import(*state, "EC", EVP_PKEY_PUBLIC_KEY, params));
	ERR_clear_error();
	EVP_PKEY_free(ec);
}

/* OpenSSL's own encoder of text would follow a null pointer. */
static void
test_import_nothing(void **state)
{
	OSSL_PARAM none[] = { OSSL_PARAM_END };
	EVP_PKEY *key = import(*state, "RSA", EVP_PKEY_KEY_PARAMETERS, none);

	if (key != NULL)
		assert_int_equal(written(key, "TEXT", NULL), 0);
	assert_null(import(*state, "RSA", EVP_PKEY_PUBLIC_KEY, none));
	ERR_clear_error();
	EVP_PKEY_free(key);
}

static void
test_sign_asks_the_tpm(void **state)
{
	const struct world *w = *state;
	EVP_PKEY *pkey = load_file(w, EC_FILE);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char sig[128];
	size_t len = 0;

	assert_int_equal(
	    EVP_DigestSignInit_ex(ctx, NULL, "SHA256", w->libctx, NULL, pkey, NULL), 1);
	assert_int_equal(EVP_DigestSign(ctx, NULL, &len, (const unsigned char *)"abc", 3), 1);
	assert_in_range(len, 64, sizeof(sig));
	assert_int_equal(EVP_DigestSign(ctx, sig, &len, (const unsigned char *)"abc", 3), 0);
	assert_string_equal(ERR_reason_error_string(ERR_peek_error()), "TPM not reachable");
	ERR_clear_error();
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
}

static bool
store_opens(const struct world *w, const char *uri)
{
	OSSL_STORE_CTX *store =
	    OSSL_STORE_open_ex(uri, w->libctx, NULL, NULL, NULL, NULL, NULL, NULL);
	OSSL_STORE_INFO *info = NULL;
	bool ok = false;

	while (store != NULL && !OSSL_STORE_eof(store) && !ok) {
		info = OSSL_STORE_load(store);
		ok = info != NULL && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY;
		OSSL_STORE_INFO_free(info);
	}
	OSSL_STORE_close(store);
	ERR_clear_error();
	return ok;
}

static const OSSL_PROVIDER *
file_loader(const struct world *w)
{
	OSSL_STORE_LOADER *loader = OSSL_STORE_LOADER_fetch(w->libctx, "file", NULL);
	const OSSL_PROVIDER *prov = OSSL_STORE_LOADER_get0_provider(loader);

	OSSL_STORE_LOADER_free(loader);
	return prov;
}

/* Files are ours to open only while nobody else does. */
static void
test_store_file_follows_default(void **state)
{
	struct world *w = *state;

	assert_ptr_equal(file_loader(w), w->tpmiot);
	assert_true(store_opens(w, EC_FILE));
	w->software = OSSL_PROVIDER_load(w->libctx, "default");
	assert_ptr_equal(file_loader(w), w->software);
	assert_true(store_opens(w, EC_FILE));
	OSSL_PROVIDER_unload(w->software);
	w->software = NULL;
}

static void
test_store_file_is_default_s(void **state)
{
	const struct world *w = *state;

	assert_ptr_equal(file_loader(w), w->software);
	assert_true(store_opens(w, RSA_FILE));
	assert_false(store_opens(w, "tpmiot:handle=0x81000001"));
	assert_false(store_opens(w, "tpmiot:handle=1"));
}

/* ---- keys by their public half ----------------------------------------------- */

#define ODD_KEYS 16

static void
write_pem(const char *dir, int odd, const char *name, const unsigned char *der, long len)
{
	char path[96];
	BIO *bio;

	if (odd < 0)
		(void)snprintf(path, sizeof(path), "%s/device.key", dir);
	else
		(void)snprintf(path, sizeof(path), "%s/odd-%d.key", dir, odd);
	bio = BIO_new_file(path, "w");
	assert_true(PEM_write_bio(bio, name, "", der, len) > 0);
	BIO_free(bio);
}

/* The key of EC_FILE, among keys of a hash that OpenSSL does not know (SM3). */
static void
fill_state_dir(const char *dir)
{
	static const unsigned char ecdsa_sha256[] = { 0x00, 0x18, 0x00, 0x0b };
	unsigned char *der = NULL, *at;
	char *name = NULL, *header = NULL;
	BIO *bio = BIO_new_file(HASHED_FILE, "r");
	long len = 0;

	assert_int_equal(PEM_read_bio(bio, &name, &header, &der, &len), 1);
	at = memmem(der, (size_t)len, ecdsa_sha256, sizeof(ecdsa_sha256));
	assert_non_null(at);
	at[3] = 0x12;
	for (int i = 0; i < ODD_KEYS; i++)
		write_pem(dir, i, name, der, len);
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(der);
	BIO_free(bio);
	bio = BIO_new_file(EC_FILE, "r");
	assert_int_equal(PEM_read_bio(bio, &name, &header, &der, &len), 1);
	write_pem(dir, -1, name, der, len);
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(der);
	BIO_free(bio);
}

static void
empty_state_dir(const char *dir)
{
	char path[96];

	for (int i = 0; i < ODD_KEYS; i++) {
		(void)snprintf(path, sizeof(path), "%s/odd-%d.key", dir, i);
		assert_int_equal(unlink(path), 0);
	}
	(void)snprintf(path, sizeof(path), "%s/device.key", dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

/* Keys that are passed over in the search leave no error behind. */
static void
test_search_leaves_no_error(void **state)
{
	const struct world *w = *state;
	char dir[] = "/tmp/test_provider.XXXXXX", uri[128] = "tpmiot:spki-sha256=";
	EVP_PKEY *pkey = load_file(w, EC_FILE);
	unsigned char *spki = NULL, digest[32];
	int len = i2d_PUBKEY(pkey, &spki);
	OSSL_STORE_CTX *store;
	OSSL_STORE_INFO *info;

	assert_true(len > 0);
	assert_int_equal(EVP_Digest(spki, (size_t)len, digest, NULL, EVP_sha256(), NULL), 1);
	for (size_t i = 0; i < sizeof(digest); i++)
		(void)snprintf(uri + strlen(uri), 3, "%02x", digest[i]);
	assert_non_null(mkdtemp(dir));
	fill_state_dir(dir);
	assert_int_equal(setenv("TPMIOT_STATE_DIR", dir, 1), 0);
	store = OSSL_STORE_open_ex(uri, w->libctx, NULL, NULL, NULL, NULL, NULL, NULL);
	info = OSSL_STORE_load(store);
	assert_non_null(info);
	assert_int_equal(EVP_PKEY_eq(OSSL_STORE_INFO_get0_PKEY(info), pkey), 1);
	assert_int_equal(ERR_peek_error(), 0);
	OSSL_STORE_INFO_free(info);
	OSSL_STORE_close(store);
	assert_int_equal(unsetenv("TPMIOT_STATE_DIR"), 0);
	empty_state_dir(dir);
	OPENSSL_free(spki);
	EVP_PKEY_free(pkey);
}

static void
test_offers_nothing_else(void **state)
{
	const struct world *w = *state;

	assert_null(EVP_MD_fetch(w->libctx, "SHA256", "provider=tpmiot"));
	assert_null(EVP_RAND_fetch(w->libctx, "CTR-DRBG", "provider=tpmiot"));
	assert_null(EVP_CIPHER_fetch(w->libctx, "AES-128-CBC", "provider=tpmiot"));
	assert_null(EVP_MAC_fetch(w->libctx, "HMAC", "provider=tpmiot"));
	assert_null(EVP_KDF_fetch(w->libctx, "HKDF", "provider=tpmiot"));
	ERR_clear_error();
}

/* ---- capabilities: what libssl asks for -------------------------------------- */

/* As with the shipped openssl.cnf: keys made in passing stay in software. */
static int
setup_software_keys(void **state)
{
	static const char conf[] = "openssl_conf = init\n[init]\nproviders = providers\n"
	                           "[providers]\ntpmiot = tpmiot\n"
	                           "[tpmiot]\nactivate = 1\nkeygen = software\n";
	struct world *w = test_calloc(1, sizeof(*w));
	char path[] = "/tmp/test_provider.XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0 && write(fd, conf, sizeof(conf) - 1) == (ssize_t)sizeof(conf) - 1);
	assert_int_equal(close(fd), 0);
	w->libctx = OSSL_LIB_CTX_new();
	assert_int_equal(OSSL_PROVIDER_set_default_search_path(w->libctx, MODULE_DIR), 1);
	assert_int_equal(OSSL_LIB_CTX_load_config(w->libctx, path), 1);
	w->software = OSSL_PROVIDER_load(w->libctx, "default");
	w->tpmiot = OSSL_PROVIDER_load(w->libctx, "tpmiot");
	assert_non_null(w->software);
	assert_non_null(w->tpmiot);
	assert_int_equal(unlink(path), 0);
	*state = w;
	return 0;
}

struct census {
	const char *type_param;
	size_t ours, others; /* for keys of types that tpmiot has, and for those that it has not */
};

static int
count_one(const OSSL_PARAM params[], void *arg)
{
	struct census *census = arg;
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, census->type_param);
	const char *type = NULL;

	if (p != NULL && OSSL_PARAM_get_utf8_string_ptr(p, &type) &&
	    (strcmp(type, "EC") == 0 || strncmp(type, "RSA", 3) == 0))
		census->ours++;
	else
		census->others++;
	return 1;
}

static struct census
take_census(OSSL_PROVIDER *provider, const char *capability, const char *type_param)
{
	struct census census = { .type_param = type_param };

	assert_int_equal(
	    OSSL_PROVIDER_get_capabilities(provider, capability, count_one, &census), 1);
	return census;
}

static void
assert_handed_on(const struct world *w, const char *capability, const char *type_param)
{
	struct census theirs = take_census(w->software, capability, type_param);
	struct census ours = take_census(w->tpmiot, capability, type_param);

	assert_int_equal(ours.ours, theirs.ours);
	assert_int_equal(ours.others, 0);
}

static void
test_capabilities_handed_on(void **state)
{
	const struct world *w = *state;

	assert_handed_on(w, "TLS-GROUP", OSSL_CAPABILITY_TLS_GROUP_ALG);
	assert_true(take_census(w->tpmiot, "TLS-GROUP", OSSL_CAPABILITY_TLS_GROUP_ALG).ours > 0);
#ifdef OSSL_CAPABILITY_TLS_SIGALG_KEYTYPE
	assert_handed_on(w, "TLS-SIGALG", OSSL_CAPABILITY_TLS_SIGALG_KEYTYPE);
#endif
	assert_int_equal(take_census(w->tpmiot, "NO-SUCH-THING", "x").others, 0);
}

#define ASKING 4

static pthread_barrier_t together;

static void *
ask_for_groups(void *arg)
{
	const struct world *w = arg;
	struct census census = { .type_param = OSSL_CAPABILITY_TLS_GROUP_ALG };

	(void)pthread_barrier_wait(&together);
	(void)OSSL_PROVIDER_get_capabilities(w->tpmiot, "TLS-GROUP", count_one, &census);
	return census.ours > 0 ? arg : NULL;
}

/* What several threads are the first to need is there for each of them. */
static void
test_capabilities_for_threads(void **state)
{
	pthread_t threads[ASKING];
	void *ok = NULL;

	assert_int_equal(pthread_barrier_init(&together, NULL, ASKING), 0);
	for (size_t i = 0; i < ASKING; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_for_groups, *state), 0);
	for (size_t i = 0; i < ASKING; i++) {
		assert_int_equal(pthread_join(threads[i], &ok), 0);
		assert_ptr_equal(ok, *state);
	}
	assert_int_equal(pthread_barrier_destroy(&together), 0);
}

/* Keys that go into the TPM are none for a key exchange; and to have none is no failure. */
static void
test_capabilities_none(void **state)
{
	const struct world *w = *state;
	struct census ours = take_census(w->tpmiot, "TLS-GROUP", OSSL_CAPABILITY_TLS_GROUP_ALG);

	assert_int_equal(ours.ours + ours.others, 0);
#ifdef OSSL_CAPABILITY_TLS_SIGALG_KEYTYPE
	ours = take_census(w->tpmiot, "TLS-SIGALG", OSSL_CAPABILITY_TLS_SIGALG_KEYTYPE);
	assert_int_equal(ours.ours + ours.others, 0);
#endif
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_key_both, setup_both, teardown),
		cmocka_unit_test_setup_teardown(test_key_alone, setup_alone, teardown),
		cmocka_unit_test_setup_teardown(test_match_across_providers, setup_both, teardown),
		cmocka_unit_test_setup_teardown(test_params, setup_both, teardown),
		cmocka_unit_test_setup_teardown(test_gettable, setup_both, teardown),
		cmocka_unit_test_setup_teardown(test_import_public, setup_both, teardown),
		cmocka_unit_test_setup_teardown(test_import_nothing, setup_both, teardown),
		cmocka_unit_test_setup_teardown(test_sign_asks_the_tpm, setup_both, teardown),
		cmocka_unit_test_setup_teardown(
		    test_store_file_follows_default, setup_alone, teardown),
		cmocka_unit_test_setup_teardown(test_store_file_is_default_s, setup_both, teardown),
		cmocka_unit_test_setup_teardown(test_offers_nothing_else, setup_both, teardown),
		cmocka_unit_test_setup_teardown(
		    test_capabilities_handed_on, setup_software_keys, teardown),
		cmocka_unit_test_setup_teardown(test_capabilities_none, setup_both, teardown),
		cmocka_unit_test_setup_teardown(
		    test_capabilities_for_threads, setup_software_keys, teardown),
		cmocka_unit_test_setup_teardown(test_search_leaves_no_error, setup_both, teardown),
	};

	/* Nobody listens there: whatever asks the TPM fails. */
	setenv("TPMIOT_TCTI", "swtpm:port=1", 1);
	setenv("TSS2_LOG", "all+NONE", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
