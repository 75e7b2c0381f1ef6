/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key of devices' secrets and hub keys: where it is lost or another one, devices that have
 * some get no certificate, or no hub.
 */
#include "ca/cmd/check.h"

#include <sys/stat.h>

#include "ca/file.h"
#include "ca/secret/atrest.h"

static const char what[] = "secrets of devices";

struct opened {
	struct ca_vault vault;
	enum tpmiot_rc rc; /* the first that failed */
	struct tpmiot_err err;
};

static bool
open_secret(void *arg, const struct ca_secret *secret)
{
	struct opened *opened = arg;
	struct tpmiot_buf value = TPMIOT_BUF_INIT;

	opened->rc = ca_secret_unseal(&opened->vault, secret, &value, &opened->err);
	tpmiot_buf_free(&value);
	return opened->rc == TPMIOT_OK;
}

static bool
open_hub_key(void *arg, const struct ca_dps *dps)
{
	struct opened *opened = arg;
	struct tpmiot_buf value = TPMIOT_BUF_INIT;

	opened->rc =
	    ca_vault_unseal(&opened->vault, (struct tpmiot_bytes){ dps->ek_spki, CA_SHA256_LEN },
	        (struct tpmiot_bytes){ dps->key.data, dps->key.len }, &value, &opened->err);
	if (opened->rc != TPMIOT_OK)
		(void)tpmiot_err_prefix(&opened->err, "hub key of %s",
		    dps->registration_id[0] != '\0' ? dps->registration_id
		                                    : "a device that never registered");
	tpmiot_buf_free(&value);
	return opened->rc == TPMIOT_OK;
}

static enum tpmiot_rc
open_all(struct ca_store *store, struct opened *opened, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = ca_secret_list(store, open_secret, opened, err);

	if (rc == TPMIOT_OK && opened->rc == TPMIOT_OK)
		rc = ca_dps_list(store, open_hub_key, opened, err);
	if (rc == TPMIOT_OK && opened->rc != TPMIOT_OK) {
		rc = opened->rc;
		(void)tpmiot_err_set(err, rc,
		    "%.160s: it was put in with another " CA_VAULT_FILE
		    "; bring that back, or add the secret or key again",
		    opened->err.text);
	}
	return rc;
}

/* Root can read it in any case; the server runs as the account that the directory belongs to. */
static enum tpmiot_rc
check_owner(const char *dir, struct tpmiot_err *err)
{
	struct tpmiot_buf path = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc = TPMIOT_OK;
	struct stat key, home;

	ca_config_path(dir, CA_VAULT_FILE, &path);
	if (tpmiot_buf_cstr(&path) == NULL)
		rc = tpmiot_err_memory(err);
	else if (stat(tpmiot_buf_cstr(&path), &key) != 0 || stat(dir, &home) != 0)
		rc = tpmiot_err_errno(err, "%s", (const char *)path.data);
	else if (key.st_uid != home.st_uid)
		rc = tpmiot_err_set(err, TPMIOT_E_PERM,
		    "%s belongs to another account than %s, which the server runs as; chown "
		    "--reference=%s it",
		    (const char *)path.data, dir, dir);
	tpmiot_buf_free(&path);
	return rc;
}

void
ca_check_vault(struct ca_checks *c)
{
	struct opened opened = { .rc = TPMIOT_OK };
	struct tpmiot_err err = { .text = "" };
	bool needed = false;
	enum tpmiot_rc rc;

	if (c->cli->store == NULL ||
	    !ca_check_went(c, what, ca_store_has_sealed(c->cli->store, &needed, &err), &err) ||
	    !needed)
		return;
	if ((rc = ca_vault_open(c->config.dir, &opened.vault, &err)) != TPMIOT_OK) {
		(void)tpmiot_err_prefix(&err,
		    "there are some, or hub keys, and " CA_VAULT_FILE
		    " cannot be read: bring it back from where it is kept, or devices that have "
		    "them get no certificate");
		(void)ca_check_went(c, what, rc, &err);
		return;
	}
	rc = check_owner(c->config.dir, &err);
	if (rc == TPMIOT_OK)
		rc = open_all(c->cli->store, &opened, &err);
	if (ca_check_went(c, what, rc, &err))
		ca_check_fine(c, what);
	ca_vault_close(&opened.vault);
}
