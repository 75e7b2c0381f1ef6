/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/attestations: is this a TPM that we let in, and as whom? Stores nothing. */
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <tpmiot/alg.h>
#include <tpmiot/credential.h>

#include "ca/enrol/api_int.h"
#include "ca/enrol/evidence.h"
#include "ca/enrol/quote.h"
#include "ca/pki/profile.h"

static bool
check(struct ca_api *api, struct ca_exchange *x, const struct ca_attest_request *req,
    struct ca_ek *ek, struct tpmiot_public *ak)
{
	struct tpmiot_err err = { 0 };

	if (ca_roots_refresh(api->store, &api->roots, &err) != TPMIOT_OK)
		return ca_fail(&x->problem, &err);
	if (!ca_evidence_ek(api->libctx, req, ek, &x->problem))
		return false;
	memcpy(x->ek_spki, ek->spki, sizeof(x->ek_spki));
	x->has_ek = true;
	return ca_evidence_ek_cert(api->libctx, req, &api->roots, api->ek_crls,
	           api->config->ek_lenient_der == CA_YES, x->now, ek, &x->problem) &&
	       ca_evidence_ak(api->libctx, req, ak, &x->problem);
}

/* As its group has it: the profile that is asked for, and the PCRs to be quoted. */
static bool
offer(struct ca_api *api, struct ca_exchange *x, const struct ca_attest_request *req,
    struct ca_admission *as, struct tpmiot_pcrset *pcrs)
{
	struct ca_profile profile;
	struct tpmiot_err err = { 0 };
	struct ca_group group;

	if (!ca_steps_group(api, as->group, &group, &x->problem))
		return false;
	if (ca_profile_choose(api->config, &group, req->profile, &profile, &err) != TPMIOT_OK)
		return ca_refuse_err(&x->problem, CA_PROBLEM_PROFILE_REFUSED, &err);
	snprintf(as->profile, sizeof(as->profile), "%s", profile.name);
	return ca_quote_wanted(&group, pcrs, &err) == TPMIOT_OK || ca_fail(&x->problem, &err);
}

static bool
decide(struct ca_api *api, struct ca_exchange *x, const struct ca_attest_request *req,
    const struct ca_ek *ek, const struct tpmiot_public *ak, struct ca_admission *out,
    struct tpmiot_pcrset *pcrs)
{
	TPM2B_DIGEST token;
	struct tpmiot_err err = { 0 };
	struct ca_applicant who = { .ek_spki = ek->spki,
		.has_cert = ek->has_cert,
		.cert_problem = &ek->cert_problem,
		.claimed_id = req->device_id,
		.tpm = &ek->info,
		.ak = ak };

	if (req->join_token.len > 0) {
		if (tpmiot_alg_digest(api->libctx, TPM2_ALG_SHA256, req->join_token.data,
		        req->join_token.len, &token, &err) != TPMIOT_OK)
			return ca_fail(&x->problem, &err);
		who.token_sha256 = token.buffer;
	}
	return ca_decide(api, &who, x->now, out, &x->problem) && offer(api, x, req, out, pcrs);
}

static void
keep_certificate(const struct ca_ek *ek, struct ca_ticket *t)
{
	t->info = ek->info;
	if (ek->cert.len > sizeof(t->ek_cert))
		return;
	memcpy(t->ek_cert, ek->cert.data, ek->cert.len);
	t->ek_cert_len = ek->cert.len;
}

