/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CA's configuration: DIR/tpmiot-ca.conf in OpenSSL's NCONF syntax. One
 * table in config_keys.c holds every key with its type, default and meaning; it
 * reads the file, checks --set, and writes the commented file that `init` makes.
 *
 * (Not to be confused with Autoconf's header, which is <config.h>.)
 */
#ifndef CA_CONFIG_H
#define CA_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include <tpmiot/buf.h>

#define CA_CONFIG_FILE "tpmiot-ca.conf"
#define CA_STORE_FILE "store.db"

enum ca_enrolment {
	CA_ENROLMENT_LISTED, /* the EK is on the allow-list */
	CA_ENROLMENT_TOKEN,  /* or: its certificate is trusted and it brings a join token */
	CA_ENROLMENT_OPEN    /* or: its certificate is trusted */
};

enum ca_choice { CA_NO, CA_YES };

enum ca_crl_missing { CA_CRL_MISSING_REFUSE, CA_CRL_MISSING_ACCEPT };

enum ca_reprovision {
	CA_REPROVISION_KEEP, /* a device that registers again stays at its hub */
	CA_REPROVISION_MOVE  /* it is assigned anew */
};

enum ca_log_format { CA_LOG_TEXT, CA_LOG_JSON };

enum ca_log_level { CA_LOG_ERROR, CA_LOG_WARNING, CA_LOG_INFO, CA_LOG_DEBUG };

/* A [group NAME] of devices. What it does not say is as for devices of no group. */
struct ca_group {
	char *name; /* "": of no group */
	enum ca_enrolment enrolment;
	char *profiles; /* names, comma-separated: the first unless the device asks for another */
	enum ca_choice accept_ids; /* devices may choose their id */
	char *tpms; /* patterns MANUFACTURER/MODEL/VERSION, comma-separated; "": any */
	char *pcrs; /* what is to be quoted, as tpmiot/pcrset.h has selections; "": nothing */
	char
	    *pcr_policies; /* names, comma-separated: one has to allow the values; "": any values */
	char *hubs;        /* "HOST=WEIGHT, HOST …": where its devices are assigned */
	enum ca_reprovision reprovision;
};

/* A [profile NAME]: what a certificate says. The templates are described in profile.h. */
struct ca_profile {
	char *name;
	char *subject;
	char *san;
	char *key_usage;
	char *ext_key_usage;
	char *keys;       /* kinds of keys, comma-separated, or "any", or "ak": the AK itself */
	int64_t validity; /* seconds; 0: the configuration's */
};

/* Strings are owned and never NULL; "" where nothing was said. */
struct ca_config {
	char *dir; /* absolute; what relative file names are relative to */

	char *listen;         /* "ADDR:PORT", "[ADDR]:PORT" */
	char *metrics_listen; /* the same, of the plain server for monitoring; "": none */
	enum ca_enrolment enrolment;
	char *profiles; /* this and the next six are as in struct ca_group, for devices of no group
	                 */
	enum ca_choice accept_ids;
	char *tpms;
	char *pcrs;
	char *pcr_policies;
	char *hubs;
	enum ca_reprovision reprovision;
	char *dps_scope;               /* id scope of the registrations that are served; "": none */
	enum ca_choice bare_keys;      /* keys that are registered as they are count */
	enum ca_choice ek_lenient_der; /* EK certificates that are not strict DER count */
	int64_t issue_limit;           /* certificates a day for one device; 0: off */
	int64_t rate_limit;            /* first steps a minute for one peer address; 0: off */
	int64_t max_body;              /* bytes of a request's body */
	int64_t max_connections;
	int64_t request_timeout;   /* seconds a client may take for one request */
	int64_t session_lifetime;  /* seconds between first and second step */
	int64_t clock_skew;        /* seconds by which instances' and devices' clocks may differ */
	int64_t seal_key_lifetime; /* seconds until a new session sealing key is made */
	int64_t validity;          /* seconds a device certificate is valid */
	char *hook;           /* program that is asked before a certificate is issued; "": none */
	int64_t hook_timeout; /* seconds */
	char *ek_crls;        /* directory of TPM makers' revocation lists; "": none */
	enum ca_crl_missing ek_crl_missing;
	int64_t crl_lifetime; /* seconds from a CRL's thisUpdate to its nextUpdate */
	char *crl_url;        /* for certificates' crlDistributionPoints; "": none */
	char *ca_key;         /* key URIs: give them to ca_key_load() */
	char *ca_key_passphrase_file;
	char *ca_cert; /* file, PEM: the CA's certificate, what leads to its root may follow */
	char *chain;   /* file, PEM: more of that; "": none */
	char *tls_key;
	char *tls_key_passphrase_file;
	char *tls_cert;  /* file, PEM: the server's certificate and intermediates */
	char *providers; /* OpenSSL providers to load, comma-separated */
	enum ca_log_level log_level;
	enum ca_log_format log_format;

	struct ca_group *groups; /* the sections */
	size_t groups_n;
	struct ca_profile *profile_sections;
	size_t profile_sections_n;
};

/*
 * Reads DIR/tpmiot-ca.conf. sets: n strings KEY=VALUE from --set, which go before
 * the file. TPMIOT_E_NOT_FOUND: no file (not initialised). TPMIOT_E_PERM: others may write to it
 * or to DIR.
 * TPMIOT_E_FORMAT: unknown key (the text lists the known ones), bad value; the same in
 * sets is TPMIOT_E_USAGE. err is needed.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_config_load(const char *dir, const char *const *sets,
    size_t sets_n, struct ca_config *out, struct tpmiot_err *err);

/* The defaults and `sets` alone, as `init` needs them. */
TPMIOT_MUST_USE enum tpmiot_rc ca_config_defaults(const char *dir, const char *const *sets,
    size_t sets_n, struct ca_config *out, struct tpmiot_err *err);

/* Appends a configuration file: every key with its meaning and default; those in `sets` are set. */
TPMIOT_MUST_USE enum tpmiot_rc ca_config_write(
    const char *const *sets, size_t sets_n, struct tpmiot_buf *out, struct tpmiot_err *err);

void ca_config_free(struct ca_config *config);

/* A group by its name, "" included, all borrowed. False: there is none. */
bool ca_config_group(const struct ca_config *config, const char *name, struct ca_group *out);

/*
 * A file name or key URI as meant: relative names are put behind dir. What has a
 * scheme ("tpmiot:device", "pkcs11:…", "file:/…") stays. Appends, NUL-terminated by
 * tpmiot_buf_cstr().
 */
void ca_config_path(const char *dir, const char *value, struct tpmiot_buf *out);

/* "90", "15m", "12h", "30d", "2y" (years of 365 days) in seconds; 10,000 years at most. */
TPMIOT_MUST_USE enum tpmiot_rc ca_duration_parse(
    const char *str, int64_t *seconds, struct tpmiot_err *err);

#endif
