/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <tpmiot/ekcert.h>

#include "certkit.h"
#include "softtpm.h"

/* 2024-06-01 00:00:00 UTC: the STMicroelectronics certificate is valid to July 2028. */
#define STM_NOW 1717200000
#define SWTPM_NOW 1800000000
/* 2026-04-12 13:20:00 UTC: a day after trust/ was collected. */
#define BUNDLE_NOW 1776000000

#define DAY (24L * 3600)

static struct softkey ek_rsa, ek_ecc;
static EVP_PKEY *ca_key, *other_key;

/* ---- out of NV ---------------------------------------------------------------- */

static X509 *
read_cert(const char *file)
{
	struct tpmiot_buf nv = TPMIOT_BUF_INIT;
	struct tpmiot_err err;
	X509 *cert = NULL;

	read_vector(file, &nv);
	assert_ok(tpmiot_ekcert_parse(NULL, nv.data, nv.len, &cert, &err), &err);
	tpmiot_buf_free(&nv);
	return cert;
}

static void
test_strip_padding(void **state)
{
	struct tpmiot_buf nv = TPMIOT_BUF_INIT;
	const uint8_t *der = NULL;
	struct tpmiot_err err;
	size_t len = 0;

	(void)state;
	read_vector("ekcert/stm-rsa-padded.der", &nv);
	assert_ok(tpmiot_ekcert_strip(nv.data, nv.len, &der, &len, &err), &err);
	assert_ptr_equal(der, nv.data);
	assert_int_equal(len, 0x48d + 4);
	memset(nv.data + len, 0, nv.len - len);
	assert_ok(tpmiot_ekcert_strip(nv.data, nv.len, &der, &len, &err), &err);
	assert_int_equal(len, 0x48d + 4);
	tpmiot_buf_free(&nv);
}

static void
test_strip_not_padding(void **state)
{
	struct tpmiot_buf nv = TPMIOT_BUF_INIT;
	struct tpmiot_err err = { 0 };
	const uint8_t *der = NULL;
	size_t len = 77;

	(void)state;
	read_vector("ekcert/swtpm-p384.der", &nv);
	tpmiot_buf_put_u8(&nv, 0x30);
	assert_refused(tpmiot_ekcert_strip(nv.data, nv.len, &der, &len, &err), TPMIOT_E_FORMAT,
	    &err, "not padding");
	nv.data[nv.len - 1] = 0xff;
	tpmiot_buf_put_u8(&nv, 0x00);
	assert_refused(tpmiot_ekcert_strip(nv.data, nv.len, &der, &len, &err), TPMIOT_E_FORMAT,
	    &err, "not padding");
	assert_null(der);
	assert_int_equal(len, 77);
	tpmiot_buf_free(&nv);
}

static void
test_strip_stored_header(void **state)
{
	struct tpmiot_buf nv = TPMIOT_BUF_INIT;
	const uint8_t *der = NULL;
	struct tpmiot_err err = { 0 };
	size_t len = 0;
	X509 *cert = NULL;

	(void)state;
	read_vector("ekcert/swtpm-rsa2048-stored.bin", &nv);
	assert_ok(tpmiot_ekcert_strip(nv.data, nv.len, &der, &len, &err), &err);
	assert_ptr_equal(der, nv.data + 7);
	assert_int_equal(len, nv.len - 7);
	assert_ok(tpmiot_ekcert_parse(NULL, nv.data, nv.len, &cert, &err), &err);
	X509_free(cert);
	nv.data[2] = 1; /* a partial certificate */
	assert_refused(tpmiot_ekcert_strip(nv.data, nv.len, &der, &len, &err), TPMIOT_E_FORMAT,
	    &err, "header");
	nv.data[2] = 0;
	nv.data[4]++; /* more than there is */
	assert_refused(tpmiot_ekcert_strip(nv.data, nv.len, &der, &len, &err), TPMIOT_E_FORMAT,
	    &err, "header");
	tpmiot_buf_free(&nv);
}

/* Without TCG_FULL_CERT's own tag, and padded. */
static void
test_strip_short_header(void **state)
{
	struct tpmiot_buf cert = TPMIOT_BUF_INIT, nv = TPMIOT_BUF_INIT;
	const uint8_t *der = NULL;
	struct tpmiot_err err;
	size_t len = 0;

	(void)state;
	read_vector("ekcert/swtpm-p384.der", &cert);
	tpmiot_buf_put(&nv, "\x10\x01\x00", 3);
	tpmiot_buf_put_u16(&nv, (uint16_t)cert.len);
	tpmiot_buf_put(&nv, cert.data, cert.len);
	tpmiot_buf_put(&nv, "\xff\xff\xff", 3);
	assert_ok(tpmiot_ekcert_strip(nv.data, nv.len, &der, &len, &err), &err);
	assert_ptr_equal(der, nv.data + 5);
	assert_int_equal(len, cert.len);
	tpmiot_buf_free(&cert);
	tpmiot_buf_free(&nv);
}

