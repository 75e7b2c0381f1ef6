/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/certificates: everything checked again, issued, recorded: one transaction. */
#include <stdio.h>
#include <string.h>

#include "ca/enrol/issue_int.h"
#include "ca/pki/issue.h"

/* ---- A session that was spent -------------------------------------------------------- */

/* The certificate that was issued then, if it may still be handed out. */
static bool
replay(struct ca_api *api, struct ca_exchange *x, const struct ca_proven *p,
    const struct ca_session *spent, struct ca_cert *cert)
{
	struct ca_device device = { 0 };
	struct tpmiot_err err = { 0 };
	bool blocked, key_revoked = false;

	if (memcmp(spent->key_spki, p->key_spki, CA_SHA256_LEN) != 0)
		return ca_refuse(&x->problem, CA_PROBLEM_SESSION_SPENT,
		    "the session gave a certificate for another device key");
	if (ca_device_find(api->store, p->ticket.ek_spki, &device, &err) != TPMIOT_OK)
		return ca_fail(&x->problem, &err);
	blocked = device.state == CA_DEVICE_BLOCKED;
	tpmiot_buf_free(&device.ek_cert);
	if (ca_cert_find(api->store, spent->serial, spent->serial_len, cert, &err) != TPMIOT_OK ||
	    ca_cert_key_revoked(api->store, spent->key_spki, &key_revoked, &err) != TPMIOT_OK)
		return ca_fail(&x->problem, &err);
	if (blocked)
		return ca_refuse(&x->problem, CA_PROBLEM_DEVICE_BLOCKED,
		    "the device \"%s\" is blocked", cert->device_id);
	if (cert->state != CA_CERT_GOOD)
		return ca_refuse(&x->problem, CA_PROBLEM_CERTIFICATE_REVOKED,
		    "the certificate that this session gave was revoked");
	if (key_revoked)
		return ca_refuse(&x->problem, CA_PROBLEM_KEY_REVOKED,
		    "another certificate of the device key was revoked, so that nobody may rely on "
		    "the key");
	snprintf(x->note, sizeof(x->note), "certificate sent again");
	return true;
}

/* ---- A new certificate ---------------------------------------------------------------- */

/* The certificate itself is not here any more: what was found holds for the roots of that time. */
static bool
judge_cert(struct ca_api *api, const struct ca_ticket *t, struct ca_problem *verdict,
    struct ca_problem *problem)
{
	struct tpmiot_err err = { 0 };
	int64_t roots;

	if (ca_root_generation(api->store, &roots, &err) != TPMIOT_OK)
		return ca_fail(problem, &err);
	if (roots != t->roots)
		ca_refuse(verdict, CA_PROBLEM_SESSION_EXPIRED,
		    "the TPM makers that this CA trusts changed after the session began");
	return true;
}

static bool
decide(
    struct ca_api *api, struct ca_exchange *x, const struct ca_proven *p, struct ca_admission *out)
{
	const struct ca_ticket *t = &p->ticket;
	struct ca_problem cert_problem = { .type = CA_PROBLEM_NONE };
	const struct ca_applicant who = { .ek_spki = p->ticket.ek_spki,
		.has_cert = t->ek_trusted,
		.cert_problem = &cert_problem,
		.token = t->token,
		.claimed_id = "",
		.sealed_id = t->device_id,
		.tpm = &t->info,
		.ak = &t->ak,
		.key_spki = p->key_spki };

	if (ca_is_renewal(p))
		return ca_decide_renewal(api, &who, x->now, t->device_id, out, &x->problem);
	if (!judge_cert(api, t, &cert_problem, &x->problem) ||
	    !ca_decide(api, &who, x->now, out, &x->problem))
		return false;
	if (strcmp(out->device_id, t->device_id) != 0)
		return ca_refuse(&x->problem, CA_PROBLEM_SESSION_EXPIRED,
		    "the device was \"%s\" when the session began and is \"%s\" now", t->device_id,
		    out->device_id);
	return true;
}

