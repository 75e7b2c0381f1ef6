/* SPDX-License-Identifier: Apache-2.0 */
/* The last step: hub, id and key, for the TPM that registered and nobody else. */
#include <stdio.h>
#include <string.h>

#include "ca/dps/dps_int.h"
#include "ca/vault.h"

/* The registration's row, as the device that it is of. */
static bool
find(struct ca_api *api, struct ca_exchange *x, struct ca_dps_job *job, struct ca_device *device)
{
	struct tpmiot_err err = { 0 };
	enum tpmiot_rc rc = ca_dps_find_id(api->store, job->path.id, &job->row, &err);

	if (rc == TPMIOT_OK)
		rc = ca_device_find(api->store, job->row.ek_spki, device, &err);
	if (rc == TPMIOT_E_NOT_FOUND || (rc == TPMIOT_OK && job->row.registrations == 0))
		return ca_refuse(&x->problem, CA_PROBLEM_NOT_FOUND, "no such registration");
	if (rc == TPMIOT_OK)
		rc = tpmiot_public_parse(api->libctx, job->row.ek_public.data,
		    job->row.ek_public.len, &job->ek.pub, &err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_public_parse(api->libctx, job->row.srk_public.data,
		    job->row.srk_public.len, &job->srk, &err);
	if (rc != TPMIOT_OK)
		return ca_fail(&x->problem, &err);
	memcpy(job->ek.spki, job->row.ek_spki, sizeof(job->ek.spki));
	memcpy(x->ek_spki, job->row.ek_spki, sizeof(x->ek_spki));
	x->has_ek = true;
	snprintf(x->device_id, sizeof(x->device_id), "%s", device->id);
	return true;
}

static bool
check(struct ca_api *api, struct ca_exchange *x, const struct ca_dps_job *job,
    const struct ca_device *device, const struct tpmiot_sas *sas)
{
	const struct ca_dps_subject subject = ca_dps_subject_of(job, job->row.registrations - 1);
	char operation[CA_DPS_OPERATION_MAX + 1];
	struct tpmiot_err err = { 0 };

	if (ca_dps_regkey_verify(api, &subject, sas, x->now, &err) != TPMIOT_OK)
		return ca_refuse_err(&x->problem, CA_PROBLEM_SIGNATURE_INVALID, &err);
	ca_dps_operation(&job->row, operation);
	if (strcmp(operation, job->path.operation) != 0)
		return ca_refuse(&x->problem, CA_PROBLEM_NOT_FOUND, "no such operation");
	if (device->state == CA_DEVICE_BLOCKED)
		return ca_refuse(&x->problem, CA_PROBLEM_DEVICE_BLOCKED,
		    "the device \"%s\" is blocked", device->id);
	return true;
}

static enum tpmiot_rc
wrap(struct ca_api *api, const struct ca_dps_job *job, const char *device_id,
    struct tpmiot_buf *out, struct tpmiot_err *err)
{
	const struct tpmiot_bytes owner = { job->row.ek_spki, CA_SHA256_LEN };
	const struct tpmiot_bytes sealed = { job->row.key.data, job->row.key.len };
	struct tpmiot_buf key = TPMIOT_BUF_INIT, resource = TPMIOT_BUF_INIT;
	struct ca_vault vault;
	enum tpmiot_rc rc = ca_vault_open(api->config->dir, &vault, err);

	tpmiot_buf_printf(&resource, "%s/devices/%s", job->row.hub, device_id);
	if (rc == TPMIOT_OK && tpmiot_buf_cstr(&resource) == NULL)
		rc = tpmiot_err_memory(err);
	if (rc == TPMIOT_OK)
		rc = ca_vault_unseal(&vault, owner, sealed, &key, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_dps_key_put(api->libctx, &job->ek.pub, &job->srk,
		    (struct tpmiot_bytes){ key.data, key.len }, (const char *)resource.data, out,
		    err);
	ca_vault_close(&vault);
	tpmiot_buf_free(&key);
	tpmiot_buf_free(&resource);
	return rc;
}

static bool
answer(struct ca_api *api, struct ca_exchange *x, const struct ca_dps_job *job,
    const struct ca_device *device)
{
	struct tpmiot_buf key = TPMIOT_BUF_INIT;
	const struct ca_dps_assigned reply = { job->row.registration_id, job->path.operation,
		job->row.hub, device->id, job->row.registered, &key };
	struct tpmiot_err err = { 0 };
	bool ok;

	ok = wrap(api, job, device->id, &key, &err) == TPMIOT_OK &&
	     ca_dps_assigned_put(&reply, &x->body, &err) == TPMIOT_OK;
	if (!ok)
		ca_fail(&x->problem, &err);
	snprintf(x->note, sizeof(x->note), "assigned to %.100s", job->row.hub);
	tpmiot_buf_free(&key);
	return ok;
}

bool
ca_dps_result(struct ca_api *api, struct ca_exchange *x, const struct ca_dps_path *path)
{
	struct ca_device device = { .ek_cert = TPMIOT_BUF_INIT };
	struct ca_dps_job job = { .path = *path };
	struct tpmiot_sas sas;
	bool ok;

	ok = ca_steps_limit(api, CA_RATE_FETCH, x) && ca_dps_read_sas(api, x, path, &sas) &&
	     find(api, x, &job, &device) && check(api, x, &job, &device, &sas) &&
	     answer(api, x, &job, &device);
	tpmiot_buf_free(&device.ek_cert);
	ca_dps_clear(&job.row);
	return ok;
}