static void
parse_truncated(const char *file)
{
	struct tpmiot_buf nv = TPMIOT_BUF_INIT;
	X509 *cert = NULL;

	read_vector(file, &nv);
	for (size_t len = 0; len < nv.len; len++) {
		uint8_t *part = exact_copy(nv.data, len);

		assert_int_equal(
		    tpmiot_ekcert_parse(NULL, part, len, &cert, NULL), TPMIOT_E_FORMAT);
		free(part);
	}
	assert_null(cert);
	tpmiot_buf_free(&nv);
}

static void
test_parse_truncated(void **state)
{
	(void)state;
	parse_truncated("ekcert/swtpm-p384.der");
	parse_truncated("ekcert/swtpm-rsa2048-stored.bin");
}

static void
refuse_bytes(const void *data, size_t len)
{
	X509 *cert = NULL;

	assert_int_equal(tpmiot_ekcert_parse(NULL, data, len, &cert, NULL), TPMIOT_E_FORMAT);
	assert_null(cert);
}

static void
refuse_strip(const void *data, size_t len, const char *word)
{
	struct tpmiot_err err = { 0 };
	const uint8_t *der = NULL;
	size_t der_len = 0;

	assert_refused(
	    tpmiot_ekcert_strip(data, len, &der, &der_len, &err), TPMIOT_E_FORMAT, &err, word);
	assert_null(der);
}

static void
test_strip_garbage(void **state)
{
	static uint8_t big[TPMIOT_EKCERT_MAX + 1] = { 0x30, 0x82, 0x1f, 0xfd };

	(void)state;
	refuse_strip("", 0, "not a certificate");
	refuse_strip("\x30", 1, "not a certificate");
	refuse_strip("\x31\x02\x05\x00", 4, "not a certificate"); /* a SET */
	refuse_strip("\xb0\x02\x05\x00", 4, "not a certificate"); /* [16] */
	refuse_strip(big, sizeof(big), "at most 8192");
	big[3]--;
	big[TPMIOT_EKCERT_MAX] = 0x30;
	refuse_strip(big, sizeof(big), "at most 8192");
}

static void
test_parse_garbage(void **state)
{
	uint8_t big[TPMIOT_EKCERT_MAX + 1];

	(void)state;
	refuse_bytes("", 0);
	refuse_bytes("\x30\x00", 2);
	refuse_bytes("\x30\x80\x00\x00", 4);             /* indefinite length */
	refuse_bytes("\x31\x02\x05\x00", 4);             /* a SET */
	refuse_bytes("\x30\x84\xff\xff\xff\xff\x00", 7); /* a length beyond all */
	memset(big, 0xff, sizeof(big));
	refuse_bytes(big, TPMIOT_EKCERT_MAX);
	memcpy(big, "\x30\x82\x1f\xfd", 4);
	refuse_bytes(big, sizeof(big));
}

/* ---- the profile ---------------------------------------------------------------- */

static void
accept_profile(X509 *cert, const char *manufacturer, const char *model, const char *version)
{
	struct tpmiot_ekcert_info info;
	struct tpmiot_err err;

	assert_ok(tpmiot_ekcert_check_profile(cert, &info, &err), &err);
	assert_string_equal(info.manufacturer, manufacturer);
	assert_string_equal(info.model, model);
	assert_string_equal(info.version, version);
	X509_free(cert);
}

static void
refuse_profile(X509 *cert, const char *word)
{
	struct tpmiot_err err = { 0 };

	assert_refused(tpmiot_ekcert_check_profile(cert, NULL, &err), TPMIOT_E_VERIFY, &err, word);
	X509_free(cert);
}

/* A sound certificate for the RSA EK, to be made worse. */
static struct certkit_spec
sound(void)
{
	return (struct certkit_spec){ .subject = "ek",
		.key = ek_rsa.pkey,
		.issuer_key = ca_key,
		.extensions = CERTKIT_EK_RSA };
}

static X509 *
with_extensions(const char *extensions)
{
	struct certkit_spec spec = sound();

	spec.extensions = extensions;
	return certkit_issue(&spec);
}

static void
test_check_profile_real(void **state)
{
	(void)state;
	accept_profile(
	    read_cert("ekcert/stm-rsa-padded.der"), "id:53544D20", "ST33HTPHAHB4", "id:00490004");
	accept_profile(
	    read_cert("ekcert/swtpm-rsa2048.der"), "id:00001014", "swtpm", "id:20191023");
	accept_profile(read_cert("ekcert/swtpm-p384.der"), "id:00001014", "swtpm", "id:20191023");
}

static void
test_check_profile_made(void **state)
{
	struct certkit_spec spec = sound();

	(void)state;
	accept_profile(certkit_issue(&spec), "id:54534554", "softtpm", "id:00010002");
	spec.oaep = true;
	accept_profile(certkit_issue(&spec), "id:54534554", "softtpm", "id:00010002");
	spec = sound();
	spec.key = ek_ecc.pkey;
	spec.extensions = CERTKIT_EK_ECC;
	accept_profile(certkit_issue(&spec), "id:54534554", "softtpm", "id:00010002");
}

