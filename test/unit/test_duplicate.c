/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counterpart, TPM2_Import, is played in software here (softtpm.c);
 * test/provider/test_duplicate.sh has a TPM do it.
 */
#include "unit.h"

#include <tpmiot/duplicate.h>
#include <tpmiot/template.h>

#include "softtpm.h"

static const struct tpmiot_bytes none = { NULL, 0 };
static const struct tpmiot_bytes inner = { "0123456789abcdef", TPMIOT_INNER_KEY_LEN };

static struct tpmiot_bytes
bytes_of(const struct tpmiot_buf *buf)
{
	return (struct tpmiot_bytes){ buf->data, buf->len };
}

/* Storage keys: P-256 and RSA 2048 with SHA-256, P-384 with SHA-384 and AES-256. */
static void
make_storage_key(size_t i, struct softkey *out)
{
	TPMT_PUBLIC template;

	if (i == 2) {
		softkey_make_ek(out, "H-3");
		return;
	}
	if (i == 0)
		tpmiot_template_srk_ecc(&template);
	else
		tpmiot_template_srk_rsa(&template);
	softkey_make(out, &template);
}

static bool
import(const struct softkey *parent, const struct tpmiot_duplicate *dup, struct tpmiot_bytes key,
    struct tpmiot_bytes expected)
{
	struct tpmiot_buf data = TPMIOT_BUF_INIT;
	bool ok = softtpm_import(
	    parent, &dup->pub, bytes_of(&dup->priv), bytes_of(&dup->seed), key, &data);

	if (ok) {
		assert_int_equal(data.len, expected.len);
		assert_memory_equal(data.data, expected.data, expected.len);
	}
	tpmiot_buf_free(&data);
	return ok;
}

static void
test_duplicate_seal(void **state)
{
	static const uint8_t content[TPMIOT_SEALED_MAX] = "what is sealed";
	static const size_t lengths[] = { 1, 32, sizeof(content) };
	struct tpmiot_duplicate dup;
	struct softkey parent, other;
	struct tpmiot_err err;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		make_storage_key(i, &parent);
		make_storage_key(i, &other);
		for (size_t j = 0; j < 2 * COUNT(lengths); j++) {
			struct tpmiot_bytes data = { content, lengths[j / 2] };
			struct tpmiot_bytes key = j % 2 == 0 ? none : inner;

			assert_ok(
			    tpmiot_duplicate_seal(NULL, &parent.pub, data, key, &dup, &err), &err);
			assert_true(import(&parent, &dup, key, data));
			assert_false(import(&parent, &dup, j % 2 == 0 ? inner : none, data));
			assert_false(import(&other, &dup, key, data));
			assert_int_equal(dup.pub.area.objectAttributes &
			                     (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_SIGN_ENCRYPT |
			                         TPMA_OBJECT_DECRYPT | TPMA_OBJECT_RESTRICTED),
			    0);
			tpmiot_duplicate_free(&dup);
			assert_null(dup.priv.data);
		}
		softkey_free(&parent);
		softkey_free(&other);
	}
}

/* Every byte counts: none can be another one. */
static void
test_duplicate_is_protected(void **state)
{
	const struct tpmiot_bytes data = { "secret", 6 };
	struct tpmiot_duplicate dup;
	struct softkey parent;
	struct tpmiot_err err;

	(void)state;
	make_storage_key(0, &parent);
	assert_ok(tpmiot_duplicate_seal(NULL, &parent.pub, data, none, &dup, &err), &err);
	for (size_t i = 0; i < dup.priv.len + dup.seed.len; i++) {
		uint8_t *byte =
		    i < dup.priv.len ? &dup.priv.data[i] : &dup.seed.data[i - dup.priv.len];

		*byte ^= 1;
		assert_false(import(&parent, &dup, none, data));
		*byte ^= 1;
	}
	dup.pub.name.name[2] ^= 1;
	assert_false(import(&parent, &dup, none, data));
	tpmiot_duplicate_free(&dup);
	softkey_free(&parent);
}

