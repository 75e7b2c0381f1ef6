/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <tpmiot/policy.h>

#define BODY(s) (s), sizeof(s) - 1

#define DIGEST                                                                                     \
	"\x55\x55\x55\x55\x55\x55\x55\x55\x55\x55\x55\x55\x55\x55\x55\x55"                         \
	"\x55\x55\x55\x55\x55\x55\x55\x55\x55\x55\x55\x55\x55\x55\x55\x55"
#define PCR_7_16 "\x00\x00\x00\x01\x00\x0b\x03\x80\x00\x01"

static struct tpmiot_policy_step
step(TPM2_CC code, const void *body, size_t len)
{
	struct tpmiot_policy_step made = { .code = code };

	tpmiot_buf_put(&made.body, body, len);
	return made;
}

static enum tpmiot_rc
parse(TPM2_CC code, const void *body, size_t len, union tpmiot_policy_body *out,
    struct tpmiot_err *err)
{
	uint8_t *copy = exact_copy(body, len);
	struct tpmiot_policy_step made = { .code = code, .body = { .data = copy, .len = len } };
	enum tpmiot_rc rc = tpmiot_policy_step_parse(NULL, &made, TPM2_ALG_SHA256, out, err);

	free(copy);
	return rc;
}

/* The signer's area, policyRef, signature: as a file has it. */
static void
put_authorize(struct tpmiot_buf *out, bool is_signed)
{
	read_vector("public/ak-ecc.tpm2b", out);
	tpmiot_buf_put(out, "\x00\x02ZZ", 4);
	if (is_signed)
		read_vector("signature/ak-ecc-ecdsa-sha256.sig", out);
	else
		tpmiot_buf_put_u16(out, TPM2_ALG_NULL);
}

static void
test_policy_step_parse_pcr(void **state)
{
	union tpmiot_policy_body wire, engine;
	struct tpmiot_buf words = TPMIOT_BUF_INIT;
	struct tpmiot_err err;

	(void)state;
	assert_ok(parse(TPM2_CC_PolicyPCR, BODY("\x00\x20" DIGEST PCR_7_16), &wire, &err), &err);
	assert_ok(parse(TPM2_CC_PolicyPCR, BODY(PCR_7_16 DIGEST), &engine, &err), &err);
	assert_int_equal(wire.pcr.digest.size, 32);
	assert_memory_equal(wire.pcr.digest.buffer, DIGEST, 32);
	assert_int_equal(wire.pcr.pcrs.count, 1);
	assert_int_equal(wire.pcr.pcrs.pcrSelections[0].hash, TPM2_ALG_SHA256);
	assert_memory_equal(&wire, &engine, sizeof(wire.pcr));
	tpmiot_policy_put_pcrs(&wire.pcr.pcrs, &words);
	assert_string_equal(tpmiot_buf_cstr(&words), "sha256:7,16");
	tpmiot_buf_free(&words);
}

static void
test_policy_put_pcrs_banks(void **state)
{
	TPML_PCR_SELECTION pcrs = { .count = 2,
		.pcrSelections = {
		    { .hash = TPM2_ALG_SHA1, .sizeofSelect = 3, .pcrSelect = { 0x01, 0, 0x80 } },
		    { .hash = TPM2_ALG_SHA384, .sizeofSelect = 1, .pcrSelect = { 0x10 } } } };
	struct tpmiot_buf words = TPMIOT_BUF_INIT;

	(void)state;
	tpmiot_policy_put_pcrs(&pcrs, &words);
	assert_string_equal(tpmiot_buf_cstr(&words), "sha1:0,23 sha384:4");
	tpmiot_buf_free(&words);
}

