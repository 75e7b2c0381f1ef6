/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/pki/profile.h"

#include <stdio.h>
#include <string.h>

#include <tpmiot/b64.h>

#include "ca/config/words.h"
#include "ca/pki/x509.h"

#define OCF_KEYS "ec-p256, ec-p384"
#define OCF_USAGE "digitalSignature, keyAgreement"

/* As an operator would write them. The casts: a section owns its words, these are borrowed. */
#define BUILTIN(name, subject, san, usage, eku, keys)                                              \
	{                                                                                          \
		(char *)(uintptr_t)(name), (char *)(uintptr_t)(subject), (char *)(uintptr_t)(san), \
		    (char *)(uintptr_t)(usage), (char *)(uintptr_t)(eku),                          \
		    (char *)(uintptr_t)(keys), 0                                                   \
	}

static const struct ca_profile builtins[] = {
	BUILTIN("client", "CN=%{device_id}", "URI:urn:tpmiot:device:%{device_id}",
	    "digitalSignature", "clientAuth", "any"),
	BUILTIN("server", "CN=%{device_id}", "DNS:%{device_id}, URI:urn:tpmiot:device:%{device_id}",
	    "digitalSignature", "serverAuth", "any"),
	/* TCG: an AK certificate; the URI is what smallstep's clients look for. */
	BUILTIN("ak", "", "TPM, URI:urn:ek:sha256:%{ek_base64}", "digitalSignature", "2.23.133.8.3",
	    "ak"),
	/* IEEE 802.1AR: the subject has the unit's serial number. */
	BUILTIN("idevid", "CN=%{model}, serialNumber=%{serial_number}", "", "digitalSignature", "",
	    "any"),
	BUILTIN("ocf-manufacturer", "CN=uuid:%{uuid}", "", OCF_USAGE, "serverAuth, clientAuth",
	    OCF_KEYS),
	BUILTIN("ocf-identity", "CN=uuid:%{uuid}", "", OCF_USAGE,
	    "serverAuth, clientAuth, 1.3.6.1.4.1.44924.1.6", OCF_KEYS),
};

/* ---- Which one ---------------------------------------------------------------------- */

enum tpmiot_rc
ca_profile_find(const struct ca_config *config, const char *name, struct ca_profile *out,
    struct tpmiot_err *err)
{
	for (size_t i = 0; i < config->profile_sections_n; i++) {
		if (strcmp(config->profile_sections[i].name, name) == 0) {
			*out = config->profile_sections[i];
			return TPMIOT_OK;
		}
	}
	for (size_t i = 0; i < sizeof(builtins) / sizeof(builtins[0]); i++) {
		if (strcmp(builtins[i].name, name) == 0) {
			*out = builtins[i];
			return TPMIOT_OK;
		}
	}
	return tpmiot_err_set(err, TPMIOT_E_NOT_FOUND,
	    "there is no profile \"%.64s\": neither built in nor a [profile %.64s]", name, name);
}

enum tpmiot_rc
ca_profile_choose(const struct ca_config *config, const struct ca_group *group, const char *asked,
    struct ca_profile *out, struct tpmiot_err *err)
{
	const char *rest = group->profiles;
	struct ca_profile found;
	char word[CA_WORD_MAX];
	bool chosen = false;
	enum tpmiot_rc rc;

	while (ca_word_next(&rest, word)) {
		if ((rc = ca_profile_find(config, word, &found, err)) != TPMIOT_OK)
			return rc;
		if (!chosen && (asked == NULL || asked[0] == '\0' || strcmp(asked, word) == 0)) {
			*out = found;
			chosen = true;
		}
	}
	if (chosen)
		return TPMIOT_OK;
	return tpmiot_err_set(err, TPMIOT_E_POLICY,
	    "the profile \"%.64s\" is not offered here; there are: %s", asked != NULL ? asked : "",
	    group->profiles);
}

/* ---- Keys --------------------------------------------------------------------------- */

bool
ca_profile_is_ak(const struct ca_profile *profile)
{
	return strcmp(profile->keys, "ak") == 0;
}

