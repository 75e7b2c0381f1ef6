/* SPDX-License-Identifier: Apache-2.0 */
/* tpmiot-ca ek verify: what this CA makes of an EK certificate, rule by rule. */
#include "ca/cmd/cli.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <tpmiot/der.h>
#include <tpmiot/ekcert.h>
#include <tpmiot/keyrules.h>

#include "ca/enrol/admit.h"
#include "ca/file.h"
#include "ca/pki/ekcrls.h"
#include "ca/pki/roots.h"

#define FILE_MAX (64 * 1024)
#define MIN_RSA_BITS 2048
#define RSA_EXPONENT 65537
#define MODULUS_MAX 512

struct subject {
	X509 *cert;
	STACK_OF(X509) *links; /* what came behind it in the file, then the store's */
	EVP_PKEY *key;         /* NULL: cannot be read */
	struct tpmiot_ekcert_info info;
	json_t *rules;
	const char *refused_by; /* the first rule that refused; NULL: none */
};

/* ---- The file ----------------------------------------------------------------------- */

static enum tpmiot_rc
read_pem(const struct tpmiot_buf *data, struct subject *s, struct tpmiot_err *err)
{
	BIO *bio = BIO_new_mem_buf(data->data, (int)data->len);
	enum tpmiot_rc rc = TPMIOT_OK;
	X509 *cert;

	if (bio == NULL)
		return tpmiot_err_memory(err);
	s->cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	if (s->cert == NULL)
		rc = tpmiot_err_crypto(err, "no certificate in this PEM");
	while (rc == TPMIOT_OK && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		if (sk_X509_push(s->links, cert) <= 0) {
			X509_free(cert);
			rc = tpmiot_err_memory(err);
		}
	}
	ERR_clear_error();
	BIO_free(bio);
	return rc;
}

static enum tpmiot_rc
read_file(const char *path, struct subject *s, struct tpmiot_err *err)
{
	struct tpmiot_buf data = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc = ca_file_read(path, FILE_MAX, &data, err);
	const char *text;

	if (rc == TPMIOT_OK && (s->links = sk_X509_new_null()) == NULL)
		rc = tpmiot_err_memory(err);
	if (rc == TPMIOT_OK) {
		text = tpmiot_buf_cstr(&data);
		rc = text != NULL && strstr(text, "-----BEGIN ") != NULL
		         ? read_pem(&data, s, err)
		         : tpmiot_ekcert_parse(NULL, data.data, data.len, &s->cert, err);
		if (rc != TPMIOT_OK)
			rc = tpmiot_err_prefix(err, "%s", path);
	}
	tpmiot_buf_free(&data);
	return rc;
}

/* ---- The rules ---------------------------------------------------------------------- */

static void
judge(struct subject *s, const char *rule, enum tpmiot_rc rc, const struct tpmiot_err *err)
{
	const bool ok = rc == TPMIOT_OK;

	if (!ok && s->refused_by == NULL)
		s->refused_by = rule;
	(void)ca_out_append(&s->rules,
	    json_pack("{s:s, s:s, s:o}", "rule", rule, "result", ok ? "accepted" : "refused",
	        "detail", ca_out_text(ok ? "" : err->text)));
}

static enum tpmiot_rc
check_rsa(EVP_PKEY *key, struct tpmiot_err *err)
{
	BIGNUM *n = NULL, *e = NULL;
	uint8_t modulus[MODULUS_MAX];
	enum tpmiot_rc rc = TPMIOT_OK;
	int len;

	if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) != 1 ||
	    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) != 1 ||
	    BN_num_bytes(n) > MODULUS_MAX)
		rc = tpmiot_err_crypto(err, "the RSA key cannot be read");
	else if (BN_num_bits(n) < MIN_RSA_BITS)
		rc = tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "RSA with %d bits; at least %d are asked for", BN_num_bits(n), MIN_RSA_BITS);
	else if (!BN_is_word(e, RSA_EXPONENT))
		rc = tpmiot_err_set(err, TPMIOT_E_VERIFY, "the RSA exponent must be 65537");
	else if ((len = BN_bn2bin(n, modulus)) > 0 && tpmiot_roca_fingerprint(modulus, (size_t)len))
		rc = tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "the RSA modulus has the fingerprint of ROCA (CVE-2017-15361): its private key "
		    "can be computed. Update the TPM's firmware and make new keys");
	BN_free(n);
	BN_free(e);
	return rc;
}

