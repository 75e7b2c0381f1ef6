/* SPDX-License-Identifier: Apache-2.0 */
/* EK certificates that a trusted maker would not have given, or did not give. */
#include "attack.h"

#define DAY 86400L

/* The request with this certificate and, if there is one, this chain. Takes both over. */
static json_t *
attest_with(struct attack_env *env, X509 *cert, json_t *chain)
{
	json_t *body = kit_attest(&env->dev);

	kit_set(body, "ek.certificate", kit_cert(cert));
	if (chain != NULL)
		kit_set(body, "ek.chain", chain);
	X509_free(cert);
	return body;
}

static X509 *
issue_for(const struct attack_env *env, const struct certkit_spec *like, X509 *issuer,
    EVP_PKEY *issuer_key)
{
	struct certkit_spec spec = *like;

	spec.key = env->dev.ek.pkey;
	spec.issuer = issuer;
	spec.issuer_key = issuer_key;
	if (spec.extensions == NULL)
		spec.extensions = CERTKIT_EK_ECC;
	return certkit_issue(&spec);
}

/* A certificate by the maker itself, wrong as the row says. */
static json_t *
by_maker(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	(void)challenge;
	return attest_with(env, issue_for(env, &row->cert, kit_root, kit_root_key), NULL);
}

/* A sound certificate by a CA under the maker that is wrong as the row says. */
static json_t *
by_link(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	static const struct certkit_spec sound = { .subject = NULL };
	struct certkit_spec spec = row->cert;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *link, *cert;
	json_t *body;

	(void)challenge;
	spec.subject = "another plant";
	spec.key = key;
	spec.issuer = kit_root;
	spec.issuer_key = kit_root_key;
	link = certkit_issue(&spec);
	cert = issue_for(env, &sound, link, key);
	body = attest_with(env, cert, json_pack("[o]", kit_cert(link)));
	X509_free(link);
	EVP_PKEY_free(key);
	return body;
}

/* Signed by a device's EK, whose certificate is genuine; self-signed; by a maker of that name. */
static json_t *
by_whom(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	static const struct certkit_spec sound = { .subject = NULL };
	struct certkit_spec fake = { .subject = "maker", .extensions = CERTKIT_CA };
	json_t *body;
	X509 *root;

	(void)challenge;
	if (row->text[0] == 's')
		return attest_with(env,
		    issue_for(env, &(struct certkit_spec){ .subject = "self" }, NULL, NULL), NULL);
	if (row->text[0] == 'd')
		return attest_with(env,
		    issue_for(env, &sound, env->victim.ek_cert, env->victim.ek.pkey),
		    json_pack("[o, o]", kit_cert(env->victim.ek_cert), kit_cert(kit_link)));
	fake.key = EVP_EC_gen("P-256");
	root = certkit_issue(&fake);
	body = attest_with(
	    env, issue_for(env, &sound, root, fake.key), json_pack("[o]", kit_cert(root)));
	X509_free(root);
	EVP_PKEY_free(fake.key);
	return body;
}

/* Two CAs that certify each other. */
static json_t *
looping(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	static const struct certkit_spec sound = { .subject = NULL };
	EVP_PKEY *a_key = EVP_EC_gen("P-256"), *b_key = EVP_EC_gen("P-256");
	struct certkit_spec a = { .subject = "a", .key = a_key, .extensions = CERTKIT_CA };
	struct certkit_spec b = { .subject = "b", .key = b_key, .extensions = CERTKIT_CA };
	X509 *a_self = certkit_issue(&a), *b_by_a, *a_by_b;
	json_t *body;

	(void)row;
	(void)challenge;
	b.issuer = a_self;
	b.issuer_key = a_key;
	b_by_a = certkit_issue(&b);
	a.issuer = b_by_a;
	a.issuer_key = b_key;
	a_by_b = certkit_issue(&a);
	body = attest_with(env, issue_for(env, &sound, b_by_a, b_key),
	    json_pack("[o, o]", kit_cert(a_by_b), kit_cert(b_by_a)));
	X509_free(a_self);
	X509_free(b_by_a);
	X509_free(a_by_b);
	EVP_PKEY_free(a_key);
	EVP_PKEY_free(b_key);
	return body;
}

