/* SPDX-License-Identifier: Apache-2.0 */
/* Fetches what the store knows of an applicant, and asks admit.h. */
#include <stdio.h>

#include "ca/enrol/api_int.h"
#include "ca/enrol/evidence.h"

/* A row that need not be there: *out is `row`, or NULL if there is none. False: the store failed.
 */
static bool
optional(enum tpmiot_rc rc, const void *row, const void **out, const struct tpmiot_err *err,
    struct ca_problem *problem)
{
	if (rc != TPMIOT_OK && rc != TPMIOT_E_NOT_FOUND)
		return ca_fail(problem, err);
	*out = rc == TPMIOT_OK ? row : NULL;
	return true;
}

static bool
group_facts(struct ca_api *api, const struct ca_applicant *who, struct ca_admit_facts *facts,
    struct ca_problem *problem)
{
	struct ca_group group;

	if (!ca_steps_group(api, ca_admit_group(facts), &group, problem))
		return false;
	facts->enrolment = group.enrolment;
	facts->accept_ids = group.accept_ids == CA_YES;
	facts->tpms = group.tpms;
	if (facts->accept_ids && who->sealed_id != NULL)
		facts->claimed_id = who->sealed_id;
	return true;
}

static bool
admit(struct ca_api *api, const struct ca_applicant *who, const struct ca_device *known,
    int64_t now, struct ca_admission *out, struct ca_problem *problem)
{
	struct ca_allow allow;
	struct ca_token token;
	struct tpmiot_err err = { 0 };
	struct ca_admit_facts facts = { .now = now,
		.ek_spki = who->ek_spki,
		.has_cert = who->has_cert,
		.cert_problem = who->cert_problem,
		.claimed_id = who->claimed_id,
		.known = known,
		.tpm = who->tpm,
		.token_given = who->token_sha256 != NULL || who->token != 0 };
	const void *row = NULL;
	enum tpmiot_rc rc;

	rc = ca_allow_find(api->store, who->ek_spki, &allow, &err);
	if (!optional(rc, &allow, &row, &err, problem))
		return false;
	facts.allow = row;
	if (facts.token_given) {
		rc = who->token_sha256 != NULL
		         ? ca_token_find(api->store, who->token_sha256, &token, &err)
		         : ca_token_find_id(api->store, who->token, &token, &err);
		if (!optional(rc, &token, &row, &err, problem))
			return false;
		facts.token = row;
	}
	if (facts.token != NULL && ca_token_used_by(api->store, token.id, who->ek_spki,
	                               &facts.token_used, &err) != TPMIOT_OK)
		return ca_fail(problem, &err);
	return group_facts(api, who, &facts, problem) && ca_admit(&facts, out, problem);
}

/* The rows of struct ca_bindings, to be freed. */
struct rows {
	struct ca_device device, holder;
	struct ca_ak ak;
	struct ca_cert cert;
};

/* First, because the device's group has a say in who it is. */
static bool
fetch_device(struct ca_api *api, const struct ca_applicant *who, struct rows *rows,
    struct ca_bindings *out, struct ca_problem *problem)
{
	struct tpmiot_err err = { 0 };
	const void *device = NULL;

	if (!optional(ca_device_find(api->store, who->ek_spki, &rows->device, &err), &rows->device,
	        &device, &err, problem))
		return false;
	*out = (struct ca_bindings){ .device = device };
	return true;
}

/* The others; out->device is there. */
static bool
fetch(struct ca_api *api, const struct ca_applicant *who, const char *device_id, struct rows *rows,
    struct ca_bindings *out, struct ca_problem *problem)
{
	uint8_t ak_spki[CA_SHA256_LEN];
	struct tpmiot_err err = { 0 };
	const void *holder = NULL, *ak = NULL, *cert = NULL;

	if (who->ak != NULL &&
	    tpmiot_public_spki_sha256(api->libctx, who->ak, ak_spki, &err) != TPMIOT_OK)
		return ca_fail(problem, &err);
	if (!optional(ca_device_find_id(api->store, device_id, &rows->holder, &err), &rows->holder,
	        &holder, &err, problem))
		return false;
	if (who->ak != NULL && !optional(ca_ak_find(api->store, ak_spki, &rows->ak, &err),
	                           &rows->ak, &ak, &err, problem))
		return false;
	if (who->key_spki != NULL &&
	    !optional(ca_cert_find_key(api->store, who->key_spki, &rows->cert, &err), &rows->cert,
	        &cert, &err, problem))
		return false;
	out->holder = holder;
	out->ak = ak;
	out->cert = cert;
	if (who->key_spki != NULL &&
	    ca_cert_key_revoked(api->store, who->key_spki, &out->key_revoked, &err) != TPMIOT_OK)
		return ca_fail(problem, &err);
	return true;
}