static enum tpmiot_rc
check_key(EVP_PKEY *key, struct tpmiot_err *err)
{
	static const char *const curves[] = { "prime256v1", "secp384r1", "secp521r1" };
	char curve[32] = "";

	if (EVP_PKEY_is_a(key, "RSA"))
		return check_rsa(key, err);
	(void)EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL);
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
		if (strcmp(curve, curves[i]) == 0)
			return TPMIOT_OK;
	return tpmiot_err_set(
	    err, TPMIOT_E_VERIFY, "no EK has such a key; RSA, P-256, P-384 and P-521 are known");
}

/* The bytes that it was read from: libcrypto keeps what is signed. */
static enum tpmiot_rc
check_encoding(X509 *cert, struct tpmiot_err *err)
{
	unsigned char *der = NULL;
	const int len = i2d_X509(cert, &der);
	enum tpmiot_rc rc = len > 0 ? tpmiot_der_check(der, (size_t)len, err)
	                            : tpmiot_err_crypto(err, "the certificate cannot be encoded");

	OPENSSL_free(der);
	return rc;
}

static enum tpmiot_rc
check_path(struct ca_cli *cli, const struct tpmiot_ekcert_crls *crls, struct subject *s,
    struct tpmiot_err *err)
{
	struct ca_roots roots = { .anchors = NULL };
	enum tpmiot_rc rc = ca_roots_refresh(cli->store, &roots, err);

	for (int i = 0; rc == TPMIOT_OK && i < sk_X509_num(roots.links); i++) {
		X509 *link = sk_X509_value(roots.links, i);

		if (X509_up_ref(link) != 1 || sk_X509_push(s->links, link) <= 0)
			rc = tpmiot_err_memory(err);
	}
	if (rc == TPMIOT_OK)
		rc = tpmiot_ekcert_check_path_crls(
		    NULL, s->cert, s->links, roots.anchors, crls, cli->now, err);
	ca_roots_free(&roots);
	return rc;
}

static enum tpmiot_rc
check_tpm(const struct ca_group *group, const struct subject *s, struct tpmiot_err *err)
{
	struct ca_problem problem = { .type = CA_PROBLEM_NONE };

	if (ca_admit_tpm(group->tpms, &s->info, &problem))
		return TPMIOT_OK;
	return tpmiot_err_set(err, TPMIOT_E_VERIFY, "%s", problem.detail);
}

/* All of them, whatever one says: that is what a diagnosis is for. */
static void
apply_rules(struct ca_cli *cli, const struct ca_config *config, const struct ca_group *group,
    const struct tpmiot_ekcert_crls *crls, struct subject *s)
{
	struct tpmiot_err err = { .text = "" };
	enum tpmiot_rc rc = tpmiot_ekcert_pubkey(NULL, s->cert, &s->key, &err);

	if (rc == TPMIOT_OK)
		rc = check_key(s->key, &err);
	judge(s, "key", rc, &err);
	if (config->ek_lenient_der != CA_YES)
		judge(s, "encoding", check_encoding(s->cert, &err), &err);
	judge(s, "profile", tpmiot_ekcert_check_profile(s->cert, &s->info, &err), &err);
	judge(s, "path", check_path(cli, crls, s, &err), &err);
	judge(s, "tpms", check_tpm(group, s, &err), &err);
}

/* ---- The answer --------------------------------------------------------------------- */