/* row->text: how many certificates, of how many in one entry */
static json_t *
over_long(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	struct tpmiot_buf entry = TPMIOT_BUF_INIT;
	json_t *body = kit_attest(&env->dev), *chain = json_array();

	(void)challenge;
	for (int i = 0; i < row->text[1] - '0'; i++)
		certkit_put(kit_link, &entry);
	for (int i = 0; i < row->text[0] - '0'; i++)
		json_array_append_new(chain, kit_b64(entry.data, entry.len));
	kit_set(body, "ek.chain", chain);
	tpmiot_buf_free(&entry);
	return body;
}

static json_t *
without(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	json_t *body = kit_attest(&env->dev);

	(void)challenge;
	json_object_del(json_object_get(body, "ek"), row->text);
	return body;
}

/* A sound certificate of a sound EK, at the end of a path that is longer than allowed. */
static json_t *
too_deep(struct attack_env *env, const struct attack *row, const json_t *challenge)
{
	static const struct certkit_spec sound = { .subject = NULL };
	struct certkit_spec top = { .subject = "top",
		.issuer = kit_root,
		.issuer_key = kit_root_key,
		.extensions = "[ext]\nbasicConstraints=critical,CA:TRUE,pathlen:0\n"
		              "keyUsage=critical,keyCertSign\n" };
	struct certkit_spec low = { .subject = "low", .extensions = CERTKIT_CA };
	X509 *top_cert, *low_cert;
	json_t *body;

	(void)row;
	(void)challenge;
	top.key = EVP_EC_gen("P-256");
	low.key = EVP_EC_gen("P-256");
	top_cert = certkit_issue(&top);
	low.issuer = top_cert;
	low.issuer_key = top.key;
	low_cert = certkit_issue(&low);
	body = attest_with(env, issue_for(env, &sound, low_cert, low.key),
	    json_pack("[o, o]", kit_cert(top_cert), kit_cert(low_cert)));
	X509_free(top_cert);
	X509_free(low_cert);
	EVP_PKEY_free(top.key);
	EVP_PKEY_free(low.key);
	return body;
}

/* ---- The tables ----------------------------------------------------------------------------- */

#define INVALID 422, "ek-certificate-invalid"
#define UNTRUSTED 403, "ek-certificate-untrusted"
#define USAGE "keyUsage=critical,keyAgreement\n"
#define NO_CA "[ext]\nbasicConstraints=critical,CA:FALSE\n"
#define EKU "extendedKeyUsage=2.23.133.8.1\n"
#define SAN "subjectAltName=critical,dirName:tpm\n"

static const struct attack shape[] = {
	{ "version 1", by_maker, INVALID, .cert = { .version = 1, .extensions = NULL } },
	{ "serial number 0", by_maker, INVALID, .cert = { .serial = "0" } },
	{ "a negative serial number", by_maker, INVALID, .cert = { .serial = "-7" } },
	{ "no issuer", by_maker, INVALID, .cert = { .no_issuer = true } },
	{ "a CA's certificate", by_maker, INVALID,
	    .cert = { .extensions = "[ext]\nbasicConstraints=critical,CA:TRUE\n" USAGE EKU SAN
	                  CERTKIT_TPM } },
};