/* All that the second step has to know, and the secret, whose digest it is given. */
static enum tpmiot_rc
make_ticket(struct ca_api *api, int64_t now, const struct ca_ek *ek, const struct tpmiot_public *ak,
    const struct ca_admission *as, const struct tpmiot_pcrset *pcrs, struct ca_ticket *t,
    uint8_t secret[CA_SECRET_LEN], struct tpmiot_err *err)
{
	TPM2B_DIGEST digest;
	enum tpmiot_rc rc;

	if ((rc = ca_steps_new_ticket(api, now, t, err)) != TPMIOT_OK)
		return rc;
	if (RAND_priv_bytes_ex(api->libctx, secret, CA_SECRET_LEN, 0) != 1)
		return tpmiot_err_crypto(err, "no random bytes");
	rc = tpmiot_alg_digest(api->libctx, TPM2_ALG_SHA256, secret, CA_SECRET_LEN, &digest, err);
	if (rc != TPMIOT_OK)
		return rc;
	memcpy(t->secret_sha256, digest.buffer, sizeof(t->secret_sha256));
	memcpy(t->ek_spki, ek->spki, sizeof(t->ek_spki));
	t->ak = *ak;
	t->ek_trusted = ek->has_cert && ek->cert_problem.type == CA_PROBLEM_NONE;
	t->roots = api->roots.generation;
	if (t->ek_trusted) /* what anybody may claim is not kept */
		keep_certificate(ek, t);
	t->token = as->token;
	snprintf(t->device_id, sizeof(t->device_id), "%s", as->device_id);
	snprintf(t->group, sizeof(t->group), "%s", as->group);
	snprintf(t->profile, sizeof(t->profile), "%s", as->profile);
	t->pcrs = *pcrs;
	return TPMIOT_OK;
}

static bool
challenge(struct ca_api *api, struct ca_exchange *x, const struct ca_ek *ek,
    const struct tpmiot_public *ak, const struct ca_admission *as, const struct tpmiot_pcrset *pcrs)
{
	struct tpmiot_credential cred = { TPMIOT_BUF_INIT, TPMIOT_BUF_INIT };
	struct tpmiot_buf session = TPMIOT_BUF_INIT;
	struct ca_ticket ticket = { 0 };
	struct tpmiot_err err = { 0 };
	uint8_t secret[CA_SECRET_LEN];
	struct ca_attest_reply reply = { &cred.blob, &cred.encrypted_secret, ticket.nonce,
		sizeof(ticket.nonce), &session, api->config->session_lifetime, pcrs, false };
	bool ok;

	if (!ca_steps_has_secrets(api, ek->spki, as->group, &reply.parent_wanted, &x->problem))
		return false;
	ok = make_ticket(api, x->now, ek, ak, as, pcrs, &ticket, secret, &err) == TPMIOT_OK &&
	     tpmiot_credential_make(api->libctx, &ek->pub, &ak->name, secret, sizeof(secret), &cred,
	         &err) == TPMIOT_OK &&
	     ca_steps_seal(api, &ticket, &session, &err) == TPMIOT_OK &&
	     ca_attest_reply_put(&reply, &x->body, &err) == TPMIOT_OK;
	if (!ok)
		ca_fail(&x->problem, &err);
	OPENSSL_cleanse(secret, sizeof(secret));
	OPENSSL_cleanse(&ticket, sizeof(ticket));
	tpmiot_buf_free(&session);
	tpmiot_credential_free(&cred);
	return ok;
}

bool
ca_step_attest(struct ca_api *api, struct ca_exchange *x)
{
	struct ca_attest_request req = { 0 };
	struct ca_admission as;
	struct tpmiot_pcrset pcrs;
	struct tpmiot_public ak;
	struct ca_ek ek;
	bool ok;

	if (!ca_steps_limit(api, CA_RATE_BEGIN, x))
		return false;
	ok = ca_attest_request_parse(x->req->body, x->req->body_len, &req, &x->problem) &&
	     check(api, x, &req, &ek, &ak) && decide(api, x, &req, &ek, &ak, &as, &pcrs) &&
	     challenge(api, x, &ek, &ak, &as, &pcrs);
	if (ok) {
		snprintf(x->device_id, sizeof(x->device_id), "%s", as.device_id);
		snprintf(x->note, sizeof(x->note), "challenged");
	}
	ca_attest_request_free(&req);
	return ok;
}
