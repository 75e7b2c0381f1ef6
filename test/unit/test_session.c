/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TPM2_Sign in a salted session: what stands in place of a signature's verification. The other
 * side of the session is computed here (Part 1, clause 17.6), from the session's own key.
 */
#include <tpmiot/alg.h>

#include "tpm/session.h"
#include "script_tcti.h"
#include "unit.h"

#define KEY 0x80000001
#define NONCE 32
/* Of a command with one session: header, handle, size of the authorisation, session. */
#define NONCE_AT (10 + 4 + 4 + 4 + 2)
#define ATTRIBUTES_AT (NONCE_AT + NONCE)
#define HMAC_AT (ATTRIBUTES_AT + 1 + 2)
#define PARAMETERS_AT (HMAC_AT + 32)

static const TPMT_SIG_SCHEME scheme = { TPM2_ALG_ECDSA, { { TPM2_ALG_SHA256 } } };
static const TPM2B_DIGEST digest = { 32, { 1, 2, 3 } };
static const TPM2B_NAME name = { 4, { 0xca, 0xfe, 0xba, 0xbe } };

struct fixture {
	struct script_tcti script;
	struct tpmiot_tpm *tpm;
	struct tpmiot_session *session;
	struct tpmiot_err err;
};

static void
salt_key(struct tpmiot_public *out)
{
	TPMT_PUBLIC area = { .type = TPM2_ALG_ECC,
		.nameAlg = TPM2_ALG_SHA256,
		.parameters.eccDetail = { .symmetric.algorithm = TPM2_ALG_NULL,
		    .scheme.scheme = TPM2_ALG_NULL,
		    .curveID = TPM2_ECC_NIST_P256,
		    .kdf.scheme = TPM2_ALG_NULL } };
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	unsigned char point[65];
	struct tpmiot_err err;

	assert_int_equal(EVP_PKEY_get_octet_string_param(key, "pub", point, 65, NULL), 1);
	area.unique.ecc.x.size = area.unique.ecc.y.size = 32;
	memcpy(area.unique.ecc.x.buffer, point + 1, 32);
	memcpy(area.unique.ecc.y.buffer, point + 33, 32);
	assert_ok(tpmiot_public_from_area(NULL, &area, out, &err), &err);
	EVP_PKEY_free(key);
}

static void
open_session(struct fixture *f)
{
	struct tpmiot_buf nonce = TPMIOT_BUF_INIT;
	struct tpmiot_public pub;

	memset(f, 0, sizeof(*f));
	salt_key(&pub);
	assert_ok(tpmiot_tpm_new_on(script_init(&f->script), NULL, &f->tpm, &f->err), &f->err);
	tpmiot_buf_put_u16(&nonce, NONCE);
	(void)tpmiot_buf_grow(&nonce, NONCE);
	script_ok(&f->script, 0x02000000, &nonce, false);
	assert_ok(
	    tpmiot_session_start(f->tpm, TPM2_SE_HMAC, 0x81000001, &pub, &f->session, &f->err),
	    &f->err);
	assert_true(tpm_session_authenticates(f->session));
	tpmiot_buf_free(&nonce);
}

static void
close_session(struct fixture *f)
{
	tpmiot_session_end(&f->session);
	tpmiot_tpm_free(&f->tpm);
	script_free(&f->script);
}

static enum tpmiot_rc
sign(struct fixture *f, TPMT_SIGNATURE *out)
{
	const struct tpmiot_auth auth = { .session = f->session, .name = name };

	return tpmiot_tpm_sign(f->tpm, KEY, &auth, &scheme, &digest, NULL, out, &f->err);
}

static void
hash(const struct tpmiot_buf *data, uint8_t out[32])
{
	TPM2B_DIGEST made;
	struct tpmiot_err err;

	assert_ok(
	    tpmiot_alg_digest(NULL, TPM2_ALG_SHA256, data->data, data->len, &made, &err), &err);
	memcpy(out, made.buffer, 32);
}

/* HMAC(sessionKey, hash ‖ newer nonce ‖ older nonce ‖ attributes). */
static void
hmac(const struct fixture *f, const uint8_t pHash[32], const uint8_t *newer, const uint8_t *older,
    uint8_t attributes, uint8_t out[32])
{
	const struct tpmiot_bytes parts[] = { { pHash, 32 }, { newer, NONCE }, { older, NONCE },
		{ &attributes, 1 } };
	struct tpmiot_err err;
	size_t len;

	assert_ok(tpmiot_hmac(NULL, TPM2_ALG_SHA256, tpm_digest_bytes(&f->session->key), parts, 4,
	              out, &len, &err),
	    &err);
	assert_int_equal(len, 32);
}