static const struct attack extensions[] = {
	{ "an unknown critical extension", by_maker, INVALID,
	    .cert = { .extensions =
	                  NO_CA USAGE EKU SAN "1.2.3.4.5=critical,ASN1:NULL\n" CERTKIT_TPM } },
	{ "an empty extended key usage (CVE-2026-40097)", by_maker, INVALID,
	    .cert = { .extensions = NO_CA USAGE "2.5.29.37=DER:30:00\n" SAN CERTKIT_TPM } },
	{ "extended key usage serverAuth", by_maker, INVALID,
	    .cert = { .extensions = NO_CA USAGE "extendedKeyUsage=serverAuth\n" SAN CERTKIT_TPM } },
	{ "a platform certificate", by_maker, INVALID,
	    .cert = { .extensions =
	                  NO_CA USAGE "extendedKeyUsage=2.23.133.8.2\n" SAN CERTKIT_TPM } },
	{ "an AK certificate", by_maker, INVALID,
	    .cert = { .extensions =
	                  NO_CA USAGE "extendedKeyUsage=2.23.133.8.3\n" SAN CERTKIT_TPM } },
	{ "key usage digitalSignature", by_maker, INVALID,
	    .cert = { .extensions =
	                  NO_CA "keyUsage=critical,digitalSignature\n" EKU SAN CERTKIT_TPM } },
	{ "key usage of an RSA EK", by_maker, INVALID, .cert = { .extensions = CERTKIT_EK_RSA } },
	{ "no subject alternative name", by_maker, INVALID,
	    .cert = { .extensions = NO_CA USAGE EKU } },
	{ "it is not critical, and the subject is empty", by_maker, INVALID,
	    .cert = { .extensions = NO_CA USAGE EKU "subjectAltName=dirName:tpm\n" CERTKIT_TPM } },
	{ "it names no TPM", by_maker, INVALID,
	    .cert = { .extensions = NO_CA USAGE EKU "subjectAltName=critical,DNS:tpm.example\n" } },
	{ "it names no maker", by_maker, INVALID,
	    .cert = { .extensions = NO_CA USAGE EKU SAN "[tpm]\nb.2.23.133.2.2=softtpm\n" } },
	{ "an extension twice", by_maker, INVALID,
	    .cert = { .extensions = NO_CA USAGE EKU SAN
	              "2.5.29.15=critical,DER:03:02:03:08\n" CERTKIT_TPM } },
};

static const struct attack dates[] = {
	{ "expired", by_maker, UNTRUSTED, .cert = { .not_after = -DAY } },
	{ "not valid yet", by_maker, UNTRUSTED, .cert = { .not_before = DAY } },
	{ "its issuer expired", by_link, UNTRUSTED,
	    .cert = { .not_after = -DAY, .extensions = CERTKIT_CA } },
	{ "its issuer not valid yet", by_link, UNTRUSTED,
	    .cert = { .not_before = DAY, .extensions = CERTKIT_CA } },
};

static const struct attack path[] = {
	{ "self-signed", by_whom, UNTRUSTED, .text = "self" },
	{ "signed by another device's EK", by_whom, INVALID, .text = "device" },
	{ "by somebody who calls himself the maker", by_whom, UNTRUSTED, .text = "fake" },
	{ "SHA-1 in the signature", by_maker, UNTRUSTED, .cert = { .digest = "SHA1" } },
	{ "its issuer is no CA", by_link, UNTRUSTED,
	    .cert = { .extensions = NO_CA "keyUsage=critical,keyCertSign\n" } },
	{ "its issuer has no basic constraints", by_link, UNTRUSTED,
	    .cert = { .extensions = "[ext]\nkeyUsage=critical,keyCertSign\n" } },
	{ "its issuer may not sign certificates", by_link, UNTRUSTED,
	    .cert = { .extensions = "[ext]\nbasicConstraints=critical,CA:TRUE\n"
	                            "keyUsage=critical,cRLSign\n" } },
	{ "its issuer has an unknown critical extension", by_link, UNTRUSTED,
	    .cert = { .extensions = CERTKIT_CA "1.2.3.4.5=critical,ASN1:NULL\n" } },
	{ "path length exceeded", too_deep, UNTRUSTED },
	{ "two CAs that certify each other", looping, UNTRUSTED },
	{ "no link", without, UNTRUSTED, .text = "chain" },
	{ "9 chain certificates", over_long, 400, "malformed-request", .text = "91" },
	{ "8 entries of 2 certificates", over_long, INVALID, .text = "82" },
	{ "no certificate", without, 403, "ek-certificate-required", .text = "certificate" },
};

const struct attack_table attack_ek_cert[] = {
	ATTACK_TABLE("EK certificate: v3, positive serial, issuer, CA:FALSE", shape),
	ATTACK_TABLE(
	    "EK certificate: extended key usage, SAN, key usage, critical extensions", extensions),
	ATTACK_TABLE("EK certificate: dates", dates),
	ATTACK_TABLE("EK certificate: path to a dedicated store, CA, keyCertSign, length", path),
	{ NULL, NULL, 0 },
};