static void
test_policy_step_parse_others(void **state)
{
	struct tpmiot_buf authorize = TPMIOT_BUF_INIT;
	union tpmiot_policy_body body, again;
	struct tpmiot_err err;

	(void)state;
	assert_ok(parse(TPM2_CC_PolicyAuthValue, BODY(""), &body, &err), &err);
	assert_ok(parse(TPM2_CC_PolicyPassword, BODY(""), &body, &err), &err);
	assert_ok(parse(TPM2_CC_PolicyLocality, BODY("\x08"), &body, &err), &err);
	assert_int_equal(body.locality, 8);
	assert_ok(parse(TPM2_CC_PolicySecret,
	              BODY("\x40\x00\x00\x0b\x00\x04\x40\x00\x00\x0b\x00\x01r"), &body, &err),
	    &err);
	assert_int_equal(body.secret.entity, TPM2_RH_ENDORSEMENT);
	assert_int_equal(body.secret.name.size, 4);
	assert_int_equal(body.secret.ref.size, 1);
	assert_ok(parse(TPM2_CC_PolicyCounterTimer,
	              BODY("\x00\x04\x00\x00\x03\xe8\x00\x10\x00\x05"), &body, &err),
	    &err);
	assert_int_equal(body.timer.operand.size, 4);
	assert_int_equal(body.timer.offset, 16);
	assert_int_equal(body.timer.operation, TPM2_EO_UNSIGNED_LT);
	assert_ok(parse(TPM2_CC_PolicyCounterTimer, BODY("\x00\x00\x03\xe8\x00\x10\x00\x05"),
	              &again, &err),
	    &err);
	assert_memory_equal(&body.timer, &again.timer, sizeof(body.timer));
	assert_ok(parse(TPM2_CC_PolicyOR, BODY("\x00\x00\x00\x02\x00\x20" DIGEST "\x00\x20" DIGEST),
	              &body, &err),
	    &err);
	assert_int_equal(body.branches.count, 2);
	for (int is_signed = 0; is_signed < 2; is_signed++) {
		put_authorize(&authorize, is_signed);
		assert_ok(
		    parse(TPM2_CC_PolicyAuthorize, authorize.data, authorize.len, &body, &err),
		    &err);
		assert_int_equal(body.authorize.ref.size, 2);
		assert_int_equal(
		    body.authorize.signature.sigAlg, is_signed ? TPM2_ALG_ECDSA : TPM2_ALG_NULL);
		tpmiot_buf_reset(&authorize);
	}
	tpmiot_buf_free(&authorize);
}

/* A wrong answer to these would lock the TPM. */
static void
test_policy_step_parse_secret_of_lockout(void **state)
{
	union tpmiot_policy_body body;
	struct tpmiot_err err;

	(void)state;
	assert_refused(parse(TPM2_CC_PolicySecret,
	                   BODY("\x40\x00\x00\x0a\x00\x04\x40\x00\x00\x0a\x00\x00"), &body, &err),
	    TPMIOT_E_UNSUPPORTED, &err, "lockout");
	assert_refused(parse(TPM2_CC_PolicySecret,
	                   BODY("\x40\x00\x00\x0c\x00\x04\x40\x00\x00\x0c\x00\x00"), &body, &err),
	    TPMIOT_E_UNSUPPORTED, &err, "platform");
	/* named, and not said */
	assert_refused(parse(TPM2_CC_PolicySecret,
	                   BODY("\x00\x00\x00\x00\x00\x04\x40\x00\x00\x0a\x00\x00"), &body, &err),
	    TPMIOT_E_UNSUPPORTED, &err, "lockout");
	assert_ok(parse(TPM2_CC_PolicySecret,
	              BODY("\x00\x00\x00\x00\x00\x04\x40\x00\x00\x01\x00\x00"), &body, &err),
	    &err);
	assert_int_equal(body.secret.entity, TPM2_RH_OWNER);
}

