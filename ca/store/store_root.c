/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of TPM makers, to which an EK certificate may chain. */
#include "ca/store/store_int.h"

#define COLUMNS "id, sha256, kind, subject, label, not_after, added, der"

enum tpmiot_rc
ca_root_add(struct ca_store *store, const struct ca_root *root, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store,
	    "INSERT INTO roots (sha256, kind, subject, label, not_after, added, der)"
	    " VALUES (?, ?, ?, ?, ?, ?, ?)");
	enum tpmiot_rc rc;

	ca_bind_blob(&st, root->sha256, CA_SHA256_LEN);
	ca_bind_int(&st, root->kind);
	ca_bind_text(&st, root->subject);
	ca_bind_text(&st, root->label);
	ca_bind_int(&st, root->not_after);
	ca_bind_int(&st, root->added);
	ca_bind_buf(&st, &root->der);
	rc = ca_stmt_run(&st, "trust store", err);
	if (rc == TPMIOT_E_CONFLICT)
		rc = tpmiot_err_set(
		    err, rc, "the certificate of %s is trusted already", root->subject);
	return rc;
}

enum tpmiot_rc
ca_root_remove(struct ca_store *store, int64_t id, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store, "DELETE FROM roots WHERE id = ?");
	enum tpmiot_rc rc;

	ca_bind_int(&st, id);
	rc = ca_stmt_run(&st, "trust store", err);
	if (rc == TPMIOT_OK && ca_store_changes(store) == 0)
		rc = tpmiot_err_set(err, TPMIOT_E_NOT_FOUND,
		    "no trusted certificate has the number %lld; see \"tpmiot-ca trust list\"",
		    (long long)id);
	return rc;
}

enum tpmiot_rc
ca_root_list(struct ca_store *store, bool (*fn)(void *arg, const struct ca_root *root), void *arg,
    struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store, "SELECT " COLUMNS " FROM roots ORDER BY id");
	struct ca_root root = { .der = TPMIOT_BUF_INIT };
	bool more = true;

	while (more && ca_stmt_row(&st)) {
		root.id = ca_col_int(&st);
		ca_col_blob(&st, root.sha256, sizeof(root.sha256));
		root.kind = ca_col_int(&st) == CA_ROOT_ANCHOR ? CA_ROOT_ANCHOR : CA_ROOT_LINK;
		ca_col_text(&st, root.subject, sizeof(root.subject));
		ca_col_text(&st, root.label, sizeof(root.label));
		root.not_after = ca_col_int(&st);
		root.added = ca_col_int(&st);
		ca_col_buf(&st, &root.der);
		more = fn(arg, &root);
	}
	tpmiot_buf_free(&root.der);
	return ca_stmt_end(&st, "trust store", err);
}

enum tpmiot_rc
ca_root_generation(struct ca_store *store, int64_t *out, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store, "SELECT value FROM counters WHERE name = 'roots'");
	int64_t value = 0;
	enum tpmiot_rc rc;

	if (ca_stmt_row(&st))
		value = ca_col_int(&st);
	rc = ca_stmt_end(&st, "trust store", err);
	if (rc == TPMIOT_OK)
		*out = value;
	return rc;
}