/* An id of the device's own choice that nobody has yet: whether somebody is to have it. */
static bool
ask_reserved(struct ca_api *api, const struct ca_applicant *who, int64_t now,
    const struct ca_admission *a, struct ca_bindings *bound, struct ca_problem *problem)
{
	struct tpmiot_err err = { 0 };

	if (!a->claimed || bound->holder != NULL)
		return true;
	return ca_allow_reserved(api->store, a->device_id, who->ek_spki, now, &bound->reserved,
	           &err) == TPMIOT_OK ||
	       ca_fail(problem, &err);
}

static void
free_rows(struct rows *rows)
{
	tpmiot_buf_free(&rows->device.ek_cert);
	tpmiot_buf_free(&rows->holder.ek_cert);
	tpmiot_buf_free(&rows->ak.public);
	tpmiot_buf_free(&rows->cert.der);
}

bool
ca_decide(struct ca_api *api, const struct ca_applicant *who, int64_t now, struct ca_admission *out,
    struct ca_problem *problem)
{
	struct rows rows = { 0 };
	struct ca_bindings bound;
	struct ca_admission a;
	bool ok;

	ok = fetch_device(api, who, &rows, &bound, problem) &&
	     admit(api, who, bound.device, now, &a, problem) &&
	     fetch(api, who, a.device_id, &rows, &bound, problem) &&
	     ask_reserved(api, who, now, &a, &bound, problem) &&
	     ca_admit_bindings(who->ek_spki, a.device_id, &bound, problem);
	free_rows(&rows);
	if (ok)
		*out = a;
	return ok;
}

bool
ca_decide_unit(
    struct ca_api *api, const uint8_t *ek_spki, struct ca_admission *a, struct ca_problem *problem)
{
	struct ca_allow allow;
	struct tpmiot_err err = { 0 };
	enum tpmiot_rc rc = ca_allow_find(api->store, ek_spki, &allow, &err);

	if (rc == TPMIOT_E_NOT_FOUND)
		return true;
	if (rc != TPMIOT_OK)
		return ca_fail(problem, &err);
	memcpy(a->group, allow.group, sizeof(a->group));
	memcpy(a->serial_number, allow.serial_number, sizeof(a->serial_number));
	memcpy(a->model, allow.model, sizeof(a->model));
	return true;
}

bool
ca_decide_maker(
    struct ca_api *api, const struct ca_device *device, int64_t now, struct ca_problem *problem)
{
	struct tpmiot_err err = { 0 };
	struct ca_allow allow;
	enum tpmiot_rc rc;

	if (api->ek_crls == NULL || api->ek_crls->lists == NULL || device->ek_cert.len == 0)
		return true;
	rc = ca_allow_find(api->store, device->ek_spki, &allow, &err);
	if (rc == TPMIOT_OK)
		return true;
	if (rc != TPMIOT_E_NOT_FOUND ||
	    ca_roots_refresh(api->store, &api->roots, &err) != TPMIOT_OK)
		return ca_fail(problem, &err);
	return ca_evidence_not_revoked(
	    api->libctx, &device->ek_cert, &api->roots, api->ek_crls, now, problem);
}

bool
ca_decide_renewal(struct ca_api *api, const struct ca_applicant *who, int64_t now,
    const char *device_id, struct ca_admission *out, struct ca_problem *problem)
{
	struct ca_admission a = { .token = 0 };
	struct rows rows = { 0 };
	struct ca_bindings bound;
	bool ok;

	ok = fetch_device(api, who, &rows, &bound, problem) &&
	     fetch(api, who, device_id, &rows, &bound, problem);
	if (ok && bound.ak == NULL)
		ok = ca_refuse(
		    problem, CA_PROBLEM_AK_UNKNOWN, "the attestation key is recorded no more");
	ok = ok && ca_admit_bindings(who->ek_spki, device_id, &bound, problem) &&
	     ca_decide_maker(api, &rows.device, now, problem);
	snprintf(a.device_id, sizeof(a.device_id), "%s", device_id);
	snprintf(a.group, sizeof(a.group), "%s", rows.device.group);
	free_rows(&rows);
	ok = ok && ca_decide_unit(api, who->ek_spki, &a, problem);
	if (ok)
		*out = a;
	return ok;
}
