/* SPDX-License-Identifier: Apache-2.0 */
/* What was revoked, and the list that says so. */
#include "ca/store/store_int.h"

#define KEY_COMPROMISE 1 /* RFC 5280 section 5.3.1 */

enum tpmiot_rc
ca_cert_revoke(struct ca_store *store, const uint8_t *serial, size_t serial_len, int reason,
    int64_t now, struct tpmiot_err *err)
{
	struct ca_cert cert = { .der = TPMIOT_BUF_INIT };
	struct ca_stmt st;
	enum tpmiot_rc rc = ca_cert_find(store, serial, serial_len, &cert, err);

	tpmiot_buf_free(&cert.der);
	if (rc == TPMIOT_OK && cert.state != CA_CERT_GOOD &&
	    (reason != KEY_COMPROMISE || cert.reason == KEY_COMPROMISE))
		rc = tpmiot_err_set(err, TPMIOT_E_CONFLICT, "the certificate is revoked already");
	if (rc != TPMIOT_OK)
		return rc;
	st = ca_stmt_start(store,
	    "UPDATE certificates SET state = 1, reason = ?2,"
	    " revoked_at = CASE state WHEN 1 THEN revoked_at ELSE ?1 END WHERE serial = ?3");
	ca_bind_int(&st, now);
	ca_bind_int(&st, reason);
	ca_bind_blob(&st, serial, serial_len);
	return ca_stmt_run(&st, "certificate", err);
}

enum tpmiot_rc
ca_cert_revoke_device(struct ca_store *store, const uint8_t ek_spki[CA_SHA256_LEN], int reason,
    int64_t now, int64_t *n, struct tpmiot_err *err)
{
	struct ca_stmt st =
	    ca_stmt_start(store, "UPDATE certificates SET state = 1, revoked_at = ?1, reason = ?2"
	                         " WHERE ek_spki = ?3 AND state = 0 AND not_after > ?1");
	enum tpmiot_rc rc;

	ca_bind_int(&st, now);
	ca_bind_int(&st, reason);
	ca_bind_blob(&st, ek_spki, CA_SHA256_LEN);
	rc = ca_stmt_run(&st, "certificates", err);
	if (rc == TPMIOT_OK && n != NULL)
		*n = ca_store_changes(store);
	return rc;
}

enum tpmiot_rc
ca_revocations(struct ca_store *store, int64_t *out, struct tpmiot_err *err)
{
	struct ca_stmt st =
	    ca_stmt_start(store, "SELECT value FROM counters WHERE name = 'revocations'");

	if (ca_stmt_row(&st))
		*out = ca_col_int(&st);
	return ca_stmt_end(&st, "revocations", err);
}

enum tpmiot_rc
ca_crl_next_number(struct ca_store *store, int64_t *out, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(
	    store, "SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'crls'");

	if (ca_stmt_row(&st))
		*out = ca_col_int(&st);
	return ca_stmt_end(&st, "revocation list", err);
}

enum tpmiot_rc
ca_crl_put(struct ca_store *store, const struct ca_crl *crl, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store, "DELETE FROM crls");
	enum tpmiot_rc rc = ca_stmt_run(&st, "revocation list", err);

	if (rc != TPMIOT_OK)
		return rc;
	st = ca_stmt_start(store,
	    "INSERT INTO crls (number, revocations, issuer, this_update, next_update, der)"
	    " VALUES (?, ?, ?, ?, ?, ?)");
	ca_bind_int(&st, crl->number);
	ca_bind_int(&st, crl->revocations);
	ca_bind_blob(&st, crl->issuer, CA_SHA256_LEN);
	ca_bind_int(&st, crl->this_update);
	ca_bind_int(&st, crl->next_update);
	ca_bind_buf(&st, &crl->der);
	return ca_stmt_run(&st, "revocation list", err);
}

enum tpmiot_rc
ca_crl_latest(struct ca_store *store, struct ca_crl *out, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(
	    store, "SELECT number, revocations, issuer, this_update, next_update, der FROM crls");
	struct ca_crl crl = { .der = TPMIOT_BUF_INIT };
	const bool found = ca_stmt_row(&st);
	enum tpmiot_rc rc;

	if (found) {
		crl.number = ca_col_int(&st);
		crl.revocations = ca_col_int(&st);
		ca_col_blob(&st, crl.issuer, sizeof(crl.issuer));
		crl.this_update = ca_col_int(&st);
		crl.next_update = ca_col_int(&st);
		ca_col_buf(&st, &crl.der);
	}
	rc = ca_stmt_end(&st, "revocation list", err);
	if (rc == TPMIOT_OK && !found)
		rc = tpmiot_err_set(err, TPMIOT_E_NOT_FOUND, "no revocation list was made yet");
	if (rc == TPMIOT_OK) {
		tpmiot_buf_free(&out->der);
		*out = crl;
	} else {
		tpmiot_buf_free(&crl.der);
	}
	return rc;
}
