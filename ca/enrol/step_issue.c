/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/certificates: everything checked again, issued, recorded: one transaction. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ca/enrol/api_int.h"
#include "ca/enrol/evidence.h"
#include "ca/enrol/hook.h"
#include "ca/enrol/quote.h"
#include "ca/pki/issue.h"
#include "ca/secret/deliver.h"

/* What the request proved. */
struct proven {
	struct ca_ticket ticket;
	EVP_PKEY *key;
	uint8_t key_spki[CA_SHA256_LEN];
	struct ca_quoted quoted;
	bool has_parent;
	struct tpmiot_public parent; /* its storage key */
	struct ca_secrets secrets;   /* what the device is to get; found in the transaction */
};

/* ---- The evidence ----------------------------------------------------------------- */

static bool
is_renewal(const struct proven *p)
{
	return p->ticket.renews_len > 0;
}

/* A renewal stands on the certificate that it was begun with, in this connection as well. */
static bool
prove_client(struct ca_api *api, struct ca_exchange *x, const struct proven *p)
{
	struct ca_cert cert = { .der = TPMIOT_BUF_INIT };
	bool ok = ca_client(api, x, &cert);

	if (ok && (cert.serial_len != p->ticket.renews_len ||
	              memcmp(cert.serial, p->ticket.renews, cert.serial_len) != 0))
		ok = ca_refuse(&x->problem, CA_PROBLEM_CLIENT_CERTIFICATE_INVALID,
		    "the client certificate is not the one that the session was made for");
	tpmiot_buf_free(&cert.der);
	return ok;
}

static bool
prove_secret(struct ca_api *api, struct ca_exchange *x, const struct ca_issue_request *req,
    const struct proven *p)
{
	if (req->secret.len == 0)
		return ca_refuse(
		    &x->problem, CA_PROBLEM_MALFORMED_REQUEST, "\"secret\" is missing");
	return ca_evidence_secret(api->libctx, &p->ticket, req, &x->problem);
}

/* Whether the certificate is to be for the AK itself. */
static bool
for_ak(const struct ca_api *api, const struct proven *p)
{
	struct ca_profile profile;

	return ca_profile_find(api->config, p->ticket.profile, &profile, NULL) == TPMIOT_OK &&
	       ca_profile_is_ak(&profile);
}

static bool
prove_parent(
    struct ca_api *api, struct ca_exchange *x, const struct ca_issue_request *req, struct proven *p)
{
	p->has_parent = req->parent.len > 0;
	return !p->has_parent || ca_evidence_parent(api->libctx, req, &p->parent, &x->problem);
}

/* From here on the values stand in the audit log, however the request ends. */
static bool
prove_pcrs(
    struct ca_api *api, struct ca_exchange *x, const struct ca_issue_request *req, struct proven *p)
{
	struct tpmiot_err err;

	if (!ca_quote_prove(api->libctx, &p->ticket, req, &p->quoted, &x->problem))
		return false;
	tpmiot_pcrset_put_values(&p->quoted.pcrs, &x->pcrs);
	if (tpmiot_buf_cstr(&x->pcrs) != NULL)
		return true;
	(void)tpmiot_err_memory(&err);
	return ca_fail(&x->problem, &err);
}

static bool
prove(
    struct ca_api *api, struct ca_exchange *x, const struct ca_issue_request *req, struct proven *p)
{
	struct tpmiot_err err = { 0 };

	if (!ca_steps_unseal(api, x, &req->session, &p->ticket))
		return false;
	memcpy(x->ek_spki, p->ticket.ek_spki, sizeof(x->ek_spki));
	x->has_ek = true;
	snprintf(x->device_id, sizeof(x->device_id), "%s", p->ticket.device_id);
	if (!(is_renewal(p) ? prove_client(api, x, p) : prove_secret(api, x, req, p)) ||
	    !ca_evidence_key(api->libctx, &p->ticket, req, for_ak(api, p), &p->key, &x->problem) ||
	    !prove_parent(api, x, req, p) || !prove_pcrs(api, x, req, p))
		return false;
	if (tpmiot_spki_sha256(api->libctx, p->key, p->key_spki, &err) != TPMIOT_OK)
		return ca_fail(&x->problem, &err);
	return true;
}

/* ---- A session that was spent -------------------------------------------------------- */

