/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates, and the sessions that were spent on them. */
#include "ca/store/store_int.h"

#define CERT_COLUMNS                                                                               \
	"c.serial, c.ek_spki, d.id, c.key_spki, c.session, c.issued, c.not_before,"                \
	" c.not_after, c.state, c.revoked_at, c.reason, c.profile, c.der"
#define CERT_FROM " FROM certificates c JOIN devices d USING (ek_spki) "

enum tpmiot_rc
ca_cert_add(struct ca_store *store, const struct ca_cert *cert, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store,
	    "INSERT INTO certificates (serial, ek_spki, key_spki, session, issued, not_before,"
	    " not_after, state, revoked_at, reason, profile, der)"
	    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");

	ca_bind_blob(&st, cert->serial, cert->serial_len);
	ca_bind_blob(&st, cert->ek_spki, CA_SHA256_LEN);
	ca_bind_blob(&st, cert->key_spki, CA_SHA256_LEN);
	ca_bind_blob(&st, cert->session, CA_SESSION_ID_LEN);
	ca_bind_int(&st, cert->issued);
	ca_bind_int(&st, cert->not_before);
	ca_bind_int(&st, cert->not_after);
	ca_bind_int(&st, cert->state);
	ca_bind_int(&st, cert->revoked_at);
	ca_bind_int(&st, cert->reason);
	ca_bind_text(&st, cert->profile);
	ca_bind_buf(&st, &cert->der);
	return ca_stmt_run(&st, "certificate", err);
}

static void
cert_read(struct ca_stmt *st, struct ca_cert *cert)
{
	cert->serial_len = ca_col_bytes(st, cert->serial, sizeof(cert->serial));
	ca_col_blob(st, cert->ek_spki, sizeof(cert->ek_spki));
	ca_col_text(st, cert->device_id, sizeof(cert->device_id));
	ca_col_blob(st, cert->key_spki, sizeof(cert->key_spki));
	ca_col_blob(st, cert->session, sizeof(cert->session));
	cert->issued = ca_col_int(st);
	cert->not_before = ca_col_int(st);
	cert->not_after = ca_col_int(st);
	cert->state = ca_col_int(st) == CA_CERT_GOOD ? CA_CERT_GOOD : CA_CERT_REVOKED;
	cert->revoked_at = ca_col_int(st);
	cert->reason = (int)ca_col_int(st);
	ca_col_text(st, cert->profile, sizeof(cert->profile));
	ca_col_buf(st, &cert->der);
}

/* The row of a statement whose parameters are bound. */
static enum tpmiot_rc
cert_take(struct ca_stmt *st, struct ca_cert *out, struct tpmiot_err *err)
{
	struct ca_cert cert = { .der = TPMIOT_BUF_INIT };
	enum tpmiot_rc rc;
	bool found = ca_stmt_row(st);

	if (found)
		cert_read(st, &cert);
	rc = ca_stmt_end(st, "certificate", err);
	if (rc == TPMIOT_OK && !found)
		rc = tpmiot_err_set(err, TPMIOT_E_NOT_FOUND, "no such certificate");
	if (rc == TPMIOT_OK) {
		tpmiot_buf_free(&out->der);
		*out = cert;
	} else {
		tpmiot_buf_free(&cert.der);
	}
	return rc;
}

enum tpmiot_rc
ca_cert_find(struct ca_store *store, const uint8_t *serial, size_t serial_len, struct ca_cert *out,
    struct tpmiot_err *err)
{
	struct ca_stmt st =
	    ca_stmt_start(store, "SELECT " CERT_COLUMNS CERT_FROM "WHERE c.serial = ?");

	ca_bind_blob(&st, serial, serial_len);
	return cert_take(&st, out, err);
}

enum tpmiot_rc
ca_cert_find_key(struct ca_store *store, const uint8_t key_spki[CA_SHA256_LEN], struct ca_cert *out,
    struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store,
	    "SELECT " CERT_COLUMNS CERT_FROM "WHERE c.key_spki = ? ORDER BY c.id DESC LIMIT 1");

	ca_bind_blob(&st, key_spki, CA_SHA256_LEN);
	return cert_take(&st, out, err);
}

/* The rows of a statement whose parameters are bound. */
static enum tpmiot_rc
cert_each(struct ca_stmt *st, bool (*fn)(void *arg, const struct ca_cert *cert), void *arg,
    struct tpmiot_err *err)
{
	struct ca_cert cert = { .der = TPMIOT_BUF_INIT };
	bool more = true;

	while (more && ca_stmt_row(st)) {
		cert_read(st, &cert);
		more = fn(arg, &cert);
	}
	tpmiot_buf_free(&cert.der);
	return ca_stmt_end(st, "certificate", err);
}

enum tpmiot_rc
ca_cert_key_revoked(struct ca_store *store, const uint8_t key_spki[CA_SHA256_LEN], bool *out,
    struct tpmiot_err *err)
{
	/* RFC 5280 section 5.3.1: unspecified, and keyCompromise, cACompromise, aACompromise. */
	struct ca_stmt st =
	    ca_stmt_start(store, "SELECT 1 FROM certificates"
	                         " WHERE key_spki = ? AND state = 1 AND reason IN (0, 1, 2, 10)");
	enum tpmiot_rc rc;
	bool found;