static void
test_policy_step_parse_refused(void **state)
{
	static const struct {
		TPM2_CC code;
		const char *body;
		size_t len;
	} cases[] = {
		{ TPM2_CC_PolicyAuthValue, BODY("\x00") },
		{ TPM2_CC_PolicyPassword, BODY("\x00") },
		{ TPM2_CC_PolicyLocality, BODY("") },
		{ TPM2_CC_PolicyLocality, BODY("\x01\x01") },
		/* a digest of another hash, none, a size beyond the structure */
		{ TPM2_CC_PolicyPCR, BODY("\x00\x04\x55\x55\x55\x55" PCR_7_16) },
		{ TPM2_CC_PolicyPCR, BODY(PCR_7_16) },
		{ TPM2_CC_PolicyPCR, BODY("\x00\x00" PCR_7_16) },
		{ TPM2_CC_PolicyPCR, BODY("\x00\x41" DIGEST DIGEST "\x55" PCR_7_16) },
		/* no bank, too many, one that is too long, of an unknown hash */
		{ TPM2_CC_PolicyPCR, BODY("\x00\x20" DIGEST "\x00\x00\x00\x00") },
		{ TPM2_CC_PolicyPCR, BODY("\x00\x20" DIGEST "\x00\x00\x00\x11") },
		{ TPM2_CC_PolicyPCR,
		    BODY("\x00\x20" DIGEST "\x00\x00\x00\x01\x00\x0b\x05\x00\x00\x00\x00\x00") },
		{ TPM2_CC_PolicyPCR,
		    BODY("\x00\x20" DIGEST "\x00\x00\x00\x01\x55\x55\x03\x80\x00\x00") },
		/* without a Name */
		{ TPM2_CC_PolicySecret, BODY("\x40\x00\x00\x0b\x00\x00\x00\x00") },
		/* an entity that its Name contradicts */
		{ TPM2_CC_PolicySecret, BODY("\x40\x00\x00\x01\x00\x04\x40\x00\x00\x0a\x00\x00") },
		{ TPM2_CC_PolicySecret, BODY("\x40\x00\x00\x01\x00\x03\x40\x00\x00\x00\x00") },
		/* without an operand, with an operation that there is not, an operand too long */
		{ TPM2_CC_PolicyCounterTimer, BODY("\x00\x10\x00\x05") },
		{ TPM2_CC_PolicyCounterTimer, BODY("\x00\x00\x00\x10\x00\x05") },
		{ TPM2_CC_PolicyCounterTimer, BODY("\x00\x00\x03\xe8\x00\x10\x00\x0c") },
		{ TPM2_CC_PolicyCounterTimer, BODY(DIGEST DIGEST "\x55\x00\x10\x00\x05") },
		/* one branch, nine, one of another size */
		{ TPM2_CC_PolicyOR, BODY("\x00\x00\x00\x01\x00\x20" DIGEST) },
		{ TPM2_CC_PolicyOR, BODY("\x00\x00\x00\x09") },
		{ TPM2_CC_PolicyOR, BODY("\x00\x00\x00\x02\x00\x20" DIGEST "\x00\x01\x55") },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		union tpmiot_policy_body body = { .locality = 0x77 };
		struct tpmiot_err err = { 0 };
		enum tpmiot_rc rc = parse(cases[i].code, cases[i].body, cases[i].len, &body, &err);

		assert_refused(rc, TPMIOT_E_FORMAT, &err, "TPM2_Policy");
		assert_int_equal(body.locality, 0x77);
	}
}

static void
test_policy_step_parse_unsupported(void **state)
{
	union tpmiot_policy_body body;
	struct tpmiot_err err;

	(void)state;
	assert_refused(parse(TPM2_CC_PolicyPhysicalPresence, BODY(""), &body, &err),
	    TPMIOT_E_UNSUPPORTED, &err, "0x187");
}

/*
 * Every prefix of every body is refused, and every body with a byte more. A
 * PolicyCounterTimer without size has no end that could be seen.
 */