/* The certificate that was issued then, if it may still be handed out. */
static bool
replay(struct ca_api *api, struct ca_exchange *x, const struct proven *p,
    const struct ca_session *spent, struct ca_cert *cert)
{
	struct ca_device device = { 0 };
	struct tpmiot_err err = { 0 };
	bool blocked;

	if (memcmp(spent->key_spki, p->key_spki, CA_SHA256_LEN) != 0)
		return ca_refuse(&x->problem, CA_PROBLEM_SESSION_SPENT,
		    "the session gave a certificate for another device key");
	if (ca_device_find(api->store, p->ticket.ek_spki, &device, &err) != TPMIOT_OK ||
	    ca_cert_find(api->store, spent->serial, spent->serial_len, cert, &err) != TPMIOT_OK)
		return ca_fail(&x->problem, &err);
	blocked = device.state == CA_DEVICE_BLOCKED;
	tpmiot_buf_free(&device.ek_cert);
	if (blocked)
		return ca_refuse(&x->problem, CA_PROBLEM_DEVICE_BLOCKED,
		    "the device \"%s\" is blocked", cert->device_id);
	if (cert->state != CA_CERT_GOOD)
		return ca_refuse(&x->problem, CA_PROBLEM_CERTIFICATE_REVOKED,
		    "the certificate that this session gave was revoked");
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
decide(struct ca_api *api, struct ca_exchange *x, const struct proven *p, struct ca_admission *out)
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

	if (is_renewal(p))
		return ca_decide_renewal(api, &who, t->device_id, out, &x->problem);
	if (!judge_cert(api, t, &cert_problem, &x->problem) ||
	    !ca_decide(api, &who, x->now, out, &x->problem))
		return false;
	if (strcmp(out->device_id, t->device_id) != 0)
		return ca_refuse(&x->problem, CA_PROBLEM_SESSION_EXPIRED,
		    "the device was \"%s\" when the session began and is \"%s\" now", t->device_id,
		    out->device_id);
	return true;
}

static enum tpmiot_rc
record_device(struct ca_api *api, const struct ca_exchange *x, const struct proven *p,
    const struct ca_admission *as, struct tpmiot_err *err)
{
	struct ca_device d = { .last_seen = x->now };

	memcpy(d.ek_spki, p->ticket.ek_spki, sizeof(d.ek_spki));
	snprintf(d.id, sizeof(d.id), "%s", as->device_id);
	snprintf(d.group, sizeof(d.group), "%s", as->group);
	snprintf(d.manufacturer, sizeof(d.manufacturer), "%s", p->ticket.info.manufacturer);
	snprintf(d.model, sizeof(d.model), "%s", p->ticket.info.model);
	snprintf(d.version, sizeof(d.version), "%s", p->ticket.info.version);
	return ca_device_enrol(api->store, &d, err);
}

static enum tpmiot_rc
record_ak(
    struct ca_api *api, const struct ca_exchange *x, const struct proven *p, struct tpmiot_err *err)
{
	const struct tpmiot_public *pub = &p->ticket.ak;
	struct ca_ak ak = { .last_seen = x->now, .name_len = pub->name.size };
	enum tpmiot_rc rc;

	if ((rc = ca_evidence_spki(api->libctx, pub, ak.spki, err)) != TPMIOT_OK)
		return rc;
	memcpy(ak.ek_spki, p->ticket.ek_spki, sizeof(ak.ek_spki));
	memcpy(ak.name, pub->name.name, ak.name_len);
	tpmiot_public_put(pub, &ak.public);
	if ((rc = tpmiot_buf_done(&ak.public, err)) == TPMIOT_OK)
		rc = ca_ak_enrol(api->store, &ak, err);
	tpmiot_buf_free(&ak.public);
	return rc;
}

static enum tpmiot_rc
record_cert(
    struct ca_api *api, const struct proven *p, const struct ca_cert *cert, struct tpmiot_err *err)
{
	struct ca_session spent = {
		.expires = p->ticket.expires + api->config->clock_skew,
		.serial_len = cert->serial_len,
	};
	enum tpmiot_rc rc;

	memcpy(spent.id, p->ticket.id, sizeof(spent.id));
	memcpy(spent.ek_spki, p->ticket.ek_spki, sizeof(spent.ek_spki));
	memcpy(spent.key_spki, p->key_spki, sizeof(spent.key_spki));
	memcpy(spent.serial, cert->serial, cert->serial_len);
	if ((rc = ca_cert_add(api->store, cert, err)) == TPMIOT_OK)
		rc = ca_session_spend(api->store, &spent, err);
	return rc;
}