/* "ec-p256", as tpmiot-enroll --key has it. */
static void
kind_of(const TPMT_PUBLIC *key, char out[CA_WORD_MAX])
{
	static const struct {
		TPMI_ECC_CURVE curve;
		const char *kind;
	} curves[] = {
		{ TPM2_ECC_NIST_P256, "ec-p256" },
		{ TPM2_ECC_NIST_P384, "ec-p384" },
		{ TPM2_ECC_NIST_P521, "ec-p521" },
	};
	const TPMI_ECC_CURVE curve = key->parameters.eccDetail.curveID;

	if (key->type == TPM2_ALG_RSA) {
		snprintf(out, CA_WORD_MAX, "rsa-%u", key->parameters.rsaDetail.keyBits);
		return;
	}
	snprintf(out, CA_WORD_MAX, "of the curve 0x%04x", curve);
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
		if (curves[i].curve == curve)
			snprintf(out, CA_WORD_MAX, "%s", curves[i].kind);
}

enum tpmiot_rc
ca_profile_check_key(
    const struct ca_profile *profile, const struct tpmiot_public *key, struct tpmiot_err *err)
{
	const char *rest = profile->keys;
	char word[CA_WORD_MAX], kind[CA_WORD_MAX];

	kind_of(&key->area, kind);
	if (ca_profile_is_ak(profile))
		return TPMIOT_OK;
	while (ca_word_next(&rest, word))
		if (strcmp(word, "any") == 0 || strcmp(word, kind) == 0)
			return TPMIOT_OK;
	return tpmiot_err_set(err, TPMIOT_E_POLICY, "the key is %s; the profile \"%s\" takes: %s",
	    kind, profile->name, profile->keys);
}

/* ---- Templates ---------------------------------------------------------------------- */

static bool
is_uuid(const char *text)
{
	for (size_t i = 0; i < 36; i++) {
		if (i == 8 || i == 13 || i == 18 || i == 23
		        ? text[i] != '-'
		        : strchr("0123456789abcdef", text[i]) == NULL || text[i] == '\0')
			return false;
	}
	return text[36] == '\0';
}

/* RFC 9562 section 5.8: version 8, the rest the leading bits of the EK's fingerprint. */
static void
put_uuid(const struct ca_profile_facts *facts, struct tpmiot_buf *out)
{
	uint8_t b[16];
	char hex[33];

	if (is_uuid(facts->device_id)) {
		tpmiot_buf_put_str(out, facts->device_id);
		return;
	}
	memcpy(b, facts->ek_spki, sizeof(b));
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x80);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	for (size_t i = 0; i < sizeof(b); i++)
		snprintf(hex + 2 * i, 3, "%02x", b[i]);
	tpmiot_buf_printf(
	    out, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

static enum tpmiot_rc
put_variable(const char *name, size_t len, const struct ca_profile_facts *facts,
    struct tpmiot_buf *out, struct tpmiot_err *err)
{
	const struct {
		const char *name, *value;
	} texts[] = {
		{ "device_id", facts->device_id },
		{ "serial_number", facts->serial_number },
		{ "model", facts->model },
		{ "group", facts->group },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strlen(texts[i].name) != len || memcmp(texts[i].name, name, len) != 0)
			continue;
		if (texts[i].value[0] == '\0')
			return tpmiot_err_set(err, TPMIOT_E_POLICY,
			    "the profile needs the device's %s, which this CA does not know; put "
			    "it "
			    "into the allow-list (tpmiot-ca allow add, allow import)",
			    texts[i].name);
		tpmiot_buf_put_str(out, texts[i].value);
		return TPMIOT_OK;
	}
	if (len == 2 && memcmp(name, "ek", 2) == 0)
		tpmiot_hex_encode(facts->ek_spki, CA_SHA256_LEN, out);
	else if (len == 9 && memcmp(name, "ek_base64", 9) == 0)
		tpmiot_b64_encode(facts->ek_spki, CA_SHA256_LEN, out);
	else if (len == 4 && memcmp(name, "uuid", 4) == 0)
		put_uuid(facts, out);
	else
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "%%{%.*s}: there are device_id, serial_number, model, group, ek, ek_base64, "
		    "uuid",
		    (int)len, name);
	return TPMIOT_OK;
}

/* Appends the template with its variables filled in. */
static enum tpmiot_rc
expand(const char *template, const struct ca_profile_facts *facts, struct tpmiot_buf *out,
    struct tpmiot_err *err)
{
	const char *open, *close;
	enum tpmiot_rc rc;

