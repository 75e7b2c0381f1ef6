/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "enroll/enrol/certs.h"
#include "enroll/enrol/csr.h"
#include "enroll/net/exchange.h"
#include "enroll/enrol/step.h"
#include "enroll/secret/kept.h"

/* A reply that cannot be used is the server's fault: whoever it is, it is not to be trusted. */
enum tpmiot_rc
enroll_step_blame_server(enum tpmiot_rc rc, struct tpmiot_err *err)
{
	if (rc != TPMIOT_E_FORMAT)
		return rc;
	(void)tpmiot_err_prefix(err, "the server's answer is not what the protocol says; check "
	                             "that --server is a tpmiot-ca");
	err->rc = TPMIOT_E_TRUST;
	return TPMIOT_E_TRUST;
}

enum tpmiot_rc
enroll_step_exchange(struct enroll_step *step, const char *path, const struct tpmiot_buf *body,
    struct tpmiot_buf *reply, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = enroll_signals_check(err);

	if (rc == TPMIOT_OK)
		rc = enroll_exchange(step->http, step->ui, path, body, reply, &step->problem, err);
	return rc;
}

/* ---- In the TPM ------------------------------------------------------------------ */

static struct tpmiot_bytes
bytes(const struct tpmiot_buf *buf)
{
	return (struct tpmiot_bytes){ buf->data, buf->len };
}

/* Read, then quoted: if one changes in between, the CA sees that they do not fit. */
static enum tpmiot_rc
quote(struct enroll_step *step, struct tpmiot_buf *attested, struct tpmiot_buf *signature,
    struct tpmiot_err *err)
{
	struct enroll_msg_challenge *challenge = &step->challenge;
	enum tpmiot_rc rc = TPMIOT_OK;
	TPM2_HANDLE ak;
	size_t i;

	if (challenge->banks_n == 0)
		return TPMIOT_OK;
	enroll_ui_detail(step->ui, "the CA wants PCR values: quoting them");
	tpmiot_tpm_lock(step->tpm);
	for (i = 0; rc == TPMIOT_OK && i < challenge->banks_n; i++)
		rc = tpmiot_tpm_pcr_read(step->tpm, &challenge->banks[i], err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_key_handle_loaded(step->ak, &ak, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_tpm_quote(step->tpm, ak, bytes(&challenge->nonce), challenge->banks,
		    challenge->banks_n, attested, signature, err);
	tpmiot_tpm_unlock(step->tpm);
	return rc;
}

/* ---- Second step -------------------------------------------------------------------- */

enum tpmiot_rc
enroll_step_prove(
    struct enroll_step *step, struct enroll_msg_issued *issued, struct tpmiot_err *err)
{
	struct tpmiot_buf attested = TPMIOT_BUF_INIT, signature = TPMIOT_BUF_INIT;
	struct tpmiot_buf csr = TPMIOT_BUF_INIT, body = TPMIOT_BUF_INIT;
	struct tpmiot_buf quoted = TPMIOT_BUF_INIT, quote_signature = TPMIOT_BUF_INIT;
	struct tpmiot_buf reply = TPMIOT_BUF_INIT;
	struct tpmiot_public parent = { .raw_len = 0 };
	const struct enroll_msg_evidence msg = {
		.session = &step->challenge.session,
		.secret = step->secret.len > 0 ? &step->secret : NULL,
		.key = tpmiot_key_public(step->key),
		.attest = &attested,
		.signature = &signature,
		.csr = &csr,
		.parent = step->challenge.parent_wanted ? &parent : NULL,
		.banks = step->challenge.banks,
		.banks_n = step->challenge.banks_n,
		.quote_attest = &quoted,
		.quote_signature = &quote_signature,
	};
	enum tpmiot_rc rc;

	rc = tpmiot_key_certify(
	    step->key, step->ak, bytes(&step->challenge.nonce), &attested, &signature, err);
	if (rc == TPMIOT_OK)
		rc = quote(step, &quoted, &quote_signature, err);
	if (rc == TPMIOT_OK)
		rc = enroll_csr_make(step->key, &csr, err);
	if (rc == TPMIOT_OK && msg.parent != NULL)
		rc = tpmiot_key_parent_public(step->key, &parent, err);
	if (rc == TPMIOT_OK)
		rc = enroll_msg_put_evidence(&msg, &body, err);
	if (rc == TPMIOT_OK)
		rc = enroll_step_exchange(step, "/v1/certificates", &body, &reply, err);
	if (rc == TPMIOT_OK)
		rc = enroll_step_blame_server(
		    enroll_msg_parse_issued(bytes(&reply), issued, err), err);
	tpmiot_buf_free(&attested);
	tpmiot_buf_free(&signature);
	tpmiot_buf_free(&quoted);
	tpmiot_buf_free(&quote_signature);
	tpmiot_buf_free(&csr);
	tpmiot_buf_free(&body);
	tpmiot_buf_free(&reply);
	return rc;
}

static enum tpmiot_rc
parse_certs(
    const struct tpmiot_buf *pem, const char *what, STACK_OF(X509) **out, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = enroll_certs_parse(bytes(pem), out, err);

	if (rc == TPMIOT_E_FORMAT)
		(void)tpmiot_err_prefix(err, "in its \"%s\"", what);
	return enroll_step_blame_server(rc, err);
}

/* Written is what was parsed and checked, not the text that came. NAME.crt is last: it says "done".
 */
static enum tpmiot_rc
store(const struct enroll_step *step, STACK_OF(X509) *certs, STACK_OF(X509) *ca,
    struct tpmiot_err *err)
{
	struct tpmiot_buf certs_pem = TPMIOT_BUF_INIT, ca_pem = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	rc = enroll_certs_put_pem(certs, &certs_pem, err);
	if (rc == TPMIOT_OK)
		rc = enroll_certs_put_pem(ca, &ca_pem, err);
	if (rc == TPMIOT_OK)
		rc = enroll_state_write_cert(
		    step->state, ENROLL_CA_NAME, ca_pem.data, ca_pem.len, err);
	if (rc == TPMIOT_OK)
		rc = enroll_server_remember(step->state, step->server, err);
	if (rc == TPMIOT_OK)
		rc = enroll_state_write_cert(
		    step->state, step->cert_name, certs_pem.data, certs_pem.len, err);
	tpmiot_buf_free(&certs_pem);
	tpmiot_buf_free(&ca_pem);
	return rc;
}

enum tpmiot_rc
enroll_step_accept(
    const struct enroll_step *step, const struct enroll_msg_issued *issued, struct tpmiot_err *err)
{
	STACK_OF(X509) *certs = NULL, *ca = NULL;
	enum tpmiot_rc rc;

	rc = parse_certs(&issued->certificate, "certificate", &certs, err);
	if (rc == TPMIOT_OK)
		rc = parse_certs(&issued->ca, "ca", &ca, err);
	if (rc == TPMIOT_OK)
		rc = enroll_certs_check_issued(
		    certs, ca, tpmiot_key_pkey(step->key), (int64_t)time(NULL), err);
	if (rc == TPMIOT_OK)
		rc = enroll_kept_accept(step->state, step->tpm, step->key, issued, err);
	if (rc == TPMIOT_OK)
		rc = store(step, certs, ca, err);
	sk_X509_pop_free(certs, X509_free);
	sk_X509_pop_free(ca, X509_free);
	return rc;
}

void
enroll_step_free(struct enroll_step *step)
{
	enroll_msg_challenge_free(&step->challenge);
	tpmiot_buf_free(&step->secret);
	tpmiot_key_unref(&step->key);
	tpmiot_key_unref(&step->ak);
}