/* "; secrets: wifi, api-key", or why they were kept back. */
static void
put_secrets(const struct proven *p, struct ca_audit *entry)
{
	size_t used = strlen(entry->detail);

	for (size_t i = 0; i < p->secrets.n && used < sizeof(entry->detail); i++)
		used += (size_t)snprintf(entry->detail + used, sizeof(entry->detail) - used, "%s%s",
		    i > 0 ? ", " : "; secrets: ", p->secrets.item[i].name);
	if (p->secrets.n > 0 && !p->has_parent && used < sizeof(entry->detail))
		snprintf(entry->detail + used, sizeof(entry->detail) - used,
		    " (kept back: the device sent no parent)");
}

static enum tpmiot_rc
record_audit(struct ca_api *api, const struct ca_exchange *x, const struct proven *p,
    const struct ca_cert *cert, struct tpmiot_err *err)
{
	char serial[2 * CA_SERIAL_MAX + 1], renews[2 * CA_SERIAL_MAX + 1];
	struct ca_audit entry;

	ca_hex(cert->serial, cert->serial_len, serial);
	ca_hex(p->ticket.renews, p->ticket.renews_len, renews);
	ca_audit_of(x, is_renewal(p) ? "renew" : "issue", "accepted", &entry);
	snprintf(entry.detail, sizeof(entry.detail), "certificate %s%s%s", serial,
	    is_renewal(p) ? " after " : "", renews);
	put_secrets(p, &entry);
	return ca_audit_add(api->store, &entry, err);
}

static bool
make(struct ca_api *api, struct ca_exchange *x, const struct proven *p,
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
	    ca_issue(api->config, api->signer, &profile, &facts, p->key, x->now, cert, &err) !=
	        TPMIOT_OK)
		return ca_refuse_err(&x->problem, CA_PROBLEM_PROFILE_REFUSED, &err);
	return true;
}

/* What the device gets, being of this group. */
static bool
find_secrets(struct ca_api *api, struct ca_exchange *x, struct proven *p, const char *group)
{
	struct tpmiot_err err = { 0 };

	return ca_secrets_for(api->store, p->ticket.ek_spki, group, &p->secrets, &err) ==
	           TPMIOT_OK ||
	       ca_fail(&x->problem, &err);
}

/* A certificate that was issued before: by the group that the device is of now. */
static bool
find_secrets_again(struct ca_api *api, struct ca_exchange *x, struct proven *p)
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
issue(struct ca_api *api, struct ca_exchange *x, struct proven *p, struct ca_cert *cert)
{
	struct ca_admission as;
	struct tpmiot_err err = { 0 };
	struct ca_group group;

	/* What it stands on may have been revoked while the evidence was looked at. */
	if (is_renewal(p) && !prove_client(api, x, p))
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
	if (record_device(api, x, p, &as, &err) != TPMIOT_OK ||
	    record_ak(api, x, p, &err) != TPMIOT_OK ||
	    ca_quote_record(api->store, p->ticket.ek_spki, &p->quoted, x->now, &err) != TPMIOT_OK ||
	    record_cert(api, p, cert, &err) != TPMIOT_OK ||
	    record_audit(api, x, p, cert, &err) != TPMIOT_OK)
		return ca_fail(&x->problem, &err);
	snprintf(
	    x->note, sizeof(x->note), is_renewal(p) ? "certificate renewed" : "certificate issued");
	return true;
}

/* The whole second half under the store's write lock: nothing changes between check and record. */
static bool
settle(struct ca_api *api, struct ca_exchange *x, struct proven *p, struct ca_cert *cert)
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
	if (ok && ca_store_commit(api->store, &err) != TPMIOT_OK)
		ok = ca_fail(&x->problem, &err);
	if (!ok)
		ca_store_rollback(api->store);
	return ok;
}

/* An older device tool sends no parent: its secrets wait for a newer one. */
static bool
may_tell(const struct proven *p)
{
	return p->has_parent || p->secrets.n == 0;
}

static bool
answer(
    struct ca_api *api, struct ca_exchange *x, const struct proven *p, const struct ca_cert *cert)
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

/* ---- The operator's hook ----------------------------------------------------------------- */

/* A request that waits for the hook, with all that it needs of what will be gone by then. */
struct asked {
	struct ca_api *api;
	struct ca_exchange x;
	struct ca_http_request req;
	char peer_host[64];
	struct proven p;
};

