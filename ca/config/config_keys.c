/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/config/config_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#define MINUTE ((int64_t)60)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static const char *const enrolments[] = { "listed", "token", "open", NULL };
static const char *const no_yes[] = { "no", "yes", NULL };
static const char *const reprovisions[] = { "keep", "move", NULL };
static const char *const log_levels[] = { "error", "warning", "info", "debug", NULL };
static const char *const crl_missing[] = { "refuse", "accept", NULL };
static const char *const log_formats[] = { "text", "json", NULL };

#define AT(field) offsetof(struct ca_config, field)

static const struct ca_key config_keys[] = {
	{ "listen", CA_KEY_STRING, AT(listen), "0.0.0.0:8443",
	    "Address and port of the HTTPS server; [::]:8443 for IPv6. Port 0: any free one." },
	{ "metrics_listen", CA_KEY_STRING, AT(metrics_listen), "",
	    "Address and port where monitoring gets /metrics (Prometheus) and /health, without "
	    "TLS,\n"
	    "as 127.0.0.1:9464; for trusted peers only." },
	{ "enrolment", CA_KEY_CHOICE, AT(enrolment), "listed",
	    "Who may enrol:\n"
	    "  listed  devices whose EK is on the allow-list (tpmiot-ca allow add)\n"
	    "  token   these, and devices with an EK certificate that chains to a trusted root\n"
	    "          (tpmiot-ca trust add) and a join token (tpmiot-ca join add)\n"
	    "  open    every device with an EK certificate that chains to a trusted root",
	    .choices = enrolments },
	{ "validity", CA_KEY_DURATION, AT(validity), "365d",
	    "How long a device's certificate is valid (m, h, d, y).", MINUTE, 100 * 365 * DAY },
	{ "profiles", CA_KEY_STRING, AT(profiles), "client",
	    "What certificates are for, comma-separated: the first, unless a device asks for\n"
	    "another one of these (client, server, ak, idevid, ocf-manufacturer, ocf-identity, or\n"
	    "a [profile NAME] below)." },
	{ "accept_ids", CA_KEY_CHOICE, AT(accept_ids), "no",
	    "Whether a device may choose its id, where neither allow-list nor token names one:\n"
	    "no or yes.",
	    .choices = no_yes },
	{ "tpms", CA_KEY_STRING, AT(tpms), "",
	    "Which TPMs, by what their EK certificates say: patterns MANUFACTURER/MODEL/VERSION,\n"
	    "comma-separated, as id:53544D20/*/*." },
	{ "pcrs", CA_KEY_STRING, AT(pcrs), "",
	    "PCRs that a device has to quote, as sha256:0,1,7 or sha256:0,7+sha384:4." },
	{ "pcr_policies", CA_KEY_STRING, AT(pcr_policies), "",
	    "What their values have to be: names of policies (tpmiot-ca pcr allow), "
	    "comma-separated,\n"
	    "of which one has to allow them. None: they are recorded, whatever they are." },
	{ "bare_keys", CA_KEY_CHOICE, AT(bare_keys), "no",
	    "Whether keys count that the operator registers as they are (tpmiot-ca device add),\n"
	    "for which no TPM was proved: no or yes. Tokens and messages are verified with them;\n"
	    "certificates they never get.",
	    .choices = no_yes },
	{ "ek_lenient_der", CA_KEY_CHOICE, AT(ek_lenient_der), "no",
	    "Whether EK certificates count whose encoding is not strict DER, as that of some of\n"
	    "Nuvoton's: no or yes.",
	    .choices = no_yes },
	{ "hook", CA_KEY_STRING, AT(hook), "",
	    "Program that is asked before a certificate is issued (JSON in and out; see\n"
	    "tpmiot-ca(1)), as /etc/tpmiot/hook. Without a valid answer none is issued." },
	{ "hook_timeout", CA_KEY_DURATION, AT(hook_timeout), "5",
	    "Time that it has. Less than request_timeout.", 1, HOUR },
	{ "ek_crls", CA_KEY_STRING, AT(ek_crls), "",
	    "Directory with revocation lists of TPM makers (PEM or DER), read at start and "
	    "reload." },
	{ "ek_crl_missing", CA_KEY_CHOICE, AT(ek_crl_missing), "refuse",
	    "An EK certificate of whose issuers one has no list in force there: refuse or accept.",
	    .choices = crl_missing },
	{ "dps_scope", CA_KEY_STRING, AT(dps_scope), "",
	    "Id scope of devices that register as with Azure's Device Provisioning Service:\n"
	    "letters and digits. Nothing: such registrations are not served." },
	{ "hubs", CA_KEY_STRING, AT(hubs), "",
	    "Hubs that they are assigned to, comma-separated: HOST, or HOST=WEIGHT for so many\n"
	    "times as many devices." },
	{ "reprovision", CA_KEY_CHOICE, AT(reprovision), "keep",
	    "What becomes of a device that registers again: keep, it stays at its hub as long\n"
	    "as that is one of hubs; or move, it is assigned anew.",
	    .choices = reprovisions },
	{ "crl_lifetime", CA_KEY_DURATION, AT(crl_lifetime), "7d",
	    "How long a certificate revocation list is good for; a new one is made after half of\n"
	    "that, and whenever a certificate was revoked.",
	    10 * MINUTE, 365 * DAY },
	{ "crl_url", CA_KEY_STRING, AT(crl_url), "",
	    "Where that list can be fetched (http://...), as certificates are to say. The server\n"
	    "has it at /v1/crl." },
	{ "session_lifetime", CA_KEY_DURATION, AT(session_lifetime), "5m",
	    "Time that a device has between the first and the second step.", 10, HOUR },
	{ "clock_skew", CA_KEY_DURATION, AT(clock_skew), "2m",
	    "By how much clocks may differ: certificates begin that much earlier.", 0, DAY },
	{ "seal_key_lifetime", CA_KEY_DURATION, AT(seal_key_lifetime), "1d",
	    "How long sessions are sealed with the same key. Those that were spent are\n"
	    "remembered until it is gone, up to twice as long.",
	    HOUR, 365 * DAY },
	{ "rate_limit", CA_KEY_LIMIT, AT(rate_limit), "60",
	    "Enrolments that one address may begin in a minute, as many second steps, and as\n"
	    "many downloads of revocation lists; or off.",
	    1, 1000000 },
	{ "issue_limit", CA_KEY_LIMIT, AT(issue_limit), "1000",
	    "Certificates that one device (one EK) gets in a day, and its registrations, or off.",
	    1, 1000000 },
	{ "max_body", CA_KEY_NUMBER, AT(max_body), "65536", "Largest request body in bytes.", 4096,
	    1048576 },
	{ "max_connections", CA_KEY_NUMBER, AT(max_connections), "1024",
	    "Connections that are open at the same time.", 1, 65535 },
	{ "request_timeout", CA_KEY_DURATION, AT(request_timeout), "20",
	    "Time that a client may take for one request.", 1, HOUR },
	{ "ca_key", CA_KEY_STRING, AT(ca_key), "ca.key",
	    "The CA's private key: a file, or a URI that an OpenSSL provider knows\n"
	    "(tpmiot:NAME, pkcs11:...). Relative file names are relative to this directory." },
	{ "ca_key_passphrase_file", CA_KEY_STRING, AT(ca_key_passphrase_file), "",
	    "File whose first line is the passphrase of ca_key." },
	{ "ca_cert", CA_KEY_STRING, AT(ca_cert), "ca.crt",
	    "The CA's certificate (PEM). If it is not a root, what leads to one may follow in "
	    "it." },
	{ "chain", CA_KEY_STRING, AT(chain), "",
	    "Or that stands in a file of its own: intermediates, and the root that devices get." },
	{ "tls_key", CA_KEY_STRING, AT(tls_key), "tls.key",
	    "The server's private key: as ca_key." },
	{ "tls_key_passphrase_file", CA_KEY_STRING, AT(tls_key_passphrase_file), "",
	    "File whose first line is the passphrase of tls_key." },
	{ "tls_cert", CA_KEY_STRING, AT(tls_cert), "tls.crt",
	    "The server's certificate and its intermediates (PEM)." },
	{ "providers", CA_KEY_STRING, AT(providers), "",
	    "OpenSSL providers to load for these keys, comma-separated: tpmiot, pkcs11." },
	{ "log_level", CA_KEY_CHOICE, AT(log_level), "info",
	    "What goes to standard error: error, warning, info or debug.", .choices = log_levels },
	{ "log_format", CA_KEY_CHOICE, AT(log_format), "text",
	    "How: text, or json, one object a line.", .choices = log_formats },
};
#undef AT