	while ((open = strstr(template, "%{")) != NULL && (close = strchr(open, '}')) != NULL) {
		tpmiot_buf_put(out, template, (size_t)(open - template));
		rc = put_variable(open + 2, (size_t)(close - open) - 2, facts, out, err);
		if (rc != TPMIOT_OK)
			return rc;
		template = close + 1;
	}
	tpmiot_buf_put_str(out, template);
	return tpmiot_buf_cstr(out) != NULL ? tpmiot_buf_done(out, err) : tpmiot_err_memory(err);
}

static enum tpmiot_rc
add_rdn(X509_NAME *name, char *word, const struct ca_profile_facts *facts, struct tpmiot_err *err)
{
	struct tpmiot_buf value = TPMIOT_BUF_INIT;
	char *eq = strchr(word, '=');
	enum tpmiot_rc rc;

	if (eq == NULL)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "subject: \"%s\" is not TYPE=VALUE, as CN=%%{device_id}", word);
	*eq = '\0';
	rc = expand(eq + 1, facts, &value, err);
	if (rc == TPMIOT_OK && X509_NAME_add_entry_by_txt(name, word, MBSTRING_UTF8, value.data,
	                           (int)value.len, -1, 0) != 1) {
		(void)tpmiot_err_crypto(
		    err, "subject: %s cannot be \"%.100s\"", word, (char *)value.data);
		if (err != NULL)
			err->rc = TPMIOT_E_POLICY;
		rc = TPMIOT_E_POLICY;
	}
	tpmiot_buf_free(&value);
	return rc;
}

enum tpmiot_rc
ca_profile_subject(const struct ca_profile *profile, const struct ca_profile_facts *facts,
    X509_NAME **out, struct tpmiot_err *err)
{
	const char *rest = profile->subject;
	X509_NAME *name = X509_NAME_new();
	enum tpmiot_rc rc = name != NULL ? TPMIOT_OK : tpmiot_err_memory(err);
	char word[CA_WORD_MAX];

	while (rc == TPMIOT_OK && ca_word_next(&rest, word))
		rc = add_rdn(name, word, facts, err);
	if (rc == TPMIOT_OK) {
		*out = name;
		name = NULL;
	}
	X509_NAME_free(name);
	return rc;
}

/* TCG EK and AK profiles: directoryName with manufacturer, model and version. */
static enum tpmiot_rc
add_tpm(GENERAL_NAMES **san, const struct tpmiot_ekcert_info *tpm, struct tpmiot_err *err)
{
	const struct {
		const char *oid, *value;
	} parts[] = {
		{ "2.23.133.2.1", tpm->manufacturer },
		{ "2.23.133.2.2", tpm->model },
		{ "2.23.133.2.3", tpm->version },
	};
	X509_NAME *name = X509_NAME_new();
	enum tpmiot_rc rc = name != NULL ? TPMIOT_OK : tpmiot_err_memory(err);

	for (size_t i = 0; i < 3 && rc == TPMIOT_OK; i++) {
		if (parts[i].value[0] == '\0')
			rc = tpmiot_err_set(err, TPMIOT_E_POLICY,
			    "the profile needs manufacturer, model and version of the TPM, which "
			    "its EK "
			    "certificate does not say");
		else if (X509_NAME_add_entry_by_txt(name, parts[i].oid, MBSTRING_UTF8,
		             (const unsigned char *)parts[i].value, -1, -1, 0) != 1)
			rc = tpmiot_err_crypto(err, "the TPM's name");
	}
	if (rc == TPMIOT_OK)
		rc = ca_x509_san_add_name(san, name, err);
	X509_NAME_free(name);
	return rc;
}

static enum tpmiot_rc
add_san(GENERAL_NAMES **san, const char *word, const struct ca_profile_facts *facts,
    struct tpmiot_err *err)
{
	static const struct {
		const char *prefix;
		enum ca_san_kind kind;
	} kinds[] = { { "DNS:", CA_SAN_DNS }, { "IP:", CA_SAN_IP }, { "URI:", CA_SAN_URI } };
	struct tpmiot_buf value = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	if (strcmp(word, "TPM") == 0)
		return add_tpm(san, facts->tpm, err);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const size_t len = strlen(kinds[i].prefix);

