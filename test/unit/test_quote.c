/* SPDX-License-Identifier: Apache-2.0 */
/* TPM2_Quote: a real one, sound ones, and each field made wrong. */
#include "unit.h"

#include <tpmiot/alg.h>
#include <tpmiot/attest.h>
#include <tpmiot/template.h>

#include "softtpm.h"

static struct softkey ak, ak_rsa, other_ak;

static const uint8_t NONCE_BYTES[32] = "0123456789abcdef0123456789abcdef";
static const struct tpmiot_bytes NONCE = { NONCE_BYTES, sizeof(NONCE_BYTES) };

/* PCRs 0, 1 and 7 of SHA-256 and 10 of SHA-384. */
static struct tpmiot_pcr_bank banks[2];

static struct tpmiot_bytes
bytes_of(const struct tpmiot_buf *buf)
{
	return (struct tpmiot_bytes){ buf->data, buf->len };
}

static enum tpmiot_rc
verify_content(
    const struct softkey *signer, const void *content, size_t len, struct tpmiot_err *err)
{
	struct tpmiot_buf attest = TPMIOT_BUF_INIT, signature = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	soft_put_tpm2b(content, len, &attest);
	softkey_sign_own(signer, content, len, &signature);
	rc = tpmiot_attest_verify_quote(NULL, signer == &other_ak ? &ak.pub : &signer->pub, banks,
	    2, NONCE, bytes_of(&attest), bytes_of(&signature), NULL, err);
	tpmiot_buf_free(&attest);
	tpmiot_buf_free(&signature);
	return rc;
}

static enum tpmiot_rc
verify(const struct softkey *signer, const struct soft_quote *q, struct tpmiot_err *err)
{
	struct tpmiot_buf content = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	soft_quote_put(q, &content);
	rc = verify_content(signer, content.data, content.len, err);
	tpmiot_buf_free(&content);
	return rc;
}

static void
refuse(const struct soft_quote *q, enum tpmiot_rc expected, const char *word)
{
	struct tpmiot_err err = { 0 };

	assert_refused(verify(&ak, q, &err), expected, &err, word);
}

/* ---- What holds ------------------------------------------------------------------------ */

static void
test_verify_quote_swtpm(void **state)
{
	static const uint8_t nonce[] = { 0x00, 0xff, 0x55, 0xaa };
	static const uint8_t pcrs[] = { 0, 1, 17 };
	struct tpmiot_buf pub = TPMIOT_BUF_INIT, attest = TPMIOT_BUF_INIT;
	struct tpmiot_buf sig = TPMIOT_BUF_INIT, values = TPMIOT_BUF_INIT;
	struct tpmiot_pcr_bank bank[2] = { { .alg = TPM2_ALG_SHA256 },
		{ .alg = TPM2_ALG_SHA1, .selected = 1 << 7 } };
	const struct tpmiot_bytes qualifying = { nonce, sizeof(nonce) };
	struct tpmiot_public signer;
	struct tpmiot_err err = { 0 };

	(void)state;
	read_vector("attest/quote-ak.tpm2b", &pub);
	read_vector("attest/quote.attest", &attest);
	read_vector("attest/quote.signature", &sig);
	read_vector("attest/quote.pcrs", &values);
	assert_int_equal(values.len, 96);
	assert_ok(tpmiot_public_parse(NULL, pub.data, pub.len, &signer, &err), &err);
	for (size_t i = 0; i < 3; i++) {
		bank[0].selected |= (uint32_t)1 << pcrs[i];
		memcpy(bank[0].values[pcrs[i]], values.data + 32 * i, 32);
	}
	assert_ok(tpmiot_attest_verify_quote(NULL, &signer, bank, 1, qualifying, bytes_of(&attest),
	              bytes_of(&sig), NULL, &err),
	    &err);
	/* A bank that the TPM does not have is in its list, with no PCR. */
	assert_refused(tpmiot_attest_verify_quote(NULL, &signer, bank, 2, qualifying,
	                   bytes_of(&attest), bytes_of(&sig), NULL, &err),
	    TPMIOT_E_VERIFY, &err, "not about all");
	bank[0].values[1][0] ^= 1;
	assert_refused(tpmiot_attest_verify_quote(NULL, &signer, bank, 1, qualifying,
	                   bytes_of(&attest), bytes_of(&sig), NULL, &err),
	    TPMIOT_E_VERIFY, &err, "values");
	tpmiot_buf_free(&pub);
	tpmiot_buf_free(&attest);
	tpmiot_buf_free(&sig);
	tpmiot_buf_free(&values);
}