/* A group's fallbacks are those of no group: ca_config_sections() copies them. */
#define AT(field) offsetof(struct ca_group, field)

static const struct ca_key group_keys[] = {
	{ "enrolment", CA_KEY_CHOICE, AT(enrolment), NULL, "", .choices = enrolments },
	{ "profiles", CA_KEY_STRING, AT(profiles), NULL, "" },
	{ "accept_ids", CA_KEY_CHOICE, AT(accept_ids), NULL, "", .choices = no_yes },
	{ "tpms", CA_KEY_STRING, AT(tpms), NULL, "" },
	{ "pcrs", CA_KEY_STRING, AT(pcrs), NULL, "" },
	{ "pcr_policies", CA_KEY_STRING, AT(pcr_policies), NULL, "" },
	{ "hubs", CA_KEY_STRING, AT(hubs), NULL, "" },
	{ "reprovision", CA_KEY_CHOICE, AT(reprovision), NULL, "", .choices = reprovisions },
};

#undef AT
#define AT(field) offsetof(struct ca_profile, field)

static const struct ca_key profile_keys[] = {
	{ "subject", CA_KEY_STRING, AT(subject), "CN=%{device_id}", "" },
	{ "san", CA_KEY_STRING, AT(san), "URI:urn:tpmiot:device:%{device_id}", "" },
	{ "key_usage", CA_KEY_STRING, AT(key_usage), "digitalSignature", "" },
	{ "ext_key_usage", CA_KEY_STRING, AT(ext_key_usage), "clientAuth", "" },
	{ "keys", CA_KEY_STRING, AT(keys), "any", "" },
	{ "validity", CA_KEY_DURATION, AT(validity), "0", "", 0, 100 * 365 * DAY },
};

