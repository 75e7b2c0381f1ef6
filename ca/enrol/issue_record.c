/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/enrol/issue_int.h"

#include <stdio.h>
#include <string.h>

#include "ca/enrol/evidence.h"

static enum tpmiot_rc
record_device(struct ca_api *api, const struct ca_exchange *x, const struct ca_proven *p,
    const struct ca_admission *as, struct tpmiot_err *err)
{
	const struct ca_ticket *t = &p->ticket;

	return ca_steps_record_device(api, x->now, t->ek_spki, as, &t->info,
	    (struct tpmiot_bytes){ t->ek_cert, t->ek_cert_len }, err);
}

static enum tpmiot_rc
record_ak(struct ca_api *api, const struct ca_exchange *x, const struct ca_proven *p,
    struct tpmiot_err *err)
{
	const struct tpmiot_public *pub = &p->ticket.ak;
	struct ca_ak ak = { .last_seen = x->now, .name_len = pub->name.size };
	enum tpmiot_rc rc;

	if ((rc = tpmiot_public_spki_sha256(api->libctx, pub, ak.spki, err)) != TPMIOT_OK)
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
record_cert(struct ca_api *api, const struct ca_proven *p, const struct ca_cert *cert,
    struct tpmiot_err *err)
{
	struct ca_session spent = {
		.seal_key = p->ticket.seal_key,
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
put_secrets(const struct ca_proven *p, struct ca_audit *entry)
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
record_audit(struct ca_api *api, const struct ca_exchange *x, const struct ca_proven *p,
    const struct ca_cert *cert, struct tpmiot_err *err)
{
	char serial[2 * CA_SERIAL_MAX + 1], renews[2 * CA_SERIAL_MAX + 1];
	struct ca_audit entry;

	ca_hex(cert->serial, cert->serial_len, serial);
	ca_hex(p->ticket.renews, p->ticket.renews_len, renews);
	ca_audit_of(x, ca_is_renewal(p) ? "renew" : "issue", "accepted", &entry);
	snprintf(entry.detail, sizeof(entry.detail), "certificate %s%s%s", serial,
	    ca_is_renewal(p) ? " after " : "", renews);
	put_secrets(p, &entry);
	return ca_audit_add(api->store, &entry, err);
}

enum tpmiot_rc
ca_record(struct ca_api *api, const struct ca_exchange *x, const struct ca_proven *p,
    const struct ca_admission *as, const struct ca_cert *cert, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = record_device(api, x, p, as, err);

	if (rc == TPMIOT_OK)
		rc = record_ak(api, x, p, err);
	if (rc == TPMIOT_OK)
		rc = ca_quote_record(api->store, p->ticket.ek_spki, &p->quoted, x->now, err);
	if (rc == TPMIOT_OK)
		rc = record_cert(api, p, cert, err);
	if (rc == TPMIOT_OK)
		rc = record_audit(api, x, p, cert, err);
	return rc;
}