static void
test_verify_quote_sound(void **state)
{
	struct tpmiot_pcr_bank swapped[2] = { banks[1], banks[0] };
	struct soft_quote q;
	struct tpmiot_err err = { 0 };

	(void)state;
	soft_quote_init(&q, &ak, NONCE, banks, 2, TPM2_ALG_SHA256);
	assert_ok(verify(&ak, &q, &err), &err);
	assert_ok(verify(&ak_rsa, &q, &err), &err);
	soft_quote_init(&q, &ak, NONCE, swapped, 2, TPM2_ALG_SHA256); /* the order is the quote's */
	assert_ok(verify(&ak, &q, &err), &err);
}

/* ---- What does not --------------------------------------------------------------------- */

static void
test_verify_quote_header(void **state)
{
	struct soft_quote q;
	struct tpmiot_err err = { 0 };

	(void)state;
	soft_quote_init(&q, &ak, NONCE, banks, 2, TPM2_ALG_SHA256);
	q.head.magic = 0x00544347;
	refuse(&q, TPMIOT_E_FORMAT, "TPM_GENERATED_VALUE");
	soft_quote_init(&q, &ak, NONCE, banks, 2, TPM2_ALG_SHA256);
	q.head.type = TPM2_ST_ATTEST_CERTIFY;
	refuse(&q, TPMIOT_E_FORMAT, "type");
	soft_quote_init(&q, &ak, NONCE, banks, 2, TPM2_ALG_SHA256);
	q.head.extra_data.buffer[0] ^= 1;
	refuse(&q, TPMIOT_E_VERIFY, "nonce");
	soft_quote_init(&q, &ak, NONCE, banks, 2, TPM2_ALG_SHA256);
	q.head.extra_data.size--;
	refuse(&q, TPMIOT_E_VERIFY, "nonce");
	soft_quote_init(&q, &ak, NONCE, banks, 2, TPM2_ALG_SHA256);
	assert_refused(verify(&other_ak, &q, &err), TPMIOT_E_VERIFY, &err, "TPM2_Quote");
}

static void
test_verify_quote_selection(void **state)
{
	struct soft_quote q;

	(void)state;
	soft_quote_init(&q, &ak, NONCE, banks, 2, TPM2_ALG_SHA256);
	q.lines[0].selected ^= 1;
	refuse(&q, TPMIOT_E_VERIFY, "other PCRs");
	soft_quote_init(&q, &ak, NONCE, banks, 2, TPM2_ALG_SHA256);
	q.lines[0].selected |= 1 << 23;
	refuse(&q, TPMIOT_E_VERIFY, "other PCRs");
	soft_quote_init(&q, &ak, NONCE, banks, 2, TPM2_ALG_SHA256);
	q.lines[0].alg = TPM2_ALG_SHA1;
	refuse(&q, TPMIOT_E_VERIFY, "other PCRs");
	soft_quote_init(&q, &ak, NONCE, banks, 1, TPM2_ALG_SHA256);
	refuse(&q, TPMIOT_E_VERIFY, "not about all");
	soft_quote_init(&q, &ak, NONCE, banks, 2, TPM2_ALG_SHA256);
	q.count = 0;
	refuse(&q, TPMIOT_E_VERIFY, "not about all");
	soft_quote_init(&q, &ak, NONCE, banks, 2, TPM2_ALG_SHA256);
	q.lines[2] = q.lines[0]; /* twice */
	q.count = 3;
	refuse(&q, TPMIOT_E_VERIFY, "other PCRs");
	soft_quote_init(&q, &ak, NONCE, banks, 2, TPM2_ALG_SHA256);
	q.lines[0].size = 4;
	refuse(&q, TPMIOT_E_FORMAT, "TPMS_QUOTE_INFO");
	soft_quote_init(&q, &ak, NONCE, banks, 2, TPM2_ALG_SHA256);
	q.count = 0xffffffff;
	refuse(&q, TPMIOT_E_FORMAT, "TPMS_QUOTE_INFO");
}

