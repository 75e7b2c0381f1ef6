/* SPDX-License-Identifier: Apache-2.0 */
/* The rules for an EK certificate by itself: TCG EK Credential Profile 2.5, clause 3.2. */
#include <stdio.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include <tpmiot/ekcert.h>

#define OID_MANUFACTURER "2.23.133.2.1"
#define OID_MODEL "2.23.133.2.2"
#define OID_VERSION "2.23.133.2.3"
#define OID_EK_CERTIFICATE "2.23.133.8.1"
#define OID_PLATFORM_CERTIFICATE "2.23.133.8.2"
#define OID_PLATFORM_KEY_CERTIFICATE "2.23.133.8.4"
/* The branch of a platform certificate's attributes (TCG Platform Certificate Profile 1.1). */
#define OID_PLATFORM_BRANCH "2.23.133.5.1."

#define OID_TEXT_MAX 80

static enum tpmiot_rc
refuse(struct tpmiot_err *err, const char *rule)
{
	tpmiot_err_forget();
	return tpmiot_err_set(err, TPMIOT_E_VERIFY, "EK certificate: %s", rule);
}

static bool
has_positive_serial(X509 *cert)
{
	BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	bool positive = serial != NULL && !BN_is_negative(serial) && !BN_is_zero(serial);

	BN_free(serial);
	return positive;
}

static enum tpmiot_rc
check_basics(X509 *cert, struct tpmiot_err *err)
{
	uint32_t flags = X509_get_extension_flags(cert);

	if (X509_get_version(cert) != X509_VERSION_3)
		return refuse(err, "its version is not 3 (RFC 5280 section 4.1.2.1)");
	if (!has_positive_serial(cert))
		return refuse(err, "its serial number is not positive (RFC 5280 section 4.1.2.2)");
	if (X509_NAME_entry_count(X509_get_issuer_name(cert)) == 0)
		return refuse(err, "it names no issuer (RFC 5280 section 4.1.2.4)");
	if ((flags & EXFLAG_INVALID) != 0)
		return refuse(err, "one of its extensions is malformed or appears twice "
		                   "(RFC 5280 section 4.2)");
	if ((flags & EXFLAG_CRITICAL) != 0)
		return refuse(err, "it has a critical extension that is not known here "
		                   "(RFC 5280 section 4.2)");
	/* libcrypto calls it no CA if its key usage lacks keyCertSign. */
	if ((flags & EXFLAG_CA) != 0 || X509_check_ca(cert) != 0)
		return refuse(err, "it is a CA's certificate; an EK's has CA:FALSE "
		                   "(EK Credential Profile, clause 3.2)");
	return TPMIOT_OK;
}

/* What a restricted decryption key may do: RSA decrypts a key, ECC agrees on one. */
static uint32_t
usage_of_key(const X509 *cert)
{
	ASN1_OBJECT *algorithm = NULL;

	if (X509_PUBKEY_get0_param(&algorithm, NULL, NULL, NULL, X509_get_X509_PUBKEY(cert)) != 1)
		return 0;
	switch (OBJ_obj2nid(algorithm)) {
	case NID_rsaEncryption:
	case NID_rsaesOaep:
		return KU_KEY_ENCIPHERMENT;
	case NID_X9_62_id_ecPublicKey:
		return KU_KEY_AGREEMENT;
	default:
		return 0;
	}
}

static enum tpmiot_rc
check_key_usage(X509 *cert, struct tpmiot_err *err)
{
	uint32_t wanted = usage_of_key(cert);
	uint32_t usage = X509_get_key_usage(cert);

	if (wanted == 0)
		return refuse(err, "its key is neither RSA nor ECC");
	if ((X509_get_extension_flags(cert) & EXFLAG_KUSAGE) == 0)
		return refuse(err, "it has no key usage (EK Credential Profile, clause 3.2)");
	if ((usage & wanted) == 0)
		return refuse(err, "its key usage is neither keyEncipherment with RSA nor "
		                   "keyAgreement with ECC (EK Credential Profile, clause 3.2)");
	if ((usage & (KU_KEY_CERT_SIGN | KU_CRL_SIGN)) != 0)
		return refuse(err, "its key usage lets it sign certificates or CRLs");
	return TPMIOT_OK;
}

static void
oid_text(const ASN1_OBJECT *oid, char out[OID_TEXT_MAX])
{
	if (OBJ_obj2txt(out, OID_TEXT_MAX, oid, 1) <= 0)
		out[0] = '\0';
}

static bool
has_purpose(const EXTENDED_KEY_USAGE *purposes, const char *oid)
{
	char text[OID_TEXT_MAX];

	for (int i = 0; i < sk_ASN1_OBJECT_num(purposes); i++) {
		oid_text(sk_ASN1_OBJECT_value(purposes, i), text);
		if (strcmp(text, oid) == 0)
			return true;
	}
	return false;
}

static enum tpmiot_rc
check_extended_key_usage(const X509 *cert, struct tpmiot_err *err)
{
	EXTENDED_KEY_USAGE *purposes = NULL;
	enum tpmiot_rc rc = TPMIOT_OK;

	if (X509_get_ext_by_NID(cert, NID_ext_key_usage, -1) < 0)
		return TPMIOT_OK;
	purposes = X509_get_ext_d2i(cert, NID_ext_key_usage, NULL, NULL);
	if (sk_ASN1_OBJECT_num(purposes) <= 0)
		rc = refuse(err, "its extended key usage is empty (RFC 5280 section 4.2.1.12)");
	else if (has_purpose(purposes, OID_PLATFORM_CERTIFICATE) ||
	         has_purpose(purposes, OID_PLATFORM_KEY_CERTIFICATE))
		rc = refuse(err, "it is a platform certificate; the EK's is asked for");
	else if (!has_purpose(purposes, OID_EK_CERTIFICATE))
		rc = refuse(err, "its extended key usage has no " OID_EK_CERTIFICATE
		                 " (tcg-kp-EKCertificate; EK Credential Profile, clause 3.2)");
	EXTENDED_KEY_USAGE_free(purposes);
	return rc;
}