static enum tpmiot_rc
name_text(const X509_NAME *name, json_t **out, struct tpmiot_err *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;

	if (bio == NULL || X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) < 0 ||
	    BIO_write(bio, "", 1) != 1) {
		BIO_free(bio);
		return tpmiot_err_memory(err);
	}
	(void)BIO_get_mem_data(bio, &text);
	*out = ca_out_text(text);
	BIO_free(bio);
	return TPMIOT_OK;
}

static enum tpmiot_rc
ek_facts(
    struct ca_cli *cli, const struct subject *s, json_t **ek, bool *listed, struct tpmiot_err *err)
{
	uint8_t spki[CA_SHA256_LEN];
	struct ca_allow allow;
	enum tpmiot_rc rc;

	if (s->key == NULL) {
		*ek = json_null();
		return TPMIOT_OK;
	}
	rc = tpmiot_spki_sha256(NULL, s->key, spki, err);
	if (rc != TPMIOT_OK)
		return rc;
	*ek = ca_out_hex(spki, sizeof(spki));
	rc = ca_allow_find(cli->store, spki, &allow, err);
	*listed = rc == TPMIOT_OK;
	return rc == TPMIOT_E_NOT_FOUND ? TPMIOT_OK : rc;
}

static enum tpmiot_rc
report(struct ca_cli *cli, const struct subject *s, struct tpmiot_err *err)
{
	json_t *ek = NULL, *subject = NULL, *issuer = NULL;
	bool listed = false;
	enum tpmiot_rc rc;

	if ((rc = ek_facts(cli, s, &ek, &listed, err)) != TPMIOT_OK ||
	    (rc = name_text(X509_get_subject_name(s->cert), &subject, err)) != TPMIOT_OK ||
	    (rc = name_text(X509_get_issuer_name(s->cert), &issuer, err)) != TPMIOT_OK) {
		json_decref(ek);
		json_decref(subject);
		return rc;
	}
	return ca_out_record(stdout, cli->json,
	    json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:O, s:s, s:o}", "ek", ek, "subject",
	        subject, "issuer", issuer, "manufacturer", ca_out_text(s->info.manufacturer),
	        "model", ca_out_text(s->info.model), "version", ca_out_text(s->info.version),
	        "on_allow_list", listed, "rules", s->rules, "verdict",
	        s->refused_by == NULL ? "accepted" : "refused", "refused_by",
	        ca_out_text(s->refused_by != NULL ? s->refused_by : "")),
	    err);
}

enum tpmiot_rc
ca_cmd_ek_verify(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	struct subject s = { .rules = json_array() };
	struct tpmiot_ekcert_crls crls = { NULL, false };
	struct ca_config config = { .dir = NULL };
	struct ca_group group = { .tpms = NULL };
	const char *name = NULL;
	const struct ca_cli_option options[] = { { .name = "group", .value = &name },
		{ .name = NULL } };
	char checked[CA_GROUP_MAX + 1];
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, options, 1, 1, &first, err);

	if (rc == TPMIOT_OK)
		rc = ca_cli_group(cli, name, checked, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_store(cli, err);
	if (rc == TPMIOT_OK && (rc = ca_cli_config(cli, &config, err)) == TPMIOT_OK)
		rc = ca_ekcrls_load(&config, &crls, err);
	if (rc == TPMIOT_OK)
		rc = read_file(argv[first], &s, err);
	if (rc == TPMIOT_OK) {
		(void)ca_config_group(&config, checked, &group);
		apply_rules(cli, &config, &group, &crls, &s);
		rc = report(cli, &s, err);
	}
	if (rc == TPMIOT_OK && s.refused_by != NULL)
		rc = tpmiot_err_set(err, TPMIOT_E_VERIFY, "%s: refused by the rule \"%s\"",
		    argv[first], s.refused_by);
	ca_ekcrls_free(&crls);
	ca_config_free(&config);
	json_decref(s.rules);
	EVP_PKEY_free(s.key);
	sk_X509_pop_free(s.links, X509_free);
	X509_free(s.cert);
	return rc;
}