static void
test_policy_step_parse_truncated(void **state)
{
	struct tpmiot_policy_step steps[] = {
		step(TPM2_CC_PolicyPCR, BODY("\x00\x20" DIGEST PCR_7_16)),
		step(TPM2_CC_PolicyPCR, BODY(PCR_7_16 DIGEST)),
		step(TPM2_CC_PolicySecret,
		    BODY("\x40\x00\x00\x0b\x00\x04\x40\x00\x00\x0b\x00\x01r")),
		step(TPM2_CC_PolicyOR, BODY("\x00\x00\x00\x02\x00\x20" DIGEST "\x00\x20" DIGEST)),
		step(TPM2_CC_PolicyAuthorize, BODY("")),
		step(TPM2_CC_PolicyAuthorize, BODY("")),
	};
	union tpmiot_policy_body body;

	(void)state;
	put_authorize(&steps[4].body, true);
	put_authorize(&steps[5].body, false);
	for (size_t i = 0; i < COUNT(steps); i++) {
		struct tpmiot_buf *whole = &steps[i].body;
		struct tpmiot_err err;

		for (size_t len = 0; len < whole->len; len++)
			assert_refused(parse(steps[i].code, whole->data, len, &body, &err),
			    TPMIOT_E_FORMAT, &err, "TPM2_Policy");
		tpmiot_buf_put_u8(whole, 0);
		assert_refused(parse(steps[i].code, whole->data, whole->len, &body, &err),
		    TPMIOT_E_FORMAT, &err, "TPM2_Policy");
		tpmiot_buf_free(whole);
	}
}

/* PCRs 7 and 16 as they are after a reset. */
#define PCR_ZERO                                                                                   \
	"\x00\x20\xf5\xa5\xfd\x42\xd1\x6a\x20\x30\x27\x98\xef\x6e\xd3\x09\x97\x9b\x43\x00\x3d\x23" \
	"\x20\xd9\xf0\xe8\xea\x98\x31\xa9\x27\x59\xfb\x4b" PCR_7_16
/* Of that, and of locality three. */
#define BRANCHES                                                                                   \
	"\x00\x00\x00\x02\x00\x20\x2a\xa2\x0d\x10\x26\x6e\x25\x97\xa0\xc0\xc1\x4a\xe1\xd5\xdb\x0e" \
	"\xa9\x3b\x4c\x20\xd7\x6c\x66\xd0\x32\xe4\x91\x04\x13\xcb\x5f\xa8\x00\x20\x77\x64\x49\x1d" \
	"\x5a\xfe\x71\x90\x35\xc0\xc0\x9f\xaa\x90\xc3\x49\x0a\x74\x75\xd6\xdf\x42\x2b\x80\x4e\x8f" \
	"\x68\xaa\x65\xf8\x93\x4f"
#define SECRET "\x40\x00\x00\x0b\x00\x04\x40\x00\x00\x0b\x00\x02ZZ"

struct digest_case {
	TPMI_ALG_HASH alg;
	const char *digest;
	struct {
		TPM2_CC code;
		const char *body;
		size_t len;
	} steps[2];
};