static void
test_check_profile_platform(void **state)
{
	(void)state;
	refuse_profile(read_cert("ekcert/swtpm-platform.der"), "platform certificate");
	refuse_profile(with_extensions("[ext]\nkeyUsage=critical,keyEncipherment\n"
	                               "extendedKeyUsage=2.23.133.8.1,2.23.133.8.4\n"
	                               "subjectAltName=critical,dirName:tpm\n" CERTKIT_TPM),
	    "platform certificate");
	refuse_profile(with_extensions("[ext]\nkeyUsage=critical,keyEncipherment\n"
	                               "subjectAltName=critical,dirName:p\n"
	                               "[p]\na.2.23.133.5.1.1=Example\nb.2.23.133.5.1.4=Box\n"),
	    "platform certificate");
}

static void
test_check_profile_basics(void **state)
{
	static const char *const serials[] = { "0", "-4097" };
	struct certkit_spec spec = sound();

	(void)state;
	spec.version = 1;
	spec.extensions = NULL;
	refuse_profile(certkit_issue(&spec), "version");
	for (size_t i = 0; i < COUNT(serials); i++) {
		spec = sound();
		spec.serial = serials[i];
		refuse_profile(certkit_issue(&spec), "serial");
	}
	spec = sound();
	spec.no_issuer = true;
	refuse_profile(certkit_issue(&spec), "issuer");
}

static void
test_check_profile_ca(void **state)
{
	(void)state;
	refuse_profile(
	    with_extensions(
	        "[ext]\nbasicConstraints=CA:TRUE\n"
	        "keyUsage=critical,keyEncipherment,keyCertSign\nextendedKeyUsage=2.23.133.8.1\n"),
	    "CA:FALSE");
	refuse_profile(
	    with_extensions("[ext]\nbasicConstraints=critical,CA:TRUE\n"
	                    "keyUsage=critical,keyEncipherment\nextendedKeyUsage=2.23.133.8.1\n"),
	    "CA:FALSE");
	refuse_profile(
	    with_extensions(
	        "[ext]\nbasicConstraints=CA:FALSE\n"
	        "keyUsage=critical,keyEncipherment,keyCertSign\nextendedKeyUsage=2.23.133.8.1\n"),
	    "lets it sign certificates");
	refuse_profile(read_cert("ekcert/swtpm-ca.der"), "CA:FALSE");
}

static void
test_check_profile_critical(void **state)
{
	(void)state;
	refuse_profile(with_extensions("[ext]\n1.3.6.1.4.1.99999.1=critical,DER:0500\n"
	                               "keyUsage=critical,keyEncipherment\n"),
	    "critical extension");
	/* The subject directory attributes must not be critical, either. */
	refuse_profile(with_extensions("[ext]\n2.5.29.9=critical,DER:3000\n"
	                               "keyUsage=critical,keyEncipherment\n"),
	    "critical extension");
	accept_profile(with_extensions("[ext]\n1.3.6.1.4.1.99999.1=DER:0500\n"
	                               "keyUsage=critical,keyEncipherment\n"
	                               "subjectAltName=critical,dirName:tpm\n" CERTKIT_TPM),
	    "id:54534554", "softtpm", "id:00010002");
}

static void
test_check_profile_malformed(void **state)
{
	(void)state;
	refuse_profile(with_extensions("[ext]\nkeyUsage=critical,keyEncipherment\n"
	                               "2.5.29.19=DER:0500\n"),
	    "malformed");
	refuse_profile(with_extensions("[ext]\nkeyUsage=critical,keyEncipherment\n"
	                               "2.5.29.37=DER:0500\n"),
	    "malformed");
	refuse_profile(with_extensions("[ext]\nkeyUsage=critical,keyEncipherment\n"
	                               "2.5.29.17=DER:0500\n"),
	    "malformed");
}

static void
test_check_profile_key_usage(void **state)
{
	struct certkit_spec spec = sound();

	(void)state;
	refuse_profile(with_extensions("[ext]\nbasicConstraints=CA:FALSE\n"), "no key usage");
	refuse_profile(with_extensions(CERTKIT_EK_ECC), "keyEncipherment");
	refuse_profile(with_extensions(CERTKIT_EK("digitalSignature")), "keyEncipherment");
	spec.key = ek_ecc.pkey;
	refuse_profile(certkit_issue(&spec), "keyAgreement");
	spec.key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	refuse_profile(certkit_issue(&spec), "neither RSA nor ECC");
	EVP_PKEY_free(spec.key);
}

static void
test_check_profile_extended_key_usage(void **state)
{
	(void)state;
	/* CVE-2026-40097 was a CA that stumbled over this one. */
	refuse_profile(with_extensions("[ext]\nkeyUsage=critical,keyEncipherment\n"
	                               "2.5.29.37=DER:3000\n"),
	    "extended key usage is empty");
	refuse_profile(with_extensions("[ext]\nkeyUsage=critical,keyEncipherment\n"
	                               "extendedKeyUsage=clientAuth,2.23.133.8.3\n"),
	    "2.23.133.8.1");
	accept_profile(with_extensions("[ext]\nkeyUsage=critical,keyEncipherment\n"
	                               "extendedKeyUsage=clientAuth,2.23.133.8.1\n"
	                               "subjectAltName=critical,dirName:tpm\n" CERTKIT_TPM),
	    "id:54534554", "softtpm", "id:00010002");
}