static bool
make(struct ca_api *api, struct ca_exchange *x, const struct ca_proven *p,
    const struct ca_admission *as, const struct ca_group *group, struct ca_cert *cert)
{
	const struct ca_profile_facts facts = { .device_id = as->device_id,
		.group = as->group,
		.serial_number = as->serial_number,
		.model = as->model,
		.ek_spki = p->ticket.ek_spki,
		.tpm = &p->ticket.info };
	struct ca_profile profile;
	struct tpmiot_err err = { 0 };

	if (ca_profile_choose(api->config, group, p->ticket.profile, &profile, &err) != TPMIOT_OK ||
	    ca_issue(api->config, api->signer, &profile, &facts, &p->key, x->now, cert, &err) !=
	        TPMIOT_OK)
		return ca_refuse_err(&x->problem, CA_PROBLEM_PROFILE_REFUSED, &err);
	return true;
}

/* What the device gets, being of this group. */
static bool
find_secrets(struct ca_api *api, struct ca_exchange *x, struct ca_proven *p, const char *group)
{
	struct tpmiot_err err = { 0 };

	return ca_secrets_for(api->store, p->ticket.ek_spki, group, &p->secrets, &err) ==
	           TPMIOT_OK ||
	       ca_fail(&x->problem, &err);
}

/* A certificate that was issued before: by the group that the device is of now. */
static bool
find_secrets_again(struct ca_api *api, struct ca_exchange *x, struct ca_proven *p)
{
	struct ca_device dev = { .ek_cert = TPMIOT_BUF_INIT };
	struct ca_admission as = { .token = 0 };
	struct tpmiot_err err = { 0 };
	bool ok = ca_device_find(api->store, p->ticket.ek_spki, &dev, &err) == TPMIOT_OK ||
	          ca_fail(&x->problem, &err);

	memcpy(as.group, dev.group, sizeof(as.group));
	tpmiot_buf_free(&dev.ek_cert);
	return ok && ca_decide_unit(api, p->ticket.ek_spki, &as, &x->problem) &&
	       find_secrets(api, x, p, as.group);
}

static bool
issue(struct ca_api *api, struct ca_exchange *x, struct ca_proven *p, struct ca_cert *cert)
{
	struct ca_admission as;
	struct tpmiot_err err = { 0 };
	struct ca_group group;

	/* While the hook was asked the session may have ended, so that its being spent is
	 * forgotten. */
	if (!ca_steps_in_time(x, &p->ticket))
		return false;
	/* What it stands on may have been revoked while the evidence was looked at. */
	if (ca_is_renewal(p) && !ca_prove_client(api, x, p))
		return false;
	if (!ca_steps_issue_limit(api, x) || !decide(api, x, p, &as) ||
	    !ca_steps_group(api, as.group, &group, &x->problem) ||
	    !ca_quote_judge(api->store, &group, &p->ticket, &p->quoted, &x->problem))
		return false;
	if (as.token != 0 &&
	    ca_token_use(api->store, as.token, p->ticket.ek_spki, x->now, &err) != TPMIOT_OK)
		return ca_refuse_err(&x->problem, CA_PROBLEM_JOIN_TOKEN_SPENT, &err);
	if (!find_secrets(api, x, p, as.group) || !make(api, x, p, &as, &group, cert))
		return false;
	memcpy(cert->ek_spki, p->ticket.ek_spki, sizeof(cert->ek_spki));
	memcpy(cert->key_spki, p->key_spki, sizeof(cert->key_spki));
	memcpy(cert->session, p->ticket.id, sizeof(cert->session));
	if (ca_record(api, x, p, &as, cert, &err) != TPMIOT_OK)
		return ca_fail(&x->problem, &err);
	snprintf(x->note, sizeof(x->note),
	    ca_is_renewal(p) ? "certificate renewed" : "certificate issued");
	return true;
}

/* An older device tool sends no parent: its secrets wait for a newer one. */
static bool
may_tell(const struct ca_proven *p)
{
	return p->has_parent || p->secrets.n == 0;
}

