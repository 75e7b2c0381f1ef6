/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/enrol/issue_int.h"

#include <stdio.h>
#include <string.h>

#include "ca/enrol/evidence.h"
#include "ca/pki/profile.h"

bool
ca_is_renewal(const struct ca_proven *p)
{
	return p->ticket.renews_len > 0;
}

bool
ca_prove_client(struct ca_api *api, struct ca_exchange *x, const struct ca_proven *p)
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
    const struct ca_proven *p)
{
	if (req->secret.len == 0)
		return ca_refuse(
		    &x->problem, CA_PROBLEM_MALFORMED_REQUEST, "\"secret\" is missing");
	return ca_evidence_secret(api->libctx, &p->ticket, req, &x->problem);
}

/* Whether the certificate is to be for the AK itself. */
static bool
for_ak(const struct ca_api *api, const struct ca_proven *p)
{
	struct ca_profile profile;

	return ca_profile_find(api->config, p->ticket.profile, &profile, NULL) == TPMIOT_OK &&
	       ca_profile_is_ak(&profile);
}

static bool
prove_parent(struct ca_api *api, struct ca_exchange *x, const struct ca_issue_request *req,
    struct ca_proven *p)
{
	p->has_parent = req->parent.len > 0;
	return !p->has_parent || ca_evidence_parent(api->libctx, req, &p->parent, &x->problem);
}

/* From here on the values stand in the audit log, however the request ends. */
static bool
prove_pcrs(struct ca_api *api, struct ca_exchange *x, const struct ca_issue_request *req,
    struct ca_proven *p)
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

bool
ca_prove(struct ca_api *api, struct ca_exchange *x, const struct ca_issue_request *req,
    struct ca_proven *p)
{
	struct tpmiot_err err = { 0 };

	if (!ca_steps_unseal(api, x, &req->session, &p->ticket))
		return false;
	memcpy(x->ek_spki, p->ticket.ek_spki, sizeof(x->ek_spki));
	x->has_ek = true;
	snprintf(x->device_id, sizeof(x->device_id), "%s", p->ticket.device_id);
	if (!(ca_is_renewal(p) ? ca_prove_client(api, x, p) : prove_secret(api, x, req, p)) ||
	    !ca_evidence_key(api->libctx, &p->ticket, req, for_ak(api, p), &p->key, &x->problem) ||
	    !prove_parent(api, x, req, p) || !prove_pcrs(api, x, req, p))
		return false;
	if (tpmiot_public_spki_sha256(api->libctx, &p->key, p->key_spki, &err) != TPMIOT_OK)
		return ca_fail(&x->problem, &err);
	return true;
}
