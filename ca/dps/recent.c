/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/dps/recent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

struct entry {
	char id[TPMIOT_DEVICE_ID_MAX + 1];
	uint8_t regkey[CA_DPS_REGKEY_LEN];
	struct tpmiot_buf ek, srk, token;
};

struct ca_dps_recent {
	struct entry entries[CA_DPS_RECENT_MAX];
	size_t next; /* the oldest one, or one that is still empty */
};

static void
put(struct tpmiot_buf *out, const struct tpmiot_buf *in)
{
	tpmiot_buf_put(out, in->data, in->len);
}

static void
clear(struct entry *e)
{
	tpmiot_buf_free(&e->ek);
	tpmiot_buf_free(&e->srk);
	tpmiot_buf_free(&e->token);
	OPENSSL_cleanse(e, sizeof(*e));
}

enum tpmiot_rc
ca_dps_recent_add(struct ca_dps_recent **recent, const char *id,
    const uint8_t regkey[CA_DPS_REGKEY_LEN], const struct ca_dps_request *req,
    struct tpmiot_err *err)
{
	struct entry *e;

	if (*recent == NULL && (*recent = calloc(1, sizeof(**recent))) == NULL)
		return tpmiot_err_memory(err);
	e = &(*recent)->entries[(*recent)->next];
	clear(e);
	put(&e->ek, &req->ek.ek_public);
	put(&e->srk, &req->srk_public);
	put(&e->token, &req->ek.join_token);
	if (e->ek.failed || e->srk.failed || e->token.failed) {
		clear(e);
		return tpmiot_err_memory(err);
	}
	(void)snprintf(e->id, sizeof(e->id), "%s", id);
	memcpy(e->regkey, regkey, sizeof(e->regkey));
	(*recent)->next = ((*recent)->next + 1) % CA_DPS_RECENT_MAX;
	return TPMIOT_OK;
}

static enum tpmiot_rc
complete(const struct entry *e, struct ca_dps_request *req, struct tpmiot_err *err)
{
	put(&req->ek.ek_public, &e->ek);
	put(&req->srk_public, &e->srk);
	if (req->ek.join_token.len == 0)
		put(&req->ek.join_token, &e->token);
	return req->ek.ek_public.failed || req->srk_public.failed || req->ek.join_token.failed
	           ? tpmiot_err_memory(err)
	           : TPMIOT_OK;
}

enum tpmiot_rc
ca_dps_recent_find(const struct ca_dps_recent *recent, OSSL_LIB_CTX *libctx, const char *id,
    const struct tpmiot_sas *sas, struct ca_dps_request *req, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = TPMIOT_E_VERIFY;

	for (size_t i = 0; recent != NULL && rc == TPMIOT_E_VERIFY && i < CA_DPS_RECENT_MAX; i++) {
		const struct entry *e = &recent->entries[i];

		if (strcmp(e->id, id) != 0)
			continue;
		rc = tpmiot_sas_verify(
		    libctx, sas, (struct tpmiot_bytes){ e->regkey, sizeof(e->regkey) }, err);
		if (rc == TPMIOT_OK)
			return complete(e, req, err);
	}
	return rc == TPMIOT_E_VERIFY
	           ? tpmiot_err_set(err, TPMIOT_E_NOT_FOUND,
	                 "no challenge of the last %d is answered by this", CA_DPS_RECENT_MAX)
	           : rc;
}

void
ca_dps_recent_free(struct ca_dps_recent **recent)
{
	for (size_t i = 0; *recent != NULL && i < CA_DPS_RECENT_MAX; i++)
		clear(&(*recent)->entries[i]);
	free(*recent);
	*recent = NULL;
}
