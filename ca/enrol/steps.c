/* SPDX-License-Identifier: Apache-2.0 */
/* What the steps share: who may begin, and sessions. */
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "ca/enrol/api_int.h"

#define DAY ((int64_t)86400)

bool
ca_steps_limit(struct ca_api *api, enum ca_rate rate, struct ca_exchange *x)
{
	static const char *const did[CA_RATES] = {
		[CA_RATE_BEGIN] = "began an enrolment",
		[CA_RATE_FINISH] = "sent the second step of one",
		[CA_RATE_FETCH] = "fetched something",
	};
	unsigned wait = ca_limiter_take(api->limiters[rate], x->req->peer_host, x->now * 1000);

	if (wait == 0)
		return true;
	x->limited = true;
	ca_refuse(&x->problem, CA_PROBLEM_RATE_LIMITED, "%s %s more than %lld times in a minute",
	    x->req->peer_host, did[rate], (long long)api->config->rate_limit);
	x->problem.retry_after = wait;
	return false;
}

/*
 * Counted for devices that proved who they are only: else anybody could use up another's share.
 * What the store has is counted, so that it holds for all instances, and after a restart.
 */
bool
ca_steps_issue_limit(struct ca_api *api, struct ca_exchange *x)
{
	const int64_t limit = api->config->issue_limit;
	struct tpmiot_err err = { 0 };
	int64_t issued = 0;

	if (limit == 0)
		return true;
	if (ca_cert_issued_before(api->store, x->ek_spki, limit, &issued, &err) != TPMIOT_OK)
		return ca_fail(&x->problem, &err);
	if (issued == 0 || issued + DAY <= x->now)
		return true;
	ca_refuse(&x->problem, CA_PROBLEM_RATE_LIMITED,
	    "the device got %lld certificates within a day, which is this CA's issue_limit",
	    (long long)limit);
	x->problem.retry_after = (unsigned)(issued + DAY - x->now);
	return false;
}

bool
ca_steps_group(
    struct ca_api *api, const char *name, struct ca_group *out, struct ca_problem *problem)
{
	return ca_config_group(api->config, name, out) ||
	       ca_refuse(problem, CA_PROBLEM_GROUP_UNKNOWN,
	           "the device is of the group \"%s\", and the configuration has no [group %s]",
	           name, name);
}

static bool
found(void *arg, const struct ca_secret *secret)
{
	bool *any = arg;

	(void)secret;
	*any = true;
	return false;
}

bool
ca_steps_has_secrets(struct ca_api *api, const uint8_t *ek_spki, const char *group, bool *out,
    struct ca_problem *problem)
{
	struct tpmiot_err err = { 0 };

	*out = false;
	return ca_secret_each_for(api->store, ek_spki, group, found, out, &err) == TPMIOT_OK ||
	       ca_fail(problem, &err);
}

enum tpmiot_rc
ca_steps_new_ticket(struct ca_api *api, int64_t now, struct ca_ticket *out, struct tpmiot_err *err)
{
	if (RAND_bytes_ex(api->libctx, out->id, sizeof(out->id), 0) != 1 ||
	    RAND_bytes_ex(api->libctx, out->nonce, sizeof(out->nonce), 0) != 1)
		return tpmiot_err_crypto(err, "no random bytes");
	out->expires = now + api->config->session_lifetime;
	return TPMIOT_OK;
}

enum tpmiot_rc
ca_steps_seal(struct ca_api *api, const struct ca_ticket *ticket, struct tpmiot_buf *out,
    struct tpmiot_err *err)
{
	struct ca_seal_key key;
	enum tpmiot_rc rc = ca_seal_key_newest(api->store, &key, err);

	if (rc != TPMIOT_OK)
		return rc;
	rc = ca_seal(api->libctx, &key, ticket, out, err);
	OPENSSL_cleanse(&key, sizeof(key));
	return rc;
}

bool
ca_steps_in_time(struct ca_exchange *x, const struct ca_ticket *ticket)
{
	if (ticket->expires > x->now)
		return true;
	return ca_refuse(&x->problem, CA_PROBLEM_SESSION_EXPIRED,
	    "the session expired %lld seconds ago", (long long)(x->now - ticket->expires));
}

bool
ca_steps_unseal(struct ca_api *api, struct ca_exchange *x, const struct tpmiot_buf *session,
    struct ca_ticket *out)
{
	struct tpmiot_err err = { 0 };
	struct ca_seal_key key;
	enum tpmiot_rc rc;
	uint32_t id;

	if (ca_seal_key_id(session->data, session->len, &id, &err) != TPMIOT_OK)
		return ca_refuse_err(&x->problem, CA_PROBLEM_SESSION_INVALID, &err);
	rc = ca_seal_key_find(api->store, id, &key, &err);
	if (rc == TPMIOT_E_NOT_FOUND)
		return ca_refuse(&x->problem, CA_PROBLEM_SESSION_INVALID,
		    "the session was sealed with a key that this CA does not have, or has no more");
	if (rc != TPMIOT_OK)
		return ca_fail(&x->problem, &err);
	rc = ca_unseal(api->libctx, &key, session->data, session->len, out, &err);
	OPENSSL_cleanse(&key, sizeof(key));
	if (rc != TPMIOT_OK)
		return ca_refuse_err(&x->problem, CA_PROBLEM_SESSION_INVALID, &err);
	return ca_steps_in_time(x, out);
}

enum tpmiot_rc
ca_steps_record_device(struct ca_api *api, int64_t now, const uint8_t *ek_spki,
    const struct ca_admission *as, const struct tpmiot_ekcert_info *tpm,
    struct tpmiot_bytes ek_cert, struct tpmiot_err *err)
{
	struct ca_device d = { .last_seen = now };
	enum tpmiot_rc rc;

	memcpy(d.ek_spki, ek_spki, sizeof(d.ek_spki));
	snprintf(d.id, sizeof(d.id), "%s", as->device_id);
	snprintf(d.group, sizeof(d.group), "%s", as->group);
	snprintf(d.manufacturer, sizeof(d.manufacturer), "%s", tpm->manufacturer);
	snprintf(d.model, sizeof(d.model), "%s", tpm->model);
	snprintf(d.version, sizeof(d.version), "%s", tpm->version);
	tpmiot_buf_put(&d.ek_cert, ek_cert.data, ek_cert.len);
	rc = tpmiot_buf_done(&d.ek_cert, err);
	if (rc == TPMIOT_OK)
		rc = ca_device_enrol(api->store, &d, err);
	tpmiot_buf_free(&d.ek_cert);
	return rc;
}