static bool
finish(struct ca_api *api, struct ca_exchange *x, struct proven *p)
{
	struct ca_cert cert = { .der = TPMIOT_BUF_INIT };
	bool ok = settle(api, x, p, &cert) && answer(api, x, p, &cert);

	ca_secrets_free(&p->secrets);
	tpmiot_buf_free(&cert.der);
	return ok;
}

static bool
judge(const struct ca_child_result *result, struct ca_problem *problem)
{
	switch (result->end) {
	case CA_CHILD_LATE:
		return ca_hook_failed(problem, "it did not answer within hook_timeout");
	case CA_CHILD_TALKATIVE:
		return ca_hook_failed(problem, "it wrote too much");
	case CA_CHILD_KILLED:
		return ca_hook_failed(problem, "it was killed");
	case CA_CHILD_EXITED:
		break;
	}
	if (result->status != 0)
		return ca_hook_failed(problem, "its exit status is not 0");
	return ca_hook_judge(result->output, result->len, problem);
}

static void
answered(void *arg, const struct ca_child_result *result)
{
	struct asked *a = arg;

	a->x.now = a->api->now();
	if (judge(result, &a->x.problem))
		(void)finish(a->api, &a->x, &a->p); /* a refusal stands in x.problem */
	ca_api_resume(a->api, &a->x);
	EVP_PKEY_free(a->p.key);
	X509_free(a->req.peer_cert);
	free(a);
}

/* Takes p over if it succeeds. */
static bool
ask(struct ca_api *api, struct ca_exchange *x, struct proven *p)
{
	const struct ca_hook_facts facts = { .event = is_renewal(p) ? "renew" : "issue",
		.device_id = p->ticket.device_id,
		.group = p->ticket.group,
		.profile = p->ticket.profile,
		.ek_spki = p->ticket.ek_spki,
		.key_spki = p->key_spki,
		.ek_trusted = p->ticket.ek_trusted,
		.tpm = &p->ticket.info,
		.peer = x->req->peer_host };
	struct tpmiot_buf input = TPMIOT_BUF_INIT;
	struct tpmiot_err err = { 0 };
	struct asked *a = calloc(1, sizeof(*a));
	enum tpmiot_rc rc = a != NULL ? ca_hook_put(&facts, &input, &err) : tpmiot_err_memory(&err);

	if (rc == TPMIOT_OK) {
		*a = (struct asked){ .api = api, .x = *x, .req = *x->req, .p = *p };
		snprintf(a->peer_host, sizeof(a->peer_host), "%s", x->req->peer_host);
		a->req.peer_host = a->peer_host;
		a->req.method = "POST"; /* this step's, and */
		a->req.path = "/v1/certificates";
		a->req.content_type = NULL;
		a->req.authorization = NULL;
		a->req.body = NULL;
		if (a->req.peer_cert != NULL && X509_up_ref(a->req.peer_cert) != 1)
			a->req.peer_cert = NULL; /* then a renewal is refused */
		a->x.req = &a->req;
		rc = api->run != NULL
		         ? api->run(api->run_arg, api->config->hook, &input,
		               (unsigned)api->config->hook_timeout, answered, a, &err)
		         : tpmiot_err_set(&err, TPMIOT_E_UNSUPPORTED, "nothing can run the hook");
	}
	tpmiot_buf_free(&input);
	if (rc != TPMIOT_OK) {
		if (a != NULL)
			X509_free(a->req.peer_cert);
		free(a);
		return ca_fail(&x->problem, &err);
	}
	p->key = NULL;
	x->later = true;
	/* cppcheck-suppress memleak ; answered() frees it */
	return true;
}

/*
 * The hook is asked last, about devices that are what they say only: strangers cannot have it
 * run. It is asked before the store is locked, so what it allows is decided on once more after.
 */
bool
ca_step_issue(struct ca_api *api, struct ca_exchange *x)
{
	struct ca_issue_request req = { 0 };
	struct proven p = { .key = NULL };
	bool ok;

	ok = ca_issue_request_parse(x->req->body, x->req->body_len, &req, &x->problem) &&
	     prove(api, x, &req, &p) &&
	     (api->config->hook[0] != '\0' ? ask(api, x, &p) : finish(api, x, &p));
	EVP_PKEY_free(p.key);
	ca_issue_request_free(&req);
	return ok;
}
