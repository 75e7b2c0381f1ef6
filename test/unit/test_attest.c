/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <tpmiot/attest.h>
#include <tpmiot/credential.h>
#include <tpmiot/template.h>

#include "softtpm.h"

static struct softkey ak, ak_rsa, other_ak, key, other_key;

static const uint8_t NONCE_BYTES[32] = "0123456789abcdef0123456789abcdef";
static const struct tpmiot_bytes NONCE = { NONCE_BYTES, sizeof(NONCE_BYTES) };

static struct tpmiot_bytes
bytes_of(const struct tpmiot_buf *buf)
{
	return (struct tpmiot_bytes){ buf->data, buf->len };
}

/* ---- what real TPMs make ---------------------------------------------------- */

static void
read_public(const char *file, struct tpmiot_public *out)
{
	struct tpmiot_buf tpm2b = TPMIOT_BUF_INIT;
	struct tpmiot_err err;

	read_vector(file, &tpm2b);
	assert_ok(tpmiot_public_parse(NULL, tpm2b.data, tpm2b.len, out, &err), &err);
	tpmiot_buf_free(&tpm2b);
}

static void
verify_swtpm(const char *type)
{
	static const uint8_t nonce[] = { 0x00, 0xff, 0x55, 0xaa }; /* tpm2_certify's */
	struct tpmiot_buf attest = TPMIOT_BUF_INIT, signature = TPMIOT_BUF_INIT;
	struct tpmiot_public signer, object;
	struct tpmiot_err err;
	char file[64];

	(void)snprintf(file, sizeof(file), "attest/%s-ak.tpm2b", type);
	read_public(file, &signer);
	(void)snprintf(file, sizeof(file), "attest/%s-key.tpm2b", type);
	read_public(file, &object);
	(void)snprintf(file, sizeof(file), "attest/%s.attest", type);
	read_vector(file, &attest);
	(void)snprintf(file, sizeof(file), "attest/%s.signature", type);
	read_vector(file, &signature);
	assert_ok(tpmiot_attest_verify_certify(NULL, &signer, &object,
	              (struct tpmiot_bytes){ nonce, sizeof(nonce) }, bytes_of(&attest),
	              bytes_of(&signature), &err),
	    &err);
	tpmiot_buf_free(&attest);
	tpmiot_buf_free(&signature);
}

static void
test_verify_certify_swtpm(void **state)
{
	(void)state;
	verify_swtpm("ecc");
	verify_swtpm("rsa");
}

/* ---- what is made wrong ------------------------------------------------------ */

/* Signs the content as it is and has it verified. */
static enum tpmiot_rc
verify_content(const void *content, size_t len, struct tpmiot_err *err)
{
	struct tpmiot_buf attest = TPMIOT_BUF_INIT, signature = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	soft_put_tpm2b(content, len, &attest);
	softkey_sign_own(&ak, content, len, &signature);
	rc = tpmiot_attest_verify_certify(
	    NULL, &ak.pub, &key.pub, NONCE, bytes_of(&attest), bytes_of(&signature), err);
	tpmiot_buf_free(&attest);
	tpmiot_buf_free(&signature);
	return rc;
}

static void
refuse_fields(const struct soft_attest *fields, enum tpmiot_rc expected, const char *word)
{
	struct tpmiot_buf content = TPMIOT_BUF_INIT;
	struct tpmiot_err err = { 0 };

	soft_attest_put(fields, &content);
	assert_refused(verify_content(content.data, content.len, &err), expected, &err, word);
	tpmiot_buf_free(&content);
}

static void
test_verify_certify_sound(void **state)
{
	const struct softkey *signers[] = { &ak, &ak_rsa };

	(void)state;
	for (size_t i = 0; i < COUNT(signers); i++) {
		struct tpmiot_buf attest = TPMIOT_BUF_INIT, signature = TPMIOT_BUF_INIT;
		struct tpmiot_err err;

		softtpm_certify(signers[i], &key, NONCE, &attest, &signature);
		assert_ok(tpmiot_attest_verify_certify(NULL, &signers[i]->pub, &key.pub, NONCE,
		              bytes_of(&attest), bytes_of(&signature), &err),
		    &err);
		tpmiot_buf_free(&attest);
		tpmiot_buf_free(&signature);
	}
}

static void
test_verify_certify_magic(void **state)
{
	struct soft_attest fields;

	(void)state;
	soft_attest_init(&fields, &key, NONCE);
	fields.magic = 0x00544347;
	refuse_fields(&fields, TPMIOT_E_FORMAT, "TPM_GENERATED_VALUE");
}