#define KEYS(array)                                                                                \
	{                                                                                          \
		array, sizeof(array) / sizeof((array)[0])                                          \
	}

const struct ca_keys ca_keys = KEYS(config_keys);
const struct ca_keys ca_group_keys = KEYS(group_keys);
const struct ca_keys ca_profile_keys = KEYS(profile_keys);

static const struct ca_key *
find(const struct ca_keys *keys, const char *name, size_t len)
{
	for (size_t i = 0; i < keys->n; i++) {
		const struct ca_key *key = &keys->keys[i];

		if (strlen(key->name) == len && memcmp(key->name, name, len) == 0)
			return key;
	}
	return NULL;
}

static enum tpmiot_rc
unknown(const struct ca_keys *keys, const char *name, size_t len, struct tpmiot_err *err)
{
	struct tpmiot_buf list = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	for (size_t i = 0; i < keys->n; i++)
		tpmiot_buf_printf(&list, "%s%s", i > 0 ? ", " : "", keys->keys[i].name);
	rc = tpmiot_buf_done(&list, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "unknown configuration key \"%.*s\"; there are: %s", (int)(len < 64 ? len : 64),
		    name, tpmiot_buf_cstr(&list));
	tpmiot_buf_free(&list);
	return rc;
}

/* Digits only: no sign, no space. */
static bool
parse_number(const char *str, const char **end, int64_t *out)
{
	char *stop;
	long long value;

	if (str[0] < '0' || str[0] > '9')
		return false;
	errno = 0;
	value = strtoll(str, &stop, 10);
	if (errno != 0)
		return false;
	*end = stop;
	*out = value;
	return true;
}

/* A time of today and this, or less, can be added without overflow, and it is past any certificate.
 */
#define LONGEST (10000 * 365 * DAY)

enum tpmiot_rc
ca_duration_parse(const char *str, int64_t *seconds, struct tpmiot_err *err)
{
	static const char units[] = "smhdy";
	static const int64_t factors[] = { 1, MINUTE, HOUR, DAY, 365 * DAY };
	const char *end, *unit = units;
	int64_t value;

	if (!parse_number(str, &end, &value))
		goto bad;
	if (end[0] != '\0' && ((unit = strchr(units, end[0])) == NULL || end[1] != '\0'))
		goto bad;
	if (value > LONGEST / factors[unit - units])
		goto bad;
	value *= factors[unit - units];
	*seconds = value;
	return TPMIOT_OK;
bad:
	return tpmiot_err_set(err, TPMIOT_E_FORMAT,
	    "\"%s\" is no duration; write for example 90, 15m, 12h, 30d or 2y", str);
}

