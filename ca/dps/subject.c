/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a registration is about, and whether what it shows holds. */
#include <stdio.h>
#include <string.h>

#include <tpmiot/alg.h>
#include <tpmiot/keyrules.h>

#include "ca/dps/dps_int.h"

#define SAS_LIFETIME_MAX (2 * 86400) /* the longest that clients are known to ask for is a day */

/* Clients of others send no certificate; one that came with a former enrolment does as well. */
static bool
use_cert_on_file(
    struct ca_api *api, const struct ca_ek *ek, struct tpmiot_buf *cert, struct ca_problem *problem)
{
	struct ca_device device = { .ek_cert = TPMIOT_BUF_INIT };
	struct tpmiot_err err = { 0 };
	enum tpmiot_rc rc;

	if (cert->len > 0)
		return true;
	rc = ca_device_find(api->store, ek->spki, &device, &err);
	if (rc == TPMIOT_OK)
		tpmiot_buf_move(cert, &device.ek_cert);
	tpmiot_buf_free(&device.ek_cert);
	return rc == TPMIOT_OK || rc == TPMIOT_E_NOT_FOUND || ca_fail(problem, &err);
}

static bool
check_srk(struct ca_api *api, struct ca_dps_job *job, struct ca_problem *problem)
{
	struct tpmiot_err err = { 0 };

	if (tpmiot_public_parse(api->libctx, job->req.srk_public.data, job->req.srk_public.len,
	        &job->srk, &err) != TPMIOT_OK ||
	    tpmiot_keyrules_check_srk(api->libctx, &job->srk, &err) != TPMIOT_OK)
		return ca_refuse_err(problem, CA_PROBLEM_KEY_UNSUITABLE, &err);
	return true;
}

bool
ca_dps_keys(struct ca_api *api, struct ca_exchange *x, struct ca_dps_job *job)
{
	struct tpmiot_err err = { 0 };
	enum tpmiot_rc rc;

	if (job->req.ek.ek_public.len == 0)
		return ca_refuse(&x->problem, CA_PROBLEM_MALFORMED_REQUEST, "\"tpm\" is missing");
	if (!ca_evidence_ek(api->libctx, &job->req.ek, &job->ek, &x->problem))
		return false;
	memcpy(x->ek_spki, job->ek.spki, sizeof(x->ek_spki));
	x->has_ek = true;
	if (!check_srk(api, job, &x->problem))
		return false;
	rc = ca_dps_find(api->store, job->ek.spki, &job->row, &err);
	return rc == TPMIOT_OK || rc == TPMIOT_E_NOT_FOUND || ca_fail(&x->problem, &err);
}

bool
ca_dps_certificate(struct ca_api *api, struct ca_exchange *x, struct ca_dps_job *job)
{
	struct ca_attest_request *req = &job->req.ek;
	struct tpmiot_err err = { 0 };

	if (ca_roots_refresh(api->store, &api->roots, &err) != TPMIOT_OK)
		return ca_fail(&x->problem, &err);
	return use_cert_on_file(api, &job->ek, &req->ek_certificate, &x->problem) &&
	       ca_evidence_ek_cert(api->libctx, req, &api->roots, api->ek_crls,
	           api->config->ek_lenient_der == CA_YES, x->now, &job->ek, &x->problem);
}

/* The id that follows from the EK claims nothing; any other one claims to be that device. */
static bool
claimed_id(
    struct ca_api *api, const struct ca_dps_job *job, const char **out, struct ca_problem *problem)
{
	char by_ek[TPMIOT_DPS_ID_LEN + 1];
	struct tpmiot_err err = { 0 };

	if (tpmiot_dps_registration_id(api->libctx, &job->ek.pub, by_ek, &err) != TPMIOT_OK)
		return ca_fail(problem, &err);
	*out = strcmp(by_ek, job->path.id) == 0 ? "" : job->path.id;
	return true;
}

/*
 * An id that is not the one that follows from this EK may be the one that follows from another's,
 * which is no device's id: who registered by it keeps it.
 */
static bool
check_free(struct ca_api *api, const struct ca_dps_job *job, const struct ca_admission *as,
    struct ca_problem *problem)
{
	struct ca_dps row = { .registrations = 0 };
	struct tpmiot_err err = { 0 };
	enum tpmiot_rc rc;
	bool others;

	if (!as->claimed)
		return true;
	rc = ca_dps_find_id(api->store, job->path.id, &row, &err);
	others = rc == TPMIOT_OK && memcmp(row.ek_spki, job->ek.spki, CA_SHA256_LEN) != 0;
	ca_dps_clear(&row);
	if (others) {
		ca_refuse(problem, CA_PROBLEM_DEVICE_ID_TAKEN,
		    "a device with another EK is registered as \"%s\"", job->path.id);
		return ca_refuse_next(problem,
		    "Choose another registration id, or find the device that has it: tpmiot-ca dps "
		    "list.");
	}
	return rc == TPMIOT_OK || rc == TPMIOT_E_NOT_FOUND || ca_fail(problem, &err);
}