static X509 *
nameless(const char *extensions)
{
	struct certkit_spec spec = sound();
	X509 *ca, *cert;

	ca = certkit_issue(
	    &(struct certkit_spec){ .subject = "ca", .key = ca_key, .extensions = CERTKIT_CA });
	spec.subject = NULL;
	spec.issuer = ca;
	spec.extensions = extensions;
	cert = certkit_issue(&spec);
	X509_free(ca);
	return cert;
}

static void
test_check_profile_empty_subject(void **state)
{
	(void)state;
	accept_profile(nameless(CERTKIT_EK_RSA), "id:54534554", "softtpm", "id:00010002");
	refuse_profile(nameless("[ext]\nkeyUsage=critical,keyEncipherment\n"
	                        "subjectAltName=dirName:tpm\n" CERTKIT_TPM),
	    "subject is empty");
	refuse_profile(nameless("[ext]\nkeyUsage=critical,keyEncipherment\n"), "subject is empty");
}

#define SAN_OF(section)                                                                            \
	"[ext]\nkeyUsage=critical,keyEncipherment\nsubjectAltName=dirName:tpm\n[tpm]\n" section

static void
test_check_profile_san(void **state)
{
	(void)state;
	accept_profile(with_extensions(SAN_OF("a.2.23.133.2.1=id:1\nb.+2.23.133.2.2=m\n"
	                                      "c.+2.23.133.2.3=v\n")),
	    "id:1", "m", "v");
	/* What goes to logs and policies is printable ASCII: one Latin-1 letter is two bytes of
	 * UTF-8. */
	accept_profile(with_extensions(SAN_OF("a.2.23.133.2.1=id:1\nb.2.23.133.2.2=mod\xe8"
	                                      "le\n"
	                                      "c.2.23.133.2.3=v\n")),
	    "id:1", "mod??le", "v");
	refuse_profile(with_extensions(SAN_OF("b.2.23.133.2.2=m\nc.2.23.133.2.3=v\n")), "lacks");
	refuse_profile(with_extensions(SAN_OF("a.2.23.133.2.1=id:1\nc.2.23.133.2.3=v\n")), "lacks");
	refuse_profile(with_extensions(SAN_OF("a.2.23.133.2.1=id:1\nb.2.23.133.2.2=m\n")), "lacks");
	refuse_profile(with_extensions("[ext]\nkeyUsage=critical,keyEncipherment\n"
	                               "subjectAltName=DNS:tpm.example\n"),
	    "lacks");
	refuse_profile(with_extensions(SAN_OF("a.2.23.133.2.1=id:1\nb.2.23.133.2.1=id:2\n"
	                                      "c.2.23.133.2.2=m\nd.2.23.133.2.3=v\n")),
	    "twice");
	refuse_profile(with_extensions(SAN_OF(
	                   "a.2.23.133.2.1=id:1\nc.2.23.133.2.3=v\nb.2.23.133.2.2="
	                   "0123456789012345678901234567890123456789012345678901234567890123\n")),
	    "too long");
}

/* Without SAN, the subject has to say it. */
static void
test_check_profile_no_san(void **state)
{
	static const char usage[] = "[ext]\nkeyUsage=critical,keyEncipherment\n";
	static const char *const all[] = { "2.23.133.2.1", "id:1", "2.23.133.2.2", "m",
		"2.23.133.2.3", "v", NULL };
	static const char *const twice[] = { "2.23.133.2.1", "id:1", "2.23.133.2.1", "id:2",
		"2.23.133.2.2", "m", "2.23.133.2.3", "v", NULL };
	struct certkit_spec spec = sound();

	(void)state;
	refuse_profile(with_extensions(usage), "its subject, for want of");
	spec.extensions = usage;
	spec.attributes = all;
	accept_profile(certkit_issue(&spec), "id:1", "m", "v");
	spec.attributes = all + 2; /* no manufacturer */
	refuse_profile(certkit_issue(&spec), "lacks");
	spec.attributes = twice;
	refuse_profile(certkit_issue(&spec), "twice");
	/* With one, it does not matter what the subject says. */
	spec.attributes = all;
	spec.extensions = "[ext]\nkeyUsage=critical,keyEncipherment\n"
	                  "subjectAltName=DNS:tpm.example\n";
	refuse_profile(certkit_issue(&spec), "lacks");
}

/* ---- the key -------------------------------------------------------------------- */

static void
read_ek(const char *file, struct tpmiot_public *out)
{
	struct tpmiot_buf tpm2b = TPMIOT_BUF_INIT;
	struct tpmiot_err err;

	read_vector(file, &tpm2b);
	assert_ok(tpmiot_public_parse(NULL, tpm2b.data, tpm2b.len, out, &err), &err);
	tpmiot_buf_free(&tpm2b);
}

