/* SPDX-License-Identifier: Apache-2.0 */
/* tpmiot-ca check: whether `serve` would start, and do what the operator means. */
#include "ca/cmd/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/x509v3.h>

#include "ca/pki/ekcrls.h"
#include "ca/pki/keyuri.h"
#include "ca/http/tls.h"
#include "ca/pki/x509.h"
#include "ca/secret/atrest.h"

#define SOON (30 * (int64_t)86400)

struct checks {
	struct ca_cli *cli;
	struct ca_config config;
	json_t *rows;
	int wrong;
};

static void
put(struct checks *c, const char *what, const char *result, const char *detail)
{
	(void)ca_out_append(&c->rows, json_pack("{s:s, s:s, s:o}", "check", what, "result", result,
	                                  "detail", ca_out_text(detail)));
}

static void
fine(struct checks *c, const char *what)
{
	put(c, what, "ok", "");
}

static void warn(struct checks *c, const char *what, const char *fmt, ...) TPMIOT_PRINTF(3, 4);

static void
warn(struct checks *c, const char *what, const char *fmt, ...)
{
	char text[TPMIOT_ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put(c, what, "warning", text);
}

/* True if it went well; says so only if it did not. */
static bool
went(struct checks *c, const char *what, enum tpmiot_rc rc, const struct tpmiot_err *err)
{
	if (rc == TPMIOT_OK)
		return true;
	put(c, what, "wrong", err->text);
	c->wrong++;
	return false;
}

/* ---- Keys and certificates --------------------------------------------------------------- */

static void
check_end(struct checks *c, const char *what, const X509 *cert)
{
	struct tpmiot_err err = { .text = "" };
	int64_t end = 0;

	if (!went(c, what, ca_x509_time(X509_get0_notAfter(cert), &end, &err), &err))
		return;
	if (end <= c->cli->now) {
		(void)tpmiot_err_set(
		    &err, TPMIOT_E_VERIFY, "the certificate has expired; renew it");
		(void)went(c, what, TPMIOT_E_VERIFY, &err);
	} else if (end - c->cli->now < SOON) {
		warn(c, what, "the certificate ends in %lld days",
		    (long long)((end - c->cli->now) / 86400));
	} else {
		fine(c, what);
	}
}

static void
check_keys(struct checks *c)
{
	struct ca_signer signer = { NULL, NULL, NULL };
	struct tpmiot_err err = { .text = "" };
	SSL_CTX *tls = NULL;

	if (!went(c, "CA key and certificate", ca_signer_load(&c->config, &signer, &err), &err))
		return;
	check_end(c, "CA key and certificate", signer.cert);
	if ((X509_get_key_usage(signer.cert) & KU_CRL_SIGN) == 0)
		warn(c, "revocation lists", "the CA's key usage lacks cRLSign: there will be none");
	if (went(c, "TLS key and certificate", ca_tls_new(&c->config, &signer, &tls, &err), &err))
		check_end(c, "TLS key and certificate", SSL_CTX_get0_certificate(tls));
	SSL_CTX_free(tls);
	ca_signer_free(&signer);
}

/* ---- The store against the configuration --------------------------------------------------- */

struct tally {
	struct checks *c;
	const char *what;
	int64_t rows, lost; /* of a group that the configuration does not have */
	char group[CA_GROUP_MAX + 1];
};

static void
count(struct tally *t, const char *group)
{
	struct ca_group found;

	t->rows++;
	if (ca_config_group(&t->c->config, group, &found))
		return;
	t->lost++;
	snprintf(t->group, sizeof(t->group), "%s", group);
}

static bool
count_allow(void *arg, const struct ca_allow *allow)
{
	count(arg, allow->group);
	return true;
}

static bool
count_token(void *arg, const struct ca_token *token)
{
	count(arg, token->group);
	return true;
}

static bool
count_root(void *arg, const struct ca_root *root)
{
	struct tally *t = arg;

	t->rows += root->kind == CA_ROOT_ANCHOR;
	return true;
}

static void
judge_groups(struct checks *c, const struct tally *t)
{
	struct tpmiot_err err;

	if (t->lost == 0) {
		fine(c, t->what);
		return;
	}
	(void)tpmiot_err_set(&err, TPMIOT_E_NOT_FOUND,
	    "%lld of a group that is not in the configuration, such as [group %s]: devices that "
	    "need them get no certificate",
	    (long long)t->lost, t->group);
	(void)went(c, t->what, TPMIOT_E_NOT_FOUND, &err);
}

static void
check_store(struct checks *c)
{
	struct tally allow = { .c = c, .what = "allow-list" };
	struct tally tokens = { .c = c, .what = "join tokens" };
	struct tally roots = { .c = c, .what = "TPM makers" };
	struct tpmiot_err err = { .text = "" };
	struct ca_store *store;

	if (!went(c, "store", ca_cli_store(c->cli, &err), &err))
		return;
	store = c->cli->store;
	if (!went(c, "store", ca_allow_list(store, count_allow, &allow, &err), &err) ||
	    !went(c, "store", ca_token_list(store, count_token, &tokens, &err), &err) ||
	    !went(c, "store", ca_root_list(store, count_root, &roots, &err), &err))
		return;
	fine(c, "store");
	judge_groups(c, &allow);
	judge_groups(c, &tokens);
	if (c->config.enrolment == CA_ENROLMENT_LISTED && allow.rows == 0)
		warn(c, "enrolment",
		    "listed, and the allow-list is empty: nobody can enrol "
		    "(tpmiot-ca allow add)");
	if (c->config.enrolment != CA_ENROLMENT_LISTED && roots.rows == 0)
		warn(c, "enrolment",
		    "no TPM maker is trusted, so only listed devices can enrol "
		    "(tpmiot-ca trust add)");
}

/* ---- Secrets ------------------------------------------------------------------------------ */

struct opened {
	struct ca_vault vault;
	enum tpmiot_rc rc; /* the first that failed */
	struct tpmiot_err err;
	int n;
};

static bool
count_secret(void *arg, const struct ca_secret *secret)
{
	struct opened *opened = arg;

	(void)secret;
	opened->n++;
	return true;
}

static bool
open_secret(void *arg, const struct ca_secret *secret)
{
	struct opened *opened = arg;
	struct tpmiot_buf value = TPMIOT_BUF_INIT;

	opened->rc = ca_secret_unseal(&opened->vault, secret, &value, &opened->err);
	tpmiot_buf_free(&value);
	return opened->rc == TPMIOT_OK;
}

/* Where the key is lost or another one, devices with secrets get no certificate at all. */
static void
check_secrets(struct checks *c)
{
	static const char what[] = "secrets of devices";
	struct opened opened = { .rc = TPMIOT_OK };
	struct tpmiot_err err = { .text = "" };
	enum tpmiot_rc rc;

	if (c->cli->store == NULL ||
	    !went(c, what, ca_secret_list(c->cli->store, count_secret, &opened, &err), &err) ||
	    opened.n == 0)
		return;
	rc = ca_vault_open(c->cli->dir, false, &opened.vault, &err);
	if (rc != TPMIOT_OK) {
		(void)tpmiot_err_set(&err, rc,
		    "there are %d, and " CA_VAULT_FILE " cannot be read: bring it back from where "
		    "it is kept, or devices that have secrets get no certificate",
		    opened.n);
		(void)went(c, what, rc, &err);
		return;
	}
	rc = ca_secret_list(c->cli->store, open_secret, &opened, &err);
	if (rc == TPMIOT_OK && opened.rc != TPMIOT_OK) {
		rc = opened.rc;
		(void)tpmiot_err_set(&err, rc,
		    "%.160s: it was put in with another " CA_VAULT_FILE
		    "; bring that back, or add the secret again",
		    opened.err.text);
	}
	if (went(c, what, rc, &err))
		fine(c, what);
	ca_vault_close(&opened.vault);
}

/* Lists that have ended are as good as missing. */
static void
check_ek_crls(struct checks *c)
{
	static const char what[] = "revocation lists of TPM makers";
	struct tpmiot_ekcert_crls crls = { NULL, false };
	struct tpmiot_err err = { .text = "" };
	int ended = 0;

	if (!went(c, what, ca_ekcrls_load(&c->config, &crls, &err), &err) || crls.lists == NULL)
		return;
	for (int i = 0; i < sk_X509_CRL_num(crls.lists); i++) {
		const ASN1_TIME *end = X509_CRL_get0_nextUpdate(sk_X509_CRL_value(crls.lists, i));

		ended += end != NULL && ASN1_TIME_cmp_time_t(end, (time_t)c->cli->now) <= 0;
	}
	if (sk_X509_CRL_num(crls.lists) == 0)
		warn(c, what, "there is none in ek_crls");
	else if (ended > 0)
		warn(c, what, "%d of %d are out of date; get them anew", ended,
		    sk_X509_CRL_num(crls.lists));
	else
		fine(c, what);
	ca_ekcrls_free(&crls);
}

static void
check_hook(struct checks *c)
{
	static const char what[] = "hook";
	const char *hook = c->config.hook;
	struct tpmiot_err err = { .text = "" };
	enum tpmiot_rc rc = TPMIOT_OK;
	struct stat st;

	if (hook[0] == '\0')
		return;
	if (hook[0] != '/')
		rc = tpmiot_err_set(&err, TPMIOT_E_USAGE, "%s: give its whole path", hook);
	else if (stat(hook, &st) != 0 || access(hook, X_OK) != 0)
		rc = tpmiot_err_errno(&err, "%s", hook);
	else if (!S_ISREG(st.st_mode))
		rc = tpmiot_err_set(&err, TPMIOT_E_USAGE, "%s is not a program", hook);
	else if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		rc = tpmiot_err_set(
		    &err, TPMIOT_E_PERM, "%s: others may write to it; chmod go-w", hook);
	else if (c->config.hook_timeout >= c->config.request_timeout)
		rc = tpmiot_err_set(&err, TPMIOT_E_USAGE,
		    "hook_timeout has to be less than request_timeout, or devices are hung up on");
	if (went(c, what, rc, &err))
		fine(c, what);
}

enum tpmiot_rc
ca_cmd_check(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	static const struct ca_column columns[] = {
		{ "check", "CHECK" },
		{ "result", "RESULT" },
		{ "detail", "DETAIL" },
		{ NULL, NULL },
	};
	struct checks c = { .cli = cli };
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, NULL, 0, 0, &first, err);

	if (rc == TPMIOT_OK)
		rc = ca_cli_config(cli, &c.config, err);
	if (rc != TPMIOT_OK)
		return rc;
	c.rows = json_array();
	fine(&c, "configuration");
	check_keys(&c);
	check_ek_crls(&c);
	check_hook(&c);
	check_store(&c);
	check_secrets(&c);
	ca_config_free(&c.config);
	rc = ca_out_rows(stdout, cli->json, c.rows, columns, err);
	if (rc == TPMIOT_OK && c.wrong > 0)
		rc = tpmiot_err_set(err, TPMIOT_E_VERIFY, "%d thing%s to be put right", c.wrong,
		    c.wrong == 1 ? " has" : "s have");
	return rc;
}