		if (strncmp(word, kinds[i].prefix, len) != 0)
			continue;
		rc = expand(word + len, facts, &value, err);
		if (rc == TPMIOT_OK)
			rc = ca_x509_san_add(san, kinds[i].kind, tpmiot_buf_cstr(&value), err);
		tpmiot_buf_free(&value);
		return rc;
	}
	return tpmiot_err_set(err, TPMIOT_E_FORMAT,
	    "san: \"%s\" is none of DNS:NAME, IP:ADDRESS, URI:URI and TPM", word);
}

enum tpmiot_rc
ca_profile_san(const struct ca_profile *profile, const struct ca_profile_facts *facts,
    GENERAL_NAMES **out, struct tpmiot_err *err)
{
	const char *rest = profile->san;
	GENERAL_NAMES *san = NULL;
	enum tpmiot_rc rc = TPMIOT_OK;
	char word[CA_WORD_MAX];

	while (rc == TPMIOT_OK && ca_word_next(&rest, word))
		rc = add_san(&san, word, facts, err);
	if (rc == TPMIOT_OK)
		*out = san;
	else
		GENERAL_NAMES_free(san);
	return rc;
}

/* ---- What an operator wrote ------------------------------------------------------------- */

static enum tpmiot_rc
check_usage(int nid, const char *value, struct tpmiot_err *err)
{
	X509_EXTENSION *ext;

	if (value[0] == '\0')
		return TPMIOT_OK;
	ext = X509V3_EXT_nconf_nid(NULL, NULL, nid, value);
	if (ext == NULL)
		return tpmiot_err_crypto(err, "\"%s\" is no %s", value, OBJ_nid2ln(nid));
	X509_EXTENSION_free(ext);
	return TPMIOT_OK;
}

/* Each word is a kind that there is; "ak" stands alone. */
static enum tpmiot_rc
check_keys(const struct ca_profile *profile, struct tpmiot_err *err)
{
	static const char *const kinds[] = { "any", "ec-p256", "ec-p384", "ec-p521", "rsa-2048",
		"rsa-3072", "rsa-4096" };
	const char *rest = profile->keys;
	char word[CA_WORD_MAX];
	size_t words = 0, known = 0;

	if (ca_profile_is_ak(profile))
		return TPMIOT_OK;
	for (; ca_word_next(&rest, word); words++)
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
			known += strcmp(word, kinds[i]) == 0;
	return words > 0 && known == words
	           ? TPMIOT_OK
	           : tpmiot_err_set(err, TPMIOT_E_FORMAT,
	                 "keys = %s: any, or of ec-p256, ec-p384, ec-p521, rsa-2048, rsa-3072, "
	                 "rsa-4096; or ak alone",
	                 profile->keys);
}

enum tpmiot_rc
ca_profile_check(const struct ca_profile *profile, struct tpmiot_err *err)
{
	static const uint8_t ek[CA_SHA256_LEN] = { 0 };
	static const struct tpmiot_ekcert_info tpm = { "id:1", "1", "id:1" };
	const struct ca_profile_facts facts = { "x", "x", "x", "x", ek, &tpm };
	X509_NAME *subject = NULL;
	GENERAL_NAMES *san = NULL;
	enum tpmiot_rc rc;

	if ((rc = check_keys(profile, err)) == TPMIOT_OK &&
	    (rc = ca_profile_subject(profile, &facts, &subject, err)) == TPMIOT_OK &&
	    (rc = ca_profile_san(profile, &facts, &san, err)) == TPMIOT_OK &&
	    (rc = check_usage(NID_key_usage, profile->key_usage, err)) == TPMIOT_OK &&
	    (rc = check_usage(NID_ext_key_usage, profile->ext_key_usage, err)) == TPMIOT_OK &&
	    profile->key_usage[0] == '\0')
		rc = tpmiot_err_set(err, TPMIOT_E_FORMAT, "key_usage: something has to be allowed");
	if (rc == TPMIOT_OK && X509_NAME_entry_count(subject) == 0 && san == NULL)
		rc = tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "neither subject nor san names the device");
	X509_NAME_free(subject);
	GENERAL_NAMES_free(san);
	if (rc != TPMIOT_OK && rc != TPMIOT_E_MEMORY)
		err->rc = rc = TPMIOT_E_FORMAT;
	return rc;
}