/* This protocol has no place for a quote: it must not be the way around one. */
static bool
check_quotes(struct ca_api *api, const struct ca_admission *as, struct ca_problem *problem)
{
	struct ca_group group;

	if (!ca_steps_group(api, as->group, &group, problem))
		return false;
	if (group.pcrs[0] == '\0' && group.pcr_policies[0] == '\0')
		return true;
	ca_refuse(problem, CA_PROBLEM_QUOTE_REQUIRED,
	    "PCRs have to be quoted, which a registration by Azure's protocol cannot do");
	return ca_refuse_next(problem,
	    "Enrol this device with tpmiot-enroll enroll, or put it into a "
	    "group without pcrs and pcr_policies.");
}

/* Nor does it wait for a program: what the operator has asked for is not left out. */
static bool
check_hook(const struct ca_api *api, struct ca_problem *problem)
{
	if (api->config->hook[0] == '\0')
		return true;
	ca_refuse(problem, CA_PROBLEM_EXTERNAL_POLICY,
	    "the operator's hook has to be asked, which a registration by Azure's protocol does "
	    "not do");
	return ca_refuse_next(problem, "Enrol this device with tpmiot-enroll enroll.");
}

bool
ca_dps_decide(struct ca_api *api, struct ca_exchange *x, const struct ca_dps_job *job,
    struct ca_admission *out)
{
	const struct tpmiot_buf *token = &job->req.ek.join_token;
	TPM2B_DIGEST digest;
	struct tpmiot_err err = { 0 };
	struct ca_applicant who = { .ek_spki = job->ek.spki,
		.has_cert = job->ek.has_cert,
		.cert_problem = &job->ek.cert_problem,
		.tpm = &job->ek.info };

	if (!claimed_id(api, job, &who.claimed_id, &x->problem))
		return false;
	if (token->len > 0) {
		if (tpmiot_alg_digest(api->libctx, TPM2_ALG_SHA256, token->data, token->len,
		        &digest, &err) != TPMIOT_OK)
			return ca_fail(&x->problem, &err);
		who.token_sha256 = digest.buffer;
	}
	return ca_decide(api, &who, x->now, out, &x->problem) &&
	       check_free(api, job, out, &x->problem) && check_quotes(api, out, &x->problem) &&
	       check_hook(api, &x->problem);
}

/* ---- Signatures --------------------------------------------------------------------------- */

bool
ca_dps_read_sas(struct ca_api *api, struct ca_exchange *x, const struct ca_dps_path *path,
    struct tpmiot_sas *out)
{
	const size_t name_len = strlen(TPMIOT_DPS_KEY_NAME);
	struct tpmiot_buf resource = TPMIOT_BUF_INIT;
	struct tpmiot_err err = { 0 };
	bool ok;

	if (x->req->authorization == NULL)
		return ca_refuse(
		    &x->problem, CA_PROBLEM_SIGNATURE_INVALID, "there is no Authorization header");
	if (tpmiot_sas_parse(x->req->authorization, out, &err) != TPMIOT_OK)
		return ca_refuse_err(&x->problem, CA_PROBLEM_SIGNATURE_INVALID, &err);
	tpmiot_dps_put_resource(path->scope, path->id, &resource);
	ok = tpmiot_buf_cstr(&resource) != NULL &&
	     tpmiot_sas_is_for(out, (const char *)resource.data);
	tpmiot_buf_free(&resource);
	if (!ok)
		return ca_refuse(&x->problem, CA_PROBLEM_SIGNATURE_INVALID,
		    "the signature is for another resource than this registration");
	if (out->skn.len != name_len || memcmp(out->skn.data, TPMIOT_DPS_KEY_NAME, name_len) != 0)
		return ca_refuse(&x->problem, CA_PROBLEM_SIGNATURE_INVALID,
		    "the signature is by another key: skn is not " TPMIOT_DPS_KEY_NAME);
	if (out->expires + api->config->clock_skew <= x->now)
		return ca_refuse(&x->problem, CA_PROBLEM_SIGNATURE_INVALID,
		    "the signature ended %lld seconds ago", (long long)(x->now - out->expires));
	if (out->expires - x->now > SAS_LIFETIME_MAX)
		return ca_refuse(&x->problem, CA_PROBLEM_SIGNATURE_INVALID,
		    "the signature would be good for more than %d hours", SAS_LIFETIME_MAX / 3600);
	return true;
}

struct ca_dps_subject
ca_dps_subject_of(const struct ca_dps_job *job, int64_t registrations)
{
	return (struct ca_dps_subject){ job->path.scope, job->path.id, job->ek.spki, &job->srk,
		registrations };
}

void
ca_dps_operation(const struct ca_dps *row, char out[CA_DPS_OPERATION_MAX + 1])
{
	char ek[CA_HEX_SPKI_MAX];

	ca_hex(row->ek_spki, 8, ek);
	(void)snprintf(
	    out, CA_DPS_OPERATION_MAX + 1, "4.%.16s.%lld", ek, (long long)row->registrations);
}