static enum tpmiot_rc
set_number(const struct ca_key *key, const char *value, int64_t *out, struct tpmiot_err *err)
{
	const char *end = "";
	int64_t number = 0;

	if (key->type == CA_KEY_LIMIT && strcmp(value, "off") == 0) {
		*out = 0;
		return TPMIOT_OK;
	}
	if (key->type == CA_KEY_DURATION) {
		if (ca_duration_parse(value, &number, err) != TPMIOT_OK)
			return tpmiot_err_prefix(err, "%s", key->name);
	} else if (!parse_number(value, &end, &number) || end[0] != '\0') {
		return tpmiot_err_set(err, TPMIOT_E_FORMAT, "%s: \"%s\" is not a number%s",
		    key->name, value, key->type == CA_KEY_LIMIT ? " nor off" : "");
	}
	if (number < key->min || number > key->max)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT, "%s: %s is outside %lld to %lld%s",
		    key->name, value, (long long)key->min, (long long)key->max,
		    key->type == CA_KEY_DURATION ? " seconds" : "");
	*out = number;
	return TPMIOT_OK;
}

static enum tpmiot_rc
set_choice(const struct ca_key *key, const char *value, unsigned *out, struct tpmiot_err *err)
{
	struct tpmiot_buf list = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	for (unsigned i = 0; key->choices[i] != NULL; i++) {
		if (strcmp(key->choices[i], value) == 0) {
			*out = i;
			return TPMIOT_OK;
		}
	}
	for (size_t i = 0; key->choices[i] != NULL; i++)
		tpmiot_buf_printf(&list, "%s%s", i > 0 ? ", " : "", key->choices[i]);
	rc = tpmiot_buf_done(&list, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_err_set(err, TPMIOT_E_FORMAT, "%s: \"%s\" is none of: %s", key->name,
		    value, tpmiot_buf_cstr(&list));
	tpmiot_buf_free(&list);
	return rc;
}

static enum tpmiot_rc
set(const struct ca_key *key, const char *value, void *record, struct tpmiot_err *err)
{
	char *field = (char *)record + key->offset;
	enum tpmiot_rc rc;
	unsigned choice = 0;
	int64_t number = 0;
	char *copy;

	switch (key->type) {
	case CA_KEY_CHOICE:
		rc = set_choice(key, value, &choice, err);
		if (rc == TPMIOT_OK)
			memcpy(field, &choice, sizeof(choice));
		return rc;
	case CA_KEY_STRING:
		copy = OPENSSL_strdup(value);
		if (copy == NULL)
			return tpmiot_err_memory(err);
		OPENSSL_free(*(char **)(void *)field);
		memcpy(field, &copy, sizeof(copy));
		return TPMIOT_OK;
	default:
		rc = set_number(key, value, &number, err);
		if (rc == TPMIOT_OK)
			memcpy(field, &number, sizeof(number));
		return rc;
	}
}

enum tpmiot_rc
ca_keys_set(const struct ca_keys *keys, const char *name, size_t len, const char *value,
    void *record, struct tpmiot_err *err)
{
	const struct ca_key *key = find(keys, name, len);

	return key != NULL ? set(key, value, record, err) : unknown(keys, name, len, err);
}

enum tpmiot_rc
ca_keys_default(const struct ca_keys *keys, void *record, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = TPMIOT_OK;

	for (size_t i = 0; i < keys->n && rc == TPMIOT_OK; i++)
		rc = set(&keys->keys[i], keys->keys[i].fallback, record, err);
	return rc;
}

void
ca_keys_free(const struct ca_keys *keys, void *record)
{
	for (size_t i = 0; i < keys->n; i++) {
		if (keys->keys[i].type == CA_KEY_STRING) {
			char **field = (char **)(void *)((char *)record + keys->keys[i].offset);

			OPENSSL_free(*field);
			*field = NULL;
		}
	}
}
