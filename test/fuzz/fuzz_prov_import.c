/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parameters of any key, given to the provider's key management. First byte: RSA or EC, and
 * what is selected; then parameters: name, type, length (two bytes), value. What is
 * taken has to be a key, and the default provider has to take it, too, and to answer
 * the same to every question.
 */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/encoder.h>
#include <openssl/err.h>

#include "world.h"

#define PARAMS_MAX 16

static const char *const NAMES[] = {
	OSSL_PKEY_PARAM_RSA_N,
	OSSL_PKEY_PARAM_RSA_E,
	OSSL_PKEY_PARAM_RSA_D,
	OSSL_PKEY_PARAM_RSA_FACTOR1,
	OSSL_PKEY_PARAM_RSA_FACTOR2,
	OSSL_PKEY_PARAM_RSA_EXPONENT1,
	OSSL_PKEY_PARAM_RSA_EXPONENT2,
	OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
	OSSL_PKEY_PARAM_GROUP_NAME,
	OSSL_PKEY_PARAM_PUB_KEY,
	OSSL_PKEY_PARAM_PRIV_KEY,
	OSSL_PKEY_PARAM_EC_ENCODING,
	OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
	OSSL_PKEY_PARAM_USE_COFACTOR_FLAG,
	OSSL_PKEY_PARAM_EC_FIELD_TYPE,
	OSSL_PKEY_PARAM_EC_P,
	OSSL_PKEY_PARAM_EC_A,
	OSSL_PKEY_PARAM_EC_B,
	OSSL_PKEY_PARAM_EC_GENERATOR,
	OSSL_PKEY_PARAM_EC_ORDER,
	OSSL_PKEY_PARAM_EC_COFACTOR,
	"no-such-parameter",
};
#define N_NAMES (sizeof(NAMES) / sizeof(NAMES[0]))

/* What a value is said to be; each is held to the type's own rules by OSSL_PARAM_get_…. */
static const unsigned int TYPES[] = { OSSL_PARAM_UNSIGNED_INTEGER, OSSL_PARAM_UTF8_STRING,
	OSSL_PARAM_OCTET_STRING, OSSL_PARAM_INTEGER };

/* Strings end in a zero byte that their size does not count: each value gets one. */
static size_t
read_params(const uint8_t *data, size_t size, uint8_t *store, OSSL_PARAM out[PARAMS_MAX + 1])
{
	size_t n = 0;

	while (n < PARAMS_MAX && size >= 4) {
		size_t len = (size_t)data[2] << 8 | data[3];

		if (len > size - 4)
			len = size - 4;
		memcpy(store, data + 4, len);
		store[len] = '\0';
		out[n].key = NAMES[data[0] % N_NAMES];
		out[n].data_type = TYPES[data[1] % 4];
		out[n].data = store;
		out[n].data_size = len;
		out[n].return_size = OSSL_PARAM_UNMODIFIED;
		n++;
		store += len + 1;
		data += 4 + len;
		size -= 4 + len;
	}
	out[n] = (OSSL_PARAM)OSSL_PARAM_END;
	return n;
}

static EVP_PKEY *
import(OSSL_LIB_CTX *libctx, const char *type, int selection, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, type, NULL);
	EVP_PKEY *key = NULL;

	FUZZ_ASSERT(ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1);
	if (EVP_PKEY_fromdata(ctx, &key, selection, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return key;
}

static void
encode(EVP_PKEY *key, const char *output, const char *structure)
{
	OSSL_ENCODER_CTX *ctx =
	    OSSL_ENCODER_CTX_new_for_pkey(key, EVP_PKEY_PUBLIC_KEY, output, structure, NULL);
	unsigned char *made = NULL;
	size_t len = 0;

	(void)OSSL_ENCODER_to_data(ctx, &made, &len);
	OPENSSL_free(made);
	OSSL_ENCODER_CTX_free(ctx);
}

struct answers {
	int bits, size, security, checked, same;
};

static struct answers
ask(OSSL_LIB_CTX *libctx, EVP_PKEY *key, int selection)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, key, NULL);
	EVP_PKEY *copy = EVP_PKEY_dup(key);
	struct answers answers = { 0 };
	OSSL_PARAM *params = NULL;

	FUZZ_ASSERT(ctx != NULL);
	answers.checked = EVP_PKEY_public_check(ctx);
	answers.bits = EVP_PKEY_get_bits(key);
	answers.size = EVP_PKEY_get_size(key);
	answers.security = EVP_PKEY_get_security_bits(key);
	answers.same = copy != NULL ? EVP_PKEY_eq(key, copy) : -3;
	if (EVP_PKEY_todata(key, selection, &params) == 1)
		OSSL_PARAM_free(params);
	EVP_PKEY_free(copy);
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return answers;
}

static void
compare(EVP_PKEY *ours, EVP_PKEY *theirs, int selection)
{
	struct answers a = ask(world_alone(), ours, selection);
	struct answers b = ask(NULL, theirs, selection);

	/* Of an odd modulus, OpenSSL's check says by chance one thing or the other. */
	FUZZ_ASSERT(a.checked == b.checked || EVP_PKEY_is_a(ours, "RSA"));
	FUZZ_ASSERT(a.same == b.same);
	FUZZ_ASSERT(a.bits == b.bits && a.size == b.size && a.security == b.security);
	encode(ours, "DER", "SubjectPublicKeyInfo");
	encode(ours, "TEXT", NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int SELECTIONS[] = { EVP_PKEY_PUBLIC_KEY, EVP_PKEY_KEYPAIR,
		EVP_PKEY_KEY_PARAMETERS, OSSL_KEYMGMT_SELECT_PUBLIC_KEY };
	OSSL_PARAM params[PARAMS_MAX + 1];
	EVP_PKEY *ours, *theirs;
	uint8_t *store;
	const char *type;
	int selection;

	if (size < 1)
		return 0;
	type = data[0] & 1 ? "EC" : "RSA";
	selection = SELECTIONS[data[0] / 2 % 4];
	store = malloc(size + PARAMS_MAX);
	FUZZ_ASSERT(store != NULL);
	(void)read_params(data + 1, size - 1, store, params);
	ours = import(world_alone(), type, selection, params);
	theirs = import(NULL, type, selection, params);
	FUZZ_ASSERT((ours == NULL) == (theirs == NULL));
	if (ours != NULL)
		compare(ours, theirs, selection);
	EVP_PKEY_free(ours);
	EVP_PKEY_free(theirs);
	free(store);
	return 0;
}