static void
test_verify_quote_values(void **state)
{
	struct soft_quote q;

	(void)state;
	soft_quote_init(&q, &ak, NONCE, banks, 2, TPM2_ALG_SHA256);
	for (size_t i = 0; i < TPMIOT_PCRS; i++) { /* each value counts, and no other */
		banks[0].values[i][31] ^= 1;
		if ((banks[0].selected >> i & 1) != 0)
			refuse(&q, TPMIOT_E_VERIFY, "values");
		else
			assert_ok(verify(&ak, &q, NULL), &(struct tpmiot_err){ 0 });
		banks[0].values[i][31] ^= 1;
	}
	soft_quote_init(&q, &ak, NONCE, banks, 2, TPM2_ALG_SHA384); /* not the scheme's hash */
	refuse(&q, TPMIOT_E_VERIFY, "values");
	q.digest.size = 0;
	refuse(&q, TPMIOT_E_VERIFY, "values");
}

static void
test_verify_quote_truncated_and_extended(void **state)
{
	struct tpmiot_buf content = TPMIOT_BUF_INIT;
	struct soft_quote q;
	struct tpmiot_err err = { 0 };

	(void)state;
	soft_quote_init(&q, &ak, NONCE, banks, 2, TPM2_ALG_SHA256);
	soft_quote_put(&q, &content);
	for (size_t n = 0; n < content.len; n++)
		assert_int_not_equal(verify_content(&ak, content.data, n, &err), TPMIOT_OK);
	tpmiot_buf_put_u8(&content, 0);
	assert_refused(
	    verify_content(&ak, content.data, content.len, &err), TPMIOT_E_FORMAT, &err, "behind");
	tpmiot_buf_free(&content);
}

static void
test_verify_quote_no_question(void **state)
{
	struct tpmiot_pcr_bank bad[2] = { { .alg = TPM2_ALG_SHA256, .selected = 1 },
		{ .alg = TPM2_ALG_SHA256, .selected = 1 } };
	const struct tpmiot_bytes none = { NULL, 0 };
	struct tpmiot_err err = { 0 };

	(void)state;
	assert_refused(
	    tpmiot_attest_verify_quote(NULL, &ak.pub, bad, 2, NONCE, none, none, NULL, &err),
	    TPMIOT_E_USAGE, &err, "PCRs");
	assert_refused(
	    tpmiot_attest_verify_quote(NULL, &ak.pub, bad, 0, NONCE, none, none, NULL, &err),
	    TPMIOT_E_USAGE, &err, "PCRs");
	bad[0].selected = 1 << TPMIOT_PCRS;
	assert_refused(
	    tpmiot_attest_verify_quote(NULL, &ak.pub, bad, 1, NONCE, none, none, NULL, &err),
	    TPMIOT_E_USAGE, &err, "PCRs");
	bad[0].selected = 1;
	assert_refused(
	    tpmiot_attest_verify_quote(NULL, &ak.pub, bad, 1, none, none, none, NULL, &err),
	    TPMIOT_E_USAGE, &err, "nonce");
}

static int
group_setup(void **state)
{
	TPMT_PUBLIC area;

	(void)state;
	tpmiot_template_ak_ecc(&area);
	softkey_make(&ak, &area);
	softkey_make(&other_ak, &area);
	tpmiot_template_ak_rsa(&area);
	softkey_make(&ak_rsa, &area);
	banks[0] = (struct tpmiot_pcr_bank){ .alg = TPM2_ALG_SHA256,
		.selected = 1 << 0 | 1 << 1 | 1 << 7 };
	banks[1] = (struct tpmiot_pcr_bank){ .alg = TPM2_ALG_SHA384, .selected = 1 << 10 };
	for (size_t i = 0; i < TPMIOT_PCRS; i++) {
		memset(banks[0].values[i], (int)(0x10 + i), 32);
		memset(banks[1].values[i], (int)(0x40 + i), 48);
	}
	return 0;
}

static int
group_teardown(void **state)
{
	(void)state;
	softkey_free(&ak);
	softkey_free(&other_ak);
	softkey_free(&ak_rsa);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verify_quote_swtpm),
		cmocka_unit_test(test_verify_quote_sound),
		cmocka_unit_test(test_verify_quote_header),
		cmocka_unit_test(test_verify_quote_selection),
		cmocka_unit_test(test_verify_quote_values),
		cmocka_unit_test(test_verify_quote_truncated_and_extended),
		cmocka_unit_test(test_verify_quote_no_question),
	};

	return cmocka_run_group_tests_name("quote", tests, group_setup, group_teardown);
}