static void
test_verify_certify_type(void **state)
{
	struct soft_attest fields;

	(void)state;
	for (unsigned int type = 0x8014; type <= 0x801c; type++) {
		if (type == TPM2_ST_ATTEST_CERTIFY)
			continue;
		soft_attest_init(&fields, &key, NONCE);
		fields.type = (uint16_t)type;
		refuse_fields(&fields, TPMIOT_E_FORMAT, "type");
	}
}

static void
test_verify_certify_nonce(void **state)
{
	struct soft_attest fields;

	(void)state;
	soft_attest_init(&fields, &key, NONCE);
	fields.extra_data.buffer[31] ^= 1;
	refuse_fields(&fields, TPMIOT_E_VERIFY, "nonce");
	soft_attest_init(&fields, &key, NONCE);
	fields.extra_data.size--;
	refuse_fields(&fields, TPMIOT_E_VERIFY, "nonce");
	fields.extra_data.size = 0;
	refuse_fields(&fields, TPMIOT_E_VERIFY, "nonce");
}

/* An empty nonce would match an attestation that carries none. */
static void
test_verify_certify_no_nonce(void **state)
{
	struct tpmiot_buf attest = TPMIOT_BUF_INIT, signature = TPMIOT_BUF_INIT;
	const struct tpmiot_bytes none = { "", 0 };
	struct tpmiot_err err = { 0 };

	(void)state;
	softtpm_certify(&ak, &key, none, &attest, &signature);
	assert_refused(tpmiot_attest_verify_certify(NULL, &ak.pub, &key.pub, none,
	                   bytes_of(&attest), bytes_of(&signature), &err),
	    TPMIOT_E_USAGE, &err, "nonce");
	tpmiot_buf_free(&attest);
	tpmiot_buf_free(&signature);
}

static void
test_verify_certify_name(void **state)
{
	struct soft_attest fields;

	(void)state;
	soft_attest_init(&fields, &other_key, NONCE);
	refuse_fields(&fields, TPMIOT_E_VERIFY, "another key");
	soft_attest_init(&fields, &key, NONCE);
	fields.name.size = 0;
	refuse_fields(&fields, TPMIOT_E_VERIFY, "another key");
	soft_attest_init(&fields, &key, NONCE);
	fields.name.name[1] ^= 7; /* another nameAlg */
	refuse_fields(&fields, TPMIOT_E_VERIFY, "another key");
}

static void
test_verify_certify_qualified_name(void **state)
{
	struct soft_attest fields;

	(void)state;
	soft_attest_init(&fields, &key, NONCE);
	fields.qualified_name.size = 0;
	refuse_fields(&fields, TPMIOT_E_VERIFY, "qualified name");
	soft_attest_init(&fields, &key, NONCE);
	fields.qualified_name.size = 4;
	refuse_fields(&fields, TPMIOT_E_VERIFY, "qualified name");
	soft_attest_init(&fields, &key, NONCE);
	fields.qualified_name.name[1] ^= 7;
	refuse_fields(&fields, TPMIOT_E_VERIFY, "qualified name");
}

static void
test_verify_certify_clock(void **state)
{
	struct soft_attest fields;

	(void)state;
	soft_attest_init(&fields, &key, NONCE);
	fields.safe = 2;
	refuse_fields(&fields, TPMIOT_E_FORMAT, "clock");
	fields.safe = 0; /* after an unorderly shutdown: no fault of the key's */
	{
		struct tpmiot_buf content = TPMIOT_BUF_INIT;
		struct tpmiot_err err;

		soft_attest_put(&fields, &content);
		assert_ok(verify_content(content.data, content.len, &err), &err);
		tpmiot_buf_free(&content);
	}
}

static void
test_verify_certify_truncated(void **state)
{
	struct tpmiot_buf content = TPMIOT_BUF_INIT;
	struct soft_attest fields;

	(void)state;
	soft_attest_init(&fields, &key, NONCE);
	soft_attest_put(&fields, &content);
	for (size_t len = 0; len < content.len; len++) {
		uint8_t *part = exact_copy(content.data, len);

		assert_int_equal(verify_content(part, len, NULL), TPMIOT_E_FORMAT);
		free(part);
	}
	tpmiot_buf_free(&content);
}

static void
test_verify_certify_trailing(void **state)
{
	struct soft_attest fields;

	(void)state;
	soft_attest_init(&fields, &key, NONCE);
	fields.tail = (struct tpmiot_bytes){ "", 1 };
	refuse_fields(&fields, TPMIOT_E_FORMAT, "bytes behind it");
}

