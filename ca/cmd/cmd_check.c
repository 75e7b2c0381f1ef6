/* SPDX-License-Identifier: Apache-2.0 */
/* tpmiot-ca check: whether `serve` would start, and do what the operator means. */
#include "ca/cmd/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/x509v3.h>

#include "ca/config/guard.h"
#include "ca/config/words.h"
#include "ca/http/address.h"
#include "ca/pki/crl.h"
#include "ca/pki/ekcrls.h"
#include "ca/pki/keyuri.h"
#include "ca/http/tls.h"
#include "ca/pki/x509.h"

#define SOON (30 * (int64_t)86400)

static void
put(struct ca_checks *c, const char *what, const char *result, const char *detail)
{
	(void)ca_out_append(&c->rows, json_pack("{s:s, s:s, s:o}", "check", what, "result", result,
	                                  "detail", ca_out_text(detail)));
}

void
ca_check_fine(struct ca_checks *c, const char *what)
{
	put(c, what, "ok", "");
}

void
ca_check_warn(struct ca_checks *c, const char *what, const char *fmt, ...)
{
	char text[TPMIOT_ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put(c, what, "warning", text);
}

bool
ca_check_went(
    struct ca_checks *c, const char *what, enum tpmiot_rc rc, const struct tpmiot_err *err)
{
	if (rc == TPMIOT_OK)
		return true;
	put(c, what, "wrong", err->text);
	c->wrong++;
	return false;
}

/* What serve would refuse, or would have to look up; not whether somebody listens there. */
static void
check_address(struct ca_checks *c, const char *key, const char *address)
{
	struct tpmiot_err err = { .text = "" };
	struct addrinfo *found = NULL;

	if (address[0] == '\0')
		return;
	if (ca_check_went(c, key, ca_address_resolve(key, address, &found, &err), &err))
		freeaddrinfo(found);
}

/* ---- Keys and certificates --------------------------------------------------------------- */

static void
check_end(struct ca_checks *c, const char *what, const X509 *cert)
{
	struct tpmiot_err err = { .text = "" };
	int64_t end = 0;

	if (!ca_check_went(c, what, ca_x509_time(X509_get0_notAfter(cert), &end, &err), &err))
		return;
	if (end <= c->cli->now) {
		(void)tpmiot_err_set(
		    &err, TPMIOT_E_VERIFY, "the certificate has expired; renew it");
		(void)ca_check_went(c, what, TPMIOT_E_VERIFY, &err);
	} else if (end - c->cli->now < SOON) {
		ca_check_warn(c, what, "the certificate ends in %lld days",
		    (long long)((end - c->cli->now) / 86400));
	} else {
		ca_check_fine(c, what);
	}
}

static void
check_keys(struct ca_checks *c)
{
	struct ca_signer signer = { NULL, NULL, NULL };
	struct tpmiot_err err = { .text = "" };
	SSL_CTX *tls = NULL;

	if (!ca_check_went(
	        c, "CA key and certificate", ca_signer_load(&c->config, &signer, &err), &err))
		return;
	check_end(c, "CA key and certificate", signer.cert);
	if (!ca_crl_allowed(&signer))
		ca_check_warn(
		    c, "revocation lists", "the CA's key usage lacks cRLSign: there will be none");
	if (ca_check_went(
	        c, "TLS key and certificate", ca_tls_new(&c->config, &signer, &tls, &err), &err))
		check_end(c, "TLS key and certificate", SSL_CTX_get0_certificate(tls));
	SSL_CTX_free(tls);
	ca_signer_free(&signer);
}

/* ---- The store against the configuration --------------------------------------------------- */

struct tally {
	struct ca_checks *c;
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
judge_groups(struct ca_checks *c, const struct tally *t)
{
	struct tpmiot_err err;

	if (t->lost == 0) {
		ca_check_fine(c, t->what);
		return;
	}
	(void)tpmiot_err_set(&err, TPMIOT_E_NOT_FOUND,
	    "%lld of a group that is not in the configuration, such as [group %s]: devices that "
	    "need them get no certificate",
	    (long long)t->lost, t->group);
	(void)ca_check_went(c, t->what, TPMIOT_E_NOT_FOUND, &err);
}

struct policy {
	const char *name;
	bool found;
};

static bool
is_of_policy(void *arg, const struct ca_pcr *row)
{
	struct policy *policy = arg;

	policy->found = strcmp(row->policy, policy->name) == 0;
	return !policy->found;
}

/* Policies that allow nothing: devices are refused until an operator allows their values. */
static void
check_policies(struct ca_checks *c, const char *group)
{
	char name[CA_WORD_MAX];
	struct policy policy = { .name = name };
	struct tpmiot_err err = { .text = "" };
	struct ca_group found;
	const char *rest;

	if (!ca_config_group(&c->config, group, &found))
		return;
	rest = found.pcr_policies;
	while (ca_word_next(&rest, name)) {
		policy.found = false;
		if (!ca_check_went(c, "PCR policies",
		        ca_pcr_list(c->cli->store, is_of_policy, &policy, &err), &err))
			return;
		if (!policy.found)
			ca_check_warn(c, "PCR policies",
			    "\"%.64s\" allows no values yet: devices are refused (tpmiot-ca pcr "
			    "allow)",
			    name);
	}
}

static void
check_store(struct ca_checks *c)
{
	struct tally allow = { .c = c, .what = "allow-list" };
	struct tally tokens = { .c = c, .what = "join tokens" };
	struct tally roots = { .c = c, .what = "TPM makers" };
	struct tpmiot_err err = { .text = "" };
	struct ca_store *store;

	if (!ca_check_went(c, "store", ca_cli_store(c->cli, &err), &err))
		return;
	store = c->cli->store;
	if (!ca_check_went(c, "store", ca_allow_list(store, count_allow, &allow, &err), &err) ||
	    !ca_check_went(c, "store", ca_token_list(store, count_token, &tokens, &err), &err) ||
	    !ca_check_went(c, "store", ca_root_list(store, count_root, &roots, &err), &err))
		return;
	ca_check_fine(c, "store");
	judge_groups(c, &allow);
	judge_groups(c, &tokens);
	check_policies(c, "");
	for (size_t i = 0; i < c->config.groups_n; i++)
		check_policies(c, c->config.groups[i].name);
	if (c->config.enrolment == CA_ENROLMENT_LISTED && allow.rows == 0)
		ca_check_warn(c, "enrolment",
		    "listed, and the allow-list is empty: nobody can enrol "
		    "(tpmiot-ca allow add)");
	if (c->config.enrolment != CA_ENROLMENT_LISTED && roots.rows == 0)
		ca_check_warn(c, "enrolment",
		    "no TPM maker is trusted, so only listed devices can enrol "
		    "(tpmiot-ca trust add)");
}

/* ---- Files that the operator brings ------------------------------------------------------- */

static void
check_private(struct ca_checks *c)
{
	static const char what[] = "files with secrets";
	struct tpmiot_err err = { .text = "" };
	const char *value;
	bool ok = true;

	for (size_t i = 0; (value = ca_guard_secret(&c->config, i)) != NULL; i++)
		if (!ca_check_went(c, what, ca_guard_private(c->config.dir, value, &err), &err))
			ok = false;
	if (ok)
		ca_check_fine(c, what);
}

/* Lists that have ended are as good as missing. */
static void
check_ek_crls(struct ca_checks *c)
{
	static const char what[] = "revocation lists of TPM makers";
	struct tpmiot_ekcert_crls crls = { NULL, false };
	struct tpmiot_err err = { .text = "" };
	int ended = 0;

	if (!ca_check_went(c, what, ca_ekcrls_load(&c->config, &crls, &err), &err) ||
	    crls.lists == NULL)
		return;
	for (int i = 0; i < sk_X509_CRL_num(crls.lists); i++) {
		const ASN1_TIME *end = X509_CRL_get0_nextUpdate(sk_X509_CRL_value(crls.lists, i));

		ended += end != NULL && ASN1_TIME_cmp_time_t(end, (time_t)c->cli->now) <= 0;
	}
	if (sk_X509_CRL_num(crls.lists) == 0)
		ca_check_warn(c, what, "there is none in ek_crls");
	else if (ended > 0)
		ca_check_warn(c, what, "%d of %d are out of date; get them anew", ended,
		    sk_X509_CRL_num(crls.lists));
	else
		ca_check_fine(c, what);
	ca_ekcrls_free(&crls);
}

static void
check_hook(struct ca_checks *c)
{
	static const char what[] = "hook";
	const char *hook = c->config.hook;
	struct tpmiot_err err = { .text = "" };
	enum tpmiot_rc rc = TPMIOT_OK;
	struct stat st;

	if (hook[0] == '\0')
		return;
	if (stat(hook, &st) != 0 || access(hook, X_OK) != 0)
		rc = tpmiot_err_errno(&err, "%s", hook);
	else if (!S_ISREG(st.st_mode))
		rc = tpmiot_err_set(&err, TPMIOT_E_USAGE, "%s is not a program", hook);
	else
		rc = ca_guard_program(hook, &err);
	if (ca_check_went(c, what, rc, &err))
		ca_check_fine(c, what);
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
	struct ca_checks c = { .cli = cli };
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, NULL, 0, 0, &first, err);

	if (rc == TPMIOT_OK)
		rc = ca_cli_config(cli, &c.config, err);
	if (rc != TPMIOT_OK)
		return rc;
	c.rows = json_array();
	ca_check_fine(&c, "configuration");
	check_address(&c, "listen", c.config.listen);
	check_address(&c, "metrics_listen", c.config.metrics_listen);
	check_keys(&c);
	check_ek_crls(&c);
	check_hook(&c);
	check_private(&c);
	check_store(&c);
	ca_check_vault(&c);
	ca_config_free(&c.config);
	rc = ca_out_rows(stdout, cli->json, c.rows, columns, err);
	if (rc == TPMIOT_OK && c.wrong > 0)
		rc = tpmiot_err_set(err, TPMIOT_E_VERIFY, "%d thing%s to be put right", c.wrong,
		    c.wrong == 1 ? " has" : "s have");
	return rc;
}
