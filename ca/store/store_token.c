/* SPDX-License-Identifier: Apache-2.0 */
/* Join tokens, and who used them. */
#include "ca/store/store_int.h"

#define COLUMNS                                                                                    \
	"id, sha256, uses_allowed, (SELECT count(*) FROM token_uses WHERE token = tokens.id),"     \
	" expires, device_id, grp, note, added"

enum tpmiot_rc
ca_token_add(
    struct ca_store *store, const struct ca_token *token, int64_t *id, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store,
	    "INSERT INTO tokens (sha256, uses_allowed, expires, device_id, grp, note, added)"
	    " VALUES (?, ?, ?, ?, ?, ?, ?)");
	enum tpmiot_rc rc;

	ca_bind_blob(&st, token->sha256, CA_SHA256_LEN);
	ca_bind_int(&st, token->uses_allowed);
	ca_bind_int(&st, token->expires);
	ca_bind_text(&st, token->device_id);
	ca_bind_text(&st, token->group);
	ca_bind_text(&st, token->note);
	ca_bind_int(&st, token->added);
	rc = ca_stmt_run(&st, "join token", err);
	if (rc == TPMIOT_OK)
		*id = ca_store_last_id(store);
	return rc;
}

static void
token_read(struct ca_stmt *st, struct ca_token *token)
{
	token->id = ca_col_int(st);
	ca_col_blob(st, token->sha256, sizeof(token->sha256));
	token->uses_allowed = ca_col_int(st);
	token->uses = ca_col_int(st);
	token->expires = ca_col_int(st);
	ca_col_text(st, token->device_id, sizeof(token->device_id));
	ca_col_text(st, token->group, sizeof(token->group));
	ca_col_text(st, token->note, sizeof(token->note));
	token->added = ca_col_int(st);
}

static enum tpmiot_rc
token_take(struct ca_stmt *st, struct ca_token *out, struct tpmiot_err *err)
{
	struct ca_token token = { .id = 0 };
	bool found = ca_stmt_row(st);
	enum tpmiot_rc rc;

	if (found)
		token_read(st, &token);
	rc = ca_stmt_end(st, "join token", err);
	if (rc == TPMIOT_OK && !found)
		return tpmiot_err_set(err, TPMIOT_E_NOT_FOUND, "no such join token");
	if (rc == TPMIOT_OK)
		*out = token;
	return rc;
}

enum tpmiot_rc
ca_token_find(struct ca_store *store, const uint8_t sha256[CA_SHA256_LEN], struct ca_token *out,
    struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store, "SELECT " COLUMNS " FROM tokens WHERE sha256 = ?");

	ca_bind_blob(&st, sha256, CA_SHA256_LEN);
	return token_take(&st, out, err);
}

enum tpmiot_rc
ca_token_find_id(struct ca_store *store, int64_t id, struct ca_token *out, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store, "SELECT " COLUMNS " FROM tokens WHERE id = ?");

	ca_bind_int(&st, id);
	return token_take(&st, out, err);
}

enum tpmiot_rc
ca_token_used_by(struct ca_store *store, int64_t id, const uint8_t ek_spki[CA_SHA256_LEN],
    bool *out, struct tpmiot_err *err)
{
	struct ca_stmt st =
	    ca_stmt_start(store, "SELECT 1 FROM token_uses WHERE token = ? AND ek_spki = ?");
	enum tpmiot_rc rc;
	bool found;

	ca_bind_int(&st, id);
	ca_bind_blob(&st, ek_spki, CA_SHA256_LEN);
	found = ca_stmt_row(&st);
	rc = ca_stmt_end(&st, "join token", err);
	if (rc == TPMIOT_OK)
		*out = found;
	return rc;
}

/* The count is looked at in the statement that adds to it. */
static enum tpmiot_rc
count_use(struct ca_store *store, int64_t id, const uint8_t ek_spki[CA_SHA256_LEN], int64_t now,
    struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store,
	    "INSERT INTO token_uses (token, ek_spki, used) SELECT id, ?2, ?3 FROM tokens"
	    " WHERE id = ?1 AND"
	    " (SELECT count(*) FROM token_uses WHERE token = ?1) < uses_allowed");
	enum tpmiot_rc rc;

	ca_bind_int(&st, id);
	ca_bind_blob(&st, ek_spki, CA_SHA256_LEN);
	ca_bind_int(&st, now);
	rc = ca_stmt_run(&st, "join token", err);
	if (rc == TPMIOT_OK && ca_store_changes(store) == 0)
		rc = tpmiot_err_set(err, TPMIOT_E_POLICY,
		    "the join token is used up; ask the operator for a new one");
	return rc;
}

enum tpmiot_rc
ca_token_use(struct ca_store *store, int64_t id, const uint8_t ek_spki[CA_SHA256_LEN], int64_t now,
    struct tpmiot_err *err)
{
	struct ca_token token;
	bool before = false;
	enum tpmiot_rc rc = ca_token_find_id(store, id, &token, err);

	if (rc == TPMIOT_OK && token.expires <= now)
		rc = tpmiot_err_set(err, TPMIOT_E_POLICY,
		    "the join token has expired; ask the operator for a new one");
	if (rc == TPMIOT_OK)
		rc = ca_token_used_by(store, id, ek_spki, &before, err);
	if (rc == TPMIOT_OK && !before)
		rc = count_use(store, id, ek_spki, now, err);
	return rc;
}

enum tpmiot_rc
ca_token_remove(struct ca_store *store, int64_t id, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store, "DELETE FROM tokens WHERE id = ?");
	enum tpmiot_rc rc;

	ca_bind_int(&st, id);
	rc = ca_stmt_run(&st, "join token", err);
	if (rc == TPMIOT_OK && ca_store_changes(store) == 0)
		rc = tpmiot_err_set(err, TPMIOT_E_NOT_FOUND,
		    "no join token has the number %lld; see \"tpmiot-ca join list\"",
		    (long long)id);
	return rc;
}

enum tpmiot_rc
ca_token_list(struct ca_store *store, bool (*fn)(void *arg, const struct ca_token *token),
    void *arg, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store, "SELECT " COLUMNS " FROM tokens ORDER BY id");
	struct ca_token token;
	bool more = true;

	while (more && ca_stmt_row(&st)) {
		token_read(&st, &token);
		more = fn(arg, &token);
	}
	return ca_stmt_end(&st, "join token", err);
}