/*
 * The TPM's answer to the next command, whose nonce is drawn for that already: an ECDSA
 * signature of 32 times `fill` twice.
 */
static void
script_answer(struct fixture *f, uint8_t fill)
{
	struct tpmiot_buf params = TPMIOT_BUF_INIT, hashed = TPMIOT_BUF_INIT;
	struct tpmiot_buf *response = &f->script.steps[f->script.n].response;
	uint8_t number[32], nonce[NONCE], rpHash[32], mac[32];

	memset(number, fill, sizeof(number));
	memset(nonce, fill ^ 0xff, sizeof(nonce));
	tpmiot_buf_put_u16(&params, TPM2_ALG_ECDSA);
	tpmiot_buf_put_u16(&params, TPM2_ALG_SHA256);
	for (int i = 0; i < 2; i++) {
		tpmiot_buf_put_u16(&params, sizeof(number));
		tpmiot_buf_put(&params, number, sizeof(number));
	}
	tpmiot_buf_put_u32(&hashed, TPM2_RC_SUCCESS);
	tpmiot_buf_put_u32(&hashed, TPM2_CC_Sign);
	tpmiot_buf_put(&hashed, params.data, params.len);
	hash(&hashed, rpHash);
	tpm_session_get_ahead(f->session);
	assert_int_equal(f->session->ahead.size, NONCE);
	hmac(f, rpHash, nonce, f->session->ahead.buffer, TPMA_SESSION_CONTINUESESSION, mac);

	tpmiot_buf_put_u16(response, TPM2_ST_SESSIONS);
	tpmiot_buf_put_u32(response, (uint32_t)(10 + 4 + params.len + 2 + NONCE + 1 + 2 + 32));
	tpmiot_buf_put_u32(response, TPM2_RC_SUCCESS);
	tpmiot_buf_put_u32(response, (uint32_t)params.len);
	tpmiot_buf_put(response, params.data, params.len);
	tpmiot_buf_put_u16(response, NONCE);
	tpmiot_buf_put(response, nonce, NONCE);
	tpmiot_buf_put_u8(response, TPMA_SESSION_CONTINUESESSION);
	tpmiot_buf_put_u16(response, 32);
	tpmiot_buf_put(response, mac, sizeof(mac));
	f->script.n++;
	tpmiot_buf_free(&params);
	tpmiot_buf_free(&hashed);
}

/*
 * The answer to TPM2_ActivateCredential, whose first parameter, to be decrypted, says that it has
 * `size` bytes, where four follow. The AK's authorisation is the empty password.
 */
static void
script_secret(struct fixture *f, uint16_t size)
{
	struct tpmiot_buf hashed = TPMIOT_BUF_INIT;
	struct tpmiot_buf *response = &f->script.steps[f->script.n++].response;
	uint8_t nonce[NONCE] = { 1 }, rpHash[32], mac[32];

	tpmiot_buf_put_u32(&hashed, TPM2_RC_SUCCESS);
	tpmiot_buf_put_u32(&hashed, TPM2_CC_ActivateCredential);
	tpmiot_buf_put_u16(&hashed, size);
	tpmiot_buf_put(&hashed, "abcd", 4);
	hash(&hashed, rpHash);
	tpm_session_get_ahead(f->session);
	hmac(f, rpHash, nonce, f->session->ahead.buffer, TPMA_SESSION_CONTINUESESSION, mac);
	tpmiot_buf_put_u16(response, TPM2_ST_SESSIONS);
	tpmiot_buf_put_u32(response, 10 + 4 + 6 + 5 + 2 + NONCE + 1 + 2 + 32);
	tpmiot_buf_put_u32(response, TPM2_RC_SUCCESS);
	tpmiot_buf_put_u32(response, 6);
	tpmiot_buf_put_u16(response, size);
	tpmiot_buf_put(response, "abcd\0\0\1\0\0", 4 + 5);
	tpmiot_buf_put_u16(response, NONCE);
	tpmiot_buf_put(response, nonce, NONCE);
	tpmiot_buf_put_u8(response, TPMA_SESSION_CONTINUESESSION);
	tpmiot_buf_put_u16(response, 32);
	tpmiot_buf_put(response, mac, sizeof(mac));
	tpmiot_buf_free(&hashed);
}