/* ---- what it says of the TPM: the subject alternative name, or the subject ---------------- */

struct san {
	const char *where; /* it was read */
	struct tpmiot_ekcert_info info;
	bool platform;  /* has attributes of a platform certificate */
	bool ambiguous; /* says something twice, or too long to be kept */
};

static char *
slot_for(struct tpmiot_ekcert_info *info, const char *oid)
{
	if (strcmp(oid, OID_MANUFACTURER) == 0)
		return info->manufacturer;
	if (strcmp(oid, OID_MODEL) == 0)
		return info->model;
	if (strcmp(oid, OID_VERSION) == 0)
		return info->version;
	return NULL;
}

/* Anything but printable ASCII becomes '?': the text goes to logs and into policies. */
static bool
copy_text(const ASN1_STRING *value, char *out, size_t size)
{
	unsigned char *utf8 = NULL;
	int len = ASN1_STRING_to_UTF8(&utf8, value);
	bool fits = len > 0 && (size_t)len < size;

	for (int i = 0; fits && i < len; i++)
		out[i] = utf8[i] >= 0x20 && utf8[i] < 0x7f ? (char)utf8[i] : '?';
	if (fits)
		out[len] = '\0';
	OPENSSL_free(utf8);
	return fits;
}

static void
read_attribute(const X509_NAME_ENTRY *entry, struct san *san)
{
	char oid[OID_TEXT_MAX];
	char *slot;

	oid_text(X509_NAME_ENTRY_get_object(entry), oid);
	if (strncmp(oid, OID_PLATFORM_BRANCH, strlen(OID_PLATFORM_BRANCH)) == 0)
		san->platform = true;
	slot = slot_for(&san->info, oid);
	if (slot == NULL)
		return;
	if (slot[0] != '\0' ||
	    !copy_text(X509_NAME_ENTRY_get_data(entry), slot, sizeof(san->info.model)))
		san->ambiguous = true;
}

/* RDNs with one attribute each or one RDN with all of them: makers do both. */
static void
read_name(const X509_NAME *name, struct san *san)
{
	for (int i = 0; i < X509_NAME_entry_count(name); i++)
		read_attribute(X509_NAME_get_entry(name, i), san);
}

static void
read_san(const GENERAL_NAMES *names, struct san *san)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *general = sk_GENERAL_NAME_value(names, i);

		if (general->type == GEN_DIRNAME)
			read_name(general->d.directoryName, san);
	}
}

static enum tpmiot_rc
check_san_content(const struct san *san, struct tpmiot_err *err)
{
	const struct tpmiot_ekcert_info *info = &san->info;

	char rule[160];

	if (san->ambiguous) {
		snprintf(rule, sizeof(rule),
		    "a TPM attribute in its %s is empty, too long or there twice", san->where);
		return refuse(err, rule);
	}
	if (info->manufacturer[0] != '\0' && info->model[0] != '\0' && info->version[0] != '\0')
		return TPMIOT_OK;
	if (san->platform)
		return refuse(err, "it is a platform certificate; the EK's is asked for");
	snprintf(rule, sizeof(rule),
	    "its %s lacks the TPM's manufacturer, model or version (EK Credential Profile, clause "
	    "3.2)",
	    san->where);
	return refuse(err, rule);
}

/* Whether it is critical is read from the extension itself: OpenSSL 4.0's EXFLAG_SAN_CRITICAL
 * does not say so. */
static enum tpmiot_rc
check_san(X509 *cert, struct tpmiot_ekcert_info *info, struct tpmiot_err *err)
{
	bool no_subject = X509_NAME_entry_count(X509_get_subject_name(cert)) == 0;
	int critical = -1; /* -1: not there */
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, &critical, NULL);
	struct san san = { .where = "subject alternative name" };
	enum tpmiot_rc rc;

	if (no_subject && critical != 1) {
		rc = refuse(err, "its subject is empty and its subject alternative name not "
		                 "critical, or not there (RFC 5280 section 4.2.1.6)");
	} else if (critical != -1) {
		read_san(names, &san);
		rc = check_san_content(&san, err);
	} else {
		san.where = "subject, for want of a subject alternative name,";
		read_name(X509_get_subject_name(cert), &san);
		rc = check_san_content(&san, err);
	}
	GENERAL_NAMES_free(names);
	if (rc == TPMIOT_OK)
		*info = san.info;
	return rc;
}

enum tpmiot_rc
tpmiot_ekcert_check_profile(X509 *cert, struct tpmiot_ekcert_info *info, struct tpmiot_err *err)
{
	struct tpmiot_ekcert_info found;
	enum tpmiot_rc rc = check_basics(cert, err);

	if (rc == TPMIOT_OK)
		rc = check_key_usage(cert, err);
	if (rc == TPMIOT_OK)
		rc = check_extended_key_usage(cert, err);
	if (rc == TPMIOT_OK)
		rc = check_san(cert, &found, err);
	if (rc == TPMIOT_OK && info != NULL)
		*info = found;
	return rc;
}