static void
test_check_key_swtpm(void **state)
{
	static const char *const files[][2] = {
		{ "ekcert/swtpm-rsa2048.der", "ekcert/swtpm-rsa2048-ek.tpm2b" },
		{ "ekcert/swtpm-p384.der", "ekcert/swtpm-p384-ek.tpm2b" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(files); i++) {
		struct tpmiot_public ek, other;
		struct tpmiot_err err = { 0 };
		X509 *cert = read_cert(files[i][0]);

		read_ek(files[i][1], &ek);
		read_ek(files[1 - i][1], &other);
		assert_ok(tpmiot_ekcert_check_key(NULL, cert, &ek, &err), &err);
		assert_refused(tpmiot_ekcert_check_key(NULL, cert, &other, &err), TPMIOT_E_VERIFY,
		    &err, "another key");
		X509_free(cert);
	}
}

static void
test_check_key_same_type(void **state)
{
	struct certkit_spec spec = sound();
	struct tpmiot_err err = { 0 };
	X509 *cert;

	(void)state;
	spec.key = other_key;
	cert = certkit_issue(&spec);
	assert_refused(tpmiot_ekcert_check_key(NULL, cert, &ek_rsa.pub, &err), TPMIOT_E_VERIFY,
	    &err, "another key");
	X509_free(cert);
}

static void
test_check_key_oaep(void **state)
{
	struct certkit_spec spec = sound();
	struct tpmiot_err err = { 0 };
	X509 *cert;

	(void)state;
	spec.oaep = true;
	cert = certkit_issue(&spec);
	assert_null(X509_get0_pubkey(cert)); /* why there is tpmiot_ekcert_pubkey() */
	assert_ok(tpmiot_ekcert_check_key(NULL, cert, &ek_rsa.pub, &err), &err);
	assert_refused(tpmiot_ekcert_check_key(NULL, cert, &ek_ecc.pub, &err), TPMIOT_E_VERIFY,
	    &err, "another key");
	X509_free(cert);
}

static void
test_pubkey_unreadable(void **state)
{
	struct certkit_spec spec = sound();
	struct tpmiot_err err = { 0 };
	EVP_PKEY *pkey = NULL;
	X509 *cert;

	(void)state;
	spec.key = ek_ecc.pkey; /* an EC point is no RSAPublicKey */
	spec.oaep = true;
	cert = certkit_issue(&spec);
	assert_refused(
	    tpmiot_ekcert_pubkey(NULL, cert, &pkey, &err), TPMIOT_E_FORMAT, &err, "public key");
	assert_null(pkey);
	X509_free(cert);
}

/* ---- the path ------------------------------------------------------------------- */

/* Root and intermediate; every test builds what it needs and changes what it tries. */
struct path {
	struct certkit_spec root_spec, sub_spec, ek_spec;
	X509 *root, *sub, *ek;
	int64_t now;
	bool without_sub; /* not sent along */
	bool trust_sub;   /* instead of the root */
	bool trust_nothing;
	bool trust_ek;
	bool known; /* accepted before */
	struct tpmiot_ekcert_crls crls;
	/* Lists that are made: by the intermediate with the EK certificate on it; by the root. */
	bool sub_list, revoked, root_list, forged;
	long list_ends; /* seconds from now; 0: a day */
};

static struct path
sound_path(void)
{
	struct path path = { .now = CERTKIT_NOW };

	path.root_spec =
	    (struct certkit_spec){ .subject = "root", .key = ca_key, .extensions = CERTKIT_CA };
	path.sub_spec = (struct certkit_spec){
		.subject = "sub", .key = other_key, .issuer_key = ca_key, .extensions = CERTKIT_CA
	};
	path.ek_spec = (struct certkit_spec){
		.key = ek_rsa.pkey, .issuer_key = other_key, .extensions = CERTKIT_EK_RSA
	};
	path.ek_spec.serial = "4711";
	return path;
}

static void
add_list(struct path *path, X509 *issuer, EVP_PKEY *key, const char *revoked)
{
	X509_CRL *crl = certkit_crl(issuer, key, revoked, path->list_ends);

	assert_true(sk_X509_CRL_push(path->crls.lists, crl) > 0);
}

static enum tpmiot_rc
check_path(struct path *path, struct tpmiot_err *err)
{
	STACK_OF(X509) *untrusted = sk_X509_new_null();
	X509_STORE *roots = X509_STORE_new();
	enum tpmiot_rc rc;

	path->root = certkit_issue(&path->root_spec);
	path->sub_spec.issuer = path->root;
	path->sub = certkit_issue(&path->sub_spec);
	path->ek_spec.issuer = path->sub;
	path->ek = certkit_issue(&path->ek_spec);
	if (!path->without_sub)
		assert_true(sk_X509_push(untrusted, path->sub) > 0);
	if (path->trust_sub)
		assert_int_equal(X509_STORE_add_cert(roots, path->sub), 1);
	else if (path->trust_ek)
		assert_int_equal(X509_STORE_add_cert(roots, path->ek), 1);
	else if (!path->trust_nothing)
		assert_int_equal(X509_STORE_add_cert(roots, path->root), 1);
	if (path->sub_list)
		add_list(path, path->sub, path->forged ? ca_key : other_key,
		    path->revoked ? "4711" : NULL);
	if (path->root_list)
		add_list(path, path->root, ca_key, NULL);
	rc = (path->known ? tpmiot_ekcert_check_not_revoked : tpmiot_ekcert_check_path_crls)(
	    NULL, path->ek, untrusted, roots, &path->crls, path->now, err);
	sk_X509_CRL_pop_free(path->crls.lists, X509_CRL_free);
	path->crls.lists = NULL;
	sk_X509_free(untrusted);
	X509_STORE_free(roots);
	X509_free(path->root);
	X509_free(path->sub);
	X509_free(path->ek);
	return rc;
}

static void
accept_path(struct path path)
{
	struct tpmiot_err err;

	assert_ok(check_path(&path, &err), &err);
}

static void
refuse_path(struct path path, const char *word)
{
	struct tpmiot_err err = { 0 };

	assert_refused(check_path(&path, &err), TPMIOT_E_VERIFY, &err, word);
}

/* A sound path, and both lists in force. */
static struct path
listed_path(void)
{
	struct path path = sound_path();

	path.crls.lists = sk_X509_CRL_new_null();
	path.sub_list = path.root_list = true;
	return path;
}

static void
test_check_path_crls(void **state)
{
	struct path path = listed_path();

	(void)state;
	accept_path(path);
	path = listed_path();
	path.ek_spec.oaep = true;
	accept_path(path);
	path = listed_path(); /* trusted itself, the intermediate needs nobody's word */
	path.trust_sub = true;
	path.root_list = false;
	accept_path(path);
}

static void
test_check_path_crl_missing(void **state)
{
	struct path path = listed_path();

	(void)state;
	path.sub_list = false;
	refuse_path(path, "no revocation list of the issuer");
	path = listed_path();
	path.root_list = false;
	refuse_path(path, "no revocation list of the issuer");
	path = listed_path();
	path.list_ends = -60;
	refuse_path(path, "expired");
	path = listed_path();
	path.sub_list = path.root_list = false;
	path.crls.missing_ok = true;
	accept_path(path);
	path = listed_path();
	path.list_ends = -60;
	path.crls.missing_ok = true;
	accept_path(path);
}

static void
test_check_path_crl_forged(void **state)
{
	struct path path = listed_path();

	(void)state;
	path.forged = true;
	refuse_path(path, "CRL signature failure");
	path = listed_path();
	path.forged = true;
	path.crls.missing_ok = true;
	refuse_path(path, "CRL signature failure");
}

static void
test_check_path_revoked(void **state)
{
	struct path path;
	struct tpmiot_err err = { 0 };

	(void)state;
	for (int i = 0; i < 8; i++) {
		path = listed_path();
		path.revoked = true;
		path.ek_spec.oaep = (i & 1) != 0;
		path.crls.missing_ok = (i & 2) != 0;
		/* One that is out of date is no proof of anything else. */
		path.list_ends = (i & 4) != 0 && path.crls.missing_ok ? -60 : 0;
		assert_refused(check_path(&path, &err), TPMIOT_E_POLICY, &err, "revoked");
	}
}

/* A certificate that was accepted before: an end of it does not count, a revocation does. */
static void
test_check_not_revoked(void **state)
{
	struct path path = listed_path();
	struct tpmiot_err err = { 0 };

	(void)state;
	path.known = true;
	path.ek_spec.not_after = -60;
	accept_path(path);
	path = listed_path();
	path.ek_spec.not_after = -60;
	refuse_path(path, "expired");
	path = listed_path();
	path.known = path.revoked = true;
	path.ek_spec.not_after = -60;
	assert_refused(check_path(&path, &err), TPMIOT_E_POLICY, &err, "revoked");
	path = listed_path();
	path.known = true;
	path.sub_list = false;
	refuse_path(path, "no revocation list of the issuer");
	path = listed_path();
	path.known = path.forged = true;
	refuse_path(path, "CRL signature failure");
	path = listed_path();
	path.known = path.without_sub = true;
	refuse_path(path, "no path");
}

static void
test_check_path_sound(void **state)
{
	struct path path = sound_path();

	(void)state;
	accept_path(path);
	path.ek_spec.oaep = true;
	accept_path(path);
	path = sound_path();
	path.ek_spec.key = ek_ecc.pkey;
	path.ek_spec.extensions = CERTKIT_EK_ECC;
	accept_path(path);
}

/* An operator may trust a maker's intermediate and not the maker's root. */
static void
test_check_path_trusted_intermediate(void **state)
{
	struct path path = sound_path();

	(void)state;
	path.trust_sub = true;
	accept_path(path);
	path.without_sub = true;
	accept_path(path);
}

static void
test_check_path_untrusted(void **state)
{
	struct path path = sound_path();

	(void)state;
	path.trust_nothing = true;
	refuse_path(path, "trust add");
	path = sound_path();
	path.without_sub = true;
	refuse_path(path, "\"/CN=sub\"");
	path = sound_path();
	path.trust_ek = true;
	refuse_path(path, "itself among the trusted roots");
	path.without_sub = true;
	refuse_path(path, "itself among the trusted roots");
}

static void
test_check_path_dates(void **state)
{
	struct path path = sound_path();

	(void)state;
	path.now = CERTKIT_NOW + 366 * DAY;
	refuse_path(path, "expired");
	path.now = CERTKIT_NOW - 366 * DAY;
	refuse_path(path, "not yet valid");
	path = sound_path();
	path.sub_spec.not_after = -DAY;
	refuse_path(path, "certificate 1 (subject \"/CN=sub\"");
	path = sound_path();
	path.root_spec.not_after = -DAY;
	refuse_path(path, "certificate 2 (subject \"/CN=root\"");
	path = sound_path();
	path.ek_spec.not_before = DAY;
	refuse_path(path, "not yet valid");
}

static void
test_check_path_ca(void **state)
{
	struct path path = sound_path();

	(void)state;
	path.sub_spec.extensions = "[ext]\nbasicConstraints=critical,CA:FALSE\n";
	refuse_path(path, "certificate 1");
	path.sub_spec.extensions = "[ext]\nkeyUsage=critical,keyCertSign\n";
	refuse_path(path, "certificate 1");
	path.sub_spec.extensions = "[ext]\nbasicConstraints=critical,CA:TRUE\n";
	refuse_path(path, "keyCertSign");
	path.sub_spec.extensions =
	    "[ext]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,cRLSign\n";
	refuse_path(path, "certificate 1");
	path = sound_path();
	path.root_spec.version = 1;
	path.root_spec.extensions = NULL;
	refuse_path(path, "certificate 2");
}

static void
test_check_path_length(void **state)
{
	struct path path = sound_path();

	(void)state;
	path.root_spec.extensions =
	    "[ext]\nbasicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign\n";
	refuse_path(path, "path length");
	path.root_spec.extensions =
	    "[ext]\nbasicConstraints=critical,CA:TRUE,pathlen:1\nkeyUsage=critical,keyCertSign\n";
	accept_path(path);
}

static void
test_check_path_signature(void **state)
{
	struct path path = sound_path();

	(void)state;
	path.ek_spec.issuer_key = ek_rsa.pkey; /* not the intermediate's */
	refuse_path(path, "signature");
	path.ek_spec.oaep = true;
	refuse_path(path, "signature");
	path = sound_path();
	path.sub_spec.issuer_key = ek_ecc.pkey; /* not the root's */
	refuse_path(path, "signature");
	path.ek_spec.oaep = true; /* whose twin is excused, but nobody else */
	refuse_path(path, "certificate 1 (subject \"/CN=sub\"");
}

static void
test_check_path_critical(void **state)
{
	struct path path = sound_path();

	(void)state;
	path.sub_spec.extensions = CERTKIT_CA "1.3.6.1.4.1.99999.1=critical,DER:0500\n";
	refuse_path(path, "critical extension");
	path = sound_path();
	path.ek_spec.subject = "ek";
	path.ek_spec.extensions = "[ext]\n1.3.6.1.4.1.99999.1=critical,DER:0500\n";
	refuse_path(path, "critical extension");
}

static void
test_check_path_weak(void **state)
{
	struct path path = sound_path();
	EVP_PKEY *weak = EVP_RSA_gen(1024);

	(void)state;
	path.sub_spec.digest = "SHA1";
	refuse_path(path, "too weak");
	path = sound_path();
	path.ek_spec.digest = "SHA1";
	refuse_path(path, "too weak");
	path = sound_path();
	path.ek_spec.key = weak;
	refuse_path(path, "too weak");
	path.ek_spec.oaep = true;
	refuse_path(path, "too weak");
	path = sound_path();
	path.sub_spec.key = weak;
	path.ek_spec.issuer_key = weak;
	refuse_path(path, "too weak");
	EVP_PKEY_free(weak);
}

static void
test_check_path_swtpm(void **state)
{
	static const char *const files[] = { "ekcert/swtpm-rsa2048.der", "ekcert/swtpm-p384.der" };
	X509 *root = read_cert("ekcert/swtpm-root.der"), *ca = read_cert("ekcert/swtpm-ca.der");
	STACK_OF(X509) *untrusted = sk_X509_new_null();
	X509_STORE *roots = X509_STORE_new();
	struct tpmiot_err err = { 0 };

	(void)state;
	assert_int_equal(X509_STORE_add_cert(roots, root), 1);
	assert_true(sk_X509_push(untrusted, ca) > 0);
	for (size_t i = 0; i < COUNT(files); i++) {
		X509 *cert = read_cert(files[i]);

		assert_ok(
		    tpmiot_ekcert_check_path(NULL, cert, untrusted, roots, SWTPM_NOW, &err), &err);
		assert_refused(tpmiot_ekcert_check_path(NULL, cert, NULL, roots, SWTPM_NOW, &err),
		    TPMIOT_E_VERIFY, &err, "/CN=swtpm-localca");
		X509_free(cert);
	}
	sk_X509_free(untrusted);
	X509_STORE_free(roots);
	X509_free(root);
	X509_free(ca);
}

/* ---- the bundle that is shipped --------------------------------------------------- */

static STACK_OF(X509) *
read_bundle(const char *name)
{
	STACK_OF(X509_INFO) *infos;
	STACK_OF(X509) *certs = sk_X509_new_null();
	struct tpmiot_buf pem = TPMIOT_BUF_INIT;
	char path[64];
	BIO *bio;

	(void)snprintf(path, sizeof(path), "../../trust/%s", name);
	read_vector(path, &pem);
	bio = BIO_new_mem_buf(pem.data, (int)pem.len);
	infos = PEM_X509_INFO_read_bio(bio, NULL, NULL, NULL);
	assert_non_null(infos);
	for (int i = 0; i < sk_X509_INFO_num(infos); i++) {
		X509_INFO *info = sk_X509_INFO_value(infos, i);

		assert_non_null(info->x509);
		assert_true(sk_X509_push(certs, info->x509) > 0);
		info->x509 = NULL;
	}
	sk_X509_INFO_pop_free(infos, X509_INFO_free);
	BIO_free(bio);
	tpmiot_buf_free(&pem);
	return certs;
}

static void
test_bundle_stm(void **state)
{
	STACK_OF(X509) *roots = read_bundle("roots.pem"), *links = read_bundle("intermediates.pem");
	X509 *cert = read_cert("ekcert/stm-rsa-padded.der");
	X509_STORE *store = X509_STORE_new();
	struct tpmiot_err err;

	(void)state;
	for (int i = 0; i < sk_X509_num(roots); i++)
		assert_int_equal(X509_STORE_add_cert(store, sk_X509_value(roots, i)), 1);
	assert_ok(tpmiot_ekcert_check_path(NULL, cert, links, store, STM_NOW, &err), &err);
	X509_STORE_free(store);
	X509_free(cert);
	sk_X509_pop_free(roots, X509_free);
	sk_X509_pop_free(links, X509_free);
}

/* Every intermediate we ship leads to a root we ship, by the same rules. */
static void
test_bundle_consistent(void **state)
{
	STACK_OF(X509) *roots = read_bundle("roots.pem"), *links = read_bundle("intermediates.pem");
	X509_STORE *store = X509_STORE_new();
	struct tpmiot_err err;

	(void)state;
	assert_int_equal(sk_X509_num(roots), 26);
	assert_int_equal(sk_X509_num(links), 143);
	for (int i = 0; i < sk_X509_num(roots); i++)
		assert_int_equal(X509_STORE_add_cert(store, sk_X509_value(roots, i)), 1);
	for (int i = 0; i < sk_X509_num(links); i++)
		assert_ok(tpmiot_ekcert_check_path(
		              NULL, sk_X509_value(links, i), links, store, BUNDLE_NOW, &err),
		    &err);
	X509_STORE_free(store);
	sk_X509_pop_free(roots, X509_free);
	sk_X509_pop_free(links, X509_free);
}

static int
make_keys(void **state)
{
	(void)state;
	softkey_make_ek(&ek_rsa, "L-1");
	softkey_make_ek(&ek_ecc, "L-2");
	ca_key = EVP_EC_gen("P-256");
	other_key = EVP_RSA_gen(2048);
	return ca_key == NULL || other_key == NULL;
}

static int
free_keys(void **state)
{
	(void)state;
	softkey_free(&ek_rsa);
	softkey_free(&ek_ecc);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(other_key);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strip_padding),
		cmocka_unit_test(test_strip_not_padding),
		cmocka_unit_test(test_strip_stored_header),
		cmocka_unit_test(test_strip_short_header),
		cmocka_unit_test(test_strip_garbage),
		cmocka_unit_test(test_parse_truncated),
		cmocka_unit_test(test_parse_garbage),
		cmocka_unit_test(test_check_profile_real),
		cmocka_unit_test(test_check_profile_made),
		cmocka_unit_test(test_check_profile_platform),
		cmocka_unit_test(test_check_profile_basics),
		cmocka_unit_test(test_check_profile_ca),
		cmocka_unit_test(test_check_profile_critical),
		cmocka_unit_test(test_check_profile_malformed),
		cmocka_unit_test(test_check_profile_key_usage),
		cmocka_unit_test(test_check_profile_extended_key_usage),
		cmocka_unit_test(test_check_profile_empty_subject),
		cmocka_unit_test(test_check_profile_san),
		cmocka_unit_test(test_check_profile_no_san),
		cmocka_unit_test(test_check_key_swtpm),
		cmocka_unit_test(test_check_key_same_type),
		cmocka_unit_test(test_check_key_oaep),
		cmocka_unit_test(test_pubkey_unreadable),
		cmocka_unit_test(test_check_path_crls),
		cmocka_unit_test(test_check_path_crl_missing),
		cmocka_unit_test(test_check_path_crl_forged),
		cmocka_unit_test(test_check_path_revoked),
		cmocka_unit_test(test_check_not_revoked),
		cmocka_unit_test(test_check_path_sound),
		cmocka_unit_test(test_check_path_trusted_intermediate),
		cmocka_unit_test(test_check_path_untrusted),
		cmocka_unit_test(test_check_path_dates),
		cmocka_unit_test(test_check_path_ca),
		cmocka_unit_test(test_check_path_length),
		cmocka_unit_test(test_check_path_signature),
		cmocka_unit_test(test_check_path_critical),
		cmocka_unit_test(test_check_path_weak),
		cmocka_unit_test(test_check_path_swtpm),
		cmocka_unit_test(test_bundle_stm),
		cmocka_unit_test(test_bundle_consistent),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
