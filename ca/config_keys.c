/* SPDX-License-Identifier: Apache-2.0 */
#include "config_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#define MINUTE ((int64_t)60)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static const char *const enrolments[] = { "listed", "token", "open", NULL };
static const char *const log_levels[] = { "error", "warning", "info", "debug", NULL };

#define AT(field) offsetof(struct ca_config, field)

const struct ca_key ca_keys[] = {
	{ "listen", CA_KEY_STRING, AT(listen), "0.0.0.0:8443",
	    "Address and port of the HTTPS server; [::]:8443 for IPv6. Port 0: any free one." },
	{ "enrolment", CA_KEY_CHOICE, AT(enrolment), "listed",
	    "Who may enrol:\n"
	    "  listed  devices whose EK is on the allow-list (tpmiot-ca allow add)\n"
	    "  token   these, and devices with an EK certificate that chains to a trusted root\n"
	    "          (tpmiot-ca trust add) and a join token (tpmiot-ca join add)\n"
	    "  open    every device with an EK certificate that chains to a trusted root",
	    .choices = enrolments },
	{ "validity", CA_KEY_DURATION, AT(validity), "365d",
	    "How long a device's certificate is valid (m, h, d, y).", MINUTE, 100 * 365 * DAY },
	{ "crl_lifetime", CA_KEY_DURATION, AT(crl_lifetime), "7d",
	    "How long a certificate revocation list is good for; a new one is made after half of\n"
	    "that, and whenever a certificate was revoked.", 10 * MINUTE, 365 * DAY },
	{ "crl_url", CA_KEY_STRING, AT(crl_url), "",
	    "Where that list can be fetched (http://...), as certificates are to say. The server\n"
	    "has it at /v1/crl." },
	{ "session_lifetime", CA_KEY_DURATION, AT(session_lifetime), "5m",
	    "Time that a device has between the first and the second step.", 10, HOUR },
	{ "clock_skew", CA_KEY_DURATION, AT(clock_skew), "2m",
	    "By how much clocks may differ: certificates begin that much earlier, and spent\n"
	    "sessions are remembered that much longer.", 0, DAY },
	{ "seal_key_lifetime", CA_KEY_DURATION, AT(seal_key_lifetime), "1d",
	    "How long sessions are sealed with the same key.", HOUR, 365 * DAY },
	{ "rate_limit", CA_KEY_LIMIT, AT(rate_limit), "60",
	    "Enrolments that one address may begin in a minute, or off.", 1, 1000000 },
	{ "max_body", CA_KEY_NUMBER, AT(max_body), "65536",
	    "Largest request body in bytes.", 4096, 1048576 },
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
	    "The CA's certificate (PEM). If it is not a root, what leads to one may follow in it." },
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
};
const size_t ca_keys_n = sizeof(ca_keys) / sizeof(ca_keys[0]);

const struct ca_key *ca_key_find(const char *name, size_t len)
{
	for (size_t i = 0; i < ca_keys_n; i++) {
		if (strlen(ca_keys[i].name) == len && memcmp(ca_keys[i].name, name, len) == 0)
			return &ca_keys[i];
	}
	return NULL;
}

enum tpmiot_rc ca_key_unknown(const char *name, size_t len, struct tpmiot_err *err)
{
	struct tpmiot_buf list = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	for (size_t i = 0; i < ca_keys_n; i++)
		tpmiot_buf_printf(&list, "%s%s", i > 0 ? ", " : "", ca_keys[i].name);
	rc = tpmiot_buf_done(&list, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "unknown configuration key \"%.*s\"; there are: %s", (int)(len < 64 ? len : 64),
		    name, tpmiot_buf_cstr(&list));
	tpmiot_buf_free(&list);
	return rc;
}

/* Digits only: no sign, no space. */
static bool parse_number(const char *str, const char **end, int64_t *out)
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

enum tpmiot_rc ca_duration_parse(const char *str, int64_t *seconds, struct tpmiot_err *err)
{
	static const char units[] = "smhdy";
	static const int64_t factors[] = { 1, MINUTE, HOUR, DAY, 365 * DAY };
	const char *end, *unit = units;
	int64_t value;

	if (!parse_number(str, &end, &value))
		goto bad;
	if (end[0] != '\0' && ((unit = strchr(units, end[0])) == NULL || end[1] != '\0'))
		goto bad;
	if (__builtin_mul_overflow(value, factors[unit - units], &value))
		goto bad;
	*seconds = value;
	return TPMIOT_OK;
bad:
	return tpmiot_err_set(err, TPMIOT_E_FORMAT,
	    "\"%s\" is no duration; write for example 90, 15m, 12h, 30d or 2y", str);
}

static enum tpmiot_rc set_number(const struct ca_key *key, const char *value, int64_t *out,
    struct tpmiot_err *err)
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

static enum tpmiot_rc set_choice(const struct ca_key *key, const char *value, unsigned *out,
    struct tpmiot_err *err)
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

enum tpmiot_rc ca_key_set(const struct ca_key *key, const char *value, struct ca_config *config,
    struct tpmiot_err *err)
{
	char *field = (char *)config + key->offset;
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