/* Each TPM2B inside claims more than there is, or than its kind may hold. */
static void
test_verify_certify_inner_sizes(void **state)
{
	const size_t signer_at = 6, extra_at = signer_at + 2 + 34;
	const size_t name_at = extra_at + 2 + 32 + 17 + 8, qualified_at = name_at + 2 + 34;
	const size_t at[] = { signer_at, extra_at, name_at, qualified_at };
	struct tpmiot_buf content = TPMIOT_BUF_INIT;
	struct soft_attest fields;

	(void)state;
	soft_attest_init(&fields, &key, NONCE);
	soft_attest_put(&fields, &content);
	for (size_t i = 0; i < COUNT(at); i++) {
		uint8_t was = content.data[at[i] + 1];

		assert_true(was == 32 || was == 34);
		content.data[at[i]] = 0xff;
		assert_int_equal(verify_content(content.data, content.len, NULL), TPMIOT_E_FORMAT);
		content.data[at[i]] = 0;
		content.data[at[i] + 1] = 67; /* one more than a Name or TPM2B_DATA holds */
		assert_int_equal(verify_content(content.data, content.len, NULL), TPMIOT_E_FORMAT);
		content.data[at[i] + 1] = was;
	}
	assert_int_equal(verify_content(content.data, content.len, NULL), TPMIOT_OK);
	tpmiot_buf_free(&content);
}

/* ---- the outer structures and the signature ---------------------------------- */

struct certified {
	struct tpmiot_buf attest;
	struct tpmiot_buf signature;
};

static int
make_certified(void **state)
{
	static struct certified made;

	memset(&made, 0, sizeof(made));
	softtpm_certify(&ak, &key, NONCE, &made.attest, &made.signature);
	*state = &made;
	return 0;
}

static int
free_certified(void **state)
{
	struct certified *made = *state;

	tpmiot_buf_free(&made->attest);
	tpmiot_buf_free(&made->signature);
	return 0;
}

static enum tpmiot_rc
verify_by(const struct tpmiot_public *signer, struct tpmiot_bytes attest,
    struct tpmiot_bytes signature, struct tpmiot_err *err)
{
	return tpmiot_attest_verify_certify(NULL, signer, &key.pub, NONCE, attest, signature, err);
}

static void
test_verify_certify_outer_size(void **state)
{
	struct certified *made = *state;
	struct tpmiot_bytes attest = bytes_of(&made->attest), sig = bytes_of(&made->signature);
	struct tpmiot_err err = { 0 };

	for (size_t len = 0; len < made->attest.len; len++) {
		uint8_t *part = exact_copy(made->attest.data, len);

		assert_int_equal(verify_by(&ak.pub, (struct tpmiot_bytes){ part, len }, sig, NULL),
		    TPMIOT_E_FORMAT);
		free(part);
	}
	tpmiot_buf_put_u8(&made->attest, 0);
	attest = bytes_of(&made->attest);
	assert_refused(
	    verify_by(&ak.pub, attest, sig, &err), TPMIOT_E_FORMAT, &err, "TPM2B_ATTEST");
	made->attest.data[0] = 0xff;
	assert_refused(
	    verify_by(&ak.pub, attest, sig, &err), TPMIOT_E_FORMAT, &err, "TPM2B_ATTEST");
}

static void
test_verify_certify_signature_bytes(void **state)
{
	struct certified *made = *state;
	struct tpmiot_bytes attest = bytes_of(&made->attest), sig = bytes_of(&made->signature);
	struct tpmiot_err err = { 0 };

	for (size_t len = 0; len < made->signature.len; len++) {
		sig.len = len;
		assert_int_equal(verify_by(&ak.pub, attest, sig, NULL), TPMIOT_E_FORMAT);
	}
	made->signature.data[made->signature.len - 1] ^= 1;
	assert_refused(verify_by(&ak.pub, attest, bytes_of(&made->signature), &err),
	    TPMIOT_E_VERIFY, &err, "TPM2_Certify: signature");
	made->signature.data[made->signature.len - 1] ^= 1;
	made->attest.data[20] ^= 1;
	assert_refused(verify_by(&ak.pub, attest, bytes_of(&made->signature), &err),
	    TPMIOT_E_VERIFY, &err, "TPM2_Certify: signature");
}

