/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/renewals: in place of the first step, for a device that has a certificate. Stores
 * nothing. */
#include <stdio.h>
#include <string.h>

#include "ca/enrol/api_int.h"
#include "ca/enrol/evidence.h"
#include "ca/enrol/quote.h"

static enum tpmiot_rc
lookup(struct ca_api *api, const struct ca_renew_request *req, const uint8_t ek_spki[CA_SHA256_LEN],
    struct ca_ak *out, struct tpmiot_err *err)
{
	uint8_t spki[CA_SHA256_LEN];
	struct tpmiot_public ak;
	enum tpmiot_rc rc;

	if (req->ak_public.len == 0)
		return ca_ak_latest(api->store, ek_spki, out, err);
	rc = tpmiot_public_parse(api->libctx, req->ak_public.data, req->ak_public.len, &ak, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_public_spki_sha256(api->libctx, &ak, spki, err);
	return rc == TPMIOT_OK ? ca_ak_find(api->store, spki, out, err) : rc;
}

/*
 * The AK that will certify. That it is the TPM's own was proved when it was enrolled, for the
 * public area that it had then: so it is the recorded one, to the byte.
 */
static bool
find_ak(struct ca_api *api, struct ca_exchange *x, const struct ca_renew_request *req,
    const uint8_t ek_spki[CA_SHA256_LEN], struct tpmiot_public *out)
{
	struct ca_ak row = { .public = TPMIOT_BUF_INIT };
	struct tpmiot_err err = { 0 };
	enum tpmiot_rc rc = lookup(api, req, ek_spki, &row, &err);
	bool ok = false;

	if (rc == TPMIOT_E_FORMAT || rc == TPMIOT_E_UNSUPPORTED)
		ca_refuse_err(&x->problem, CA_PROBLEM_AK_UNSUITABLE, &err);
	else if (rc != TPMIOT_OK && rc != TPMIOT_E_NOT_FOUND)
		ca_fail(&x->problem, &err);
	else if (rc == TPMIOT_E_NOT_FOUND || memcmp(row.ek_spki, ek_spki, CA_SHA256_LEN) != 0 ||
	         (req->ak_public.len != 0 &&
	             (req->ak_public.len != row.public.len ||
	                 memcmp(req->ak_public.data, row.public.data, row.public.len) != 0)))
		ca_refuse(&x->problem, CA_PROBLEM_AK_UNKNOWN,
		    "\"%s\" did not enrol with this attestation key", x->device_id);
	else if (tpmiot_public_parse(api->libctx, row.public.data, row.public.len, out, &err) !=
	         TPMIOT_OK)
		ca_fail(&x->problem, &err);
	else
		ok = true;
	tpmiot_buf_free(&row.public);
	return ok;
}

/*
 * What its EK certificate said when it enrolled, for profiles that name the TPM; its group; and
 * whether its maker has revoked that certificate since.
 */
static bool
recall(struct ca_api *api, struct ca_exchange *x, const uint8_t ek_spki[CA_SHA256_LEN],
    struct tpmiot_ekcert_info *out, struct ca_admission *as)
{
	struct ca_device dev = { .ek_cert = TPMIOT_BUF_INIT };
	struct tpmiot_err err = { 0 };
	bool ok;

	if (ca_device_find(api->store, ek_spki, &dev, &err) != TPMIOT_OK)
		return ca_fail(&x->problem, &err);
	memcpy(out->manufacturer, dev.manufacturer, sizeof(out->manufacturer));
	memcpy(out->model, dev.model, sizeof(out->model));
	memcpy(out->version, dev.version, sizeof(out->version));
	memcpy(as->group, dev.group, sizeof(as->group));
	ok = ca_decide_maker(api, &dev, x->now, &x->problem) &&
	     ca_decide_unit(api, ek_spki, as, &x->problem);
	tpmiot_buf_free(&dev.ek_cert);
	return ok;
}

/* What is to be quoted, by the group that the device is of now. */
static bool
ask(struct ca_api *api, struct ca_exchange *x, const char *group_name, struct tpmiot_pcrset *out)
{
	struct tpmiot_err err = { 0 };
	struct ca_group group;

	if (!ca_steps_group(api, group_name, &group, &x->problem))
		return false;
	return ca_quote_wanted(&group, out, &err) == TPMIOT_OK || ca_fail(&x->problem, &err);
}

static bool
answer(struct ca_api *api, struct ca_exchange *x, const struct ca_cert *cert,
    const struct tpmiot_public *ak)
{
	struct tpmiot_buf session = TPMIOT_BUF_INIT;
	struct ca_ticket ticket = { .renews_len = cert->serial_len };
	struct tpmiot_err err = { 0 };
	struct ca_attest_reply reply = { .nonce = ticket.nonce,
		.nonce_len = sizeof(ticket.nonce),
		.session = &session,
		.expires_in = api->config->session_lifetime,
		.pcrs = &ticket.pcrs };
	struct ca_admission as = { .token = 0 };
	bool ok;

	memcpy(ticket.renews, cert->serial, cert->serial_len);
	memcpy(ticket.ek_spki, cert->ek_spki, sizeof(ticket.ek_spki));
	memcpy(ticket.device_id, cert->device_id, sizeof(ticket.device_id));
	/* Before there were profiles, all were this. */
	snprintf(ticket.profile, sizeof(ticket.profile), "%s",
	    cert->profile[0] != 0 ? cert->profile : "client");
	ticket.ak = *ak;
	if (!recall(api, x, cert->ek_spki, &ticket.info, &as) ||
	    !ask(api, x, as.group, &ticket.pcrs) ||
	    !ca_steps_has_secrets(api, cert->ek_spki, as.group, &reply.parent_wanted, &x->problem))
		return false;
	memcpy(ticket.group, as.group, sizeof(ticket.group));
	ok = ca_steps_new_ticket(api, x->now, &ticket, &err) == TPMIOT_OK &&
	     ca_steps_seal(api, &ticket, &session, &err) == TPMIOT_OK &&
	     ca_attest_reply_put(&reply, &x->body, &err) == TPMIOT_OK;
	if (!ok)
		ca_fail(&x->problem, &err);
	tpmiot_buf_free(&session);
	return ok;
}

bool
ca_step_renew(struct ca_api *api, struct ca_exchange *x)
{
	struct ca_renew_request req = { .ak_public = TPMIOT_BUF_INIT };
	struct ca_cert cert = { .der = TPMIOT_BUF_INIT };
	struct tpmiot_public ak;
	bool ok;

	if (!ca_steps_limit(api, CA_RATE_BEGIN, x))
		return false;
	ok = ca_renew_request_parse(x->req->body, x->req->body_len, &req, &x->problem) &&
	     ca_client(api, x, &cert) && find_ak(api, x, &req, cert.ek_spki, &ak) &&
	     answer(api, x, &cert, &ak);
	if (ok)
		snprintf(x->note, sizeof(x->note), "renewal begun");
	tpmiot_buf_free(&cert.der);
	ca_renew_request_free(&req);
	return ok;
}