static void
check_digest(const struct digest_case *c)
{
	struct tpmiot_policy_step steps[COUNT(c->steps)];
	struct tpmiot_policy policy = { .step = steps };
	struct tpmiot_err err;
	TPM2B_DIGEST digest;
	char hex[2 * sizeof(digest.buffer) + 1] = "";

	for (; policy.n < COUNT(c->steps) && c->steps[policy.n].code != 0; policy.n++) {
		steps[policy.n] =
		    step(c->steps[policy.n].code, c->steps[policy.n].body, c->steps[policy.n].len);
		if (steps[policy.n].code == TPM2_CC_PolicyAuthorize)
			put_authorize(&steps[policy.n].body, false);
	}
	assert_ok(tpmiot_policy_digest(NULL, &policy, c->alg, &digest, &err), &err);
	for (size_t i = 0; i < digest.size; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", digest.buffer[i]);
	assert_string_equal(hex, c->digest);
	for (size_t i = 0; i < policy.n; i++)
		tpmiot_buf_free(&steps[i].body);
}

/* Computed by swtpm in trial sessions, by tpm2_policy… of tpm2-tools 5.4. */
static void
test_policy_digest_as_the_tpm(void **state)
{
	static const struct digest_case cases[] = {
		{ TPM2_ALG_SHA256,
		    "2aa20d10266e2597a0c0c14ae1d5db0ea93b4c20d76c66d032e4910413cb5fa8",
		    { { TPM2_CC_PolicyPCR, BODY(PCR_ZERO) } } },
		{ TPM2_ALG_SHA256,
		    "8fcd2169ab92694e0c633f1ab772842b8241bbc20288981fc7ac1eddc1fddb0e",
		    { { TPM2_CC_PolicyAuthValue, BODY("") } } },
		{ TPM2_ALG_SHA256,
		    "8fcd2169ab92694e0c633f1ab772842b8241bbc20288981fc7ac1eddc1fddb0e",
		    { { TPM2_CC_PolicyPassword, BODY("") } } },
		{ TPM2_ALG_SHA256,
		    "b825ab7da5b321aec265ca92d6b4e6c38dea18c2fee84b88d8db8793a8a92fd9",
		    { { TPM2_CC_PolicyPCR, BODY(PCR_ZERO) },
		        { TPM2_CC_PolicyAuthValue, BODY("") } } },
		{ TPM2_ALG_SHA256,
		    "f533704a2cd9226b2317107d3542a9b3eb9c63e5f0875e2ba104d8db30b48284",
		    { { TPM2_CC_PolicySecret, BODY(SECRET) } } },
		{ TPM2_ALG_SHA256,
		    "a8ff3ed6a6da41499d401f90cbd3aaef7f429aa47618dfb2dcc13d19787ff8d3",
		    { { TPM2_CC_PolicyCounterTimer, BODY("\x00\x00\x03\xe8\x00\x10\x00\x05") } } },
		{ TPM2_ALG_SHA256,
		    "7764491d5afe719035c0c09faa90c3490a7475d6df422b804e8f68aa65f8934f",
		    { { TPM2_CC_PolicyLocality, BODY("\x08") } } },
		{ TPM2_ALG_SHA256,
		    "06aba2f09ff484354e5c07bb70e9c9e8ec563086ef45f37df36ac13c726c5769",
		    { { TPM2_CC_PolicyPCR, BODY(PCR_ZERO) },
		        { TPM2_CC_PolicyOR, BODY(BRANCHES) } } },
		{ TPM2_ALG_SHA256,
		    "58eee5d64724c767fa0806ad56cfdcc52263b8e207254655529eb39e90a17472",
		    { { TPM2_CC_PolicyAuthorize, BODY("") },
		        { TPM2_CC_PolicyLocality, BODY("\x08") } } },
		{ TPM2_ALG_SHA384,
		    "7521fbec526117f7cb5c01a6b47b2741e4d29153bb10d1d12912ff9babf46160659e5cac981f7d"
		    "d6"
		    "150b8dd5bcafca19",
		    { { TPM2_CC_PolicyLocality, BODY("\x08") } } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		check_digest(&cases[i]);
}

static void
test_policy_digest_refused(void **state)
{
	struct tpmiot_policy_step one = step(TPM2_CC_PolicyLocality, BODY(""));
	struct tpmiot_policy policy = { .step = &one, .n = 1 };
	TPM2B_DIGEST digest = { .size = 7 };
	struct tpmiot_err err;

	(void)state;
	assert_refused(tpmiot_policy_digest(NULL, &policy, TPM2_ALG_SHA256, &digest, &err),
	    TPMIOT_E_FORMAT, &err, "TPM2_PolicyLocality");
	assert_refused(tpmiot_policy_digest(NULL, &policy, TPM2_ALG_AES, &digest, &err),
	    TPMIOT_E_UNSUPPORTED, &err, "hash");
	assert_int_equal(digest.size, 7);
	tpmiot_buf_free(&one.body);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_policy_step_parse_pcr),
		cmocka_unit_test(test_policy_put_pcrs_banks),
		cmocka_unit_test(test_policy_step_parse_others),
		cmocka_unit_test(test_policy_step_parse_secret_of_lockout),
		cmocka_unit_test(test_policy_step_parse_refused),
		cmocka_unit_test(test_policy_step_parse_unsupported),
		cmocka_unit_test(test_policy_step_parse_truncated),
		cmocka_unit_test(test_policy_digest_as_the_tpm),
		cmocka_unit_test(test_policy_digest_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