static void
test_duplicate_hmac_key(void **state)
{
	static const struct {
		TPMI_ALG_HASH hash;
		const char *name;
		size_t block;
	} rows[] = { { TPM2_ALG_SHA256, "SHA256", 64 }, { TPM2_ALG_SHA384, "SHA384", 128 } };
	uint8_t content[200], digest[EVP_MAX_MD_SIZE];
	struct tpmiot_duplicate dup;
	struct softkey parent;
	struct tpmiot_err err;
	size_t size;

	(void)state;
	memset(content, 'k', sizeof(content));
	make_storage_key(0, &parent);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tpmiot_bytes key = { content, rows[i].block };

		assert_ok(tpmiot_duplicate_hmac_key(
		              NULL, &parent.pub, rows[i].hash, key, inner, &dup, &err),
		    &err);
		assert_true(import(&parent, &dup, inner, key));
		assert_int_equal(
		    dup.pub.area.parameters.keyedHashDetail.scheme.details.hmac.hashAlg,
		    rows[i].hash);
		assert_true((dup.pub.area.objectAttributes & TPMA_OBJECT_SIGN_ENCRYPT) != 0);
		tpmiot_duplicate_free(&dup);
		/* One byte more than a block: hashed, as HMAC does. */
		key.len++;
		assert_int_equal(
		    EVP_Q_digest(NULL, rows[i].name, NULL, key.data, key.len, digest, &size), 1);
		assert_ok(tpmiot_duplicate_hmac_key(
		              NULL, &parent.pub, rows[i].hash, key, none, &dup, &err),
		    &err);
		assert_true(import(&parent, &dup, none, (struct tpmiot_bytes){ digest, size }));
		tpmiot_duplicate_free(&dup);
	}
	softkey_free(&parent);
}

static void
test_duplicate_usage(void **state)
{
	static const uint8_t content[TPMIOT_SEALED_MAX + 1];
	const struct tpmiot_bytes one = { content, 1 }, much = { content, sizeof(content) };
	const struct tpmiot_bytes short_key = { content, 15 };
	struct tpmiot_duplicate dup;
	struct softkey parent, ak;
	struct tpmiot_err err;
	TPMT_PUBLIC template;

	(void)state;
	make_storage_key(0, &parent);
	assert_refused(tpmiot_duplicate_seal(NULL, &parent.pub, none, none, &dup, &err),
	    TPMIOT_E_USAGE, &err, "nothing");
	assert_refused(tpmiot_duplicate_seal(NULL, &parent.pub, much, none, &dup, &err),
	    TPMIOT_E_USAGE, &err, "129 bytes");
	assert_refused(tpmiot_duplicate_seal(NULL, &parent.pub, one, short_key, &dup, &err),
	    TPMIOT_E_USAGE, &err, "15 bytes");
	assert_refused(
	    tpmiot_duplicate_hmac_key(NULL, &parent.pub, TPM2_ALG_NULL, one, none, &dup, &err),
	    TPMIOT_E_UNSUPPORTED, &err, "hash");
	assert_refused(
	    tpmiot_duplicate_hmac_key(NULL, &parent.pub, TPM2_ALG_SHA256, none, none, &dup, &err),
	    TPMIOT_E_USAGE, &err, "nothing");
	tpmiot_template_ak_ecc(&template);
	softkey_make(&ak, &template);
	assert_refused(tpmiot_duplicate_seal(NULL, &ak.pub, one, none, &dup, &err),
	    TPMIOT_E_UNSUPPORTED, &err, "storage key is no restricted decryption key");
	softkey_free(&ak);
	softkey_free(&parent);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_duplicate_seal),
		cmocka_unit_test(test_duplicate_is_protected),
		cmocka_unit_test(test_duplicate_hmac_key),
		cmocka_unit_test(test_duplicate_usage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