/* By the size that a TPM states, and authenticates, nothing is read that it has not sent. */
static void
test_secret_longer_than_the_response(void **state)
{
	static const uint16_t sizes[] = { 5, 4096, 0xffff };
	const struct tpmiot_bytes sealed = { "\0\2ab", 4 };
	struct tpmiot_buf secret = TPMIOT_BUF_INIT;
	struct fixture f;

	(void)state;
	open_session(&f);
	script_secret(&f, 4);
	assert_ok(tpmiot_tpm_activate(f.tpm, KEY, &name, 0x81010001, &name, f.session, sealed,
	              sealed, &secret, &f.err),
	    &f.err);
	assert_int_equal(secret.len, 4);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		script_secret(&f, sizes[i]);
		assert_refused(tpmiot_tpm_activate(f.tpm, KEY, &name, 0x81010001, &name, f.session,
		                   sealed, sealed, &secret, &f.err),
		    TPMIOT_E_TPM, &f.err, "more than came");
		assert_int_equal(secret.len, 4);
	}
	tpmiot_buf_free(&secret);
	close_session(&f);
}

static void
test_sign_authenticated(void **state)
{
	struct fixture f;
	TPMT_SIGNATURE made;

	(void)state;
	open_session(&f);
	for (uint8_t i = 1; i <= 3; i++) {
		script_answer(&f, i);
		assert_ok(sign(&f, &made), &f.err);
		assert_int_equal(made.signature.ecdsa.signatureR.buffer[31], i);
		assert_int_equal(f.session->nonce_tpm.buffer[0], i ^ 0xff);
	}
	close_session(&f);
}

/* The command names the key, and each has a nonce of its own. */
static void
test_command_is_for_this_key(void **state)
{
	struct fixture f;
	TPMT_SIGNATURE made;

	(void)state;
	open_session(&f);
	for (size_t i = 1; i <= 2; i++) {
		const TPM2B_NONCE last = f.session->nonce_tpm;
		struct tpmiot_buf hashed = TPMIOT_BUF_INIT;
		const struct tpmiot_buf *sent = &f.script.commands[i];
		uint8_t cpHash[32], mac[32];

		script_answer(&f, (uint8_t)i);
		assert_ok(sign(&f, &made), &f.err);
		tpmiot_buf_put_u32(&hashed, TPM2_CC_Sign);
		tpmiot_buf_put(&hashed, name.name, name.size);
		tpmiot_buf_put(&hashed, sent->data + PARAMETERS_AT, sent->len - PARAMETERS_AT);
		hash(&hashed, cpHash);
		hmac(
		    &f, cpHash, sent->data + NONCE_AT, last.buffer, sent->data[ATTRIBUTES_AT], mac);
		assert_memory_equal(sent->data + HMAC_AT, mac, sizeof(mac));
		tpmiot_buf_free(&hashed);
	}
	assert_memory_not_equal(
	    f.script.commands[1].data + NONCE_AT, f.script.commands[2].data + NONCE_AT, NONCE);
	close_session(&f);
}

/* A bit in any byte of the answer. */
static void
test_changed_answer_refused(void **state)
{
	size_t len = 1;

	(void)state;
	for (size_t i = 0; i < len; i++) {
		TPMT_SIGNATURE made = { .sigAlg = 0x5a5a };
		struct tpmiot_buf *response;
		struct fixture f;

		open_session(&f);
		script_answer(&f, 7);
		response = &f.script.steps[1].response;
		len = response->len;
		response->data[i] ^= (uint8_t)(1 << i % 8);
		assert_int_not_equal(sign(&f, &made), TPMIOT_OK);
		assert_int_equal(made.sigAlg, 0x5a5a);
		close_session(&f);
	}
	assert_true(len > 100);
}

static void
test_replayed_answer_refused(void **state)
{
	struct fixture f;
	TPMT_SIGNATURE made;

	(void)state;
	open_session(&f);
	script_answer(&f, 1);
	assert_ok(sign(&f, &made), &f.err);
	tpmiot_buf_put(&f.script.steps[2].response, f.script.steps[1].response.data,
	    f.script.steps[1].response.len);
	f.script.n++;
	assert_int_equal(sign(&f, &made), TPMIOT_E_TPM);
	assert_non_null(strstr(f.err.text, "HMAC"));
	close_session(&f);
}

/* Somebody who does not know the salt. */
static void
test_other_sessions_answer_refused(void **state)
{
	struct fixture f;
	TPMT_SIGNATURE made;
	uint8_t right;

	(void)state;
	open_session(&f);
	right = f.session->key.buffer[0];
	f.session->key.buffer[0] ^= 1;
	script_answer(&f, 1);
	f.session->key.buffer[0] = right;
	assert_int_equal(sign(&f, &made), TPMIOT_E_TPM);
	close_session(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sign_authenticated),
		cmocka_unit_test(test_secret_longer_than_the_response),
		cmocka_unit_test(test_command_is_for_this_key),
		cmocka_unit_test(test_changed_answer_refused),
		cmocka_unit_test(test_replayed_answer_refused),
		cmocka_unit_test(test_other_sessions_answer_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
