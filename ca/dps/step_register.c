/* SPDX-License-Identifier: Apache-2.0 */
/* The second step: who signed with the challenge's key has EK and storage root key in one TPM. */
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "ca/dps/dps_int.h"
#include "ca/dps/hub.h"
#include "ca/dps/recent.h"
#include "ca/vault.h"

#define KEY_LEN 32 /* of a device's key that nobody set */
#define POLL_SECONDS 1
#define DAY ((int64_t)86400)

/* Clients that say only once whom it is about: we know by whose challenge they signed with. */
static bool
recall(
    struct ca_api *api, struct ca_exchange *x, struct ca_dps_job *job, const struct tpmiot_sas *sas)
{
	struct tpmiot_err err = { 0 };
	enum tpmiot_rc rc;

	if (job->req.ek.ek_public.len > 0)
		return true;
	rc = ca_dps_recent_find(api->dps_recent, api->libctx, job->path.id, sas, &job->req, &err);
	if (rc == TPMIOT_E_NOT_FOUND)
		return ca_refuse(&x->problem, CA_PROBLEM_SIGNATURE_INVALID,
		    "there is no \"tpm\", and the signature is not by the key of a challenge that "
		    "this server made lately: begin again");
	return rc == TPMIOT_OK || ca_fail(&x->problem, &err);
}

/* Which registration of the device the signature is of: the next, or the one just finished. */
static bool
find_generation(struct ca_api *api, struct ca_exchange *x, const struct ca_dps_job *job,
    const struct tpmiot_sas *sas, int64_t *out)
{
	struct tpmiot_err err = { 0 };
	enum tpmiot_rc rc = TPMIOT_E_VERIFY;

	for (int64_t back = 0; back < 2 && back <= job->row.registrations; back++) {
		const struct ca_dps_subject subject =
		    ca_dps_subject_of(job, job->row.registrations - back);

		rc = ca_dps_regkey_verify(api, &subject, sas, x->now, &err);
		*out = subject.registrations;
		if (rc != TPMIOT_E_VERIFY)
			break;
	}
	if (rc == TPMIOT_OK)
		return true;
	if (rc != TPMIOT_E_VERIFY)
		return ca_fail(&x->problem, &err);
	return ca_refuse(&x->problem, CA_PROBLEM_SIGNATURE_INVALID,
	    "the signature is not by the key of a challenge for this device, or that is too old");
}

/* ---- What is recorded ------------------------------------------------------------------- */

/* What a certificate says, and itself, only if somebody who is trusted signed it. */
static enum tpmiot_rc
record_device(struct ca_api *api, const struct ca_exchange *x, const struct ca_dps_job *job,
    const struct ca_admission *as, struct tpmiot_err *err)
{
	static const struct tpmiot_ekcert_info unknown = { "", "", "" };
	const bool trusted = job->ek.has_cert && job->ek.cert_problem.type == CA_PROBLEM_NONE;

	return ca_steps_record_device(api, x->now, job->ek.spki, as,
	    trusted ? &job->ek.info : &unknown,
	    (struct tpmiot_bytes){ job->ek.cert.data, trusted ? job->ek.cert.len : 0 }, err);
}

/* The device's key for good: as it has one already, else a new one. */
static enum tpmiot_rc
give_key(struct ca_api *api, struct ca_dps *row, struct tpmiot_err *err)
{
	const struct tpmiot_bytes owner = { row->ek_spki, CA_SHA256_LEN };
	struct ca_vault vault;
	uint8_t key[KEY_LEN];
	enum tpmiot_rc rc;

	if (row->key.len > 0)
		return TPMIOT_OK;
	if (RAND_priv_bytes_ex(api->libctx, key, sizeof(key), 0) != 1)
		return tpmiot_err_crypto(err, "no random bytes");
	rc = ca_vault_open_or_make(api->config->dir, api->store, &vault, err);
	if (rc == TPMIOT_OK)
		rc = ca_vault_seal(
		    &vault, owner, (struct tpmiot_bytes){ key, sizeof(key) }, &row->key, err);
	ca_vault_close(&vault);
	OPENSSL_cleanse(key, sizeof(key));
	return rc;
}

static enum tpmiot_rc
assign(struct ca_api *api, const struct ca_group *group, struct ca_dps *row, struct tpmiot_err *err)
{
	struct ca_hub hubs[CA_HUBS_MAX];
	size_t n = 0, chosen;
	enum tpmiot_rc rc = ca_hubs_parse(group->hubs, hubs, &n, err);

	if (rc == TPMIOT_OK && n == 0)
		rc = tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "there is no hub to assign: set \"hubs\" in the configuration");
	for (size_t i = 0; rc == TPMIOT_OK && i < n; i++)
		rc =
		    ca_dps_count_hub(api->store, hubs[i].name, row->ek_spki, &hubs[i].devices, err);
	if (rc != TPMIOT_OK)
		return rc;
	chosen = ca_hub_choose(hubs, n, row->hub, group->reprovision == CA_REPROVISION_KEEP);
	memcpy(row->hub, hubs[chosen].name, sizeof(row->hub));
	return TPMIOT_OK;
}

static enum tpmiot_rc
record(struct ca_api *api, struct ca_exchange *x, struct ca_dps_job *job, struct ca_dps *row,
    struct tpmiot_err *err)
{
	struct ca_audit entry;
	enum tpmiot_rc rc;