static void
test_verify_certify_other_ak(void **state)
{
	struct certified *made = *state;
	struct tpmiot_err err = { 0 };

	assert_refused(
	    verify_by(&other_ak.pub, bytes_of(&made->attest), bytes_of(&made->signature), &err),
	    TPMIOT_E_VERIFY, &err, "TPM2_Certify: signature");
	assert_refused(
	    verify_by(&ak_rsa.pub, bytes_of(&made->attest), bytes_of(&made->signature), &err),
	    TPMIOT_E_VERIFY, &err, "TPM2_Certify: signature");
}

/* The AK's key signed it, but not as this AK is bound to. */
static void
test_verify_certify_other_scheme(void **state)
{
	struct certified *made = *state;
	struct tpmiot_buf sig = TPMIOT_BUF_INIT;
	struct tpmiot_err err = { 0 };

	softkey_sign(
	    &ak, TPM2_ALG_ECDSA, TPM2_ALG_SHA1, made->attest.data + 2, made->attest.len - 2, &sig);
	assert_refused(verify_by(&ak.pub, bytes_of(&made->attest), bytes_of(&sig), &err),
	    TPMIOT_E_VERIFY, &err, "hash");
	tpmiot_buf_reset(&sig);
	softkey_sign(&ak_rsa, TPM2_ALG_RSAPSS, TPM2_ALG_SHA256, made->attest.data + 2,
	    made->attest.len - 2, &sig);
	assert_refused(verify_by(&ak_rsa.pub, bytes_of(&made->attest), bytes_of(&sig), &err),
	    TPMIOT_E_VERIFY, &err, "scheme");
	tpmiot_buf_free(&sig);
}

static void
test_verify_certify_ak_without_scheme(void **state)
{
	struct certified *made = *state;
	TPMT_PUBLIC area = ak.pub.area;
	struct tpmiot_err err = { 0 };
	struct tpmiot_public loose;

	area.parameters.eccDetail.scheme.scheme = TPM2_ALG_NULL;
	assert_ok(tpmiot_public_from_area(NULL, &area, &loose, &err), &err);
	assert_refused(verify_by(&loose, bytes_of(&made->attest), bytes_of(&made->signature), &err),
	    TPMIOT_E_VERIFY, &err, "signing scheme");
}

/* ---- whose child a certified key is ------------------------------------------- */

static enum tpmiot_rc
check_parent(const struct tpmiot_buf *attest, const struct softkey *child,
    const struct softkey *parent, TPM2_HANDLE hierarchy, struct tpmiot_err *err)
{
	uint8_t *copy = exact_copy(attest->data, attest->len);
	enum tpmiot_rc rc = tpmiot_attest_check_parent(NULL,
	    (struct tpmiot_bytes){ copy, attest->len }, &child->pub, &parent->pub, hierarchy, err);

	free(copy);
	return rc;
}

static void
make_srk(struct softkey *srk)
{
	TPMT_PUBLIC area;

	tpmiot_template_srk_ecc(&area);
	softkey_make(srk, &area);
}

static void
test_check_parent(void **state)
{
	struct tpmiot_buf attest = TPMIOT_BUF_INIT, sig = TPMIOT_BUF_INIT;
	struct softkey srk, other, claimed;
	struct tpmiot_err err = { 0 };
	TPMT_PUBLIC area;

	(void)state;
	make_srk(&srk);
	make_srk(&other);
	softtpm_certify_under(&ak, &key, &srk, NONCE, &attest, &sig);
	assert_ok(check_parent(&attest, &key, &srk, TPM2_RH_OWNER, &err), &err);
	assert_refused(check_parent(&attest, &key, &other, TPM2_RH_OWNER, &err), TPMIOT_E_VERIFY,
	    &err, "parent");
	assert_refused(check_parent(&attest, &key, &srk, TPM2_RH_ENDORSEMENT, &err),
	    TPMIOT_E_VERIFY, &err, "parent");
	assert_refused(check_parent(&attest, &other_key, &srk, TPM2_RH_OWNER, &err),
	    TPMIOT_E_VERIFY, &err, "parent");
	claimed = srk; /* the same key, said to be another object */
	area = srk.pub.area;
	area.objectAttributes ^= TPMA_OBJECT_NODA;
	softkey_claim(&claimed, &area);
	assert_refused(check_parent(&attest, &key, &claimed, TPM2_RH_OWNER, &err), TPMIOT_E_VERIFY,
	    &err, "parent");
	tpmiot_buf_free(&attest);
	tpmiot_buf_free(&sig);
	softkey_free(&srk);
	softkey_free(&other);
}