	ca_bind_blob(&st, key_spki, CA_SHA256_LEN);
	found = ca_stmt_row(&st);
	rc = ca_stmt_end(&st, "certificate", err);
	if (rc == TPMIOT_OK)
		*out = found;
	return rc;
}

enum tpmiot_rc
ca_cert_list(struct ca_store *store, const uint8_t *ek_spki,
    bool (*fn)(void *arg, const struct ca_cert *cert), void *arg, struct tpmiot_err *err)
{
	struct ca_stmt st =
	    ek_spki == NULL ? ca_stmt_start(store, "SELECT " CERT_COLUMNS CERT_FROM "ORDER BY c.id")
	                    : ca_stmt_start(store, "SELECT " CERT_COLUMNS CERT_FROM
	                                           "WHERE c.ek_spki = ? ORDER BY c.id");

	if (ek_spki != NULL)
		ca_bind_blob(&st, ek_spki, CA_SHA256_LEN);
	return cert_each(&st, fn, arg, err);
}

enum tpmiot_rc
ca_cert_list_revoked(struct ca_store *store, int64_t after,
    bool (*fn)(void *arg, const struct ca_cert *cert), void *arg, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store,
	    "SELECT " CERT_COLUMNS CERT_FROM "WHERE c.state = 1 AND c.not_after > ? ORDER BY c.id");

	ca_bind_int(&st, after);
	return cert_each(&st, fn, arg, err);
}

enum tpmiot_rc
ca_cert_list_expiring(struct ca_store *store, int64_t before,
    bool (*fn)(void *arg, const struct ca_cert *cert), void *arg, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store,
	    "SELECT " CERT_COLUMNS CERT_FROM "WHERE c.state = 0 AND c.not_after <= ?1"
	    " AND d.state = 0 AND instr(d.id, '~') = 0"
	    " AND NOT EXISTS (SELECT 1 FROM certificates n WHERE n.ek_spki = c.ek_spki"
	    "  AND n.state = 0 AND n.not_after > c.not_after"
	    "  AND coalesce(n.profile, '') = coalesce(c.profile, ''))"
	    " ORDER BY c.not_after, c.id");

	ca_bind_int(&st, before);
	return cert_each(&st, fn, arg, err);
}

enum tpmiot_rc
ca_cert_issued_before(struct ca_store *store, const uint8_t ek_spki[CA_SHA256_LEN], int64_t n,
    int64_t *out, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(store, "SELECT issued FROM certificates WHERE ek_spki = ?"
	                                         " ORDER BY issued DESC LIMIT 1 OFFSET ?");
	int64_t issued = 0;
	enum tpmiot_rc rc;

	ca_bind_blob(&st, ek_spki, CA_SHA256_LEN);
	ca_bind_int(&st, n - 1);
	if (ca_stmt_row(&st))
		issued = ca_col_int(&st);
	rc = ca_stmt_end(&st, "certificates", err);
	if (rc == TPMIOT_OK)
		*out = issued;
	return rc;
}

enum tpmiot_rc
ca_session_spend(struct ca_store *store, const struct ca_session *session, struct tpmiot_err *err)
{
	struct ca_stmt st =
	    ca_stmt_start(store, "INSERT INTO sessions (id, ek_spki, key_spki, serial, seal_key)"
	                         " VALUES (?, ?, ?, ?, ?)");

	ca_bind_blob(&st, session->id, CA_SESSION_ID_LEN);
	ca_bind_blob(&st, session->ek_spki, CA_SHA256_LEN);
	ca_bind_blob(&st, session->key_spki, CA_SHA256_LEN);
	ca_bind_blob(&st, session->serial, session->serial_len);
	ca_bind_int(&st, session->seal_key);
	return ca_stmt_run(&st, "session", err);
}

enum tpmiot_rc
ca_session_find(struct ca_store *store, const uint8_t id[CA_SESSION_ID_LEN], struct ca_session *out,
    struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(
	    store, "SELECT id, ek_spki, key_spki, serial, seal_key FROM sessions WHERE id = ?");
	struct ca_session session = { .seal_key = 0 };
	enum tpmiot_rc rc;
	bool found;

	ca_bind_blob(&st, id, CA_SESSION_ID_LEN);
	found = ca_stmt_row(&st);
	if (found) {
		ca_col_blob(&st, session.id, sizeof(session.id));
		ca_col_blob(&st, session.ek_spki, sizeof(session.ek_spki));
		ca_col_blob(&st, session.key_spki, sizeof(session.key_spki));
		session.serial_len = ca_col_bytes(&st, session.serial, sizeof(session.serial));
		session.seal_key = (uint32_t)ca_col_int(&st);
	}
	rc = ca_stmt_end(&st, "session", err);
	if (rc == TPMIOT_OK && !found)
		return tpmiot_err_set(err, TPMIOT_E_NOT_FOUND, "no such session");
	if (rc == TPMIOT_OK)
		*out = session;
	return rc;
}

enum tpmiot_rc
ca_session_purge(struct ca_store *store, struct tpmiot_err *err)
{
	struct ca_stmt st = ca_stmt_start(
	    store, "DELETE FROM sessions WHERE seal_key NOT IN (SELECT id FROM seal_keys)");

	return ca_stmt_run(&st, "sessions", err);
}