	tpmiot_buf_reset(&row->ek_public);
	tpmiot_buf_reset(&row->srk_public);
	tpmiot_public_put(&job->ek.pub, &row->ek_public);
	tpmiot_public_put(&job->srk, &row->srk_public);
	memcpy(row->ek_spki, job->ek.spki, sizeof(row->ek_spki));
	snprintf(row->registration_id, sizeof(row->registration_id), "%s", job->path.id);
	row->registrations++;
	row->registered = x->now;
	rc = give_key(api, row, err);
	if (rc == TPMIOT_OK)
		rc = ca_dps_put(api->store, row, err);
	if (rc == TPMIOT_OK) {
		ca_audit_of(x, "register", "accepted", &entry);
		snprintf(entry.detail, sizeof(entry.detail), "registration %lld as %.64s, hub %s",
		    (long long)row->registrations, row->registration_id, row->hub);
		rc = ca_audit_add(api->store, &entry, err);
	}
	return rc;
}

/*
 * A device that proved who it is could register without end, and each time is in the audit log. In
 * the store, so that it holds for all instances, and after a restart.
 */
static bool
count(struct ca_api *api, struct ca_exchange *x, struct ca_dps *row)
{
	const int64_t limit = api->config->issue_limit;

	if (row->day + DAY <= x->now || row->day > x->now) {
		row->day = x->now;
		row->of_day = 0;
	}
	if (limit == 0 || row->of_day < limit) {
		row->of_day++;
		return true;
	}
	ca_refuse(&x->problem, CA_PROBLEM_RATE_LIMITED,
	    "the device registered %lld times within a day, which is this CA's issue_limit",
	    (long long)limit);
	x->problem.retry_after = (unsigned)(row->day + DAY - x->now);
	return false;
}

/* ---- All of it ---------------------------------------------------------------------------- */

static bool
register_device(struct ca_api *api, struct ca_exchange *x, struct ca_dps_job *job,
    const struct ca_admission *as, struct ca_dps *row)
{
	struct tpmiot_err err = { 0 };
	struct ca_group group;

	if (!ca_steps_group(api, as->group, &group, &x->problem) || !count(api, x, row))
		return false;
	if (as->token != 0 &&
	    ca_token_use(api->store, as->token, job->ek.spki, x->now, &err) != TPMIOT_OK)
		return ca_refuse_err(&x->problem, CA_PROBLEM_JOIN_TOKEN_SPENT, &err);
	memcpy(row->ek_spki, job->ek.spki, sizeof(row->ek_spki));
	if (assign(api, &group, row, &err) != TPMIOT_OK ||
	    record_device(api, x, job, as, &err) != TPMIOT_OK ||
	    record(api, x, job, row, &err) != TPMIOT_OK)
		return ca_fail(&x->problem, &err);
	snprintf(x->note, sizeof(x->note), "registered");
	return true;
}

/* Under the store's write lock: what was signed is still the next registration, or is the one
 * that was just finished, whose answer got lost. */
static bool
settle(struct ca_api *api, struct ca_exchange *x, struct ca_dps_job *job, int64_t generation,
    struct ca_dps *row)
{
	struct tpmiot_err err = { 0 };
	struct ca_admission as;
	enum tpmiot_rc rc = ca_dps_find(api->store, job->ek.spki, row, &err);

	if (rc != TPMIOT_OK && rc != TPMIOT_E_NOT_FOUND)
		return ca_fail(&x->problem, &err);
	if (!ca_dps_decide(api, x, job, &as))
		return false;
	snprintf(x->device_id, sizeof(x->device_id), "%s", as.device_id);
	if (row->registrations == generation)
		return register_device(api, x, job, &as, row);
	if (row->registrations != generation + 1)
		return ca_refuse(&x->problem, CA_PROBLEM_SIGNATURE_INVALID,
		    "the signature was for a registration that is over");
	snprintf(x->note, sizeof(x->note), "registered before");
	return true;
}

static bool
in_transaction(struct ca_api *api, struct ca_exchange *x, struct ca_dps_job *job,
    int64_t generation, struct ca_dps *row)
{
	struct tpmiot_err err = { 0 };
	bool ok;

	if (ca_store_begin(api->store, &err) != TPMIOT_OK)
		return ca_fail(&x->problem, &err);
	ok = settle(api, x, job, generation, row);
	if (ok && ca_store_commit(api->store, &err) != TPMIOT_OK)
		ok = ca_fail(&x->problem, &err);
	if (!ok)
		ca_store_rollback(api->store);
	return ok;
}

bool
ca_dps_register(struct ca_api *api, struct ca_exchange *x, struct ca_dps_job *job)
{
	char operation[CA_DPS_OPERATION_MAX + 1];
	struct ca_dps row = { .registrations = 0 };
	struct tpmiot_err err = { 0 };
	struct tpmiot_sas sas;
	int64_t generation = 0;
	bool ok;

	ok = ca_steps_limit(api, CA_RATE_FINISH, x) && ca_dps_read_sas(api, x, &job->path, &sas) &&
	     recall(api, x, job, &sas) && ca_dps_keys(api, x, job) &&
	     find_generation(api, x, job, &sas, &generation) && ca_dps_certificate(api, x, job) &&
	     in_transaction(api, x, job, generation, &row);
	if (ok) {
		ca_dps_operation(&row, operation);
		ok = ca_dps_assigning_put(operation, &x->body, &err) == TPMIOT_OK ||
		     ca_fail(&x->problem, &err);
		x->status = 202;
		x->retry_after = POLL_SECONDS;
	}
	ca_dps_clear(&row);
	return ok;
}