static void
test_check_parent_malformed(void **state)
{
	struct tpmiot_buf attest = TPMIOT_BUF_INIT, sig = TPMIOT_BUF_INIT;
	struct softkey srk;
	struct tpmiot_err err = { 0 };
	size_t len;

	(void)state;
	make_srk(&srk);
	softtpm_certify_under(&ak, &key, &srk, NONCE, &attest, &sig);
	len = attest.len;
	for (attest.len = 0; attest.len < len; attest.len++)
		assert_refused(check_parent(&attest, &key, &srk, TPM2_RH_OWNER, &err),
		    TPMIOT_E_FORMAT, &err, "malformed");
	tpmiot_buf_put_u8(&attest, 0);
	assert_refused(check_parent(&attest, &key, &srk, TPM2_RH_OWNER, &err), TPMIOT_E_FORMAT,
	    &err, "malformed");
	attest.len = len;
	attest.data[7] = 0x18; /* a quote */
	assert_refused(
	    check_parent(&attest, &key, &srk, TPM2_RH_OWNER, &err), TPMIOT_E_FORMAT, &err, "type");
	tpmiot_buf_free(&attest);
	tpmiot_buf_free(&sig);
	softkey_free(&srk);
}

/* ---- the software TPM itself -------------------------------------------------- */

static void
activate(const char *profile)
{
	static const char text[] = "a secret of 32 bytes, just that.";
	struct tpmiot_credential cred = { 0 };
	struct tpmiot_buf secret = TPMIOT_BUF_INIT;
	struct softkey ek = { 0 };
	struct tpmiot_err err;

	softkey_make_ek(&ek, profile);
	assert_ok(tpmiot_credential_make(NULL, &ek.pub, &ak.pub.name, text, 32, &cred, &err), &err);
	assert_true(softtpm_activate(
	    &ek, &ak.pub.name, bytes_of(&cred.blob), bytes_of(&cred.encrypted_secret), &secret));
	assert_int_equal(secret.len, 32);
	assert_memory_equal(secret.data, text, 32);
	assert_false(softtpm_activate(&ek, &other_ak.pub.name, bytes_of(&cred.blob),
	    bytes_of(&cred.encrypted_secret), &secret));
	tpmiot_credential_free(&cred);
	tpmiot_buf_free(&secret);
	softkey_free(&ek);
}

static void
test_softtpm_activate(void **state)
{
	static const char *const profiles[] = { "L-1", "L-2", "H-1", "H-2", "H-3", "H-4", "H-6",
		"H-7" };

	(void)state;
	for (size_t i = 0; i < COUNT(profiles); i++)
		activate(profiles[i]);
}

static int
make_keys(void **state)
{
	TPMT_PUBLIC area;

	(void)state;
	tpmiot_template_ak_ecc(&area);
	softkey_make(&ak, &area);
	softkey_make(&other_ak, &area);
	tpmiot_template_ak_rsa(&area);
	softkey_make(&ak_rsa, &area);
	tpmiot_template_key(TPMIOT_KEY_EC_P256, &area);
	softkey_make(&key, &area);
	softkey_make(&other_key, &area);
	return 0;
}

static int
free_keys(void **state)
{
	(void)state;
	softkey_free(&ak);
	softkey_free(&other_ak);
	softkey_free(&ak_rsa);
	softkey_free(&key);
	softkey_free(&other_key);
	return 0;
}

#define certified_test(f) cmocka_unit_test_setup_teardown(f, make_certified, free_certified)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verify_certify_swtpm),
		cmocka_unit_test(test_verify_certify_sound),
		cmocka_unit_test(test_verify_certify_magic),
		cmocka_unit_test(test_verify_certify_type),
		cmocka_unit_test(test_verify_certify_nonce),
		cmocka_unit_test(test_verify_certify_no_nonce),
		cmocka_unit_test(test_verify_certify_name),
		cmocka_unit_test(test_verify_certify_qualified_name),
		cmocka_unit_test(test_verify_certify_clock),
		cmocka_unit_test(test_verify_certify_truncated),
		cmocka_unit_test(test_verify_certify_trailing),
		cmocka_unit_test(test_verify_certify_inner_sizes),
		certified_test(test_verify_certify_outer_size),
		certified_test(test_verify_certify_signature_bytes),
		certified_test(test_verify_certify_other_ak),
		certified_test(test_verify_certify_other_scheme),
		certified_test(test_verify_certify_ak_without_scheme),
		cmocka_unit_test(test_check_parent),
		cmocka_unit_test(test_check_parent_malformed),
		cmocka_unit_test(test_softtpm_activate),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