static bool
answer(struct ca_api *api, struct ca_exchange *x, const struct ca_proven *p,
    const struct ca_cert *cert)
{
	struct tpmiot_buf chain = TPMIOT_BUF_INIT, root = TPMIOT_BUF_INIT;
	struct ca_deliveries secrets = { .n = 0 };
	struct ca_issue_reply reply = { .device_id = cert->device_id,
		.secrets = may_tell(p) ? &secrets : NULL };
	struct tpmiot_err err = { 0 };
	bool ok = ca_issue_put_chain(api->signer, &cert->der, &chain, &err) == TPMIOT_OK &&
	          ca_issue_put_root(api->signer, &root, &err) == TPMIOT_OK;

	if (ok && p->has_parent)
		ok = ca_secrets_wrap(api->libctx, api->config->dir, &p->secrets, &p->parent,
		         &secrets, &err) == TPMIOT_OK;
	if (ok) {
		reply.certificate = tpmiot_buf_cstr(&chain);
		reply.ca = tpmiot_buf_cstr(&root);
		ok = reply.certificate != NULL && reply.ca != NULL &&
		     ca_issue_reply_put(&reply, &x->body, &err) == TPMIOT_OK;
	}
	if (!ok)
		ca_fail(&x->problem, &err);
	ca_deliveries_free(&secrets);
	tpmiot_buf_free(&chain);
	tpmiot_buf_free(&root);
	return ok;
}

/*
 * The whole second half under the store's write lock: nothing changes between check and record. The
 * answer is made in it, too: what cannot be told has not been done.
 */
static bool
settle(struct ca_api *api, struct ca_exchange *x, struct ca_proven *p, struct ca_cert *cert)
{
	struct ca_session spent;
	struct tpmiot_err err = { 0 };
	enum tpmiot_rc rc;
	bool ok;

	if (ca_store_begin(api->store, &err) != TPMIOT_OK)
		return ca_fail(&x->problem, &err);
	rc = ca_session_find(api->store, p->ticket.id, &spent, &err);
	if (rc == TPMIOT_OK)
		ok = replay(api, x, p, &spent, cert) && find_secrets_again(api, x, p);
	else if (rc == TPMIOT_E_NOT_FOUND)
		ok = issue(api, x, p, cert);
	else
		ok = ca_fail(&x->problem, &err);
	ok = ok && answer(api, x, p, cert);
	if (ok && ca_store_commit(api->store, &err) != TPMIOT_OK)
		ok = ca_fail(&x->problem, &err);
	if (!ok)
		ca_store_rollback(api->store);
	return ok;
}

/* ---- The step ------------------------------------------------------------------------- */

bool
ca_issue_finish(struct ca_api *api, struct ca_exchange *x, struct ca_proven *p)
{
	struct ca_cert cert = { .der = TPMIOT_BUF_INIT };
	bool ok = settle(api, x, p, &cert);

	ca_secrets_free(&p->secrets);
	tpmiot_buf_free(&cert.der);
	return ok;
}

/*
 * The hook is asked last, about devices that are what they say only, and only where a certificate
 * could come of it: strangers cannot have it run, nor can a device with what it has sent before. It
 * is asked before the store is locked, so what it allows is decided on once more after.
 */
static bool
ask_and_finish(struct ca_api *api, struct ca_exchange *x, struct ca_proven *p)
{
	struct ca_session spent;
	struct tpmiot_err err = { 0 };
	enum tpmiot_rc rc;

	if (api->config->hook[0] == '\0')
		return ca_issue_finish(api, x, p);
	rc = ca_session_find(api->store, p->ticket.id, &spent, &err);
	if (rc == TPMIOT_OK)
		return ca_issue_finish(api, x, p);
	if (rc != TPMIOT_E_NOT_FOUND)
		return ca_fail(&x->problem, &err);
	return ca_steps_issue_limit(api, x) && ca_ask(api, x, p);
}

bool
ca_step_issue(struct ca_api *api, struct ca_exchange *x)
{
	struct ca_issue_request req = { 0 };
	struct ca_proven p = { .has_parent = false };
	bool ok;

	if (!ca_steps_limit(api, CA_RATE_FINISH, x))
		return false;
	ok = ca_issue_request_parse(x->req->body, x->req->body_len, &req, &x->problem) &&
	     ca_prove(api, x, &req, &p) && ask_and_finish(api, x, &p);
	ca_issue_request_free(&req);
	return ok;
}
